//! `doctor` on a real Prosody, 0.12 and 13, with everything well and with one thing after the other broken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "not the program"
)]

#[allow(dead_code, reason = "shared with the tests of meetings")]
#[path = "../meetings/autostart.rs"]
mod autostart;
mod broken;
mod examination;
mod machine;
mod record;
mod rights;
mod running;

use testkit::{Person, Version, Watch, World, WorldOptions};

/// What the running service is started with.
fn footprint() -> &'static str {
    "discreet"
}

/// As the README says to set it up, with Jicofo's REST.
async fn world(version: Version, change: impl FnOnce(&mut WorldOptions)) -> testkit::Result<World> {
    let mut options = WorldOptions { rest: true, ..WorldOptions::default() };
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    change(&mut options);
    World::start(version, options).await
}

/// Somebody in a room was never told anything of us.
fn never_seen_by(person: &Person) -> testkit::Result {
    Watch::new(person.occupancy(), testkit::config::COMPONENT, "autostart").never()
}

/// How often somebody in a room has seen us there.
fn visits(person: &Person) -> usize {
    Watch::new(person.occupancy(), testkit::config::COMPONENT, "autostart").visits().len()
}

/// How many links of components Prosody has accepted so far.
fn links(world: &World) -> usize {
    world.prosody.count_log(&["component successfully authenticated"])
}
