//! The ledger: what became of every recording, kept in a file (SQLite). Knows entries, recordings with their files, and
//! nothing of why anything is done.
//!
//! Nobody ever waits for it. [`Ledger`] puts entries into a bounded queue, a thread of its own writes them,
//! and a [`Reader`] reads with a connection of its own. What cannot be written is kept in memory, as much as
//! fits, and shown from there until it can. An entry is put whole each time something about it changes, so
//! one that got lost on the way costs nothing once the next has arrived.

mod entry;
mod file;
mod place;
mod reader;
mod recordings;
mod schema;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::watch;

pub use crate::moment::Moment;
use crate::recordings::{Recording, RecordingState};
pub use entry::{Alert, Attempt, Entry, Order, Outcome, Record, Recovery, Wait};
pub use place::link;
pub use reader::{Query, Reader, Unreadable, recorded, recordings, restarts};
use recordings::Kept;
pub use recordings::RecordingsQuery;
pub use schema::{V1, V2, V3};
use writer::Writer;

/// What it may cost.
#[derive(Debug, Clone, Copy)]
pub struct LedgerLimits {
    /// Entries that may wait for the thread.
    pub queue: usize,
    /// Entries, and as many recordings, that are kept in memory where there is no file, or none that can be written.
    pub memory: usize,
    /// A file that cannot be used is tried again so often.
    pub retry: Duration,
}

impl Default for LedgerLimits {
    fn default() -> Self {
        Self { queue: 4096, memory: 10_000, retry: Duration::from_secs(2) }
    }
}

#[derive(Debug)]
enum Message {
    Entry { key: u64, entry: Box<Entry> },
    Recording(Box<Kept>),
}

/// What can be read that is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct News {
    /// Entries.
    pub entries: bool,
    /// Recordings.
    pub recordings: bool,
}

/// Names an entry that may still change; good for as long as the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u64);

/// Takes entries. Dropped, it writes what it has.
#[derive(Debug)]
pub struct Ledger {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
    reader: Reader,
    safe: watch::Receiver<u64>,
    last_key: u64,
    put: u64,
}

impl Ledger {
    /// Starts the thread. `path`: none keeps it in memory. `told` is called on that thread, ten times a second
    /// at most, when something new can be read.
    pub fn spawn(
        path: Option<PathBuf>,
        keep: Duration,
        limits: LedgerLimits,
        told: impl Fn(News) + Send + 'static,
    ) -> Self {
        let (queue, receiver) = sync_channel(limits.queue);
        let (safe, is_safe) = watch::channel(0);
        let (lost, reader) = (Arc::<AtomicU64>::default(), Reader::default());
        let writer = Writer {
            path,
            keep,
            limits,
            reader: reader.clone(),
            queue: receiver,
            lost: Arc::clone(&lost),
            safe,
            told,
        };
        let thread = std::thread::Builder::new().name("ledger".to_owned());
        if let Err(error) = thread.spawn(move || writer.work()) {
            tracing::error!("there will be no history: {error}");
        }
        Self { queue, lost, reader, safe: is_safe, last_key: 0, put: 0 }
    }

    /// A name for a new entry.
    pub fn new_key(&mut self) -> Key {
        self.last_key = self.last_key.saturating_add(1);
        Key(self.last_key)
    }

    /// Writes an entry, or what it has become. Never waits: if the queue is full it is dropped, counted, and
    /// that is told.
    pub fn put(&mut self, key: Key, entry: Entry) {
        self.send(Message::Entry { key: key.0, entry: Box::new(entry) });
    }

    /// Writes a recording, or what it has become; its key names it, in the file of an earlier run as well. Returns the count
    /// that [`Ledger::safe`] reaches when it is safe. Never waits: if the queue is full it is dropped, counted, and that is
    /// told; then the count is one that is never reached, so that whoever waits for it does not take it for safe.
    pub fn put_recording(&mut self, recording: Recording, state: RecordingState) -> u64 {
        let kept = Kept::new(recording, state, Moment::now());
        if self.send(Message::Recording(Box::new(kept))) { self.put } else { u64::MAX }
    }

    /// The count that [`Ledger::safe`] reaches when all that was put so far is safe.
    pub fn put_so_far(&self) -> u64 {
        self.put
    }

    /// Whether it was taken.
    fn send(&mut self, message: Message) -> bool {
        let is_taken = self.queue.try_send(message).is_ok();
        if is_taken {
            self.put = self.put.saturating_add(1);
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        is_taken
    }

    /// Reads what was written.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// How much is in the file by now, or in memory where there is none: what was put counts in the order in which it
    /// was, each time once.
    pub fn safe(&self) -> watch::Receiver<u64> {
        self.safe.clone()
    }

    /// Waits until all that was put is safe; not for longer than that.
    pub async fn finish(mut self, within: Duration) {
        let put = self.put;
        let _ = tokio::time::timeout(within, self.safe.wait_for(|safe| *safe >= put)).await;
    }
}
