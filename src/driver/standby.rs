//! Where there are two instances: while the other one acts, or may, nothing is done and nothing told; it is only
//! watched what goes on.

use std::time::Duration;

use super::Driver;
use crate::config::Standby;
use crate::fleet;
use crate::meeting::Input;
use crate::time::Time;

/// As `/readyz` and the board tell it.
const STANDING_BY: &str =
    "standing by: another instance has the link to Prosody; this one takes over when it is gone";
/// A round of the driver takes a second at most.
const LATE: Duration = Duration::from_millis(1500);
/// Within this the link tells us that another one has it by now.
const DOUBT: Duration = Duration::from_secs(5);

/// Whose turn it is to act.
#[derive(Debug)]
pub(super) struct Turn {
    /// There may be another instance.
    has_double: bool,
    /// It has the link.
    pub(super) is_its: bool,
    last_round: Time,
    /// This program has not run for a while, so the other one may have taken over.
    doubtful_until: Option<Time>,
}

impl Turn {
    pub(super) fn new(settings: &Standby, now: Time) -> Self {
        let has_double = settings.allowed || settings.peer.is_some();
        Self { has_double, is_its: false, last_round: now, doubtful_until: None }
    }
}

impl Driver {
    /// Another instance has the link. `thrown_out`: since just now, and it was ours before.
    pub(super) fn stand_by(&mut self, thrown_out: bool) {
        self.turn.is_its = true;
        self.trouble = Some(STANDING_BY.to_owned());
        if thrown_out {
            tracing::warn!("another instance has taken over the link to Prosody; standing by");
        } else {
            tracing::info!("{STANDING_BY}");
        }
        self.supervisor.status(STANDING_BY);
        self.sources.stand_by(STANDING_BY);
        self.alarms.stand_by(self.clock.now(), true);
        self.rest();
        self.companions_are_unheard();
        if std::mem::take(&mut self.linked) {
            self.feed(Input::LinkDown);
        }
    }

    /// The link is ours.
    pub(super) fn act(&mut self) {
        if std::mem::take(&mut self.turn.is_its) {
            tracing::info!("taking over");
        }
        self.turn.doubtful_until = None;
        self.alarms.stand_by(self.clock.now(), false);
        self.feed_fleet(fleet::Input::StandBy(false));
    }

    /// There is no link, and it is not known whether the other one has it. Whoever sees what is wrong tells it, though
    /// that be both; but only one with a link restarts Jibris.
    pub(super) fn doubt(&mut self) {
        self.turn.is_its = false;
        self.alarms.stand_by(self.clock.now(), false);
        self.rest();
    }

    /// Where there may be two, no Jibri is restarted until the link is ours.
    pub(super) fn rest(&mut self) {
        if self.turn.has_double {
            self.feed_fleet(fleet::Input::StandBy(true));
        }
    }

    /// A round of the driver begins.
    pub(super) fn begin_round(&mut self) {
        let now = self.clock.now();
        self.turn.last_round = now;
        if self.linked && self.turn.doubtful_until.is_some_and(|until| until <= now) {
            self.act();
        }
    }

    /// Before anything is decided: a round that has lasted so long was frozen, and what there is to do may have been
    /// done by the other one by now.
    pub(super) fn note_time(&mut self) {
        let now = self.clock.now();
        let gap = now.since(std::mem::replace(&mut self.turn.last_round, now));
        if self.turn.has_double && self.linked && gap > LATE {
            tracing::warn!(
                stood_ms = gap.as_millis(),
                "this program stood still for a while: has the other instance taken over?"
            );
            self.turn.doubtful_until = Some(now.after(DOUBT));
            self.rest();
        }
    }
}
