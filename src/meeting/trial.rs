//! A room that hearsay alone names, until a look finds focus in it.

use std::time::Duration;

use super::watchlist::Sender;
use crate::time::Time;

/// How long a room that exists may be without focus before a look counts as having missed it: where Jicofo comes
/// later than people, it comes within this.
const FOCUS_COMES: Duration = Duration::from_secs(3);
/// The same before a second look counts, for a Jicofo that is slow.
const FOCUS_COMES_LATE: Duration = Duration::from_secs(10);

/// What has been found of it so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Trial {
    /// Who has named it.
    sender: Sender,
    /// Since when it is known to exist, without focus.
    exists_since: Option<Time>,
    missed: bool,
}

/// What a look at a room on trial means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Focus is in it.
    Proven,
    /// It has found no room with focus.
    Missed,
}

impl Trial {
    pub(super) fn new(sender: Sender) -> Self {
        Self { sender, ..Self::default() }
    }

    pub(super) fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Nothing is known of the room any more.
    pub(super) fn begin_anew(&mut self) {
        *self = Self::new(std::mem::take(&mut self.sender));
    }

    /// A look has not found focus. Returns whether that counts: at once where there is no room, or no answer.
    pub(super) fn misses(&mut self, exists: bool, now: Time) -> bool {
        let patience = match (exists, self.missed) {
            (false, _) => Duration::ZERO,
            (true, false) => FOCUS_COMES,
            (true, true) => FOCUS_COMES_LATE,
        };
        let since = if exists { *self.exists_since.get_or_insert(now) } else { now };
        let counts = now.since(since) >= patience;
        self.missed |= counts;
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::new(Duration::from_millis(ms))
    }

    #[test]
    fn what_does_not_exist_is_missed_at_once() {
        let mut trial = Trial::default();
        assert!(trial.misses(false, at(0)) && trial.misses(false, at(1)));
    }

    #[test]
    fn what_exists_is_given_time_for_its_focus() {
        let mut trial = Trial::default();
        let counted: Vec<u64> =
            (20..40).filter(|half| trial.misses(true, at(half * 500))).map(|half| half * 500).collect();
        assert_eq!(counted, [13_000]);
        assert!(!trial.misses(true, at(19_999)) && trial.misses(true, at(20_000)));
    }
}
