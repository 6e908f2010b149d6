//! What Jibri's webhooks say: taken at once whatever comes, the newest of each Jibri kept until it is wanted.
//!
//! Anybody who reaches the port may say anything of any Jibri, and a Jibri may be restarted for it. So it is believed
//! only with `jibri.webhook_token`; without, it is a reason to ask the health port.
//!
//! A receiver that is slow or fails harms the Jibri that talks to it (docs/jitsi.md 6), so nothing here
//! waits, and nothing is ever refused: what cannot be read or kept is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq as _;
use tokio::sync::{Notify, mpsc};

use super::health::Hints;
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
    known: Mutex<Known>,
    token: Secret,
    /// A wrong token was told of.
    is_told: AtomicBool,
    waiting: Mutex<BTreeMap<String, Status>>,
    news: Notify,
    unreadable: AtomicU64,
    dropped: AtomicU64,
}

/// The `[[jibri.instance]]`.
#[derive(Debug)]
struct Known {
    /// Names by id.
    names: BTreeMap<String, String>,
    /// By name: who wakes up whoever asks its health port.
    hints: Hints,
}

impl Known {
    fn new(jibri: &Jibri, hints: Hints) -> Self {
        let instances = &jibri.instances;
        // The id counts for more than the name: both may be given, to different Jibris.
        let by_name = instances.iter().map(|instance| (instance.name.clone(), instance.name.clone()));
        let by_id = instances.iter().map(|instance| (instance.id.clone(), instance.name.clone()));
        Self { names: by_name.chain(by_id).collect(), hints }
    }
}

impl Webhooks {
    /// `hints`: by name, who wakes up whoever asks that Jibri's health port.
    pub(super) fn new(jibri: &Jibri, hints: Hints) -> Self {
        let shared = Shared {
            known: Mutex::new(Known::new(jibri, hints)),
            token: jibri.webhook_token.clone(),
            is_told: AtomicBool::new(false),
            waiting: Mutex::default(),
            news: Notify::new(),
            unreadable: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Webhooks come from these from now on.
    pub(super) fn use_instances(&self, jibri: &Jibri, hints: Hints) {
        *self.known() = Known::new(jibri, hints);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body of a `v1/status`, and the token with which it came.
    pub fn take_status(&self, token: &str, body: &[u8]) {
        match json::pushed_status(body) {
            Ok((id, status)) if self.is_believed(token) => self.put(&id, status),
            Ok((id, _)) => {
                let name = self.name(&id);
                if let Some(hint) = self.known().hints.get(&name) {
                    hint.sooner.notify_one();
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
                "a Jibri's webhook came with a token other than jibri.webhook_token: what it says is ignored"
            );
        }
        is_right && !token.is_empty()
    }

    /// The id counts for more than the name.
    fn name(&self, id: &str) -> String {
        self.known().names.get(id).map_or(id, String::as_str).to_owned()
    }

    fn put(&self, id: &str, status: Status) {
        let name = self.name(id);
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = waiting.len() < MOST_WAITING || waiting.contains_key(&name);
        let dropped = !has_room || waiting.insert(name, status).is_some();
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
