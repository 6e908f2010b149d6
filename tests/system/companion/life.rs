//! Loading, reloading, unloading; the link that comes and goes; and where it does not belong.

use super::{MUC, NS, R1, Scene, focus, number, of, prosody_with, refused};
use testkit::{Component, Node, on_each_prosody};

/// How many handlers there are for the events that the companion listens to.
const HANDLERS: &str = "
    local n = 0;
    for _, host in ipairs { 'muc.meet.jitsi', 'autostart.meet.jitsi' } do
        for _, event in ipairs { 'muc-broadcast-presence', 'muc-occupant-joined', 'muc-occupant-left', 'room-metadata-changed',
            'jitsi-metadata-updated', 'muc-config-submitted', 'muc-set-affiliation', 'muc-room-destroyed', 'iq/host', 'iq/full',
            'component-authenticated' } do
            n = n + #(prosody.hosts[host].events.get_handlers(event) or {});
        end
    end
    return n + #(prosody.events.get_handlers('host-activated') or {})";

#[test]
fn luacheck_has_nothing_to_say() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prosody/mod_jibri_autostart_companion.lua");
    let options =
        ["--std", "lua51c", "--globals", "module", "--read-globals", "prosody", "--max-line-length", "130"];
    match std::process::Command::new("luacheck").args(options).arg(file).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(error) => eprintln!("passed over: luacheck: {error}"),
    }
}

