//! Rooms that only somebody who may say anything has named: a few at a time are on trial, the others wait.
//!
//! A room on trial is watched, and looked at within a share of the query budget of its own, until a look finds focus
//! in it. One that a look has missed keeps its place for a second look only as long as nobody waits for it. Of those
//! who wait the newest comes first, because who floods us with names has named the others; but a name that was
//! tried in vain before comes after all that were not, so that a few names, repeated without end, hold nobody up.

use std::collections::BTreeMap;

use super::Source;
use crate::address::RoomJid;

/// Rooms on trial at once, for each source.
pub const MOST_ON_TRIAL: usize = 16;
/// Names that wait, or are remembered as tried in vain, for each source; beyond that the oldest is dropped.
pub const MOST_WAITING: usize = 1_000;

/// One room on trial.
#[derive(Debug, Clone)]
struct Trial {
    /// Who has named it.
    source: Source,
    /// A look has missed it, whatever was said since.
    missed: bool,
}

/// Rooms on trial, and names that wait for that.
#[derive(Debug, Clone, Default)]
pub(super) struct Hearsay {
    on_trial: BTreeMap<RoomJid, Trial>,
    waiting: BTreeMap<Source, Waiting>,
}

#[derive(Debug, Clone, Default)]
struct Waiting {
    /// Never tried, as far as is remembered.
    fresh: Recent,
    /// Tried in vain, and named again.
    again: Recent,
    /// Tried in vain.
    refuted: Recent,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.again.is_empty()
    }
}

impl Hearsay {
    pub(super) fn is_on_trial(&self, room: &RoomJid) -> bool {
        self.on_trial.contains_key(room)
    }

    /// A room is named. Returns whether another name was dropped for it.
    pub(super) fn name(&mut self, source: Source, room: &RoomJid) -> bool {
        let waiting = self.waiting.entry(source).or_default();
        if !waiting.refuted.contains(room) {
            waiting.fresh.push(room)
        } else if waiting.again.contains(room) {
            false
        } else {
            waiting.again.push(room)
        }
    }

    /// The next name of a source to be tried, if there is a place for it.
    pub(super) fn next(&mut self, source: Source) -> Option<RoomJid> {
        if self.on_trial.values().filter(|trial| trial.source == source).count() >= MOST_ON_TRIAL {
            return None;
        }
        let waiting = self.waiting.get_mut(&source)?;
        waiting.fresh.pop_newest().or_else(|| waiting.again.pop_oldest())
    }

    pub(super) fn begin(&mut self, source: Source, room: &RoomJid) {
        self.on_trial.insert(room.clone(), Trial { source, missed: false });
    }

    /// A look has missed a room on trial. Returns whether its place is wanted by another.
    pub(super) fn miss(&mut self, room: &RoomJid) -> bool {
        let Some(trial) = self.on_trial.get_mut(room) else { return false };
        trial.missed = true;
        self.waiting.get(&trial.source).is_some_and(|waiting| !waiting.is_empty())
    }

    /// A room on trial that has to go for the sake of one that waits.
    pub(super) fn displaced(&self, source: Source) -> Option<RoomJid> {
        let is_full = self.on_trial.values().filter(|trial| trial.source == source).count() >= MOST_ON_TRIAL;
        let mut missed = self.on_trial.iter().filter(|(_, trial)| trial.source == source && trial.missed);
        is_full.then(|| missed.next().map(|(room, _)| room.clone())).flatten()
    }

    /// It is no room with focus.
    pub(super) fn refute(&mut self, room: &RoomJid) {
        if let Some(trial) = self.on_trial.remove(room) {
            self.waiting.entry(trial.source).or_default().refuted.push(room);
        }
    }

    /// It is one, or somebody who knows has named it. Returns whether it was on trial.
    pub(super) fn prove(&mut self, room: &RoomJid) -> bool {
        for waiting in self.waiting.values_mut() {
            for names in [&mut waiting.fresh, &mut waiting.again, &mut waiting.refuted] {
                names.remove(room);
            }
        }
        self.on_trial.remove(room).is_some()
    }
}

/// At most [`MOST_WAITING`] names, by when they came.
#[derive(Debug, Clone, Default)]
struct Recent {
    by_age: BTreeMap<u64, RoomJid>,
    ages: BTreeMap<RoomJid, u64>,
    last: u64,
}

impl Recent {
    fn is_empty(&self) -> bool {
        self.ages.is_empty()
    }

    fn contains(&self, room: &RoomJid) -> bool {
        self.ages.contains_key(room)
    }

    /// It is the newest now. Returns whether the oldest was dropped for it.
    fn push(&mut self, room: &RoomJid) -> bool {
        self.remove(room);
        self.last = self.last.wrapping_add(1);
        self.by_age.insert(self.last, room.clone());
        self.ages.insert(room.clone(), self.last);
        self.ages.len() > MOST_WAITING && self.pop_oldest().is_some()
    }

    fn remove(&mut self, room: &RoomJid) {
        if let Some(age) = self.ages.remove(room) {
            self.by_age.remove(&age);
        }
    }

    fn pop_newest(&mut self) -> Option<RoomJid> {
        let (_, room) = self.by_age.pop_last()?;
        self.ages.remove(&room);
        Some(room)
    }

    fn pop_oldest(&mut self) -> Option<RoomJid> {
        let (_, room) = self.by_age.pop_first()?;
        self.ages.remove(&room);
        Some(room)
    }
}
