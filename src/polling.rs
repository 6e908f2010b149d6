//! What all that is asked again and again has in common: how often, and when it is told that it fails.

use std::time::Duration;

use tokio::time::Instant;

/// Up to a tenth more or less, so that those who ask do not fall into step.
pub(crate) fn jittered(interval: Duration) -> Duration {
    let seconds = interval.as_secs_f64() * rand::random_range(0.9..1.1);
    Duration::try_from_secs_f64(seconds).unwrap_or(interval)
}

/// Up to as much again: what was made to fail at one moment is not tried again at one.
pub(crate) fn spread(pause: Duration) -> Duration {
    let more = pause.as_secs_f64() * rand::random::<f64>();
    pause.saturating_add(Duration::try_from_secs_f64(more).unwrap_or(pause))
}

/// Failures in a row after which a source is down.
const FAILURES: u32 = 3;
/// It is also down if it has been failing for this long.
const FOR: Duration = Duration::from_secs(30);

/// What has become of a source's answers lately.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    /// When the row of failures began, and how many there are.
    failing: Option<(Instant, u32)>,
    told: bool,
}

impl Outage {
    /// A failure. Since when the source is down, if that is to be told now.
    pub(crate) fn failed(&mut self, now: Instant) -> Option<Instant> {
        let (since, before) = self.failing.unwrap_or((now, 0));
        let failures = before.saturating_add(1);
        self.failing = Some((since, failures));
        let is_down = failures >= FAILURES || now.saturating_duration_since(since) >= FOR;
        (is_down && !std::mem::replace(&mut self.told, is_down)).then_some(since)
    }

    /// A success. Whether it is to be told.
    pub(crate) fn worked(&mut self) -> bool {
        std::mem::take(self).told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outage_is_told_once() {
        let (mut outage, start) = (Outage::default(), Instant::now());
        for _ in 0..2 {
            assert_eq!(outage.failed(start), None);
            assert_eq!(outage.failed(start), None);
            assert_eq!(outage.failed(start), Some(start));
            assert_eq!(outage.failed(start), None);
            assert!(outage.worked());
            assert!(!outage.worked());
        }
    }

    #[test]
    fn a_blink_is_not_told_but_a_long_silence_is() {
        let (mut outage, start) = (Outage::default(), Instant::now());
        for _ in 0..10 {
            assert_eq!(outage.failed(start), None);
            assert_eq!(outage.failed(start), None);
            assert!(!outage.worked());
        }
        assert_eq!(outage.failed(start), None);
        assert_eq!(outage.failed(start + FOR), Some(start));
    }
}
