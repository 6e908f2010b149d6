//! Why was this meeting never recorded, or not at once? Eleven meetings, each explained by the text of `history ROOM` alone.

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{Behaviour, Fault, Person, PersonOptions, Result, SOON, Version, World};

use super::api::{program_with, until};
use super::autostart::Autostart;
use super::history::{attempts, story};
use super::{LONG, by_companion, discreetly, on_both, unseen, world, world_with};

on_both! {
    no_jibri_was_free_the_whole_time,
    every_jibri_failed,
    jicofo_did_not_answer,
    we_were_no_moderator,
    a_person_stopped_it,
    it_was_stopped_by_order_of_the_command_line,
    the_rules_left_it_alone_until_an_order_came,
    a_live_stream_was_on_instead,
    jicofo_was_not_in_the_room,
    prosody_was_down_in_the_middle,
    the_program_was_restarted_in_the_middle,
}

discreetly! {
    no_jibri_was_free_the_whole_time,
    a_person_stopped_it,
    jicofo_was_not_in_the_room
}

unseen! {
    a_person_stopped_it
}

by_companion! {
    no_jibri_was_free_the_whole_time,
    every_jibri_failed,
    a_person_stopped_it,
    prosody_was_down_in_the_middle
}

const HISTORY: &str = "/api/v1/history?room=r1";
const ROOM: &str = "/api/v1/rooms/r1";
const TOKEN: (&str, &str) = ("HTTP__TOKEN", "TOKEN-5104467");
/// No test waits for the usual pauses between two starts.
const HASTE: [(&str, &str); 2] = [("START__RETRY_MIN", "200ms"), ("START__RETRY_MAX", "400ms")];

/// Each of these is told, in this order.
fn tells(story: &str, told: &[&str]) {
    let mut rest = story;
    for needle in told {
        match rest.split_once(needle) {
            Some((_, after)) => rest = after,
            None => panic!("{needle:?} is not told, or not in its place\n{story}"),
        }
    }
}

/// Nothing is said that is not true once a request has failed.
fn something_was_sent(story: &str) {
    assert!(!story.contains("nothing was sent") && !story.contains("no request was sent"), "{story}");
}

async fn ada_in(world: &World) -> Result<Person> {
    let options = PersonOptions { name: "Ada L.".to_owned(), ..PersonOptions::nick("3f9c01aa") };
    world.person_with("r1", options).await
}

/// Waits until everything in the history of the room is over, with so many attempts at least.
async fn over(url: &str, most: usize) -> Result<String> {
    let is_over = |history: &Value| {
        let open = |entry: &Value| match entry["kind"].as_str() {
            Some("attempt") => {
                ["waiting", "starting", "pending", "recording"].iter().any(|open| entry["outcome"] == *open)
            }
            Some("order" | "wait") => entry["over"].is_null(),
            _ => false,
        };
        let all = history.as_array().into_iter().flatten();
        attempts(history).len() >= most && !all.clone().any(open)
    };
    until(url, HISTORY, is_over).await?;
    story(url)
}

async fn fails(url: &str, times: usize) -> Result {
    let failed = |history: &Value| {
        let sent = |attempt: &&Value| attempt["outcome"] == "failed" && attempt["sent"].is_string();
        attempts(history).into_iter().filter(sent).count() >= times
    };
    until(url, HISTORY, failed).await?;
    Ok(())
}

async fn no_jibri_was_free_the_whole_time(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri_that("jibri-1", Behaviour::Busy).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/jibris", |jibris| jibris[0]["busy"] == true).await?;
    let ada = ada_in(&world).await?;
    // Why it waits is looked for now and then.
    until(&url, HISTORY, |history| attempts(history).first().is_some_and(|one| one["reason"].is_string()))
        .await?;
    tells(&story(&url)?, &["no Jibri is free: waiting for one, place 1 in the queue"]);
    ada.leave().await;
    let story = over(&url, 1).await?;
    tells(&story, &["wanted: 3f9c01aa (moderator) was there", "no Jibri is free: waiting for one"]);
    tells(&story, &["NOT RECORDED, nothing was sent: wanted for ", ", never recorded: no Jibri is free"]);
    tells(&story, &["; then the meeting ended"]);
    tells(&story, &["waited ", " for a Jibri: the meeting ended"]);
    assert!(!story.contains("asked Jicofo"), "{story}");
    Ok(())
}

async fn every_jibri_failed(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri_that("jibri-1", Behaviour::FailStart).await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &HASTE, &[])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/jibris", |jibris| jibris[0]["busy"] == false).await?;
    let ada = ada_in(&world).await?;
    fails(&url, 2).await?;
    ada.leave().await;
    let story = over(&url, 3).await?;
    // Each attempt with its own times.
    tells(&story, &["asked Jicofo", "FAILED: ", "asked Jicofo", "FAILED: "]);
    tells(
        &story,
        &["wanted for ", ", never recorded: ", " failed, the last at ", " UTC: ", "the meeting ended"],
    );
    something_was_sent(&story);
    Ok(())
}

