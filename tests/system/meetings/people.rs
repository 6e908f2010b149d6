//! What people do: leave at once, change their names, stop recordings, throw us out, send nonsense.

use std::time::Duration;

use rand::RngExt as _;
use testkit::config::MEMBERS;
use testkit::{Behaviour, FocusOptions, Gateway, Login, Node, PersonOptions, Result, SOON, Version, ns};

use super::api::until;
use super::autostart::Autostart;
use super::nonsense::send_nonsense;
use super::{LONG, autostart_is_in, by_companion, discreetly, on_both, unseen, world, world_with};

on_both! {
    two_hundred_people_who_leave_within_50_ms,
    a_persons_stop_is_respected_until_the_meeting_ends,
    a_persons_stop_binds_whoever_comes_back_and_nobody_else,
    the_only_moderator_changes_the_nickname,
    a_forged_status_of_a_participant_means_nothing,
    whoever_takes_the_name_of_focus_is_not_focus,
    stanzas_that_cannot_be_parsed_change_nothing,
    a_moderator_whose_presence_cannot_be_read_is_a_moderator,
    we_come_back_after_being_kicked,
    whoever_reloads_while_it_is_pending_is_recorded,
}

discreetly! {
    two_hundred_people_who_leave_within_50_ms,
    a_persons_stop_is_respected_until_the_meeting_ends,
    a_persons_stop_binds_whoever_comes_back_and_nobody_else,
    the_only_moderator_changes_the_nickname,
    a_forged_status_of_a_participant_means_nothing,
    whoever_takes_the_name_of_focus_is_not_focus,
    a_moderator_whose_presence_cannot_be_read_is_a_moderator,
    whoever_reloads_while_it_is_pending_is_recorded,
}

unseen! {
    two_hundred_people_who_leave_within_50_ms,
    a_persons_stop_is_respected_until_the_meeting_ends,
    a_persons_stop_binds_whoever_comes_back_and_nobody_else,
    the_only_moderator_changes_the_nickname,
    a_forged_status_of_a_participant_means_nothing,
    whoever_takes_the_name_of_focus_is_not_focus,
    whoever_reloads_while_it_is_pending_is_recorded,
}

by_companion! {
    two_hundred_people_who_leave_within_50_ms,
    a_persons_stop_is_respected_until_the_meeting_ends,
    a_persons_stop_binds_whoever_comes_back_and_nobody_else,
    the_only_moderator_changes_the_nickname,
    a_forged_status_of_a_participant_means_nothing,
    whoever_takes_the_name_of_focus_is_not_focus,
    whoever_reloads_while_it_is_pending_is_recorded,
}

/// Who is alone and reloads the page ends one conference and begins another, which from outside look the same.
async fn whoever_reloads_while_it_is_pending_is_recorded(version: Version) -> Result {
    let world = world(version).await?;
    world.focus.configure(FocusOptions::be_patient);
    world.jibri_that("jibri-1", Behaviour::slow(Duration::from_millis(600))).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    for phase in ["pending", "starting", "pending"] {
        let to = format!(r#""to":"{phase}""#);
        let before = autostart.count(&to);
        let ada = world.moderator("r1").await?;
        autostart.logged_times(&to, before + 1).await?;
        ada.leave().await;
        world.focus.until(LONG, "gone from the room", || !world.focus.is_in("r1")).await?;
        let again = world.moderator("r1").await?;
        // Sooner than the timeouts, which are all that is left to one that has not noticed.
        again.wait_recording("on", LONG).await?;
        again.leave().await;
        world.focus.until(LONG, "gone from the room", || !world.focus.is_in("r1")).await?;
    }
    Ok(())
}

async fn two_hundred_people_who_leave_within_50_ms(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    world.focus.configure(|options| options.auto_owner = false);
    let stays = world.person("r1").await?;
    autostart.sees_somebody_in("r1").await?;
    world.focus.configure(|options| options.auto_owner = true);
    let mut visits = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let person = testkit::Person::enter(
            &world.prosody,
            "r1",
            PersonOptions { remember: false, ..Default::default() },
        )
        .await?;
        let stay = Duration::from_millis(rand::rng().random_range(0..=50));
        let vanishes = rand::rng().random_bool(0.5);
        visits.spawn(async move {
            tokio::time::sleep(stay).await;
            if vanishes { person.vanish() } else { person.leave().await }
        });
    }
    while let Some(visit) = visits.join_next().await {
        visit?;
    }
    // Still there, and doing its work: here (if none of them was a moderator long enough) and elsewhere.
    if !stays.is_moderator() && world.focus.owner("r1").is_none_or(|owner| owner != stays.nick()) {
        world.focus.promote("r1", &stays.nick()).await?;
    }
    stays.wait_recording("on", LONG).await?;
    assert_eq!(jibri.starts().len(), 1, "one recording, whatever came before");
    assert_eq!(autostart.count("linked to Prosody"), 1);
    Ok(())
}

