//! The list of all rooms while it is read, page by page: which rooms are there.

use std::collections::BTreeSet;

use tokio::time::Instant;

use crate::address::RoomJid;

/// Of more rooms than this, the rest is passed over.
const MOST_ROOMS: usize = 10_000;

/// A list that is not yet complete.
#[derive(Debug)]
pub(super) struct Listing {
    /// Those that were on a page, or pushed since the first page was asked for, and have not ended since.
    rooms: BTreeSet<RoomJid>,
    /// The name of the next page; the first has none.
    page: Option<String>,
    /// When it is asked for; none while it is.
    pub(super) at: Option<Instant>,
}

impl Listing {
    pub(super) fn new(at: Instant) -> Self {
        Self { rooms: BTreeSet::new(), page: None, at: Some(at) }
    }

    /// Whether the room is to be told: not if there are too many.
    pub(super) fn see(&mut self, room: &RoomJid) -> bool {
        self.rooms.contains(room) || self.rooms.len() < MOST_ROOMS && self.rooms.insert(room.clone())
    }

    pub(super) fn forget(&mut self, room: &RoomJid) {
        self.rooms.remove(room);
    }

    /// The page has come, and has named the next.
    pub(super) fn turn_to(&mut self, page: String, now: Instant) {
        self.page = Some(page);
        self.at = Some(now);
    }

    /// The page to ask for, if it is time.
    pub(super) fn due(&mut self, now: Instant) -> Option<Option<String>> {
        self.at.take_if(|at| *at <= now).map(|_| self.page.clone())
    }

    /// All of them, in order.
    pub(super) fn into_rooms(self) -> Vec<RoomJid> {
        self.rooms.into_iter().collect()
    }
}
