//! The discreet footprint: looks from outside, and enters for the moment of hearing or asking focus.

use std::time::Duration;

use super::{Errand, Occupancy, Place};
use crate::meeting::context::Ctx;
use crate::meeting::roster::Roster;
use crate::time::Time;

/// How old the lists may be by which we enter.
const FRESH: Duration = Duration::from_secs(1);

impl Occupancy {
    /// What is seen from outside is of this moment.
    pub(in crate::meeting) fn is_fresh(&self, now: Time) -> bool {
        self.pictured && self.listed.is_some_and(|at| now.since(at) <= FRESH)
    }

    /// Pays the visit that is wanted, and ends it as soon as there is nothing to do inside.
    pub(super) fn visit_or_leave(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        let now = ctx.now;
        self.unwelcome = self.unwelcome.filter(|until| *until > now);
        let (errand, is_fresh) = (self.plan.errand, self.is_fresh(now));
        match &mut self.place {
            Place::Inside { .. } if !self.plan.busy || roster.people() == 0 && !self.plan.stopping => {
                self.kicks = 0;
                self.rhythm.restart();
                self.leave(ctx, roster);
            }
            Place::Outside { poll }
                if errand == Errand::Poll || errand.is_visit() && self.unwelcome.is_none() =>
            {
                let is_there = roster.has_focus() && (roster.people() > 0 || errand == Errand::Stop);
                if errand.is_visit() && is_fresh && is_there {
                    self.enter(ctx, roster);
                } else if self.no_list.is_none() {
                    poll.not_after(now);
                }
            }
            Place::Outside { .. } => self.lay_ghost(ctx, roster),
            _ => {}
        }
    }
}
