//! What the core has been told of one room, kept a second time, with the truth about who is what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jibri_autostart::address::Nick;
use jibri_autostart::meeting::{
    Action, Answer, AttemptId, Condition, Departure, Input, ListError, Listed, Out, QueryId, RecordingStatus,
    Role, Roles, RoomEvent, SessionId,
};

use crate::link::us;
use crate::muc::Kind;
use crate::plan::{SEC, Terms, Us};
use crate::world::World;

#[derive(Debug, Clone)]
struct Seen {
    kind: Kind,
    jid: String,
    role: Role,
    claims: bool,
    session: Option<SessionId>,
}

impl Seen {
    fn is_person(&self) -> bool {
        let hides = self.claims && self.role < Role::Moderator;
        matches!(self.kind, Kind::Person(_)) && self.role > Role::Visitor && !hides
    }
}

#[derive(Debug)]
pub struct Mirror {
    pub terms: Terms,
    pub discreet: bool,
    occupants: BTreeMap<Nick, Seen>,
    /// We have asked to come in and were not put out since.
    listens: bool,
    /// Our own presence has come.
    pub complete: bool,
    /// It said that the room is new.
    pub created: bool,
    our_nick: Option<Nick>,
    /// What focus says.
    word: Option<RecordingStatus>,
    /// Whether the last list showed focus and somebody who may be a person.
    pub list: Option<bool>,
    pub listed_at: Us,
    /// Whether it showed a recorder.
    pub listed_recorder: bool,
    listed_people: BTreeSet<String>,
    /// Who has claimed to be a machine.
    claimers: BTreeSet<Nick>,
    pub wanted_since: Option<Us>,
    /// A start, and when we stop waiting for its answer.
    pub in_flight: Option<(AttemptId, Us)>,
    /// Focus has spoken since: it does not do that while it works on a start, so the answer was lost.
    pub superseded: bool,
    /// The role query under way.
    asked: Option<(QueryId, Roles)>,
    /// Its answer shows us in a room that we believe to be out of, and that is not to be entered.
    pub ghost: bool,
    /// Somebody has thrown us out, and wants us to stay away for a while.
    pub unwelcome_until: Option<Us>,
    /// A failure was told, and that the next start waits until then.
    pub pause_until: Option<Us>,
    /// An accepted start is not on before this.
    pub accepted_until: Option<Us>,
    /// A person's stop that is to be respected.
    pub stop: Option<RecordingStatus>,
    emptied: bool,
    absent: bool,
    pub misfit: bool,
    /// Somebody was removed without a word.
    pub hushed: bool,
    pub enters: VecDeque<Us>,
}

impl Mirror {
    pub fn new(terms: Terms, discreet: bool) -> Self {
        Self {
            terms,
            discreet,
            occupants: BTreeMap::new(),
            listens: false,
            complete: false,
            created: false,
            our_nick: None,
            word: None,
            list: None,
            listed_at: 0,
            listed_recorder: false,
            listed_people: BTreeSet::new(),
            claimers: BTreeSet::new(),
            wanted_since: None,
            in_flight: None,
            superseded: false,
            asked: None,
            ghost: false,
            unwelcome_until: None,
            pause_until: None,
            accepted_until: None,
            stop: None,
            emptied: false,
            absent: false,
            misfit: false,
            hushed: false,
            enters: VecDeque::new(),
        }
    }

    pub fn people(&self) -> u32 {
        u32::try_from(self.occupants.values().filter(|s| s.is_person()).count()).unwrap()
    }

    pub fn moderators(&self) -> u32 {
        let all = self.occupants.values().filter(|s| s.is_person() && s.role == Role::Moderator);
        u32::try_from(all.count()).unwrap()
    }

    pub fn has_focus(&self) -> bool {
        self.occupants.values().any(|s| s.kind == Kind::Focus)
    }

    pub fn recorders(&self) -> impl Iterator<Item = Option<&SessionId>> {
        let all = self.occupants.values().filter(|s| matches!(s.kind, Kind::Recorder(_)));
        all.map(|s| s.session.as_ref())
    }

    /// Focus's present word, if focus is there to say it.
    pub fn word(&self) -> Option<&RecordingStatus> {
        self.word.as_ref().filter(|_| self.has_focus())
    }

    /// We are out: nothing is known any more, but for who looks from outside.
    pub fn out(&mut self) {
        if self.discreet && self.complete {
            let is_there = self.recorders().next().is_some();
            self.listed_recorder = is_there;
        }
        self.occupants.clear();
        self.asked = self.asked.filter(|_| !self.listens);
        let was_ghost = !std::mem::take(&mut self.listens);
        self.complete = false;
        self.word = None;
        self.hushed = false;
        if !self.discreet && !was_ghost {
            self.blind();
        }
    }

