//! Rooms that only somebody who may say anything has named: a few at a time are on trial, the others wait.
//!
//! A room on trial is watched, and looked at within a share of the query budget of its own, until a look finds focus
//! in it. The places are shared among those who name rooms. The next one goes to who has fewest, and where all are
//! taken, one is given up by who has two more than whoever waits, or one more of which a look has missed the room: so
//! whoever floods us with names stands in nobody's way but his own. Of one sender's names the newest comes first,
//! because a flood has named the others; but a name that was tried in vain before comes after all that were not, so
//! that a few names, repeated without end, hold nobody up.

use std::collections::BTreeMap;

use super::waiting::Waiting;
use super::{Sender, Source};
use crate::address::RoomJid;

/// Rooms on trial at once, for each source.
pub const MOST_ON_TRIAL: usize = 16;

/// One room on trial.
#[derive(Debug, Clone)]
struct Trial {
    /// Who has named it.
    source: Source,
    sender: Sender,
    /// A look has missed it, whatever was said since.
    missed: bool,
}

/// Rooms on trial, and names that wait for that.
#[derive(Debug, Clone, Default)]
pub(super) struct Hearsay {
    on_trial: BTreeMap<RoomJid, Trial>,
    waiting: BTreeMap<Source, Waiting>,
}

/// Where a room may be on trial.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Free,
    /// In place of this one.
    Of(RoomJid),
}

impl Hearsay {
    pub(super) fn is_on_trial(&self, room: &RoomJid) -> bool {
        self.on_trial.contains_key(room)
    }

    /// A room is named. Returns whether another name was dropped for it.
    pub(super) fn name(&mut self, source: Source, sender: &Sender, room: &RoomJid) -> bool {
        self.waiting.entry(source).or_default().push(sender, room)
    }

    /// A room that is on trial is named again: by whomever who has fewer of them its place is less in danger.
    pub(super) fn name_again(&mut self, source: Source, sender: &Sender, room: &RoomJid) {
        let (own, places) = (self.places(source, sender), self.places_of(room));
        if let Some(trial) = self.on_trial.get_mut(room)
            && trial.source == source
            && own < places
        {
            trial.sender = sender.clone();
        }
    }

    /// Who has the next turn: of those who wait, who has fewest rooms on trial.
    pub(super) fn next(&self, source: Source) -> Option<(Sender, Place)> {
        let waiting = self.waiting.get(&source)?;
        let mut best = None;
        for sender in waiting.senders() {
            let places = self.places(source, sender);
            if best.is_none_or(|(fewest, _)| places < fewest) {
                best = Some((places, sender));
            }
            if places == 0 {
                break;
            }
        }
        let (own, sender) = best?;
        Some((sender.clone(), self.place_for(source, own)?))
    }

    /// Where there is a place for somebody who has so many.
    fn place_for(&self, source: Source, own: usize) -> Option<Place> {
        let of_source = self.on_trial.iter().filter(|(_, trial)| trial.source == source);
        if of_source.clone().count() < MOST_ON_TRIAL {
            return Some(Place::Free);
        }
        let gives_way = of_source.filter_map(|(room, trial)| {
            let theirs = self.places(source, &trial.sender);
            let is_less_fair = theirs > own.saturating_add(1) || trial.missed && theirs >= own;
            is_less_fair.then_some(((trial.missed, theirs), room))
        });
        gives_way.max_by_key(|(weight, _)| *weight).map(|(_, room)| Place::Of(room.clone()))
    }

    /// The next name of a sender, whose turn it then was.
    pub(super) fn pop(&mut self, source: Source, sender: &Sender) -> Option<RoomJid> {
        self.waiting.get_mut(&source)?.pop(sender)
    }

    pub(super) fn begin(&mut self, source: Source, sender: Sender, room: &RoomJid) {
        self.on_trial.insert(room.clone(), Trial { source, sender, missed: false });
    }

    /// A look has missed a room on trial.
    pub(super) fn miss(&mut self, room: &RoomJid) {
        if let Some(trial) = self.on_trial.get_mut(room) {
            trial.missed = true;
        }
    }

