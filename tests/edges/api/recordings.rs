//! `GET /api/v1/recordings`: every state, what may be asked for, and what may not.

use std::process::Command;
use std::time::Duration;

use jibri_autostart::ledger::{Ledger, Moment};
use jibri_autostart::recordings::{Failure, File, Part, Recording, RecordingState};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::BareEnvironment as _;

use super::openapi::{ask, document};
use super::{World, world};

const ROUTE: &str = "/api/v1/recordings";

/// A recording of each state, a meeting of two recordings, and one with everything in it that can be. `before`: so much was
/// put already.
pub(crate) async fn fill(ledger: &mut Ledger, before: u64) {
    let now = Moment::now();
    let ago = |seconds: u64| now.before(Duration::from_secs(seconds));
    let room = |local: &str| Some(format!("{local}@muc.meet.jitsi"));
    let mut all: Vec<_> = (1..)
        .zip(RecordingState::ALL)
        .map(|(n, state)| {
            let (started, ended) = (Some(ago(n * 4000)), Some(ago(n * 4000 - 600)));
            let key = state.name().to_owned();
            let ended = ended.filter(|_| state != RecordingState::Recording);
            (Recording { key, room: room("r1"), started, ended, ..Recording::default() }, state)
        })
        .collect();
    let part = |name: &str, ms: u64| {
        let file = File { bytes: 1000 * ms, ms: Some(ms) };
        Part { files: [(name.to_owned(), file)].into(), ..Part::default() }
    };
    let moved = |key: &str, from: u64, to: u64, ms: u64| Recording {
        key: key.to_owned(),
        room: room("moved"),
        wanted: Some(ago(from)),
        started: Some(ago(from)),
        ended: Some(ago(to)),
        parts: [("jibri-1".to_owned(), part(key, ms))].into(),
        ..Recording::default()
    };
    all.push((moved("m1", 3600, 3000, 570_000), RecordingState::Written));
    all.push((moved("m2", 2999, 419, 2_490_000), RecordingState::Written));
    let failed = Part {
        failed: Some(Failure { exit_status: Some(7), message: "<b>no\u{202e} | \u{fffd}".to_owned() }),
        ..part("<script>alert(1)</script>\u{202e} ö/.mp4", 61_499)
    };
    let whole = Recording {
        key: "whole/1".to_owned(),
        session_id: Some("s/1".to_owned()),
        room: room("[acme]größe/<script>"),
        meeting_id: Some("m".to_owned()),
        mode: Some("file".to_owned()),
        jibris: vec!["jibri-1".to_owned(), "jibri-2".to_owned()],
        wanted: Some(ago(105)),
        started: Some(ago(100)),
        started_by: Some("<b>\u{202e} (moderator)".to_owned()),
        ended: Some(ago(5)),
        ended_by: Some("stopped".to_owned()),
        parts: [("jibri-2".to_owned(), failed)].into(),
        ..Recording::default()
    };
    all.push((whole, RecordingState::Failed));
    let count = before + all.len() as u64;
    for (recording, state) in all {
        ledger.put_recording(recording, state);
    }
    ledger.safe().wait_for(|safe| *safe >= count).await.unwrap();
}

