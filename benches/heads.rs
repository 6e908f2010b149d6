//! What endless heads do to other requests: the time from connecting to the end of the answer, for `/healthz` and for a
//! Jibri's webhook, while 1,100 connections send the head of a request without end, and the same without them. All come
//! from loopback, so no share of an address holds the flood off.
//!
//! `BENCH_REQUESTS` (of each kind) and `BENCH_HEADS` make a run shorter or harder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "not the program"
)]

#[path = "common/quantiles.rs"]
mod quantiles;

use std::net::SocketAddr;
use std::time::Instant;

use jibri_autostart::config::from_toml;
use jibri_autostart::http::{self, HttpEvent, Parts};
use jibri_autostart::probes;
use quantiles::Quantiles;
use testkit::{Heads, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const STATUS: &str = r#"{"jibriId":"jibri-1","status":{"busyStatus":"IDLE","health":{"healthStatus":"HEALTHY","details":{}}}}"#;

const SETTINGS: &str = r#"
xmpp = { domain = "a.b", secret = "s" }
muc.domains = ["muc.meet.jitsi"]
jibri = { webhook = true, webhook_token = "t0ken" }
"#;

#[tokio::main]
async fn main() -> Result {
    let (requests, heads) = (number("BENCH_REQUESTS", 500), number("BENCH_HEADS", 1100));
    let settings = from_toml(SETTINGS).map_err(|mistakes| mistakes.to_string())?.settings;
    let mut probes = probes::spawn(&settings);
    tokio::spawn(async move { while probes.events.recv().await.is_some() {} });
    let parts = Parts { jibri_webhooks: probes.webhooks.take(), ..Parts::default() };
    let mut server = http::spawn_apart("127.0.0.1:0".parse()?, http::router(parts));
    let Some(HttpEvent::Listening(address)) = server.recv().await else { return Err("no server".into()) };

    let healthz = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned();
    let webhook = format!(
        "POST /jibri-webhook/t0ken/v1/status HTTP/1.1\r\nHost: jibri-autostart:8790\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{STATUS}",
        STATUS.len()
    );
    let mut slowest: f64 = 0.0;
    for (name, request) in [("/healthz", healthz), ("a webhook", webhook)] {
        let alone = answers(address, &request, requests).await?;
        let flood = Heads::open(address, heads).await?;
        let flooded = answers(address, &request, requests).await?;
        println!("{name}, {requests} of each, each on a connection of its own:");
        println!("  {heads} endless heads   {flooded}   (bound: 1 s)");
        println!("  alone               {alone}; ratio of the medians {:.1}", flooded.p50 / alone.p50);
        println!("  heads that were closed meanwhile: {}", flood.closed());
        slowest = slowest.max(flooded.max);
    }
    assert!(slowest < 1000.0, "an answer took {slowest:.0} ms");
    Ok(())
}

async fn answers(address: SocketAddr, request: &str, times: usize) -> Result<Quantiles> {
    let mut took = Vec::new();
    for _ in 0..times {
        let began = Instant::now();
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        took.push(began.elapsed());
        if !answer.starts_with("HTTP/1.1 200 ") {
            return Err(format!("answered with {answer:?}").into());
        }
    }
    Ok(Quantiles::of(&took))
}

/// A number from the environment, for a shorter run or a longer one.
fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().expect(name))
}
