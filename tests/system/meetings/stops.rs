//! `[stop]`: a recording that nobody needs any more is stopped, by us, and comes again when it is needed.

use std::time::Duration;

use testkit::{JibriOptions, Result, SOON, Version};

use super::autostart::Autostart;
use super::{
    LONG, autostart_is_in, by_companion, by_companion_with_rights, discreetly, on_both, our_visits, unseen,
    world,
};

on_both! {
    without_a_moderator_it_is_stopped_and_begun_again_with_one,
    a_moderator_who_reloads_stops_nothing,
    with_nobody_left_it_is_stopped,
    a_dry_run_stops_nothing,
}

discreetly! {
    without_a_moderator_it_is_stopped_and_begun_again_with_one,
    a_moderator_who_reloads_stops_nothing,
    with_nobody_left_it_is_stopped,
}

unseen! {
    without_a_moderator_it_is_stopped_and_begun_again_with_one,
    a_moderator_who_reloads_stops_nothing,
    with_nobody_left_it_is_stopped,
    without_a_name_to_use_and_without_peeking_it_is_left_to_end_by_itself,
}

by_companion! {
    a_moderator_who_reloads_stops_nothing,
    without_a_name_to_use_and_without_peeking_it_is_left_to_end_by_itself,
}

by_companion_with_rights! {
    without_a_moderator_it_is_stopped_and_begun_again_with_one,
    a_moderator_who_reloads_stops_nothing,
    with_nobody_left_it_is_stopped,
    one_visit_is_paid_for_the_stop,
    killed_on_its_visit_it_comes_back_and_goes,
}

const NO_MODERATOR: [(&str, &str); 2] = [("STOP__WHEN", "no-moderator"), ("STOP__DELAY", "1s")];

/// Ada leaves, and Jicofo makes nobody else a moderator.
async fn without_a_moderator_it_is_stopped_and_begun_again_with_one(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let mut autostart = Autostart::start_with(&world.prosody, &["r1"], &NO_MODERATOR, &[])?;
    let ada = world.moderator("r1").await?;
    let ben = world.person("r1").await?;
    autostart.logged("recording is on").await?;
    ben.wait_recording("on", LONG).await?;
    world.focus.configure(|options| options.auto_owner = false);
    ada.leave().await;
    autostart.logged("stop request sent to Jicofo").await?;
    autostart.logged("recording over: stopped by us").await?;
    ben.wait_no_recorder(LONG).await?;
    jibri.until(SOON, "idle again", |jibri| !jibri.is_busy()).await?;
    assert!(ben.wait_recording("off", SOON).await?.initiator.is_some());

    // Nor is it taken for a person's stop by one who was not there.
    autostart.terminate().await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &NO_MODERATOR, &[])?;
    autostart.sees_somebody_in("r1").await?;
    world.focus.promote("r1", &ben.nick()).await?;
    ben.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    assert_eq!(autostart.count("respected until the meeting ends"), 0);
    Ok(())
}

async fn a_moderator_who_reloads_stops_nothing(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let settings = [("STOP__WHEN", "no-moderator"), ("STOP__DELAY", "10s")];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let ada = world.moderator("r1").await?;
    let ben = world.person("r1").await?;
    autostart.logged("recording is on").await?;
    ada.leave().await;
    // Jicofo makes Ben the owner, or Ada again, whoever is there first.
    let ada = world.person("r1").await?;
    ben.wait_until_moderator(LONG).await?;
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(ada.recording().is_some_and(|status| status.status == "on"), "{:?}", ada.recording());
    assert_eq!(autostart.count("stop request sent"), 0);
    Ok(())
}

