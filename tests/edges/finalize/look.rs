//! What is said of a directory: names of any bytes, files of any kind, tools that are missing or hang.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use serde_json::{Value, json};

use super::{BOUND, Jibri, media, receiver, reports};

/// Name, bytes and seconds of each file.
fn files(report: &Value) -> Vec<(String, u64, Value)> {
    let files = report["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let name = file["name"].as_str().unwrap().to_owned();
            (name, file["bytes"].as_u64().unwrap(), file["seconds"].clone())
        })
        .collect()
}

async fn the_report_is_as_documented(jibri: impl Fn(&str) -> Jibri) {
    let receiver = receiver().await;
    let jibri = jibri(&receiver.url());
    let session = jibri.recorded("bYq_8-x");
    std::fs::copy(media::whole("mkv"), session.join("second.mkv")).unwrap();
    let ran = jibri.finalize(&session).await;
    assert_eq!((ran.status, ran.log.as_str(), ran.output.as_slice()), (Some(0), "", &b""[..]), "{ran:?}");
    let reports = reports(&receiver);
    assert_eq!(reports.len(), 1, "nobody delivers anything");
    let report = &reports[0];
    let size = |name: &str| std::fs::metadata(session.join(name)).unwrap().len();
    let first = "lesson_2026-11-30-10-00-00.mp4";
    let free = report["disk_free_bytes"].as_u64().unwrap();
    let seconds = |n: usize| report["files"][n]["seconds"].as_f64().unwrap();
    assert!((0.9..1.2).contains(&seconds(0)) && (0.9..1.2).contains(&seconds(1)), "{report}");
    let expected = json!({
        "session_id": "bYq_8-x",
        "instance": "jibri-1",
        "event": "written",
        "files": [
            {"name": first, "bytes": size(first), "seconds": seconds(0)},
            {"name": "second.mkv", "bytes": size("second.mkv"), "seconds": seconds(1)},
        ],
        "disk_free_bytes": free,
        "exit_status": null,
        "message": null,
        "meeting_url": "https://meet.example/Ünterricht \"7\"",
    });
    assert_eq!(*report, expected);
    assert!(free > 1_000_000);
    assert!(jibri.waiting().is_empty());
}

#[tokio::test]
async fn the_report_is_as_documented_with_dash() {
    the_report_is_as_documented(Jibri::new).await;
}

#[tokio::test]
async fn the_report_is_as_documented_with_busybox() {
    the_report_is_as_documented(|url| Jibri::new(url).with_busybox()).await;
}

#[tokio::test]
async fn a_name_may_have_any_bytes() {
    let receiver = receiver().await;
    for jibri in [Jibri::new(&receiver.url()), Jibri::new(&receiver.url()).with_busybox()] {
        let before = reports(&receiver).len();
        let names: [&[u8]; 5] =
            [b"a b'\"c\\", b"two\nlines\n", b"-rf", b"\xff\xc3(\xf0\x9f", "прямо 🎥 $(id) `id`".as_bytes()];
        for name in names {
            let session = jibri.session(name);
            std::fs::copy(media::whole("mkv"), session.join(OsStr::from_bytes(name))).unwrap();
            let ran = jibri.finalize(&session).await;
            assert_eq!((ran.status, ran.log.as_str()), (Some(0), ""), "{ran:?}");
        }
        let reports = reports(&receiver);
        let shown: Vec<_> =
            reports[before..].iter().map(|report| report["session_id"].as_str().unwrap()).collect();
        let expected =
            ["a b'\"c\\", "two\nlines\n", "-rf", "\u{fffd}\u{fffd}(\u{fffd}", "прямо 🎥 $(id) `id`"];
        assert_eq!(shown, expected);
        for (report, name) in reports[before..].iter().zip(expected) {
            let files = files(report);
            assert_eq!(files[0].0, name);
            assert!(files[0].2.is_number(), "{report}");
        }
    }
}

