//! What is broken around Prosody and Jicofo: health ports, receivers of alerts, files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use testkit::{Behaviour, SOON, eventually, ports};

use super::examination::Deployment;
use super::world;
use crate::stand_in::Manner;

const USED_UP: &str =
    r#"{"status":{"busyStatus":"EXPIRED","health":{"healthStatus":"HEALTHY","details":{}}}}"#;
const UNWELL: &str = r#"{"status":{"busyStatus":"IDLE","health":{"healthStatus":"UNHEALTHY","details":
    {"JibriManager":{"healthStatus":"UNHEALTHY","detail":"disk full"}}}}}"#;

testkit::on_each_prosody! {
    async fn several_at_once_are_named_each(version) {
        let world = world(version, |_| {}).await?;
        let jibri = world.jibri_that("jibri-1", Behaviour::FailSystem(std::time::Duration::ZERO)).await?;
        let ada = world.moderator("r1").await?;
        let mut deployment = Deployment::of(&world).await?;
        deployment.examine().await.is_well();

        let nobody = format!("http://{}", ports::loopback());
        let broken = [
            ("JIBRI__INSTANCE", &*format!("[{{name = \"jibri-1\", health_url = {nobody:?}}}]")),
            ("RECOVERY__COMMAND", "/no/such/program,{instance}"),
            ("ALERTS__WEBHOOK", &format!("{nobody}/t0ken")),
            ("ALERTS__ALERTMANAGER", &nobody),
            ("LEDGER__PATH", "/no/such/directory/ledger.db"),
        ];
        deployment.examine_with(&broken, &[]).await.fails(&[
            ("health jibri-1", "jibri.api.http.external-api-host"),
            ("recovery", "recovery.command"),
            ("webhook", "alerts.webhook"),
            ("alertmanager", "alerts.alertmanager"),
            ("ledger", "ledger.path"),
        ]);

        deployment.health.be(Manner::Body(USED_UP.into()));
        deployment.webhook.be(Manner::Redirect("http://elsewhere.invalid/".into()));
        deployment.alertmanager.be(Manner::Status("404 Not Found", ""));
        let used_up = deployment.examine_with(&[("RECOVERY__COMMAND", "no-such-program,{instance}")], &[]).await;
        used_up.fails(&[
            ("health jibri-1", "recovery.on = [\"expired\"]"),
            ("recovery", "full path"),
            ("webhook", "redirects are not followed"),
            ("alertmanager", "http://alertmanager:9093"),
        ]);

        // A Jibri that says itself, in both places, that it is unwell.
        let _ = ada.start_recording(SOON).await?;
        assert!(eventually(SOON, || !jibri.status().1).await);
        deployment.health.be(Manner::Body(UNWELL.into()));
        deployment.webhook.be(Manner::Status("200 OK", ""));
        deployment.alertmanager.be(Manner::Status("200 OK", "OK"));
        let unwell = deployment.examine().await;
        unwell.fails(&[("jibri jibri-1", "ffmpeg"), ("health jibri-1", "disk full")]);
        // Nobody was sent an alert.
        let asked = deployment.webhook.seen().into_iter().chain(deployment.alertmanager.seen());
        assert!(asked.map(|seen| seen.what).all(|what| what.starts_with("HEAD ") || what.starts_with("GET ")));

        deployment.health.be(Manner::Body(crate::doctor::examination::WELL.into()));
        jibri.restart().await?;
        let secret = deployment.dir.path().join("secret");
        fs::write(&secret, world.prosody.component_secret())?;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644))?;
        let config = deployment.dir.path().join("config.toml");
        fs::write(&config, format!("[xmpp]\nsecret_file = {secret:?}\n[http]\ntoken = \"t0ken\"\n"))?;
        fs::set_permissions(&config, fs::Permissions::from_mode(0o644))?;
        deployment.set("XMPP__SECRET", "");
        let file = ["--config", config.to_str().unwrap()];
        let open = deployment.examine_with(&[], &file).await;
        open.fails(&[]).warns(&[("configuration", "holds http.token"), ("xmpp.secret_file", "chmod o-r")]);
        for path in [&secret, &config] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o640))?;
        }
        deployment.examine_with(&[], &file).await.is_well();
        Ok(())
    }
}
