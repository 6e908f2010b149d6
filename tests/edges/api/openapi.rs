//! Every route of the file answers as it says, and every route of the server is in the file.

use std::collections::BTreeSet;

use jibri_autostart::surface::Link;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use super::reports::REPORT;
use super::schema::{hold, resolve};
use super::{TOKEN, WEBHOOK_TOKEN, World, world};

pub(crate) fn document() -> Value {
    serde_saphyr::from_str(include_str!("../../../openapi.yaml")).expect("YAML")
}

/// Asks, and holds the answer to the file.
pub(crate) async fn ask(
    world: &World,
    document: &Value,
    method: Method,
    route: &str,
    path: &str,
    body: &str,
) -> StatusCode {
    let request = world.client.request(method.clone(), format!("{}{path}", world.url)).body(body.to_owned());
    send(document, route, request.bearer_auth(world.token)).await
}

/// Sends a request, and holds the answer to what the file says of the route.
pub(crate) async fn send(document: &Value, route: &str, request: RequestBuilder) -> StatusCode {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let method = request.method().clone();
    let place = format!("{method} {}", request.url().path());
    let answer = client.execute(request).await.unwrap();
    let status = answer.status();
    let says = &document["paths"][route][method.as_str().to_lowercase()]["responses"][status.as_str()];
    assert!(says.is_object(), "{place}: {status} is not described");
    let says = says["$ref"].as_str().map_or(says, |reference| resolve(document, reference));
    let Some(content) = says["content"].as_object() else { return status };
    let kind = answer.headers()["content-type"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let schema = &content.get(&kind).unwrap_or_else(|| panic!("{place}: {kind} is not described"))["schema"];
    if kind == "application/json" {
        hold(document, schema, &answer.json().await.unwrap(), &place);
    }
    status
}

/// The token and the body with which a request to this route is granted.
pub(crate) fn asked_with(route: &str) -> (&'static str, &'static str) {
    match route.starts_with("/api/v1/recordings") {
        true => (WEBHOOK_TOKEN, REPORT),
        false => (TOKEN, r#"{"room_jid":"r1@muc.meet.jitsi"}"#),
    }
}

#[tokio::test]
async fn every_route_of_the_file_answers_as_it_says() {
    let (mut world, document) = (world().await, document());
    world.answer(Ok(()));
    world.keep_reports();
    for (route, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let path = route.replace("{room}", "r1").replace("{token}", "h00k");
            let body;
            (world.token, body) = asked_with(route);
            let status = ask(&world, &document, method, route, &path, body).await;
            assert!(status.is_success(), "{route}: {status}");
        }
    }
}

#[tokio::test]
async fn errors_are_as_the_file_says() {
    let (mut world, document) = (world().await, document());
    let room = "/api/v1/rooms/{room}";
    for (name, expected) in [
        ("r1", 200),
        ("r1%40muc.meet.jitsi", 200),
        ("r1@muc.meet.jitsi", 200),
        ("%5Bacme%5Dgr%C3%B6%C3%9Fe%2F%3Cscript%3E", 200),
        ("r2", 404),
        ("r1@elsewhere", 404),
        ("%00%0a", 404),
        ("%ff", 400),
        (&"x".repeat(8000), 404),
    ] {
        let path = format!("/api/v1/rooms/{name}");
        let status = ask(&world, &document, Method::GET, room, &path, "").await;
        assert_eq!(status.as_u16(), expected, "{name:.40}");
    }
    world.ready.send_modify(|ready| *ready = Err("no link".to_owned()));
    assert_eq!(
        ask(&world, &document, Method::GET, "/readyz", "/readyz", "").await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let created = "/event-sync/events/room/created";
    assert_eq!(ask(&world, &document, Method::POST, created, created, "{").await, StatusCode::BAD_REQUEST);
    let long = " ".repeat(65 * 1024);
    assert_eq!(
        ask(&world, &document, Method::POST, created, created, &long).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    world.board.set_link(Link { standby: true, ..Link::default() });
    let away = ask(&world, &document, Method::POST, created, created, "{}").await;
    assert_eq!(
        away,
        StatusCode::SERVICE_UNAVAILABLE,
        "Prosody sends it again, and then perhaps to the other one"
    );
    world.token = "TOKEN-237958623044";
    assert_eq!(ask(&world, &document, Method::POST, created, created, "{}").await, StatusCode::UNAUTHORIZED);
    for (method, path, expected) in [
        (Method::POST, "/api/v1/rooms", StatusCode::METHOD_NOT_ALLOWED),
        (Method::GET, "/api/v1/rooms/r1/record", StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/api/v1/rooms/r1/erase", StatusCode::NOT_FOUND),
        (Method::GET, "/api/v2/rooms", StatusCode::NOT_FOUND),
    ] {
        let answer = world.client.request(method, format!("{}{path}", world.url)).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{path}");
        hold(&document, &document["components"]["schemas"]["Error"], &answer.json().await.unwrap(), path);
    }
}

/// The router cannot be asked for its routes, so its source is.
#[test]
fn every_route_of_the_server_is_in_the_file() {
    let nested = [("event_sync.rs", "/event-sync"), ("jibri_webhook.rs", "/jibri-webhook")];
    let mut routes = BTreeSet::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http")).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let prefix = nested.iter().find(|(file, _)| *file == name).map_or("", |(_, prefix)| prefix);
        let source = std::fs::read_to_string(&path).unwrap();
        for route in source.split(".route(").skip(1) {
            let route = route.split('"').nth(1).expect("a literal");
            routes.insert(format!("{prefix}{route}"));
        }
    }
    let document = document();
    let described: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(routes, described);
}

/// What participants choose arrives as it is, as text in JSON and as nothing else.
#[tokio::test]
async fn hostile_names_are_plain_json() {
    let world = world().await;
    let answer = world.client.get(format!("{}/api/v1/jibris", world.url)).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let jibris: Value = answer.json().await.unwrap();
    assert_eq!(jibris[0]["name"], "\u{202e}\"<b>");
}

#[tokio::test]
async fn metrics_are_scraped() {
    let world = world().await;
    let text = world.client.get(format!("{}/metrics", world.url)).send().await.unwrap().text().await.unwrap();
    for line in [
        "jibri_autostart_up 1",
        "jibri_autostart_rooms{state=\"recording\"} 1",
        "jibri_autostart_people 4",
        "jibri_autostart_jibris{verdict=\"wedged\"} 1",
        "jibri_autostart_alerts_total{kind=\"jibri_wedged\"} 1",
        "jibri_autostart_recordings_total{state=\"missing\"} 0",
        "jibri_autostart_recorded_seconds_total 0.0",
        "jibri_autostart_wanted_seconds_total 0.0",
    ] {
        assert!(text.lines().any(|is| is == line), "{line}\n{text}");
    }
}
