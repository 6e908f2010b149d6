//! A room in which starts keep failing: whether the room is the reason (a password, a lobby that keeps recorders out) or
//! the Jibri that took them. Where nothing tells them apart, a restart of the Jibri does: one for each room and Jibri.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Fleet;
use super::event::{Effect, Event};
use crate::address::RoomJid;
use crate::jibri::JibriName;
use crate::time::Time;

/// After so long without a failure there it is another meeting, or nobody's concern.
const LASTS: Duration = Duration::from_secs(3600);
/// More rooms than this do not all fail for reasons of their own.
const ROOMS: usize = 1000;
/// For one restart a room's starts are held back so long at most: those of other rooms may come in between all the time.
const HELD_BACK: Duration = Duration::from_secs(60);
/// The restart comes first.
const AFTER_IT: Duration = Duration::from_secs(1);

/// One room in which starts have failed, and none has come to a recording that lasts.
#[derive(Debug, Default)]
struct Doubt {
    /// How many failed on each Jibri since it last recorded, or was last another process.
    failures: BTreeMap<JibriName, u32>,
    /// Those that were restarted to find out.
    tried: BTreeSet<JibriName>,
    /// Since when its starts are held back for a restart that is due, and until when.
    held_back: Option<(Time, Time)>,
    /// It was told that it is one or the other.
    is_told: bool,
    /// It has failed on a Jibri before and after that.
    at_fault: bool,
    last: Time,
}

/// What a failure in a room says.
pub(super) enum Suspect {
    /// Not enough yet.
    Nobody,
    /// This Jibri, or the room, after so many failures.
    Either(JibriName, u32),
    /// The room, as it has failed on this one again after its restart.
    Room(JibriName),
    /// The room, as is known.
    RoomAsBefore,
}

/// What has ended the doubt about a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It was recorded after the restart of this Jibri, which was the reason.
    ByRestart(JibriName),
    /// It was recorded all the same.
    Recorded,
    /// Nothing has failed there for an hour.
    Forgotten,
}

/// All such rooms.
#[derive(Debug, Default)]
pub(super) struct Doubts(BTreeMap<RoomJid, Doubt>);

impl Doubts {
    /// A start of this room that this Jibri had taken has failed.
    pub(super) fn failed(
        &mut self,
        room: &RoomJid,
        name: &JibriName,
        wedged_after: u32,
        now: Time,
    ) -> Suspect {
        if self.0.len() >= ROOMS && !self.0.contains_key(room) {
            return Suspect::Nobody;
        }
        let doubt = self.0.entry(room.clone()).or_default();
        doubt.last = now;
        if doubt.at_fault {
            return Suspect::RoomAsBefore;
        }
        if doubt.tried.contains(name) {
            doubt.at_fault = true;
            return Suspect::Room(name.clone());
        }
        let count = doubt.failures.entry(name.clone()).or_default();
        *count = count.saturating_add(1);
        let all = doubt.failures.values().fold(0_u32, |sum, count| sum.saturating_add(*count));
        // Who had a start is seen by who turned busy, and a start by hand that we do not hear of can mislead once.
        if all < wedged_after.max(2) {
            return Suspect::Nobody;
        }
        // Of several, the one that has failed most often, this one if that is the same.
        let most = doubt.failures.iter().max_by_key(|(other, count)| (**count, *other == name));
        most.map_or(Suspect::Nobody, |(name, _)| Suspect::Either(name.clone(), all))
    }

    /// This Jibri has recorded elsewhere, or is another process: what failed on it before says nothing more.
    pub(super) fn forget_jibri(&mut self, name: &JibriName) {
        for doubt in self.0.values_mut() {
            doubt.failures.remove(name);
        }
    }

    /// A restart for this room's sake is due `at`: until when its starts are to be held back, if that is news. A Jibri that
    /// fails fast and is asked again at once would never look idle for long enough.
    pub(super) fn holds_back(&mut self, room: &RoomJid, at: Time, now: Time) -> Option<Time> {
        let doubt = self.0.get_mut(room)?;
        let (since, before) = doubt.held_back.unwrap_or((now, now));
        let until = at.after(AFTER_IT).min(since.after(HELD_BACK));
        let is_news = until >= before.after(AFTER_IT);
        if is_news {
            doubt.held_back = Some((since, until));
        }
        is_news.then_some(until)
    }

