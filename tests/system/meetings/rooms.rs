//! Rooms with gates as Jitsi has them: for members only, with a lobby, full, with a password, with odd names.

use std::time::Duration;

use testkit::{Result, SOON, Version};

use super::autostart::Autostart;
use super::{LONG, by_companion, discreetly, on_both, our_visits, unseen, world, world_with};

on_both! {
    a_members_only_room_is_recorded,
    a_room_with_a_lobby_is_recorded,
    whatever_the_password_is_it_opens_the_room,
    whatever_a_room_is_called_it_is_recorded,
}

discreetly! {
    a_members_only_room_is_recorded,
    a_room_with_a_lobby_is_recorded,
    a_full_room_is_told_of_once_and_recorded_when_there_is_space,
    whatever_the_password_is_it_opens_the_room,
    a_password_that_xml_bends_is_told_of_and_no_more,
    a_password_that_is_changed_between_visits_is_asked_for_again,
    whatever_a_room_is_called_it_is_recorded,
}

unseen! {
    a_members_only_room_is_recorded,
    whatever_a_room_is_called_it_is_recorded,
}

by_companion! {
    a_members_only_room_is_recorded,
    whatever_a_room_is_called_it_is_recorded,
}

async fn a_members_only_room_is_recorded(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    ada.set_up_room(&[("membersonly", "1")], SOON).await?;
    // Without Jitsi's lobby, recorders have to be members.
    ada.set_affiliation("recorder@hidden.meet.jitsi", "member", SOON).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    assert_eq!(autostart.count("cannot enter"), 0);
    Ok(())
}

/// It refuses whoever shows no display name, owners too; we show one.
async fn a_room_with_a_lobby_is_recorded(version: Version) -> Result {
    let world = world_with(version, |options| options.prosody.lobby = true).await?;
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    ada.set_up_room(&[("membersonly", "1")], SOON).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged("recording is on").await?;
    assert_eq!(autostart.count("cannot enter"), 0);
    Ok(())
}

async fn a_full_room_is_told_of_once_and_recorded_when_there_is_space(version: Version) -> Result {
    let world = world_with(version, |options| {
        options.prosody.max_occupants = Some(2);
        options.prosody.debug_log = true;
    })
    .await?;
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    let ben = world.person("r1").await?;
    let knocks = || world.prosody.count_log(&["Received[component]", "<presence", "r1@muc.meet.jitsi/"]);
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("the room is full (MAX_PARTICIPANTS): add our domain to muc_access_whitelist").await?;
    assert_eq!(knocks(), 1);
    // The next knock is after half a minute; two have to be seen to know that the second is not told of.
    let first = std::time::Instant::now();
    assert!(testkit::eventually(Duration::from_secs(60), || knocks() > 1).await, "given up");
    assert!(first.elapsed() > Duration::from_secs(25), "knocked again after {:?}", first.elapsed());
    ben.leave().await;
    ada.wait_recording("on", Duration::from_secs(60)).await?;
    autostart.logged("recording is on").await?;
    autostart.logged_just("cannot enter", 1).await?;
    let requests = world.focus.start_requests_in("r1");
    assert_eq!(requests.len(), 1);
    ada.occupancy().until(SOON, "without us", |view| !view.occupants.contains_key("autostart")).await?;
    our_visits(&ada).at_most(1, SOON)?;
    Ok(())
}

