//! 1,100 connections on which the head of a request never ends: everybody else is served all the same.

use std::time::Duration;

use jibri_autostart::http::{HttpEvent, ServerLimits, spawn_with};
use reqwest::RequestBuilder;
use testkit::Heads;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{LONG, room, world};

const FLOOD: usize = 1100;

/// The heads have ten minutes here, so that none is closed because its time is over. `cargo bench --bench heads` measures
/// with the real limits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_heads_keep_nobody_out() {
    let world = world().await;
    let limits = ServerLimits { head: LONG * 10, ..ServerLimits::default() };
    let mut server = spawn_with("127.0.0.1:0".parse().unwrap(), world.router.clone(), limits);
    let Some(HttpEvent::Listening(address)) = server.recv().await else { panic!("cannot listen") };
    // A connection that is being answered is not closed for others.
    let mut reader = TcpStream::connect(address).await.unwrap();
    reader.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut reader, "event: complete").await;

    // Each request on a connection of its own, as health checks do.
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let heads = Heads::open(address, FLOOD).await.unwrap();
    for _ in 0..20 {
        for request in [
            client.get(format!("http://{address}/healthz")),
            client.post(format!("http://{address}/jibri-webhook/v1/status")).body("{}"),
            client
                .post(format!("http://{address}/event-sync/events/room/created"))
                .bearer_auth(world.token)
                .body(r#"{"room_jid":"r1@muc.meet.jitsi"}"#),
        ] {
            // Without seats for them they would wait for minutes; the bound is for a busy machine.
            timeout(Duration::from_secs(20), answered(request)).await.expect("an answer");
        }
    }
    assert!(heads.closed() > 0, "no head was closed for another");
    world.board.put_rooms(&[room("r7", "stopping")]);
    read_until(&mut reader, "r7@muc.meet.jitsi").await;
}

/// Asks until there is an answer: on a busy machine it may take longer to send the request than the seat is kept.
async fn answered(request: RequestBuilder) {
    loop {
        if let Ok(answer) = request.try_clone().unwrap().send().await {
            assert!(answer.status().is_success(), "{answer:?}");
            return;
        }
    }
}

async fn read_until(stream: &mut TcpStream, text: &str) {
    let mut read = Vec::new();
    let there = async {
        while !String::from_utf8_lossy(&read).contains(text) {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0, "the connection was closed");
        }
    };
    timeout(LONG, there).await.expect("it is told in time");
}
