//! One way to a Jibri (its health port, a ping): whether it answers, and whether its silence is its own.

use std::time::Duration;

use crate::time::Time;

/// Silent for so many intervals, and at so many calls: dead.
const DEAD_AFTER: u32 = 3;

/// An answer may come so much later than the one before it.
const LATE: Duration = Duration::from_secs(3);

/// A line to one Jibri.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// It has answered; one that never did is set up wrongly, or not at all, and says nothing about the Jibri.
    pub(super) ever: bool,
    silent_since: Option<Time>,
    calls: u32,
    last_call: Option<Time>,
    /// Calls in vain, one after the other, while the same line to others worked: since when, how many. One that
    /// was made while nobody answered ends them, or the edges of an outage would add up.
    sure_since: Option<Time>,
    sure: u32,
    why: String,
}

/// Whose a silence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Others answer, so it is not the network.
    Its,
    /// Others have answered not long ago, and nobody since the last call in vain.
    Unknown,
    /// Nobody answers.
    Everybodys,
}

impl Whose {
    pub(super) fn its_if(is_its: bool) -> Self {
        if is_its { Self::Its } else { Self::Everybodys }
    }

    /// By what others have answered, where this one has not answered at `last_call` and again not now.
    pub(super) fn by(
        others: Option<Answers>,
        last_call: Option<Time>,
        interval: Duration,
        now: Time,
    ) -> Self {
        let lately = others.filter(|others| now.since(others.last) <= interval);
        let Some(others) = lately else { return Self::Everybodys };
        match last_call {
            Some(last_call) if others.last <= last_call => Self::Unknown,
            // They have been silent as well in between, or were when this one was called.
            Some(last_call) => Self::its_if(others.since <= last_call),
            None => Self::Its,
        }
    }
}

/// Answers of any port, without a break.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answers {
    since: Time,
    last: Time,
}

impl Answers {
    /// There is another one.
    pub(super) fn go_on(before: Option<Self>, interval: Duration, now: Time) -> Self {
        let without_break = interval.saturating_add(LATE);
        let goes_on = before.filter(|before| now.since(before.last) <= without_break);
        Self { since: goes_on.map_or(now, |before| before.since), last: now }
    }
}

/// A line that was good and is not.
#[derive(Debug)]
pub(super) struct Dead {
    pub(super) since: Time,
    /// It is the Jibri, and not the way to it.
    pub(super) sure: bool,
    pub(super) why: String,
}

impl Reach {
    pub(super) fn answered(&mut self) {
        *self = Self { ever: true, ..Self::default() };
    }

    /// `whose`: whether its silence is its own.
    pub(super) fn silent(&mut self, now: Time, whose: Whose, why: &str) {
        self.silent_since.get_or_insert(now);
        self.calls = self.calls.saturating_add(1);
        self.last_call = Some(now);
        match whose {
            Whose::Its => {
                self.sure_since.get_or_insert(now);
                self.sure = self.sure.saturating_add(1);
            }
            Whose::Unknown => {}
            Whose::Everybodys => {
                self.sure_since = None;
                self.sure = 0;
            }
        }
        why.clone_into(&mut self.why);
    }

    /// When it was called in vain last, if it is silent.
    pub(super) fn last_call(&self) -> Option<Time> {
        self.last_call
    }

    pub(super) fn is_well(&self) -> bool {
        self.silent_since.is_none()
    }

    /// Since when it is silent, and what happens instead.
    pub(super) fn silence(&self) -> Option<(Time, &str)> {
        self.silent_since.map(|since| (since, self.why.as_str()))
    }

    /// It has answered before, and does not now.
    pub(super) fn is_silent(&self) -> bool {
        self.ever && !self.is_well()
    }

    pub(super) fn dead(&self, now: Time, interval: Duration) -> Option<Dead> {
        let since = self.silent_since.filter(|_| self.ever && self.calls >= DEAD_AFTER)?;
        let is_long = |since: Time| now.since(since) >= interval.saturating_mul(DEAD_AFTER);
        let sure = self.sure >= DEAD_AFTER && self.sure_since.is_some_and(is_long);
        is_long(since).then(|| Dead { since, sure, why: self.why.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Time {
        Time::new(Duration::from_secs(secs))
    }

    #[test]
    fn dead_takes_three_calls_and_three_intervals() {
        let interval = Duration::from_secs(10);
        let mut line = Reach::default();
        line.answered();
        for secs in [10, 20, 30] {
            line.silent(at(secs), Whose::Its, "refused");
            assert!(line.dead(at(secs), interval).is_none(), "{secs}");
        }
        line.silent(at(40), Whose::Its, "refused");
        assert!(line.dead(at(40), interval).unwrap().sure);
        line.answered();
        assert!(line.dead(at(90), interval).is_none());
    }

    #[test]
    fn a_line_that_never_was_is_not_dead() {
        let mut line = Reach::default();
        for secs in 0..100 {
            line.silent(at(secs), Whose::Its, "refused");
        }
        assert!(line.dead(at(100), Duration::from_secs(10)).is_none());
    }

    #[test]
    fn the_network_is_no_jibri() {
        let mut line = Reach::default();
        line.answered();
        line.silent(at(0), Whose::Its, "timed out");
        for secs in 1..100 {
            line.silent(at(secs), Whose::Everybodys, "timed out");
        }
        assert!(!line.dead(at(100), Duration::from_secs(10)).unwrap().sure);
    }

    #[test]
    fn the_edges_of_an_outage_are_nobodys() {
        let interval = Duration::from_secs(10);
        let answers = |all: &[u64]| {
            all.iter().fold(None, |before, secs| Some(Answers::go_on(before, interval, at(*secs))))
        };
        let by = |all: &[u64], last_call: Option<u64>, now| {
            Whose::by(answers(all), last_call.map(at), interval, at(now))
        };
        assert_eq!(by(&[], None, 5), Whose::Everybodys);
        assert_eq!(by(&[1, 11], None, 12), Whose::Its);
        assert_eq!(by(&[1, 11, 21], Some(12), 22), Whose::Its);
        assert_eq!(by(&[1, 11], Some(12), 20), Whose::Unknown);
        assert_eq!(by(&[1, 11, 33], Some(22), 34), Whose::Everybodys, "nobody answered from 11 to 33");
        assert_eq!(by(&[1, 11], Some(12), 40), Whose::Everybodys);
    }

    #[test]
    fn a_call_of_which_nothing_is_known_neither_counts_nor_ends_what_was_counted() {
        let mut line = Reach::default();
        line.answered();
        let its = [Whose::Its, Whose::Unknown, Whose::Its, Whose::Unknown];
        for (secs, whose) in (0..40).step_by(10).zip(its) {
            line.silent(at(secs), whose, "timed out");
        }
        assert!(!line.dead(at(40), Duration::from_secs(10)).unwrap().sure);
        line.silent(at(40), Whose::Its, "timed out");
        assert!(line.dead(at(40), Duration::from_secs(10)).unwrap().sure);
    }
}
