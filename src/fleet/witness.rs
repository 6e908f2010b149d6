//! Whether the Jibri whose recorder is in a meeting really records it: a seat may outlive its Jibri, Jicofo may have moved
//! the session to another one, and neither says so (docs/jitsi.md 13.2.4, 13.2.6, 13.2.12).
//!
//! Whose recorders are there is a fact where Jicofo's REST, or a recorder inside, tells; else it is who was seen to take the
//! start. What that Jibri does is its own word, or what the brewery shows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::event::Effect;
use super::orphans::{Orphans, Seats};
use super::word::Word;
use super::{Fleet, Mark};
use crate::address::{Nick, RoomJid};
use crate::doubling::doubled;
use crate::jibri::{Contradiction, JibriName, RecordedBy, Seat};
use crate::meeting::{Ended, SessionId};
use crate::schedule::Schedule;
use crate::time::Time;

/// Whoever was busy for so long before somebody else's recording was seen is not its Jibri.
const BEFORE: Duration = Duration::from_secs(120);
/// Until a recording is proven Jicofo is asked whose recorders are there: so soon again, doubled each time, up to this.
const ASK_AGAIN: Duration = Duration::from_secs(2);
const ASK_LONGEST: Duration = Duration::from_secs(60);
/// The recorder of one that has turned busy is in the room by then.
pub(super) const JOINS_WITHIN: Duration = Duration::from_secs(30);
/// A session that goes on without its Jibri shows another one by then, or never does.
const MOVES_WITHIN: Duration = Duration::from_secs(180);

/// A meeting that is said to be recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) session: Option<SessionId>,
    /// Only a recorder stands for it: focus knows of none.
    pub(super) is_denied: bool,
    /// Who was busy before this is not its Jibri.
    pub(super) from: Time,
    /// Who was seen to take the start.
    pub(super) by: Option<JibriName>,
    /// Whose recorders are there, as a fact, and since when that is known.
    pub(super) seats: Option<(Time, Seats)>,
    /// Since when Jicofo lists none there, while it has listed none at all.
    pub(super) nobody_since: Option<Time>,
    /// Whose recorder was listed there and is not any more, and since when: that none is there is a fact as well then.
    pub(super) left: Option<(JibriName, Time)>,
    pub(super) told: RecordedBy,
    /// The last one that did record it, and since when it does not.
    pub(super) worked: Option<JibriName>,
    pub(super) lost: Option<Time>,
    /// How often Jicofo was asked without proof.
    pub(super) asked: u32,
}

impl Recorded {
    pub(super) fn seats(&self) -> impl Iterator<Item = (&Nick, &JibriName)> {
        self.seats.iter().flat_map(|(_, seats)| seats)
    }

    fn may_be_of(&self, name: &JibriName) -> bool {
        self.by.as_ref() == Some(name) || self.seats().any(|(_, of)| of == name)
    }
}

/// All meetings that are said to be recorded, and who records them.
#[derive(Debug, Default)]
pub(super) struct Witnesses {
    pub(super) rooms: BTreeMap<RoomJid, Recorded>,
    /// Jicofo has listed a recorder somewhere, so that it lists none says something.
    pub(super) does_list: bool,
    /// Recorders show the names by which Jibris are known: one of a name that nobody knows is a dead one's.
    pub(super) do_names_match: bool,
    /// When Jicofo is to be asked whose recorders are there.
    ask: Schedule<RoomJid>,
    dirty: BTreeSet<RoomJid>,
    words: BTreeMap<JibriName, (Word, Time)>,
    /// Those that are asked closely.
    pub(super) closely: BTreeSet<JibriName>,
    /// Sessions that had lost their Jibri when their recording was given up: whose, and since when.
    lost: BTreeMap<RoomJid, (SessionId, JibriName, Time)>,
    pub(super) orphans: Orphans,
}

