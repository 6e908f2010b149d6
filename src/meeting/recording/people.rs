//! Whose meeting it is, by the accounts of the people: a person's stop binds those who were there and whoever has joined
//! them since, and nobody else.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{Facts, Phase, Recording};
use crate::meeting::event::Hold;

/// As many accounts are kept; in a larger meeting somebody of these is there as well.
const MOST: usize = 512;

/// The accounts of those whose meeting it is: who was there first, and whoever has come while one of them was. There are
/// many, so only what tells them apart is kept.
#[derive(Debug, Default)]
pub(super) struct Thread(Vec<u64>);

impl Thread {
    /// These are there now. False if they are entirely different people, with whom a new thread begins.
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

impl Recording {
    /// A stop is nothing to entirely different people, whatever focus goes on telling. That those who come back come to
    /// the same meeting is for focus to tell. Somebody whose account is not shown may be anybody.
    pub(super) fn whose_meeting_is_it(&mut self, facts: &Facts<'_>) {
        if let Some(session) = self.session().or(facts.status.and_then(|status| status.session.as_ref())) {
            self.last_session = Some(session.clone());
        }
        if facts.people == 0 {
            return;
        }
        let Some(accounts) = facts.roster.accounts() else { return };
        let is_held = matches!(self.phase, Phase::Held { why: Hold::StoppedBy(_), .. });
        if self.thread.meets(&accounts) {
            return;
        }
        // What is on goes over to them, and what they do to it is their own will.
        if self.session().is_none() {
            self.void.clone_from(&self.last_session);
        }
        if is_held {
            self.phase = Phase::Idle;
            self.failures = 0;
            self.last_failure = None;
            self.forget_ends();
        }
    }
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
}
