//! A full disk: the site's command runs, and no report is lost that can be sent or kept anywhere.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::{Jibri, json_files, receiver, reports, told};

/// A disk of 256 KiB in the place of a directory. Gone with this value.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// None where nobody may mount anything.
    fn mount(at: &'a Path) -> Option<Self> {
        let mut command = Command::new("mount");
        let mount = command.args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(at).output().unwrap();
        if !mount.status.success() {
            eprintln!("NOT TESTED: cannot mount a tmpfs: {}", String::from_utf8_lossy(&mount.stderr));
            return None;
        }
        Some(Self(at))
    }

    fn fill(&self) {
        let mut file = File::create(self.0.join("filler")).unwrap();
        while file.write_all(&[b'x'; 512]).is_ok() {}
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test]
async fn with_a_full_disk_reports_are_sent_all_the_same() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url());
    let (recordings, tmp) = (jibri.recordings(), jibri.path("tmp"));
    let (Some(disk), Some(other)) = (SmallDisk::mount(&recordings), SmallDisk::mount(&tmp)) else { return };
    jibri.set("JIBRI_REPORT_THEN", "echo out of room; false");
    let session = jibri.recorded("s1");
    disk.fill();
    other.fill();
    let ran = jibri.finalize(&session).await;
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.output.starts_with(b"out of room"));
    let reports = reports(&receiver);
    assert_eq!(told(&reports), [("s1", "written"), ("s1", "failed")]);
    assert_eq!(reports[0]["disk_free_bytes"], 0);
}

/// Nobody takes it and there is no room: it is in memory until the site's command has made some.
#[tokio::test]
async fn with_a_full_disk_and_no_receiver_it_waits_for_room() {
    let mut jibri = Jibri::new("http://127.0.0.1:1");
    let (recordings, tmp) = (jibri.recordings(), jibri.path("tmp"));
    let (Some(disk), Some(other)) = (SmallDisk::mount(&recordings), SmallDisk::mount(&tmp)) else { return };
    let session = jibri.recorded("s1");
    disk.fill();
    other.fill();
    jibri.set("JIBRI_REPORT_THEN", format!("rm '{}'; test -d", recordings.join("filler").display()));
    let ran = jibri.finalize(&session).await;
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.log.contains("there is no room for the report") && !ran.log.contains("is lost"),
        "{}",
        ran.log
    );
    let events: Vec<_> = jibri
        .waiting()
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap()["event"].to_string())
        .collect();
    assert_eq!(events, ["\"written\"", "\"delivered\""]);
}

/// The recordings' disk is full, /tmp is not.
#[tokio::test]
async fn with_a_full_disk_it_waits_in_tmp() {
    let jibri = Jibri::new("http://127.0.0.1:1");
    let recordings = jibri.recordings();
    let Some(disk) = SmallDisk::mount(&recordings) else { return };
    let session = jibri.recorded("s1");
    disk.fill();
    let ran = jibri.finalize(&session).await;
    assert!(ran.status == Some(0) && !ran.log.contains("no room"), "{ran:?}");
    assert!(jibri.waiting().is_empty());
    let tmp = std::fs::read_dir(jibri.path("tmp")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(json_files(&tmp).len(), 1);
}
