//! Jibri's webhooks, as Jibri sends them and as it never would: answered with 200 all the same.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jibri_autostart::config::Secret;
use jibri_autostart::http::{HttpEvent, Parts, router, spawn as serve};
use jibri_autostart::jibri::{Busy, Health, Report};
use jibri_autostart::probes::{Probed, Probes, Webhooks, spawn_with};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{instance, limits, next, settings, soon};
use crate::stand_in::{Manner, StandIn};

const TOKEN: &str = "t0ken";

struct World {
    address: SocketAddr,
    probes: Probes,
    webhooks: Webhooks,
    client: Client,
    _server: mpsc::Receiver<HttpEvent>,
}

async fn world() -> World {
    let mut settings = settings();
    settings.jibri.webhook = true;
    settings.jibri.webhook_token = Secret::new(TOKEN);
    settings.jibri.instances = vec![instance("jibri-1", "id-1", None), instance("jibri-2", "jibri-2", None)];
    let probes = spawn_with(&settings, limits());
    let webhooks = probes.webhooks.clone().unwrap();
    let parts =
        Parts { token: Secret::new("TOKEN"), jibri_webhooks: Some(webhooks.clone()), ..Parts::default() };
    let mut server = serve("127.0.0.1:0".parse().unwrap(), router(parts));
    let Some(HttpEvent::Listening(address)) = soon("the port", server.recv()).await else {
        panic!("cannot listen");
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    World { address, probes, webhooks, client, _server: server }
}

impl World {
    async fn send(&self, path: &str, body: impl Into<reqwest::Body>) -> StatusCode {
        let url = format!("http://{}/jibri-webhook/{TOKEN}/v1/{path}", self.address);
        let response = self.client.post(url).body(body).send().await.unwrap();
        let status = response.status();
        assert_eq!(response.text().await.unwrap(), "");
        status
    }

    fn is_quiet(&mut self) -> bool {
        self.probes.events.try_recv().is_err()
    }
}

fn status(id: &str, busy: &str) -> Value {
    json!({"jibriId": id, "status": {"busyStatus": busy, "health": {"healthStatus": "HEALTHY", "details": {}}}})
}

fn session(id: &str, status: &str) -> Value {
    json!({"jibriId": id, "session": {"sessionId": "c0ffee", "status": status, "sipAddress": null,
        "failure": {"reason": "ERROR", "error": {"scope": "SESSION", "detail": "Chrome hung"}}, "shouldRetry": true}})
}

#[tokio::test]
async fn what_jibri_says_is_told_by_the_configured_name() {
    let mut world = world().await;
    for (id, name) in
        [("id-1", "jibri-1"), ("jibri-1", "jibri-1"), ("jibri-2", "jibri-2"), ("stranger", "stranger")]
    {
        assert_eq!(world.send("status", status(id, "IDLE").to_string()).await, StatusCode::OK);
        match next(&mut world.probes).await {
            Probed::Status { name: told, status } => {
                let idle = Report { busy: Busy::Idle, health: Health::Healthy };
                assert_eq!((told.as_str(), status.report), (name, idle));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.send("session/status", session("id-1", "OFF").to_string()).await, StatusCode::OK);
    assert!(world.is_quiet(), "of sessions of its own, which are none of ours, it says nothing to us");
}

#[tokio::test]
async fn whatever_comes_is_answered_with_200() {
    let mut world = world().await;
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"null".to_vec(),
        b"{".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        "[".repeat(60_000).into_bytes(),
        vec![b' '; 10_000_000],
        status("", "IDLE").to_string().into_bytes(),
        status("jibri-1", "ASLEEP").to_string().into_bytes(),
        status(&"j".repeat(5_000), "IDLE").to_string().into_bytes(),
    ];
    let count = bodies.len() as u64;
    for path in ["status", "session/status"] {
        for body in &bodies {
            let shown = String::from_utf8_lossy(&body[..body.len().min(30)]).into_owned();
            if body.len() > 1_000_000 {
                // The server may hang up on the rest of it; what matters is what it answers.
                let url = format!("http://{}/jibri-webhook/{TOKEN}/v1/{path}", world.address);
                if let Ok(response) = world.client.post(url).body(body.clone()).send().await {
                    assert_eq!(response.status(), StatusCode::OK, "{shown}");
                }
                continue;
            }
            assert_eq!(world.send(path, body.clone()).await, StatusCode::OK, "{shown}");
        }
    }
    assert!(world.is_quiet());
    assert_eq!(world.webhooks.unreadable(), count);
    assert_eq!(world.send("status", status("id-1", "BUSY").to_string()).await, StatusCode::OK);
    assert!(matches!(next(&mut world.probes).await, Probed::Status { .. }));
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let world = world().await;
    let at = |path: &str| format!("http://{}/jibri-webhook/{TOKEN}/v1/{path}", world.address);
    assert_eq!(world.client.get(at("status")).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(world.client.post(at("else")).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    // A Jibri whose token is wrong is not harmed for it.
    for token in ["wrong", "%ff", "%00"] {
        let url = format!("http://{}/jibri-webhook/{token}/v1/status", world.address);
        assert_eq!(
            world.client.post(url).body("{}").send().await.unwrap().status(),
            StatusCode::OK,
            "{token}"
        );
    }
}

/// A browser that reaches us may be made to post what some page wants.
#[tokio::test]
async fn a_web_page_is_not_heard() {
    let mut world = world().await;
    let url = format!("http://{}/jibri-webhook/v1/status", world.address);
    let unwell = status("id-1", "EXPIRED").to_string();
    let request = world.client.post(&url).header("Origin", "http://evil.example").body(unwell.clone());
    assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert!(world.is_quiet());
    assert_eq!(world.send("status", unwell).await, StatusCode::OK);
    assert!(matches!(next(&mut world.probes).await, Probed::Status { .. }));
}

/// Nobody takes what is seen, and still each Jibri is answered at once; of each the newest is kept.
#[tokio::test]
async fn when_nobody_listens_the_newest_of_each_is_kept() {
    let mut world = world().await;
    for n in 0..10_000 {
        let busy = if n % 2 == 0 { "IDLE" } else { "BUSY" };
        world.webhooks.take_status(TOKEN, status(&format!("made-up-{n}"), busy).to_string().as_bytes());
        if n % 100 == 0 {
            // So that the forwarding task gets to fill the channel.
            tokio::task::yield_now().await;
        }
    }
    let began = Instant::now();
    for n in 0..100 {
        let busy = if n < 99 { "IDLE" } else { "EXPIRED" };
        world.webhooks.take_status(TOKEN, status("made-up-0", busy).to_string().as_bytes());
    }
    assert_eq!(world.send("status", status("made-up-1", "IDLE").to_string()).await, StatusCode::OK);
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(world.webhooks.dropped() > 0);
    let mut told = 0;
    while let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(300), world.probes.events.recv()).await
    {
        told += 1;
    }
    assert!((2000..=6000).contains(&told), "{told}");
}

#[tokio::test]
async fn the_newest_counts() {
    let mut world = world().await;
    // No turn for the forwarding task in between.
    for busy in ["IDLE", "BUSY", "EXPIRED"] {
        world.webhooks.take_status(TOKEN, status("id-1", busy).to_string().as_bytes());
    }
    match next(&mut world.probes).await {
        Probed::Status { status, .. } => assert_eq!(status.report.busy, Busy::Expired),
        other => panic!("{other:?}"),
    }
    assert!(world.is_quiet());
    assert_eq!(world.webhooks.dropped(), 2);
}

/// A whole fleet that changes at one moment.
#[tokio::test]
async fn many_at_once() {
    let world = world().await;
    let sends = (0..200).map(|n| world.send("status", status(&format!("j{n}"), "IDLE").to_string()));
    let statuses = soon("all answers", futures::future::join_all(sends)).await;
    assert!(statuses.iter().all(|&status| status == StatusCode::OK));
}

/// Anybody may send anything: then the Jibri itself is asked, and not sooner than a second after the last time.
#[tokio::test]
async fn without_the_token_it_is_no_more_than_a_reason_to_ask() {
    let body = r#"{"status":{"busyStatus":"BUSY","health":{"healthStatus":"HEALTHY","details":{}}}}"#;
    let jibri = StandIn::start([Manner::Body(body.to_owned())]).await;
    let mut settings = settings();
    settings.jibri.webhook = true;
    settings.jibri.health_interval = Duration::from_secs(3600);
    settings.jibri.instances = vec![instance("jibri-1", "id-1", Some(jibri.url()))];
    for token in ["", "t0ken"] {
        settings.jibri.webhook_token = Secret::new(token);
        let mut probes = spawn_with(&settings, limits());
        let webhooks = probes.webhooks.clone().unwrap();
        assert!(
            matches!(next(&mut probes).await, Probed::Health { answer: Ok(_), .. }),
            "as always at first"
        );
        for wrong in ["", "t0ke", "t0kenn", "T0KEN"] {
            webhooks.take_status(wrong, status("id-1", "EXPIRED").to_string().as_bytes());
            webhooks.take_status(wrong, status("made-up", "EXPIRED").to_string().as_bytes());
        }
        match next(&mut probes).await {
            Probed::Health { answer: Ok(says), .. } => assert_eq!(says.report.busy, Busy::Busy),
            other => panic!("{other:?}"),
        }
    }
}
