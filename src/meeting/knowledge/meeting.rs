//! Which meeting it is that goes on in a room.
//!
//! The rule: a meeting is the same as long as somebody who was in it has been seen there all the time, in whatever role. After a gap, in which
//! nobody was left or we could not see, the first that is known decides: the room's own name for its meeting, which is another
//! one each time that the room is created; when focus made its conference, which ends with the last one in the room; whether
//! focus still tells what it told before. And whatever these say, entirely different people, by real JID, are bound by nobody's
//! stop.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::meeting::io::{ConferenceId, MeetingId, QueryId};

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
    /// The same for the meeting before, whose people may come back.
    before: Thread,
    gap: Option<Gap>,
    /// Somebody has been seen in it.
    was_seen: bool,
    /// Nobody was left, and nobody has been seen there since.
    is_deserted: bool,
    /// The room's name for it, and what that has said since the gap: whether it is the same.
    id: Option<MeetingId>,
    is_called_the_same: Option<bool>,
    naming: Naming,
    /// When focus made its conference, as it tells whoever is inside: now, and when it was heard last.
    conference: Option<ConferenceId>,
    last_conference: Option<ConferenceId>,
}

/// Whether the room is to be asked for its name of the meeting.
#[derive(Debug, Default, PartialEq, Eq)]
enum Naming {
    /// With the next look.
    #[default]
    Due,
    Asked(QueryId),
    Told,
}

/// Whose meeting it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::meeting) enum Company {
    /// Theirs whose it was, and of whoever has joined them.
    Same,
    /// Somebody is back whose it was before others came.
    Back,
    /// Of entirely different people.
    Others,
}

