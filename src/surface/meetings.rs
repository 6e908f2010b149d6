//! Which recordings are of one meeting, and how much of it they hold together.
//!
//! A recording may break off and be begun anew, on another Jibri and under another session: people look for the meeting.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::recordings::Recording;

/// What is wanted again so soon after the last recording in a room has ended is the same meeting.
const GOES_ON: Duration = Duration::from_secs(60);
/// Numbers as they are written out.
const NUMBERS: [&str; 13] =
    ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

/// A meeting, as its recordings tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// The `id` of its first recording.
    pub id: String,
    /// How many it has.
    pub recordings: usize,
    /// How many files were reported of them.
    pub files: usize,
    /// How much of it is recorded; none if that is not known of one of them.
    pub recorded_seconds: Option<u64>,
    /// How much of it was to be: since it was wanted, and until it was not any more.
    pub wanted_seconds: Option<u64>,
    /// The same for people: "recorded 51 of 53 minutes, in two files".
    pub summary: String,
}

/// What is known of one of them so far.
struct Known<'a> {
    first: &'a Recording,
    last: &'a Recording,
    meeting_id: Option<&'a str>,
    recordings: usize,
    files: usize,
    recorded: Option<Duration>,
    wanted: Option<Duration>,
    is_on: bool,
}

/// Of each of these recordings, the newest first, the meeting that it is of.
pub(super) fn meetings(newest_first: &[&Recording], now: Moment) -> Vec<Meeting> {
    let mut all: Vec<Known<'_>> = Vec::new();
    let mut last_of_room: BTreeMap<&str, usize> = BTreeMap::new();
    let mut by_id: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut of_each = Vec::with_capacity(newest_first.len());
    for recording in newest_first.iter().rev() {
        let room = recording.room.as_deref();
        let id = room.zip(recording.meeting_id.as_deref());
        let known = id.and_then(|id| by_id.get(&id)).or_else(|| {
            let last = last_of_room.get(room?)?;
            all.get(*last).filter(|last| last.goes_on_with(recording)).map(|_| last)
        });
        let meeting = known.copied().unwrap_or(all.len());
        match all.get_mut(meeting) {
            Some(known) => known.add(recording, now),
            None => all.push(Known::new(recording, now)),
        }
        if let Some(room) = room {
            last_of_room.insert(room, meeting);
        }
        if let Some(id) = id {
            by_id.insert(id, meeting);
        }
        of_each.push(meeting);
    }
    let all: Vec<Meeting> = all.iter().map(Known::told).collect();
    of_each.into_iter().rev().filter_map(|meeting| all.get(meeting).cloned()).collect()
}

impl<'a> Known<'a> {
    fn new(recording: &'a Recording, now: Moment) -> Self {
        let mut new = Self {
            first: recording,
            last: recording,
            meeting_id: None,
            recordings: 0,
            files: 0,
            recorded: Some(Duration::ZERO),
            wanted: Some(Duration::ZERO),
            is_on: false,
        };
        new.add(recording, now);
        new
    }

    /// Whether a later recording in its room, of which nothing else tells, is of it.
    fn goes_on_with(&self, recording: &Recording) -> bool {
        let is_another = self.meeting_id.zip(recording.meeting_id.as_deref()).is_some_and(|(a, b)| a != b);
        let from = recording.wanted.or(recording.started);
        let ended = self.last.ended.filter(|_| !self.last.is_on());
        !is_another && from.zip(ended).is_some_and(|(from, ended)| from <= ended.after(GOES_ON))
    }

    fn add(&mut self, recording: &'a Recording, now: Moment) {
        let sum = |a: Option<Duration>, b: Option<Duration>| Some(a?.saturating_add(b?));
        let recorded = recording.recorded(now);
        // A gap is counted where the rest is: from when it was wanted.
        let wanted = sum(recorded, recording.gap(now)).or_else(|| wanted(recording, now));
        self.last = recording;
        self.meeting_id = self.meeting_id.or(recording.meeting_id.as_deref());
        self.recordings = self.recordings.saturating_add(1);
        self.files = self.files.saturating_add(recording.number_of_files());
        self.recorded = sum(self.recorded, recorded);
        self.wanted = sum(self.wanted, wanted);
        self.is_on |= recording.is_on();
    }

