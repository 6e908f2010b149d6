//! The webhook: everything, in order, also when the receiver has its days.

use std::time::Duration;

use jibri_autostart::alerts::{DeliveryLimits, Kind, Report};
use serde_json::Value;

use super::{LONG, World, bodies, limits, until};
use crate::stand_in::{Manner, StandIn};

fn ok() -> Manner {
    Manner::Body("{}".to_owned())
}

/// Status and subject of everything in these bodies.
fn told(bodies: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let alerts = bodies.iter().flat_map(|body| body["alerts"].as_array().unwrap());
    alerts.map(|alert| (text(&alert["status"]), text(&alert["subject"]))).collect()
}

fn pairs(told: &[(String, String)]) -> Vec<(&str, &str)> {
    told.iter().map(|(status, subject)| (status.as_str(), subject.as_str())).collect()
}

#[tokio::test]
async fn the_body_is_as_documented() {
    let receiver = StandIn::start([ok()]).await;
    let mut world = World::new(Some(&format!("{}/hook?token=hunter2", receiver.url())), None, limits());
    world.raise(Kind::JibriWedged, "jibri-1");
    world.resolve(Kind::JibriWedged, "jibri-1");
    assert!(world.deliverer.finish(LONG).await);
    let seen = receiver.seen();
    assert_eq!(seen[0].what, "POST /hook?token=hunter2");
    assert!(seen[0].head.to_ascii_lowercase().contains("content-type: application/json"));
    let bodies = bodies(&receiver);
    assert_eq!(pairs(&told(&bodies)), [("raised", "jibri-1"), ("resolved", "jibri-1")]);
    let (body, alert) = (&bodies[0], &bodies[0]["alerts"][0]);
    assert_eq!((&body["version"], &body["service"]), (&1.into(), &"jibri-autostart".into()));
    assert_eq!((&body["component"], &body["dropped"]), (&"autostart.meet.jitsi".into(), &0.into()));
    assert_eq!((&alert["kind"], &alert["severity"]), (&"jibri_wedged".into(), &"critical".into()));
    assert_eq!((&alert["times"], &alert["summary"]), (&1.into(), &"what happened".into()));
    assert!(alert["remedy"].as_str().unwrap().contains("docker restart"));
    assert_eq!(alert["labels"]["room"], "r1@muc.meet.jitsi");
    let all: Vec<&Value> = bodies.iter().flat_map(|body| body["alerts"].as_array().unwrap()).collect();
    assert_eq!(all[0]["since"], all[1]["since"], "one alert has one beginning");
    let (since, at) = (alert["since"].as_str().unwrap(), alert["at"].as_str().unwrap());
    let age = humantime::parse_rfc3339(since).unwrap().elapsed().unwrap();
    assert!(age < LONG && at.ends_with('Z'), "{since} {at}");
    // What the document shows is what is sent: the same keys everywhere.
    let document = include_str!("../../../docs/alerts.md");
    let example = document.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let example: Value = serde_json::from_str(example).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&example), keys(body));
    assert_eq!(keys(&example["alerts"][0]), keys(alert));
}

/// Nobody has to do anything about it, and nobody says when it is over.
#[tokio::test]
async fn a_held_meeting_is_an_info_that_ends_by_itself() {
    let receiver = StandIn::start([ok()]).await;
    let mut world = World::new(Some(&receiver.url()), None, limits());
    world.raise(Kind::Held, "r1@muc.meet.jitsi");
    let begun = world.now();
    for (minutes, deliveries) in [(59, 0), (60, 1)] {
        let told = world.book.tick(begun.after(Duration::from_secs(minutes * 60)));
        assert_eq!(told.len(), deliveries, "after {minutes} minutes: {told:?}");
        world.send(told);
    }
    assert!(world.deliverer.finish(LONG).await);
    let bodies = bodies(&receiver);
    assert_eq!(pairs(&told(&bodies)), [("raised", "r1@muc.meet.jitsi"), ("resolved", "r1@muc.meet.jitsi")]);
    for alert in bodies.iter().flat_map(|body| body["alerts"].as_array().unwrap()) {
        assert_eq!((&alert["kind"], &alert["severity"]), (&"held".into(), &"info".into()), "{alert}");
        assert!(alert["remedy"].as_str().unwrap().contains("stop.respect_manual"), "{alert}");
    }
}

