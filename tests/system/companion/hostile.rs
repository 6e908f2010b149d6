//! What people, other components and chance may do to the companion.

use super::{MUC, NS, R1, Scene, element, occupant, of, recording, refused};
use testkit::{Component, Node, Person, PersonOptions, SOON, ns, on_each_prosody};

on_each_prosody! {
    async fn nobody_else_is_heard(version) {
        let mut scene = Scene::with(version, |options| {
            options.extra_tail.push_str("Component \"other.meet.jitsi\"\ncomponent_secret = \"component-secret\"\nvalidate_from_addresses = false\n");
        }).await?;
        scene.open("r1").await?;
        let ada = scene.moderator("r1", "ada").await?;
        let mark = scene.focus.mark();
        let start = element("start", &[("room", R1), ("as", "ada"), ("mode", "file")]);
        let requests = [("get", element("hello", &[])), ("get", element("rooms", &[])), ("set", start)];
        let (mut other, _) = Component::open_as(&scene.prosody, "other.meet.jitsi", "component-secret").await?;
        for (kind, payload) in &requests {
            for to in [MUC, R1, "r1@muc.meet.jitsi/focus", "autostart.meet.jitsi"] {
                let answer = ada.client().request(Node::iq(kind, to).child(payload.clone()), SOON).await;
                // Our component does not answer here, and Jicofo refuses what it does not know.
                if to != "autostart.meet.jitsi" {
                    let answer = answer?;
                    assert_eq!((answer.get("type"), refused(&answer)), (Some("error"), None), "{answer}");
                }
            }
            let answer = other.request(kind, MUC, &payload.to_string()).await?;
            assert_eq!((answer.condition(), refused(&answer)), (Some("service-unavailable"), None), "{answer}");
            // The same with our component's address, by another's stream, and by one of Prosody's own.
            let forged = format!("<iq type='{kind}' id='f' from='autostart@autostart.meet.jitsi/a' to='{MUC}'>{payload}</iq>");
            other.say(&forged).await?;
            scene.lua(&format!(
                "local st = require 'util.stanza';
                 local iq = st.iq({{ type = '{kind}', id = 'g', from = 'autostart@autostart.meet.jitsi/a', to = '{MUC}' }})
                     :tag('{}', {{ xmlns = '{NS}', room = '{R1}', as = 'ada', mode = 'file' }});
                 prosody.core_post_stanza(prosody.hosts['autostart.meet.jitsi'], iq);
                 prosody.core_post_stanza(prosody.hosts['internal-muc.meet.jitsi'], iq)", payload.name)).await?;
        }
        other.request("get", MUC, "<query xmlns='http://jabber.org/protocol/disco#info'/>").await?;
        scene.now().await?;
        let answered = |id: &str, node: &Node| node.get("id") == Some(id) && node.get("type") == Some("result");
        assert!(scene.link.seen.iter().all(|node| !answered("f", node) && !answered("g", node)));
        assert!(scene.focus.since(mark).iter().all(|seen| seen.node.find_ns("jibri", ns::JIBRI).is_none()));
        assert!(ada.client().since(0).iter().all(|seen| seen.node.get("type") == Some("error") || seen.node.children.iter().all(|child| child.ns != NS)));
        assert!(other.seen.iter().all(|node| node.get("type") != Some("result") || node.children.iter().all(|child| child.ns != NS)));
        Ok(())
    }

    async fn an_answer_counts_from_jicofo_only(version) {
        let mut scene = Scene::with(version, |options| {
            options.extra_tail.push_str("Component \"other.meet.jitsi\"\ncomponent_secret = \"component-secret\"\n");
        }).await?;
        scene.open("r1").await?;
        let ada = scene.moderator("r1", "ada").await?;
        let guest = Person::join(&scene.prosody, "r1", PersonOptions { nick: Some("guest".into()), ..PersonOptions::guest() }).await?;
        let (mut other, _) = Component::open_as(&scene.prosody, "other.meet.jitsi", "component-secret").await?;
        let (id, got) = scene.opened("start", &[("room", R1), ("as", "ada"), ("mode", "file")]).await?;
        // They have even guessed the id.
        let forged = got.result().child(Node::new("jibri", ns::JIBRI).attr("session_id", "forged"));
        for person in [&guest, &ada] {
            person.client().send(&forged);
            person.client().send(&forged.clone().attr("from", "focus@auth.meet.jitsi/focus"));
            person.client().send(&got.error("cancel", "service-unavailable", None));
            // Whatever was sent before has been dealt with when this is answered.
            person.client().request(Node::iq("get", MUC).child(Node::new("query", ns::DISCO_INFO)), SOON).await?;
        }
        other.say(&forged.clone().attr("from", "x@other.meet.jitsi/focus").to_string().replace("jabber:client", "jabber:component:accept")).await?;
        other.request("get", MUC, "<query xmlns='http://jabber.org/protocol/disco#info'/>").await?;
        assert_eq!(scene.told("get", "hello", &[]).await?.get("open"), Some("1"));
        // Jicofo's own, but for another occupant.
        scene.focus.send(&forged.clone().attr("to", "r1@muc.meet.jitsi/guest"));
        scene.focus.send(&got.result().child(Node::new("jibri", ns::JIBRI).attr("session_id", "s1")));
        let answer = scene.link.answer(&id).await?;
        assert_eq!(answer.find("jibri").and_then(|jibri| jibri.get("session_id")), Some("s1"));
        Ok(())
    }

    async fn words_of_people_are_bounded_and_known(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let word = |name: &str, text: &str| Node::new(name, "").with_text(text);
        let features = |vars: &[&str]| Node::new("features", "").with_children(vars.iter().map(|var| Node::new("feature", "").attr("var", var)));
        let nick = "a'b<c>&\"";
        let options = |extras| PersonOptions { extras, ..PersonOptions::nick(nick) };
        let person = Person::join(&scene.prosody, "r1", options(vec![
            word("session_id", &"s".repeat(10_000)), word("mode", "'/><x/>"), word("stats-id", "a'/><x>&\"\u{e4}"),
            features(&["urn:x", "'"]), recording("on", "s1"), word("role", "moderator"),
        ])).await?;
        let told = scene.push(0, "room", |room| occupant(room, nick).is_some()).await?;
        let one = occupant(&told, nick).ok_or("he is not told")?;
        let names: Vec<_> = one.attrs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["affiliation", "nick", "role", "kind", "jid", "stats-id"]);
        assert_eq!((of(&told, nick, "kind"), of(&told, nick, "role")), ("person", "participant"));
        assert_eq!(of(&told, nick, "stats-id"), "a'/><x>&\"\u{e4}");
        assert!(one.children.is_empty());
        // What Jicofo says has its bounds as well.
        let odd = recording("maybe", &"s".repeat(201)).attr("recording_mode", "x").attr("initiator", &"i".repeat(4_000));
        scene.focus_says("r1", &[odd], false).await?;
        let is_told = |room: &Node| occupant(room, "focus").is_some_and(|focus| focus.find("recording").is_some());
        let told = scene.push(0, "room", is_told).await?;
        let says = occupant(&told, "focus").and_then(|focus| focus.find("recording")).ok_or("nothing")?;
        assert!(says.attrs.is_empty(), "{says}");
        drop(person);
        Ok(())
    }

    async fn a_crowd_with_long_names_is_cut(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let _ada = scene.moderator("r1", "ada").await?;
        scene.lua(&format!(
            "local st, room = require 'util.stanza', module:depends('muc').get_room_from_jid('{R1}');
             for i = 1, 1000 do
                local occupant = room:new_occupant('u' .. i .. '@meet.jitsi', room.jid .. '/u' .. i .. ('x'):rep(1000));
                occupant.role = 'participant';
                occupant:set_session('u' .. i .. '@meet.jitsi/' .. ('y'):rep(1000), st.presence());
                room:save_occupant(occupant);
             end")).await?;
        let room = scene.told("get", "room", &[("jid", R1)]).await?;
        let told = room.to_string().len();
        assert!((200_000..260_000).contains(&told), "{told}");
        assert!(occupant(&room, "focus").is_some() && occupant(&room, "ada").is_some(), "they come first");
        let left: usize = room.get_or_empty("left-out").parse()?;
        assert_eq!(room.children.len() + left, 1_002);
        Ok(())
    }

    async fn an_occupant_may_have_no_real_address(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        scene.lua(&format!(
            "local st, room = require 'util.stanza', module:depends('muc').get_room_from_jid('{R1}');
             room._occupants[room.jid .. '/nobody'] = setmetatable({{ nick = room.jid .. '/nobody', sessions = {{}} }},
                getmetatable(room._occupants[room.jid .. '/focus']))")).await?;
        let room = scene.told("get", "room", &[("jid", R1)]).await?;
        let nobody = occupant(&room, "nobody").ok_or_else(|| format!("not told: {room}"))?;
        assert_eq!((nobody.get("jid"), nobody.get("role")), (None, Some("none")));
        Ok(())
    }

    async fn an_error_of_ours_disturbs_nobody(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        scene.open("r2").await?;
        let ada = scene.moderator("r1", "ada").await?;
        scene.push(0, "room", |room| of(room, "ada", "role") == "moderator").await?;
        let room = format!("local room = module:depends('muc').get_room_from_jid('{R1}');");
        scene.lua(&format!("{room} room.get_members_only = function () error('injected'); end")).await?;
        let (mark, _) = scene.now().await?;
        let mut people = Vec::new();
        for nick in ["bob", "cid", "dan"] {
            people.push(scene.person("r1", nick).await?);
        }
        ada.occupancy().until(SOON, "in company", |view| view.occupants.len() == 5).await?;
        let told = scene.push(mark, "room", |room| room.get("failed") == Some("yes")).await?;
        assert_eq!((told.get("jid"), told.children.len()), (Some(R1), 0));
        let all = scene.told("get", "rooms", &[]).await?;
        assert_eq!(all.children.iter().filter(|room| room.get("failed").is_some()).count(), 1);
        assert_eq!(all.children.len(), 2, "the others are told");
        let errors: u32 = scene.told("get", "hello", &[]).await?.get_or_empty("errors").parse()?;
        assert!(errors > 1, "{errors}");
        let lines = scene.prosody.count_log(&["disturbs nothing else", "injected"]);
        assert!((1..=3).contains(&lines), "{lines} lines for {errors} errors");
        scene.lua(&format!("{room} room.get_members_only = nil")).await?;
        people.pop();
        scene.push(mark, "room", |room| room.children.len() == 4 && of(room, "ada", "role") == "moderator").await?;
        // An error in a request is its answer.
        scene.lua(&format!("{room} room.get_occupant_by_nick = function () error('injected'); end")).await?;
        let answer = scene.ask("set", "start", &[("room", R1), ("as", "ada"), ("mode", "file")]).await?;
        assert_eq!(refused(&answer), Some("failed"));
        // Also where the request to Jicofo is the error: nothing is left open.
        scene.lua(&format!("{room} room.get_occupant_by_nick = nil;
            module:context('auth.meet.jitsi'):hook('iq/full', function () error('injected'); end, 5000)")).await?;
        let answer = scene.ask("set", "start", &[("room", R1), ("as", "ada"), ("mode", "file")]).await?;
        assert_eq!(refused(&answer), Some("failed"));
        assert_eq!(scene.told("get", "hello", &[]).await?.get("open"), Some("0"));
        Ok(())
    }

    async fn a_flood_of_requests_is_refused(version) {
        let mut scene = Scene::with(version, |options| {
            // What is served has to be read here, and that is slow in a debug build.
            let module = include_str!("../../../deploy/prosody/mod_jibri_autostart_companion.lua");
            let stingy = module.replace("SHARE, BURST = 0.1, 1;", "SHARE, BURST = 0.01, 0.05;");
            assert_ne!(module, stingy);
            options.plugins.push(("mod_jibri_autostart_companion.lua".into(), stingy));
        }).await?;
        scene.open("r1").await?;
        scene.lua(&format!(
            "local st, room = require 'util.stanza', module:depends('muc').get_room_from_jid('{R1}');
             for i = 1, 100 do
                local occupant = room:new_occupant('u' .. i .. '@meet.jitsi', room.jid .. '/u' .. i);
                occupant.role = 'participant';
                occupant:set_session('u' .. i .. '@meet.jitsi/x', st.presence());
                room:save_occupant(occupant);
             end")).await?;
        let mut last = String::new();
        for _ in 0..500 {
            last = scene.ask_only("get", "room", &[("jid", R1)]).await?;
        }
        let asked = std::time::Instant::now();
        let _ada = scene.person("r1", "ada").await?;
        let joined = asked.elapsed();
        scene.link.answer(&last).await?;
        let too_many = scene.link.seen.iter().filter(|node| refused(node) == Some("too-many")).count();
        let served = scene.link.seen.iter().filter(|node| node.get("type") == Some("result")).count();
        assert!(too_many > 100 && served > 2, "{too_many} were refused, {served} served, a join took {joined:?}");
        // It is over as soon as the flood is.
        loop {
            let answer = scene.ask("get", "room", &[("jid", R1)]).await?;
            if answer.get("type") == Some("result") { break; }
            assert_eq!(refused(&answer), Some("too-many"));
        }
        Ok(())
    }
}
