//! The brewery's presences, in the model's words and in those of Jicofo's REST interface.

use crate::config::BREWERY;
use crate::xml::{Node, resource};
use model::{Busy, Health, JibriDetector, Status};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// What a Jibri shows, if it shows anything: only members with a `jibri-status` count.
pub(crate) fn status(presence: &Node) -> Option<Status> {
    let status = presence.find("jibri-status")?;
    let says = |name: &str| status.find(name).map_or("", |s| s.get_or_empty("status"));
    let busy = match says("busy-status") {
        "idle" => Busy::Idle,
        "busy" => Busy::Busy,
        _ => Busy::Undefined,
    };
    let health = match says("health-status") {
        "healthy" => Health::Healthy,
        "unhealthy" => Health::Unhealthy,
        _ => Health::Undefined,
    };
    Some(Status { busy, health })
}

/// `jibri_detector`, as Jicofo's REST interface shows it.
pub(crate) fn debug(detector: &JibriDetector<String>, began: SystemTime) -> Value {
    let mut all = json!({ "is_sip": false, "brewery_jid": BREWERY });
    // As Java writes an instant; never is the least that it has.
    let stamp = |at: Option<Duration>| {
        let never = || "-1000000000-01-01T00:00:00Z".to_owned();
        at.map_or_else(never, |at| humantime::format_rfc3339_millis(began + at).to_string())
    };
    for (jid, instance) in detector.instances() {
        let Status { busy, health } = instance.status;
        all[resource(jid)] = json!({
            "health_status": format!("{health:?}").to_lowercase(),
            "busy_status": format!("{busy:?}").to_lowercase(),
            "reports_available": instance.status.is_available(),
            "last_failed": stamp(instance.last_failed),
            "last_selected": stamp(instance.last_selected),
        });
    }
    all
}
