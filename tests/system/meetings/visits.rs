//! What people and servers do while we visit a room, and between two visits.

use std::time::Duration;

use testkit::config::COMPONENT;
use testkit::{
    Behaviour, Fault, FocusOptions, Login, Node, Person, PersonOptions, Result, SOON, Version, World,
    eventually, ns,
};

use super::autostart::Autostart;
use super::nonsense::{awkward_names, send_nonsense};
use super::{LONG, autostart_is_in, discreetly, our_visits, unseen, world, world_with};

discreetly! {
    we_are_killed_at_any_moment_of_a_visit,
    we_are_put_out_in_the_middle_of_a_start,
    jicofo_is_restarted_in_the_middle_of_a_start,
    the_room_is_destroyed_in_the_middle_of_a_start,
    prosody_stands_still_in_the_middle_of_a_start,
    nonsense_during_a_visit_changes_nothing,
    nonsense_between_visits_changes_nothing,
    awkward_names_do_not_blind_us,
    the_owner_leaves_during_our_visit_and_jicofo_does_not_trust_us,
    rooms_that_are_not_there_are_not_made,
    a_room_without_focus_is_not_entered,
}

unseen! {
    nonsense_between_visits_changes_nothing,
    awkward_names_do_not_blind_us,
    rooms_that_are_not_there_are_not_made,
    a_room_without_focus_is_not_entered,
}

/// A Jibri whose Chrome takes so long to launch, which makes for a long visit.
async fn slow_jibri(world: &World, launch: Duration) -> Result<testkit::Jibri> {
    world.focus.configure(FocusOptions::be_patient);
    world.jibri_that("jibri-1", Behaviour::Healthy { launch, join: Duration::ZERO }).await
}

async fn we_are_gone(person: &Person) -> Result {
    person.occupancy().until(SOON, "without us", |view| !view.occupants.contains_key("autostart")).await
}

async fn we_are_killed_at_any_moment_of_a_visit(version: Version) -> Result {
    let world = world(version).await?;
    world.focus.configure(FocusOptions::be_patient);
    let slow = Behaviour::slow(Duration::from_millis(400));
    let moments = ["entered the room", "start request sent", "Jicofo has found a Jibri", "recording is on"];
    let mut jibris = Vec::new();
    for (number, moment) in moments.iter().enumerate() {
        jibris.push(world.jibri_that(&format!("jibri-{number}"), slow).await?);
        let room = format!("r{number}");
        let autostart = Autostart::start(&world.prosody, &[&room])?;
        let ada = world.moderator(&room).await?;
        autostart.logged(moment).await?;
        // SIGKILL: what we knew is lost, what Jicofo knows is not, and Prosody takes us for an occupant still.
        drop(autostart);
        let autostart = Autostart::start(&world.prosody, &[&room])?;
        ada.wait_recording("on", LONG).await?;
        autostart.logged("recording is on").await?;
        we_are_gone(&ada).await?;
        our_visits(&ada).at_most(3, SOON)?;
        let starts: usize = jibris.iter().map(|jibri| jibri.starts().len()).sum();
        assert_eq!(starts, number + 1, "one recording, not two, after {moment:?}");
        let session = ada.recording().map(|recording| recording.session_id);
        assert_eq!(session, world.focus.session(&room), "{moment}");
    }
    Ok(())
}

async fn we_are_put_out_in_the_middle_of_a_start(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = slow_jibri(&world, Duration::from_secs(2)).await?;
    // The first request is lost; nobody will ever answer it.
    world.focus.inject(Fault::Ignore);
    let settings = [("START__REQUEST_TIMEOUT", "3s")];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let ada = world.moderator("r1").await?;
    for times in 1..=2 {
        // The second has reached a Jibri before we are out: Jicofo would refuse it afterwards.
        let asked = || world.focus.start_requests().len() == times && jibri.starts().len() == times - 1;
        assert!(eventually(LONG, asked).await, "asked {times} times");
        ada.have_put_out("autostart");
        autostart.logged_times("no longer in the room", times).await?;
    }
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    assert_eq!(jibri.starts().len(), 1);
    assert_eq!(world.focus.start_requests_in("r1").len(), 2);
    we_are_gone(&ada).await?;
    our_visits(&ada).at_most(3, SOON)?;
    Ok(())
}

