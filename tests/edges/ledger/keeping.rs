//! What is kept and for how long, what is shown of it, and what happens when it is too much.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use jibri_autostart::ledger::{
    Alert, Attempt, Entry, Ledger, LedgerLimits, Moment, Outcome, Query, Recovery,
};

use super::{DAY, LOG, attempt, everything, open, open_with, rooms, settled, until};

fn days_ago(days: u32) -> Moment {
    Moment::now().before(DAY * days)
}

fn old(room: &str, began: u32, ended: Option<u32>) -> Entry {
    Entry::Attempt(Attempt {
        room: room.to_owned(),
        wanted: Some(days_ago(began)),
        off: ended.map(days_ago),
        outcome: if ended.is_some() { Outcome::Recorded } else { Outcome::Recording },
        ..Attempt::default()
    })
}

#[test]
fn what_is_older_than_keep_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let mut ledger = open(&path);
    let recovery = Recovery { instance: "j".to_owned(), time: days_ago(91), ..Recovery::default() };
    let alert = Alert {
        subject: "s".to_owned(),
        raised: days_ago(95),
        resolved: Some(days_ago(94)),
        ..Alert::default()
    };
    let entries = [
        old("new", 89, Some(89)),
        old("old", 91, Some(91)),
        old("on", 100, None),
        Entry::Recovery(recovery),
        Entry::Alert(alert),
    ];
    for entry in entries.iter().cloned() {
        let key = ledger.new_key();
        ledger.put(key, entry);
    }
    settled(&ledger, 5);
    assert_eq!(everything(&ledger).len(), 5);
    drop(ledger);
    until("closed", || !path.with_extension("db-wal").exists());
    let ledger = open(&path);
    // It is over now, as far as we know, and as old as the others.
    until("pruned", || everything(&ledger).len() == 1);
    assert_eq!(rooms(&everything(&ledger)), ["new"]);
}

#[test]
fn rooms_times_and_limits_are_respected_in_the_file_and_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let in_file = open(&dir.path().join("ledger.db"));
    let in_memory = Ledger::spawn(None, 90 * DAY, LedgerLimits::default(), |_| {});
    for mut ledger in [in_file, in_memory] {
        let alert = |subject: &str, room: Option<&str>| {
            Entry::Alert(Alert {
                subject: subject.to_owned(),
                room: room.map(str::to_owned),
                raised: days_ago(2),
                ..Alert::default()
            })
        };
        let entries = [
            old("a", 9, Some(8)),
            old("b", 8, Some(1)),
            old("a", 7, None),
            old("a", 1, Some(1)),
            alert("a", Some("a")),
            alert("service", Some("b")),
            alert("prosody", None),
            Entry::Recovery(Recovery { instance: "a".to_owned(), time: days_ago(3), ..Recovery::default() }),
        ];
        for entry in entries {
            let key = ledger.new_key();
            ledger.put(key, entry);
        }
        settled(&ledger, 8);
        let ids = |room: Option<&str>, since: Option<u32>, limit: usize| {
            let query = Query { room: room.map(str::to_owned), since: since.map(days_ago), limit };
            ledger.reader().read(&query).unwrap().iter().map(|record| record.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(None, None, 100), [4, 7, 6, 5, 8, 3, 2, 1]);
        assert_eq!(ids(None, None, 3), [4, 7, 6]);
        assert_eq!(ids(Some("a"), None, 100), [4, 5, 3, 1]);
        assert_eq!(ids(Some("b"), Some(6), 100), [6, 2]);
        // What began before and is still on, or has ended since, belongs to it.
        assert_eq!(ids(Some("a"), Some(6), 100), [4, 5, 3]);
        assert_eq!(ids(Some("' OR 1 --"), None, 100), Vec::<i64>::new());
    }
}

#[test]
fn an_entry_is_one_however_often_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(&dir.path().join("ledger.db"));
    let key = ledger.new_key();
    let outcomes =
        [Outcome::Waiting, Outcome::Starting, Outcome::Pending, Outcome::Recording, Outcome::Stopped];
    for (n, outcome) in (1..).zip(outcomes) {
        ledger.put(key, attempt(1, outcome));
        settled(&ledger, n);
        let records = everything(&ledger);
        assert!(matches!(&records[..], [record] if record.id == 1
            && matches!(&record.entry, Entry::Attempt(attempt) if attempt.outcome == outcome)));
    }
}

#[test]
fn memory_is_bounded_and_what_is_open_stays_longest() {
    let limits = LedgerLimits { memory: 100, ..LedgerLimits::default() };
    let mut ledger = Ledger::spawn(None, 90 * DAY, limits, |_| {});
    for n in 0..1000 {
        let key = ledger.new_key();
        ledger.put(key, attempt(n, if n == 5 { Outcome::Recording } else { Outcome::Failed }));
        settled(&ledger, n + 1);
    }
    let records = everything(&ledger);
    assert_eq!((records.len(), records[0].id, records[99].id), (100, 1000, 6));
}

/// The thread stands still; nobody who puts anything in waits for it.
#[test]
fn a_full_queue_drops_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    // For the log.
    drop(open_with(&dir.path().join("other.db"), LedgerLimits::default()));
    let (stands, is_standing) = channel();
    let (go, gone) = channel::<()>();
    let limits = LedgerLimits { queue: 10, ..LedgerLimits::default() };
    let mut ledger = Ledger::spawn(Some(path), 90 * DAY, limits, move |_| {
        let _ = stands.send(());
        let _ = gone.recv();
    });
    is_standing.recv_timeout(super::LONG).expect("it tells that it is open");
    let began = Instant::now();
    for n in 0..1000 {
        let key = ledger.new_key();
        ledger.put(key, attempt(n, Outcome::Failed));
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    drop(go);
    settled(&ledger, 10);
    until("told", || LOG.lock().unwrap().contains("too much happened at once"));
    assert!(LOG.lock().unwrap().contains("lost=990"));
    let key = ledger.new_key();
    ledger.put(key, attempt(5000, Outcome::Failed));
    settled(&ledger, 11);
    assert_eq!(everything(&ledger).len(), 11);
}
