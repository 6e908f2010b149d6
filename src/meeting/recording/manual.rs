//! What is ordered by hand goes before the rules and before a person's stop of before, until nobody is left.

use std::time::Duration;

use super::Recording;
use super::course::Course;
use crate::meeting::context::{Ctx, Policy};
use crate::meeting::event::What;
use crate::meeting::io::RecordingStatus;
use crate::meeting::knowledge::Picture;
use crate::meeting::manual::{ManualOrder, OrderEnd, Origin};
use crate::meeting::person::Person;

/// An order, and what it overrules.
#[derive(Debug, Default)]
pub(super) struct Manual {
    /// [`ManualOrder::Record`] or [`ManualOrder::Stop`], and where it has come from.
    order: Option<(ManualOrder, Origin)>,
    /// Focus's word that was known when the order came; it repeats itself in every presence.
    overruled: Option<RecordingStatus>,
    /// What was on, or under way, when the stop was ordered is over; what comes on after that is somebody else's.
    is_carried_out: bool,
}

impl Recording {
    /// The order that goes before the rules.
    pub(in crate::meeting) fn hand(&self) -> Option<ManualOrder> {
        self.manual.order.map(|(order, _)| order)
    }

    /// Whose order it is to record, or to stop.
    pub(super) fn ordered_by(&self, order: ManualOrder) -> Option<Origin> {
        self.manual.order.filter(|(given, _)| *given == order).map(|(_, origin)| origin)
    }

    /// Takes an order.
    pub(in crate::meeting) fn manual(&mut self, hand: ManualOrder, origin: Origin, ctx: &mut Ctx<'_>) {
        ctx.tell(What::Manual { order: hand, origin });
        let order = (hand != ManualOrder::Release).then_some((hand, origin));
        let overruled = self.known.last_status().cloned();
        self.manual = Manual { order, overruled, is_carried_out: false };
        self.stop.ordered();
        self.known.meeting.counts_from_now();
        if hand == ManualOrder::Stop {
            return self.note_carried_out(ctx);
        }
        self.holds.clear();
        self.backoff.forgive();
        self.backoff.resume();
        if hand == ManualOrder::Record {
            // Whatever was before, it is wanted now.
            self.known.meeting.past_is_overruled();
        }
    }

    /// An order ends with the people to whom it applied.
    pub(super) fn heed_order(&mut self, now: &Picture<'_>, ctx: &mut Ctx<'_>) {
        if now.is_complete() && now.people == 0 && !self.known.recorders.may_record() {
            self.forget_order(OrderEnd::NobodyLeft, ctx);
        }
    }

    /// Whether nothing is on that was when the stop was ordered; once it is known what is there.
    pub(super) fn note_carried_out(&mut self, ctx: &Ctx<'_>) {
        let is_over = self.course == Course::Nothing && self.unanswered.is_none();
        if is_over && !self.known.recorders.is_unknown() {
            self.order_is_carried_out(ctx);
        }
    }

    /// What was on when the stop was ordered is over. What nothing records, and Jicofo may be moving to another Jibri, is not.
    pub(super) fn order_is_carried_out(&mut self, ctx: &Ctx<'_>) {
        match self.refuted.as_ref().and_then(|refuted| refuted.moves_until(ctx.now)) {
            Some(until) => ctx.wake(until),
            None => self.manual.is_carried_out |= self.is_kept_off(),
        }
    }

    /// A person has stopped what was ordered; an order to stop has nothing against that.
    pub(super) fn order_is_countermanded(&mut self, person: &Person, ctx: &mut Ctx<'_>) {
        if self.hand() == Some(ManualOrder::Record) {
            self.forget_order(OrderEnd::Countermanded(person.clone()), ctx);
        }
    }

    pub(super) fn forget_order(&mut self, end: OrderEnd, ctx: &mut Ctx<'_>) {
        if let Some((order, _)) = std::mem::take(&mut self.manual).order {
            ctx.tell(What::OrderOver { order, end });
        }
    }

    /// Nothing is to be started, by order.
    pub(super) fn is_kept_off(&self) -> bool {
        self.hand() == Some(ManualOrder::Stop)
    }

    /// What is on has to be stopped, whatever the rules say.
    pub(super) fn is_stopped_by_hand(&self) -> bool {
        self.is_kept_off() && !self.manual.is_carried_out
    }

    /// Focus still tells of a stop that was overruled, or of one from before the recording that was ordered.
    pub(super) fn is_overruled(&self, status: &RecordingStatus) -> bool {
        let is_on = matches!(self.course, Course::On { .. } | Course::Gone { .. });
        let is_ours = status.session.is_some() && self.session() == status.session.as_ref();
        self.manual.overruled.as_ref() == Some(status)
            || self.hand() == Some(ManualOrder::Record) && !is_on && !is_ours
    }

    /// How long the condition has to last.
    pub(super) fn settle(&self, policy: Policy<'_>) -> Duration {
        if self.manual.order.is_some() { Duration::ZERO } else { policy.start.settle }
    }
}
