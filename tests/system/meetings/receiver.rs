//! Who is told of alerts.

use std::time::SystemTime;

use serde_json::Value;
use testkit::{Result, eventually};

use crate::stand_in::{Manner, StandIn};

/// A receiver of `alerts.webhook`, or an Alertmanager.
pub(crate) struct Receiver {
    stand_in: StandIn,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        Self::that(Manner::Status("204 No Content", "")).await
    }

    /// One that answers like this.
    pub(crate) async fn that(manner: Manner) -> Self {
        Self { stand_in: StandIn::start([manner]).await }
    }

    pub(crate) fn url(&self) -> String {
        self.stand_in.url()
    }

    /// How often it was asked to take something.
    pub(crate) fn requests(&self) -> usize {
        self.stand_in.requests()
    }

    /// All that it was told, as often as it was told.
    pub(crate) fn told(&self) -> Vec<Value> {
        let bodies = self.stand_in.seen().into_iter();
        let bodies = bodies.filter_map(|seen| serde_json::from_str::<Value>(&seen.body).ok());
        bodies.flat_map(|body| body["alerts"].as_array().cloned().unwrap_or_default()).collect()
    }

    /// What it was told of this kind, as "raised jibri-1".
    pub(crate) fn told_of(&self, kind: &str) -> Vec<String> {
        let of_kind = self.told().into_iter().filter(|alert| alert["kind"] == kind);
        let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        of_kind.map(|alert| format!("{} {}", words(&alert["status"]), words(&alert["subject"]))).collect()
    }

    /// Waits for an alert of this kind with this status.
    pub(crate) async fn hears(&self, kind: &str, status: &str) -> Result<Value> {
        let find =
            || self.told().into_iter().find(|alert| alert["kind"] == kind && alert["status"] == status);
        match eventually(super::LONG, || find().is_some()).await {
            true => find().ok_or_else(|| "gone".into()),
            false => Err(format!("never told that {kind} is {status}, but {:?}", self.told()).into()),
        }
    }

    /// Waits for an alert of this name as Alertmanager is posted it, with an end that fits when compared with now.
    pub(crate) async fn is_posted(
        &self,
        alertname: &str,
        end_fits: impl Fn(SystemTime, SystemTime) -> bool,
    ) -> Result<Value> {
        let fits = |alert: &Value| {
            let end = alert["endsAt"].as_str().and_then(|end| humantime::parse_rfc3339(end).ok());
            alert["labels"]["alertname"] == alertname
                && end.is_some_and(|end| end_fits(end, SystemTime::now()))
        };
        let find = || {
            let posts = self.stand_in.seen().into_iter().filter(|seen| seen.what.ends_with("/api/v2/alerts"));
            let bodies = posts.filter_map(|seen| serde_json::from_str::<Value>(&seen.body).ok());
            bodies.flat_map(|body| body.as_array().cloned().unwrap_or_default()).find(fits)
        };
        match eventually(super::LONG, || find().is_some()).await {
            true => find().ok_or_else(|| "gone".into()),
            false => Err(format!("never posted {alertname}, but {:?}", self.stand_in.seen()).into()),
        }
    }
}
