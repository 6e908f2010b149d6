//! Jicofo: its conferences, how it answers a start (docs/jitsi.md 2) and what it publishes (docs/jitsi.md 3).

use std::collections::VecDeque;

use jibri_autostart::address::Nick;
use jibri_autostart::config::Mode;
use jibri_autostart::meeting::{
    Answer, AttemptId, By, Condition, ConferenceId, RecordingStatus, Refusal, Role, SessionId,
};
use rand::RngExt as _;

use super::muc::{Kind, Occupant};
use super::plan::{SEC, Us};
use super::world::{Ev, World};

/// One conference; it ends when focus leaves the room.
#[derive(Debug)]
pub struct Conference {
    pub instance: u32,
    /// What it tells of when that was; an older Jicofo does not.
    pub made: Option<ConferenceId>,
    /// Somebody has been in it.
    pub was_used: bool,
    /// Focus joins before its recorder exists.
    recorder_from: Us,
    pub status: Option<RecordingStatus>,
    pub session: Option<Session>,
    queue: VecDeque<(Asker, Wish)>,
    trying: Option<Try>,
}

#[derive(Debug)]
pub struct Session {
    pub id: SessionId,
    pub jibri: usize,
    pub on: bool,
    retries: u32,
    initiator: Nick,
}

/// Who asks for a recording, or for its end.
#[derive(Debug, Clone)]
pub enum Asker {
    Us {
        conn: u32,
        attempt: AttemptId,
        nick: Nick,
    },
    /// We, as this occupant: the answer goes to a client that has not asked.
    InNameOf {
        nick: Nick,
    },
    Person {
        nick: Nick,
    },
}

/// What for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Start,
    /// A live stream; people alone want that.
    Stream,
    Stop,
}

/// A start on its way to a Jibri.
#[derive(Debug)]
struct Try {
    number: u64,
    jibri: usize,
    session: SessionId,
    retries: u32,
    /// None: in place of a Jibri that failed, under the same session.
    asker: Option<Asker>,
}

/// The kind of a session shows in its name.
pub fn mode_of(session: &SessionId) -> Mode {
    if session.0.starts_with('t') { Mode::Stream } else { Mode::File }
}

pub fn refusal(condition: Condition, text: &str, by: By) -> Answer {
    let text = (!text.is_empty()).then(|| text.to_owned());
    Answer::Refused(Refusal { condition, text, by, display_name_required: false, lobby: false })
}

impl World {
    /// Somebody's client asks focus for the conference.
    pub fn conference_wanted(&mut self, r: usize) {
        if !self.focus_up || self.rooms[r].conference.is_some() {
            return;
        }
        self.conferences += 1;
        let instance = self.conferences;
        let recorder_from = self.now + self.some(0, 200_000);
        self.rooms[r].conference = Some(Conference {
            instance,
            made: self.guests.tells_conference().then_some(ConferenceId(self.now)),
            was_used: self.rooms[r].people() > 0,
            recorder_from,
            status: None,
            session: None,
            queue: VecDeque::new(),
            trying: None,
        });
        let focus = Occupant::new(Kind::Focus, "focus", "focus@auth.meet.jitsi/focus", Role::Moderator);
        if self.enter(r, focus) {
            self.seen.count("conferences");
            self.after(15 * SEC, Ev::ConferenceEnds { r, instance });
        } else {
            // Somebody sits on its nickname.
            self.seen.count("focus kept out by its nickname");
            self.rooms[r].conference = None;
        }
    }

    /// Ends at zero members (docs/jitsi.md 4.4).
    pub fn conference_ends(&mut self, r: usize, instance: u32) {
        let room = &self.rooms[r];
        let is_it = room.conference.as_ref().is_some_and(|c| c.instance == instance);
        if is_it && room.occupants.iter().all(|o| o.kind == Kind::Focus) {
            self.focus_leaves(r);
        }
    }

    pub fn focus_leaves(&mut self, r: usize) {
        let room = &mut self.rooms[r];
        room.conference = None;
        let has_phone = self.plan.is_visitor() && room.has(Kind::Phone);
        room.emptied |= room.people() == 0 && !self.mirrors[r].hushed && !has_phone;
        self.exit(r, Kind::Focus);
        self.forget_stop(r);
    }

    /// A request has reached focus.
    pub fn ask_focus(&mut self, r: usize, asker: Asker, wish: Wish) {
        let Some(conference) = &mut self.rooms[r].conference else { return };
        if conference.trying.as_ref().is_some_and(|t| t.asker.is_some()) {
            conference.queue.push_back((asker, wish));
        } else {
            self.consider(r, asker, wish);
        }
    }

    fn reply(&mut self, r: usize, asker: Asker, wish: Wish, answer: Answer) {
        match asker {
            Asker::Us { conn, attempt, .. } => self.answer_us(r, conn, attempt, wish, answer),
            Asker::InNameOf { .. } => {
                self.seen.count("in a name: an answer that nobody tells us");
                if wish == Wish::Start {
                    self.figures_tell(r, matches!(answer, Answer::Accepted { .. }));
                }
            }
            Asker::Person { .. } => self.seen.count("a person's start was answered"),
        }
    }

