//! Who waits for a Jibri: the rooms whose start is due are in the queue, longest wanted first, and no more starts
//! are sent than there are free Jibris, as long as anybody knows how many there are.

use std::collections::BTreeSet;

use super::io::Supply;
use crate::address::RoomJid;
use crate::time::Time;

/// So many places are counted: each room's is shown again whenever it may have changed.
pub const MOST_PLACES: usize = 100;

/// All rooms whose start is due, by since when a recording is missing there.
#[derive(Debug, Default)]
pub(super) struct Queue {
    supply: Supply,
    /// Starts sent since the supply was told; each takes one that is free.
    sent: usize,
    waiting: BTreeSet<(Time, RoomJid)>,
    /// Whom no Jibri could be had for, and who waits for another moment.
    dozing: BTreeSet<(Time, RoomJid)>,
    /// Somebody has left the queue, so that others may have moved up.
    has_moved: bool,
}

/// Where a room stands; the time is since when its recording is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Standing {
    /// It wants nothing, or has it.
    #[default]
    Aside,
    /// Its start is due.
    Queued(Time),
    /// Its last start has failed because no Jibri could be had, and nothing has become free since.
    Dozing(Time),
}

/// What the supply means for one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chance {
    /// There is a Jibri for it, or nobody knows.
    pub(super) is_there: bool,
    /// Which telling of the supply this follows from; none if nobody knows.
    pub(super) change: Option<u64>,
}

impl Queue {
    /// So many there are now.
    pub(super) fn supply(&mut self, supply: Supply) {
        self.has_moved |= self.supply != supply || self.sent > 0;
        if self.change() != change_of(supply) {
            self.waiting.append(&mut self.dozing);
        }
        self.supply = supply;
        self.sent = 0;
    }

    fn change(&self) -> Option<u64> {
        change_of(self.supply)
    }

    fn free(&self) -> usize {
        match self.supply {
            Supply::Unknown => usize::MAX,
            Supply::Known { free, .. } => free.saturating_sub(self.sent),
        }
    }

    /// The first in the queue, as many as may start now, if that may have changed.
    pub(super) fn served(&mut self) -> Vec<RoomJid> {
        if !std::mem::take(&mut self.has_moved) {
            return Vec::new();
        }
        self.waiting.iter().take(self.free()).map(|(_, room)| room.clone()).collect()
    }

    /// What there is for a room that has waited since then.
    pub(super) fn chance(&self, since: Time, room: &RoomJid) -> Chance {
        let change = self.change();
        if change.is_none() {
            return Chance { is_there: true, change };
        }
        let free = self.free();
        let place = (since, room.clone());
        let before = self.waiting.range(..&place).filter(|(_, other)| other != room);
        Chance { is_there: before.take(free).count() < free, change }
    }

    /// The place, from 1, of a room that waits for a Jibri; counted as far as [`MOST_PLACES`].
    pub(super) fn place(&self, room: &RoomJid, standing: Standing) -> Option<usize> {
        let (Standing::Queued(since) | Standing::Dozing(since)) = standing else { return None };
        let place = (since, room.clone());
        let before = self.waiting.range(..&place).take(MOST_PLACES).count();
        let dozing = self.dozing.range(..&place).take(MOST_PLACES).count();
        Some(before.saturating_add(dozing).min(MOST_PLACES).saturating_add(1))
    }

    /// A room's place, before and now.
    pub(super) fn moved(&mut self, room: &RoomJid, before: Standing, now: Standing) {
        // One that a change has moved up, but not woken, goes back to where it keeps nobody waiting.
        if before == now && !matches!(now, Standing::Dozing(_)) {
            return;
        }
        match before {
            Standing::Aside => {}
            // A dozing one may have been woken.
            Standing::Queued(since) | Standing::Dozing(since) => {
                let place = (since, room.clone());
                self.dozing.remove(&place);
                self.has_moved |= self.waiting.remove(&place) && self.change().is_some();
            }
        }
        match now {
            Standing::Aside => {}
            Standing::Queued(since) => {
                self.waiting.insert((since, room.clone()));
            }
            Standing::Dozing(since) => {
                self.dozing.insert((since, room.clone()));
            }
        }
    }

