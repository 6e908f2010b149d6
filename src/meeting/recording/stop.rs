//! A recording that nobody needs any more by `[stop]`, or that is ended by hand, is stopped; that stop is never taken
//! for a person's.

use std::borrow::Cow;
use std::time::Duration;

use super::course::Course;
use super::decide::Step;
use super::seen::SENDER_STAYS;
use super::{ANSWER_GRACE, Recording};
use crate::address::{Nick, RealJid};
use crate::config::StopWhen;
use crate::doubling::doubled;
use crate::meeting::answer::{StopFailure, stop_failure};
use crate::meeting::context::{Ctx, Policy};
use crate::meeting::event::{Ended, What};
use crate::meeting::io::{Action, Answer, AttemptId, Speaker};
use crate::meeting::knowledge::Picture;
use crate::time::Time;

/// How long focus has for its answer: it tells Jibri without waiting (docs/jitsi.md 2).
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// In somebody's name there is no answer: by then the recorder has left.
const LEAVES_WITHIN: Duration = Duration::from_secs(60);
/// Between two tries at first, then twice as long each time.
const RETRY_MIN: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Sent {
    attempt: AttemptId,
    since: Time,
    deadline: Time,
    /// In whose name; if in our own, an answer will come.
    sender: Option<RealJid>,
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
}

impl Stopping {
    pub(super) fn is_under_way(&self) -> bool {
        self.sent.is_some()
    }

    pub(super) fn awaits_answer(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.sender.is_none())
    }

    pub(super) fn is_unneeded(&self) -> bool {
        self.since.is_some()
    }

    pub(super) fn reason(&self) -> Option<Cow<'static, str>> {
        self.given_up.map(|why| format!("it is to be stopped, but is not: {why}").into())
    }

    /// The answer will not come any more.
    pub(super) fn link_down(&mut self) {
        self.sent = None;
    }

    /// What was sent in somebody's name has not arrived.
    pub(super) fn sender_refused(&mut self) {
        self.sent.take_if(|sent| sent.sender.is_some());
        self.given_up.take_if(|why| *why == StopFailure::NobodyToSpeakFor);
    }

    /// `was_unknown`: it may have been on before, unneeded.
    pub(super) fn recording_is_on(&mut self, was_unknown: bool) {
        let since = self.since.filter(|_| was_unknown);
        *self = Self { since, is_ordered: self.is_ordered, ..Self::default() };
    }

    pub(super) fn recording_is_over(&mut self) {
        *self = Self::default();
    }

    /// Somebody orders something: what came of tries before does not count.
    pub(super) fn ordered(&mut self) {
        self.given_up = None;
        self.failures = 0;
        self.not_before = None;
    }

    /// `is_needless`: a recording is on that the rules want to end. `is_ordered`: somebody has ordered its end.
    fn observe(&mut self, is_needless: bool, is_ordered: bool, ctx: &mut Ctx<'_>) {
        // Back to the rules: their delay begins then.
        if is_ordered != self.is_ordered {
            self.since = None;
        }
        self.is_ordered = is_ordered;
        super::since(&mut self.since, is_needless, ctx.now);
        self.not_before.take_if(|at| *at <= ctx.now);
        if self.sent.as_ref().is_some_and(|sent| ctx.is_past(sent.deadline)) {
            self.failed(StopFailure::NoAnswer, ctx);
        }
    }

    fn is_due(&self, ctx: &Ctx<'_>, policy: Policy<'_>) -> bool {
        self.sent.is_none()
            && self.given_up.is_none()
            && self.not_before.is_none_or(|at| ctx.is_past(at))
            && self.since.is_some_and(|since| ctx.is_past(since.after(self.delay(policy))))
    }

    fn delay(&self, policy: Policy<'_>) -> Duration {
        if self.is_ordered { Duration::ZERO } else { policy.stop.delay }
    }

    pub(super) fn failed(&mut self, why: StopFailure, ctx: &mut Ctx<'_>) {
        self.sent = None;
        if why.is_final() {
            self.given_up = Some(why);
            ctx.tell(What::StopFailed { why, retry_in: None });
            return;
        }
        let delay = doubled(RETRY_MIN, self.failures, RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(ctx.now.after(delay));
        ctx.tell(What::StopFailed { why, retry_in: Some(delay) });
    }
}

impl Recording {
    /// Whether something is on, or may be, that is to be stopped.
    pub(super) fn observe_need(
        &mut self,
        wanted: bool,
        now: &Picture<'_>,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) {
        let is_over = match policy.stop.when {
            StopWhen::Never => false,
            StopWhen::NoModerator => now.moderators == 0,
            StopWhen::Empty => now.people == 0,
        };
        let is_ordered = self.is_stopped_by_hand();
        let is_on = matches!(self.course, Course::On { .. }) || self.may_be_on();
        // What we do not see cannot be relied upon to last.
        let is_needless = now.is_complete() && is_on && !wanted && (is_ordered || is_over && policy.record);
        self.stop.observe(is_needless, is_ordered, ctx);
        if now.by_companion && now.speaker(0).is_some() {
            self.stop.given_up.take_if(|why| *why == StopFailure::NoRights);
        }
        // Whoever leaves in that moment may have gone before his name was used.
        let has_left = |sent: &Sent| {
            let is_there = sent.sender.as_ref().is_none_or(|sender| now.roster.is_moderator(sender));
            ctx.now.since(sent.since) < SENDER_STAYS && !is_there
        };
        if now.is_complete() && self.stop.sent.as_ref().is_some_and(has_left) {
            self.stop.failed(StopFailure::SenderLeft, ctx);
        }
    }

