//! The thread that writes: takes entries from the queue, keeps what cannot be written, and tries again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::entry::Entry;
use super::file::{File, FileFault, move_aside};
use super::reader::{Memory, Reader};
use super::recordings::Kept;
use super::{LedgerLimits, Message, News};
use crate::moment::Moment;

/// Entries that are written in one piece.
const BATCH: usize = 1000;
/// News of what was written is told no sooner after the last.
const TOLD_APART: Duration = Duration::from_millis(100);
/// What is older than `ledger.keep` is looked for so often.
const PRUNE: Duration = Duration::from_secs(3600);

pub(super) struct Writer<T> {
    pub(super) path: Option<PathBuf>,
    pub(super) keep: Duration,
    pub(super) limits: LedgerLimits,
    pub(super) reader: Reader,
    pub(super) queue: Receiver<Message>,
    /// Entries that did not fit into the queue.
    pub(super) lost: Arc<AtomicU64>,
    /// How many messages were taken and are as safe as they can be.
    pub(super) safe: watch::Sender<u64>,
    /// Is called when something new can be read.
    pub(super) told: T,
}

struct State {
    file: Option<File>,
    /// There is to be none, or it is a newer version's and stays as it is.
    is_without: bool,
    /// It has been open before: what is open in it is ours, and numbers go on.
    was_open: bool,
    /// The file is in trouble: when to try again.
    again: Option<Instant>,
    /// It is to be moved aside, for this reason.
    damaged: Option<String>,
    /// It was told that the file is in trouble.
    is_told: bool,
    taken: u64,
    /// Entries that did not fit into memory while the file was in trouble.
    forgotten: u64,
    /// What is new and was not told yet.
    news: News,
    told: Instant,
    pruned: Instant,
}

impl<T: Fn(News)> Writer<T> {
    /// Until nobody can put in anything any more, and all is written that can be.
    pub(super) fn work(self) {
        let now = Instant::now();
        let mut state = State {
            file: None,
            is_without: self.path.is_none(),
            was_open: false,
            again: None,
            damaged: None,
            is_told: false,
            taken: 0,
            forgotten: 0,
            news: News::default(),
            told: now,
            pruned: now,
        };
        loop {
            self.flush(&mut state);
            if state.pruned.elapsed() >= PRUNE {
                state.pruned = Instant::now();
                self.prune(&mut state);
            }
            if state.news != News::default() && state.told.elapsed() >= TOLD_APART {
                state.told = Instant::now();
                (self.told)(std::mem::take(&mut state.news));
            }
            if !self.take(&mut state) {
                // The last chance: now, or never.
                state.again = None;
                self.flush(&mut state);
                return;
            }
        }
    }

    /// Waits for something, and takes all that there is into memory. Returns whether more can come.
    fn take(&self, state: &mut State) -> bool {
        let wait = match (state.news != News::default(), state.again) {
            (true, _) => TOLD_APART,
            (false, Some(again)) => again.saturating_duration_since(Instant::now()),
            (false, None) => PRUNE,
        };
        let first = match self.queue.recv_timeout(wait) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        let mut memory = self.reader.memory();
        for message in std::iter::once(first).chain(self.queue.try_iter().take(BATCH)) {
            state.taken = state.taken.saturating_add(1);
            let forgotten = match message {
                Message::Entry { key, entry } => {
                    state.news.entries = true;
                    keep_entry(&mut memory, key, *entry, self.limits.memory)
                }
                Message::Recording(kept) => {
                    state.news.recordings = true;
                    keep_recording(&mut memory, *kept, self.limits.memory)
                }
            };
            state.forgotten = state.forgotten.saturating_add(u64::from(forgotten));
        }
        true
    }

    /// Writes what is in memory, if it can be written now.
    fn flush(&self, state: &mut State) {
        let damage = self.reader.memory().damage.take();
        if let Some(damage) = damage.filter(|_| state.file.is_some()) {
            self.in_trouble(state, FileFault::Damaged(damage));
            state.again = None;
        }
        if !state.is_without && state.again.is_none_or(|again| again <= Instant::now()) {
            self.open(state);
            self.write(state);
        }
        if state.is_without || state.again.is_none() {
            self.safe.send_replace(state.taken);
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::error!(
                lost,
                "history: too much happened at once; some of it is missing from the history"
            );
        }
    }

    fn write(&self, state: &mut State) {
        let Some(file) = &mut state.file else { return };
        let (entries, recordings): (Vec<(u64, i64, Entry)>, Vec<Kept>) = {
            let memory = self.reader.memory();
            let entries = memory.entries.iter().map(|(key, entry)| (*key, memory.id(*key), entry.clone()));
            (entries.collect(), memory.recordings.values().cloned().collect())
        };
        // A file in trouble is well again when something was written to it, and not before.
        if entries.is_empty() && recordings.is_empty() {
            state.again = None;
            return;
        }
        if let Err(trouble) = file.write(entries.iter().map(|(_, id, entry)| (*id, entry)), &recordings) {
            return self.in_trouble(state, trouble);
        }
        // Only this thread puts in more.
        let mut memory = self.reader.memory();
        memory.entries.clear();
        memory.recordings.clear();
        drop(memory);
        state.again = None;
        if std::mem::take(&mut state.is_told) {
            let lost = std::mem::take(&mut state.forgotten);
            tracing::info!(
                lost,
                "the ledger {} can be written again; what was kept in memory meanwhile is now in it",
                self.path.as_deref().unwrap_or(Path::new("")).display()
            );
        }
    }