async fn whatever_the_password_is_it_opens_the_room(version: Version) -> Result {
    let passwords = [
        "<\"&'>]]>&amp;</password></x></presence>".to_owned(),
        "é".repeat(1_000),
        "\u{202e}שלום\u{2066}🎥\u{200b}\u{feff}".to_owned(),
        "one\ttwo\nthree\u{85}\u{9b}1m\u{7f}".to_owned(),
        "  ".to_owned(),
    ];
    let world = world(version).await?;
    let mut people = Vec::new();
    for (number, password) in passwords.iter().enumerate() {
        world.jibri(&format!("jibri-{number}")).await?;
        let person = world.moderator(&format!("r{number}")).await?;
        let name = "<value>&\u{202e}muc#roomconfig_roomsecret".repeat(100);
        let fields = [("roomname", name.as_str()), ("passwordprotectedroom", "1"), ("roomsecret", password)];
        person.set_up_room(&fields, SOON).await?;
        people.push(person);
    }
    let autostart = Autostart::start(&world.prosody, &["r0", "r1", "r2", "r3", "r4"])?;
    for (person, password) in people.iter().zip(&passwords) {
        person.wait_recording("on", LONG).await.map_err(|error| format!("{password:?}: {error}"))?;
        let start: String = password.trim().chars().take(5).collect();
        assert!(start.is_empty() || autostart.count(&start) == 0, "{password:?} is a secret");
    }
    autostart.logged_times("recording is on", 5).await?;
    assert_eq!(autostart.count("cannot enter"), 0);
    assert_eq!(autostart.count("linked to Prosody"), 1);
    Ok(())
}

/// A carriage return goes out as it is and is read as a line feed, on the way to us or from us.
async fn a_password_that_xml_bends_is_told_of_and_no_more(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    world.jibri("jibri-2").await?;
    let ada = world.moderator("r1").await?;
    let form = format!(
        "<iq type='set' id='cr' to='{}'><query xmlns='http://jabber.org/protocol/muc#owner'>\
         <x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>\
         <field var='muc#roomconfig_passwordprotectedroom'><value>1</value></field>\
         <field var='muc#roomconfig_roomsecret'><value>sesame&#13;sesame</value></field></x></query></iq>",
        ada.occupancy().room()
    );
    ada.client().send_raw(&form);
    let answer = ada.client().wait_for(|node| node.get("id") == Some("cr"), SOON).await?;
    assert_eq!(answer.node.get("type"), Some("result"), "{}", answer.node);
    let autostart = Autostart::start(&world.prosody, &["r1", "r2"])?;
    autostart.logged("the room has a password").await?;
    let ben = world.moderator("r2").await?;
    ben.wait_recording("on", LONG).await?;
    assert_eq!(autostart.count("sesame"), 0, "it is a secret");
    assert_eq!(autostart.count("linked to Prosody"), 1);
    assert!(our_visits(&ada).visits().is_empty());
    Ok(())
}

async fn a_password_that_is_changed_between_visits_is_asked_for_again(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    ada.set_up_room(&[("passwordprotectedroom", "1"), ("roomsecret", "first")], SOON).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    autostart.logged("recording is on").await?;
    ada.occupancy().until(SOON, "without us", |view| !view.occupants.contains_key("autostart")).await?;
    ada.set_up_room(&[("passwordprotectedroom", "1"), ("roomsecret", "second")], SOON).await?;
    jibri.stop_from_outside();
    // The one that is known is refused, which costs half a minute.
    let is_on_again = || autostart.count("recording is on") == 2;
    assert!(testkit::eventually(Duration::from_secs(60), is_on_again).await, "not recorded again");
    assert_eq!(world.focus.start_requests_in("r1").len(), 2);
    assert!(autostart.count("cannot enter") <= 1);
    Ok(())
}

async fn whatever_a_room_is_called_it_is_recorded(version: Version) -> Result {
    let names = ["$(reboot)`id`;%0a", "..%2f..%2fetc", "שלום\u{5d0}", &"x".repeat(1_000), "[x", "{{7*7}}"];
    let world = world_with(version, |options| options.prosody.public_rooms = true).await?;
    let settings = [("DISCOVERY__DISCO_INTERVAL", "200ms")];
    let autostart = Autostart::start_with(&world.prosody, &[], &settings, &[])?;
    let mut people = Vec::new();
    for (number, name) in names.iter().enumerate() {
        world.jibri(&format!("jibri-{number}")).await?;
        people.push(world.moderator(name).await?);
    }
    for person in &people {
        person.wait_recording("on", LONG).await?;
    }
    autostart.logged_times("recording is on", names.len()).await?;
    assert_eq!(autostart.count("linked to Prosody"), 1);
    Ok(())
}
