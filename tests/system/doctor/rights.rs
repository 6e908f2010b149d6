//! What Prosody's configuration must grant.

use testkit::{Version, World, WorldOptions, config};

use super::examination::Deployment;
use super::{never_seen_by, world};

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

/// A second block of the conference service, as it once was to be copied: it replaces Jitsi's list of admins by one that
/// names Jicofo wrongly.
fn replace_admins(options: &mut WorldOptions, more: &str) {
    options.prosody.admins_in_blocks = true;
    let block = format!(
        "Component \"muc.meet.jitsi\" \"muc\"\nadmins = {{ \"focus@auth.other\", \"autostart@autostart.meet.jitsi\" }}\n{more}\n"
    );
    options.prosody.conf_d = vec![("autostart.cfg.lua".into(), block)];
}

/// The example in the document, but for addresses and where lines are broken.
async fn the_document_is_true(world: &World, deployment: &Deployment, room: &str) -> testkit::Result {
    let document = include_str!("../../../docs/troubleshooting.md");
    let example =
        document.split("```text\nok   configuration").nth(1).and_then(|rest| rest.split("```").next());
    let example = format!("ok configuration{}", example.ok_or("no example")?);
    let none =
        ["RECOVERY__ON", "RECOVERY__COMMAND", "ALERTS__WEBHOOK", "ALERTS__ALERTMANAGER", "LEDGER__PATH"];
    let output = deployment.run(&none.map(|key| (key, "")), &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8(output.stdout)?
        .replace(&world.prosody.component().to_string(), "127.0.0.1:5347")
        .replace(deployment.get("HTTP__LISTEN"), "127.0.0.1:8790")
        .replace(&format!("{room}@"), "lesson@");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&printed), words(&example), "{printed}");
    Ok(())
}

testkit::on_each_prosody! {
    async fn no_admin_of_the_rooms(version) {
        let world = world(version, |options| options.prosody.component_is_admin = false).await?;
        world.jibri("jibri-1").await?;
        let deployment = Deployment::of(&world).await?;
        let words = "list \"autostart@autostart.meet.jitsi\" in `admins`";
        // It takes no meeting to know.
        let without = deployment.examine().await;
        without.fails(&[("owner muc.meet.jitsi", words)]).warns(&[("focus", "open a meeting")]);
        let ada = world.moderator("r1").await?;
        let with = deployment.examine().await;
        with.fails(&[("owner muc.meet.jitsi", words)]);
        with.says("owner muc.meet.jitsi", "FAIL", "autostart@autostart.meet.jitsi may not ask who is in r1@");
        never_seen_by(&ada)?;
        the_document_is_true(&world, &deployment, "r1").await
    }

    async fn jicofo_may_open_no_room(version) {
        let world = world(version, |options| replace_admins(options, "")).await?;
        world.jibri("jibri-1").await?;
        let deployment = Deployment::of(&world).await?;
        // Nobody has tried yet.
        deployment.examine().await.fails(&[]);
        assert!(world.focus.open_room("r1").await.is_err());
        let examined = deployment.examine().await;
        examined.fails(&[("opened", "list \"focus@auth.meet.jitsi\" in `admins`")]);
        examined.says("opened", "FAIL", "asked for 1 meeting since it started");
        Ok(())
    }

    async fn jicofo_owns_no_room(version) {
        let world = world(version, |options| replace_admins(options, "restrict_room_creation = false")).await?;
        world.jibri("jibri-1").await?;
        // Who comes first owns it.
        let ada = testkit::Person::join(&world.prosody, "r1", testkit::PersonOptions::default()).await?;
        world.focus.open_room("r1").await?;
        let deployment = Deployment::of(&world).await?;
        let examined = deployment.examine().await;
        examined.fails(&[("focus", "list \"focus@auth.meet.jitsi\" in `admins`")]);
        never_seen_by(&ada)?;
        Ok(())
    }

    async fn an_admin_that_owns_no_rooms(version) {
        let world = world(version, |options| options.prosody.admins_own_rooms = false).await?;
        world.jibri("jibri-1").await?;
        let deployment = Deployment::of(&world).await?;
        let owner = ("owner muc.meet.jitsi", "component_admins_as_room_owners = true");
        deployment.examine().await.fails(&[]).warns(&[owner, ("focus", "open a meeting")]);
        let _ada = world.moderator("r1").await?;
        match version {
            // There it is the default.
            Version::Debian12 => deployment.examine().await.is_well(),
            Version::Debian13 => drop(deployment.examine().await.fails(&[owner])),
        }
        Ok(())
    }
}

/// Prosody's silence takes long to be sure of, so both are waited for at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brewery_that_does_not_let_us_in_and_no_jibri() {
    let on = |version| testkit::each::unless_missing(version, no_answer_from_the_brewery);
    tokio::join!(on(Version::Debian12), on(Version::Debian13));
}

async fn no_answer_from_the_brewery(version: Version) -> testkit::Result {
    let filter =
        format!("modules_enabled = {{ \"test_filter\" }}\nmuc_filter_whitelist = {{ {:?} }}", config::AUTH);
    let world = world(version, |options| {
        options.prosody.validate_from = false;
        options.prosody.plugins = vec![("mod_test_filter.lua".into(), FILTER.into())];
        options.prosody.extra_host = vec![(config::INTERNAL_MUC.into(), filter)];
    })
    .await?;
    let ada = world.moderator("r1").await?;
    let mut deployment = Deployment::of(&world).await?;
    deployment.set("MUC__FOOTPRINT", "unseen");
    let examined = deployment.examine().await;
    let alive = ("jibri jibri-1", "\"detached\"");
    examined.fails(&[("brewery", "muc_filter_whitelist"), ("jibris", "start one"), alive]);
    examined.says("sender", "ok", "moderators' names");
    never_seen_by(&ada)?;
    Ok(())
}