#[tokio::test]
async fn hostile_text_is_a_string_and_nothing_else() {
    let receiver = StandIn::start([ok()]).await;
    let mut world = World::new(Some(&receiver.url()), None, limits());
    let name = "x\",\"kind\":\"prosody_down\u{202e}\u{1b}[2J\n@muc.meet.jitsi";
    let report = Report::new(Kind::StartOverdue, name, &"\u{0}<script>".repeat(1_000)).label("room", name);
    let deliveries = world.book.raise(world.now(), report);
    world.send(deliveries);
    assert!(world.deliverer.finish(LONG).await);
    let alert = &bodies(&receiver)[0]["alerts"][0];
    assert_eq!(alert["kind"], "start_overdue");
    assert!(alert["subject"].as_str().unwrap().starts_with("x\",\"kind\":\"prosody_down"));
    let body = &receiver.seen()[0].body;
    assert!(!body.contains(['\u{202e}', '\u{1b}', '\n', '\0']) && !body.contains("\\u00"), "{body}");
    assert!(body.len() < 8_000, "{}", body.len());
}

#[tokio::test]
async fn a_receiver_that_fails_and_then_works_has_lost_nothing() {
    for fault in [
        Manner::Status("500 Internal Server Error", "oops"),
        Manner::Status("429 Too Many Requests", ""),
        Manner::Silence,
        Manner::Drip,
        Manner::Reset,
        Manner::Gibberish,
        Manner::Interim,
        Manner::Late(Duration::from_secs(5), "{}"),
    ] {
        let name = format!("{fault:?}");
        let receiver = StandIn::start([fault]).await;
        let mut world = World::new(Some(&receiver.url()), None, limits());
        for n in 0..50 {
            world.raise(Kind::JibriOffline, &format!("jibri-{n}"));
        }
        until("two attempts", || receiver.requests() >= 2).await;
        let before = receiver.requests();
        receiver.be(ok());
        until(&name, || world.deliverer.is_idle()).await;
        let told = told(&bodies(&receiver));
        let last = &told[told.len() - 50..];
        let expected: Vec<String> = (0..50).map(|n| format!("jibri-{n}")).collect();
        let subjects: Vec<&String> = last.iter().map(|(_, subject)| subject).collect();
        assert!(subjects.iter().zip(&expected).all(|(a, b)| *a == b), "{name} after {before}: {subjects:?}");
        assert_eq!(world.deliverer.dropped(), 0, "{name}");
    }
}

