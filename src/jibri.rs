//! A Jibri's name, and what is said of it: the one vocabulary of all who see Jibris, and of the fleet that judges them.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::address::Nick;

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

/// A recorder in a room: another page of Chrome is another one, under another nickname (docs/jitsi.md 7, 13.2.6).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seat {
    /// The nickname of its occupant, by which Jicofo lists it as well.
    pub nick: Nick,
    /// The id that its Jibri has written into it.
    pub jibri: JibriName,
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

impl Busy {
    /// One says idle, the other busy.
    pub fn is_opposed(self, other: Self) -> bool {
        matches!((self, other), (Self::Idle, Self::Busy) | (Self::Busy, Self::Idle))
    }
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

/// What is known of the Jibri whose recorder is in a meeting: whether it records it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RecordedBy {
    /// Which one it is, or how it is, is not known.
    #[default]
    Unknown,
    /// This one, which is alive, at work, and at no other meeting as far as is known.
    Works(JibriName),
    /// It does not record this meeting any more, and another one has turned busy since: Jicofo may have moved the session.
    Moves,
    /// This one, and it does not record this meeting, whatever its recorder shows.
    Against(JibriName, Contradiction),
    /// Jicofo, which lists recorders elsewhere, has listed none in this room since its recording is on.
    Nobody,
}

/// Why a Jibri does not record the meeting that its recorder is in (docs/jitsi.md 13.2.6, 13.2.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// It is not in the brewery. Jicofo sees that as well, and moves its session to another one if it can.
    Gone,
    /// It says for 3 s that it is idle, and Jicofo does not know that its session is lost.
    Idle,
    /// It records another meeting.
    Elsewhere,
    /// Jicofo has listed its recorder there, and for 3 s does not any more. It may be moving the session to another one.
    Left,
    /// Its process is gone, and Jicofo does not know yet: its health port refuses connections, and it answers no ping.
    Dead,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "is not in the brewery",
            Self::Idle => "says that it is idle",
            Self::Elsewhere => "records another meeting",
            Self::Left => "has no recorder there any more, as Jicofo lists",
            Self::Dead => "is not running: its health port refuses connections, and it answers no ping",
        })
    }
}
