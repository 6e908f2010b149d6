//! Jicofo's list, however it is answered.

use std::time::Duration;

use jibri_autostart::config::{self, Settings};
use jibri_autostart::discovery::{Discovery, DiscoveryEvent, DiscoveryLimits, spawn_with};
use jibri_autostart::meeting::watchlist::{Change, Report, Source, Watchlist};

use super::jicofo_stand_in::{Jicofo, Manner, list};
use super::{LONG, next, room, soon};

fn watch(url: &str) -> Discovery {
    let limits = DiscoveryLimits { time: Duration::from_millis(300), bytes: 1024 * 1024 };
    spawn_with(&settings(url), limits)
}

fn settings(url: &str) -> Settings {
    let file = format!(
        r#"
        [xmpp]
        domain = "autostart.meet.jitsi"
        secret = "s"
        [muc]
        domains = ["muc.meet.jitsi"]
        [discovery.jicofo]
        url = "{url}"
        "#
    );
    let mut settings = config::from_toml(&file).unwrap().settings;
    // Faster than an administrator may have it.
    settings.discovery.jicofo.interval = Duration::from_millis(20);
    settings
}

/// What the sources tell of one list.
async fn listed(discovery: &mut Discovery) -> Vec<String> {
    match next(&mut discovery.events).await {
        DiscoveryEvent::Listed { source: Source::Jicofo, rooms, .. } => {
            rooms.iter().map(|room| room.local().to_owned()).collect()
        }
        other => panic!("expected a list, got {other:?}"),
    }
}

async fn down(discovery: &mut Discovery) -> String {
    loop {
        match next(&mut discovery.events).await {
            DiscoveryEvent::SourceDown { source: Source::Jicofo, why, .. } => return why,
            // Asked before the stand-in has changed its manner.
            DiscoveryEvent::Listed { .. } => {}
            other => panic!("expected an outage, got {other:?}"),
        }
    }
}

