//! How often something may be done: so often in the long run, and a few times more after a rest.

use std::time::Duration;

use crate::time::Time;

/// How often something may be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// Between two times, in the long run.
    pub(super) apart: Duration,
    /// So many times in a row after a rest.
    pub(super) burst: u32,
}

/// How much of a [`Rate`] is used up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    rate: &'static Rate,
    /// When all that was done so far will have had its time.
    paid: Time,
}

impl Budget {
    pub(super) fn new(rate: &'static Rate) -> Self {
        Self { rate, paid: Time::default() }
    }

    /// So much is done, now or then.
    pub(super) fn spend(&mut self, then: Time, times: u32) {
        self.paid = self.paid.max(then).after(self.rate.apart.saturating_mul(times));
    }

    /// When it may be done next.
    pub(super) fn next_at(&self) -> Time {
        self.next_within(self.rate.burst)
    }

    /// The same, if only so many of those that may follow each other after a rest may be used up.
    pub(super) fn next_within(&self, burst: u32) -> Time {
        let ahead = self.rate.apart.saturating_mul(burst.min(self.rate.burst));
        Time::new(self.paid.since_start().saturating_sub(ahead))
    }
}
