//! Meetings that only seem to be, and recordings of nobody (docs/verdicts.md).

use serde_json::Value;
use testkit::process::this_test;
use testkit::{JibriProcessOptions, Result, ServiceManager, Version};

use super::super::api::until;
use super::super::receiver::Receiver;
use super::super::{LONG, world_with};
use super::Setup;

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
    assert_eq!(autostart.count("a meeting that only seems to be"), 1);
    world.focus.forget_rooms();
    receiver.hears("zombie_meeting", "resolved").await?;
    assert_eq!((receiver.told_of("start_overdue").len(), receiver.told_of("zombie_meeting").len()), (0, 2));
    Ok(())
}
