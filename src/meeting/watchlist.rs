//! Which rooms there are, and who vouches for each: one list out of what all sources say.
//!
//! Pure: no clock, no I/O. Three rules make lost, late, repeated and false reports harmless. A room is
//! forgotten only after two absences in a row, so one wrong answer costs nothing. An event is never
//! believed in what it says of the room, it only means "look at this room now": events arrive twice and in
//! any order, and a look at the room itself decides. And a room that only events or invitations name, which
//! anybody may send, is on trial until focus is seen in it.

mod hearsay;
mod recent;
mod sender;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

pub use hearsay::MOST_ON_TRIAL;
pub use sender::Sender;
pub use waiting::MOST_WAITING;

use crate::address::RoomJid;
use hearsay::{Hearsay, Place};

/// Rooms that one source may vouch for. A source that claims more is not believed beyond that, and takes
/// no room from the others.
pub const MOST_ROOMS: usize = 10_000;

/// Rooms with focus in them that invitations may vouch for: nobody needs many.
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
    /// The companion inside Prosody.
    Companion,
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
            Self::Companion => "companion",
        }
    }

    /// Whether anybody may speak through it. What it says it says once and never takes back reliably, so that
    /// only a look can.
    pub const fn is_hearsay(self) -> bool {
        matches!(self, Self::Events | Self::Invitation)
    }

    /// Whether it sees the rooms themselves, so that one absence is enough.
    pub const fn is_certain(self) -> bool {
        matches!(self, Self::Companion)
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
        /// Who speaks through it, if that may be anybody.
        sender: Sender,
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
    /// A look at the room itself has shown that there is no such room; or, of one on trial, no room with
    /// focus was found, for whatever reason.
    NoSuchRoom {
        /// The room.
        room: RoomJid,
    },
    /// A look at a room on trial has shown focus in it.
    Proven {
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
    /// The first source that is no hearsay vouches for this room: watch it.
    Watch(RoomJid),
    /// Hearsay alone names this room: watch it on trial, until [`Report::Proven`].
    WatchOnTrial {
        /// The room.
        room: RoomJid,
        /// Who has named it.
        sender: Sender,
    },
    /// Something may have changed in this room, which is watched already: look at it now.
    Poll(RoomJid),
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
pub struct Watchlist {
    services: Vec<String>,
    most_rooms: usize,
    words: BTreeMap<Source, Words>,
    hearsay: Hearsay,
    turned_away: u64,
}

impl Watchlist {
    /// Starts with the rooms of `discovery.rooms`; `services`: `muc.domains`.
    pub fn new(services: &[String], pinned: &[RoomJid]) -> Self {
        Self::with_room_for(MOST_ROOMS, services, pinned)
    }

    /// As [`Watchlist::new`], with another limit than [`MOST_ROOMS`].
    pub fn with_room_for(most_rooms: usize, services: &[String], pinned: &[RoomJid]) -> Self {
        let mut watchlist = Self {
            services: services.to_vec(),
            most_rooms,
            words: BTreeMap::new(),
            hearsay: Hearsay::default(),
            turned_away: 0,
        };
        for room in pinned {
            watchlist.vouch(Source::Pinned, room);
        }
        watchlist
    }

    /// Other rooms of `discovery.rooms`; returns what follows.
    pub fn pin(&mut self, pinned: &[RoomJid]) -> Vec<Change> {
        let old = self.words.remove(&Source::Pinned).unwrap_or_default();
        let mut changes = Vec::new();
        for room in pinned {
            let is_new = !old.contains_key(room) && self.of(room).next().is_none();
            changes.extend(self.vouch_for_sure(Source::Pinned, room, is_new));
        }
        let void = old.into_keys().filter(|room| self.of(room).next().is_none());
        changes.extend(void.map(Change::Forget));
        self.try_next(&mut changes);
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

    /// Claims that were turned away because their source had too many rooms, or names that waited too long.
    pub fn turned_away(&self) -> u64 {
        self.turned_away
    }

    /// Takes in a report; returns what follows.
    pub fn handle(&mut self, report: Report) -> Vec<Change> {
        let mut changes = match report {
            Report::List { source, service, rooms } => self.list(source, service.as_deref(), rooms),
            Report::Appeared { source, sender, room } => {
                self.appeared(source, &sender, &room).into_iter().collect()
            }
            Report::Disappeared { source, room } => self.disappeared(source, &room).into_iter().collect(),
            Report::NoSuchRoom { room } => self.no_such_room(&room).into_iter().collect(),
            Report::Proven { room } => {
                self.hearsay.prove(&room);
                Vec::new()
            }
            Report::SourceLost { source } => {
                // Two absences with a gap between them are not in a row.
                self.words.entry(source).or_default().values_mut().for_each(|word| *word = Word::Good);
                Vec::new()
            }
        };
        self.try_next(&mut changes);
        changes
    }

    fn list(&mut self, source: Source, service: Option<&str>, rooms: Vec<RoomJid>) -> Vec<Change> {
        let listed: BTreeSet<RoomJid> = rooms.into_iter().collect();
        let mut void = Vec::new();
        // First the old ones, so that they make room for the new ones.
        self.words.entry(source).or_default().retain(|room, word| {
            let is_missing =
                service.is_none_or(|service| service == room.service()) && !listed.contains(room);
            if is_missing && (*word == Word::Doubtful || source.is_certain()) {
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
            changes.extend(self.vouch_for_sure(source, room, is_new));
        }
        changes
    }

    fn appeared(&mut self, source: Source, sender: &Sender, room: &RoomJid) -> Option<Change> {
        let is_new = self.of(room).next().is_none();
        if !source.is_hearsay()
            && let Some(change) = self.vouch_for_sure(source, room, is_new)
        {
            return Some(change);
        }
        if !is_new {
            self.vouch(source, room);
            self.hearsay.name_again(source, sender, room);
            return Some(Change::Poll(room.clone()));
        }
        if source.is_hearsay() && is_watched(room, &self.services) && self.hearsay.name(source, sender, room)
        {
            self.turned_away = self.turned_away.saturating_add(1);
        }
        None
    }

    /// Puts names that wait on trial, as long as there are places.
    fn try_next(&mut self, changes: &mut Vec<Change>) {
        for source in [Source::Events, Source::Invitation] {
            while let Some((sender, place)) = self.hearsay.next(source)
                && let Some(room) = self.hearsay.pop(source, &sender)
            {
                if self.of(&room).next().is_some() {
                    self.vouch(source, &room);
                    continue;
                }
                if let Place::Of(other) = place {
                    self.void_hearsay(&other);
                    changes.extend(self.forgotten(&other));
                }
                if self.vouch(source, &room) {
                    self.hearsay.begin(source, sender.clone(), &room);
                    changes.push(Change::WatchOnTrial { room, sender });
                }
            }
        }
    }

    /// A source that is no hearsay vouches for a room.
    fn vouch_for_sure(&mut self, source: Source, room: &RoomJid, is_new: bool) -> Option<Change> {
        let is_vouched = self.vouch(source, room);
        // A room that is listed again and again waits for no trial.
        let was_on_trial = is_vouched && self.hearsay.is_on_trial(room) && self.hearsay.prove(room);
        (is_vouched && is_new || was_on_trial).then(|| Change::Watch(room.clone()))
    }

    /// The source takes its word back, but if nobody else vouches for the room, a look has the last word:
    /// the end that is told here may be that of an earlier room of the same name.
    fn disappeared(&mut self, source: Source, room: &RoomJid) -> Option<Change> {
        let others = self.of(room).any(|other| other != source);
        let words = self.words.entry(source).or_default();
        if source.is_certain() {
            words.remove(room)?;
            return self.forgotten(room);
        }
        if others {
            words.remove(room);
        } else {
            *words.get_mut(room)? = Word::Doubtful;
        }
        Some(Change::Poll(room.clone()))
    }

    /// Counts as an absence for those sources that never take their word back, and for the companion, which may have been
    /// unloaded. The first one asks for a
    /// second poll: the room may have come to be while the first was on its way. One on trial is looked at again in
    /// its own time, if it keeps its place.
    fn no_such_room(&mut self, room: &RoomJid) -> Option<Change> {
        let is_on_trial = self.hearsay.is_on_trial(room);
        self.hearsay.miss(room);
        let (mut doubted, mut voided) = (false, false);
        let yields = |source: &Source| source.is_hearsay() || source.is_certain();
        for (_, words) in self.words.iter_mut().filter(|(source, _)| yields(source)) {
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
            (!is_on_trial).then(|| Change::Poll(room.clone()))
        } else {
            voided.then(|| self.forgotten(room)).flatten()
        }
    }

    /// All hearsay of a room is void.
    fn void_hearsay(&mut self, room: &RoomJid) {
        for (_, words) in self.words.iter_mut().filter(|(source, _)| source.is_hearsay()) {
            words.remove(room);
        }
    }

    /// What follows if nobody vouches for the room any more.
    fn forgotten(&mut self, room: &RoomJid) -> Option<Change> {
        if self.of(room).next().is_some() {
            return None;
        }
        if self.hearsay.end(room) {
            self.turned_away = self.turned_away.saturating_add(1);
        }
        Some(Change::Forget(room.clone()))
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
