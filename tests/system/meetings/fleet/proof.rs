//! Meetings that are said to be recorded while nothing records them (docs/jitsi.md 13.2): told, and begun anew.

use std::time::{Duration, Instant};

use testkit::process::this_test;
use testkit::{Behaviour, JibriProcessOptions, Person, Result, ServiceManager, Version, World};

use super::super::autostart::Autostart;
use super::super::history::attempts;
use super::super::{LONG, api, world_with};
use super::Setup;

const ROOM: &str = "/api/v1/rooms/r1";
/// As long as Prosody keeps a lost stream of a service, and a lost seat.
const KEPT: u32 = 15;
const SEAT: u32 = 66;
const FOR_GOOD: u32 = 24 * 3600;

/// Jicofo's REST is asked, and what has died is kept so long.
async fn lingering(version: Version, recorders: u32) -> Result<World> {
    world_with(version, |options| {
        options.rest = true;
        options.focus.be_patient();
        options.prosody.services_linger = Some(KEPT);
        options.prosody.recorders_linger = Some(recorders);
    })
    .await
}

/// Ada's meeting is recorded, and that is proven.
async fn recorded(world: &World, setup: Setup) -> Result<(Autostart, String, Person)> {
    let autostart = setup.asks_jicofo(world)?.start(world, &["r1"])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    let is_proven = |proof: &str| proof == "jibri" || proof == "focus";
    api::until(&url, ROOM, |room| {
        room["state"] == "recording" && room["proof"].as_str().is_some_and(is_proven)
    })
    .await?;
    Ok((autostart, url, ada))
}

async fn moved_to(url: &str, to: &str) -> Result {
    let is_told = |reason: &str| reason.contains(&format!("moved from jibri-1 to {to}, about "));
    api::until(url, "/api/v1/history?room=r1", |history| {
        attempts(history).iter().any(|attempt| attempt["reason"].as_str().is_some_and(is_told))
    })
    .await?;
    Ok(())
}

pub(super) async fn killed_with_browser_alive(version: Version) -> Result {
    let world = lingering(version, FOR_GOOD).await?;
    let first = world.jibri("jibri-1").await?;
    let (autostart, url, _ada) = recorded(&world, Setup::new()).await?;
    // As a real one, it takes a while to launch Chrome, and looks idle.
    let slow = Behaviour::Healthy { launch: Duration::from_secs(2), join: Duration::from_millis(500) };
    let second = world.jibri_that("jibri-2", slow).await?;
    let killed = Instant::now();
    first.crash();
    autostart.logged("nothing is recorded any more: its Jibri \\\"jibri-1\\\" is not in the brewery").await?;
    let told = killed.elapsed();
    second.until(LONG, "recording", |jibri| jibri.recording().is_some()).await?;
    autostart.logged("Jicofo has moved the recording").await?;
    println!("told {told:?} after its death, recorded again and known after {:?}", killed.elapsed());
    assert!(told < Duration::from_secs(u64::from(KEPT) + 20), "{told:?}");
    api::until(&url, ROOM, |room| room["state"] == "recording").await?;
    moved_to(&url, "jibri-2").await?;
    assert_eq!(world.focus.stop_requests().len(), 0, "Jicofo has moved it by itself");
    Ok(())
}

pub(super) async fn restarted_within_15_s(version: Version) -> Result {
    let world = lingering(version, SEAT).await?;
    let first = world.jibri("jibri-1").await?;
    let (autostart, url, ada) = recorded(&world, Setup::new()).await?;
    let before = ada.wait_recording("on", LONG).await?.session_id;
    let restarted = Instant::now();
    first.restart().await?;
    autostart.logged("nothing is recorded any more: its Jibri \\\"jibri-1\\\" says that it is idle").await?;
    let told = restarted.elapsed();
    first.until(LONG, "recording", |jibri| jibri.recording().is_some()).await?;
    println!("told {told:?} after its restart, recorded again after {:?}", restarted.elapsed());
    assert_ne!(ada.wait_recording("on", LONG).await?.session_id, before);
    api::until(&url, ROOM, |room| room["state"] == "recording").await?;
    assert_eq!((world.focus.stop_requests().len(), first.starts().len()), (1, 2));
    Ok(())
}

pub(super) async fn silent_move(version: Version) -> Result {
    let world = lingering(version, SEAT).await?;
    let first = world.jibri("jibri-1").await?;
    let (autostart, url, ada) = recorded(&world, Setup::new()).await?;
    let session = ada.wait_recording("on", LONG).await?.session_id;
    let second = world.jibri("jibri-2").await?;
    first.kill_chrome();
    second.until(LONG, "recording", |jibri| jibri.recording().is_some()).await?;
    autostart.logged("Jicofo has moved the recording").await?;
    moved_to(&url, "jibri-2").await?;
    api::until(&url, ROOM, |room| room["state"] == "recording").await?;
    assert_eq!(ada.wait_recording("on", LONG).await?.session_id, session);
    Ok(())
}

/// Jicofo notices after 15 s only.
pub(super) async fn fast_failover(version: Version) -> Result {
    let world = lingering(version, SEAT).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let first = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let second = world.jibri_process(&manager, JibriProcessOptions::new("jibri-2")).await?;
    let setup = Setup::new().asked(&first).asked(&second);
    let (autostart, url, _ada) = recorded(&world, setup).await?;
    let (dying, other) =
        if first.state().await?.recording.is_some() { (first, second) } else { (second, first) };
    // Who never answered a ping may be unable to.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let requests = world.focus.start_requests_in("r1").len();
    let killed = Instant::now();
    dying.kill();
    world.focus.until(LONG, "asked again", || world.focus.start_requests_in("r1").len() > requests).await?;
    let asked = killed.elapsed();
    other.until(LONG, "recording", |state| state.recording.is_some()).await?;
    println!("asked again {asked:?} after its death, recorded again after {:?}", killed.elapsed());
    autostart.logged("its health port refuses connections, and it answers no ping").await?;
    api::until(&url, ROOM, |room| room["state"] == "recording").await?;
    // 2 s, on a machine that does nothing else.
    assert!(asked < Duration::from_secs(6), "{asked:?}");
    Ok(())
}
