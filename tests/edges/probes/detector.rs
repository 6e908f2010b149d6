//! Jicofo's `jibri_detector`, however it is answered.

use std::time::Duration;

use jibri_autostart::probes::{ProbeLimits, Probed, Probes, spawn_with};

use super::{limits, next, settings, soon};
use crate::stand_in::{Manner, StandIn};

fn detector(jibris: &str) -> Manner {
    Manner::Body(format!(
        r#"{{"focus_manager":{{"r1@muc.meet.jitsi":2}},"jibri_detector":{{"is_sip":false,"brewery_jid":"b@c"{jibris}}}}}"#
    ))
}

const JIBRI: &str = r#","jibri-1":{"health_status":"healthy","busy_status":"idle","reports_available":true,
    "last_failed":"-1000000000-01-01T00:00:00Z","last_selected":"2026-08-20T10:00:00.123Z"}"#;

fn watch(url: &str, limits: ProbeLimits) -> Probes {
    let mut settings = settings();
    settings.discovery.jicofo.url = Some(url.to_owned());
    spawn_with(&settings, limits)
}

#[tokio::test]
async fn what_jicofo_believes_is_told() {
    let jicofo = StandIn::start([detector(JIBRI)]).await;
    let mut probes = watch(&format!("{}/", jicofo.url()), limits());
    for _ in 0..3 {
        let Probed::Detected { jibris: Some(jibris) } = next(&mut probes).await else { panic!() };
        let [jibri] = jibris.as_slice() else { panic!("{jibris:?}") };
        assert_eq!((jibri.name.as_str(), &*jibri.selected.0), ("jibri-1", "2026-08-20T10:00:00.123Z"));
    }
    assert_eq!((jicofo.connections(), jicofo.most_at_once()), (1, 1));
    assert_eq!(jicofo.seen()[0].what, "GET /debug");
    jicofo.be(Manner::Body(r#"{"jibri_detector":null}"#.to_owned()));
    let off = async { while next(&mut probes).await != (Probed::Detected { jibris: None }) {} };
    soon("that there is none", off).await;
}

#[tokio::test]
async fn every_fault_is_told_once_and_survived() {
    let jicofo = StandIn::start([detector(JIBRI)]).await;
    let mut probes = watch(&jicofo.url(), limits());
    for (manner, words) in [
        (Manner::Status("404 Not Found", ""), "404"),
        (Manner::Redirect("/elsewhere".to_owned()), "302"),
        (Manner::Body("[]".to_owned()), "no jibri_detector"),
        (Manner::Body("{}".to_owned()), "no jibri_detector"),
        (Manner::Body(r#"{"jibri_detector":7}"#.to_owned()), "no jibri_detector"),
        (Manner::Truncated, "broke off"),
        (Manner::Reset, "broke off"),
        (Manner::Silence, "within 300ms"),
        (Manner::Drip, "within 300ms"),
        (Manner::Huge, "longer than 1048576 bytes"),
    ] {
        let name = format!("{manner:?}");
        jicofo.be(manner);
        let down = async {
            loop {
                match next(&mut probes).await {
                    Probed::DetectorDown { why, .. } => break why,
                    Probed::Detected { .. } => {}
                    other => panic!("{name}: {other:?}"),
                }
            }
        };
        let why = soon(&name, down).await;
        assert!(why.contains(words), "{name}: {why}");
        jicofo.be(detector(JIBRI));
        assert_eq!(next(&mut probes).await, Probed::DetectorUp, "{name}");
        assert!(matches!(next(&mut probes).await, Probed::Detected { .. }), "{name}");
    }
}

#[tokio::test]
async fn it_can_be_asked_sooner_but_not_too_often() {
    let jicofo = StandIn::start([detector("")]).await;
    let mut settings = settings();
    settings.discovery.jicofo.url = Some(jicofo.url());
    settings.discovery.jicofo.interval = Duration::from_millis(100);
    let limits = ProbeLimits { detector_interval: Duration::from_secs(3600), ..limits() };
    let mut probes = spawn_with(&settings, limits);
    next(&mut probes).await;
    let look = probes.look.clone().unwrap();
    for _ in 0..1000 {
        look.now();
    }
    next(&mut probes).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(probes.events.try_recv().is_err());
    assert_eq!(jicofo.requests(), 2);
}

#[tokio::test]
async fn without_an_address_nobody_is_asked() {
    let probes = spawn_with(&settings(), limits());
    assert!(probes.look.is_none() && probes.webhooks.is_none());
}
