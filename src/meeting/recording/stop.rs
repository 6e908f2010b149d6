//! A recording that nobody needs any more by `[stop]`, or that is ended by hand, is stopped; that stop is never taken
//! for a person's.

use std::time::Duration;

use super::act::may_enter;
use super::{ANSWER_GRACE, Facts, Next, Phase, Recording};
use crate::address::{Nick, RealJid};
use crate::config::StopWhen;
use crate::meeting::answer::{StopFailure, stop_failure};
use crate::meeting::event::{Ended, What};
use crate::meeting::io::{Answer, AttemptId, RecordingStatus, SessionId};
use crate::meeting::{Ctx, Policy};
use crate::time::Time;

/// How long focus has for its answer: it tells Jibri without waiting (docs/jitsi.md 2).
pub(in crate::meeting) const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// In somebody's name there is no answer: by then the recorder has left.
const LEAVES_WITHIN: Duration = Duration::from_secs(60);
/// Between two tries at first, then twice as long each time.
const RETRY_MIN: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Sent {
    attempt: AttemptId,
    deadline: Time,
    /// In our own name, so that an answer will come.
    is_answered: bool,
}

/// A stop of ours, as focus will tell of it.
#[derive(Debug)]
struct Ours {
    initiator: Nick,
    session: Option<SessionId>,
}

/// What there is to the end of a recording that nobody needs.
#[derive(Debug, Default)]
pub(super) struct Stopping {
    /// Since when nobody needs it.
    since: Option<Time>,
    /// Somebody has ordered it, so that it is not waited for.
    is_ordered: bool,
    sent: Option<Sent>,
    not_before: Option<Time>,
    failures: u32,
    /// Trying again does not help with this recording.
    given_up: Option<StopFailure>,
    ours: Option<Ours>,
}

impl Stopping {
    pub(super) fn is_under_way(&self) -> bool {
        self.sent.is_some()
    }

    pub(super) fn awaits_answer(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.is_answered)
    }

    pub(super) fn is_unneeded(&self) -> bool {
        self.since.is_some()
    }

    pub(super) fn reason(&self) -> Option<String> {
        self.given_up.map(|why| format!("it is to be stopped, but is not: {why}"))
    }

    /// `waits`: a stop that is due waits for a look, a visit or focus.
    pub(super) fn deadline(&self, policy: Policy<'_>, waits: bool) -> Option<Time> {
        if let Some(sent) = &self.sent {
            return Some(sent.deadline);
        }
        let at = self.since?.after(self.delay(policy));
        (!waits && self.given_up.is_none())
            .then(|| self.not_before.map_or(at, |not_before| at.max(not_before)))
    }

    /// The answer will not come any more.
    pub(super) fn link_down(&mut self) {
        self.sent = None;
    }

    /// What was sent in somebody's name has not arrived.
    pub(super) fn sender_refused(&mut self) {
        self.sent.take_if(|sent| !sent.is_answered);
        self.given_up.take_if(|why| *why == StopFailure::NobodyToSpeakFor);
    }

    /// `was_unknown`: it may have been on before, unneeded.
    pub(super) fn recording_is_on(&mut self, was_unknown: bool) {
        // Focus will tell of the new one, and of the end of the old one never more.
        self.ours.take_if(|ours| ours.session.is_none());
        let since = self.since.filter(|_| was_unknown);
        *self = Self { ours: self.ours.take(), since, is_ordered: self.is_ordered, ..Self::default() };
    }

    pub(super) fn recording_is_over(&mut self) {
        *self = Self { ours: self.ours.take(), ..Self::default() };
    }

    /// Whether what focus tells is a stop of ours.
    pub(super) fn is_ours(&self, status: &RecordingStatus) -> bool {
        self.ours.as_ref().is_some_and(|ours| {
            status.initiator.as_ref() == Some(&ours.initiator)
                && (ours.session.is_none() || ours.session == status.session)
        })
    }

    /// This is how focus tells of it.
    pub(super) fn learn(&mut self, status: &RecordingStatus) {
        if self.is_ours(status)
            && let Some(ours) = &mut self.ours
        {
            ours.session.clone_from(&status.session);
        }
    }

    /// Somebody orders something: what came of tries before does not count.
    pub(super) fn ordered(&mut self) {
        self.given_up = None;
        self.failures = 0;
        self.not_before = None;
    }

    /// `unwanted`: a recording is on and the `[start]` condition does not hold. `is_ordered`: by hand.
    pub(super) fn observe(
        &mut self,
        unwanted: bool,
        is_ordered: bool,
        facts: &Facts<'_>,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) {
        let is_over = match policy.stop.when {
            StopWhen::Never => false,
            StopWhen::NoModerator => facts.moderators == 0,
            StopWhen::Empty => facts.people == 0,
        };
        // What we do not see cannot be relied upon to last.
        let holds = unwanted && (is_ordered || is_over && policy.record) && facts.complete();
        // Back to the rules: their delay begins then.
        if is_ordered != self.is_ordered {
            self.since = None;
        }
        self.is_ordered = is_ordered;
        self.since = holds.then(|| self.since.unwrap_or(ctx.now));
        self.not_before.take_if(|at| *at <= ctx.now);
        if self.sent.as_ref().is_some_and(|sent| sent.deadline <= ctx.now) {
            self.failed(StopFailure::NoAnswer, ctx);
        }
    }

    fn is_due(&self, now: Time, policy: Policy<'_>) -> bool {
        self.sent.is_none()
            && self.not_before.is_none()
            && self.given_up.is_none()
            && self.since.is_some_and(|since| now >= since.after(self.delay(policy)))
    }

    fn delay(&self, policy: Policy<'_>) -> Duration {
        if self.is_ordered { Duration::ZERO } else { policy.stop.delay }
    }

    fn failed(&mut self, why: StopFailure, ctx: &mut Ctx<'_>) {
        self.sent = None;
        if why.is_final() {
            self.given_up = Some(why);
            ctx.tell(What::StopFailed { why, retry_in: None });
            return;
        }
        let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let delay = RETRY_MIN.saturating_mul(doubled).min(RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(ctx.now.after(delay));
        ctx.tell(What::StopFailed { why, retry_in: Some(delay) });
    }
}