    /// Focus tells of our stop under the nickname that its sender has by then.
    pub(super) fn note_sender(&mut self, now: &Picture<'_>, ctx: &Ctx<'_>) {
        let sent = self.stop.sent.as_ref().filter(|sent| ctx.now.since(sent.since) < SENDER_STAYS);
        let bearer = sent.and_then(|sent| now.roster.bearer(sent.sender.as_ref()?));
        if let Some(nick) = bearer {
            self.known.sender_bears(nick);
        }
    }

    /// The stop that is due, or what has to come before it.
    pub(super) fn next_stop(&self, now: &Picture<'_>, ctx: &Ctx<'_>, policy: Policy<'_>) -> Option<Step> {
        let is_on = matches!(self.course, Course::On { .. });
        if !(is_on || self.may_be_on()) || !self.stop.is_due(ctx, policy) {
            return None;
        }
        if !is_on && now.may_enter(policy) {
            // What is there is to be found out first.
            return self.is_to_tell(ctx).then_some(Step::VisitToStop);
        }
        if !is_on && (!policy.in_names || now.is_inside()) {
            return None;
        }
        Some(match (now.speaker(self.stop.failures), now.roster.moderator(self.stop.failures)) {
            _ if ctx.dry_run => Step::WouldStop,
            (Some((nick, speaker)), _) => Step::Stop(nick.clone(), speaker),
            (None, _) if now.by_companion => Step::Detour,
            (None, _) if now.is_inside() => Step::CannotStop,
            (None, _) if !policy.in_names => Step::VisitToStop,
            (None, Some(_)) if !now.fresh => Step::Poll,
            (None, Some((nick, sender))) => Step::Stop(nick.clone(), Speaker::InName(sender.clone())),
            (None, None) if policy.peek => Step::VisitToStop,
            (None, None) => Step::CannotStop,
        })
    }

    /// A stop is due that the companion has nobody to speak for.
    pub(in crate::meeting) fn needs_detour(&self) -> bool {
        self.step == Step::Detour
    }

    /// And it is not sent and answered yet.
    pub(in crate::meeting) fn needs_us_inside(&self) -> bool {
        matches!(self.step, Step::Detour | Step::VisitToStop) || self.stop.is_under_way()
    }

    /// Nobody is left to speak for, and in the room we have no rights of our own.
    pub(in crate::meeting) fn may_not_stop(&mut self, ctx: &mut Ctx<'_>) {
        self.step = Step::Nothing;
        if self.stop.given_up.is_none() {
            self.stop.failed(StopFailure::NoRights, ctx);
        }
    }

    /// In a dry run that is all that happens.
    pub(super) fn would_stop(&mut self, ctx: &mut Ctx<'_>) {
        ctx.tell(What::WouldStop);
        self.stop.given_up = Some(StopFailure::DryRun);
    }

    /// Asks focus to stop it, under this nickname.
    pub(super) fn send_stop(
        &mut self,
        initiator: Nick,
        speaker: Speaker,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) {
        let (attempt, sender) = (ctx.new_attempt(), speaker.sender().cloned());
        let patience =
            if sender.is_none() { STOP_TIMEOUT.saturating_add(ANSWER_GRACE) } else { LEAVES_WITHIN };
        let session = self.session().cloned();
        self.known.we_stop(initiator, session, sender.is_none().then_some(attempt));
        let (since, deadline) = (ctx.now, ctx.now.after(patience));
        self.stop.sent = Some(Sent { attempt, since, deadline, sender });
        ctx.wake(ctx.now.after(patience));
        ctx.tell(What::StopSent { speaker: speaker.clone() });
        let (room, mode) = (ctx.room.clone(), policy.start.mode);
        ctx.act(Action::Stop { room, attempt, speaker, mode, timeout: STOP_TIMEOUT });
    }

    /// Asks focus to stop what nothing records, right before a start; what it answers does not matter.
    pub(super) fn stop_for_a_start(
        &mut self,
        initiator: Nick,
        speaker: Speaker,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) {
        let attempt = ctx.new_attempt();
        let session = self.known.jicofo_status().and_then(|word| word.session.clone());
        self.known.we_stop(initiator, session, speaker.sender().is_none().then_some(attempt));
        ctx.tell(What::StopSent { speaker: speaker.clone() });
        let (room, mode) = (ctx.room.clone(), policy.start.mode);
        ctx.act(Action::Stop { room, attempt, speaker, mode, timeout: STOP_TIMEOUT });
    }

    /// Takes the answer to a stop; why it failed, if it did.
    pub(in crate::meeting) fn stop_answered(
        &mut self,
        attempt: AttemptId,
        answer: Answer,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) -> Option<StopFailure> {
        if matches!(answer, Answer::Refused(_) | Answer::Unsent(_)) {
            self.known.our_stop_is_refused(attempt);
        }
        self.known.our_stop_is_answered(Some(attempt));
        self.stop.sent.take_if(|sent| sent.attempt == attempt)?;
        let why = stop_failure(answer);
        match why {
            Some(why) => {
                self.stop.failed(why, ctx);
            }
            None => {
                self.ended(Ended::ByUs, ctx);
                self.backoff.pause(policy.start.retry_min, ctx);
            }
        }
        why
    }
}
