//! What has to be done next: a start from inside or in somebody's name, a stop, or first a look or a visit.

use std::time::Duration;

use super::{ANSWER_GRACE, Facts, Next, PendingBy, Phase, Recording, Witness};
use crate::address::RealJid;
use crate::meeting::answer::StartFailure;
use crate::meeting::event::{Hold, What};
use crate::meeting::io::AttemptId;
use crate::meeting::line::{Chance, Stand};
use crate::meeting::seat::Sight;
use crate::meeting::{Ctx, Policy};
use crate::time::Time;

/// Focus joins a room a moment before its recorder exists (docs/jitsi.md 2). Nobody tells us of a refusal of
/// what we ask in somebody's name, so that moment is waited for.
const FOCUS_READY: Duration = Duration::from_secs(1);
/// Where one of Jibri's accounts is there and we never go inside, a start has so long to bring another one.
const TEST: Duration = Duration::from_secs(30);
/// A free Jibri is kept so long for who is first in line and has to look, or to enter, before the start; a room
/// whose lists are not to be had would keep it from all others.
const KEPT_FOR: Duration = Duration::from_secs(2);

impl Recording {
    /// What is due, given that focus is there.
    pub(super) fn act(&mut self, facts: &Facts<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) -> Next {
        let next = self.due(facts, ctx, policy);
        self.waits = matches!(next, Next::Look | Next::Visit | Next::VisitToStop);
        next
    }

    fn due(&mut self, facts: &Facts<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) -> Next {
        if let Some(next) = self.stop_if_due(facts, ctx, policy) {
            return next;
        }
        match &self.phase {
            // What is there is to be told before anything is begun, and whether or not something could be.
            Phase::Idle | Phase::Pending { by: PendingBy::Others, .. }
                if facts.is_to_tell(ctx.now)
                    && (self.phase != Phase::Idle || self.is_due(ctx.now, policy))
                    && self.awaits_telling(facts, policy) =>
            {
                Next::Visit
            }
            Phase::Recording { by: Witness::Sighted, .. }
                if facts.recorders.is_ambiguous()
                    && facts.is_to_tell(ctx.now)
                    && self.wanted_since.is_some() =>
            {
                visit(facts, policy)
            }
            Phase::Idle if self.is_due(ctx.now, policy) && !self.awaits_telling(facts, policy) => {
                // A dry run is not worth a visit.
                if ctx.dry_run {
                    ctx.tell(What::WouldStart);
                    self.hold(Hold::DryRun, None, ctx);
                    Next::Nothing
                } else if !ctx.chance.is_there {
                    self.no_jibri_free = true;
                    Next::Nothing
                } else if policy.in_names {
                    self.start_in_a_name(facts, ctx, policy)
                } else if facts.inside() {
                    Next::Start(self.start(None, facts, ctx, policy), None)
                } else {
                    visit(facts, policy)
                }
            }
            Phase::Doubtful { ask: (at, _), .. } if *at <= ctx.now || facts.is_to_tell(ctx.now) => {
                visit(facts, policy)
            }
            Phase::Pending { .. }
                if self.inquiry.is_some_and(|(at, _)| at <= ctx.now) && self.can_inquire(facts, policy) =>
            {
                Next::Visit
            }
            // What others have begun is theirs, and is told of.
            Phase::Held { why: Hold::ByHand, .. }
                if facts.is_to_tell(ctx.now) && self.awaits_telling(facts, policy) =>
            {
                Next::Visit
            }
            // This may be another meeting.
            Phase::Held { why: Hold::StoppedBy(_) | Hold::GaveUp(_) | Hold::Untold, .. }
                if (!self.heard || facts.is_to_tell(ctx.now)) && self.wanted_since.is_some() =>
            {
                visit(facts, policy)
            }
            _ => Next::Nothing,
        }
    }

    /// Whoever is a moderator now is spoken for, one after the other if it comes to nothing.
    fn start_in_a_name(&mut self, facts: &Facts<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) -> Next {
        if facts.inside() {
            return Next::Nothing;
        }
        if self.unknown_past && !facts.unwelcome && visit(facts, policy) == Next::Visit {
            return Next::Visit;
        }
        let Some((_, sender)) = facts.roster.moderator(self.failures) else {
            self.nobody_to_speak_for = true;
            return Next::Nothing;
        };
        if !facts.fresh {
            return Next::Look;
        }
        let sender = sender.clone();
        Next::Start(self.start(Some(sender.clone()), facts, ctx, policy), Some(sender))
    }

