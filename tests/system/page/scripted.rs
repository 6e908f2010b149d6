//! Events as the real server seldom, or not yet, sends them.

use std::convert::Infallible;

use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::browser::Browser;
use super::sample::attempt;
use super::world::{LIVE, World};
use jibri_autostart::ledger::{Entry, Outcome};

/// What `/api/v1/events` answers: each of these events, then those that are added; or a refusal.
type Script = watch::Sender<Option<Vec<(&'static str, Value)>>>;

fn routes(script: &Script) -> Router {
    let script = script.subscribe();
    Router::new().route("/api/v1/events", get(async move || answer(script.clone())))
}

fn answer(script: watch::Receiver<Option<Vec<(&'static str, Value)>>>) -> Response {
    if script.borrow().is_none() {
        let body = json!({ "error": "too many clients are reading the events already", "hint": "close other readers" });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    }
    let events = stream::unfold((script, 0), |(mut script, sent)| async move {
        let now = script.wait_for(|all| all.as_ref().is_none_or(|all| all.len() > sent)).await.ok()?.clone();
        let (event, data) = now?.get(sent)?.clone();
        Some((Event::default().event(event).data(data.to_string()), (script, sent + 1)))
    });
    Sse::new(events.map(Ok::<_, Infallible>)).into_response()
}

fn status(world: &World, version: &str) -> (&'static str, Value) {
    let mut status = json!(world.board.status());
    status["version"] = json!(version);
    ("status", status)
}

fn complete() -> (&'static str, Value) {
    ("complete", json!({}))
}

#[tokio::test]
async fn the_history_is_read_when_it_is_told_of_and_no_sooner() {
    let script: Script = watch::Sender::new(None);
    let mut world = World::start_with(routes(&script)).await;
    script.send_replace(Some(vec![status(&world, "1"), complete()]));
    let browser = world.browse().await;
    let was = |outcome| Entry::Attempt(attempt("r", 90, Some(30), outcome, ""));
    let key = world.write(was(Outcome::Recorded)).await;
    script.send_modify(|script| script.as_mut().unwrap().push(("history", json!({}))));
    browser.until("document.querySelector('#history tbody').innerText.includes('Recorded')").await;
    // An event that this page does not know is none of its business.
    script.send_modify(|script| script.as_mut().unwrap().extend([("new", json!([1])), status(&world, "1")]));
    world.rewrite(key, was(Outcome::Failed)).await;
    script.send_modify(|script| script.as_mut().unwrap().push(("history", json!({}))));
    browser.until("document.querySelector('#history tbody').innerText.includes('Failed')").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_refusal_is_told_and_a_new_version_brings_its_own_page() {
    let script: Script = watch::Sender::new(None);
    let world = World::start_with(routes(&script)).await;
    let browser = Browser::start().await;
    browser.open(&world.url).await;
    let told = "document.querySelector('#lost').textContent";
    browser
        .until(&format!(
            "{told}.includes('too many clients are reading the events already. What to do: close')"
        ))
        .await;
    assert_eq!(browser.text("h1").await, "Connecting…");
    script.send_replace(Some(vec![status(&world, "1"), complete()]));
    browser.until(LIVE).await;
    browser.get("window.old = true").await;
    // Another program at the same place.
    script.send_replace(None);
    browser.until(&format!("{told}.startsWith('Contact lost')")).await;
    script.send_replace(Some(vec![status(&world, "2"), complete()]));
    browser.until(&format!("!window.old && {LIVE}")).await;
    assert_eq!(
        browser.text("#foot").await,
        "jibri-autostart 2, footprint discreet. Times are in this device's time zone."
    );
}
