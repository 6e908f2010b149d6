//! What is seen of Jibris over HTTP: stand-ins for health ports and Jicofo, and a sender of webhooks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "also in what the tests share"
)]

mod detector;
mod health;
mod webhooks;

use std::time::Duration;

use jibri_autostart::config::{JibriInstance, Settings, from_toml};
use jibri_autostart::probes::{ProbeLimits, Probed, Probes};

/// Longer than any wait in these tests takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn settings() -> Settings {
    let file =
        "xmpp = { domain = \"autostart.meet.jitsi\", secret = \"s\" }\nmuc.domains = [\"muc.meet.jitsi\"]";
    let mut settings = from_toml(file).unwrap().settings;
    // Faster than an administrator may have it.
    settings.jibri.health_interval = Duration::from_millis(50);
    settings.discovery.jicofo.interval = Duration::from_millis(10);
    settings
}

fn instance(name: &str, id: &str, health_url: Option<String>) -> JibriInstance {
    JibriInstance { name: name.to_owned(), health_url, id: id.to_owned() }
}

fn limits() -> ProbeLimits {
    ProbeLimits {
        health_time: Duration::from_millis(300),
        detector_time: Duration::from_millis(300),
        detector_bytes: 1024 * 1024,
        detector_interval: Duration::from_millis(30),
        ..ProbeLimits::default()
    }
}

async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(LONG, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

async fn next(probes: &mut Probes) -> Probed {
    soon("a probed", probes.events.recv()).await.expect("they look on")
}
