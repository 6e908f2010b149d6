//! A delay that is doubled each time, up to a longest one.

use std::time::Duration;

/// `first`, doubled so often, but no more than `longest`.
pub(crate) fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(longest)
}

/// Such a delay, from one time to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doubling {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Doubling {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// How long to wait this time.
    pub(crate) fn delay(&mut self) -> Duration {
        self.delay_of_at_least(self.first)
    }

    /// The same where it is a longer time that is doubled.
    pub(crate) fn delay_of_at_least(&mut self, least: Duration) -> Duration {
        let delay = self.next.max(least).min(self.longest);
        self.next = doubled(delay, 1, self.longest);
        delay
    }

    /// It went well: the next delay is the first again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_delay_is_twice_the_last_up_to_the_longest() {
        let mut doubling = Doubling::new(SECOND, 7 * SECOND);
        let delays = |doubling: &mut Doubling| [(); 5].map(|()| doubling.delay().as_secs());
        assert_eq!(delays(&mut doubling), [1, 2, 4, 7, 7]);
        doubling.reset();
        assert_eq!(delays(&mut doubling), [1, 2, 4, 7, 7]);
    }

    #[test]
    fn a_longer_first_delay_is_doubled_as_well() {
        let mut doubling = Doubling::new(SECOND, 100 * SECOND);
        assert_eq!(doubling.delay_of_at_least(30 * SECOND), 30 * SECOND);
        assert_eq!(doubling.delay(), 60 * SECOND);
        assert_eq!(doubling.delay_of_at_least(30 * SECOND), 100 * SECOND);
    }

    #[test]
    fn odd_bounds_do_no_harm() {
        let mut nothing = Doubling::new(Duration::ZERO, SECOND);
        assert_eq!([nothing.delay(), nothing.delay()], [Duration::ZERO; 2]);
        assert_eq!(Doubling::new(5 * SECOND, SECOND).delay(), SECOND);
        assert_eq!(doubled(SECOND, u32::MAX, Duration::MAX), SECOND * u32::MAX);
        assert_eq!(doubled(Duration::MAX, 3, Duration::MAX), Duration::MAX);
    }
}