    fn told(&self) -> Meeting {
        let seconds = |duration: Option<Duration>| duration.map(super::recordings::whole_seconds);
        Meeting {
            id: self.first.key.clone(),
            recordings: self.recordings,
            files: self.files,
            recorded_seconds: seconds(self.recorded),
            wanted_seconds: seconds(self.wanted),
            summary: self.summary(),
        }
    }

    fn summary(&self) -> String {
        let unit = |duration: Duration| {
            if duration < Duration::from_secs(120) { (1, "second") } else { (60, "minute") }
        };
        let count = |duration: Duration, (seconds, name): (u64, &str)| {
            let half = seconds.checked_div(2).unwrap_or_default();
            let count = super::recordings::whole_seconds(duration).saturating_add(half).checked_div(seconds);
            let count = count.unwrap_or_default();
            (count, format!("{name}{}", if count == 1 { "" } else { "s" }))
        };
        let so_far = if self.is_on { " so far" } else { "" };
        let files = match self.files {
            0 => String::new(),
            1 => ", in one file".to_owned(),
            n => NUMBERS.get(n).map_or_else(|| format!(", in {n} files"), |n| format!(", in {n} files")),
        };
        match (self.recorded, self.wanted) {
            (Some(recorded), Some(wanted)) => {
                let unit = unit(wanted);
                let (wanted, name) = count(wanted, unit);
                let (recorded, _) = count(recorded, unit);
                format!("recorded {recorded} of {wanted} {name}{so_far}{files}")
            }
            (Some(recorded), None) => {
                let (recorded, name) = count(recorded, unit(recorded));
                format!("recorded {recorded} {name}{so_far}{files}")
            }
            (None, Some(wanted)) => {
                let (wanted, name) = count(wanted, unit(wanted));
                format!("of {wanted} {name} it is not known how much is recorded{so_far}{files}")
            }
            (None, None) => format!("it is not known how much is recorded{so_far}{files}"),
        }
    }
}

