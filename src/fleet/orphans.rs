//! Recorders in rooms, and which of them have outlived their Jibri: they may stay for good, also when that Jibri works again
//! (docs/jitsi.md 13.2.6).

use std::collections::BTreeMap;

use crate::address::{Nick, RoomJid};
use crate::jibri::JibriName;

/// The recorders in a room, by nickname, and whose they are.
pub(super) type Seats = BTreeMap<Nick, JibriName>;

/// In more rooms than this they are not remembered.
const MOST: usize = 1000;

/// Seats from which nothing is recorded, as their Jibri was idle, or at work for another meeting, when they were there.
#[derive(Debug, Default)]
pub(super) struct Orphans(BTreeMap<RoomJid, Seats>);

impl Orphans {
    /// Nothing is recorded from these.
    pub(super) fn add(&mut self, room: &RoomJid, seats: Seats) {
        if !seats.is_empty() && (self.0.len() < MOST || self.0.contains_key(room)) {
            self.0.entry(room.clone()).or_default().extend(seats);
        }
    }

    /// These are in the room, and no others.
    pub(super) fn listed(&mut self, room: &RoomJid, seats: &Seats) {
        if let Some(orphans) = self.0.get_mut(room) {
            orphans.retain(|nick, _| seats.contains_key(nick));
            if orphans.is_empty() {
                self.0.remove(room);
            }
        }
    }

    /// Its own port says that it works while the brewery shows it idle, which may have been wrong before.
    pub(super) fn works(&mut self, name: &JibriName) {
        self.0.retain(|_, seats| {
            seats.retain(|_, of| of != name);
            !seats.is_empty()
        });
    }

    /// It has one there.
    pub(super) fn has(&self, room: &RoomJid, name: &JibriName) -> bool {
        self.0.get(room).is_some_and(|orphans| orphans.values().any(|of| of == name))
    }

    /// Whose of these seats may be recorded from.
    pub(super) fn living<'a>(&self, room: &RoomJid, seats: &'a Seats) -> impl Iterator<Item = &'a JibriName> {
        let orphans = self.0.get(room);
        let lives = move |nick: &Nick| orphans.is_none_or(|orphans| !orphans.contains_key(nick));
        seats.iter().filter(move |(nick, _)| lives(nick)).map(|(_, name)| name)
    }
}
