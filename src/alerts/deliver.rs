//! From the book to the receivers: whoever hands over an alert goes on at once, whatever they do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::alertmanager::{self, Board};
use super::body::Notice;
use super::queue::Queue;
use super::{Delivery, Kind, MOST_STANDING, Status, webhook};
use crate::config::Alerts;
use crate::http_client::{Patience, Receiver};
use crate::time::Time;

/// What deliveries may cost.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryLimits {
    /// From a request to the end of its answer.
    pub time: Duration,
    /// The first pause after a failure; it is doubled each time.
    pub retry_min: Duration,
    /// The longest pause.
    pub retry_max: Duration,
    /// What the webhook has not taken for so long is dropped.
    pub give_up: Duration,
    /// What may wait for the webhook; the oldest is dropped.
    pub waiting: usize,
    /// How often Alertmanager is told what stands.
    pub resend: Duration,
}

impl Default for DeliveryLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            give_up: Duration::from_secs(60 * 60),
            waiting: 1000,
            resend: Duration::from_secs(60),
        }
    }
}

impl DeliveryLimits {
    fn patience(&self) -> Patience {
        Patience { time: self.time, retry_min: self.retry_min, retry_max: self.retry_max }
    }
}

/// Delivers to the receivers of `[alerts]`. Dropped, it stops.
#[derive(Debug)]
pub struct Deliverer {
    webhook: Option<Arc<Queue<Arc<Notice>>>>,
    alertmanager: Option<Arc<Board>>,
    /// When the alerts that stand were raised, as people have the time: said the same each time, whatever
    /// happens to the clock.
    since: BTreeMap<(Kind, String), SystemTime>,
    tasks: JoinSet<()>,
}

/// Starts the deliveries. `component`: `xmpp.domain`, to tell deployments apart. Without receivers it is a
/// [`Deliverer`] that delivers nothing.
///
/// # Errors
/// Why there can be no HTTP client for a receiver, for example for want of the system's certificates.
pub fn spawn(alerts: &Alerts, component: &str) -> Result<Deliverer, String> {
    spawn_with(alerts, component, DeliveryLimits::default())
}

/// As [`spawn`], with other limits.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_with(alerts: &Alerts, component: &str, limits: DeliveryLimits) -> Result<Deliverer, String> {
    let mut tasks = JoinSet::new();
    let mut webhook = None;
    if !alerts.webhook.is_empty() {
        let queue = Arc::new(Queue::new(limits.waiting));
        let receiver =
            Receiver::new("alerts.webhook", "alerts", alerts.webhook.expose().to_owned(), limits.patience())?;
        tasks.spawn(webhook::deliver(Arc::clone(&queue), receiver, component.to_owned(), limits));
        webhook = Some(queue);
    }
    let mut alertmanager = None;
    if let Some(base) = &alerts.alertmanager {
        let board = Arc::new(Board::default());
        let url = format!("{}{}", base.trim_end_matches('/'), alertmanager::PATH);
        let receiver = Receiver::new("alerts.alertmanager", "alerts", url, limits.patience())?;
        tasks.spawn(alertmanager::deliver(Arc::clone(&board), receiver, component.to_owned(), limits));
        alertmanager = Some(board);
    }
    Ok(Deliverer { webhook, alertmanager, since: BTreeMap::new(), tasks })
}

impl Deliverer {
    /// Has it delivered, some time. `now`: on the clock that the book goes by.
    pub fn send(&mut self, now: Time, delivery: Delivery) {
        if self.tasks.is_empty() {
            return;
        }
        let Delivery { status, alert } = delivery;
        let at = SystemTime::now();
        let raised = at.checked_sub(now.since(alert.since)).unwrap_or(at);
        let key = (alert.kind, alert.subject.clone());
        let since = match status {
            Status::Resolved => self.since.remove(&key).unwrap_or(raised),
            // The book keeps no more than that.
            _ if self.since.len() > MOST_STANDING => raised,
            Status::Raised => {
                self.since.insert(key, raised);
                raised
            }
            Status::Repeated => *self.since.entry(key).or_insert(raised),
        };
        let notice = Arc::new(Notice { status, alert, since, at });
        if let Some(queue) = &self.webhook {
            queue.push(Arc::clone(&notice));
        }
        if let Some(board) = &self.alertmanager {
            board.put(notice);
        }
    }

    /// Another instance tells from now on: what stands is not told again to Alertmanager, which would take it to stand
    /// for as long as we live.
    pub fn hand_over(&mut self) {
        self.since.clear();
        if let Some(board) = &self.alertmanager {
            board.hand_over();
        }
    }

    /// What was never delivered, to either of them.
    pub fn dropped(&self) -> u64 {
        let webhook = self.webhook.as_ref().map_or(0, |queue| queue.dropped());
        let alertmanager = self.alertmanager.as_ref().map_or(0, |board| board.dropped());
        webhook.saturating_add(alertmanager)
    }

    /// Whether nothing is waiting to be delivered.
    pub fn is_idle(&self) -> bool {
        self.webhook.as_ref().is_none_or(|queue| queue.is_empty())
            && self.alertmanager.as_ref().is_none_or(|board| board.is_told())
    }

    /// Delivers what waits, if that can be done in so short a time, and ends. Whether it could.
    pub async fn finish(self, within: Duration) -> bool {
        let until_idle = async {
            while !self.is_idle() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(within, until_idle).await.is_ok()
    }
}
