//! Which Jibri serves which room: known, or one of several, or not known; never guessed.
//!
//! Jicofo does not tell. What it does shows: the Jibri it has chosen turns busy between the start and a moment
//! after its acceptance. One that did so while no other did is it. With several starts under way the same
//! Jibri is a candidate for each, until one of them is decided and it is struck from the others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::jibri::Appearance;
use crate::address::RoomJid;
use crate::jibri::JibriName;
use crate::meeting::{Ended, StartFailure};
use crate::schedule::Schedule;
use crate::time::Time;

/// How much later than the answer the presence of its Jibri may come, and any other news than its cause.
pub(super) const LAG: Duration = Duration::from_secs(3);
/// A recording that was on for so long counts as one; the meetings think the same.
const LASTING: Duration = Duration::from_secs(60);
/// How long after "all busy" an idle Jibri has to stay idle: whoever was selected just then has launched Chrome
/// or is given up by Jicofo within 15 s (docs/jitsi.md 2), and shows busy a moment later.
const LAUNCH: Duration = Duration::from_secs(20);
/// Among more candidates than this nobody finds the one.
const CANDIDATES: usize = 16;
/// Answers waiting for what they prove; a flood of them proves nothing new.
const ANSWERS: usize = 256;

/// What follows for a Jibri, or for the reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It serves this room.
    Serves { name: JibriName, room: RoomJid },
    /// It does not serve any room that we know of.
    Freed { name: JibriName },
    /// It took the start for this room and was idle again `at`, before it ever recorded. `proven`: another did.
    Fell { name: JibriName, room: RoomJid, at: Time, proven: bool },
    /// The start it has taken has failed; if it is idle soon, that was its failure.
    Falling { name: JibriName, room: RoomJid },
    /// It recorded for a moment only.
    Late { name: JibriName, room: RoomJid },
    /// It records, and has done so for a while.
    Works { name: JibriName, room: RoomJid },
    /// The Jibri that serves the room has stopped, or is not well.
    Look { room: RoomJid, gone: bool },
    /// Nothing has been heard of a start for a while; Jicofo may know.
    Ask,
}

/// Who serves a room, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving<'a> {
    /// This one.
    Known(&'a JibriName),
    /// One of these, or one that somebody else has started meanwhile.
    OneOf(&'a BTreeSet<JibriName>),
    /// Nobody, or nobody knows.
    Unknown,
}

/// An answer "none could be used", to be weighed once what was under way has shown itself.
#[derive(Debug)]
pub(super) struct NoneUsable {
    pub(super) room: RoomJid,
    pub(super) why: StartFailure,
    pub(super) sent: Time,
    pub(super) answered: Time,
}

/// One room's start, and what it has led to.
#[derive(Debug)]
struct Session {
    /// None for a recording that somebody else has started.
    sent: Option<Time>,
    accepted: bool,
    on: Option<Time>,
    decided: bool,
    /// Those that turned busy for it, perhaps.
    candidates: BTreeSet<JibriName>,
    /// The only candidate was idle again then, before it could be decided: still the one that took it.
    left: Option<Time>,
    jibri: Option<JibriName>,
    /// Those that served it and became idle again before it was on, and when.
    dropped: BTreeMap<JibriName, Time>,
    /// Not everything could be seen, or somebody else's start was under way: nobody is to blame.
    doubtful: bool,
    /// It was told that nobody was selected for it.
    told: bool,
}

impl Session {
    fn new(sent: Option<Time>, doubtful: bool) -> Self {
        Self {
            sent,
            accepted: false,
            on: None,
            decided: sent.is_none(),
            candidates: BTreeSet::new(),
            left: None,
            jibri: None,
            dropped: BTreeMap::new(),
            doubtful,
            told: false,
        }
    }

    /// A start of which nothing has been heard.
    fn is_unanswered(&self) -> bool {
        self.sent.is_some() && !self.accepted && self.on.is_none()
    }
}

/// What the time comes for, in this order where it is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Then {
    /// The recording was on for so long that it counts as one.
    Lasting,
    /// Nothing was heard of the start for a while.
    Ask,
    /// Which of the candidates it is can be said, or never will.
    Decide,
}

impl Then {
    const ALL: [Self; 3] = [Self::Lasting, Self::Ask, Self::Decide];
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    rooms: BTreeMap<RoomJid, Session>,
    deadlines: Schedule<(RoomJid, Then)>,
    answers: VecDeque<NoneUsable>,
}

