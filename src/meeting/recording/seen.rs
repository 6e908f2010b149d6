//! What the picture of the room means beyond focus's word: focus gone or new, a recorder come or gone.

use std::time::Duration;

use super::Recording;
use super::course::{Course, FoundBy, SHOWS_BY, Witness};
use crate::meeting::answer::StartFailure;
use crate::meeting::context::{Ctx, Policy};
use crate::meeting::event::Ended;
use crate::meeting::io::SessionId;
use crate::meeting::knowledge::{Gap, Picture};

/// A sender who is still there after this was there when his name was used.
pub(super) const SENDER_STAYS: Duration = Duration::from_secs(3);
/// The Jibri of a start may have stopped because the meeting is over; a look that sees so comes first.
pub(super) const ASK_AFTER: Duration = Duration::from_millis(500);
/// Jicofo notices so late that a Jibri has died, and moves its session to another one (docs/jitsi.md 13.2); to ask it before
/// would be a visit for nothing.
const FOCUS_NOTICES: Duration = Duration::from_secs(20);

/// How it has ended when it was not wanted any more, so that nobody is asked.
fn unasked(now: &Picture<'_>) -> Ended {
    if now.people == 0 { Ended::WithMeeting } else { Ended::Unasked }
}

impl Recording {
    /// What the room shows beyond focus's last word.
    pub(super) fn see(&mut self, wanted: bool, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        if !now.is_inside() {
            self.see_from_outside(wanted, now, ctx, policy);
        }
        // Whoever leaves in that moment may have gone before his name was used; asked twice is asked once.
        if let Course::Asked { sender: Some(sender), since, .. } = &self.course
            && ctx.now.since(*since) < SENDER_STAYS
            && !now.roster.is_moderator(sender)
        {
            self.fail(StartFailure::SenderLeft, ctx, policy);
        }
        let is_recorded = self.known.is_recorded();
        let is_told_on = now.focus && self.known.told_on(policy.start.mode).is_some();
        match &self.course {
            Course::Asked { .. } | Course::Found { by: FoundBy::Focus | FoundBy::Others, .. }
                if !now.focus =>
            {
                self.fail(StartFailure::NoFocus, ctx, policy);
            }
            Course::Found { by: FoundBy::Recorder, .. } if !is_recorded => {
                self.fail(StartFailure::EndedBeforeOn, ctx, policy);
            }
            Course::Found { .. } if self.is_the_silent_one(now, ctx, policy) => self.believes = Some(true),
            Course::On { .. } if !now.is_inside() => {}
            Course::On { session, .. } if !is_told_on && is_recorded => {
                let session = session.clone();
                self.on(session, Witness::Recorder, ctx);
            }
            Course::On { .. } if !is_told_on => self.ended(self.loss(), ctx),
            Course::Gone { session, since, .. } if is_recorded => {
                let (session, since) = (session.clone(), *since);
                self.course = Course::On { session, since, by: Witness::Sighted };
            }
            Course::Gone { .. } if !wanted => self.ended(unasked(now), ctx),
            Course::Gone { .. } if !now.focus => self.ended(self.loss(), ctx),
            Course::Gone { .. } if !policy.may_visit() || policy.in_names && now.unwelcome => {
                self.vanished(now, ctx, policy);
            }
            _ => {}
        }
        self.is_it_still_instead(wanted, now, policy);
    }

    /// How it has ended if nobody says: with its meeting, if nobody was left for a moment.
    fn loss(&self) -> Ended {
        if self.known.meeting.gap() == Some(Gap::Emptied) { Ended::WithMeeting } else { Ended::Lost }
    }

    /// Focus has long said that it is on, no recorder has ever shown its session, and one of Jibri's accounts is there:
    /// it is one that shows nothing.
    fn is_the_silent_one(&self, now: &Picture<'_>, ctx: &Ctx<'_>, policy: Policy<'_>) -> bool {
        let told = self.known.told_on(policy.start.mode);
        let session = told.and_then(|status| status.session.as_ref());
        let recorders = &self.known.recorders;
        let has_shown = session.is_some_and(|session| recorders.have_shown(session));
        let is_late = self.asked_at.is_none_or(|at| ctx.now.since(at) >= SHOWS_BY);
        let is_told = now.is_inside() && now.visitor && told.is_some();
        is_told && is_late && !has_shown && !self.known.is_recorded() && recorders.is_silent()
    }

    /// From outside, the recorder among the occupants is what there is to see.
    fn see_from_outside(&mut self, wanted: bool, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        let is_new = matches!(self.course, Course::Nothing | Course::Asked { .. } | Course::Found { .. });
        if is_new && self.sees_recorder_of_ours() {
            let session = self.session().or(self.known.recorders.session()).cloned();
            self.leaves_answer_open();
            self.on(session, Witness::Sighted, ctx);
        }
        let Course::On { session, since, .. } = &self.course else { return };
        if self.known.is_recorded() {
            return;
        }
        if self.stop.is_under_way() {
            self.ended(Ended::ByUs, ctx);
            self.backoff.pause(policy.start.retry_min, ctx);
        } else if !wanted {
            self.ended(unasked(now), ctx);
        } else if !now.focus {
            self.ended(self.loss(), ctx);
        } else {
            let from = match self.known.jibri_stopped {
                None => ctx.now,
                Some((at, gone)) => at.after(if gone { FOCUS_NOTICES } else { ASK_AFTER }).max(ctx.now),
            };
            let deadline = ctx.now.after(policy.start.pending_timeout);
            self.course = Course::Gone { session: session.clone(), since: *since, deadline, ask: (from, 0) };
        }
    }

    /// A recorder is there, and not the one of a session that is over, or of another than we wait for.
    fn sees_recorder_of_ours(&self) -> bool {
        let over = self.known.over_session();
        let is_it = |theirs: Option<&SessionId>| {
            let is_ours = |theirs| over != Some(theirs) && self.session().is_none_or(|ours| ours == theirs);
            theirs.is_none_or(is_ours)
        };
        self.known.recorders.sessions().any(is_it)
    }
}