/// What focus tells after a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::meeting) enum Told {
    /// It will be heard.
    NotYet,
    /// It will not be heard: we do not go inside.
    Never,
    /// Nothing that it told before.
    Nothing,
    /// The same as before; whether that is a person's stop, which whoever comes back has not forgotten.
    TheSame { stop: bool },
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

    /// Whether it is the same meeting; none where that is not known yet.
    pub(in crate::meeting) fn is_same(&self, told: Told) -> Option<bool> {
        let Some(gap) = self.gap else { return Some(true) };
        let is_the_conference = self.last_conference.is_some() && self.last_conference == self.conference;
        match (self.is_called_the_same, gap, told) {
            (Some(false), _, _) => Some(false),
            (Some(true), Gap::Unseen, _) => Some(true),
            // A room may live on, when all people have left it, for the sake of a machine.
            (_, _, Told::NotYet) => None,
            (same, _, Told::Never) => Some(same == Some(true)),
            _ if is_the_conference => Some(true),
            (_, Gap::Unseen, told) => Some(told != Told::Nothing),
            (_, Gap::Emptied, told) => Some(told == Told::TheSame { stop: true }),
        }
    }

    /// The room says that it is another one.
    pub(in crate::meeting) fn is_called_another(&self) -> bool {
        self.is_called_the_same == Some(false)
    }

    /// It may be another one, and only focus can tell.
    pub(in crate::meeting) fn is_for_focus_to_tell(&self) -> bool {
        self.gap.is_some() && self.naming == Naming::Told && self.is_same(Told::NotYet).is_none()
    }

    /// It may be another one, and the room can tell as soon as it is looked at.
    pub(in crate::meeting) fn is_for_the_room_to_tell(&self) -> bool {
        self.gap.is_some() && self.naming == Naming::Due
    }

    /// The room is looked at: whether it is to be asked for its name of the meeting as well.
    pub(in crate::meeting) fn is_to_be_asked(&self, is_peopled: bool) -> bool {
        let was_called = self.id.is_some() && self.gap == Some(Gap::Unseen);
        self.naming == Naming::Due && (is_peopled || was_called)
    }

    /// That was asked.
    pub(in crate::meeting) fn is_asked(&mut self, query: QueryId) {
        self.naming = Naming::Asked(query);
    }

    /// What the room calls it, if that is known.
    pub(in crate::meeting) fn name(&self) -> Option<&MeetingId> {
        self.id.as_ref()
    }

    /// What the room calls it; none if it does not say.
    pub(in crate::meeting) fn is_called(&mut self, query: QueryId, id: Option<MeetingId>) {
        if self.naming == Naming::Asked(query) {
            self.is_named(id);
        }
    }

    /// The same, told without being asked.
    pub(in crate::meeting) fn is_named(&mut self, id: Option<MeetingId>) {
        self.naming = Naming::Told;
        let Some(id) = id else { return };
        let before = self.id.replace(id);
        let Some(before) = before else { return };
        let is_same = self.id.as_ref() == Some(&before);
        // That it was another one before a second gap is still to be acted upon.
        self.is_called_the_same = Some(is_same && !self.is_called_another());
        if !is_same && self.gap.is_none() {
            // It ended and began between two looks.
            self.emptied();
            self.is_called_the_same = Some(false);
        }
    }

    /// Focus, which is heard, made its conference then.
    pub(super) fn is_conference(&mut self, conference: Option<ConferenceId>) {
        self.conference = conference;
    }

    /// Not everybody is seen now.
    pub(in crate::meeting) fn is_out_of_sight(&mut self) {
        if !self.was_seen {
            return;
        }
        match self.gap {
            None => self.opens(Gap::Unseen),
            // What the room called it may be from before.
            Some(gap) if self.naming == Naming::Told => self.opens(gap),
            Some(_) => {}
        }
    }

    /// Nothing is seen, and anything may happen.
    pub(in crate::meeting) fn link_down(&mut self) {
        self.opens(Gap::Unseen);
        self.naming = Naming::Due;
    }

    /// Nobody is left, or was at some moment.
    pub(in crate::meeting) fn emptied(&mut self) {
        self.opens(Gap::Emptied);
        self.is_deserted = true;
    }

    fn opens(&mut self, gap: Gap) {
        self.gap = Some(gap);
        self.is_called_the_same.take_if(|is_same| *is_same);
        // A room that did not say it before is not asked again.
        if self.id.is_some() {
            self.naming = Naming::Due;
        }
    }

    /// People are there. Whether nobody was before.
    pub(in crate::meeting) fn peopled(&mut self) -> bool {
        // With the first of whom anything is known it begins.
        let is_first = !std::mem::replace(&mut self.was_seen, true) && self.people.accounts.is_empty();
        self.gap.take_if(|gap| is_first && *gap == Gap::Emptied);
        std::mem::take(&mut self.is_deserted)
    }

    /// It is known again which meeting it is. `is_heard`: and whatever focus may have to tell of the gap.
    pub(in crate::meeting) fn closes(&mut self, is_heard: bool) {
        if is_heard {
            self.last_conference = self.conference;
        }
        if is_heard || self.gap == Some(Gap::Emptied) {
            self.gap = None;
        }
        self.is_called_the_same = self.gap.map(|_| true);
    }

    /// It is another one, as far as can be told. `is_heard`: and whatever focus may have to tell of it is known.
    pub(in crate::meeting) fn begins_anew(&mut self, is_heard: bool) {
        if !self.is_called_another() {
            self.counts_from_now();
        }
        // Those who are not known were in the one before.
        self.people.has_unknown = false;
        self.closes(is_heard);
    }

    /// Whichever it is, it is the one that is meant from now on: what the room called the one before is no measure for it.
    pub(in crate::meeting) fn counts_from_now(&mut self) {
        self.id = None;
        self.is_called_the_same = None;
        if self.naming == Naming::Told {
            self.naming = Naming::Due;
        }
    }

    /// We are inside, and focus, which could tell of the time that we did not see, is gone: there is nothing to be heard any
    /// more, and whoever calls it back has a conference of his own.
    pub(super) fn has_nothing_to_tell(&mut self) {
        if self.gap == Some(Gap::Unseen) {
            self.gap = Some(Gap::Emptied);
        }
    }

    /// Whatever happened before we could see, it does not count.
    pub(in crate::meeting) fn past_is_overruled(&mut self) {
        self.gap.take_if(|gap| *gap == Gap::Unseen);
    }

    /// Nobody is there, and something is heard of that was done in it: whoever comes next may be theirs who did it.
    pub(in crate::meeting) fn is_of_whoever_comes(&mut self) {
        self.before = std::mem::take(&mut self.people);
    }

    /// People are there of whom nobody knows who they are: any of those of before, for all that can be known from now on.
    pub(in crate::meeting) fn leaves_out(&mut self) {
        self.people.has_unknown = true;
    }

    /// These are there now. `machines`: so are these, who may be people and say otherwise. `has_stayed`: one of the people
    /// has been there with those of before, as whatever.
    pub(in crate::meeting) fn meets<'a>(
        &mut self,
        accounts: &[&str],
        machines: impl Iterator<Item = &'a str>,
        has_stayed: bool,
    ) -> Company {
        let marks: Vec<u64> = accounts.iter().copied().map(mark).collect();
        // A telephone is nobody whose meeting it is; who was one of them is, whatever he says of himself now.
        let all: Vec<u64> = marks.iter().copied().chain(machines.map(mark)).collect();
        let are_back = self.before.has_any(&all);
        let is_theirs =
            self.people.has_unknown || self.people.accounts.is_empty() || self.people.has_any(&all);
        let goes_on = has_stayed || is_theirs;
        if !goes_on {
            self.before = std::mem::take(&mut self.people);
        }
        self.people.add(&marks);
        if are_back {
            self.people.add(&std::mem::take(&mut self.before).accounts);
            Company::Back
        } else if goes_on {
            Company::Same
        } else {
            Company::Others
        }
    }
}

