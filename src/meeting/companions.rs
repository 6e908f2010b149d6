//! On which conference services the companion answers (docs/companion.md), and which footprint is in effect there.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::address::RoomJid;
use crate::config::{Footprint, FootprintSetting};
use crate::time::Time;

/// So long after the link has come up a companion that has not said whether it is there is waited for, and nothing else is
/// done on its service: where it is the only way, anything else is refused. Prosody has as long for any answer; where there
/// is no module it says so at once, and one that has much to do needs a few seconds.
const SAYS_WITHIN: Duration = Duration::from_secs(10);

/// What the companion on one service has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// Nothing yet.
    None,
    /// It answers since then. Whether people can be told by it.
    Answers { since: Time, can_notify: bool },
    /// It is not there.
    Silent,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Companions {
    setting: FootprintSetting,
    words: BTreeMap<String, Word>,
    /// Until when those are waited for that have said nothing.
    awaited_until: Option<Time>,
}

impl Companions {
    pub(super) fn new(setting: FootprintSetting, services: &[String]) -> Self {
        let words = services.iter().map(|service| (service.clone(), Word::None)).collect();
        Self { setting, words, awaited_until: None }
    }

    pub(super) fn link_up(&mut self, now: Time) {
        self.link_down();
        self.awaited_until = self.setting.wants_companion().then(|| now.after(SAYS_WITHIN));
    }

    pub(super) fn link_down(&mut self) {
        self.words.values_mut().for_each(|word| *word = Word::None);
        self.awaited_until = None;
    }

    pub(super) fn says(&mut self, service: String, answers: bool, can_notify: bool, now: Time) {
        let word = if answers { Word::Answers { since: now, can_notify } } else { Word::Silent };
        self.words.insert(service, word);
        self.awaited_until.take_if(|_| self.words.values().all(|word| *word != Word::None));
    }

    /// Prosody does not let us speak in moderators' names.
    pub(super) fn sender_refused(&mut self) {
        if self.setting == Footprint::Unseen.into() {
            self.setting = FootprintSetting::Auto;
        }
    }

    /// Nobody is waited for any more.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.awaited_until
    }

    /// Whether that is now.
    pub(super) fn pass_deadline(&mut self, now: Time) -> bool {
        self.awaited_until.take_if(|until| *until <= now).is_some()
    }

    /// The footprint in effect in this room.
    pub(super) fn footprint_in(&self, room: &RoomJid) -> Footprint {
        self.setting.in_effect(match self.of(room) {
            Word::Answers { .. } => true,
            Word::Silent => false,
            // With the companion's footprint nothing is done before it says something.
            Word::None => self.awaited_until.is_some(),
        })
    }

    /// Whether people in this room can be told that they are recorded.
    pub(super) fn can_notify(&self, room: &RoomJid) -> bool {
        matches!(self.of(room), Word::Answers { can_notify: true, .. })
    }

    /// Since when it tells of this room, if it does.
    pub(super) fn answers_since(&self, room: &RoomJid) -> Option<Time> {
        match self.of(room) {
            Word::Answers { since, .. } => Some(since),
            Word::None | Word::Silent => None,
        }
    }

    fn of(&self, room: &RoomJid) -> Word {
        self.words.get(room.service()).copied().unwrap_or(Word::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: u64) -> Time {
        Time::new(Duration::from_secs(second))
    }

    #[test]
    fn what_is_in_effect() {
        use Footprint::{Companion, Discreet, Resident, Unseen};
        let room = RoomJid::new("r1@muc.a").unwrap();
        let services = ["muc.a".to_owned(), "muc.b".to_owned()];
        // Before it has said anything, when it is there, when it is not, and when it says nothing.
        for (setting, effects) in [
            (FootprintSetting::Auto, [Companion, Companion, Discreet, Discreet]),
            (Unseen.into(), [Companion, Companion, Unseen, Unseen]),
            (Companion.into(), [Companion; 4]),
            (Discreet.into(), [Discreet; 4]),
            (Resident.into(), [Resident; 4]),
        ] {
            let mut all = Companions::new(setting, &services);
            all.link_up(second(5));
            let before = all.footprint_in(&room);
            all.says("muc.a".to_owned(), true, true, second(6));
            let there = all.footprint_in(&room);
            all.says("muc.a".to_owned(), false, false, second(7));
            let not_there = all.footprint_in(&room);
            all.link_up(second(20));
            assert_eq!((all.footprint_in(&room), all.pass_deadline(second(29))), (before, false), "anew");
            let is_due = all.deadline() == Some(second(30)) && all.pass_deadline(second(30));
            assert_eq!((is_due, all.deadline()), (setting.wants_companion(), None));
            assert_eq!([before, there, not_there, all.footprint_in(&room)], effects, "{setting:?}");
        }
    }

    #[test]
    fn who_has_said_something_is_not_waited_for() {
        let mut all = Companions::new(FootprintSetting::Auto, &["muc.a".to_owned(), "muc.b".to_owned()]);
        let (a, b) = (RoomJid::new("r1@muc.a").unwrap(), RoomJid::new("r1@muc.b").unwrap());
        all.link_up(second(0));
        all.says("muc.a".to_owned(), false, false, second(1));
        assert_eq!((all.footprint_in(&a), all.deadline()), (Footprint::Discreet, Some(second(10))));
        all.says("muc.b".to_owned(), true, false, second(2));
        assert_eq!((all.footprint_in(&b), all.deadline()), (Footprint::Companion, None));
        assert_eq!((all.answers_since(&a), all.answers_since(&b)), (None, Some(second(2))));
        assert!(!all.can_notify(&a) && !all.can_notify(&b));
        all.link_down();
        assert_eq!((all.footprint_in(&a), all.footprint_in(&b)), (Footprint::Discreet, Footprint::Discreet));
    }
}
