//! With the companion inside Prosody (docs/companion.md): nobody sees us, people are told that they are recorded, and it may
//! come and go.

use std::process::Command;

use serde_json::Value;
use testkit::{Behaviour, Node, Person, Result, SOON, Version, World, WorldOptions};

use super::api::{command_with, get, shows, until};
use super::autostart::Autostart;
use super::receiver::Receiver;
use super::{LONG, our_visits, with_footprint, world, world_with};

with_footprint! { "companion", companion_0_12, companion_13,
    nobody_sees_us_and_people_are_told,
    what_a_person_ends_is_told_once,
    a_recording_that_breaks_is_heard_as_an_end_and_a_beginning,
    told_once_a_restart_is_not_heard,
    where_people_are_told_otherwise_nothing_is_said,
    the_next_moderator_is_spoken_for,
    an_order_to_stop_waits_for_a_moderator,
    no_second_start_when_we_are_killed,
    a_notice_that_was_left_behind_is_taken_back,
    without_the_module_nothing_is_done_and_it_is_told,
    doctor_knows_it
}

with_footprint! { "companion", versions_0_12, versions_13,
    a_newer_module_is_used_as_far_as_we_know_it,
    one_that_lacks_an_ability_is_not_used_and_it_is_told
}

with_footprint! { "auto", auto_0_12, auto_13,
    the_module_comes_and_goes,
    while_it_has_not_answered_nobody_is_asked_for_lists,
    another_version_is_loaded_in_a_meeting,
    doctor_says_that_there_is_none
}

with_footprint! { "unseen", unseen_0_12, unseen_13, unseen_is_what_the_companion_does }

/// What a client says of the recording when the room's metadata says so, one after the other.
fn told(person: &Person) -> Vec<bool> {
    let seen = person.client().since(0);
    let texts = seen.iter().filter_map(|seen| seen.node.find("json-message"));
    let values = texts.filter_map(|message| serde_json::from_str::<Value>(&message.text).ok());
    let of = |value: Value| value["metadata"]["recording"]["isRecordingRequested"].as_bool();
    let mut all: Vec<bool> = values.filter_map(of).collect();
    all.dedup();
    all
}