#[tokio::test]
async fn a_receiver_that_is_down_and_comes_back_is_told_in_order() {
    let receiver = StandIn::start([ok()]).await;
    let (url, address) = (receiver.url(), receiver.address);
    let mut world = World::new(Some(&url), None, limits());
    world.raise(Kind::ProsodyDown, "first");
    until("delivery", || world.deliverer.is_idle()).await;
    drop(receiver);
    tokio::time::sleep(Duration::from_millis(50)).await;
    for n in 0..30 {
        world.raise(Kind::JibriUnhealthy, &format!("{n}"));
        world.resolve(Kind::JibriUnhealthy, &format!("{n}"));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!world.deliverer.is_idle());
    let receiver = StandIn::start_at(address, [ok()]).await;
    until("delivery", || world.deliverer.is_idle()).await;
    let told = told(&bodies(&receiver));
    let expected: Vec<(String, String)> = (0..30)
        .flat_map(|n| ["raised", "resolved"].map(|status| (status.to_owned(), n.to_string())))
        .collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_slow_receiver_holds_nobody_up_and_gets_several_at_once() {
    let receiver = StandIn::start([Manner::Late(Duration::from_millis(100), "")]).await;
    let mut world = World::new(Some(&receiver.url()), None, limits());
    for n in 0..200 {
        world.raise(Kind::StartOverdue, &format!("r{n}"));
    }
    until("delivery", || world.deliverer.is_idle()).await;
    assert_eq!(told(&bodies(&receiver)).len(), 200);
    assert!(receiver.requests() <= 15, "{}", receiver.requests());
    assert_eq!(receiver.most_at_once(), 1);
}

#[tokio::test]
async fn a_flood_costs_the_oldest_and_says_how_many() {
    let receiver = StandIn::start([Manner::Silence]).await;
    let limits = DeliveryLimits { waiting: 10, ..limits() };
    let mut world = World::new(Some(&receiver.url()), None, limits);
    for n in 0..100 {
        world.raise(Kind::StartOverdue, &format!("r{n}"));
    }
    assert_eq!(world.deliverer.dropped(), 90);
    receiver.be(ok());
    until("delivery", || world.deliverer.is_idle()).await;
    let bodies = bodies(&receiver);
    let last = bodies.last().unwrap();
    assert_eq!(last["dropped"], 90);
    assert_eq!(told(&bodies).last().unwrap().1, "r99");
}

#[tokio::test]
async fn what_is_refused_does_not_hold_up_the_rest() {
    // A receiver that cannot stand one of the kinds.
    let refusal = Manner::Status("400 Bad Request", "I do not like\u{1b}[31m this");
    let receiver = StandIn::start(vec![refusal; 4].into_iter().chain([ok()])).await;
    let mut world = World::new(Some(&receiver.url()), None, limits());
    for n in 0..3 {
        world.raise(Kind::StartOverdue, &format!("r{n}"));
    }
    until("delivery", || world.deliverer.is_idle()).await;
    let told = told(&bodies(&receiver));
    assert_eq!(told.last().unwrap().1, "r2");
    assert_eq!(world.deliverer.dropped(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = StandIn::start([ok()]).await;
    let receiver = StandIn::start([Manner::Redirect(elsewhere.url())]).await;
    let mut world = World::new(Some(&receiver.url()), None, limits());
    world.raise(Kind::StartOverdue, "r1");
    until("it to be given up", || world.deliverer.dropped() == 1).await;
    assert_eq!(elsewhere.requests(), 0);
}

#[tokio::test]
async fn a_huge_answer_is_not_read() {
    let receiver = StandIn::start([Manner::Huge]).await;
    let mut world = World::new(Some(&receiver.url()), None, limits());
    world.raise(Kind::StartOverdue, "r1");
    assert!(world.deliverer.finish(LONG).await);
    assert_eq!(receiver.requests(), 1);
    assert!(receiver.sent() < 50_000_000, "{}", receiver.sent());
}

#[tokio::test]
async fn what_waits_too_long_is_dropped() {
    let receiver = StandIn::start([Manner::Status("503 Service Unavailable", "")]).await;
    let limits = DeliveryLimits { give_up: Duration::from_millis(300), ..limits() };
    let mut world = World::new(Some(&receiver.url()), None, limits);
    world.raise(Kind::StartOverdue, "r1");
    until("it to be given up", || world.deliverer.dropped() == 1).await;
    receiver.be(ok());
    let before = receiver.requests();
    world.raise(Kind::StartOverdue, "r2");
    assert!(world.deliverer.finish(LONG).await);
    assert_eq!(told(&bodies(&receiver)[before..]).last().unwrap().1, "r2");
}

#[tokio::test]
async fn without_receivers_nothing_waits() {
    let mut world = World::new(None, None, limits());
    world.raise(Kind::StartOverdue, "r1");
    assert!(world.deliverer.is_idle() && world.deliverer.finish(Duration::ZERO).await);
}

/// At the end what waits is delivered if that is quick, and otherwise not waited for.
#[tokio::test]
async fn the_end_is_bounded() {
    let receiver = StandIn::start([Manner::Silence]).await;
    let mut world = World::new(Some(&receiver.url()), None, limits());
    world.raise(Kind::StartOverdue, "r1");
    assert!(!world.deliverer.finish(Duration::from_millis(100)).await);
}
