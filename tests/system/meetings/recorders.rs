//! Which of Jibri's accounts in a meeting records it: gateways do not, live streams are something else, and one that
//! nobody has listed does.

use std::time::Instant;

use testkit::config::HIDDEN;
use testkit::{Behaviour, Gateway, JibriOptions, Node, PersonOptions, Result, RoomView, SOON, Version};

use super::api::until;
use super::autostart::Autostart;
use super::fleet::Setup;
use super::history::attempts;
use super::receiver::Receiver;
use super::{LONG, by_companion, discreetly, on_both, our_visits, unseen, world, world_with};

on_both! {
    a_meeting_with_a_gateway_is_recorded,
    a_recorder_that_dies_beside_a_gateway_is_missed,
    a_live_stream_is_not_taken_for_the_recording,
    a_recording_is_not_taken_for_the_live_stream,
    a_recorder_that_is_not_listed_is_recognised,
    whoever_copies_a_session_is_no_recorder,
    a_jicofo_that_is_not_listed_is_told,
}

discreetly! {
    a_meeting_with_a_gateway_is_recorded,
    a_recorder_that_dies_beside_a_gateway_is_missed,
    a_live_stream_is_not_taken_for_the_recording,
    a_recording_is_not_taken_for_the_live_stream,
    a_dry_run_stays_outside_beside_a_recorder,
    a_recorder_that_is_not_listed_is_recognised,
    whoever_copies_a_session_is_no_recorder,
    a_jicofo_that_is_not_listed_is_told,
}

unseen! {
    a_meeting_with_a_gateway_is_recorded,
    a_recording_is_not_taken_for_the_live_stream,
    a_dry_run_stays_outside_beside_a_recorder,
    a_jicofo_that_is_not_listed_is_told,
}

by_companion! {
    a_meeting_with_a_gateway_is_recorded,
    a_recording_is_not_taken_for_the_live_stream,
    a_dry_run_stays_outside_beside_a_recorder,
    a_jicofo_that_is_not_listed_is_told,
}

const ROOM: &str = "/api/v1/rooms/r1";

async fn a_meeting_with_a_gateway_is_recorded(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    world.focus.open_room("r1").await?;
    let _gateway = Gateway::call(&world.prosody, "r1").await?;
    let ada = world.moderator("r1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let url = autostart.http().await?;
    let session = ada.wait_recording("on", LONG).await?.session_id;
    assert_eq!(ada.wait_recorder(SOON).await?, session);
    until(&url, ROOM, |room| room["state"] == "recording").await?;
    assert!(autostart.logged_before("start request sent", "recording is on"), "the gateway records nothing");
    assert_eq!(jibri.starts().len(), 1);
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);
    Ok(())
}

/// What the gateway shows must not hide that nothing records any more. Jicofo tries no other Jibri, so it is ours to do.
async fn a_recorder_that_dies_beside_a_gateway_is_missed(version: Version) -> Result {
    let world = world_with(version, |options| options.focus.num_retries = 0).await?;
    let dying = world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    let first = ada.wait_recording("on", LONG).await?.session_id;
    autostart.logged("recording is on").await?;
    let gateway = Gateway::call(&world.prosody, "r1").await?;
    ada.occupancy()
        .until(SOON, "with the gateway", |view| view.occupants.contains_key(&gateway.nick()))
        .await?;
    let other = world.jibri("jibri-2").await?;
    dying.crash();
    other.until(LONG, "recording", |jibri| jibri.recording().is_some()).await?;
    autostart.logged_times("recording is on", 2).await?;
    let second = ada.wait_recording("on", SOON).await?.session_id;
    assert_ne!(second, first);
    assert_eq!(ada.wait_recorder(SOON).await?, second);
    assert_eq!(world.focus.start_requests_in("r1").len(), 2);
    Ok(())
}

async fn a_live_stream_is_not_taken_for_the_recording(version: Version) -> Result {
    what_is_on_instead_is_waited_for(version, Setup::new(), "stream").await
}

async fn a_recording_is_not_taken_for_the_live_stream(version: Version) -> Result {
    let setup = Setup::new().set("START__MODE", "stream").set("START__STREAM_KEY", "our-key");
    what_is_on_instead_is_waited_for(version, setup, "file").await
}

/// Jicofo takes one session a meeting, so ours begins when Ada's, which is of the other mode, ends.
async fn what_is_on_instead_is_waited_for(version: Version, setup: Setup, theirs: &'static str) -> Result {
    let (ours, words) = match theirs {
        "stream" => ("file", "a live stream is on instead"),
        _ => ("stream", "a recording to a file is on instead"),
    };
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    let started = match theirs {
        "stream" => ada.start_stream("live-key", SOON).await?,
        _ => ada.start_recording(SOON).await?,
    };
    let before = started.expect("a session");
    ada.wait_recording("on", LONG).await?;
    assert_eq!(ada.wait_recorder(SOON).await?, before);
    assert_eq!(jibri.starts()[0].mode, theirs);
    let receiver = Receiver::start().await;
    let autostart = setup.tells(&receiver).start(&world, &["r1"])?;
    let url = autostart.http().await?;
    let says = |text: &serde_json::Value| text.as_str().is_some_and(|text| text.contains(words));
    until(&url, ROOM, |room| room["state"] == "held" && says(&room["reason"])).await?;
    let raised = receiver.hears("stream_instead", "raised").await?;
    assert_eq!((&raised["subject"], &raised["severity"]), (&"r1@muc.meet.jitsi".into(), &"critical".into()));
    assert!(says(&raised["summary"]), "{raised}");
    until(&url, "/api/v1/history?room=r1", |history| {
        attempts(history)
            .iter()
            .any(|attempt| attempt["outcome"] == "not_started" && says(&attempt["reason"]))
    })
    .await?;
    assert_eq!(world.focus.start_requests_in("r1").len(), 1, "only Ada's own");

    ada.stop_recording(SOON).await?.expect("stopped");
    jibri
        .until(LONG, "at ours", |jibri| {
            jibri.starts().last().is_some_and(|start| start.mode == ours) && jibri.recording().is_some()
        })
        .await?;
    autostart.logged("recording is on").await?;
    assert_ne!(ada.wait_recording("on", SOON).await?.session_id, before);
    receiver.hears("stream_instead", "resolved").await?;
    until(&url, ROOM, |room| room["state"] == "recording").await?;
    assert_eq!(autostart.count("respected until the meeting ends"), 0, "it was theirs that was stopped");
    Ok(())
}

