//! Rooms: people who come, go, stop and start by hand, and focus with what it publishes.

use std::collections::BTreeMap;
use std::time::Duration;

use jibri_autostart::address::{Nick, RealJid, RoomJid};
use jibri_autostart::config::Mode;
use jibri_autostart::fleet::JibriName;
use jibri_autostart::meeting::{
    Action, Answer, AttemptId, By, Condition, Ended, Input, QueryId, RecordingStatus, RoomEvent, SessionId,
    StartFailure,
};
use jibri_autostart::time::Time;
use model::jicofo::Input as JicofoInput;
use model::{Action as JicofoAction, Refusal as Why};

use super::companion::Told;
use super::link::refusal;
use super::plan::{MS, SEC, Us};
use super::shown::Shown;
use super::world::{Ev, World};

#[derive(Debug)]
pub struct Person {
    pub nick: Nick,
    pub jid: RealJid,
    pub moderator: bool,
    came: Us,
    /// The meeting whose recording was stopped is his, as whoever looks every 15 s can see: he was there, or for so long with
    /// somebody whose it was.
    is_bound: bool,
}

/// Between two looks at a room in which nothing is awaited, with the time for the answers.
pub const LOOKED_AT: Us = 16 * SEC;
/// By then focus is heard: where a start of ours is pending a visit comes after 30 s.
pub const HEARD_AT: Us = 35 * SEC;

#[derive(Debug)]
pub struct Room {
    pub jid: RoomJid,
    /// No recorder can enter: a password, a lobby.
    pub bad: bool,
    /// Nor can we.
    pub locked: bool,
    /// Of the present start.
    pub number: u64,
    /// Its recording is on.
    pub on: bool,
    /// Counts meetings.
    meeting: u64,
    pub people: Vec<Person>,
    pub focus: bool,
    pub status: Option<RecordingStatus>,
    /// Since when a recording is on.
    pub on_since: Option<Us>,
    /// A person has stopped the recording of this meeting.
    pub stopped: Option<Us>,
    /// All whose meeting that was have left while we saw nothing, and focus, who is still there, tells of the stop: whoever is
    /// there now may have been with them, for all that can be known.
    pub is_doubtful: bool,
    /// Our nickname, while we are inside, and whom we have been shown.
    pub us: Option<Nick>,
    pub shown: BTreeMap<Nick, Shown>,
    /// How often there was such a room, and whether there is one.
    pub made: u64,
    pub existed: bool,
    /// What the companion has told of it last, that it was over included.
    pub told: Option<Option<Told>>,
    /// Somebody in this meeting was left out of a picture: who he was is not known.
    pub was_cut: bool,
    /// Since when we are inside although the companion acts for us.
    pub inside_since: Option<Us>,
    /// People are told by their clients that they are recorded.
    pub notice: bool,
    /// Since when that is not as it should be.
    pub differs_since: Option<Us>,
    /// Role queries are not answered, or refused.
    pub deaf_until: Us,
    pub emptied_at: Us,
    /// It is being stopped by us, under this nickname.
    pub stops: Option<String>,
    closed: bool,
}

#[derive(Debug)]
pub enum Step {
    ToUs(Box<RoomEvent>),
    ToServer(Box<Action>),
    TimesOut(AttemptId),
    QueryTimesOut(QueryId),
    LinkUp,
    /// Whether there is a module in Prosody is answered.
    CompanionGreets,
    /// It is loaded, or unloaded.
    CompanionTurns,
    CompanionSays(bool),
    LinkBreaks,
    WeRestart,
    /// A meeting, its people, focus.
    Begins,
    Comes,
    Leaves(Nick),
    Elects,
    FocusComes,
    FocusLeaves,
    FocusIsAsked(Option<AttemptId>),
    /// Somebody's client is loaded anew.
    Reloads(Nick),
    PageLeaves(usize, u64),
    /// Jicofo's list is not to be had, or is again.
    ListTurns,
    StartsByHand,
    StopsByHand,
    Deaf,
    /// Nobody comes any more.
    Closes,
    Watch,
}

impl Room {
    pub fn new(r: usize, bad: bool) -> Self {
        Self {
            jid: World::room_jid(r),
            bad,
            locked: bad && r.is_multiple_of(2),
            number: 0,
            on: false,
            meeting: 0,
            people: Vec::new(),
            focus: false,
            status: None,
            on_since: None,
            stopped: None,
            is_doubtful: false,
            us: None,
            shown: BTreeMap::new(),
            made: 0,
            existed: false,
            told: None,
            was_cut: false,
            inside_since: None,
            notice: false,
            differs_since: None,
            deaf_until: 0,
            emptied_at: 0,
            stops: None,
            closed: false,
        }
    }

