//! A recording as it can be shown, and asked about.

use super::act::may_enter;
use super::{Facts, PendingBy, Phase, Recording, Witness};
use crate::meeting::Policy;
use crate::meeting::event::{Hold, State};
use crate::meeting::io::SessionId;
use crate::meeting::seat::Sight;
use crate::time::Time;

impl Recording {
    pub(in crate::meeting) fn state(&self) -> State {
        match &self.phase {
            Phase::Idle if self.wanted_since.is_none() => State::Idle,
            Phase::Idle if self.not_before.is_some() => State::Backoff,
            Phase::Idle => State::Settling,
            Phase::Starting { .. } => State::Starting,
            Phase::Pending { .. } => State::Pending,
            Phase::Recording { .. } if self.stop.is_under_way() => State::Stopping,
            Phase::Recording { .. } | Phase::Doubtful { .. } => State::Recording,
            Phase::Held { .. } => State::Held,
        }
    }

    pub(in crate::meeting) fn session(&self) -> Option<&SessionId> {
        match &self.phase {
            Phase::Pending { session, .. }
            | Phase::Recording { session, .. }
            | Phase::Doubtful { session, .. } => session.as_ref(),
            _ => None,
        }
    }

    /// Failed attempts in a row, and the one under way.
    pub(in crate::meeting) fn attempt(&self) -> u32 {
        let under_way = matches!(self.phase, Phase::Starting { .. } | Phase::Pending { .. });
        self.failures.saturating_add(u32::from(under_way))
    }

    /// `in_line`: it waits for a Jibri, and could use one.
    pub(in crate::meeting) fn reason(&self, in_line: bool) -> Option<String> {
        match &self.phase {
            Phase::Held { why, .. } => Some(why.to_string()),
            Phase::Recording { by: Witness::Recorder, .. } => {
                Some("the recorder is in the room, but Jicofo does not know of it (restarted?)".to_owned())
            }
            Phase::Doubtful { .. } => Some("the recorder is gone, Jicofo is to be asked why".to_owned()),
            Phase::Recording { .. } => self.stop.reason(),
            Phase::Idle if self.no_jibri_free && in_line => {
                Some("no Jibri is free; whoever has waited longest is served first".to_owned())
            }
            Phase::Idle if self.nobody_to_speak_for => Some(
                "muc.footprint is \"unseen\", and nobody is there in whose name a start could be sent"
                    .to_owned(),
            ),
            Phase::Idle if self.may_be_on && self.wanted_since.is_some() => Some(
                "an account of Jibri's is in the room, and it is to be found out whether it records"
                    .to_owned(),
            ),
            Phase::Idle if self.wanted_since.is_some() => self.last_failure.map(|why| why.to_string()),
            _ => None,
        }
    }

