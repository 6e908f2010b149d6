//! What became of a start: focus's answer, or what others tell where there is none.

use std::time::Duration;

use super::{PendingBy, Phase, Recording, SHOWS_BY};
use crate::meeting::answer::{Meaning, StartFailure, meaning};
use crate::meeting::event::{Hold, What};
use crate::meeting::io::{Answer, AttemptId};
use crate::meeting::{Ctx, Policy};
use crate::time::Time;

/// Something is refused for a reason that only a changed setting can mend; how often we look again.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// How long an answer may be on its way to us.
const ANSWER_TAKES: Duration = Duration::from_secs(2);

/// The Jibri of a start may have stopped because the meeting is over; a look that sees so comes first.
const INQUIRY_AFTER: Duration = Duration::from_millis(500);
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
        self.unanswered.take_if(|(current, _)| *current == attempt);
        match self.phase {
            Phase::Starting { attempt: current, .. } if current == attempt => {}
            // The recording was on, or the attempt given up, before its answer came.
            _ => return None,
        }
        match meaning(answer) {
            Meaning::Accepted(session) => {
                ctx.tell(What::Accepted { session: session.clone() });
                // The recorder may have come in while the answer was on its way.
                self.asked_at = Some(ctx.now.before(ANSWER_TAKES));
                self.pending(session, PendingBy::Focus, ctx.now, policy);
            }
            Meaning::AlreadyRunning => {
                ctx.tell(What::Adopted);
                self.pending(None, PendingBy::Others, ctx.now, policy);
            }
            Meaning::Failed(why) => {
                self.fail(why, ctx, policy);
                return Some(why);
            }
            Meaning::Refused(misfit) => {
                self.hold(Hold::Misfit(misfit), Some(ctx.now.after(LOOK_AGAIN)), ctx);
            }
        }
        None
    }

    /// Focus says only inside what became of a start that it has accepted, or is about to.
    pub(in crate::meeting) fn jibri_stopped(&mut self, gone: bool, now: Time) {
        if gone {
            self.jibri_gone = Some(now);
        }
        self.ask_from = Some(now.after(INQUIRY_AFTER));
        // A Jibri that is there again knows why it has stopped, and so does focus.
        if let Phase::Doubtful { ask: (at, _), .. } = &mut self.phase
            && !gone
        {
            *at = (*at).min(now.after(INQUIRY_AFTER));
        }
        // A start that focus gives up before this Jibri has answered it is told of to nobody but the moderator in whose
        // name it was. If another Jibri has taken it, that one shows by then.
        if let Phase::Pending { session: None, deadline, by: PendingBy::Focus } = &mut self.phase {
            *deadline = (*deadline).min(now.after(SHOWS_BY));
        }
        let is_asked = |by: PendingBy| matches!(by, PendingBy::Focus | PendingBy::Others);
        if match &self.phase {
            Phase::Starting { .. } => true,
            Phase::Pending { by, .. } => is_asked(*by),
            _ => false,
        } {
            self.inquiry = Some((now.after(INQUIRY_AFTER), INQUIRIES));
        }
    }

    /// We have come in and hear focus. What it has to say may take it a moment.
    pub(in crate::meeting) fn entered(&mut self, now: Time) {
        let left = self.inquiry.and_then(|(_, left)| left.checked_sub(1)).filter(|left| *left > 0);
        self.inquiry = left.map(|left| (now.after(INQUIRIES_APART), left));
    }

    /// What became of a start that nobody answers us.
    pub(in crate::meeting) fn taken(&mut self, taken: bool, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        match (&self.phase, taken) {
            (Phase::Starting { sender: Some(_), .. }, true) => {
                ctx.tell(What::Taken);
                self.pending(None, PendingBy::Focus, ctx.now, policy);
            }
            (Phase::Starting { sender: Some(_), .. }, false) => {
                self.fail(StartFailure::NotTaken, ctx, policy);
            }
            _ => {}
        }
    }
}
