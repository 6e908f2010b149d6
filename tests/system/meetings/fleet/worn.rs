//! Jibris that say themselves that they need a restart, or have earned one.

use std::time::Duration;

use testkit::process::this_test;
use testkit::{Behaviour, FocusOptions, JibriProcessOptions, Life, Result, ServiceManager, Version};

use super::super::api::until;
use super::super::receiver::Receiver;
use super::super::{LONG, world, world_with};
use super::{PATIENCE, Setup, restarted};

/// A Jibri is restarted only once it has looked as it does for so long.
const QUIET: Duration = Duration::from_secs(10);
/// What is shorter is no recording that wears a browser out.
const RECORDING: Duration = Duration::from_secs(60);

pub(super) async fn an_unhealthy_one_is_restarted(version: Version) -> Result {
    let world = world(version).await?;
    world.focus.configure(FocusOptions::be_patient);
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let sick = Life::of(Behaviour::FailSystem(Duration::from_millis(100)));
    let jibri = world.jibri_process(&manager, JibriProcessOptions::until_restarted("jibri-1", sick)).await?;
    let setup = Setup::new().asked(&jibri).restarts("unhealthy", &manager).tells(&receiver);
    let autostart = setup.start(&world, &["r1"])?;
    // Which Jibri took a start from before that is not known, and that it has failed is found out half a minute later.
    autostart.logged("the brewery is seen").await?;
    let ada = world.moderator("r1").await?;
    receiver.hears("jibri_unhealthy", "raised").await?;
    let status = ada.wait_recording("on", LONG).await?;
    let state = jibri.until(LONG, "recording", |state| state.recording.is_some()).await?;
    assert_eq!((state.life, state.recording), (2, Some(status.session_id)));
    receiver.hears("jibri_unhealthy", "resolved").await?;
    assert_eq!(receiver.told_of("jibri_offline"), Vec::<String>::new(), "it was we who restarted it");
    autostart.logged("Jibri is back after its restart").await?;
    assert_eq!(restarted(&manager), ["jibri-1"]);
    let is_restart = |entry: &serde_json::Value| {
        entry["kind"] == "recovery"
            && entry["instance"] == "jibri-1"
            && entry["trigger"] == "unhealthy"
            && entry["outcome"] == "restarted"
            && entry["output"].as_str().is_some_and(|output| output.contains("exit status 0"))
    };
    let has_restart =
        |history: &serde_json::Value| history.as_array().is_some_and(|all| all.iter().any(is_restart));
    until(&autostart.http().await?, "/api/v1/history", has_restart).await?;
    Ok(())
}

/// Both see the same fleet; only the one that has the link touches it, and tells.
pub(super) async fn of_two_instances_one_restarts_and_tells(version: Version) -> Result {
    let world =
        world_with(version, |options| "kick_new".clone_into(&mut options.prosody.conflict_resolve)).await?;
    world.focus.configure(FocusOptions::be_patient);
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let sick = Life::of(Behaviour::FailSystem(Duration::from_millis(100)));
    let jibri = world.jibri_process(&manager, JibriProcessOptions::until_restarted("jibri-1", sick)).await?;
    let setup = || {
        Setup::new()
            .asked(&jibri)
            .restarts("unhealthy", &manager)
            .tells(&receiver)
            .set("STANDBY__ALLOWED", "true")
    };
    let first = setup().start(&world, &["r1"])?;
    first.logged("linked to Prosody").await?;
    let second = setup().start(&world, &["r1"])?;
    second.logged("standing by").await?;
    let ada = world.moderator("r1").await?;
    receiver.hears("jibri_unhealthy", "raised").await?;
    // The other one sees it as well.
    let url = second.http().await?;
    let sees = async |verdict: &str| until(&url, "/api/v1/jibris", |all| all[0]["verdict"] == verdict).await;
    sees("unhealthy").await?;
    ada.wait_recording("on", LONG).await?;
    receiver.hears("jibri_unhealthy", "resolved").await?;
    first.logged("Jibri is back after its restart").await?;
    // What it takes to stand it would tell anew.
    sees("ok").await?;
    drop(first);
    second.logged("taking over").await?;
    second.logged("recording is on").await?;
    assert_eq!(restarted(&manager), ["jibri-1"]);
    assert_eq!(receiver.told_of("jibri_unhealthy"), ["raised jibri-1", "resolved jibri-1"]);
    assert_eq!(receiver.told_of("jibri_restarted"), ["raised jibri-1"]);
    Ok(())
}

