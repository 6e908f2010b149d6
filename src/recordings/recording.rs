//! One recording: what is known of it and of its files, and what follows from that.
//!
//! Facts are only added, and whatever comes twice, late or in another order ends in the same facts. What state it is in,
//! and how much of the meeting is on disk, are read from them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::report::{File, Happened, MOST_FILES, Report};
use crate::moment::Moment;

/// What is missing at the beginning and the end of any recording: less than this is never too short.
pub(super) const ALWAYS_MISSING: Duration = Duration::from_secs(10);

/// Most Jibris that one session has moved to, as far as is written down.
const MOST_PARTS: usize = 16;

/// How it is with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordingState {
    /// It is on.
    Recording,
    /// It is over, and nothing has been heard of its files.
    Ended,
    /// Its files are written.
    Written,
    /// The site's own command has taken them.
    Delivered,
    /// It is over, and nobody has reported a file in time.
    Missing,
    /// There is less in its files than there should be.
    Short,
    /// There is nothing in its files, or there is none.
    Empty,
    /// The site's own command has failed.
    Failed,
    /// Its Jibri was killed, and what could be read of its file was written anew.
    Salvaged,
    /// We were not watching when it ended, and nothing has been heard of its files.
    Unknown,
}

impl RecordingState {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Recording,
        Self::Ended,
        Self::Written,
        Self::Delivered,
        Self::Missing,
        Self::Short,
        Self::Empty,
        Self::Failed,
        Self::Salvaged,
        Self::Unknown,
    ];

    /// Its name in the API, the metrics and the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Ended => "ended",
            Self::Written => "written",
            Self::Delivered => "delivered",
            Self::Missing => "missing",
            Self::Short => "short",
            Self::Empty => "empty",
            Self::Failed => "failed",
            Self::Salvaged => "salvaged",
            Self::Unknown => "unknown",
        }
    }

    /// There are files of it, as far as they will come.
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Written | Self::Delivered | Self::Short | Self::Salvaged)
    }

    /// What has this name, if anything has.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What one Jibri has reported.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Part {
    /// Its files, by name.
    pub files: BTreeMap<String, File>,
    /// The site's own command has taken them.
    pub delivered: bool,
    /// It has failed, and has not succeeded since: with what exit status.
    pub failed: Option<Failure>,
    /// They were found after it had been killed: what was said of them.
    pub salvaged: Option<String>,
}

/// How the site's own command has failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Failure {
    /// Its exit status.
    pub exit_status: Option<i32>,
    /// The last of what it wrote.
    pub message: String,
}

impl Part {
    fn take(&mut self, report: &Report) {
        for (name, file) in &report.files {
            if self.files.len() >= MOST_FILES && !self.files.contains_key(name) {
                continue;
            }
            let known = self.files.entry(name.clone()).or_default();
            known.bytes = known.bytes.max(file.bytes);
            known.ms = known.ms.max(file.ms);
        }
        let failure = || Failure { exit_status: report.exit_status, message: report.message.clone() };
        match report.happened {
            Happened::Written => {}
            Happened::Delivered => (self.delivered, self.failed) = (true, None),
            // It may have been tried again since.
            Happened::Failed if self.delivered => {}
            // Whichever came first: the order on the wire is nobody's word for the order of what happened.
            Happened::Failed => {
                let said = failure();
                if self.failed.as_ref().is_none_or(|known| known.message < said.message) {
                    self.failed = Some(said);
                }
            }
            Happened::Salvaged => {
                let said = report.message.clone();
                self.salvaged = self.salvaged.take().max(Some(said));
            }
        }
    }

    /// Its files, by name, but for those of which what could be read is in another one.
    fn media(&self) -> impl Iterator<Item = (&str, Option<Duration>)> {
        let files = self.files.iter().filter(|(name, _)| !self.is_written_anew(name));
        files.map(|(name, file)| (name.as_str(), file.media()))
    }

    /// What could be read of this file is in another one: finalize.sh calls that one `NAME.salvaged.EXTENSION`.
    fn is_written_anew(&self, name: &str) -> bool {
        let anew = name.rsplit_once('.').map(|(name, extension)| format!("{name}.salvaged.{extension}"));
        anew.is_some_and(|anew| self.files.contains_key(&anew))
    }
}

/// A recording session, as Jicofo names them, and its files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recording {
    /// Unlike that of any other, and always the same.
    pub key: String,
    /// Jicofo's name for the session, if it is known.
    pub session_id: Option<String>,
    /// The real JID of its room; none if only a report tells of it, and does not say.
    pub room: Option<String>,
    /// The room's name for the meeting, or Jicofo's.
    pub meeting_id: Option<String>,
    /// `file` or `stream`.
    pub mode: Option<String>,
    /// The Jibris that have served it, the last one last.
    pub jibris: Vec<String>,
    /// Since when a recording was wanted and missing, before it was on.
    pub wanted: Option<Moment>,
    /// Since when it was on.
    pub started: Option<Moment>,
    /// Who has started it.
    pub started_by: Option<String>,
    /// Since when it was not on any more.
    pub ended: Option<Moment>,
    /// How it ended.
    pub ended_by: Option<String>,
    /// For how long it was not recorded in between, in ms: it was moved to another Jibri, or taken for over.
    pub interrupted_ms: u64,
    /// We were not watching when it ended.
    pub is_unwatched: bool,
    /// After a restart of this program one was on in its room, and was taken for it: how long it was on is not sure.
    pub is_assumed: bool,
    /// A report was due, and had not come.
    pub is_overdue: bool,
    /// When something was reported first.
    pub reported: Option<Moment>,
    /// Since when `recordings.webhook` is to be told of its files; none: it has been, or there is nothing to tell.
    pub untold: Option<Moment>,
    /// What each Jibri has reported.
    pub parts: BTreeMap<String, Part>,
}

