//! Which Jibri records a meeting, judged by all that is known: whose recorders are there, which of them are dead, what those Jibris
//! say, and who else may have taken it over (docs/jitsi.md 13.2.4, 13.2.6).

use std::collections::BTreeSet;
use std::time::Duration;

use super::event::{Effect, Event};
use super::jibri::{Appearance, Jibri};
use super::orphans::Seats;
use super::witness::{JOINS_WITHIN, Recorded};
use super::word::{IDLE_FOR, Word};
use super::{Fleet, STRANGERS};
use crate::address::RoomJid;
use crate::jibri::{Contradiction, JibriName, RecordedBy};
use crate::time::Time;

/// Prosody keeps a dead stream for so long before it shows that a Jibri is gone, and a Jibri may take as long to notice that
/// its Chrome is (docs/jitsi.md 13.2.4, 13.2.12).
const KEPT: Duration = Duration::from_secs(15);
/// From a Jibri's `busy` until it records (docs/jitsi.md 13).
const LOADS: Duration = Duration::from_secs(5);
/// When a recording is on its recorder is there, or is there again after a move by then.
const NOBODY_FOR: Duration = Duration::from_secs(25);

impl Fleet {
    /// The seats of those who say, later than their seats were listed, that they are idle.
    pub(super) fn seats_of_the_idle(&self, recorded: &Recorded) -> Seats {
        let Some((listed, seats)) = &recorded.seats else { return Seats::new() };
        let says_so = |name: &JibriName| {
            let port = self.jibris.get(name).and_then(|jibri| jibri.port);
            self.witnesses.word(name).0 == Word::Idle
                && (self.sight.brewery.is_some() || port.is_some_and(|port| port.at >= *listed))
        };
        seats.iter().filter(|(_, name)| says_so(name)).map(|(nick, of)| (nick.clone(), of.clone())).collect()
    }

    /// What one says whose recorder is in a room; also one that has died before we came, and is known to nobody.
    fn word_of(&self, name: &JibriName) -> (Word, Time) {
        let are_all_seen = self.sight.brewery.is_some() || self.sight.detector;
        let are_all_seen = are_all_seen && self.strangers < STRANGERS;
        if self.witnesses.do_names_match && are_all_seen && !self.jibris.contains_key(name) {
            return (Word::Gone, Time::default());
        }
        self.witnesses.word(name)
    }

    pub(super) fn recorded_by(&self, room: &RoomJid, recorded: &Recorded, now: Time) -> RecordedBy {
        let live: BTreeSet<&JibriName> = self.witnesses.living(room, recorded).collect();
        let are_dead = live.is_empty();
        let names: BTreeSet<&JibriName> = match (&recorded.seats, &recorded.by) {
            (Some((_, seats)), _) if are_dead => seats.values().collect(),
            (Some(_), _) => live,
            (None, by) => by.iter().collect(),
        };
        let are_dead = are_dead && recorded.seats.is_some();
        let is_elsewhere = |name: &JibriName| {
            let serves = self.jibris.get(name).and_then(|jibri| jibri.serving.as_ref());
            // Where it was seen to take the start, its seat elsewhere is a dead one.
            serves.map_or_else(|| self.witnesses.has_seat_elsewhere(room, name), |other| other != room)
                || are_dead
        };
        if let Some((name, since)) = &recorded.left {
            // Its own word says more than that.
            let why = match self.witnesses.word(name).0 {
                Word::Idle => Contradiction::Idle,
                Word::Gone => Contradiction::Gone,
                Word::Dead => Contradiction::Dead,
                Word::Works | Word::Unknown if now.since(*since) >= IDLE_FOR => Contradiction::Left,
                Word::Works | Word::Unknown => return RecordedBy::Unknown,
            };
            return RecordedBy::Against(name.clone(), why);
        }
        if self.witnesses.does_list && recorded.nobody_since.is_some_and(|at| now.since(at) >= NOBODY_FOR) {
            return RecordedBy::Nobody;
        }
        let mut against = None;
        let mut last_word = Time::default();
        for name in &names {
            let (word, since) = self.word_of(name);
            last_word = last_word.max(since);
            let why = match word {
                Word::Works if !is_elsewhere(name) => return RecordedBy::Works((*name).clone()),
                Word::Works => Contradiction::Elsewhere,
                Word::Idle => Contradiction::Idle,
                Word::Gone => Contradiction::Gone,
                Word::Dead => Contradiction::Dead,
                Word::Unknown => return RecordedBy::Unknown,
            };
            against.get_or_insert(((*name).clone(), why));
        }
        let mut strangers = self.unexplained(recorded, &names);
        let (stranger, another) = (strangers.next(), strangers.next());
        match (against, stranger) {
            // The same session goes on after its Jibri was lost, and one other has turned busy since.
            (None, Some(name)) if another.is_none() && recorded.worked.is_some() => {
                RecordedBy::Works(name.clone())
            }
            (Some((name, why)), stranger) => {
                let is_fresh = recorded.seats.as_ref().is_some_and(|(at, _)| *at >= last_word);
                // Another one may be it: Jicofo has moved the session, or who took the start was mistaken.
                let is_new = |name: &JibriName| {
                    self.jibris.get(name).is_some_and(|jibri| now.since(jibri.looks_since) < JOINS_WITHIN)
                };
                let may_be_another = stranger.is_some_and(|name| !is_fresh || is_new(name));
                if may_be_another { RecordedBy::Moves } else { RecordedBy::Against(name, why) }
            }
            (None, _) => RecordedBy::Unknown,
        }
    }

    /// Jibris that have turned busy since it began, and for no meeting that we know of.
    fn unexplained<'a>(
        &'a self,
        recorded: &Recorded,
        names: &BTreeSet<&JibriName>,
    ) -> impl Iterator<Item = &'a JibriName> {
        let busy = self.jibris.iter().filter(move |(name, jibri)| {
            jibri.looks == Appearance::Busy
                && jibri.serving.is_none()
                && jibri.looks_since >= recorded.from
                && !names.contains(name)
        });
        busy.map(|(name, _)| name)
    }

    /// Another Jibri records the same session now: Jicofo has moved it, and says nothing.
    pub(super) fn moved(&mut self, room: &RoomJid, recorded_by: &RecordedBy, now: Time) -> Option<Effect> {
        let recorded = self.witnesses.rooms.get_mut(room)?;
        let RecordedBy::Works(name) = recorded_by else {
            if recorded.worked.is_some() && matches!(recorded_by, RecordedBy::Against(..)) {
                recorded.lost.get_or_insert(now);
            }
            return None;
        };
        let lost = recorded.lost.take();
        let from = recorded.worked.replace(name.clone()).filter(|from| from != name)?;
        let lost = lost.unwrap_or_else(|| self.witnesses.word(&from).1);
        if let Some(jibri) = self.jibris.get_mut(&from).filter(|jibri| jibri.there_since <= lost) {
            jibri.streak.failed_late(room);
            self.dirty.insert(from.clone());
        }
        let seen = |name, is_at_work| {
            let jibri: Option<&Jibri> = self.jibris.get(name);
            jibri
                .filter(|jibri| (jibri.looks == Appearance::Busy) == is_at_work)
                .map(|jibri| jibri.looks_since)
        };
        let (stopped, begun) = (seen(&from, false).unwrap_or(lost), seen(name, true).unwrap_or(now));
        let gap = begun.since(stopped).saturating_add(KEPT).saturating_add(LOADS);
        Some(Effect::Tell(Event::Moved { room: room.clone(), from, to: name.clone(), gap }))
    }
}
