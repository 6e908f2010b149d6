//! What Jibri's webhooks say: taken at once whatever comes, the newest of each Jibri kept until it is wanted.
//!
//! Anybody who reaches the port may say anything of any Jibri, and a Jibri may be restarted for it. So it is believed
//! only with `jibri.webhook_token`; without, it is a reason to ask the health port.
//!
//! A receiver that is slow or fails harms the Jibri that talks to it (docs/jitsi.md 6), so nothing here
//! waits, and nothing is ever refused: what cannot be read or kept is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use subtle::ConstantTimeEq as _;
use tokio::sync::{Notify, mpsc};

use super::json::{self, Unreadable};
use super::{Probed, Status};
use crate::config::{Jibri, Secret};

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
    token: Secret,
    /// A wrong token was told of.
    is_told: AtomicBool,
    /// By name: who wakes up whoever asks its health port.
    hints: BTreeMap<String, Arc<Notify>>,
    waiting: Mutex<BTreeMap<String, Status>>,
    news: Notify,
    unreadable: AtomicU64,
    dropped: AtomicU64,
}

impl Webhooks {
    /// `hints`: by name, who wakes up whoever asks that Jibri's health port.
    pub(super) fn new(jibri: &Jibri, hints: BTreeMap<String, Arc<Notify>>) -> Self {
        let instances = &jibri.instances;
        // The id counts for more than the name: both may be given, to different Jibris.
        let by_name = instances.iter().map(|instance| (instance.name.clone(), instance.name.clone()));
        let by_id = instances.iter().map(|instance| (instance.id.clone(), instance.name.clone()));
        let shared = Shared {
            names: by_name.chain(by_id).collect(),
            token: jibri.webhook_token.clone(),
            is_told: AtomicBool::new(false),
            hints,
            waiting: Mutex::default(),
            news: Notify::new(),
            unreadable: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The body of a `v1/status`, and the token with which it came.
    pub fn take_status(&self, token: &str, body: &[u8]) {
        match json::pushed_status(body) {
            Ok((id, status)) if self.is_believed(token) => self.put(&id, status),
            Ok((id, _)) => {
                if let Some(hint) = self.shared.hints.get(self.name(&id)) {
                    hint.notify_one();
                }
            }
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

    /// Takes the time that it takes for any token of the same length.
    fn is_believed(&self, token: &str) -> bool {
        let is_right = bool::from(token.as_bytes().ct_eq(self.shared.token.expose().as_bytes()));
        if !is_right && !token.is_empty() && !self.shared.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a Jibri's webhook came with a token that is not jibri.webhook_token: what it says is not believed"
            );
        }
        is_right && !token.is_empty()
    }

    /// The id counts for more than the name.
    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.shared.names.get(id).map_or(id, String::as_str)
    }

    fn put(&self, id: &str, status: Status) {
        let name = self.name(id);
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
