//! The companion footprint: we are nowhere in the room. A module inside Prosody tells us everything, and acts for us
//! (docs/companion.md).

use std::time::Duration;

use super::{News, Occupancy, Place, starting_place};
use crate::config::Footprint;
use crate::meeting::context::Ctx;
use crate::meeting::roster::Roster;

/// A pair of lists, or a picture, comes by then.
const BLINKS: Duration = Duration::from_secs(10);

impl Occupancy {
    /// For a moment another footprint than that in effect is used, or the one in effect again. What was known of the room
    /// is still true, and is about to be shown.
    pub(in crate::meeting) fn detour(
        &mut self,
        footprint: Footprint,
        ctx: &mut Ctx<'_>,
        roster: &mut Roster,
    ) {
        self.use_footprint(footprint, ctx, roster);
        let until = ctx.now.after(BLINKS);
        self.blinks_until = Some(until);
        ctx.wake(until);
        if let Place::Told { ask } = &mut self.place {
            *ask = Some(ctx.now);
        }
    }

    /// Who has not been shown by then is not known.
    pub(in crate::meeting) fn ends_blink(&mut self, ctx: &Ctx<'_>) {
        self.blinks_until = self.blinks_until.filter(|until| !self.pictured && !ctx.is_past(*until));
    }

    /// Another footprint is in effect from now on. What was known of the room was known in another way.
    pub(in crate::meeting) fn use_footprint(
        &mut self,
        footprint: Footprint,
        ctx: &mut Ctx<'_>,
        roster: &mut Roster,
    ) {
        let was_visitor = self.is_visitor();
        let before = std::mem::replace(&mut self.footprint, footprint);
        if before == footprint || was_visitor && self.is_visitor() {
            return;
        }
        self.leave(ctx, roster);
        self.lay_ghost(ctx, roster);
        if !matches!(self.place, Place::Offline) {
            self.place = starting_place(footprint, ctx.now);
        }
        self.rhythm.restart();
        (self.pictured, self.blinks_until) = (false, None);
        (self.barred_until, self.unwelcome, self.late, self.asking) = (None, None, None, None);
        (self.no_list, self.refused, self.unmoderated) = (None, None, None);
        roster.clear();
    }

    /// Focus's word is known: we are inside, or are told.
    pub(in crate::meeting) fn hears_focus(&self) -> bool {
        self.listens() || self.is_told() && self.pictured
    }

    /// What the companion says counts.
    pub(in crate::meeting) fn is_told(&self) -> bool {
        matches!(self.place, Place::Told { .. })
    }

    /// The companion has told of everybody, or could not: then nothing is known of the room.
    pub(in crate::meeting) fn is_pictured(&mut self, is_readable: bool, roster: &mut Roster) {
        self.place = Place::Told { ask: None };
        (self.pictured, self.blinks_until) = (is_readable, None);
        if !is_readable {
            roster.clear();
        }
    }

    /// The companion says that there is no such room.
    pub(in crate::meeting) fn is_over(&mut self, roster: &mut Roster) -> News {
        roster.clear();
        self.gone();
        self.place = Place::Told { ask: None };
        News::RoomGone
    }
}
