//! What the core has been told of one room, kept a second time, with the truth about who is what.

mod lists;
mod steps;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jibri_autostart::address::Nick;
use jibri_autostart::config::{Footprint, Mode, Muc};
use jibri_autostart::meeting::{
    Answer, AttemptId, Condition, Departure, ListError, MeetingId, Out, QueryId, RecordingStatus, Role,
    Roles, RoomEvent, SessionId, State,
};

use super::link::us;
use super::manual::Manual;
use super::muc::Kind;
use super::plan::{SEC, Terms, Us};

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

/// A real JID, as it is written down here, without its resource.
fn account(jid: &str) -> String {
    jid.split('/').next().unwrap().to_owned()
}

#[derive(Debug)]
pub struct Mirror {
    pub terms: Terms,
    /// It goes inside for a moment only.
    pub visitor: bool,
    /// Requests go out in moderators' names; with that: it may go inside for a moment.
    pub in_names: bool,
    pub peek: bool,
    occupants: BTreeMap<Nick, Seen>,
    /// We have asked to come in and were not put out since.
    listens: bool,
    /// The core does not wait for that any more, but it may still come true.
    late: bool,
    /// It has come true, and the core has not taken it for its entry.
    pub came_late: bool,
    /// An entry has gone out then, and nothing has come back that is an answer to it.
    entering: Option<Us>,
    /// Our own presence has come.
    pub complete: bool,
    /// It said that the room is new.
    pub created: bool,
    our_nick: Option<Nick>,
    /// What focus says.
    word: Option<RecordingStatus>,
    /// Whether the last list, or the last visit, showed focus and somebody who may be a person.
    pub list: Option<bool>,
    pub listed_at: Us,
    /// Whether it showed a recorder, and which of them have ever shown us a session.
    pub listed_recorder: bool,
    listed_recorders: BTreeSet<Nick>,
    pub shown: BTreeSet<Nick>,
    shown_file: BTreeSet<Nick>,
    listed_people: BTreeSet<String>,
    /// Who has claimed to be a machine.
    claimers: BTreeSet<Nick>,
    pub wanted_since: Option<Us>,
    /// A start, and when we stop waiting for its answer.
    pub in_flight: Option<(AttemptId, Us)>,
    /// Focus has spoken since: it does not do that while it works on a start, so the answer was lost.
    pub superseded: bool,
    /// Jicofo has a session for this room that is not on yet.
    pub is_under_way: bool,
    /// Nobody was left since, or others came: its answer may be lost, and if it is not, the next one tells.
    pub deserted: bool,
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
    /// Whom it binds, as far as was told: all who may have been there, and all who were for certain.
    bound: (BTreeSet<String>, BTreeSet<String>),
    /// None of them may be there any more, and others are.
    unbound: bool,
    /// That word of a stop.
    void: Option<RecordingStatus>,
    /// One that was not to be respected when it was told.
    pub overlooked: Option<RecordingStatus>,
    pub emptied: bool,
    pub absent: bool,
    /// When focus has said last that trying again does not help.
    pub misfit: Option<Us>,
    /// The last list, or the last visit, showed focus, so many people and moderators at most, and these moderators.
    pub listed_focus: bool,
    listed_most: (usize, usize),
    listed_least: (usize, usize),
    pub listed_moderators: BTreeSet<String>,
    /// Since when nobody needs a recording.
    pub needless_since: Option<Us>,
    /// A stop, and when we stop waiting for its answer.
    pub stop_in_flight: Option<(AttemptId, Us)>,
    /// What is said to be on is not recorded, and is begun anew; the stop for that has gone out.
    pub refuted: bool,
    pub anew: bool,
    /// When a recording was last told to be on.
    pub on_at: Us,
    pub stop_misfit: bool,
    /// Sessions that focus has stopped because we asked for it.
    pub stopped_by_us: BTreeSet<SessionId>,
    /// In whose name the last stop was sent; what he stops himself at that moment looks the same.
    pub stopped_as: Option<Nick>,
    /// In whose name the start in flight was sent, and when.
    sent_as: Option<(String, Us)>,
    /// A recorder was seen, and then it was not.
    pub recorder_lost: bool,
    /// What focus said last when it was heard.
    pub last_word: Option<RecordingStatus>,
    /// It was heard in this meeting.
    pub has_heard: bool,
    /// The meeting may have begun before we could see it.
    pub unknown_past: bool,
    /// The core knows nothing of this room.
    pub unknown: bool,
    /// Ends that nobody could be asked about, in this meeting for certain and in this room at all.
    pub untold: u32,
    pub untold_in_all: u32,
    /// The core's state when it was last seen.
    pub state: Option<State>,
    /// What the room calls the meeting.
    meeting: Option<MeetingId>,
    /// Somebody was removed without a word.
    pub hushed: bool,
    /// The shortest `start.retry_min` so far.
    pub shortest_pause: Duration,
    pub enters: VecDeque<Us>,
    pub left_at: Option<Us>,
    pub manual: Manual,
}

