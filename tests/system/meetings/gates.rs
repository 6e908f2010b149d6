//! Rooms that do not let us in, and set-ups that cannot work: each is told, with what to change.

use testkit::{Client, Login, Manners, Node, PersonOptions, Result, SOON, Version, ns};

use super::autostart::Autostart;
use super::{LONG, autostart_is_in, by_companion, discreetly, on_both, unseen, world, world_with};

on_both! {
    a_room_with_a_password_is_entered,
    a_room_that_lets_people_in_slowly_is_entered_at_our_turn,
    our_nickname_is_taken,
    without_owner_rights_the_setting_is_named,
    without_a_recorder_in_jicofo_the_setting_is_named,
    an_answer_that_cannot_be_mended_is_held,
    a_jicofo_that_does_not_trust_us_still_gets_its_moderator,
}

discreetly! {
    a_room_with_a_password_is_entered,
    a_room_that_lets_people_in_slowly_is_entered_at_our_turn,
    our_nickname_is_taken,
    without_owner_rights_the_setting_is_named,
    without_a_recorder_in_jicofo_the_setting_is_named,
    an_answer_that_cannot_be_mended_is_held,
}

unseen! {
    a_room_with_a_password_is_entered,
    without_owner_rights_the_setting_is_named,
}

by_companion! {
    a_room_with_a_password_is_entered,
}

async fn a_room_with_a_password_is_entered(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    ada.set_up_room(&[("passwordprotectedroom", "1"), ("roomsecret", "sesame")], SOON).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    ada.wait_recording("on", LONG).await?;
    assert_eq!(autostart.count("cannot enter"), 0);
    assert_eq!(autostart.count("sesame"), 0, "it is a secret");
    Ok(())
}

/// 90 people come in one rush, 3 a second are let in, and we are the last.
async fn a_room_that_lets_people_in_slowly_is_entered_at_our_turn(version: Version) -> Result {
    let world = world_with(version, |options| options.prosody.joins_per_second = Some(3)).await?;
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    let mut rush = Vec::new();
    for _ in 1..90 {
        let login = Login::anonymous(testkit::config::DOMAIN);
        rush.push(Client::connect(world.prosody.c2s(), &login, Manners::default()).await?.0);
    }
    for (number, client) in rush.iter().enumerate() {
        let seat = format!("r1@{}/p{number}", testkit::config::MUC);
        client.send(&Node::presence(&seat).child(Node::new("x", ns::MUC)));
    }
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("the room lets people in slowly").await?;
    assert!(world.focus.start_requests().is_empty());
    let is_last = || world.focus.members("r1").len() >= 90;
    world.focus.until(LONG, "full", is_last).await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged_just("the room lets people in slowly", 1).await?;
    autostart.logged_just("entered the room", 1).await?;
    assert_eq!(world.focus.start_requests().len(), 1);
    Ok(())
}

async fn our_nickname_is_taken(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let ada = world.person_with("r1", PersonOptions::nick("autostart")).await?;
    ada.wait_until_moderator(SOON).await?;
    let _autostart = Autostart::start(&world.prosody, &["r1"])?;
    ada.wait_recording("on", LONG).await?;
    let requests = world.focus.start_requests();
    assert!(requests[0].nick.starts_with("autostart_"), "{}", requests[0].nick);
    Ok(())
}

async fn without_owner_rights_the_setting_is_named(version: Version) -> Result {
    let world = world_with(version, |options| options.prosody.component_is_admin = false).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let _ada = world.moderator("r1").await?;
    autostart.logged("component_admins_as_room_owners = true").await?;
    Ok(())
}

async fn without_a_recorder_in_jicofo_the_setting_is_named(version: Version) -> Result {
    let world = world(version).await?;
    // Where there is none, nothing is sent that Jicofo could refuse.
    world.jibri("jibri-1").await?;
    world.focus.configure(|options| options.recording = false);
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let _ada = world.moderator("r1").await?;
    autostart.logged("ENABLE_RECORDING=1").await?;
    Ok(())
}

async fn an_answer_that_cannot_be_mended_is_held(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    world.focus.set_fault(Some(testkit::Fault::Refuse("not-allowed".into(), None)));
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    autostart.logged("Jicofo does not treat us as a moderator").await?;
    // One loud line and no hammering: the request that Ada makes now is the second that Jicofo gets.
    let answer = ada.start_recording(SOON).await?;
    assert!(answer.is_err());
    assert_eq!(world.focus.start_requests().len(), 2);
    Ok(())
}

/// We come into a room before anybody was elected, and Jicofo takes us for the owner (docs/jitsi.md 4.2).
async fn a_jicofo_that_does_not_trust_us_still_gets_its_moderator(version: Version) -> Result {
    let world = world_with(version, |options| options.focus.trusted_domains.clear()).await?;
    world.jibri("jibri-1").await?;
    world.focus.configure(|options| options.auto_owner = false);
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.person("r1").await?;
    world.focus.until(SOON, "with us", || autostart_is_in(&world, "r1")).await?;
    world.focus.configure(|options| options.auto_owner = true);
    // Any presence makes Jicofo look at its owner.
    ada.occupancy().set_extras(Vec::new());
    world
        .focus
        .until(SOON, "owned by us", || world.focus.owner("r1").as_deref() == Some("autostart"))
        .await?;
    autostart.logged("nobody here is a moderator, so we wait outside").await?;
    ada.wait_recording("on", LONG).await?;
    Ok(())
}
