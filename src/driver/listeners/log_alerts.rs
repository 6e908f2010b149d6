//! Alerts in the log: each that is raised, and each that is resolved.

use crate::alerts::{Delivery, Severity, Status};

pub(super) fn log(delivery: &Delivery) {
    let alert = &delivery.alert;
    let (kind, subject, severity) = (alert.kind.name(), alert.subject.as_str(), alert.severity());
    match (delivery.status, severity) {
        (Status::Raised, Severity::Info) => {
            tracing::info!(
                alert = kind,
                subject,
                severity = severity.name(),
                "alert raised: {}",
                alert.summary
            );
        }
        (Status::Raised, Severity::Warning | Severity::Critical) => {
            tracing::warn!(
                alert = kind,
                subject,
                severity = severity.name(),
                "alert raised: {}",
                alert.summary
            );
        }
        (Status::Resolved, _) => tracing::info!(alert = kind, subject, "alert resolved"),
        (Status::Repeated, _) => tracing::debug!(alert = kind, subject, "alert repeated"),
    }
}
