//! The JSON of Jibri's health port and webhooks (docs/jitsi.md 6), read without trusting its shape.
//!
//! What is not needed may have any shape or be missing; a word that is not known makes the whole unreadable,
//! as nobody can say what it would mean.

use serde::Deserialize;
use serde_json::Value;

use super::Status;
use crate::jibri::{Busy, Health, Report};
use crate::plain::plain;

/// Most characters of a text that is kept.
const MOST_TEXT: usize = 200;
/// Most bytes of a `jibriId`; it may be a nickname (RFC 7622, section 3.4).
const MOST_ID: usize = 1023;

/// Why something says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// No JSON, or without what it must have.
    #[error("the answer is not Jibri's JSON")]
    NotJibris,
    /// A word that no known Jibri says.
    #[error("{key} is {word:?}, which is unknown")]
    Word { key: &'static str, word: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStatus {
    busy_status: String,
    health: RawHealth,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawHealth {
    health_status: String,
    #[serde(default)]
    details: Value,
}

/// The answer of the health port.
pub(super) fn health(body: &[u8]) -> Result<Status, Unreadable> {
    #[derive(Deserialize)]
    struct Health {
        status: RawStatus,
    }
    let Health { status } = serde_json::from_slice(body).map_err(|_| Unreadable::NotJibris)?;
    status.read()
}

/// The `jibriId` and what the webhook `v1/status` says of it.
pub(super) fn pushed_status(body: &[u8]) -> Result<(String, Status), Unreadable> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Pushed {
        jibri_id: String,
        status: RawStatus,
    }
    let Pushed { jibri_id, status } = serde_json::from_slice(body).map_err(|_| Unreadable::NotJibris)?;
    Ok((id(jibri_id)?, status.read()?))
}

fn id(id: String) -> Result<String, Unreadable> {
    if id.is_empty() || id.len() > MOST_ID { Err(Unreadable::NotJibris) } else { Ok(id) }
}

impl RawStatus {
    fn read(&self) -> Result<Status, Unreadable> {
        let word = |key, word: &str| Unreadable::Word { key, word: plain(word, MOST_TEXT) };
        let busy = match self.busy_status.to_ascii_uppercase().as_str() {
            "IDLE" => Busy::Idle,
            "BUSY" => Busy::Busy,
            "EXPIRED" => Busy::Expired,
            _ => return Err(word("busyStatus", &self.busy_status)),
        };
        let health = match self.health.health_status.to_ascii_uppercase().as_str() {
            "HEALTHY" => Health::Healthy,
            "UNHEALTHY" => Health::Unhealthy,
            _ => return Err(word("healthStatus", &self.health.health_status)),
        };
        let detail = plain(&details(&self.health.details), MOST_TEXT);
        Ok(Status { report: Report { busy, health }, detail })
    }
}

/// The components that are not healthy: `JibriManager: ffmpeg`.
fn details(details: &Value) -> String {
    let mut words = Vec::new();
    for (component, state) in details.as_object().into_iter().flatten() {
        let text = |key: &str| state.get(key).and_then(Value::as_str).unwrap_or_default();
        if text("healthStatus").eq_ignore_ascii_case("healthy") {
            continue;
        }
        match text("detail") {
            "" => words.push(component.clone()),
            detail => words.push(format!("{component}: {detail}")),
        }
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(busy: &str, health: &str) -> String {
        format!(r#"{{"status":{{"busyStatus":{busy},"health":{{"healthStatus":{health},"details":{{}}}}}}}}"#)
    }

    #[test]
    fn reads_what_jibri_sends() {
        let body = r#"{"status":{"busyStatus":"BUSY","health":{"healthStatus":"UNHEALTHY","details":{
            "JibriManager":{"healthStatus":"UNHEALTHY","detail":""},"Other":{"healthStatus":"HEALTHY","detail":"x"},
            "ffmpeg":{"healthStatus":"UNHEALTHY","detail":"no\ndevice"}}}},
            "environmentContext":{"name":"prod-0-xmpp.meet.jitsi"}}"#;
        let detail = "JibriManager, ffmpeg: no�device".to_owned();
        assert_eq!(
            health(body.as_bytes()),
            Ok(Status { report: Report { busy: Busy::Busy, health: Health::Unhealthy }, detail })
        );
        for (word, busy) in [("IDLE", Busy::Idle), ("BUSY", Busy::Busy), ("EXPIRED", Busy::Expired)] {
            let body = status(&format!("{word:?}"), "\"HEALTHY\"");
            let report = Report { busy, health: Health::Healthy };
            let expected = Status { report, detail: String::new() };
            assert_eq!(health(body.as_bytes()), Ok(expected));
        }
        let pushed =
            r#"{"jibriId":"jibri-1","status":{"busyStatus":"IDLE","health":{"healthStatus":"HEALTHY"}}}"#;
        assert_eq!(pushed_status(pushed.as_bytes()).unwrap().0, "jibri-1");
    }

    #[test]
    fn refuses_what_it_cannot_understand() {
        let deep = format!(r#"{{"status":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        for bad in ["", "null", "[]", "{}", "<html>", r#"{"status":"IDLE"}"#, &status("7", "null"), &deep] {
            assert_eq!(health(bad.as_bytes()), Err(Unreadable::NotJibris), "{bad:.50}");
        }
        let odd = |body: String| health(body.as_bytes()).unwrap_err().to_string();
        assert_eq!(odd(status("\"ASLEEP\"", "\"HEALTHY\"")), r#"busyStatus is "ASLEEP", which is unknown"#);
        assert_eq!(odd(status("\"IDLE\"", "\"SO-SO\"")), r#"healthStatus is "SO-SO", which is unknown"#);
        assert!(odd(status(&format!("\"{}\"", "A".repeat(5000)), "\"HEALTHY\"")).len() < 300);
        let id = |id: &str| {
            let health = r#"{"healthStatus":"HEALTHY"}"#;
            format!(r#"{{"jibriId":"{id}","status":{{"busyStatus":"IDLE","health":{health}}}}}"#)
        };
        assert_eq!(pushed_status(id("").as_bytes()), Err(Unreadable::NotJibris));
        assert_eq!(pushed_status(id(&"j".repeat(2000)).as_bytes()), Err(Unreadable::NotJibris));
    }
}