    /// It is on trial no more: it is no room with focus, or, if no look has missed it, it has to wait once more.
    /// Returns whether another name was dropped for it.
    pub(super) fn end(&mut self, room: &RoomJid) -> bool {
        let Some(trial) = self.on_trial.remove(room) else { return false };
        let waiting = self.waiting.entry(trial.source).or_default();
        if trial.missed {
            waiting.refute(room);
            return false;
        }
        waiting.push(&trial.sender, room)
    }

    /// It is one, or somebody who knows has named it. Returns whether it was on trial.
    pub(super) fn prove(&mut self, room: &RoomJid) -> bool {
        self.waiting.values_mut().for_each(|waiting| waiting.remove(room));
        self.on_trial.remove(room).is_some()
    }

    /// How many rooms of this sender are on trial. Those that a look has missed do not count: who has named them is the
    /// first to have their places.
    fn places(&self, source: Source, sender: &Sender) -> usize {
        let is_of = |trial: &&Trial| trial.source == source && trial.sender == *sender && !trial.missed;
        self.on_trial.values().filter(is_of).count()
    }

    /// The same of who has named this one.
    fn places_of(&self, room: &RoomJid) -> usize {
        self.on_trial.get(room).map_or(0, |trial| self.places(trial.source, &trial.sender))
    }
}

#[cfg(test)]
mod tests {
    use super::super::waiting::MOST_WAITING;
    use super::*;

    const EVENTS: Source = Source::Events;

    fn host(last: u8) -> Sender {
        Sender::Host([192, 0, 2, last].into())
    }

    fn room(name: &str) -> RoomJid {
        RoomJid::new(&format!("{name}@muc.meet.jitsi")).unwrap()
    }

    /// Lets everybody have a turn who may have one; returns whose rooms are on trial now, in the order of their turns.
    fn settle(hearsay: &mut Hearsay) -> Vec<(Sender, RoomJid)> {
        let mut begun: Vec<(Sender, RoomJid)> = Vec::new();
        while let Some((sender, place)) = hearsay.next(EVENTS) {
            let room = hearsay.pop(EVENTS, &sender).unwrap();
            if let Place::Of(other) = place {
                hearsay.end(&other);
                assert!(begun.iter().all(|(_, room)| *room != other), "none has a place for nothing");
            }
            hearsay.begin(EVENTS, sender.clone(), &room);
            begun.push((sender, room));
            assert!(hearsay.on_trial.len() <= MOST_ON_TRIAL);
        }
        begun
    }

    fn flood(hearsay: &mut Hearsay, sender: &Sender, number: usize) {
        for n in 0..number {
            hearsay.name(
                EVENTS,
                sender,
                &room(&format!("{sender:?}-{n}").to_lowercase().replace([':', '(', ')'], "")),
            );
        }
    }

    fn places(hearsay: &Hearsay, senders: u8) -> Vec<usize> {
        (0..senders).map(|last| hearsay.places(EVENTS, &host(last))).collect()
    }

    #[test]
    fn the_places_are_shared_among_the_senders() {
        let mut hearsay = Hearsay::default();
        flood(&mut hearsay, &host(0), 500);
        settle(&mut hearsay);
        assert_eq!(places(&hearsay, 3), [16, 0, 0]);
        // One room more is on trial at once, in place of one of who has most.
        hearsay.name(EVENTS, &host(1), &room("honest"));
        assert_eq!(settle(&mut hearsay), [(host(1), room("honest"))]);
        assert_eq!(places(&hearsay, 3), [15, 1, 0]);
        flood(&mut hearsay, &host(1), 500);
        settle(&mut hearsay);
        assert_eq!(places(&hearsay, 3), [8, 8, 0]);
        flood(&mut hearsay, &host(2), 500);
        settle(&mut hearsay);
        let mut shares = places(&hearsay, 3);
        shares.sort_unstable();
        assert_eq!(shares, [5, 5, 6]);
    }