    /// When this room has to be looked at even if nothing happens.
    pub(in crate::meeting) fn deadline(&self, facts: &Facts<'_>, policy: Policy<'_>) -> Option<Time> {
        match &self.phase {
            Phase::Idle if self.wanted_since.is_none() => {
                self.stop_deadline(facts, policy).filter(|_| self.may_be_on)
            }
            Phase::Idle => {
                let since = self.wanted_since?;
                let settled = since.after(self.settle(policy));
                let settled = self.unanswered.map_or(settled, |(_, until)| settled.max(until));
                let settled = self.ready_at(policy).map_or(settled, |ready| settled.max(ready));
                let settled = self.tells_from(facts, policy).map_or(settled, |tells| settled.max(tells));
                match self.not_before {
                    _ if facts.sight == Sight::Blinking => None,
                    Some(not_before) => Some(not_before.max(settled)),
                    None => (facts.complete()
                        && facts.focus
                        && !(self.waits || self.nobody_to_speak_for || self.no_jibri_free))
                        .then_some(settled),
                }
            }
            _ if facts.sight == Sight::Blinking => None,
            Phase::Pending { deadline, by, .. } => {
                let inquiry = self.inquiry.filter(|_| !self.waits && self.can_inquire(facts, policy));
                let tells =
                    self.tells_from(facts, policy).filter(|_| !self.waits && *by == PendingBy::Others);
                Some(inquiry.map(|(at, _)| at).into_iter().chain(tells).chain([*deadline]).min()?)
            }
            Phase::Doubtful { deadline, ask: (at, _), .. }
                if !self.waits && self.can_inquire(facts, policy) =>
            {
                let tells = self.tells_from(facts, policy);
                Some(tells.into_iter().chain([*at, *deadline]).min()?)
            }
            Phase::Starting { deadline, .. } | Phase::Doubtful { deadline, .. } => Some(*deadline),
            // Without focus a stop that is due cannot be sent; its coming is an input like any other.
            Phase::Recording { .. } => {
                let is_doubtful =
                    facts.recorders.is_ambiguous() && self.wanted_since.is_some() && !self.waits;
                let tells = self.tells_from(facts, policy).filter(|_| is_doubtful);
                self.stop_deadline(facts, policy).into_iter().chain(tells).min()
            }
            Phase::Held { until, why } => {
                let stop = self.stop_deadline(facts, policy).filter(|_| self.may_be_on);
                let is_heeded = match why {
                    Hold::StoppedBy(_) | Hold::GaveUp(_) | Hold::Untold => self.wanted_since.is_some(),
                    Hold::ByHand => true,
                    Hold::Misfit(_) | Hold::Instead(_) | Hold::DryRun => false,
                };
                let is_heeded = is_heeded && !self.waits;
                let tells = self.tells_from(facts, policy).filter(|_| is_heeded);
                let stop = stop.into_iter().chain(tells).min();
                until.iter().copied().chain(stop).min()
            }
        }
    }

    /// When a stop that is due can be sent, or prepared.
    fn stop_deadline(&self, facts: &Facts<'_>, policy: Policy<'_>) -> Option<Time> {
        let at = self.stop.deadline(policy, self.waits || !facts.focus)?;
        if !self.may_be_on {
            return Some(at);
        }
        // What is there is found out first, where we can go and look; from inside it shows by itself.
        if may_enter(facts, policy) {
            return facts.recorders.tell_from().map(|tells| tells.max(at));
        }
        (policy.in_names && !facts.inside()).then_some(at)
    }

    /// Whether nothing would be lost if it were begun anew.
    pub(in crate::meeting) fn is_blank(&self) -> bool {
        let is_at_rest = self.phase == Phase::Idle && self.wanted_since.is_none();
        is_at_rest && self.not_before.is_none() && self.failures == 0 && self.hand().is_none()
    }

    /// A request of ours is under way, whose answer comes only while we are inside.
    pub(in crate::meeting) fn awaits_answer(&self) -> bool {
        matches!(self.phase, Phase::Starting { sender: None, .. }) || self.stop.awaits_answer()
    }

    /// A start request is under way.
    pub(in crate::meeting) fn is_starting(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. })
    }

    /// Nothing is started for a reason that is nobody's fault, or that is told by itself.
    pub(in crate::meeting) fn is_left_alone(&self) -> bool {
        matches!(
            self.phase,
            Phase::Held {
                why: Hold::StoppedBy(_) | Hold::Untold | Hold::ByHand | Hold::DryRun | Hold::Instead(_),
                ..
            }
        )
    }

    /// Since when a recording is wanted and there is none.
    pub(in crate::meeting) fn missing_since(&self) -> Option<Time> {
        self.missing_since
    }

    /// That request is a stop.
    pub(in crate::meeting) fn awaits_stop(&self) -> bool {
        self.stop.awaits_answer()
    }

    /// Nobody needs the recording that is on, and it will be stopped if that lasts.
    pub(in crate::meeting) fn is_unneeded(&self) -> bool {
        self.stop.is_unneeded()
    }
}