impl Mirror {
    pub fn new(terms: Terms, muc: &Muc) -> Self {
        let shortest_pause = terms.start.retry_min;
        Self {
            terms,
            visitor: muc.footprint != Footprint::Resident.into(),
            in_names: muc.footprint == Footprint::Unseen.into(),
            peek: muc.peek,
            occupants: BTreeMap::new(),
            listens: false,
            late: false,
            came_late: false,
            entering: None,
            complete: false,
            created: false,
            our_nick: None,
            word: None,
            list: None,
            listed_at: 0,
            listed_recorder: false,
            listed_recorders: BTreeSet::new(),
            shown: BTreeSet::new(),
            shown_file: BTreeSet::new(),
            listed_people: BTreeSet::new(),
            claimers: BTreeSet::new(),
            wanted_since: None,
            in_flight: None,
            superseded: false,
            is_under_way: false,
            deserted: false,
            asked: None,
            ghost: false,
            unwelcome_until: None,
            pause_until: None,
            accepted_until: None,
            stop: None,
            bound: Default::default(),
            unbound: false,
            void: None,
            overlooked: None,
            emptied: false,
            absent: false,
            misfit: None,
            listed_focus: false,
            listed_most: (0, 0),
            listed_least: (0, 0),
            listed_moderators: BTreeSet::new(),
            needless_since: None,
            stop_in_flight: None,
            refuted: false,
            anew: false,
            on_at: 0,
            stop_misfit: false,
            stopped_by_us: BTreeSet::new(),
            stopped_as: None,
            sent_as: None,
            recorder_lost: false,
            last_word: None,
            has_heard: false,
            unknown_past: true,
            unknown: true,
            untold: 0,
            untold_in_all: 0,
            state: None,
            meeting: None,
            hushed: false,
            shortest_pause,
            enters: VecDeque::new(),
            left_at: None,
            manual: Manual::default(),
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

    /// Without a stop nobody is bound.
    fn has_stop_to_bind(&mut self) -> bool {
        if self.stop.is_none() {
            self.bound = Default::default();
            self.unbound = false;
        }
        self.stop.is_some()
    }

    /// These are there now: all who may be, and those who are for certain, by their accounts.
    fn bind(&mut self, may_be: BTreeSet<String>, are: &BTreeSet<String>) {
        if may_be.is_empty() {
            return;
        }
        if self.bound.0.is_empty() {
            self.bound = (may_be, are.clone());
            return;
        }
        // Nobody of before may be there: it binds nobody for certain any more, and nobody at all if nobody is.
        self.unbound |= self.bound.1.is_disjoint(are);
        if self.bound.0.is_disjoint(&may_be) {
            self.void = self.stop.take();
            self.bound = Default::default();
            self.unbound = false;
            return;
        }
        self.bound.0.extend(may_be);
        self.bound.1.extend(are.iter().cloned());
    }

    /// A person's stop that binds somebody who is there for certain.
    pub fn binding_stop(&self) -> Option<&RecordingStatus> {
        self.stop.as_ref().filter(|_| !self.unbound)
    }

    /// A start is in flight, or accepted, as far as was told, or is under way at Jicofo.
    pub fn awaits_recorder(&self) -> bool {
        self.in_flight.is_some() || self.accepted_until.is_some() || self.is_under_way
    }

    /// A recorder's account is in the last list of which nothing shows whether it records.
    pub fn has_unknown_recorder(&self) -> bool {
        let is_account = |s: &Seen| matches!(s.kind, Kind::Recorder(_) | Kind::Gateway);
        let is_silent = |s: &Seen| is_account(s) && s.session.is_none();
        if self.complete {
            return self.occupants.values().any(is_silent);
        }
        self.listed_recorder && !self.listed_recorders.is_subset(&self.shown)
    }

    /// This one was among them.
    pub fn has_listed(&self, nick: &Nick) -> bool {
        self.listed_recorders.contains(nick)
    }

    /// A recorder's account was in the last list, or there when we left.
    pub fn has_listed_recorder(&self) -> bool {
        !self.listed_recorders.is_empty()
    }

    /// A recorder is there, and no gateway, of which it is not known that it records.
    pub fn has_recorder_to_stop(&self) -> bool {
        let is_silent = |s: &Seen| matches!(s.kind, Kind::Recorder(_)) && s.session.is_none();
        let is_unknown = |nick: &Nick| nick.as_str().starts_with("rec") && !self.shown.contains(nick);
        if self.complete {
            self.occupants.values().any(is_silent)
        } else {
            self.listed_recorders.iter().any(is_unknown)
        }
    }

    /// One is that has shown its session.
    pub fn has_known_recorder(&self) -> bool {
        self.listed_recorder && !self.listed_recorders.is_disjoint(&self.shown_file)
    }

    /// We have asked to come in, and do not know yet whether we are.
    pub fn is_on_its_way(&self) -> bool {
        self.listens && !self.complete
    }

    /// A look or a visit is under way.
    pub fn acts(&self, now: Us) -> bool {
        // Whoever has just left is out, and can come again, only when that is confirmed.
        let is_on_its_way_out = self.left_at.is_some_and(|at| now <= at + 2 * SEC);
        // What a list tells that was asked for before, be it that there is no such room, is no answer to an entry.
        let is_entering = self.entering.is_some_and(|at| now <= at + 2 * SEC);
        self.listens || self.asked.is_some() || is_on_its_way_out || is_entering
    }

    /// Focus's present word, if focus is there to say it.
    pub fn word(&self) -> Option<&RecordingStatus> {
        self.word.as_ref().filter(|_| self.has_focus())
    }

    /// We are out: nothing is known any more, but for who looks from outside.
    pub fn out(&mut self) {
        if self.visitor && self.complete {
            let is_account = |s: &Seen| matches!(s.kind, Kind::Recorder(_) | Kind::Gateway);
            let recorders = self.occupants.iter().filter(|(_, s)| is_account(s));
            self.listed_recorders = recorders.map(|(nick, _)| nick.clone()).collect();
            self.listed_recorder = !self.listed_recorders.is_empty();
            let moderators = self.occupants.values().filter(|s| s.is_person() && s.role == Role::Moderator);
            self.listed_moderators = moderators.map(|s| s.jid.clone()).collect();
            self.listed_focus = self.has_focus();
            self.list = Some(self.listed_focus && self.people() > 0);
            self.listed_most = (self.people() as usize, self.moderators() as usize);
            self.listed_least = self.listed_most;
        }
        self.occupants.clear();
        // Whoever comes in later than he reckons with goes on looking.
        let came_late = std::mem::take(&mut self.came_late);
        self.asked = self.asked.filter(|_| !self.listens || came_late);
        let was_ghost = !std::mem::take(&mut self.listens);
        self.complete = false;
        self.word = None;
        self.hushed = false;
        if !self.visitor && !was_ghost {
            self.blind();
        }
    }

    fn blind(&mut self) {
        self.wanted_since = None;
        self.needless_since = None;
        self.untold = 0;
        self.absent = true;
        self.listed_recorder = false;
        self.list = self.list.filter(|_| !self.visitor);
    }

    /// The core has given up its place without an action, because it was told that it had none.
    pub fn out_if_inside(&mut self) {
        if self.complete {
            self.out();
        }
    }

    fn meeting_over(&mut self) {
        self.manual.doubt();
        self.late = false;
        self.has_heard = false;
        self.out();
        (self.shown, self.shown_file) = Default::default();
        self.blind();
        self.list = None;
        self.in_flight = None;
        self.accepted_until = None;
        self.pause_until = None;
        self.stop = None;
        self.stop_in_flight = None;
        self.unknown_past = false;
        self.untold_in_all = 0;
    }

    fn takes(&mut self, event: &RoomEvent, about: Option<Kind>, now: Us) {
        let is_presence = matches!(event, RoomEvent::Presence(_));
        let is_own = matches!(event, RoomEvent::Presence(p) if p.own);
        if is_own || matches!(event, RoomEvent::EntryRefused(_) | RoomEvent::Out(_)) {
            self.entering = None;
        }
        if (is_presence || matches!(event, RoomEvent::EntryRefused(_))) && std::mem::take(&mut self.late) {
            self.out();
            (self.listens, self.came_late) = (is_presence, is_presence);
        }
        // It was not us yet who was removed, but what we were before: the entry may still come true.
        self.late |= matches!(event, RoomEvent::Out(Out::Removed { .. })) && self.is_on_its_way();
        match event {
            RoomEvent::Roles { query, result: Ok(listed) } => self.takes_list(*query, listed, now),
            RoomEvent::Roles { query, result: Err(ListError::Gone) } => {
                let is_awaited = self.asked.is_some_and(|(asked, _)| asked == *query);
                self.list = None;
                // Who removed us did so from a meeting that is over.
                self.unwelcome_until = None;
                self.meeting_over();
                if is_awaited {
                    self.forget_order();
                }
            }
            RoomEvent::Presence(p) if self.listens => {
                let kind = about.unwrap();
                let claims = p.marks.jigasi;
                if claims {
                    self.claimers.insert(p.nick.clone());
                }
                if p.session.is_some() {
                    self.shown.insert(p.nick.clone());
                }
                if p.session.is_some() && p.mode != Some(Mode::Stream) {
                    self.shown_file.insert(p.nick.clone());
                }
                let jid = p.jid.as_ref().unwrap().as_str().to_owned();
                let seen = Seen { kind, jid, role: p.role, claims, session: p.session.clone() };
                self.occupants.insert(p.nick.clone(), seen);
                if kind == Kind::Focus {
                    self.word = p.recording.clone();
                }
                if p.own {
                    let mut people = self.occupants.values().filter(|s| s.is_person());
                    let are_others = !people.any(|s| self.listed_people.contains(&s.jid));
                    self.emptied |= self.visitor && are_others;
                    if self.visitor && are_others {
                        self.others_came();
                    }
                    if !self.visitor || are_others || p.created {
                        self.manual.doubt();
                    }
                    self.complete = true;
                    // Focus may not know of it yet, and is asked again.
                    let is_told_on = self.word.as_ref().is_some_and(|word| word.on);
                    self.recorder_lost =
                        is_told_on && (!self.listed_recorder || self.recorders().next().is_none());
                    self.created = p.created;
                    if p.created {
                        // What was to be entered had gone.
                        (self.stop, self.pause_until) = (None, None);
                        self.untold_in_all = 0;
                    }
                    self.our_nick = Some(p.nick.clone());
                    let is_told_on = self.word.as_ref().is_some_and(|word| word.on);
                    if self.state == Some(State::Held) && self.recorders().next().is_none() && !is_told_on {
                        self.nothing_to_stop();
                    }
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
                self.unwelcome_until = Some(now + 5 * SEC);
                self.out();
            }
            RoomEvent::Out(Out::Destroyed) => self.meeting_over(),
            // One that was sent twice; the first has come through.
            RoomEvent::EntryRefused(_) if self.complete => {}
            RoomEvent::EntryRefused(r) if r.condition == Condition::ItemNotFound => self.meeting_over(),
            RoomEvent::Out(_) | RoomEvent::EntryRefused(_) => self.out(),
            RoomEvent::Form { meeting: Some(id), .. } => {
                let before = self.meeting.replace(id.clone());
                if before.is_some_and(|before| before != *id) {
                    self.is_called_another();
                }
            }
            RoomEvent::StartAnswered { attempt, answer } => self.answered(*attempt, answer, now),
            RoomEvent::Taken(taken) => {
                self.in_flight = None;
                self.accepted_until =
                    (*taken && !self.deserted).then(|| now + us(self.terms.start.pending_timeout));
            }
            // That a Jibri took it was all that was known; whom Jicofo takes next, if anybody, shows within this time.
            RoomEvent::JibriStopped { .. } if self.in_names => {
                self.accepted_until = self.accepted_until.map(|until| until.min(now + 30 * SEC));
            }
            RoomEvent::StopAnswered { attempt, answer } => {
                self.stop_in_flight.take_if(|(current, _)| current == attempt);
                if let Answer::Refused(r) = answer {
                    self.stop_misfit |=
                        matches!(r.condition, Condition::NotAllowed | Condition::ItemNotFound);
                }
            }
            _ => {}
        }
    }

    /// The room ended, and began again, without our seeing it.
    fn is_called_another(&mut self) {
        self.emptied = true;
        self.others_came();
        self.manual.doubt();
        self.stop = None;
        (self.untold, self.untold_in_all) = (0, 0);
    }

    fn answered(&mut self, attempt: AttemptId, answer: &Answer, now: Us) {
        if self.in_flight.is_none_or(|(current, _)| current != attempt) {
            return;
        }
        self.in_flight = None;
        // If it is still pending, whatever is sent anew is told so.
        if self.deserted {
            return;
        }
        let pending = now + us(self.terms.start.pending_timeout);
        match answer {
            Answer::Accepted { .. } => self.accepted_until = Some(pending),
            Answer::Refused(r) if r.condition == Condition::UnexpectedRequest => {
                self.accepted_until = Some(pending);
            }
            Answer::Refused(r) if r.condition == Condition::NotAllowed => self.misfit = Some(now),
            Answer::Refused(_) | Answer::Unsent(_) | Answer::TimedOut => {}
        }
    }

    /// What follows from what is seen now.
    fn conclude(&mut self, now: Us) {
        if self.complete && self.people() == 0 && self.recorders().next().is_none() {
            // Of a gateway that has just come in it is not known whether it records.
            if self.occupants.values().any(|s| s.kind == Kind::Gateway) {
                self.manual.doubt();
            } else {
                self.forget_order();
            }
        }
        if self.hushed {
            self.manual.doubt();
        }
        let (wanted, _) = self.wanted(self.people() as usize, self.moderators() as usize);
        if self.complete || !self.visitor {
            self.wanted_since = (self.complete && wanted).then(|| self.wanted_since.unwrap_or(now));
        }
        if !self.complete {
            return;
        }
        self.last_word = self.word().cloned();
        self.has_heard = true;
        self.note_need(self.people() as usize, self.moderators() as usize, now);
        if !self.has_focus() {
            (self.in_flight, self.accepted_until) = (None, None);
        }
        let word = self.word().cloned();
        if word.is_some() && self.accepted_until.is_some() && word != self.stop {
            // Whatever it says, it says more than that something is pending; an old off repeats itself.
            self.accepted_until = self.accepted_until.filter(|_| word.as_ref().is_some_and(|w| !w.on));
        }
        if self.people() == 0 {
            self.emptied = true;
            self.others_came();
        }
        let is_ours = |w: &RecordingStatus| {
            w.initiator == self.our_nick
                || self.stopped_as.is_some() && w.initiator == self.stopped_as
                || w.session.as_ref().is_some_and(|id| self.stopped_by_us.contains(id))
        };
        let by_person = |w: &RecordingStatus| !w.on && w.initiator.is_some() && !is_ours(w);
        let is_of_file = |w: &RecordingStatus| w.mode != Some(Mode::Stream);
        let is_persons = word.as_ref().is_some_and(|w| by_person(w) && is_of_file(w));
        let is_persons = is_persons && self.terms.stop.respect_manual;
        match &word {
            // A start that was under way when stops began to be respected is not taken back.
            // That it went with others who came is not for certain, so it may be under way still if it is said to be.
            Some(w) if self.awaits_recorder() && self.overlooked.as_ref() == Some(w) => {}
            Some(w) if is_persons && self.is_overruled(w) => {}
            Some(w) if is_persons && self.void.as_ref() == Some(w) => {}
            Some(w) if is_persons => {
                self.order_is_countermanded();
                let is_new = self.stop.as_ref() != Some(w);
                self.emptied &= !is_new;
                self.stop = Some(w.clone());
            }
            Some(w) if w.on => self.stop = None,
            // One that somebody has begun after that stop has come to its end.
            Some(w) if is_of_file(w) && self.stop.as_ref().is_some_and(|stop| stop.session != w.session) => {
                self.stop = None;
            }
            _ if self.emptied || self.absent => self.stop = None,
            _ => {}
        }
        self.absent &= !self.has_focus();
        if !self.has_stop_to_bind() {
            return;
        }
        let others = self.occupants.values().filter(|s| matches!(s.kind, Kind::Person(_) | Kind::Phone));
        let may_be = others.clone().map(|s| account(&s.jid)).collect();
        let are: BTreeSet<String> = others
            .filter(|s| matches!(s.kind, Kind::Person(_)) && !s.claims)
            .map(|s| account(&s.jid))
            .collect();
        self.bind(may_be, &are);
    }
}