impl Recording {
    /// Adds what is reported. Returns whether that is news.
    pub(super) fn take(&mut self, report: &Report, now: Moment) -> bool {
        if self.parts.len() >= MOST_PARTS && !self.parts.contains_key(&report.instance) {
            return false;
        }
        self.reported.get_or_insert(now);
        let part = self.parts.entry(report.instance.clone());
        let is_first = matches!(part, std::collections::btree_map::Entry::Vacant(_));
        let part = part.or_default();
        let before = part.clone();
        part.take(report);
        is_first || *part != before
    }

    /// Whether it is on, as far as we know.
    pub fn is_on(&self) -> bool {
        self.started.is_some() && self.ended.is_none() && !self.is_unwatched
    }

    /// In which state it is. `min_share`: how much of what was to be recorded has to be there, of 1,000.
    pub fn state(&self, min_share: u32) -> RecordingState {
        let mut parts = self.parts.values();
        match () {
            () if self.is_on() => RecordingState::Recording,
            () if self.parts.is_empty() && self.is_overdue => RecordingState::Missing,
            () if self.parts.is_empty() && self.ended.is_some() => RecordingState::Ended,
            () if self.parts.is_empty() => RecordingState::Unknown,
            () if parts.clone().any(|part| part.failed.is_some()) => RecordingState::Failed,
            () if self.media() == Some(Duration::ZERO) => RecordingState::Empty,
            () if self.is_short(min_share) => RecordingState::Short,
            () if parts.clone().any(|part| part.salvaged.is_some()) => RecordingState::Salvaged,
            () if parts.all(|part| part.delivered) => RecordingState::Delivered,
            () => RecordingState::Written,
        }
    }

    /// Its files, and how much there is in each. Jibris that share a directory each report all that is in it, so one name is
    /// one file.
    fn files(&self) -> BTreeMap<&str, Option<Duration>> {
        let mut files = BTreeMap::new();
        for (name, media) in self.parts.values().flat_map(Part::media) {
            let known = files.entry(name).or_insert(media);
            *known = (*known).max(media);
        }
        files
    }

    /// How many files there are of it, without those of which what could be read is in another one.
    pub fn number_of_files(&self) -> usize {
        self.files().len()
    }

    /// How much there is in all files that were reported; none if that is not known.
    pub fn media(&self) -> Option<Duration> {
        self.files().into_values().try_fold(Duration::ZERO, |sum, media| Some(sum.saturating_add(media?)))
    }

    /// For how long it was on, until now if it still is; none if that is not known.
    fn on(&self, now: Moment) -> Option<Duration> {
        let until = if self.is_on() { now } else { self.ended? };
        let on = until.since(self.started?);
        Some(on.saturating_sub(Duration::from_millis(self.interrupted_ms)))
    }

    /// How much was recorded: by its files where they are reported, else as long as it was on. None if that is not
    /// known, and where files were due and none were reported.
    pub fn recorded(&self, now: Moment) -> Option<Duration> {
        match self.parts.is_empty() {
            false if !self.is_on() => self.media(),
            true if self.is_overdue => None,
            _ => self.on(now),
        }
    }

    /// How much of the meeting was not recorded, since a recording was wanted; none if that is not known.
    pub fn gap(&self, now: Moment) -> Option<Duration> {
        let from = self.wanted.or(self.started)?;
        let until = if self.is_on() { now } else { self.ended? };
        Some(until.since(from).saturating_sub(self.recorded(now)?))
    }

    fn is_short(&self, min_share: u32) -> bool {
        let ended = self.ended.filter(|_| !self.is_assumed);
        let (Some(media), Some(on)) = (self.media(), ended.and_then(|ended| self.on(ended))) else {
            return false;
        };
        let wanted = on.as_millis().saturating_mul(min_share.into());
        media.as_millis().saturating_mul(1000) < wanted && on.saturating_sub(media) > ALWAYS_MISSING
    }

    /// The first failure of the site's own command that stands, by the name of the Jibri.
    pub fn failure(&self) -> Option<(&str, &Failure)> {
        self.parts.iter().find_map(|(jibri, part)| Some((jibri.as_str(), part.failed.as_ref()?)))
    }

    /// What there is to say of it: why the site's command failed, or what was lost where it was salvaged.
    pub fn message(&self) -> Option<&str> {
        let failure = self.failure().map(|(_, failure)| failure.message.as_str());
        failure.or_else(|| self.parts.values().find_map(|part| part.salvaged.as_deref()))
    }

    /// When it began, as far as we know; by this recordings are ordered.
    pub fn time(&self) -> Moment {
        self.wanted.or(self.started).or(self.ended).or(self.reported).unwrap_or_default()
    }
}
