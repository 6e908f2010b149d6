//! The table: from what is known, what is wanted, the settings and the time to one next step.

use std::time::Duration;

use super::course::{Course, FoundBy, Witness};
use super::{ANSWER_GRACE, Recording};
use crate::address::Nick;
use crate::meeting::answer::StopFailure;
use crate::meeting::context::{Ctx, Policy};
use crate::meeting::event::{Hold, WaitEnd, What};
use crate::meeting::io::{Action, Order, Speaker};
use crate::meeting::knowledge::{Gap, Picture};
use crate::meeting::queue::{Chance, Standing};
use crate::time::Time;

/// Focus joins a room a moment before its recorder exists (docs/jitsi.md 2). Nobody tells us of a refusal of
/// what we ask in somebody's name, so that moment is waited for.
const FOCUS_READY: Duration = Duration::from_secs(1);
/// Where one of Jibri's accounts is there and we never go inside, a start has so long to bring another one.
const TEST: Duration = Duration::from_secs(30);
/// A free Jibri is kept so long for who is first in the queue and has to look, or to enter, before the start; a room
/// whose lists are not to be had would keep it from all others.
const KEPT_FOR: Duration = Duration::from_secs(2);

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing that we could do.
    Nothing,
    /// A start is due, and no Jibri is free.
    NoJibri,
    /// A start is due, and nobody is there in whose name it could be sent.
    NobodyToSpeakFor,
    /// Poll again first: what we know is not of this moment.
    Poll,
    /// Go inside: focus is to be heard first.
    Visit,
    /// Go inside although nobody may be there: the recording is to be stopped.
    VisitToStop,
    /// Send a start. Before it, under this nickname, a stop: what focus says to be on is not recorded.
    Start(Speaker, Option<Nick>),
    /// Send a stop, under this nickname.
    Stop(Nick, Speaker),
    /// A stop is due, and nobody is there in whose name the companion could send it.
    Detour,
    /// A stop is due, and nobody is there in whose name it could be sent.
    CannotStop,
    /// A start, if this were no dry run.
    WouldStart,
    /// A stop, if this were no dry run.
    WouldStop,
}

impl Step {
    /// Something has to be done from outside, or inside the room, first.
    pub(super) fn is_errand(&self) -> bool {
        matches!(self, Self::Poll | Self::Visit | Self::VisitToStop)
    }
}

impl Recording {
    /// What comes next. Nothing changes here; where the answer depends on the time, `ctx` notes when it will be another.
    pub(super) fn next(&self, now: &Picture<'_>, ctx: &Ctx<'_>, policy: Policy<'_>) -> Step {
        if !now.is_complete() || !now.focus {
            return Step::Nothing;
        }
        if let Some(step) = self.next_stop(now, ctx, policy) {
            return step;
        }
        let is_wanted = self.wanted_since.is_some();
        let may_visit = now.may_visit(policy);
        let visit_if = |is_due: bool| if is_due { Step::Visit } else { Step::Nothing };
        match (&self.course, self.held()) {
            (Course::Nothing, None) => self.next_start(now, ctx, policy),
            // What others have begun is theirs, and is told of.
            (Course::Nothing, Some(Hold::Manual(_))) => {
                visit_if(self.awaits_telling(now, policy) && self.is_to_tell(ctx))
            }
            // This may be another meeting.
            (Course::Nothing, Some(Hold::StoppedBy(_) | Hold::GaveUp(_) | Hold::Untold)) => {
                let meeting = &self.known.meeting;
                let is_doubtful = || meeting.is_for_focus_to_tell() || self.is_to_tell(ctx);
                match is_wanted && may_visit {
                    true if meeting.is_for_the_room_to_tell() => Step::Poll,
                    is_worth_it => visit_if(is_worth_it && is_doubtful()),
                }
            }
            (Course::Nothing, Some(Hold::Misfit(_) | Hold::Instead(_) | Hold::DryRun)) => Step::Nothing,
            (Course::Asked { .. }, _) => Step::Nothing,
            (Course::Found { by, .. }, _) => {
                let is_to_tell =
                    || *by == FoundBy::Others && self.awaits_telling(now, policy) && self.is_to_tell(ctx);
                let is_to_ask =
                    || self.can_inquire(now, policy) && self.inquiry.is_some_and(|(at, _)| ctx.is_past(at));
                visit_if(is_to_ask() | is_to_tell())
            }
            (Course::On { .. }, _) if self.is_doubted() && !now.fresh && !now.is_inside() => Step::Poll,
            (Course::On { by: Witness::Sighted, since, .. }, _) => {
                let is_ambiguous = || self.known.recorders.is_ambiguous() && self.is_to_tell(ctx);
                let is_due = || is_ambiguous() || self.is_to_be_proven(*since, ctx, policy);
                visit_if(is_wanted && may_visit && is_due())
            }
            (Course::On { .. }, _) => Step::Nothing,
            (Course::Gone { ask: (at, _), .. }, _) => {
                visit_if(may_visit && (ctx.is_past(*at) | self.is_to_tell(ctx)))
            }
        }
    }

