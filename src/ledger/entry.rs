//! What is written down, as it stands in the file and in the JSON.

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// What has become of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Wanted, and nothing has been sent yet.
    #[default]
    Waiting,
    /// A start was sent.
    Starting,
    /// A Jibri was found.
    Pending,
    /// It is on.
    Recording,
    /// It was on, and is over as it should be.
    Recorded,
    /// It was on, and somebody, or we, stopped it.
    Stopped,
    /// The start came to nothing, or the recording broke off.
    Failed,
    /// It was wanted, and no start was ever sent.
    NotStarted,
    /// We were not watching when it ended.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Starting,
        Self::Pending,
        Self::Recording,
        Self::Recorded,
        Self::Stopped,
        Self::Failed,
        Self::NotStarted,
        Self::Unknown,
    ];

    /// Its name in the file and in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Pending => "pending",
            Self::Recording => "recording",
            Self::Recorded => "recorded",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::NotStarted => "not_started",
            Self::Unknown => "unknown",
        }
    }

    /// What has this name; [`Outcome::Unknown`] if nothing has.
    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name).unwrap_or(Self::Unknown)
    }

    /// More is to come.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Starting | Self::Pending | Self::Recording)
    }
}

/// One start and what became of it, a recording that was found, or a want that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attempt {
    /// The room's real JID.
    pub room: String,
    /// Because of whom: nickname and role.
    pub trigger: Option<String>,
    /// That one's bare JID, where the room shows it.
    pub jid: Option<String>,
    /// The recording session, as Jicofo names it.
    pub session_id: Option<String>,
    /// The Jibri that served it, if that is known for sure.
    pub jibri: Option<String>,
    /// Since when a recording was wanted and missing.
    pub wanted: Option<Moment>,
    /// When the start was sent; none if we have not started it.
    pub sent: Option<Moment>,
    /// When it was known to be on.
    pub on: Option<Moment>,
    /// When it was over, in whatever way.
    pub off: Option<Moment>,
    /// What has become of it.
    pub outcome: Outcome,
    /// Why, in plain words.
    pub reason: Option<String>,
}

/// A restart of a Jibri, or of Jicofo.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recovery {
    /// Of which; `Jicofo` for that one.
    pub instance: String,
    /// Why: `wedged`, `unhealthy`, `expired`, `recycle`, `stale`, `detached`; `lost_brewery` of Jicofo.
    pub trigger: String,
    /// When it was begun.
    pub time: Moment,
    /// [`Recovery::RUNNING`], then `restarted`, `failed`, `not_back`, or `unknown` if we did not see its end;
    /// [`Recovery::DRY_RUN`] if it was none.
    pub outcome: String,
    /// What was said about it, by the command or by us.
    pub output: Option<String>,
}

impl Recovery {
    /// The outcome of one that has no other yet.
    pub const RUNNING: &str = "running";
    /// The outcome of one that would have been.
    pub const DRY_RUN: &str = "dry_run";
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Alert {
    /// Its stable name.
    pub alert: String,
    /// The room, Jibri or source that it is about.
    pub subject: String,
    /// The room that it is about, by which it is found.
    #[serde(skip)]
    pub room: Option<String>,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// What happened, and where.
    pub summary: String,
    /// When.
    pub raised: Moment,
    /// When it was over.
    pub resolved: Option<Moment>,
}

/// An order by hand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Order {
    /// The room's real JID.
    pub room: String,
    /// `record`, `stop`, or a `release` that has ended no other order.
    pub order: String,
    /// By what it has come: `command_line`, `page` or `api`. A label: whoever has the token can claim any of them.
    pub by: String,
    /// From which address.
    pub from: String,
    /// When it was given.
    pub given: Moment,
    /// When it was in effect no more.
    pub over: Option<Moment>,
    /// Why it is not any more, in plain words.
    pub reason: Option<String>,
}

/// A wait for a Jibri: a start was due, and none was free.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wait {
    /// The room's real JID.
    pub room: String,
    /// Its place among those who waited then, from 1; none if there were too many to count.
    pub place: Option<u32>,
    /// When it began.
    pub began: Moment,
    /// When it was over.
    pub over: Option<Moment>,
    /// Why it was over, in plain words.
    pub reason: Option<String>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// See [`Attempt`].
    Attempt(Attempt),
    /// See [`Recovery`].
    Recovery(Recovery),
    /// See [`Alert`].
    Alert(Alert),
    /// See [`Order`].
    Order(Order),
    /// See [`Wait`].
    Wait(Wait),
}

impl Entry {
    /// When it began; by this entries are ordered.
    pub fn time(&self) -> Moment {
        match self {
            Self::Attempt(attempt) => {
                let times = [attempt.wanted, attempt.sent, attempt.on, attempt.off];
                times.into_iter().flatten().min().unwrap_or_default()
            }
            Self::Recovery(recovery) => recovery.time,
            Self::Alert(alert) => alert.raised,
            Self::Order(order) => order.given,
            Self::Wait(wait) => wait.began,
        }
    }

    /// When it was over; none while it is not, and where nobody knows.
    pub(super) fn end(&self) -> Option<Moment> {
        match self {
            Self::Attempt(attempt) => attempt.off,
            // They take a minute or so.
            Self::Recovery(recovery) => Some(recovery.time),
            Self::Alert(alert) => alert.resolved,
            Self::Order(order) => order.over,
            Self::Wait(wait) => wait.over,
        }
    }

    /// More is to come.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Attempt(attempt) => attempt.outcome.is_open(),
            Self::Recovery(recovery) => recovery.outcome == Recovery::RUNNING,
            Self::Alert(alert) => alert.resolved.is_none(),
            Self::Order(order) => order.over.is_none(),
            Self::Wait(wait) => wait.over.is_none(),
        }
    }

    pub(super) fn is_about(&self, room: &str) -> bool {
        match self {
            Self::Attempt(attempt) => attempt.room == room,
            Self::Recovery(_) => false,
            Self::Alert(alert) => alert.room.as_deref() == Some(room),
            Self::Order(order) => order.room == room,
            Self::Wait(wait) => wait.room == room,
        }
    }
}

/// An entry with its number, which it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Unlike that of any other entry.
    pub id: i64,
    /// What is written there.
    #[serde(flatten)]
    pub entry: Entry,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_flat_object() {
        let attempt = Attempt {
            room: "r1@muc".to_owned(),
            wanted: Some(Moment(1_795_348_800_999)),
            outcome: Outcome::NotStarted,
            ..Attempt::default()
        };
        let record = Record { id: 12, entry: Entry::Attempt(attempt) };
        let json = serde_json::to_value(&record).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "kind": "attempt", "id": 12, "room": "r1@muc", "trigger": null, "jid": null, "session_id": null,
                "jibri": null, "wanted": "2026-11-22T12:00:00Z", "sent": null, "on": null, "off": null,
                "outcome": "not_started", "reason": null
            })
        );
        let back: Record = serde_json::from_value(json).unwrap();
        assert_eq!((back.id, back.entry.time()), (12, Moment(1_795_348_800_000)));
    }

    #[test]
    fn every_outcome_has_one_name() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::named(outcome.name()), outcome);
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.name());
        }
        assert_eq!(Outcome::named("?"), Outcome::Unknown);
    }
}
