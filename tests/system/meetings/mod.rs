//! Whole meetings on a real Prosody, 0.12 and 13: the program as a process, Jicofo and Jibri as honest models.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "not the program"
)]

mod accidents;
mod alerts;
mod api;
mod at_once;
mod autostart;
mod basics;
mod companion;
mod discovery;
mod discreet;
mod doctor;
mod fleet;
mod flood;
mod gates;
mod history;
mod manual;
mod names;
mod nonsense;
mod people;
mod processes;
mod receiver;
mod recorders;
mod recordings;
mod reload;
mod rooms;
mod small_disk;
mod standby;
mod stops;
mod stories;
mod surface;
mod visits;
mod which_meeting;

use std::time::Duration;

use testkit::{Person, Result, Version, Watch, World, WorldOptions};

/// Longer than any wait in these tests takes on a busy machine.
const LONG: Duration = Duration::from_secs(90);

/// Runs each scenario on both Prosodys: `on_both! { scenario, … }`.
macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        mod prosody_0_12 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() -> testkit::Result {
                super::$scenario(testkit::Version::Debian12).await
            })*
        }
        mod prosody_13 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() -> testkit::Result {
                super::$scenario(testkit::Version::Debian13).await
            })*
        }
    };
}
use on_both;

tokio::task_local! {
    /// The footprint that the program is started with; resident if nothing else is said.
    pub(crate) static FOOTPRINT: &'static str;
}

/// Runs each scenario on both Prosodys with another footprint: `with_footprint! { "unseen", scenario, … }`.
macro_rules! with_footprint {
    ($footprint:literal, $in_0_12:ident, $in_13:ident, $($scenario:ident),*) => {
        mod $in_0_12 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() -> testkit::Result {
                crate::meetings::FOOTPRINT.scope($footprint, super::$scenario(testkit::Version::Debian12)).await
            })*
        }
        mod $in_13 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() -> testkit::Result {
                crate::meetings::FOOTPRINT.scope($footprint, super::$scenario(testkit::Version::Debian13)).await
            })*
        }
    };
}
use with_footprint;

/// With the discreet footprint.
macro_rules! discreetly {
    ($($scenario:ident),* $(,)?) => {
        crate::meetings::with_footprint! { "discreet", discreet_0_12, discreet_13, $($scenario),* }
    };
}
use discreetly;

/// With the unseen footprint, on a Prosody that allows it.
macro_rules! unseen {
    ($($scenario:ident),* $(,)?) => {
        crate::meetings::with_footprint! { "unseen", unseen_0_12, unseen_13, $($scenario),* }
    };
}
use unseen;

/// With the companion in Prosody, and none of the rights that other footprints need.
macro_rules! by_companion {
    ($($scenario:ident),* $(,)?) => {
        crate::meetings::with_footprint! { "companion", companion_0_12, companion_13, $($scenario),* }
    };
}
use by_companion;

/// With the companion, and the rights that the discreet footprint needs.
macro_rules! by_companion_with_rights {
    ($($scenario:ident),* $(,)?) => {
        crate::meetings::with_footprint! {
            "companion, with rights", companion_with_rights_0_12, companion_with_rights_13, $($scenario),*
        }
    };
}
use by_companion_with_rights;

/// How the scenario's program takes part in meetings.
fn footprint() -> &'static str {
    let footprint = FOOTPRINT.try_with(|footprint| *footprint).unwrap_or("resident");
    footprint.split(',').next().unwrap_or_default()
}

/// With the companion: the program has rights in rooms as well.
fn has_rights() -> bool {
    FOOTPRINT.try_with(|footprint| footprint.ends_with("with rights")).unwrap_or_default()
}

/// As the README says to set it up: Jicofo trusts our domain.
async fn world(version: Version) -> Result<World> {
    world_with(version, |_| {}).await
}

async fn world_with(version: Version, change: impl FnOnce(&mut WorldOptions)) -> Result<World> {
    let mut options = WorldOptions::default();
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    options.prosody.validate_from = footprint() != "unseen";
    if footprint() == "companion" {
        options.prosody.companion = true;
        options.prosody.metadata = true;
    }
    if footprint() == "companion" && !has_rights() {
        options.prosody.component_is_admin = false;
        options.prosody.admins_own_rooms = false;
        options.focus.trusted_domains.clear();
    }
    change(&mut options);
    World::start(version, options).await
}

/// Who of us is in a room, by Jicofo's list of members.
fn autostart_is_in(world: &World, room: &str) -> bool {
    world.focus.members(room).iter().any(|nick| nick.starts_with("autostart"))
}

/// What somebody in a room has seen of us there.
fn our_visits(person: &Person) -> Watch<'_> {
    Watch::new(person.occupancy(), testkit::config::COMPONENT, "autostart")
}
