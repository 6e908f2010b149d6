//! What we think of a Jibri, and of Jicofo, and why: each reason in one sentence.

use std::fmt;

use crate::address::RoomJid;
use crate::jibri::{Busy, JibriName};
use crate::meeting::StartFailure;
use crate::time::Time;

/// What we think of a Jibri, `verdict` in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Nothing speaks against it.
    Ok,
    /// It has failed a start, or one of its ways is dead, but that is not enough.
    Suspect,
    /// It says idle and healthy and does not work.
    Wedged,
    /// It says that it is unhealthy.
    Unhealthy,
    /// Single-use mode, used up.
    Expired,
    /// It is not in the brewery.
    Offline,
    /// What the brewery shows of it is not what it is at.
    Stale,
    /// It is alive, but not in the brewery.
    Detached,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Suspect,
        Self::Wedged,
        Self::Unhealthy,
        Self::Expired,
        Self::Offline,
        Self::Stale,
        Self::Detached,
    ];

    /// Its name in the API and the metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Suspect => "suspect",
            Self::Wedged => "wedged",
            Self::Unhealthy => "unhealthy",
            Self::Expired => "expired",
            Self::Offline => "offline",
            Self::Stale => "stale",
            Self::Detached => "detached",
        }
    }
}

/// Which of our sources says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Its presence in the brewery.
    Brewery,
    /// Jicofo's REST interface.
    Jicofo,
    /// Its HTTP health port.
    HealthPort,
    /// Its webhook.
    Webhook,
    /// Pings to its occupant in the brewery.
    Pings,
    /// What became of the starts that it was given.
    Starts,
    /// The meeting that it records.
    Meeting,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Brewery => "the brewery",
            Self::Jicofo => "Jicofo",
            Self::HealthPort => "its health port",
            Self::Webhook => "its webhook",
            Self::Pings => "pings",
            Self::Starts => "starts",
            Self::Meeting => "meetings",
        })
    }
}

/// Why a verdict is what it is. [`Evidence::words`] says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing speaks against it.
    None,
    /// Starts that failed on it one after the other, none in between having worked.
    FailedStarts {
        /// How many.
        count: u32,
        /// When the last one did.
        last: Time,
        /// In which room, if that is known for sure.
        room: Option<RoomJid>,
    },
    /// Starts that failed in one room, this Jibri's among them, and nothing tells which of the two is the reason.
    OneRoom {
        /// How many.
        count: u32,
        /// When the last one did.
        last: Time,
        /// In which room.
        room: RoomJid,
    },
    /// Its last recordings have left no file, or one with nothing in it.
    NoFiles {
        /// How many.
        count: u32,
    },
    /// Its health port has answered before and does not any more, while it shows idle and healthy.
    PortDead {
        /// Since when.
        since: Time,
        /// What happens instead.
        why: String,
    },
    /// It has answered pings before and does not any more, while it shows idle and healthy.
    PingDead {
        /// Since when.
        since: Time,
    },
    /// It says so.
    Unhealthy {
        /// Where.
        by: Source,
        /// Since when.
        since: Time,
    },
    /// It says so.
    Expired {
        /// Where.
        by: Source,
        /// Since when.
        since: Time,
    },
    /// It is not in the brewery, which we see.
    Absent {
        /// Since when; none if it has never been seen there.
        since: Option<Time>,
    },
    /// It is shown at work and says itself that it is idle, or the other way round, and no meeting has its recorder.
    Stale {
        /// Who shows it so.
        by: Source,
        /// What is shown: idle, or busy.
        shown: Busy,
        /// Since when both say so.
        since: Time,
        /// It sends webhooks, to us at least.
        has_webhooks: bool,
    },
    /// Its health port answers, and it is not in the brewery.
    Detached {
        /// Who misses it.
        by: Source,
        /// Since when.
        since: Time,
    },
}

