//! The resident footprint: looks from outside until focus and a person are there, enters, sits in the room,
//! and leaves with the last person.

use std::time::Duration;

use super::{Errand, Occupancy, POLL_AGAIN, POLL_EAGER, POLL_SOON, Place};
use crate::meeting::context::Ctx;
use crate::meeting::event::What;
use crate::meeting::roster::Roster;
use crate::time::Time;

/// How long we sit in a room in which nobody is a moderator. Where Jicofo does not trust our domain it takes
/// us for the owner and promotes nobody until we go (docs/jitsi.md 4.2).
const ELECTION: Duration = Duration::from_secs(10);

impl Occupancy {
    /// How long we go on sitting in a room without a moderator.
    pub(super) fn patience(&self) -> Option<Time> {
        self.unmoderated.map(|since| since.after(ELECTION))
    }

    /// The lists show whether the meeting has begun.
    pub(in crate::meeting) fn enter_or_look_again(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        let is_moderated = roster.moderators() > 0 || !self.awaits_moderator;
        if self.plan.record && roster.has_focus() && roster.people() > 0 && is_moderated {
            match self.late {
                None => return self.enter(ctx, roster),
                Some(_) => return self.look_in(POLL_AGAIN, ctx.now),
            }
        }
        self.lay_ghost(ctx, roster);
        let wait = match (self.plan.record, roster.has_focus()) {
            (false, _) => self.rhythm.next(self.plan.pace),
            // The meeting begins any moment.
            (true, true) => POLL_EAGER,
            (true, false) => POLL_SOON,
        };
        self.look_in(wait, ctx.now);
    }

    /// Outside, because nobody is there or nobody is a moderator, comes in to stop the recording.
    fn come_to_stop(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        let is_fresh = self.is_fresh(ctx.now);
        if self.plan.errand == Errand::Stop
            && self.late.is_none()
            && let Place::Outside { poll } = &mut self.place
        {
            if is_fresh && roster.has_focus() {
                self.enter(ctx, roster);
            } else if self.no_list.is_none() {
                poll.not_after(ctx.now);
            }
        }
    }

    /// Leaves with the last person (docs/jitsi.md 4.4), and where our being there may keep Jicofo from
    /// electing a moderator.
    pub(super) fn leave_if_in_the_way(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        if self.inside().is_none() {
            self.unmoderated = None;
            return self.come_to_stop(ctx, roster);
        }
        if (roster.people() == 0 || !self.plan.record) && !self.plan.stopping {
            return self.leave(ctx, roster);
        }
        if roster.moderators() > 0 || !self.plan.needs_moderator {
            self.unmoderated = None;
            return;
        }
        let since = *self.unmoderated.get_or_insert(ctx.now);
        if ctx.now.since(since) >= ELECTION {
            if !std::mem::replace(&mut self.awaits_moderator, true) {
                ctx.tell(What::AwaitsModerator);
            }
            self.unmoderated = None;
            self.leave(ctx, roster);
        }
    }
}
