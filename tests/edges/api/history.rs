//! `/api/v1/history`: every kind of entry, what may be asked for, and what may not.

use std::time::Duration;

use jibri_autostart::ledger::{Alert, Attempt, Entry, Ledger, Moment, Order, Outcome, Recovery, Wait};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::openapi::{ask, document};
use super::{World, world};

/// Something of everything, an attempt of each outcome among it. Returns how much it was.
pub(crate) async fn fill(ledger: &mut Ledger) -> u64 {
    let now = Some(Moment::now());
    let room = |local: &str| format!("{local}@muc.meet.jitsi");
    let attempts = Outcome::ALL.map(|outcome| {
        Entry::Attempt(Attempt { room: room("r1"), wanted: now, outcome, ..Attempt::default() })
    });
    let whole = Attempt {
        room: room("[acme]größe/<script>"),
        trigger: Some("<b>\u{202e} (moderator)".to_owned()),
        jid: Some("ada@meet.jitsi".to_owned()),
        session_id: Some("s".to_owned()),
        jibri: Some("jibri-1".to_owned()),
        sent: now,
        on: now,
        off: now,
        outcome: Outcome::Recorded,
        reason: Some("ended by itself".to_owned()),
        ..Attempt::default()
    };
    let recovery = |outcome: &str| Recovery {
        instance: "jibri-1".to_owned(),
        trigger: "wedged".to_owned(),
        time: Moment::now(),
        outcome: outcome.to_owned(),
        output: Some("done".to_owned()),
    };
    let alert = Alert {
        alert: "start_overdue".to_owned(),
        subject: room("r1"),
        room: Some(room("r1")),
        severity: "critical".to_owned(),
        summary: "late".to_owned(),
        raised: Moment::now(),
        resolved: None,
    };
    let order = |order: &str, over: Option<Moment>| Order {
        room: room("r1"),
        order: order.to_owned(),
        by: "command_line".to_owned(),
        from: "127.0.0.1".to_owned(),
        given: Moment::now(),
        over,
        reason: over.map(|_| "nobody was left in the meeting".to_owned()),
    };
    let wait = |place, over: Option<Moment>| Wait {
        room: room("r1"),
        place,
        began: Moment::now(),
        over,
        reason: over.map(|_| "a Jibri was found".to_owned()),
    };
    let others = [
        Entry::Attempt(whole),
        Entry::Recovery(recovery("restarted")),
        Entry::Recovery(recovery("not_back")),
        Entry::Alert(alert),
        Entry::Order(order("stop", now)),
        Entry::Order(order("record", None)),
        Entry::Wait(wait(Some(3), now)),
        Entry::Wait(wait(None, None)),
    ];
    let entries: Vec<Entry> = attempts.into_iter().chain(others).collect();
    let count = entries.len() as u64;
    for entry in entries {
        let key = ledger.new_key();
        ledger.put(key, entry);
    }
    ledger.safe().wait_for(|safe| *safe >= count).await.unwrap();
    count
}

async fn entries(world: &World, asked: &str) -> Vec<Value> {
    let answer = world.client.get(format!("{}/api/v1/history?{asked}", world.url)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{asked}");
    answer.json().await.unwrap()
}

#[tokio::test]
async fn what_is_asked_for_is_shown() {
    let world = world().await;
    let tomorrow = format!("since={}", Moment::now().after(Duration::from_secs(86_400)));
    for (asked, expected) in [
        ("", 17),
        ("room=&since=&limit=", 17),
        ("room=r1", 14),
        ("room=r1%40muc.meet.jitsi", 14),
        ("room=R1", 14),
        ("room=%5Bacme%5Dgr%C3%B6%C3%9Fe%2F%3Cscript%3E", 1),
        ("room=r2", 0),
        ("room=%27%20OR%201%3D1%20--", 0),
        ("since=2h", 17),
        ("since=2000-01-01T00:00:00Z", 17),
        // What is over is over; what is not lasts.
        (&tomorrow, 7),
        ("limit=2", 2),
        ("limit=1000&room=r1&since=1day", 14),
    ] {
        assert_eq!(entries(&world, asked).await.len(), expected, "{asked}");
    }
    let all = entries(&world, "").await;
    assert!(all.windows(2).all(|two| two[0]["id"].as_i64() > two[1]["id"].as_i64()), "{all:?}");
    let whole = &entries(&world, "room=%5Bacme%5Dgr%C3%B6%C3%9Fe%2F%3Cscript%3E").await[0];
    assert_eq!((&whole["trigger"], &whole["jibri"]), (&"<b>\u{202e} (moderator)".into(), &"jibri-1".into()));
    assert_eq!((&whole["kind"], &whole["wanted"]), (&"attempt".into(), &Value::Null));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_hint() {
    let (world, document) = (world().await, document());
    let route = "/api/v1/history";
    for bad in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=ten",
        "limit=99999999999999999999",
        "since=yesterday",
        "since=2026-11-22",
        "since=2",
        "since=-2h",
        "since=99999999999999999999y",
        "limit=1&limit=2",
        "room=%ff&room=r1",
    ] {
        let path = format!("{route}?{bad}");
        let status = ask(&world, &document, Method::GET, route, &path, "").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
    }
    // The earliest time that can be meant.
    for good in ["since=500y", "since=1970-01-01T00:00:00Z", "unknown=1"] {
        let path = format!("{route}?{good}");
        assert_eq!(ask(&world, &document, Method::GET, route, &path, "").await, StatusCode::OK, "{good}");
    }
}
