//! `doctor --record-test`: the running service records a meeting for a moment, and puts everything back.

use std::process::{Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use testkit::{Behaviour, Result, SOON, Version};

use super::api::{command_with, until};
use super::autostart::Autostart;
use super::{LONG, on_both, world};

on_both! {
    a_meeting_is_recorded_for_a_moment,
    interrupted_it_puts_everything_back,
}

const WITH_TOKEN: (&str, &str) = ("HTTP__TOKEN", "TOKEN-3204761");

/// What the step `record-test` has found in this room.
async fn record_test(url: &str, room: &'static str) -> Result<(String, String)> {
    let mut doctor = command_with(url, &["doctor", "--json", "--record-test", room], &[WITH_TOKEN]);
    step(tokio::task::spawn_blocking(move || doctor.output()).await??)
}

/// What it has found.
fn step(output: Output) -> Result<(String, String)> {
    let found: Value = serde_json::from_slice(&output.stdout)?;
    let steps = found["steps"].as_array().ok_or("no steps")?;
    let step = steps.iter().find(|step| step["step"] == "record-test").ok_or("no such step")?;
    let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
    Ok((text("verdict"), text("found")))
}

async fn a_meeting_is_recorded_for_a_moment(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    // The rules want nothing here.
    let settings = [WITH_TOKEN, ("START__MIN_PARTICIPANTS", "7")];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    until(&url, "/api/v1/rooms/r1", |room| room["people"] == 1).await?;
    let (verdict, found) = record_test(&url, "r1").await?;
    assert!(verdict == "ok" && found.contains("stopped and released again"), "{verdict}: {found}");
    autostart.logged("recording is on").await?;
    assert_eq!((autostart.count("start request sent"), autostart.count("recording is on")), (1, 1));
    ada.wait_recording("off", LONG).await?;
    jibri.until(SOON, "idle again", |jibri| !jibri.is_busy()).await?;
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "idle").await?;

    // What a person has started is left alone.
    let began = Instant::now();
    while let Err(refusal) = ada.start_recording(SOON).await? {
        assert!(began.elapsed() < SOON, "{refusal:?}");
    }
    ada.wait_recording("on", LONG).await?;
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "recording").await?;
    let (verdict, found) = record_test(&url, "r1").await?;
    assert!(verdict == "warn" && found.contains("left alone"), "{verdict}: {found}");
    let (verdict, found) = record_test(&url, "r2").await?;
    assert!(verdict == "FAIL" && found.contains("no room of this name"), "{verdict}: {found}");
    autostart.logged_just("stop request sent", 1).await?;
    assert!(ada.recording().is_some_and(|status| status.status == "on"), "{:?}", ada.recording());
    Ok(())
}

/// The Jibri takes longer than whoever waits for it.
async fn interrupted_it_puts_everything_back(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri_that("jibri-1", Behaviour::HangStart).await?;
    let settings = [WITH_TOKEN, ("START__MIN_PARTICIPANTS", "7")];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    until(&url, "/api/v1/rooms/r1", |room| room["people"] == 1).await?;
    let mut doctor = command_with(&url, &["doctor", "--json", "--record-test", "r1"], &[WITH_TOKEN]);
    let doctor = doctor.stdout(Stdio::piped()).spawn()?;
    jibri.until(LONG, "asked to record", |jibri| !jibri.starts().is_empty()).await?;
    // Somebody presses Ctrl-C, or closes the terminal.
    let signal = if version == Version::Debian12 { "-INT" } else { "-HUP" };
    assert!(Command::new("kill").arg(signal).arg(doctor.id().to_string()).status()?.success());
    let (verdict, found) = step(tokio::task::spawn_blocking(|| doctor.wait_with_output()).await??)?;
    assert!(verdict == "FAIL" && found.contains("interrupted"), "{verdict}: {found}");
    jibri.set_behaviour(Behaviour::healthy());
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "idle").await?;
    assert!(ada.recording().is_none_or(|status| status.status == "off"), "{:?}", ada.recording());
    Ok(())
}
