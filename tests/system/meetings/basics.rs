//! The main job: a moderator comes, the meeting is recorded.

use std::time::{Duration, Instant};

use testkit::{Behaviour, Result, SOON, Version};

use super::autostart::Autostart;
use super::{LONG, autostart_is_in, by_companion, discreetly, on_both, unseen, world, world_with};

on_both! {
    a_moderator_comes_and_the_meeting_is_recorded,
    participants_alone_are_not_recorded_until_one_is_promoted,
    all_jibris_busy_then_one_free,
    no_jibri_at_all_then_one_comes,
    two_failures_then_success,
    pending_that_never_turns_on_is_tried_again,
    a_recording_that_runs_already_is_adopted,
    a_recording_that_fails_is_started_again,
    a_tenants_room_is_recorded,
    rooms_are_found_by_disco,
    a_dry_run_starts_nothing,
    rules_make_exceptions,
}

discreetly! {
    a_moderator_comes_and_the_meeting_is_recorded,
    participants_alone_are_not_recorded_until_one_is_promoted,
    all_jibris_busy_then_one_free,
    no_jibri_at_all_then_one_comes,
    two_failures_then_success,
    a_tenants_room_is_recorded,
    rooms_are_found_by_disco,
    a_dry_run_starts_nothing,
    rules_make_exceptions,
}

unseen! {
    no_jibri_at_all_then_one_comes,
    participants_alone_are_not_recorded_until_one_is_promoted,
    two_failures_then_success,
    a_tenants_room_is_recorded,
    rooms_are_found_by_disco,
    a_dry_run_starts_nothing,
    rules_make_exceptions,
}

by_companion! {
    no_jibri_at_all_then_one_comes,
    participants_alone_are_not_recorded_until_one_is_promoted,
    two_failures_then_success,
    a_tenants_room_is_recorded,
    rooms_are_found_by_disco,
    a_dry_run_starts_nothing,
    rules_make_exceptions,
    all_jibris_busy_then_one_free,
}

async fn a_moderator_comes_and_the_meeting_is_recorded(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;

    let status = ada.wait_recording("on", LONG).await?;
    let recorder = ada.wait_recorder(SOON).await?;
    assert_eq!(recorder, status.session_id);
    assert_eq!(status.initiator.as_deref(), Some("autostart"));
    autostart.logged("recording is on").await?;

    let requests = world.focus.start_requests_in("r1");
    assert_eq!(requests.len(), 1, "one start, not more");
    let sent = requests[0].iq.find("jibri").expect("a jibri element");
    assert_eq!(sent.get("action"), Some("start"));
    assert_eq!(sent.get("recording_mode"), Some("file"));
    assert_eq!(sent.get("streamid"), None);
    assert_eq!(jibri.starts()[0].app_data.as_deref(), Some(r#"{"file_recording_metadata":{"share":true}}"#));

    // What Jicofo asks each member was answered at once, and the media offer declined.
    let answers = world.focus.answers("r1");
    let ours: Vec<_> = answers.iter().filter(|a| a.nick == "autostart").collect();
    assert!(ours.iter().any(|a| a.to == "disco" && a.with == "result"), "{answers:?}");
    assert!(
        ours.iter().all(|a| a.to != "session-initiate" || a.with == "service-unavailable"),
        "{answers:?}"
    );

    // With the last person everybody goes: we do not keep the meeting alive.
    ada.leave().await;
    world.focus.until(LONG, "gone from the room", || !world.focus.is_in("r1")).await?;
    jibri.until(LONG, "idle again", |jibri| !jibri.is_busy()).await?;
    Ok(())
}

async fn participants_alone_are_not_recorded_until_one_is_promoted(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    world.focus.configure(|options| options.auto_owner = false);
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.person("r1").await?;
    let ben = world.person("r1").await?;
    autostart.sees_somebody_in("r1").await?;
    // The time that the issue names; that nothing happens in it is what is tested.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(world.focus.start_requests().len(), 0);
    let promoted = Instant::now();
    world.focus.promote("r1", &ben.nick()).await?;
    ada.wait_recording("on", LONG).await?;
    let requests = world.focus.start_requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].at >= promoted);
    Ok(())
}

/// Nothing is asked for that cannot be had; the freed Jibri is taken as soon as it says so.
async fn all_jibris_busy_then_one_free(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri_that("jibri-1", Behaviour::Busy).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    let ada = world.moderator("r1").await?;
    autostart.sees_somebody_in("r1").await?;
    autostart.logged(r#""to":"waiting""#).await?;
    // That nothing happens in this time is what is tested.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.focus.start_requests().len(), 0);
    let freed = Instant::now();
    jibri.set_behaviour(Behaviour::healthy());
    ada.wait_recording("on", LONG).await?;
    let requests = world.focus.start_requests();
    let took = requests[0].at.saturating_duration_since(freed);
    println!("the freed Jibri was asked for after {took:?}");
    assert_eq!(requests.len(), 1);
    Ok(())
}

/// The brewery is in sight, and nobody is in it: a visit would be for nothing.
async fn no_jibri_at_all_then_one_comes(version: Version) -> Result {
    let world = world(version).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    let ada = world.moderator("r1").await?;
    autostart.sees_somebody_in("r1").await?;
    // That nothing happens in this time is what is tested.
    tokio::time::sleep(Duration::from_secs(3)).await;
    if super::footprint() != "resident" {
        super::our_visits(&ada).never()?;
    }
    assert!(world.focus.start_requests().is_empty());
    let came = Instant::now();
    world.jibri("jibri-1").await?;
    ada.wait_recording("on", LONG).await?;
    println!("recorded {:?} after the Jibri came", came.elapsed());
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);
    Ok(())
}

