//! Recorders in rooms where nobody is (docs/jitsi.md 13.2.5): told of, and ended where a meeting waits for their Jibri.
//! Jicofo cannot end them, their session is none of the room's.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{Effect, Event};
use super::jibri::Appearance;
use super::sessions::LAG;
use super::word::Word;
use super::{Fleet, Verdict};
use crate::address::RoomJid;
use crate::jibri::JibriName;
use crate::time::Time;

/// Jicofo is asked so often whose recorder it is.
const ASKED_EVERY: Duration = Duration::from_secs(5);
/// And what it has said is believed for so long.
const HOLDS: Duration = Duration::from_secs(7);
/// It was alone for at least so long when that was first told (`meeting/alone.rs`).
const FOR: Duration = Duration::from_secs(10);
/// A Jibri that was told to end and goes on is told again.
const AGAIN: Duration = Duration::from_secs(60);

/// A recorder, or a gateway, that is alone in its room.
#[derive(Debug)]
struct Ghost {
    since: Time,
    /// Whose it is, as a fact, and when that was heard.
    by: Option<(JibriName, Time)>,
    /// It is none of a Jibri's, as a fact: a gateway's.
    is_other: bool,
    asked: Option<Time>,
    told: bool,
    /// When its Jibri was told to end.
    ended: Option<Time>,
}

#[derive(Debug, Default)]
pub(super) struct Ghosts {
    rooms: BTreeMap<RoomJid, Ghost>,
    /// Meetings wait for a Jibri.
    pub(super) is_in_want: bool,
}

impl Ghosts {
    /// These have a recorder there, as a fact.
    pub(super) fn seated<'a>(
        &mut self,
        room: &RoomJid,
        mut names: impl Iterator<Item = &'a JibriName>,
        now: Time,
    ) {
        if let Some(ghost) = self.rooms.get_mut(room) {
            let (first, second) = (names.next(), names.next());
            ghost.is_other = first.is_none();
            ghost.by = first.filter(|_| second.is_none()).map(|only| (only.clone(), now));
        }
    }
}

impl Fleet {
    /// A look has just shown that a recorder is alone in this room.
    pub(super) fn is_alone(&mut self, room: &RoomJid, now: Time, effects: &mut Vec<Effect>) {
        let new = || Ghost { since: now, by: None, is_other: false, asked: None, told: false, ended: None };
        let ghost = self.ghosts.rooms.entry(room.clone()).or_insert_with(new);
        if ghost.asked.is_none_or(|at| now.since(at) >= ASKED_EVERY) {
            ghost.asked = Some(now);
            effects.push(Effect::AskRecorders { room: room.clone() });
        }
        self.judge_ghost(room, now, effects);
    }

    /// It is not any more, or nobody knows.
    pub(super) fn is_not_alone(&mut self, room: &RoomJid, effects: &mut Vec<Effect>) {
        if self.ghosts.rooms.remove(room).is_some_and(|ghost| ghost.told) {
            effects.push(Effect::Tell(Event::NoGhost { room: room.clone() }));
        }
    }

    fn judge_ghost(&mut self, room: &RoomJid, now: Time, effects: &mut Vec<Effect>) {
        let Some(ghost) = self.ghosts.rooms.get(room) else { return };
        let by = ghost.by.as_ref().filter(|(_, at)| now.since(*at) <= HOLDS).map(|(name, _)| name);
        // A gateway that waits for people looks the same, where only accounts are seen.
        let may_be = !ghost.is_other
            && now.since(ghost.since) >= ASKED_EVERY
            && self.ghosts.rooms.len() == 1
            && self.works_for_nobody().count() == 1;
        let is_one = by.is_some() || may_be;
        let ended = by.filter(|name| is_one && self.is_to_end(room, name, ghost, now)).cloned();
        let (told, by) = (ghost.told, by.cloned());
        let Some(ghost) = self.ghosts.rooms.get_mut(room) else { return };
        if is_one && !told {
            ghost.told = true;
            effects.push(Effect::Tell(Event::Ghost { room: room.clone(), name: by }));
        }
        if let Some(name) = ended {
            ghost.ended = Some(now);
            let dry_run = self.policy.settings.dry_run;
            effects.push(Effect::Tell(Event::GhostEnds { room: room.clone(), name: name.clone(), dry_run }));
            if !dry_run {
                effects.push(Effect::EndRecording { name });
            }
        }
    }

    /// It is needed, and it records nobody's meeting.
    fn is_to_end(&self, room: &RoomJid, name: &JibriName, ghost: &Ghost, now: Time) -> bool {
        let (since, ended) = (ghost.since.before(FOR), ghost.ended);
        let is_needed = self.ghosts.is_in_want && self.available.visible && self.available.free == 0;
        let serves_nobody = self.jibris.get(name).is_some_and(|jibri| {
            // A recorder comes after its Jibri has turned busy; one that was there before is a dead one.
            jibri.looks == Appearance::Busy
                && jibri.looks_since <= since.after(LAG)
                && !jibri.is_twins()
                && jibri.verdict != Verdict::Stale
                && jibri.serving.as_ref().is_none_or(|served| served == room)
        });
        is_needed
            && serves_nobody
            && !self.policy.stands_by
            && self.witnesses.word(name).0 == Word::Works
            && !self.witnesses.has_seat_elsewhere(room, name)
            && !self.witnesses.orphans.has(room, name)
            && ended.is_none_or(|at| now.since(at) >= AGAIN)
    }

    /// Jibris that are busy with no meeting that we know of.
    fn works_for_nobody(&self) -> impl Iterator<Item = &JibriName> {
        let works = self.jibris.iter().filter(|(_, jibri)| {
            jibri.looks == Appearance::Busy && jibri.serving.is_none() && jibri.verdict != Verdict::Stale
        });
        works.map(|(name, _)| name)
    }
}
