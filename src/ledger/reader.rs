//! Reading the ledger: what is in the file, and what is not there yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::entry::{Entry, Record};
use super::recordings::{self, Kept, RecordingsQuery};
use super::{place, schema};
use crate::moment::Moment;
use crate::recordings::{Recording, RecordingState};

/// How long to wait for a writer; there is hardly ever anything to wait for.
const BUSY: Duration = Duration::from_secs(2);

/// What is kept in memory: what is not written yet, or all there is if there is no file.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// By the order in which they began.
    pub(super) entries: BTreeMap<u64, Entry>,
    /// By key.
    pub(super) recordings: BTreeMap<String, Kept>,
    /// What their keys are counted from.
    pub(super) base: i64,
    /// The file, while it can be used.
    pub(super) file: Option<PathBuf>,
    /// Somebody who read it has found it damaged.
    pub(super) damage: Option<String>,
}

impl Memory {
    /// The number of the entry with this key.
    pub(super) fn id(&self, key: u64) -> i64 {
        self.base.saturating_add(i64::try_from(key).unwrap_or(i64::MAX))
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Of this room only: its attempts, and the alerts about it.
    pub room: Option<String>,
    /// What began, ended or lasted after that.
    pub since: Option<Moment>,
    /// At most so many, the newest.
    pub limit: usize,
}

/// Reads; cheap to clone. Every reading has a connection of its own and waits for nobody.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    memory: Arc<Mutex<Memory>>,
}

/// The file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the ledger cannot be read: {0}")]
pub struct Unreadable(#[from] rusqlite::Error);

/// The restarts that were begun since then, by a file that nobody need have opened yet: of whom, why, and when. Reads a file, as [`Reader::read`].
///
/// # Errors
/// [`Unreadable`], if there is a file and it is.
pub fn restarts(path: &Path, since: Moment) -> Result<Vec<(String, String, Moment)>, Unreadable> {
    // What a link leads to is not ours, and the thread that writes says so.
    if !path.exists() || place::link(path).is_some() {
        return Ok(Vec::new());
    }
    Ok(schema::restarts(&open(path)?, since)?)
}

/// The rooms in which a recording was on when the program ended, if it began since then. To be asked before the file is
/// opened for writing, which ends what is open. Reads a file, as [`Reader::read`].
///
/// # Errors
/// [`Unreadable`], if there is a file and it is.
pub fn recorded(path: &Path, since: Moment) -> Result<Vec<String>, Unreadable> {
    if !path.exists() || place::link(path).is_some() {
        return Ok(Vec::new());
    }
    Ok(schema::recorded(&open(path)?, since)?)
}

/// The recordings in the file, the newest first and at most so many. To be asked before anything is put, as
/// [`recorded`]. Reads a file, as [`Reader::read`].
///
/// # Errors
/// [`Unreadable`], if there is a file and it is.
pub fn recordings(path: &Path, most: usize) -> Result<Vec<Recording>, Unreadable> {
    if !path.exists() || place::link(path).is_some() {
        return Ok(Vec::new());
    }
    let query = RecordingsQuery { room: None, since: None, state: None, limit: most };
    let kept = recordings::read(&open(path)?, &query)?;
    Ok(kept.into_iter().map(|kept| kept.recording).collect())
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let file = place::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    file.busy_timeout(BUSY)?;
    Ok(file)
}

impl Reader {
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing panics while it holds the lock.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest entries first. Reads a file, so it may take a while: not for the driver's thread.
    ///
    /// # Errors
    /// [`Unreadable`], if there is a file and it is.
    pub fn read(&self, query: &Query) -> Result<Vec<Record>, Unreadable> {
        let since = query.since.unwrap_or(Moment(i64::MIN));
        // First memory: what moves from there to the file meanwhile is seen twice, and not missed.
        let (mut records, file) = {
            let memory = self.memory();
            let is_asked_for = |entry: &Entry| {
                query.room.as_ref().is_none_or(|room| entry.is_about(room))
                    && (entry.is_open() || entry.time().max(entry.end().unwrap_or_default()) >= since)
            };
            let asked = memory.entries.iter().filter(|(_, entry)| is_asked_for(entry));
            let records = asked.map(|(key, entry)| (memory.id(*key), entry.clone()));
            (records.collect::<BTreeMap<i64, Entry>>(), memory.file.clone())
        };
        if let Some(path) = file {
            let written =
                self.read_file(&path, |file| schema::read(file, query.room.as_deref(), since, query.limit));
            for Record { id, entry } in written? {
                records.entry(id).or_insert(entry);
            }
        }
        let mut records: Vec<_> = records.into_iter().map(|(id, entry)| Record { id, entry }).collect();
        records.sort_by_key(|record| std::cmp::Reverse((record.entry.time(), record.id)));
        records.truncate(query.limit);
        Ok(records)
    }

    /// The newest recordings first, each with the state that it was in when it was put. Reads a file, as [`Reader::read`].
    ///
    /// # Errors
    /// [`Unreadable`], if there is a file and it is.
    pub fn recordings(
        &self,
        query: &RecordingsQuery,
    ) -> Result<Vec<(Recording, RecordingState)>, Unreadable> {
        // All that is in memory: what is in the file under the same key is older, whether it is asked for or not.
        let (mut newest, file) = {
            let memory = self.memory();
            (memory.recordings.clone(), memory.file.clone())
        };
        if let Some(path) = file {
            let limit = query.limit.saturating_add(newest.len());
            let wider = RecordingsQuery { limit, ..query.clone() };
            for kept in self.read_file(&path, |file| recordings::read(file, &wider))? {
                let newer = newest.remove(&kept.recording.key).map(|newer| newer.after(Some(&kept)));
                newest.insert(kept.recording.key.clone(), newer.unwrap_or(kept));
            }
        }
        let mut asked: Vec<Kept> = newest.into_values().filter(|kept| kept.is_asked_for(query)).collect();
        asked.sort_by(|a, b| (b.time, &b.recording.key).cmp(&(a.time, &a.recording.key)));
        asked.truncate(query.limit);
        Ok(asked.into_iter().map(|kept| (kept.recording, kept.state)).collect())
    }

    /// Reads from the file, and notes whether that shows it damaged.
    fn read_file<T>(
        &self,
        path: &Path,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        open(path).and_then(|file| read(&file)).inspect_err(|error| {
            if let Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) = error.sqlite_error_code() {
                self.memory().damage = Some(error.to_string());
            }
        })
    }
}
