//! The process's monotonic clock as the cores count it, and what a clock on the wall shows.

use std::time::SystemTime;

use tokio::time::Instant;

use crate::time::Time;

/// Began at the start of the program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    wall: SystemTime,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now(), wall: SystemTime::now() }
    }

    pub(super) fn now(self) -> Time {
        Time::new(self.start.elapsed())
    }

    /// None if it lies too far ahead to be expressed, which is as good as never.
    pub(super) fn instant(self, at: Time) -> Option<Instant> {
        self.start.checked_add(at.since_start())
    }

    /// As people read it, in UTC; nobody has set the wall's clock since we started, we hope.
    pub(super) fn shown(self, at: Time) -> String {
        let wall = self.wall.checked_add(at.since_start()).unwrap_or(self.wall);
        humantime::format_rfc3339_seconds(wall).to_string()
    }
}
