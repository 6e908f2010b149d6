//! The pulse of the driver, for those who do not depend on it to ask whether it still goes round.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A driver that is well beats every second.
#[derive(Debug)]
pub struct Pulse {
    began: Instant,
    /// In milliseconds since then.
    last: AtomicU64,
}

impl Pulse {
    /// Just felt.
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), last: AtomicU64::default() }
    }

    /// The driver has come round.
    pub fn beat(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// How long ago that was last.
    pub fn still_for(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }
}
