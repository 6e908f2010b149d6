//! One alert: what is raised, what stands, and what is told of it.

use std::collections::BTreeMap;

use super::{Kind, Severity};
use crate::plain::{plain, plain_name};
use crate::time::Time;

/// Most characters of a subject or of the value of a label; what is longer is cut and marked.
const MOST_NAME: usize = 200;
/// Most characters of a summary or a remedy.
pub(super) const MOST_TEXT: usize = 1000;
/// Most labels of one alert.
const MOST_LABELS: usize = 16;

/// Something to be raised. Any text may come from the network: it is shortened, and what does not show or
/// changes what is shown is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub(super) kind: Kind,
    pub(super) subject: String,
    pub(super) summary: String,
    pub(super) labels: BTreeMap<&'static str, String>,
}

impl Report {
    /// `subject`: the room, Jibri or source that it is about; together with the kind it is the alert's
    /// identity. `summary`: what happened, and where. The remedy is [`Kind::remedy`].
    pub fn new(kind: Kind, subject: &str, summary: &str) -> Self {
        Self {
            kind,
            subject: plain_name(subject, MOST_NAME),
            summary: plain(summary, MOST_TEXT),
            labels: BTreeMap::new(),
        }
    }

    /// Something that machines may look for: `room`, `jibri`, `session_id`. The name must be one of
    /// Prometheus's (`[a-z_]+`) and none of those that every alert has: `alertname`, `severity`, `service`,
    /// `component`, `subject`. An empty value is none.
    #[must_use]
    pub fn label(mut self, name: &'static str, value: &str) -> Self {
        if !value.is_empty() && self.labels.len() < MOST_LABELS {
            self.labels.insert(name, plain_name(value, MOST_NAME));
        }
        self
    }
}

/// An alert that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What kind.
    pub kind: Kind,
    /// The room, Jibri or source.
    pub subject: String,
    /// When it was raised.
    pub since: Time,
    /// For an event without an end: how often it happened since then. Otherwise 1.
    pub times: u64,
    /// What happened, and where.
    pub summary: String,
    /// What to do about it.
    pub remedy: String,
    /// For machines. They stay as they were when it was raised.
    pub labels: BTreeMap<&'static str, String>,
}

impl Alert {
    /// How bad it is.
    pub const fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

/// What is told of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It is new.
    Raised,
    /// It still stands, or the event has happened again.
    Repeated,
    /// It is over.
    Resolved,
}

impl Status {
    /// As it is sent.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Repeated => "repeated",
            Self::Resolved => "resolved",
        }
    }
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What of it.
    pub status: Status,
    /// The alert as it is now.
    pub alert: Alert,
}
