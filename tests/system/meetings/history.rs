//! What the history tells of whole meetings, over HTTP and on the command line.

use serde_json::Value;
use testkit::{Behaviour, PersonOptions, Result, Version};

use super::api::{get, program, until};
use super::autostart::Autostart;
use super::small_disk::{SmallDisk, fill};
use super::{LONG, by_companion, discreetly, on_both, unseen, world};

on_both! {
    a_recording_from_beginning_to_end,
    no_jibri_was_free,
    we_are_killed_in_the_middle,
    the_disk_is_full,
}

discreetly! {
    a_recording_from_beginning_to_end,
    no_jibri_was_free,
}

unseen! {
    a_recording_from_beginning_to_end,
}

by_companion! {
    a_recording_from_beginning_to_end,
}

const HISTORY: &str = "/api/v1/history?room=r1";

/// The attempts, the newest first.
pub(crate) fn attempts(history: &Value) -> Vec<&Value> {
    let entries = history.as_array().into_iter().flatten();
    entries.filter(|entry| entry["kind"] == "attempt").collect()
}

pub(crate) fn story(url: &str) -> Result<String> {
    let output = program(url, &["history", "r1"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

fn at(attempt: &Value, what: &str) -> Result<std::time::SystemTime> {
    let time = attempt[what].as_str().ok_or_else(|| format!("no {what}: {attempt}"))?;
    Ok(humantime::parse_rfc3339(time)?)
}

async fn a_recording_from_beginning_to_end(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let mut autostart = Autostart::start(&world.prosody, &["r1"])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/jibris", |jibris| jibris[0]["name"] == "jibri-1" && jibris[0]["busy"] == false)
        .await?;
    let ada = world.person_with("r1", PersonOptions::nick("Ada <b>")).await?;
    let session = ada.wait_recording("on", LONG).await?.session_id;
    let on = |history: &Value| history[0]["outcome"] == "recording" && history[0]["jibri"] == "jibri-1";
    let open = until(&url, HISTORY, on).await?;
    assert_eq!((&open[0]["off"], attempts(&open).len()), (&Value::Null, 1));
    assert!(story(&url)?.contains("still on"));
    ada.leave().await;
    // Jibri finds the meeting empty.
    jibri.stop_from_outside();
    let over = until(&url, HISTORY, |history| history[0]["outcome"] == "recorded").await?;
    let attempt = attempts(&over)[0];
    assert_eq!(
        (&attempt["room"], &attempt["trigger"]),
        (&"r1@muc.meet.jitsi".into(), &"Ada <b> (moderator)".into())
    );
    assert!(attempt["jid"].as_str().is_some_and(|jid| jid.contains('@') && !jid.contains('/')), "{attempt}");
    assert_eq!(attempt["id"], open[0]["id"]);
    // Unseen, nobody tells us its name before the recorder shows it.
    if super::footprint() != "unseen" {
        assert_eq!(attempt["session_id"], session.as_str());
    }
    let times: Vec<_> =
        ["wanted", "sent", "on", "off"].iter().map(|what| at(attempt, what)).collect::<Result<_>>()?;
    assert!(times.is_sorted(), "{attempt}");
    assert!(attempt["reason"].as_str().is_some_and(|why| !why.is_empty()), "{attempt}");

    let story = story(&url)?;
    let lines: Vec<&str> = story.lines().collect();
    for (line, needle) in lines.iter().zip([
        "r1 (times are in UTC)",
        "20",
        "wanted: Ada <b> (moderator) was there",
        "asked Jicofo for a recording",
        "recording is on (",
        "over: ",
    ]) {
        assert!(line.contains(needle), "{needle}\n{story}");
    }
    assert_eq!(lines.len(), 6, "{story}");
    let table = String::from_utf8(program(&url, &["history"]).stdout)?;
    assert!(table.contains("r1@muc.meet.jitsi") && table.contains("recorded"), "{table}");
    assert!(!table.contains('…'), "{table}");
    let json = program(&url, &["history", "r1@muc.meet.jitsi", "--since", "1h", "--limit", "5", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&json.stdout)?, get(&url, HISTORY).await?);
    assert_eq!(program(&url, &["history", "--since", "yesterday"]).status.code(), Some(2));
    autostart.terminate().await?;
    assert_eq!(program(&url, &["history", "r1"]).status.code(), Some(3));
    Ok(())
}

async fn no_jibri_was_free(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri_that("jibri-1", Behaviour::Busy).await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &[], &[])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/jibris", |jibris| jibris[0]["busy"] == true).await?;
    let ada = world.person_with("r1", PersonOptions::nick("Ada")).await?;
    let waits =
        |history: &Value| attempts(history).first().is_some_and(|attempt| attempt["outcome"] == "waiting");
    until(&url, HISTORY, waits).await?;
    // Why is no event: it is looked for now and then.
    until(&url, HISTORY, |history| attempts(history)[0]["reason"].is_string()).await?;
    ada.leave().await;
    let over = |history: &Value| {
        attempts(history).first().is_some_and(|attempt| attempt["outcome"] == "not_started")
    };
    let over = until(&url, HISTORY, over).await?;
    let attempt = attempts(&over)[0];
    let why = attempt["reason"].as_str().unwrap_or_default();
    assert!(why.contains("no Jibri is free") && why.contains("the meeting ended"), "{why}");
    assert_eq!((&attempt["sent"], &attempt["trigger"]), (&Value::Null, &"Ada (moderator)".into()));
    let story = story(&url)?;
    for needle in [
        "wanted: Ada (moderator)",
        "NOT RECORDED, nothing was sent: wanted for",
        "never recorded: no Jibri is free",
    ] {
        assert!(story.contains(needle), "{needle}\n{story}");
    }
    Ok(())
}

async fn we_are_killed_in_the_middle(version: Version) -> Result {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ledger.db").display().to_string();
    let settings = [("LEDGER__PATH", path.as_str())];
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    until(&url, HISTORY, |history| history[0]["outcome"] == "recording").await?;
    // By SIGKILL.
    drop(autostart);
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    let found = until(&url, HISTORY, |history| attempts(history).len() == 2).await?;
    let (new, old) = (attempts(&found)[0], attempts(&found)[1]);
    assert_eq!((&old["outcome"], &old["reason"]), (&"unknown".into(), &"we were not watching".into()));
    assert_eq!(old["off"], Value::Null);
    until(&url, HISTORY, |history| history[0]["outcome"] == "recording").await?;
    assert_eq!((&new["sent"], new["id"].as_i64()), (&Value::Null, old["id"].as_i64().map(|id| id + 1)));
    let story = story(&url)?;
    assert!(story.contains("how this ended is unknown: we were not watching"), "{story}");
    assert!(story.contains("still on: we did not start it"), "{story}");
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);
    Ok(())
}

async fn the_disk_is_full(version: Version) -> Result {
    let Some(disk) = SmallDisk::mount()? else { return Ok(()) };
    let filler = disk.0.path().join("filler");
    fill(&filler)?;
    let path = disk.0.path().join("ledger.db").display().to_string();
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let settings = [("LEDGER__PATH", path.as_str())];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    autostart.logged("cannot be written").await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    until(&url, HISTORY, |history| history[0]["outcome"] == "recording").await?;
    std::fs::remove_file(&filler)?;
    autostart.logged("can be written again").await?;
    ada.stop_recording(testkit::SOON).await?.expect("stopped");
    let over = until(&url, HISTORY, |history| history[0]["outcome"] == "stopped").await?;
    assert_eq!(attempts(&over).len(), 1, "the stop tells why nothing is started after it: {over}");
    autostart.logged_just("cannot be written", 1).await?;
    Ok(())
}
