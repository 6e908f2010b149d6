//! What is ordered by hand goes before the rules and before a person's stop of before, until nobody is left.

use std::time::Duration;

use super::{Facts, Phase, Recording};
use crate::meeting::event::{Hold, What};
use crate::meeting::hand::Hand;
use crate::meeting::io::RecordingStatus;
use crate::meeting::{Ctx, Policy};

/// An order, and what it overrules.
#[derive(Debug, Default)]
pub(super) struct ByHand {
    /// [`Hand::Record`] or [`Hand::Stop`].
    order: Option<Hand>,
    /// Focus's word that was known when the order came; it repeats itself in every presence.
    overruled: Option<RecordingStatus>,
    /// What was on, or under way, when the stop was ordered is over.
    is_carried_out: bool,
}

impl Recording {
    /// The order that goes before the rules.
    pub(in crate::meeting) fn hand(&self) -> Option<Hand> {
        self.by_hand.order
    }

    /// Takes an order.
    pub(in crate::meeting) fn by_hand(&mut self, hand: Hand, ctx: &mut Ctx<'_>) {
        ctx.tell(What::ByHand(hand));
        let order = (hand != Hand::Release).then_some(hand);
        self.by_hand = ByHand { order, overruled: self.judged.clone(), is_carried_out: false };
        self.stop.ordered();
        if hand == Hand::Stop {
            return self.keep_off(ctx);
        }
        if matches!(self.phase, Phase::Held { .. }) {
            self.phase = Phase::Idle;
        }
        self.failures = 0;
        self.last_failure = None;
        self.not_before = None;
        self.forget_ends();
        self.unknown_past &= hand != Hand::Record;
    }

    /// An order ends with the people to whom it applied; one to stop is kept as a hold.
    pub(super) fn heed_order(&mut self, facts: &Facts<'_>, ctx: &mut Ctx<'_>) {
        if facts.complete() && facts.people == 0 && !facts.recorders.may_record() {
            self.forget_order();
        }
        if self.by_hand.order == Some(Hand::Stop) {
            self.keep_off(ctx);
        }
    }

    fn keep_off(&mut self, ctx: &mut Ctx<'_>) {
        self.by_hand.is_carried_out |= self.is_off() && !self.has_unknown;
        if self.phase == Phase::Idle {
            self.hold(Hold::ByHand, None, ctx);
        }
    }

    /// Nothing is on or under way; what comes on after that is somebody else's.
    fn is_off(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Held { .. })
    }

    /// What was on when the stop was ordered is over.
    pub(super) fn order_is_carried_out(&mut self) {
        self.by_hand.is_carried_out |= self.by_hand.order == Some(Hand::Stop);
    }

    /// A person has stopped what was ordered; an order to stop has nothing against that.
    pub(super) fn order_is_countermanded(&mut self) {
        if self.by_hand.order == Some(Hand::Record) {
            self.forget_order();
        }
    }

    pub(super) fn forget_order(&mut self) {
        self.by_hand = ByHand::default();
        if matches!(self.phase, Phase::Held { why: Hold::ByHand, .. }) {
            self.phase = Phase::Idle;
        }
    }

    /// What is on has to be stopped, whatever the rules say.
    pub(super) fn is_stopped_by_hand(&self) -> bool {
        self.by_hand.order == Some(Hand::Stop) && !self.by_hand.is_carried_out
    }

    /// Focus still tells of a stop that was overruled, or of one from before the recording that was ordered.
    pub(super) fn is_overruled(&self, word: &RecordingStatus) -> bool {
        let is_on = matches!(self.phase, Phase::Recording { .. } | Phase::Doubtful { .. });
        let is_ours = word.session.is_some() && self.session() == word.session.as_ref();
        self.by_hand.overruled.as_ref() == Some(word)
            || self.by_hand.order == Some(Hand::Record) && !is_on && !is_ours
    }

    /// How long the condition has to last.
    pub(super) fn settle(&self, policy: Policy<'_>) -> Duration {
        if self.by_hand.order.is_some() { Duration::ZERO } else { policy.start.settle }
    }
}
