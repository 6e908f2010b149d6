//! Names by when they came.

use std::collections::BTreeMap;

use crate::address::RoomJid;

/// Names, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    by_age: BTreeMap<u64, RoomJid>,
    ages: BTreeMap<RoomJid, u64>,
    last: u64,
}

impl Recent {
    pub(super) fn len(&self) -> usize {
        self.ages.len()
    }

    pub(super) fn contains(&self, room: &RoomJid) -> bool {
        self.ages.contains_key(room)
    }

    /// It is the newest now.
    pub(super) fn push(&mut self, room: &RoomJid) {
        self.remove(room);
        self.last = self.last.wrapping_add(1);
        self.by_age.insert(self.last, room.clone());
        self.ages.insert(room.clone(), self.last);
    }

    pub(super) fn remove(&mut self, room: &RoomJid) {
        if let Some(age) = self.ages.remove(room) {
            self.by_age.remove(&age);
        }
    }

    pub(super) fn pop_newest(&mut self) -> Option<RoomJid> {
        let (_, room) = self.by_age.pop_last()?;
        self.ages.remove(&room);
        Some(room)
    }

    pub(super) fn pop_oldest(&mut self) -> Option<RoomJid> {
        let (_, room) = self.by_age.pop_first()?;
        self.ages.remove(&room);
        Some(room)
    }
}