    #[test]
    fn who_gives_up_a_place_waits_for_the_next() {
        let mut hearsay = Hearsay::default();
        flood(&mut hearsay, &host(0), MOST_ON_TRIAL);
        let first: Vec<RoomJid> = settle(&mut hearsay).into_iter().map(|(_, room)| room).collect();
        hearsay.name(EVENTS, &host(1), &room("honest"));
        settle(&mut hearsay);
        let waits = first.into_iter().find(|room| !hearsay.is_on_trial(room)).unwrap();
        hearsay.prove(&room("honest"));
        assert_eq!(settle(&mut hearsay), [(host(0), waits)]);
    }

    /// It is looked at a second time, while those who have more rooms on trial wait.
    #[test]
    fn a_missed_room_keeps_its_place_from_who_has_more() {
        let mut hearsay = Hearsay::default();
        flood(&mut hearsay, &host(0), 500);
        hearsay.name(EVENTS, &host(1), &room("honest"));
        settle(&mut hearsay);
        hearsay.miss(&room("honest"));
        assert_eq!(settle(&mut hearsay), []);
        // But not from who has no more.
        hearsay.name(EVENTS, &host(1), &room("other"));
        settle(&mut hearsay);
        assert!(hearsay.is_on_trial(&room("other")) && !hearsay.is_on_trial(&room("honest")));
        // Of the flood each gives way after one look.
        let missed = hearsay.on_trial.iter().find(|(_, trial)| trial.sender == host(0)).unwrap().0.clone();
        hearsay.miss(&missed);
        assert_eq!(settle(&mut hearsay).len(), 1);
        assert!(!hearsay.is_on_trial(&missed));
    }

    /// Whoever floods us may have named the room as well.
    #[test]
    fn a_room_on_trial_is_whose_it_is_safest_with() {
        let mut hearsay = Hearsay::default();
        flood(&mut hearsay, &host(0), MOST_ON_TRIAL - 1);
        hearsay.name(EVENTS, &host(0), &room("honest"));
        settle(&mut hearsay);
        hearsay.name_again(EVENTS, &host(1), &room("honest"));
        hearsay.name_again(EVENTS, &host(0), &room("honest"));
        for last in 2..12 {
            flood(&mut hearsay, &host(last), 5);
            settle(&mut hearsay);
        }
        assert!(hearsay.is_on_trial(&room("honest")));
        assert_eq!(places(&hearsay, 2)[1], 1);
    }

    #[test]
    fn with_more_senders_than_places_they_take_turns() {
        let mut hearsay = Hearsay::default();
        for last in 0..40 {
            flood(&mut hearsay, &host(last), 10);
        }
        let mut turns = settle(&mut hearsay);
        for tried in 0..120 - MOST_ON_TRIAL {
            hearsay.miss(&turns[tried].1.clone());
            turns.extend(settle(&mut hearsay));
        }
        for round in turns.chunks(40) {
            let mut round: Vec<Sender> = round.iter().map(|(sender, _)| sender.clone()).collect();
            round.sort();
            assert_eq!(round, (0..40).map(host).collect::<Vec<_>>());
        }
    }

    #[test]
    fn however_many_send_little_is_kept() {
        let mut hearsay = Hearsay::default();
        hearsay.name(EVENTS, &host(7), &room("honest"));
        let mut dropped = 0;
        for n in 0..20_000_u32 {
            let sender =
                if n % 2 == 0 { Sender::Account(format!("guest-{}", n / 40).into()) } else { host(1) };
            dropped += usize::from(hearsay.name(EVENTS, &sender, &room(&format!("false-{n}"))));
            settle(&mut hearsay);
            if n % 10 == 0 {
                let tried = hearsay.on_trial.keys().next_back().unwrap().clone();
                hearsay.miss(&tried);
            }
        }
        let waiting = &hearsay.waiting[&EVENTS];
        assert!(
            waiting.is_bounded() && waiting.senders().count() <= MOST_WAITING,
            "{}",
            waiting.senders().count()
        );
        assert!(dropped > 10_000, "{dropped}");
    }
}