    fn blind(&mut self) {
        self.wanted_since = None;
        self.absent = true;
        self.listed_recorder = false;
        self.list = self.list.filter(|_| !self.discreet);
    }

    /// The core has given up its place without an action, because it was told that it had none.
    pub fn out_if_inside(&mut self) {
        if self.complete {
            self.out();
        }
    }

    fn meeting_over(&mut self) {
        self.out();
        self.blind();
        self.in_flight = None;
        self.accepted_until = None;
        self.pause_until = None;
        self.stop = None;
    }

    fn takes(&mut self, event: &RoomEvent, about: Option<Kind>, now: Us) {
        match event {
            RoomEvent::Roles { query, result: Ok(listed) } => self.takes_list(*query, listed, now),
            RoomEvent::Roles { result: Err(ListError::Gone), .. } => {
                self.list = None;
                // Who removed us did so from a meeting that is over.
                self.unwelcome_until = None;
                self.meeting_over();
            }
            RoomEvent::Presence(p) if self.listens => {
                let kind = about.unwrap();
                let claims = p.marks.jigasi;
                if claims {
                    self.claimers.insert(p.nick.clone());
                }
                let jid = format!("{:?}", p.jid.as_ref().unwrap());
                let seen = Seen { kind, jid, role: p.role, claims, session: p.session.clone() };
                self.occupants.insert(p.nick.clone(), seen);
                if kind == Kind::Focus {
                    self.word = p.recording.clone();
                }
                if p.own {
                    let mut people = self.occupants.values().filter(|s| s.is_person());
                    self.emptied |= self.discreet && !people.any(|s| self.listed_people.contains(&s.jid));
                    self.complete = true;
                    self.created = p.created;
                    self.our_nick = Some(p.nick.clone());
                }
            }
            RoomEvent::Left { nick, how } if self.listens => {
                if let Some(seen) = self.occupants.remove(nick)
                    && let Departure::Renamed(to) = how
                {
                    self.occupants.insert(to.clone(), seen);
                }
            }
            RoomEvent::Out(Out::Removed { code: Some(301 | 307) }) => {
                if self.listens {
                    self.unwelcome_until = Some(now + 5 * SEC);
                }
                self.out();
            }
            RoomEvent::Out(Out::Destroyed) => self.meeting_over(),
            RoomEvent::EntryRefused(r) if r.condition == Condition::ItemNotFound => self.meeting_over(),
            RoomEvent::Out(_) | RoomEvent::EntryRefused(_) => self.out(),
            RoomEvent::StartAnswered { attempt, answer } => self.answered(*attempt, answer, now),
            _ => {}
        }
    }

    fn takes_list(&mut self, query: QueryId, listed: &[Listed], now: Us) {
        let Some((_, which)) = self.asked.filter(|(asked, _)| *asked == query) else { return };
        if which != Roles::Both {
            return;
        }
        let has_focus = listed.iter().any(|l| l.jid.as_ref().is_some_and(|j| j.local() == Some("focus")));
        let others = ["auth.meet.jitsi", "hidden.meet.jitsi", "autostart.meet.jitsi"];
        let is_person = |l: &&Listed| l.jid.as_ref().is_some_and(|j| !others.contains(&j.domain()));
        let people: Vec<&Listed> = listed.iter().filter(is_person).collect();
        self.list = Some(has_focus && !people.is_empty());
        self.listed_at = now;
        let is_of = |l: &Listed, domain: &str| l.jid.as_ref().is_some_and(|j| j.domain() == domain);
        let has_us = listed.iter().any(|l| is_of(l, others[2]));
        self.ghost = !self.listens && self.list == Some(false) && has_us;
        if self.listens {
            return;
        }
        self.listed_recorder = listed.iter().any(|l| is_of(l, others[1]));
        if !has_focus || self.discreet && self.listed_recorder {
            (self.in_flight, self.accepted_until) = (None, None);
        }
        if !self.discreet {
            self.emptied |= people.is_empty();
            return;
        }
        // Lists do not show who claims to be a machine: people are at most so many, and at least so many.
        let start = &self.terms.start;
        let moderators = people.iter().filter(|l| l.role == Role::Moderator).count();
        let wanted = self.terms.record
            && people.len() >= start.min_participants as usize
            && moderators >= start.min_moderators as usize;
        self.wanted_since = wanted.then(|| self.wanted_since.unwrap_or(now));
        let hides = |l: &&&Listed| {
            l.role < Role::Moderator && (self.claimers.contains(&l.nick) || l.nick.as_str() == "phone")
        };
        let surely = people.iter().filter(|l| !hides(l)).filter_map(|l| l.jid.as_ref());
        let surely: BTreeSet<String> = surely.map(|jid| format!("{jid:?}")).collect();
        // Somebody has to be there all the time, or it may be another meeting.
        self.emptied |= surely.is_disjoint(&self.listed_people);
        self.listed_people = surely;
    }

