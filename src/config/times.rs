//! Durations: a number and a unit in quotes.

use std::time::Duration;

use super::kinds::Word;
use super::mistake::{Complaint, is_not, quoted};

/// Shows a duration in its largest whole unit, so that `90d` stays `90d`; minutes only from five on.
fn show_duration(value: &Duration) -> String {
    const UNITS: [(u128, &str); 6] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
    ];
    let nanos = value.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let fits = |(unit, name): &&(u128, &str)| {
        nanos.checked_rem(*unit) == Some(0) && (*name != "m" || *value >= Duration::from_secs(300))
    };
    let whole = UNITS.iter().find(fits);
    let (unit, name) = whole.copied().unwrap_or((1, "ns"));
    format!("{}{name}", nanos.checked_div(unit).unwrap_or(nanos))
}

fn parse_duration(text: &str, least: Duration) -> Result<Duration, Complaint> {
    /// Ten years: longer is a slip, and sums with it must not overflow.
    const MOST: Duration = Duration::from_secs(3650 * 86_400);
    let value = humantime::parse_duration(text).map_err(|_| {
        let only_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let hint = if only_digits && text.len() < 10 {
            format!("did you mean \"{text}s\"?")
        } else {
            r#"write a number and a unit: "250ms", "30s", "2m", "1h" or "90d""#.to_owned()
        };
        is_not(text, "a duration", hint)
    })?;
    if value > MOST {
        return Err(Complaint::new(format!("{} is too long", quoted(text)), "the longest is \"3650d\""));
    }
    if value < least {
        let hint = format!("the shortest is \"{}\"", show_duration(&least));
        return Err(Complaint::new(format!("{} is too short", quoted(text)), hint));
    }
    Ok(value)
}

/// A duration of at least that many milliseconds.
pub(super) struct Time<const MIN_MS: u64>;

impl<const MIN_MS: u64> Word for Time<MIN_MS> {
    type Value = Duration;
    const WHAT: &'static str = "a duration in quotes, like \"30s\"";

    fn parse(text: &str) -> Result<Duration, Complaint> {
        parse_duration(text, Duration::from_millis(MIN_MS))
    }

    fn print(value: &Duration) -> String {
        show_duration(value)
    }
}

/// Zero, or a duration of at least that many milliseconds.
pub(super) struct ZeroOr<const MIN_MS: u64>;

impl<const MIN_MS: u64> Word for ZeroOr<MIN_MS> {
    type Value = Duration;
    const WHAT: &'static str = "a duration in quotes, like \"30s\"";

    fn parse(text: &str) -> Result<Duration, Complaint> {
        match parse_duration(text, Duration::ZERO)? {
            Duration::ZERO => Ok(Duration::ZERO),
            _ => parse_duration(text, Duration::from_millis(MIN_MS)),
        }
    }

    fn print(value: &Duration) -> String {
        show_duration(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, shown) in [
            ("0s", "0s"),
            ("1500ms", "1500ms"),
            ("2m", "120s"),
            ("300s", "5m"),
            ("60m", "1h"),
            ("90d", "90d"),
            ("1m 5s", "65s"),
        ] {
            assert_eq!(ZeroOr::<1>::parse(text).map(|value| show_duration(&value)).unwrap(), shown);
        }
        for bad in ["", "0s", "30", "-1s", "s", "1ns", "3651d", "99999999999999999999s", "1 fortnight"] {
            assert!(Time::<1>::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Time::<1>::parse("30").unwrap_err().hint, "did you mean \"30s\"?");
        assert!(ZeroOr::<1000>::parse("10ms").is_err());
    }
}