    /// A start has gone out.
    pub(super) fn sent(&mut self) {
        self.sent = self.sent.saturating_add(1);
    }

    /// Rooms for which there is none.
    pub(super) fn in_want(&self) -> usize {
        self.waiting.len().saturating_sub(self.free()).saturating_add(self.dozing.len())
    }
}

fn change_of(supply: Supply) -> Option<u64> {
    match supply {
        Supply::Unknown => None,
        Supply::Known { change, .. } => Some(change),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn room(name: &str) -> RoomJid {
        RoomJid::new(&format!("{name}@muc.meet.jitsi")).unwrap()
    }

    fn at(second: u64) -> Time {
        Time::new(Duration::from_secs(second))
    }

    #[test]
    fn the_longest_waiting_come_first_and_no_more_than_there_are_jibris() {
        let mut line = Queue::default();
        assert!(line.chance(at(3), &room("a")).is_there, "nobody knows how many there are");
        line.supply(Supply::Known { free: 1, change: 1 });
        line.moved(&room("late"), Standing::Aside, Standing::Queued(at(9)));
        assert!(line.chance(at(9), &room("late")).is_there);
        line.moved(&room("early"), Standing::Aside, Standing::Queued(at(2)));
        assert!(line.chance(at(2), &room("early")).is_there);
        assert!(!line.chance(at(9), &room("late")).is_there);
        assert_eq!((line.served(), line.in_want()), (vec![room("early")], 1));
        line.moved(&room("early"), Standing::Queued(at(2)), Standing::Aside);
        line.sent();
        assert!(!line.chance(at(9), &room("late")).is_there, "that Jibri is taken");
        assert_eq!(line.in_want(), 1);
        assert_eq!(line.served(), []);
        line.supply(Supply::Known { free: 1, change: 2 });
        assert_eq!(line.served(), [room("late")]);
    }

    #[test]
    fn whoever_waits_has_a_place() {
        let mut line = Queue::default();
        line.supply(Supply::Known { free: 0, change: 1 });
        let stands =
            |n: u64| if n.is_multiple_of(2) { Standing::Queued(at(n)) } else { Standing::Dozing(at(n)) };
        for n in 0..150 {
            line.moved(&room(&format!("r{n}")), Standing::Aside, stands(n));
        }
        for (n, place) in [(0, 1), (1, 2), (99, 100), (100, 101), (149, 101)] {
            assert_eq!(line.place(&room(&format!("r{n}")), stands(n)), Some(place));
        }
        assert_eq!(line.place(&room("r0"), Standing::Aside), None);
    }

    #[test]
    fn who_could_not_be_served_is_woken_by_a_change_only() {
        let mut line = Queue::default();
        line.supply(Supply::Known { free: 1, change: 1 });
        line.moved(&room("a"), Standing::Aside, Standing::Dozing(at(1)));
        assert_eq!((line.served(), line.in_want()), (vec![], 1));
        line.supply(Supply::Known { free: 0, change: 1 });
        assert_eq!(line.served(), []);
        line.supply(Supply::Known { free: 1, change: 2 });
        assert_eq!(line.served(), [room("a")]);
        line.moved(&room("a"), Standing::Dozing(at(1)), Standing::Aside);
        assert_eq!(line.in_want(), 0);
    }

    #[test]
    fn who_is_not_woken_by_a_supply_that_comes_back_unchanged_keeps_nobody_waiting() {
        let mut line = Queue::default();
        line.supply(Supply::Known { free: 1, change: 1 });
        line.moved(&room("dozes"), Standing::Aside, Standing::Dozing(at(1)));
        line.moved(&room("waits"), Standing::Aside, Standing::Queued(at(2)));
        line.supply(Supply::Unknown);
        line.supply(Supply::Known { free: 1, change: 1 });
        assert_eq!(line.served(), [room("dozes")]);
        line.moved(&room("dozes"), Standing::Dozing(at(1)), Standing::Dozing(at(1)));
        assert!(line.chance(at(2), &room("waits")).is_there);
        assert_eq!(line.served(), [room("waits")]);
    }
}
