//! Time as the core sees it: handed in as an argument, never asked for.

use std::time::Duration;

/// A moment, counted from an arbitrary beginning that stays the same while the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(Duration);

impl Time {
    /// The moment that lies `since_start` after the beginning.
    pub const fn new(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// How far this moment lies after the beginning.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// How long ago `earlier` was, zero if it was not.
    pub const fn since(self, earlier: Time) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// So long before this moment; the beginning if there was no such time.
    pub const fn before(self, earlier: Duration) -> Time {
        Time(self.0.saturating_sub(earlier))
    }

    /// This moment and `later`; the end of time instead of an overflow.
    pub const fn after(self, later: Duration) -> Time {
        Time(self.0.saturating_add(later))
    }
}