async fn recordings(world: &World, asked: &str) -> Vec<Value> {
    let path = format!("{ROUTE}?{asked}");
    assert_eq!(ask(world, &document(), Method::GET, ROUTE, &path, "").await, StatusCode::OK, "{asked}");
    world.client.get(format!("{}{path}", world.url)).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn what_is_asked_for_is_shown() {
    let world = world().await;
    let tomorrow = format!("since={}", Moment::now().after(Duration::from_secs(86_400)));
    for (asked, expected) in [
        ("", 13),
        ("room=&since=&state=&limit=", 13),
        ("room=r1", 10),
        ("room=R1%40muc.meet.jitsi", 10),
        ("room=%5Bacme%5Dgr%C3%B6%C3%9Fe%2F%3Cscript%3E", 1),
        ("room=r2", 0),
        ("room=%27%20OR%201%3D1%20--", 0),
        ("state=missing", 1),
        ("state=failed", 2),
        ("state=written&room=moved", 2),
        ("state=short&room=moved", 0),
        ("since=70min", 4),
        // What is over is over; what is on lasts.
        (&tomorrow, 1),
        ("limit=2", 2),
        ("limit=1000&room=r1&since=7day", 10),
        ("unknown=1", 13),
    ] {
        assert_eq!(recordings(&world, asked).await.len(), expected, "{asked}");
    }
    let all = recordings(&world, "").await;
    let times: Vec<&str> =
        all.iter().filter_map(|one| one["wanted"].as_str().or(one["started"].as_str())).collect();
    assert!(times.len() == 13 && times.windows(2).all(|two| two[0] >= two[1]), "{times:?}");
    for state in RecordingState::ALL {
        let of_state = recordings(&world, &format!("state={}", state.name())).await;
        assert!(
            !of_state.is_empty() && of_state.iter().all(|one| one["state"] == state.name()),
            "{of_state:?}"
        );
        assert!(of_state.iter().all(|one| one["meeting"].is_null()), "{of_state:?}");
    }
}

#[tokio::test]
async fn everything_about_one_is_shown_as_text() {
    let world = world().await;
    let whole = &recordings(&world, "limit=1").await[0];
    assert_eq!(whole["id"], "whole/1");
    let name = "<script>alert(1)</script>\u{202e} ö/.mp4";
    assert_eq!(
        whole["files"],
        json!([{
            "name": name, "bytes": 61_499_000, "seconds": 61, "jibri": "jibri-2",
            "url": "https://files.example/s%2F1/%3Cscript%3Ealert%281%29%3C%2Fscript%3E%E2%80%AE%20%C3%B6%2F.mp4"
        }])
    );
    assert_eq!((&whole["recorded_seconds"], &whole["exit_status"]), (&61.into(), &7.into()));
    assert_eq!(whole["gap_seconds"], 39, "of 100 seconds since it was wanted");
    assert_eq!(
        (&whole["message"], &whole["jibris"]),
        (&"<b>no\u{202e} | \u{fffd}".into(), &json!(["jibri-1", "jibri-2"]))
    );
    let answer = world.client.get(format!("{}{ROUTE}", world.url)).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn recordings_of_one_meeting_are_told_together_even_where_some_are_not_shown() {
    let world = world().await;
    let both = recordings(&world, "room=moved").await;
    let one = &recordings(&world, "room=moved&limit=1").await;
    assert_eq!((both.len(), one.len()), (2, 1));
    for recording in both.iter().chain(one) {
        let meeting = &recording["meeting"];
        assert_eq!(
            (&meeting["id"], &meeting["recordings"], &meeting["files"]),
            (&"m1".into(), &2.into(), &2.into())
        );
        assert_eq!(meeting["summary"], "recorded 51 of 53 minutes, in two files");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_hint() {
    let (world, document) = (world().await, document());
    for bad in [
        "limit=0",
        "limit=1001",
        "limit=ten",
        "since=yesterday",
        "since=-2h",
        "state=Missing",
        "state=lost",
        "state=%3Cscript%3E",
        "state=missing&state=short",
        "room=%ff&room=r1",
    ] {
        let path = format!("{ROUTE}?{bad}");
        assert_eq!(
            ask(&world, &document, Method::GET, ROUTE, &path, "").await,
            StatusCode::BAD_REQUEST,
            "{bad}"
        );
    }
    let answer = world.client.get(format!("{}{ROUTE}?state=lost", world.url)).send().await.unwrap();
    let said: Value = answer.json().await.unwrap();
    let hint = said["hint"].as_str().unwrap();
    assert!(RecordingState::ALL.iter().all(|state| hint.contains(state.name())), "{hint}");
}

/// Runs `recordings` with these arguments against the service.
fn program(url: &str, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
    command.bare_environment().arg("recordings").args(args);
    for (key, value) in [
        ("XMPP__DOMAIN", "a.b"),
        ("XMPP__SECRET", "s"),
        ("MUC__DOMAINS", "muc.meet.jitsi"),
        ("HTTP__LISTEN", url.trim_start_matches("http://")),
    ] {
        command.env(format!("JIBRI_AUTOSTART_{key}"), value);
    }
    command.output().unwrap()
}

#[tokio::test]
async fn the_command_shows_them_to_people_and_to_scripts() {
    let world = world().await;
    let said = |args: &[&str]| {
        let output = program(&world.url, args);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let table = said(&[]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("ROOM") && lines[0].ends_with("MISSING"), "{table}");
    let states = RecordingState::ALL.map(RecordingState::name);
    assert!(states.iter().all(|state| table.contains(state)), "{table}");
    assert!(table.contains("exit status 7: <b>no\u{fffd} | \u{fffd}"), "{table}");
    assert!(!table.contains('\u{202e}') && !table.contains('\u{1b}'), "{table}");
    // Of a meeting all recordings, and then what they are together.
    let moved: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].starts_with("moved@")).collect();
    assert_eq!(moved.len(), 2, "{table}");
    assert_eq!(moved[1], moved[0] + 1, "{table}");
    assert_eq!(lines[moved[1] + 1], "  recorded 51 of 53 minutes, in two files");
    let json: Vec<Value> =
        serde_json::from_str(&said(&["moved", "--since", "2h", "--state", "written", "--json"])).unwrap();
    assert_eq!(json.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), ["m2", "m1"]);
    assert_eq!(said(&["r2"]), "no such recording of r2 is known\n");
    assert_eq!(said(&["--state", "empty", "--since", "1s"]), "no such recording is known\n");
    assert!(said(&["--help"]).contains("--state"), "help");
}

#[tokio::test]
async fn what_the_command_cannot_do_has_its_exit_status() {
    let world = world().await;
    for (args, word) in [
        (&["--state", "lost"][..], "salvaged"),
        (&["--since", "yesterday"], "2026-11-22T12:00:00Z"),
        (&["--limit", "0"], "from 1 to 1000"),
        (&["--limit", "70000"], "--limit"),
        (&["--stat", "lost"], "--state"),
        (&["a", "b"], "unexpected"),
    ] {
        let output = program(&world.url, args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}: {stderr}");
        assert!(stderr.contains(word), "{stderr}");
    }
    for args in [&[][..], &["--json"]] {
        let output = program("127.0.0.1:1", args);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{args:?}");
    }
}
