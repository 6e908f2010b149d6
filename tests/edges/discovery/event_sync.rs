//! Events of `event_sync_component`, as Prosody sends them and as it never would.

use std::net::SocketAddr;

use jibri_autostart::config::{Secret, from_toml};
use jibri_autostart::discovery::{Discovery, Touch, spawn};
use jibri_autostart::http::{EventSync, HttpEvent, Parts, router, spawn as serve};
use jibri_autostart::meeting::watchlist::{Report, Sender, Source, Watchlist};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{room, soon};

const TOKEN: &str = "TOKEN-237958623045";

struct World {
    address: SocketAddr,
    discovery: Discovery,
    client: Client,
    _server: mpsc::Receiver<HttpEvent>,
}

async fn world(token: &str) -> World {
    let file =
        "xmpp = { domain = \"autostart.meet.jitsi\", secret = \"s\" }\nmuc.domains = [\"muc.meet.jitsi\"]";
    let discovery = spawn(&from_toml(file).unwrap().settings);
    let own_domain = "autostart.meet.jitsi".to_owned();
    let event_sync = Some(EventSync { touches: discovery.touches.clone(), own_domain });
    let parts = Parts { token: Secret::new(token), event_sync, ..Parts::default() };
    let mut server = serve("127.0.0.1:0".parse().unwrap(), router(parts));
    let Some(HttpEvent::Listening(address)) = soon("the port", server.recv()).await else {
        panic!("cannot listen");
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    World { address, discovery, client, _server: server }
}

impl World {
    fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let url = format!("http://{}/event-sync/events/{path}", self.address);
        self.client.post(url).bearer_auth(TOKEN).body(body)
    }

    async fn send(&self, path: &str, event: &Value) -> StatusCode {
        let response = self.post(path, event.to_string()).send().await.unwrap();
        let status = response.status();
        assert_eq!(response.text().await.unwrap(), "");
        status
    }

    /// The next touch: the room and whether it is said to be gone.
    async fn touched(&mut self) -> (String, bool) {
        let touch = self.touch().await;
        (touch.room.local().to_owned(), touch.gone)
    }

    async fn touch(&mut self) -> Touch {
        soon("a touch", self.discovery.touched.recv()).await
    }

    fn is_quiet(&mut self) -> bool {
        self.discovery.touched.try_recv().is_none()
    }
}

async fn refused(request: RequestBuilder) -> (StatusCode, String) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert!(body["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{body}");
    (status, body["error"].as_str().unwrap().to_owned())
}

/// As the module writes it (docs/jitsi.md 8).
fn joined(room: &str, who: &str) -> Value {
    json!({
        "event_name": "muc-occupant-joined", "room_name": room, "room_jid": format!("{room}@muc.meet.jitsi"),
        "is_breakout": false, "active_occupants_count": 2,
        "occupant": { "occupant_jid": who, "joined_at": 1_787_220_000, "name": "Ada", "id": "…" },
    })
}

fn destroyed(room: &str) -> Value {
    json!({
        "event_name": "muc-room-destroyed", "room_jid": format!("{room}@muc.meet.jitsi"), "is_breakout": false,
        "created_at": 1, "destroyed_at": 2, "all_occupants": {},
    })
}

#[tokio::test]
async fn all_four_events_touch_their_room() {
    let mut world = world(TOKEN).await;
    let (alive, over) = (joined("[acme]r1", "3f9c@meet.jitsi/Qw1"), destroyed("[acme]r1"));
    for (path, event, gone) in [
        ("room/created", &alive, false),
        ("occupant/joined", &alive, false),
        ("occupant/left", &alive, false),
        ("room/destroyed", &over, true),
    ] {
        assert_eq!(world.send(path, event).await, StatusCode::NO_CONTENT);
        assert_eq!(world.touched().await, ("[acme]r1".to_owned(), gone), "{path}");
    }
}