/// Jibri itself would find the room empty only after half a minute.
async fn with_nobody_left_it_is_stopped(version: Version) -> Result {
    let world = world(version).await?;
    let options = JibriOptions { empty_timeout: LONG, ..JibriOptions::default() };
    let jibri = world.jibri_with("jibri-1", options).await?;
    let settings = [("STOP__WHEN", "empty"), ("STOP__DELAY", "1s")];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let ada = world.moderator("r1").await?;
    autostart.logged("recording is on").await?;
    ada.wait_recording("on", LONG).await?;
    ada.leave().await;
    autostart.logged("stop request sent to Jicofo").await?;
    autostart.logged("recording over: stopped by us").await?;
    jibri.until(SOON, "idle again", |jibri| !jibri.is_busy()).await?;
    world.focus.until(LONG, "gone with the recorder", || !world.focus.is_in("r1")).await?;
    assert!(!autostart_is_in(&world, "r1"));
    Ok(())
}

/// And then the companion is at work again.
async fn one_visit_is_paid_for_the_stop(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start_with(&world.prosody, &[], &NO_MODERATOR, &[])?;
    let ada = world.moderator("r1").await?;
    let ben = world.person("r1").await?;
    ben.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    world.focus.configure(|options| options.auto_owner = false);
    ada.leave().await;
    let off = ben.wait_recording("off", LONG).await?;
    autostart.logged("recording over: stopped by us").await?;
    world.focus.promote("r1", &ben.nick()).await?;
    let on = ben.wait_recording("on", LONG).await?;
    assert_eq!((off.initiator.as_deref(), on.initiator), (Some("autostart"), Some(ben.nick())));
    assert_eq!(our_visits(&ben).at_most(1, SOON)?.len(), 1);
    let url = autostart.http().await?;
    super::api::until(&url, "/api/v1/status", |status| status["footprint"] == "companion").await?;
    assert_eq!(autostart.count("entered the room"), 1);
    Ok(())
}

/// Its occupant stays in the room until the program is back.
async fn killed_on_its_visit_it_comes_back_and_goes(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start_with(&world.prosody, &[], &NO_MODERATOR, &[])?;
    let ada = world.moderator("r1").await?;
    let ben = world.person("r1").await?;
    autostart.logged("recording is on").await?;
    ben.wait_recording("on", LONG).await?;
    world.focus.configure(|options| options.auto_owner = false);
    ada.leave().await;
    autostart.logged("entered the room").await?;
    autostart.signal("KILL");
    drop(autostart);
    let autostart = Autostart::start_with(&world.prosody, &[], &NO_MODERATOR, &[])?;
    ben.wait_recording("off", LONG).await?;
    world.focus.until(LONG, "without us", || !autostart_is_in(&world, "r1")).await?;
    world.focus.promote("r1", &ben.nick()).await?;
    ben.wait_recording("on", LONG).await?;
    assert_eq!(autostart.count("respected until the meeting ends"), 0);
    Ok(())
}

async fn a_dry_run_stops_nothing(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &NO_MODERATOR, &["--dry-run"])?;
    let ada = world.moderator("r1").await?;
    let ben = world.person("r1").await?;
    ada.start_recording(SOON).await?.expect("a session");
    autostart.logged("recording is on").await?;
    world.focus.configure(|options| options.auto_owner = false);
    ada.leave().await;
    autostart.logged("would send a stop request now").await?;
    ben.wait_recording("on", LONG).await?;
    assert_eq!(autostart.count("stop request sent"), 0);
    Ok(())
}

async fn without_a_name_to_use_and_without_peeking_it_is_left_to_end_by_itself(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let settings = [NO_MODERATOR[0], NO_MODERATOR[1], ("MUC__PEEK", "false")];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let ada = world.moderator("r1").await?;
    let ben = world.person("r1").await?;
    autostart.logged("recording is on").await?;
    ben.wait_recording("on", LONG).await?;
    world.focus.configure(|options| options.auto_owner = false);
    ada.leave().await;
    autostart.logged("no moderator is left in whose name it could be stopped").await?;
    our_visits(&ben).never()?;
    assert!(ben.recording().is_some_and(|status| status.status == "on"));
    Ok(())
}
