//! While another instance has the link, nothing is done and nothing told; it is only watched what goes on.

use super::Driver;
use crate::fleet;
use crate::meeting::Input;

/// As `/readyz` and the board tell it.
const STANDING_BY: &str =
    "standing by: another instance has the link to Prosody; this one takes over when it is gone";

impl Driver {
    /// Another instance has the link. `thrown_out`: since just now, and it was ours before.
    pub(super) fn stand_by(&mut self, thrown_out: bool) {
        self.stands_by = true;
        self.trouble = Some(STANDING_BY.to_owned());
        if thrown_out {
            tracing::warn!("another instance has taken over the link to Prosody; standing by");
        } else {
            tracing::info!("{STANDING_BY}");
        }
        self.sources.stand_by(STANDING_BY);
        self.alarms.stand_by(self.clock.now(), true);
        self.feed_fleet(fleet::Input::StandBy(true));
        if std::mem::take(&mut self.linked) {
            self.feed(Input::LinkDown);
        }
    }

    /// It has gone, or it turns out that it is something else that keeps us out.
    pub(super) fn leave_standby(&mut self) {
        if !std::mem::take(&mut self.stands_by) {
            return;
        }
        tracing::info!("taking over");
        self.alarms.stand_by(self.clock.now(), false);
        self.feed_fleet(fleet::Input::StandBy(false));
    }
}
