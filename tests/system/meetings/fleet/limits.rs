//! Who is never restarted, how often at most, and what becomes of a restart that does not work.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use testkit::process::{RestartFault, this_test};
use testkit::{Behaviour, JibriProcessOptions, Life, Result, ServiceManager, Version};

use super::super::api::until;
use super::super::receiver::Receiver;
use super::super::{LONG, world};
use super::{PATIENCE, Setup, restarted};

/// The first start makes it unhealthy.
const SICKENS: Behaviour = Behaviour::FailSystem(Duration::from_millis(100));

fn sick_once(name: &str) -> JibriProcessOptions {
    JibriProcessOptions::until_restarted(name, Life::of(SICKENS))
}

pub(super) async fn a_stranger_is_left_alone(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let stranger = world.jibri_process(&manager, sick_once("stranger")).await?;
    let autostart = Setup::new()
        .jibri("jibri-1")
        .restarts("wedged,unhealthy,expired", &manager)
        .start(&world, &["r1", "r2"])?;
    let _ada = world.moderator("r1").await?;
    stranger.until(LONG, "unhealthy", |state| !state.healthy).await?;
    autostart.logged("it is not a [[jibri.instance]]").await?;
    // One of ours is restarted in the same time.
    let ours = world.jibri_process(&manager, sick_once("jibri-1")).await?;
    ours.until(PATIENCE, "restarted", |state| state.life == 2).await?;
    assert_eq!(restarted(&manager), ["jibri-1"]);
    assert_eq!(stranger.state().await?.life, 1);
    Ok(())
}

pub(super) async fn a_dry_run_restarts_nothing(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let jibri = world.jibri_process(&manager, sick_once("jibri-1")).await?;
    let autostart = Setup::new()
        .asked(&jibri)
        .restarts("unhealthy", &manager)
        .set("RECOVERY__DRY_RUN", "true")
        .start(&world, &["r1"])?;
    let _ada = world.moderator("r1").await?;
    autostart.logged("would restart this Jibri now, but this is a dry run").await?;
    assert_eq!(restarted(&manager), Vec::<String>::new());
    Ok(())
}

/// Of three that are always sick two are restarted, each once: then the hour is spent, and nobody has cooled down.
pub(super) async fn cooldown_and_hourly_limit(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let setup = Setup::new().restarts("unhealthy", &manager).set("RECOVERY__MAX_PER_HOUR", "2");
    let names = ["jibri-1", "jibri-2", "jibri-3"];
    for name in names {
        world.jibri_process(&manager, JibriProcessOptions::that(name, SICKENS)).await?;
    }
    let autostart = names.into_iter().fold(setup, Setup::jibri).start(&world, &["r1"])?;
    let _ada = world.moderator("r1").await?;
    autostart.logged("recovery.max_per_hour is reached").await?;
    autostart.logged("recovery.cooldown is not over").await?;
    let mut restarted = restarted(&manager);
    assert_eq!(restarted.len(), 2);
    restarted.dedup();
    assert_eq!(restarted.len(), 2, "not the same one twice: {restarted:?}");
    Ok(())
}

/// As above; we are killed during the first restart, which never ends.
pub(super) async fn limits_hold_although_we_are_killed(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    manager.set_fault(Some(RestartFault::Hangs));
    let dir = tempfile::tempdir()?;
    let setup = Setup::new()
        .restarts("unhealthy", &manager)
        .set("RECOVERY__MAX_PER_HOUR", "2")
        .set("LEDGER__PATH", &dir.path().join("ledger.db").display().to_string());
    let names = ["jibri-1", "jibri-2", "jibri-3"];
    for name in names {
        world.jibri_process(&manager, JibriProcessOptions::that(name, SICKENS)).await?;
    }
    let setup = names.into_iter().fold(setup, Setup::jibri);
    let autostart = setup.clone().start(&world, &["r1"])?;
    let _ada = world.moderator("r1").await?;
    let outcome = |outcome: &'static str| {
        move |history: &Value| {
            let entries = history.as_array().into_iter().flatten();
            entries.filter(|entry| entry["kind"] == "recovery").any(|entry| entry["outcome"] == outcome)
        }
    };
    assert!(testkit::eventually(PATIENCE, || restarted(&manager).len() == 1).await);
    until(&autostart.http().await?, "/api/v1/history", outcome("running")).await?;
    // By SIGKILL.
    drop(autostart);
    manager.set_fault(None);
    let autostart = setup.start(&world, &["r1"])?;
    until(&autostart.http().await?, "/api/v1/history", outcome("unknown")).await?;
    assert!(testkit::eventually(PATIENCE, || restarted(&manager).len() == 2).await);
    autostart.logged("recovery.max_per_hour is reached").await?;
    autostart.logged("recovery.cooldown is not over").await?;
    let mut restarted = restarted(&manager);
    restarted.dedup();
    assert_eq!(restarted.len(), 2, "not the same one twice: {restarted:?}");
    Ok(())
}

