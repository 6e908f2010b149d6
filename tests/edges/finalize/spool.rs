//! The spool: several runs at once, runs that were killed, and how large it may become.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use super::{Jibri, age, receiver, reports, until};
use crate::stand_in::{Manner, StandIn};

#[tokio::test]
async fn of_two_at_once_one_sends_each() {
    let receiver = StandIn::start([Manner::Late(Duration::from_millis(50), "{}")]).await;
    let jibri = Jibri::new(&receiver.url());
    std::fs::create_dir_all(jibri.spool()).unwrap();
    for n in 0..20 {
        let body = format!("{{\"session_id\":\"waiting {n}\",\"event\":\"written\"}}\n");
        std::fs::write(jibri.spool().join(format!("20260101T000000Z-{n:03}.json")), body).unwrap();
    }
    let sessions: Vec<_> = (0..4).map(|n| jibri.recorded(&format!("s{n}"))).collect();
    let runs = sessions.iter().map(|session| jibri.finalize(session));
    for ran in futures::future::join_all(runs).await {
        assert_eq!((ran.status, ran.log.as_str()), (Some(0), ""));
    }
    let mut times = BTreeMap::new();
    for report in reports(&receiver) {
        *times.entry(report["session_id"].to_string()).or_insert(0) += 1;
    }
    assert_eq!(times.len(), 24, "{times:?}");
    assert!(times.values().all(|&times| times == 1), "{times:?}");
    assert!(receiver.most_at_once() > 1, "they did not wait for each other");
    assert!(jibri.waiting().is_empty());
}

#[tokio::test]
async fn what_a_killed_run_had_taken_is_sent_by_the_next() {
    let receiver = StandIn::start([Manner::Silence]).await;
    let jibri = Jibri::new(&receiver.url());
    let mut run = jibri.command(&[jibri.recorded("s1").as_os_str()]).spawn().unwrap();
    until("sent", || receiver.requests() == 1).await;
    run.kill().await.unwrap();
    let taken = || {
        let entries = std::fs::read_dir(jibri.spool()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.to_str().unwrap().contains(".sending.")).collect::<Vec<_>>()
    };
    assert_eq!((taken().len(), jibri.waiting().len()), (1, 0));
    receiver.be(Manner::Status("204 No Content", ""));
    // It may still be at it.
    jibri.finalize(&jibri.recorded("s2")).await;
    assert_eq!(taken().len(), 1);
    age(&taken()[0], 180);
    jibri.finalize(&jibri.recorded("s3")).await;
    assert_eq!((taken().len(), jibri.waiting().len()), (0, 0));
    let last: Vec<_> = reports(&receiver).iter().map(|report| report["session_id"].to_string()).collect();
    assert_eq!(last, ["\"s1\"", "\"s2\"", "\"s1\"", "\"s3\""]);
}

#[tokio::test]
async fn it_has_a_bound_and_the_oldest_go() {
    let receiver = StandIn::start([Manner::Reset]).await;
    let jibri = Jibri::new(&receiver.url());
    std::fs::create_dir_all(jibri.spool()).unwrap();
    for n in 0..1005 {
        std::fs::write(jibri.spool().join(format!("20260101T000000Z-{n:04}.json")), "{}\n").unwrap();
    }
    let ran = jibri.finalize(&jibri.recorded("s1")).await;
    assert!(ran.status == Some(0) && ran.log.contains("the oldest are dropped"), "{}", ran.log);
    let waiting = jibri.waiting();
    assert_eq!(waiting.len(), 1000);
    assert!(waiting[0].to_str().unwrap().ends_with("0006.json"), "{:?}", waiting[0]);
    assert!(std::fs::read_to_string(waiting.last().unwrap()).unwrap().contains("s1"));
}

/// No media file is changed, and nothing is left in a session's directory.
#[tokio::test]
async fn the_recordings_stay_as_they_are() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url());
    jibri.set("JIBRI_REPORT_THEN", "true");
    let session = jibri.recorded("s1");
    let state = || {
        let entries = std::fs::read_dir(&session).unwrap().map(|entry| entry.unwrap());
        let mut all: Vec<_> = entries
            .map(|entry| {
                let meta = entry.metadata().unwrap();
                (entry.file_name(), meta.len(), meta.mtime_nsec(), meta.mode(), meta.ino())
            })
            .collect();
        all.sort();
        all
    };
    let before = state();
    jibri.finalize(&session).await;
    jibri.leftovers().await;
    assert_eq!(state(), before);
    assert_eq!(std::fs::read_dir(jibri.path("tmp")).unwrap().count(), 0);
}
