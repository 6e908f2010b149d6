//! Orders by hand, over the command line: they go before the rules, and before a person's stop of before.

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{Result, SOON, Version};

use super::api::{program_with, until};
use super::autostart::Autostart;
use super::{LONG, by_companion, discreetly, on_both, unseen, world};

on_both! {
    the_rules_wait,
    a_room_that_is_to_be_left_alone,
    a_room_is_found_as_people_write_it,
    a_persons_stop_is_overruled_and_his_next_one_is_not,
    what_a_person_starts_after_a_stop_is_left_to_him,
    what_is_refused_says_why,
}

discreetly! {
    the_rules_wait,
    a_room_that_is_to_be_left_alone,
    a_persons_stop_is_overruled_and_his_next_one_is_not,
    what_a_person_starts_after_a_stop_is_left_to_him,
}

unseen! {
    a_persons_stop_is_overruled_and_his_next_one_is_not,
    what_a_person_starts_after_a_stop_is_left_to_him,
}

by_companion! {
    a_persons_stop_is_overruled_and_his_next_one_is_not,
    what_a_person_starts_after_a_stop_is_left_to_him,
}

const TOKEN: &str = "TOKEN-8465103";
const WITH_TOKEN: (&str, &str) = ("HTTP__TOKEN", TOKEN);