/// By a POST instead of a command.
pub(super) async fn a_post_restarts_as_well(version: Version) -> Result {
    let world = world(version).await?;
    world.focus.configure(FocusOptions::be_patient);
    let manager = ServiceManager::start(this_test()).await?;
    let sick = Life::of(Behaviour::FailSystem(Duration::from_millis(100)));
    let jibri = world.jibri_process(&manager, JibriProcessOptions::until_restarted("jibri-1", sick)).await?;
    let autostart = Setup::new()
        .asked(&jibri)
        .set("RECOVERY__ON", "unhealthy")
        .set("RECOVERY__HTTP", &manager.restart_url())
        .start(&world, &["r1"])?;
    let ada = world.moderator("r1").await?;
    jibri.until(LONG, "unhealthy", |state| !state.healthy).await?;
    let status = ada.wait_recording("on", LONG).await?;
    let state = jibri.until(LONG, "recording", |state| state.recording.is_some()).await?;
    assert_eq!((state.life, state.recording), (2, Some(status.session_id)));
    autostart.logged("Jibri is back after its restart").await?;
    assert_eq!(restarted(&manager), ["jibri-1"]);
    Ok(())
}

/// The brewery goes on showing it busy; only it itself says that it is used up.
pub(super) async fn a_used_up_one_is_restarted_by_its_webhooks_word(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let autostart = Setup::new()
        .jibri("jibri-1")
        .restarts("expired", &manager)
        .set("JIBRI__WEBHOOK", "true")
        .set("JIBRI__WEBHOOK_TOKEN", "h00k")
        .start(&world, &["r1", "r2"])?;
    let mut options = JibriProcessOptions::new("jibri-1");
    options.jibri.single_use = true;
    let url = autostart.http().await?;
    options.webhooks = vec![format!("{url}/jibri-webhook/h00k")];
    let jibri = world.jibri_process(&manager, options).await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    // One that is not known to be this Jibri's may go on.
    until(&url, "/api/v1/jibris", |jibris| jibris[0]["room"] == "r1@muc.meet.jitsi").await?;
    ada.leave().await;
    jibri.until(LONG, "used up", |state| state.busy == "EXPIRED").await?;
    let ben = world.moderator("r2").await?;
    autostart.logged("Jibri needs a restart: ").await?;
    let status = ben.wait_recording("on", LONG).await?;
    let state = jibri.until(LONG, "recording", |state| state.recording.is_some()).await?;
    assert_eq!((state.life, state.recording), (2, Some(status.session_id)));
    assert_eq!(restarted(&manager), ["jibri-1"]);
    Ok(())
}

pub(super) async fn one_that_has_done_its_share_is_made_new_when_it_is_idle(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let jibri = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let autostart = Setup::new()
        .asked(&jibri)
        .restarts("recycle", &manager)
        .set("RECOVERY__RECYCLE_AFTER", "1")
        .start(&world, &["r1", "r2"])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    let ben = world.moderator("r2").await?;
    // So long has it to last.
    tokio::time::sleep(RECORDING).await;
    ada.leave().await;
    // Whoever waits comes first, and is then left in peace.
    let status = ben.wait_recording("on", LONG).await?;
    tokio::time::sleep(QUIET + Duration::from_secs(2)).await;
    assert_eq!(restarted(&manager), Vec::<String>::new());
    let state = jibri.state().await?;
    assert_eq!((state.life, state.recording), (1, Some(status.session_id)));
    ben.leave().await;
    jibri.until(PATIENCE, "new", |state| state.life == 2).await?;
    autostart.logged("Jibri is back after its restart").await?;
    assert_eq!(restarted(&manager), ["jibri-1"]);
    Ok(())
}
