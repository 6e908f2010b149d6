//! Alerts of the whole program: who is told what, and that it does not matter to meetings who listens.

use std::time::{Duration, Instant};

use testkit::{Behaviour, Result, Version, ports};

use super::api::until;
use super::fleet::Setup;
use super::receiver::Receiver;
use super::{LONG, on_both, world};
use crate::stand_in::Manner;

on_both! {
    prosody_dies_while_meetings_wait,
    prosody_is_down,
    what_is_not_wanted_any_more_is_not_overdue,
    whoever_listens_delays_nothing,
}

pub(crate) async fn a_recording_that_is_missing_and_no_jibri_to_make_it(version: Version) -> Result {
    let world = world(version).await?;
    let receiver = Receiver::start().await;
    let jibri = world.jibri_that("jibri-1", Behaviour::Busy).await?;
    let autostart =
        Setup::new().set("ALERTS__START_OVERDUE", "1s").tells(&receiver).start(&world, &["r1"])?;
    let ada = world.moderator("r1").await?;
    let cause = receiver.hears("no_jibri_free", "raised").await?;
    assert_eq!(cause["summary"], "1 meeting is not recorded: no Jibri is free");
    // That the recording of this room is overdue follows from it.
    until(&autostart.http().await?, "/api/v1/status", |status| status["rooms_overdue"] == 1).await?;
    jibri.set_behaviour(Behaviour::healthy());
    ada.wait_recording("on", LONG).await?;
    receiver.hears("no_jibri_free", "resolved").await?;
    until(&autostart.http().await?, "/api/v1/status", |status| status["rooms_overdue"] == 0).await?;
    assert_eq!((receiver.told_of("start_overdue").len(), receiver.told_of("no_jibri_free").len()), (0, 2));
    assert_eq!(autostart.count("alert raised: 1 meeting is not recorded"), 1);
    assert_eq!(autostart.count("no Jibri is free for this meeting, it waits for one"), 1);
    Ok(())
}

/// One gives up, and then nobody wants a recording any more: that is no change of the room's state.
async fn what_is_not_wanted_any_more_is_not_overdue(version: Version) -> Result {
    let world = world(version).await?;
    world.focus.configure(|options| options.auto_owner = false);
    world.jibri_that("jibri-1", Behaviour::FailStart).await?;
    let receiver = Receiver::start().await;
    let setup = Setup::new().set("START__RETRY_LIMIT", "1").set("ALERTS__START_OVERDUE", "1s");
    let autostart = setup.tells(&receiver).start(&world, &["r1"])?;
    let ada = world.person("r1").await?;
    let _ben = world.person("r1").await?;
    world.focus.promote("r1", &ada.nick()).await?;
    receiver.hears("start_overdue", "raised").await?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "held").await?;
    ada.leave().await;
    receiver.hears("start_overdue", "resolved").await?;
    until(&url, "/api/v1/rooms/r1", |room| room["people"] == 1).await?;
    Ok(())
}

/// Nobody knows then whether anything is better: nothing is resolved for that, and nothing raised but the cause.
async fn prosody_dies_while_meetings_wait(version: Version) -> Result {
    let mut world = world(version).await?;
    let jibri = world.jibri_that("jibri-1", Behaviour::Busy).await?;
    let receiver = Receiver::start().await;
    let setup = Setup::new().set("ALERTS__START_OVERDUE", "1s").set("ALERTS__PROSODY_DOWN", "1s");
    let autostart = setup.tells(&receiver).start(&world, &["r1", "r2"])?;
    let _waiting = (world.moderator("r1").await?, world.moderator("r2").await?);
    let url = autostart.http().await?;
    until(&url, "/api/v1/status", |status| status["rooms_overdue"] == 2).await?;
    receiver.hears("no_jibri_free", "raised").await?;
    world.prosody.stop().await;
    receiver.hears("prosody_down", "raised").await?;
    let rooms = until(&url, "/api/v1/rooms", |rooms| rooms[0]["seen"] == false).await?;
    let why = rooms[0]["reason"].as_str().unwrap_or_default();
    assert!(why.contains("not known now who is there"), "{rooms}");
    let status = until(&url, "/api/v1/status", |status| status["linked"] == false).await?;
    assert_eq!((&status["rooms_overdue"], &status["not_recorded"]), (&2.into(), &0.into()), "{status}");
    world.prosody.start().await?;
    receiver.hears("prosody_down", "resolved").await?;
    assert_eq!((receiver.told_of("start_overdue").len(), receiver.told_of("no_jibri_free").len()), (0, 1));
    jibri.set_behaviour(Behaviour::healthy());
    world.everybody_reconnects().await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    receiver.hears("no_jibri_free", "resolved").await?;
    Ok(())
}

async fn prosody_is_down(version: Version) -> Result {
    let mut world = world(version).await?;
    world.jibri("jibri-1").await?;
    let receiver = Receiver::start().await;
    let autostart = Setup::new().set("ALERTS__PROSODY_DOWN", "1s").tells(&receiver).start(&world, &["r1"])?;
    autostart.logged("linked to Prosody").await?;
    world.prosody.stop().await;
    let down = receiver.hears("prosody_down", "raised").await?;
    assert_eq!((&down["subject"], &down["severity"]), (&"prosody".into(), &"critical".into()));
    world.prosody.start().await?;
    receiver.hears("prosody_down", "resolved").await?;
    world.everybody_reconnects().await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    Ok(())
}

/// Something is to be told when the Jibri becomes free, to somebody who is no good.
async fn whoever_listens_delays_nothing(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri_that("jibri-1", Behaviour::Busy).await?;
    let manners = [
        None,
        Some(Manner::Silence),
        Some(Manner::Drip),
        Some(Manner::Reset),
        Some(Manner::Status("500 Internal Server Error", "no")),
    ];
    for (n, manner) in manners.into_iter().enumerate() {
        let room = format!("r{n}");
        let how = format!("{manner:?}");
        let receiver = match manner {
            Some(manner) => Some(Receiver::that(manner).await),
            None => None,
        };
        let setup = Setup::new().set("ALERTS__START_OVERDUE", "1s");
        let setup = match &receiver {
            Some(receiver) => setup.tells(receiver),
            None => setup.set("ALERTS__WEBHOOK", &format!("http://{}", ports::loopback())),
        };
        let autostart = setup.start(&world, &[&room])?;
        let ada = world.moderator(&room).await?;
        match &receiver {
            Some(receiver) => assert!(testkit::eventually(LONG, || receiver.requests() > 0).await, "{how}"),
            None => autostart.logged("alerts.webhook").await?,
        }
        let freed = Instant::now();
        jibri.set_behaviour(Behaviour::healthy());
        ada.wait_recording("on", LONG).await?;
        let took = freed.elapsed();
        println!("a receiver that is {how}: on {took:?} after the Jibri was free");
        assert!(took < Duration::from_secs(8), "{how}: {took:?}");
        ada.leave().await;
        jibri.until(LONG, "idle", |jibri| !jibri.is_busy()).await?;
        jibri.set_behaviour(Behaviour::Busy);
    }
    Ok(())
}
