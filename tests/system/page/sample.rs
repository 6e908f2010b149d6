//! Rooms, Jibris and alerts: a day as it may be.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jibri_autostart::ledger::{Attempt, Entry, Moment, Outcome, Recovery};
use jibri_autostart::recordings::{File, Part, Recording, RecordingState};
use jibri_autostart::surface::{Alert, Board, Jibri, Room};

use super::world::World;

/// So many seconds ago, RFC 3339.
pub(crate) fn ago(seconds: u64) -> String {
    let at = SystemTime::now() - Duration::from_secs(seconds);
    humantime::format_rfc3339_millis(at).to_string()
}

pub(crate) fn room(local: &str, state: &str, since: u64) -> Room {
    Room {
        room: format!("{local}@muc.meet.jitsi").into(),
        state: state.to_owned(),
        seen: true,
        people: 4,
        moderators: 1,
        recorder_present: state == "recording",
        proof: (state == "recording").then(|| "jibri".into()),
        attempt: 0,
        session_id: None,
        since: ago(since),
        place: None,
        not_recorded: (state == "backoff").then(|| "all Jibris are busy".to_owned()),
        reason: None,
    }
}

pub(crate) fn put(board: &Board, room: Room) {
    board.put_rooms(&[Arc::new(room)]);
}

pub(crate) fn jibri(name: &str, verdict: &str, evidence: &str, room: Option<&str>) -> Jibri {
    Jibri {
        name: name.to_owned(),
        busy: Some(room.is_some()),
        healthy: Some(true),
        verdict: verdict.to_owned(),
        failures: 0,
        last_seen: Some(ago(1)),
        room: room.map(|room| format!("{room}@muc.meet.jitsi")),
        restarts: 0,
        evidence: evidence.to_owned(),
        testimonies: Vec::new(),
    }
}

pub(crate) fn alert(kind: &str, severity: &str, subject: &str, summary: &str, remedy: &str) -> Alert {
    Alert {
        kind: kind.to_owned(),
        severity: severity.to_owned(),
        subject: subject.to_owned(),
        since: ago(95),
        times: 1,
        summary: summary.to_owned(),
        remedy: remedy.to_owned(),
        labels: [].into(),
    }
}

/// Began so many seconds ago, and was on for so many.
pub(crate) fn attempt(room: &str, began: u64, lasted: Option<u64>, outcome: Outcome, why: &str) -> Attempt {
    let ago = |seconds| Some(Moment::now().before(Duration::from_secs(seconds)));
    Attempt {
        room: format!("{room}@muc.meet.jitsi"),
        trigger: Some("Ada (moderator)".to_owned()),
        session_id: Some("s".to_owned()),
        jibri: Some("jibri-2".to_owned()),
        wanted: ago(began),
        sent: ago(began),
        on: lasted.and_then(|_| ago(began - 4)),
        off: lasted.and_then(|lasted| ago(began - 4 - lasted)),
        outcome,
        reason: (!why.is_empty()).then(|| why.to_owned()),
        ..Attempt::default()
    }
}

/// Wanted so many seconds ago, on 4 s later, and for so many seconds, or still. Its files: name, bytes, seconds; where there are
/// none nothing was reported.
pub(crate) fn recording(
    room: &str,
    began: u64,
    lasted: Option<u64>,
    files: &[(&str, u64, Option<u64>)],
) -> Recording {
    let ago = |seconds| Some(Moment::now().before(Duration::from_secs(seconds)));
    let file = |(name, bytes, seconds): &(&str, u64, Option<u64>)| {
        ((*name).to_owned(), File { bytes: *bytes, ms: seconds.map(|seconds| seconds * 1000) })
    };
    let part = Part { files: files.iter().map(file).collect(), ..Part::default() };
    Recording {
        key: format!("{room}-{began}"),
        session_id: Some(format!("session-{began}")),
        room: Some(format!("{room}@muc.meet.jitsi")),
        mode: Some("file".to_owned()),
        jibris: vec!["jibri-2".to_owned()],
        wanted: ago(began),
        started: ago(began - 4),
        ended: lasted.and_then(|lasted| ago(began - 4 - lasted)),
        parts: if files.is_empty() { [].into() } else { [("jibri-2".to_owned(), part)].into() },
        ..Recording::default()
    }
}

