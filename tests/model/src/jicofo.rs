//! Jicofo: its conferences and their sessions, the brewery, and the sessions that it has left over (docs/jitsi.md 2, 3,
//! 13.2).

use crate::course::{Reply, Report};
use crate::detector::JibriDetector;
use crate::recorder::{JibriRecorder, Job};
use crate::request::{Action, Mode, RecordingStatus, Refusal, SessionId};
use crate::session::{Around, JibriSession};
use crate::status::Status;
use std::collections::BTreeMap;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Jicofo's settings; the defaults are Jicofo's (docs/jitsi.md 11).
#[derive(Clone, Debug)]
pub struct Settings {
    /// `reply-timeout`: how long a Jibri may take to answer a start.
    pub reply_timeout: Duration,
    /// `pending-timeout`, counted from the start that was sent to that Jibri.
    pub pending_timeout: Duration,
    /// `num-retries`: other Jibris tried for one session; `None`: no limit.
    pub num_retries: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        let (reply_timeout, pending_timeout) = (Duration::from_secs(15), Duration::from_secs(90));
        Settings { reply_timeout, pending_timeout, num_retries: Some(5) }
    }
}

/// What Jicofo meets. `R` names rooms, `J` Jibris, and `A` is what an answer needs.
#[derive(Clone, Debug)]
pub enum Input<R, J, A> {
    /// A conference begins; focus joins before its recorder exists.
    Opens(R, Duration),
    /// A conference ends: its session is stopped, and nobody is told.
    Closes(R),
    /// An occupant by this nickname asks, who may.
    Asked(R, A, String, Action),
    /// A Jibri shows how it is.
    Presence(J, Status),
    /// A Jibri leaves the brewery.
    Offline(J),
    /// A Jibri answers the start of a session.
    Answered(J, SessionId, Reply),
    /// A Jibri says how its recording is, without naming it.
    Reported(J, Report),
    /// Jicofo restarts: it knows of no conference, no recording and no Jibri.
    Restarts,
    /// Nothing; time has passed.
    Tick,
}

/// What Jicofo does.
#[derive(Clone, Debug)]
pub enum Output<R, J, A> {
    /// It answers an occupant: with a session id, with nothing (to a stop), or it refuses.
    Answer(R, A, Result<Option<SessionId>, Refusal>),
    /// It asks a Jibri to record.
    Start {
        /// Which.
        jibri: J,
        /// What.
        session: Box<JibriSession<R, J, A>>,
    },
    /// It tells a Jibri to stop.
    Stop {
        /// Which.
        jibri: J,
        /// A session that the Jibri may have left long ago; it does not look.
        session: SessionId,
    },
    /// Its presence in the room says this from now on.
    Publish(R, RecordingStatus),
    /// To be counted: no Jibri could be had, in so many tries. Its statistics count each.
    NoneFound(u64),
    /// To be counted: it has put down a Jibri as failed.
    StartFailed {
        /// Which.
        jibri: J,
        /// In which room.
        room: R,
    },
    /// To be counted: a request waits until the start before it is answered.
    Waits(R),
    /// To be counted: the session's Jibri has failed or gone, and another is looked for in silence.
    Moves(R),
    /// To be counted: a Jibri says something that belongs to no session (any more).
    Stray(J),
    /// To be counted: a session that was left over starts at last.
    LeftOver(R),
}

type Conferences<R, J, A> = BTreeMap<R, JibriRecorder<R, J, A>>;

/// Jicofo.
#[derive(Clone, Debug)]
pub struct Jicofo<R, J, A> {
    /// Its settings.
    pub settings: Settings,
    /// What it sees of the brewery.
    pub detector: JibriDetector<J>,
    conferences: Conferences<R, J, A>,
    left_over: Vec<JibriSession<R, J, A>>,
}

impl<R: Ord + Clone, J: Ord + Clone, A: Clone> Jicofo<R, J, A> {
    /// One that sees nobody yet.
    pub fn new(settings: Settings) -> Self {
        let detector = JibriDetector::default();
        Jicofo { settings, detector, conferences: BTreeMap::new(), left_over: Vec::new() }
    }

    /// The session of a room's conference.
    pub fn session(&self, room: &R) -> Option<&JibriSession<R, J, A>> {
        self.conferences.get(room)?.session.as_ref()
    }

    /// What its presence in a room says of a recording.
    pub fn status(&self, room: &R) -> Option<&RecordingStatus> {
        self.conferences.get(room)?.status.as_ref()
    }

