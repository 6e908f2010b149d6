//! The site's own command: what it is given, what becomes of its output and its status, and that it has its time.

use std::os::unix::process::CommandExt as _;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{BOUND, Jibri, TOKEN, executable, receiver, reports, told, until};
use crate::stand_in::StandIn;

/// Runs a script as the site's own; the second report.
async fn run(receiver: &StandIn, jibri: &mut Jibri, script: &str) -> (super::Ran, Value) {
    let path = jibri.path("site's own.sh");
    executable(&path, script);
    jibri.set("JIBRI_REPORT_THEN", path);
    let session = jibri.recorded("s 1");
    let before = receiver.requests();
    let ran = jibri.finalize(&session).await;
    std::fs::remove_dir_all(session).unwrap();
    let reports = reports(receiver);
    assert_eq!(reports.len(), before + 2);
    assert_eq!(reports[before]["event"], "written");
    (ran, reports[before + 1].clone())
}

#[tokio::test]
async fn it_is_given_the_directory_and_what_it_says_is_passed_on() {
    let receiver = receiver().await;
    for mut jibri in [Jibri::new(&receiver.url()), Jibri::new(&receiver.url()).with_busybox()] {
        jibri.set("LC_ALL", "C.UTF-8");
        let script =
            "#!/bin/sh\necho \"$#\" \"$1\" \"$LC_ALL\" \"$(umask)\"\necho err >&2\nyes | head -n 1\n";
        let (ran, report) = run(&receiver, &mut jibri, script).await;
        let directory = jibri.recordings().join("s 1").display().to_string();
        let output = String::from_utf8(ran.output).unwrap();
        assert_eq!(output, format!("1 {directory} C.UTF-8 0022\nerr\ny\n"));
        assert_eq!((ran.status, ran.log.as_str()), (Some(0), ""));
        assert_eq!((&report["event"], &report["exit_status"]), (&json!("delivered"), &json!(0)));
        assert_eq!(report["message"], Value::Null);
        assert_eq!(report["files"][0]["name"], "lesson_2026-11-30-10-00-00.mp4");
    }
}

#[tokio::test]
async fn a_failure_is_reported_with_its_last_lines() {
    let receiver = receiver().await;
    for mut jibri in [Jibri::new(&receiver.url()), Jibri::new(&receiver.url()).with_busybox()] {
        let script = "#!/bin/sh\nseq 30\nprintf 'no\\000 \\377\\001\"\\\\ r\\303\\266om' >&2\nexit 7\n";
        let (ran, report) = run(&receiver, &mut jibri, script).await;
        assert_eq!((&report["event"], &report["exit_status"]), (&json!("failed"), &json!(7)));
        let lines: Vec<_> = (12..=30).map(|n| n.to_string()).collect();
        assert_eq!(report["message"], lines.join("\n") + "\nno\0 \u{fffd}\u{1}\"\\ röom");
        assert!(ran.output.ends_with(b"30\nno\0 \xff\x01\"\\ r\xc3\xb6om"));
        // Jibri's log tells of it as before.
        assert_eq!(ran.status, Some(7));
        assert!(ran.log.contains("JIBRI_REPORT_THEN exited with 7"), "{}", ran.log);
        let (_, silent) = run(&receiver, &mut jibri, "#!/bin/sh\nkill -9 $$\n").await;
        assert_eq!(silent["exit_status"], 137);
        assert_eq!(silent["message"], "JIBRI_REPORT_THEN exited with 137 and said nothing");
    }
}

#[tokio::test]
async fn ten_megabytes_of_output_are_passed_on_and_not_kept() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url());
    let script = "#!/bin/sh\nyes 'a line of some length' | head -c 10000000\nexit 1\n";
    let (ran, report) = run(&receiver, &mut jibri, script).await;
    assert_eq!(ran.output.len(), 10_000_000);
    assert_eq!(report["message"].as_str().unwrap().lines().count(), 20);
    // One line without an end, of which nothing is plain text.
    let (ran, report) = run(&receiver, &mut jibri, "#!/bin/sh\nhead -c 10000000 /dev/zero\nexit 1\n").await;
    assert_eq!(ran.output.len(), 10_000_000);
    let message = report["message"].as_str().unwrap();
    assert!(message.len() > 1000 && message.chars().all(|c| c == '\0'), "{}", message.len());
}

#[tokio::test]
async fn one_that_cannot_be_run_has_failed() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url());
    let session = jibri.recorded("s1");
    for (then, status, said) in [
        ("/no/such/script.sh", 127, "not found"),
        ("/etc/hostname-of-nobody --quiet", 127, "not found"),
        (concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), 126, "ermission denied"),
        ("if", 2, "yntax error"),
    ] {
        jibri.set("JIBRI_REPORT_THEN", then);
        let before = receiver.requests();
        let output = jibri.command(&[session.as_os_str()]).output().await.unwrap();
        let report = &reports(&receiver)[before + 1];
        assert_eq!(
            (&report["event"], &report["exit_status"]),
            (&json!("failed"), &json!(status)),
            "{report}"
        );
        assert!(report["message"].as_str().unwrap().contains(said), "{report}");
        assert_eq!(output.status.code(), Some(status));
    }
}

