//! `JibriSession`: one recording, by whichever Jibri has it, and the search for one (docs/jitsi.md 2).

use crate::course::Reply;
use crate::detector::{JibriDetector, NoJibri};
use crate::jicofo::{Output, Settings};
use crate::request::{Mode, Refusal, SessionId};
use std::time::Duration;

/// What a step of Jicofo works with.
pub(crate) struct Around<'a, R, J, A> {
    pub(crate) now: Duration,
    pub(crate) settings: &'a Settings,
    pub(crate) detector: &'a mut JibriDetector<J>,
    /// Sessions that have stayed behind as listeners (docs/jitsi.md 13.2.5).
    pub(crate) left_over: &'a mut Vec<JibriSession<R, J, A>>,
    pub(crate) out: &'a mut Vec<Output<R, J, A>>,
}

impl<R, J, A> Around<'_, R, J, A> {
    /// Keeps those that are still left over.
    pub(crate) fn with_left_over(
        &mut self,
        stays: impl Fn(&mut JibriSession<R, J, A>, &mut Around<'_, R, J, A>) -> bool,
    ) {
        let mut all = std::mem::take(self.left_over);
        all.retain_mut(|session| stays(session, self));
        self.left_over.extend(all);
    }
}

/// One recording.
#[derive(Clone, Debug)]
pub struct JibriSession<R, J, A> {
    /// Stays the same when another Jibri takes over.
    pub id: SessionId,
    /// Its conference's room.
    pub room: R,
    /// File or stream.
    pub mode: Mode,
    /// Whose start it was.
    pub asker: A,
    /// Nickname of who has started it.
    pub initiator: String,
    /// The Jibri that was asked, or that records.
    pub jibri: Option<J>,
    /// A Jibri has once answered `pending`.
    pub accepted: bool,
    /// The Jibri has said so.
    pub on: bool,
    retries: u32,
    /// Jibris looked for since one was last had.
    pub(crate) tries: u64,
    /// Until when the Jibri's answer is waited for.
    pub(crate) answer_by: Option<Duration>,
    /// Until when it may be pending.
    pub(crate) pending_until: Option<Duration>,
}

impl<R: Clone, J: Ord + Clone, A: Clone> JibriSession<R, J, A> {
    pub(crate) fn new(id: SessionId, room: R, mode: Mode, asker: A, initiator: String) -> Self {
        JibriSession {
            id,
            room,
            mode,
            asker,
            initiator,
            jibri: None,
            accepted: false,
            on: false,
            retries: 0,
            tries: 0,
            answer_by: None,
            pending_until: None,
        }
    }

    /// A start is under way: all else that concerns the session waits.
    pub fn is_starting(&self) -> bool {
        self.answer_by.is_some()
    }

    /// Asks the next Jibri.
    pub(crate) fn start(&mut self, around: &mut Around<'_, R, J, A>) -> Result<(), Refusal> {
        loop {
            self.tries += 1;
            let jibri = around.detector.select(around.now).map_err(|none| match none {
                NoJibri::NotAvailable => Refusal::NoJibris,
                NoJibri::AllBusy => Refusal::AllBusy,
            })?;
            self.jibri = Some(jibri.clone());
            self.on = false;
            if around.detector.is_inside() {
                self.answer_by = Some(around.now + around.settings.reply_timeout);
                self.pending_until = Some(around.now + around.settings.pending_timeout);
                around.out.push(Output::Start { jibri, session: Box::new(self.clone()) });
                return Ok(());
            }
            self.has_failed(around)?;
        }
    }

    /// The Jibri has refused, or not answered: the next, while retries last.
    pub(crate) fn start_failed(&mut self, around: &mut Around<'_, R, J, A>) -> Result<(), Refusal> {
        self.has_failed(around)?;
        self.start(around)
    }

    fn has_failed(&mut self, around: &mut Around<'_, R, J, A>) -> Result<(), Refusal> {
        (self.answer_by, self.pending_until) = (None, None);
        if let Some(jibri) = &self.jibri {
            around.detector.failed(around.now, jibri);
            around.out.push(Output::StartFailed { jibri: jibri.clone(), room: self.room.clone() });
        }
        if self.retry(around.settings) { Ok(()) } else { Err(Refusal::InternalServerError) }
    }

    /// Takes one of the retries that are left.
    pub(crate) fn retry(&mut self, settings: &Settings) -> bool {
        let may = settings.num_retries.is_none_or(|most| self.retries < most);
        self.retries += u32::from(may);
        may
    }

    /// Tells the Jibri to stop; the answer is nobody's.
    pub(crate) fn stop(&self, around: &mut Around<'_, R, J, A>) {
        if let Some(jibri) = self.jibri.clone() {
            around.out.push(Output::Stop { jibri, session: self.id.clone() });
        }
    }

    /// When an answer, or `pending`, runs out.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.answer_by.or(self.pending_until)
    }

    /// As a listener that was left over: its Jibri has gone, and so it starts, where nobody may be any more; false once
    /// it is over (docs/jitsi.md 13.2.5).
    pub(crate) fn is_left_by(&mut self, around: &mut Around<'_, R, J, A>, jibri: &J) -> bool {
        if self.jibri.as_ref() != Some(jibri) || self.is_starting() {
            return true;
        }
        let goes_on = self.retry(around.settings);
        if goes_on {
            around.out.push(Output::LeftOver(self.room.clone()));
        }
        goes_on && self.start(around).is_ok()
    }

    /// As a listener that was left over: its Jibri has answered, or time is up. What its Jibri reports it never hears, so
    /// `pending` runs out, and the Jibri is told to stop, whatever it records by then (docs/jitsi.md 13.2.10).
    pub(crate) fn is_left_with(&mut self, around: &mut Around<'_, R, J, A>, reply: Option<Reply>) -> bool {
        if reply == Some(Reply::Pending) {
            (self.answer_by, self.accepted) = (None, true);
            return true;
        }
        if reply.is_none() {
            if self.due().is_none_or(|due| due > around.now) {
                return true;
            }
            self.stop(around);
        }
        self.is_starting() && self.start_failed(around).is_ok()
    }
}
