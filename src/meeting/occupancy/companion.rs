//! The companion footprint: we are nowhere in the room. A module inside Prosody tells us everything, and acts for us
//! (docs/companion.md).

use super::{News, Occupancy, Place, starting_place};
use crate::config::Footprint;
use crate::meeting::context::Ctx;
use crate::meeting::roster::Roster;

impl Occupancy {
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
        self.pictured = false;
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
        self.pictured = is_readable;
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