pub(super) async fn a_command_that_hangs_is_killed_and_told_of(version: Version) -> Result {
    let (world, manager, receiver) = (world(version).await?, fleet().await?, Receiver::start().await);
    manager.set_fault(Some(RestartFault::Hangs));
    let jibri = world.jibri_process(&manager, sick_once("jibri-1")).await?;
    let autostart = Setup::new()
        .asked(&jibri)
        .restarts("unhealthy", &manager)
        .set("RECOVERY__TIMEOUT", "1s")
        .set("RECOVERY__COOLDOWN", "3s")
        .tells(&receiver)
        .start(&world, &["r1"])?;
    let ada = world.moderator("r1").await?;
    let not_back = receiver.hears("jibri_not_back", "raised").await?;
    let summary = not_back["summary"].as_str().unwrap_or_default();
    assert!(summary.contains("not over after 1s (recovery.timeout), killed with its children"), "{summary}");
    let command = &manager.restart_command()[0];
    assert_eq!(processes_with(command), 0, "something is left of it");
    works_in_the_end(&manager, &jibri, &ada, &receiver).await?;
    autostart.logged("Jibri is back after its restart").await
}

pub(super) async fn a_command_that_fails_or_does_nothing_is_no_restart(version: Version) -> Result {
    let (world, manager, receiver) = (world(version).await?, fleet().await?, Receiver::start().await);
    manager.set_fault(Some(RestartFault::Fails));
    let jibri = world.jibri_process(&manager, sick_once("jibri-1")).await?;
    let idle = world.jibri_process(&manager, JibriProcessOptions::new("jibri-2")).await?;
    let autostart = Setup::new()
        .asked(&jibri)
        .asked(&idle)
        .restarts("unhealthy", &manager)
        .set("RECOVERY__COOLDOWN", "3s")
        .tells(&receiver)
        .start(&world, &["r1", "r2"])?;
    // With two of them it may take two meetings until the sick one has its turn.
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    let ben = world.moderator("r2").await?;
    let not_back = receiver.hears("jibri_not_back", "raised").await?;
    let summary = not_back["summary"].as_str().unwrap_or_default();
    assert!(summary.contains("exit status 1") && summary.contains("cannot restart jibri-1"), "{summary}");
    manager.set_fault(Some(RestartFault::DoesNothing));
    autostart.logged("Jibri was restarted").await?;
    // Nothing has changed, and that it says so does not make it so.
    assert_eq!(jibri.state().await?.life, 1);
    assert_eq!(autostart.count("Jibri is back after its restart"), 0);
    assert!(ben.recording().is_none_or(|recording| recording.status != "on"));
    assert_eq!(idle.state().await?.life, 1);
    Ok(())
}

async fn fleet() -> Result<ServiceManager> {
    ServiceManager::start(this_test()).await
}

async fn works_in_the_end(
    manager: &ServiceManager,
    jibri: &testkit::JibriProcess,
    ada: &testkit::Person,
    receiver: &Receiver,
) -> Result {
    manager.set_fault(None);
    let status = ada.wait_recording("on", LONG).await?;
    let state = jibri.until(PATIENCE, "recording", |state| state.recording.is_some()).await?;
    assert_eq!((state.life, state.recording), (2, Some(status.session_id)));
    receiver.hears("jibri_not_back", "resolved").await?;
    Ok(())
}

/// How many processes have this in their command line.
fn processes_with(text: &str) -> usize {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = all.filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(text)).count()
}