    /// The room whose session is with this Jibri.
    pub fn room_of(&self, jibri: &J) -> Option<&R> {
        let mut rooms = self.conferences.iter().filter(|(_, recorder)| recorder.is_with(jibri));
        rooms.next().map(|(room, _)| room)
    }

    /// A start in this room was refused after this Jibri had refused it, and stays behind as a listener (docs/jitsi.md
    /// 13.2.5).
    pub fn leaves_over(&mut self, room: R, asker: A, id: SessionId, jibri: J) {
        let mut session = JibriSession::new(id, room, Mode::File, asker, String::new());
        session.jibri = Some(jibri);
        self.left_over.push(session);
    }

    /// When it next does something by itself.
    pub fn next_deadline(&self) -> Option<Duration> {
        let sessions = self.conferences.values().filter_map(|recorder| recorder.session.as_ref());
        sessions.chain(&self.left_over).filter_map(JibriSession::due).min()
    }

    /// What follows from an input, and from the time that has passed.
    pub fn handle(&mut self, now: Duration, input: Input<R, J, A>) -> Vec<Output<R, J, A>> {
        let mut out = Vec::new();
        while let Some(at) = self.next_deadline().filter(|at| *at <= now) {
            let (conferences, mut around) = self.around(at, &mut out);
            conferences.values_mut().for_each(|recorder| recorder.comes_due(&mut around));
            around.with_left_over(|session, around| session.is_left_with(around, None));
        }
        self.meet(now, input, &mut out);
        out
    }

    fn meet(&mut self, now: Duration, input: Input<R, J, A>, out: &mut Vec<Output<R, J, A>>) {
        let (conferences, mut around) = self.around(now, out);
        let around = &mut around;
        match input {
            Input::Opens(room, recorder_from) => {
                conferences.insert(room.clone(), JibriRecorder::new(room, recorder_from));
            }
            Input::Closes(room) => {
                let session = conferences.remove(&room).and_then(|recorder| recorder.session);
                // One that was left over and records is stopped as well (docs/jitsi.md 13.2.10); one that waits is not.
                let records = |session: &mut JibriSession<R, J, A>| session.room == room && session.accepted;
                let left_over = around.left_over.extract_if(.., records);
                let sessions: Vec<_> = session.into_iter().chain(left_over).collect();
                sessions.iter().for_each(|session| session.stop(around));
            }
            Input::Asked(room, asker, nick, action) => match conferences.get_mut(&room) {
                Some(recorder) => recorder.takes(around, Job::Asked(asker, nick, action)),
                None => around.out.push(Output::Answer(room, asker, Err(Refusal::NoRecorder))),
            },
            Input::Presence(jibri, status) => around.detector.presence(jibri, status),
            Input::Offline(jibri) => {
                if around.detector.offline(&jibri) {
                    // They have listened for longer: the last Jibri that is free is theirs.
                    around.with_left_over(|session, around| session.is_left_by(around, &jibri));
                    for recorder in conferences.values_mut() {
                        recorder.takes(around, Job::Offline(jibri.clone()));
                    }
                }
            }
            Input::Answered(jibri, id, reply) => {
                let waits = |s: &JibriSession<R, J, A>| {
                    s.is_starting() && s.id == id && s.jibri.as_ref() == Some(&jibri)
                };
                let mut recorders = conferences.values_mut();
                if let Some(recorder) = recorders.find(|r| r.session.as_ref().is_some_and(waits)) {
                    recorder.answered(around, reply);
                } else if around.left_over.iter().any(waits) {
                    around.with_left_over(|session, around| {
                        !waits(session) || session.is_left_with(around, Some(reply))
                    });
                } else if reply == Reply::Pending {
                    around.out.push(Output::Stray(jibri));
                }
            }
            Input::Reported(jibri, report) => {
                match conferences.values_mut().find(|recorder| recorder.is_with(&jibri)) {
                    Some(recorder) => recorder.takes(around, Job::Reported(jibri, report)),
                    None => around.out.push(Output::Stray(jibri)),
                }
            }
            Input::Restarts => {
                around.detector.restarts();
                conferences.clear();
                around.left_over.clear();
            }
            Input::Tick => {}
        }
    }

    fn around<'a>(
        &'a mut self,
        now: Duration,
        out: &'a mut Vec<Output<R, J, A>>,
    ) -> (&'a mut Conferences<R, J, A>, Around<'a, R, J, A>) {
        let Jicofo { settings, detector, conferences, left_over } = self;
        (conferences, Around { now, settings, detector, left_over, out })
    }
}
