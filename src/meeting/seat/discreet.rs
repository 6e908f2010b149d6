//! The discreet footprint: looks from outside, and enters for the moment of hearing or asking focus.

use std::time::Duration;

use super::{Place, Seat};
use crate::meeting::Ctx;
use crate::meeting::roster::Roster;

/// How old the lists may be by which we enter.
const FRESH: Duration = Duration::from_secs(1);

impl Seat {
    /// Pays the visit that is wanted, and ends it as soon as there is nothing to do inside.
    pub(super) fn visit_or_leave(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        let now = ctx.now;
        self.unwelcome = self.unwelcome.filter(|until| *until > now);
        match &mut self.place {
            Place::Inside { .. } if !self.plan.busy || roster.people() == 0 => {
                self.kicks = 0;
                self.rhythm.restart();
                self.leave(ctx, roster);
            }
            Place::Outside { look } if self.plan.visit && self.unwelcome.is_none() => {
                let is_fresh = self.listed.is_some_and(|at| now.since(at) <= FRESH);
                if is_fresh && self.pictured && roster.has_focus() && roster.people() > 0 {
                    self.enter(ctx, roster);
                } else if self.no_list.is_none() {
                    look.not_after(now);
                }
            }
            Place::Outside { .. } => self.lay_ghost(ctx, roster),
            _ => {}
        }
    }
}
