//! What is sent: the JSON of both receivers. Every text in it goes out as a JSON string and nothing else.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{Alert, Status};

/// The version of the webhook's body. It changes when a reader of the old one would be misled.
const VERSION: u32 = 1;
/// What both say of where an alert comes from.
const SERVICE: &str = env!("CARGO_PKG_NAME");

/// Something to be told, at times as people have them.
#[derive(Debug, Clone)]
pub(super) struct Notice {
    pub(super) status: Status,
    pub(super) alert: Alert,
    /// When the alert was raised; the same in all its notices.
    pub(super) since: SystemTime,
    /// When this was to be told.
    pub(super) at: SystemTime,
}

/// The webhook's body.
#[derive(Serialize)]
pub(super) struct Post<'a> {
    version: u32,
    service: &'static str,
    component: &'a str,
    dropped: u64,
    alerts: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    status: &'static str,
    kind: &'static str,
    severity: &'static str,
    subject: &'a str,
    since: String,
    at: String,
    times: u64,
    summary: &'a str,
    remedy: &'a str,
    labels: &'a BTreeMap<&'static str, String>,
}

impl<'a> Post<'a> {
    pub(super) fn new(
        component: &'a str,
        dropped: u64,
        notices: impl IntoIterator<Item = &'a Notice>,
    ) -> Self {
        let alerts = notices.into_iter().map(Told::new).collect();
        Self { version: VERSION, service: SERVICE, component, dropped, alerts }
    }
}

impl<'a> Told<'a> {
    fn new(notice: &'a Notice) -> Self {
        let alert = &notice.alert;
        Self {
            status: notice.status.name(),
            kind: alert.kind.name(),
            severity: alert.severity().name(),
            subject: &alert.subject,
            since: rfc3339(notice.since),
            at: rfc3339(notice.at),
            times: alert.times,
            summary: &alert.summary,
            remedy: &alert.remedy,
            labels: &alert.labels,
        }
    }
}

/// An alert as Alertmanager's API v2 takes it (`postableAlert` in its `api/v2/openapi.yaml`).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Postable {
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: String,
    ends_at: String,
}

impl Postable {
    /// The labels are the alert's identity there, so they are the same each time.
    pub(super) fn new(component: &str, notice: &Notice, ends_at: SystemTime) -> Self {
        let alert = &notice.alert;
        let mut labels = alert.labels.clone();
        labels.extend([
            ("alertname", alert.kind.name().to_owned()),
            ("severity", alert.severity().name().to_owned()),
            ("service", SERVICE.to_owned()),
            ("component", component.to_owned()),
        ]);
        if !alert.subject.is_empty() {
            labels.insert("subject", alert.subject.clone());
        }
        let annotations = BTreeMap::from([
            ("summary", alert.summary.clone()),
            ("remedy", alert.remedy.clone()),
            ("times", alert.times.to_string()),
        ]);
        Self { labels, annotations, starts_at: rfc3339(notice.since), ends_at: rfc3339(ends_at) }
    }
}

/// In UTC, to the millisecond. A clock that is quite wrong gives the nearest time that can be written.
fn rfc3339(time: SystemTime) -> String {
    /// The end of the year 9999.
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().min(LAST);
    let time = SystemTime::UNIX_EPOCH.checked_add(since_epoch).unwrap_or(SystemTime::UNIX_EPOCH);
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_whatever_the_clock_says() {
        let at = |seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap();
        assert_eq!(rfc3339(at(1_787_220_000)), "2026-08-20T10:00:00.000Z");
        assert_eq!(rfc3339(at(400_000_000_000)), "9999-12-31T23:59:59.000Z");
        let before = SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(1)).unwrap();
        assert_eq!(rfc3339(before), "1970-01-01T00:00:00.000Z");
    }
}
