//! Jibris that say they are idle and healthy, and are of no use.

use std::time::Duration;

use testkit::process::this_test;
use testkit::{
    Behaviour, FocusOptions, HealthPort, JibriProcessOptions, Life, Result, ServiceManager, Version,
};

use super::super::receiver::Receiver;
use super::super::{LONG, world, world_with};
use super::{PATIENCE, Setup, restarted};
use crate::stand_in::{Manner, StandIn};

/// A failure counts only for a Jibri that has been there for so long: Jicofo may still have waited for its last life.
const GIVEN_UP: Duration = Duration::from_secs(20);
/// Where nobody says who has failed, Jicofo might not have selected it because of its last life, either.
const SHUNNED: Duration = Duration::from_secs(60);
/// A failure lies between two words of Jicofo's, and on a busy machine the first may be this much older.
const APART: Duration = Duration::from_secs(10);
const LATER: Duration = Duration::from_secs(2);
/// `jibri.wedged_after`, if nobody sets it.
const WEDGED_AFTER: usize = 3;

pub(super) async fn one_that_hangs_is_restarted_by_jicofos_word_and_the_meeting_recorded(
    version: Version,
) -> Result {
    one_of_two(version, Behaviour::HangStart, true, GIVEN_UP, 1).await
}

pub(super) async fn one_that_refuses_is_restarted_by_what_the_brewery_shows(version: Version) -> Result {
    one_of_two(version, Behaviour::FailStart, false, GIVEN_UP + SHUNNED, 1).await
}

/// It is selected once a minute.
pub(super) async fn one_that_refuses_three_times_is_restarted_by_default(version: Version) -> Result {
    one_of_two(version, Behaviour::FailStart, true, GIVEN_UP, WEDGED_AFTER).await
}

/// One records a quiet meeting. The other gets the next one, does not work, is found after so many starts, restarted
/// and records it.
async fn one_of_two(
    version: Version,
    trouble: Behaviour,
    rest: bool,
    known_after: Duration,
    lost: usize,
) -> Result {
    let world = world_with(version, |options| {
        options.rest = rest;
        options.focus.failure_timeout = FocusOptions::default().failure_timeout;
    })
    .await?;
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let good = world.jibri_process(&manager, JibriProcessOptions::new("good")).await?;
    let setup = Setup::new().asked(&good).jibri("bad").restarts("wedged", &manager).tells(&receiver);
    let setup =
        if lost == WEDGED_AFTER { setup } else { setup.set("JIBRI__WEDGED_AFTER", &lost.to_string()) };
    let setup = if rest { setup.asks_jicofo(&world)? } else { setup };
    let autostart = setup.start(&world, &["quiet", "r1"])?;
    let eve = world.moderator("quiet").await?;
    let quiet = eve.wait_recording("on", LONG).await?;
    let bad = JibriProcessOptions::until_restarted("bad", Life::of(trouble));
    let bad = world.jibri_process(&manager, bad).await?;
    receiver.hears("jibri_offline", "resolved").await?;
    tokio::time::sleep(known_after + APART).await;

    let ada = world.moderator("r1").await?;
    for n in 1..=lost {
        bad.until(SHUNNED + LONG, "asked to record", |state| state.starts.len() == n).await?;
    }
    let wedged = receiver.hears("jibri_wedged", "raised").await?;
    let summary = wedged["summary"].as_str().unwrap_or_default();
    assert!(summary.contains("failed while it reported idle and healthy"), "{summary}");
    assert_eq!(wedged["subject"], "bad");
    assert!(ada.recording().is_none_or(|recording| recording.status != "on"));
    let status = ada.wait_recording("on", LONG).await?;
    let state = bad.until(LONG, "recording", |state| state.recording.is_some()).await?;
    assert_eq!((state.life, state.recording), (2, Some(status.session_id)));
    assert_eq!(restarted(&manager), ["bad"]);
    receiver.hears("jibri_restarted", "raised").await?;
    receiver.hears("jibri_wedged", "resolved").await?;
    let requests = world.focus.start_requests_in("r1").len();
    println!("start requests until it worked: {requests}");
    // Once more for each, where Jicofo was asked in the moment between its choice and the refusal.
    let in_vain = 2 * lost;
    assert!(!rest || (lost + 1..=in_vain + 1).contains(&requests), "not again and again: {requests}");
    autostart.logged("Jibri is back after its restart").await?;

    // Nobody has so much as looked at the other.
    assert_eq!(eve.recording(), Some(quiet.clone()));
    let state = good.state().await?;
    assert_eq!((state.life, state.starts.len(), state.stops), (1, 1, 0));
    assert_eq!(state.recording, Some(quiet.session_id));
    Ok(())
}

