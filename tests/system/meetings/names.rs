//! What is true of the unseen footprint only: moderators' names, nobody ever sees us, and what we are not told.

use std::time::Duration;

use testkit::{Behaviour, FocusOptions, Result, SOON, Version};

use super::autostart::Autostart;
use super::{LONG, our_visits, unseen, world, world_with};

unseen! {
    nobody_ever_sees_us,
    another_moderators_name_is_used_when_the_first_has_left,
    a_peek_tells_a_persons_stop_from_a_failure,
    without_peeking_every_end_is_a_failure_up_to_a_limit,
    a_meeting_of_before_our_start_may_have_been_stopped,
    no_gate_stops_us,
    jicofos_figures_tell_what_became_of_a_start,
    killed_and_back_we_start_nothing_twice,
    where_prosody_refuses_the_sender_we_go_on_discreetly,
}

/// A gate is for whoever comes in, and Jibri has its own key.
async fn no_gate_stops_us(version: Version) -> Result {
    let world = world_with(version, |options| options.prosody.max_occupants = Some(1)).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &[("MUC__PEEK", "false")], &[])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    our_visits(&ada).never()?;
    Ok(())
}

/// Nobody answers us; that no Jibri was selected, and later that one was, shows in Jicofo's REST and the brewery.
async fn jicofos_figures_tell_what_became_of_a_start(version: Version) -> Result {
    let world = world_with(version, |options| options.rest = true).await?;
    world.focus.configure(FocusOptions::be_patient);
    let slow = Behaviour::slow(Duration::from_millis(700));
    world.jibri_that("jibri-1", slow).await?;
    world.focus.inject(testkit::Fault::Refuse("forbidden".into(), None));
    let url = world.rest()?.url();
    let settings = [
        ("START__REQUEST_TIMEOUT", "100s"),
        ("MUC__PEEK", "false"),
        ("DISCOVERY__JICOFO__URL", url.as_str()),
        ("DISCOVERY__JICOFO__INTERVAL", "500ms"),
    ];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    autostart.logged("linked to Prosody").await?;
    // Only what changes is news, so there has to be something that it changes from.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let ada = world.moderator("r1").await?;
    autostart.logged("Jicofo has not selected any Jibri").await?;
    autostart.logged("a Jibri is now busy with this meeting").await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    assert_eq!(world.focus.start_requests_in("r1").len(), 2);
    our_visits(&ada).never()?;
    Ok(())
}

/// Killed in the middle of a start: the recorder tells us that it came to something.
async fn killed_and_back_we_start_nothing_twice(version: Version) -> Result {
    let world = world(version).await?;
    world.focus.configure(FocusOptions::be_patient);
    let slow = Behaviour::slow(Duration::from_millis(400));
    let jibri = world.jibri_that("jibri-1", slow).await?;
    let settings = [("MUC__PEEK", "false")];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let ada = world.moderator("r1").await?;
    autostart.logged("start request sent").await?;
    drop(autostart);
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    assert_eq!(jibri.starts().len(), 1, "one recording, not two");
    our_visits(&ada).never()?;
    Ok(())
}

/// A peek is over before anybody has read who came.
const A_BLINK: Duration = Duration::from_secs(1);

async fn nobody_ever_sees_us(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("linked to Prosody").await?;
    // A meeting that is there when we come up may have been stopped before.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let ada = world.moderator("r1").await?;
    let status = ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    assert_eq!(status.initiator, Some(ada.nick()));
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);
    our_visits(&ada).never()?;
    assert_eq!(autostart.count("entered the room"), 0);
    // What Jicofo answered was for Ada's browser, which has not asked.
    assert_eq!(autostart.count("linked to Prosody"), 1);
    Ok(())
}

async fn another_moderators_name_is_used_when_the_first_has_left(version: Version) -> Result {
    let world = world(version).await?;
    // Without any Jibri nothing would be sent.
    world.jibri_that("jibri-0", Behaviour::FailStart).await?;
    let settings = [("START__REQUEST_TIMEOUT", "2s"), ("MUC__PEEK", "false")];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let ada = world.moderator("r1").await?;
    autostart.logged(&format!(r#""in_name_of":"{}""#, ada.jid())).await?;
    autostart.logged("no recorder came within start.request_timeout").await?;
    let ben = world.person("r1").await?;
    ada.leave().await;
    ben.wait_until_moderator(LONG).await?;
    world.jibri("jibri-1").await?;
    let status = ben.wait_recording("on", LONG).await?;
    assert_eq!(status.initiator, Some(ben.nick()));
    our_visits(&ben).never()?;
    Ok(())
}

async fn a_peek_tells_a_persons_stop_from_a_failure(version: Version) -> Result {
    let world = world(version).await?;
    world.focus.configure(|options| options.num_retries = 0);
    let jibri = world.jibri_that("jibri-1", Behaviour::FailAfter(Duration::from_secs(3))).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    autostart.logged("recording is on").await?;
    autostart.logged("recording over: failed").await?;
    jibri.set_behaviour(Behaviour::healthy());
    jibri.restart().await?;
    autostart.logged_times("recording is on", 2).await?;
    ada.wait_recording("on", LONG).await?;
    ada.stop_recording(SOON).await?.expect("stopped");
    autostart.logged("respected until the meeting ends").await?;
    ada.occupancy().until(SOON, "without us", |view| !view.occupants.contains_key("autostart")).await?;
    our_visits(&ada).at_most(3, A_BLINK)?;
    Ok(())
}

async fn without_peeking_every_end_is_a_failure_up_to_a_limit(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let settings = [("MUC__PEEK", "false")];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let ada = world.moderator("r1").await?;
    for time in 1..=4 {
        autostart.logged_times("recording is on", time).await?;
        ada.wait_recording("on", LONG).await?;
        ada.stop_recording(SOON).await?.expect("stopped");
        autostart.logged_times("Jicofo does not say why", time).await?;
    }
    autostart.logged("nobody could be asked why").await?;
    our_visits(&ada).never()?;
    Ok(())
}

/// Somebody's stop of before is found by asking, once, right after we have come up.
async fn a_meeting_of_before_our_start_may_have_been_stopped(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    ada.start_recording(SOON).await?.expect("a session");
    ada.wait_recording("on", LONG).await?;
    ada.stop_recording(SOON).await?.expect("stopped");
    jibri.until(SOON, "idle again", |jibri| !jibri.is_busy()).await?;
    ada.wait_no_recorder(LONG).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("respected until the meeting ends").await?;
    ada.occupancy().until(SOON, "without us", |view| !view.occupants.contains_key("autostart")).await?;
    our_visits(&ada).at_most(1, A_BLINK)?;
    assert_eq!(world.focus.start_requests_in("r1").len(), 1, "Ada's own");
    Ok(())
}

async fn where_prosody_refuses_the_sender_we_go_on_discreetly(version: Version) -> Result {
    let world = world_with(version, |options| options.prosody.validate_from = true).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    autostart.logged("add validate_from_addresses = false").await?;
    let status = ada.wait_recording("on", LONG).await?;
    assert_eq!(status.initiator.as_deref(), Some("autostart"));
    autostart.logged("recording is on").await?;
    // Found out at the first try.
    autostart.logged_just("add validate_from_addresses = false", 1).await?;
    Ok(())
}
