//! Whose turn it is to be looked at (role queries from outside), under one budget for all rooms.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::budget::{Budget, Rate};
use super::watchlist::Sender;
use crate::address::RoomJid;
use crate::fair::Fair;
use crate::time::Time;

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

/// How urgent a look is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Something is known, or said, to be different there.
    Changed,
    /// The same, and it has been looked at since; whoever has come may have been promoted after that.
    Again,
    /// Something is awaited there.
    Eager,
    Slow,
}

/// Rooms that wait for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Known(Urgency),
    OnTrial,
}

impl Wait {
    /// How many of the queries that may go out together these may use up: there are always some left for what is more
    /// urgent, however many rooms are looked at in no hurry.
    fn burst(self) -> u32 {
        match self {
            Self::Known(Urgency::Changed | Urgency::Again | Urgency::Eager) => QUERIES.burst,
            Self::Known(Urgency::Slow) | Self::OnTrial => 0,
        }
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
    again: Line,
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
            again: Line::default(),
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
        for queue in [&mut self.changed, &mut self.again, &mut self.eager, &mut self.slow] {
            queue.clear();
        }
        self.on_trial.clear();
        self.asked.clear();
    }

    pub(super) fn push(&mut self, room: RoomJid, urgency: Urgency) {
        self.line(urgency).push(room);
    }

    pub(super) fn push_on_trial(&mut self, sender: Sender, room: RoomJid) {
        self.on_trial.push(sender, room);
    }

    /// The room is on trial no more.
    pub(super) fn forget(&mut self, room: &RoomJid) {
        self.on_trial.retain(|other| other != room);
    }

    /// The next room, if one waits and its turn has come: those that have changed, at first and once more, those in which something is
    /// awaited, those in no hurry; each of the last two has every fourth turn at least, and among themselves it is first
    /// come, first served. Those on trial have every seventh, and among them those who have named them take turns.
    pub(super) fn pop(&mut self, now: Time) -> Option<RoomJid> {
        let (next, _) = self.waiting().find(|(_, at)| *at <= now)?;
        self.turn = self.turn.wrapping_add(1);
        match next {
            Wait::Known(urgency) => self.line(urgency).pop(),
            Wait::OnTrial => self.on_trial.pop(),
        }
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
        self.waiting().map(|(_, at)| at).min()
    }

    /// Where rooms wait that may have the next turn, in the order in which they may, and from when.
    fn waiting(&self) -> impl Iterator<Item = (Wait, Time)> {
        use Urgency::{Again, Changed, Eager, Slow};
        let next = self.turn.wrapping_add(1);
        let is_turn_of = |share: u32| next.checked_rem(share) == Some(0);
        let first = match next.checked_rem(SHARE) {
            _ if is_turn_of(TRIAL_SHARE) && !self.on_trial.is_empty() => Wait::OnTrial,
            Some(0) => Wait::Known(Slow),
            Some(EAGER_TURN) => Wait::Known(Eager),
            _ => Wait::Known(Changed),
        };
        let rest = [Changed, Again, Eager, Slow].map(Wait::Known).into_iter().chain([Wait::OnTrial]);
        // A turn of its own is nobody's favour.
        let own = (first, self.queries.next_at());
        let others = rest.map(|wait| (wait, self.queries.next_within(wait.burst())));
        std::iter::once(own).chain(others).filter(|(wait, _)| self.is_waited_in(*wait))
    }

    fn is_waited_in(&self, wait: Wait) -> bool {
        match wait {
            Wait::OnTrial => !self.on_trial.is_empty(),
            Wait::Known(_) if self.asked.len() >= AT_ONCE => false,
            Wait::Known(Urgency::Changed) => !self.changed.is_empty(),
            Wait::Known(Urgency::Again) => !self.again.is_empty(),
            Wait::Known(Urgency::Eager) => !self.eager.is_empty(),
            Wait::Known(Urgency::Slow) => !self.slow.is_empty(),
        }
    }

    fn line(&mut self, urgency: Urgency) -> &mut Line {
        match urgency {
            Urgency::Changed => &mut self.changed,
            Urgency::Again => &mut self.again,
            Urgency::Eager => &mut self.eager,
            Urgency::Slow => &mut self.slow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomJid {
        RoomJid::new(&format!("{name}@muc.meet.jitsi")).unwrap()
    }

    fn at(ms: u64) -> Time {
        Time::new(Duration::from_millis(ms))
    }

    /// Rooms of these kinds wait all the time, and each look is one query that is answered at once: how many have one in a
    /// second, those that have changed, those in which something is awaited, and those in no hurry.
    fn looks(changed: bool, eager: bool) -> [usize; 3] {
        let mut turns = Turns::default();
        let kinds = [(changed, Urgency::Changed), (eager, Urgency::Eager), (true, Urgency::Slow)];
        let mut looked = Vec::new();
        for ms in 0..10_000 {
            for (_, urgency) in kinds.iter().filter(|(there, _)| *there) {
                turns.push(room(&format!("{urgency:?}-{ms}")), *urgency);
            }
            while let Some(room) = turns.pop(at(ms)) {
                turns.asked(room.clone(), false, 1, at(ms));
                turns.answered(&room);
                looked.push(room);
            }
        }
        kinds.map(|(_, urgency)| {
            let name = format!("{urgency:?}");
            looked.iter().filter(|room| room.as_str().starts_with(&name)).count().div_euclid(10)
        })
    }

    #[test]
    fn everybody_has_a_share_of_the_budget() {
        let [changed, eager, slow] = looks(true, true);
        assert!((34..=38).contains(&changed) && (16..=19).contains(&eager) && (16..=19).contains(&slow));
        let [changed, _, slow] = looks(true, false);
        assert!((52..=56).contains(&changed) && (16..=19).contains(&slow));
        let [_, _, slow] = looks(false, false);
        assert!((70..=72).contains(&slow));
    }

    /// However many rooms are looked at in no hurry.
    #[test]
    fn those_that_have_changed_do_not_wait_for_the_others() {
        let mut turns = Turns::default();
        for n in 0..1_000 {
            turns.push(room(&format!("slow-{n}")), Urgency::Slow);
        }
        for ms in 0..5_000 {
            while let Some(room) = turns.pop(at(ms)) {
                turns.asked(room.clone(), false, 1, at(ms));
                turns.answered(&room);
            }
        }
        for n in 0..10 {
            turns.push(room(&format!("changed-{n}")), Urgency::Changed);
        }
        let mut seen = 0;
        while let Some(room) = turns.pop(at(5_000)) {
            seen += u32::from(room.as_str().starts_with("changed"));
            turns.asked(room.clone(), false, 1, at(5_000));
            turns.answered(&room);
        }
        assert_eq!(seen, 10);
        assert!(turns.deadline() > Some(at(5_100)), "the debt is paid back");
    }
}