    fn consider(&mut self, r: usize, asker: Asker, wish: Wish) {
        use Condition as C;
        let rude = !self.calm && self.chance(self.plan.rudeness);
        if rude {
            self.fault(r);
            let answer = match self.rng.random_range(0..8) {
                0 | 1 => refusal(C::InternalServerError, "", By::Unsaid),
                2 | 3 => refusal(C::Forbidden, "", By::Unsaid),
                4 => refusal(C::NotAllowed, "", By::Unsaid),
                5 => refusal(C::ItemNotFound, "", By::Unsaid),
                6 => refusal(C::Other, "what?", By::Unsaid),
                _ => return,
            };
            return self.reply(r, asker, wish, answer);
        }
        let now = self.now;
        let conference = self.rooms[r].conference.as_ref().unwrap();
        if now < conference.recorder_from {
            return self.reply(r, asker, wish, refusal(C::ItemNotFound, "", By::Unsaid));
        }
        if wish == Wish::Stop {
            return self.stop_on_request(r, asker);
        }
        if conference.session.is_some() {
            let text = "Recording or live streaming is already enabled";
            return self.reply(r, asker, wish, refusal(C::UnexpectedRequest, text, By::Unsaid));
        }
        self.sessions += 1;
        let kind = if wish == Wish::Stream { 't' } else { 's' };
        let session = SessionId(format!("{kind}{}", self.sessions).into());
        let retries = self.plan.num_retries;
        self.try_next(r, session, retries, Some(asker));
    }

    /// The next Jibri, or the end of trying.
    fn try_next(&mut self, r: usize, session: SessionId, retries: u32, asker: Option<Asker>) {
        match self.select_jibri() {
            Ok(jibri) => {
                self.tries += 1;
                let number = self.tries;
                let conference = self.rooms[r].conference.as_mut().unwrap();
                conference.trying = Some(Try { number, jibri, session: session.clone(), retries, asker });
                let instance = conference.instance;
                self.after(15 * SEC, Ev::FocusTiresOfJibri { r, instance, number });
                self.jibri_asked(jibri, r, session, instance, number);
            }
            Err(why) => self.tried_in_vain(r, asker, why),
        }
    }

    fn tried_in_vain(&mut self, r: usize, asker: Option<Asker>, why: Answer) {
        let conference = self.rooms[r].conference.as_mut().unwrap();
        conference.trying = None;
        match asker {
            Some(asker) => {
                self.reply(r, asker, Wish::Start, why);
                self.next_in_queue(r);
            }
            None => self.session_over(r, true, None),
        }
    }

    fn next_in_queue(&mut self, r: usize) {
        let next = self.rooms[r].conference.as_mut().and_then(|c| c.queue.pop_front());
        if let Some((asker, wish)) = next {
            self.seen.count("a start waited in focus's queue");
            self.ask_focus(r, asker, wish);
        }
    }

    fn trying(&mut self, r: usize, instance: u32, number: u64) -> Option<Try> {
        let conference = self.rooms[r].conference.as_mut().filter(|c| c.instance == instance)?;
        if conference.trying.as_ref()?.number != number {
            return None;
        }
        conference.trying.take()
    }

    /// A Jibri has said `pending` to focus.
    pub fn jibri_accepts(&mut self, r: usize, instance: u32, number: u64) {
        let Some(tried) = self.trying(r, instance, number) else { return };
        let conference = self.rooms[r].conference.as_mut().unwrap();
        let before = conference.session.take();
        let initiator = match (&tried.asker, before) {
            (Some(Asker::Us { nick, .. } | Asker::InNameOf { nick } | Asker::Person { nick }), _) => {
                nick.clone()
            }
            (None, Some(before)) => before.initiator,
            (None, None) => return,
        };
        let (jibri, id) = (tried.jibri, tried.session.clone());
        conference.session =
            Some(Session { id: id.clone(), jibri, on: false, retries: tried.retries, initiator });
        self.after(self.plan.pending_timeout, Ev::PendingTimeout { r, instance, jibri });
        if let Some(asker) = tried.asker {
            self.reply(r, asker, Wish::Start, Answer::Accepted { session: Some(id) });
            self.next_in_queue(r);
        }
    }

    /// A Jibri has refused focus's request, or let 15 s pass.
    pub fn jibri_refuses(&mut self, r: usize, instance: u32, number: u64) {
        let Some(tried) = self.trying(r, instance, number) else { return };
        self.fault(r);
        self.jibris[tried.jibri].failed_at = Some(self.now);
        match tried.retries.checked_sub(1) {
            Some(retries) => self.try_next(r, tried.session, retries, tried.asker),
            None => {
                let why = refusal(Condition::InternalServerError, "Internal server error", By::Unsaid);
                self.tried_in_vain(r, tried.asker, why);
            }
        }
    }

    fn session_of(&mut self, r: usize, jibri: usize, id: &SessionId) -> Option<&mut Session> {
        let session = self.rooms[r].conference.as_mut()?.session.as_mut()?;
        (session.jibri == jibri && session.id == *id).then_some(session)
    }