/// It has forgotten our request, and nobody will ever answer it.
async fn jicofo_is_restarted_in_the_middle_of_a_start(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    world.focus.inject(Fault::Ignore);
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    world.focus.until(SOON, "asked", || !world.focus.start_requests().is_empty()).await?;
    world.focus.restart().await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    assert_eq!(jibri.starts().len(), 1);
    we_are_gone(&ada).await?;
    our_visits(&ada).at_most(3, SOON)?;
    Ok(())
}

/// A moderator ends the meeting for all.
async fn the_room_is_destroyed_in_the_middle_of_a_start(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = slow_jibri(&world, Duration::from_secs(2)).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    // In a room that is gone sooner it would reach nobody.
    jibri.until(LONG, "asked to record", |jibri| jibri.starts().len() == 1).await?;
    let destroy = Node::new("query", ns::MUC_OWNER).child(Node::new("destroy", ""));
    let answer = ada.client().request(Node::iq("set", ada.occupancy().room()).child(destroy), SOON).await?;
    assert_eq!(answer.get("type"), Some("result"), "{answer}");
    world.focus.until(SOON, "out of the room", || !world.focus.is_in("r1")).await?;
    autostart.logged("no longer in the room").await?;
    // Its Chrome was still starting; the order to stop comes right after that.
    jibri.until(LONG, "stopped", |jibri| jibri.stops() > 0 && !jibri.is_busy()).await?;
    // Another meeting in the same room.
    let ben = world.moderator("r1").await?;
    ben.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    we_are_gone(&ben).await?;
    our_visits(&ben).at_most(1, SOON)?;
    assert_eq!(world.focus.start_requests_in("r1").len(), 2);
    Ok(())
}

async fn prosody_stands_still_in_the_middle_of_a_start(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = slow_jibri(&world, Duration::from_secs(1)).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    autostart.logged("start request sent").await?;
    world.prosody.freeze(true);
    // The time itself is what is tested: long enough for the launch to be over.
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.prosody.freeze(false);
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    we_are_gone(&ada).await?;
    our_visits(&ada).at_most(1, SOON)?;
    assert_eq!((jibri.starts().len(), world.focus.start_requests_in("r1").len()), (1, 1));
    assert_eq!(autostart.count("linked to Prosody"), 1);
    Ok(())
}

async fn nonsense_during_a_visit_changes_nothing(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    // Our request is lost, so the visit lasts until Ada presses the button herself.
    world.focus.inject(Fault::Ignore);
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    let eve = world.person("r1").await?;
    world.focus.until(LONG, "asked to record", || world.focus.start_requests().len() == 1).await?;
    send_nonsense(&eve).await?;
    assert!(autostart_is_in(&world, "r1"), "all of that was during the visit, and it goes on");
    ada.start_recording(SOON).await?.expect("started");
    autostart.logged("recording is on").await?;
    we_are_gone(&ada).await?;
    let longest = Duration::from_secs(90);
    assert_eq!(our_visits(&ada).at_most(1, longest)?.len(), 1, "nor were we thrown out");
    assert_eq!(autostart.count("linked to Prosody"), 1, "the link was never lost");
    assert_eq!(jibri.starts().len(), 1);
    Ok(())
}

async fn nonsense_between_visits_changes_nothing(version: Version) -> Result {
    // Prosody gives Eve's presence to whoever comes, and takes long for it: a start is not to fail because of that.
    let world = world_with(version, |options| {
        let FocusOptions { reply_timeout, pending_timeout, .. } = FocusOptions::default();
        (options.focus.reply_timeout, options.focus.pending_timeout) = (reply_timeout, pending_timeout);
    })
    .await?;
    let jibri = world.jibri("jibri-1").await?;
    let patient = [("START__REQUEST_TIMEOUT", "100s")];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &patient, &[])?;
    let ada = world.moderator("r1").await?;
    let eve = world.person("r1").await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    we_are_gone(&ada).await?;
    let before = our_visits(&ada).at_most(1, SOON)?.len();
    send_nonsense(&eve).await?;
    assert_eq!(our_visits(&ada).visits().len(), before, "nothing of that makes us come");
    jibri.stop_from_outside();
    autostart.logged_times("recording is on", 2).await?;
    assert_eq!(autostart.count("linked to Prosody"), 1, "the link was never lost");
    assert_eq!(world.focus.start_requests_in("r1").len(), 2);
    Ok(())
}

