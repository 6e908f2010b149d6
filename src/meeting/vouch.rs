//! Which rooms there are, and who vouches for each: one list out of what all sources say.
//!
//! Pure: no clock, no I/O. Two rules make lost, late, repeated and false reports harmless. A room is
//! forgotten only after two absences in a row, so one wrong answer costs nothing. And an event is never
//! believed in what it says of the room, it only means "look at this room now": events arrive twice and in
//! any order, and a look at the room itself decides.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::RoomJid;

/// Rooms that one source may vouch for. A source that claims more is not believed beyond that, and takes
/// no room from the others.
pub const MOST_ROOMS: usize = 10_000;

/// Rooms that invitations may vouch for. Anybody can send them, and a room that does not exist is forgotten
/// after two looks, so few are needed at a time.
const MOST_INVITED: usize = 500;

/// Jicofo's own health checks are conferences too (docs/jitsi.md 1.6).
const HEALTH_CHECK_ROOM: &str = "__jicofo-health-check";

/// Whether a room may be watched at all: it is on one of the conference services of `muc.domains`, and no
/// health check of Jicofo's. So breakout rooms are watched only where their service is named too.
pub fn is_watched(room: &RoomJid, services: &[String]) -> bool {
    !room.local().starts_with(HEALTH_CHECK_ROOM) && services.iter().any(|service| service == room.service())
}

/// Who may vouch for a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// `discovery.rooms`: always watched.
    Pinned,
    /// Jicofo's REST interface.
    Jicofo,
    /// `event_sync_component`.
    Events,
    /// Service discovery of a conference service.
    Disco,
    /// Somebody has invited us.
    Invitation,
}

impl Source {
    /// Its name, as people read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pinned => "discovery.rooms",
            Self::Jicofo => "jicofo",
            Self::Events => "event_sync",
            Self::Disco => "disco",
            Self::Invitation => "invitation",
        }
    }

    /// Whether it speaks once and never takes it back reliably, so that only a look can.
    const fn is_fleeting(self) -> bool {
        matches!(self, Self::Events | Self::Invitation)
    }
}

/// Something that a source says, or that a look at a room has shown.
#[derive(Debug, Clone)]
pub enum Report {
    /// The full list of a source.
    List {
        /// Which source.
        source: Source,
        /// The list is only about this conference service; none: about all.
        service: Option<String>,
        /// All rooms that it knows.
        rooms: Vec<RoomJid>,
    },
    /// A source says that something has happened in a room.
    Appeared {
        /// Which source.
        source: Source,
        /// The room.
        room: RoomJid,
    },
    /// A source says that a room is over.
    Disappeared {
        /// Which source.
        source: Source,
        /// The room.
        room: RoomJid,
    },
    /// A look at the room itself has shown that there is no such room.
    NoSuchRoom {
        /// The room.
        room: RoomJid,
    },
    /// A source does not answer any more. Its rooms stay: not to know is not to know better.
    SourceLost {
        /// Which source.
        source: Source,
    },
}

/// What follows from a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The first source vouches for this room: watch it.
    Watch(RoomJid),
    /// Something may have changed in this room, which is watched already: look at it now.
    Look(RoomJid),
    /// Nobody vouches for this room any more: forget it.
    Forget(RoomJid),
}

/// How a source's word for a room stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// It holds.
    Good,
    /// The room was missing once; if it is missing again, the word is void.
    Doubtful,
}

type Words = BTreeMap<RoomJid, Word>;

/// Who vouches for which room.
#[derive(Debug, Clone)]
pub struct Vouchers {
    services: Vec<String>,
    most_rooms: usize,
    words: BTreeMap<Source, Words>,
    turned_away: u64,
}

impl Vouchers {
    /// Starts with the rooms of `discovery.rooms`; `services`: `muc.domains`.
    pub fn new(services: &[String], pinned: &[RoomJid]) -> Self {
        Self::with_room_for(MOST_ROOMS, services, pinned)
    }

    /// As [`Vouchers::new`], with another limit than [`MOST_ROOMS`].
    pub fn with_room_for(most_rooms: usize, services: &[String], pinned: &[RoomJid]) -> Self {
        let mut vouchers =
            Self { services: services.to_vec(), most_rooms, words: BTreeMap::new(), turned_away: 0 };
        for room in pinned {
            vouchers.vouch(Source::Pinned, room);
        }
        vouchers
    }

    /// Other rooms of `discovery.rooms`; returns what follows.
    pub fn pin(&mut self, pinned: &[RoomJid]) -> Vec<Change> {
        let old = self.words.remove(&Source::Pinned).unwrap_or_default();
        let mut changes = Vec::new();
        for room in pinned {
            let is_new = !old.contains_key(room) && self.of(room).next().is_none();
            if self.vouch(Source::Pinned, room) && is_new {
                changes.push(Change::Watch(room.clone()));
            }
        }
        let void = old.into_keys().filter(|room| self.of(room).next().is_none());
        changes.extend(void.map(Change::Forget));
        changes
    }

