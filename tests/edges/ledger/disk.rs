//! A full disk, a missing directory: what happens is kept, told, and written once that can be done.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use jibri_autostart::ledger::Outcome;

use super::{attempt, everything, logged, open, rooms, settled, until};

/// A disk of 256 KiB. Gone with this value.
struct SmallDisk {
    dir: tempfile::TempDir,
}

impl SmallDisk {
    /// None where nobody may mount anything.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(dir.path())
            .output()
            .unwrap();
        if !mount.status.success() {
            eprintln!("NOT TESTED: cannot mount a tmpfs: {}", String::from_utf8_lossy(&mount.stderr));
            return None;
        }
        Some(Self { dir })
    }

    fn ledger(&self) -> PathBuf {
        self.dir.path().join("ledger.db")
    }

    fn fill(&self) {
        let mut file = File::create(self.dir.path().join("filler")).unwrap();
        while file.write_all(&[b'x'; 4096]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.dir.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.dir.path()).status();
    }
}

fn has_told(path: &Path, text: &str) -> bool {
    logged(path).iter().any(|line| line.contains(text))
}

#[test]
fn a_disk_that_runs_full_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else { return };
    let path = disk.ledger();
    let mut ledger = open(&path);
    let key = ledger.new_key();
    ledger.put(key, attempt(0, Outcome::Recording));
    settled(&ledger, 1);
    disk.fill();
    let mut n = 0;
    while !has_told(&path, "cannot be written") {
        n += 1;
        assert!(n < 5000, "it fits all the same");
        let key = ledger.new_key();
        ledger.put(key, attempt(n, Outcome::Failed));
        until("shown", || everything(&ledger).len() as u64 == n + 1);
    }
    // What was written before and what is in memory only are shown together, and what is open stays open.
    let key_of_the_last = ledger.new_key();
    ledger.put(key_of_the_last, attempt(n + 1, Outcome::Recording));
    until("shown", || everything(&ledger).len() as u64 == n + 2);
    assert_eq!(everything(&ledger).iter().filter(|record| record.entry.is_open()).count(), 2);
    disk.free();
    until("written again", || has_told(&path, "can be written again"));
    settled(&ledger, n + 2);
    ledger.put(key, attempt(0, Outcome::Recorded));
    settled(&ledger, n + 3);
    let before = everything(&ledger);
    drop(ledger);
    let lines = logged(&path);
    assert_eq!(lines.iter().filter(|line| line.contains("cannot be written")).count(), 1, "{lines:?}");
    assert!(lines[0].contains("ERROR") && lines[0].contains("make room"), "{lines:?}");

    let again = open(&path);
    until("open", || everything(&again).len() == before.len());
    assert_eq!(rooms(&everything(&again)), rooms(&before));
    let unknown = everything(&again).iter().filter(|r| r.entry.is_open()).count();
    assert_eq!(unknown, 0);
}

#[test]
fn a_disk_that_is_full_from_the_beginning_is_waited_for() {
    let Some(disk) = SmallDisk::mount() else { return };
    disk.fill();
    let path = disk.ledger();
    let mut ledger = open(&path);
    for n in 0..20 {
        let key = ledger.new_key();
        ledger.put(key, attempt(n, Outcome::Failed));
    }
    until("told", || has_told(&path, "cannot be written"));
    until("shown", || everything(&ledger).len() == 20);
    disk.free();
    settled(&ledger, 20);
    assert_eq!(everything(&ledger).len(), 20);
    until("told", || has_told(&path, "can be written again"));
}

#[test]
fn a_directory_that_is_not_there_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("later").join("ledger.db");
    let mut ledger = open(&path);
    let key = ledger.new_key();
    ledger.put(key, attempt(1, Outcome::Recording));
    until("told", || has_told(&path, "see that its directory is there"));
    until("shown", || everything(&ledger).len() == 1);
    std::fs::create_dir(dir.path().join("later")).unwrap();
    settled(&ledger, 1);
    assert_eq!(rooms(&everything(&ledger)), ["r1@muc.meet.jitsi"]);
    // Ours, so not closed by its own opening.
    assert!(everything(&ledger)[0].entry.is_open());
}