async fn two_failures_then_success(version: Version) -> Result {
    let world = world(version).await?;
    world.focus.configure(|options| options.failure_timeout = Duration::from_millis(100));
    let jibri = world.jibri_that("jibri-1", Behaviour::FailStart).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    jibri.until(LONG, "tried twice", |jibri| jibri.starts().len() >= 2).await?;
    jibri.set_behaviour(Behaviour::healthy());
    ada.wait_recording("on", LONG).await?;
    assert!(autostart.count("not recording") >= 2);
    for attempt in 1..=3 {
        assert!(autostart.count(&format!(r#""attempt":{attempt},"#)) > 0, "{attempt}");
    }
    Ok(())
}

async fn pending_that_never_turns_on_is_tried_again(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri_that("jibri-1", Behaviour::PendingForever).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    autostart.logged("Jicofo has found a Jibri").await?;
    // Jicofo gives up on it and says `off`; the Jibri itself has to be restarted.
    autostart.logged("ended before it was on").await?;
    jibri.set_behaviour(Behaviour::healthy());
    jibri.restart().await?;
    ada.wait_recording("on", LONG).await?;
    Ok(())
}

async fn a_recording_that_runs_already_is_adopted(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    let session = ada.start_recording(SOON).await?.expect("a session");
    ada.wait_recording("on", LONG).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("entered the room").await?;
    autostart.logged(&session).await?;
    // Another room, begun later, is recorded: by then the first would have been started twice.
    assert_eq!(world.focus.start_requests_in("r1").len(), 1, "only Ada's own");
    Ok(())
}

async fn a_recording_that_fails_is_started_again(version: Version) -> Result {
    let world = world(version).await?;
    world.focus.configure(|options| options.num_retries = 0);
    let jibri = world.jibri_that("jibri-1", Behaviour::FailAfter(Duration::from_millis(200))).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    autostart.logged("recording over: failed").await?;
    jibri.set_behaviour(Behaviour::healthy());
    jibri.restart().await?;
    autostart.logged_times("recording is on", 2).await?;
    ada.wait_recording("on", LONG).await?;
    assert_eq!(autostart.count("until the meeting ends"), 0, "a failure is not a person's stop");
    Ok(())
}

async fn a_tenants_room_is_recorded(version: Version) -> Result {
    let world = world_with(version, |options| options.prosody.tenants = true).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["[acme]r1"])?;
    let room = "r1@muc.acme.meet.jitsi";
    let ada = world.moderator(room).await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged(r#""room":"[acme]r1@muc.meet.jitsi""#).await?;
    ada.leave().await;
    world.focus.until(LONG, "gone from the room", || !world.focus.is_in(room)).await?;
    Ok(())
}

async fn rooms_are_found_by_disco(version: Version) -> Result {
    let world = world_with(version, |options| options.prosody.public_rooms = true).await?;
    world.jibri("jibri-1").await?;
    let settings = [("DISCOVERY__DISCO_INTERVAL", "200ms")];
    let _autostart = Autostart::start_with(&world.prosody, &[], &settings, &[])?;
    let ada = world.moderator("nobody-named-it").await?;
    ada.wait_recording("on", LONG).await?;
    Ok(())
}

async fn a_dry_run_starts_nothing(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &[], &["--dry-run"])?;
    let _ada = world.moderator("r1").await?;
    autostart.logged("would send a start request now").await?;
    assert_eq!(world.focus.start_requests().len(), 0);
    // A dry run is not worth a visit.
    if super::footprint() == "resident" {
        world.focus.until(SOON, "told of us", || autostart_is_in(&world, "r1")).await?;
    } else {
        assert!(!autostart_is_in(&world, "r1"));
    }
    Ok(())
}

async fn rules_make_exceptions(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let rules = r#"[{room = "^private-", record = false}, {room = "^pair-", min_participants = 2}]"#;
    let rooms = ["private-1", "pair-1"];
    let autostart = Autostart::start_with(&world.prosody, &rooms, &[("RULE", rules)], &[])?;
    let private = world.moderator("private-1").await?;
    let _first = world.moderator("pair-1").await?;
    autostart.sees_somebody_in("pair-1").await?;
    let second = world.person("pair-1").await?;
    second.wait_recording("on", LONG).await?;
    let requests = world.focus.start_requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].room, "pair-1@muc.meet.jitsi");
    let seen = private.client().since(0);
    assert!(!seen.iter().any(|r| r.node.from().contains("/autostart")), "never entered");
    Ok(())
}
