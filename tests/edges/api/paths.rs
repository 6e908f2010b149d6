//! Requests of Prosody and Jibri whose configured base URL ends in `/`, or is wrong.

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use jibri_autostart::config::Secret;
use jibri_autostart::http::{Parts, router};
use jibri_autostart::probes::Probed;
use reqwest::StatusCode;
use serde_json::json;
use tokio::time::timeout;
use tower::ServiceExt as _;
use tracing_subscriber::fmt::MakeWriter;

use super::{LONG, WEBHOOK_TOKEN, World, world};

async fn post(world: &World, path: &str, body: String) -> StatusCode {
    let request = world.client.post(format!("{}{path}", world.url)).bearer_auth(world.token).body(body);
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn a_base_url_may_end_in_a_slash() {
    let mut world = world().await;
    let slashes = ["/event-sync", "/event-sync/", "//event-sync", "//event-sync//"];
    for (n, base) in slashes.iter().enumerate() {
        let event = json!({ "room_jid": format!("r{n}@muc.meet.jitsi") }).to_string();
        let status = post(&world, &format!("{base}/events/occupant/joined"), event).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{base}");
        let touch = timeout(LONG, world.discovery.touched.recv()).await.unwrap();
        assert_eq!(touch.room.local(), format!("r{n}"));
    }
    for (n, base) in ["/jibri-webhook", "/jibri-webhook/", "//jibri-webhook//"].iter().enumerate() {
        let health = json!({ "healthStatus": "HEALTHY", "details": {} });
        let status = json!({ "busyStatus": "IDLE", "health": health });
        let body = json!({ "jibriId": format!("jibri-{n}"), "status": status }).to_string();
        let path = format!("{base}/{WEBHOOK_TOKEN}/v1/status");
        assert_eq!(post(&world, &path, body).await, StatusCode::OK, "{base}");
        match timeout(LONG, world.probes.events.recv()).await.unwrap() {
            Some(Probed::Status { name, .. }) => assert_eq!(name, format!("jibri-{n}")),
            other => panic!("{base}: {other:?}"),
        }
    }
    // The token is needed there, too.
    world.token = "TOKEN-237958623044";
    let status = post(&world, "/event-sync//events/room/created", "{}".to_owned()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What is logged when these are posted, one after the other; all of them find nothing.
async fn logged(router: axum::Router, paths: impl IntoIterator<Item = String>) -> Vec<String> {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_writer(log.clone()).without_time().with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    for path in paths {
        let request = Request::post(&path).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    log.lines()
}

#[tokio::test]
async fn a_post_to_an_unknown_path_is_logged_once_with_the_path_and_the_remedy() {
    let world = world().await;
    let twice = |path: &str| [path.to_owned(), path.to_owned()];
    for (path, remedy) in [
        ("/event-sync/events/events/room/created", "api_prefix"),
        ("/event-sync/room/created?token=hunter2", "api_prefix"),
        ("/event-sync", "api_prefix"),
        ("/jibri-webhook/v1/status/v1/status", "JIBRI_WEBHOOK_SUBSCRIBERS"),
        ("/jibri-webhook/v2/status", "JIBRI_WEBHOOK_SUBSCRIBERS"),
        ("/jibri-webhook/WEBHOOK_TOKEN/v2/status", "JIBRI_WEBHOOK_SUBSCRIBERS"),
    ] {
        let sent = path.replace("WEBHOOK_TOKEN", WEBHOOK_TOKEN);
        let lines = logged(world.router.clone(), twice(&sent)).await;
        assert_eq!(lines.len(), 1, "{lines:#?}");
        let named = path.split('?').next().unwrap();
        assert!(lines[0].contains("WARN") && lines[0].contains(named), "{lines:?}");
        assert!(lines[0].contains(remedy) && !lines[0].contains("hunter2"), "{lines:?}");
        assert!(!lines[0].contains(WEBHOOK_TOKEN), "{lines:?}");
    }
    // Nothing that Prosody or Jibri would send to.
    assert_eq!(logged(world.router.clone(), twice("/v1/status")).await, [""; 0]);
    // What is switched off says so.
    for (path, key) in [
        ("/event-sync/events/room/created", "discovery.event_sync"),
        ("/jibri-webhook/v1/status", "jibri.webhook"),
        ("/jibri-webhook/h00k/v1/status", "jibri.webhook"),
    ] {
        let off = Parts { webhook_token: Secret::new(WEBHOOK_TOKEN), ..Parts::default() };
        let lines = logged(router(off), twice(path)).await;
        assert!(lines.len() == 1 && lines[0].contains(&format!("{key} is false")), "{lines:?}");
        assert!(!lines[0].contains(WEBHOOK_TOKEN), "{lines:?}");
    }
}

/// A sender of made-up paths can neither fill the log and the memory nor forge a line of the log.
#[tokio::test]
async fn made_up_paths_are_soon_logged_no_more() {
    let world = world().await;
    let many = (0..5000).map(|n| format!("/jibri-webhook/{n}%0aERROR%1b[31m{}", "x".repeat(2000)));
    let lines = logged(world.router.clone(), many).await;
    assert!(lines.len() < 50, "{}", lines.len());
    assert!(lines.iter().all(|line| line.len() < 1000 && !line.contains('\u{1b}')), "{lines:?}");
}
