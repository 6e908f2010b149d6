//! What goes into the fleet: what each source says of the Jibris, and what became of each start.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::address::RoomJid;
use crate::meeting::{Ended, Hold, StartFailure, State, What};
use crate::time::Time;

/// A Jibri's name: its nickname in the brewery, and `jibri.instance.name`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JibriName(Arc<str>);

impl JibriName {
    /// The name as it is; any nickname may turn up in a brewery.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as it is. It may hold anything: escape it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for JibriName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JibriName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for JibriName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// One thing that has become known.
#[derive(Debug, Clone)]
pub enum Input {
    /// From the brewery room.
    Brewery(Brewery),
    /// Jicofo's `jibri_detector` (docs/jitsi.md 7), whole; `None`: it could not be had.
    Detector(Option<Vec<Detected>>),
    /// An answer of the HTTP health port of a configured Jibri, or none (docs/jitsi.md 6).
    Health {
        /// Whose port was asked.
        name: JibriName,
        /// What it says, or why it says nothing, in words.
        answer: Result<Report, String>,
    },
    /// Jibri's webhook `v1/status` (docs/jitsi.md 6).
    Webhook {
        /// Its `jibriId`: a configured `id`, or a name.
        id: String,
        /// What it says.
        report: Report,
    },
    /// What became of [`super::Effect::Ping`]. An error that the Jibri itself answers with is an answer.
    Pinged {
        /// Who was asked.
        name: JibriName,
        /// Whether anything came back in time.
        answered: bool,
    },
    /// From the meetings: what became of a start, or of a recording.
    Meeting {
        /// Where.
        room: RoomJid,
        /// What.
        news: News,
    },
    /// What became of [`super::Effect::Recover`].
    Recovered {
        /// Whose recovery.
        name: JibriName,
        /// Whether the command, or the request, succeeded; else why not, in words.
        result: Result<(), String>,
    },
    /// Restarts that were begun before we were started, and when: they count for the limits as if we had been there.
    Remembered(Vec<(JibriName, Time)>),
    /// Another instance acts, or not any more: till then nothing is restarted.
    StandBy(bool),
    /// Nothing new but the time: some deadline has passed.
    Tick,
}

/// What the brewery shows (docs/jitsi.md 5).
#[derive(Debug, Clone)]
pub enum Brewery {
    /// Our own presence came back (status 110): everybody inside has been told before it.
    Complete,
    /// We are not inside any more, or the link is gone: nothing more will be told, and what was is stale.
    Lost,
    /// A presence of one nickname.
    Presence {
        /// The nickname.
        name: JibriName,
        /// `jibri-status`; none in the first presence after a join.
        status: Option<Report>,
        /// How many `<item>`s the presence has: more than one is two Jibris under one nickname.
        items: usize,
    },
    /// A nickname has left.
    Left {
        /// The nickname.
        name: JibriName,
    },
}

/// What a Jibri is said to do and how it is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// `busy-status`, `busyStatus`, `busy_status`.
    pub busy: Busy,
    /// `health-status`, `healthStatus`, `health_status`.
    pub health: Health,
}

/// What a Jibri is said to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// Nothing.
    Idle,
    /// It records, or starts to, or finishes.
    Busy,
    /// Single-use mode, used up. The brewery never says so: it goes on showing `busy` (docs/jitsi.md 5).
    Expired,
    /// Anything else.
    Undefined,
}

/// How a Jibri is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Well.
    Healthy,
    /// Unwell, until it is restarted (docs/jitsi.md 5).
    Unhealthy,
    /// Anything else.
    Undefined,
}

/// One Jibri as Jicofo sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// Its nickname in the brewery.
    pub name: JibriName,
    /// `busy_status` and `health_status`.
    pub report: Report,
    /// `last_selected`.
    pub selected: Stamp,
    /// `last_failed`.
    pub failed: Stamp,
}

/// A moment as Jicofo writes it. Its clock is not ours: only a change means something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(pub Box<str>);

impl Stamp {
    /// Jicofo prints "never" as a year far before our era, and `last_failed` goes back to it with every new
    /// idle and healthy presence (docs/jitsi.md 2, 7).
    pub fn is_never(&self) -> bool {
        self.0.starts_with('-') || self.0.is_empty() || &*self.0 == "null"
    }
}

/// What became of a start, or of a recording, in one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A start request goes out.
    StartSent,
    /// Jicofo has found a Jibri for it.
    Accepted,
    /// The start came to nothing.
    Failed {
        /// Why.
        why: StartFailure,
        /// Somebody is still in the room. Where nobody is, a recorder fails for that reason
        /// (docs/jitsi.md 4.4), and a session ends because Jicofo closes the conference.
        people: bool,
    },
    /// Nothing more will be heard of the start, and nobody is to blame: a person's stop, somebody else's
    /// session, the meeting or the link is gone, our request was wrong.
    Over,
    /// The recording is on, started by us or found.
    On,
    /// The recording is over.
    Ended {
        /// In which manner.
        how: Ended,
        /// As in [`News::Failed`].
        people: bool,
    },
}

impl News {
    /// What an event of the meetings means for the fleet, if anything. `people`: somebody is in that room.
    pub fn of(what: &What, people: bool) -> Option<Self> {
        Some(match what {
            What::StartSent { .. } => Self::StartSent,
            What::Accepted { .. } => Self::Accepted,
            What::On { .. } => Self::On,
            What::Ended { how, .. } => Self::Ended { how: how.clone(), people },
            What::StartFailed { why, .. } | What::Held(Hold::GaveUp(why)) => {
                Self::Failed { why: *why, people }
            }
            What::Adopted | What::Held(_) => Self::Over,
            // Told after the event that says why, if there was one; then there is no start left to end.
            What::State {
                from: State::Starting | State::Pending,
                to: State::Idle | State::Settling | State::Backoff | State::Held,
            } => Self::Over,
            _ => return None,
        })
    }
}