async fn asked(jicofo: &Jicofo, times: usize) {
    let before = jicofo.requests();
    let enough = async {
        while jicofo.requests() < before + times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("more requests", enough).await;
}

#[tokio::test]
async fn lists_are_told_over_one_connection() {
    let jicofo = Jicofo::start(list(["r1", "r2"])).await;
    let mut discovery = watch(&jicofo.url());
    for _ in 0..5 {
        assert_eq!(listed(&mut discovery).await, ["r1", "r2"]);
    }
    assert_eq!((jicofo.connections(), jicofo.most_at_once(), jicofo.strays()), (1, 1, 0));
    jicofo.be(list([]));
    let until_empty = async { while !listed(&mut discovery).await.is_empty() {} };
    soon("an empty list", until_empty).await;
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let jicofo = Jicofo::start(Manner::Late(Duration::from_millis(100), r#"["r1@muc.meet.jitsi"]"#)).await;
    let mut discovery = watch(&jicofo.url());
    assert_eq!(listed(&mut discovery).await, ["r1"]);
    assert_eq!(jicofo.most_at_once(), 1);
}

#[tokio::test]
async fn an_url_may_end_with_a_slash() {
    let jicofo = Jicofo::start(list(["r1"])).await;
    let mut discovery = watch(&format!("{}/", jicofo.url()));
    assert_eq!(listed(&mut discovery).await, ["r1"]);
    assert_eq!(jicofo.strays(), 0);
}

/// Each fault is told once, in words that say what is wrong, and once that it is over.
#[tokio::test]
async fn every_fault_is_told_once_and_survived() {
    let jicofo = Jicofo::start(list(["r1"])).await;
    let mut discovery = watch(&jicofo.url());
    let faults = [
        (Manner::Status("500 Internal Server Error"), "500"),
        (Manner::Status("404 Not Found"), "HTTP status 404 for /debug/conferences, which older versions"),
        (Manner::Redirect, "HTTP status 302, moved to \"/elsewhere\"; redirects are not followed"),
        (Manner::Body(String::new()), "no JSON list"),
        (Manner::Body("<!doctype html><title>nginx</title>".to_owned()), "no JSON list"),
        (Manner::Body(r#"{"error":"r1@muc.meet.jitsi"}"#.to_owned()), "no JSON list"),
        (Manner::Body(r#"["r1@muc.meet.jitsi","#.to_owned()), "no JSON list"),
        (Manner::Body("\u{fffd}[".repeat(1000)), "no JSON list"),
        (Manner::Truncated, "broke off"),
        (Manner::Reset, "broke off"),
        (Manner::Silence, "within 300ms"),
        (Manner::Drip, "within 300ms"),
        (Manner::Huge, "longer than 1048576 bytes"),
    ];
    for (manner, told) in faults {
        let name = format!("{manner:?}");
        jicofo.be(manner);
        let why = down(&mut discovery).await;
        assert!(why.contains(told), "{name}: {why}");
        assert!(!why.contains("r1@"), "{name}: {why}");
        // It goes on, and nothing more is told.
        asked(&jicofo, 2).await;
        jicofo.be(list(["r1"]));
        assert_eq!(
            next(&mut discovery.events).await,
            DiscoveryEvent::SourceUp { source: Source::Jicofo },
            "{name}"
        );
        assert_eq!(listed(&mut discovery).await, ["r1"], "{name}");
    }
    assert_eq!(jicofo.strays(), 0);
}

#[tokio::test]
async fn a_huge_answer_is_not_read_to_its_end() {
    let jicofo = Jicofo::start(Manner::Huge).await;
    let mut discovery = watch(&jicofo.url());
    down(&mut discovery).await;
    // Three answers: a megabyte each, and what fits into the buffers of both sides.
    assert!(jicofo.bytes() < 60_000_000, "{} bytes", jicofo.bytes());
}

/// What is bounded is the head: a server that floods costs no more than that, and nobody waits for the time limit.
#[tokio::test]
async fn a_head_without_an_end_is_not_read_on() {
    for manner in [Manner::Interim, Manner::EndlessHead] {
        let jicofo = Jicofo::start(manner.clone()).await;
        let mut discovery =
            spawn_with(&settings(&jicofo.url()), DiscoveryLimits { time: LONG, bytes: 1024 * 1024 });
        let why = down(&mut discovery).await;
        assert!(why.contains("the head of the answer is longer than 131072 bytes"), "{manner:?}: {why}");
        // Three answers, and what fits into the buffers of both sides.
        assert!(jicofo.bytes() < 40_000_000, "{manner:?}: {} bytes", jicofo.bytes());
    }
}

#[tokio::test]
async fn a_long_list_after_interim_answers_is_no_long_head() {
    let rooms: Vec<String> =
        (0..10_000).map(|n| format!("a-room-with-a-long-name-{n}@muc.meet.jitsi")).collect();
    let jicofo = Jicofo::start(Manner::Hinted(serde_json::to_string(&rooms).unwrap())).await;
    let mut discovery =
        spawn_with(&settings(&jicofo.url()), DiscoveryLimits { time: LONG, bytes: 1024 * 1024 });
    for _ in 0..5 {
        assert_eq!(listed(&mut discovery).await.len(), 10_000);
    }
    assert_eq!(jicofo.connections(), 1);
}

#[tokio::test]
async fn nobody_there_and_then_somebody() {
    let gone = Jicofo::start(list([])).await;
    let address = gone.address;
    drop(gone);
    let mut discovery = watch(&format!("http://{address}"));
    let why = down(&mut discovery).await;
    assert!(why.contains("refused") && why.contains("JICOFO_ENABLE_REST"), "{why}");
}

#[tokio::test]
async fn a_single_fault_is_not_told() {
    let jicofo = Jicofo::start(list(["r1"])).await;
    let mut discovery = watch(&jicofo.url());
    assert_eq!(listed(&mut discovery).await, ["r1"]);
    jicofo.be(Manner::Reset);
    asked(&jicofo, 1).await;
    jicofo.be(list(["r2"]));
    let until_new = async { while listed(&mut discovery).await != ["r2"] {} };
    soon("the new list", until_new).await;
}

#[tokio::test]
async fn odd_entries_are_counted() {
    let jicofo = Jicofo::start(Manner::Body(r#"["r1@muc.meet.jitsi", 1, {}, "x"]"#.to_owned())).await;
    let mut discovery = watch(&jicofo.url());
    let list = DiscoveryEvent::Listed { source: Source::Jicofo, rooms: vec![room("r1")], skipped: 3 };
    assert_eq!(next(&mut discovery.events).await, list);
}

#[tokio::test]
async fn no_url_no_requests() {
    let mut settings = settings("http://unused");
    settings.discovery.jicofo.url = None;
    let mut discovery = spawn_with(&settings, DiscoveryLimits::default());
    assert_eq!(soon("the end", discovery.events.recv()).await, None);
}

/// The whole way: one wrong answer costs no room, two do.
#[tokio::test]
async fn a_room_is_forgotten_after_two_absences() {
    let jicofo = Jicofo::start(list(["r1", "r2"])).await;
    let mut discovery = watch(&jicofo.url());
    let mut watchlist = Watchlist::new(&["muc.meet.jitsi".to_owned()], &[]);
    let mut feed = |rooms: &[String]| {
        let rooms = rooms.iter().map(|name| room(name)).collect();
        watchlist.handle(Report::List { source: Source::Jicofo, service: None, rooms })
    };
    let first = listed(&mut discovery).await;
    assert_eq!(feed(&first), [Change::Watch(room("r1")), Change::Watch(room("r2"))]);
    jicofo.be(list(["r2"]));
    let mut absences = 0;
    while absences < 2 {
        let rooms = listed(&mut discovery).await;
        absences += usize::from(rooms == ["r2"]);
        let expected = if absences == 2 { vec![Change::Forget(room("r1"))] } else { Vec::new() };
        assert_eq!(feed(&rooms), expected);
    }
}
