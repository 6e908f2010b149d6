//! What systemd is told where it has started us with `Type=notify`; elsewhere nothing is told to anybody.
//!
//! We are ready when the driver runs, linked or not: Prosody may come later, and a start that failed because of
//! that would be started again and again. The watchdog is fed by the driver's own loop, so that a driver that
//! hangs is restarted, not only a process that is gone.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::plain::plain;
use crate::until::next_tick;

/// Most characters of a status line.
const MOST: usize = 200;
/// So often within its limit the watchdog is fed.
const FED: u32 = 3;

/// The line to systemd.
pub(super) struct Supervisor {
    watchdog: Option<Interval>,
}

impl Supervisor {
    /// Finds out from the environment whether there is one, and whether it wants signs of life.
    pub(super) fn find() -> Self {
        let every = sd_notify::watchdog_enabled().and_then(|limit| limit.checked_div(FED));
        let every = every.filter(|every| !every.is_zero());
        Self { watchdog: every.map(ticks) }
    }

    /// The service is up; how the link is will be told by [`Supervisor::status`].
    pub(super) fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// New settings are taken over.
    pub(super) fn reloaded(&self) {
        // Since systemd 253 a reload has to say when it began.
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            tell(&[NotifyState::Reloading, now]);
            tell(&[NotifyState::Ready]);
        }
    }

    /// What `systemctl status` shows.
    pub(super) fn status(&self, text: &str) {
        // What is sent is lines, and a peer's words must not become one.
        tell(&[NotifyState::Status(&plain(text, MOST))]);
    }

    /// It was asked to end.
    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// Waits until a sign of life is due, for ever if none is wanted.
    pub(super) async fn due(&mut self) {
        next_tick(&mut self.watchdog).await;
    }

    /// The sign of life.
    pub(super) fn alive(&self) {
        tell(&[NotifyState::Watchdog]);
    }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = tokio::time::interval_at(Instant::now(), every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn tell(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("systemd cannot be told: {error}");
    }
}