async fn jicofo_did_not_answer(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    world.focus.set_fault(Some(Fault::Ignore));
    let settings = [&HASTE[..], &[("START__REQUEST_TIMEOUT", "1s")]].concat();
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    let ada = ada_in(&world).await?;
    fails(&url, 1).await?;
    ada.leave().await;
    let story = over(&url, 2).await?;
    let no_answer = "no answer from Jicofo within start.request_timeout";
    tells(&story, &["asked Jicofo for a recording", "FAILED: ", no_answer]);
    tells(&story, &["wanted for ", ", never recorded: ", " failed, ", " UTC: ", no_answer]);
    something_was_sent(&story);
    Ok(())
}

async fn we_were_no_moderator(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    world.focus.set_fault(Some(Fault::Refuse("not-allowed".into(), None)));
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let url = autostart.http().await?;
    let ada = ada_in(&world).await?;
    until(&url, ROOM, |room| room["state"] == "held").await?;
    let story = over(&url, 1).await?;
    let remedy = "FAILED: Jicofo does not treat us as a moderator: list user@domain of [xmpp] in `admins`";
    tells(&story, &["wanted: 3f9c01aa (moderator)", "asked Jicofo", remedy]);
    something_was_sent(&story);
    ada.leave().await;
    Ok(())
}

async fn a_person_stopped_it(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let url = autostart.http().await?;
    let ada = ada_in(&world).await?;
    ada.wait_recording("on", LONG).await?;
    until(&url, ROOM, |room| room["state"] == "recording").await?;
    ada.stop_recording(SOON).await?.expect("stopped");
    until(&url, ROOM, |room| room["state"] == "held").await?;
    let bare = ada.jid().split('/').next().unwrap_or_default();
    let person = format!("stopped by \"Ada L.\" (nickname \"3f9c01aa\", {bare})");
    let story = over(&url, 1).await?;
    tells(&story, &["asked Jicofo for a recording", "recording is on", &format!("stopped: {person}")]);
    let held = until(&url, ROOM, |room| room["reason"].is_string()).await?;
    assert_eq!(held["reason"], format!("{person}, respected until the meeting ends"));
    Ok(())
}

/// Orders something by the command line.
fn order(url: &str, order: &str) -> Result {
    let output = program_with(url, &[order, "r1"], &[TOKEN]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    Ok(())
}

/// With the meeting, of which the last one to leave and its end may come as one.
fn its_order_ended(story: &str, order: &str) {
    let ends = ["nobody was left in the meeting", "the meeting was over"];
    let is_told = |end: &str| story.contains(&format!("the order to {order} is over: {end}"));
    assert!(ends.into_iter().any(is_told), "{story}");
}

async fn it_was_stopped_by_order_of_the_command_line(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri_that("jibri-1", Behaviour::Busy).await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &[TOKEN], &[])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/jibris", |jibris| jibris[0]["busy"] == true).await?;
    let ada = ada_in(&world).await?;
    until(&url, HISTORY, |history| !attempts(history).is_empty()).await?;
    order(&url, "stop")?;
    let by = "stopped by order of the command line from 127.0.0.1: kept off until nobody is left, or it is released";
    until(&url, ROOM, |room| room["state"] == "held" && room["reason"] == by).await?;
    // Released by something else.
    let client = reqwest::Client::new();
    let released = client.post(format!("{url}{ROOM}/release")).bearer_auth(TOKEN.1).send().await?;
    assert!(released.status().is_success(), "{released:?}");
    until(&url, ROOM, |room| room["state"] != "held").await?;
    order(&url, "stop")?;
    ada.leave().await;
    let story = over(&url, 1).await?;
    tells(
        &story,
        &[
            "wanted: 3f9c01aa (moderator) was there",
            "ordered to stop by hand, by the command line, from 127.0.0.1",
            "the order to stop is over: released by the API from 127.0.0.1",
        ],
    );
    its_order_ended(&story, "stop");
    tells(&story, &["NOT RECORDED, nothing was sent: ", by]);
    tells(&story, &["for a Jibri: nothing was to be started any more"]);
    Ok(())
}

