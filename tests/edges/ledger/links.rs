//! Symbolic links: not followed in the file's own place, and no matter among its directories.

use std::os::unix::fs::symlink;

use jibri_autostart::ledger::Outcome;

use super::{attempt, everything, logged, open, rooms, settled, until};

#[test]
fn a_link_in_its_place_is_not_followed() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, victim) = (dir.path().join("ledger.db"), elsewhere.path().join("victim"));
    // One that is there, and one that would be made.
    for text in [Some("as it was"), None] {
        match text {
            Some(text) => std::fs::write(&victim, text).unwrap(),
            None => std::fs::remove_file(&victim).unwrap(),
        }
        symlink(&victim, &path).unwrap();
        let mut ledger = open(&path);
        let key = ledger.new_key();
        ledger.put(key, attempt(1, Outcome::Recorded));
        let told = format!("is a symbolic link to {}", victim.display());
        until("told", || {
            logged(&path).iter().any(|line| line.contains(&told) && line.contains("set ledger.path to"))
        });
        // Kept in memory meanwhile.
        until("kept", || rooms(&everything(&ledger)) == ["r1@muc.meet.jitsi"]);
        assert_eq!(std::fs::read_to_string(&victim).ok().as_deref(), text);
        // And written, once it is a place of its own.
        std::fs::remove_file(&path).unwrap();
        settled(&ledger, 1);
        assert!(path.metadata().unwrap().len() > 0);
        drop(ledger);
        until("closed", || !path.with_extension("db-wal").exists());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&victim).ok().as_deref(), text);
    }
}

#[test]
fn a_link_beside_it_is_not_followed() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, victim) = (dir.path().join("ledger.db"), elsewhere.path().join("victim"));
    let side = path.with_extension("db-wal");
    let write = |n: u64| {
        let mut ledger = open(&path);
        let key = ledger.new_key();
        ledger.put(key, attempt(n, Outcome::Recorded));
        ledger
    };
    settled(&write(1), 1);
    until("closed", || !side.exists());
    std::fs::write(&victim, "as it was").unwrap();
    symlink(&victim, &side).unwrap();
    let ledger = write(2);
    until("told", || logged(&path).iter().any(|line| line.contains("cannot be written")));
    std::fs::remove_file(&side).unwrap();
    settled(&ledger, 1);
    assert_eq!(rooms(&everything(&ledger)), ["r1@muc.meet.jitsi", "r2@muc.meet.jitsi"]);
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "as it was");
}

#[test]
fn a_link_among_its_directories_is() {
    let dir = tempfile::tempdir().unwrap();
    let (real, other) = (dir.path().join("real"), dir.path().join("other"));
    std::fs::create_dir(&real).unwrap();
    symlink(&real, &other).unwrap();
    let mut ledger = open(&other.join("ledger.db"));
    let key = ledger.new_key();
    ledger.put(key, attempt(1, Outcome::Recorded));
    settled(&ledger, 1);
    assert!(real.join("ledger.db").exists());
    assert_eq!(rooms(&everything(&ledger)), ["r1@muc.meet.jitsi"]);
}
