//! Alerts of the whole program: who is told what, and that it does not matter to meetings who listens.

use std::time::{Duration, Instant};

use testkit::{Behaviour, Result, Version, ports};

use super::api::until;
use super::fleet::Setup;
use super::receiver::Receiver;
use super::{LONG, on_both, world};
use crate::stand_in::Manner;

on_both! {
    prosody_is_down,
    what_is_not_wanted_any_more_is_not_overdue,
    whoever_listens_delays_nothing,
}

pub(crate) async fn a_recording_that_is_missing_and_no_jibri_to_make_it(version: Version) -> Result {
    let world = world(version).await?;
    let receiver = Receiver::start().await;
    let jibri = world.jibri_that("jibri-1", Behaviour::Busy).await?;
    let _autostart =
        Setup::new().set("ALERTS__START_OVERDUE", "1s").tells(&receiver).start(&world, &["r1"])?;
    let ada = world.moderator("r1").await?;
    let overdue = receiver.hears("start_overdue", "raised").await?;
    assert_eq!(overdue["subject"], "r1@muc.meet.jitsi");
    assert_eq!(overdue["labels"]["room"], "r1@muc.meet.jitsi");
    let summary = overdue["summary"].as_str().unwrap_or_default();
    assert!(summary.contains("no Jibri is free"), "{summary}");
    receiver.hears("no_jibri_free", "raised").await?;
    jibri.set_behaviour(Behaviour::healthy());
    ada.wait_recording("on", LONG).await?;
    receiver.hears("start_overdue", "resolved").await?;
    receiver.hears("no_jibri_free", "resolved").await?;
    for kind in ["start_overdue", "no_jibri_free"] {
        assert_eq!(receiver.told_of(kind).len(), 2, "raised once and resolved once: {:?}", receiver.told());
    }
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
