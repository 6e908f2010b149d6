//! The ledger against what happens to files: the process killed, the disk full, the file damaged or another's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "also in what the tests share"
)]

mod damage;
mod disk;
mod keeping;
mod killed;
mod links;
mod recordings;

use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use jibri_autostart::ledger::{Attempt, Entry, Ledger, LedgerLimits, Moment, Outcome, Query, Record};

/// Longer than any wait in these tests takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

static LOG: Mutex<String> = Mutex::new(String::new());

/// Keeps all that is logged in this process.
struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines about this file.
fn logged(path: &Path) -> Vec<String> {
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    let name = path.display().to_string();
    log.lines().filter(|line| line.contains(&name)).map(str::to_owned).collect()
}

fn open(path: &Path) -> Ledger {
    open_with(path, LedgerLimits { retry: Duration::from_millis(50), ..LedgerLimits::default() })
}

fn open_with(path: &Path, limits: LedgerLimits) -> Ledger {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Log).init());
    Ledger::spawn(Some(path.to_owned()), 90 * DAY, limits, |_| {})
}

fn until(what: &str, is: impl Fn() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < LONG, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until it is open and has nothing left to write.
fn settled(ledger: &Ledger, puts: u64) {
    until("safe", || *ledger.safe().borrow() >= puts);
}

fn everything(ledger: &Ledger) -> Vec<Record> {
    ledger.reader().read(&Query { room: None, since: None, limit: 100_000 }).unwrap()
}

fn attempt(n: u64, outcome: Outcome) -> Entry {
    let now = Moment::now();
    Entry::Attempt(Attempt {
        room: format!("r{n}@muc.meet.jitsi"),
        trigger: Some("Ada (moderator)".to_owned()),
        wanted: Some(now),
        sent: Some(now),
        off: (!outcome.is_open()).then_some(now),
        outcome,
        ..Attempt::default()
    })
}

fn rooms(records: &[Record]) -> Vec<&str> {
    let mut rooms: Vec<&str> = records
        .iter()
        .filter_map(|record| match &record.entry {
            Entry::Attempt(attempt) => Some(attempt.room.as_str()),
            _ => None,
        })
        .collect();
    rooms.sort_unstable();
    rooms
}
