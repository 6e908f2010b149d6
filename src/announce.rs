//! `recordings.webhook`: tells whoever waits for files that those of a recording are ready, until it is taken, for a day.
//!
//! Nobody waits for it. What is still to be told stands in the ledger with the recording, so it outlives this program.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::config::RecordingSettings;
use crate::http_client::{Patience, Receiver};
use crate::moment::Moment;
use crate::surface::Recording;

/// For so long it is tried.
const GIVE_UP: Duration = Duration::from_secs(24 * 60 * 60);
/// So many may wait here, and as many on their way; what does not fit is told after the next restart, if that is within a day.
const MOST: usize = 1000;

/// A recording whose files are ready.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Which.
    pub key: String,
    /// Since when that is to be told.
    pub since: Moment,
    /// As it is shown.
    pub recording: Recording,
}

/// What is posted.
#[derive(Debug, Serialize)]
struct Body<'a> {
    event: &'static str,
    component: &'a str,
    recording: &'a Recording,
}

/// Tells the receiver. Dropped, it stops.
#[derive(Debug)]
pub struct Announcer {
    sender: mpsc::Sender<Ready>,
    told: mpsc::Receiver<(String, Moment)>,
    task: JoinHandle<()>,
}

impl Drop for Announcer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts it, if there is a receiver. `component`: `xmpp.domain`, to tell deployments apart.
///
/// # Errors
/// Why there can be no HTTP client for it.
pub fn spawn(settings: &RecordingSettings, component: &str) -> Result<Option<Announcer>, String> {
    if settings.webhook.is_empty() {
        return Ok(None);
    }
    let (second, minutes) = (Duration::from_secs(1), Duration::from_secs(5 * 60));
    let patience = Patience { time: Duration::from_secs(10), retry_min: second, retry_max: minutes };
    let url = settings.webhook.expose().to_owned();
    let receiver = Receiver::new("recordings.webhook", "recordings", url, patience)?;
    let receiver = receiver.with_token(settings.webhook_token.clone());
    let (sender, ready) = mpsc::channel(MOST);
    let (is_told, told) = mpsc::channel(MOST);
    let task = tokio::spawn(work(receiver, component.to_owned(), ready, is_told));
    Ok(Some(Announcer { sender, told, task }))
}

impl Announcer {
    /// Has it told, some time.
    pub fn tell(&self, ready: Ready) {
        if let Err(error) = self.sender.try_send(ready) {
            let key = error.into_inner().key;
            tracing::warn!(
                session_id = key,
                "recordings.webhook: too many recordings are waiting; this one is sent after a restart"
            );
        }
    }

    /// The next that has been told, or not in time; and since when that was to be.
    pub async fn told(&mut self) -> Option<(String, Moment)> {
        self.told.recv().await
    }
}

async fn work(
    mut receiver: Receiver,
    component: String,
    mut ready: mpsc::Receiver<Ready>,
    told: mpsc::Sender<(String, Moment)>,
) {
    let mut waiting: VecDeque<Ready> = VecDeque::new();
    loop {
        if waiting.is_empty() {
            let Some(next) = ready.recv().await else { return };
            waiting.push_back(next);
        }
        while waiting.len() < MOST
            && let Ok(next) = ready.try_recv()
        {
            // What is newer of the same one takes its place.
            waiting.retain(|known| known.key != next.key);
            waiting.push_back(next);
        }
        let Some(next) = waiting.pop_front() else { continue };
        let is_late = Moment::now().since(next.since) > GIVE_UP;
        if is_late {
            tracing::warn!(
                session_id = next.key,
                "recordings.webhook has not accepted this recording for a day: given up"
            );
        }
        let body = Body { event: "recording_ready", component: &component, recording: &next.recording };
        let pause = if is_late { None } else { receiver.post(&body).await.err().map(|(_, pause)| pause) };
        match pause {
            None => {
                if told.send((next.key, next.since)).await.is_err() {
                    return;
                }
            }
            Some(pause) => {
                // It may be this one that is refused: the others first.
                waiting.push_back(next);
                sleep(pause).await;
            }
        }
    }
}