/// How long it was wanted, whatever was recorded.
fn wanted(recording: &Recording, now: Moment) -> Option<Duration> {
    let until = if recording.is_on() { now } else { recording.ended? };
    Some(until.since(recording.wanted.or(recording.started)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings::{File, Part};

    /// In `room`, wanted and ended at these seconds, with files of so many seconds.
    fn recording(key: &str, room: &str, (wanted, ended): (u64, Option<u64>), files: &[u64]) -> Recording {
        let at = |seconds: u64| Moment(1_800_000_000_000).after(Duration::from_secs(seconds));
        let file = |(n, seconds): (usize, &u64)| {
            (format!("{n}"), File { bytes: 1, ms: Some(seconds.saturating_mul(1000)) })
        };
        let files: BTreeMap<_, _> = files.iter().enumerate().map(file).collect();
        Recording {
            key: key.to_owned(),
            room: Some(room.to_owned()),
            wanted: Some(at(wanted)),
            started: Some(at(wanted.saturating_add(5))),
            ended: ended.map(at),
            parts: if files.is_empty() {
                [].into()
            } else {
                [("j".to_owned(), Part { files, ..Part::default() })].into()
            },
            ..Recording::default()
        }
    }

    fn of(meeting_id: &str, recording: Recording) -> Recording {
        Recording { meeting_id: Some(meeting_id.to_owned()), ..recording }
    }

    /// The meetings by their first recordings, in the order in which those are given: the oldest first.
    fn ids(oldest_first: &[Recording]) -> String {
        let newest_first: Vec<&Recording> = oldest_first.iter().rev().collect();
        let meetings = meetings(&newest_first, Moment(1_800_000_600_000));
        assert_eq!(meetings.len(), oldest_first.len());
        meetings.iter().rev().map(|meeting| meeting.id.as_str()).collect()
    }

    #[test]
    fn what_belongs_together_is_one_meeting() {
        let r = recording;
        for (all, expected) in [
            // By the time between them, in one room.
            (vec![r("a", "1", (0, Some(60)), &[]), r("b", "1", (120, Some(200)), &[])], "aa"),
            (vec![r("a", "1", (0, Some(60)), &[]), r("b", "1", (121, Some(200)), &[])], "ab"),
            (vec![r("a", "1", (0, Some(60)), &[]), r("b", "2", (60, Some(200)), &[])], "ab"),
            (
                vec![
                    r("a", "1", (0, Some(60)), &[]),
                    r("b", "2", (1, None), &[]),
                    r("c", "1", (61, None), &[]),
                ],
                "aba",
            ),
            (
                vec![
                    r("a", "1", (0, Some(60)), &[]),
                    r("b", "1", (60, Some(90)), &[]),
                    r("c", "1", (100, Some(110)), &[]),
                ],
                "aaa",
            ),
            // What is on goes on, and what nobody saw end may have ended long ago.
            (vec![r("a", "1", (0, None), &[]), r("b", "1", (60, None), &[])], "ab"),
            // By its id, however long ago it was.
            (vec![of("m", r("a", "1", (0, Some(60)), &[])), of("m", r("b", "1", (500, None), &[]))], "aa"),
            (vec![of("m", r("a", "1", (0, Some(60)), &[])), of("n", r("b", "1", (61, None), &[]))], "ab"),
            (vec![of("m", r("a", "1", (0, Some(60)), &[])), r("b", "1", (61, None), &[])], "aa"),
            (vec![of("m", r("a", "1", (0, Some(60)), &[])), of("m", r("b", "2", (61, None), &[]))], "ab"),
            (
                vec![
                    r("a", "1", (0, Some(60)), &[]),
                    of("m", r("b", "1", (61, Some(70)), &[])),
                    of("n", r("c", "1", (71, None), &[])),
                ],
                "aac",
            ),
            // Only a report tells of them.
            (["a", "b"].map(|key| Recording { key: key.to_owned(), ..Recording::default() }).into(), "ab"),
        ] {
            assert_eq!(ids(&all), expected, "{all:#?}");
        }
        assert_eq!(ids(&[]), "");
    }

    #[test]
    fn what_is_recorded_is_told_together() {
        let told = |oldest_first: Vec<Recording>| {
            let newest_first: Vec<&Recording> = oldest_first.iter().rev().collect();
            meetings(&newest_first, Moment(1_800_000_600_000)).remove(0)
        };
        let first = || recording("a", "1", (0, Some(600)), &[570]);
        let second = || recording("b", "1", (600, Some(3180)), &[1240, 1250]);
        let both = told(vec![first(), second()]);
        let expected = Meeting {
            id: "a".to_owned(),
            recordings: 2,
            files: 3,
            recorded_seconds: Some(3060),
            wanted_seconds: Some(3180),
            summary: "recorded 51 of 53 minutes, in three files".to_owned(),
        };
        assert_eq!(both, expected);
        let many = |n: usize| recording("a", "1", (0, Some(600)), &vec![1; n]);
        let unmeasured =
            Part { files: [("a".to_owned(), File { bytes: 1, ms: None })].into(), ..Part::default() };
        let unmeasured = || Recording { parts: [("j".to_owned(), unmeasured.clone())].into(), ..first() };
        for (recordings, summary) in [
            (vec![first()], "recorded 10 of 10 minutes, in one file"),
            (vec![recording("a", "1", (0, Some(60)), &[59])], "recorded 59 of 60 seconds, in one file"),
            // Nothing is reported of it: then it is as long as it was on.
            (vec![recording("a", "1", (0, Some(605)), &[])], "recorded 10 of 10 minutes"),
            (vec![recording("a", "1", (300, None), &[])], "recorded 5 of 5 minutes so far"),
            (vec![many(12)], "recorded 0 of 10 minutes, in twelve files"),
            (vec![many(13)], "recorded 0 of 10 minutes, in 13 files"),
            (vec![unmeasured()], "of 10 minutes it is not known how much is recorded, in one file"),
            (
                vec![unmeasured(), second()],
                "of 53 minutes it is not known how much is recorded, in three files",
            ),
            (
                vec![Recording { is_overdue: true, ..recording("a", "1", (0, Some(600)), &[]) }],
                "of 10 minutes it is not known how much is recorded",
            ),
            (
                vec![Recording { started: None, wanted: None, ended: None, ..first() }],
                "recorded 10 minutes, in one file",
            ),
            (vec![Recording::default()], "it is not known how much is recorded"),
        ] {
            assert_eq!(told(recordings.clone()).summary, summary, "{recordings:#?}");
        }
    }
}