impl Sessions {
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let answer = self.answers.front().map(|answer| answer.answered.after(LAUNCH));
        self.deadlines.next().into_iter().chain(answer).min()
    }

    /// Starts that have no Jibri yet.
    pub(super) fn starting(&self) -> usize {
        let is_starting = |s: &&Session| {
            s.sent.is_some() && !s.accepted && s.on.is_none() && s.jibri.is_none() && s.candidates.is_empty()
        };
        self.rooms.values().filter(is_starting).count()
    }

    /// Who serves a room.
    pub(super) fn serving(&self, room: &RoomJid) -> Serving<'_> {
        match self.rooms.get(room) {
            Some(Session { jibri: Some(name), .. }) => Serving::Known(name),
            Some(session) if !session.candidates.is_empty() => Serving::OneOf(&session.candidates),
            _ => Serving::Unknown,
        }
    }

    /// When the start of a room was sent, if we have sent it.
    pub(super) fn sent_at(&self, room: &RoomJid) -> Option<Time> {
        self.rooms.get(room)?.sent
    }

    /// It is a fact that this one serves the room.
    pub(super) fn is_served_by(&mut self, room: &RoomJid, name: &JibriName) -> Vec<Mark> {
        let Some(session) = self.rooms.get_mut(room) else { return Vec::new() };
        if session.jibri.as_ref() == Some(name) {
            return Vec::new();
        }
        session.decided = true;
        session.candidates.clear();
        self.deadlines.clear(&(room.clone(), Then::Decide));
        let before = session.jibri.replace(name.clone()).map(|name| Mark::Freed { name });
        // Whoever is known to serve this room serves no other.
        for (other, session) in &mut self.rooms {
            session.candidates.remove(name);
            if other != room {
                session.jibri.take_if(|jibri| jibri == name);
            }
        }
        let serves = Mark::Serves { name: name.clone(), room: room.clone() };
        before.into_iter().chain([serves]).collect()
    }

    /// A room is recorded, or about to be, by one that we do not know.
    pub(super) fn has_unknown(&self) -> bool {
        self.rooms.values().any(|session| session.jibri.is_none())
    }

    /// What Jicofo has answered so far says nothing of Jibris.
    pub(super) fn forget_answers(&mut self) {
        self.answers.clear();
    }

    /// A recording is on.
    pub(super) fn is_any_on(&self) -> bool {
        self.rooms.values().any(|session| session.on.is_some())
    }

    /// A start is under way, and the Jibri that it has, or is about to have, is not known.
    pub(super) fn may_take_any(&self) -> bool {
        self.rooms.values().any(|s| s.sent.is_some() && s.on.is_none() && s.jibri.is_none())
    }

    /// The only room in which a start is under way.
    pub(super) fn only_start(&self) -> Option<RoomJid> {
        let mut open = self.rooms.iter().filter(|(_, s)| s.sent.is_some() && s.on.is_none());
        let (room, _) = open.next()?;
        open.next().is_none().then(|| room.clone())
    }

    /// Nothing that turns busy from now on can be told from what turned busy unseen.
    pub(super) fn blinded(&mut self) {
        for (room, session) in &mut self.rooms {
            session.doubtful = true;
            session.candidates.clear();
            session.decided = true;
            self.deadlines.clear(&(room.clone(), Then::Decide));
        }
        self.answers.clear();
    }

    pub(super) fn sent(&mut self, room: &RoomJid, now: Time, is_blind: bool) -> Vec<Mark> {
        let marks = self.forget(room);
        let mut session = Session::new(Some(now), is_blind);
        session.decided = is_blind;
        self.deadlines.set(&(room.clone(), Then::Ask), now.after(LAG));
        self.rooms.insert(room.clone(), session);
        marks
    }

    pub(super) fn accepted(&mut self, room: &RoomJid, now: Time) {
        if let Some(session) = self.rooms.get_mut(room)
            && session.on.is_none()
        {
            session.accepted = true;
            if !session.decided {
                self.deadlines.set(&(room.clone(), Then::Decide), now.after(LAG));
            }
        }
    }

    pub(super) fn on(&mut self, room: &RoomJid, now: Time) {
        let is_ours = self.rooms.get(room).is_some_and(|session| session.sent.is_some());
        if !is_ours {
            // Somebody else's: what turned busy may have done so for this room.
            for session in self.rooms.values_mut().filter(|session| session.on.is_none()) {
                session.doubtful = true;
            }
        }
        let session = self.rooms.entry(room.clone()).or_insert_with(|| Session::new(None, true));
        session.on = Some(now);
        self.deadlines.set(&(room.clone(), Then::Lasting), now.after(LASTING));
        let decision = (room.clone(), Then::Decide);
        if !session.decided && !self.deadlines.has(&decision) {
            self.deadlines.set(&decision, now.after(LAG));
        }
    }

    pub(super) fn failed(&mut self, room: &RoomJid, why: StartFailure, people: bool, now: Time) -> Vec<Mark> {
        use StartFailure as F;
        let Some(session) = self.rooms.get(room) else { return Vec::new() };
        let mut marks = Vec::new();
        if let Some(sent) = session.sent.filter(|_| session.on.is_none()) {
            match why {
                F::AllBusy | F::NoJibri | F::SeveralFailed => {
                    if !session.doubtful && self.answers.len() < ANSWERS {
                        let room = room.clone();
                        self.answers.push_back(NoneUsable { room, why, sent, answered: now });
                    }
                }
                // These say that a Jibri had it and did not get there. "Ended before on" is Jicofo's pending
                // timeout, or the closing of a conference in which nobody is left.
                F::Failed | F::PendingTimeout | F::EndedBeforeOn if people && !session.doubtful => {
                    for (name, at) in &session.dropped {
                        let (name, room) = (name.clone(), room.clone());
                        marks.push(Mark::Fell { name, room, at: *at, proven: false });
                    }
                    // It may have failed before it was decided whose it is; then one that took it alone is it.
                    let only = session.candidates.first().filter(|_| session.candidates.len() == 1);
                    let name = session.jibri.as_ref().or(only.filter(|_| session.accepted)).cloned();
                    marks.extend(name.map(|name| match session.left {
                        Some(at) => Mark::Fell { name, room: room.clone(), at, proven: false },
                        None => Mark::Falling { name, room: room.clone() },
                    }));
                }
                // The reason is the room, our place in it, or Jicofo.
                // No answer at all is Jicofo's failure: it gives up on each Jibri after 15 s
                // (docs/jitsi.md 2).
                F::Failed
                | F::PendingTimeout
                | F::FocusError
                | F::NotKnownYet
                | F::NoRecorder
                | F::NoFocus
                | F::NoRoom
                | F::NotInside
                | F::NoAnswer
                | F::NoSign
                | F::NotTaken
                | F::SenderLeft
                | F::SpeakerGone
                | F::CompanionBusy
                | F::EndedBeforeOn
                | F::Vanished
                | F::Unknown => {}
            }
        }
        marks.extend(self.forget(room));
        marks
    }

    /// The start is over, and nobody is to blame.
    pub(super) fn over(&mut self, room: &RoomJid) -> Vec<Mark> {
        let is_start = self.rooms.get(room).is_some_and(|session| session.on.is_none());
        if is_start { self.forget(room) } else { Vec::new() }
    }

    pub(super) fn ended(&mut self, room: &RoomJid, how: &Ended, people: bool, now: Time) -> Vec<Mark> {
        let Some(session) = self.rooms.get(room) else { return Vec::new() };
        let was_short = session.on.is_some_and(|on| now.since(on) < LASTING);
        let mut marks = Vec::new();
        if *how == Ended::Failed
            && was_short
            && people
            && !session.doubtful
            && let Some(name) = session.jibri.clone()
        {
            marks.push(Mark::Late { name, room: room.clone() });
        }
        marks.extend(self.forget(room));
        marks
    }

    fn forget(&mut self, room: &RoomJid) -> Vec<Mark> {
        let Some(session) = self.rooms.remove(room) else { return Vec::new() };
        for then in Then::ALL {
            self.deadlines.clear(&(room.clone(), then));
        }
        session.jibri.map(|name| Mark::Freed { name }).into_iter().collect()
    }

    /// Rooms for whose start Jicofo has selected nobody, each told once. `steady`: since when it has answered
    /// each time; `selected`: when it was last seen to have selected somebody.
    pub(super) fn not_taken(&mut self, steady: Time, selected: Option<Time>, now: Time) -> Vec<RoomJid> {
        let mut rooms = Vec::new();
        for (room, session) in &mut self.rooms {
            let Some(sent) = session.sent.filter(|_| session.is_unanswered()) else {
                continue;
            };
            let is_long_ago = sent.after(LAG) <= now && steady.after(LAG) <= sent;
            if is_long_ago
                && selected.is_none_or(|at| at < sent)
                && !std::mem::replace(&mut session.told, true)
            {
                rooms.push(room.clone());
            }
        }
        rooms
    }

    /// A Jibri that was idle is busy: for one of the starts that have none yet, or for somebody else's.
    pub(super) fn turned_busy(&mut self, name: &JibriName) {
        for session in self.rooms.values_mut().filter(|session| !session.decided) {
            let is_back = session.left.is_some() && session.candidates.contains(name);
            if is_back || session.candidates.len() >= CANDIDATES {
                session.doubtful = true;
            } else {
                session.candidates.insert(name.clone());
            }
        }
    }

    /// It is not busy any more: rooms that it was one of several candidates for cannot be decided, for what it
    /// is busy with next is something else.
    /// Nothing is decided against anybody by that, but its room may have lost its recording, and is looked at.
    pub(super) fn left_work(&mut self, name: &JibriName, is_idle: bool, now: Time) -> Vec<Mark> {
        let mut marks = Vec::new();
        for (room, session) in &mut self.rooms {
            if session.candidates.contains(name) {
                marks.push(Mark::Look { room: room.clone(), gone: false });
                if is_idle && !session.decided && session.left.is_none() && session.candidates.len() == 1 {
                    session.left = Some(now);
                    continue;
                }
                session.candidates.clear();
                session.decided = true;
                session.doubtful = true;
            }
        }
        marks
    }

    /// The Jibri that serves this room is not busy any more.
    pub(super) fn stopped(
        &mut self,
        name: &JibriName,
        room: &RoomJid,
        looks: Appearance,
        now: Time,
    ) -> Vec<Mark> {
        let Some(session) = self.rooms.get_mut(room) else { return Vec::new() };
        if session.jibri.as_ref() != Some(name) {
            return Vec::new();
        }
        let mut marks = vec![Mark::Look { room: room.clone(), gone: looks == Appearance::Absent }];
        // One that is unwell may still be recording.
        if looks == Appearance::Unwell {
            return marks;
        }
        session.jibri = None;
        if session.on.is_none() {
            // Jicofo silently tries another under the same session (docs/jitsi.md 2).
            session.candidates.clear();
            session.decided = session.doubtful;
            self.deadlines.clear(&(room.clone(), Then::Decide));
            if looks == Appearance::Idle {
                session.dropped.insert(name.clone(), now);
            }
        }
        marks.push(Mark::Freed { name: name.clone() });
        marks
    }

    /// Decides what the time has come for. `looks`: what a Jibri looks like right now.
    pub(super) fn due(&mut self, now: Time, looks: impl Fn(&JibriName) -> Appearance) -> Vec<Mark> {
        let mut marks = Vec::new();
        while let Some((room, then)) = self.deadlines.pop_due(now) {
            match then {
                Then::Lasting => self.lasts(room, &looks, &mut marks),
                Then::Ask => {
                    marks.extend(self.rooms.get(&room).filter(|s| s.is_unanswered()).map(|_| Mark::Ask))
                }
                Then::Decide => self.decide(&room, now, &looks, &mut marks),
            }
        }
        marks
    }

    /// The recording of a room has been on for a while.
    fn lasts(&mut self, room: RoomJid, looks: &impl Fn(&JibriName) -> Appearance, marks: &mut Vec<Mark>) {
        let Some(session) = self.rooms.get_mut(&room) else { return };
        let Some(name) = session.jibri.clone().filter(|name| looks(name) == Appearance::Busy) else { return };
        for (dropped, at) in std::mem::take(&mut session.dropped) {
            if dropped != name && !session.doubtful {
                marks.push(Mark::Fell { name: dropped, room: room.clone(), at, proven: true });
            }
        }
        marks.push(Mark::Works { name, room });
    }

    /// Decides for one room, and for those that this leaves with one candidate.
    fn decide(
        &mut self,
        room: &RoomJid,
        now: Time,
        looks: &impl Fn(&JibriName) -> Appearance,
        marks: &mut Vec<Mark>,
    ) {
        let mut rooms = vec![room.clone()];
        while let Some(room) = rooms.pop() {
            let Some(session) = self.rooms.get_mut(&room) else { continue };
            session.decided = true;
            self.deadlines.clear(&(room.clone(), Then::Decide));
            if session.jibri.is_some() || session.doubtful || session.candidates.len() != 1 {
                continue;
            }
            let Some(name) = session.candidates.pop_first() else { continue };
            session.jibri = Some(name.clone());
            marks.push(Mark::Serves { name: name.clone(), room: room.clone() });
            for (other, session) in &mut self.rooms {
                if session.candidates.remove(&name) && session.decided {
                    rooms.push(other.clone());
                }
            }
            let looks = looks(&name);
            if looks != Appearance::Busy {
                marks.extend(self.stopped(&name, &room, looks, now));
            }
        }
    }

    /// The next answer whose time has come.
    pub(super) fn next_answer(&mut self, now: Time) -> Option<NoneUsable> {
        let is_due = self.answers.front().is_some_and(|answer| answer.answered.after(LAUNCH) <= now);
        is_due.then(|| self.answers.pop_front()).flatten()
    }
}
