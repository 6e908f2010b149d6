//! Where the file is: a symbolic link in its place is not followed.
//!
//! The program may write where others may not. Whoever can put a link into the ledger's directory could otherwise have
//! it write into a file of their choice.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

/// Where the link leads to, if a path is one. Links among its directories are the administrator's, and fine.
pub fn link(path: &Path) -> Option<PathBuf> {
    path.read_link().ok()
}

/// Opens the file with SQLite, which follows no link either.
pub(super) fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    // It would take links among the directories amiss, too.
    let whole = without_links(path).unwrap_or_else(|_| path.to_owned());
    Connection::open_with_flags(whole, flags)
}

/// The path by its real directory.
fn without_links(path: &Path) -> io::Result<PathBuf> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new(".")).canonicalize()?;
    Ok(directory.join(path.file_name().unwrap_or_default()))
}
