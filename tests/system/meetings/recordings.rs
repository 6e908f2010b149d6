//! Recordings followed to their files: the model of a Jibri records, and the real finalize script reports to the running
//! program.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use testkit::{BareEnvironment as _, Jibri, Person, PersonOptions, Result, Version, World};

use super::api::{program, until};
use super::autostart::Autostart;
use super::{LONG, by_companion, discreetly, on_both, world};
use crate::stand_in::{Manner, StandIn};

on_both! {
    a_recording_is_followed_to_its_file,
    a_recording_without_a_file_is_told_of,
    a_recording_goes_on_while_we_are_killed,
    whoever_waits_for_files_is_told_after_a_restart,
}

discreetly! {
    a_recording_is_followed_to_its_file,
}

by_companion! {
    a_recording_is_followed_to_its_file,
    a_recording_goes_on_while_we_are_killed,
}

const TOKEN: &str = "reports";
const RECORDINGS: &str = "/api/v1/recordings?room=r1";

/// A program that takes reports, and has a ledger.
fn start(world: &World, ledger: &Path, more: &[(&str, &str)]) -> Result<Autostart> {
    let ledger = ledger.display().to_string();
    let mut settings = vec![("LEDGER__PATH", ledger.as_str()), ("JIBRI__WEBHOOK_TOKEN", TOKEN)];
    settings.extend(more);
    Autostart::start_with(&world.prosody, &["r1"], &settings, &[])
}

/// The newest recording in r1, once it is in this state.
async fn recording(url: &str, state: &str) -> Result<Value> {
    let of = |recordings: &Value| recordings.as_array().and_then(|all| all.first()).cloned();
    let all =
        until(url, RECORDINGS, |recordings| of(recordings).is_some_and(|one| one["state"] == state)).await?;
    Ok(of(&all).unwrap_or_default())
}

/// Ada is recorded in r1 by jibri-1; the session.
async fn recorded(world: &World, url: &str) -> Result<(Jibri, Person, String)> {
    let jibri = world.jibri("jibri-1").await?;
    until(url, "/api/v1/jibris", |jibris| jibris[0]["name"] == "jibri-1" && jibris[0]["busy"] == false)
        .await?;
    let ada = world.person_with("r1", PersonOptions::nick("Ada")).await?;
    let session = ada.wait_recording("on", LONG).await?.session_id;
    // Whose it is need not be known at once.
    until(url, RECORDINGS, |all| all[0]["state"] == "recording" && all[0]["jibris"] == json!(["jibri-1"]))
        .await?;
    Ok((jibri, ada, session))
}

/// Runs the script on the directory of a session in which there are so many seconds of film, as Jibri does.
fn finalize(url: &str, directory: &Path, session: &str, seconds: u32, command: &str) -> Result {
    let directory = directory.join(session);
    std::fs::create_dir_all(&directory)?;
    let film = directory.join("r1_2026-11-30-10-00-00.mkv");
    let source = format!("testsrc=size=64x64:rate=5:duration={seconds}");
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-y", "-v", "error", "-f", "lavfi", "-i", &source, "-c:v", "mpeg4"])
        .arg(&film)
        .status()?;
    assert!(made.success(), "ffmpeg: run tests/prepare.sh");
    let metadata = json!({"meeting_url": "https://meet.jitsi/r1", "participants": []});
    std::fs::write(directory.join("metadata.json"), metadata.to_string())?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/jibri/finalize.sh");
    let status = Command::new("sh")
        .bare_environment()
        .arg(script)
        .arg(&directory)
        .env("JIBRI_REPORT_URL", url)
        .env("JIBRI_REPORT_TOKEN", TOKEN)
        .env("JIBRI_REPORT_INSTANCE", "jibri-1")
        .env("JIBRI_REPORT_THEN", command)
        .output()?;
    assert!(status.status.success() || command == "false", "{status:?}");
    Ok(())
}