    pub fn has_moderator(&self) -> bool {
        self.people.iter().any(|person| person.moderator)
    }

    /// Somebody is there whose meeting it was when its recording was stopped, and that can be known.
    pub fn is_bound(&self) -> bool {
        self.people.iter().any(|person| person.is_bound)
    }

    /// He leaves the others, who have been seen together with him if we could see.
    fn leaves(&mut self, at: usize, seen_from: Us, now: Us) {
        let gone = self.people.remove(at);
        let from = seen_from.max(self.deaf_until).max(gone.came);
        for person in self.people.iter_mut().filter(|_| gone.is_bound) {
            person.is_bound |= now >= from.max(person.came) + LOOKED_AT;
        }
    }
}

/// Whose answer Jicofo owes: ours, over the link of then, or a person's.
pub type Asker = Option<(u64, AttemptId)>;

impl World {
    pub fn rooms_begin(&mut self) {
        let closes = self.plan.until - 250 * SEC;
        let trouble = self.chance(0.5);
        for r in 0..self.rooms.len() {
            let first = self.some(0, 200 * SEC);
            self.room_later(r, first, Step::Begins);
            let at = closes + self.some(0, 5 * SEC);
            self.room_later(r, at, Step::Closes);
            if trouble {
                let deaf = self.some(20 * SEC, 600 * SEC);
                self.room_later(r, deaf, Step::Deaf);
            }
        }
        self.room_later(0, SEC, Step::LinkUp);
        self.room_later(0, 5 * SEC, Step::Watch);
        if self.plan.companion_turns {
            let at = self.some(60 * SEC, 600 * SEC);
            self.room_later(0, at, Step::CompanionTurns);
        }
        if trouble {
            for _ in 0..self.some(0, 4) {
                let at = self.some(10 * SEC, closes - 60 * SEC);
                let step = if self.chance(0.3) { Step::WeRestart } else { Step::LinkBreaks };
                self.room_later(0, at, step);
            }
        }
    }

    pub fn room_later(&mut self, r: usize, wait: Us, step: Step) {
        let number = self.rooms[r].meeting;
        self.after(wait, Ev::Room { r, number, step });
    }

    pub fn exists(&self, r: usize) -> bool {
        let room = &self.rooms[r];
        room.focus || !room.people.is_empty() || room.us.is_some() || self.has_recorder(r)
    }

    /// Our sources know of it.
    pub fn vouch(&mut self, r: usize) {
        let room = World::room_jid(r);
        self.give_meetings(Input::Watch { room });
    }

    pub fn room_step(&mut self, r: usize, number: u64, step: Step) {
        let is_ours =
            matches!(step, Step::ToUs(_) | Step::TimesOut(_) | Step::QueryTimesOut(_) | Step::Watch);
        self.stirs |= !is_ours;
        let is_this_link = self.cores.link.is_up && self.cores.link.conn == number;
        let is_this_meeting = self.rooms[r].meeting == number;
        match step {
            Step::ToUs(event) if is_this_link => self.arrives(r, *event),
            Step::ToServer(action) if is_this_link => self.server_takes(*action),
            Step::TimesOut(attempt) if is_this_link => self.times_out(r, attempt),
            Step::QueryTimesOut(query) if is_this_link => self.query_times_out(r, query),
            Step::LinkUp => self.link_up(),
            Step::CompanionGreets if is_this_link => self.companion_greets(),
            Step::CompanionTurns => self.companion_turns(),
            Step::CompanionSays(answers) if is_this_link => self.companion_says(answers),
            Step::LinkBreaks => self.link_breaks(false),
            Step::WeRestart => self.link_breaks(true),
            Step::Begins => self.meeting_begins(r),
            Step::Comes if is_this_meeting => self.person_comes(r),
            Step::Leaves(nick) => self.person_leaves(r, &nick),
            Step::Elects => self.elects(r),
            Step::FocusComes if self.jicofo_is_down => self.room_later(r, SEC, Step::FocusComes),
            Step::FocusComes if !self.rooms[r].people.is_empty() => {
                if !std::mem::replace(&mut self.rooms[r].focus, true) {
                    self.jicofo_hears(JicofoInput::Opens(r, Duration::ZERO));
                }
                self.room_later(r, 200 * MS, Step::Elects);
            }
            Step::FocusLeaves => self.conference_ends(r),
            Step::Reloads(nick) => self.person_reloads(r, &nick),
            Step::PageLeaves(j, page) => self.jibri_meets(j, model::jibri::Input::PageLeft(page)),
            Step::ListTurns if self.is_linked() => self.give_meetings(Input::JicofoRestarts),
            Step::FocusIsAsked(attempt) if is_this_meeting => self.focus_is_asked(r, attempt),
            Step::StartsByHand if is_this_meeting => self.starts_by_hand(r),
            Step::StopsByHand if is_this_meeting => self.stops_by_hand(r),
            Step::Deaf => {
                self.seen.count("a room whose lists are not to be had");
                self.rooms[r].deaf_until = self.now + self.some(5 * SEC, 30 * SEC);
                let again = self.some(60 * SEC, 600 * SEC);
                self.room_later(r, again, Step::Deaf);
            }
            Step::Closes => {
                self.rooms[r].closed = true;
                for nick in self.rooms[r].people.iter().map(|p| p.nick.clone()).collect::<Vec<_>>() {
                    self.person_leaves(r, &nick);
                }
            }
            Step::Watch => {
                self.room_later(0, SEC, Step::Watch);
                self.watch();
            }
            _ => {}
        }
    }

