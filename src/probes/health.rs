//! Asks each Jibri's health port again and again (docs/jitsi.md 6). Who does not answer makes nobody else
//! wait.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{ProbeLimits, Probed, Status, json};
use crate::config::{Jibri, JibriInstance};
use crate::http_client::{Answer, Client, Fault};
use crate::polling::jittered;

/// Longest answer, in bytes: far more than one ever has.
const MOST_ANSWER: usize = 64 * 1024;
/// However often something hints at a Jibri, its port is asked no more than so often.
const HINTS_APART: Duration = Duration::from_secs(1);
/// At the beginning they are asked within so long, not all at one moment.
const SPREAD: Duration = Duration::from_secs(1);

/// A refused one is asked again so soon.
const REFUSED_AGAIN: Duration = Duration::from_millis(500);

/// Has one port asked otherwise than every `jibri.health_interval`.
#[derive(Debug, Default)]
pub(super) struct Hint {
    pub(super) sooner: Notify,
    /// Every second.
    closely: AtomicBool,
}

/// By the name of the instance.
pub(super) type Hints = BTreeMap<String, Arc<Hint>>;

/// Has ports asked closely. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AskClosely(Arc<Mutex<Hints>>);

impl AskClosely {
    pub(super) fn of(hints: Hints) -> Self {
        Self(Arc::new(Mutex::new(hints)))
    }

    /// Every second from now on, or not any more.
    pub fn set(&self, name: &str, closely: bool) {
        if let Some(hint) = self.hints().get(name) {
            hint.closely.store(closely, Ordering::Relaxed);
            hint.sooner.notify_one();
        }
    }

    /// Others ask from now on; whoever was asked closely still is.
    pub(super) fn use_hints(&self, new: &Hints) {
        let before = std::mem::replace(&mut *self.hints(), new.clone());
        for (name, _) in before.iter().filter(|(_, hint)| hint.closely.load(Ordering::Relaxed)) {
            self.set(name, true);
        }
    }

    fn hints(&self) -> MutexGuard<'_, Hints> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all that are asked share.
#[derive(Debug)]
struct Poller {
    client: Client,
    interval: Duration,
    /// Those that answered last time, and those that did not: each lane has its own bound.
    well: Semaphore,
    failing: Semaphore,
}

/// Who has each of them asked sooner, and closely, by name.
pub(super) fn spawn(
    jibri: &Jibri,
    limits: ProbeLimits,
    events: &mpsc::Sender<Probed>,
    tasks: &mut JoinSet<()>,
) -> Hints {
    let mut hints = Hints::new();
    let asked = asked(jibri);
    let poller = match Poller::new(jibri, limits, &asked) {
        Ok(poller) => Arc::new(poller),
        Err(why) => {
            tasks.spawn(tell_none(asked, why, events.clone()));
            return hints;
        }
    };
    for (name, url) in asked {
        let hint = Arc::new(Hint::default());
        hints.insert(name.clone(), Arc::clone(&hint));
        tasks.spawn(keep_asking(Arc::clone(&poller), name, url, hint, events.clone()));
    }
    hints
}

/// The names and the URLs of those that have one.
fn asked(jibri: &Jibri) -> Vec<(String, String)> {
    let url = |instance: &JibriInstance| Some((instance.name.clone(), instance.health_url.clone()?));
    jibri.instances.iter().filter_map(url).collect()
}

/// Asks each of them once, by name.
pub(super) async fn ask_once(jibri: &Jibri, limits: ProbeLimits) -> Vec<(String, Result<Status, String>)> {
    let asked = asked(jibri);
    let poller = Poller::new(jibri, limits, &asked);
    let answers = asked.into_iter().map(async |(name, url)| match &poller {
        Ok(poller) => {
            let _permit = poller.well.acquire().await;
            (name, poller.ask(&url).await)
        }
        Err(why) => (name, Err(why.clone())),
    });
    futures::future::join_all(answers).await
}

/// There can be no client: none of them is ever asked, and that is told once.
async fn tell_none(asked: Vec<(String, String)>, why: String, events: mpsc::Sender<Probed>) {
    for (name, _) in asked {
        if events.send(Probed::Health { name, answer: Err(why.clone()) }).await.is_err() {
            return;
        }
    }
}

/// Ends when nobody wants to hear of it any more.
async fn keep_asking(
    poller: Arc<Poller>,
    name: String,
    url: String,
    hint: Arc<Hint>,
    events: mpsc::Sender<Probed>,
) {
    let mut answers = true;
    sleep(SPREAD.min(poller.interval).mul_f64(rand::random())).await;
    loop {
        let lane = if answers { &poller.well } else { &poller.failing };
        let answer = match lane.acquire().await {
            Ok(_permit) => poller.get(&url).await,
            Err(_) => return,
        };
        answers = answer.is_ok();
        let is_refused = answer.as_ref().is_err_and(|(is_refused, _)| *is_refused);
        if is_refused && events.send(Probed::Refused { name: name.clone() }).await.is_err() {
            return;
        }
        let answer = answer.map_err(|(_, why)| why);
        if events.send(Probed::Health { name: name.clone(), answer }).await.is_err() {
            return;
        }
        let pause = jittered(poller.interval);
        let least = if is_refused { REFUSED_AGAIN } else { HINTS_APART }.min(pause);
        sleep(least).await;
        if !hint.closely.load(Ordering::Relaxed) {
            // Too late or on a hint, it is asked.
            let _ = timeout(pause.saturating_sub(least), hint.sooner.notified()).await;
        }
    }
}

impl Poller {
    /// The error is why there is no client.
    fn new(jibri: &Jibri, limits: ProbeLimits, asked: &[(String, String)]) -> Result<Self, String> {
        // One client for all; certificates are needed if any is asked with TLS.
        let tls = asked.iter().map(|(_, url)| url.as_str()).find(|url| url.starts_with("https:"));
        let time = limits.health_time.min(jibri.health_interval);
        Ok(Self {
            client: Client::new(tls.unwrap_or_default(), time)?,
            interval: jibri.health_interval,
            well: Semaphore::new(limits.at_once),
            failing: Semaphore::new(limits.failing_at_once),
        })
    }

    async fn ask(&self, url: &str) -> Result<Status, String> {
        self.get(url).await.map_err(|(_, why)| why)
    }

    /// The error is whether the connection was refused, and why nothing is said, in words.
    async fn get(&self, url: &str) -> Result<Status, (bool, String)> {
        let answer = self.client.get(url).await.map_err(|fault| (fault.is_refused(), in_words(fault)))?;
        read(answer).await.map_err(|why| (false, why))
    }
}

async fn read(answer: Answer) -> Result<Status, String> {
    if answer.status() != StatusCode::OK {
        let hint = "is health_url right, like http://jibri-1:2222/jibri/api/v1.0/health?";
        return Err(format!("{}; {hint}", answer.refusal()));
    }
    let body = answer.body(MOST_ANSWER).await.map_err(|fault| fault.to_string())?;
    json::health(&body).map_err(|unreadable| unreadable.to_string())
}

fn in_words(fault: Fault) -> String {
    match fault {
        Fault::Unreachable(_) => format!(
            "{fault}; does it run, is health_url right, and its API bound to more than 127.0.0.1 \
             (jibri.api.http.external-api-host)?"
        ),
        _ => fault.to_string(),
    }
}