impl Recording {
    /// The stop that is due, or what has to come before it.
    pub(super) fn stop_if_due(
        &mut self,
        facts: &Facts<'_>,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) -> Option<Next> {
        let is_on = matches!(self.phase, Phase::Recording { .. });
        if !(is_on || self.may_be_on) || !self.stop.is_due(ctx.now, policy) {
            return None;
        }
        if !is_on && may_enter(facts, policy) {
            // What is there is to be found out first.
            return facts.is_to_tell(ctx.now).then_some(Next::VisitToStop);
        }
        if !is_on && (!policy.in_names || facts.inside()) {
            return None;
        }
        if ctx.dry_run {
            ctx.tell(What::WouldStop);
            self.stop.given_up = Some(StopFailure::DryRun);
            return None;
        }
        if let Some(nick) = facts.our_nick {
            return Some(self.stop(nick.clone(), None, ctx));
        }
        if !policy.in_names {
            return Some(Next::VisitToStop);
        }
        match facts.roster.moderator(self.stop.failures) {
            Some(_) if !facts.fresh => Some(Next::Look),
            Some((nick, sender)) => Some(self.stop(nick.clone(), Some(sender.clone()), ctx)),
            None if policy.peek => Some(Next::VisitToStop),
            None => {
                self.stop.failed(StopFailure::NobodyToSpeakFor, ctx);
                None
            }
        }
    }

    fn stop(&mut self, initiator: Nick, sender: Option<RealJid>, ctx: &mut Ctx<'_>) -> Next {
        let attempt = ctx.new_attempt();
        let is_answered = sender.is_none();
        let patience = if is_answered { STOP_TIMEOUT.saturating_add(ANSWER_GRACE) } else { LEAVES_WITHIN };
        // Which session it ends is for focus to say: ours may have been replaced unseen.
        self.stop.ours = Some(Ours { initiator, session: None });
        self.stop.sent = Some(Sent { attempt, deadline: ctx.now.after(patience), is_answered });
        ctx.tell(What::StopSent { sender: sender.clone() });
        Next::Stop(attempt, sender)
    }

    /// Takes the answer to a stop; why it failed, if it did.
    pub(in crate::meeting) fn stop_answered(
        &mut self,
        attempt: AttemptId,
        answer: Answer,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) -> Option<StopFailure> {
        self.stop.sent.take_if(|sent| sent.attempt == attempt)?;
        let why = stop_failure(answer);
        match why {
            Some(why) => self.stop.failed(why, ctx),
            None => {
                self.ended(Ended::ByUs, ctx);
                self.not_before = Some(ctx.now.after(policy.start.retry_min));
            }
        }
        why
    }
}
