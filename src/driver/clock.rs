//! The process's monotonic clock as the cores count it, and what a clock on the wall shows.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::time::Time;

/// The cores' time begins so long before the program, so that what was before it has its time, too.
const BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Began [`BEFORE`] the start of the program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    /// When it began, by the clock on the wall.
    wall: SystemTime,
}

impl Clock {
    pub(super) fn start() -> Self {
        let wall = SystemTime::now();
        Self { start: Instant::now(), wall: wall.checked_sub(BEFORE).unwrap_or(wall) }
    }

    pub(super) fn now(self) -> Time {
        Time::new(BEFORE.saturating_add(self.start.elapsed()))
    }

    /// None if it lies too far ahead to be expressed, which is as good as never.
    pub(super) fn instant(self, at: Time) -> Option<Instant> {
        self.start.checked_add(at.since_start().saturating_sub(BEFORE))
    }

    /// What a clock on the wall showed as this. What seems to be still to come was just now: the clock was set.
    pub(super) fn time(self, wall: SystemTime) -> Time {
        let ago = SystemTime::now().duration_since(wall).unwrap_or_default();
        Time::new(self.now().since_start().saturating_sub(ago))
    }

    /// As people read it, in UTC; nobody has set the wall's clock since we started, we hope.
    pub(super) fn shown(self, at: Time) -> String {
        let wall = self.wall.checked_add(at.since_start()).unwrap_or(self.wall);
        humantime::format_rfc3339_seconds(wall).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_before_the_program_has_its_time() {
        let clock = Clock::start();
        let hour = Duration::from_secs(3600);
        let ago = clock.now().since(clock.time(SystemTime::now() - hour));
        assert!(ago.abs_diff(hour) < Duration::from_secs(5), "{ago:?}");
        assert_eq!(clock.shown(clock.time(SystemTime::UNIX_EPOCH)), clock.shown(Time::default()));
        assert!(clock.time(SystemTime::now() + hour) <= clock.now());
        let soon = clock.instant(clock.now().after(hour)).unwrap() - Instant::now();
        assert!(soon.abs_diff(hour) < Duration::from_secs(5), "{soon:?}");
        assert!(clock.instant(Time::default()).unwrap() <= Instant::now());
    }
}
