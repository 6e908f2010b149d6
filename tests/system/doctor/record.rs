//! `--record-test` against a stand-in for the service.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use jibri_autostart::http::{self, HttpEvent};
use serde_json::{Value, json};
use testkit::{Result, Version};
use tokio::sync::mpsc;

use super::examination::Deployment;
use super::world;

/// A service with one room.
#[derive(Default)]
struct Stand {
    state: String,
    /// Starts fail.
    fails: bool,
    /// What it was told to do.
    orders: Vec<String>,
}

type Shared = Arc<Mutex<Stand>>;

fn room(state: &str) -> Value {
    json!({
        "room": "r1@muc.meet.jitsi", "state": state, "people": 2, "moderators": 1, "recorder_present": false,
        "attempt": 0, "session_id": null, "since": "2026-08-20T10:00:00Z", "reason": null,
    })
}

/// Each look sees the next state.
async fn look(State(stand): State<Shared>, Path(name): Path<String>) -> (StatusCode, Json<Value>) {
    let mut stand = stand.lock().unwrap();
    if name != "r1" {
        return (
            StatusCode::NOT_FOUND,
            Json(json!({ "error": "no room of this name is watched", "hint": "h" })),
        );
    }
    let now = stand.state.clone();
    stand.state = match (now.as_str(), stand.fails) {
        ("starting", true) => "backoff".into(),
        ("starting", false) => "pending".into(),
        ("pending", _) => "recording".into(),
        ("stopping", _) => "held".into(),
        (other, _) => other.into(),
    };
    (StatusCode::OK, Json(room(&now)))
}

async fn order(
    State(stand): State<Shared>,
    Path((_, order)): Path<(String, String)>,
    headers: HeaderMap,
) -> (StatusCode, Json<Value>) {
    if headers.get("authorization").is_none_or(|token| token != "Bearer t0ken") {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "wrong or missing token", "hint": "h" })));
    }
    let mut stand = stand.lock().unwrap();
    stand.state = match order.as_str() {
        "record" => "starting".into(),
        "stop" => "stopping".into(),
        _ => "idle".into(),
    };
    stand.orders.push(order);
    (StatusCode::OK, Json(room(&stand.state)))
}

async fn serve(deployment: &mut Deployment) -> Result<(Shared, mpsc::Receiver<HttpEvent>)> {
    let shared = Shared::default();
    shared.lock().unwrap().state = "idle".into();
    let status = json!({
        "version": "0", "domain": "autostart.meet.jitsi", "dry_run": false, "footprint": "discreet", "linked": true,
        "since": "2026-08-20T10:00:00Z", "reason": null, "rooms": {}, "people": 2, "rooms_waiting": 0, "jibris": {},
        "alerts": 0,
    });
    let none = || async { Json(json!([])) };
    let router = Router::new()
        .route("/api/v1/status", get(move || async { Json(status) }))
        .route("/api/v1/rooms", get(none))
        .route("/api/v1/jibris", get(none))
        .route("/api/v1/alerts", get(none))
        .route("/api/v1/rooms/{room}", get(look))
        .route("/api/v1/rooms/{room}/{order}", post(order))
        .with_state(shared.clone());
    let mut events = http::spawn("127.0.0.1:0".parse()?, router);
    let Some(HttpEvent::Listening(address)) = events.recv().await else {
        return Err("does not listen".into());
    };
    deployment.set("HTTP__LISTEN", address);
    deployment.set("HTTP__TOKEN", "t0ken");
    deployment.set("START__REQUEST_TIMEOUT", "1s");
    deployment.set("START__PENDING_TIMEOUT", "1s");
    Ok((shared, events))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_is_tried_and_everything_put_back() -> Result {
    let world = world(Version::Debian12, |_| {}).await?;
    let mut deployment = Deployment::of(&world).await?;
    let (stand, _events) = serve(&mut deployment).await?;
    let orders = || std::mem::take(&mut stand.lock().unwrap().orders);

    let test = ["--record-test", "r1"];
    deployment.examine_with(&[], &test).await.says("record-test", "ok", "stopped and released");
    assert_eq!(orders(), ["record", "stop", "release"]);
    // Only if asked for.
    deployment.examine().await;
    assert!(orders().is_empty());

    stand.lock().unwrap().fails = true;
    deployment.examine_with(&[], &test).await.says("record-test", "FAIL", "backoff");
    assert_eq!(orders(), ["record", "stop", "release"]);

    // Somebody's recording is left alone.
    stand.lock().unwrap().state = "recording".into();
    deployment.examine_with(&[], &test).await.says("record-test", "warn", "left alone");
    // And so is what was ordered: to hand it back would start one.
    stand.lock().unwrap().state = "held".into();
    deployment.examine_with(&[], &test).await.says("record-test", "warn", "left alone");
    stand.lock().unwrap().state = "idle".into();
    deployment.examine_with(&[], &["--record-test", "r9"]).await.says(
        "record-test",
        "FAIL",
        "no room of this name",
    );
    let token = [("HTTP__TOKEN", "another")];
    deployment.examine_with(&token, &test).await.says("record-test", "FAIL", "wrong or missing token");
    deployment.examine_with(&[("HTTP__TOKEN", "")], &test).await.says(
        "record-test",
        "FAIL",
        "set http.token",
    );
    assert!(orders().is_empty());
    let absent = [("HTTP__LISTEN", &*testkit::ports::loopback().to_string())];
    deployment.examine_with(&absent, &test).await.says("record-test", "FAIL", "start the service");
    Ok(())
}
