//! More meetings than Jibris, and Jibris that die.

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::process::this_test;
use testkit::{Behaviour, FocusOptions, JibriProcessOptions, Life, Result, ServiceManager, Version};

use super::super::api::until;
use super::super::receiver::Receiver;
use super::super::{LONG, discreetly, on_both, world, world_with};
use super::Setup;

on_both! {
    three_rooms_and_one_jibri,
    it_dies_while_it_records,
    it_dies_and_jicofo_takes_another,
}

discreetly! {
    three_rooms_and_one_jibri,
    it_dies_while_it_records,
}

/// Whoever has waited longest is next; their names say the opposite.
async fn three_rooms_and_one_jibri(version: Version) -> Result {
    let world = world(version).await?;
    world.focus.configure(FocusOptions::be_patient);
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let slow = Life::of(Behaviour::slow(Duration::from_millis(400)));
    let options = JibriProcessOptions { lives: vec![slow], ..JibriProcessOptions::new("jibri-1") };
    let jibri = world.jibri_process(&manager, options).await?;
    let autostart = Setup::new()
        .asked(&jibri)
        // No start takes so long by itself, on a busy machine either.
        .set("ALERTS__START_OVERDUE", "5s")
        .tells(&receiver)
        .start(&world, &["z-first", "m-second", "a-third"])?;
    autostart.logged("the brewery is seen").await?;
    let first = world.moderator("z-first").await?;
    first.wait_recording("on", LONG).await?;
    let second = world.moderator("m-second").await?;
    let url = autostart.http().await?;
    let place = |room: &'static str, place: u64| {
        let (url, path) = (url.clone(), format!("/api/v1/rooms/{room}"));
        let reason =
            if place == 1 { "first in the queue".to_owned() } else { format!("place {place} in the queue") };
        async move {
            let waits = |room: &Value| {
                room["state"] == "waiting"
                    && room["place"] == place
                    && room["reason"].as_str().is_some_and(|why| why.ends_with(&reason))
            };
            until(&url, &path, waits).await
        }
    };
    place("m-second", 1).await?;
    let third = world.moderator("a-third").await?;
    place("a-third", 2).await?;
    until(&url, "/api/v1/status", |status| status["not_recorded_why"] == "no Jibri is free").await?;
    // One alert says why both are overdue.
    receiver.hears("no_jibri_free", "raised").await?;
    until(&url, "/api/v1/status", |status| status["rooms_overdue"] == 2).await?;
    // Nothing is asked for that cannot be had.
    assert_eq!(world.focus.start_requests().len(), 1);

    let mut at_work = first;
    for (person, room) in [(second, "m-second"), (third, "a-third")] {
        at_work.leave().await;
        world.focus.wait_available(1).await?;
        let idle = Instant::now();
        let has_come = || !world.focus.start_requests_in(room).is_empty();
        world.focus.until(LONG, "asked to start", has_come).await?;
        let took = world.focus.start_requests_in(room)[0].at.saturating_duration_since(idle);
        println!("from the idle presence to the start: {took:?}");
        person.wait_recording("on", LONG).await?;
        at_work = person;
    }
    let rooms: Vec<String> = world.focus.start_requests().into_iter().map(|request| request.room).collect();
    assert_eq!(rooms, ["z-first", "m-second", "a-third"].map(|room| format!("{room}@muc.meet.jitsi")));
    receiver.hears("no_jibri_free", "resolved").await?;
    assert_eq!((receiver.told_of("start_overdue").len(), receiver.told_of("no_jibri_free").len()), (0, 2));
    Ok(())
}

/// Jicofo tries no other, so it is ours to do.
async fn it_dies_while_it_records(version: Version) -> Result {
    let world = world_with(version, |options| options.focus.num_retries = 0).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let first = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let second = world.jibri_process(&manager, JibriProcessOptions::new("jibri-2")).await?;
    let autostart = Setup::new().asked(&first).asked(&second).tells(&receiver).start(&world, &["r1"])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    let (dying, other) =
        if first.state().await?.recording.is_some() { (first, second) } else { (second, first) };
    let died = Instant::now();
    dying.kill();
    let again = || world.focus.start_requests_in("r1").len() == 2;
    world.focus.until(LONG, "asked again", again).await?;
    let took = world.focus.start_requests_in("r1")[1].at.saturating_duration_since(died);
    println!("from its death to the next start: {took:?}");
    let status = ada.wait_recording("on", LONG).await?;
    other.until(LONG, "recording", |state| state.recording.as_ref() == Some(&status.session_id)).await?;
    let lost = receiver.hears("recording_lost", "raised").await?;
    assert_eq!(lost["subject"], "r1@muc.meet.jitsi");
    let offline = receiver.hears("jibri_offline", "raised").await?;
    assert_eq!(offline["subject"], dying.name());
    Ok(())
}

/// Jicofo takes another for the same session: nobody has to start anything.
async fn it_dies_and_jicofo_takes_another(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let first = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let second = world.jibri_process(&manager, JibriProcessOptions::new("jibri-2")).await?;
    let autostart = Setup::new().asked(&first).asked(&second).start(&world, &["r1"])?;
    let ada = world.moderator("r1").await?;
    let status = ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    let (dying, other) =
        if first.state().await?.recording.is_some() { (first, second) } else { (second, first) };
    dying.kill();
    autostart.logged("Jibri is offline").await?;
    other.until(LONG, "recording", |state| state.recording.as_ref() == Some(&status.session_id)).await?;
    ada.wait_recording("on", LONG).await?;
    assert_eq!(world.focus.start_requests().len(), 1);
    Ok(())
}
