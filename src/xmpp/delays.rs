//! How long to wait before the link is tried again: what fails before Prosody has said anything is cheap and is tried
//! every second; where Prosody itself refuses us, each attempt is in its log, and they become rarer.

use std::time::Duration;

use super::failure::Failure;
use crate::config::Xmpp;
use crate::doubling::Doubling;
use crate::polling::{jittered, spread};

/// Between two attempts that come to nothing for want of a Prosody that listens.
const UNREACHED: Duration = Duration::from_secs(1);
/// How long one waits that was thrown out again by it knows not whom: doubled each time, or two of them would throw
/// each other out for ever.
const THROWN_OUT: Duration = Duration::from_secs(2);
const THROWN_OUT_MAX: Duration = Duration::from_secs(600);

/// What was tried and how it went, as far as the next wait depends on it.
pub(super) struct Delays {
    min: Duration,
    max: Duration,
    /// The waits after refusals: doubled from one to the next, and then spread at random, but never outside of
    /// `reconnect_min` and `reconnect_max`.
    refused: Doubling,
    /// The link held for a while and nothing was tried since.
    was_good: bool,
    /// Another connection has thrown us out before.
    was_thrown_out: bool,
    /// The waits after the next times that it does.
    thrown_out: Doubling,
}

impl Delays {
    pub(super) fn new(xmpp: &Xmpp) -> Self {
        let (min, max) = (xmpp.reconnect_min, xmpp.reconnect_max.max(xmpp.reconnect_min));
        // They are spread up to twice as much, so half the longest is where they stop growing.
        let half = max.checked_div(2).unwrap_or(max).max(min);
        Self {
            min,
            max,
            refused: Doubling::new(min, half),
            was_good: true,
            was_thrown_out: false,
            thrown_out: Doubling::new(THROWN_OUT, THROWN_OUT_MAX),
        }
    }

    /// How long to wait after a failure. `took`: how long the attempt took; one that took long has waited already.
    pub(super) fn after(&mut self, failure: &Failure, took: Duration) -> Duration {
        let was_good = std::mem::take(&mut self.was_good);
        if failure.is_refusal() {
            return spread(self.refused.delay()).clamp(self.min, self.max);
        }
        let pause = if was_good { self.min } else { UNREACHED };
        pause.saturating_sub(took).clamp(self.min, self.max)
    }

    /// Once is nothing: `doctor` does it where it does not see us, and learns of us by our coming back.
    pub(super) fn after_being_thrown_out(&mut self, failure: &Failure) -> Duration {
        if !std::mem::replace(&mut self.was_thrown_out, true) {
            return self.after(failure, Duration::ZERO);
        }
        jittered(self.thrown_out.delay())
    }

    /// A link that is accepted and ended at once, again and again, is tried no faster than one that is not there. Only
    /// one that held for longer than the longest delay shows that Prosody does not refuse us.
    pub(super) fn was_up_for(&mut self, up: Duration) {
        self.was_good = up >= UNREACHED;
        if up >= self.max {
            self.refused.reset();
        }
        if up >= THROWN_OUT_MAX {
            self.was_thrown_out = false;
            self.thrown_out.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    const SECOND: Duration = Duration::from_secs(1);
    const NOTHING: Duration = Duration::ZERO;

    fn delays(min: Duration, max: Duration) -> Delays {
        Delays::new(&Xmpp {
            server: String::new(),
            domain: String::new(),
            user: String::new(),
            secret_file: None,
            secret: Secret::default(),
            ping_interval: Duration::ZERO,
            reconnect_min: min,
            reconnect_max: max,
        })
    }

    fn refusal() -> Failure {
        Failure::WrongSecret { domain: String::new() }
    }

    fn unreached() -> Failure {
        Failure::Refused { server: String::new() }
    }

    #[test]
    fn refusals_become_rarer_within_their_bounds_and_never_end() {
        let mut delays = delays(SECOND, 30 * SECOND);
        let all: Vec<_> = (0..10_000).map(|_| delays.after(&refusal(), SECOND)).collect();
        assert!(all.iter().all(|d| (SECOND..=30 * SECOND).contains(d)));
        assert!(all[0] < 2 * SECOND);
        assert!(all[100..].iter().all(|d| *d >= 15 * SECOND));
        delays.was_up_for(29 * SECOND);
        assert!(delays.after(&refusal(), SECOND) >= 15 * SECOND);
        delays.was_up_for(30 * SECOND);
        assert!(delays.after(&refusal(), SECOND) < 2 * SECOND);
    }

    #[test]
    fn a_port_that_is_closed_is_tried_every_second_for_ever() {
        let mut delays = delays(SECOND / 4, 15 * SECOND);
        for round in 0..5 {
            assert_eq!(delays.after(&unreached(), NOTHING), SECOND / 4, "the first time, round {round}");
            assert!((0..10_000).all(|_| delays.after(&unreached(), NOTHING) == SECOND));
            delays.was_up_for(SECOND);
        }
        // One that is closed as soon as it is there is no reason for haste.
        delays.was_up_for(SECOND / 2);
        assert_eq!(delays.after(&Failure::Closed, NOTHING), SECOND);
        // An attempt that took a second or more is followed by the next one nearly at once.
        assert_eq!(delays.after(&unreached(), SECOND * 3 / 5), SECOND * 2 / 5);
        assert_eq!(delays.after(&unreached(), 2 * SECOND), SECOND / 4);
        // That Prosody was away meanwhile does not make it forget whom it refuses.
        for _ in 0..100 {
            delays.after(&refusal(), SECOND);
        }
        assert_eq!(delays.after(&unreached(), NOTHING), SECOND);
        assert!(delays.after(&refusal(), SECOND) >= 7 * SECOND);
    }

    #[test]
    fn odd_bounds_are_kept_as_well() {
        for (min, max) in [(0, 0), (5, 5), (5, 6), (7, 3)].map(|(a, b)| (a * SECOND, b * SECOND)) {
            let mut delays = delays(min, max);
            let bounds = min..=max.max(min);
            assert!((0..100).all(|_| bounds.contains(&delays.after(&refusal(), SECOND))), "{min:?}..{max:?}");
            assert!(
                (0..3).all(|_| bounds.contains(&delays.after(&unreached(), NOTHING))),
                "{min:?}..{max:?}"
            );
        }
    }
}
