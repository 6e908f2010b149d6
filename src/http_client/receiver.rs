//! One receiver: a POST, why it failed, and saying in the log once that it does, and once that it is over.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::{Client, Fault};
use crate::config::Secret;
use crate::doubling::Doubling;
use crate::plain::plain_end;
use crate::polling::spread;

/// Bytes read of an answer that is no success.
const MOST_ANSWER: usize = 16 * 1024;
/// Characters of it that are told.
const MOST_TOLD: usize = 300;

/// Why a receiver has not taken something.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDelivered {
    /// No answer.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It answered with a status that is no success.
    #[error("HTTP status {status}{}{said}", hint(*status))]
    Status { status: u16, said: String },
}

fn hint(status: u16) -> &'static str {
    match status {
        300..=399 => ", a redirect, which is not followed: set the address it leads to",
        401 | 403 => ", so the token in the address is wrong or missing",
        404 | 405 => ", so the address is not that of a receiver",
        _ => "",
    }
}

impl NotDelivered {
    /// It will say the same again, and what was sent is to blame, or the address.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status: 300..=499, .. } if !self.is_busy())
    }

    /// Request timeout, too early, too many requests.
    fn is_busy(&self) -> bool {
        matches!(self, Self::Status { status: 408 | 425 | 429, .. })
    }
}

/// How it is posted to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From a request to the end of its answer.
    pub(crate) time: Duration,
    /// The first pause after a failure; it is doubled each time.
    pub(crate) retry_min: Duration,
    /// The longest pause.
    pub(crate) retry_max: Duration,
}

/// A receiver.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// Its key in the configuration. The address itself is never told: it may hold a token.
    name: &'static str,
    /// What it takes, in the plural.
    what: &'static str,
    client: Client,
    url: String,
    token: Secret,
    down_since: Option<Instant>,
    pause: Doubling,
}

impl Receiver {
    /// The one that this key of the configuration names.
    ///
    /// # Errors
    /// Why there can be no HTTP client for it.
    pub(crate) fn new(
        name: &'static str,
        what: &'static str,
        url: String,
        patience: Patience,
    ) -> Result<Self, String> {
        let client = Client::new(&url, patience.time)?;
        let pause = Doubling::new(patience.retry_min, patience.retry_max);
        Ok(Self { name, what, client, url, token: Secret::default(), down_since: None, pause })
    }

    /// The same, and it is sent this token; an empty one is none.
    #[must_use]
    pub(crate) fn with_token(self, token: Secret) -> Self {
        Self { token, ..self }
    }

    /// Sends it. After a failure, `Err` says how long to wait before the next attempt.
    pub(crate) async fn post(&mut self, body: &impl Serialize) -> Result<(), (NotDelivered, Duration)> {
        match self.try_post(body).await {
            Ok(()) => {
                self.works();
                Ok(())
            }
            Err(trouble) => {
                self.fails(&trouble);
                Err((trouble, spread(self.pause.delay())))
            }
        }
    }

    async fn try_post(&self, body: &impl Serialize) -> Result<(), NotDelivered> {
        let token = Some(self.token.expose()).filter(|token| !token.is_empty());
        let mut answer = self.client.post_json(&self.url, token, body).await?;
        let status = answer.status();
        let mut said = Vec::new();
        // Read to its end the connection can be used again; a longer answer is not worth that.
        while said.len() < MOST_ANSWER {
            match answer.chunk().await {
                Ok(Some(chunk)) => said.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        if status.is_success() {
            return Ok(());
        }
        said.truncate(MOST_ANSWER);
        let said = plain_end(&said, MOST_TOLD);
        let said = if said.is_empty() { said } else { format!(", saying: {said}") };
        Err(NotDelivered::Status { status: status.as_u16(), said })
    }

    fn works(&mut self) {
        if let Some(since) = self.down_since.take() {
            let down_s = since.elapsed().as_secs();
            tracing::info!(down_s, "{} takes {} again", self.name, self.what);
            self.pause.reset();
        }
    }

    fn fails(&mut self, trouble: &NotDelivered) {
        if self.down_since.is_none() {
            self.down_since = Some(Instant::now());
            tracing::warn!("{} takes no {}: {trouble}; trying again", self.name, self.what);
        } else {
            tracing::debug!("{} takes no {}: {trouble}", self.name, self.what);
        }
    }
}
