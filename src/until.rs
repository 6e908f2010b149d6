//! Waiting for what may never come.

use tokio::time::{Instant, Interval, sleep_until};

/// Waits until then; for ever, where there is no such moment.
pub(crate) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Waits for the next time; for ever, where there is none.
pub(crate) async fn next_tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}
