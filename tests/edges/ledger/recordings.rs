//! Recordings in the ledger: found again in the next life, asked for in every way, and kept through what happens to files.

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use jibri_autostart::ledger::{
    Ledger, LedgerLimits, Moment, News, Outcome, RecordingsQuery, V1, V2, V3, recordings,
};
use jibri_autostart::recordings::{File, Part, Recording, RecordingState};
use rusqlite::Connection;

use super::{DAY, LONG, attempt, everything, logged, open, settled, until};

const ALL: RecordingsQuery = RecordingsQuery { room: None, since: None, state: None, limit: 1000 };

fn ago(minutes: u32) -> Moment {
    Moment::now().before(Duration::from_secs(60) * minutes)
}

/// One that began so many minutes ago and was over after ten.
fn recording(key: &str, room: &str, began: u32) -> Recording {
    Recording {
        key: key.to_owned(),
        session_id: Some(key.to_owned()),
        room: Some(format!("{room}@muc.meet.jitsi")),
        started: Some(ago(began)),
        ended: Some(ago(began.saturating_sub(10))),
        ..Recording::default()
    }
}

/// With a report of it, as the file holds it: to the second.
fn whole(key: &str) -> Recording {
    let second = Moment(Moment::now().0 / 1000 * 1000);
    let file = File { bytes: u64::MAX, ms: Some(600_123) };
    let files = [("<b>\u{202e}ö \"1\".mp4".to_owned(), file)].into();
    Recording {
        meeting_id: Some("m".to_owned()),
        mode: Some("file".to_owned()),
        jibris: vec!["jibri-1".to_owned()],
        wanted: Some(second),
        started: Some(second),
        ended: Some(second),
        parts: [("jibri-1".to_owned(), Part { files, delivered: true, ..Part::default() })].into(),
        ..recording(key, "r1", 0)
    }
}

fn keys(ledger: &Ledger, query: &RecordingsQuery) -> Vec<String> {
    ledger.reader().recordings(query).unwrap().into_iter().map(|(recording, _)| recording.key).collect()
}

fn closed(path: &Path) {
    until("closed", || !path.with_extension("db-wal").exists());
}

#[test]
fn the_next_life_finds_them_whole_and_the_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    assert!(recordings(&path, 10).unwrap().is_empty(), "there is no file");
    std::fs::write(&path, "").unwrap();
    assert!(recordings(&path, 10).unwrap().is_empty(), "there is nothing in it");
    let mut ledger = open(&path);
    let on = Recording { ended: None, ..recording("on", "r2", 5) };
    let puts = [
        (recording("old", "r1", 90), RecordingState::Missing),
        (whole("new"), RecordingState::Delivered),
        (on, RecordingState::Recording),
    ];
    let counts = puts.map(|(recording, state)| ledger.put_recording(recording, state));
    assert_eq!((counts, ledger.put_so_far()), ([1, 2, 3], 3));
    settled(&ledger, 3);
    drop(ledger);
    closed(&path);
    let known = recordings(&path, 10).unwrap();
    assert_eq!(known.iter().map(|known| known.key.as_str()).collect::<Vec<_>>(), ["new", "on", "old"]);
    assert_eq!(known[0], whole("new").clone_times_of(&known[0]));
    assert_eq!(recordings(&path, 2).unwrap().len(), 2);
    // What was on is nobody's to close but the core's.
    let ledger = open(&path);
    until("open", || keys(&ledger, &ALL).len() == 3);
    let on = RecordingsQuery { state: Some(RecordingState::Recording), ..ALL };
    assert_eq!(keys(&ledger, &on), ["on"]);
    assert!(ledger.reader().recordings(&on).unwrap()[0].0.is_on());
    std::fs::write(dir.path().join("other"), "no ledger at all, but long enough to be looked at").unwrap();
    assert!(recordings(&dir.path().join("other"), 10).is_err());
}

trait Times {
    fn clone_times_of(self, other: &Recording) -> Recording;
}

impl Times for Recording {
    fn clone_times_of(self, other: &Recording) -> Recording {
        Self { wanted: other.wanted, started: other.started, ended: other.ended, ..self }
    }
}

