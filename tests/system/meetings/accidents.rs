//! What servers do: restart, vanish, forget.

use std::time::{Duration, Instant};

use testkit::{Behaviour, FocusOptions, Result, SOON, Version};

use super::autostart::Autostart;
use super::{LONG, autostart_is_in, by_companion, discreetly, on_both, unseen, world};

on_both! {
    prosody_is_restarted_five_times_in_the_middle,
    jicofo_is_restarted_and_the_recorder_stays,
    our_end_is_polite_and_recordings_go_on,
    we_are_killed_and_come_back,
    prosody_comes_later_than_we_do,
}

discreetly! {
    prosody_is_restarted_five_times_in_the_middle,
    jicofo_is_restarted_and_the_recorder_stays,
    our_end_is_polite_and_recordings_go_on,
    prosody_comes_later_than_we_do,
}

unseen! {
    prosody_is_restarted_five_times_in_the_middle,
    jicofo_is_restarted_and_the_recorder_stays,
    our_end_is_polite_and_recordings_go_on,
    prosody_comes_later_than_we_do,
    a_start_that_jicofo_gives_up_while_its_jibri_launches_is_tried_again,
}

by_companion! {
    prosody_is_restarted_five_times_in_the_middle,
    jicofo_is_restarted_and_the_recorder_stays,
    our_end_is_polite_and_recordings_go_on,
    prosody_comes_later_than_we_do,
}

async fn prosody_is_restarted_five_times_in_the_middle(version: Version) -> Result {
    let mut world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    // Before that, a restart interrupts no link of ours and there are five in all.
    autostart.logged("linked to Prosody").await?;
    let mut worst = Duration::ZERO;
    for round in 1..=5 {
        let ada = world.moderator("r1").await?;
        // Once in the middle of a start, once when it is on, and so on.
        if round % 2 == 0 {
            ada.wait_recording("on", LONG).await?;
        }
        world.prosody.restart().await?;
        world.everybody_reconnects().await?;
        let eve = world.moderator("r1").await?;
        let waiting = Instant::now();
        eve.wait_recording("on", LONG).await?;
        worst = worst.max(waiting.elapsed());
        eve.leave().await;
        world.focus.until(LONG, "gone from the room", || !world.focus.is_in("r1")).await?;
    }
    println!("longest wait for a recording after a restart of Prosody: {worst:?}");
    autostart.logged_times("linked to Prosody", 6).await?;
    Ok(())
}

async fn jicofo_is_restarted_and_the_recorder_stays(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    // From outside it takes a look to know; what is over before that is noticed after pending_timeout only.
    autostart.logged("recording is on").await?;
    world.focus.restart().await?;
    ada.occupancy()
        .until(SOON, "with a new focus", |view| view.focus().is_some() && view.recording().is_none())
        .await?;
    // The recorder is still at work and Jicofo does not know: nothing to start.
    assert!(jibri.recording().is_some());
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);
    // When it ends, the recording is missing, and Jicofo is asked again.
    jibri.stop_from_outside();
    ada.wait_recording("on", LONG).await?;
    autostart.logged_times("recording is on", 2).await?;
    Ok(())
}

async fn our_end_is_polite_and_recordings_go_on(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let mut autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    let (status, took) = autostart.terminate().await?;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(10), "took {took:?}");
    ada.occupancy().until(SOON, "without us", |view| !view.occupants.contains_key("autostart")).await?;
    assert!(jibri.recording().is_some());
    assert_eq!(ada.recording().map(|r| r.status), Some("on".to_owned()));
    Ok(())
}

async fn we_are_killed_and_come_back(version: Version) -> Result {
    let world = world(version).await?;
    world.focus.configure(FocusOptions::be_patient);
    let slow = Behaviour::slow(Duration::from_millis(400));
    let jibri = world.jibri_that("jibri-1", slow).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    // In the middle of the start: what we knew is lost, what Jicofo knows is not.
    autostart.logged("start request sent").await?;
    drop(autostart);
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    assert_eq!(jibri.starts().len(), 1, "one recording, not two");
    assert!(autostart_is_in(&world, "r1"));
    Ok(())
}

async fn prosody_comes_later_than_we_do(version: Version) -> Result {
    let mut world = world(version).await?;
    world.jibri("jibri-1").await?;
    world.prosody.stop().await;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("no link to Prosody").await?;
    world.prosody.start().await?;
    world.everybody_reconnects().await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    Ok(())
}

/// The Jibri turns busy, and idle again; the refusal goes to the moderator, and the room is told nothing.
async fn a_start_that_jicofo_gives_up_while_its_jibri_launches_is_tried_again(version: Version) -> Result {
    let world = world(version).await?;
    let launch = FocusOptions::fast().reply_timeout * 2;
    let jibri = world.jibri_that("jibri-1", Behaviour::Healthy { launch, join: Duration::ZERO }).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    let ada = world.moderator("r1").await?;
    autostart.logged("a Jibri is now busy with this meeting").await?;
    jibri.until(SOON, "stopped", |jibri| jibri.stops() >= 1).await?;
    assert!(ada.recording().is_none());
    jibri.set_behaviour(Behaviour::healthy());
    // Sooner than `start.pending_timeout`.
    ada.wait_recording("on", LONG).await?;
    assert_eq!(jibri.recording(), ada.recording().map(|status| status.session_id));
    Ok(())
}
