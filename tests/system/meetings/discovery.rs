//! Rooms that nobody has named, found by each source alone.

use std::net::SocketAddr;

use axum::routing::get;
use axum::{Json, Router};
use jibri_autostart::http::{HttpEvent, spawn};
use reqwest::StatusCode;
use testkit::{Focus, Node, Person, Result, Version, World};
use tokio::sync::mpsc;

use super::api::shows;
use super::autostart::Autostart;
use super::{LONG, on_both, world, world_with};

on_both! {
    by_jicofos_list,
    by_jicofos_list_for_a_tenant,
    a_lost_list_is_told_once_and_nothing_is_forgotten,
    by_event_sync,
    by_an_invitation_through_the_room,
    by_a_direct_invitation,
    by_service_discovery_without_health_checks,
    readyz_says_why_it_is_not_ready,
}

/// Rooms that are nobody's business; sorted before those of the tests.
const OTHERS: [&str; 3] =
    ["__jicofo-health-check-7f3a@muc.meet.jitsi", "5e1f@breakout.meet.jitsi", "a@internal-muc.meet.jitsi"];

/// Jicofo's REST interface, as far as it matters; it ends with the receiver.
pub(crate) async fn rest(
    focus: &Focus,
    listen: SocketAddr,
) -> Result<(SocketAddr, mpsc::Receiver<HttpEvent>)> {
    let focus = focus.clone();
    let list = get(async move || Json([focus.rooms(), OTHERS.map(String::from).to_vec()].concat()));
    let mut server = spawn(listen, Router::new().route("/debug/conferences", list));
    loop {
        match server.recv().await {
            Some(HttpEvent::Listening(address)) => return Ok((address, server)),
            Some(HttpEvent::CannotListen { .. }) => {}
            None => return Err("no server".into()),
        }
    }
}

/// Starts the program with Jicofo's list as its only source.
fn start_with_list(world: &World, address: SocketAddr) -> Result<Autostart> {
    let settings = [
        ("DISCOVERY__JICOFO__URL", format!("http://{address}/")),
        ("DISCOVERY__JICOFO__INTERVAL", "100ms".to_owned()),
        ("DISCOVERY__EVENT_SYNC", "false".to_owned()),
    ];
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    Autostart::start_with(&world.prosody, &[], &settings, &[])
}

/// The meeting is recorded, its room is forgotten when it is over, and no other was ever watched.
async fn is_recorded_and_forgotten(world: &World, autostart: &Autostart, ada: Person) -> Result {
    ada.wait_recording("on", LONG).await?;
    let room = ada.occupancy().room().to_owned();
    ada.leave().await;
    world.focus.until(LONG, "gone from the room", || !world.focus.is_in(&room)).await?;
    autostart.logged("forgetting a room").await?;
    autostart.logged_just("watching a room", 1).await?;
    nobody_elses_business(autostart);
    Ok(())
}

fn nobody_elses_business(autostart: &Autostart) {
    for room in OTHERS {
        assert_eq!(autostart.count(room), 0, "{room}");
    }
}

async fn by_jicofos_list(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let (address, _server) = rest(&world.focus, "127.0.0.1:0".parse()?).await?;
    let autostart = start_with_list(&world, address)?;
    let ada = world.moderator("r1").await?;
    is_recorded_and_forgotten(&world, &autostart, ada).await
}

