//! How long something lasted, as people read it: the greatest unit, and what is left in the next one.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Of 365 days: nobody counts such a time by the calendar.
const YEAR: u64 = 365 * DAY;

/// `40 s`, `12 min`, `1 h 5 min`, `6 d 5 h`, `2 y 30 d`; the status page writes them in the same way.
pub(crate) fn lasting(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => two((seconds / HOUR, "h"), (seconds % HOUR / MINUTE, "min")),
        DAY..YEAR => two((seconds / DAY, "d"), (seconds % DAY / HOUR, "h")),
        _ => two((seconds / YEAR, "y"), (seconds % YEAR / DAY, "d")),
    }
}

fn two((whole, unit): (u64, &str), (rest, next): (u64, &str)) -> String {
    if rest == 0 { format!("{whole} {unit}") } else { format!("{whole} {unit} {rest} {next}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_at_most() {
        for (seconds, shown) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (HOUR, "1 h"),
            (HOUR + 5 * MINUTE + 59, "1 h 5 min"),
            (149 * HOUR + 51 * MINUTE, "6 d 5 h"),
            (7 * DAY + 59 * MINUTE, "7 d"),
            (YEAR - 1, "364 d 23 h"),
            (2 * YEAR + 30 * DAY, "2 y 30 d"),
        ] {
            assert_eq!(lasting(Duration::from_secs(seconds)), shown, "{seconds}");
        }
        assert!(lasting(Duration::MAX).contains(" y "));
    }
}