    fn meeting_begins(&mut self, r: usize) {
        if self.rooms[r].closed || !self.rooms[r].people.is_empty() {
            return;
        }
        let room = &mut self.rooms[r];
        room.meeting += 1;
        self.seen.count("meetings");
        self.person_comes(r);
        for _ in 0..self.some(0, 3) {
            let wait = self.some(SEC, 30 * SEC);
            self.room_later(r, wait, Step::Comes);
        }
        if self.chance(self.plan.manual) {
            let wait = self.some(MS, 60 * SEC);
            self.room_later(r, wait, Step::StartsByHand);
        }
        if self.chance(0.1) {
            let wait = self.some(SEC, 120 * SEC);
            self.room_later(r, wait, Step::StopsByHand);
        }
    }

    fn person_comes(&mut self, r: usize) {
        if self.rooms[r].closed {
            return;
        }
        let id = self.some(0, u64::MAX / 2);
        let nick = Nick::new(&format!("p{id:x}")).unwrap();
        let jid = RealJid::new(&format!("p{id:x}@meet.jitsi/x")).unwrap();
        if self.rooms[r].people.is_empty() && self.is_linked() {
            self.vouch(r);
        }
        self.rooms[r].people.push(Person {
            nick: nick.clone(),
            jid,
            moderator: false,
            came: self.now,
            is_bound: false,
        });
        let stays = if self.chance(0.2) { self.some(SEC, 60 * SEC) } else { self.some(60 * SEC, 600 * SEC) };
        self.room_later(r, stays, Step::Leaves(nick));
        let wait = self.some(50 * MS, 500 * MS);
        let step = if self.rooms[r].focus { Step::Elects } else { Step::FocusComes };
        self.room_later(r, wait, step);
    }

    fn elects(&mut self, r: usize) {
        let room = &mut self.rooms[r];
        if room.focus
            && !room.has_moderator()
            && let Some(first) = room.people.first_mut()
        {
            first.moderator = true;
        }
    }

    pub fn person_leaves(&mut self, r: usize, nick: &Nick) {
        let Some(at) = self.rooms[r].people.iter().position(|p| p.nick == *nick) else { return };
        let (seen_from, now) = (self.cores.link.up_at, self.now);
        self.rooms[r].leaves(at, seen_from, now);
        self.room_later(r, 200 * MS, Step::Elects);
        if self.rooms[r].people.is_empty() {
            self.rooms[r].emptied_at = self.now;
            // Nobody comes back here, and whoever comes now has stopped nothing.
            let was_stopped = self.rooms[r].stopped.take().is_some();
            self.rooms[r].is_doubtful |= was_stopped && (!self.is_linked() || self.rooms[r].was_cut);
            self.conference_may_end(r);
        }
    }

    /// Focus goes when nobody is left, us included.
    pub fn conference_may_end(&mut self, r: usize) {
        let room = &self.rooms[r];
        if room.people.is_empty() && room.us.is_none() {
            let wait = self.some(MS, 10 * SEC);
            self.room_later(r, wait, Step::FocusLeaves);
        }
    }

