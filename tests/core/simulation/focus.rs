//! Jicofo: its conferences, and what it answers and publishes, as the model says.

use jibri_autostart::address::Nick;
use jibri_autostart::config::Mode;
use jibri_autostart::meeting::{
    Answer, AttemptId, By, Condition, ConferenceId, RecordingStatus, Refusal, Role, SessionId,
};
use model::jibri::Input as JibriInput;
use model::jicofo::{Input, Output};
use model::{Action, Refusal as Why};
use rand::RngExt as _;

use super::jibri::duration;
use super::muc::{Kind, Occupant};
use super::plan::SEC;
use super::world::{Ev, World};

/// One conference; it ends when focus leaves the room.
#[derive(Debug)]
pub struct Conference {
    pub instance: u32,
    /// What it tells of when that was; an older Jicofo does not.
    pub made: Option<ConferenceId>,
    /// Somebody has been in it.
    pub was_used: bool,
    pub status: Option<RecordingStatus>,
    /// One that a Jibri has accepted.
    pub session: Option<Session>,
}

#[derive(Debug)]
pub struct Session {
    pub id: SessionId,
    pub on: bool,
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

impl Asker {
    fn nick(&self) -> &Nick {
        match self {
            Self::Us { nick, .. } | Self::InNameOf { nick } | Self::Person { nick } => nick,
        }
    }
}

/// Who asks, and what for.
pub type Request = (Asker, Wish);

pub type Jicofo = model::Jicofo<usize, usize, Request>;

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
        let recorder_from = duration(self.now + self.some(0, 200_000));
        self.rooms[r].conference = Some(Conference {
            instance,
            made: self.guests.tells_conference().then_some(ConferenceId(self.now)),
            was_used: self.rooms[r].people() > 0,
            status: None,
            session: None,
        });
        self.jicofo(Input::Opens(r, recorder_from));
        let focus = Occupant::new(Kind::Focus, "focus", "focus@auth.meet.jitsi/focus", Role::Moderator);
        if self.enter(r, focus) {
            self.seen.count("conferences");
            self.after(15 * SEC, Ev::ConferenceEnds { r, instance });
        } else {
            // Somebody sits on its nickname.
            self.seen.count("focus kept out by its nickname");
            self.conference_over(r);
        }
    }

    /// Focus has left, and tells the session's Jibri to stop.
    pub fn conference_over(&mut self, r: usize) {
        if self.rooms[r].conference.take().is_some() {
            self.jicofo(Input::Closes(r));
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
        self.conference_over(r);
        let room = &mut self.rooms[r];
        let has_phone = self.plan.is_visitor() && room.has(Kind::Phone);
        room.emptied |= room.people() == 0 && !self.mirrors[r].hushed && !has_phone;
        self.exit(r, Kind::Focus);
        self.forget_stop(r);
    }

    /// A request has reached focus.
    pub fn ask_focus(&mut self, r: usize, asker: Asker, wish: Wish) {
        use Condition as C;
        if self.rooms[r].conference.is_none() {
            return;
        }
        if !self.calm && self.chance(self.plan.rudeness) {
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
        let nick = asker.nick().as_str().to_owned();
        self.sessions += 1;
        let number = self.sessions;
        let start = |kind: &str, mode| Action::Start(format!("{kind}{number}"), mode);
        let action = match wish {
            Wish::Start => start("s", model::Mode::File),
            Wish::Stream => start("t", model::Mode::Stream),
            Wish::Stop => Action::Stop,
        };
        self.jicofo(Input::Asked(r, (asker, wish), nick, action));
    }

    /// A moderator presses the button, where there is one to press.
    pub fn stop_by_hand(&mut self, r: usize, nick: Nick) {
        if self.rooms[r].conference.as_ref().is_some_and(|c| c.session.is_some()) {
            let name = nick.as_str().to_owned();
            self.jicofo(Input::Asked(r, (Asker::Person { nick }, Wish::Stop), name, Action::Stop));
        }
    }

    /// Reaches Jicofo as the next thing that happens.
    pub fn tell_jicofo(&mut self, input: Input<usize, usize, Request>) {
        self.after(0, Ev::Jicofo(input));
    }

    /// Something that Jicofo meets, and what it does.
    pub fn jicofo(&mut self, input: Input<usize, usize, Request>) {
        let outputs = self.jicofo.handle(duration(self.now), input);
        // Whose stop it is shows in the answer, which comes after what is published.
        let stopper = outputs.iter().find_map(|output| match output {
            Output::Answer(_, (asker, Wish::Stop), Ok(_)) => Some(asker.clone()),
            _ => None,
        });
        for r in 0..self.rooms.len() {
            let session = self.jicofo.session(&r).filter(|session| session.accepted);
            let session = session.map(|s| Session { id: SessionId(s.id.as_str().into()), on: s.on });
            if let Some(conference) = &mut self.rooms[r].conference {
                conference.session = session;
            }
        }
        for output in outputs {
            match output {
                Output::Answer(r, (asker, wish), answer) => {
                    if answer == Err(Why::UnknownSession) {
                        self.count_unknown(r);
                    }
                    let session = |id: String| SessionId(id.as_str().into());
                    let answer = match answer {
                        Ok(id) => Answer::Accepted { session: id.map(session) },
                        Err(why) => refused(why),
                    };
                    self.reply(r, asker, wish, answer);
                }
                Output::Start { jibri: j, session } => {
                    self.after(0, Ev::JibriAsked { j, work: (session.room, session.id) });
                }
                Output::Stop { jibri, .. } => self.tell_jibri(jibri, JibriInput::Stop),
                Output::Publish(r, status) => self.publish(r, status, stopper.as_ref()),
                Output::NoneFound(_) => {}
                Output::StartFailed { room: r, .. } => self.fault(r),
                Output::Waits(_) => self.seen.count("a start waited in focus's queue"),
                Output::Moves(r) => {
                    self.fault(r);
                    self.seen.count("silent fallback to another Jibri");
                }
                Output::Stray(_) => self.seen.count("a recording unknown to focus"),
                Output::LeftOver(r) => {
                    self.fault(r);
                    self.seen.count("a session left over begins");
                }
            }
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

    fn count_unknown(&mut self, r: usize) {
        let last = self.rooms[r].conference.as_ref().and_then(|c| c.status.as_ref());
        let last = last.and_then(|status| status.session.as_ref());
        self.seen.count(match last {
            None => "stops of an unknown session",
            Some(id) if self.mirrors[r].stopped_by_us.contains(id) => "stops sent twice",
            Some(_) => "stops of a session that has just ended",
        });
    }

    fn publish(&mut self, r: usize, status: model::RecordingStatus, stopper: Option<&Asker>) {
        let id = SessionId(status.session.as_str().into());
        let was = self.rooms[r].conference.as_ref().and_then(|c| c.status.as_ref());
        let was_on = was.is_some_and(|was| was.on && was.session.as_ref() == Some(&id));
        let is_ours = stopper.is_some_and(|asker| !matches!(asker, Asker::Person { .. }));
        self.seen.count(match (&status.initiator, status.on, status.failed) {
            (_, true, _) => "recordings on",
            (Some(_), ..) if is_ours => "off by us",
            (Some(_), ..) => "off by a person",
            (None, _, true) => "off with a failure",
            (None, ..) if was_on => "off by itself",
            (None, ..) => "off before on",
        });
        if status.initiator.is_none() {
            self.fault(r);
        }
        if is_ours {
            self.mirrors[r].stopped_by_us.insert(id.clone());
        }
        let mode = mode_of(&id);
        let Some(conference) = &mut self.rooms[r].conference else { return };
        conference.status = Some(RecordingStatus {
            on: status.on,
            session: Some(id),
            mode: Some(mode),
            failed: status.failed,
            initiator: status.initiator.as_deref().map(super::plan::nick),
        });
        self.show(r, Kind::Focus);
        self.forget_stop(r);
        if status.on || stopper.is_none() || is_ours {
            return;
        }
        if mode == Mode::Stream {
            self.seen.count("a live stream stopped by a person");
            return;
        }
        self.rooms[r].is_stopped();
    }
}

fn refused(why: Why) -> Answer {
    use Condition as C;
    let (condition, text) = why.condition();
    let condition = match condition {
        "unexpected-request" => C::UnexpectedRequest,
        "resource-constraint" => C::ResourceConstraint,
        "service-unavailable" => C::ServiceUnavailable,
        "internal-server-error" => C::InternalServerError,
        "item-not-found" => C::ItemNotFound,
        _ => C::Other,
    };
    refusal(condition, text.unwrap_or_default(), By::Unsaid)
}
