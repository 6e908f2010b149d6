//! What is shown, as it stands in the JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::Footprint;

/// The states that a room may be in.
pub const STATES: [&str; 9] =
    ["idle", "settling", "waiting", "starting", "pending", "recording", "stopping", "backoff", "held"];

/// What may be thought of a Jibri.
pub const VERDICTS: [&str; 8] =
    ["ok", "suspect", "wedged", "unhealthy", "expired", "offline", "stale", "detached"];

/// The link to Prosody.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Link {
    /// There is one.
    pub linked: bool,
    /// There is none because another instance has it.
    #[serde(default)]
    pub standby: bool,
    /// Since when it is so, RFC 3339.
    pub since: String,
    /// Why there is none.
    pub reason: Option<String>,
}

/// Numbers, each of them known without counting.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Rooms by state; every state is there.
    pub rooms: BTreeMap<String, u64>,
    /// People in all rooms.
    pub people: u64,
    /// Rooms whose recording is wanted and for which no Jibri is free.
    pub rooms_waiting: u64,
    /// Rooms whose recording has been missing for `alerts.start_overdue` and longer.
    #[serde(default)]
    pub rooms_overdue: u64,
    /// Rooms whose recording is wanted, is missing, and will not be there in a moment.
    #[serde(default)]
    pub not_recorded: u64,
    /// Why, in a few words; with several causes, how many rooms each has.
    #[serde(default)]
    pub not_recorded_why: Option<String>,
    /// Jibris by verdict; every verdict is there.
    pub jibris: BTreeMap<String, u64>,
    /// Alerts that stand.
    pub alerts: u64,
}

/// The whole at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// `xmpp.domain`.
    pub domain: String,
    /// Nothing is started or stopped, only decided.
    pub dry_run: bool,
    /// `muc.footprint` as it is in effect: what `auto` has come to, and `discreet` where Prosody does not allow `unseen`.
    pub footprint: Footprint,
    /// Why it is that one; none if it is what was configured.
    #[serde(default)]
    pub footprint_reason: Option<String>,
    /// The link to Prosody.
    #[serde(flatten)]
    pub link: Link,
    /// Numbers.
    #[serde(flatten)]
    pub totals: Totals,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Its real JID.
    pub room: Arc<str>,
    /// One of [`STATES`].
    pub state: String,
    /// Whether it is known who is there.
    #[serde(default = "yes")]
    pub seen: bool,
    /// People inside.
    pub people: u32,
    /// Moderators among them.
    pub moderators: u32,
    /// Whether Jibri's browser is inside.
    pub recorder_present: bool,
    /// Failed attempts in a row, and the one under way.
    pub attempt: u32,
    /// The session pending or on.
    pub session_id: Option<String>,
    /// What proves that it is recorded: `focus`, `jibri` or `seat`, the last of which proves little.
    #[serde(default)]
    pub proof: Option<String>,
    /// Since when it is in this state, RFC 3339.
    pub since: String,
    /// Its place in the queue for a Jibri, from 1, if it waits for one and is not far behind.
    #[serde(default)]
    pub place: Option<usize>,
    /// Why a recording that is wanted is missing and will not be there in a moment, in a few words; none if it is not so.
    #[serde(default)]
    pub not_recorded: Option<String>,
    /// Why it is in this state; none if it is recorded, or nobody is there.
    pub reason: Option<String>,
}

/// What an older service does not say.
fn yes() -> bool {
    true
}

/// A Jibri.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jibri {
    /// Its nickname in the brewery.
    pub name: String,
    /// Whether it is at work, if any source says.
    pub busy: Option<bool>,
    /// Whether it says that it is well, if any source says.
    pub healthy: Option<bool>,
    /// One of [`VERDICTS`].
    pub verdict: String,
    /// Starts in a row that failed on it.
    pub failures: u32,
    /// When any source last had it, RFC 3339; none if none ever had.
    pub last_seen: Option<String>,
    /// The room that it serves, if that is known for sure.
    pub room: Option<String>,
    /// How often it was restarted by us.
    pub restarts: u32,
    /// Why it is thought so of it, in words.
    pub evidence: String,
    /// What each source says of it, side by side.
    #[serde(default)]
    pub testimonies: Vec<Testimony>,
}

/// What one source says of a Jibri.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// Which source.
    pub source: String,
    /// What it says.
    pub says: String,
    /// Since when it has said so, or when it last did, RFC 3339.
    pub since: Option<String>,
    /// Whether the source itself can be trusted now.
    pub trusted: bool,
}

impl Jibri {
    /// Whether anything but the time of the last sight has changed.
    pub(super) fn is_news_after(&self, before: &Self) -> bool {
        let same_time = Self { last_seen: before.last_seen.clone(), ..self.clone() };
        same_time != *before || self.last_seen.is_some() != before.last_seen.is_some()
    }
}

/// An alert that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its stable name.
    pub kind: String,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// The room, Jibri or source that it is about.
    pub subject: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// How often it has happened since then.
    pub times: u64,
    /// What happened, and where.
    pub summary: String,
    /// What to do about it.
    pub remedy: String,
    /// For machines.
    pub labels: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Verdict;

    #[test]
    fn the_verdicts_are_those_of_the_fleet() {
        assert_eq!(VERDICTS, Verdict::ALL.map(Verdict::name));
    }
}
