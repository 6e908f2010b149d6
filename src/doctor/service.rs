//! The running service, asked over its own HTTP API.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::StatusCode;
use serde::de::DeserializeOwned;

use super::Finding;
use crate::config::{Footprint, Settings};
use crate::http_client::{Answer, Client, Fault};
use crate::plain::plain;
use crate::surface::{Alert, Jibri, Recording, Room, Status};

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer, in bytes.
const MOST: usize = 64 * 1024 * 1024;
/// Alerts that are named; the rest is counted.
const NAMED: usize = 3;

/// What the service shows.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) footprint: Footprint,
    pub(super) footprint_reason: Option<String>,
    pub(super) rooms: Vec<Room>,
    pub(super) jibris: Vec<Jibri>,
    pub(super) alerts: Vec<Alert>,
    /// The newest first; why they are not to be had, if they are not. None are asked for where no Jibri can report.
    pub(super) recordings: Result<Vec<Recording>, String>,
}

/// How the service is.
#[derive(Debug)]
pub(super) enum Service {
    /// It does not listen for HTTP.
    Off,
    /// Nothing listens where it would.
    Absent,
    /// It runs and has no link: why.
    NotLinked(String),
    /// It runs, and another instance has the link.
    StandingBy,
    /// It runs and has the link.
    Linked(Box<Snapshot>),
    /// What answers is not it, or does not answer well: why.
    Strange(String),
}

impl Service {
    /// Asks it, and the other instance if there is one.
    pub(super) async fn ask(settings: &Settings, address: Option<SocketAddr>) -> Self {
        let Some(address) = address else { return Self::Off };
        let found = Self::ask_at(&format!("http://{address}"), settings).await;
        match (&found, &settings.standby.peer) {
            // Only one of the two has the link at a time.
            (Self::Absent | Self::NotLinked(_) | Self::StandingBy, Some(peer)) => {
                let base = if peer.contains("://") { peer.clone() } else { format!("http://{peer}") };
                let other = Self::ask_at(base.trim_end_matches('/'), settings).await;
                if matches!(other, Self::Linked(_)) { other } else { found }
            }
            _ => found,
        }
    }

    async fn ask_at(base: &str, settings: &Settings) -> Self {
        let status: Status = match get(base, "/api/v1/status").await {
            Ok(status) => status,
            Err(NoService::Fault(Fault::Unreachable(_))) => return Self::Absent,
            Err(NoService::Fault(fault)) => return Self::Strange(fault.to_string()),
            Err(NoService::Not(why)) => return Self::Strange(why),
        };
        if status.domain != settings.xmpp.domain {
            let (its, ours) = (&status.domain, &settings.xmpp.domain);
            return Self::Strange(format!("it is a service for {its:?}, but xmpp.domain is {ours:?}"));
        }
        if status.link.standby {
            return Self::StandingBy;
        }
        if !status.link.linked {
            return Self::NotLinked(status.link.reason.unwrap_or_else(|| "not linked yet".to_owned()));
        }
        let (rooms, jibris, alerts, recordings) = tokio::join!(
            get(base, "/api/v1/rooms"),
            get(base, "/api/v1/jibris"),
            get(base, "/api/v1/alerts"),
            recordings(base, settings),
        );
        match (rooms, jibris, alerts) {
            (Ok(rooms), Ok(jibris), Ok(alerts)) => {
                let Status { footprint, footprint_reason, .. } = status;
                Self::Linked(Box::new(Snapshot {
                    footprint,
                    footprint_reason,
                    rooms,
                    jibris,
                    alerts,
                    recordings,
                }))
            }
            _ => Self::Strange("it does not show its rooms, Jibris and alerts".to_owned()),
        }
    }

    /// The step.
    pub(super) fn finding(&self, settings: &Settings) -> Finding {
        const STEP: &str = "service";
        let listen = settings.http.listen.map(|listen| listen.to_string()).unwrap_or_default();
        match self {
            Self::Off => Finding::warn(
                STEP,
                "http.listen is \"\", so the service cannot be asked",
                "give it an address, like \"127.0.0.1:8790\"",
            ),
            Self::Absent => {
                Finding::ok(STEP, format!("is not running here ({listen}); the link is tried instead"))
            }
            Self::NotLinked(_) => Finding::ok(STEP, format!("runs at {listen}, without a link")),
            Self::StandingBy => {
                Finding::ok(STEP, format!("runs at {listen} and stands by: another instance has the link"))
            }
            Self::Linked(snapshot) => snapshot.finding(STEP, &listen),
            Self::Strange(why) => Finding::fail(
                STEP,
                format!("what answers at {listen} is not the expected service: {why}"),
                "give http.listen an address of its own, and start the service with this configuration",
            ),
        }
    }
}

impl Snapshot {
    fn finding(&self, step: &str, listen: &str) -> Finding {
        let serious: Vec<&Alert> = self.alerts.iter().filter(|alert| alert.severity != "info").collect();
        if serious.is_empty() {
            return Finding::ok(step, format!("runs at {listen} and is linked"));
        }
        let named: Vec<String> =
            serious.iter().take(NAMED).map(|alert| format!("{} ({})", alert.kind, alert.subject)).collect();
        let more = serious.len().saturating_sub(named.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Finding::warn(
            step,
            format!("runs at {listen} and is linked; there are alerts: {}{more}", named.join(", ")),
            "jibri-autostart status explains each",
        )
    }
}

async fn recordings(base: &str, settings: &Settings) -> Result<Vec<Recording>, String> {
    if settings.jibri.webhook_token.is_empty() {
        return Ok(Vec::new());
    }
    get(base, "/api/v1/recordings?limit=1000").await.map_err(|none| match none {
        NoService::Fault(fault) => fault.to_string(),
        NoService::Not(why) => why,
    })
}

/// Why there is no answer that can be used.
pub(super) enum NoService {
    Fault(Fault),
    /// It is an error, or something else: in words.
    Not(String),
}

/// Asks for some JSON.
pub(super) async fn get<T: DeserializeOwned>(base: &str, path: &str) -> Result<T, NoService> {
    let url = format!("{base}{path}");
    let client = Client::of_service(&url, PATIENCE).map_err(NoService::Not)?;
    read(client.get(&url).await).await
}

/// Asks for something to be done; the answer is JSON.
pub(super) async fn post<T: DeserializeOwned>(base: &str, path: &str, token: &str) -> Result<T, NoService> {
    let url = format!("{base}{path}");
    let client = Client::of_service(&url, PATIENCE).map_err(NoService::Not)?;
    read(client.post(&url, Some(token)).await).await
}

async fn read<T: DeserializeOwned>(answer: Result<Answer, Fault>) -> Result<T, NoService> {
    let answer = answer.map_err(NoService::Fault)?;
    let status = answer.status();
    let body = answer.body(MOST).await.map_err(NoService::Fault)?;
    if status.is_success() {
        return serde_json::from_slice(&body)
            .map_err(|_| NoService::Not("its answer is not understood".to_owned()));
    }
    let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |key: &str| said.get(key).and_then(serde_json::Value::as_str).map(|text| plain(text, 300));
    Err(NoService::Not(match (text("error"), text("hint")) {
        (Some(error), _) if status == StatusCode::UNAUTHORIZED => format!(
            "{error} (status 401); the service runs with another http.token than the one in this configuration"
        ),
        (Some(error), Some(hint)) => format!("{error} (status {}); {hint}", status.as_u16()),
        (Some(error), None) => format!("{error} (status {})", status.as_u16()),
        _ => format!("HTTP status {}", status.as_u16()),
    }))
}
