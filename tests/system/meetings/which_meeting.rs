//! Whether it is still the same meeting, after a time in which nothing was seen.

use std::time::Duration;

use testkit::config::{COMPONENT, MEMBERS};
use testkit::{Cut, Login, Person, PersonOptions, Result, SOON, Version, Watch, World};

use super::api::until;
use super::autostart::Autostart;
use super::{LONG, by_companion, discreetly, unseen, world_with};

discreetly! {
    after_a_gap_the_room_says_that_it_is_the_same,
    after_a_gap_whoever_meets_in_a_new_room_is_recorded,
}

unseen! {
    after_a_gap_the_room_says_that_it_is_the_same,
    after_a_gap_whoever_meets_in_a_new_room_is_recorded,
}

by_companion! {
    after_a_gap_the_room_says_that_it_is_the_same,
    after_a_gap_whoever_meets_in_a_new_room_is_recorded,
}

/// A link that can be cut, and Ada, who has stopped the recording.
struct Stopped {
    world: World,
    autostart: Autostart,
    cut: Cut,
    ada: Person,
}

fn ada() -> PersonOptions {
    PersonOptions { login: Login::account("ada", MEMBERS, None), ..Default::default() }
}

impl Stopped {
    async fn new(version: Version) -> Result<Self> {
        let world = world_with(version, |options| options.prosody.accounts_at(MEMBERS)).await?;
        let jibri = world.jibri("jibri-1").await?;
        let cut = Cut::start(world.prosody.component()).await?;
        let server = cut.address().to_string();
        let settings = [("XMPP__SERVER", &*server), ("XMPP__PING_INTERVAL", "1s")];
        let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
        let ada = world.person_with("r1", ada()).await?;
        ada.wait_recording("on", LONG).await?;
        autostart.logged("recording is on").await?;
        ada.stop_recording(SOON).await?.expect("stopped");
        autostart.logged("respected until the meeting ends").await?;
        jibri.until(SOON, "idle again", |jibri| !jibri.is_busy()).await?;
        // Who is inside when the link is cut would stay there.
        ada.occupancy().until(SOON, "without us", |view| !view.occupants.contains_key("autostart")).await?;
        Ok(Self { world, autostart, cut, ada })
    }

    async fn lose_the_link(&self) -> Result {
        self.cut.set(true);
        self.autostart.logged("no link to Prosody").await
    }

    async fn have_it_back(&self) -> Result {
        self.cut.set(false);
        self.autostart.logged_times("linked to Prosody", 2).await
    }
}

async fn after_a_gap_the_room_says_that_it_is_the_same(version: Version) -> Result {
    let stopped = Stopped::new(version).await?;
    let watch = Watch::new(stopped.ada.occupancy(), COMPONENT, "autostart");
    let visits = watch.visits().len();
    stopped.lose_the_link().await?;
    stopped.have_it_back().await?;
    let url = stopped.autostart.http().await?;
    let is_held = |room: &serde_json::Value| room["people"] == 1 && room["state"] == "held";
    until(&url, "/api/v1/rooms/r1", is_held).await?;
    // That nothing happens in this time is what is tested.
    tokio::time::sleep(Duration::from_secs(3)).await;
    until(&url, "/api/v1/rooms/r1", is_held).await?;
    assert_eq!(stopped.world.focus.start_requests_in("r1").len(), 1);
    assert_eq!(watch.visits().len(), visits, "nobody is visited to find out");
    Ok(())
}

async fn after_a_gap_whoever_meets_in_a_new_room_is_recorded(version: Version) -> Result {
    let stopped = Stopped::new(version).await?;
    stopped.lose_the_link().await?;
    let Stopped { world, autostart, cut, ada: before } = stopped;
    before.leave().await;
    world.focus.until(LONG, "gone from the room", || !world.focus.is_in("r1")).await?;
    let again = world.person_with("r1", ada()).await?;
    again.wait_until_moderator(SOON).await?;
    cut.set(false);
    autostart.logged_times("linked to Prosody", 2).await?;
    again.wait_recording("on", LONG).await?;
    autostart.logged_times("recording is on", 2).await?;
    Ok(())
}