impl Witnesses {
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.ask.next()
    }

    /// A recording is on. `sent`: when its start was, if we have sent it; `by`: who has taken it, as far as is known.
    pub(super) fn on(
        &mut self,
        room: &RoomJid,
        session: Option<SessionId>,
        sent: Option<Time>,
        by: Option<JibriName>,
        now: Time,
    ) {
        self.ask.set(room, now);
        self.dirty.insert(room.clone());
        // From outside a session has no name, until somebody has been inside.
        let is_it = |recorded: &&mut Recorded| recorded.session.is_none() || recorded.session == session;
        if let Some(recorded) = self.rooms.get_mut(room).filter(is_it) {
            // It is told once more, and whoever is told has forgotten what was known.
            (recorded.told, recorded.asked) = (RecordedBy::Unknown, 0);
            recorded.session = session;
            return;
        }
        self.lost.retain(|_, (_, _, at)| now.since(*at) < MOVES_WITHIN);
        let former = self.lost.remove(room).filter(|(lost, _, _)| session.as_ref() == Some(lost));
        let (worked, lost) = former.map(|(_, name, at)| (name, at)).unzip();
        let recorded = Recorded {
            session,
            is_denied: false,
            from: lost.map(|at| at.before(JOINS_WITHIN)).or(sent).unwrap_or_else(|| now.before(BEFORE)),
            by,
            seats: None,
            nobody_since: None,
            left: None,
            told: RecordedBy::Unknown,
            worked,
            lost,
            asked: 0,
        };
        self.rooms.insert(room.clone(), recorded);
    }

    /// Focus was heard, and knows of no recording there.
    fn is_denied(&self, room: &RoomJid) -> bool {
        self.rooms.get(room).is_some_and(|recorded| recorded.is_denied)
    }

    /// Whether focus, which was heard, knows of no recording there.
    pub(super) fn deny(&mut self, room: &RoomJid, is_denied: bool) {
        if let Some(recorded) = self.rooms.get_mut(room) {
            recorded.is_denied = is_denied;
        }
    }

    /// Where focus says that its session is over, nothing is recorded any more from the seats that are there, and may stay for
    /// good. Another session has another page, under another nickname.
    pub(super) fn is_ended(&mut self, room: &RoomJid, how: &Ended) {
        let is_said = matches!(how, Ended::ByPerson(_) | Ended::ByUs | Ended::Failed | Ended::Naturally);
        if is_said
            && let Some((_, seats)) = self.rooms.get_mut(room).and_then(|recorded| recorded.seats.take())
        {
            self.orphans.add(room, seats);
        }
    }

    /// It is over, or not known to be on any more.
    pub(super) fn over(&mut self, room: &RoomJid, now: Time) {
        self.ask.clear(room);
        self.dirty.insert(room.clone());
        let Some(recorded) = self.rooms.remove(room) else { return };
        if let (Some(session), Some(name)) = (recorded.session, recorded.worked) {
            let at = recorded.lost.unwrap_or(now);
            self.lost.insert(room.clone(), (session, name, at));
        }
    }

    /// This one was seen to take its start.
    pub(super) fn taken_by(&mut self, room: &RoomJid, name: &JibriName) {
        if let Some(recorded) = self.rooms.get_mut(room) {
            recorded.by = Some(name.clone());
            self.dirty.insert(room.clone());
        }
        // Where its recorder is otherwise, it records no more.
        let others = self.rooms.iter().filter(|(_, recorded)| recorded.may_be_of(name));
        self.dirty.extend(others.map(|(other, _)| other.clone()));
    }

    /// These have a recorder there, as a fact.
    fn seated(&mut self, room: &RoomJid, seats: Seats, listed: bool, now: Time) {
        self.does_list |= listed && !seats.is_empty();
        if let Some(recorded) = self.rooms.get_mut(room) {
            let is_none = seats.is_empty() && (listed || recorded.nobody_since.is_some());
            recorded.nobody_since = is_none.then(|| recorded.nobody_since.unwrap_or(now));
            let last = recorded.seats.take().and_then(|(_, before)| before.into_values().next());
            if seats.is_empty() {
                recorded.left = recorded.left.take().or(last.map(|name| (name, now)));
            } else {
                (recorded.left, recorded.seats) = (None, Some((now, seats)));
            }
            self.dirty.insert(room.clone());
            self.denied_are_doubtful();
        }
    }

    /// Where focus knows of no recording, a seat of the same Jibri elsewhere says that nothing is recorded.
    fn denied_are_doubtful(&mut self) {
        let denied = self.rooms.iter().filter(|(_, recorded)| recorded.is_denied);
        self.dirty.extend(denied.map(|(room, _)| room.clone()));
    }

    /// It turns idle: from whatever seats it has had nothing is recorded any more.
    pub(super) fn is_idle(&mut self, name: &JibriName) {
        for (room, recorded) in &self.rooms {
            let its = recorded.seats().filter(|(_, of)| *of == name);
            self.orphans.add(room, its.map(|(nick, of)| (nick.clone(), of.clone())).collect());
        }
    }

    /// Whose seats there may be recorded from.
    pub(super) fn living<'a>(
        &self,
        room: &RoomJid,
        recorded: &'a Recorded,
    ) -> impl Iterator<Item = &'a JibriName> {
        let seats = recorded.seats.iter().map(|(_, seats)| seats);
        seats.flat_map(|seats| self.orphans.living(room, seats))
    }

    /// What one says, or shows; where that is new, all whose recording it may be are looked at again.
    pub(super) fn hear(&mut self, name: &JibriName, word: Word, now: Time) {
        let before = self.words.insert(name.clone(), (word, now));
        if let Some((_, since)) = before.filter(|(before, _)| *before == word) {
            self.words.insert(name.clone(), (word, since));
            return;
        }
        for (room, recorded) in &mut self.rooms {
            let is_its = recorded.may_be_of(name);
            if is_its {
                recorded.asked = 0;
                self.ask.set(room, now);
            }
            if is_its || !matches!(recorded.told, RecordedBy::Works(_)) {
                self.dirty.insert(room.clone());
            }
        }
    }

    /// It is known no more.
    pub(super) fn forget(&mut self, name: &JibriName) {
        self.words.remove(name);
    }

    pub(super) fn word(&self, name: &JibriName) -> (Word, Time) {
        self.words.get(name).copied().unwrap_or_default()
    }

    pub(super) fn has_seat_elsewhere(&self, room: &RoomJid, name: &JibriName) -> bool {
        let is_denied_here = self.is_denied(room);
        // Where another one works, its seat is a dead one; so it is where focus knows of no recording, rather than where it may.
        let needs = |r: &Recorded| {
            !matches!(&r.told, RecordedBy::Works(other) if other != name) && (is_denied_here || !r.is_denied)
        };
        let sits = |other: &RoomJid, r: &Recorded| self.living(other, r).any(|of| of == name);
        self.rooms.iter().any(|(other, r)| other != room && needs(r) && sits(other, r))
    }
}

