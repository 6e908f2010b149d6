//! Files of the configuration: only regular ones are read, and not too much of them.

use std::fmt;
use std::fs::{FileType, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use nix::libc::O_NONBLOCK;
use nix::unistd::{Uid, User};

/// Permission of everybody to read.
const OTHERS_READ: u32 = 0o004;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("does not exist")]
    Missing,
    /// Who may not read it.
    #[error("cannot be read by {0}: permission denied")]
    Forbidden(Whoami),
    #[error("cannot be read: {0}")]
    Io(std::io::Error),
    /// What it is instead.
    #[error("is {0}; only regular files are read")]
    Irregular(&'static str),
    /// The limit, in bytes.
    #[error("is longer than {0} bytes")]
    TooLong(u64),
}

impl From<std::io::Error> for Unreadable {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::PermissionDenied => Self::Forbidden(Whoami),
            _ => Self::Io(error),
        }
    }
}

/// The user as whom this program runs, in words.
#[derive(Debug)]
pub(super) struct Whoami;

impl fmt::Display for Whoami {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = Uid::effective();
        match User::from_uid(id) {
            Ok(Some(user)) => write!(f, "user {:?}", user.name),
            _ => write!(f, "user {id}"),
        }
    }
}

/// A file that was read.
pub(super) struct Contents {
    pub(super) bytes: Vec<u8>,
    /// Whoever has an account on the machine may read it, too.
    pub(super) is_open_to_all: bool,
}

/// Reads it, if it is a regular file of no more than `most` bytes. Does not wait for anybody: whoever named a pipe
/// would have the whole program wait until somebody writes into it.
pub(super) fn read(path: &Path, most: u64) -> Result<Contents, Unreadable> {
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)?;
    let data = file.metadata()?;
    if !data.is_file() {
        return Err(Unreadable::Irregular(kind(data.file_type())));
    }
    let mut bytes = Vec::new();
    // One more, to know whether that was all.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).map_or(true, |length| length > most) {
        return Err(Unreadable::TooLong(most));
    }
    Ok(Contents { bytes, is_open_to_all: data.permissions().mode() & OTHERS_READ != 0 })
}

fn kind(file: FileType) -> &'static str {
    match file {
        _ if file.is_dir() => "a directory",
        _ if file.is_fifo() => "a named pipe",
        _ if file.is_char_device() || file.is_block_device() => "a device",
        _ if file.is_socket() => "a socket",
        _ => "no file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_and_not_too_much_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap().bytes, b"12345");
        let told = |path: &Path, most| read(path, most).err().map(|why| why.to_string()).unwrap_or_default();
        assert_eq!(told(&path, 4), "is longer than 4 bytes");
        // Neither waits: nobody writes into the pipe, and the device has no end.
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(told(&pipe, 5), "is a named pipe; only regular files are read");
        assert_eq!(told(Path::new("/dev/zero"), 5), "is a device; only regular files are read");
        assert_eq!(told(dir.path(), 5), "is a directory; only regular files are read");
        assert_eq!(told(&dir.path().join("none"), 5), "does not exist");
    }

    #[test]
    fn who_may_read_it_is_known() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, is_open) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(file.path(), 5).unwrap().is_open_to_all, is_open, "{mode:o}");
        }
    }
}