async fn the_rules_left_it_alone_until_an_order_came(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri_that("jibri-1", Behaviour::Busy).await?;
    let settings = [TOKEN, ("RULE", r#"[{room = "^r1$", record = false}]"#)];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/jibris", |jibris| jibris[0]["busy"] == true).await?;
    let ada = ada_in(&world).await?;
    until(&url, ROOM, |room| room["people"] == 1).await?;
    tells(&story(&url)?, &["nothing is known about r1 in that time: no recording was wanted or seen there"]);
    order(&url, "record")?;
    let by = "to be recorded by order of the command line from 127.0.0.1";
    until(&url, ROOM, |room| room["reason"].as_str().is_some_and(|why| why.contains(by))).await?;
    let why = |history: &Value| {
        let reason = |attempt: &Value| attempt["reason"].as_str().is_some_and(|why| why.contains(by));
        attempts(history).first().is_some_and(|attempt| reason(attempt))
    };
    until(&url, HISTORY, why).await?;
    ada.leave().await;
    let story = over(&url, 1).await?;
    tells(&story, &["ordered to record by hand, by the command line, from 127.0.0.1", "no Jibri is free"]);
    its_order_ended(&story, "record");
    tells(&story, &["never recorded: no Jibri is free", by]);
    Ok(())
}

async fn a_live_stream_was_on_instead(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let ada = ada_in(&world).await?;
    ada.wait_until_moderator(SOON).await?;
    ada.start_stream("live-key", SOON).await?.expect("a stream");
    ada.wait_recording("on", LONG).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let url = autostart.http().await?;
    until(&url, ROOM, |room| room["state"] == "held").await?;
    let story = over(&url, 1).await?;
    let instead =
        "NOT RECORDED, nothing was sent: a live stream is on instead: Jicofo runs one session per meeting";
    tells(&story, &["wanted: 3f9c01aa (moderator)", instead]);
    Ok(())
}

async fn jicofo_was_not_in_the_room(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri_that("jibri-1", Behaviour::Busy).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/jibris", |jibris| jibris[0]["busy"] == true).await?;
    let ada = ada_in(&world).await?;
    until(&url, HISTORY, |history| !attempts(history).is_empty()).await?;
    world.focus.leave_room("r1");
    let misses = |history: &Value| {
        let reason = |attempt: &Value| attempt["reason"] == "Jicofo is not in the room yet";
        attempts(history).first().is_some_and(|attempt| reason(attempt))
    };
    until(&url, HISTORY, misses).await?;
    ada.leave().await;
    let story = over(&url, 1).await?;
    let why = "NOT RECORDED, nothing was sent: wanted for ";
    tells(&story, &[why, ", never recorded: Jicofo is not in the room yet; then the meeting ended"]);
    Ok(())
}

async fn prosody_was_down_in_the_middle(version: Version) -> Result {
    let mut world = world(version).await?;
    world.jibri_that("jibri-1", Behaviour::Busy).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/jibris", |jibris| jibris[0]["busy"] == true).await?;
    let ada = ada_in(&world).await?;
    until(&url, HISTORY, |history| attempts(history).first().is_some_and(|one| one["reason"].is_string()))
        .await?;
    world.prosody.kill();
    autostart.logged("no link to Prosody").await?;
    let down = Instant::now();
    drop(ada);
    // What is shorter than a second is not told.
    tokio::time::sleep_until((down + Duration::from_millis(1_500)).into()).await;
    world.prosody.start().await?;
    world.everybody_reconnects().await?;
    let story = over(&url, 1).await?;
    tells(&story, &["no Jibri is free: waiting for one"]);
    tells(&story, &[": wanted for ", ", never recorded: "]);
    tells(&story, &["there was no link to Prosody for ", " of that time"]);
    tells(&story, &["the meeting ended"]);
    Ok(())
}

async fn the_program_was_restarted_in_the_middle(version: Version) -> Result {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ledger.db").display().to_string();
    let settings = [TOKEN, ("LEDGER__PATH", path.as_str())];
    let world = world_with(version, |_| {}).await?;
    world.jibri_that("jibri-1", Behaviour::Busy).await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/jibris", |jibris| jibris[0]["busy"] == true).await?;
    let ada = ada_in(&world).await?;
    until(&url, ROOM, |room| room["people"] == 1).await?;
    order(&url, "record")?;
    let is_written = |history: &Value| {
        let kinds = |kind: &str| history.as_array().into_iter().flatten().any(|entry| entry["kind"] == kind);
        ["attempt", "order", "wait"].into_iter().all(kinds)
    };
    until(&url, HISTORY, is_written).await?;
    // By SIGKILL.
    drop(autostart);
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    let waits_again = |history: &Value| {
        let waits = history.as_array().into_iter().flatten().filter(|entry| entry["kind"] == "wait");
        waits.count() == 2
    };
    until(&url, HISTORY, waits_again).await?;
    ada.leave().await;
    let story = over(&url, 2).await?;
    tells(
        &story,
        &[
            "wanted: 3f9c01aa (moderator) was there",
            "how this ended is unknown: we were not watching",
            "wanted: 3f9c01aa (moderator) was there",
            "never recorded: ",
        ],
    );
    tells(
        &story,
        &["the order to record is over: this program was restarted, and orders are kept in memory only"],
    );
    tells(&story, &["for a Jibri: we were not watching", "for a Jibri: the meeting ended"]);
    Ok(())
}
