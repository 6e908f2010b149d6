//! What all that is heard of one Jibri comes to: its verdict, whether it is free, whether to ping it.

use std::time::Duration;

use super::cases::CASES;
use super::evidence::{Evidence, Verdict};
use super::jibri::{Appearance, Coverage, Jibri};
use super::testimony::Heard;
use crate::time::Time;

impl Jibri {
    /// What we think of it, and why: the first case that holds.
    pub(super) fn judge(&self, sight: Coverage, now: Time) -> (Verdict, Evidence) {
        let heard = Heard { jibri: self, sight, now };
        let verdict = CASES.iter().find_map(|case| Some((case.verdict, (case.holds)(&heard)?)));
        verdict.unwrap_or((Verdict::Ok, Evidence::None))
    }

    /// Jicofo can select it, and we believe that it works.
    pub(super) fn is_free(&self, now: Time) -> bool {
        self.looks == Appearance::Idle
            && !matches!(self.verdict, Verdict::Wedged | Verdict::Stale)
            && self.shunned_until.is_none_or(|until| until <= now)
            && self.recovering.as_ref().is_none_or(|recovering| !recovering.is_under_way())
    }

    /// Whether pings may tell something: a Jibri at work is left alone.
    pub(super) fn is_pinged(&self, sight: Coverage) -> bool {
        sight.brewery.is_some() && self.looks == Appearance::Idle
    }

    /// Pings are rare while all is well: 500 Jibris are to cost next to nothing.
    pub(super) fn ping_pause(&self, sight: Coverage) -> Duration {
        let is_well = self.ping_reach.is_well() && self.port_reach.is_well() && self.streak.count() == 0;
        if is_well { sight.interval.saturating_mul(3) } else { sight.interval }
    }
}
