//! `GET /api/v1/events`: server-sent events. First everything as it is, then each change.
//!
//! One task takes the changes from the board and hands them to all readers, so that the driver wakes one
//! and not hundreds. A reader that is too slow for its queue is dropped; it may come back and begin anew.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt as _, stream};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

use super::Error;
use crate::surface::{Board, Change, PAGE};

/// Readers at once.
const READERS: usize = 256;
/// Events that may wait for a reader.
const QUEUE: usize = 1024;
/// A line is sent at least so often, so that either end notices that the other is gone.
const QUIET: Duration = Duration::from_secs(15);

/// One event, ready to be sent.
#[derive(Debug, Clone)]
struct Frame {
    event: &'static str,
    data: Arc<str>,
}

impl Frame {
    fn new(event: &'static str, data: &impl Serialize) -> Self {
        // It fails for maps with odd keys only, and there are none.
        Self { event, data: serde_json::to_string(data).unwrap_or_default().into() }
    }

    fn of(change: &Change, board: &Board) -> Self {
        match change {
            Change::Status => Self::new("status", &board.status()),
            Change::Rooms(rooms) => Self::new("rooms", rooms),
            Change::Gone(room) => Self::new("gone", &serde_json::json!({ "room": room })),
            Change::Jibris => Self::new("jibris", &board.jibris()),
            Change::Alerts => Self::new("alerts", &board.alerts()),
            Change::History => Self::new("history", &serde_json::json!({})),
            Change::Recordings => Self::new("recordings", &serde_json::json!({})),
        }
    }

    fn event(&self) -> Event {
        Event::default().event(self.event).data(&self.data)
    }
}

/// Hands the board's changes to readers, while there are any.
#[derive(Debug)]
pub(super) struct Feed {
    board: Arc<Board>,
    frames: Mutex<Option<broadcast::WeakSender<Frame>>>,
    readers: Arc<Semaphore>,
}

impl Feed {
    pub(super) fn new(board: Arc<Board>) -> Self {
        Self { board, frames: Mutex::new(None), readers: Arc::new(Semaphore::new(READERS)) }
    }

    fn subscribe(&self) -> broadcast::Receiver<Frame> {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = frames.as_ref().and_then(broadcast::WeakSender::upgrade) {
            return sender.subscribe();
        }
        let (sender, receiver) = broadcast::channel(QUEUE);
        *frames = Some(sender.downgrade());
        tokio::spawn(pass_on(Arc::clone(&self.board), self.board.changes(), sender));
        receiver
    }
}

/// Ends, and with it all streams, if it has missed something; ends if nobody reads.
async fn pass_on(
    board: Arc<Board>,
    mut changes: broadcast::Receiver<Change>,
    frames: broadcast::Sender<Frame>,
) {
    while let Ok(change) = changes.recv().await {
        if frames.send(Frame::of(&change, &board)).is_err() {
            return;
        }
    }
}

pub(super) async fn events(State(feed): State<Arc<Feed>>) -> Result<Response, Error> {
    let permit = Arc::clone(&feed.readers).try_acquire_owned().map_err(|_| Error::too_many_readers())?;
    // Before the board is read, or what happens between the two would be missed.
    let frames = feed.subscribe();
    let all = everything(Arc::clone(&feed.board)).chain(live(frames, permit));
    Ok(Sse::new(all.map(Ok::<_, Infallible>)).into_response())
}

/// What the board shows, rooms page by page as the reader takes them.
fn everything(board: Arc<Board>) -> impl Stream<Item = Event> {
    let lists =
        [Change::Status, Change::Jibris, Change::Alerts].map(|change| Frame::of(&change, &board).event());
    let rooms = stream::unfold(Some(None::<Arc<str>>), move |last| {
        let page = last.map(|last| board.rooms_after(last.as_deref()));
        async move {
            let page = page?;
            let next = page.last().filter(|_| page.len() == PAGE).map(|room| Some(Arc::clone(&room.room)));
            Some((Frame::new("rooms", &page).event(), next))
        }
    });
    let complete = stream::once(async { Frame::new("complete", &serde_json::json!({})).event() });
    stream::iter(lists).chain(rooms).chain(complete)
}

fn live(frames: broadcast::Receiver<Frame>, permit: OwnedSemaphorePermit) -> impl Stream<Item = Event> {
    stream::unfold((frames, permit), |(mut frames, permit)| async {
        let event = match tokio::time::timeout(QUIET, frames.recv()).await {
            Ok(Ok(frame)) => frame.event(),
            // Too slow, or there is nothing more to come.
            Ok(Err(_)) => return None,
            Err(_) => Event::default().comment("nothing new"),
        };
        Some((event, (frames, permit)))
    })
}