    /// Nothing is on, nothing is under way, and nothing keeps us from it.
    fn next_start(&self, now: &Picture<'_>, ctx: &Ctx<'_>, policy: Policy<'_>) -> Step {
        if !self.is_due(ctx, policy) {
            return Step::Nothing;
        }
        // What is there is to be told before anything is begun, and whether or not something could be.
        if self.awaits_telling(now, policy) {
            return if self.is_to_tell(ctx) { Step::Visit } else { Step::Nothing };
        }
        match now.roster.moderator(self.backoff.failures()) {
            // A dry run is not worth a visit.
            _ if ctx.dry_run => Step::WouldStart,
            _ if !ctx.chance.is_there => Step::NoJibri,
            _ if !policy.in_names && now.is_inside() => match now.speaker(self.backoff.failures()) {
                Some((nick, speaker)) => Step::Start(speaker, self.stops_first(now, Some(nick))),
                None => Step::NobodyToSpeakFor,
            },
            _ if !policy.in_names && now.may_visit(policy) => Step::Visit,
            _ if !policy.in_names || now.is_inside() => Step::Nothing,
            // A person may have stopped it before we could see.
            _ if self.known.meeting.gap() == Some(Gap::Unseen) && !now.unwelcome && now.may_visit(policy) => {
                Step::Visit
            }
            // Nor is it known whether somebody has stopped what is not recorded any more.
            _ if self.refuted.as_ref().is_some_and(|refuted| !refuted.is_heard)
                && !now.unwelcome
                && now.may_visit(policy) =>
            {
                Step::Visit
            }
            // Whoever is a moderator now is spoken for, one after the other if it comes to nothing.
            None => Step::NobodyToSpeakFor,
            Some(_) if !now.fresh => Step::Poll,
            Some((nick, sender)) => {
                Step::Start(Speaker::InName(sender.clone()), self.stops_first(now, Some(nick)))
            }
        }
    }

    /// The nickname under which what is not recorded is stopped first, if focus says that it is on, or is not heard.
    fn stops_first(&self, now: &Picture<'_>, nick: Option<&Nick>) -> Option<Nick> {
        let word = self.known.jicofo_status();
        let is_told = !now.is_inside() || word.is_some_and(|word| word.on);
        nick.filter(|_| self.refuted.is_some() && is_told).cloned()
    }

    fn is_due(&self, ctx: &Ctx<'_>, policy: Policy<'_>) -> bool {
        let is_ready = |since: Time| !policy.in_names || ctx.is_past(since.after(FOCUS_READY));
        !self.backoff.is_pausing()
            && self.unanswered.is_none()
            && self.focus_since.is_some_and(is_ready)
            && self.wanted_since.is_some_and(|since| ctx.is_past(since.after(self.settle(policy))))
    }

    /// Focus, which is not heard now, could be asked what became of a start.
    fn can_inquire(&self, now: &Picture<'_>, policy: Policy<'_>) -> bool {
        policy.record && !self.known.is_recorded() && now.may_visit(policy)
    }

    /// One of Jibri's accounts has just come in: what it stands for shows in a moment, from outside at the next visit.
    fn awaits_telling(&self, now: &Picture<'_>, policy: Policy<'_>) -> bool {
        let is_kept_out = policy.in_names && now.unwelcome || !policy.record;
        self.known.recorders.is_unknown() && !is_kept_out && now.may_visit(policy)
    }

    /// It is due to find out from inside what an account of Jibri's stands for.
    pub(super) fn is_to_tell(&self, ctx: &Ctx<'_>) -> bool {
        self.known.tells_from().is_some_and(|at| ctx.is_past(at))
    }