impl Fleet {
    /// Whose recorders are in a meeting, as a fact.
    pub(super) fn seated(&mut self, room: &RoomJid, seats: Vec<Seat>, listed: bool, now: Time) -> Vec<Mark> {
        // A recorder shows its Jibri's id, which need not be the name that the brewery knows it by.
        let name = |id: JibriName| self.ids.get(id.as_str()).cloned().unwrap_or(id);
        let is_same = |id: &JibriName| self.ids.get(id.as_str()).is_none_or(|name| name == id);
        let is_plain = |id: &JibriName| is_same(id) && self.jibris.contains_key(id);
        self.witnesses.do_names_match |= seats.iter().any(|seat| is_plain(&seat.jibri));
        let seats: Seats = seats.into_iter().map(|seat| (seat.nick, name(seat.jibri))).collect();
        let names: BTreeSet<JibriName> = seats.values().cloned().collect();
        self.ghosts.seated(room, names.iter(), now);
        // Whose dead seat has gone may be there anew.
        self.witnesses.orphans.listed(room, &seats);
        let is_free_for_it = |name: &JibriName| {
            let serves = self.jibris.get(name).and_then(|jibri| jibri.serving.as_ref());
            serves.is_none_or(|other| other == room) && !self.witnesses.orphans.has(room, name)
        };
        let works = |name: &JibriName| self.witnesses.word(name).0 == Word::Works;
        let mut working = names.iter().filter(|name| works(name) && is_free_for_it(name));
        let only = working.next().filter(|_| working.next().is_none()).cloned();
        self.witnesses.seated(room, seats, listed, now);
        let only = only.filter(|_| !self.witnesses.is_denied(room));
        only.map(|name| self.sessions.is_served_by(room, &name)).unwrap_or_default()
    }

    /// Tells the meetings what is new of those who record them.
    pub(super) fn testify(&mut self, now: Time, effects: &mut Vec<Effect>) {
        while let Some(room) = self.witnesses.ask.pop_due(now) {
            let Some(recorded) = self.witnesses.rooms.get_mut(&room) else { continue };
            let is_proven = matches!(recorded.told, RecordedBy::Works(_)) && recorded.seats.is_some();
            if !is_proven || recorded.asked == 0 {
                let pause = doubled(ASK_AGAIN, recorded.asked, ASK_LONGEST);
                recorded.asked = recorded.asked.saturating_add(1);
                self.witnesses.ask.set(&room, now.after(pause));
                effects.push(Effect::AskRecorders { room });
            }
        }
        let is_any = !self.witnesses.dirty.is_empty();
        while let Some(room) = self.witnesses.dirty.pop_first() {
            let Some(recorded) = self.witnesses.rooms.get(&room) else { continue };
            let orphans = self.seats_of_the_idle(recorded);
            self.witnesses.orphans.add(&room, orphans);
            let Some(recorded) = self.witnesses.rooms.get(&room) else { continue };
            let recorded_by = self.recorded_by(&room, recorded, now);
            if let RecordedBy::Against(_, Contradiction::Idle | Contradiction::Elsewhere) = recorded_by {
                let all = recorded.seats.as_ref().map(|(_, seats)| seats.clone()).unwrap_or_default();
                self.witnesses.orphans.add(&room, all);
            }
            let moved = self.moved(&room, &recorded_by, now);
            effects.extend(moved);
            let Some(recorded) = self.witnesses.rooms.get_mut(&room) else { continue };
            if recorded.told != recorded_by {
                recorded.told = recorded_by.clone();
                effects.push(Effect::RecordedBy { room, recorded_by });
            }
        }
        if is_any && self.sight.fast_failover {
            self.ask_closely(effects);
        }
    }
}
