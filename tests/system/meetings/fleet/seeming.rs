//! Meetings that only seem to be, and recordings of nobody (docs/verdicts.md).

use std::time::Duration;

use serde_json::Value;
use testkit::process::this_test;
use testkit::{Behaviour, JibriOptions, JibriProcessOptions, Result, ServiceManager, Version, World};

use super::super::api::until;
use super::super::receiver::Receiver;
use super::super::{LONG, world_with};
use super::Setup;

const FOR_GOOD: Duration = Duration::from_secs(24 * 3600);

/// Jicofo has people in a room that Prosody has forgotten.
pub(super) async fn zombie(version: Version) -> Result {
    let world = world_with(version, |options| options.rest = true).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let jibri = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let setup = Setup::new().asked(&jibri).asks_jicofo(&world)?.tells(&receiver);
    let autostart = setup.set("ALERTS__START_OVERDUE", "15s").start(&world, &[])?;
    autostart.logged("the brewery is seen").await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    let forgotten = std::time::Instant::now();
    world.focus.make_zombie("r1").await?;
    let alert = receiver.hears("zombie_meeting", "raised").await?;
    println!("zombie: told after {:.1} s", forgotten.elapsed().as_secs_f64());
    let words = alert["summary"].as_str().unwrap_or_default();
    assert!(words.contains("r1@muc.meet.jitsi") && words.contains("must reload"), "{words}");
    assert_eq!(alert["subject"], "r1@muc.meet.jitsi");
    let says_so = |room: &Value| room["reason"].as_str().is_some_and(|why| why.contains("must reload"));
    until(&autostart.http().await?, "/api/v1/rooms/r1", says_so).await?;
    assert_eq!(autostart.count("this is not a working meeting"), 1);
    world.focus.forget_rooms();
    receiver.hears("zombie_meeting", "resolved").await?;
    assert_eq!((receiver.told_of("start_overdue").len(), receiver.told_of("zombie_meeting").len()), (0, 2));
    Ok(())
}

/// By then it is clear that the room was not there before the program.
const SLOW: Behaviour = Behaviour::Healthy { launch: Duration::from_secs(4), join: Duration::ZERO };

/// When jibri-1 goes away, Jicofo has another one record a room where nobody is (docs/jitsi.md 13.2.5).
async fn haunted(version: Version) -> Result<World> {
    let world = world_with(version, |options| {
        options.rest = true;
        options.focus.be_patient();
        options.focus.pending_timeout = FOR_GOOD;
        options.jibri.empty_timeout = FOR_GOOD;
    })
    .await?;
    world.focus.leak_session("empty", "jibri-1");
    Ok(world)
}

/// It is told of, and once a meeting waits for its Jibri that one is told to stop, in the brewery.
pub(super) async fn ghost(version: Version) -> Result {
    let world = haunted(version).await?;
    let receiver = Receiver::start().await;
    let autostart = Setup::new().asks_jicofo(&world)?.tells(&receiver).start(&world, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    let first = world.jibri("jibri-1").await?;
    let second = world.jibri_that("jibri-2", SLOW).await?;
    first.crash();
    second.until(LONG, "recording", |jibri| jibri.recording().is_some()).await?;
    let began = std::time::Instant::now();
    let alert = receiver.hears("ghost_recording", "raised").await?;
    println!("ghost: told after {:.1} s", began.elapsed().as_secs_f64());
    let words = alert["summary"].as_str().unwrap_or_default();
    assert!(words.contains("jibri-2") && words.contains("empty@muc.meet.jitsi"), "{words}");
    assert_eq!(second.starts().len(), 1, "nobody needs it");

    let ada = world.moderator("r1").await?;
    let waits = std::time::Instant::now();
    ada.wait_recording("on", LONG).await?;
    println!("ghost: its Jibri records a meeting {:.1} s later", waits.elapsed().as_secs_f64());
    assert_eq!(second.starts().last().map(|start| start.room.as_str()), Some("r1@muc.meet.jitsi"));
    receiver.hears("ghost_recording", "resolved").await?;
    assert_eq!(
        (
            autostart.count("which is recording an empty room: it is told to stop"),
            autostart.count("Jibri was restarted")
        ),
        (1, 0)
    );
    // Nobody was sent to that room: its Jibri would have counted us as a person.
    assert_eq!(autostart.count(r#""entered the room","room":"empty@"#), 0);
    Ok(())
}

/// The same where its own API is known.
pub(super) async fn ghost_with_a_port(version: Version) -> Result {
    let world = haunted(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let first = world.jibri("jibri-1").await?;
    let jibri = JibriOptions { empty_timeout: FOR_GOOD, ..JibriOptions::default() };
    let second = JibriProcessOptions { jibri, ..JibriProcessOptions::that("jibri-2", SLOW) };
    let second = world.jibri_process(&manager, second).await?;
    let autostart = Setup::new().asked(&second).asks_jicofo(&world)?.start(&world, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    first.crash();
    second.until(LONG, "recording", |state| state.recording.is_some()).await?;
    autostart.logged("a recorder is in a room with nobody else").await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    let state = second.state().await?;
    assert_eq!((state.life, state.starts.len()), (1, 2));
    assert_eq!(
        (
            autostart.count("which is recording an empty room: it is told to stop"),
            autostart.count("but has not")
        ),
        (1, 0)
    );
    Ok(())
}
