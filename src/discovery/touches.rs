//! Where events from outside come in: never waits, never grows, and who sends many crowds out nobody else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::address::RoomJid;
use crate::fair::Fair;
use crate::meeting::watchlist::Sender;

/// Events that may wait for the driver.
const MOST_WAITING: usize = 1024;

/// One event of `event_sync_component`, or of whoever says so: something has happened in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// Who says it.
    pub sender: Sender,
    /// The room.
    pub room: RoomJid,
    /// The room is said to be over.
    pub gone: bool,
}

/// Takes events in. When the driver does not keep up, one is dropped, of who sends most: it says no more than "look at
/// this room now". Cheap to clone.
#[derive(Debug, Clone)]
pub struct Touches(Arc<Shared>);

/// Gives them out; the senders take turns.
#[derive(Debug)]
pub struct Touched(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Fair<Sender, Touch>>,
    dropped: AtomicU64,
    news: Notify,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Fair<Sender, Touch>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn touches() -> (Touches, Touched) {
    let shared = Arc::<Shared>::default();
    (Touches(Arc::clone(&shared)), Touched(shared))
}

impl Touches {
    /// Something has happened.
    pub fn push(&self, touch: Touch) {
        let mut waiting = self.0.waiting();
        waiting.push(touch.sender.clone(), touch);
        if waiting.len() > MOST_WAITING && waiting.drop_one().is_some() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
        drop(waiting);
        self.0.news.notify_one();
    }

    /// Events dropped so far.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl Touched {
    /// The next one. Nothing is lost if it is not waited for to the end.
    pub async fn recv(&mut self) -> Touch {
        loop {
            if let Some(touch) = self.try_recv() {
                return touch;
            }
            self.0.news.notified().await;
        }
    }

    /// The next one, if one is there.
    pub fn try_recv(&mut self) -> Option<Touch> {
        self.0.waiting().pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(last: u8, room: &str) -> Touch {
        let sender = Sender::Host([192, 0, 2, last].into());
        Touch { sender, room: RoomJid::new(&format!("{room}@muc.meet.jitsi")).unwrap(), gone: false }
    }

    #[tokio::test]
    async fn a_flood_drops_what_is_its_own() {
        let (touches, mut touched) = touches();
        touches.push(touch(1, "honest"));
        for n in 0..5_000 {
            touches.push(touch(66, &format!("false-{n}")));
        }
        touches.push(touch(1, "late"));
        let rooms: Vec<String> =
            std::iter::from_fn(|| touched.try_recv()).map(|touch| touch.room.local().to_owned()).collect();
        assert_eq!(rooms[..3], ["honest", "false-3978", "late"]);
        assert_eq!((rooms.len(), touches.dropped()), (MOST_WAITING, 5_002 - MOST_WAITING as u64));
        assert_eq!(rooms.last().map(String::as_str), Some("false-4999"));
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let (touches, mut touched) = touches();
        let told = tokio::spawn(async move { (touched.recv().await, touched.recv().await) });
        // Those that came before it was waited for, and those after.
        touches.push(touch(1, "a"));
        tokio::task::yield_now().await;
        touches.push(touch(1, "b"));
        assert_eq!(told.await.unwrap(), (touch(1, "a"), touch(1, "b")));
    }
}
