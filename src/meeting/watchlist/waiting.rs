//! Names of rooms that wait for their trial: each sender has a queue of his own, so that a flood drops its own names.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use super::Sender;
use super::recent::Recent;
use crate::address::RoomJid;

/// Names that wait for each source, all senders together, and as many that are remembered as tried in vain; beyond
/// that the oldest is dropped, of those that wait the oldest of who has most.
pub const MOST_WAITING: usize = 1_000;

/// What one source has named.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting {
    /// One for each sender; none is empty.
    queues: BTreeMap<Sender, Queue>,
    /// Whoever has a queue, once; who had a turn last is the last.
    turns: VecDeque<Sender>,
    /// Tried in vain, whoever has named them.
    refuted: Recent,
    len: usize,
}

/// What one sender has named.
#[derive(Debug, Clone, Default)]
struct Queue {
    /// Never tried, as far as is remembered.
    fresh: Recent,
    /// Tried in vain, and named again.
    again: Recent,
}

impl Waiting {
    /// Who waits; who had a turn last is the last.
    pub(super) fn senders(&self) -> impl Iterator<Item = &Sender> {
        self.turns.iter()
    }

    /// A sender has named a room. Returns whether another name was dropped for it.
    pub(super) fn push(&mut self, sender: &Sender, room: &RoomJid) -> bool {
        let is_refuted = self.refuted.contains(room);
        let queue = self.queues.entry(sender.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_back(sender.clone());
        }
        let before = queue.len();
        if !is_refuted {
            queue.fresh.push(room);
        } else if !queue.again.contains(room) {
            queue.again.push(room);
        }
        self.len = self.len.saturating_add(queue.len().saturating_sub(before));
        self.len > MOST_WAITING && self.drop_one()
    }

    /// The oldest name of who has most of them; among equals, of who waits for longest.
    fn drop_one(&mut self) -> bool {
        let length = |sender: &Sender| self.queues.get(sender).map_or(0, Queue::len);
        let longest = self.turns.iter().enumerate().max_by_key(|(at, sender)| (length(sender), Reverse(*at)));
        let Some(sender) = longest.map(|(_, sender)| sender.clone()) else { return false };
        let dropped = self.queues.get_mut(&sender).and_then(Queue::pop_oldest);
        self.len = self.len.saturating_sub(1);
        self.tidy();
        dropped.is_some()
    }

    /// The next name of a sender, whose turn it then was.
    pub(super) fn pop(&mut self, sender: &Sender) -> Option<RoomJid> {
        let room = self.queues.get_mut(sender)?.pop_next()?;
        self.len = self.len.saturating_sub(1);
        self.turns.retain(|other| other != sender);
        self.turns.push_back(sender.clone());
        self.tidy();
        Some(room)
    }

    /// It was tried in vain.
    pub(super) fn refute(&mut self, room: &RoomJid) {
        self.refuted.push(room);
        if self.refuted.len() > MOST_WAITING {
            self.refuted.pop_oldest();
        }
    }

    /// It needs no trial any more.
    pub(super) fn remove(&mut self, room: &RoomJid) {
        self.refuted.remove(room);
        for queue in self.queues.values_mut() {
            queue.fresh.remove(room);
            queue.again.remove(room);
        }
        self.len = self.queues.values().map(Queue::len).sum();
        self.tidy();
    }

    /// Whoever waits for nothing is forgotten.
    fn tidy(&mut self) {
        if self.queues.values().any(Queue::is_empty) {
            self.queues.retain(|_, queue| !queue.is_empty());
            self.turns.retain(|sender| self.queues.contains_key(sender));
        }
    }
}

impl Queue {
    fn len(&self) -> usize {
        self.fresh.len().saturating_add(self.again.len())
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn pop_next(&mut self) -> Option<RoomJid> {
        self.fresh.pop_newest().or_else(|| self.again.pop_oldest())
    }

    /// Of the longer of the two, so that neither is crowded out by the other.
    fn pop_oldest(&mut self) -> Option<RoomJid> {
        if self.again.len() > self.fresh.len() { self.again.pop_oldest() } else { self.fresh.pop_oldest() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Waiting {
        /// The bounds hold, and nothing is kept of who waits for nothing.
        pub(in super::super) fn is_bounded(&self) -> bool {
            let len: usize = self.queues.values().map(Queue::len).sum();
            len == self.len
                && len <= MOST_WAITING
                && self.refuted.len() <= MOST_WAITING
                && self.turns.len() == self.queues.len()
                && self
                    .turns
                    .iter()
                    .all(|sender| self.queues.get(sender).is_some_and(|queue| !queue.is_empty()))
        }
    }

    fn host(last: u8) -> Sender {
        Sender::Host([192, 0, 2, last].into())
    }

    fn room(name: &str) -> RoomJid {
        RoomJid::new(&format!("{name}@muc.meet.jitsi")).unwrap()
    }

    #[test]
    fn a_flood_drops_its_own_names() {
        let mut waiting = Waiting::default();
        waiting.push(&host(1), &room("honest"));
        let dropped = (0..5_000).filter(|n| waiting.push(&host(66), &room(&format!("false-{n}")))).count();
        assert_eq!(dropped, 5_001 - MOST_WAITING);
        assert_eq!(waiting.pop(&host(66)), Some(room("false-4999")));
        assert_eq!(waiting.pop(&host(1)), Some(room("honest")));
        assert!(waiting.is_bounded() && waiting.senders().eq([&host(66)]));
    }

    #[test]
    fn of_many_who_send_one_name_the_oldest_is_forgotten() {
        let mut waiting = Waiting::default();
        let guest = |n: usize| Sender::Account(format!("guest-{n}@meet.jitsi").into());
        for n in 0..MOST_WAITING + 5 {
            waiting.push(&guest(n), &room(&format!("r{n}")));
            assert!(waiting.is_bounded());
        }
        assert!(waiting.senders().eq(&(5..MOST_WAITING + 5).map(guest).collect::<Vec<_>>()));
    }

    #[test]
    fn names_that_were_tried_in_vain_neither_crowd_out_others_nor_are_crowded_out() {
        let mut waiting = Waiting::default();
        let again: Vec<RoomJid> = (0..MOST_WAITING).map(|n| room(&format!("again-{n}"))).collect();
        again.iter().for_each(|room| waiting.refute(room));
        for room in again.iter().chain(&again) {
            assert!(!waiting.push(&host(1), room));
        }
        assert!(waiting.push(&host(1), &room("fresh")));
        assert_eq!(waiting.pop(&host(1)), Some(room("fresh")));
        assert_eq!(waiting.pop(&host(1)), Some(again[1].clone()));
        for n in 0..2 * MOST_WAITING {
            waiting.push(&host(1), &room(&format!("fresh-{n}")));
        }
        assert!(waiting.is_bounded());
        let queue = &waiting.queues[&host(1)];
        assert_eq!((queue.fresh.len(), queue.again.len()), (MOST_WAITING / 2, MOST_WAITING / 2));
    }

    #[test]
    fn a_room_that_needs_no_trial_is_nobodys() {
        let mut waiting = Waiting::default();
        for last in 0..3 {
            waiting.push(&host(last), &room("r"));
        }
        waiting.push(&host(1), &room("other"));
        waiting.remove(&room("r"));
        assert!(waiting.is_bounded() && waiting.senders().eq([&host(1)]));
    }
}
