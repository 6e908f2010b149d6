//! The service runs: it keeps its link, whatever doctor is told of where it listens.

use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use jibri_autostart::http::{self, HttpEvent};
use serde_json::json;
use testkit::{Behaviour, SOON, Version, config, eventually, ports};

use crate::stand_in::Manner;

use super::autostart::Autostart;
use super::examination::{AT_WORK, Deployment};
use super::{links, visits, world};

/// Asks until the answer has this text.
async fn until_shown(url: &str, text: &str) -> testkit::Result {
    let asked = async {
        while !testkit::http::ask("GET", url, "", SOON).await?.1.contains(text) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    };
    tokio::time::timeout(SOON, asked).await.map_err(|_| format!("{url} never shows {text}"))?
}

testkit::on_each_prosody! {
    async fn the_service_is_asked_and_keeps_its_link(version) {
        let world = world(version, |options| options.prosody.conflict_resolve = "kick_old".into()).await?;
        world.jibri_that("jibri-1", Behaviour::healthy()).await?;
        let mut deployment = Deployment::of(&world).await?;
        let rest = world.rest()?.url();
        let settings = [("DISCOVERY__JICOFO__URL", rest.as_str()), ("JIBRI__INSTANCE", r#"[{name = "jibri-1"}]"#)];
        let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
        let listen = autostart.http().await?.trim_start_matches("http://").to_owned();
        deployment.set("HTTP__LISTEN", &listen);
        autostart.logged("the brewery is seen").await?;
        let before = deployment.examine().await;
        before.fails(&[]).warns(&[("owner muc.meet.jitsi", "open a meeting"), ("focus", "open a meeting")]);

        let ada = world.moderator("r1").await?;
        ada.wait_recording("on", SOON).await?;
        autostart.logged("recording is on").await?;
        until_shown(&format!("http://{listen}/api/v1/rooms"), "\"recording\"").await?;
        let gone = || ada.occupancy().look(|view| !view.occupants.keys().any(|nick| nick.starts_with("autostart")));
        assert!(eventually(SOON, gone).await);
        let seen = visits(&ada);
        let idle = deployment.examine().await;
        idle.fails(&[("jibri jibri-1", "\"stale\"")]).says("health jibri-1", "ok", "");
        deployment.health.be(Manner::Body(AT_WORK.into()));
        deployment.examine().await.is_well();
        let unseen = deployment.examine_with(&[("MUC__FOOTPRINT", "unseen")], &[]).await;
        unseen.fails(&[("sender", "validate_from_addresses")]).warns(&[]);

        // Nobody can say whether it runs: then nothing is risked.
        let off = deployment.examine_with(&[("HTTP__LISTEN", "")], &[]).await;
        off.fails(&[]).says("component", "warn", "--link");
        // Something else answers there.
        let other = deployment.webhook.address.to_string();
        let strange = deployment.examine_with(&[("HTTP__LISTEN", &other)], &[]).await;
        strange.fails(&[("service", "http.listen")]).says("component", "warn", "--link");
        assert_eq!((links(&world), autostart.count("no link to Prosody"), visits(&ada)), (1, 0, seen));
        Ok(())
    }

    async fn whether_the_service_may_be_unseen_is_known_of_it(version) {
        for validate_from in [false, true] {
            let world = world(version, |options| options.prosody.validate_from = validate_from).await?;
            world.jibri("jibri-1").await?;
            let mut deployment = Deployment::of(&world).await?;
            deployment.set("MUC__FOOTPRINT", "unseen");
            let autostart = Autostart::start_with(&world.prosody, &["r1"], &[("MUC__FOOTPRINT", "unseen")], &[])?;
            let listen = autostart.http().await?.trim_start_matches("http://").to_owned();
            deployment.set("HTTP__LISTEN", &listen);
            autostart.logged("linked to Prosody").await?;
            let status = format!("http://{listen}/api/v1/status");
            until_shown(&status, r#""linked":true"#).await?;
            until_shown(&status, r#""footprint":"unseen""#).await?;
            // It has not spoken yet.
            deployment.examine().await.says("sender", "warn", "open a meeting");
            let ada = world.moderator("r1").await?;
            ada.wait_recording("on", SOON).await?;
            until_shown(&format!("http://{listen}/api/v1/rooms"), "\"recording\"").await?;
            let examined = deployment.examine().await;
            if validate_from {
                until_shown(&status, r#""footprint":"discreet""#).await?;
                examined.says("sender", "FAIL", "validate_from_addresses");
            } else {
                examined.says("sender", "ok", "unseen");
            }
        }
        Ok(())
    }

    async fn whether_jicofo_trusts_us_shows_while_we_are_there(version) {
        let world = world(version, |_| {}).await?;
        let launch = Duration::from_secs(2);
        let slow = Behaviour::Healthy { launch, join: Duration::ZERO };
        world.focus.configure(|options| options.reply_timeout = SOON);
        world.jibri_that("jibri-1", slow).await?;
        let ada = world.moderator("r1").await?;
        let mut deployment = Deployment::of(&world).await?;
        deployment.set("HTTP__TOKEN", "t0ken");
        let rules = [("HTTP__TOKEN", "t0ken"), ("START__MIN_PARTICIPANTS", "7")];
        let trust = |domains: &[&str]| {
            let domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
            world.focus.configure(|options| options.trusted_domains = domains);
        };
        for (footprint, verdict) in [("resident", "FAIL"), ("discreet", "warn")] {
            deployment.set("MUC__FOOTPRINT", footprint);
            let settings = [&rules[..], &[("MUC__FOOTPRINT", footprint)]].concat();
            let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
            let listen = autostart.http().await?.trim_start_matches("http://").to_owned();
            deployment.set("HTTP__LISTEN", &listen);
            until_shown(&format!("http://{listen}/api/v1/rooms"), r#""people":1"#).await?;
            // A resident is there all the time, a visitor only while it has something to do.
            let args: &[&str] = if footprint == "resident" {
                let jicofo = deployment.get("DISCOVERY__JICOFO__URL");
                let conference = format!("{jicofo}/debug/conference/r1@muc.meet.jitsi");
                until_shown(&conference, "@autostart.meet.jitsi/").await?;
                &[]
            } else {
                &["--record-test", "r1"]
            };
            trust(&[config::HIDDEN, config::COMPONENT]);
            let examined = deployment.examine_with(&[], args).await;
            examined.says("trusted", "ok", "r1@muc.meet.jitsi");
            trust(&[config::HIDDEN]);
            let examined = deployment.examine_with(&[], args).await;
            examined.says("trusted", verdict, "JICOFO_TRUSTED_DOMAINS=hidden.meet.jitsi,autostart.meet.jitsi");
            drop(autostart);
        }
        ada.leave().await;
        Ok(())
    }

    async fn whether_a_jibri_reports_its_files_is_known_of_the_service(version) {
        let world = world(version, |_| {}).await?;
        world.jibri("jibri-1").await?;
        let mut deployment = Deployment::of(&world).await?;
        let settings = [("JIBRI__WEBHOOK_TOKEN", "t0ken"), ("RECORDINGS__REPORT_WITHIN", "1s")];
        settings.iter().for_each(|(key, value)| deployment.set(key, value));
        let autostart = Autostart::start_with(&world.prosody, &["r1"], &settings, &[])?;
        let url = autostart.http().await?;
        deployment.set("HTTP__LISTEN", url.trim_start_matches("http://"));
        until_shown(&format!("{url}/api/v1/jibris"), "jibri-1").await?;
        deployment.examine().await.says("reports jibri-1", "ok", "nothing to report");
        let without = deployment.examine_with(&[("JIBRI__WEBHOOK_TOKEN", "")], &[]).await;
        without.says("reports", "ok", "jibri.webhook_token is not set");

        let ada = world.moderator("r1").await?;
        let session = ada.wait_recording("on", SOON).await?.session_id;
        let recordings = format!("{url}/api/v1/recordings");
        until_shown(&recordings, r#""jibris":["jibri-1"]"#).await?;
        ada.leave().await;
        until_shown(&recordings, r#""state":"ended""#).await?;
        let silent = async {
            while !deployment.examine().await.has_warned("reports jibri-1", "finalize.sh") {}
        };
        tokio::time::timeout(SOON, silent).await?;

        let report = json!({
            "session_id": session, "instance": "jibri-1", "event": "written",
            "files": [{ "name": "r1.mp4", "bytes": 5, "seconds": null }],
        });
        let reports = format!("{recordings}/t0ken");
        assert_eq!(testkit::http::ask("POST", &reports, &report.to_string(), SOON).await?.0, 204);
        let examined = deployment.examine().await;
        examined.says("reports jibri-1", "ok", "has reported");
        examined.says("format", "warn", "matroska");
        Ok(())
    }

    async fn a_domain_of_jicofo_that_is_not_set_is_named(version) {
        let world = world(version, |_| {}).await?;
        world.jibri("jibri-1").await?;
        let mut deployment = Deployment::of(&world).await?;
        let wrong = ("MUC__SERVICE_DOMAINS", config::HIDDEN);
        deployment.set(wrong.0, wrong.1);
        let autostart = Autostart::start_with(&world.prosody, &["r1"], &[wrong], &[])?;
        deployment.set("HTTP__LISTEN", autostart.http().await?.trim_start_matches("http://"));
        let _ada = world.moderator("r1").await?;
        let named = async { while !deployment.examine().await.has_failed("muc.service_domains") {} };
        tokio::time::timeout(SOON, named).await?;
        Ok(())
    }

    async fn another_instance_has_the_link(version) {
        let world = world(version, |options| options.prosody.conflict_resolve = "kick_new".into()).await?;
        world.jibri("jibri-1").await?;
        let deployment = Deployment::of(&world).await?;
        let autostart = Autostart::start(&world.prosody, &["r1"])?;
        autostart.logged("linked to Prosody").await?;
        deployment.examine().await.fails(&[("component", "stop the other instance")]);
        assert_eq!((links(&world), autostart.count("no link to Prosody")), (1, 0));
        Ok(())
    }

    async fn another_instance_is_thrown_out_and_comes_back(version) {
        let world = world(version, |_| {}).await?;
        world.jibri("jibri-1").await?;
        let deployment = Deployment::of(&world).await?;
        let quick = [("XMPP__RECONNECT_MIN", "1ms"), ("XMPP__RECONNECT_MAX", "20ms")];
        let autostart = Autostart::start_with(&world.prosody, &["r1"], &quick, &[])?;
        autostart.logged("linked to Prosody").await?;
        // It is elsewhere, so nobody answers where it is looked for.
        deployment.examine().await.fails(&[("component", "stop the other instance")]);
        autostart.logged_times("linked to Prosody", 2).await?;
        assert_eq!(links(&world), 3);
        Ok(())
    }

    async fn the_service_says_why_it_has_no_link(version) {
        let world = world(version, |_| {}).await?;
        world.jibri("jibri-1").await?;
        let mut deployment = Deployment::of(&world).await?;
        let autostart = Autostart::start_with(&world.prosody, &["r1"], &[("XMPP__SECRET", "wr0ng")], &[])?;
        deployment.set("HTTP__LISTEN", autostart.http().await?.trim_start_matches("http://"));
        autostart.logged("refuses the secret").await?;
        let examined = deployment.examine().await;
        examined.fails(&[("component", "component_secret")]);
        examined.says("prosody", "ok", "something listens");
        let nobody = ports::loopback().to_string();
        deployment.examine_with(&[("XMPP__SERVER", &nobody)], &[]).await.fails(&[("prosody", "component_ports")]);
        assert_eq!(links(&world), 0);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stands_by_is_not_at_fault() -> testkit::Result {
    let world = world(Version::Debian12, |_| {}).await?;
    world.jibri("jibri-1").await?;
    let mut deployment = Deployment::of(&world).await?;
    let status = json!({
        "version": "0", "domain": "autostart.meet.jitsi", "dry_run": false, "footprint": "discreet",
        "linked": false, "standby": true, "since": "2026-08-20T10:00:00Z", "reason": "standing by: another has it",
        "rooms": {}, "people": 0, "rooms_waiting": 0, "jibris": {}, "alerts": 0,
    });
    let router = Router::new().route("/api/v1/status", get(move || async { Json(status) }));
    let mut events = http::spawn("127.0.0.1:0".parse()?, router);
    let Some(HttpEvent::Listening(address)) = events.recv().await else {
        return Err("does not listen".into());
    };
    deployment.set("HTTP__LISTEN", address);
    let examined = deployment.examine().await;
    examined.fails(&[]).says("component", "warn", "where the other instance runs");
    examined.says("service", "ok", "stands by");
    assert_eq!(links(&world), 0);
    Ok(())
}