    fn answered(&mut self, attempt: AttemptId, answer: &Answer, now: Us) {
        if self.in_flight.is_none_or(|(current, _)| current != attempt) {
            return;
        }
        self.in_flight = None;
        let pending = now + us(self.terms.start.pending_timeout);
        match answer {
            Answer::Accepted { .. } => self.accepted_until = Some(pending),
            Answer::Refused(r) if r.condition == Condition::UnexpectedRequest => {
                self.accepted_until = Some(pending);
            }
            Answer::Refused(r) => self.misfit |= r.condition == Condition::NotAllowed,
            Answer::TimedOut => {}
        }
    }

    /// What follows from what is seen now.
    fn conclude(&mut self, now: Us) {
        let start = &self.terms.start;
        let (least, moderators) = (start.min_participants, start.min_moderators);
        let wanted = self.terms.record && self.people() >= least && self.moderators() >= moderators;
        if self.complete || !self.discreet {
            self.wanted_since = (self.complete && wanted).then(|| self.wanted_since.unwrap_or(now));
        }
        if !self.complete {
            return;
        }
        if !self.has_focus() && !self.created {
            (self.in_flight, self.accepted_until) = (None, None);
        }
        let word = self.word().cloned();
        if word.is_some() && self.accepted_until.is_some() && word != self.stop {
            // Whatever it says, it says more than that something is pending; an old off repeats itself.
            self.accepted_until = self.accepted_until.filter(|_| word.as_ref().is_some_and(|w| !w.on));
        }
        self.emptied |= self.people() == 0;
        let by_person = |w: &RecordingStatus| !w.on && w.initiator.is_some() && w.initiator != self.our_nick;
        match &word {
            Some(w) if by_person(w) && self.terms.stop.respect_manual => {
                let is_new = self.stop.as_ref() != Some(w);
                self.emptied &= !is_new;
                self.stop = Some(w.clone());
            }
            Some(w) if w.on => self.stop = None,
            _ if self.emptied || self.absent => self.stop = None,
            _ => {}
        }
        self.absent = false;
    }
}

impl World {
    /// The mirrors are told what the core is about to be told.
    pub fn before_step(&mut self, input: &Input, whose: Option<(usize, Option<Kind>)>) {
        let now = self.now;
        for mirror in &mut self.mirrors {
            if matches!(input, Input::LinkDown) {
                mirror.out();
                mirror.blind();
                (mirror.in_flight, mirror.accepted_until, mirror.list) = (None, None, None);
                mirror.unwelcome_until = None;
            }
            mirror.in_flight = mirror.in_flight.filter(|(_, until)| *until > now);
            mirror.accepted_until = mirror.accepted_until.filter(|until| *until > now);
        }
        if let (Input::Room { event, .. }, Some((r, about))) = (input, whose) {
            let mirror = &mut self.mirrors[r];
            let before = mirror.word().cloned();
            mirror.takes(event, about, now);
            let after = mirror.word();
            // The end of a session ends what was pending.
            if after.is_some() && before.as_ref() != after {
                mirror.accepted_until = None;
                mirror.superseded = true;
            }
            mirror.conclude(now);
        }
    }

    /// The mirrors are told what the core does.
    pub fn mirror_action(&mut self, action: &Action) {
        let now = self.now;
        match action {
            Action::Enter { room, .. } => {
                let mirror = &mut self.mirrors[self.index[room]];
                mirror.out();
                mirror.asked = None;
                mirror.listens = true;
                mirror.enters.push_back(now);
                while mirror.enters.front().is_some_and(|at| now > *at + 60 * SEC) {
                    mirror.enters.pop_front();
                }
            }
            Action::Leave { room, .. } => {
                let mirror = &mut self.mirrors[self.index[room]];
                mirror.conclude(now);
                // The core has learned from a list what nobody announced.
                mirror.emptied |= mirror.hushed;
                mirror.ghost = false;
                mirror.out();
            }
            Action::Start { room, attempt, timeout, .. } => {
                let until = now + us(*timeout) + 5 * SEC;
                let mirror = &mut self.mirrors[self.index[room]];
                mirror.in_flight = Some((*attempt, until));
                mirror.superseded = false;
            }
            Action::Stop { .. } | Action::AskPassword { .. } => {}
            Action::AskRoles { room, query, which } => {
                self.mirrors[self.index[room]].asked = Some((*query, *which));
            }
        }
    }
}
