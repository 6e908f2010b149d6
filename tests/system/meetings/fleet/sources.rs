//! Where what is known of Jibris comes from, and what if one of these sources is not there.

use serde_json::json;
use testkit::process::this_test;
use testkit::{JibriProcessOptions, Result, SOON, ServiceManager, Version, config, http};

use super::super::receiver::Receiver;
use super::super::{LONG, on_both, world, world_with};
use super::Setup;

on_both! {
    a_webhook_means_the_instance_with_its_id,
}

/// What `mod_muc_filter_access` does.
const FILTER: &str = r#"
local jid = require "util.jid";
local whitelist = module:get_option_set("muc_filter_whitelist", {});
for _, kind in ipairs({ "host"; "bare"; "full" }) do
	module:hook("presence/" .. kind, function (event)
		if not whitelist:contains(jid.host(event.stanza.attr.from)) then return true; end
	end, 2000);
end
"#;

/// It says nothing to us; Jicofo's word is enough to know who is free.
pub(super) async fn a_brewery_that_does_not_let_us_in(version: Version) -> Result {
    let filter =
        format!("modules_enabled = {{ \"test_filter\" }}\nmuc_filter_whitelist = {{ {:?} }}", config::AUTH);
    let world = world_with(version, |options| {
        options.rest = true;
        options.prosody.plugins = vec![("mod_test_filter.lua".into(), FILTER.into())];
        options.prosody.extra_host = vec![(config::INTERNAL_MUC.into(), filter)];
    })
    .await?;
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let jibri = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let autostart = Setup::new()
        .asked(&jibri)
        .asks_jicofo(&world)?
        .set("ALERTS__START_OVERDUE", "1s")
        .tells(&receiver)
        .start(&world, &["r1", "r2"])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    // By Jicofo's word there is none for another meeting.
    let ben = world.moderator("r2").await?;
    let cause = receiver.hears("no_jibri_free", "raised").await?;
    let summary = cause["summary"].as_str().unwrap_or_default();
    println!("without the brewery: {summary}");
    ada.leave().await;
    ben.wait_recording("on", LONG).await?;
    autostart.logged("muc_filter_whitelist").await?;
    receiver.hears("brewery_unreadable", "raised").await?;
    Ok(())
}

/// It refuses every start, the only Jibri is idle and well, and it is not the Jibri.
pub(super) async fn a_jicofo_that_loses_the_brewery(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let receiver = Receiver::start().await;
    let _jibri = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let autostart =
        Setup::new().jibri("jibri-1").restarts("wedged", &manager).tells(&receiver).start(&world, &["r1"])?;
    autostart.logged("the brewery is seen").await?;
    world.focus.lose_brewery();
    let ada = world.moderator("r1").await?;
    let alert = receiver.hears("jicofo_lost_brewery", "raised").await?;
    assert_eq!((&alert["severity"], &alert["subject"]), (&json!("critical"), &json!("jicofo")));
    let words = alert["summary"].as_str().unwrap_or_default();
    assert!(words.contains("Jibris are in the brewery, and Jicofo is not"), "{words}");
    assert!(!world.focus.start_requests_in("r1").is_empty(), "it is tried");
    assert_eq!((super::restarted(&manager), receiver.told_of("jibri_wedged").len()), (Vec::new(), 0));
    world.focus.restart().await?;
    receiver.hears("jicofo_lost_brewery", "resolved").await?;
    ada.wait_recording("on", LONG).await?;
    Ok(())
}

async fn a_webhook_means_the_instance_with_its_id(version: Version) -> Result {
    let world = world(version).await?;
    let manager = ServiceManager::start(this_test()).await?;
    let _jibri = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    let instances = r#"[{name = "jibri-1", id = "the-first"}]"#;
    let autostart = super::super::autostart::Autostart::start_with(
        &world.prosody,
        &["r1"],
        &[("JIBRI__INSTANCE", instances), ("JIBRI__WEBHOOK", "true"), ("JIBRI__WEBHOOK_TOKEN", "h00k")],
        &[],
    )?;
    autostart.logged("the brewery is seen").await?;
    let url = format!("{}/jibri-webhook/h00k/v1/status", autostart.http().await?);
    let tell = async |id: &str, busy: &str, health: &str| -> Result {
        let status = json!({ "busyStatus": busy, "health": { "healthStatus": health, "details": {} } });
        let body = json!({ "jibriId": id, "status": status }).to_string();
        let (code, _) = http::ask("POST", &url, &body, SOON).await?;
        assert_eq!(code, 200);
        Ok(())
    };
    tell("nobody-we-know", "IDLE", "UNHEALTHY").await?;
    tell("the-first", "IDLE", "UNHEALTHY").await?;
    autostart.logged(r#""message":"Jibri needs a restart: "#).await?;
    assert_eq!(autostart.count("Jibri needs a restart"), 1);
    assert_eq!(autostart.count("nobody-we-know"), 0);
    autostart.logged(r#""instance":"jibri-1""#).await?;
    tell("the-first", "IDLE", "HEALTHY").await?;
    autostart.logged("Jibri is all right").await?;
    for nonsense in ["", "{", "[]", r#"{"jibriId":1}"#] {
        assert_eq!(http::ask("POST", &url, nonsense, SOON).await?.0, 200);
    }
    Ok(())
}