async fn a_persons_stop_is_respected_until_the_meeting_ends(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let mut autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    ada.stop_recording(SOON).await?.expect("stopped");
    autostart.logged("respected until the meeting ends").await?;
    jibri.until(SOON, "idle again", |jibri| !jibri.is_busy()).await?;

    // Not even a restart of ours, or another moderator, changes that.
    autostart.terminate().await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("respected until the meeting ends").await?;
    let ben = world.moderator("r1").await?;
    autostart.sees_somebody_in("r1").await?;
    ben.leave().await;
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);

    // The next meeting in the same room is another matter.
    ada.leave().await;
    world.focus.until(LONG, "gone from the room", || !world.focus.is_in("r1")).await?;
    let eve = world.moderator("r1").await?;
    eve.wait_recording("on", LONG).await?;
    Ok(())
}

/// A gateway keeps the room, and with it Jicofo's word of the stop.
async fn a_persons_stop_binds_whoever_comes_back_and_nobody_else(version: Version) -> Result {
    let world = world_with(version, |options| options.prosody.accounts_at(MEMBERS)).await?;
    let jibri = world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let url = autostart.http().await?;
    let room = "/api/v1/rooms/r1";
    let ada_again = PersonOptions { login: Login::account("ada", MEMBERS, None), ..Default::default() };
    let ada = world.person_with("r1", ada_again.clone()).await?;
    let session = ada.wait_recording("on", LONG).await?.session_id;
    autostart.logged("recording is on").await?;
    let _gateway = Gateway::call(&world.prosody, "r1").await?;
    ada.stop_recording(SOON).await?.expect("stopped");
    autostart.logged("respected until the meeting ends").await?;
    jibri.until(SOON, "idle again", |jibri| !jibri.is_busy()).await?;
    ada.leave().await;
    until(&url, room, |room| room["people"] == 0).await?;

    let ada = world.person_with("r1", ada_again).await?;
    ada.wait_until_moderator(SOON).await?;
    let is_held = |room: &serde_json::Value| {
        let says = room["reason"].as_str().is_some_and(|reason| reason.contains("stopped by"));
        room["people"] == 1 && room["state"] == "held" && says
    };
    until(&url, room, is_held).await?;
    // That nothing happens in this time is what is tested.
    tokio::time::sleep(Duration::from_secs(3)).await;
    until(&url, room, is_held).await?;
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);
    ada.leave().await;
    until(&url, room, |room| room["people"] == 0).await?;

    let ben = world.moderator("r1").await?;
    assert_ne!(ben.wait_recording("on", LONG).await?.session_id, session);
    autostart.logged_times("recording is on", 2).await?;
    Ok(())
}

async fn the_only_moderator_changes_the_nickname(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    ada.rename("ada2");
    ada.occupancy().until(SOON, "renamed", |view| view.nick == "ada2").await?;
    ada.stop_recording(SOON).await?.expect("stopped");
    autostart.logged("stopped by \\\"Ada\\\" (nickname \\\"ada2\\\", ").await?;
    assert_eq!(autostart.count("no longer in the room"), 0, "nobody was missed in between");
    Ok(())
}