/// A command line is one, too; a line's end in it, as YAML may leave one, ends nothing.
#[tokio::test]
async fn a_command_line_is_given_the_directory_last() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url());
    let session = jibri.recorded("s 1");
    jibri.set("JIBRI_REPORT_THEN", "printf '<%s>' 'a b'\n\n");
    let ran = jibri.finalize(&session).await;
    assert_eq!(ran.output, format!("<a b><{}>", session.display()).into_bytes());
}

/// Its output is seen while it runs, and it has all the time it wants: what it takes is not ours.
#[tokio::test]
async fn it_may_take_longer_than_we_may() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url());
    let longer = BOUND.as_secs() + 1;
    jibri.set("JIBRI_REPORT_THEN", format!("echo uploading; sleep {longer}; test -d"));
    let session = jibri.recorded("s1");
    let begun = std::time::Instant::now();
    let mut run = jibri.command(&[session.as_os_str()]).spawn().unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("uploading"));
    assert!(begun.elapsed() < BOUND, "it was not passed on at once");
    until("written", || receiver.requests() == 1).await;
    assert_eq!(run.wait().await.unwrap().code(), Some(0));
    assert!(begun.elapsed() > BOUND);
    assert_eq!(told(&reports(&receiver)), [("s1", "written"), ("s1", "delivered")]);
}

/// It may move the recording away.
#[tokio::test]
async fn what_it_moves_away_is_reported_as_it_was() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url());
    jibri.set("JIBRI_REPORT_THEN", "rm -r");
    let ran = jibri.finalize(&jibri.recorded("s1")).await;
    assert_eq!((ran.status, ran.log.as_str()), (Some(0), ""));
    let reports = reports(&receiver);
    assert_eq!(reports[0]["files"], reports[1]["files"]);
    assert_eq!(told(&reports), [("s1", "written"), ("s1", "delivered")]);
    assert_eq!(std::fs::read_dir(jibri.spool().join("seen")).unwrap().count(), 0);
}

#[tokio::test]
async fn it_is_not_told_the_token() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url());
    jibri.set("JIBRI_REPORT_THEN", "env; true");
    let ran = jibri.finalize(&jibri.recorded("s1")).await;
    let output = String::from_utf8(ran.output).unwrap();
    assert!(output.contains("JIBRI_REPORT_URL=") && !output.contains(TOKEN), "{output}");
}

/// The container is stopped: everything in it is told to end.
#[tokio::test]
async fn one_that_is_ended_with_us_has_failed() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url());
    jibri.set("JIBRI_REPORT_THEN", "echo begun; sleep 60; true");
    let session = jibri.recorded("s1");
    let mut command = jibri.command(&[session.as_os_str()]);
    command.as_std_mut().process_group(0);
    let mut run = command.spawn().unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("begun"));
    let group = nix::unistd::Pid::from_raw(run.id().unwrap().cast_signed());
    nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGTERM).unwrap();
    let status = tokio::time::timeout(Duration::from_secs(30), run.wait()).await.expect("an end").unwrap();
    assert_eq!(status.code(), Some(143));
    let reports = reports(&receiver);
    assert_eq!(told(&reports), [("s1", "written"), ("s1", "failed")]);
    assert!(reports[1]["message"].as_str().unwrap().contains("ended"), "{}", reports[1]);
}

/// Jibri may be killed: whoever reads our output is gone, and what is to be done is done.
#[tokio::test]
async fn with_nobody_who_listens_it_goes_on() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url());
    let done = jibri.path("done");
    let go_on = jibri.path("go on");
    let script = format!(
        "#!/bin/sh\nuntil [ -e '{}' ]; do sleep 0.01; done\necho one; echo two >&2; echo three\n: >'{}'\nexit 3\n",
        go_on.display(),
        done.display()
    );
    let path = jibri.path("then.sh");
    executable(&path, &script);
    jibri.set("JIBRI_REPORT_THEN", path);
    let mut run = jibri.command(&[jibri.recorded("s1").as_os_str()]).spawn().unwrap();
    until("written", || receiver.requests() == 1).await;
    drop((run.stdout.take(), run.stderr.take()));
    std::fs::write(go_on, "").unwrap();
    assert_eq!(run.wait().await.unwrap().code(), Some(3));
    assert!(done.exists());
    let reports = reports(&receiver);
    assert_eq!(told(&reports), [("s1", "written"), ("s1", "failed")]);
    assert_eq!(reports[1]["message"], "one\ntwo\nthree");
}
