//! Sources that contradict each other: told, and mended by a restart of the one that is wrong (docs/verdicts.md).

use serde_json::Value;
use testkit::process::this_test;
use testkit::{
    Behaviour, FocusOptions, JibriProcessOptions, Life, Result, ServiceManager, Version, World, eventually,
};

use super::super::api::until;
use super::super::autostart::Autostart;
use super::super::receiver::Receiver;
use super::super::{LONG, world};
use super::{PATIENCE, Setup, restarted};

/// Busy in the brewery for good, and idle by its own word.
pub(super) async fn stale_busy(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let jibri = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let setup = Setup::new().asked(&jibri).restarts("stale", &manager).tells(&receiver);
    let autostart = setup.start(&world, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    jibri.lose_last_word().await?;
    let alert = receiver.hears("jibri_stale", "raised").await?;
    let words = alert["summary"].as_str().unwrap_or_default();
    assert!(words.contains("shows it busy and its health port says idle"), "{words}");
    recorded_by_its_second_life(&jibri, &ada, &manager).await?;
    receiver.hears("jibri_stale", "resolved").await?;
    Ok(())
}

/// Idle in the brewery, and busy by its own word: each start fails.
pub(super) async fn stale_idle(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let sticks = JibriProcessOptions::until_restarted("jibri-1", Life::of(Behaviour::StickStart));
    let jibri = world.jibri_process(&manager, sticks).await?;
    let setup = Setup::new().asked(&jibri).restarts("stale", &manager).tells(&receiver);
    let autostart = setup.start(&world, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    let ada = world.moderator("r1").await?;
    let alert = receiver.hears("jibri_stale", "raised").await?;
    let words = alert["summary"].as_str().unwrap_or_default();
    assert!(words.contains("shows it idle and its health port says busy"), "{words}");
    recorded_by_its_second_life(&jibri, &ada, &manager).await
}

/// Alive, and not in the brewery.
pub(super) async fn detached(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let jibri = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let setup = Setup::new().asked(&jibri).restarts("detached", &manager).tells(&receiver);
    let autostart = setup.start(&world, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    jibri.leave_brewery().await?;
    receiver.hears("jibri_offline", "raised").await?;
    let ada = world.moderator("r1").await?;
    let alert = receiver.hears("jibri_detached", "raised").await?;
    let words = alert["summary"].as_str().unwrap_or_default();
    assert!(words.contains("alive on its health port, and not in the brewery"), "{words}");
    recorded_by_its_second_life(&jibri, &ada, &manager).await
}

/// Its list stays as it was, and all Jibris are "busy".
pub(super) async fn lost_brewery_with_its_list(version: Version) -> Result {
    lost_brewery(version, testkit::Focus::lose_brewery).await
}

/// Its list is empty, and no Jibris are "available".
pub(super) async fn lost_brewery_without_a_list(version: Version) -> Result {
    lost_brewery(version, testkit::Focus::fail_to_enter_brewery).await
}

async fn lost_brewery(version: Version, lose: fn(&testkit::Focus)) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let dir = tempfile::tempdir()?;
    let asked = dir.path().join("restart-jicofo");
    let jibri = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let autostart = Setup::new()
        .asked(&jibri)
        .restarts("wedged,stale,detached", &manager)
        .set("RECOVERY__JICOFO_COMMAND", &format!("touch,{}", asked.display()))
        .tells(&receiver)
        .start(&world, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    lose(&world.focus);
    let ada = world.moderator("r1").await?;
    receiver.hears("jicofo_lost_brewery", "raised").await?;
    assert!(eventually(PATIENCE, || asked.exists()).await, "Jicofo is not restarted");
    world.focus.restart().await?;
    ada.wait_recording("on", LONG).await?;
    receiver.hears("jicofo_lost_brewery", "resolved").await?;
    assert_eq!((restarted(&manager), receiver.told_of("jibri_wedged")), (Vec::new(), Vec::new()));
    let is_told = |history: &Value| {
        let is_it = |entry: &Value| {
            entry["instance"] == "Jicofo"
                && entry["trigger"] == "lost_brewery"
                && entry["outcome"] == "restarted"
        };
        history.as_array().is_some_and(|all| all.iter().any(is_it))
    };
    until(&autostart.http().await?, "/api/v1/history", is_told).await?;
    Ok(())
}

/// It was the Jibri: after its restart the room is recorded.
pub(super) async fn one_jibri_one_room_failing(version: Version) -> Result {
    let (world, manager, receiver, _, autostart) = failing_until_restarted(version, true).await?;
    let ada = world.moderator("r1").await?;
    receiver.hears("room_fails", "raised").await?;
    ada.wait_recording("on", PATIENCE).await?;
    assert_eq!(restarted(&manager), ["jibri-1"]);
    // Once the recording has lasted.
    receiver.hears("room_fails", "resolved").await?;
    autostart.logged("the Jibri was the cause of the failures").await
}

/// It was the room: it fails after the restart as well, says so, and no Jibri is restarted again.
pub(super) async fn one_room_that_keeps_recorders_out(version: Version) -> Result {
    let (world, manager, receiver, jibri, autostart) = failing_until_restarted(version, false).await?;
    let _ada = world.moderator("r1").await?;
    receiver.hears("room_fails", "raised").await?;
    let waits = |rooms: &Value| {
        rooms[0]["reason"].as_str().is_some_and(|why| why.contains("the Jibri is restarted before"))
    };
    until(&autostart.http().await?, "/api/v1/rooms", waits).await?;
    let is_found = || autostart.count("no recorder gets into this room") > 0;
    assert!(eventually(PATIENCE, is_found).await, "the room is not found to be the reason");
    let says = |rooms: &Value| {
        rooms[0]["reason"].as_str().is_some_and(|why| why.contains("no recorder gets into this room"))
    };
    until(&autostart.http().await?, "/api/v1/rooms", says).await?;
    let starts = jibri.state().await?.starts.len();
    jibri.until(PATIENCE, "asked again", |state| state.starts.len() > starts.saturating_add(4)).await?;
    assert_eq!(restarted(&manager), ["jibri-1"]);
    let is_clear = |jibris: &Value| jibris[0]["verdict"] == "ok";
    until(&autostart.http().await?, "/api/v1/jibris", is_clear).await?;
    Ok(())
}

type Failing = (World, ServiceManager, Receiver, testkit::JibriProcess, Autostart);

/// One Jibri whose page does not load.
async fn failing_until_restarted(version: Version, is_cured: bool) -> Result<Failing> {
    let world = world(version).await?;
    world.focus.configure(FocusOptions::be_patient);
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let fails = Life::of(Behaviour::FailJoin(std::time::Duration::from_millis(500)));
    let options = match is_cured {
        true => JibriProcessOptions::until_restarted("jibri-1", fails),
        false => JibriProcessOptions { lives: vec![fails], ..JibriProcessOptions::new("jibri-1") },
    };
    let jibri = world.jibri_process(&manager, options).await?;
    let setup = Setup::new().asked(&jibri).restarts("wedged", &manager).tells(&receiver);
    // So that it is no limit that keeps it from a second restart.
    let setup = setup.set("RECOVERY__COOLDOWN", "3s");
    let autostart = setup.start(&world, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    Ok((world, manager, receiver, jibri, autostart))
}

/// It is restarted, and records.
async fn recorded_by_its_second_life(
    jibri: &testkit::JibriProcess,
    ada: &testkit::Person,
    manager: &ServiceManager,
) -> Result {
    let state =
        jibri.until(PATIENCE, "recording anew", |state| state.life == 2 && state.recording.is_some()).await?;
    let status = ada.wait_recording("on", LONG).await?;
    assert_eq!(state.recording, Some(status.session_id));
    assert_eq!(restarted(manager), [jibri.name()]);
    Ok(())
}
