//! What the log says while there is no link to Prosody: that it is lost, and each further reason once, not that it is
//! tried every second.

use std::time::Duration;

use crate::time::Time;
use crate::xmpp::Failure;

/// A Prosody that is restarted is back by then; until then it is no news that nothing listens.
const RESTART: Duration = Duration::from_secs(10);

/// Reasons told of one time without a link; some hold words of the other side, which may never be the same.
const MOST: usize = 20;

/// What was told of one time without a link.
#[derive(Debug, Default)]
pub(in crate::driver) struct Told {
    /// Since when there is none that was there before.
    lost: Option<Time>,
    reasons: Vec<Failure>,
}

impl Told {
    /// Whether this is to be told. `was_linked`: there was a link until now.
    pub(in crate::driver) fn is_news(&mut self, now: Time, failure: &Failure, was_linked: bool) -> bool {
        if was_linked {
            *self = Self { lost: Some(now), reasons: Vec::new() };
        }
        let may_be_a_restart = self.lost.is_some_and(|lost| now.since(lost) < RESTART);
        let is_known = self.reasons.len() >= MOST || self.reasons.contains(failure);
        if is_known || may_be_a_restart && !was_linked && !failure.is_refusal() {
            return false;
        }
        self.reasons.push(failure.clone());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::default().after(Duration::from_secs(seconds))
    }

    fn refused() -> Failure {
        Failure::Refused { server: "h:1".to_owned() }
    }

    #[test]
    fn a_restart_is_one_line() {
        let mut told = Told::default();
        for round in 0..5 {
            let from = round * 30;
            assert!(told.is_news(at(from), &Failure::Closed, true));
            assert!((1..5).all(|second| !told.is_news(at(from + second), &refused(), false)));
        }
    }

    #[test]
    fn a_reason_is_told_once_and_what_prosody_says_at_once() {
        let mut told = Told::default();
        let unresolved = Failure::Dns { server: "h:1".to_owned(), detail: "no such host".to_owned() };
        let secret = Failure::WrongSecret { domain: "a.b".to_owned() };
        // There never was a link: each step on the way to one is news.
        assert!(told.is_news(at(0), &unresolved, false) && !told.is_news(at(1), &unresolved, false));
        assert!(told.is_news(at(2), &refused(), false) && !told.is_news(at(3), &refused(), false));
        assert!(told.is_news(at(4), &secret, false) && !told.is_news(at(5), &secret, false));
        assert!(!told.is_news(at(6), &refused(), false));

        assert!(told.is_news(at(100), &Failure::Closed, true));
        assert!(!told.is_news(at(101), &refused(), false));
        assert!(told.is_news(at(102), &secret, false));
        // It does not come back.
        assert!(told.is_news(at(110), &refused(), false));
        assert!((111..300).all(|second| !told.is_news(at(second), &refused(), false)));
    }
}
