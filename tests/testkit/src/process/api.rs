//! What a Jibri's process answers over HTTP: its two interfaces, and the test's own.

use super::life::{HealthPort, Life};
use crate::http::{Answer, Request};
use crate::jibri::Jibri;
use crate::lock;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// `shutdown` and `gracefulShutdown` end like this, so that nobody starts it again unasked.
const SHUT_DOWN: i32 = 255;

/// A Jibri and its life.
pub(crate) struct Api {
    pub(crate) jibri: Jibri,
    /// Which life it is.
    pub(crate) number: usize,
    pub(crate) life: Mutex<Life>,
}

impl Api {
    /// `:2222`, open to others.
    pub(crate) async fn external(self: Arc<Self>, request: Request) -> Answer {
        let port = lock(&self.life).health_port;
        let late = match port {
            HealthPort::Silent => return Answer::Never,
            HealthPort::Closes => return Answer::Close,
            HealthPort::Slow(late) => late,
            HealthPort::Answers => Duration::ZERO,
        };
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/jibri/api/v1.0/health") => Answer::Json { status: 200, body: self.health(), late },
            ("POST", "/jibri/api/v1.0/stopService") => {
                self.jibri.stop_service().await;
                Answer::ok("")
            }
            _ => Answer::error(404),
        }
    }

    /// `:3333`. Whatever it is told, it says 200 first.
    pub(crate) async fn internal(self: Arc<Self>, request: Request) -> Answer {
        let jibri = self.jibri.clone();
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/jibri/api/internal/v1.0/shutdown") => Answer::Then(Box::pin(async move {
                jibri.stop_service().await;
                jibri.exit(SHUT_DOWN);
            })),
            ("POST", "/jibri/api/internal/v1.0/gracefulShutdown") => {
                Answer::Then(Box::pin(async move { jibri.exit_when_idle(SHUT_DOWN).await }))
            }
            ("POST", "/jibri/api/internal/v1.0/notifyConfigChanged") => {
                Answer::Then(Box::pin(async move { jibri.exit_when_idle(0).await }))
            }
            _ => Answer::error(404),
        }
    }

    /// No Jibri has this one.
    pub(crate) async fn control(self: Arc<Self>, request: Request) -> Answer {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/state") => Answer::ok(self.state()),
            ("POST", "/kill-chrome") => {
                self.jibri.kill_chrome();
                Answer::ok("")
            }
            ("POST", "/lose-last-word") => {
                self.jibri.lose_last_word().await;
                Answer::ok("")
            }
            ("POST", "/leave-brewery") => {
                self.jibri.leave_brewery();
                Answer::ok("")
            }
            ("POST", "/life") => match request.body.parse::<Life>() {
                Ok(life) => {
                    *lock(&self.life) = life;
                    self.jibri.set_behaviour(life.behaviour);
                    Answer::ok("")
                }
                Err(error) => Answer::Json { status: 400, body: error.to_string(), late: Duration::ZERO },
            },
            _ => Answer::error(404),
        }
    }

    fn health(&self) -> String {
        let mut health = json!({ "status": self.status() });
        if self.jibri.status().0 == "BUSY" {
            health["environmentContext"] = json!({ "name": "testkit" });
        }
        health.to_string()
    }

    /// As health port and webhooks tell it.
    pub(crate) fn status(&self) -> serde_json::Value {
        let (busy, healthy) = self.jibri.status();
        let (health, details) = match healthy {
            true => ("HEALTHY", json!({})),
            false => ("UNHEALTHY", json!({ "JibriManager": { "healthStatus": "UNHEALTHY", "detail": "" } })),
        };
        json!({ "busyStatus": busy, "health": { "healthStatus": health, "details": details } })
    }

    fn state(&self) -> serde_json::Value {
        let starts: Vec<_> =
            self.jibri.starts().iter().map(|start| json!([start.session_id, start.room])).collect();
        let (busy, healthy) = self.jibri.status();
        json!({
            "life": self.number,
            "busy": busy,
            "healthy": healthy,
            "recording": self.jibri.recording(),
            "starts": starts,
            "stops": self.jibri.stops(),
        })
    }
}