async fn a_forged_status_of_a_participant_means_nothing(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    world.focus.configure(|options| options.auto_owner = false);
    let forged = Node::new("jibri-recording-status", ns::JIBRI)
        .attr("status", "on")
        .attr("session_id", "forged")
        .attr("recording_mode", "file");
    let jibri_mark = Node::new("features", "")
        .child(Node::new("feature", "").attr("var", "http://jitsi.org/protocol/jibri"));
    let options = PersonOptions { extras: vec![forged, jibri_mark], ..Default::default() };
    let eve = world.person_with("r1", options).await?;
    let ada = world.person("r1").await?;
    autostart.sees_somebody_in("r1").await?;
    // Even a moderator who claims to be a Jibri is a person.
    world.focus.promote("r1", &eve.nick()).await?;
    let status = ada.wait_recording("on", LONG).await?;
    assert_ne!(status.session_id, "forged");
    assert_eq!(autostart.count("forged"), 0);
    Ok(())
}

async fn whoever_takes_the_name_of_focus_is_not_focus(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    // Jicofo goes, somebody takes its name, and only then do we come.
    world.focus.disconnect();
    ada.occupancy().until(SOON, "without focus", |view| view.focus().is_none()).await?;
    let impostor = testkit::Person::join(&world.prosody, "r1", PersonOptions::nick("focus")).await?;
    let autostart = Autostart::start(&world.prosody, &["r1", "r2"])?;
    autostart.logged("linked to Prosody").await?;
    // Rooms are looked at in turn: when the second is asked for a third time, the first was seen twice.
    ada.occupancy().until(SOON, "with the impostor", |view| view.focus().is_some()).await?;
    let seen = impostor.client().mark();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let asked = impostor.client().since(seen);
    assert!(!asked.iter().any(|r| r.node.from().contains("autostart")), "we talked to the impostor");
    assert_eq!(autostart.count("entered the room"), 0, "no focus, no entry");
    impostor.leave().await;
    world.focus.reconnect().await?;
    ada.wait_recording("on", LONG).await?;
    Ok(())
}

async fn stanzas_that_cannot_be_parsed_change_nothing(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    // There is a moderator all the time, so we stay; Ben makes the meeting one to be recorded.
    let settings = [("START__MIN_PARTICIPANTS", "3")];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let ada = world.moderator("r1").await?;
    let eve = world.person("r1").await?;
    autostart.logged("entered the room").await?;
    send_nonsense(&eve).await?;
    assert_eq!(world.focus.start_requests().len(), 0);
    let _ben = world.person("r1").await?;
    ada.wait_recording("on", LONG).await?;
    assert_eq!(autostart.count("linked to Prosody"), 1, "the link was never lost");
    assert_eq!(autostart.count("entered the room"), 1, "nor were we thrown out");
    Ok(())
}

/// Whoever enters does not get to see such a presence; the role lists know its sender all the same.
async fn a_moderator_whose_presence_cannot_be_read_is_a_moderator(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    let long = Node::new("x", "urn:x").attr("a", &"a".repeat(9_000));
    ada.occupancy().set_extras(vec![long]);
    // Prosody 13 puts off reading a long token until there is more.
    ada.client().send_raw(&" ".repeat(40_000));
    let is_seen = |node: &Node| node.name == "presence" && node.find_ns("x", "urn:x").is_some();
    ada.client().wait_for(is_seen, SOON).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    assert_eq!(jibri.starts().len(), 1);
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);
    assert_eq!(autostart.count("entered the room"), 1, "no coming and going");
    Ok(())
}

async fn we_come_back_after_being_kicked(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    // An owner cannot be kicked by his equals; the server can do it.
    world.focus.until(SOON, "with us", || autostart_is_in(&world, "r1")).await?;
    ada.have_put_out("autostart");
    autostart.logged("no longer in the room").await?;
    autostart.logged_times("entered the room", 2).await?;
    assert_eq!(world.focus.start_requests_in("r1").len(), 1, "the recording went on");
    Ok(())
}
