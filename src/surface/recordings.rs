//! A recording as it stands in the JSON.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::meetings::{Meeting, meetings};
use crate::moment::Moment;
use crate::recordings::{self, RecordingState};

/// What stands for itself anywhere in a URL (RFC 3986, section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A recording session, and its files. What is not known is `null`, and never 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Unlike that of any other, and always the same.
    pub id: String,
    /// Jicofo's name for the session.
    pub session_id: Option<String>,
    /// The real JID of its room.
    pub room: Option<String>,
    /// The room's name for the meeting.
    pub meeting_id: Option<String>,
    /// `file` or `stream`.
    pub mode: Option<String>,
    /// The Jibris that have served it, the last one last.
    pub jibris: Vec<String>,
    /// Since when it was wanted and missing, before it was on.
    pub wanted: Option<Moment>,
    /// Since when it was on.
    pub started: Option<Moment>,
    /// Who has started it.
    pub started_by: Option<String>,
    /// Since when it was not on any more.
    pub ended: Option<Moment>,
    /// How it ended.
    pub ended_by: Option<String>,
    /// One of [`RecordingState::ALL`].
    pub state: String,
    /// What was reported.
    pub files: Vec<File>,
    /// How much is recorded, by its files if they are known.
    pub recorded_seconds: Option<u64>,
    /// How much is not, since it was wanted.
    pub gap_seconds: Option<u64>,
    /// Of the site's own command, where it has failed.
    pub exit_status: Option<i32>,
    /// What that wrote, or what was lost.
    pub message: Option<String>,
    /// The meeting that it is of; none where not all of its recordings were asked for.
    pub meeting: Option<Meeting>,
}

/// A file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name, which may be anything.
    pub name: String,
    /// How big it is.
    pub bytes: u64,
    /// How much is in it.
    pub seconds: Option<u64>,
    /// Who has reported it.
    pub jibri: String,
    /// Where it can be had.
    pub url: Option<String>,
}

impl Recording {
    /// These, the newest first, as they are shown. `url`: `recordings.url`. `is_whole`: there are all recordings of a meeting
    /// among them.
    pub fn shown(
        newest_first: &[(recordings::Recording, RecordingState)],
        url: Option<&str>,
        is_whole: bool,
        now: Moment,
    ) -> Vec<Self> {
        let all: Vec<&recordings::Recording> = newest_first.iter().map(|(recording, _)| recording).collect();
        let meetings = if is_whole { meetings(&all, now) } else { Vec::new() };
        let mut meetings = meetings.into_iter();
        let shown = |(recording, state): &(recordings::Recording, RecordingState)| {
            Self::new(recording, *state, meetings.next(), url, now)
        };
        newest_first.iter().map(shown).collect()
    }

    fn new(
        recording: &recordings::Recording,
        state: RecordingState,
        meeting: Option<Meeting>,
        url: Option<&str>,
        now: Moment,
    ) -> Self {
        let file = |jibri: &String, name: &String, file: &recordings::File| File {
            name: name.clone(),
            bytes: file.bytes,
            seconds: file.media().map(whole_seconds),
            jibri: jibri.clone(),
            url: url.and_then(|url| link(url, recording.session_id.as_deref(), name)),
        };
        let files = recording
            .parts
            .iter()
            .flat_map(|(jibri, part)| part.files.iter().map(move |(name, known)| file(jibri, name, known)));
        let recording = recording.clone();
        Self {
            files: files.collect(),
            recorded_seconds: recording.recorded(now).map(whole_seconds),
            gap_seconds: recording.gap(now).map(whole_seconds),
            exit_status: recording.failure().and_then(|(_, failure)| failure.exit_status),
            message: recording.message().filter(|message| !message.is_empty()).map(str::to_owned),
            state: state.name().to_owned(),
            meeting,
            // Who reports is all that is known of some.
            jibris: match recording.jibris.is_empty() {
                true => recording.parts.keys().cloned().collect(),
                false => recording.jibris,
            },
            id: recording.key,
            session_id: recording.session_id,
            room: recording.room,
            meeting_id: recording.meeting_id,
            mode: recording.mode,
            wanted: recording.wanted,
            started: recording.started,
            started_by: recording.started_by,
            ended: recording.ended,
            ended_by: recording.ended_by,
        }
    }

