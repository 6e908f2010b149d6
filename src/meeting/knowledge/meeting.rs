//! Which meeting it is that goes on in a room.
//!
//! The rule: a meeting is the same as long as somebody who was in it has been seen there all the time. After a gap, in which
//! nobody was left or we could not see, it is what focus still tells of the meeting before, for its word goes with its
//! conference. And whatever focus tells, entirely different people, by real JID, are bound by nobody's stop.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// As many accounts are kept; in a larger meeting somebody of these is there as well.
const MOST: usize = 512;

/// Why it may be another meeting by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::meeting) enum Gap {
    /// We have not seen everybody all the time: it may have begun, or a person may have stopped its recording, before.
    Unseen,
    /// Nobody was left at some moment.
    Emptied,
}

/// What tells one meeting in a room from the next.
#[derive(Debug, Default)]
pub(in crate::meeting) struct Meeting {
    people: Thread,
    gap: Option<Gap>,
    /// Somebody has been seen in it.
    was_seen: bool,
    /// Nobody was left, and nobody has been seen there since.
    is_deserted: bool,
}

impl Meeting {
    /// `has_past`: it may have begun before we could see it.
    pub(super) fn new(has_past: bool) -> Self {
        Self { gap: has_past.then_some(Gap::Unseen), ..Self::default() }
    }

    /// Why it may be another one by now.
    pub(in crate::meeting) fn gap(&self) -> Option<Gap> {
        self.gap
    }

    /// Not everybody is seen now.
    pub(in crate::meeting) fn is_out_of_sight(&mut self) {
        if self.was_seen {
            self.gap.get_or_insert(Gap::Unseen);
        }
    }

    /// Nothing is seen, and anything may happen.
    pub(in crate::meeting) fn link_down(&mut self) {
        self.gap = Some(Gap::Unseen);
    }

    /// Nobody is left, or was at some moment.
    pub(in crate::meeting) fn emptied(&mut self) {
        self.gap = Some(Gap::Emptied);
        self.is_deserted = true;
    }

    /// People are there. Whether nobody was before.
    pub(in crate::meeting) fn peopled(&mut self) -> bool {
        self.was_seen = true;
        std::mem::take(&mut self.is_deserted)
    }

    /// It is known again which meeting it is. Why it was not.
    pub(in crate::meeting) fn close_gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }

    /// Whatever happened before we could see, it does not count.
    pub(in crate::meeting) fn past_is_overruled(&mut self) {
        self.gap.take_if(|gap| *gap == Gap::Unseen);
    }

    /// These are there now. False if they are entirely different people, with whom a new thread begins.
    pub(in crate::meeting) fn meets(&mut self, accounts: &[&str]) -> bool {
        self.people.meets(accounts)
    }
}

/// The accounts of those whose meeting it is: who was there first, and whoever has come while one of them was. There are
/// many, so only what tells them apart is kept.
#[derive(Debug, Default)]
struct Thread(Vec<u64>);

impl Thread {
    fn meets(&mut self, accounts: &[&str]) -> bool {
        let marks: Vec<u64> = accounts.iter().map(|account| mark(account)).collect();
        let goes_on = self.0.is_empty() || marks.iter().any(|mark| self.0.contains(mark));
        if !goes_on {
            self.0.clear();
        }
        for mark in marks {
            if self.0.len() < MOST && !self.0.contains(&mark) {
                self.0.push(mark);
            }
        }
        goes_on
    }
}

fn mark(account: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    account.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meeting_goes_on_with_whoever_was_in_it_or_has_joined_them() {
        let mut thread = Thread::default();
        assert!(thread.meets(&["ada@meet.jitsi"]), "the first");
        assert!(thread.meets(&["ada@meet.jitsi", "bob@meet.jitsi"]));
        assert!(thread.meets(&["bob@meet.jitsi"]), "who has joined");
        assert!(thread.meets(&["ada@meet.jitsi"]), "who comes back");
        assert!(!thread.meets(&["eve@meet.jitsi"]), "somebody else");
        assert!(thread.meets(&["eve@meet.jitsi"]), "whose meeting it is now");
        assert!(!thread.meets(&["ada@meet.jitsi"]));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let names: Vec<String> = (0..2000).map(|n| format!("p{n}@meet.jitsi")).collect();
        let mut thread = Thread::default();
        thread.meets(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(thread.0.len(), MOST);
    }

    #[test]
    fn a_new_meeting_has_nothing_that_was_missed() {
        let mut meeting = Meeting::new(false);
        meeting.is_out_of_sight();
        assert_eq!(meeting.gap(), None, "nobody was seen in it yet");
        meeting.peopled();
        meeting.is_out_of_sight();
        assert_eq!(meeting.close_gap(), Some(Gap::Unseen));
        meeting.emptied();
        meeting.is_out_of_sight();
        assert_eq!(meeting.gap(), Some(Gap::Emptied));
        assert!(meeting.peopled() && !meeting.peopled(), "once");
    }
}
