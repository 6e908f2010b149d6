//! By which names the port may be called: a web page whose name resolves to our address (DNS rebinding) reads nothing.

use jibri_autostart::http_client;
use reqwest::header::{HOST, HeaderValue};
use reqwest::{Client, Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::openapi::{asked_with, document, send};
use super::{World, world};

/// A client for which `name` resolves to the address of this server, and the URL with that name.
fn misled(world: &World, builder: reqwest::ClientBuilder, name: &str) -> (Client, String) {
    let address = world.url.strip_prefix("http://").unwrap().parse().unwrap();
    let client = builder.resolve(name, address).build().unwrap();
    (client, format!("http://{name}:{}", address.port()))
}

/// The answer to this head, as it stands on the wire.
async fn raw(world: &World, head: &str) -> String {
    let mut stream = TcpStream::connect(world.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Every route of the file, as such a page would ask for it. What Prosody and Jibri send, which have no origin, is taken
/// under any name.
#[tokio::test]
async fn under_a_foreign_name_nothing_is_shown_and_nothing_ordered() {
    let (mut world, document) = (world().await, document());
    world.answer(Ok(()));
    world.keep_reports();
    let (client, url) = misled(&world, reqwest::Client::builder().no_proxy(), "evil.example");
    let (mut shown, mut sent) = (0, 0);
    for (route, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let path = route.replace("{room}", "r1").replace("{token}", "h00k");
            let (token, body) = asked_with(route);
            let is_report = method == Method::POST && route.starts_with("/api/v1/recordings");
            let request = client.request(method, format!("{url}{path}")).bearer_auth(token);
            let status = send(&document, route, request.body(body)).await;
            if is_report || route.starts_with("/event-sync/") || route.starts_with("/jibri-webhook/") {
                assert!(status.is_success(), "{route}: {status}");
                sent += 1;
            } else {
                assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{route}");
                shown += 1;
            }
        }
    }
    assert!(shown >= 14 && sent == 10, "{shown} {sent}");
    assert!(world.orders.try_recv().is_err(), "an order was given");
    let unknown = client.get(format!("{url}/nothing")).send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::MISDIRECTED_REQUEST);
    let says: serde_json::Value = unknown.json().await.unwrap();
    assert!(says["hint"].as_str().unwrap().contains("http.hosts"), "{says}");
}

/// A browser adds the origin to every POST of a page, also to the page's own origin.
#[tokio::test]
async fn a_page_sends_no_events_under_a_foreign_name() {
    let world = world().await;
    let (client, url) = misled(&world, reqwest::Client::builder().no_proxy(), "evil.example");
    for path in [
        "event-sync/events/room/created",
        "jibri-webhook/v1/status",
        "jibri-webhook/nothing",
        "api/v1/recordings",
        "api/v1/recordings/h00k",
    ] {
        let request = client.post(format!("{url}/{path}")).header("Origin", &url).bearer_auth(world.token);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn addresses_localhost_and_what_is_configured_are_its_names() {
    let world = world().await;
    let get = |host: &str| world.client.get(format!("{}/api/v1/rooms", world.url)).header(HOST, host).send();
    for name in ["127.0.0.1", "[::1]:8790", "localhost", "autostart.example.org", "Autostart.Example.org:80"]
    {
        assert_eq!(get(name).await.unwrap().status(), StatusCode::OK, "{name}");
    }
    for name in ["example.org", "autostart.example.org.evil.example", "evil.example@127.0.0.1", ""] {
        assert_eq!(get(name).await.unwrap().status(), StatusCode::MISDIRECTED_REQUEST, "{name}");
    }
    // A browser always sends a name; health checks with HTTP/1.0 do not.
    let answer = raw(&world, "GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
}

#[tokio::test]
async fn a_foreign_name_counts_wherever_it_stands() {
    let world = world().await;
    for head in [
        "GET /api/v1/rooms HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        "GET http://evil.example/api/v1/rooms HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n\r\n",
        "GET http://localhost/api/v1/rooms HTTP/1.1\r\nConnection: close\r\nHost: evil.example\r\n\r\n",
        "HEAD / HTTP/1.1\r\nConnection: close\r\nHost: evil.example\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nConnection: close\r\nHost: evil.example\r\n\r\n",
        "GET //api/v1//rooms/ HTTP/1.1\r\nConnection: close\r\nHost: evil.example\r\n\r\n",
    ] {
        let answer = raw(&world, head).await;
        assert!(answer.starts_with("HTTP/1.1 421 "), "{head}\n{answer}");
    }
}

/// The command line, `doctor` and the other instance of `[standby]`.
#[tokio::test]
async fn other_parts_of_this_program_ask_by_any_name() {
    let world = world().await;
    let ours = reqwest::Client::builder().no_proxy();
    let ours =
        ours.default_headers([(http_client::OURS, HeaderValue::from_static("?1"))].into_iter().collect());
    let (client, url) = misled(&world, ours, "autostart-b");
    for path in ["healthz", "api/v1/status"] {
        assert_eq!(client.get(format!("{url}/{path}")).send().await.unwrap().status(), StatusCode::OK);
    }
}
