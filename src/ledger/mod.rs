//! The ledger: what became of every recording, kept in a file (SQLite). Knows entries, and nothing of why
//! anything is done.
//!
//! Nobody ever waits for it. [`Ledger`] puts entries into a bounded queue, a thread of its own writes them,
//! and a [`Reader`] reads with a connection of its own. What cannot be written is kept in memory, as much as
//! fits, and shown from there until it can. An entry is put whole each time something about it changes, so
//! one that got lost on the way costs nothing once the next has arrived.

mod entry;
mod file;
mod place;
mod reader;
mod schema;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::watch;

pub use crate::moment::Moment;
pub use entry::{Alert, Attempt, Entry, Outcome, Record, Recovery};
pub use place::link;
pub use reader::{Query, Reader, Unreadable, recorded, restarts};
pub use schema::V1;
use writer::Writer;

/// What it may cost.
#[derive(Debug, Clone, Copy)]
pub struct LedgerLimits {
    /// Entries that may wait for the thread.
    pub queue: usize,
    /// Entries that are kept in memory where there is no file, or none that can be written.
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
struct Message {
    key: u64,
    entry: Entry,
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
        told: impl Fn() + Send + 'static,
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
        match self.queue.try_send(Message { key: key.0, entry }) {
            Ok(()) => self.put = self.put.saturating_add(1),
            Err(_) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Reads what was written.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// How many entries are in the file by now, or in memory where there is none; what was put counts in the
    /// order of [`Ledger::put`], each time once.
    pub fn safe(&self) -> watch::Receiver<u64> {
        self.safe.clone()
    }

    /// Waits until all that was put is safe; not for longer than that.
    pub async fn finish(mut self, within: Duration) {
        let put = self.put;
        let _ = tokio::time::timeout(within, self.safe.wait_for(|safe| *safe >= put)).await;
    }
}
