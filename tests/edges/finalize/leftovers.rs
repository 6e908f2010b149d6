//! What no finalize ever saw: recordings whose Jibri was stopped while it recorded, before the next start.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::media::{self, seconds};
use super::{Jibri, Ran, age, receiver, reports, told};

/// One in whose recordings the script is known since an hour ago.
fn known(mut jibri: Jibri) -> Jibri {
    std::fs::create_dir_all(jibri.spool()).unwrap();
    std::fs::write(jibri.spool().join("since"), "").unwrap();
    age(&jibri.spool().join("since"), 3600);
    jibri.set("JIBRI_REPORT_QUIET_SECONDS", "2");
    jibri
}

/// A session of ten minutes ago with this file.
fn with(jibri: &Jibri, session: &str, file: &Path, name: &str) -> PathBuf {
    let directory = jibri.session(session);
    std::fs::copy(file, directory.join(name)).unwrap();
    age(&directory.join(name), 600);
    directory
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn done(ran: &Ran) {
    assert_eq!((ran.status, ran.output.len()), (Some(0), 0), "{ran:?}");
}

async fn what_was_cut_off_is_salvaged(jibri: impl Fn(&str) -> Jibri) {
    let receiver = receiver().await;
    let jibri = known(jibri(&receiver.url()));
    let mkv = with(&jibri, "s1", &media::cut_off("mkv"), "lesson_1.mkv");
    let original = std::fs::read(mkv.join("lesson_1.mkv")).unwrap();
    let before = std::fs::metadata(mkv.join("lesson_1.mkv")).unwrap();
    let ran = jibri.leftovers().await;
    done(&ran);
    assert!(ran.log.contains("all that can be read of it is in lesson_1.salvaged.mkv"), "{}", ran.log);
    assert_eq!(names(&mkv), ["lesson_1.mkv", "lesson_1.salvaged.mkv"]);
    assert_eq!(std::fs::read(mkv.join("lesson_1.mkv")).unwrap(), original);
    let after = std::fs::metadata(mkv.join("lesson_1.mkv")).unwrap();
    assert_eq!((before.mtime_nsec(), before.ino()), (after.mtime_nsec(), after.ino()));
    let copy = std::fs::metadata(mkv.join("lesson_1.salvaged.mkv")).unwrap();
    assert_eq!(copy.permissions().mode() & 0o777, 0o644, "as Jibri's own");
    assert_eq!(seconds(&mkv.join("lesson_1.mkv")), None);
    let length = seconds(&mkv.join("lesson_1.salvaged.mkv")).unwrap();
    assert!(length > 1.0, "{length}");
    let reports = reports(&receiver);
    assert_eq!(told(&reports), [("s1", "salvaged")]);
    let message = "lesson_1.mkv has no end: all that can be read of it is in lesson_1.salvaged.mkv; the last seconds \
                   before its Jibri was stopped may be missing";
    assert_eq!(reports[0]["message"], message);
    let files = json!([
        {"name": "lesson_1.mkv", "bytes": before.len(), "seconds": null},
        {"name": "lesson_1.salvaged.mkv", "bytes": copy.len(), "seconds": length},
    ]);
    assert_eq!((&reports[0]["files"], &reports[0]["exit_status"]), (&files, &Value::Null));
    // Twice is once.
    let again = jibri.leftovers().await;
    assert_eq!((again.status, again.log.as_str(), receiver.requests()), (Some(0), "", 1));
    assert_eq!(names(&mkv).len(), 2);
}

#[tokio::test]
async fn what_was_cut_off_is_salvaged_with_dash() {
    what_was_cut_off_is_salvaged(Jibri::new).await;
}

#[tokio::test]
async fn what_was_cut_off_is_salvaged_with_busybox() {
    what_was_cut_off_is_salvaged(|url| Jibri::new(url).with_busybox()).await;
}

#[tokio::test]
async fn what_is_lost_is_said() {
    let receiver = receiver().await;
    let jibri = known(Jibri::new(&receiver.url()));
    let directory = with(&jibri, "two\nlines 'q'", &media::cut_off("mp4"), "a \"b\".mp4");
    for (name, file) in [("whole.mkv", media::whole("mkv")), ("x", media::cut_off("mkv"))] {
        std::fs::copy(file, directory.join(name)).unwrap();
    }
    std::fs::write(directory.join("empty.mp4"), "").unwrap();
    for name in names(&directory) {
        age(&directory.join(name), 600);
    }
    let empty = jibri.session("nothing");
    age(&empty, 1200);
    // Nothing of this is Jibri's.
    let archive = jibri.session("archive");
    std::fs::create_dir(archive.join("2026")).unwrap();
    age(&archive, 1200);
    done(&jibri.leftovers().await);
    let reports = reports(&receiver);
    let mut told = told(&reports);
    told.sort_unstable();
    assert_eq!(told, [("nothing", "salvaged"), ("two\nlines 'q'", "salvaged")]);
    let of = |session: &str| reports.iter().find(|report| report["session_id"] == session).unwrap();
    assert_eq!(of("nothing")["message"], "nothing was recorded");
    let message = of("two\nlines 'q'")["message"].as_str().unwrap();
    for said in [
        "a \"b\".mp4 has no index (moov atom not found): nothing of it can be read",
        "empty.mp4 has 0 bytes",
        "whole.mkv is whole",
        "x has no end: all that can be read of it is in x.salvaged.mkv",
    ] {
        assert!(message.contains(said), "{said}: {message}");
    }
    let salvaged: Vec<_> = names(&directory).into_iter().filter(|name| name.contains("salvag")).collect();
    assert_eq!(salvaged, ["x.salvaged.mkv"]);
}

/// What is there when it is used for the first time is nobody's accident.
#[tokio::test]
async fn what_is_older_than_the_script_is_left_alone() {
    let receiver = receiver().await;
    let jibri = Jibri::new(&receiver.url());
    let old = with(&jibri, "old", &media::cut_off("mkv"), "a.mkv");
    let ran = jibri.leftovers().await;
    assert_eq!((ran.status, ran.log.as_str(), receiver.requests()), (Some(0), "", 0));
    assert_eq!(names(&old), ["a.mkv"]);
    // As the document says.
    age(&jibri.spool().join("since"), 86_400);
    done(&jibri.leftovers().await);
    assert_eq!(told(&reports(&receiver)), [("old", "salvaged")]);
}

#[tokio::test]
async fn what_a_finalize_saw_is_none() {
    let receiver = receiver().await;
    let jibri = known(Jibri::new(&receiver.url()));
    let session = with(&jibri, "s1", &media::cut_off("mkv"), "a.mkv");
    jibri.finalize(&session).await;
    let ran = jibri.leftovers().await;
    assert_eq!((ran.log.as_str(), receiver.requests(), names(&session).len()), ("", 1, 1));
    // What is known of a directory goes with it.
    std::fs::remove_dir_all(session).unwrap();
    jibri.leftovers().await;
    assert!(names(&jibri.spool().join("seen")).is_empty());
}

/// Somebody types it while Jibri records.
#[tokio::test]
async fn what_our_own_jibri_writes_is_left_alone() {
    let receiver = receiver().await;
    let jibri = known(Jibri::new(&receiver.url()));
    let live = jibri.session("live");
    let mut writing = media::writing(&live.join("a.mkv"));
    super::until("it writes", || std::fs::metadata(live.join("a.mkv")).is_ok_and(|file| file.len() > 10_000))
        .await;
    let cut = jibri.session("cut");
    std::fs::copy(media::cut_off("mkv"), cut.join("b.mkv")).unwrap();
    // Jibri has made it, and is not yet in the meeting.
    jibri.session("begun");
    let ran = jibri.leftovers().await;
    done(&ran);
    assert!(ran.log.contains("live is being written to"), "{}", ran.log);
    assert_eq!(told(&reports(&receiver)), [("cut", "salvaged")]);
    assert_eq!(names(&live), ["a.mkv"]);
    writing.kill().unwrap();
    writing.wait().unwrap();
    done(&jibri.leftovers().await);
    assert_eq!(told(&reports(&receiver)), [("cut", "salvaged"), ("live", "salvaged")]);
}

/// Jibris may share the recordings, each in a container of its own: who has the file open cannot be seen.
#[tokio::test]
async fn what_another_jibri_writes_is_left_alone() {
    let receiver = receiver().await;
    let mut jibri = known(Jibri::new(&receiver.url()));
    jibri.set("JIBRI_REPORT_INSTANCE", "jibri-2");
    done(&jibri.leftovers().await);
    jibri.set("JIBRI_REPORT_INSTANCE", "jibri-1");
    let live = jibri.session("live").join("a.mkv");
    let cut = jibri.session("cut");
    for file in [&live, &cut.join("b.mkv")] {
        std::fs::copy(media::cut_off("mkv"), file).unwrap();
    }
    let writes = async {
        loop {
            let mut file = std::fs::File::options().append(true).open(&live).unwrap();
            std::io::Write::write_all(&mut file, b"more").unwrap();
            drop(file);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let ran = tokio::select! { ran = jibri.leftovers() => ran, () = writes => unreachable!() };
    done(&ran);
    assert!(ran.log.contains("live is being written to"), "{}", ran.log);
    assert_eq!(told(&reports(&receiver)), [("cut", "salvaged")]);
    assert_eq!(names(live.parent().unwrap()), ["a.mkv"]);
}

/// Two that come back at once do not copy the same.
#[tokio::test]
async fn two_at_once_salvage_it_once() {
    let receiver = receiver().await;
    let jibri = known(Jibri::new(&receiver.url()));
    for n in 0..4 {
        with(&jibri, &format!("s{n}"), &media::cut_off("mkv"), "a.mkv");
    }
    let (one, two) = tokio::join!(jibri.leftovers(), jibri.leftovers());
    done(&one);
    done(&two);
    let reports = reports(&receiver);
    let mut told = told(&reports);
    told.sort_unstable();
    let sessions: Vec<_> = told.iter().map(|(session, _)| *session).collect();
    assert_eq!(sessions, ["s0", "s1", "s2", "s3"]);
}

/// Jibri and all of its machine went down while the site's command was at it.
#[tokio::test]
async fn a_command_that_was_never_through_is_reported() {
    let receiver = receiver().await;
    let mut jibri = known(Jibri::new(&receiver.url()));
    jibri.set("JIBRI_REPORT_THEN", "sleep 60; true");
    let session = jibri.recorded("s1");
    let mut command = jibri.command(&[session.as_os_str()]);
    std::os::unix::process::CommandExt::process_group(command.as_std_mut(), 0);
    let mut run = command.spawn().unwrap();
    let marker = jibri.spool().join("seen/s1");
    let running = || std::fs::read_to_string(&marker).is_ok_and(|text| text.starts_with("running jibri-1"));
    super::until("it runs", running).await;
    // Somebody types it while all is well.
    assert_eq!(jibri.leftovers().await.log, "");
    let group = nix::unistd::Pid::from_raw(run.id().unwrap().cast_signed());
    nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL).unwrap();
    run.wait().await.unwrap();
    // It is no other Jibri's to tell.
    jibri.set("JIBRI_REPORT_INSTANCE", "jibri-2");
    assert_eq!(jibri.leftovers().await.log, "");
    jibri.set("JIBRI_REPORT_INSTANCE", "jibri-1");
    done(&jibri.leftovers().await);
    assert_eq!(jibri.leftovers().await.log, "");
    let reports = reports(&receiver);
    assert_eq!(told(&reports), [("s1", "written"), ("s1", "failed")]);
    assert_eq!(reports[1]["exit_status"], Value::Null);
    assert!(reports[1]["message"].as_str().unwrap().contains("was stopped while"), "{}", reports[1]);
}

/// Each pod has another name: its successor has nothing but the time to go by.
#[tokio::test]
async fn what_another_was_at_a_day_ago_is_reported() {
    let receiver = receiver().await;
    let jibri = known(Jibri::new(&receiver.url()));
    let sessions = [("s1", "running"), ("s2", "begun"), ("s3", "salvaging")];
    for (name, state) in sessions {
        let session = with(&jibri, name, &media::whole("mkv"), "a.mkv");
        std::fs::create_dir_all(jibri.spool().join("seen")).unwrap();
        let marker = jibri.spool().join("seen").join(name);
        std::fs::write(&marker, format!("{state} jibri-0 1\n")).unwrap();
        age(&session, 600);
    }
    assert_eq!(jibri.leftovers().await.log, "");
    for (name, _) in sessions {
        age(&jibri.spool().join("seen").join(name), 90_000);
    }
    done(&jibri.leftovers().await);
    assert_eq!(jibri.leftovers().await.log, "");
    let reports = reports(&receiver);
    let mut told = told(&reports);
    told.sort_unstable();
    assert_eq!(told, [("s1", "failed"), ("s2", "salvaged"), ("s3", "salvaged")]);
}

/// A session moved to another Jibri, which goes on in the same directory (docs/jitsi.md 13.2.4).
#[tokio::test]
async fn a_second_file_in_the_same_directory_is_seen_to() {
    let receiver = receiver().await;
    let jibri = known(Jibri::new(&receiver.url()));
    let session = with(&jibri, "s1", &media::cut_off("mkv"), "a.mkv");
    done(&jibri.leftovers().await);
    std::fs::copy(media::cut_off("mkv"), session.join("b.mkv")).unwrap();
    age(&jibri.spool().join("seen/s1"), 60);
    done(&jibri.leftovers().await);
    assert_eq!(names(&session), ["a.mkv", "a.salvaged.mkv", "b.mkv", "b.salvaged.mkv"]);
    assert_eq!(reports(&receiver)[1]["files"].as_array().unwrap().len(), 4);
}

/// It holds up Jibri's start, and so it has a bound; the newest come first, and the rest waits.
#[tokio::test]
async fn it_has_a_bound_and_goes_on_at_the_next_start() {
    let receiver = receiver().await;
    let mut jibri = known(Jibri::new(&receiver.url()));
    for n in 0..3 {
        let session = with(&jibri, &format!("s{n}"), &media::cut_off("mkv"), "a.mkv");
        age(&session, 600 - n * 60);
    }
    // It takes as long as it likes.
    jibri.with_program("ffmpeg", "#!/bin/sh\nexec sleep 60\n");
    jibri.set("JIBRI_REPORT_LEFTOVERS_SECONDS", "3");
    let ran = jibri.leftovers().await;
    done(&ran);
    assert!(ran.took < Duration::from_secs(10), "{ran:?}");
    assert!(ran.log.contains("2 directories wait for the next start"), "{}", ran.log);
    let reports = reports(&receiver);
    assert_eq!(told(&reports), [("s2", "salvaged")]);
    assert!(
        reports[0]["message"].as_str().unwrap().contains("too large to be copied within 3 s"),
        "{}",
        reports[0]
    );
    jibri.leftovers().await;
    assert_eq!(told(&super::reports(&receiver)), [("s2", "salvaged"), ("s1", "salvaged")]);
}

/// Debian's user of this name.
const NOBODY: u32 = 65534;

/// systemd's units start things as root, which Jibri is not.
#[tokio::test]
async fn root_leaves_nothing_that_is_roots() {
    let mut jibri = known(Jibri::new(""));
    let session = with(&jibri, "s1", &media::cut_off("mkv"), "a.mkv");
    std::fs::remove_dir_all(jibri.spool()).unwrap();
    let all = [jibri.path(""), jibri.recordings(), session.clone(), session.join("a.mkv"), jibri.path("tmp")];
    for path in all {
        if std::os::unix::fs::chown(&path, Some(NOBODY), Some(NOBODY)).is_err() {
            eprintln!("NOT TESTED: not root");
            return;
        }
    }
    // The script itself may be where only root gets to.
    let script = jibri.path("finalize.sh");
    std::fs::copy(super::SCRIPT, &script).unwrap();
    jibri.set("JIBRI_REPORT_LEFTOVERS_SECONDS", "30");
    let mut command = tokio::process::Command::new("sh");
    command.arg(&script).arg("--leftovers").arg(jibri.recordings()).env_clear();
    command.envs(jibri.environment.iter().map(|(name, value)| (name, value)));
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::metadata(jibri.spool()).unwrap().uid(), NOBODY, "{output:?}");
    assert_eq!(std::fs::metadata(jibri.spool().join("since")).unwrap().uid(), NOBODY);
}
