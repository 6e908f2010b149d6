//! Jibris as processes: each kind of failure is what others see of it, and a restart mends it.

use serde_json::json;
use std::process::Command;
use std::time::Duration;
use testkit::process::RestartFault;
use testkit::*;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

struct Place {
    world: World,
    manager: ServiceManager,
}

async fn place(version: Version) -> Result<Place> {
    let mut options = WorldOptions { rest: true, ..WorldOptions::default() };
    options.focus.be_patient();
    let world = World::start(version, options).await?;
    let manager = ServiceManager::start(Program::at(env!("CARGO_BIN_EXE_testkit-jibri"))).await?;
    Ok(Place { world, manager })
}

const NEVER: &str = "-1000000000-01-01T00:00:00Z";

impl Place {
    async fn jibri(&self, options: JibriProcessOptions) -> Result<JibriProcess> {
        self.world.jibri_process(&self.manager, options).await
    }

    /// What Jicofo's REST interface says of a Jibri.
    async fn believed(&self, name: &str) -> Result<serde_json::Value> {
        let url = format!("{}/debug", self.world.rest()?.url());
        let (status, body) = http::ask("GET", &url, "", SOON).await?;
        assert_eq!(status, 200);
        Ok(serde_json::from_str::<serde_json::Value>(&body)?["jibri_detector"][name].take())
    }

    /// Restarts as the program would, and gives what the command printed.
    async fn recover(&self, name: &str) -> Result<(bool, String)> {
        let argv = self.manager.restart_command();
        let name = name.to_owned();
        let run = move || Command::new(&argv[0]).arg(argv[1].replace("{instance}", &name)).output();
        let output = tokio::task::spawn_blocking(run).await??;
        Ok((output.status.success(), String::from_utf8(output.stdout)?))
    }

    /// Restarts it, and it records.
    async fn is_mended_by_a_restart(&self, jibri: &JibriProcess, ada: &Person) -> Result {
        let old = jibri.pid();
        let (fine, said) = self.recover(jibri.name()).await?;
        assert!(fine && said.starts_with("restarted jibri-1: process "), "{said}");
        jibri.wait_ready().await?;
        assert!(jibri.pid().is_some() && jibri.pid() != old);
        self.world.focus.wait_available(1).await?;
        assert_eq!(self.believed("jibri-1").await?["last_failed"], NEVER);
        self.world.focus.configure(FocusOptions::be_patient);
        let session = ada.start_recording(SOON).await?.expect("started");
        let state = jibri.until(SOON, "recording", |state| state.recording.is_some()).await?;
        assert_eq!((state.recording, state.life), (Some(session), 2));
        Ok(())
    }
}

fn busy_and_health(health: &serde_json::Value) -> (&str, &str) {
    let status = &health["status"];
    (status["busyStatus"].as_str().unwrap_or("?"), status["health"]["healthStatus"].as_str().unwrap_or("?"))
}

fn all_busy(answer: std::result::Result<String, Refusal>) {
    assert_eq!(answer.expect_err("must be refused").text.as_deref(), Some("all Jibris are busy"));
}