    fn is_due(&self, now: Time, policy: Policy<'_>) -> bool {
        self.phase == Phase::Idle
            && self.not_before.is_none()
            && self.unanswered.is_none()
            && self.ready_at(policy).is_none_or(|ready| ready <= now)
            && self.wanted_since.is_some_and(|since| now >= since.after(self.settle(policy)))
    }

    /// Where it stands in the line for a Jibri.
    pub(in crate::meeting) fn stands(&self, chance: Chance, now: Time) -> Stand {
        let Some(since) = self.missing_since.filter(|_| self.phase == Phase::Idle) else {
            return Stand::Aside;
        };
        match self.not_before {
            None if self.no_jibri_free => Stand::InLine(since),
            None if self.keeps_until().is_some_and(|until| now < until) => Stand::InLine(since),
            Some(_) if self.may_wake(chance) => Stand::InLine(since),
            Some(_) if self.wants_jibri() => Stand::Dozing(since),
            _ => Stand::Aside,
        }
    }

    /// Until when the Jibri that it may have is kept for it.
    pub(in crate::meeting) fn keeps_until(&self) -> Option<Time> {
        self.waits_since.map(|since| since.after(KEPT_FOR))
    }

    /// Focus, which is not heard now, could be asked what became of a start.
    pub(super) fn can_inquire(&self, facts: &Facts<'_>, policy: Policy<'_>) -> bool {
        policy.record && !facts.recorder() && visit(facts, policy) == Next::Visit
    }

    /// One of Jibri's accounts has just come in: what it stands for shows in a moment, from outside at the next visit.
    fn awaits_telling(&self, facts: &Facts<'_>, policy: Policy<'_>) -> bool {
        let is_kept_out = policy.in_names && facts.unwelcome || !policy.record;
        facts.recorders.is_unknown() && !is_kept_out && visit(facts, policy) == Next::Visit
    }

    /// When it is known, or can be asked, what Jibri's accounts stand for.
    pub(super) fn tells_from(&self, facts: &Facts<'_>, policy: Policy<'_>) -> Option<Time> {
        facts.recorders.tell_from().filter(|_| self.awaits_telling(facts, policy))
    }

    fn wants_jibri(&self) -> bool {
        self.last_failure.is_some_and(StartFailure::is_for_want_of_jibris)
    }

    /// The last start has failed for want of a Jibri, and something has become free, or been taken, since.
    pub(super) fn may_wake(&self, chance: Chance) -> bool {
        chance.change.is_some() && chance.change != self.failed_under && self.wants_jibri()
    }

    /// When focus can take a start whose refusal nobody would tell us of.
    pub(super) fn ready_at(&self, policy: Policy<'_>) -> Option<Time> {
        self.focus_since.filter(|_| policy.in_names).map(|since| since.after(FOCUS_READY))
    }

    fn start(
        &mut self,
        sender: Option<RealJid>,
        facts: &Facts<'_>,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) -> AttemptId {
        self.inquiry = None;
        let attempt = ctx.new_attempt();
        let grace = if sender.is_none() { ANSWER_GRACE } else { Duration::ZERO };
        let patience = policy.start.request_timeout;
        // What is there may be recording already; then nobody comes.
        let is_test = sender.is_some() && facts.recorders.is_unknown();
        let patience = if is_test { patience.min(TEST) } else { patience };
        let deadline = ctx.now.after(patience).after(grace);
        self.asked_at = Some(ctx.now);
        let wanted_for = self.missing_since.map_or(Duration::ZERO, |missing| ctx.now.since(missing));
        ctx.tell(What::StartSent { attempt, wanted_for, sender: sender.clone() });
        self.phase = Phase::Starting { attempt, since: ctx.now, deadline, sender };
        attempt
    }
}

/// There is somebody who can be asked, and a room that may be entered.
fn visit(facts: &Facts<'_>, policy: Policy<'_>) -> Next {
    if may_enter(facts, policy) && facts.people > 0 { Next::Visit } else { Next::Nothing }
}

/// From outside, where we may go inside.
pub(super) fn may_enter(facts: &Facts<'_>, policy: Policy<'_>) -> bool {
    (!policy.in_names || policy.peek) && facts.sight == Sight::Outside && facts.focus
}
