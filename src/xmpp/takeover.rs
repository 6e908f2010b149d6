//! Whether the link is for us or for another instance: when we stand by, and what a conflict is taken for.

use std::time::Duration;

use super::failure::Failure;
use crate::polling::jittered;
use crate::standby::Gate;

/// Between two attempts of one that waits for its turn: short, because nobody tells it when that comes.
const CONFLICT: Duration = Duration::from_millis(900);

/// What follows when the link has failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another instance has it, and that is as it should be.
    StandBy {
        /// It was ours, and has been taken from us.
        thrown_out: bool,
        /// How long to wait before it is asked, or tried, whether our turn has come.
        pause: Duration,
    },
    /// Nobody is known who should have it instead of us.
    TryAgain {
        /// It was ours, and has been taken from us.
        thrown_out: bool,
    },
}

/// Who has the link, as far as we know.
#[derive(Debug)]
pub(super) struct Takeover {
    gate: Gate,
    stands_by: bool,
}

impl Takeover {
    pub(super) fn new(gate: Gate) -> Self {
        Self { gate, stands_by: false }
    }

    /// Whether the link may be tried at once.
    pub(super) async fn is_open(&mut self) -> bool {
        self.gate.is_open().await
    }

    /// Waits until it may be tried.
    pub(super) async fn open(&mut self) {
        self.gate.open().await;
    }

    /// We stand by from now on; whether that is to be told, because we did not before.
    pub(super) fn stand_by(&mut self) -> bool {
        !std::mem::replace(&mut self.stands_by, true)
    }

    /// The link is ours.
    pub(super) fn link_up(&mut self) {
        self.stands_by = false;
    }

    /// It is not there. `was_up`: it was ours until then.
    pub(super) fn link_failed(&mut self, failure: &Failure, was_up: bool) -> Next {
        let is_conflict = matches!(failure, Failure::Conflict { .. });
        let thrown_out = is_conflict && was_up;
        if thrown_out {
            self.gate.thrown_out();
        }
        // Whoever is thrown out by one that it cannot ask may be the one that should have the link.
        if is_conflict && self.gate.expects_another() && (self.gate.asks() || !thrown_out) {
            // Where the other one can be asked, its answer is waited for and not the time.
            let pause = if thrown_out { Duration::ZERO } else { jittered(CONFLICT) };
            return Next::StandBy { thrown_out, pause };
        }
        Next::TryAgain { thrown_out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn takeover(standby: &str) -> Takeover {
        let text = format!(
            "[xmpp]\ndomain = \"a.example\"\nsecret = \"s\"\n[muc]\ndomains = [\"muc.example\"]\n[standby]\n{standby}"
        );
        Takeover::new(Gate::new(&config::from_toml(&text).unwrap().settings))
    }

    fn conflict() -> Failure {
        Failure::Conflict { domain: String::new() }
    }

    #[tokio::test]
    async fn a_conflict_is_a_failure_like_any_other_where_nobody_else_is_expected() {
        let mut alone = takeover("");
        assert_eq!(alone.link_failed(&conflict(), false), Next::TryAgain { thrown_out: false });
        assert_eq!(alone.link_failed(&conflict(), true), Next::TryAgain { thrown_out: true });
        assert_eq!(alone.link_failed(&Failure::Closed, true), Next::TryAgain { thrown_out: false });
    }

    #[tokio::test]
    async fn where_another_one_is_expected_we_stand_by() {
        let mut allowed = takeover("allowed = true");
        assert!(matches!(
            allowed.link_failed(&conflict(), false),
            Next::StandBy { thrown_out: false, pause } if !pause.is_zero()
        ));
        // It cannot be asked, so nobody would ever say that our turn has come.
        assert_eq!(allowed.link_failed(&conflict(), true), Next::TryAgain { thrown_out: true });
        let mut asked = takeover("peer = \"http://127.0.0.1:9\"");
        assert_eq!(
            asked.link_failed(&conflict(), true),
            Next::StandBy { thrown_out: true, pause: Duration::ZERO }
        );
    }

    #[tokio::test]
    async fn standing_by_is_told_once_until_the_link_was_ours() {
        let mut takeover = takeover("allowed = true");
        assert!(takeover.stand_by() && !takeover.stand_by());
        takeover.link_up();
        assert!(takeover.stand_by());
    }
}