/// The accounts of those whose meeting it is: who was there first, and whoever has come while one of them was. There are
/// many, so only what tells them apart is kept.
#[derive(Debug, Default)]
struct Thread {
    accounts: Vec<u64>,
    /// There were others among them, of whom not even that is known.
    has_unknown: bool,
}

impl Thread {
    fn has_any(&self, marks: &[u64]) -> bool {
        marks.iter().any(|mark| self.accounts.contains(mark))
    }

    fn add(&mut self, marks: &[u64]) {
        for mark in marks {
            if self.accounts.len() < MOST && !self.accounts.contains(mark) {
                self.accounts.push(*mark);
            }
        }
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
        use Company::{Back, Others, Same};
        let mut meeting = Meeting::default();
        for (accounts, whose, why) in [
            (vec!["ada@meet.jitsi"], Same, "the first"),
            (vec!["ada@meet.jitsi", "bob@meet.jitsi"], Same, "somebody joins"),
            (vec!["bob@meet.jitsi"], Same, "who has joined"),
            (vec!["ada@meet.jitsi"], Same, "who comes back"),
            (vec!["eve@meet.jitsi"], Others, "somebody else"),
            (vec!["eve@meet.jitsi"], Same, "whose meeting it is now"),
            (vec!["eve@meet.jitsi", "bob@meet.jitsi"], Back, "somebody of before"),
            (vec!["ada@meet.jitsi"], Same, "with whom he was"),
        ] {
            assert_eq!(meeting.meets(&accounts, std::iter::empty(), false), whose, "{why}");
        }
    }

    #[test]
    fn whoever_has_been_there_all_the_time_goes_on_with_it() {
        let (ada, bob, eve) = ("ada@meet.jitsi", "bob@meet.jitsi", "eve@meet.jitsi");
        let mut meeting = Meeting::default();
        meeting.meets(&[ada], std::iter::empty(), false);
        assert_eq!(meeting.meets(&[bob], std::iter::empty(), true), Company::Same, "he was a visitor before");
        assert_eq!(
            meeting.meets(&[eve], [ada].into_iter(), false),
            Company::Same,
            "ada calls herself a telephone"
        );
        assert_eq!(meeting.meets(&["dan@meet.jitsi"], std::iter::empty(), false), Company::Others);
        meeting.is_of_whoever_comes();
        assert_eq!(meeting.meets(&["fay@meet.jitsi"], std::iter::empty(), false), Company::Same);
    }

    #[test]
    fn who_is_not_known_may_be_anybody_until_it_is_another_meeting() {
        let (ada, bob, eve) = ("ada@meet.jitsi", "bob@meet.jitsi", "eve@meet.jitsi");
        let meets = |meeting: &mut Meeting, who| meeting.meets(&[who], std::iter::empty(), false);
        let mut meeting = Meeting::default();
        assert_eq!(meets(&mut meeting, ada), Company::Same);
        meeting.leaves_out();
        assert_eq!(meets(&mut meeting, bob), Company::Same, "he may have been there");
        meeting.begins_anew(true);
        assert_eq!(meets(&mut meeting, eve), Company::Others);
        assert_eq!(meets(&mut meeting, bob), Company::Back);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let names: Vec<String> = (0..2000).map(|n| format!("p{n}@meet.jitsi")).collect();
        let mut meeting = Meeting::default();
        meeting.meets(&names.iter().map(String::as_str).collect::<Vec<_>>(), std::iter::empty(), false);
        assert_eq!(meeting.people.accounts.len(), MOST);
    }