#[tokio::test]
async fn a_token_is_needed_if_one_is_set() {
    let mut world = world(TOKEN).await;
    let event = joined("r1", "a@meet.jitsi/b").to_string();
    let url = format!("http://{}/event-sync/events/occupant/joined", world.address);
    for wrong in ["", "TOKEN", "TOKEN-237958623046", "TOKEN-2379586230455"] {
        let (status, _) = refused(world.client.post(&url).bearer_auth(wrong).body(event.clone())).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    let response = world.client.post(&url).body(event.clone()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert!(world.is_quiet());
    assert_eq!(world.post("occupant/joined", event).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(world.touched().await.0, "r1");
}

#[tokio::test]
async fn without_a_token_everybody_may_send_but_web_pages() {
    let mut world = world("").await;
    let url = format!("http://{}/event-sync/events/occupant/joined", world.address);
    let event = joined("r1", "a@meet.jitsi/b").to_string();
    // Or every web page that is read where we can be reached could.
    let from_a_page = world.client.post(&url).header("Origin", "null").body(event.clone());
    assert_eq!(refused(from_a_page).await.0, StatusCode::FORBIDDEN);
    assert_eq!(world.client.post(url).body(event).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(world.touched().await.0, "r1");
}

#[tokio::test]
async fn what_is_no_news_is_taken_and_dropped() {
    let mut world = world(TOKEN).await;
    let mut breakout = joined("main", "a@meet.jitsi/b");
    breakout["is_breakout"] = json!(true);
    breakout["breakout_room_id"] = json!("b5efba7d-d4bd-4ee3-b2c1-17d2be8ae9ae");
    let ourselves = joined("r1", "autostart@autostart.meet.jitsi/a");
    for event in [&breakout, &ourselves] {
        assert_eq!(world.send("occupant/joined", event).await, StatusCode::NO_CONTENT);
        assert!(world.is_quiet());
    }
    // Not ours to judge here; nobody will watch it.
    let foreign = json!({ "room_jid": "r1@elsewhere.example" });
    assert_eq!(world.send("room/created", &foreign).await, StatusCode::NO_CONTENT);
    let Touch { sender, room, .. } = world.touch().await;
    let mut watchlist = Watchlist::new(&["muc.meet.jitsi".to_owned()], &[]);
    assert_eq!(watchlist.handle(Report::Appeared { source: Source::Events, sender, room }), []);
}

#[tokio::test]
async fn the_shape_of_what_is_not_needed_does_not_matter() {
    let mut world = world(TOKEN).await;
    for more in [
        json!({}),
        json!({ "is_breakout": null, "occupant": null }),
        json!({ "is_breakout": "yes", "occupant": [], "all_occupants": [] }),
        json!({ "occupant": { "occupant_jid": 7 }, "all_occupants": { "a": [[[]]] }, "x\u{0}y": 1e300 }),
    ] {
        let mut event = json!({ "room_jid": "r1@muc.meet.jitsi" });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(world.send("room/created", &event).await, StatusCode::NO_CONTENT, "{event}");
        assert_eq!(world.touched().await, ("r1".to_owned(), false));
    }
}

#[tokio::test]
async fn broken_requests_are_refused_with_a_hint() {
    let mut world = world(TOKEN).await;
    let deep = format!(r#"{{"room_jid":"r@m","occupant":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    for body in ["", "{", "[]", "null", "{}", r#"{"room_jid":7}"#, r#"{"room_jid":"no room"}"#, "\0\0", &deep]
    {
        let (status, _) = refused(world.post("room/created", body.to_owned())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body:.40}");
    }
    // No room can be called so, and nobody would answer a question about it.
    for local in ["a b", "a\u{1}b", "a&b", "a'b", "a<b>", "a:b", "\u{fffe}", &"x".repeat(1024)] {
        let body = json!({ "room_jid": format!("{local}@muc.meet.jitsi") }).to_string();
        assert_eq!(refused(world.post("room/created", body)).await.0, StatusCode::BAD_REQUEST, "{local:.40}");
    }
    let not_utf8 = b"{\"room_jid\":\"\xff@m\"}".to_vec();
    assert_eq!(refused(world.post("room/created", not_utf8)).await.0, StatusCode::BAD_REQUEST);
    let (status, error) = refused(world.post("room/created", " ".repeat(64 * 1024 + 1))).await;
    assert_eq!((status, error.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"));
    for (path, expected) in [("room/renamed", StatusCode::NOT_FOUND), ("", StatusCode::NOT_FOUND)] {
        assert_eq!(refused(world.post(path, "{}")).await.0, expected, "{path}");
    }
    let get = world.client.get(format!("http://{}/event-sync/events/room/created", world.address));
    assert_eq!(refused(get.bearer_auth(TOKEN)).await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert!(world.is_quiet());
}

/// Twice, and in any order: each is one more look at the room, and no room that is there is lost.
#[tokio::test]
async fn replays_and_disorder_are_harmless() {
    let mut world = world(TOKEN).await;
    let mut watchlist = Watchlist::new(&["muc.meet.jitsi".to_owned()], &[]);
    let event = joined("r1", "a@meet.jitsi/b");
    let order = ["room/destroyed", "occupant/left", "room/created", "room/destroyed", "occupant/joined"];
    for path in order.iter().chain(&order).chain(["room/destroyed"].iter()) {
        assert_eq!(world.send(path, &event).await, StatusCode::NO_CONTENT);
        let (source, Touch { sender, room, gone }) = (Source::Events, world.touch().await);
        watchlist.handle(if gone {
            Report::Disappeared { source, room }
        } else {
            Report::Appeared { source, sender, room }
        });
    }
    assert!(watchlist.rooms().contains(&room("r1")), "no look has shown that it is gone");
}

/// More than may wait, with nobody reading: every sender gets its answer, and what does not fit
/// is counted.
#[tokio::test]
async fn a_flood_is_answered_and_what_overflows_is_counted() {
    let mut world = world(TOKEN).await;
    let event = joined("r1", "a@meet.jitsi/b");
    for _ in 0..30 {
        let burst = (0..50).map(|_| world.send("occupant/joined", &event));
        for status in futures::future::join_all(burst).await {
            assert_eq!(status, StatusCode::NO_CONTENT);
        }
    }
    let mut told = 0;
    while !world.is_quiet() {
        told += 1;
    }
    assert_eq!(told + world.discovery.touches.dropped(), 1500);
    assert!(world.discovery.touches.dropped() > 0);
    // It goes on.
    world.send("room/created", &joined("r2", "a@meet.jitsi/b")).await;
    assert_eq!(world.touched().await.0, "r2");
}

/// By its address, over however many connections.
#[tokio::test]
async fn an_event_bears_its_sender() {
    let mut world = world("").await;
    let event = joined("r1", "a@meet.jitsi/b");
    for from in ["127.0.0.1", "127.0.0.2", "127.0.0.1"] {
        let ip = from.parse().unwrap();
        world.client = Client::builder().no_proxy().local_address(Some(ip)).build().unwrap();
        assert_eq!(world.send("occupant/joined", &event).await, StatusCode::NO_CONTENT);
        assert_eq!(world.touch().await.sender, Sender::Host(ip));
    }
}

#[tokio::test]
async fn a_thousand_events_at_once() {
    let mut world = world(TOKEN).await;
    let names: Vec<String> = (0..1000).map(|n| format!("r{n}")).collect();
    let events: Vec<Value> = names.iter().map(|name| joined(name, "a@meet.jitsi/b")).collect();
    let all = futures::future::join_all(events.iter().map(|event| world.send("occupant/joined", event)));
    assert!(soon("the answers", all).await.iter().all(|status| *status == StatusCode::NO_CONTENT));
    let mut touched = std::collections::BTreeSet::new();
    for _ in 0..1000 {
        touched.insert(world.touched().await.0);
    }
    assert_eq!(touched.len(), 1000);
    assert_eq!(world.discovery.touches.dropped(), 0);
}
