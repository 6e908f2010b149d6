//! `recordings`: what became of the recordings' files, meeting by meeting.

use std::process::ExitCode;
use std::time::Duration;

use super::ending::{finish, get, raw};
use super::history::{clock, date, question};
use super::service::{self, Service};
use super::table::{Colour, Medium, Table};
use crate::lasting::lasting;
use crate::plain::plain;
use crate::surface::Recording;

/// Most characters of what was typed that are repeated.
const MOST: usize = 200;

#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// One room: its full JID, or only its name where one MUC domain is watched
    room: Option<String>,
    /// From when on: how long ago (24h, 7d), or a time in UTC (2026-11-22T12:00:00Z)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those in this state: recording, ended, written, delivered, missing, short, empty, failed, salvaged or unknown
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// How many of the newest recordings to show, up to 1000 [default: 100]
    #[arg(long, value_name = "N")]
    limit: Option<u16>,
    /// Print JSON, as the HTTP API gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) service: service::Arguments,
}

impl Args {
    fn path(&self) -> String {
        let limit = self.limit.map(|limit| limit.to_string());
        let asked = [("room", &self.room), ("since", &self.since), ("state", &self.state), ("limit", &limit)];
        question("/api/v1/recordings", &asked)
    }
}

/// `recordings`.
pub(super) fn recordings(service: &Service, args: &Args) -> ExitCode {
    let path = args.path();
    if args.json {
        return raw(service, &path);
    }
    finish(get(service, &path).map(|recordings: Vec<Recording>| match (recordings.is_empty(), &args.room) {
        (true, Some(room)) => format!("no such recording of {} is known\n", plain(room, MOST)),
        (true, None) => "no such recording is known\n".to_owned(),
        (false, _) => table(recordings, Medium::stdout()),
    }))
}

/// Those of one meeting stand together, where its newest is.
fn table(recordings: Vec<Recording>, medium: Medium) -> String {
    let mut meetings: Vec<(Option<String>, Vec<Recording>)> = Vec::new();
    for recording in recordings {
        let id = recording.meeting.as_ref().map(|meeting| meeting.id.clone());
        match meetings.iter_mut().find(|(of, _)| of.is_some() && *of == id) {
            Some((_, recordings)) => recordings.push(recording),
            None => meetings.push((id, vec![recording])),
        }
    }
    let mut table = Table::new(&["ROOM", "TIME (UTC)", "RECORDED", "SIZE", "STATE", "MISSING"], medium);
    for (_, recordings) in meetings {
        let meeting = recordings.first().and_then(|recording| recording.meeting.clone());
        for recording in recordings {
            row(&mut table, recording);
        }
        // Of one in one file the row says it.
        if let Some(meeting) = meeting.filter(|meeting| meeting.recordings > 1 || meeting.files > 1) {
            table.note(&meeting.summary);
        }
    }
    table.text()
}

fn row(table: &mut Table, recording: Recording) {
    let colour = match recording.state.as_str() {
        "recording" | "written" | "delivered" => Colour::Good,
        "missing" | "short" | "empty" | "failed" => Colour::Bad,
        _ => Colour::Odd,
    };
    let lasted = |seconds: Option<u64>| seconds.map(Duration::from_secs).map(lasting).unwrap_or_default();
    let began = recording.started.or(recording.wanted).or(recording.ended);
    let time = began.map(|began| {
        let minutes: String = clock(began).chars().take(5).collect();
        format!("{} {minutes}", date(began))
    });
    let size = recording.bytes().map(size).unwrap_or_default();
    let note = match (recording.exit_status, recording.message) {
        (Some(status), Some(message)) => Some(format!("exit status {status}: {message}")),
        (Some(status), None) => Some(format!("exit status {status}")),
        (None, message) => message,
    };
    let session = |session: String| format!("session {session}");
    let room = recording.room.or(recording.session_id.map(session)).unwrap_or_default();
    let cells = vec![
        (room, Colour::None),
        (time.unwrap_or_default(), Colour::None),
        (lasted(recording.recorded_seconds), Colour::None),
        (size, Colour::None),
        (recording.state, colour),
        (lasted(recording.gap_seconds), Colour::None),
    ];
    table.row(cells, note.as_deref());
}