async fn hears(person: &Person, what: &[bool]) -> Result {
    let began = std::time::Instant::now();
    while told(person) != what {
        if began.elapsed() > LONG {
            return Err(format!("told {:?}, not {what:?}", told(person)).into());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Lets tests load and unload the module.
fn with_orders(options: &mut WorldOptions) {
    options
        .prosody
        .plugins
        .push(("mod_test_orders.lua".into(), include_str!("../companion/orders.lua").into()));
    options.prosody.muc_modules.push("test_orders".into());
}

async fn manage(person: &Person, verb: &str) -> Result {
    let code =
        format!("assert(require 'core.modulemanager'.{verb}(module.host, 'jibri_autostart_companion'))");
    order(person, &code).await
}

/// Has Prosody do this; it goes wrong if the last of it does.
async fn order(person: &Person, lua: &str) -> Result {
    let code = format!("{lua} return 'done'");
    let order = Node::message("muc.meet.jitsi", "normal", &code).attr("id", "order-1");
    let mark = person.client().mark();
    person.client().send(&order);
    let is_answer = |node: &Node| node.name == "message" && node.get("id") == Some("order-1");
    let answer = person.client().wait_for_since(mark, is_answer, SOON).await?;
    match answer.node.find("body").map(|body| body.text.as_str()) {
        Some("done") => Ok(()),
        other => Err(format!("{lua}: {other:?}").into()),
    }
}

async fn nobody_sees_us_and_people_are_told(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    // Nobody tells us of rooms but the companion.
    let autostart = Autostart::start(&world.prosody, &[])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/status", |status| status["footprint"] == "companion").await?;
    let ada = world.moderator("r1").await?;
    let status = ada.wait_recording("on", LONG).await?;
    assert_eq!(status.initiator.as_deref(), Some(ada.nick().as_str()));
    hears(&ada, &[true]).await?;
    let requests = world.focus.start_requests_in("r1");
    assert_eq!(requests.len(), 1, "one start, not more");
    let sent = requests[0].iq.find("jibri").expect("a jibri element");
    assert_eq!((sent.get("action"), sent.get("recording_mode")), (Some("start"), Some("file")));
    assert_eq!(jibri.starts()[0].app_data.as_deref(), Some(r#"{"file_recording_metadata":{"share":true}}"#));
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "recording" && room["proof"] == "focus").await?;

    // Whoever comes later is told by what the room shows him; and everybody goes with the last person.
    let ben = world.person("r1").await?;
    until(&url, "/api/v1/rooms/r1", |room| room["people"] == 2).await?;
    our_visits(&ada).never()?;
    ada.leave().await;
    ben.leave().await;
    world.focus.until(LONG, "gone from the room", || !world.focus.is_in("r1")).await?;
    jibri.until(LONG, "idle again", |jibri| !jibri.is_busy()).await?;
    assert_eq!((autostart.count("entered the room"), autostart.count("recording not stopped")), (0, 0));
    // What is over is forgotten.
    until(&url, "/api/v1/rooms", |rooms| rooms.as_array().is_some_and(Vec::is_empty)).await?;
    shows(&url, "/metrics", |_, text| text.contains("jibri_autostart_companion_up 1")).await
}

async fn what_a_person_ends_is_told_once(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &[])?;
    let ada = world.moderator("r1").await?;
    hears(&ada, &[true]).await?;
    ada.stop_recording(SOON).await?.expect("stopped");
    hears(&ada, &[true, false]).await?;
    autostart.logged("respected until the meeting ends").await?;
    // What he begins himself is his; it is told as well.
    while ada.start_recording(SOON).await?.is_err() {}
    hears(&ada, &[true, false, true]).await?;
    assert_eq!(autostart.count("start request sent"), 1);
    Ok(())
}

async fn a_recording_that_breaks_is_heard_as_an_end_and_a_beginning(version: Version) -> Result {
    let world = world(version).await?;
    let second = std::time::Duration::from_secs(1);
    let jibri = world.jibri_that("jibri-1", Behaviour::FailAfter(second)).await?;
    let _autostart = Autostart::start(&world.prosody, &[])?;
    let ada = world.moderator("r1").await?;
    hears(&ada, &[true, false]).await?;
    jibri.set_behaviour(Behaviour::healthy());
    hears(&ada, &[true, false, true]).await
}

async fn told_once_a_restart_is_not_heard(version: Version) -> Result {
    let world = world(version).await?;
    let second = std::time::Duration::from_secs(1);
    let jibri = world.jibri_that("jibri-1", Behaviour::FailAfter(second)).await?;
    let autostart = Autostart::start_with(&world.prosody, &[], &[("MUC__NOTICE", "once")], &[])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    ada.wait_recording("off", LONG).await?;
    jibri.set_behaviour(Behaviour::healthy());
    autostart.logged_times("recording is on", 2).await?;
    assert_eq!(told(&ada), [true]);
    ada.stop_recording(SOON).await?.expect("stopped");
    hears(&ada, &[true, false]).await
}

async fn where_people_are_told_otherwise_nothing_is_said(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start_with(&world.prosody, &[], &[("MUC__NOTICE", "off")], &[])?;
    let ada = world.moderator("r1").await?;
    autostart.logged("recording is on").await?;
    ada.stop_recording(SOON).await?.expect("stopped");
    autostart.logged("respected until the meeting ends").await?;
    assert!(told(&ada).is_empty(), "{:?}", told(&ada));
    Ok(())
}

/// Who has been there longest speaks; when he has gone, the next.
async fn the_next_moderator_is_spoken_for(version: Version) -> Result {
    let world = world(version).await?;
    let _autostart = Autostart::start(&world.prosody, &[])?;
    let ada = world.moderator("r1").await?;
    let ben = world.moderator("r1").await?;
    world.focus.until(LONG, "asked", || !world.focus.start_requests_in("r1").is_empty()).await?;
    let by = |name: &str| {
        let address = format!("r1@muc.meet.jitsi/{name}");
        world.focus.start_requests_in("r1").iter().any(|request| request.iq.from() == address)
    };
    assert!(by(&ada.nick()), "{:?}", world.focus.start_requests_in("r1"));
    let nick = ben.nick();
    ada.leave().await;
    world.jibri("jibri-1").await?;
    ben.wait_recording("on", LONG).await?;
    assert!(by(&nick));
    Ok(())
}

async fn an_order_to_stop_waits_for_a_moderator(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let token = ("HTTP__TOKEN", "TOKEN-3204761");
    let autostart = Autostart::start_with(&world.prosody, &[], &[token], &[])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    let ben = world.person("r1").await?;
    ben.wait_recording("on", LONG).await?;
    world.focus.configure(|options| options.auto_owner = false);
    ada.leave().await;
    until(&url, "/api/v1/rooms/r1", |room| room["moderators"] == 0 && room["state"] == "recording").await?;
    let mut stop = command_with(&url, &["stop", "r1"], &[token]);
    assert!(tokio::task::spawn_blocking(move || stop.status()).await??.success());
    autostart.logged("no moderator is left in whose name it could be stopped").await?;
    let is_told = |room: &Value| {
        room["reason"]
            .as_str()
            .is_some_and(|why| why.contains("rights") && why.contains("jibri-autostart prosody"))
    };
    until(&url, "/api/v1/rooms/r1", is_told).await?;
    // That is no mistake in the configuration, and people see nothing of us.
    assert_eq!(autostart.count("cannot see who is in the room"), 0);
    our_visits(&ben).never()?;
    world.focus.configure(|options| options.auto_owner = true);
    let cem = world.moderator("r1").await?;
    cem.wait_recording("off", LONG).await?;
    autostart.logged("recording over: stopped by us").await
}

async fn no_second_start_when_we_are_killed(version: Version) -> Result {
    let world = world_with(version, |options| options.focus.be_patient()).await?;
    let slow = std::time::Duration::from_secs(3);
    world.jibri_that("jibri-1", Behaviour::Healthy { launch: slow, join: slow }).await?;
    let autostart = Autostart::start(&world.prosody, &[])?;
    let ada = world.moderator("r1").await?;
    world.focus.until(LONG, "asked", || !world.focus.start_requests_in("r1").is_empty()).await?;
    autostart.signal("KILL");
    drop(autostart);
    let autostart = Autostart::start(&world.prosody, &[])?;
    autostart.logged("recording is on").await?;
    hears(&ada, &[true]).await?;
    let accepted = world.focus.start_requests_in("r1").len();
    assert!(accepted <= 2, "a second one is answered that there is a session");
    assert_eq!(ada.recording().map(|status| status.status), Some("on".to_owned()));
    Ok(())
}

async fn a_notice_that_was_left_behind_is_taken_back(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let dir = tempfile::tempdir()?;
    let ledger = dir.path().join("ledger.db");
    let settings = [("LEDGER__PATH", ledger.to_str().ok_or("a path")?)];
    let autostart = Autostart::start_with(&world.prosody, &[], &settings, &[])?;
    let ada = world.moderator("r1").await?;
    hears(&ada, &[true]).await?;
    autostart.logged("recording is on").await?;
    until(&autostart.http().await?, "/api/v1/history?room=r1", |all| all.to_string().contains("recording"))
        .await?;
    autostart.signal("KILL");
    drop(autostart);
    jibri.set_behaviour(Behaviour::Busy);
    ada.stop_recording(SOON).await?.expect("stopped");
    ada.wait_recording("off", LONG).await?;
    let _autostart = Autostart::start_with(&world.prosody, &[], &settings, &[])?;
    hears(&ada, &[true, false]).await
}

async fn without_the_module_nothing_is_done_and_it_is_told(version: Version) -> Result {
    let world = world_with(version, with_orders).await?;
    world.jibri("jibri-1").await?;
    world.jibri("jibri-2").await?;
    let eve = world.person("orders").await?;
    manage(&eve, "unload").await?;
    let receiver = Receiver::start().await;
    let settings = [("ALERTS__WEBHOOK", &*receiver.url())];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    let alert = receiver.hears("companion_missing", "raised").await?;
    assert!(alert.to_string().contains("nothing is done in the meetings of muc.meet.jitsi"), "{alert}");
    shows(&url, "/readyz", |status, text| status == 503 && text.contains("companion")).await?;
    let status = get(&url, "/api/v1/status").await?;
    assert!(status["footprint_reason"].as_str().is_some_and(|why| why.contains("not loaded")), "{status}");
    assert!(world.focus.start_requests_in("r1").is_empty());
    assert_eq!(autostart.count("entered the room"), 0);

    manage(&eve, "load").await?;
    ada.wait_recording("on", LONG).await?;
    receiver.hears("companion_missing", "resolved").await?;
    shows(&url, "/readyz", |status, _| status == 200).await
}

/// With the rights that the discreet footprint needs.
async fn world_of_both(version: Version) -> Result<World> {
    world_with(version, |options| {
        with_orders(options);
        (options.prosody.companion, options.prosody.metadata) = (true, true);
    })
    .await
}

async fn the_module_comes_and_goes(version: Version) -> Result {
    let world = world_of_both(version).await?;
    // One more: the companion tells of the room for orders as well.
    for name in ["jibri-1", "jibri-2", "jibri-3"] {
        world.jibri(name).await?;
    }
    let eve = world.person("orders").await?;
    let autostart = Autostart::start(&world.prosody, &["r1", "r2"])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/status", |status| status["footprint"] == "companion").await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    hears(&ada, &[true]).await?;

    manage(&eve, "unload").await?;
    let status = until(&url, "/api/v1/status", |status| status["footprint"] == "discreet").await?;
    assert!(status["footprint_reason"].as_str().is_some_and(|why| why.contains("unloaded")), "{status}");
    let ben = world.moderator("r2").await?;
    ben.wait_recording("on", LONG).await?;
    autostart.logged(r#""entered the room","room":"r2@muc.meet.jitsi""#).await?;
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "recording").await?;

    manage(&eve, "load").await?;
    until(&url, "/api/v1/status", |status| status["footprint"] == "companion").await?;
    // People were not told by a visit; now they are.
    hears(&ben, &[true]).await?;
    until(&url, "/api/v1/rooms/r2", |room| room["state"] == "recording" && room["proof"] == "focus").await?;
    let requests = |room: &str| world.focus.start_requests_in(room).len();
    assert_eq!((requests("r1"), requests("r2")), (1, 1));
    Ok(())
}

/// The module with some words in it replaced.
fn with_module(options: &mut WorldOptions, changes: &[(&str, &str)]) {
    let mut module = include_str!("../../../deploy/prosody/mod_jibri_autostart_companion.lua").to_owned();
    for (from, to) in changes {
        assert!(module.contains(from), "{from}");
        module = module.replace(from, to);
    }
    options.prosody.plugins.push(("mod_jibri_autostart_companion.lua".into(), module));
}

const ABILITIES: &str = r#""rooms room start stop notice""#;

async fn a_newer_module_is_used_as_far_as_we_know_it(version: Version) -> Result {
    let world = world_with(version, |options| {
        with_module(
            options,
            &[
                (ABILITIES, r#""whisper rooms room start stop notice seats""#),
                (r#"attr("version", VERSION)"#, r#"attr("version", "1.7") .. attr("mood", "new")"#),
                // More of everybody, and so little room that not all have any.
                (r#" role='" .."#, r#" hand='up' role='" .."#),
                (r#"or "") .. ">";"#, r#"or "") .. "><chair/>";"#),
                ("PICTURE, PAGE = 250000", "PICTURE, PAGE = 1100"),
            ],
        );
    })
    .await?;
    world.jibri("jibri-1").await?;
    let least = ("START__MIN_PARTICIPANTS", "6");
    let autostart = Autostart::start_with(&world.prosody, &[], &[least], &[])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    let mut others = Vec::new();
    for people in 2..=6 {
        others.push(world.person("r1").await?);
        until(&url, "/api/v1/rooms/r1", |room| room["people"] == people).await?;
    }
    hears(&ada, &[true]).await?;
    let room = until(&url, "/api/v1/rooms/r1", |room| room["state"] == "recording").await?;
    assert_eq!((&room["people"], &room["moderators"]), (&6.into(), &1.into()), "{room}");
    assert_eq!(world.focus.start_requests_in("r1").len(), 1);
    let status = get(&url, "/api/v1/status").await?;
    assert_eq!((&status["footprint"], &status["footprint_reason"]), (&"companion".into(), &Value::Null));
    Ok(())
}

async fn one_that_lacks_an_ability_is_not_used_and_it_is_told(version: Version) -> Result {
    let world =
        world_with(version, |options| with_module(options, &[(ABILITIES, r#""rooms room stop""#)])).await?;
    world.jibri("jibri-1").await?;
    let receiver = Receiver::start().await;
    let settings = [("ALERTS__WEBHOOK", &*receiver.url())];
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    let _ada = world.moderator("r1").await?;
    let alert = receiver.hears("companion_missing", "raised").await?;
    assert!(alert.to_string().contains("install the one that comes with this version"), "{alert}");
    shows(&url, "/readyz", |status, text| status == 503 && text.contains("install")).await?;
    let mut doctor = command_with(&url, &["doctor", "--json"], &[("MUC__FOOTPRINT", "companion")]);
    let found = steps(&mut doctor, "companion").await?;
    assert!(
        matches!(&*found, [(verdict, why)] if verdict == "FAIL" && why.contains(r#"cannot do "start""#)),
        "{found:?}"
    );
    assert!(world.focus.start_requests_in("r1").is_empty());
    Ok(())
}

async fn another_version_is_loaded_in_a_meeting(version: Version) -> Result {
    let world = world_with(version, |options| {
        with_orders(options);
        (options.prosody.companion, options.prosody.metadata) = (true, true);
        let word = format!("_G.prosody.test_abilities or {ABILITIES}");
        with_module(options, &[(ABILITIES, &word)]);
    })
    .await?;
    for name in ["jibri-1", "jibri-2", "jibri-3"] {
        world.jibri(name).await?;
    }
    let eve = world.person("orders").await?;
    let autostart = Autostart::start(&world.prosody, &["r1", "r2"])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    hears(&ada, &[true]).await?;

    order(&eve, "prosody.test_abilities = 'rooms room stop notice'").await?;
    manage(&eve, "reload").await?;
    let status = until(&url, "/api/v1/status", |status| status["footprint"] == "discreet").await?;
    let is_told = |status: &Value| {
        status["footprint_reason"].as_str().is_some_and(|why| why.contains(r#"cannot do "start""#))
    };
    if !is_told(&status) {
        until(&url, "/api/v1/status", is_told).await?;
    }
    let ben = world.moderator("r2").await?;
    ben.wait_recording("on", LONG).await?;
    autostart.logged(r#""entered the room","room":"r2@muc.meet.jitsi""#).await?;

    order(&eve, "prosody.test_abilities = 'stop start room rooms whisper'").await?;
    manage(&eve, "reload").await?;
    let status = until(&url, "/api/v1/status", |status| status["footprint"] == "companion").await?;
    let why = status["footprint_reason"].as_str().unwrap_or_default();
    assert!(why.contains("not told") && why.contains("install"), "{status}");
    let mut doctor = command_with(&url, &["doctor", "--json"], &[]);
    let found = steps(&mut doctor, "companion").await?;
    assert!(matches!(&*found, [(verdict, why)] if verdict == "warn" && why.contains("notice")), "{found:?}");
    until(&url, "/api/v1/rooms/r2", |room| room["state"] == "recording" && room["proof"] == "focus").await?;
    let requests = |room: &str| world.focus.start_requests_in(room).len();
    assert_eq!((requests("r1"), requests("r2")), (1, 1));

    order(&eve, "prosody.test_abilities = nil").await?;
    manage(&eve, "reload").await?;
    until(&url, "/api/v1/status", |status| status["footprint_reason"].is_null()).await?;
    hears(&ben, &[true]).await
}

/// Without any right in rooms, where Prosody has so much to do that the module answers after some seconds.
async fn while_it_has_not_answered_nobody_is_asked_for_lists(version: Version) -> Result {
    let world = world_with(version, |options| {
        (options.prosody.companion, options.prosody.metadata) = (true, true);
        (options.prosody.component_is_admin, options.prosody.admins_own_rooms) = (false, false);
        with_module(
            options,
            &[
                (r#"tell(hello("linked"));"#, ""),
                (
                    r#"["get hello"] = function (request) answer(request, "result", hello()); end;"#,
                    r#"["get hello"] = function (request)
                        module:add_timer(3, function () answer(request, "result", hello()); end);
                    end;"#,
                ),
            ],
        );
    })
    .await?;
    world.jibri("jibri-1").await?;
    let receiver = Receiver::start().await;
    let settings = [("ALERTS__WEBHOOK", &*receiver.url())];
    let ada = world.moderator("r1").await?;
    let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
    let url = autostart.http().await?;
    let is_awaited = |status: &Value| {
        status["footprint_reason"].as_str().is_some_and(|why| why.contains("not answered yet"))
    };
    until(&url, "/api/v1/status", is_awaited).await?;
    hears(&ada, &[true]).await?;
    until(&url, "/api/v1/status", |status| status["footprint"] == "companion").await?;
    assert!(receiver.told_of("not_a_moderator").is_empty());
    assert_eq!(autostart.count("cannot see who is in the room"), 0);
    Ok(())
}

async fn unseen_is_what_the_companion_does(version: Version) -> Result {
    let world = world_with(version, |options| {
        (options.prosody.companion, options.prosody.metadata) = (true, true);
        // It does not need that any more.
        options.prosody.validate_from = true;
    })
    .await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &[])?;
    let ada = world.moderator("r1").await?;
    hears(&ada, &[true]).await?;
    until(&autostart.http().await?, "/api/v1/status", |status| status["footprint"] == "companion").await?;
    Ok(())
}

/// Doctor's steps whose name begins so: verdict and words.
async fn steps(command: &mut Command, name: &'static str) -> Result<Vec<(String, String)>> {
    let output = command.output()?;
    let found: Value = serde_json::from_slice(&output.stdout)?;
    let all = found["steps"].as_array().ok_or("no steps")?;
    let of = |step: &&Value| step["step"].as_str().is_some_and(|step| step.starts_with(name));
    let text = |step: &Value, key: &str| step[key].as_str().unwrap_or_default().to_owned();
    Ok(all.iter().filter(of).map(|step| (text(step, "verdict"), text(step, "found"))).collect())
}

async fn doctor_knows_it(version: Version) -> Result {
    let world = world_with(version, with_orders).await?;
    world.jibri("jibri-1").await?;
    let ada = world.moderator("r1").await?;
    let autostart = Autostart::start(&world.prosody, &[])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/status", |status| status["footprint"] == "companion").await?;
    let footprint = [("MUC__FOOTPRINT", "companion")];
    let mut doctor = command_with(&url, &["doctor", "--json"], &footprint);
    assert!(matches!(&*steps(&mut doctor, "companion").await?, [(verdict, _)] if verdict == "ok"));
    assert!(steps(&mut doctor, "owner").await?.is_empty(), "it needs no rights in rooms");
    manage(&ada, "unload").await?;
    until(&url, "/api/v1/status", |status| !status["footprint_reason"].is_null()).await?;
    let found = steps(&mut doctor, "companion").await?;
    assert!(
        matches!(&*found, [(verdict, why)] if verdict == "FAIL" && why.contains("unloaded")),
        "{found:?}"
    );
    Ok(())
}

async fn doctor_says_that_there_is_none(version: Version) -> Result {
    let world = world(version).await?;
    let autostart = Autostart::start(&world.prosody, &[])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/status", |status| status["footprint"] == "discreet").await?;
    until(&url, "/api/v1/status", |status| !status["footprint_reason"].is_null()).await?;
    let mut doctor = command_with(&url, &["doctor", "--json"], &[]);
    let found = steps(&mut doctor, "companion").await?;
    assert!(matches!(&*found, [(verdict, why)] if verdict == "ok" && why.contains("discreet")), "{found:?}");
    Ok(())
}
