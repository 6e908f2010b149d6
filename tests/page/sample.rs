//! Rooms, Jibris and alerts: a day as it may be.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jibri_autostart::surface::{Alert, Board, Jibri, Room};
use serde_json::{Value, json};

use crate::stand_in::StandIn;

/// So many seconds ago, RFC 3339.
pub(crate) fn ago(seconds: u64) -> String {
    let at = SystemTime::now() - Duration::from_secs(seconds);
    humantime::format_rfc3339_millis(at).to_string()
}

pub(crate) fn room(local: &str, state: &str, since: u64) -> Room {
    Room {
        room: format!("{local}@muc.meet.jitsi").into(),
        state: state.to_owned(),
        people: 4,
        moderators: 1,
        recorder_present: state == "recording",
        attempt: 0,
        session_id: None,
        since: ago(since),
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

pub(crate) fn attempt(
    id: u64,
    room: &str,
    began: u64,
    lasted: Option<u64>,
    outcome: &str,
    why: &str,
) -> Value {
    json!({
        "kind": "attempt", "id": id, "room": format!("{room}@muc.meet.jitsi"), "trigger": "Ada (moderator)",
        "jid": null, "session_id": "s", "jibri": "jibri-2", "wanted": ago(began), "sent": ago(began),
        "on": lasted.map(|_| ago(began - 4)), "off": lasted.map(|lasted| ago(began - 4 - lasted)),
        "outcome": outcome, "reason": if why.is_empty() { None } else { Some(why) },
    })
}

/// As in the README's picture.
pub(crate) fn fill(board: &Board, stand_in: &StandIn) {
    let failing = Room {
        people: 9,
        moderators: 2,
        attempt: 3,
        reason: Some("Jicofo has tried several Jibris and all failed; next attempt in 8 s".to_owned()),
        ..room("court-3-hearing", "backoff", 95)
    };
    let held = Room {
        reason: Some("stopped by a person, until the meeting ends".to_owned()),
        ..room("staff-meeting", "held", 1260)
    };
    let pending = Room { people: 2, attempt: 1, ..room("clinic-follow-up", "pending", 3) };
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
    put(board, Room { people: 1, moderators: 0, ..room("lesson-5c-waiting-room", "idle", 84) });
    let mut jibris: Vec<_> = recorded
        .iter()
        .enumerate()
        .map(|(n, (room, ..))| {
            jibri(&format!("jibri-{}", n + 1), "ok", "nothing speaks against it", Some(room))
        })
        .collect();
    jibris.push(Jibri {
        busy: Some(true),
        ..jibri("jibri-5", "ok", "nothing speaks against it", Some("clinic-follow-up"))
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
                "court-3-hearing is to be recorded for 95 s and is not",
                "look at the Jibris: Jicofo has tried several and all failed",
            ),
            alert(
                "jibri_wedged",
                "warning",
                "jibri-6",
                "jibri-6 reports idle and healthy, and 3 starts in a row failed on it",
                "restart its process or container, or set [recovery]",
            ),
        ],
        [].into(),
    );
    let mut history = stand_in.history.lock().unwrap();
    history.push(attempt(
        19,
        "court-3-hearing",
        60,
        None,
        "failed",
        "Jibri failed and Jicofo has given up on it",
    ));
    history.push(json!({ "kind": "recovery", "id": 2, "instance": "jibri-6", "trigger": "wedged", "time": ago(130), "outcome": "restarted", "output": "" }));
    history.push(attempt(17, "support-4710", 2400, Some(1260), "recorded", ""));
    history.push(attempt(16, "lesson-6a-biology", 6700, Some(2690), "recorded", ""));
    history.push(attempt(15, "staff-meeting", 7000, Some(340), "stopped", "by a person"));
}
