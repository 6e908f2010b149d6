//! From one phase to the next: on, pending, held, over, failed, and how long a failure pauses.

use std::time::Duration;

use rand::RngExt as _;

use super::{PendingBy, Phase, Recording, SHOWS_BY, Witness};
use crate::meeting::answer::StartFailure;
use crate::meeting::event::{Ended, Hold, What};
use crate::meeting::io::SessionId;
use crate::meeting::{Ctx, Policy};
use crate::time::Time;

/// Failures that pass soon are tried again at the shortest delay this often before the delay grows.
const SOON: u32 = 5;

/// A recording that was on for this long counts as a success.
const LASTING: Duration = Duration::from_secs(60);

/// `retry_min` doubled so often, a quarter more or less, inside `retry_min..=retry_max`.
fn retry_delay(policy: Policy<'_>, doublings: u32, ctx: &mut Ctx<'_>) -> Duration {
    let (min, max) = (policy.start.retry_min, policy.start.retry_max);
    let delay = min.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(max);
    delay.mul_f64(ctx.rng.random_range(0.75..=1.25)).clamp(min, max.max(min))
}

impl Recording {
    pub(super) fn on(&mut self, session: Option<SessionId>, by: Witness, ctx: &mut Ctx<'_>) {
        if by == Witness::Focus {
            self.unanswered = None;
        }
        if let Phase::Recording { session: current, since, .. } = &self.phase
            && (*current == session || current.is_none())
        {
            self.phase = Phase::Recording { session, since: *since, by };
            return;
        }
        self.stop.recording_is_on(self.phase == Phase::Idle);
        self.jibri_gone = None;
        // Somebody has started it anew: whatever the ends before were, they were not meant to last.
        if matches!(self.phase, Phase::Held { why: Hold::Untold, .. }) {
            self.untold_ends = 0;
        }
        let wanted_for = self.missing_since.take().map(|missing| ctx.now.since(missing));
        ctx.tell(What::On { session: session.clone(), wanted_for });
        self.not_before = None;
        self.phase = Phase::Recording { session, since: ctx.now, by };
    }

    pub(super) fn pending(
        &mut self,
        session: Option<SessionId>,
        by: PendingBy,
        now: Time,
        policy: Policy<'_>,
    ) {
        let deadline = now.after(policy.start.pending_timeout);
        // Where no recorder shows by then, focus may know more.
        if self.inquiry.is_none() && by != PendingBy::Recorder {
            self.inquiry = Some((now.after(SHOWS_BY), 1));
        }
        self.phase = Phase::Pending { session, deadline, by };
    }

    pub(super) fn hold(&mut self, why: Hold, until: Option<Time>, ctx: &mut Ctx<'_>) {
        ctx.tell(What::Held(why.clone()));
        self.phase = Phase::Held { why, until };
    }

    pub(super) fn ended(&mut self, how: Ended, ctx: &mut Ctx<'_>) {
        let (Phase::Recording { session, since, .. } | Phase::Doubtful { session, since, .. }) = &self.phase
        else {
            return;
        };
        // A recording that dies young does not make up for the failures before it.
        if ctx.now.since(*since) >= LASTING {
            self.failures = 0;
            self.last_failure = None;
        }
        ctx.tell(What::Ended { session: session.clone(), how });
        self.stop.recording_is_over();
        self.jibri_gone = None;
        self.order_is_carried_out();
        self.over_since = Some(ctx.now);
        self.phase = Phase::Idle;
    }

    pub(super) fn fail(&mut self, why: StartFailure, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        if policy.in_names && matches!(why, StartFailure::NoSign | StartFailure::NotTaken) {
            // Jicofo has refused it though there was a Jibri: what is there is recording already.
            self.believes = Some(false);
        }
        let limit = policy.start.retry_limit;
        self.last_failure = Some(why);
        // What fails while we are not there may have been for the meeting before.
        if limit > 0 && self.failures >= limit && !self.absent && !self.emptied {
            ctx.tell(What::StartFailed { why, retry_in: None });
            self.hold(Hold::GaveUp(why), None, ctx);
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.failed_under = ctx.chance.change;
        let doublings = if why.passes_soon() { self.failures.saturating_sub(SOON) } else { self.failures };
        let delay = retry_delay(policy, doublings.saturating_sub(1), ctx);
        self.phase = Phase::Idle;
        self.not_before = Some(ctx.now.after(delay));
        ctx.tell(What::StartFailed { why, retry_in: Some(delay) });
    }
}
