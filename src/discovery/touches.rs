//! Where events from outside come in: never waits, never grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::DiscoveryEvent;
use crate::address::RoomJid;
use crate::meeting::vouch::Source;

/// Takes in events of `event_sync_component`. When the driver does not keep up, an event is dropped: it
/// says no more than "look at this room now", and the other sources see the room too. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Touches {
    events: mpsc::Sender<DiscoveryEvent>,
    dropped: Arc<AtomicU64>,
}

impl Touches {
    pub(super) fn new(events: mpsc::Sender<DiscoveryEvent>) -> Self {
        Self { events, dropped: Arc::default() }
    }

    /// Something has happened in a room; `gone`: it is said to be over.
    pub fn push(&self, room: RoomJid, gone: bool) {
        let event = DiscoveryEvent::Touched { source: Source::Events, room, gone };
        if self.events.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Events dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
