//! A restart under way: from the command until the Jibri is back, or too late.

use std::time::Duration;

use super::event::Reason;
use crate::address::RoomJid;
use crate::time::Time;

/// A container, a JVM, an X server and a join take a minute at most where we have looked.
const BACK_WITHIN: Duration = Duration::from_secs(180);
/// By then one that has been restarted was seen to be gone: Prosody shows a dead stream for 15 s (docs/jitsi.md 13.2.4).
const GONE_WITHIN: Duration = Duration::from_secs(45);
/// The edge ends the command at `recovery.timeout`; this much later we no longer rely on being told.
const GRACE: Duration = Duration::from_secs(30);

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The command runs.
    Running,
    /// It has succeeded.
    Watching,
    /// It is not back in time; others have their turn.
    Missing,
}

/// A restart, from the command until it is back.
#[derive(Debug)]
pub(super) struct Recovering {
    pub(super) reason: Reason,
    pub(super) since: Time,
    pub(super) phase: Phase,
    /// Until when it has to come to the next phase, if it has not been seen to be gone, and if it has.
    until: (Time, Time),
    /// It was seen to be gone.
    pub(super) gone: bool,
    /// It has shown itself anew.
    pub(super) renewed: bool,
    /// It tells whether this room was the reason that starts failed there.
    pub(super) room: Option<RoomJid>,
}

impl Recovering {
    /// The command is begun; it has `timeout` for it.
    pub(super) fn begin(reason: Reason, timeout: Duration, now: Time) -> Self {
        let until = now.after(timeout).after(GRACE);
        Self {
            reason,
            since: now,
            phase: Phase::Running,
            until: (until, until),
            gone: false,
            renewed: false,
            room: None,
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.phase != Phase::Missing
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let (unseen, seen) = self.until;
        self.is_under_way().then_some(if self.is_anew() { seen } else { unseen })
    }

    /// It was seen to be gone, or to begin anew.
    pub(super) fn is_anew(&self) -> bool {
        self.gone || self.renewed
    }

    pub(super) fn succeeded(&mut self, now: Time) {
        self.phase = Phase::Watching;
        self.until = (now.after(GONE_WITHIN), now.after(BACK_WITHIN));
    }
}