/// However Jicofo names it: here as its own XMPP connection sees it, by the virtual name.
async fn by_jicofos_list_for_a_tenant(version: Version) -> Result {
    let world = world_with(version, |options| options.prosody.tenants = true).await?;
    world.jibri("jibri-1").await?;
    let (address, _server) = rest(&world.focus, "127.0.0.1:0".parse()?).await?;
    let autostart = start_with_list(&world, address)?;
    let ada = world.moderator("r1@muc.acme.meet.jitsi").await?;
    ada.wait_recording("on", LONG).await?;
    autostart.logged(r#""room":"[acme]r1@muc.meet.jitsi""#).await?;
    Ok(())
}

async fn a_lost_list_is_told_once_and_nothing_is_forgotten(version: Version) -> Result {
    let world = world(version).await?;
    let jibri = world.jibri("jibri-1").await?;
    let (address, server) = rest(&world.focus, "127.0.0.1:0".parse()?).await?;
    let autostart = start_with_list(&world, address)?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    drop(server);
    autostart.logged("jicofo does not say which rooms there are").await?;
    autostart.logged("JICOFO_ENABLE_REST=1").await?;
    // What was found is still seen to.
    jibri.stop_from_outside();
    autostart.logged_times("recording is on", 2).await?;
    let (_, _server) = rest(&world.focus, address).await?;
    autostart.logged("jicofo says again which rooms there are").await?;
    autostart.logged_just("does not say which rooms", 1).await?;
    assert_eq!(autostart.count("forgetting a room"), 0);
    Ok(())
}

async fn by_event_sync(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start_with(&world.prosody, &[], &[("HTTP__TOKEN", "t0ken")], &[])?;
    let url = format!("{}/event-sync/events/occupant/joined", autostart.http().await?);
    let client = reqwest::Client::builder().no_proxy().build()?;
    // As the module writes it.
    let post = |room: &str| {
        client.post(&url).json(&serde_json::json!({
            "event_name": "muc-occupant-joined", "room_name": room.split('@').next(), "room_jid": room,
            "is_breakout": false, "active_occupants_count": 1,
            "occupant": { "occupant_jid": "3f9c01aa@meet.jitsi/Qw1", "joined_at": 1_787_220_000 },
        }))
    };
    let ada = world.moderator("r1").await?;
    let stranger = post("r1@muc.meet.jitsi").bearer_auth("token").send().await?;
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    for room in OTHERS {
        let taken = post(room).bearer_auth("t0ken").send().await?;
        assert_eq!(taken.status(), StatusCode::NO_CONTENT);
    }
    assert_eq!(autostart.count("watching a room"), 0);
    let taken = post("r1@muc.meet.jitsi").bearer_auth("t0ken").send().await?;
    assert_eq!(taken.status(), StatusCode::NO_CONTENT);
    // That the room is over is never told here; looks find out.
    is_recorded_and_forgotten(&world, &autostart, ada).await
}

const US: &str = "autostart@autostart.meet.jitsi";

/// An invitation of ours to a room, in whoever's words.
pub(crate) fn direct(room: &str) -> Node {
    Node::new("message", "").attr("to", US).child(Node::new("x", "jabber:x:conference").attr("jid", room))
}

async fn by_an_invitation_through_the_room(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &[])?;
    let ada = world.moderator("r1").await?;
    autostart.logged("linked to Prosody").await?;
    assert_eq!(autostart.count("watching a room"), 0);
    let invite = Node::new("invite", "").attr("to", US).child(Node::new("reason", "").with_text("come"));
    let x = Node::new("x", testkit::ns::MUC_USER).child(invite);
    ada.client().send(&Node::new("message", "").attr("to", ada.occupancy().room()).child(x));
    is_recorded_and_forgotten(&world, &autostart, ada).await
}

async fn by_a_direct_invitation(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let autostart = Autostart::start(&world.prosody, &[])?;
    let ada = world.moderator("r1").await?;
    autostart.logged("linked to Prosody").await?;
    for room in OTHERS.iter().chain(&["no room", "", "r1@muc.meet.jitsi/ada", "r1@muc.meet.jitsi"]) {
        ada.client().send(&direct(room));
    }
    is_recorded_and_forgotten(&world, &autostart, ada).await
}

async fn by_service_discovery_without_health_checks(version: Version) -> Result {
    let world = world_with(version, |options| options.prosody.public_rooms = true).await?;
    world.jibri("jibri-1").await?;
    let _checker = world.moderator(OTHERS[0]).await?;
    let settings = [("DISCOVERY__DISCO_INTERVAL", "200ms")];
    let autostart = Autostart::start_with(&world.prosody, &[], &settings, &[])?;
    let ada = world.moderator("r1").await?;
    is_recorded_and_forgotten(&world, &autostart, ada).await?;
    assert_eq!(world.focus.start_requests().len(), 1);
    Ok(())
}

async fn readyz_says_why_it_is_not_ready(version: Version) -> Result {
    let world = world(version).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let stranger = Autostart::start_with(&world.prosody, &[], &[("XMPP__SECRET", "wrong")], &[])?;
    stranger.logged("no link to Prosody").await?;
    let base = stranger.http().await?;
    let says_why = |status, text: &str| {
        let answer: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        status == 503
            && answer["error"].as_str().is_some_and(|why| why.contains("component_secret"))
            && answer["hint"].as_str().is_some_and(|hint| !hint.is_empty())
    };
    shows(&base, "/readyz", says_why).await?;
    assert_eq!(client.get(format!("{base}/healthz")).send().await?.status(), StatusCode::OK);
    drop(stranger);
    let autostart = Autostart::start(&world.prosody, &[])?;
    shows(&autostart.http().await?, "/readyz", |status, _| status == 200).await
}