/// Seconds are said where somebody knows them, and 0 only where nothing can be played.
#[tokio::test]
async fn a_file_that_is_not_whole_is_told_of() {
    let receiver = receiver().await;
    let jibri = Jibri::new(&receiver.url());
    let session = jibri.session("s1");
    std::fs::write(session.join("1-empty.mp4"), "").unwrap();
    std::fs::write(session.join("2-garbage.mkv"), "no recording at all".repeat(100)).unwrap();
    std::fs::copy(media::cut_off("mp4"), session.join("3-killed.mp4")).unwrap();
    std::fs::copy(media::cut_off("mkv"), session.join("4-killed.mkv")).unwrap();
    // None of these is a recording.
    std::fs::create_dir(session.join("directory.mp4")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", session.join("link.mp4")).unwrap();
    std::fs::write(session.join("chat.txt"), "hello").unwrap();
    let ran = jibri.finalize(&session).await;
    assert_eq!(ran.status, Some(0));
    let report = &reports(&receiver)[0];
    let files: Vec<_> = files(report).into_iter().map(|(name, _, seconds)| (name, seconds)).collect();
    let expected = [
        ("1-empty.mp4", json!(0)),
        ("2-garbage.mkv", json!(0)),
        ("3-killed.mp4", json!(0)),
        ("4-killed.mkv", Value::Null),
    ];
    assert_eq!(files, expected.map(|(name, seconds)| (name.to_owned(), seconds)));
    let message = report["message"].as_str().unwrap();
    for said in [
        "1-empty.mp4 has 0 bytes",
        "2-garbage.mkv cannot be read",
        "3-killed.mp4 has no index (moov atom not found)",
        "4-killed.mkv has no end",
    ] {
        assert!(message.contains(said) && ran.log.contains(said), "{said}: {message}");
    }
}

#[tokio::test]
async fn an_empty_or_missing_directory_is_reported() {
    let receiver = receiver().await;
    let jibri = Jibri::new(&receiver.url());
    assert_eq!(jibri.finalize(&jibri.session("empty")).await.status, Some(0));
    assert_eq!(jibri.finalize(&jibri.recordings().join("missing")).await.status, Some(0));
    let reports = reports(&receiver);
    assert_eq!(
        (&reports[0]["files"], &reports[0]["message"]),
        (&json!([]), &json!("there is no media file"))
    );
    assert_eq!(reports[1]["files"], json!([]));
    assert!(reports[1]["message"].as_str().unwrap().contains("is not there"));
}

#[tokio::test]
async fn without_tools_it_reports_what_it_knows() {
    let receiver = receiver().await;
    let jibri = Jibri::new(&receiver.url()).without(&["ffprobe"]);
    let ran = jibri.finalize(&jibri.recorded("s1")).await;
    assert!(ran.status == Some(0) && ran.log.contains("ffprobe is not there"), "{ran:?}");
    let jibri = Jibri::new(&receiver.url()).without(&["timeout"]);
    let ran = jibri.finalize(&jibri.recorded("s2")).await;
    assert!(ran.status == Some(0) && ran.log.contains("timeout is not there"), "{ran:?}");
    let reports = reports(&receiver);
    for report in &reports {
        let files = files(report);
        assert!(files[0].1 > 1000 && files[0].2.is_null(), "{report}");
    }
    assert!(reports[0]["disk_free_bytes"].is_number() && reports[1]["disk_free_bytes"].is_null());
}

/// A disk that hangs holds ffprobe, and whoever waits for it.
#[tokio::test]
async fn a_disk_that_hangs_is_not_waited_for() {
    let receiver = receiver().await;
    let mut jibri = Jibri::new(&receiver.url()).in_its_time();
    jibri.with_program("ffprobe", "#!/bin/sh\ntrap '' TERM INT HUP\nexec sleep 60\n");
    jibri.with_program("df", "#!/bin/sh\ntrap '' TERM INT HUP\nexec sleep 60\n");
    let session = jibri.recorded("s1");
    for n in 0..20 {
        std::fs::copy(media::whole("mkv"), session.join(format!("{n}.mkv"))).unwrap();
    }
    let ran = jibri.finalize(&session).await;
    assert!(ran.status == Some(0) && ran.took < BOUND, "{ran:?}");
    let report = &reports(&receiver)[0];
    // As many as it could list in that time.
    assert!((1..=21).contains(&files(report).len()), "{report}");
    assert!(report["disk_free_bytes"].is_null() && report["files"][0]["seconds"].is_null(), "{report}");
}

#[tokio::test]
async fn a_report_has_bounds() {
    let receiver = receiver().await;
    let jibri = Jibri::new(&receiver.url());
    let session = jibri.session("s1");
    for n in 0..150 {
        std::fs::write(session.join(format!("{n:03}.mp4")), "").unwrap();
    }
    let long = jibri.session("s2");
    for n in 0..100 {
        // Each of these bytes becomes six.
        std::fs::write(long.join(format!("{n:03}{}", "\u{1}".repeat(250))), "").unwrap();
    }
    for session in [&session, &long] {
        let ran = jibri.finalize(session).await;
        assert_eq!(ran.status, Some(0), "{}", ran.log);
    }
    let reports = reports(&receiver);
    assert_eq!(files(&reports[0]).len(), 100);
    assert!(
        reports[0]["message"].as_str().unwrap().ends_with("50 more files are not listed"),
        "{}",
        reports[0]
    );
    assert!((10..100).contains(&files(&reports[1]).len()));
}

#[tokio::test]
async fn a_metadata_file_that_makes_no_sense_costs_only_itself() {
    let receiver = receiver().await;
    let jibri = Jibri::new(&receiver.url());
    let all: [(&[u8], Value); 7] = [
        (b"", Value::Null),
        (b"\0\xff{{{", Value::Null),
        (br#"{"meeting_url":"https://a/\ud83c"}"#, Value::Null),
        (br#"{"meeting_url":"https://a/\x"}"#, Value::Null),
        (br#"{"meeting_url":null}"#, Value::Null),
        (b"{\n  \"meeting_url\" : \"https://a/\xff\\u00fc\"\n}", json!("https://a/\u{fffd}ü")),
        (br#"{"participants":[],"meeting_url":"https:\/\/a\/b"}"#, json!("https://a/b")),
    ];
    for (n, (text, expected)) in all.iter().enumerate() {
        let session = jibri.session(format!("s{n}"));
        std::fs::write(session.join("metadata.json"), text).unwrap();
        jibri.finalize(&session).await;
        assert_eq!(reports(&receiver)[n]["meeting_url"], *expected, "{n}");
    }
}