async fn a_recording_is_followed_to_its_file(version: Version) -> Result {
    let dir = tempfile::tempdir()?;
    let world = world(version).await?;
    let autostart = start(&world, &dir.path().join("ledger.db"), &[])?;
    let url = autostart.http().await?;
    let (jibri, ada, session) = recorded(&world, &url).await?;
    ada.leave().await;
    jibri.stop_from_outside();
    let ended = recording(&url, "ended").await?;
    assert_eq!((&ended["room"], &ended["jibris"]), (&"r1@muc.meet.jitsi".into(), &json!(["jibri-1"])));
    // The site's command fails, and succeeds by hand.
    let files = dir.path().join("recordings");
    finalize(&url, &files, &session, 9, "false")?;
    let failed = recording(&url, "failed").await?;
    assert_eq!((&failed["session_id"], &failed["exit_status"]), (&session.as_str().into(), &1.into()));
    let alert = |alerts: &Value| alerts[0]["kind"] == "recording_failed";
    until(&url, "/api/v1/alerts", alert).await?;
    finalize(&url, &files, &session, 9, "true")?;
    let delivered = recording(&url, "delivered").await?;
    let file = &delivered["files"][0];
    assert_eq!((&file["name"], &file["jibri"]), (&"r1_2026-11-30-10-00-00.mkv".into(), &"jibri-1".into()));
    assert!(
        file["bytes"].as_u64() > Some(1_000) && delivered["recorded_seconds"].as_f64() > Some(8.0),
        "{delivered}"
    );
    assert!(delivered["gap_seconds"].is_number() && delivered["started"] == ended["started"], "{delivered}");
    until(&url, "/api/v1/alerts", |alerts| alerts.as_array().is_some_and(Vec::is_empty)).await?;
    let shown = program(&url, &["recordings", "r1"]);
    let shown = String::from_utf8(shown.stdout)?;
    assert!(shown.contains("delivered") && shown.contains("9 s"), "{shown}");
    let metrics = testkit::http::ask("GET", &format!("{url}/metrics"), "", LONG).await?.1;
    for line in [
        "jibri_autostart_recordings_total{state=\"delivered\"} 1",
        "jibri_autostart_recorded_seconds_total 9",
        "jibri_autostart_jibri_disk_free_bytes{instance=\"jibri-1\"}",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    Ok(())
}

async fn a_recording_without_a_file_is_told_of(version: Version) -> Result {
    let dir = tempfile::tempdir()?;
    let world = world(version).await?;
    let due = [("RECORDINGS__EXPECT", "true"), ("RECORDINGS__REPORT_WITHIN", "1s")];
    let autostart = start(&world, &dir.path().join("ledger.db"), &due)?;
    let url = autostart.http().await?;
    let (jibri, ada, session) = recorded(&world, &url).await?;
    // What was on for a moment need not have a file.
    let is_long = |recordings: &Value| recordings[0]["recorded_seconds"].as_f64() > Some(11.0);
    until(&url, RECORDINGS, is_long).await?;
    ada.leave().await;
    jibri.stop_from_outside();
    recording(&url, "missing").await?;
    let alerts = until(&url, "/api/v1/alerts", |alerts| alerts[0]["kind"] == "recording_missing").await?;
    let summary = alerts[0]["summary"].as_str().unwrap_or_default();
    assert!(
        summary.contains("r1@muc.meet.jitsi")
            && summary.contains("Jibri \"jibri-1\" has not reported any file"),
        "{summary}"
    );
    autostart.logged("recording is missing").await?;
    // A late report lifts it.
    finalize(&url, &dir.path().join("recordings"), &session, 12, "")?;
    recording(&url, "written").await?;
    until(&url, "/api/v1/alerts", |alerts| alerts.as_array().is_some_and(Vec::is_empty)).await?;
    Ok(())
}

async fn a_recording_goes_on_while_we_are_killed(version: Version) -> Result {
    let dir = tempfile::tempdir()?;
    let ledger = dir.path().join("ledger.db");
    let world = world(version).await?;
    let autostart = start(&world, &ledger, &[])?;
    let url = autostart.http().await?;
    let (jibri, ada, session) = recorded(&world, &url).await?;
    let before = recording(&url, "recording").await?;
    autostart.signal("KILL");
    drop(autostart);
    let files = dir.path().join("recordings");
    // Nobody takes this one: it is kept, and sent with the next.
    finalize(&url, &files, "another-session", 5, "true")?;
    let autostart = start(&world, &ledger, &[])?;
    let url = autostart.http().await?;
    autostart.logged("recording is on").await?;
    let after = recording(&url, "recording").await?;
    assert_eq!((&after["session_id"], &after["started"]), (&before["session_id"], &before["started"]));
    ada.leave().await;
    jibri.stop_from_outside();
    recording(&url, "ended").await?;
    finalize(&url, &files, &session, 9, "true")?;
    let all = until(&url, RECORDINGS, |all| {
        all.as_array().is_some_and(|all| all.len() == 2 && all.iter().all(|one| one["state"] == "delivered"))
    })
    .await?;
    let unknown = all.as_array().into_iter().flatten().find(|one| one["session_id"] == "another-session");
    assert!(
        unknown.is_some_and(|one| one["started"].is_null() && one["room"] == "r1@muc.meet.jitsi"),
        "{all}"
    );
    Ok(())
}

async fn whoever_waits_for_files_is_told_after_a_restart(version: Version) -> Result {
    let dir = tempfile::tempdir()?;
    let ledger = dir.path().join("ledger.db");
    let world = world(version).await?;
    let waits = StandIn::start([Manner::Status("503 Service Unavailable", "later")]).await;
    let webhook = format!("{}/files", waits.url());
    let settings = [("RECORDINGS__WEBHOOK", webhook.as_str()), ("RECORDINGS__WEBHOOK_TOKEN", "hunter2")];
    let autostart = start(&world, &ledger, &settings)?;
    let url = autostart.http().await?;
    let (jibri, ada, session) = recorded(&world, &url).await?;
    ada.leave().await;
    jibri.stop_from_outside();
    recording(&url, "ended").await?;
    finalize(&url, &dir.path().join("recordings"), &session, 9, "true")?;
    autostart.logged("recordings.webhook takes no recordings").await?;
    drop(autostart);
    let before = waits.requests();
    waits.be(Manner::Status("204 No Content", ""));
    let _autostart = start(&world, &ledger, &settings)?;
    let is_told = || waits.requests() > before;
    assert!(testkit::eventually(LONG, is_told).await, "nobody was told");
    let seen = waits.seen();
    let told: Value = serde_json::from_str(&seen.last().ok_or("nothing")?.body)?;
    assert_eq!(
        (&told["event"], &told["recording"]["session_id"]),
        (&"recording_ready".into(), &session.as_str().into())
    );
    assert_eq!(told["recording"]["files"][0]["name"], "r1_2026-11-30-10-00-00.mkv");
    Ok(())
}
