//! Whether the Jibri whose recorder is in a meeting really records it: a seat may outlive its Jibri, Jicofo may have moved
//! the session to another one, and neither says so (docs/jitsi.md 13.2.4, 13.2.6, 13.2.12).
//!
//! Whose recorders are there is a fact where Jicofo's REST, or a recorder inside, tells; else it is who was seen to take the
//! start. What that Jibri does is its own word, or what the brewery shows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::event::{Effect, Event};
use super::jibri::{Appearance, Coverage, Jibri};
use super::orphans::{Orphans, Seats};
use super::{Fleet, Mark, STRANGERS};
use crate::address::{Nick, RoomJid};
use crate::doubling::doubled;
use crate::jibri::{Busy, Contradiction, JibriName, RecordedBy, Seat};
use crate::meeting::SessionId;
use crate::schedule::Schedule;
use crate::time::Time;

/// One that has said for so long that it is idle is not about to show that it is busy.
pub(super) const IDLE_FOR: Duration = Duration::from_secs(3);
/// The same where two sources say so, one after the other: it may be chosen for another meeting before three seconds are over.
const AGREED_FOR: Duration = Duration::from_secs(1);
/// Whoever was busy for so long before somebody else's recording was seen is not its Jibri.
const BEFORE: Duration = Duration::from_secs(120);
/// Until a recording is proven Jicofo is asked whose recorders are there: so soon again, doubled each time, up to this.
const ASK_AGAIN: Duration = Duration::from_secs(2);
const ASK_LONGEST: Duration = Duration::from_secs(60);
/// Between the first refusal of a health port and the one that counts; a ping has as long for its answer.
const REFUSED_FOR: Duration = Duration::from_millis(450);
/// Prosody keeps a dead stream for so long before it shows that a Jibri is gone, and a Jibri may take as long to notice that
/// its Chrome is (docs/jitsi.md 13.2.4, 13.2.12).
const KEPT: Duration = Duration::from_secs(15);
/// From a Jibri's `busy` until it records (docs/jitsi.md 13).
const LOADS: Duration = Duration::from_secs(5);
/// The recorder of one that has turned busy is in the room by then.
const JOINS_WITHIN: Duration = Duration::from_secs(30);
/// When a recording is on its recorder is there, or is there again after a move by then.
const NOBODY_FOR: Duration = Duration::from_secs(25);
/// A session that goes on without its Jibri shows another one by then, or never does.
const MOVES_WITHIN: Duration = Duration::from_secs(180);

/// What one Jibri says of itself, or what shows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Word {
    /// It cannot be said, or not yet.
    #[default]
    Unknown,
    /// It is alive and at work.
    Works,
    /// It has been idle for [`IDLE_FOR`].
    Idle,
    /// It is not there.
    Gone,
    /// Its process is gone, and the brewery does not show it yet.
    Dead,
}

/// A meeting that is said to be recorded.
#[derive(Debug)]
struct Recorded {
    session: Option<SessionId>,
    /// Only a recorder stands for it: focus knows of none.
    is_denied: bool,
    /// Who was busy before this is not its Jibri.
    from: Time,
    /// Who was seen to take the start.
    by: Option<JibriName>,
    /// Whose recorders are there, as a fact, and since when that is known.
    seats: Option<(Time, Seats)>,
    /// Since when Jicofo lists none there, while it has listed none at all.
    nobody_since: Option<Time>,
    /// Whose recorder was listed there and is not any more, and since when: that none is there is a fact as well then.
    left: Option<(JibriName, Time)>,
    told: RecordedBy,
    /// The last one that did record it, and since when it does not.
    worked: Option<JibriName>,
    lost: Option<Time>,
    /// How often Jicofo was asked without proof.
    asked: u32,
}

impl Recorded {
    fn seats(&self) -> impl Iterator<Item = (&Nick, &JibriName)> {
        self.seats.iter().flat_map(|(_, seats)| seats)
    }

    fn may_be_of(&self, name: &JibriName) -> bool {
        self.by.as_ref() == Some(name) || self.seats().any(|(_, of)| of == name)
    }
}

