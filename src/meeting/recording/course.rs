//! How far the recording of a meeting has come, and how it goes on from there: asked for, found, on, gone, over, failed.

use std::time::Duration;

use super::Recording;
use crate::address::RealJid;
use crate::meeting::answer::StartFailure;
use crate::meeting::context::{Ctx, Policy};
use crate::meeting::event::{Ended, What};
use crate::meeting::io::{AttemptId, SessionId};
use crate::meeting::knowledge::Picture;
use crate::time::Time;

/// A recording that was on for this long counts as a success.
const LASTING: Duration = Duration::from_secs(60);

/// By then the recorder of a start is in the room, unless its page loads slowly (5.5 to 9 s, docs/jitsi.md 13).
pub(super) const SHOWS_BY: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Course {
    /// Nothing is on, and nothing under way.
    Nothing,
    /// A start was sent. `sender`: in whose name; if in our own, an answer will come. A test is given up at its deadline, and
    /// may still be under way until `over`.
    Asked { attempt: AttemptId, since: Time, deadline: Time, over: Time, sender: Option<RealJid> },
    /// A session is there, and not on yet.
    Found { session: Option<SessionId>, deadline: Time, by: FoundBy },
    /// It is on.
    On { session: Option<SessionId>, since: Time, by: Witness },
    /// The recorder has gone while a recording is wanted, and focus has not said why. `ask`: when focus is to be asked, and how
    /// often it knew nothing of it yet.
    Gone { session: Option<SessionId>, since: Time, deadline: Time, ask: (Time, u32) },
}

/// How we know that something is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FoundBy {
    /// Focus has told us, in answer to a start, or the fleet in its stead.
    Focus,
    /// Focus has told us that somebody else has begun a session; of which kind will show.
    Others,
    /// A recorder came in that we did not ask for.
    Recorder,
}

/// Who says that it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Witness {
    Focus,
    /// Focus was restarted and does not know of it, but the recorder is there (docs/jitsi.md 3).
    Recorder,
    /// The recorder is there; focus has not been heard.
    Sighted,
}

impl Recording {
    /// The session pending or on.
    pub(in crate::meeting) fn session(&self) -> Option<&SessionId> {
        match &self.course {
            Course::Found { session, .. } | Course::On { session, .. } | Course::Gone { session, .. } => {
                session.as_ref()
            }
            Course::Nothing | Course::Asked { .. } => None,
        }
    }

    pub(super) fn found(
        &mut self,
        session: Option<SessionId>,
        by: FoundBy,
        ctx: &Ctx<'_>,
        policy: Policy<'_>,
    ) {
        // Where no recorder shows by then, focus may know more.
        if self.inquiry.is_none() && by != FoundBy::Recorder {
            self.inquiry = Some((ctx.now.after(SHOWS_BY), 1));
        }
        let moves_until = self.refuted.as_ref().and_then(|refuted| refuted.moves_until(ctx.now));
        let deadline = moves_until.unwrap_or_else(|| ctx.now.after(policy.start.pending_timeout));
        ctx.wake(deadline);
        self.course = Course::Found { session, deadline, by };
    }

    pub(super) fn on(&mut self, session: Option<SessionId>, by: Witness, ctx: &mut Ctx<'_>) {
        if by == Witness::Focus {
            self.unanswered = None;
        }
        if let Course::On { session: current, since, .. } = &self.course
            && (*current == session || current.is_none())
        {
            self.course = Course::On { session, since: *since, by };
            return;
        }
        self.refuted = None;
        self.unrecorded_since = None;
        self.had_recorder = false;
        self.seated.clear();
        self.stop.recording_is_on(self.course == Course::Nothing && self.held().is_none());
        self.known.is_on(by == Witness::Sighted);
        let is_begun_since = |stop| by == Witness::Focus || self.known.recorders.has_come_since(stop);
        let is_begun_since = self.holds.stopped_at().is_none_or(is_begun_since);
        self.holds.is_on(is_begun_since);
        let wanted_for = self.missing_since.take().map(|missing| ctx.now.since(missing));
        let is_found_by_it = matches!(self.course, Course::Found { by: FoundBy::Recorder, .. });
        let is_denied = by == Witness::Recorder || by == Witness::Sighted && is_found_by_it;
        ctx.tell(What::On { session: session.clone(), wanted_for, is_denied });
        self.backoff.resume();
        self.course = Course::On { session, since: ctx.now, by };
    }

    /// What was on is over.
    pub(super) fn ended(&mut self, how: Ended, ctx: &mut Ctx<'_>) {
        let (Course::On { session, since, .. } | Course::Gone { session, since, .. }) = &self.course else {
            return;
        };
        // A recording that dies young does not make up for the failures before it.
        if ctx.now.since(*since) >= LASTING {
            self.backoff.forgive();
        }
        ctx.tell(What::Ended { session: session.clone(), how });
        self.stop.recording_is_over();
        self.known.is_over(ctx.now);
        self.order_is_carried_out(ctx);
        self.course = Course::Nothing;
    }

    /// A start has come to nothing.
    pub(super) fn fail(&mut self, why: StartFailure, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        if policy.in_names && matches!(why, StartFailure::NoSign | StartFailure::NotTaken) {
            // Jicofo has refused it though there was a Jibri: what is there is recording already.
            self.believes = Some(false);
        }
        self.course = Course::Nothing;
        // What fails while we are not there may have been for the meeting before.
        let retry_in = if self.backoff.is_at_limit(policy) && self.known.meeting.gap().is_none() {
            self.backoff.fail_for_good(why);
            self.holds.gave_up(why);
            None
        } else {
            Some(self.backoff.fail(why, ctx, policy))
        };
        ctx.tell(What::StartFailed { why, retry_in });
    }

    /// The recorder is gone, and nobody says why: nothing is guessed.
    pub(super) fn vanished(&mut self, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        self.ended(Ended::Unexplained, ctx);
        // Where nobody is asked, it may have been a person every time.
        let is_untold = policy.in_names && !now.is_inside();
        if !(is_untold && self.holds.untold_end()) {
            self.fail(StartFailure::Vanished, ctx, policy);
        }
    }
}