    fn conference_ends(&mut self, r: usize) {
        let room = &mut self.rooms[r];
        if !room.people.is_empty() || room.us.is_some() {
            return;
        }
        self.cores.promises.in_flight[r] = false;
        room.focus = false;
        room.stopped = None;
        (room.is_doubtful, room.was_cut) = (false, false);
        room.status = None;
        room.on_since = None;
        self.rooms[r].on = false;
        self.jicofo_hears(JicofoInput::Closes(r));
        if self.is_linked() {
            let room = World::room_jid(r);
            self.give_meetings(Input::Forget { room });
        }
        let wait = self.some(5 * SEC, 200 * SEC);
        self.room_later(r, wait, Step::Begins);
    }

    /// A start reaches focus; it deals with one at a time.
    pub fn focus_is_asked(&mut self, r: usize, attempt: Option<AttemptId>) {
        if !self.rooms[r].focus {
            return;
        }
        let session = self.jicofo.session(&r).map(|session| session.on);
        match session {
            Some(is_on) => self.check_second_start(r, is_on, attempt.is_some()),
            None => self.check_stopped(r, attempt.is_some()),
        }
        let us = self.rooms[r].us.clone();
        let person = self.rooms[r].people.iter().find(|p| p.moderator).map(|p| p.nick.clone());
        let initiator = us.filter(|_| attempt.is_some()).or(person);
        let conn = self.cores.link.conn;
        self.begins_session(r, attempt.map(|attempt| (conn, attempt)), initiator);
    }

    fn begins_session(&mut self, r: usize, asker: Asker, initiator: Option<Nick>) {
        self.rooms[r].number += 1;
        let initiator = initiator.as_ref().map_or("", Nick::as_str).to_owned();
        self.start_in(r, asker, &initiator);
    }

    fn starts_by_hand(&mut self, r: usize) {
        let person = self.rooms[r].people.iter().find(|p| p.moderator).map(|p| p.nick.clone());
        if person.is_some() && self.rooms[r].focus && self.jicofo.session(&r).is_none() {
            self.seen.count("starts by hand");
            self.begins_session(r, None, person);
        }
    }

    fn stops_by_hand(&mut self, r: usize) {
        let person = self.rooms[r].people.iter().find(|p| p.moderator).map(|p| p.nick.clone());
        let is_accepted = self.jicofo.session(&r).is_some_and(|session| session.accepted);
        if let Some(person) = person.filter(|_| is_accepted) {
            self.line(|_| format!("     {person:?} stops r{r}"));
            let stop = JicofoAction::Stop;
            self.jicofo_hears(JicofoInput::Asked(r, None, person.as_str().into(), stop));
        }
    }

    /// We stop what nothing records, before a start.
    pub fn stops_for_us(&mut self, r: usize, nick: &str) {
        if self.jibris.iter().any(|jibri| {
            jibri.model.job().is_some_and(|((room, _), stage)| *room == r && stage == model::Stage::On)
        }) {
            self.seen.count("a recording is stopped that was well");
        }
        self.rooms[r].stops = Some(nick.to_owned());
        self.jicofo_hears(JicofoInput::Asked(r, None, nick.into(), JicofoAction::Stop));
    }

    /// The meetings are told by the coupling.
    pub fn room_held_back(&mut self, _room: &RoomJid, _until: Time) {}

    /// Of use to nobody: no meeting of people has it.
    pub fn told_to_end(&mut self, j: usize) {
        self.seen.count("a recording of nobody is ended");
        let room = self.jibris[j].model.recording().map(|(r, _)| *r);
        let has_it = |r: &usize| self.jicofo.session(r).is_some_and(|session| session.jibri == Some(j));
        if room.filter(has_it).is_some_and(|r| !self.rooms[r].people.is_empty()) {
            self.fail(format!("{} records a meeting, and is told to end", self.jibris[j].plan.name));
        }
        self.jibri_meets(j, model::jibri::Input::StopService);
    }

    pub fn room_stopped(&mut self, r: usize) {
        self.rooms[r].on_since = None;
        self.publish(r);
        let initiator = self.jicofo.status(&r).and_then(|status| status.initiator.clone());
        if self.rooms[r].stops.take().is_some_and(|us| Some(us) == initiator) {
            return;
        }
        self.seen.count("stopped by a person");
        self.rooms[r].stopped = Some(self.now);
        let now = self.now;
        for person in &mut self.rooms[r].people {
            let is_he = initiator.as_deref() == Some(person.nick.as_str());
            person.is_bound = is_he || now >= person.came + LOOKED_AT;
        }
    }