on_each_prosody! {
    async fn one_that_works(version) {
        let place = place(version).await?;
        let jibri = place.jibri(JibriProcessOptions::new("jibri-1")).await?;
        let ada = place.world.moderator("r1").await?;
        let idle = json!({"status": {"busyStatus": "IDLE", "health": {"healthStatus": "HEALTHY", "details": {}}}});
        assert_eq!(jibri.health(SOON).await?, idle);
        assert_eq!(place.believed("jibri-1").await?, json!({
            "health_status": "healthy", "busy_status": "idle", "reports_available": true,
            "last_failed": NEVER, "last_selected": NEVER,
        }));
        let session = ada.start_recording(SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;
        assert_eq!(ada.wait_recorder(SOON).await?, session);
        let health = jibri.health(SOON).await?;
        assert_eq!(busy_and_health(&health), ("BUSY", "HEALTHY"));
        assert_eq!(health["environmentContext"]["name"], "testkit");
        let believed = place.believed("jibri-1").await?;
        assert_eq!((&believed["busy_status"], &believed["reports_available"]), (&json!("busy"), &json!(false)));
        let selected = believed["last_selected"].as_str().unwrap_or_default().to_owned();
        assert!(selected.starts_with("20") && selected.ends_with('Z') && selected.len() == 24, "{selected}");
        assert_eq!(place.believed("jibri-1").await?["last_selected"], selected.as_str(), "always the same");
        ada.stop_recording(SOON).await?.expect("stopped");
        jibri.until(SOON, "idle", |state| state.busy == "IDLE" && state.stops == 1).await?;
        ada.wait_no_recorder(SOON).await?;
        Ok(())
    }

    async fn one_whose_chrome_refuses(version) {
        let place = place(version).await?;
        let options = JibriProcessOptions::until_restarted("jibri-1", Life::of(Behaviour::FailStart));
        let jibri = place.jibri(options).await?;
        let ada = place.world.moderator("r1").await?;
        all_busy(ada.start_recording(SOON).await?);
        assert_eq!(busy_and_health(&jibri.health(SOON).await?), ("IDLE", "HEALTHY"));
        let believed = place.believed("jibri-1").await?;
        assert_eq!(believed["reports_available"], true);
        assert!(believed["last_failed"] != NEVER && believed["last_failed"].as_str() >= believed["last_selected"].as_str());
        place.is_mended_by_a_restart(&jibri, &ada).await
    }

    async fn one_whose_chrome_hangs(version) {
        let place = place(version).await?;
        place.world.focus.configure(|options| options.reply_timeout = ms(300));
        let options = JibriProcessOptions::until_restarted("jibri-1", Life::of(Behaviour::HangStart));
        let jibri = place.jibri(options).await?;
        let ada = place.world.moderator("r1").await?;
        all_busy(ada.start_recording(SOON).await?);
        assert_eq!(busy_and_health(&jibri.health(SOON).await?), ("IDLE", "HEALTHY"));
        assert!(place.believed("jibri-1").await?["last_failed"] != NEVER);
        // All of them say 200, and none is ever done.
        for what in ["shutdown", "gracefulShutdown", "notifyConfigChanged"] {
            assert_eq!(jibri.post_internal(what).await?, 200);
        }
        assert!(jibri.wait_exit(ms(500)).await.is_err(), "hung is hung");
        assert_eq!(busy_and_health(&jibri.health(SOON).await?), ("IDLE", "HEALTHY"));
        assert_eq!(jibri.state().await?.starts.len(), 1);
        place.is_mended_by_a_restart(&jibri, &ada).await
    }

    async fn one_that_is_frozen(version) {
        let place = place(version).await?;
        place.world.focus.configure(|options| options.reply_timeout = ms(300));
        let jibri = place.jibri(JibriProcessOptions::until_restarted("jibri-1", Life::freezes())).await?;
        let ada = place.world.moderator("r1").await?;
        all_busy(ada.start_recording(SOON).await?);
        assert!(eventually(SOON, || jibri.is_frozen()).await);
        assert!(jibri.health(ms(200)).await.is_err());
        assert_eq!(place.believed("jibri-1").await?["reports_available"], true, "its last word");
        place.is_mended_by_a_restart(&jibri, &ada).await?;
        jibri.freeze(true).await?;
        assert!(jibri.health(ms(200)).await.is_err());
        jibri.freeze(false).await?;
        jibri.health(SOON).await?;
        Ok(())
    }

    async fn one_whose_page_does_not_load(version) {
        let place = place(version).await?;
        place.world.focus.configure(|options| options.num_retries = 0);
        let options = JibriProcessOptions::until_restarted("jibri-1", Life::of(Behaviour::FailJoin(ms(2_000))));
        let jibri = place.jibri(options).await?;
        let ada = place.world.moderator("r1").await?;
        ada.start_recording(SOON).await?.expect("pending");
        assert_eq!(busy_and_health(&jibri.health(SOON).await?), ("BUSY", "HEALTHY"));
        let off = ada.wait_recording("off", SOON).await?;
        assert_eq!(off.failure_reason.as_deref(), Some("error"));
        jibri.until(SOON, "idle", |state| state.busy == "IDLE" && state.healthy).await?;
        place.is_mended_by_a_restart(&jibri, &ada).await
    }

    async fn one_that_is_unhealthy(version) {
        let place = place(version).await?;
        place.world.focus.configure(|options| options.num_retries = 0);
        let options = JibriProcessOptions::until_restarted("jibri-1", Life::of(Behaviour::FailSystem(ms(50))));
        let jibri = place.jibri(options).await?;
        let ada = place.world.moderator("r1").await?;
        ada.start_recording(SOON).await?.expect("pending");
        ada.wait_recording("off", SOON).await?;
        jibri.until(SOON, "idle", |state| state.busy == "IDLE").await?;
        let health = jibri.health(SOON).await?;
        assert_eq!(busy_and_health(&health), ("IDLE", "UNHEALTHY"));
        let details = json!({"JibriManager": {"healthStatus": "UNHEALTHY", "detail": ""}});
        assert_eq!(health["status"]["health"]["details"], details);
        place.world.focus.wait_available(0).await?;
        let believed = place.believed("jibri-1").await?;
        assert_eq!((&believed["health_status"], &believed["reports_available"]), (&json!("unhealthy"), &json!(false)));
        // Nothing but a restart sets it healthy again, a new connection neither.
        jibri.set_life(Life::healthy()).await?;
        all_busy(ada.start_recording(SOON).await?);
        place.is_mended_by_a_restart(&jibri, &ada).await
    }

    async fn one_that_is_used_up(version) {
        let place = place(version).await?;
        let mut options = JibriProcessOptions::new("jibri-1");
        options.jibri.single_use = true;
        let jibri = place.jibri(options).await?;
        let ada = place.world.moderator("r1").await?;
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;
        ada.stop_recording(SOON).await?.expect("stopped");
        jibri.until(SOON, "expired", |state| state.busy == "EXPIRED").await?;
        let health = jibri.health(SOON).await?;
        assert_eq!(busy_and_health(&health), ("EXPIRED", "HEALTHY"));
        assert!(health.get("environmentContext").is_none());
        assert_eq!(place.believed("jibri-1").await?["busy_status"], "busy", "the brewery never says expired");
        all_busy(ada.start_recording(SOON).await?);
        place.is_mended_by_a_restart(&jibri, &ada).await
    }

    async fn one_that_crashes_while_it_records(version) {
        let place = place(version).await?;
        let jibri = place.jibri(JibriProcessOptions {
            policy: RestartPolicy::Always,
            ..JibriProcessOptions::until_restarted("jibri-1", Life::of(Behaviour::CrashRecording(ms(300))))
        }).await?;
        let other = place.jibri(JibriProcessOptions::new("jibri-2")).await?;
        let ada = place.world.moderator("r1").await?;
        // The first in the list is taken.
        let session = ada.start_recording(SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;
        assert!(eventually(SOON, || !jibri.exits().is_empty()).await);
        assert_eq!(jibri.exits()[0].code(), Some(134));
        // Another takes over under the same session, unless the crashed one is back sooner.
        let records = |state: &process::State| state.recording.as_deref() == Some(&session);
        assert!(tokio::select! {
            state = other.until(SOON, "recording", records) => state.is_ok(),
            state = jibri.until(SOON, "recording", records) => state.is_ok(),
        });
        jibri.until(SOON, "in its second life", |state| state.life == 2).await?;
        Ok(())
    }

    async fn one_with_a_hung_health_port(version) {
        let place = place(version).await?;
        let silent = Life::healthy().with_health_port(HealthPort::Silent);
        let jibri = place.jibri(JibriProcessOptions::until_restarted("jibri-1", silent)).await?;
        let ada = place.world.moderator("r1").await?;
        assert!(jibri.health(ms(300)).await.is_err());
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;
        assert!(jibri.health(ms(300)).await.is_err());
        jibri.set_life(Life::healthy().with_health_port(HealthPort::Closes)).await?;
        assert!(jibri.health(SOON).await.is_err());
        jibri.set_life(Life::healthy().with_health_port(HealthPort::Slow(ms(300)))).await?;
        assert!(jibri.health(ms(100)).await.is_err());
        assert_eq!(busy_and_health(&jibri.health(SOON).await?), ("BUSY", "HEALTHY"));
        place.manager.restart("jibri-1").await?;
        assert_eq!(jibri.state().await?.life, 2);
        jibri.health(SOON).await?;
        Ok(())
    }

    async fn shutdowns(version) {
        let place = place(version).await?;
        let ada = place.world.moderator("r1").await?;
        let policy = RestartPolicy::Systemd;
        let jibri = place.jibri(JibriProcessOptions { policy, ..JibriProcessOptions::new("jibri-1") }).await?;
        // When idle at once, and with 0 the service manager starts it again.
        assert_eq!(jibri.post_internal("notifyConfigChanged").await?, 200);
        jibri.until(SOON, "in its second life", |state| state.life == 2).await?;
        assert_eq!(jibri.exits()[0].code(), Some(0));
        place.world.focus.wait_available(1).await?;
        // Gracefully means after the recording.
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;
        assert_eq!(jibri.post_internal("gracefulShutdown").await?, 200);
        assert!(jibri.wait_exit(ms(300)).await.is_err());
        ada.stop_recording(SOON).await?.expect("stopped");
        assert_eq!(jibri.wait_exit(SOON).await?.code(), Some(255));
        tokio::time::sleep(ms(300)).await;
        assert_eq!(jibri.pid(), None, "255 says not to start it again");
        place.manager.restart("jibri-1").await?;
        place.world.focus.wait_available(1).await?;
        // Otherwise the recording is stopped: a clean end.
        let session = ada.start_recording(SOON).await?.expect("started");
        ada.occupancy().until(SOON, "on", |view| view.recording().is_some_and(|s| s.session_id == session && s.status == "on")).await?;
        assert_eq!(jibri.post_internal("shutdown").await?, 200);
        assert_eq!(jibri.wait_exit(SOON).await?.code(), Some(255));
        ada.occupancy().until(SOON, "off", |view| view.recording().is_some_and(|s| s.session_id == session && s.status == "off")).await?;
        let off = ada.recording().unwrap();
        assert_eq!((off.initiator, off.failure_reason), (None, None));
        Ok(())
    }

    async fn a_process_comes_back_to_a_prosody_that_was_away(version) {
        let mut place = place(version).await?;
        let jibri = place.jibri(JibriProcessOptions::new("jibri-1")).await?;
        place.world.restart_prosody().await?;
        place.world.focus.wait_available(1).await?;
        assert_eq!(jibri.state().await?.life, 1);
        let ada = place.world.moderator("r1").await?;
        ada.start_recording(SOON).await?.expect("started");
        ada.wait_recording("on", SOON).await?;
        Ok(())
    }

    async fn a_hung_one_comes_back_hung(version) {
        let mut place = place(version).await?;
        place.world.focus.configure(|options| options.reply_timeout = ms(300));
        let jibri = place.jibri(JibriProcessOptions::that("jibri-1", Behaviour::HangStart)).await?;
        all_busy(place.world.moderator("r1").await?.start_recording(SOON).await?);
        place.world.restart_prosody().await?;
        place.world.focus.wait_available(1).await?;
        assert_eq!(busy_and_health(&jibri.health(SOON).await?), ("IDLE", "HEALTHY"));
        all_busy(place.world.moderator("r1").await?.start_recording(SOON).await?);
        assert_eq!(jibri.state().await?.starts.len(), 1, "the second waits behind the first");
        place.manager.restart("jibri-1").await?;
        assert_eq!(jibri.state().await?.starts.len(), 0);
        Ok(())
    }

    async fn commands_that_do_not_restart(version) {
        let place = place(version).await?;
        let jibri = place.jibri(JibriProcessOptions::new("jibri-1")).await?;
        let before = jibri.pid();
        place.manager.set_fault(Some(RestartFault::Fails));
        assert_eq!(place.recover("jibri-1").await?, (false, "cannot restart jibri-1\n".into()));
        place.manager.set_fault(Some(RestartFault::DoesNothing));
        assert_eq!(place.recover("jibri-1").await?, (true, "restarted jibri-1\n".into()));
        place.manager.set_fault(Some(RestartFault::Hangs));
        assert!(tokio::time::timeout(ms(200), http::ask("POST", &place.manager.restart_url(), "", SOON)).await.is_err());
        place.manager.set_fault(None);
        assert_eq!(place.recover("jibri-9").await?, (false, "no instance jibri-9\n".into()));
        assert_eq!(jibri.pid(), before);
        let names: Vec<_> = place.manager.restarts().into_iter().map(|restart| restart.name).collect();
        assert_eq!(names, ["jibri-1", "jibri-1", "{instance}", "jibri-9"]);
        Ok(())
    }
}
