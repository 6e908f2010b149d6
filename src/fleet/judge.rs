//! What all that is known of one Jibri comes to: its verdict, whether it is free, whether to ping it.

use std::time::Duration;

use super::event::{Evidence, Verdict};
use super::jibri::{Appearance, Coverage, Jibri};
use crate::time::Time;

impl Jibri {
    /// What we think of it, and why.
    pub(super) fn judge(&self, sight: Coverage, now: Time) -> (Verdict, Evidence) {
        if self.looks == Appearance::Absent {
            return (Verdict::Offline, Evidence::Absent { since: self.last_seen.map(|_| self.looks_since) });
        }
        if let Some((by, since)) = self.expired(sight) {
            // Repeated every minute: the first time is what counts.
            let since = match &self.evidence {
                Evidence::Expired { since, .. } => *since,
                _ => since,
            };
            return (Verdict::Expired, Evidence::Expired { by, since });
        }
        if let Some((by, since)) = self.unhealthy(sight) {
            let since = match &self.evidence {
                Evidence::Unhealthy { since, .. } => *since,
                _ => since,
            };
            return (Verdict::Unhealthy, Evidence::Unhealthy { by, since });
        }
        let failures = self.streak.count();
        if self.streak.is_enough(sight.wedged_after) {
            return (Verdict::Wedged, self.streak.evidence());
        }
        // Idle all that while: a Jibri at work may have better things to do than to answer.
        let is_idle = sight.brewery
            && !self.is_twins()
            && self.idle_since().is_some_and(|since| now.since(since) >= sight.interval.saturating_mul(3));
        let port = self.port_reach.dead(now, sight.interval).filter(|_| is_idle);
        if let Some(dead) = port.as_ref().filter(|dead| dead.sure) {
            return (Verdict::Wedged, Evidence::PortDead { since: dead.since, why: dead.why.clone() });
        }
        let ping = self.ping_reach.dead(now, sight.interval).filter(|_| is_idle);
        if let Some(dead) = ping.as_ref().filter(|dead| dead.sure) {
            return (Verdict::Wedged, Evidence::PingDead { since: dead.since });
        }
        if failures > 0 {
            return (Verdict::Suspect, self.streak.evidence());
        }
        match (port, ping) {
            (Some(dead), _) => (Verdict::Suspect, Evidence::PortDead { since: dead.since, why: dead.why }),
            (None, Some(dead)) => (Verdict::Suspect, Evidence::PingDead { since: dead.since }),
            (None, None) => (Verdict::Ok, Evidence::None),
        }
    }

    /// Jicofo can select it, and we believe that it works.
    pub(super) fn is_free(&self, now: Time) -> bool {
        self.looks == Appearance::Idle
            && self.verdict != Verdict::Wedged
            && self.shunned_until.is_none_or(|until| until <= now)
            && self.recovering.as_ref().is_none_or(|recovering| !recovering.is_under_way())
    }

    /// Whether pings may tell something: a Jibri at work is left alone.
    pub(super) fn is_pinged(&self, sight: Coverage) -> bool {
        sight.brewery && self.looks == Appearance::Idle
    }

    /// Pings are rare while all is well: 500 Jibris are to cost next to nothing.
    pub(super) fn ping_pause(&self, sight: Coverage) -> Duration {
        let is_well = self.ping_reach.is_well() && self.port_reach.is_well() && self.streak.count() == 0;
        if is_well { sight.interval.saturating_mul(3) } else { sight.interval }
    }
}
