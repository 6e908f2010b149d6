//! Asking the other instance's `/healthz`, again and again.

use std::time::Duration;

use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::http_client::Client;
use crate::polling::jittered;

/// Between two questions, if that is not too long for the takeover.
const INTERVAL: Duration = Duration::from_millis(400);
/// Longest answer, in bytes.
const MOST: usize = 4096;

/// What the other one says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// It has the link.
    Linked,
    /// It has none.
    NotLinked,
    /// Nothing that can be understood.
    Nothing,
}

/// The other instance. Dropped, it is asked no more.
#[derive(Debug)]
pub(super) struct Peer {
    asker: Option<Asker>,
    words: watch::Receiver<Option<(Word, Instant)>>,
}

#[derive(Debug, Clone)]
struct Asker {
    client: Client,
    url: String,
}

#[derive(Deserialize)]
struct Health {
    linked: bool,
}

impl Peer {
    /// Begins to ask at this address.
    pub(super) fn spawn(url: &str, takeover_after: Duration) -> Self {
        let url = format!("{}/healthz", url.trim_end_matches('/'));
        let interval = takeover_after.checked_div(4).unwrap_or(takeover_after).min(INTERVAL);
        let (told, words) = watch::channel(None);
        let asker = match Client::of_service(&url, takeover_after) {
            Ok(client) => Asker { client, url },
            Err(why) => {
                tracing::error!("standby.peer cannot be asked: {why}");
                return Self { asker: None, words };
            }
        };
        let asks = asker.clone();
        tokio::spawn(async move {
            while !told.is_closed() {
                let word = asks.ask().await;
                if word != Word::Nothing {
                    told.send_replace(Some((word, Instant::now())));
                }
                tokio::time::sleep(jittered(interval)).await;
            }
        });
        Self { asker: Some(asker), words }
    }

    /// What it has said last, and when.
    pub(super) fn word(&mut self) -> Option<(Word, Instant)> {
        *self.words.borrow_and_update()
    }

    /// Waits until it says something.
    pub(super) async fn news(&mut self) {
        if self.words.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Asks it now.
    pub(super) async fn ask(&self) -> Word {
        match &self.asker {
            Some(asker) => asker.ask().await,
            None => Word::Nothing,
        }
    }
}

impl Asker {
    async fn ask(&self) -> Word {
        let Ok(answer) = self.client.get(&self.url).await else { return Word::Nothing };
        if !answer.status().is_success() {
            return Word::Nothing;
        }
        match answer.body(MOST).await {
            Ok(body) => match serde_json::from_slice(&body) {
                Ok(Health { linked: false }) => Word::NotLinked,
                // Whoever does not say may have it.
                _ => Word::Linked,
            },
            Err(_) => Word::Nothing,
        }
    }
}
