//! When a room is looked at (role queries from outside). Whose turn it is among all rooms is in [`turns`](super::turns).

use std::time::Duration;

use super::io::{QueryId, Roles};
use super::turns::Urgency;
use crate::time::Time;

/// The first interval after a change: who is promoted is promoted right after the entry, and no event tells of it
/// (docs/jitsi.md 1.1, 8).
const FIRST: Duration = Duration::from_millis(150);
/// The next one.
const SHORTEST: Duration = Duration::from_millis(500);
/// By then whoever has come is promoted, if he is at all. Jicofo's numbers are asked for once a second, so that these looks
/// fall between those that the numbers ask for.
const PROMOTED_BY: Duration = Duration::from_millis(700);
/// While something is awaited.
const EAGER: Duration = Duration::from_secs(1);
/// While nothing is.
const LONGEST: Duration = Duration::from_secs(15);
/// Every so many polls ask for both lists, whatever is awaited.
const BOTH_EVERY: u32 = 4;
/// The same where nobody who comes or goes changes anything.
const BOTH_EVERY_SETTLED: u32 = 8;

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

/// The rhythm in which one room is polled.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rhythm {
    last: Option<Duration>,
    /// Polls since both lists were asked for.
    partial: u32,
    /// Looks that are still owed to what is said to have happened.
    hints: u8,
    /// The next look is the first of them, or one list has shown that something is different.
    is_changed: bool,
}

impl Rhythm {
    /// What is seen has changed: begin anew.
    pub(super) fn restart(&mut self) {
        self.last = None;
    }

    /// The next look asks for both lists.
    pub(super) fn demand_both(&mut self) {
        self.partial = BOTH_EVERY_SETTLED;
    }

    /// One list has shown that something is different; only both tell what.
    pub(super) fn disagrees(&mut self) {
        self.demand_both();
        self.is_changed = true;
    }

    /// Something is said to have happened: the next look is urgent, and there is one more soon after it, as whoever comes is
    /// promoted after that.
    pub(super) fn hint(&mut self) {
        (self.hints, self.is_changed) = (2, true);
    }

    /// Whether the next look is urgent.
    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// How long until the next look.
    pub(super) fn next(&mut self, pace: Pace) -> Duration {
        (self.hints, self.is_changed) = (self.hints.saturating_sub(1), false);
        if self.hints > 0 && self.last.is_some_and(|last| last >= EAGER) {
            return PROMOTED_BY;
        }
        let wait = match self.last {
            None => FIRST,
            Some(last) if last < SHORTEST => SHORTEST,
            Some(last) => pace.after(last),
        };
        self.last = Some(wait);
        wait
    }

    /// A room that has just been seen to change is as urgent as one in which something is awaited.
    pub(super) fn urgency(&self, pace: Pace) -> Urgency {
        if self.is_changed {
            return Urgency::Changed;
        }
        if self.hints > 0 {
            return Urgency::Again;
        }
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
pub(super) enum Poll {
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

impl Poll {
    pub(super) fn deadline(self) -> Option<Time> {
        match self {
            Self::At(at) => Some(at),
            Self::Queued => None,
            Self::Asked { until, .. } => Some(until),
        }
    }

    /// Not later than this, unless it is under way already. Returns whether it is sooner now.
    pub(super) fn not_after(&mut self, latest: Time) -> bool {
        match self {
            Self::At(at) if latest < *at => {
                *at = latest;
                true
            }
            _ => false,
        }
    }
}
