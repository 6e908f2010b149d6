//! What Jibri's webhooks say: taken at once whatever comes, the newest of each Jibri kept until it is wanted.
//!
//! A receiver that is slow or fails harms the Jibri that talks to it (docs/jitsi.md 6), so nothing here
//! waits, and nothing is ever refused: what cannot be read or kept is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::json::{self, Unreadable};
use super::{Probed, Status};
use crate::config::JibriInstance;

/// Jibris of which something may wait. Anybody who reaches the port can make up ids.
const MOST_WAITING: usize = 2000;

/// Takes in what the webhooks say. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhooks {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Names by id.
    names: BTreeMap<String, String>,
    waiting: Mutex<BTreeMap<String, Status>>,
    news: Notify,
    unreadable: AtomicU64,
    dropped: AtomicU64,
}

impl Webhooks {
    pub(super) fn new(instances: &[JibriInstance]) -> Self {
        // The id counts for more than the name: both may be given, to different Jibris.
        let by_name = instances.iter().map(|instance| (instance.name.clone(), instance.name.clone()));
        let by_id = instances.iter().map(|instance| (instance.id.clone(), instance.name.clone()));
        let shared = Shared {
            names: by_name.chain(by_id).collect(),
            waiting: Mutex::default(),
            news: Notify::new(),
            unreadable: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The body of a `v1/status`.
    pub fn take_status(&self, body: &[u8]) {
        match json::pushed_status(body) {
            Ok((id, status)) => self.put(&id, status),
            Err(unreadable) => self.count_unreadable(&unreadable),
        }
    }

    /// Something came whose body could not be had at all.
    pub fn take_nothing(&self) {
        self.count_unreadable(&Unreadable::NotJibris);
    }

    /// Bodies that said nothing that could be read.
    pub fn unreadable(&self) -> u64 {
        self.shared.unreadable.load(Ordering::Relaxed)
    }

    /// What was never told because something newer came, or too much.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    fn count_unreadable(&self, why: &Unreadable) {
        tracing::debug!("a Jibri's webhook: {why}");
        self.shared.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    fn put(&self, id: &str, status: Status) {
        let name = self.shared.names.get(id).map_or(id, String::as_str);
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = waiting.len() < MOST_WAITING || waiting.contains_key(name);
        let dropped = !has_room || waiting.insert(name.to_owned(), status).is_some();
        drop(waiting);
        self.shared.dropped.fetch_add(u64::from(dropped), Ordering::Relaxed);
        self.shared.news.notify_one();
    }

    /// Hands on what came, until nobody wants it any more.
    pub(super) async fn forward(self, events: mpsc::Sender<Probed>) {
        loop {
            self.shared.news.notified().await;
            let waiting =
                std::mem::take(&mut *self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            for (name, status) in waiting {
                if events.send(Probed::Status { name, status }).await.is_err() {
                    return;
                }
            }
        }
    }
}