#[test]
fn rooms_times_states_and_limits_are_respected_in_the_file_and_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let in_file = open(&dir.path().join("ledger.db"));
    let in_memory = Ledger::spawn(None, 90 * DAY, LedgerLimits::default(), |_| {});
    for mut ledger in [in_file, in_memory] {
        for (recording, state) in [
            (recording("a", "r1", 90), RecordingState::Written),
            (Recording { ended: None, ..recording("b", "r1", 80) }, RecordingState::Recording),
            (recording("c", "r2", 70), RecordingState::Missing),
            (Recording { room: None, ..recording("d", "", 60) }, RecordingState::Delivered),
            (Recording { ended: Some(ago(1)), ..recording("e", "r2", 100) }, RecordingState::Missing),
        ] {
            ledger.put_recording(recording, state);
        }
        settled(&ledger, 5);
        let of_room = |room: &str| RecordingsQuery { room: Some(room.to_owned()), ..ALL };
        for (query, expected) in [
            (ALL, vec!["d", "c", "b", "a", "e"]),
            (RecordingsQuery { limit: 2, ..ALL }, vec!["d", "c"]),
            (of_room("r1@muc.meet.jitsi"), vec!["b", "a"]),
            (of_room("' OR 1 --"), vec![]),
            // What began before and is on, or has ended since, belongs to it.
            (RecordingsQuery { since: Some(ago(30)), ..ALL }, vec!["b", "e"]),
            (RecordingsQuery { state: Some(RecordingState::Missing), ..ALL }, vec!["c", "e"]),
            (RecordingsQuery { state: Some(RecordingState::Missing), limit: 1, ..ALL }, vec!["c"]),
            (RecordingsQuery { state: Some(RecordingState::Short), ..ALL }, vec![]),
        ] {
            assert_eq!(keys(&ledger, &query), expected, "{query:?}");
        }
    }
}

#[test]
fn a_recording_is_one_however_often_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(&dir.path().join("ledger.db"));
    let states = [RecordingState::Recording, RecordingState::Ended, RecordingState::Written];
    for (n, state) in (1..).zip(states) {
        ledger.put_recording(recording("s", "r1", 30), state);
        settled(&ledger, n);
        let known = ledger.reader().recordings(&ALL).unwrap();
        assert!(matches!(&known[..], [(_, is)] if *is == state), "{known:?}");
    }
}

/// Nobody knows when it began: it counts from when it was first heard of, and is not forgotten at once.
#[test]
fn one_of_which_only_a_report_tells_has_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let unknown = || Recording { key: "u".to_owned(), ..Recording::default() };
    let mut ledger = open(&path);
    ledger.put_recording(recording("before", "r1", 5), RecordingState::Written);
    ledger.put_recording(unknown(), RecordingState::Written);
    settled(&ledger, 2);
    assert_eq!(keys(&ledger, &ALL), ["u", "before"]);
    drop(ledger);
    closed(&path);
    let mut ledger = open(&path);
    until("open", || keys(&ledger, &ALL) == ["u", "before"]);
    let later =
        Recording { started: Some(Moment::now().after(DAY)), ended: None, ..recording("later", "r1", 0) };
    ledger.put_recording(later, RecordingState::Recording);
    settled(&ledger, 1);
    let time = || -> i64 {
        let file = Connection::open(&path).unwrap();
        file.query_row("SELECT time FROM recording WHERE key = 'u'", [], |row| row.get(0)).unwrap()
    };
    let first = time();
    ledger.put_recording(unknown(), RecordingState::Delivered);
    settled(&ledger, 2);
    assert_eq!((time(), keys(&ledger, &ALL)), (first, vec!["later".into(), "u".into(), "before".into()]));
}

#[test]
fn what_is_over_and_older_than_keep_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let days = |days: u32| days * 24 * 60;
    let mut ledger = open(&path);
    for (recording, state) in [
        (recording("new", "r1", days(89)), RecordingState::Written),
        (recording("old", "r1", days(91)), RecordingState::Written),
        (Recording { ended: None, ..recording("on", "r1", days(91)) }, RecordingState::Recording),
    ] {
        ledger.put_recording(recording, state);
    }
    settled(&ledger, 3);
    assert_eq!(keys(&ledger, &ALL).len(), 3);
    drop(ledger);
    closed(&path);
    let ledger = open(&path);
    until("pruned", || keys(&ledger, &ALL) == ["new", "on"]);
}