/// As in the README's picture.
pub(crate) async fn fill(world: &mut World) {
    let board = &world.board;
    let failing = Room {
        people: 9,
        moderators: 2,
        attempt: 3,
        not_recorded: Some("Jicofo has tried several Jibris and all failed".to_owned()),
        reason: Some("Jicofo has tried several Jibris and all failed".to_owned()),
        ..room("court-3-hearing", "backoff", 65)
    };
    let held = Room {
        reason: Some("stopped by \"Ben\", respected until the meeting ends".to_owned()),
        ..room("staff-meeting", "held", 1260)
    };
    let pending = Room {
        people: 2,
        attempt: 1,
        reason: Some("a Jibri was found; the recording is not on yet".to_owned()),
        ..room("clinic-follow-up", "pending", 3)
    };
    for special in [failing, held, pending] {
        put(board, special);
    }
    let recorded = [
        ("lesson-7b-geometry", 31, 2820),
        ("lesson-9a-history", 27, 2710),
        ("court-1-hearing", 7, 5460),
        ("support-4711", 2, 640),
    ];
    for (name, people, since) in recorded {
        put(board, Room { people, ..room(name, "recording", since) });
    }
    let waits = Room {
        people: 1,
        moderators: 0,
        reason: Some("no moderator yet".to_owned()),
        ..room("lesson-5c-waiting-room", "idle", 84)
    };
    put(board, waits);
    let mut jibris: Vec<_> = recorded
        .iter()
        .enumerate()
        .map(|(n, (room, ..))| jibri(&format!("jibri-{}", n + 1), "ok", "no problems found", Some(room)))
        .collect();
    jibris.push(Jibri {
        busy: Some(true),
        ..jibri("jibri-5", "ok", "no problems found", Some("clinic-follow-up"))
    });
    jibris.push(Jibri {
        failures: 3,
        restarts: 1,
        ..jibri(
            "jibri-6",
            "wedged",
            "3 starts in a row failed while it reported idle and healthy, last in court-3-hearing",
            None,
        )
    });
    board.set_jibris(jibris);
    board.set_alerts(
        vec![
            alert(
                "start_overdue",
                "critical",
                "court-3-hearing",
                "court-3-hearing@muc.meet.jitsi has not been recorded for 1 min: Jicofo has tried several Jibris and all failed",
                "look at the Jibris (jibri-autostart jibris), and at the log of the one that failed last",
            ),
            alert(
                "jibri_wedged",
                "warning",
                "jibri-6",
                "Jibri jibri-6 is wedged: 3 starts in a row failed on it while it reported idle and healthy",
                "restart its process or container, or set [recovery]",
            ),
        ],
        [].into(),
    );
    let restarted = Recovery {
        instance: "jibri-6".to_owned(),
        trigger: "wedged".to_owned(),
        time: Moment::now().before(Duration::from_secs(130)),
        outcome: "restarted".to_owned(),
        output: None,
    };
    let given_up = "Jibri failed and Jicofo has given up on it";
    for entry in [
        Entry::Attempt(attempt("staff-meeting", 7000, Some(340), Outcome::Stopped, "by a person")),
        Entry::Attempt(attempt("lesson-6a-biology", 6700, Some(2690), Outcome::Recorded, "")),
        Entry::Attempt(attempt("support-4710", 2400, Some(1260), Outcome::Recorded, "")),
        Entry::Recovery(restarted),
        Entry::Attempt(attempt("court-3-hearing", 60, None, Outcome::Failed, given_up)),
    ] {
        world.write(entry).await;
    }
    let (mega, missing) = (1_000_000, recording("consultation-12", 9600, Some(1200), &[]));
    let hearing = "court-1-hearing_2026-11-30-09-12-04.mkv";
    for (recording, state) in [
        (recording("support-4709", 9000, Some(300), &[]), RecordingState::Ended),
        (Recording { is_overdue: true, ..missing }, RecordingState::Missing),
        (
            recording(
                "lesson-6a-biology",
                6700,
                Some(2690),
                &[("lesson-6a-biology_2026-11-30-08-50-11.mkv", 611 * mega, Some(2686))],
            ),
            RecordingState::Delivered,
        ),
        (
            recording("court-2-hearing", 3100, Some(900), &[(hearing, 88 * mega, Some(410))]),
            RecordingState::Short,
        ),
        (recording("lesson-7b-geometry", 2824, None, &[]), RecordingState::Recording),
    ] {
        world.record(recording, state).await;
    }
}