    /// Does what comes next, as far as it is not a look or a visit.
    pub(super) fn carry_out(&mut self, step: Step, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        match &step {
            Step::Start(speaker, stop) => self.send_start(speaker.clone(), stop.clone(), ctx, policy),
            Step::Stop(nick, speaker) => self.send_stop(nick.clone(), speaker.clone(), ctx, policy),
            Step::CannotStop => self.stop.failed(StopFailure::NobodyToSpeakFor, ctx),
            Step::WouldStart => {
                ctx.tell(What::WouldStart);
                self.holds.dry_run();
            }
            Step::WouldStop => self.would_stop(ctx),
            Step::Nothing
            | Step::NoJibri
            | Step::NobodyToSpeakFor
            | Step::Poll
            | Step::Visit
            | Step::VisitToStop
            | Step::Detour => {}
        }
        self.step = step;
    }

    fn send_start(&mut self, speaker: Speaker, stop: Option<Nick>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        let start = policy.start;
        if self.refuted.take().is_some()
            && let Some(nick) = stop
        {
            self.stop_for_a_start(nick, speaker.clone(), ctx, policy);
        }
        let sender = speaker.sender().cloned();
        let grace = if sender.is_none() { ANSWER_GRACE } else { Duration::ZERO };
        // What is there may be recording already; then nobody comes.
        let is_test = sender.is_some() && self.known.recorders.is_unknown();
        let patience = if is_test { start.request_timeout.min(TEST) } else { start.request_timeout };
        let (attempt, deadline) = (ctx.new_attempt(), ctx.now.after(patience).after(grace));
        let over = ctx.now.after(start.request_timeout);
        self.inquiry = None;
        self.asked_at = Some(ctx.now);
        let wanted_for = self.missing_since.map_or(Duration::ZERO, |missing| ctx.now.since(missing));
        ctx.tell(What::StartSent { attempt, wanted_for, speaker: speaker.clone() });
        self.course = Course::Asked { attempt, since: ctx.now, deadline, over, sender };
        ctx.wake(deadline);
        let order = Order {
            mode: start.mode,
            stream_key: start.stream_key.clone(),
            app_data: start.app_data.clone(),
        };
        let room = ctx.room.clone();
        ctx.act(Action::Start { room, attempt, speaker, order, timeout: start.request_timeout });
    }

    /// Where it is in the queue for a Jibri.
    pub(in crate::meeting) fn standing(&self, chance: Chance, now: Time) -> Standing {
        let is_idle = self.course == Course::Nothing && self.held().is_none();
        let Some(since) = self.missing_since.filter(|_| is_idle) else { return Standing::Aside };
        if self.backoff.is_pausing() {
            return match self.backoff.may_wake(chance) {
                true => Standing::Queued(since),
                false if self.backoff.wants_jibri() => Standing::Dozing(since),
                false => Standing::Aside,
            };
        }
        let is_kept = self.keeps_until().is_some_and(|until| now < until);
        if self.step == Step::NoJibri || is_kept { Standing::Queued(since) } else { Standing::Aside }
    }

    /// A start is due, or has failed, and there is no Jibri for it.
    pub(in crate::meeting) fn lacks_jibri(&self) -> bool {
        self.step == Step::NoJibri || self.backoff.is_pausing() && self.backoff.wants_jibri()
    }

    /// Why it waits for no Jibri any more, if it has waited for one. A start does not end that: it may fail for want of one.
    pub(in crate::meeting) fn waits_no_more(&self) -> Option<WaitEnd> {
        match &self.course {
            Course::Found { .. } | Course::On { .. } | Course::Gone { .. } => Some(WaitEnd::Found),
            Course::Nothing if self.held().is_some() => Some(WaitEnd::Held),
            _ if self.missing_since.is_none() => Some(WaitEnd::NotWanted),
            Course::Nothing if self.backoff.is_pausing() && !self.backoff.wants_jibri() => {
                Some(WaitEnd::Failed)
            }
            Course::Nothing | Course::Asked { .. } => None,
        }
    }

    /// Until when the Jibri that it may have is kept for it.
    pub(in crate::meeting) fn keeps_until(&self) -> Option<Time> {
        self.waits_since.map(|since| since.after(KEPT_FOR))
    }
}