    /// A Jibri tells focus that it records.
    pub fn jibri_on(&mut self, r: usize, jibri: usize, id: &SessionId) {
        let Some(session) = self.session_of(r, jibri, id) else {
            self.seen.count("a recording unknown to focus");
            return;
        };
        session.on = true;
        let status = RecordingStatus {
            on: true,
            session: Some(id.clone()),
            mode: Some(mode_of(id)),
            failed: false,
            initiator: Some(session.initiator.clone()),
        };
        self.seen.count("recordings on");
        self.publish(r, status);
    }

    fn publish(&mut self, r: usize, status: RecordingStatus) {
        self.rooms[r].conference.as_mut().unwrap().status = Some(status);
        self.show(r, Kind::Focus);
        self.forget_stop(r);
    }

    /// The session ends: with a failure, by somebody's hand, or for neither reason.
    fn session_over(&mut self, r: usize, failed: bool, by: Option<Nick>) {
        let conference = self.rooms[r].conference.as_mut().unwrap();
        let Some(session) = conference.session.take() else { return };
        if conference.trying.as_ref().is_some_and(|t| t.asker.is_none()) {
            conference.trying = None;
        }
        let status = RecordingStatus {
            on: false,
            mode: Some(mode_of(&session.id)),
            session: Some(session.id),
            failed,
            initiator: by,
        };
        let is_ours = status.session.as_ref().is_some_and(|id| self.mirrors[r].stopped_by_us.contains(id));
        self.seen.count(match (&status.initiator, failed, session.on) {
            (Some(_), _, _) if is_ours => "off by us",
            (Some(_), _, _) => "off by a person",
            (None, true, _) => "off with a failure",
            (None, false, true) => "off by itself",
            (None, false, false) => "off before on",
        });
        self.publish(r, status);
    }

    /// The session's Jibri has failed, or left the brewery: another one, silently, while retries last.
    pub fn jibri_failed(&mut self, r: usize, jibri: usize, id: &SessionId) {
        let Some(session) = self.session_of(r, jibri, id) else { return };
        let (id, retries) = (session.id.clone(), session.retries.checked_sub(1));
        self.fault(r);
        self.jibris[jibri].failed_at = Some(self.now);
        match retries {
            Some(retries) => {
                self.seen.count("silent fallback to another Jibri");
                self.try_next(r, id, retries, None);
            }
            None => self.session_over(r, true, None),
        }
    }

    /// The session's Jibri has ended without a failure.
    pub fn jibri_ended(&mut self, r: usize, jibri: usize, id: &SessionId) {
        if self.session_of(r, jibri, id).is_some() {
            self.fault(r);
            self.session_over(r, false, None);
        }
    }

    /// `PendingStatusTimeout`: not retried, published as `off` with neither mark.
    pub fn pending_timeout(&mut self, r: usize, instance: u32, jibri: usize) {
        let conference = self.rooms[r].conference.as_ref().filter(|c| c.instance == instance);
        let session = conference.and_then(|c| c.session.as_ref());
        if session.is_some_and(|s| !s.on && s.jibri == jibri) {
            self.fault(r);
            self.jibri_told_to_stop(jibri);
            self.session_over(r, false, None);
        }
    }

    /// We have asked focus to stop it: it tells Jibri without waiting, publishes, and answers.
    fn stop_on_request(&mut self, r: usize, asker: Asker) {
        let session = self.rooms[r].conference.as_ref().and_then(|c| c.session.as_ref());
        let Some((jibri, id)) = session.map(|session| (session.jibri, session.id.clone())) else {
            let last = self.rooms[r].conference.as_ref().and_then(|c| c.status.as_ref());
            let last = last.and_then(|status| status.session.as_ref());
            self.seen.count(match last {
                None => "stops of an unknown session",
                Some(id) if self.mirrors[r].stopped_by_us.contains(id) => "stops sent twice",
                Some(_) => "stops of a session that has just ended",
            });
            let text = "Unknown session";
            return self.reply(r, asker, Wish::Stop, refusal(Condition::ItemNotFound, text, By::Unsaid));
        };
        let by = match &asker {
            Asker::Us { nick, .. } | Asker::InNameOf { nick } | Asker::Person { nick } => nick.clone(),
        };
        self.mirrors[r].stopped_by_us.insert(id);
        self.jibri_told_to_stop(jibri);
        self.session_over(r, false, Some(by));
        self.reply(r, asker, Wish::Stop, Answer::Accepted { session: None });
    }

    /// A moderator presses the button.
    pub fn stop_by_hand(&mut self, r: usize, by: Nick) {
        let Some(session) = self.rooms[r].conference.as_ref().and_then(|c| c.session.as_ref()) else {
            return;
        };
        let mode = mode_of(&session.id);
        self.jibri_told_to_stop(session.jibri);
        self.session_over(r, false, Some(by));
        if mode == Mode::Stream {
            self.seen.count("a live stream stopped by a person");
            return;
        }
        let room = &mut self.rooms[r];
        room.stopped = room.conference.as_ref().and_then(|c| c.status.clone());
        room.bound = room.present();
        room.stopped_in = room.created;
        room.emptied = room.people() == 0;
    }
}