    /// A Jibri is being restarted for this room's sake.
    pub(super) fn is_restarted_for(&mut self, room: &RoomJid) {
        if let Some(doubt) = self.0.get_mut(room) {
            doubt.held_back = None;
        }
    }

    /// This Jibri was restarted for this room's sake, and is back.
    pub(super) fn has_tried(&mut self, room: &RoomJid, name: &JibriName) {
        if let Some(doubt) = self.0.get_mut(room) {
            doubt.failures.clear();
            doubt.tried.insert(name.clone());
        }
    }

    /// The first time that it is told; whether this is it.
    fn tells(&mut self, room: &RoomJid) -> bool {
        self.0.get_mut(room).is_some_and(|doubt| !std::mem::replace(&mut doubt.is_told, true))
    }

    /// The room is the reason.
    pub(super) fn is_at_fault(&self, room: &RoomJid) -> bool {
        self.0.get(room).is_some_and(|doubt| doubt.at_fault)
    }

    /// It is recorded, for a while by now; how that was told, if something was.
    fn recorded(&mut self, room: &RoomJid) -> Option<Settled> {
        let doubt = self.0.remove(room).filter(|doubt| doubt.is_told)?;
        let tried = doubt.tried.into_iter().next().filter(|_| !doubt.at_fault);
        Some(tried.map_or(Settled::Recorded, Settled::ByRestart))
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.0.values().map(|doubt| doubt.last.after(LASTS)).min()
    }

    /// Forgets those in which nothing has failed for long; those that something was told of.
    fn age(&mut self, now: Time) -> Vec<RoomJid> {
        let mut told = Vec::new();
        self.0.retain(|room, doubt| {
            let is_old = doubt.last.after(LASTS) <= now;
            if is_old && doubt.is_told {
                told.push(room.clone());
            }
            !is_old
        });
        told
    }
}

impl Fleet {
    /// A start has failed that this Jibri had taken, in a room that no other has recorded since.
    pub(super) fn has_failed(
        &mut self,
        name: &JibriName,
        room: &RoomJid,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        match self.doubts.failed(room, name, self.sight.wedged_after, now) {
            Suspect::RoomAsBefore => return,
            Suspect::Room(name) => {
                for (other, jibri) in &mut self.jibris {
                    if jibri.streak.forgive(room) {
                        self.dirty.insert(other.clone());
                    }
                }
                self.doubts.tells(room);
                effects.push(Effect::Tell(Event::RoomAtFault { room: room.clone(), name }));
                return;
            }
            Suspect::Either(suspect, count) => {
                self.change(&suspect, |jibri| jibri.streak.doubt(room, count));
                if self.doubts.tells(room) {
                    let (room, name) = (room.clone(), suspect);
                    effects.push(Effect::Tell(Event::JibriOrRoom { room, name, count }));
                }
            }
            Suspect::Nobody => {}
        }
        self.change(name, |jibri| jibri.streak.session_failed(now, room, false));
    }

    /// A room has been recorded for a while.
    pub(super) fn is_settled(&mut self, room: &RoomJid, effects: &mut Vec<Effect>) {
        if let Some(how) = self.doubts.recorded(room) {
            effects.push(Effect::Tell(Event::RoomSettled { room: room.clone(), how }));
        }
    }

    /// Doubts that are too old.
    pub(super) fn forget_doubts(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let how = Settled::Forgotten;
        let old = self.doubts.age(now).into_iter();
        effects.extend(old.map(|room| Effect::Tell(Event::RoomSettled { room, how: how.clone() })));
    }

    /// No recorder gets into this room, whichever Jibri it comes from.
    pub fn is_at_fault(&self, room: &RoomJid) -> bool {
        self.doubts.is_at_fault(room)
    }
}
