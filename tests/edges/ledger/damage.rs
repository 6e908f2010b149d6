//! Files that are damaged, older, or newer than we are.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jibri_autostart::ledger::{Entry, Moment, Outcome, Query, V1};
use rusqlite::Connection;

use super::{attempt, everything, logged, open, rooms, settled, until};

/// A good file with so many entries.
fn good(path: &Path, entries: u64) {
    let mut ledger = open(path);
    for n in 0..entries {
        let key = ledger.new_key();
        ledger.put(key, attempt(n, Outcome::Recorded));
    }
    settled(&ledger, entries);
    drop(ledger);
    // Its side files are put back when the thread has ended.
    until("closed", || !path.with_extension("db-wal").exists());
}

fn aside(path: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.to_string_lossy().contains("ledger.db.corrupt-")).collect();
    files.sort();
    files
}

#[test]
fn damaged_files_are_moved_aside() {
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damages: [(&str, Damage); 5] = [
        ("noise", |whole| (0..whole.len()).map(|n| (n * 7919 % 251) as u8).collect()),
        ("short noise", |_| b"no ledger".to_vec()),
        ("noise in the middle", |mut whole| {
            whole.iter_mut().skip(4096).for_each(|byte| *byte ^= 0x5a);
            whole
        }),
        ("cut off", |mut whole| {
            whole.truncate(whole.len() / 2);
            whole
        }),
        ("cut in the first page", |mut whole| {
            whole.truncate(1000);
            whole
        }),
    ];
    for (name, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        good(&path, 200);
        let damaged = damage(std::fs::read(&path).unwrap());
        std::fs::write(&path, &damaged).unwrap();
        let mut ledger = open(&path);
        let key = ledger.new_key();
        ledger.put(key, attempt(7, Outcome::Failed));
        settled(&ledger, 1);
        assert_eq!(rooms(&everything(&ledger)), ["r7@muc.meet.jitsi"], "{name}");
        let moved = aside(&path);
        assert_eq!(moved.len(), 1, "{name}: {moved:?}");
        assert_eq!(std::fs::read(&moved[0]).unwrap(), damaged, "{name}");
        let told = logged(&path);
        let names_it = |line: &String| line.contains("ERROR") && line.contains(&*moved[0].to_string_lossy());
        assert!(told.iter().any(names_it), "{name}: {told:?}");
    }
}

#[test]
fn a_file_damaged_while_it_is_open_is_moved_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    good(&path, 200);
    let mut ledger = open(&path);
    let key = ledger.new_key();
    ledger.put(key, attempt(1000, Outcome::Recording));
    settled(&ledger, 1);
    // As if a page of the schema had been overwritten.
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET rootpage = 999999 WHERE name = 'attempt';
             PRAGMA schema_version = 99;",
        )
        .unwrap();
    let other = ledger.new_key();
    ledger.put(other, attempt(1, Outcome::Failed));
    settled(&ledger, 2);
    assert_eq!(
        aside(&path).iter().filter(|file| file.extension().is_some_and(|end| end != "db-wal")).count(),
        1
    );
    assert_eq!(rooms(&everything(&ledger)), ["r1@muc.meet.jitsi"]);
    // What was open goes on in the new file under its number.
    ledger.put(key, attempt(1000, Outcome::Recorded));
    until("written", || {
        let file = Connection::open(&path).unwrap();
        let id = file
            .query_row("SELECT id FROM attempt WHERE room LIKE 'r1000@%'", [], |row| row.get::<_, i64>(0));
        id.is_ok_and(|id| id == 201)
    });
}

#[test]
fn damage_that_only_a_reader_meets_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    good(&path, 2000);
    let mut ledger = open(&path);
    until("open", || everything(&ledger).len() == 2000);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.iter_mut().skip(8 * 4096).for_each(|byte| *byte = 0x5a);
    std::fs::write(&path, bytes).unwrap();
    let query = Query { room: None, since: None, limit: 100_000 };
    assert!(ledger.reader().read(&query).is_err());
    let key = ledger.new_key();
    ledger.put(key, attempt(9, Outcome::Failed));
    settled(&ledger, 1);
    assert_eq!(rooms(&everything(&ledger)), ["r9@muc.meet.jitsi"]);
    assert!(!aside(&path).is_empty());
}

#[test]
fn the_first_version_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(V1).unwrap();
    let now = Moment::now().0;
    old.execute_batch(&format!(
        "PRAGMA user_version = 1;
         INSERT INTO attempt VALUES (41, {now}, 'r1@muc', 'Ada (moderator)', 's1', 'jibri-1', {now}, {now}, {now}, NULL,
                                     'recording', NULL);
         INSERT INTO recovery VALUES (42, {now}, 'jibri-1', 'wedged', 'restarted', 'done');
         INSERT INTO alert VALUES (43, {now}, 'start_overdue', 'r1@muc', 'critical', 'late', NULL);
         INSERT INTO alert VALUES (44, {now}, 'jibri_wedged', 'jibri-1', 'critical', 'wedged', {now});"
    ))
    .unwrap();
    drop(old);
    let mut ledger = open(&path);
    until("open", || everything(&ledger).len() == 4);
    let key = ledger.new_key();
    ledger.put(key, attempt(9, Outcome::Waiting));
    settled(&ledger, 1);
    let query = Query { room: Some("r1@muc".to_owned()), since: None, limit: 10 };
    let of_room = ledger.reader().read(&query).unwrap();
    assert_eq!(of_room.iter().map(|record| record.id).collect::<Vec<_>>(), [43, 41]);
    match (&of_room[1].entry, &of_room[0].entry) {
        (Entry::Attempt(attempt), Entry::Alert(alert)) => {
            assert_eq!((attempt.outcome, attempt.jid.as_ref()), (Outcome::Unknown, None));
            assert_eq!(attempt.session_id.as_deref(), Some("s1"));
            assert!(alert.resolved.is_some() && alert.summary.contains("we were not watching"), "{alert:?}");
        }
        other => panic!("{other:?}"),
    }
    let records = everything(&ledger);
    assert_eq!(records.iter().map(|record| record.id).max(), Some(45));
    assert!(logged(&path).iter().any(|line| line.contains("brought up to date")));
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("CREATE TABLE attempt (other); PRAGMA user_version = 1000;").unwrap();
    drop(newer);
    let before = std::fs::read(&path).unwrap();
    let mut ledger = open(&path);
    let key = ledger.new_key();
    ledger.put(key, attempt(1, Outcome::Recording));
    settled(&ledger, 1);
    assert_eq!(everything(&ledger).len(), 1);
    drop(ledger);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(aside(&path).is_empty());
    let told = logged(&path);
    assert!(told.len() == 1 && told[0].contains("ERROR") && told[0].contains("newer version"), "{told:?}");
}

#[test]
fn nobody_else_can_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let mut ledger = open(&path);
    let key = ledger.new_key();
    ledger.put(key, attempt(1, Outcome::Recording));
    settled(&ledger, 1);
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}