/// Two ports fall silent, that of an idle Jibri and that of one that records.
pub(super) async fn a_dead_health_port_and_no_touch_of_the_one_that_records(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let first = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let second = world.jibri_process(&manager, JibriProcessOptions::new("jibri-2")).await?;
    let third = StandIn::start([Manner::Body(
        r#"{"status":{"busyStatus":"IDLE","health":{"healthStatus":"HEALTHY","details":{}}}}"#.to_owned(),
    )])
    .await;
    let autostart = Setup::new()
        .asked(&first)
        .asked(&second)
        .jibri_at("jibri-3", &third.url())
        .restarts("wedged", &manager)
        .start(&world, &["r1"])?;
    let ada = world.moderator("r1").await?;
    let status = ada.wait_recording("on", LONG).await?;
    let (at_work, idle) =
        if first.state().await?.recording.is_some() { (first, second) } else { (second, first) };
    // A port that never answered is no news when it does not; they are asked as often as this one.
    let asked = third.requests();
    testkit::eventually(LONG, || third.requests() >= asked + 3).await;

    let silent = Life::healthy().with_health_port(HealthPort::Silent);
    at_work.set_life(silent).await?;
    idle.set_life(silent).await?;
    autostart.logged("Jibri is wedged: ").await?;
    idle.until(PATIENCE, "restarted", |state| state.life == 2).await?;
    autostart.logged("Jibri is back after its restart").await?;
    // Twice as long as the one that is gone by now was given.
    let asked = third.requests();
    testkit::eventually(LONG, || third.requests() >= asked + 8).await;
    assert_eq!(restarted(&manager), [idle.name()]);
    let state = at_work.state().await?;
    assert_eq!((state.life, state.recording), (1, Some(status.session_id.clone())));
    assert_eq!(ada.recording().map(|recording| recording.session_id), Some(status.session_id));
    Ok(())
}

/// Its connections stay, it has no health port, and it says nothing more.
pub(super) async fn a_frozen_process_that_only_pings_can_tell(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let frozen = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let other = world.jibri_process(&manager, JibriProcessOptions::new("jibri-2")).await?;
    let autostart =
        Setup::new().jibri("jibri-1").jibri("jibri-2").restarts("wedged", &manager).start(&world, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    // Who never answered a ping may be unable to; they are 1.5 s apart while all is well.
    tokio::time::sleep(LATER).await;
    frozen.freeze(true).await?;
    autostart.logged("Jibri is wedged: ").await?;
    frozen.until(PATIENCE, "restarted", |state| state.life == 2).await?;
    autostart.logged("Jibri is back after its restart").await?;
    assert_eq!(restarted(&manager), ["jibri-1"]);
    assert_eq!(other.state().await?.life, 1);
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    Ok(())
}

/// Anybody may come into a brewery: whoever is no `[[jibri.instance]]` is told of, and that is all.
pub(super) async fn a_wedged_stranger_is_told_of_and_left_alone(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let stranger = world.jibri_process(&manager, JibriProcessOptions::new("stranger")).await?;
    let ours = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let _other = world.jibri_process(&manager, JibriProcessOptions::new("jibri-2")).await?;
    let autostart = Setup::new()
        .jibri("jibri-1")
        .jibri("jibri-2")
        .restarts("wedged,unhealthy,expired", &manager)
        .tells(&receiver)
        .start(&world, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    tokio::time::sleep(LATER).await;
    stranger.freeze(true).await?;
    let wedged = receiver.hears("jibri_wedged", "raised").await?;
    assert_eq!(wedged["subject"], "stranger");
    autostart.logged("it is not a [[jibri.instance]]").await?;
    // One of ours in the same state is restarted in the same time.
    ours.freeze(true).await?;
    ours.until(PATIENCE, "restarted", |state| state.life == 2).await?;
    autostart.logged("Jibri is back after its restart").await?;
    assert_eq!(restarted(&manager), ["jibri-1"]);
    assert!(stranger.is_frozen());
    Ok(())
}

/// What Alertmanager is told of one that does not answer, until it does again.
pub(super) async fn alertmanager_is_told_of_a_wedged_one(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let alertmanager = Receiver::start().await;
    let frozen = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let _other = world.jibri_process(&manager, JibriProcessOptions::new("jibri-2")).await?;
    let autostart = Setup::new()
        .jibri("jibri-1")
        .jibri("jibri-2")
        .restarts("wedged", &manager)
        .set("ALERTS__ALERTMANAGER", &format!("{}/am", alertmanager.url()))
        .start(&world, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    tokio::time::sleep(LATER).await;
    frozen.freeze(true).await?;
    let raised = alertmanager.is_posted("jibri_wedged", |ends, now| ends > now).await?;
    assert_eq!(raised["labels"]["subject"], "jibri-1");
    assert_eq!(raised["labels"]["jibri"], "jibri-1");
    let summary = raised["annotations"]["summary"].as_str().unwrap_or_default();
    assert!(summary.contains("jibri-1 is wedged"), "{summary}");
    frozen.until(PATIENCE, "restarted", |state| state.life == 2).await?;
    let resolved = alertmanager.is_posted("jibri_wedged", |ends, now| ends <= now).await?;
    assert_eq!(resolved["labels"], raised["labels"]);
    assert_eq!(resolved["startsAt"], raised["startsAt"]);
    Ok(())
}