/// They are in the lists that we look at, nick and real address both.
async fn awkward_names_do_not_blind_us(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    world.focus.configure(|options| options.auto_owner = false);
    let mut people = vec![world.person("r1").await?];
    for name in awkward_names() {
        let mut login = Login::anonymous(testkit::config::DOMAIN);
        login.resource = Some(name.clone());
        people.push(world.person_with("r1", PersonOptions { login, ..PersonOptions::nick(&name) }).await?);
    }
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged(r#""people":5,"moderators":0"#).await?;
    // The one with the longest name is the moderator.
    world.focus.promote("r1", &people[1].nick()).await?;
    people[0].wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    assert_eq!(autostart.count("linked to Prosody"), 1);
    Ok(())
}

/// We are an owner, and the next in line to Jicofo (docs/jitsi.md 4.2): for the visit, and no longer.
async fn the_owner_leaves_during_our_visit_and_jicofo_does_not_trust_us(version: Version) -> Result {
    let world = world_with(version, |options| options.focus.trusted_domains.clear()).await?;
    slow_jibri(&world, Duration::from_secs(3)).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let ada = world.moderator("r1").await?;
    let ben = world.person("r1").await?;
    autostart.logged("start request sent").await?;
    ada.leave().await;
    let owner = || world.focus.owner("r1");
    world.focus.until(SOON, "owned by us", || owner().as_deref() == Some("autostart")).await?;
    world.focus.until(LONG, "owned by Ben", || owner() == Some(ben.nick())).await?;
    ben.wait_until_moderator(SOON).await?;
    ben.wait_recording("on", LONG).await?;
    we_are_gone(&ben).await?;
    our_visits(&ben).at_most(1, SOON)?;
    Ok(())
}

/// How often Prosody was asked by us who is in a room, and how often to let us in.
fn looks_and_knocks(world: &World, room: &str) -> (usize, usize) {
    let (from, to) = (format!("from='autostart@{COMPONENT}/a'"), format!("to='{room}@muc.meet.jitsi"));
    let count = |what| world.prosody.count_log(&["Received[component]", what, &from, &to]);
    (count("<iq"), count("<presence"))
}

async fn rooms_that_are_not_there_are_not_made(version: Version) -> Result {
    let world = world_with(version, |options| options.prosody.debug_log = true).await?;
    let autostart = Autostart::start(&world.prosody, &["r1", "r2"])?;
    autostart.logged("linked to Prosody").await?;
    let enough = || ["r1", "r2"].iter().all(|room| looks_and_knocks(&world, room).0 >= 6);
    assert!(eventually(LONG, enough).await, "{:?}", looks_and_knocks(&world, "r1"));
    for room in ["r1", "r2"] {
        assert_eq!(looks_and_knocks(&world, room).1, 0);
        // Nobody but Jicofo may make a room, so this is refused where there is none.
        let eve = Person::enter(&world.prosody, room, PersonOptions::default()).await?;
        eve.occupancy().until(SOON, "refused", |view| view.refused.is_some()).await?;
        let refused = eve.occupancy().look(|view| view.refused.clone()).expect("just seen");
        assert_eq!(refused.condition(), Some("not-allowed"), "{refused}");
    }
    // And when one is made and over again, it stays over.
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    we_are_gone(&ada).await?;
    ada.leave().await;
    world.focus.until(LONG, "gone from the room", || !world.focus.is_in("r1")).await?;
    autostart.logged("recording over").await?;
    let looked_again = async || {
        let enough = looks_and_knocks(&world, "r1").0 + 6;
        assert!(eventually(LONG, || looks_and_knocks(&world, "r1").0 >= enough).await);
        looks_and_knocks(&world, "r1").1
    };
    // A visit may be under way at that moment, to ask why.
    let knocks = looked_again().await;
    assert_eq!(looked_again().await, knocks);
    Ok(())
}

async fn a_room_without_focus_is_not_entered(version: Version) -> Result {
    let world = world_with(version, |options| options.prosody.debug_log = true).await?;
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    world.focus.disconnect();
    ada.occupancy().until(SOON, "without focus", |view| view.focus().is_none()).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.sees_somebody_in("r1").await?;
    assert!(eventually(LONG, || looks_and_knocks(&world, "r1").0 >= 10).await);
    assert_eq!(looks_and_knocks(&world, "r1").1, 0);
    our_visits(&ada).never()?;
    world.focus.reconnect().await?;
    ada.wait_recording("on", LONG).await?;
    Ok(())
}
