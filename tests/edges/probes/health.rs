//! Health ports, however they answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jibri_autostart::config::Settings;
use jibri_autostart::jibri::{Busy, Health, Report};
use jibri_autostart::probes::{ProbeLimits, Probed, Probes, Status, spawn_with};

use super::{instance, limits, next, settings, soon};
use crate::stand_in::{Manner, StandIn};

fn says(busy: &str, health: &str) -> Manner {
    Manner::Body(format!(
        r#"{{"status":{{"busyStatus":"{busy}","health":{{"healthStatus":"{health}","details":{{}}}}}}}}"#
    ))
}

fn watching(urls: impl IntoIterator<Item = String>, interval: Duration) -> Settings {
    let mut settings = settings();
    settings.jibri.health_interval = interval;
    let named = urls.into_iter().enumerate();
    settings.jibri.instances = named.map(|(n, url)| instance(&format!("jibri-{n}"), "", Some(url))).collect();
    settings
}

async fn answer(probes: &mut Probes) -> (String, Result<Status, String>) {
    loop {
        match next(probes).await {
            Probed::Health { name, answer } => return (name, answer),
            // Told besides, at once.
            Probed::Refused { .. } => {}
            other => panic!("expected an answer, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn each_is_asked_again_and_again_over_one_connection() {
    let jibri = StandIn::start([says("IDLE", "HEALTHY")]).await;
    let mut settings =
        watching([format!("{}/jibri/api/v1.0/health", jibri.url())], Duration::from_millis(400));
    settings.jibri.instances.push(instance("not asked", "", None));
    let mut probes = spawn_with(&settings, limits());
    for _ in 0..3 {
        let report = Report { busy: Busy::Idle, health: Health::Healthy };
        let idle = Status { report, detail: String::new() };
        assert_eq!(answer(&mut probes).await, ("jibri-0".to_owned(), Ok(idle)));
    }
    jibri.be(says("EXPIRED", "UNHEALTHY"));
    let expired = async {
        while answer(&mut probes).await.1.map(|status| status.report)
            != Ok(Report { busy: Busy::Expired, health: Health::Unhealthy })
        {}
    };
    soon("the change", expired).await;
    assert_eq!(jibri.connections(), 1);
    assert_eq!(jibri.seen()[0].what, "GET /jibri/api/v1.0/health");
}

#[tokio::test]
async fn every_fault_is_told_in_words_and_survived() {
    let elsewhere = StandIn::start([says("IDLE", "HEALTHY")]).await;
    let jibri = StandIn::start([says("IDLE", "HEALTHY")]).await;
    let settings = watching([jibri.url()], Duration::from_millis(310));
    let mut probes = spawn_with(&settings, limits());
    for (manner, words) in [
        (Manner::Status("404 Not Found", ""), "404"),
        (Manner::Status("503 Service Unavailable", "{}"), "503"),
        (Manner::Redirect(elsewhere.url()), "302"),
        (Manner::Body(String::new()), "not Jibri's JSON"),
        (Manner::Body("<html>".to_owned()), "not Jibri's JSON"),
        (Manner::Body(format!("{{\"status\":{}", "[".repeat(60_000))), "not Jibri's JSON"),
        (says("ASLEEP", "HEALTHY"), "ASLEEP"),
        (says("IDLE", "\u{202e}so-so"), "healthStatus is \"\u{fffd}so-so\""),
        (Manner::Silence, "within 300ms"),
        (Manner::Drip, "within 300ms"),
        (Manner::Reset, "broke off"),
        (Manner::Truncated, "broke off"),
        (Manner::Gibberish, "broke off"),
        (Manner::Huge, "longer than 65536 bytes"),
        (Manner::Interim, "the head of the answer is longer than"),
        (Manner::Late(Duration::from_secs(9), "{}"), "within 300ms"),
    ] {
        let name = format!("{manner:?}");
        jibri.be(manner);
        let told = async {
            loop {
                match answer(&mut probes).await.1 {
                    Err(why) if why.contains(words) => break,
                    _ => {}
                }
            }
        };
        soon(&format!("{words:?} of {name:.60}"), told).await;
    }
    assert_eq!(elsewhere.requests(), 0);
    jibri.be(says("BUSY", "HEALTHY"));
    let back = async { while answer(&mut probes).await.1.is_err() {} };
    soon("it to be back", back).await;
}

#[tokio::test]
async fn nobody_there_says_what_to_look_at() {
    let address = StandIn::start([Manner::Silence]).await.address;
    let mut probes =
        spawn_with(&watching([format!("http://{address}/")], Duration::from_millis(50)), limits());
    let refused = async {
        loop {
            if let Err(why) = answer(&mut probes).await.1
                && why.contains("Connection refused")
            {
                break why;
            }
        }
    };
    assert!(soon("a refusal", refused).await.contains("external-api-host"));
}

/// Many dead ones, and still each of the living is asked about as often as it should be.
#[tokio::test]
async fn the_dead_do_not_make_the_living_wait() {
    let (dead, alive) =
        (StandIn::start([Manner::Silence]).await, StandIn::start([says("IDLE", "HEALTHY")]).await);
    let urls = (0..100).map(|n| if n < 90 { dead.url() } else { alive.url() });
    let settings = watching(urls, Duration::from_millis(300));
    let limits = ProbeLimits { at_once: 8, failing_at_once: 2, ..limits() };
    let mut probes = spawn_with(&settings, limits);
    // The first round finds out who is dead.
    let first_round = async {
        let mut heard = BTreeMap::new();
        while heard.len() < 100 {
            let (name, _) = answer(&mut probes).await;
            heard.insert(name, ());
        }
    };
    soon("all of them once", first_round).await;
    let (began, before) = (Instant::now(), alive.requests());
    while began.elapsed() < Duration::from_secs(3) {
        next(&mut probes).await;
    }
    let each = (alive.requests() - before) / 10;
    assert!((4..=12).contains(&each), "{each} times in 3 s, 10 wanted");
    assert!(dead.most_at_once() <= 8 + 2, "{}", dead.most_at_once());
}

#[tokio::test]
async fn five_hundred_are_cheap() {
    let jibri = StandIn::start([says("IDLE", "HEALTHY")]).await;
    let settings = watching(vec![jibri.url(); 500], Duration::from_secs(2));
    let limits = ProbeLimits { health_time: Duration::from_secs(2), ..limits() };
    let mut probes = spawn_with(&settings, limits);
    let all = async {
        let mut heard = BTreeMap::new();
        while heard.len() < 500 {
            // On a busy machine one may come too late, and well the next time.
            if let (name, Ok(_)) = answer(&mut probes).await {
                heard.insert(name, ());
            }
        }
    };
    soon("all of them", all).await;
    assert!(jibri.most_at_once() <= 32 + 16, "{}", jibri.most_at_once());
}

/// Who takes nothing makes those who ask wait, and does not make anything grow.
#[tokio::test]
async fn dropped_they_end() {
    let jibri = StandIn::start([says("IDLE", "HEALTHY")]).await;
    let probes = spawn_with(&watching([jibri.url()], Duration::from_millis(10)), limits());
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(probes);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = jibri.requests();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(jibri.requests(), before);
}