    /// How big all its files are; none if there are none.
    pub fn bytes(&self) -> Option<u64> {
        let bytes = self.files.iter().map(|file| file.bytes);
        bytes.reduce(u64::saturating_add)
    }
}

/// Rounded.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.saturating_add(Duration::from_millis(500)).as_secs()
}

/// Where a file can be had, by `recordings.url`; none if that cannot be said of it.
fn link(template: &str, session_id: Option<&str>, name: &str) -> Option<String> {
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let mut url = template.replace("{name}", &encoded(name));
    if url.contains("{session_id}") {
        url = url.replace("{session_id}", &encoded(session_id?));
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings::{Failure, Part};

    #[test]
    fn what_is_not_known_is_null() {
        let nothing = recordings::Recording { key: "k".to_owned(), ..recordings::Recording::default() };
        let shown =
            Recording::shown(&[(nothing, RecordingState::Unknown)], Some("https://f"), false, Moment(0));
        assert_eq!(
            serde_json::to_value(&shown).unwrap(),
            serde_json::json!([{
                "id": "k", "session_id": null, "room": null, "meeting_id": null, "mode": null, "jibris": [],
                "wanted": null, "started": null, "started_by": null, "ended": null, "ended_by": null,
                "state": "unknown", "files": [], "recorded_seconds": null, "gap_seconds": null, "exit_status": null,
                "message": null, "meeting": null
            }])
        );
        assert_eq!(shown[0].bytes(), None);
    }

    #[test]
    fn files_are_shown_with_who_reported_them_and_where_they_are() {
        let file = |bytes, ms| recordings::File { bytes, ms };
        let failed = Failure { exit_status: Some(3), message: "no\u{1b}".to_owned() };
        let parts = [
            ("one", [("a/<b>&{session_id}?.mp4", file(1500, Some(1499)))], Some(failed)),
            ("two", [("empty.mp4", file(0, None))], None),
        ];
        let parts = parts.map(|(jibri, files, failed)| {
            let files = files.map(|(name, file)| (name.to_owned(), file)).into();
            (jibri.to_owned(), Part { files, failed, ..Part::default() })
        });
        let recording = recordings::Recording {
            session_id: Some("s".to_owned()),
            parts: parts.into(),
            ..recordings::Recording::default()
        };
        let one = |url| {
            Recording::shown(&[(recording.clone(), RecordingState::Failed)], url, true, Moment(0)).remove(0)
        };
        let shown = one(Some("https://files.example/{session_id}/{name}?x={name}"));
        let encoded = "a%2F%3Cb%3E%26%7Bsession_id%7D%3F.mp4";
        assert_eq!(shown.files[0].url, Some(format!("https://files.example/s/{encoded}?x={encoded}")));
        assert_eq!((shown.files[0].seconds, shown.files[0].jibri.as_str()), (Some(1), "one"));
        assert_eq!((shown.files[1].seconds, shown.files[1].jibri.as_str()), (Some(0), "two"));
        assert_eq!(
            (shown.exit_status, shown.message.as_deref(), shown.bytes()),
            (Some(3), Some("no\u{1b}"), Some(1500))
        );
        assert_eq!(
            (shown.jibris, shown.recorded_seconds),
            (vec!["one".to_owned(), "two".to_owned()], Some(1))
        );
        assert_eq!(shown.meeting.unwrap().summary, "recorded 1 second, in two files");
        assert_eq!(one(None).files[0].url, None);
        // Without the session nobody knows in which directory it is.
        assert_eq!(link("https://f/{session_id}", None, "a"), None);
        assert_eq!(link("https://f/{name}", None, "a b").as_deref(), Some("https://f/a%20b"));
    }
}
