//! A report that nobody takes: it waits beside the recordings, and is sent with the next one.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use super::{BOUND, Jibri, TOKEN, json_files, receiver, reports, told};
use crate::stand_in::{Manner, StandIn};

/// A port at which nobody listens.
async fn nobody() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn with_nobody_there_it_waits_and_is_sent_first() {
    let address = nobody().await;
    for jibri in
        [Jibri::new(&format!("http://{address}")), Jibri::new(&format!("http://{address}/")).with_busybox()]
    {
        for name in ["s1", "s2"] {
            let ran = jibri.finalize(&jibri.recorded(name)).await;
            assert_eq!(ran.status, Some(0));
            assert!(ran.log.contains("a report waits in") && ran.log.contains("(7)"), "{}", ran.log);
        }
        let waiting = jibri.waiting();
        assert_eq!(waiting.len(), 2);
        for path in &waiting {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
            assert!(!std::fs::read_to_string(path).unwrap().contains("t0ken"));
        }
        assert_eq!(std::fs::metadata(jibri.spool()).unwrap().permissions().mode() & 0o777, 0o700);
        let receiver = StandIn::start_at(address, [Manner::Status("200 OK", "{}")]).await;
        let ran = jibri.finalize(&jibri.recorded("s3")).await;
        assert_eq!((ran.status, ran.log.as_str()), (Some(0), ""));
        assert_eq!(told(&reports(&receiver)), [("s1", "written"), ("s2", "written"), ("s3", "written")]);
        assert!(jibri.waiting().is_empty());
    }
}