    #[test]
    fn a_new_meeting_has_nothing_that_was_missed() {
        let mut meeting = Meeting::new(false);
        meeting.is_out_of_sight();
        assert_eq!(meeting.gap(), None, "nobody was seen in it yet");
        meeting.peopled();
        meeting.is_out_of_sight();
        assert_eq!(meeting.gap(), Some(Gap::Unseen));
        meeting.emptied();
        meeting.is_out_of_sight();
        assert_eq!(meeting.gap(), Some(Gap::Emptied));
        assert!(meeting.peopled() && !meeting.peopled(), "once");
    }

    #[test]
    fn in_a_room_where_nobody_was_it_begins_with_the_first() {
        let mut meeting = Meeting::new(true);
        meeting.emptied();
        meeting.peopled();
        meeting.meets(&["ada@meet.jitsi"], std::iter::empty(), false);
        assert_eq!(meeting.gap(), None, "nothing was missed of it");
        meeting.emptied();
        meeting.peopled();
        assert_eq!(meeting.gap(), Some(Gap::Emptied), "she may have come back");
    }

    /// A meeting that the room has called `a`, after this gap, and what the room calls it now.
    fn after(gap: Gap, now: Option<&str>) -> Meeting {
        let id = |name: &str| Some(MeetingId(name.into()));
        let mut meeting = Meeting::new(false);
        meeting.peopled();
        meeting.is_asked(QueryId(1));
        meeting.is_called(QueryId(1), id("a"));
        match gap {
            Gap::Unseen => meeting.link_down(),
            Gap::Emptied => meeting.emptied(),
        }
        assert!(meeting.is_to_be_asked(true));
        meeting.is_asked(QueryId(2));
        meeting.is_called(QueryId(1), id("b"));
        meeting.is_called(QueryId(2), now.and_then(id));
        meeting
    }

    #[test]
    fn the_rule() {
        use Told::{Never, NotYet, Nothing, TheSame};
        let (stop, other) = (TheSame { stop: true }, TheSame { stop: false });
        for (gap, called, told, is_same) in [
            (Gap::Unseen, Some("b"), stop, Some(false)),
            (Gap::Emptied, Some("b"), NotYet, Some(false)),
            (Gap::Unseen, Some("a"), Nothing, Some(true)),
            (Gap::Unseen, Some("a"), NotYet, Some(true)),
            (Gap::Emptied, Some("a"), NotYet, None),
            (Gap::Emptied, Some("a"), Never, Some(true)),
            (Gap::Emptied, Some("a"), Nothing, Some(false)),
            (Gap::Emptied, Some("a"), stop, Some(true)),
            (Gap::Unseen, None, NotYet, None),
            (Gap::Unseen, None, Never, Some(false)),
            (Gap::Unseen, None, Nothing, Some(false)),
            (Gap::Unseen, None, other, Some(true)),
            (Gap::Emptied, None, other, Some(false)),
            (Gap::Emptied, None, stop, Some(true)),
        ] {
            assert_eq!(after(gap, called).is_same(told), is_same, "{gap:?}, called {called:?}, {told:?}");
        }
    }

    #[test]
    fn a_conference_that_goes_on_is_the_same_meeting() {
        let mut meeting = after(Gap::Emptied, None);
        meeting.is_conference(Some(ConferenceId(7)));
        assert_eq!(meeting.is_same(Told::Nothing), Some(false));
        meeting.closes(true);
        assert_eq!(meeting.is_same(Told::NotYet), Some(true));
        meeting.emptied();
        assert_eq!(meeting.is_same(Told::Nothing), Some(true));
        meeting.is_conference(Some(ConferenceId(8)));
        assert_eq!(meeting.is_same(Told::Nothing), Some(false));
    }

    #[test]
    fn a_room_that_was_created_anew_between_two_looks_is_noticed() {
        let mut meeting = after(Gap::Emptied, Some("b"));
        meeting.closes(false);
        assert_eq!((meeting.gap(), meeting.is_same(Told::NotYet)), (None, Some(true)));
        assert!(!meeting.is_to_be_asked(true), "it is known");
        meeting.link_down();
        meeting.is_asked(QueryId(3));
        meeting.past_is_overruled();
        meeting.is_called(QueryId(3), Some(MeetingId("c".into())));
        assert_eq!((meeting.gap(), meeting.is_same(Told::NotYet)), (Some(Gap::Emptied), Some(false)));
    }
}
