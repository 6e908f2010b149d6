//! When a room is looked at (role queries from outside), and how many of all rooms at once.

use std::collections::VecDeque;
use std::time::Duration;

use super::io::{QueryId, Roles};
use crate::address::RoomJid;
use crate::time::Time;

/// The first interval after a change: who is promoted is promoted right after the entry, and no event tells of it
/// (docs/jitsi.md 1.1, 8).
const FIRST: Duration = Duration::from_millis(150);
/// The next one.
const SHORTEST: Duration = Duration::from_millis(500);
/// While something is awaited.
const EAGER: Duration = Duration::from_secs(1);
/// While nothing is.
const LONGEST: Duration = Duration::from_secs(15);
/// Every so many looks ask for both lists, whatever is awaited.
const BOTH_EVERY: u32 = 4;
/// The same where nobody who comes or goes changes anything.
const BOTH_EVERY_SETTLED: u32 = 8;

/// Role queries under way at once; the others wait for their turn (a query costs Prosody 0.3 to 0.6 ms).
const AT_ONCE: usize = 32;
/// Between two queries, in the long run: 71 a second, less than 5% of the core that Prosody has.
const APART: Duration = Duration::from_millis(14);
/// So many may go out together after a rest.
const BURST: u32 = 16;
/// Of so many turns one belongs to the rooms that are in no hurry.
const SLOW_SHARE: u32 = 4;

/// How often a room is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Something is awaited: every 0.5 s, growing to 1 s.
    Eager,
    /// Every second.
    Steady,
    /// Ever more slowly, up to 15 s.
    Ebbing,
}

impl Pace {
    pub(super) fn longest(self) -> Duration {
        match self {
            Self::Eager | Self::Steady => EAGER,
            Self::Ebbing => LONGEST,
        }
    }

    fn after(self, last: Duration) -> Duration {
        let grown = match self {
            Self::Eager => last.mul_f64(1.25),
            Self::Steady => EAGER,
            Self::Ebbing => last.mul_f64(1.5),
        };
        grown.min(self.longest())
    }
}

/// The rhythm of one room's looks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rhythm {
    last: Option<Duration>,
    /// Looks since both lists were asked for.
    partial: u32,
}

impl Rhythm {
    /// What is seen has changed: begin anew.
    pub(super) fn restart(&mut self) {
        self.last = None;
    }

    /// One list has shown that something is different; only both tell what.
    pub(super) fn demand_both(&mut self) {
        self.partial = BOTH_EVERY_SETTLED;
    }

    /// How long until the next look.
    pub(super) fn next(&mut self, pace: Pace) -> Duration {
        let wait = match self.last {
            None => FIRST,
            Some(last) if last < SHORTEST => SHORTEST,
            Some(last) => pace.after(last),
        };
        self.last = Some(wait);
        wait
    }

    /// A room that has just changed is as urgent as one in which something is awaited.
    pub(super) fn urgency(&self, pace: Pace) -> Urgency {
        let is_new = self.last.is_none_or(|last| last < EAGER);
        if pace == Pace::Eager || is_new { Urgency::Eager } else { Urgency::Slow }
    }

    /// Which lists the next look asks for, if `which` would do.
    pub(super) fn roles(&mut self, which: Roles, is_settled: bool) -> Roles {
        self.partial = self.partial.saturating_add(1);
        let both_every = if is_settled { BOTH_EVERY_SETTLED } else { BOTH_EVERY };
        if which == Roles::Both || self.partial >= both_every {
            self.partial = 0;
            return Roles::Both;
        }
        which
    }
}

/// The next, or present, role query of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    At(Time),
    /// Waits for its turn.
    Queued,
    /// `moment`: what the roster had heard when it was asked.
    Asked {
        query: QueryId,
        which: Roles,
        until: Time,
        moment: u32,
    },
}

impl Look {
    pub(super) fn deadline(self) -> Option<Time> {
        match self {
            Self::At(at) => Some(at),
            Self::Queued => None,
            Self::Asked { until, .. } => Some(until),
        }
    }

    /// Not later than this, unless it is under way already.
    pub(super) fn not_after(&mut self, latest: Time) {
        if let Self::At(at) = self {
            *at = (*at).min(latest);
        }
    }
}

/// How urgent a look is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    Eager,
    Slow,
}

/// Whose turn it is to be looked at, under one budget for all rooms.
#[derive(Debug, Default)]
pub(super) struct Turns {
    eager: VecDeque<RoomJid>,
    slow: VecDeque<RoomJid>,
    turn: u32,
    /// When all queries so far will have had their time.
    paid: Time,
}

impl Turns {
    pub(super) fn clear(&mut self) {
        self.eager.clear();
        self.slow.clear();
    }

    pub(super) fn push(&mut self, room: RoomJid, urgency: Urgency) {
        match urgency {
            Urgency::Eager => self.eager.push_back(room),
            Urgency::Slow => self.slow.push_back(room),
        }
    }

    /// The next room, if one waits and its turn has come: first come, first served among the eager ones and
    /// among the others, who have every fourth turn at least.
    pub(super) fn pop(&mut self, now: Time, under_way: usize) -> Option<RoomJid> {
        if under_way >= AT_ONCE || self.next_at().is_none_or(|at| at > now) {
            return None;
        }
        self.turn = self.turn.wrapping_add(1);
        let (first, second) = if self.turn.checked_rem(SLOW_SHARE) == Some(0) {
            (&mut self.slow, &mut self.eager)
        } else {
            (&mut self.eager, &mut self.slow)
        };
        first.pop_front().or_else(|| second.pop_front())
    }

    /// So many queries have gone out.
    pub(super) fn spend(&mut self, now: Time, queries: u32) {
        self.paid = self.paid.max(now).after(APART.saturating_mul(queries));
    }

    /// When the next turn comes, if somebody waits for one.
    pub(super) fn next_at(&self) -> Option<Time> {
        let burst = APART.saturating_mul(BURST);
        let waits = !(self.eager.is_empty() && self.slow.is_empty());
        waits.then(|| Time::new(self.paid.since_start().saturating_sub(burst)))
    }

    /// When to be called again for the sake of those who wait; an answer frees a place as well.
    pub(super) fn deadline(&self, under_way: usize) -> Option<Time> {
        if under_way < AT_ONCE { self.next_at() } else { None }
    }
}
