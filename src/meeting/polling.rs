//! When a room is looked at (role queries from outside), and how many of all rooms at once.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::io::{QueryId, Roles};
use super::watchlist::Sender;
use crate::address::RoomJid;
use crate::fair::Fair;
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
/// Every so many polls ask for both lists, whatever is awaited.
const BOTH_EVERY: u32 = 4;
/// The same where nobody who comes or goes changes anything.
const BOTH_EVERY_SETTLED: u32 = 8;

/// Role queries under way at once; the others wait for their turn (a query costs Prosody 0.3 to 0.6 ms). Rooms on
/// trial are not counted, because nobody may ever answer for them: there are few, whatever is said
/// ([`MOST_ON_TRIAL`](super::watchlist::MOST_ON_TRIAL)).
const AT_ONCE: usize = 32;
/// 71 queries a second in the long run, less than 5% of the core that Prosody has; so many may go out together after a
/// rest.
const QUERIES: Rate = Rate { apart: Duration::from_millis(14), burst: 16 };
/// Of so many turns one belongs to the rooms that are in no hurry, and another to those in which something is awaited, as
/// anybody may say of any room that it has changed.
const SHARE: u32 = 4;
const EAGER_TURN: u32 = 2;
/// Of so many turns one belongs to the rooms on trial; no multiple of the other, so that no turn belongs to both
/// each time. What nobody else wants they may have as well.
const TRIAL_SHARE: u32 = 7;

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
    hints: u32,
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
        self.hints = self.hints.max(1);
    }

    /// Something is said to have happened: the next look is urgent, and so is one more a second after it, as whoever comes is
    /// promoted after that.
    pub(super) fn hint(&mut self) {
        self.hints = 2;
    }

    /// Whether a look is owed to what is said to have happened.
    pub(super) fn is_hinted(&self) -> bool {
        self.hints > 0
    }

    /// How long until the next look.
    pub(super) fn next(&mut self, pace: Pace) -> Duration {
        self.hints = self.hints.saturating_sub(1);
        if self.hints > 0 && self.last.is_some_and(|last| last >= EAGER) {
            return EAGER;
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
        if self.hints > 0 {
            return Urgency::Changed;
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

/// How urgent a look is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Something is known, or said, to be different there.
    Changed,
    /// Something is awaited there.
    Eager,
    Slow,
}

/// How often something may be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// Between two times, in the long run.
    pub(super) apart: Duration,
    /// So many times in a row after a rest.
    pub(super) burst: u32,
}

/// How much of a [`Rate`] is used up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    rate: &'static Rate,
    /// When all that was done so far will have had its time.
    paid: Time,
}

impl Budget {
    pub(super) fn new(rate: &'static Rate) -> Self {
        Self { rate, paid: Time::default() }
    }

    /// So much is done, now or then.
    pub(super) fn spend(&mut self, then: Time, times: u32) {
        self.paid = self.paid.max(then).after(self.rate.apart.saturating_mul(times));
    }

    /// When it may be done next.
    pub(super) fn next_at(&self) -> Time {
        Time::new(self.paid.since_start().saturating_sub(self.rate.apart.saturating_mul(self.rate.burst)))
    }
}

/// Rooms that wait, each once. One that has had its turn elsewhere meanwhile may still be among them.
#[derive(Debug, Default)]
struct Line {
    order: VecDeque<RoomJid>,
    there: BTreeSet<RoomJid>,
}

impl Line {
    fn push(&mut self, room: RoomJid) {
        if self.there.insert(room.clone()) {
            self.order.push_back(room);
        }
    }

    fn pop(&mut self) -> Option<RoomJid> {
        let room = self.order.pop_front()?;
        self.there.remove(&room);
        Some(room)
    }

    fn clear(&mut self) {
        self.order.clear();
        self.there.clear();
    }

    fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

/// Whose turn it is to be looked at, under one budget for all rooms.
#[derive(Debug)]
pub(super) struct Turns {
    changed: Line,
    eager: Line,
    slow: Line,
    /// By who has named them, so that whoever names many keeps nobody else's waiting.
    on_trial: Fair<Sender, RoomJid>,
    /// Those but the ones on trial of whom an answer is awaited.
    asked: BTreeSet<RoomJid>,
    turn: u32,
    queries: Budget,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            changed: Line::default(),
            eager: Line::default(),
            slow: Line::default(),
            on_trial: Fair::default(),
            asked: BTreeSet::new(),
            turn: 0,
            queries: Budget::new(&QUERIES),
        }
    }
}

impl Turns {
    /// There is no link: nobody waits for a turn or an answer.
    pub(super) fn clear(&mut self) {
        for queue in [&mut self.changed, &mut self.eager, &mut self.slow] {
            queue.clear();
        }
        self.on_trial.clear();
        self.asked.clear();
    }

    pub(super) fn push(&mut self, room: RoomJid, urgency: Urgency) {
        match urgency {
            Urgency::Changed => self.changed.push(room),
            Urgency::Eager => self.eager.push(room),
            Urgency::Slow => self.slow.push(room),
        }
    }

    pub(super) fn push_on_trial(&mut self, sender: Sender, room: RoomJid) {
        self.on_trial.push(sender, room);
    }

    /// The room is on trial no more.
    pub(super) fn forget(&mut self, room: &RoomJid) {
        self.on_trial.retain(|other| other != room);
    }

    /// The next room, if one waits and its turn has come: those that have changed, those in which something is awaited, those
    /// in no hurry; each of the last two has every fourth turn at least, and among themselves it is first come, first
    /// served. Those on trial have every seventh, and among them those who have named them take turns.
    pub(super) fn pop(&mut self, now: Time) -> Option<RoomJid> {
        if self.deadline().is_none_or(|at| at > now) {
            return None;
        }
        self.turn = self.turn.wrapping_add(1);
        let is_turn_of = |share: u32| self.turn.checked_rem(share) == Some(0);
        if !self.on_trial.is_empty() && (is_turn_of(TRIAL_SHARE) || !self.has_known()) {
            return self.on_trial.pop();
        }
        let (changed, eager, slow) = (&mut self.changed, &mut self.eager, &mut self.slow);
        let queues = match self.turn.checked_rem(SHARE) {
            Some(0) => [slow, changed, eager],
            Some(EAGER_TURN) => [eager, changed, slow],
            _ => [changed, eager, slow],
        };
        queues.into_iter().find_map(Line::pop)
    }

    /// A room has been asked.
    pub(super) fn asked(&mut self, room: RoomJid, is_on_trial: bool, queries: u32, now: Time) {
        self.queries.spend(now, queries);
        if !is_on_trial {
            self.asked.insert(room);
        }
    }

    /// It has answered, in whatever way.
    pub(super) fn answered(&mut self, room: &RoomJid) {
        self.asked.remove(room);
    }

    /// When the next turn comes, if somebody waits for one who may have it; an answer frees a place as well.
    pub(super) fn deadline(&self) -> Option<Time> {
        (self.has_known() || !self.on_trial.is_empty()).then(|| self.queries.next_at())
    }

    fn has_known(&self) -> bool {
        let is_empty = self.changed.is_empty() && self.eager.is_empty() && self.slow.is_empty();
        self.asked.len() < AT_ONCE && !is_empty
    }
}