#[test]
fn memory_is_bounded_and_what_is_on_stays_longest() {
    let limits = LedgerLimits { memory: 100, ..LedgerLimits::default() };
    let mut ledger = Ledger::spawn(None, 90 * DAY, limits, |_| {});
    for n in 0..1000_u32 {
        let state = if n == 5 { RecordingState::Recording } else { RecordingState::Written };
        ledger.put_recording(recording(&format!("k{n}"), "r1", 2000 - n), state);
        settled(&ledger, u64::from(n) + 1);
    }
    let known = keys(&ledger, &RecordingsQuery { limit: 10_000, ..ALL });
    assert_eq!((known.len(), known[0].as_str(), known[99].as_str()), (100, "k999", "k5"));
}

/// What does not fit into the queue is never taken for safe by whoever waits for it.
#[test]
fn what_is_dropped_is_never_safe() {
    let (stands, is_standing) = channel();
    let (go, gone) = channel::<()>();
    let dir = tempfile::tempdir().unwrap();
    let limits = LedgerLimits { queue: 3, ..LedgerLimits::default() };
    let mut ledger = Ledger::spawn(Some(dir.path().join("ledger.db")), 90 * DAY, limits, move |_| {
        let _ = stands.send(());
        let _ = gone.recv();
    });
    is_standing.recv_timeout(LONG).expect("it tells that it is open");
    let counts: Vec<u64> = (0..5)
        .map(|n| ledger.put_recording(recording(&format!("k{n}"), "r1", 9), RecordingState::Ended))
        .collect();
    assert_eq!(counts, [1, 2, 3, u64::MAX, u64::MAX]);
    assert_eq!(ledger.put_so_far(), 3);
    drop(go);
    settled(&ledger, 3);
    assert_eq!(keys(&ledger, &ALL).len(), 3);
    assert_eq!(*ledger.safe().borrow(), 3);
}

#[test]
fn what_is_new_is_told_by_its_kind() {
    let (tell, told) = channel();
    let mut ledger = Ledger::spawn(None, 90 * DAY, LedgerLimits::default(), move |news| {
        let _ = tell.send(news);
    });
    ledger.put_recording(recording("k", "r1", 9), RecordingState::Ended);
    assert_eq!(told.recv_timeout(LONG).unwrap(), News { entries: false, recordings: true });
    assert_eq!(keys(&ledger, &ALL), ["k"], "it can be read when it is told");
    let key = ledger.new_key();
    ledger.put(key, attempt(1, Outcome::Failed));
    assert_eq!(told.recv_timeout(LONG).unwrap(), News { entries: true, recordings: false });
}

/// The file cannot be written: what is in memory hides what it has become of in the file, and is written later.
#[test]
fn what_waits_in_memory_is_shown_in_place_of_what_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("later").join("ledger.db");
    let mut ledger = open(&path);
    ledger.put_recording(recording("k", "r1", 9), RecordingState::Ended);
    until("shown", || keys(&ledger, &ALL) == ["k"]);
    assert_eq!(*ledger.safe().borrow(), 0, "it is not safe");
    std::fs::create_dir(dir.path().join("later")).unwrap();
    settled(&ledger, 1);
    // Another program has the file for a while.
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    ledger.put_recording(recording("k", "r1", 9), RecordingState::Written);
    let ended = RecordingsQuery { state: Some(RecordingState::Ended), ..ALL };
    until("hidden", || keys(&ledger, &ended).is_empty() && keys(&ledger, &ALL) == ["k"]);
    other.execute_batch("ROLLBACK").unwrap();
    settled(&ledger, 2);
    assert_eq!(ledger.reader().recordings(&ALL).unwrap()[0].1, RecordingState::Written);
}

