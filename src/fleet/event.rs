//! What comes out of the fleet: what is to be done, and what is to be told, with its evidence in words.

use std::fmt;
use std::time::Duration;

use crate::address::RoomJid;
use crate::jibri::JibriName;
use crate::meeting::StartFailure;
use crate::time::Time;

/// Something that came out of the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Restart it, by `recovery.command` or `recovery.http`; answer with [`super::Input::Recovered`].
    Recover {
        /// Whom.
        name: JibriName,
        /// Why.
        reason: Reason,
    },
    /// Ping its occupant in the brewery; answer with [`super::Input::Pinged`].
    Ping {
        /// Whom.
        name: JibriName,
    },
    /// The Jibri that serves this room is not what it was: look at the room at once.
    Look {
        /// The room.
        room: RoomJid,
        /// That Jibri is not there any more.
        gone: bool,
    },
    /// A Jibri has turned busy while a start for this room was the only one under way.
    Taken {
        /// The room.
        room: RoomJid,
    },
    /// Jicofo has selected no Jibri at all since this room's start was sent: it has refused it.
    NotTaken {
        /// The room.
        room: RoomJid,
    },
    /// Ask Jicofo's REST interface now, and not only when it is time: it knows what became of a start.
    AskJicofo,
    /// To be told.
    Tell(Event),
}

/// What is there for a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Availability {
    /// The brewery, or Jicofo's view of it, is known completely. If not, the numbers mean nothing.
    pub visible: bool,
    /// Jibris that Jicofo can select and that we believe to work.
    pub free: usize,
    /// Starts that are under way and have made no Jibri busy yet; each is about to take one that is free.
    pub starting: usize,
    /// Grows by one with every change of `visible` or `free`.
    pub change: u64,
}

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
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Ok, Self::Suspect, Self::Wedged, Self::Unhealthy, Self::Expired, Self::Offline];

    /// Its name in the API and the metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Suspect => "suspect",
            Self::Wedged => "wedged",
            Self::Unhealthy => "unhealthy",
            Self::Expired => "expired",
            Self::Offline => "offline",
        }
    }
}

/// Why a Jibri is recovered, `reason` in the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Its verdict.
    Wedged,
    /// Its verdict.
    Unhealthy,
    /// Its verdict.
    Expired,
    /// It has made `recovery.recycle_after` recordings.
    Recycle,
}

impl Reason {
    /// Its name in the settings and the metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wedged => "wedged",
            Self::Unhealthy => "unhealthy",
            Self::Expired => "expired",
            Self::Recycle => "recycle",
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
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Brewery => "the brewery",
            Self::Jicofo => "Jicofo",
            Self::HealthPort => "its health port",
            Self::Webhook => "its webhook",
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
}

impl Evidence {
    /// In words; `clock` says what time it was at a moment.
    pub fn words(&self, clock: impl Fn(Time) -> String) -> String {
        match self {
            Self::None => "nothing speaks against it".to_owned(),
            Self::FailedStarts { count, last, room } => {
                let starts = if *count == 1 { "start" } else { "starts in a row" };
                let place = room.as_ref().map_or(String::new(), |room| format!(" in {room}"));
                format!(
                    "{count} {starts} failed while it reported idle and healthy, last {}{place}",
                    clock(*last)
                )
            }
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
        }
    }
}

/// Something that happened to a Jibri.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// We think otherwise of it now.
    Verdict {
        /// Of whom.
        name: JibriName,
        /// Before.
        from: Verdict,
        /// Now.
        to: Verdict,
        /// Why.
        evidence: Evidence,
    },
    /// Jicofo does not know the Jibris that are there, and will not: only a restart of Jicofo helps (docs/jitsi.md 13.2.1).
    JicofoLostBrewery {
        /// Who says so.
        by: LostBy,
        /// Since when.
        since: Time,
    },
    /// It has the brewery again.
    JicofoHasBrewery,
    /// Some Jibri has failed, but nobody can tell which; counted against none of them.
    InDoubt {
        /// One, or more, of these.
        among: Vec<JibriName>,
        /// Where the start failed.
        room: RoomJid,
        /// How.
        why: StartFailure,
    },
    /// Two Jibris under one nickname: only the first is seen and told to record (docs/jitsi.md 5).
    Twins {
        /// The nickname.
        name: JibriName,
        /// How many share it.
        items: usize,
    },
    /// The nickname belongs to one Jibri again.
    TwinsOver {
        /// The nickname.
        name: JibriName,
    },
    /// Busy for long, and no room shows a recorder that could be its. Nothing is done about it.
    BusyWithoutRecorder {
        /// Who.
        name: JibriName,
        /// Since when.
        since: Time,
    },
    /// With `recovery.dry_run`: it would have been restarted.
    WouldRecover {
        /// Who.
        name: JibriName,
        /// Why.
        reason: Reason,
    },
    /// It should be restarted, but may not be yet.
    Limited {
        /// Who.
        name: JibriName,
        /// Why it should.
        reason: Reason,
        /// Why it may not.
        limit: Limit,
        /// Until when, if that is known.
        until: Option<Time>,
    },
    /// The command has succeeded; it is watched now until it is back.
    Restarted {
        /// Who.
        name: JibriName,
        /// Why.
        reason: Reason,
    },
    /// The command has failed, or nothing was heard of it.
    RecoveryFailed {
        /// Who.
        name: JibriName,
        /// Why it was to be restarted.
        reason: Reason,
        /// What went wrong.
        why: String,
    },
    /// It is back, idle or busy, and healthy.
    Back {
        /// Who.
        name: JibriName,
        /// How long it took.
        took: Duration,
    },
    /// It was restarted and is not back in time.
    NotBack {
        /// Who.
        name: JibriName,
        /// When it was restarted.
        since: Time,
        /// Whether it has been seen going, or coming; if not, the command may not do what it should.
        has_gone: bool,
    },
}

/// What shows that Jicofo has lost the brewery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostBy {
    /// It is not among its occupants, and Jibris are.
    NotThere,
    /// This Jibri is there, and Jicofo does not list it.
    NotListed(JibriName),
}

impl fmt::Display for LostBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere => f.write_str("Jibris are in the brewery, and Jicofo is not"),
            Self::NotListed(name) => {
                write!(f, "{} is in the brewery, and Jicofo does not list it", name.as_str())
            }
        }
    }
}

/// What keeps a Jibri from being restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// `recovery.cooldown`.
    Cooldown,
    /// `recovery.max_per_hour`.
    PerHour,
    /// It is no `[[jibri.instance]]`.
    NotConfigured,
    /// Two Jibris under its nickname: which of them would be restarted is anybody's guess.
    Twins,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cooldown => "recovery.cooldown is not over since its last restart",
            Self::PerHour => "recovery.max_per_hour is reached",
            Self::NotConfigured => "it is no [[jibri.instance]]",
            Self::Twins => "two Jibris share its nickname",
        })
    }
}
