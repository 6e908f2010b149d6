//! A stop for which nobody is left to speak, where the companion acts for us: as an owner of the room we go in, ask focus
//! ourselves, and leave. For that moment the room is seen and entered as the discreet footprint does it; whatever happens
//! meanwhile, it is the companion's again.

use std::time::Duration;

use super::Room;
use crate::config::Footprint;
use crate::meeting::context::Ctx;
use crate::time::Time;

/// Two lists, an entry and focus's answer (20 s) come within this.
const LASTS: Duration = Duration::from_secs(40);
/// Before the next one, whatever came of it: people may see us each time, and focus may go on saying that it is on.
const APART: Duration = Duration::from_secs(60);

/// Whether we are about it.
#[derive(Debug, Default)]
pub(super) struct Detour {
    since: Option<Time>,
    not_before: Option<Time>,
}

impl Detour {
    pub(super) fn is_under_way(&self) -> bool {
        self.since.is_some()
    }

    /// There is no link any more, or another footprint is in effect.
    pub(super) fn is_off(&mut self) {
        self.since = None;
    }
}

impl Room {
    /// Begins it where it is needed, and ends it where it is not needed any more, cannot succeed, or takes too long.
    pub(super) fn follow_detour(&mut self, ctx: &mut Ctx<'_>) {
        let is_needed = self.recording.needs_us_inside();
        match self.detour.since {
            None if self.recording.needs_detour() => {
                if self.detour.not_before.is_none_or(|at| ctx.is_past(at)) {
                    self.detour.since = Some(ctx.now);
                    self.occupancy.detour(Footprint::Discreet, ctx, &mut self.roster);
                    ctx.wake(ctx.now.after(LASTS));
                }
            }
            // Where the room does not let us in, more looks change nothing.
            Some(since) if !is_needed || self.occupancy.is_unwelcome() || ctx.is_past(since.after(LASTS)) => {
                self.detour.since = None;
                self.detour.not_before = Some(ctx.now.after(APART));
                self.occupancy.detour(self.footprint, ctx, &mut self.roster);
            }
            None | Some(_) => {}
        }
    }
}