    /// All rooms that somebody vouches for, by name.
    pub fn rooms(&self) -> BTreeSet<&RoomJid> {
        self.words.values().flat_map(Words::keys).collect()
    }

    /// Who vouches for a room.
    pub fn of(&self, room: &RoomJid) -> impl Iterator<Item = Source> {
        self.words.iter().filter(|(_, words)| words.contains_key(room)).map(|(source, _)| *source)
    }

    /// Claims that were turned away because their source had too many rooms.
    pub fn turned_away(&self) -> u64 {
        self.turned_away
    }

    /// Takes in a report; returns what follows.
    pub fn handle(&mut self, report: Report) -> Vec<Change> {
        match report {
            Report::List { source, service, rooms } => self.list(source, service.as_deref(), rooms),
            Report::Appeared { source, room } => self.appeared(source, &room).into_iter().collect(),
            Report::Disappeared { source, room } => self.disappeared(source, &room).into_iter().collect(),
            Report::NoSuchRoom { room } => self.no_such_room(&room).into_iter().collect(),
            Report::SourceLost { source } => {
                // Two absences with a gap between them are not in a row.
                self.words.entry(source).or_default().values_mut().for_each(|word| *word = Word::Good);
                Vec::new()
            }
        }
    }

    fn list(&mut self, source: Source, service: Option<&str>, rooms: Vec<RoomJid>) -> Vec<Change> {
        let listed: BTreeSet<RoomJid> = rooms.into_iter().collect();
        let mut void = Vec::new();
        // First the old ones, so that they make room for the new ones.
        self.words.entry(source).or_default().retain(|room, word| {
            let is_missing =
                service.is_none_or(|service| service == room.service()) && !listed.contains(room);
            if is_missing && *word == Word::Doubtful {
                void.push(room.clone());
                return false;
            }
            if is_missing {
                *word = Word::Doubtful;
            }
            true
        });
        void.retain(|room| self.of(room).next().is_none());
        let mut changes: Vec<Change> = void.into_iter().map(Change::Forget).collect();
        let about = |room: &&RoomJid| service.is_none_or(|service| service == room.service());
        for room in listed.iter().filter(about) {
            let is_new = self.of(room).next().is_none();
            if self.vouch(source, room) && is_new {
                changes.push(Change::Watch(room.clone()));
            }
        }
        changes
    }

    fn appeared(&mut self, source: Source, room: &RoomJid) -> Option<Change> {
        let is_new = self.of(room).next().is_none();
        let is_vouched = self.vouch(source, room);
        match (is_new, is_vouched) {
            (true, true) => Some(Change::Watch(room.clone())),
            (true, false) => None,
            (false, _) => Some(Change::Look(room.clone())),
        }
    }

    /// The source takes its word back, but if nobody else vouches for the room, a look has the last word:
    /// the end that is told here may be that of an earlier room of the same name.
    fn disappeared(&mut self, source: Source, room: &RoomJid) -> Option<Change> {
        let others = self.of(room).any(|other| other != source);
        let words = self.words.entry(source).or_default();
        if others {
            words.remove(room);
        } else {
            *words.get_mut(room)? = Word::Doubtful;
        }
        Some(Change::Look(room.clone()))
    }

    /// Counts as an absence for those sources that never take their word back. The first one asks for a
    /// second look: the room may have come to be while the first was on its way.
    fn no_such_room(&mut self, room: &RoomJid) -> Option<Change> {
        let (mut doubted, mut voided) = (false, false);
        for (_, words) in self.words.iter_mut().filter(|(source, _)| source.is_fleeting()) {
            match words.get_mut(room) {
                Some(Word::Doubtful) => voided |= words.remove(room).is_some(),
                Some(word) => {
                    *word = Word::Doubtful;
                    doubted = true;
                }
                None => {}
            }
        }
        if doubted {
            Some(Change::Look(room.clone()))
        } else {
            (voided && self.of(room).next().is_none()).then(|| Change::Forget(room.clone()))
        }
    }

    /// Whether the source vouches for the room now.
    fn vouch(&mut self, source: Source, room: &RoomJid) -> bool {
        if !is_watched(room, &self.services) {
            return false;
        }
        let most = match source {
            Source::Invitation => self.most_rooms.min(MOST_INVITED),
            _ => self.most_rooms,
        };
        let words = self.words.entry(source).or_default();
        if words.len() >= most && !words.contains_key(room) {
            self.turned_away = self.turned_away.saturating_add(1);
            return false;
        }
        words.insert(room.clone(), Word::Good);
        true
    }
}
