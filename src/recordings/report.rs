//! What a Jibri's finalize script reports of the files of one recording (deploy/jibri/finalize.sh).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Most files of one report.
pub const MOST_FILES: usize = 100;

/// What has happened to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// They are written: Jibri has finished.
    Written,
    /// The site's own command has taken them.
    Delivered,
    /// It has failed.
    Failed,
    /// They were found after their Jibri had been killed.
    Salvaged,
}

/// A file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct File {
    /// How big it is.
    pub bytes: u64,
    /// How much is in it, in ms; none if nobody could measure it.
    pub ms: Option<u64>,
}

impl File {
    /// How much is in it; none if that is not known.
    pub fn media(&self) -> Option<Duration> {
        match (self.bytes, self.ms) {
            (0, _) => Some(Duration::ZERO),
            (_, ms) => ms.map(Duration::from_millis),
        }
    }
}

/// One report, read and bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The name of the directory: the session's id, in which Jibri replaces what is no letter, digit, `-` or `_`.
    pub session_id: String,
    /// Whose it is.
    pub instance: String,
    /// What has happened.
    pub happened: Happened,
    /// The files, by name.
    pub files: BTreeMap<String, File>,
    /// How much room is left on that disk.
    pub disk_free_bytes: Option<u64>,
    /// Of the site's own command.
    pub exit_status: Option<i32>,
    /// The last of what it wrote; or what was lost.
    pub message: String,
    /// The real JID of the room, as far as the meeting's URL tells.
    pub room: Option<String>,
}

/// A session's id as the name of a directory (docs/jitsi.md 6).
pub(super) fn directory_of(session_id: &str) -> String {
    let name = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    session_id.chars().map(name).collect()
}
