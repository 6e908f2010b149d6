//! Alertmanager: what stands, again and again, and its end.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use jibri_autostart::alerts::Kind;
use serde_json::Value;

use super::{LONG, World, bodies, limits, until};
use crate::stand_in::{Manner, StandIn};

fn ok() -> Manner {
    Manner::Body(String::new())
}

/// As long before now as after it, if it is to come.
fn ends_later(alert: &Value) -> bool {
    let time = humantime::parse_rfc3339(alert["endsAt"].as_str().unwrap()).unwrap();
    time > SystemTime::now() + Duration::from_secs(120)
}

#[tokio::test]
async fn what_stands_is_sent_again_until_it_is_over() {
    let receiver = StandIn::start([ok()]).await;
    let mut world = World::new(None, Some(&format!("{}/am/", receiver.url())), limits());
    world.raise(Kind::JibriWedged, "jibri-1");
    until("three rounds", || receiver.requests() >= 3).await;
    world.resolve(Kind::JibriWedged, "jibri-1");
    assert!(world.deliverer.finish(LONG).await);
    let bodies = bodies(&receiver);
    assert_eq!(receiver.seen()[0].what, "POST /am/api/v2/alerts");
    let (first, last) = (&bodies[0][0], &bodies[bodies.len() - 1][0]);
    assert_eq!(first["labels"]["alertname"], "jibri_wedged");
    assert_eq!(first["labels"]["severity"], "critical");
    assert_eq!(first["labels"]["service"], "jibri-autostart");
    assert_eq!(first["labels"]["component"], "autostart.meet.jitsi");
    assert_eq!(first["labels"]["subject"], "jibri-1");
    assert_eq!(first["labels"]["room"], "r1@muc.meet.jitsi");
    assert_eq!(first["annotations"]["summary"], "what happened");
    assert!(first["annotations"]["remedy"].as_str().unwrap().contains("restart"));
    for body in &bodies[..bodies.len() - 1] {
        assert!(ends_later(&body[0]), "{body}");
    }
    assert!(!ends_later(last));
    assert!(bodies.iter().all(|body| body[0]["labels"] == first["labels"]), "one identity");
    assert!(bodies.iter().all(|body| body[0]["startsAt"] == first["startsAt"]), "one beginning");
}

#[tokio::test]
async fn what_another_instance_tells_of_is_not_sent_again() {
    let receiver = StandIn::start([ok()]).await;
    let mut world = World::new(None, Some(&receiver.url()), limits());
    world.raise(Kind::JibriOffline, "a");
    until("it to be told", || world.deliverer.is_idle()).await;
    world.deliverer.hand_over();
    world.raise(Kind::SourceDown, "b");
    let last = || bodies(&receiver).pop().unwrap();
    until("the next", || last().as_array().unwrap().iter().any(|alert| alert["labels"]["subject"] == "b"))
        .await;
    let before = receiver.requests();
    until("two rounds", || receiver.requests() >= before + 2).await;
    for body in &bodies(&receiver)[before..] {
        assert!(body.as_array().unwrap().iter().all(|alert| alert["labels"]["subject"] == "b"), "{body}");
    }
}

#[tokio::test]
async fn an_outage_loses_nothing_that_stands_or_has_ended() {
    for fault in [
        Manner::Status("500 Internal Server Error", ""),
        Manner::Status("400 Bad Request", "{\"code\":601}"),
        Manner::Silence,
        Manner::Reset,
    ] {
        let receiver = StandIn::start([ok()]).await;
        let mut world = World::new(None, Some(&receiver.url()), limits());
        world.raise(Kind::ProsodyDown, "a");
        until("it to be told", || world.deliverer.is_idle()).await;
        receiver.be(fault.clone());
        world.resolve(Kind::ProsodyDown, "a");
        world.raise(Kind::SourceDown, "b");
        world.raise(Kind::JibriOffline, "c");
        world.resolve(Kind::JibriOffline, "c");
        let before = receiver.requests();
        until("two attempts", || receiver.requests() >= before + 2).await;
        receiver.be(ok());
        let before = receiver.requests();
        until("it to be told", || world.deliverer.is_idle()).await;
        until("the end of c", || {
            let c = |body: &Value| {
                body.as_array().unwrap().iter().any(|a| a["labels"]["subject"] == "c" && !ends_later(a))
            };
            bodies(&receiver)[before..].iter().any(c)
        })
        .await;
        let bodies = bodies(&receiver);
        let after: Vec<&Value> = bodies[before..].iter().flat_map(|body| body.as_array().unwrap()).collect();
        let of = |subject: &str| -> Vec<bool> {
            let alerts = after.iter().filter(|alert| alert["labels"]["subject"] == subject);
            alerts.map(|alert| ends_later(alert)).collect()
        };
        assert_eq!(of("a").last(), Some(&false), "{fault:?}");
        assert!(of("b").iter().all(|&later| later) && !of("b").is_empty(), "{fault:?}");
        assert_eq!(of("c").first(), Some(&true), "{fault:?}: told although it was over");
        assert_eq!(world.deliverer.dropped(), 0);
    }
}

#[tokio::test]
async fn many_are_sent_in_portions() {
    let receiver = StandIn::start([ok()]).await;
    let mut world = World::new(None, Some(&receiver.url()), limits());
    for n in 0..500 {
        world.raise(Kind::JibriOffline, &format!("jibri-{n}"));
    }
    until("all to be told", || world.deliverer.is_idle()).await;
    assert!(bodies(&receiver).iter().all(|body| body.as_array().unwrap().len() <= 100));
}

/// What is refused is tried again, and does not keep what comes after it from being told.
#[tokio::test]
async fn a_refused_portion_does_not_hold_up_the_next() {
    let receiver = StandIn::start([Manner::Silence]).await;
    let mut world = World::new(None, Some(&receiver.url()), limits());
    for n in 0..250 {
        world.raise(Kind::JibriOffline, &format!("jibri-{n}"));
    }
    receiver.be(Manner::Status("400 Bad Request", "{\"code\":601}"));
    let subjects = |receiver: &StandIn| {
        let bodies = bodies(receiver);
        let alerts = bodies.iter().flat_map(|body| body.as_array().unwrap());
        alerts.map(|alert| alert["labels"]["subject"].to_string()).collect::<BTreeSet<_>>().len()
    };
    until("all to be tried", || subjects(&receiver) == 250).await;
    assert!(!world.deliverer.is_idle());
    receiver.be(ok());
    until("all to be told", || world.deliverer.is_idle()).await;
}

/// One receiver that does not answer does not keep the other from being told.
#[tokio::test]
async fn the_receivers_do_not_wait_for_each_other() {
    let (dead, alive) = (StandIn::start([Manner::Silence]).await, StandIn::start([ok()]).await);
    let mut world = World::new(Some(&dead.url()), Some(&alive.url()), limits());
    world.raise(Kind::ProsodyDown, "a");
    until("Alertmanager", || alive.requests() == 1).await;
    let mut world = World::new(Some(&alive.url()), Some(&dead.url()), limits());
    world.raise(Kind::ProsodyDown, "a");
    until("the webhook", || alive.requests() == 2).await;
}