    /// Nobody but the recorder is there.
    pub fn is_alone(&self, r: usize, _j: usize) -> bool {
        self.rooms[r].people.is_empty() && self.rooms[r].us.is_none()
    }

    /// The Jibri of this session is at it.
    pub fn has_job(&self, session: &model::JibriSession<usize, usize, Asker>) -> bool {
        let job = session.jibri.and_then(|j| self.jibris[j].model.job());
        job.is_some_and(|((_, id), _)| *id == session.id)
    }

    /// What focus's presence says from now on.
    fn publish(&mut self, r: usize) {
        let Some(status) = self.jicofo.status(&r).filter(|_| self.rooms[r].focus) else { return };
        let status = RecordingStatus {
            on: status.on,
            session: Some(SessionId(status.session.as_str().into())),
            mode: Some(Mode::File),
            failed: status.failed,
            initiator: status.initiator.as_deref().and_then(|nick| Nick::new(nick).ok()),
        };
        self.line(|_| format!("     focus in r{r} says {status:?}"));
        self.rooms[r].status = Some(status);
    }

    pub fn room_accepted(&mut self, r: usize, asker: Asker) {
        if let Some((_, attempt)) = asker.filter(|(conn, _)| *conn == self.cores.link.conn) {
            let session = self.jicofo.session(&r).map(|session| SessionId(session.id.as_str().into()));
            self.send(r, RoomEvent::StartAnswered { attempt, answer: Answer::Accepted { session } });
        }
    }

    pub fn room_is_on(&mut self, r: usize) {
        self.seen.count("recordings on");
        self.rooms[r].on_since = Some(self.now);
        // Who begins anew has changed his mind; before it is on nobody is told of that, so the stop goes on.
        self.rooms[r].stopped = None;
        self.rooms[r].is_doubtful = false;
        self.publish(r);
        let j = self.jicofo.session(&r).and_then(|session| session.jibri);
        if j.is_some_and(|j| self.jibris[j].cured) {
            self.seen.count("recorded by one that was healed by a restart");
        }
        if j.is_some_and(|j| !self.jibris[j].fault.is_good()) {
            self.seen.count("recorded by one that will fail");
        } else if self.jibris.iter().any(|jibri| super::plan::Fault::WEDGED.contains(&jibri.fault)) {
            self.seen.count("recorded beside a wedged one");
        }
    }

    pub fn room_failed(&mut self, r: usize, why: StartFailure, how: Ended, was_on: bool) {
        self.line(|_| format!("     r{r} fails: {why:?} {how:?} was on {was_on}"));
        if how == Ended::Naturally {
            // A stop of another session has hit it, or a page has not loaded: nobody can be told from whom.
            self.cores.promises.begins_anew(r);
        }
        self.rooms[r].on_since = None;
        // It was begun after the stop, and focus tells of its end instead: who looks now does not hear of the stop, and who
        // has heard of it before may know no better.
        let room = &mut self.rooms[r];
        room.is_doubtful |= room.stopped.take().is_some();
        self.publish(r);
    }

    pub fn room_refused(&mut self, r: usize, asker: Asker, why: Why) {
        self.line(|_| format!("     r{r} is refused: {why:?}"));
        let condition = match why {
            Why::AlreadyEnabled => Condition::UnexpectedRequest,
            Why::AllBusy => Condition::ResourceConstraint,
            Why::NoJibris => Condition::ServiceUnavailable,
            Why::InternalServerError => Condition::InternalServerError,
            _ => Condition::ItemNotFound,
        };
        let all_work = self.jibris.iter().all(|jibri| jibri.fault.is_good());
        if why == Why::InternalServerError && (self.plan.num_retries == 0 || all_work) {
            self.cores.promises.meets_busy(r);
        }
        if why == Why::AlreadyEnabled {
            self.seen.count("a start where there is a session");
        }
        if let Some((_, attempt)) = asker.filter(|(conn, _)| *conn == self.cores.link.conn) {
            let answer = refusal(condition, why.condition().1.unwrap_or_default(), By::Unsaid);
            self.send(r, RoomEvent::StartAnswered { attempt, answer });
        }
    }

    pub fn name_of(&self, j: usize) -> JibriName {
        JibriName::new(&self.jibris[j].plan.name)
    }
}
