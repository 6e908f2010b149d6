//! The file: opened, checked, moved aside if it is damaged, and written in one piece.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc::O_NOFOLLOW;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::entry::Entry;
use super::recordings::{self, Kept};
use super::{place, schema};
use crate::moment::Moment;

/// How long to wait for somebody else who has the file: an administrator's shell, a backup.
const BUSY: Duration = Duration::from_secs(2);
/// Pages of the log after which it is put back into the file, 4 KiB each: kept small for small disks.
const CHECKPOINT: i64 = 200;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileFault {
    /// It can be again, once somebody has made room, or let us in.
    #[error("{0}")]
    Passing(String),
    /// As [`FileFault::Passing`], and the open file can be used again then.
    #[error("{0}")]
    Full(String),
    /// A link is in its place, and is not followed; where it leads to.
    #[error("it is a symbolic link to {}, and links are not followed", .0.display())]
    Link(PathBuf),
    /// Written by a newer version of this program.
    #[error("it was written by a newer version of this program (schema {0}, this one knows {known})", known = schema::VERSION)]
    Newer(i64),
    /// What is in it makes no sense.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl FileFault {
    /// What to do about it, where it does not mend itself.
    pub(super) fn remedy(&self) -> String {
        match self {
            Self::Link(to) => format!("set ledger.path to {} itself, or move that file here", to.display()),
            _ => "make room on its disk, and see that its directory is there and writable for this program"
                .to_owned(),
        }
    }
}

impl From<rusqlite::Error> for FileFault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            Some(ErrorCode::DiskFull) => Self::Full(error.to_string()),
            _ => Self::Passing(error.to_string()),
        }
    }
}

/// The open file.
#[derive(Debug)]
pub(super) struct File {
    connection: Connection,
    /// No entry had a greater number when it was opened.
    pub(super) last_id: i64,
    /// Entries that were open when the program ended last.
    pub(super) closed: usize,
    /// The version that it had.
    pub(super) version: i64,
}

impl File {
    /// Opens it, or makes a new one. `is_new`: not seen by us before, so it is checked, and what is open in it
    /// was open when the program ended.
    pub(super) fn open(path: &Path, now: Moment, is_new: bool) -> Result<Self, FileFault> {
        // Made by us, so that nobody else can read it; SQLite gives its side files the same mode.
        let made =
            OpenOptions::new().create(true).append(true).mode(0o600).custom_flags(O_NOFOLLOW).open(path);
        made.map_err(|error| match place::link(path) {
            Some(to) => FileFault::Link(to),
            None => FileFault::Passing(error.to_string()),
        })?;
        let mut connection = place::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(BUSY)?;
        let version = schema::version(&connection)?;
        if version > schema::VERSION {
            return Err(FileFault::Newer(version));
        }
        if is_new {
            let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if check != "ok" {
                return Err(FileFault::Damaged(check.lines().collect::<Vec<_>>().join(", ")));
            }
        }
        // A committed entry survives the end of the process at once, and that of the machine at the next
        // checkpoint; in neither case is the file damaged.
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT, |_| Ok(()))?;
        let known = schema::migrate(&mut connection).and_then(|_| {
            let closed = if is_new { schema::close_open(&mut connection, now)? } else { 0 };
            Ok((schema::last_id(&connection)?, closed))
        });
        let (last_id, closed) = known.map_err(|error| match &error {
            // Tables that are not ours, or not as they should be.
            rusqlite::Error::SqliteFailure(code, _) if code.code == ErrorCode::Unknown => {
                FileFault::Damaged(error.to_string())
            }
            _ => error.into(),
        })?;
        Ok(Self { connection, last_id, closed, version })
    }

    /// Writes all of these, or none.
    pub(super) fn write<'a>(
        &mut self,
        entries: impl Iterator<Item = (i64, &'a Entry)>,
        recordings: &[Kept],
    ) -> Result<(), FileFault> {
        let step = self.connection.transaction()?;
        for (id, entry) in entries {
            schema::put(&step, id, entry)?;
        }
        for kept in recordings {
            recordings::put(&step, kept)?;
        }
        Ok(step.commit()?)
    }

    /// Forgets what is over and began before that; returns how much it was.
    pub(super) fn prune(&mut self, before: Moment) -> Result<usize, FileFault> {
        Ok(schema::prune(&mut self.connection, before)?)
    }
}

/// Moves a damaged file, and what belongs to it, out of the way. Returns its new name.
pub(super) fn move_aside(path: &Path, now: Moment) -> std::io::Result<PathBuf> {
    let time = now.to_string().replace([':', '-'], "");
    let mut moved = with_suffix(path, &format!(".corrupt-{time}"));
    for n in 1_u32.. {
        if !moved.exists() {
            break;
        }
        moved = with_suffix(path, &format!(".corrupt-{time}-{n}"));
    }
    std::fs::rename(path, &moved)?;
    for side in ["-wal", "-shm"] {
        match std::fs::rename(with_suffix(path, side), with_suffix(&moved, side)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(moved)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