/// `512 B`, `1.2 MB`, `47 GB`; as manufacturers of disks count.
fn size(bytes: u64) -> String {
    const KB: u64 = 1000;
    const MB: u64 = 1000 * KB;
    const GB: u64 = 1000 * MB;
    const TB: u64 = 1000 * GB;
    let (tenths, unit) = match bytes {
        0..KB => return format!("{bytes} B"),
        KB..MB => (bytes / (KB / 10), "kB"),
        MB..GB => (bytes / (MB / 10), "MB"),
        GB..TB => (bytes / (GB / 10), "GB"),
        _ => (bytes / (TB / 10), "TB"),
    };
    match tenths {
        0..100 => format!("{}.{} {unit}", tenths / 10, tenths % 10),
        _ => format!("{} {unit}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Moment;
    use crate::surface::{File, Meeting};

    fn recording(id: &str, room: &str, meeting: Option<(&str, usize)>) -> Recording {
        Recording {
            id: id.to_owned(),
            session_id: Some(id.to_owned()),
            room: Some(room.to_owned()),
            meeting_id: None,
            mode: None,
            jibris: Vec::new(),
            wanted: None,
            started: Some(Moment(1_795_348_800_000)),
            started_by: None,
            ended: None,
            ended_by: None,
            state: "delivered".to_owned(),
            files: vec![File {
                name: "a.mp4".to_owned(),
                bytes: 1_250_000_000,
                seconds: Some(60),
                jibri: "jibri-1".to_owned(),
                url: None,
            }],
            recorded_seconds: Some(3060),
            gap_seconds: Some(120),
            exit_status: None,
            message: None,
            meeting: meeting.map(|(id, recordings)| Meeting {
                id: id.to_owned(),
                recordings,
                files: recordings,
                recorded_seconds: None,
                wanted_seconds: None,
                summary: format!("summary of {id}"),
            }),
        }
    }

    #[test]
    fn meetings_stand_together_with_what_is_known_of_them() {
        let failed = Recording {
            state: "failed".to_owned(),
            exit_status: Some(7),
            message: Some("no\u{1b}[2J space".to_owned()),
            ..recording("c", "r1@muc", Some(("a", 2)))
        };
        let nothing = Recording {
            room: None,
            started: None,
            state: "unknown".to_owned(),
            files: Vec::new(),
            recorded_seconds: None,
            gap_seconds: None,
            exit_status: Some(1),
            ..recording("d", "", None)
        };
        let all = vec![
            failed,
            recording("b", "r2@muc", Some(("b", 1))),
            recording("a", "r1@muc", Some(("a", 2))),
            nothing,
        ];
        assert_eq!(
            table(all, Medium::FILE),
            "ROOM       TIME (UTC)        RECORDED  SIZE    STATE      MISSING\n\
             r1@muc     2026-11-22 12:00  51 min    1.2 GB  failed     2 min\n  \
               exit status 7: no\u{fffd}[2J space\n\
             r1@muc     2026-11-22 12:00  51 min    1.2 GB  delivered  2 min\n  \
               summary of a\n\
             r2@muc     2026-11-22 12:00  51 min    1.2 GB  delivered  2 min\n\
             session d  -                 -         -       unknown    -\n  \
               exit status 1\n"
        );
    }

    #[test]
    fn a_table_fits() {
        let long = "x".repeat(300);
        let wide = Recording {
            recorded_seconds: Some(u64::MAX),
            gap_seconds: Some(364 * 86_400 + 23 * 3600),
            message: Some(long.clone()),
            ..recording("a", &long, Some((&long, 3)))
        };
        let text = table(vec![wide], Medium::NARROW);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("delivered") && text.contains("364 d 23 h"), "{text}");
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_999, "9.9 kB"),
            (10_000, "10 kB"),
            (999_999, "999 kB"),
            (1_250_000_000, "1.2 GB"),
            (47_000_000_000, "47 GB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn what_is_asked_for_is_encoded() {
        let args =
            Args { room: Some("[a]&b=ö".to_owned()), state: Some("missing".to_owned()), ..Args::default() };
        assert_eq!(args.path(), "/api/v1/recordings?room=%5Ba%5D%26b%3D%C3%B6&state=missing");
    }
}
