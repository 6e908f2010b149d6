//! How rooms are found: each source on its own, all feeding one list.
//!
//! [`spawn`] starts the sources that are asked over HTTP and takes in what is told over HTTP; what it tells,
//! and what the link hears from service discovery and invitations, goes into [`Watchlist`](crate::meeting::watchlist::Watchlist),
//! which say what to watch. No source is needed: the loss of one is covered by the others.

mod jicofo;
mod room_list;
mod touches;
mod unlisted;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::address::RoomJid;
use crate::address::tenant::Services;
use crate::config::Settings;
use crate::meeting::watchlist::Source;
use jicofo::Jicofo;
pub use touches::{Touch, Touched, Touches};

/// Events of the sources that are asked, which may wait for the driver; more of them wait too.
const EVENTS: usize = 16;

/// Something that a source tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiscoveryEvent {
    /// The full list of a source.
    Listed {
        /// Which source.
        source: Source,
        /// All rooms that it knows, also those that are not watched.
        rooms: Vec<RoomJid>,
        /// Entries that named no room.
        skipped: usize,
    },
    /// A source has not worked for a while. Told once an outage.
    SourceDown {
        /// Which source.
        source: Source,
        /// Since when.
        since: Instant,
        /// Why, and what to change.
        why: String,
    },
    /// A source that was down works again.
    SourceUp {
        /// Which source.
        source: Source,
    },
}

/// What an answer may cost.
#[derive(Debug, Clone, Copy)]
pub struct DiscoveryLimits {
    /// From the request to the end of the answer.
    pub time: Duration,
    /// The length of the answer.
    pub bytes: usize,
}

impl Default for DiscoveryLimits {
    /// For Jicofo's list, which it has at hand: far more than it ever needs.
    fn default() -> Self {
        Self { time: Duration::from_secs(5), bytes: 4 * 1024 * 1024 }
    }
}

/// The sources as their owner holds them. Dropped, they end.
#[derive(Debug)]
pub struct Discovery {
    /// What those tell that are asked.
    pub events: mpsc::Receiver<DiscoveryEvent>,
    /// What is told by itself.
    pub touched: Touched,
    /// Where the HTTP server puts what is told to it.
    pub touches: Touches,
}

/// The rooms that Jicofo lists now; none if it is not to be asked. The error is why it does not, in words.
pub(crate) async fn listed_now(settings: &Settings) -> Option<Result<Vec<RoomJid>, String>> {
    let services = Services::new(&settings.muc.domains);
    Some(match Jicofo::new(&settings.discovery.jicofo, services, DiscoveryLimits::default())? {
        Ok(jicofo) => jicofo.ask_once().await,
        Err(why) => Err(why),
    })
}

/// Starts the sources.
pub fn spawn(settings: &Settings) -> Discovery {
    spawn_with(settings, DiscoveryLimits::default())
}

/// As [`spawn`], with other limits.
pub fn spawn_with(settings: &Settings, limits: DiscoveryLimits) -> Discovery {
    let (sender, events) = mpsc::channel(EVENTS);
    match Jicofo::new(&settings.discovery.jicofo, Services::new(&settings.muc.domains), limits) {
        Some(Ok(jicofo)) => drop(tokio::spawn(jicofo.watch(sender))),
        Some(Err(why)) => {
            let down = DiscoveryEvent::SourceDown { source: Source::Jicofo, since: Instant::now(), why };
            // The channel is empty still.
            let _ = sender.try_send(down);
        }
        None => {}
    }
    let (touches, touched) = touches::touches();
    Discovery { events, touched, touches }
}
