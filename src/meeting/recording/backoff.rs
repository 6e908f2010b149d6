//! Failures in a row, and how long each of them pauses.

use std::time::Duration;

use rand::RngExt as _;

use crate::doubling::doubled;
use crate::meeting::answer::StartFailure;
use crate::meeting::context::{Ctx, Policy};
use crate::meeting::queue::Chance;
use crate::time::Time;

/// Failures that pass soon are tried again at the shortest delay this often before the delay grows.
const SOON: u32 = 5;

#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    /// Why the last one failed.
    last: Option<StartFailure>,
    /// No start before this.
    until: Option<Time>,
    /// Nor before this, as a Jibri is to be restarted first.
    held_back: Option<Time>,
    /// Which telling of the supply of Jibris the last one failed under.
    supply: Option<u64>,
}

impl Backoff {
    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn last(&self) -> Option<StartFailure> {
        self.last
    }

    pub(super) fn is_pausing(&self) -> bool {
        self.until.is_some() || self.is_held_back()
    }

    pub(super) fn is_held_back(&self) -> bool {
        self.held_back.is_some()
    }

    pub(super) fn hold_back(&mut self, until: Time) {
        self.held_back = Some(until);
    }

    /// One more failure is one too many.
    pub(super) fn is_at_limit(&self, policy: Policy<'_>) -> bool {
        policy.start.retry_limit > 0 && self.failures >= policy.start.retry_limit
    }

    /// A start has failed. Returns the pause: `retry_min`, doubled for each failure in a row, a quarter more or less, inside
    /// `retry_min..=retry_max`.
    pub(super) fn fail(&mut self, why: StartFailure, ctx: &mut Ctx<'_>, policy: Policy<'_>) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.last = Some(why);
        self.supply = ctx.chance.change;
        let doublings = if why.passes_soon() { self.failures.saturating_sub(SOON) } else { self.failures };
        let (min, max) = (policy.start.retry_min, policy.start.retry_max);
        let pause = doubled(min, doublings.saturating_sub(1), max);
        let pause = pause.mul_f64(ctx.rng.random_range(0.75..=1.25)).clamp(min, max.max(min));
        // Somebody else can be spoken for.
        let is_at_once = why == StartFailure::SpeakerGone && self.failures <= SOON;
        let pause = if is_at_once { Duration::ZERO } else { pause };
        self.pause(pause, ctx);
        pause
    }

    /// The last start has failed, and will not be tried again.
    pub(super) fn fail_for_good(&mut self, why: StartFailure) {
        self.last = Some(why);
    }

    pub(super) fn pause(&mut self, pause: Duration, ctx: &Ctx<'_>) {
        self.until = Some(ctx.now.after(pause));
    }

    /// It goes on at once.
    pub(super) fn resume(&mut self) {
        (self.until, self.held_back) = (None, None);
    }

    /// What failed before does not count any more; a pause is kept.
    pub(super) fn forgive(&mut self) {
        self.failures = 0;
        self.last = None;
    }

    /// The pause ends when its time has come, or a Jibri.
    pub(super) fn pass_deadlines(&mut self, is_wanted: bool, ctx: &Ctx<'_>) {
        let is_over = |until: &mut Time| if is_wanted { ctx.is_past(*until) } else { *until <= ctx.now };
        self.held_back.take_if(is_over);
        let is_woken = ctx.chance.is_there && self.may_wake(ctx.chance);
        self.until.take_if(|until| is_over(until) || is_woken);
    }

    pub(super) fn wants_jibri(&self) -> bool {
        self.last.is_some_and(StartFailure::is_for_want_of_jibris)
    }

    /// The last start has failed for want of a Jibri, and something has become free, or been taken, since.
    pub(super) fn may_wake(&self, chance: Chance) -> bool {
        let is_news = chance.change.is_some() && chance.change != self.supply;
        is_news && self.wants_jibri() && !self.is_held_back()
    }
}