#[test]
fn older_files_are_brought_up_to_date_and_keep_what_they_have() {
    for version in 1..=3 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(V1).unwrap();
        for step in [V2, V3].into_iter().take(version - 1) {
            old.execute_batch(step).unwrap();
        }
        let now = Moment::now().0;
        let attempt = format!(
            "INSERT INTO attempt (id, time, room, outcome) VALUES (41, {now}, 'r1@muc.meet.jitsi', 'recorded');
             PRAGMA user_version = {version};"
        );
        old.execute_batch(&attempt).unwrap();
        drop(old);
        assert!(recordings(&path, 10).unwrap().is_empty(), "there are none, or not even a table of them");
        let mut ledger = open(&path);
        ledger.put_recording(whole("k"), RecordingState::Delivered);
        settled(&ledger, 1);
        assert_eq!((everything(&ledger).len(), keys(&ledger, &ALL)), (1, vec!["k".to_owned()]));
        assert!(logged(&path).iter().any(|line| line.contains("brought up to date")));
    }
}

/// Rows that make no sense hide no other; a file that makes none is moved aside.
#[test]
fn damage_costs_no_more_than_it_must() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let mut ledger = open(&path);
    ledger.put_recording(whole("good"), RecordingState::Delivered);
    settled(&ledger, 1);
    let other = Connection::open(&path).unwrap();
    let row = "INSERT INTO recording (key, time, state, body) VALUES";
    let body = serde_json::to_string(&recording("future", "r1", 9)).unwrap().replace('\'', "''");
    other
        .execute_batch(&format!(
            "{row} ('a', 1, 'written', 'no JSON'); {row} ('b', 9e15, 'written', '{{}}'); {row} ('c', 2, 'x', '{body}')"
        ))
        .unwrap();
    let known = ledger.reader().recordings(&ALL).unwrap();
    let shown: Vec<_> = known.iter().map(|(recording, state)| (recording.key.as_str(), *state)).collect();
    assert_eq!(shown, [("good", RecordingState::Delivered), ("future", RecordingState::Unknown)]);
    // As if a page of the schema had been overwritten.
    other
        .execute_batch(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET rootpage = 999999 WHERE name = 'recording';
             PRAGMA schema_version = 99;",
        )
        .unwrap();
    drop(other);
    assert!(ledger.reader().recordings(&ALL).is_err());
    ledger.put_recording(recording("after", "r1", 9), RecordingState::Ended);
    settled(&ledger, 2);
    assert_eq!(keys(&ledger, &ALL), ["after"]);
    assert!(logged(&path).iter().any(|line| line.contains("is damaged")));
}

/// A newer version's file is read by nobody and written by nobody.
#[test]
fn without_a_file_they_are_kept_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("CREATE TABLE recording (other); PRAGMA user_version = 1000;").unwrap();
    drop(newer);
    assert!(recordings(&path, 10).is_err());
    let mut ledger = open(&path);
    ledger.put_recording(recording("k", "r1", 9), RecordingState::Ended);
    settled(&ledger, 1);
    assert_eq!(keys(&ledger, &ALL), ["k"]);
}

/// Whoever has the token may make up any number of sessions.
#[test]
fn of_those_that_only_a_report_tells_of_a_thousand_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let mut ledger = open(&path);
    ledger.put_recording(recording("known", "r1", 90), RecordingState::Ended);
    for n in 0..1_050 {
        let only_reported = Recording {
            key: format!("s{n}"),
            session_id: Some(format!("s{n}")),
            reported: Some(ago(1_050 - n)),
            ..Recording::default()
        };
        ledger.put_recording(only_reported, RecordingState::Written);
    }
    settled(&ledger, 1_051);
    drop(ledger);
    closed(&path);
    // It is opened again, and what is too much is forgotten.
    let ledger = open(&path);
    until("forgotten", || recordings(&path, 5_000).unwrap().len() == 1_001);
    drop(ledger);
    closed(&path);
    let left = recordings(&path, 5_000).unwrap();
    assert!(left.iter().any(|known| known.key == "known") && left.iter().all(|known| known.key != "s49"));
    assert!(left.iter().any(|known| known.key == "s50"));
}
