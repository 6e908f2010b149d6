//! One receiver: a POST, why it failed, and saying in the log once that it does, and once that it is over.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::DeliveryLimits;
use crate::doubling::Doubling;
use crate::http_client::{Client, Fault};
use crate::plain::plain_end;
use crate::polling::spread;

/// Bytes read of an answer that is no success.
const MOST_ANSWER: usize = 16 * 1024;
/// Characters of it that are told.
const MOST_TOLD: usize = 300;

/// Why a receiver has not taken something.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotDelivered {
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
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status: 300..=499, .. } if !self.is_busy())
    }

    /// Request timeout, too early, too many requests.
    fn is_busy(&self) -> bool {
        matches!(self, Self::Status { status: 408 | 425 | 429, .. })
    }
}

/// A receiver.
#[derive(Debug)]
pub(super) struct Receiver {
    /// Its key in the configuration. The address itself is never told: it may hold a token.
    name: &'static str,
    client: Client,
    url: String,
    down_since: Option<Instant>,
    pause: Doubling,
}

impl Receiver {
    pub(super) fn new(name: &'static str, url: String, limits: DeliveryLimits) -> Result<Self, String> {
        let client = Client::new(&url, limits.time)?;
        let pause = Doubling::new(limits.retry_min, limits.retry_max);
        Ok(Self { name, client, url, down_since: None, pause })
    }

    /// Sends it. After a failure, `Err` says how long to wait before the next attempt.
    pub(super) async fn post(&mut self, body: &impl Serialize) -> Result<(), (NotDelivered, Duration)> {
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
        let mut answer = self.client.post_json(&self.url, body).await?;
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
            tracing::info!(down_s, "{} takes alerts again", self.name);
            self.pause.reset();
        }
    }

    fn fails(&mut self, trouble: &NotDelivered) {
        if self.down_since.is_none() {
            self.down_since = Some(Instant::now());
            tracing::warn!("{} takes no alerts: {trouble}; trying again", self.name);
        } else {
            tracing::debug!("{} takes no alerts: {trouble}", self.name);
        }
    }
}