/// All meetings that are said to be recorded, and who records them.
#[derive(Debug, Default)]
pub(super) struct Witnesses {
    rooms: BTreeMap<RoomJid, Recorded>,
    /// Jicofo has listed a recorder somewhere, so that it lists none says something.
    does_list: bool,
    /// Recorders show the names by which Jibris are known: one of a name that nobody knows is a dead one's.
    do_names_match: bool,
    /// When Jicofo is to be asked whose recorders are there.
    ask: Schedule<RoomJid>,
    dirty: BTreeSet<RoomJid>,
    words: BTreeMap<JibriName, (Word, Time)>,
    /// Those that are asked closely.
    closely: BTreeSet<JibriName>,
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
        if let Some(recorded) = self.rooms.get_mut(room).filter(|recorded| recorded.session == session) {
            // It is told once more, and whoever is told has forgotten what was known.
            (recorded.told, recorded.asked) = (RecordedBy::Unknown, 0);
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

    /// Whether focus, which was heard, knows of no recording there.
    pub(super) fn is_denied(&mut self, room: &RoomJid, is_denied: bool) {
        if let Some(recorded) = self.rooms.get_mut(room) {
            recorded.is_denied = is_denied;
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
        self.orphans.listed(room, &seats);
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
    fn living<'a>(&self, room: &RoomJid, recorded: &'a Recorded) -> impl Iterator<Item = &'a JibriName> {
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
        let is_denied = |r: &Recorded| r.is_denied;
        let is_denied_here = self.rooms.get(room).is_some_and(is_denied);
        // Where another one works, its seat is a dead one; so it is where focus knows of no recording, rather than where it may.
        let needs = |r: &Recorded| {
            !matches!(&r.told, RecordedBy::Works(other) if other != name) && (is_denied_here || !r.is_denied)
        };
        let sits = |other: &RoomJid, r: &Recorded| self.living(other, r).any(|of| of == name);
        self.rooms.iter().any(|(other, r)| other != room && needs(r) && sits(other, r))
    }
}

impl Jibri {
    /// What it says of itself, or what shows of it. A webhook's word is anybody's.
    pub(super) fn word(&self, sight: Coverage, now: Time) -> Word {
        let is_seen = sight.brewery.is_some() || sight.detector;
        if self.is_twins() {
            return Word::Unknown;
        }
        if self.is_dead {
            return Word::Dead;
        }
        // Jicofo's list may be empty because it has lost the brewery: what the Jibri itself says outweighs that.
        if self.looks == Appearance::Absent && (sight.brewery.is_some() || !self.port_answers()) {
            return Word::Gone;
        }
        let shown = self.primary(sight).filter(|_| is_seen).map(|(_, _, since)| since);
        match self.port.filter(|port| shown.is_none_or(|since| port.at >= since)) {
            Some(port) if port.report.busy == Busy::Busy => Word::Works,
            Some(port) if port.report.busy == Busy::Idle => {
                let since = shown.map_or(port.since, |shown| shown.max(port.since));
                let is_shown = self.looks == Appearance::Idle && shown.is_some();
                let lasts = if is_shown { AGREED_FOR } else { IDLE_FOR };
                // The brewery would show at once that it is not any more.
                let is_shown_still = is_shown && now.since(self.looks_since.max(since)) >= IDLE_FOR;
                if port.at.since(since) >= lasts || is_shown_still { Word::Idle } else { Word::Unknown }
            }
            Some(_) => Word::Unknown,
            None if !is_seen => Word::Unknown,
            None => match self.looks {
                Appearance::Busy => Word::Works,
                Appearance::Idle if now.since(self.looks_since) >= IDLE_FOR => Word::Idle,
                _ => Word::Unknown,
            },
        }
    }

    /// When that may be another one by the time alone.
    pub(super) fn word_deadline(&self, now: Time) -> Option<Time> {
        let at = self.looks_since.after(IDLE_FOR);
        (self.looks == Appearance::Idle && now < at).then_some(at)
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
        let is_free_for_it = |name: &JibriName| {
            let serves = self.jibris.get(name).and_then(|jibri| jibri.serving.as_ref());
            serves.is_none_or(|other| other == room) && !self.witnesses.orphans.has(room, name)
        };
        let works = |name: &JibriName| self.witnesses.word(name).0 == Word::Works;
        let mut working = names.iter().filter(|name| works(name) && is_free_for_it(name));
        let only = working.next().filter(|_| working.next().is_none()).cloned();
        self.witnesses.seated(room, seats, listed, now);
        let only =
            only.filter(|_| !self.witnesses.rooms.get(room).is_some_and(|recorded| recorded.is_denied));
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

    /// Those that record a meeting are asked closely.
    fn ask_closely(&mut self, effects: &mut Vec<Effect>) {
        let works = |recorded: &Recorded| match &recorded.told {
            RecordedBy::Works(name) => Some(name.clone()),
            _ => None,
        };
        let now_closely: BTreeSet<JibriName> = self.witnesses.rooms.values().filter_map(works).collect();
        let before = std::mem::replace(&mut self.witnesses.closely, now_closely);
        for name in before.symmetric_difference(&self.witnesses.closely) {
            let closely = !before.contains(name);
            effects.push(Effect::AskClosely { name: name.clone(), closely });
        }
    }

    /// The health port of one that records refuses connections. That twice, half a second apart, while it answers no ping and
    /// the ports of others answer, means that its process is gone: 15 s before the brewery shows it (docs/jitsi.md 13.2.12).
    pub(super) fn refused(&mut self, name: &JibriName, now: Time, effects: &mut Vec<Effect>) {
        let lately = self.sight.interval.saturating_add(IDLE_FOR);
        let answers = |jibri: &Jibri| jibri.port.is_some_and(|port| now.since(port.at) <= lately);
        let is_open = self.jibris.iter().any(|(other, jibri)| other != name && answers(jibri));
        if !self.witnesses.closely.contains(name) || self.sight.brewery.is_none() {
            return;
        }
        let Some(jibri) = self.jibris.get_mut(name).filter(|jibri| jibri.ping_reach.ever) else { return };
        match jibri.refused {
            None => {
                jibri.refused = Some((now, false));
                effects.push(Effect::Ping { name: name.clone() });
            }
            Some((since, false)) if is_open && now.since(since) >= REFUSED_FOR && !jibri.is_dead => {
                jibri.is_dead = true;
                self.dirty.insert(name.clone());
            }
            Some(_) => {}
        }
    }

    /// The seats of those who say, later than their seats were listed, that they are idle.
    fn seats_of_the_idle(&self, recorded: &Recorded) -> Seats {
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

    fn recorded_by(&self, room: &RoomJid, recorded: &Recorded, now: Time) -> RecordedBy {
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
    fn moved(&mut self, room: &RoomJid, recorded_by: &RecordedBy, now: Time) -> Option<Effect> {
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
