//! Killed at any moment, fifty times: nothing that was safe is lost, and what was open is closed as unknown.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use jibri_autostart::ledger::{Attempt, Entry, Key, Moment, Outcome, Recovery, recorded, restarts};

use super::{attempt, everything, open};

const FILE: &str = "LEDGER_TEST_FILE";
const FROM: &str = "LEDGER_TEST_FROM";

/// Writes for ever: opens an attempt, ends the one before, and says on stdout what is safe.
#[test]
#[ignore = "not a test: the process that the test below kills"]
fn write_until_killed() {
    let (Ok(path), Ok(from)) = (std::env::var(FILE), std::env::var(FROM)) else { return };
    let mut ledger = open(Path::new(&path));
    let safe = ledger.safe();
    let mut before: Option<(Key, u64)> = None;
    let (mut puts, mut safe_before) = (0_u64, 0);
    for n in from.parse::<u64>().unwrap().. {
        let key = ledger.new_key();
        ledger.put(key, attempt(n, Outcome::Recording));
        puts += 1;
        if let Some((key, n)) = before.replace((key, n)) {
            ledger.put(key, attempt(n, Outcome::Recorded));
            puts += 1;
        }
        // So much in flight, so that batches are of all sizes and nothing is dropped.
        while *safe.borrow() + n % 64 < puts {
            std::thread::yield_now();
        }
        let is_safe = *safe.borrow();
        if is_safe == puts && is_safe > safe_before {
            safe_before = is_safe;
            println!("safe {n}");
        }
    }
}

#[test]
fn killed_fifty_times() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let (mut from, mut all_safe) = (0_u64, Vec::new());
    for round in 0..50_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "ledger::killed::write_until_killed", "--ignored", "--nocapture"])
            .env(FILE, &path)
            .env(FROM, from.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let safe = |line: String| line.split_once("safe ").and_then(|(_, n)| n.parse::<u64>().ok());
        let mut last = lines.by_ref().find_map(safe).expect("it writes");
        // Whenever that is.
        std::thread::sleep(Duration::from_micros(round * 700));
        child.kill().unwrap();
        child.wait().unwrap();
        last = lines.filter_map(safe).last().unwrap_or(last);
        all_safe.extend(from..=last);

        let file = rusqlite::Connection::open(&path).unwrap();
        let check: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        let greatest: String = file
            .query_row(
                "SELECT max(CAST(substr(room, 2, instr(room, '@') - 2) AS INTEGER)) || '' FROM attempt",
                [],
                |r| r.get(0),
            )
            .unwrap();
        from = greatest.parse::<u64>().unwrap() + 1;
    }
    let ledger = open(&path);
    super::until("closed", || everything(&ledger).len() >= all_safe.len());
    let records = everything(&ledger);
    let outcomes: std::collections::BTreeMap<&str, &Attempt> = records
        .iter()
        .filter_map(|record| match &record.entry {
            Entry::Attempt(attempt) => Some((attempt.room.as_str(), attempt)),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes.len(), records.len(), "each once, and no number twice");
    for n in &all_safe {
        assert!(outcomes.contains_key(format!("r{n}@muc.meet.jitsi").as_str()), "{n} was safe");
    }
    let unknown: Vec<_> = outcomes.values().filter(|attempt| attempt.outcome == Outcome::Unknown).collect();
    assert!(outcomes.values().all(|attempt| !attempt.outcome.is_open()));
    // The last of each life, and perhaps the one before.
    assert!((50..=100).contains(&unknown.len()), "{}", unknown.len());
    assert!(unknown.iter().all(|a| a.reason.as_deref() == Some("we were not watching") && a.off.is_none()));
}

/// A restart that was under way counts for the limits of the next life; what was none does not.
#[test]
fn restarts_are_known_to_the_next_life() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let now = Moment::now();
    let hour = Duration::from_secs(3600);
    assert_eq!(restarts(&path, now.before(hour)).unwrap(), [], "there is no file");
    std::fs::write(&path, "").unwrap();
    assert_eq!(restarts(&path, now.before(hour)).unwrap(), [], "there is nothing in it");
    let mut ledger = open(&path);
    let all = [
        ("a", 10, "failed"),
        ("b", 20, Recovery::RUNNING),
        ("c", 30, Recovery::DRY_RUN),
        ("d", 5000, "restarted"),
    ];
    for (instance, ago, outcome) in all {
        let key = ledger.new_key();
        let recovery = Recovery {
            instance: instance.to_owned(),
            time: now.before(Duration::from_secs(ago)),
            outcome: outcome.to_owned(),
            ..Recovery::default()
        };
        ledger.put(key, Entry::Recovery(recovery));
    }
    super::settled(&ledger, 4);
    let known = || {
        let mut known = restarts(&path, now.before(hour)).unwrap();
        known.sort();
        known
    };
    let expected = [
        ("a".to_owned(), String::new(), now.before(Duration::from_secs(10))),
        ("b".to_owned(), String::new(), now.before(Duration::from_secs(20))),
    ];
    assert_eq!(known(), expected);
    drop(ledger);
    let ledger = open(&path);
    let is_over = || {
        !everything(&ledger).is_empty() && everything(&ledger).iter().all(|record| !record.entry.is_open())
    };
    super::until("closed", is_over);
    assert_eq!(known(), expected, "closed as unknown, it counts all the same");
    std::fs::write(dir.path().join("other"), "no ledger at all, but long enough to be looked at").unwrap();
    assert!(restarts(&dir.path().join("other"), now).is_err());
}

/// What was on when the program ended is known to its next life, until that has opened the file.
#[test]
fn recordings_are_known_to_the_next_life() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let (now, hour) = (Moment::now(), Duration::from_secs(3600));
    let known = || recorded(&path, now.before(hour)).unwrap();
    assert_eq!(known(), [] as [&str; 0], "there is no file");
    let mut ledger = open(&path);
    let all = [
        ("on@muc.meet.jitsi", now, Outcome::Recording),
        ("over@muc.meet.jitsi", now, Outcome::Recorded),
        ("old@muc.meet.jitsi", now.before(hour * 2), Outcome::Recording),
    ];
    for (room, on, outcome) in all {
        let key = ledger.new_key();
        let attempt = Attempt { room: room.to_owned(), on: Some(on), outcome, ..Attempt::default() };
        ledger.put(key, Entry::Attempt(attempt));
    }
    super::settled(&ledger, 3);
    drop(ledger);
    assert_eq!(known(), ["on@muc.meet.jitsi"]);
    let _ledger = open(&path);
    super::until("closed", || known().is_empty());
}