/// Whether it is the receiver's or the administrator's to change: it waits.
#[tokio::test]
async fn what_can_be_mended_is_kept() {
    let all = [
        (Manner::Status("500 Internal Server Error", ""), "the receiver failed (500)"),
        (
            Manner::Status("503 Service Unavailable", r#"{"error":"the service is too busy"}"#),
            "the service is too busy",
        ),
        (Manner::Status("429 Too Many Requests", ""), "(429)"),
        (Manner::Status("408 Request Timeout", ""), "(408)"),
        (Manner::Status("401 Unauthorized", r#"{"error":"wrong or missing token"}"#), "jibri.webhook_token"),
        (Manner::Status("403 Forbidden", ""), "jibri.webhook_token"),
        (Manner::Status("404 Not Found", ""), "nothing takes reports there (404)"),
        (Manner::Status("421 Misdirected Request", ""), "http.hosts"),
        (Manner::Redirect("http://127.0.0.1:1/".to_owned()), "leads elsewhere (302)"),
        (Manner::Reset, "curl: ("),
        (Manner::Gibberish, "curl: ("),
    ];
    for (manner, said) in all {
        let receiver = StandIn::start([manner.clone()]).await;
        let jibri = Jibri::new(&receiver.url());
        let ran = jibri.finalize(&jibri.recorded("s1")).await;
        assert!(ran.status == Some(0) && ran.log.contains(said), "{manner:?}: {}", ran.log);
        assert_eq!((jibri.waiting().len(), ran.log.lines().count()), (1, 1), "{manner:?}: {}", ran.log);
        receiver.be(Manner::Status("204 No Content", ""));
        assert_eq!(jibri.finalize(&jibri.recorded("s2")).await.log, "");
        let reports = reports(&receiver);
        assert_eq!(told(&reports[reports.len() - 2..]), [("s1", "written"), ("s2", "written")], "{manner:?}");
        assert!(jibri.waiting().is_empty());
    }
}

/// One that will never be taken must not stand in the way of the others.
#[tokio::test]
async fn what_is_refused_for_good_stands_in_nobodys_way() {
    for status in ["400 Bad Request", "413 Payload Too Large", "422 Unprocessable Entity"] {
        let refusal = Manner::Status(status, r#"{"error":"no report","hint":"send one"}"#);
        let receiver = StandIn::start([refusal, Manner::Status("204 No Content", "")]).await;
        let mut jibri = Jibri::new(&receiver.url());
        jibri.set("JIBRI_REPORT_THEN", "true");
        let ran = jibri.finalize(&jibri.recorded("s1")).await;
        assert_eq!(ran.status, Some(0));
        assert!(ran.log.contains("refuses a report for good") && ran.log.contains("send one"), "{}", ran.log);
        assert_eq!(told(&reports(&receiver)), [("s1", "written"), ("s1", "delivered")]);
        assert_eq!((jibri.waiting().len(), json_files(&jibri.spool().join("refused")).len()), (0, 1));
    }
}

/// A fault in the receiver that one report brings out: the others are taken.
#[tokio::test]
async fn one_that_the_receiver_fails_at_does_not_hold_up_the_others() {
    let fails = Manner::Status("500 Internal Server Error", "");
    let receiver = StandIn::start([fails.clone(), fails, Manner::Status("204 No Content", "")]).await;
    let jibri = Jibri::new(&receiver.url());
    jibri.finalize(&jibri.recorded("s1")).await;
    jibri.finalize(&jibri.recorded("s2")).await;
    assert_eq!(told(&reports(&receiver)), [("s1", "written"), ("s1", "written"), ("s2", "written")]);
    assert_eq!(jibri.waiting().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_hangs_takes_no_more_than_its_time() {
    for manner in [Manner::Silence, Manner::Late(Duration::from_secs(60), "")] {
        let receiver = StandIn::start([manner]).await;
        let mut jibri = Jibri::new(&receiver.url()).in_its_time();
        jibri.set("JIBRI_REPORT_THEN", "true");
        let ran = jibri.finalize(&jibri.recorded("s1")).await;
        assert!(ran.status == Some(0) && ran.took < BOUND, "{ran:?}");
        assert_eq!(jibri.waiting().len(), 2);
    }
}

/// With many that wait, and a receiver that takes its time for each.
#[tokio::test]
async fn many_that_wait_take_no_more_than_that_either() {
    let receiver = StandIn::start([Manner::Late(Duration::from_millis(700), "{}")]).await;
    let jibri = Jibri::new(&receiver.url()).in_its_time();
    let session = jibri.recorded("s1");
    std::fs::create_dir_all(jibri.spool()).unwrap();
    for n in 0..100 {
        std::fs::write(jibri.spool().join(format!("20260101T000000Z-{n:03}.json")), report(&n.to_string()))
            .unwrap();
    }
    let ran = jibri.finalize(&session).await;
    assert!(ran.status == Some(0) && ran.took < BOUND, "{ran:?}");
    assert!(ran.log.contains("no time to send all") || ran.log.contains("timed out"), "{}", ran.log);
    let first: Vec<_> = reports(&receiver).iter().map(|report| report["session_id"].clone()).collect();
    assert!(first.len() > 3);
    for (n, session) in first.iter().enumerate() {
        assert_eq!(session.as_str(), Some(n.to_string().as_str()));
    }
    // One may have been given up in the middle.
    let waiting = jibri.waiting().len();
    assert!(waiting == 101 - first.len() || waiting == 102 - first.len(), "{waiting} {}", first.len());
}

fn report(session: &str) -> String {
    format!(r#"{{"session_id":"{session}","event":"written"}}"#) + "\n"
}

#[tokio::test]
async fn without_a_network_the_sites_command_runs_all_the_same() {
    // Nothing has this address, and nobody answers for this name.
    for url in ["http://192.0.2.1:8790", "http://jibri-autostart.invalid:8790", "not a url", "ftp://x"] {
        let mut jibri = Jibri::new(url);
        // Whatever this machine's network would do with it.
        jibri.with_program(
            "curl",
            "#!/bin/sh\ncat >/dev/null\necho 'curl: (7) no route' >&2\nprintf '\\n000'\nexit 7\n",
        );
        jibri.set("JIBRI_REPORT_THEN", "touch \"$PWD/ran\" && test -d");
        let session = jibri.recorded("s1");
        let mut command = jibri.command(&[session.as_os_str()]);
        let output = command.current_dir(jibri.path("tmp")).output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(jibri.path("tmp/ran").exists());
        assert_eq!(jibri.waiting().len(), 2, "{url}");
    }
}

/// Where the recordings cannot be written to, something is better than nothing.
#[tokio::test]
async fn with_no_right_beside_the_recordings_it_waits_in_tmp() {
    let address = nobody().await;
    let jibri = Jibri::new(&format!("http://{address}"));
    let session = jibri.recorded("s1");
    std::fs::write(jibri.spool(), "in the way").unwrap();
    let ran = jibri.finalize(&session).await;
    assert!(ran.status == Some(0) && ran.log.contains("cannot write to"), "{}", ran.log);
    let waiting = |jibri: &Jibri| -> usize {
        let tmp = std::fs::read_dir(jibri.path("tmp")).unwrap().map(|entry| entry.unwrap().path());
        tmp.map(|place: std::path::PathBuf| json_files(Path::new(&place)).len()).sum()
    };
    assert_eq!(waiting(&jibri), 1);
    std::fs::remove_file(jibri.spool()).unwrap();
    let receiver = StandIn::start_at(address, [Manner::Status("204 No Content", "")]).await;
    assert_eq!(jibri.finalize(&jibri.recorded("s2")).await.log, "");
    let reports = reports(&receiver);
    let mut told = told(&reports);
    told.sort_unstable();
    assert_eq!(told, [("s1", "written"), ("s2", "written")]);
    assert_eq!(waiting(&jibri), 0);
}

/// In /tmp anybody may have made a directory of that name, to read what is put there.
#[tokio::test]
async fn what_is_somebody_elses_in_tmp_is_not_used() {
    let jibri = Jibri::new(&format!("http://{}", nobody().await));
    let session = jibri.recorded("s1");
    std::fs::write(jibri.spool(), "in the way").unwrap();
    let trap = jibri.path("trap");
    std::fs::create_dir(&trap).unwrap();
    let us = std::fs::metadata(&trap).unwrap().uid();
    let place = jibri.path("tmp").join(format!("jibri-reports-{us}"));
    std::os::unix::fs::symlink(&trap, place).unwrap();
    let ran = jibri.finalize(&session).await;
    assert!(ran.status == Some(0) && ran.log.contains("a report is lost"), "{}", ran.log);
    assert_eq!(std::fs::read_dir(trap).unwrap().count(), 0);
}

#[tokio::test]
async fn without_a_url_nothing_is_reported_and_the_rest_is_done() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new("");
    jibri.set("JIBRI_REPORT_THEN", "echo delivering");
    let session = jibri.recorded("s1");
    let ran = jibri.finalize(&session).await;
    assert_eq!(ran.status, Some(0));
    assert_eq!(ran.output, format!("delivering {}\n", session.display()).into_bytes());
    assert_eq!(ran.log.matches("JIBRI_REPORT_URL is not set").count(), 1, "{}", ran.log);
    assert_eq!((ran.log.lines().count(), jibri.waiting().len(), receiver.requests()), (1, 0, 0));
    let mut jibri = Jibri::new(&receiver.url());
    jibri.set("JIBRI_REPORT_TOKEN", "");
    let ran = jibri.finalize(&jibri.recorded("s1")).await;
    assert!(ran.status == Some(0) && ran.log.contains("there is no token"), "{}", ran.log);
    assert!(!receiver.seen()[0].head.contains(TOKEN));
}