impl Evidence {
    /// In words; `clock` says what time it was at a moment.
    pub fn words(&self, clock: impl Fn(Time) -> String) -> String {
        match self {
            Self::None => "no problems found".to_owned(),
            Self::FailedStarts { count, last, room } => {
                let starts = if *count == 1 { "start" } else { "starts in a row" };
                let place = room.as_ref().map_or(String::new(), |room| format!(" in {room}"));
                format!(
                    "{count} {starts} failed while it reported idle and healthy, last {}{place}",
                    clock(*last)
                )
            }
            Self::OneRoom { count, last, room } => format!(
                "{count} starts failed in {room} and none elsewhere, last {}: the reason is this Jibri or that room, \
                 and only a restart of the Jibri tells which",
                clock(*last)
            ),
            Self::NoFiles { count } => format!(
                "its last {count} recordings have left no file, or one with nothing in it, by what its finalize script reports"
            ),
            Self::PortDead { since, why } => {
                // Debug, because the reason may quote what came from the network.
                format!("idle and healthy, but its health port is dead since {}: {why:?}", clock(*since))
            }
            Self::PingDead { since } => {
                format!("idle and healthy, but has not answered a ping since {}", clock(*since))
            }
            Self::Unhealthy { by, since } => format!("unhealthy since {}, says {by}", clock(*since)),
            Self::Expired { by, since } => format!("expired (used up) since {}, says {by}", clock(*since)),
            Self::Absent { since: Some(since) } => format!("not in the brewery since {}", clock(*since)),
            Self::Absent { since: None } => "has not been seen in the brewery".to_owned(),
            Self::Stale { by, shown: Busy::Busy, since, .. } => format!(
                "{by} shows it busy and its health port says idle, both since {}: Jicofo never chooses it",
                clock(*since)
            ),
            Self::Stale { by, since, has_webhooks, .. } => {
                let hint =
                    if *has_webhooks { "; it sends webhooks: a receiver that is down does this" } else { "" };
                format!(
                    "{by} shows it idle and its health port says busy, both since {}: it fails every start{hint}",
                    clock(*since)
                )
            }
            Self::Detached { by, since } => format!(
                "alive on its health port, and not in the brewery since {}, says {by}: Jicofo cannot choose it",
                clock(*since)
            ),
        }
    }
}

/// What one source says of a Jibri.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Testimony {
    /// Which source.
    pub source: Source,
    /// What it says, in words; escape it.
    pub says: String,
    /// Since when it has said so, or when it last did.
    pub since: Option<Time>,
    /// Whether the source itself can be trusted now.
    pub trusted: bool,
}

/// What shows that Jicofo has lost the brewery (docs/jitsi.md 13.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostBy {
    /// It is not among its occupants, and Jibris are.
    NotThere,
    /// This Jibri is there, and Jicofo does not list it.
    NotListed(JibriName),
    /// Jicofo lists this Jibri, and says of it what the brewery has not shown for long.
    ListsOtherwise(JibriName),
    /// It refuses starts as if there were no Jibri for them.
    Refuses {
        /// What it answers.
        says: StartFailure,
        /// These are idle in the brewery, and their health ports do not say otherwise.
        idle: Vec<JibriName>,
        /// That cannot be because these have just failed.
        sure: bool,
    },
}

impl LostBy {
    /// It cannot have another reason. Where all Jibris fail alike, Jicofo calls them busy too.
    pub fn is_sure(&self) -> bool {
        !matches!(self, Self::Refuses { sure: false, .. })
    }
}

impl fmt::Display for LostBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere => f.write_str("Jibris are in the brewery, and Jicofo is not"),
            Self::NotListed(name) => {
                write!(f, "{} is in the brewery, and Jicofo does not list it", name.as_str())
            }
            Self::ListsOtherwise(name) => {
                write!(f, "Jicofo's list has {} otherwise than the brewery shows it", name.as_str())
            }
            Self::Refuses { says, idle, .. } => {
                let named: Vec<&str> = idle.iter().take(3).map(JibriName::as_str).collect();
                let (named, are) = (named.join(", "), if idle.len() == 1 { "is" } else { "are" });
                let says = if *says == StartFailure::NoJibri {
                    "no Jibris are available"
                } else {
                    "all Jibris are busy"
                };
                write!(f, "Jicofo says again and again that {says}, and {named} {are} idle in the brewery")
            }
        }
    }
}
