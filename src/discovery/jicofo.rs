//! Asks Jicofo's REST interface which conferences there are, again and again.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::room_list::{self, RoomList};
use super::unlisted::Unlisted;
use super::{DiscoveryEvent, DiscoveryLimits};
use crate::address::RoomJid;
use crate::address::tenant::Services;
use crate::config::JicofoRest;
use crate::http_client::Client;
use crate::meeting::watchlist::Source;
use crate::polling::{Outage, jittered};

/// One Jicofo.
#[derive(Debug)]
pub(super) struct Jicofo {
    client: Client,
    url: String,
    interval: Duration,
    services: Services,
    limits: DiscoveryLimits,
}

impl Jicofo {
    /// None if it is not to be asked.
    pub(super) fn new(
        rest: &JicofoRest,
        services: Services,
        limits: DiscoveryLimits,
    ) -> Option<Result<Self, String>> {
        let base = rest.url.as_ref()?;
        let url = format!("{}/debug/conferences", base.trim_end_matches('/'));
        let client = Client::new(&url, limits.time);
        Some(client.map(|client| Self { client, url, interval: rest.interval, services, limits }))
    }

    /// Asks, one request at a time, until nobody wants to hear of it any more.
    pub(super) async fn watch(self, events: mpsc::Sender<DiscoveryEvent>) {
        tokio::select! {
            () = events.closed() => {}
            _ = self.keep_asking(&events) => {}
        }
    }

    async fn keep_asking(&self, events: &mpsc::Sender<DiscoveryEvent>) -> Told {
        let mut outage = Outage::default();
        loop {
            match self.ask().await {
                Ok(list) => tell_list(list, outage.worked(), events).await?,
                Err(trouble) => tell_trouble(&trouble, outage.failed(Instant::now()), events).await?,
            }
            sleep(jittered(self.interval)).await;
        }
    }

    /// Asks once; the error in words.
    pub(super) async fn ask_once(&self) -> Result<Vec<RoomJid>, String> {
        self.ask().await.map(|list| list.rooms).map_err(|trouble| trouble.to_string())
    }

    async fn ask(&self) -> Result<RoomList, Unlisted> {
        let answer = self.client.get(&self.url).await?;
        if !answer.status().is_success() {
            return Err(answer.refusal().into());
        }
        let body = answer.body(self.limits.bytes).await?;
        room_list::read(&body, &self.services)
    }
}

type Told = Result<(), mpsc::error::SendError<DiscoveryEvent>>;

async fn tell_list(list: RoomList, is_back: bool, events: &mpsc::Sender<DiscoveryEvent>) -> Told {
    if is_back {
        events.send(DiscoveryEvent::SourceUp { source: Source::Jicofo }).await?;
    }
    let RoomList { rooms, skipped } = list;
    events.send(DiscoveryEvent::Listed { source: Source::Jicofo, rooms, skipped }).await
}

async fn tell_trouble(
    trouble: &Unlisted,
    down_since: Option<Instant>,
    events: &mpsc::Sender<DiscoveryEvent>,
) -> Told {
    tracing::debug!("Jicofo's list: {trouble}");
    let Some(since) = down_since else { return Ok(()) };
    events.send(DiscoveryEvent::SourceDown { source: Source::Jicofo, since, why: trouble.to_string() }).await
}
