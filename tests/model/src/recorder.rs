//! `JibriRecorder`: one conference's recording, one request after the other (docs/jitsi.md 2, 3).

use crate::course::{Reply, Report};
use crate::jicofo::Output;
use crate::request::{Action, RecordingStatus, Refusal};
use crate::session::{Around, JibriSession};
use std::collections::VecDeque;
use std::time::Duration;

/// What waits in a conference's queue while a start is under way.
#[derive(Clone, Debug)]
pub(crate) enum Job<J, A> {
    Asked(A, String, Action),
    Reported(J, Report),
    Offline(J),
}

/// A conference, as far as it is recorded.
#[derive(Clone, Debug)]
pub(crate) struct JibriRecorder<R, J, A> {
    room: R,
    /// Focus joins before it exists.
    from: Duration,
    pub(crate) status: Option<RecordingStatus>,
    pub(crate) session: Option<JibriSession<R, J, A>>,
    queue: VecDeque<Job<J, A>>,
}

impl<R: Ord + Clone, J: Ord + Clone, A: Clone> JibriRecorder<R, J, A> {
    pub(crate) fn new(room: R, from: Duration) -> Self {
        JibriRecorder { room, from, status: None, session: None, queue: VecDeque::new() }
    }

    pub(crate) fn is_with(&self, jibri: &J) -> bool {
        self.session.as_ref().is_some_and(|session| session.jibri.as_ref() == Some(jibri))
    }

    /// One job after the other, each once the start before it is done with.
    pub(crate) fn takes(&mut self, around: &mut Around<'_, R, J, A>, job: Job<J, A>) {
        if self.is_starting() && matches!(job, Job::Asked(..)) {
            around.out.push(Output::Waits(self.room.clone()));
        }
        self.queue.push_back(job);
        self.goes_on(around);
    }

    fn is_starting(&self) -> bool {
        self.session.as_ref().is_some_and(JibriSession::is_starting)
    }

    fn goes_on(&mut self, around: &mut Around<'_, R, J, A>) {
        while !self.is_starting()
            && let Some(job) = self.queue.pop_front()
        {
            match job {
                Job::Asked(asker, nick, action) => self.asked(around, asker, nick, action),
                Job::Reported(jibri, report) if self.is_with(&jibri) => self.reported(around, report),
                Job::Offline(jibri) if self.is_with(&jibri) => {
                    self.reported(around, Report::Off { failed: true });
                }
                Job::Reported(jibri, _) => around.out.push(Output::Stray(jibri)),
                Job::Offline(_) => {}
            }
        }
    }

    fn asked(&mut self, around: &mut Around<'_, R, J, A>, asker: A, nick: String, action: Action) {
        let answer = match (action, &self.session) {
            _ if around.now < self.from => Err(Refusal::NoRecorder),
            (Action::Start(..), Some(_)) => Err(Refusal::AlreadyEnabled),
            (Action::Start(id, mode), None) => {
                let session = JibriSession::new(id, self.room.clone(), mode, asker, nick);
                return self.searches(around, session, JibriSession::start);
            }
            (Action::Stop, None) => Err(Refusal::UnknownSession),
            (Action::Stop, Some(session)) => {
                session.stop(around);
                self.over(around, false, Some(nick));
                Ok(None)
            }
        };
        around.out.push(Output::Answer(self.room.clone(), asker, answer));
    }

    /// Looks for a Jibri, and goes on or ends. A start that is refused after a Jibri was asked leaves its session behind.
    fn searches(
        &mut self,
        around: &mut Around<'_, R, J, A>,
        mut session: JibriSession<R, J, A>,
        search: impl FnOnce(&mut JibriSession<R, J, A>, &mut Around<'_, R, J, A>) -> Result<(), Refusal>,
    ) {
        let found = search(&mut session, around);
        if found.is_err() {
            around.out.push(Output::NoneFound(session.tries));
        }
        match found {
            Err(why) if !session.accepted => {
                around.out.push(Output::Answer(self.room.clone(), session.asker.clone(), Err(why)));
                around.left_over.extend(Some(session).filter(|session| session.jibri.is_some()));
            }
            found => {
                self.session = Some(session);
                if found.is_err() {
                    self.over(around, true, None);
                }
            }
        }
    }

    /// The Jibri that was asked has answered.
    pub(crate) fn answered(&mut self, around: &mut Around<'_, R, J, A>, reply: Reply) {
        let Some(mut session) = self.session.take() else { return };
        if reply == Reply::Pending {
            (session.answer_by, session.tries) = (None, 0);
            if !std::mem::replace(&mut session.accepted, true) {
                let answer = Ok(Some(session.id.clone()));
                around.out.push(Output::Answer(self.room.clone(), session.asker.clone(), answer));
            }
            self.session = Some(session);
        } else {
            self.searches(around, session, JibriSession::start_failed);
        }
        self.goes_on(around);
    }

    /// The session's Jibri says how it is, or is gone: another one, silently, while retries last (docs/jitsi.md 13.2.4).
    fn reported(&mut self, around: &mut Around<'_, R, J, A>, report: Report) {
        let Some(session) = &mut self.session else { return };
        session.pending_until = None;
        match report {
            Report::On => {
                session.on = true;
                let initiator = Some(session.initiator.clone());
                self.publish(around, true, false, initiator);
            }
            Report::Off { failed: true } if session.retry(around.settings) => {
                around.out.push(Output::Moves(self.room.clone()));
                if let Some(session) = self.session.take() {
                    self.searches(around, session, JibriSession::start);
                }
            }
            Report::Off { failed } => self.over(around, failed, None),
        }
    }

    /// What has run out by now: an answer, or `pending`, after which no other Jibri is tried.
    pub(crate) fn comes_due(&mut self, around: &mut Around<'_, R, J, A>) {
        let is_due = |session: &&JibriSession<R, J, A>| session.due().is_some_and(|due| due <= around.now);
        let Some(session) = self.session.as_ref().filter(is_due) else { return };
        // A Jibri that comes to life later is not to record unknown to anybody.
        session.stop(around);
        if session.is_starting() {
            return self.answered(around, Reply::Error);
        }
        self.over(around, false, None);
        self.goes_on(around);
    }

    fn over(&mut self, around: &mut Around<'_, R, J, A>, failed: bool, by: Option<String>) {
        self.publish(around, false, failed, by);
        self.session = None;
    }

    /// Stays in each later presence until it is replaced.
    fn publish(
        &mut self,
        around: &mut Around<'_, R, J, A>,
        on: bool,
        failed: bool,
        initiator: Option<String>,
    ) {
        let Some(session) = &self.session else { return };
        let status =
            RecordingStatus { on, session: session.id.clone(), mode: session.mode, failed, initiator };
        self.status = Some(status.clone());
        around.out.push(Output::Publish(self.room.clone(), status));
    }
}
