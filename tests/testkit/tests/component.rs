//! What the options of the test Prosody do to a component, seen from a bare component link.

use testkit::*;

const SENDER: &str = "autostart@autostart.meet.jitsi/a";

/// Asks a room for its moderators.
async fn list(link: &mut Component, room: &str) -> Result<Node> {
    let query = format!("<query xmlns='{}'><item role='moderator'/></query>", ns::MUC_ADMIN);
    link.request("get", room, &query).await
}

fn with(change: impl FnOnce(&mut ProsodyOptions)) -> WorldOptions {
    let mut options = WorldOptions::default();
    change(&mut options.prosody);
    options
}

on_each_prosody! {
    async fn sees_rooms_as_an_owner(version) {
        let world = World::start(version, with(|_| {})).await?;
        let ada = world.moderator("r1").await?;
        let (mut link, verdict) = Component::open(&world.prosody, "wrong").await?;
        assert_eq!(verdict.name, "error");
        drop(link);
        (link, _) = Component::open(&world.prosody, world.prosody.component_secret()).await?;
        let found = list(&mut link, "r1@muc.meet.jitsi").await?;
        let query = found.find("query").ok_or("no list")?;
        let nicks: Vec<_> = query.children.iter().filter_map(|item| item.get("nick")).collect();
        assert!(nicks.contains(&"focus") && nicks.contains(&ada.nick().as_str()));
        assert_eq!(list(&mut link, "none@muc.meet.jitsi").await?.condition(), Some("item-not-found"));
        // The newer of two links wins.
        let (mut second, verdict) = Component::open(&world.prosody, world.prosody.component_secret()).await?;
        assert_eq!(verdict.name, "handshake");
        assert_eq!(link.wait_since(0, |node| node.name == "error").await?.children[0].name, "conflict");
        list(&mut second, "r1@muc.meet.jitsi").await?;
        Ok(())
    }

    async fn is_no_owner_where_admins_are_none(version) {
        let options = with(|p| (p.admins_own_rooms, p.conflict_resolve) = (false, "kick_new".into()));
        let world = World::start(version, options).await?;
        world.focus.open_room("r1").await?;
        let (mut link, _) = Component::open(&world.prosody, world.prosody.component_secret()).await?;
        let expected = match version {
            Version::Debian12 => None,
            Version::Debian13 => Some("forbidden"),
        };
        assert_eq!(list(&mut link, "r1@muc.meet.jitsi").await?.condition(), expected);
        let (_, verdict) = Component::open(&world.prosody, world.prosody.component_secret()).await?;
        assert_eq!(verdict.find("conflict").map(|c| c.name.as_str()), Some("conflict"), "{verdict}");
        Ok(())
    }

    async fn may_speak_as_others_only_if_allowed(version) {
        for allowed in [false, true] {
            let world = World::start(version, with(|p| p.validate_from = !allowed)).await?;
            let _jibri = world.jibri("jibri-1").await?;
            let ada = world.moderator("r1").await?;
            let (mut link, _) = Component::open(&world.prosody, world.prosody.component_secret()).await?;
            let start = format!("<jibri xmlns='{}' action='start' recording_mode='file'/>", ns::JIBRI);
            let (from, to) = (ada.jid(), "r1@muc.meet.jitsi/focus");
            link.say(&format!("<iq type='set' id='s' from='{from}' to='{to}'>{start}</iq>")).await?;
            if allowed {
                assert_eq!(ada.wait_recording("on", SOON).await?.initiator, Some(ada.nick()));
            } else {
                assert_eq!(link.wait_since(0, |node| node.name == "error").await?.children[0].name, "invalid-from");
            }
        }
        Ok(())
    }

    async fn meets_tenants_under_two_addresses(version) {
        let world = World::start(version, with(|p| p.tenants = true)).await?;
        let ada = world.moderator("r1@muc.acme.meet.jitsi").await?;
        let (mut link, _) = Component::open(&world.prosody, world.prosody.component_secret()).await?;
        let found = list(&mut link, "[acme]r1@muc.meet.jitsi").await?;
        assert_eq!(found.from(), "[acme]r1@muc.meet.jitsi", "what Prosody answers itself keeps the inner form");
        assert!(found.find("query").is_some_and(|query| query.children.len() == 2));
        let join = format!("<x xmlns='{}'/>", ns::MUC);
        link.say(&format!("<presence from='{SENDER}' to='[acme]r1@muc.meet.jitsi/autostart'>{join}</presence>")).await?;
        let own = link.wait_since(0, |node| room::status_codes(node).contains(&110)).await?;
        assert_eq!(own.from(), "r1@muc.acme.meet.jitsi/autostart");
        ada.occupancy().until(SOON, "in company", |view| view.occupants.contains_key("autostart")).await?;
        let asked = link.wait_since(0, |node| node.name == "iq" && node.find_ns("query", ns::DISCO_INFO).is_some()).await?;
        assert_eq!(asked.from(), "r1@muc.acme.meet.jitsi/focus", "routed IQs too");
        assert_eq!(list(&mut link, "r1@muc.acme.meet.jitsi").await?.condition(), Some("not-allowed"));
        Ok(())
    }

    async fn finds_rooms_by_disco_only_if_public(version) {
        for public in [false, true] {
            let world = World::start(version, with(|p| p.public_rooms = public)).await?;
            world.focus.open_room("r1").await?;
            let ada = world.person("r1").await?;
            let query = Node::new("query", "http://jabber.org/protocol/disco#items");
            let items = ada.client().request(Node::iq("get", config::MUC).child(query), SOON).await?;
            assert_eq!(items.find("query").map_or(0, |query| query.children.len()), usize::from(public));
        }
        Ok(())
    }
}
