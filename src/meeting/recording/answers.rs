//! What became of a start: focus's answer, or what others tell where there is none.

use std::time::Duration;

use super::Recording;
use super::course::{Course, FoundBy, SHOWS_BY};
use super::seen::ASK_AFTER;
use crate::meeting::answer::{Meaning, StartFailure, meaning};
use crate::meeting::context::{Ctx, Policy};
use crate::meeting::event::What;
use crate::meeting::io::{Answer, AttemptId};
use crate::time::Time;

/// Something is refused for a reason that only a changed setting can mend; how often we look again.
const POLL_AGAIN: Duration = Duration::from_secs(300);
/// How long an answer may be on its way to us.
const ANSWER_TAKES: Duration = Duration::from_secs(2);
/// So often, and so far apart, focus is asked what became of a start whose Jibri has stopped.
const INQUIRIES: u32 = 2;
const INQUIRIES_APART: Duration = Duration::from_secs(3);

impl Recording {
    /// Takes the answer to a start; what else it says about the room, if it failed.
    pub(in crate::meeting) fn answered(
        &mut self,
        attempt: AttemptId,
        answer: Answer,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) -> Option<StartFailure> {
        let was_given_up = self.unanswered.take_if(|(current, _)| *current == attempt).is_some();
        let meaning = meaning(answer);
        match (&self.course, &meaning) {
            (Course::Asked { attempt: current, .. }, _) if *current == attempt => {}
            // It is pending all the same.
            (Course::Nothing, Meaning::Accepted(_)) if was_given_up => {}
            // The recording was on before its answer came.
            _ => return None,
        }
        match meaning {
            Meaning::Accepted(session) => {
                ctx.tell(What::Accepted { session: session.clone() });
                // The recorder may have come in while the answer was on its way.
                self.asked_at = Some(ctx.now.before(ANSWER_TAKES));
                self.found(session, FoundBy::Focus, ctx, policy);
            }
            Meaning::AlreadyRunning => {
                ctx.tell(What::Adopted);
                self.found(None, FoundBy::Others, ctx, policy);
            }
            Meaning::Failed(why) => {
                self.fail(why, ctx, policy);
                return Some(why);
            }
            Meaning::Refused(misfit) => {
                self.course = Course::Nothing;
                self.holds.misfit(misfit, ctx.now.after(POLL_AGAIN));
            }
        }
        None
    }

    /// Something else is about to come of a start. That focus answers it is still waited for: it may go on with it.
    pub(super) fn leaves_answer_open(&mut self) {
        if let Course::Asked { attempt, deadline, sender: None, .. } = self.course {
            self.unanswered = Some((attempt, deadline));
        }
    }

    /// What became of a start that nobody answers us.
    pub(in crate::meeting) fn taken(&mut self, taken: bool, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        if !matches!(self.course, Course::Asked { sender: Some(_), .. }) {
            return;
        }
        if taken {
            ctx.tell(What::Taken);
            self.found(None, FoundBy::Focus, ctx, policy);
        } else {
            self.fail(StartFailure::NotTaken, ctx, policy);
        }
    }

    /// The Jibri of this recording, or of the start under way, has stopped. What became of a start that focus has accepted, or
    /// is about to, it says only inside.
    pub(in crate::meeting) fn jibri_stopped(&mut self, gone: bool, now: Time) {
        self.known.jibri_stopped = Some((now, gone));
        // A start that focus gives up before this Jibri has answered it is told of to nobody but the moderator in whose
        // name it was. If another Jibri has taken it, that one shows by then.
        if let Course::Found { session: None, deadline, by: FoundBy::Focus } = &mut self.course {
            *deadline = (*deadline).min(now.after(SHOWS_BY));
        }
        match &mut self.course {
            // A Jibri that is there again knows why it has stopped, and so does focus.
            Course::Gone { ask: (at, _), .. } if !gone => *at = (*at).min(now.after(ASK_AFTER)),
            Course::Asked { .. } | Course::Found { by: FoundBy::Focus | FoundBy::Others, .. } => {
                self.inquiry = Some((now.after(ASK_AFTER), INQUIRIES));
            }
            _ => {}
        }
    }

    /// We have come in and hear focus. What it has to say may take it a moment.
    pub(in crate::meeting) fn entered(&mut self, now: Time) {
        let left = self.inquiry.and_then(|(_, left)| left.checked_sub(1)).filter(|left| *left > 0);
        self.inquiry = left.map(|left| (now.after(INQUIRIES_APART), left));
    }
}
