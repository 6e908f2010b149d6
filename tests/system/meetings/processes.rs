//! Jibris that are processes: what hangs really hangs, and a restart really restarts.

use std::process::Command;
use std::time::Duration;

use testkit::process::this_test;
use testkit::{Behaviour, JibriProcessOptions, Life, Result, ServiceManager, Version};

use super::autostart::Autostart;
use super::{LONG, on_both, world_with};

on_both! {
    a_hung_jibri_is_of_use_again_after_its_restart,
}

async fn a_hung_jibri_is_of_use_again_after_its_restart(version: Version) -> Result {
    let world = world_with(version, |options| options.rest = true).await?;
    world.focus.configure(|options| options.failure_timeout = Duration::from_millis(100));
    let manager = ServiceManager::start(this_test()).await?;
    let hung = JibriProcessOptions::until_restarted("jibri-1", Life::of(Behaviour::HangStart));
    let jibri = world.jibri_process(&manager, hung).await?;
    let _autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    jibri.until(LONG, "hung", |state| state.starts.len() == 1).await?;
    assert!(ada.recording().is_none());

    let argv = manager.restart_command();
    let restart = Command::new(&argv[0]).arg(argv[1].replace("{instance}", jibri.name())).output()?;
    assert!(restart.status.success(), "{restart:?}");
    let status = ada.wait_recording("on", LONG).await?;
    let state = jibri.until(LONG, "recording", |state| state.recording.is_some()).await?;
    assert_eq!((state.life, state.recording), (2, Some(status.session_id)));
    Ok(())
}