/// What Jibri's account stands for would be worth a visit, had anything to be started for it.
async fn a_dry_run_stays_outside_beside_a_recorder(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    let session = ada.start_recording(SOON).await?.expect("a session");
    assert_eq!(ada.wait_recorder(LONG).await?, session);
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &[], &["--dry-run"])?;
    let url = autostart.http().await?;
    // Whoever has to ask inside does so before.
    autostart.logged("recording is on").await?;
    until(&url, ROOM, |room| room["state"] == "recording").await?;
    // It goes on looking, from outside.
    let _ben = world.person("r1").await?;
    until(&url, ROOM, |room| room["people"] == 2 && room["state"] == "recording").await?;
    our_visits(&ada).never()?;
    assert_eq!(world.focus.start_requests_in("r1").len(), 1, "only Ada's own");
    Ok(())
}

async fn a_recorder_that_is_not_listed_is_recognised(version: Version) -> Result {
    const UNLISTED: &str = "recorder.meet.jitsi";
    let world = world_with(version, |options| {
        options.prosody.accounts_at(UNLISTED);
        options.focus.trusted_domains.push(UNLISTED.into());
        options.jibri = JibriOptions { recorder_domain: UNLISTED.into(), ..options.jibri.clone() };
    })
    .await?;
    world.jibri_that("jibri-1", Behaviour::healthy()).await?;
    let autostart = Setup::new().jibri("jibri-1").start(&world, &["r1"])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    let on = Instant::now();
    until(&url, ROOM, |room| room["state"] == "recording").await?;
    println!("recognised after {:?}", on.elapsed());
    autostart.logged_just("not in muc.recorders", 1).await?;
    autostart
        .logged_just(r#""level":"WARN","message":"the recorder is here as recorder@recorder.meet.jitsi"#, 1)
        .await?;
    until(&url, "/api/v1/jibris", |jibris| jibris[0]["busy"] == true && jibris[0]["verdict"] == "ok").await?;
    let room = until(&url, ROOM, |room| room["state"] == "recording").await?;
    assert_eq!(room["people"], 1, "the recorder is none of them");
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);
    Ok(())
}

/// Eve is the only one of her domain, and shows the session before we come.
async fn whoever_copies_a_session_is_no_recorder(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    let eve = world.person_with("r1", PersonOptions::guest()).await?;
    ada.start_recording(SOON).await?.expect("a session");
    ada.wait_recording("on", LONG).await?;
    let session = ada.wait_recorder(SOON).await?;
    let copies = ["session_id", "mode"]
        .map(|name| Node::new(name, "").with_text(if name == "mode" { "file" } else { &session }));
    eve.occupancy().set_extras(copies.to_vec());
    let is_copied = |view: &RoomView| {
        view.occupants.get(&eve.nick()).is_some_and(|eve| eve.session_id() == Some(session.as_str()))
    };
    ada.occupancy().until(SOON, "with a copy of the session", is_copied).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let url = autostart.http().await?;
    autostart.logged("recording is on").await?;
    until(&url, ROOM, |room| room["state"] == "recording" && room["people"] == 2).await?;
    assert_eq!(autostart.count("muc.recorders"), 0);
    assert_eq!(world.focus.start_requests_in("r1").len(), 1, "only Ada's own");
    Ok(())
}

/// It is told once, not for each room.
async fn a_jicofo_that_is_not_listed_is_told(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let settings = [("MUC__SERVICE_DOMAINS", HIDDEN)];
    let autostart = Autostart::start_with(&world.prosody, &["r1", "r2"], &settings, &[])?;
    let url = autostart.http().await?;
    let _ada = world.moderator("r1").await?;
    let _ben = world.moderator("r2").await?;
    for room in [ROOM, "/api/v1/rooms/r2"] {
        until(&url, room, |room| {
            room["reason"].as_str().is_some_and(|reason| {
                reason.contains("muc.service_domains") && reason.contains("auth.meet.jitsi")
            })
        })
        .await?;
    }
    autostart.logged_just("not in muc.service_domains: add it there", 1).await?;
    autostart
        .logged_just(
            r#""level":"ERROR","message":"not recording: Jicofo is here as focus@auth.meet.jitsi"#,
            1,
        )
        .await?;
    assert!(world.focus.start_requests().is_empty());
    Ok(())
}