    fn open(&self, state: &mut State) {
        let Some(path) = self.path.as_ref().filter(|_| state.file.is_none()) else { return };
        let now = Moment::now();
        let opened = match state.damaged.take() {
            Some(why) => set_aside(path, now, &why).and_then(|()| File::open(path, now, true)),
            None => match File::open(path, now, !state.was_open) {
                Err(FileFault::Damaged(why)) => {
                    set_aside(path, now, &why).and_then(|()| File::open(path, now, true))
                }
                opened => opened,
            },
        };
        match opened {
            Ok(file) => self.opened(state, file, path),
            Err(trouble @ FileFault::Newer(_)) => {
                tracing::error!(
                    "the ledger {} is left alone: {trouble}; the history is kept in memory: run the newer version, \
                     or let ledger.path name another file",
                    path.display()
                );
                (state.is_without, state.again) = (true, None);
            }
            Err(trouble) => self.in_trouble(state, trouble),
        }
    }

    fn opened(&self, state: &mut State, file: File, path: &Path) {
        if (1..super::schema::VERSION).contains(&file.version) {
            tracing::info!(from = file.version, "the ledger {} was brought up to date", path.display());
        }
        if file.closed > 0 {
            tracing::info!(
                entries = file.closed,
                "history: what was under way when the program ended is closed as unknown"
            );
        }
        let mut memory = self.reader.memory();
        if !std::mem::replace(&mut state.was_open, true) {
            memory.base = file.last_id;
        }
        memory.file = Some(path.to_owned());
        drop(memory);
        state.file = Some(file);
        state.news = News { entries: true, recordings: true };
        self.prune(state);
    }

    /// Says it once, and tries again later.
    fn in_trouble(&self, state: &mut State, trouble: FileFault) {
        let Some(path) = &self.path else { return };
        let now = Instant::now();
        state.again = now.checked_add(self.limits.retry);
        // What is damaged is told of when it is moved aside.
        let is_damaged = matches!(trouble, FileFault::Damaged(_));
        if !is_damaged && !std::mem::replace(&mut state.is_told, true) {
            tracing::error!(
                "the ledger {} cannot be written: {trouble}; {}; meetings are still recorded, and the history is \
                 kept in memory until it can be written",
                path.display(),
                trouble.remedy()
            );
        }
        if matches!(trouble, FileFault::Full(_)) {
            return;
        }
        if let FileFault::Damaged(why) = trouble {
            state.damaged = Some(why);
        }
        state.file = None;
        self.reader.memory().file = None;
    }

    /// Forgets what is older than `ledger.keep`.
    fn prune(&self, state: &mut State) {
        let before = Moment::now().before(self.keep);
        let mut memory = self.reader.memory();
        memory.entries.retain(|_, entry| entry.is_open() || entry.time() >= before);
        memory.recordings.retain(|_, kept| kept.is_on() || kept.time >= before);
        drop(memory);
        let Some(file) = &mut state.file else { return };
        match file.prune(before) {
            Ok(0) => {}
            Ok(entries) => tracing::debug!(entries, "history: what is older than ledger.keep was deleted"),
            Err(trouble) => self.in_trouble(state, trouble),
        }
    }
}

/// Returns whether another one had to go.
fn keep_entry(memory: &mut Memory, key: u64, entry: Entry, most: usize) -> bool {
    memory.entries.insert(key, entry);
    if memory.entries.len() <= most {
        return false;
    }
    // What is over first: what is open is put again when it ends.
    let over = memory.entries.iter().find(|(_, entry)| !entry.is_open()).map(|(key, _)| *key);
    if let Some(key) = over.or_else(|| memory.entries.first_key_value().map(|(key, _)| *key)) {
        memory.entries.remove(&key);
    }
    true
}

/// Returns whether another one had to go.
fn keep_recording(memory: &mut Memory, kept: Kept, most: usize) -> bool {
    let key = kept.recording.key.clone();
    let kept = kept.after(memory.recordings.get(&key));
    memory.recordings.insert(key, kept);
    if memory.recordings.len() <= most {
        return false;
    }
    // The oldest; what is on is put again when it ends.
    let by_age = memory.recordings.values().min_by_key(|kept| (kept.is_on(), kept.time));
    if let Some(key) = by_age.map(|kept| kept.recording.key.clone()) {
        memory.recordings.remove(&key);
    }
    true
}

fn set_aside(path: &Path, now: Moment, why: &str) -> Result<(), FileFault> {
    match move_aside(path, now) {
        Ok(moved) => {
            tracing::error!(
                "the ledger {} is damaged ({why}) and was moved to {}; a new one is begun",
                path.display(),
                moved.display()
            );
            Ok(())
        }
        Err(error) => {
            Err(FileFault::Passing(format!("it is damaged ({why}) and cannot be moved aside: {error}")))
        }
    }
}