/// Orders something and returns what the program then says of the room.
fn order(url: &str, order: &str, room: &str) -> Result<Value> {
    let output = program_with(url, &[order, room, "--json"], &[WITH_TOKEN]);
    if output.status.code() != Some(0) {
        return Err(format!("{order}: {} {}", output.status, String::from_utf8(output.stderr)?).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A room that no rule wants, with nobody who is a moderator.
async fn the_rules_wait(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    world.focus.configure(|options| options.auto_owner = false);
    let settings = [WITH_TOKEN, ("START__MIN_PARTICIPANTS", "7"), ("START__SETTLE", "1h")];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    let ben = world.person("r1").await?;
    until(&url, "/api/v1/rooms/r1", |room| room["people"] == 1).await?;

    order(&url, "record", "r1")?;
    ben.wait_recording("on", LONG).await?;
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "recording").await?;
    order(&url, "stop", "r1@muc.meet.jitsi")?;
    ben.wait_recording("off", LONG).await?;
    jibri.until(SOON, "idle again", |jibri| !jibri.is_busy()).await?;
    let held = until(&url, "/api/v1/rooms/r1", |room| room["state"] == "held").await?;
    assert!(
        held["reason"]
            .as_str()
            .is_some_and(|why| why.starts_with("stopped by order of the command line from 127.0.0.1")),
        "{held}"
    );
    // Somebody may become a moderator now: it stays off.
    world.focus.promote("r1", &ben.nick()).await?;
    until(&url, "/api/v1/rooms/r1", |room| room["moderators"] == 1 && room["state"] == "held").await?;

    let released = order(&url, "release", "r1")?;
    assert_eq!(released["state"], "idle", "seven people are wanted: {released}");
    order(&url, "record", "r1")?;
    ben.wait_recording("on", LONG).await?;
    // An order ends with the meeting.
    ben.leave().await;
    world.focus.until(LONG, "gone from the room", || !world.focus.is_in("r1")).await?;
    until(&url, "/api/v1/rooms/r1", |room| room["people"] == 0 && room["state"] == "idle").await?;
    let _eve = world.person("r1").await?;
    until(&url, "/api/v1/rooms/r1", |room| room["people"] == 1 && room["state"] == "idle").await?;
    Ok(())
}

async fn a_room_that_is_to_be_left_alone(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let settings = [WITH_TOKEN, ("RULE", r#"[{room = "^r1$", record = false}]"#)];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    until(&url, "/api/v1/rooms/r1", |room| room["people"] == 1).await?;
    order(&url, "record", "r1")?;
    ada.wait_recording("on", LONG).await?;
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "recording").await?;
    order(&url, "stop", "r1")?;
    ada.wait_recording("off", LONG).await?;
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "held").await?;
    assert_eq!(order(&url, "release", "r1")?["state"], "idle");
    Ok(())
}

/// Jitsi's clients encode a name that has more than ASCII in it, and Prosody makes all names small.
async fn a_room_is_found_as_people_write_it(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let held = "t%c3%a4st_reuni%c3%a3o";
    let settings = [WITH_TOKEN, ("RULE", r#"[{room = "^TÄST_", record = false}]"#)];
    let autostart = Autostart::start_with(&world.prosody, &["Täst_Reunião"], &settings, &[])?;
    let url = autostart.http().await?;
    let ada = world.moderator(held).await?;
    let path = format!("/api/v1/rooms/{}", held.replace('%', "%25"));
    let there = until(&url, &path, |room| room["people"] == 1).await?;
    assert_eq!(there["state"], "idle", "the rule is about it: {there}");
    let recorded = order(&url, "record", "täst_reunião")?;
    assert_eq!(recorded["room"], format!("{held}@muc.meet.jitsi"));
    ada.wait_recording("on", LONG).await?;
    order(&url, "stop", "Täst_Reunião@muc.meet.jitsi")?;
    ada.wait_recording("off", LONG).await?;
    let history = program_with(&url, &["history", "täst_reunião", "--json"], &[]);
    let history: Value = serde_json::from_slice(&history.stdout)?;
    assert_eq!(history[0]["room"], format!("{held}@muc.meet.jitsi"), "{history}");
    Ok(())
}

async fn a_persons_stop_is_overruled_and_his_next_one_is_not(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &[WITH_TOKEN], &[])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    for (n, way) in ["record", "release"].into_iter().enumerate() {
        ada.wait_recording("on", LONG).await?;
        until(&url, "/api/v1/rooms/r1", |room| room["state"] == "recording").await?;
        ada.stop_recording(SOON).await?.expect("stopped");
        autostart.logged_times("respected until the meeting ends", n + 1).await?;
        let taken = order(&url, way, "r1")?;
        assert_ne!(taken["state"], "held", "{way}: {taken}");
    }
    ada.wait_recording("on", LONG).await?;
    autostart.logged_just("respected until the meeting ends", 2).await?;
    Ok(())
}

async fn what_a_person_starts_after_a_stop_is_left_to_him(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &[WITH_TOKEN], &[])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "recording").await?;
    order(&url, "stop", "r1")?;
    autostart.logged("recording over: stopped by us").await?;
    ada.wait_recording("off", LONG).await?;
    ada.wait_no_recorder(LONG).await?;
    // Until Jicofo knows that its Jibri is free again.
    let began = Instant::now();
    while let Err(refusal) = ada.start_recording(SOON).await? {
        assert!(began.elapsed() < SOON, "{refusal:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ada.wait_recording("on", LONG).await?;
    // From outside a room that is held is looked at now and then only.
    autostart.logged_times("recording is on", 2).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    autostart.logged_just("stop request sent", 1).await?;
    assert!(ada.recording().is_some_and(|status| status.status == "on"), "{:?}", ada.recording());
    Ok(())
}

async fn what_is_refused_says_why(version: Version) -> Result {
    let world = world(version).await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &[WITH_TOKEN], &[])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/rooms/r1", |room| room["people"] == 0).await?;
    let _ada = world.person("r2").await?;
    let refused = |settings: &[(&str, &str)], args: &[&str]| {
        let output = program_with(&url, args, settings);
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(4), true), "{args:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    for (settings, args, why) in [
        (&[][..], ["record", "r1"], "asks for its token"),
        (&[("HTTP__TOKEN", "TOKEN-8465104")], ["stop", "r1"], "does not accept this token"),
        (&[WITH_TOKEN], ["release", "r2"], "no room of this name"),
        (&[WITH_TOKEN], ["record", "../../r1"], "no room of this name"),
    ] {
        let said = refused(settings, &args);
        assert!(said.contains(why) && !said.contains("TOKEN-"), "{args:?}: {said}");
    }
    // Whether it knows yet that nobody is there or not: there is nothing to record.
    let said = refused(&[WITH_TOKEN], &["record", "r1"]);
    assert!(said.contains("nobody is in this room") || said.contains("who is in this room"), "{said}");

    let without = Autostart::start_with(&world.prosody, &["r1"], &[], &[])?;
    let url = without.http().await?;
    let output = program_with(&url, &["record", "r1"], &[WITH_TOKEN]);
    let said = String::from_utf8(output.stderr)?;
    assert!(output.status.code() == Some(4) && said.contains("http.token"), "{said}");
    Ok(())
}
