//! A session of the other mode is on: a live stream instead of the recording to a file, or the other way round. Jicofo
//! takes one session a meeting (docs/jitsi.md 2), so ours begins when that one ends.

use std::time::Duration;

use super::{Facts, Phase, Recording};
use crate::config::Mode;
use crate::meeting::Ctx;
use crate::meeting::event::{Ended, Hold};

/// From outside nothing may show that it has ended; how often we look again then.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

impl Recording {
    /// Focus says that this is on instead.
    pub(super) fn told_instead(&mut self, mode: Mode, facts: &Facts<'_>, ctx: &mut Ctx<'_>) {
        if matches!(self.phase, Phase::Held { why: Hold::ByHand | Hold::Misfit(_), .. }) {
            return;
        }
        // There is one session a meeting, so ours is over.
        self.ended(Ended::Lost, ctx);
        if self.wanted_since.is_none() {
            self.phase = Phase::Idle;
            return;
        }
        let shows = facts.inside() && !facts.visitor || facts.recorders.is_of_other_mode();
        let until = (!shows).then(|| ctx.now.after(LOOK_AGAIN));
        match &mut self.phase {
            Phase::Held { why: Hold::Instead(held), until: at } if *held == mode => *at = until,
            _ => self.hold(Hold::Instead(mode), until, ctx),
        }
    }

    /// Whether it is over, or nobody minds any more.
    pub(super) fn observe_instead(&mut self, wanted: bool, facts: &Facts<'_>) {
        let Phase::Held { why: Hold::Instead(mode), until } = &self.phase else { return };
        let is_on = if facts.inside() {
            facts.told_instead() == Some(*mode)
        } else {
            until.is_some() || facts.recorders.is_of_other_mode()
        };
        if !wanted || !facts.focus || !is_on {
            self.phase = Phase::Idle;
        }
    }
}