on_each_prosody! {
    async fn a_reload_leaves_nothing_behind(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let ada = scene.moderator("r1", "ada").await?;
        let handlers = scene.lua(HANDLERS).await?;
        let hello = scene.told("get", "hello", &[]).await?;
        let (id, got) = scene.opened("start", &[("room", R1), ("as", "ada"), ("mode", "file")]).await?;
        for round in 0..5 {
            // Pushes are pending when it goes.
            for n in 0..20 {
                ada.occupancy().set_extras(vec![Node::new("stats-id", "").with_text(&format!("x{round}-{n}"))]);
            }
            scene.manage("reload").await?;
        }
        assert_eq!(refused(&scene.link.answer(&id).await?), Some("unloaded"));
        scene.focus.send(&got.result());
        assert_eq!(scene.lua(HANDLERS).await?, handlers);
        let again = scene.told("get", "hello", &[]).await?;
        assert_ne!(again.get("epoch"), hello.get("epoch"));
        assert_eq!((again.get("errors"), again.get("open")), (Some("0"), Some("0")));
        let epoch = again.get_or_empty("epoch").to_owned();
        scene.push(0, "hello", |hello| hello.get("epoch") == Some(&epoch) && hello.get("why") == Some("loaded")).await?;
        let (mark, _) = scene.now().await?;
        ada.occupancy().set_extras(vec![Node::new("stats-id", "").with_text("last")]);
        scene.push(mark, "room", |room| of(room, "ada", "stats-id") == "last").await?;
        // Within an epoch no number is missing, and none comes twice.
        let pushes = scene.pushes(0);
        for epoch in pushes.iter().filter_map(|push| push.get("epoch")).collect::<std::collections::BTreeSet<_>>() {
            let of_it = pushes.iter().filter(|push| push.get("epoch") == Some(epoch) && push.name != "hello");
            let numbers: Vec<_> = of_it.map(number).collect();
            assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
        }

        scene.manage("unload").await?;
        let bye = scene.push(mark, "bye", |_| true).await?;
        assert_eq!(bye.get("epoch"), Some(epoch.as_str()));
        let without: u32 = scene.lua(HANDLERS).await?.parse()?;
        let bob = scene.person("r1", "bob").await?;
        assert_eq!(scene.ask("get", "hello", &[]).await?.condition(), Some("service-unavailable"));
        scene.manage("load").await?;
        assert_eq!(scene.lua(HANDLERS).await?, handlers);
        assert!(without < handlers.parse()?);
        scene.manage("unload").await?;
        assert_eq!(scene.lua(HANDLERS).await?, without.to_string());
        let log = scene.prosody.log();
        assert!(!log.contains("Traceback") && !log.contains("disturbs nothing else"), "{log}");
        drop(bob);
        Ok(())
    }

    async fn without_a_link_nothing_is_sent(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let ada = scene.moderator("r1", "ada").await?;
        let before = number(&scene.told("get", "hello", &[]).await?);
        scene.link.say("</stream:stream>").await?;
        while scene.lua("return tostring(prosody.hosts['autostart.meet.jitsi'].modules.component.session)").await? != "false" {}
        ada.occupancy().set_extras(vec![Node::new("stats-id", "").with_text("unheard")]);
        scene.open("r2").await?;
        scene.manage("reload").await?;
        scene.open("r3").await?;
        assert_eq!(scene.prosody.count_log(&["Component not connected"]), 0);
        (scene.link, _) = Component::open(&scene.prosody, scene.prosody.component_secret()).await?;
        let hello = scene.push(0, "hello", |_| true).await?;
        assert_eq!((number(&hello), hello.get("why")), (0, Some("linked")));
        assert!(before > 0);
        let all = scene.told("get", "rooms", &[]).await?;
        assert_eq!(all.children.len(), 3);
        let r1 = all.children.iter().find(|room| room.get("jid") == Some(R1)).ok_or("no r1")?;
        assert_eq!(of(r1, "ada", "stats-id"), "unheard");
        let (mark, _) = scene.now().await?;
        ada.leave_room();
        scene.push(mark, "room", |room| of(room, "ada", "jid").is_empty() && room.get("jid") == Some(R1)).await?;
        Ok(())
    }

    async fn a_link_that_comes_after_a_restart_is_greeted(version) {
        let mut scene = Scene::start(version).await?;
        scene.prosody.restart().await?;
        scene.focus = focus(&scene.prosody).await?;
        (scene.link, _) = Component::open(&scene.prosody, scene.prosody.component_secret()).await?;
        scene.push(0, "hello", |hello| hello.get("why") == Some("linked")).await?;
        scene.open("r1").await?;
        scene.push(0, "room", |room| room.get("jid") == Some(R1)).await?;
        Ok(())
    }

    async fn where_it_does_not_belong_it_says_so(version) {
        let on = |component: &str, more: &str| format!(
            "Component \"{component}\" \"muc\"\nmodules_enabled = {{ \"jibri_autostart_companion\" }}\n{more}\n");
        let ours = "jibri_autostart_component = \"autostart.meet.jitsi\"";
        let prosody = prosody_with(version, |options| {
            options.extra_host.push((testkit::config::DOMAIN.into(), format!(
                "lobby_muc = \"waiting.meet.jitsi\"\nmodules_enabled = {{ \"jibri_autostart_companion\" }}\n{ours}")));
            options.extra_tail.push_str(&[
                on("waiting.meet.jitsi", ours),
                on("lobby.meet.jitsi", ours),
                on("breakout.meet.jitsi", ours),
                on("unset.meet.jitsi", ""),
                on("two.meet.jitsi", "jibri_autostart_component = { \"a.meet.jitsi\", \"b.meet.jitsi\" }"),
                on("odd.meet.jitsi", "jibri_autostart_component = \"x@autostart.meet.jitsi\""),
            ].concat());
        }).await?;
        let (mut link, _) = Component::open(&prosody, prosody.component_secret()).await?;
        for (host, why) in [
            ("waiting.meet.jitsi", "lobbies or breakout rooms"),
            ("lobby.meet.jitsi", "lobbies or breakout rooms"),
            ("breakout.meet.jitsi", "lobbies or breakout rooms"),
            ("unset.meet.jitsi", "the domain of one component"),
            ("two.meet.jitsi", "the domain of one component"),
            ("odd.meet.jitsi", "the domain of one component"),
            ("meet.jitsi", "it belongs to a conference service"),
        ] {
            let hello = format!("<hello xmlns='{NS}'/>");
            assert_eq!(link.request("get", host, &hello).await?.condition(), Some("service-unavailable"), "{host}");
            let said = prosody.log().lines().any(|line| {
                line.contains(&format!("{host}:jibri_autostart_companion")) && line.contains("does nothing here") && line.contains(why)
            });
            assert!(said, "{host}: {}", prosody.log());
        }
        assert!(link.request("get", MUC, &format!("<hello xmlns='{NS}'/>")).await?.find("hello").is_some());
        Ok(())
    }
}
