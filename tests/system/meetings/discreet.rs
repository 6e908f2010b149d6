//! What is true of the discreet footprint only: nobody sees us but for a moment, and what we miss from outside
//! is made up for.

use std::time::Duration;

use testkit::{Behaviour, FocusOptions, Result, SOON, Version};

use super::autostart::Autostart;
use super::{LONG, discreetly, our_visits, world};

discreetly! {
    nobody_sees_us_but_for_the_moment_of_the_start,
    a_recording_that_runs_already_is_visited_once,
    after_a_restart_what_was_recorded_is_not_visited,
    a_failure_is_told_from_a_stop,
    a_natural_end_is_started_again,
    pending_that_never_turns_on_is_tried_again,
}

async fn nobody_sees_us_but_for_the_moment_of_the_start(version: Version) -> Result {
    let world = world(version).await?;
    let launch = Duration::from_millis(700);
    world.focus.configure(FocusOptions::be_patient);
    world.jibri_that("jibri-1", Behaviour::slow(launch)).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    ada.occupancy().until(SOON, "without us", |view| !view.occupants.contains_key("autostart")).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let seen = our_visits(&ada).at_most(1, launch + Duration::from_secs(10))?;
    println!("seen in the room for {:?}; Jibri took {launch:?}", seen[0].lasted());
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);
    Ok(())
}

/// From outside an account of Jibri's may be a gateway's.
async fn a_recording_that_runs_already_is_visited_once(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    ada.start_recording(SOON).await?.expect("a session");
    ada.wait_recorder(LONG).await?;
    ada.wait_recording("on", LONG).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("recording is on").await?;
    ada.occupancy().until(SOON, "without us", |view| !view.occupants.contains_key("autostart")).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    autostart.logged_just("entered the room", 1).await?;
    our_visits(&ada).at_most(1, SOON)?;
    assert_eq!(world.focus.start_requests_in("r1").len(), 1, "only Ada's own");
    Ok(())
}

/// The ledger knows it.
async fn after_a_restart_what_was_recorded_is_not_visited(version: Version) -> Result {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ledger.db").display().to_string();
    let settings = [("LEDGER__PATH", path.as_str())];
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let mut autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    ada.occupancy().until(SOON, "without us", |view| !view.occupants.contains_key("autostart")).await?;
    let visits = our_visits(&ada).visits();
    autostart.terminate().await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    autostart.logged("recording is on").await?;
    // That nothing happens in this time is what is tested.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(autostart.count("entered the room"), 0);
    assert_eq!(our_visits(&ada).visits(), visits);
    assert_eq!(world.focus.start_requests_in("r1").len(), 1, "the one before the restart");
    Ok(())
}

async fn a_failure_is_told_from_a_stop(version: Version) -> Result {
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
    assert_eq!(autostart.count("until the meeting ends"), 0, "a failure is not a person's stop");
    Ok(())
}

async fn a_natural_end_is_started_again(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let _ada = world.moderator("r1").await?;
    autostart.logged("recording is on").await?;
    jibri.stop_from_outside();
    autostart.logged("ended by itself").await?;
    autostart.logged_times("recording is on", 2).await?;
    Ok(())
}

async fn pending_that_never_turns_on_is_tried_again(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri_that("jibri-1", Behaviour::PendingForever).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    autostart.logged("Jicofo has found a Jibri").await?;
    // Jicofo gives up on it, which the Jibri shows in the brewery; so we come in and ask.
    autostart.logged("ended before it was on").await?;
    jibri.set_behaviour(Behaviour::healthy());
    jibri.restart().await?;
    ada.wait_recording("on", LONG).await?;
    Ok(())
}
