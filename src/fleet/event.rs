//! What comes out of the fleet: what is to be done, and what is to be told, with its evidence in words.

use std::fmt;
use std::time::Duration;

use super::doubt::Settled;
use super::evidence::{Evidence, LostBy, Verdict};
use super::jicofo_restart::JicofoRestart;
use crate::address::RoomJid;
use crate::jibri::{JibriName, RecordedBy};
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
    /// Restart Jicofo, by `recovery.jicofo_command`; answer with [`super::Input::JicofoRestarted`].
    RestartJicofo,
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
    /// A Jibri is to be restarted for this room's sake, and has to be left idle till then: no start of it before this.
    HoldBack {
        /// The room.
        room: RoomJid,
        /// Until when.
        until: Time,
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
    /// What is known of the Jibri whose recorder is in this room is new.
    RecordedBy {
        /// The room.
        room: RoomJid,
        /// What is known.
        recorded_by: RecordedBy,
    },
    /// It records a meeting, so that its health port is to be asked every second, and soon again where it refuses; or it does
    /// not any more.
    AskClosely {
        /// Whose.
        name: JibriName,
        /// From now on, or not any more.
        closely: bool,
    },
    /// Ask Jicofo's REST interface whose recorders are in this room; answer with [`super::Input::Recorders`].
    AskRecorders {
        /// The room.
        room: RoomJid,
    },
    /// Have it end what it records, by its own API, else by a stop in the brewery: it records nobody.
    EndRecording {
        /// Whom.
        name: JibriName,
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

/// Why a Jibri is recovered, `reason` in the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Its verdict.
    Wedged,
    /// Its verdict.
    Unhealthy,
    /// Its verdict.
    Expired,
    /// Its verdict.
    Stale,
    /// Its verdict.
    Detached,
    /// It has made `recovery.recycle_after` recordings.
    Recycle,
    /// Of Jicofo, which has lost the brewery.
    LostBrewery,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Wedged,
        Self::Unhealthy,
        Self::Expired,
        Self::Stale,
        Self::Detached,
        Self::Recycle,
        Self::LostBrewery,
    ];

    /// Its name in the settings and the metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wedged => "wedged",
            Self::Unhealthy => "unhealthy",
            Self::Expired => "expired",
            Self::Stale => "stale",
            Self::Detached => "detached",
            Self::Recycle => "recycle",
            Self::LostBrewery => "lost_brewery",
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
    /// Of its restart, while it has lost it.
    JicofoRestart(JicofoRestart),
    /// Some Jibri has failed, but nobody can tell which; counted against none of them.
    InDoubt {
        /// One, or more, of these.
        among: Vec<JibriName>,
        /// Where the start failed.
        room: RoomJid,
        /// How.
        why: StartFailure,
    },
    /// A recorder is in a room where nobody is, and ends by itself only when it notices.
    Ghost {
        /// The room.
        room: RoomJid,
        /// Whose recorder it is, if that is known.
        name: Option<JibriName>,
    },
    /// It is not there any more, or somebody has come.
    NoGhost {
        /// The room.
        room: RoomJid,
    },
    /// Its Jibri was told to end it, as a meeting waits for it.
    GhostEnds {
        /// The room.
        room: RoomJid,
        /// The Jibri.
        name: JibriName,
        /// It was not: this is a dry run.
        dry_run: bool,
    },
    /// Starts keep failing in one room, on this Jibri or mostly on it, and nothing tells which of the two is the reason.
    JibriOrRoom {
        /// The room.
        room: RoomJid,
        /// The Jibri.
        name: JibriName,
        /// How many starts have failed.
        count: u32,
    },
    /// The room is the reason: it has failed on this Jibri before and after its restart.
    RoomAtFault {
        /// The room.
        room: RoomJid,
        /// The Jibri.
        name: JibriName,
    },
    /// The doubt about a room is over.
    RoomSettled {
        /// The room.
        room: RoomJid,
        /// How.
        how: Settled,
    },
    /// It is no `[[jibri.instance]]` any more, and is not there.
    Removed {
        /// Who.
        name: JibriName,
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
    /// Its health port refuses connections, and it lives: the port is firewalled, or has moved. Nothing is done about it.
    PortRefused {
        /// Who.
        name: JibriName,
    },
    /// Jicofo has moved a session to another Jibri, and has said nothing (docs/jitsi.md 13.2.4).
    Moved {
        /// The room.
        room: RoomJid,
        /// The Jibri that has failed it.
        from: JibriName,
        /// The one that records it now.
        to: JibriName,
        /// For about how long nothing was recorded.
        gap: Duration,
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
