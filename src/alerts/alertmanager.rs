//! `alerts.alertmanager`: the alerts that stand, again and again, as its API wants them.
//!
//! Alertmanager takes an alert for over when it has not heard of it for a while, so clients are to send
//! again what stands (<https://prometheus.io/docs/alerting/latest/alerts_api/>); it is what decides when
//! people are told again, so `alerts.repeat` has no meaning here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::DeliveryLimits;
use super::body::{Notice, Postable};
use super::standing::{Entered, Standing};
use crate::http_client::Receiver;

/// For so long an alert stands there after we were heard last. Said in each alert, so that it does not
/// depend on how `resolve_timeout` is set.
const LEASE: Duration = Duration::from_secs(5 * 60);
/// Alerts in one POST.
const MOST_AT_ONCE: usize = 100;
/// Where the API is, below the base URL.
pub(super) const PATH: &str = "/api/v2/alerts";

/// What is to be told to it. Never makes anybody wait.
#[derive(Debug, Default)]
pub(super) struct Board {
    standing: Mutex<Standing>,
    news: Notify,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, notice: Arc<Notice>) {
        self.lock().take(notice);
        self.news.notify_one();
    }

    pub(super) fn hand_over(&self) {
        self.lock().hand_over();
    }

    pub(super) fn is_told(&self) -> bool {
        self.lock().is_told()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped()
    }
}

/// Delivers until it is dropped.
pub(super) async fn deliver(
    board: Arc<Board>,
    mut receiver: Receiver,
    component: String,
    limits: DeliveryLimits,
) {
    let mut all_at = Instant::now();
    loop {
        if board.lock().is_empty() {
            board.news.notified().await;
            all_at = Instant::now();
        }
        let all = all_at <= Instant::now();
        let entered = board.lock().to_send(all);
        match send(&mut receiver, &board, &entered, &component).await {
            Ok(()) => {
                if all {
                    all_at = soon(limits.resend);
                }
                tokio::select! {
                    () = board.news.notified() => {}
                    () = sleep_until(all_at) => {}
                }
            }
            // What could not be sent is still to be sent, and so is what comes in until then.
            Err(pause) => sleep_until(soon(pause)).await,
        }
    }
}

fn soon(pause: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(pause).unwrap_or(now)
}

/// The error is how long to wait.
async fn send(
    receiver: &mut Receiver,
    board: &Board,
    entered: &[Entered],
    component: &str,
) -> Result<(), Duration> {
    let mut refused = Ok(());
    for entered in entered.chunks(MOST_AT_ONCE) {
        let now = SystemTime::now();
        let lease = now.checked_add(LEASE).unwrap_or(now);
        let postable =
            |entered: &Entered| Postable::new(component, &entered.notice, entered.ended.unwrap_or(lease));
        let body: Vec<Postable> = entered.iter().map(postable).collect();
        match receiver.post(&body).await {
            Ok(()) => board.lock().sent(entered),
            // It has taken those that it could and refused the rest; the next portion may be well.
            Err((trouble, pause)) if trouble.is_refusal() => refused = Err(pause),
            Err((_, pause)) => return Err(pause),
        }
    }
    refused
}
