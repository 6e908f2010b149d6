//! The HTTP server: its port, and connections that would rather sit on it than talk.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use jibri_autostart::config::from_toml;
use jibri_autostart::discovery::spawn as discover;
use jibri_autostart::http::{EventSync, HttpEvent, Parts, ServerLimits, Shares, router, spawn, spawn_with};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::soon;

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn listening(server: &mut mpsc::Receiver<HttpEvent>) -> SocketAddr {
    match soon("the server", server.recv()).await {
        Some(HttpEvent::Listening(address)) => address,
        other => panic!("expected to listen, got {other:?}"),
    }
}

fn small() -> ServerLimits {
    let shares = Shares { all: 4, loopback: 0, address: 4 };
    ServerLimits { shares, head: Duration::from_millis(200), write: Duration::from_millis(200) }
}

async fn is_alive(address: SocketAddr) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = soon("an answer", client.get(format!("http://{address}/healthz")).send()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.json::<Value>().await.unwrap(), json!({ "alive": true, "linked": false }));
}

async fn is_closed(stream: &mut TcpStream) {
    // With an end or with a reset, and perhaps an answer before.
    let _ = soon("the end of a connection", stream.read_to_end(&mut Vec::new())).await;
}

#[tokio::test]
async fn it_lives_and_knows_nothing_else() {
    let mut server = spawn(ANYWHERE, router(Parts::default()));
    let address = listening(&mut server).await;
    is_alive(address).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["", "nothing", "event-sync/events/room/created"] {
        let response = client.post(format!("http://{address}/{path}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(response.json::<Value>().await.unwrap()["error"].is_string());
    }
}

#[tokio::test]
async fn a_taken_port_is_told_once_and_tried_again() {
    let taken = TcpListener::bind(ANYWHERE).await.unwrap();
    let address = taken.local_addr().unwrap();
    let mut server = spawn(address, router(Parts::default()));
    let Some(HttpEvent::CannotListen { why, .. }) = soon("the failure", server.recv()).await else {
        panic!("somebody else listens there");
    };
    assert!(why.contains(&address.to_string()), "{why}");
    drop(taken);
    assert_eq!(listening(&mut server).await, address);
    is_alive(address).await;
}

#[tokio::test]
async fn the_port_is_free_again_when_the_server_is_dropped() {
    let mut server = spawn(ANYWHERE, router(Parts::default()));
    let address = listening(&mut server).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    drop(server);
    is_closed(&mut idle).await;
    let free = async { while TcpStream::connect(address).await.is_ok() {} };
    soon("the port to be free", free).await;
}

/// As many as there may be, in each way of saying nothing; everybody else is served all the same.
#[tokio::test]
async fn connections_that_say_nothing_are_closed() {
    let mut server = spawn_with(ANYWHERE, router(Parts::default()), small());
    let address = listening(&mut server).await;
    let ways: [&[u8]; 4] = [b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nX: ", ASK];
    let mut slow = Vec::new();
    for way in ways.iter().cycle().take(12) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(way).await.unwrap();
        slow.push(stream);
    }
    is_alive(address).await;
    for stream in &mut slow {
        is_closed(stream).await;
    }
}

/// A head that comes byte by byte has the same time as any other.
#[tokio::test]
async fn a_slow_head_does_not_hold_a_connection() {
    let mut server = spawn_with(ANYWHERE, router(Parts::default()), small());
    let address = listening(&mut server).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let drip = async {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nX: ").await?;
        loop {
            stream.write_all(b"x").await?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let broken: Result<(), std::io::Error> = soon("the connection to break", drip).await;
    broken.unwrap_err();
}

/// Asks and asks, and never takes an answer.
#[tokio::test]
async fn a_peer_that_takes_no_answer_is_dropped() {
    let mut server = spawn_with(ANYWHERE, router(Parts::default()), small());
    let address = listening(&mut server).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let flood = async { while stream.write_all(ASK).await.is_ok() {} };
    soon("the connection to break", flood).await;
    is_alive(address).await;
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let mut server = spawn(ANYWHERE, router(Parts::default()));
    let address = listening(&mut server).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nX: ").await;
    let flood = async { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} };
    soon("the connection to break", flood).await;
    is_alive(address).await;
}

/// A body that never ends, in a time that passes by itself.
#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let settings =
        from_toml("xmpp = { domain = \"a\", secret = \"s\" }\nmuc.domains = [\"m\"]").unwrap().settings;
    let event_sync = EventSync { touches: discover(&settings).touches, own_domain: "a".to_owned() };
    let service =
        TowerToHyperService::new(router(Parts { event_sync: Some(event_sync), ..Parts::default() }));
    let never = Body::from_stream(futures::stream::pending::<std::io::Result<Vec<u8>>>());
    let request = Request::post("/event-sync/events/room/created").body(never).unwrap();
    assert_eq!(service.call(request).await.unwrap().status(), StatusCode::REQUEST_TIMEOUT);
}
