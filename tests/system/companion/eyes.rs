//! What the component is told of rooms.

use super::{NS, R1, Scene, number, occupant, of, recording, refused};
use std::time::Instant;
use testkit::{Component, Login, Node, Person, PersonOptions, SOON, config, ns, on_each_prosody};

/// Changes the presence of somebody and waits until Jicofo has seen the last of them.
async fn update(scene: &Scene, person: &Person, extras: Vec<Node>) -> testkit::Result {
    let mark = scene.focus.mark();
    person.occupancy().set_extras(extras);
    let from = format!("{R1}/{}", person.nick());
    scene.focus.wait_for_since(mark, |node| node.from() == from, SOON).await?;
    Ok(())
}

on_each_prosody! {
    async fn a_picture_has_all_that_matters(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let ada = scene.moderator("r1", "ada").await?;
        let recorder = PersonOptions {
            login: Login::account("recorder", config::HIDDEN, None),
            extras: vec![
                Node::new("features", "").child(Node::new("feature", "").attr("var", ns::JIBRI)),
                Node::new("session_id", "").with_text("s1"),
                Node::new("mode", "").with_text("file"),
                Node::new("stats-id", "").with_text("jibri-1"),
            ],
            ..PersonOptions::nick("rec")
        };
        let _recorder = Person::join(&scene.prosody, "r1", recorder).await?;
        let phone = Node::new("features", "")
            .child(Node::new("feature", "").attr("var", "http://jitsi.org/protocol/jigasi"));
        let phone = PersonOptions { extras: vec![phone], ..PersonOptions::nick("phone") };
        let _phone = Person::join(&scene.prosody, "r1", phone).await?;
        scene.focus_says("r1", &[recording("on", "s1").attr("initiator", &format!("{R1}/ada"))], false).await?;
        scene.lua(&format!(
            "local room = module:depends('muc').get_room_from_jid('{R1}');
             prosody.full_sessions['{}'].jitsi_meet_context_features = {{ recording = true }};
             room.created_timestamp = '1699999999000'; room:set_password('secret'); room._data.lobbyroom = 'r1@lobby';
             room.jitsiMetadata.recording = {{ isRecordingRequested = true }};
             module:fire_event('room-metadata-changed', {{ room = room }})", ada.jid())).await?;

        let pushed = scene.push(0, "room", |room| room.get("password") == Some("yes")).await?;
        let asked = scene.told("get", "room", &[("jid", R1)]).await?;
        let all = scene.told("get", "rooms", &[]).await?;
        assert_eq!(all.get("next"), None);
        assert_eq!(all.children.len(), 1);
        for room in [&pushed, &asked, &all.children[0]] {
            for (name, value) in [("jid", R1), ("created", "1699999999000"), ("lobby", "yes"), ("password", "yes"),
                ("notice-recording", "yes"), ("notice-transcription", "no")] {
                assert_eq!(room.get(name), Some(value), "{room}");
            }
            assert_eq!(room.get_or_empty("meeting").len(), 36, "{room}");
            assert_eq!(room.children.len(), 4);
            let told = |nick: &str, names: &[&str]| names.iter().map(|name| of(room, nick, name).to_owned()).collect::<Vec<_>>();
            let who = ["kind", "role", "affiliation", "jid"];
            assert_eq!(told("ada", &who), ["person", "moderator", "owner", ada.jid()]);
            assert_eq!(of(room, "ada", "may-record"), "yes");
            assert_eq!(told("focus", &who), ["focus", "moderator", "owner", "focus@auth.meet.jitsi/focus"]);
            assert_eq!(told("phone", &["kind", "may-record"]), ["jigasi", ""]);
            assert_eq!(told("rec", &["kind", "session", "mode", "stats-id"]), ["recorder", "s1", "file", "jibri-1"]);
            assert!(of(room, "rec", "jid").starts_with("recorder@hidden.meet.jitsi/"));
            let says = occupant(room, "focus").and_then(|focus| focus.find("recording")).ok_or("not told")?;
            for (name, value) in [("status", "on"), ("session", "s1"), ("mode", "file"), ("initiator", "r1@muc.meet.jitsi/ada")] {
                assert_eq!(says.get(name), Some(value), "{room}");
            }
        }
        Ok(())
    }

    async fn what_changes_is_told_at_once_and_nothing_else(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let ada = scene.person("r1", "ada").await?;
        scene.push(0, "room", |room| of(room, "ada", "role") == "participant").await?;
        let (mark, before) = scene.now().await?;
        for camera in ["on", "off", "on"] {
            let extras = vec![Node::new("stats-id", "").with_text("Ada-x"), Node::new("SourceInfo", "").with_text(camera)];
            update(&scene, &ada, extras).await?;
        }
        scene.promote("r1", ada.jid()).await?;
        let told = scene.push(mark, "room", |room| of(room, "ada", "role") == "moderator").await?;
        assert_eq!(number(&told), before + 1, "a camera is nothing to tell");
        scene.focus_says("r1", &[recording("on", "s1")], false).await?;
        scene.push(mark, "room", |room| occupant(room, "focus").is_some_and(|focus| focus.find("recording").is_some())).await?;
        // Nobody but Jicofo is believed.
        update(&scene, &ada, vec![recording("on", "s2"), Node::new("mode", "").with_text("file")]).await?;
        let told = scene.push(mark, "room", |room| of(room, "ada", "mode") == "file").await?;
        assert!(occupant(&told, "ada").is_some_and(|ada| ada.children.is_empty()), "{told}");
        ada.rename("eve");
        let told = scene.push(mark, "room", |room| occupant(room, "eve").is_some()).await?;
        assert!(occupant(&told, "ada").is_none(), "{told}");
        ada.leave_room();
        scene.push(mark, "room", |room| occupant(room, "eve").is_none() && occupant(room, "ada").is_none() ).await?;
        scene.focus.send(&Node::presence(&format!("{R1}/focus")).attr("type", "unavailable"));
        let gone = scene.push(mark, "gone", |gone| gone.get("jid") == Some(R1)).await?;
        let numbers: Vec<_> = scene.pushes(mark).iter().map(number).collect();
        assert_eq!(numbers, (before + 1..=number(&gone)).collect::<Vec<_>>());
        assert_eq!(refused(&scene.ask("get", "room", &[("jid", R1)]).await?), Some("no-room"));
        Ok(())
    }

    async fn each_word_that_is_told_is_compared(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let ada = scene.person("r1", "ada").await?;
        scene.push(0, "room", |room| occupant(room, "ada").is_some()).await?;
        let word = |name: &str, text: &str| Node::new(name, "").with_text(text);
        let jigasi = Node::new("feature", "").attr("var", "http://jitsi.org/protocol/jigasi");
        let features = Node::new("features", "").child(jigasi);
        for (extras, kind, mode, stats) in [
            (vec![word("mode", "file"), word("stats-id", "a")], "person", "file", "a"),
            (vec![word("mode", "file"), word("mode", "file")], "person", "file", ""),
            (vec![word("mode", "file"), word("stats-id", "a"), word("mode", "stream")], "person", "stream", "a"),
            (vec![word("stats-id", "b"), features.clone()], "jigasi", "", "b"),
            (vec![word("stats-id", "b"), Node::new("features", "")], "person", "", "b"),
            (vec![features, word("stats-id", "")], "jigasi", "", ""),
            (vec![], "person", "", ""),
        ] {
            let (mark, before) = scene.now().await?;
            update(&scene, &ada, extras.clone()).await?;
            scene.push(mark, "room", |room| {
                (of(room, "ada", "kind"), of(room, "ada", "mode"), of(room, "ada", "stats-id")) == (kind, mode, stats)
            }).await?;
            for camera in ["on", "off"] {
                let more = extras.iter().cloned().chain([word("SourceInfo", camera)]).collect();
                update(&scene, &ada, more).await?;
            }
            tokio::time::sleep(std::time::Duration::from_millis(60)).await;
            assert_eq!(scene.now().await?.1, before + 1, "{extras:?}");
        }
        Ok(())
    }

    async fn what_presses_waits_for_nothing(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let (ada, bob) = (scene.person("r1", "ada").await?, scene.person("r1", "bob").await?);
        scene.push(0, "room", |room| occupant(room, "ada").is_some() && occupant(room, "bob").is_some()).await?;
        // Whatever is sent while Prosody does it was sent at once.
        let promoted = async |scene: &Scene, jid: &str| scene.lua(&format!("
            local session, sent = prosody.hosts['autostart.meet.jitsi'].modules.component.session, 0;
            local send = session.send;
            session.send = function (...) sent = sent + 1; return send(...); end
            prosody.hosts[module.host].modules.muc.get_room_from_jid('{R1}'):set_affiliation(true, '{}', 'owner');
            session.send = send;
            return sent", testkit::xml::bare(jid))).await;
        let mark = scene.link.seen.len();
        assert_eq!(promoted(&scene, ada.jid()).await?, "1", "the first moderator");
        assert_eq!(promoted(&scene, bob.jid()).await?, "0", "one more");
        scene.push(mark, "room", |room| of(room, "bob", "affiliation") == "owner").await?;
        let pictures: Vec<_> = scene.pushes(mark).iter().map(|room| (
            of(room, "ada", "role").to_owned(), of(room, "ada", "affiliation").to_owned(), of(room, "bob", "role").to_owned(),
        )).collect();
        let picture = |bob: &str| ("moderator".to_owned(), "owner".to_owned(), bob.to_owned());
        assert_eq!(pictures, [picture("participant"), picture("moderator")]);
        Ok(())
    }

    async fn settings_and_affiliations_are_told(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let ada = scene.moderator("r1", "ada").await?;
        let bob = scene.person("r1", "bob").await?;
        let (mark, _) = scene.now().await?;
        ada.set_affiliation(testkit::xml::bare(bob.jid()), "member", SOON).await?;
        scene.push(mark, "room", |room| of(room, "bob", "affiliation") == "member").await?;
        ada.set_up_room(&[("roomsecret", "x"), ("membersonly", "1")], SOON).await?;
        scene.push(mark, "room", |room| room.get("password") == Some("yes") && room.get("lobby") == Some("yes")).await?;
        Ok(())
    }

    async fn a_storm_is_told_in_few_pictures(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let ada = scene.person("r1", "ada").await?;
        let (mark, before) = scene.now().await?;
        let began = Instant::now();
        for n in 0..300 {
            ada.occupancy().set_extras(vec![Node::new("stats-id", "").with_text(&format!("x{n}"))]);
        }
        let last = scene.push(mark, "room", |room| of(room, "ada", "stats-id") == "x299").await?;
        let most = began.elapsed().as_millis() / 20 + 2;
        assert!(u128::from(number(&last) - before) <= most, "{} pushes, at most {most}", number(&last) - before);
        Ok(())
    }

    async fn rooms_come_in_pages(version) {
        let mut scene = Scene::start(version).await?;
        scene.lua(
            "local st, muc = require 'util.stanza', module:depends('muc');
             for i = 1, 60 do
                local room = muc.create_room('p' .. i .. '@' .. module.host);
                for j = 1, 40 do
                    local occupant = room:new_occupant('u' .. j .. '@meet.jitsi', room.jid .. '/u' .. j);
                    occupant.role = 'participant';
                    occupant:set_session('u' .. j .. '@meet.jitsi/x', st.presence());
                    room:save_occupant(occupant);
                end
             end
             muc.create_room('__jicofo-health-check-1@' .. module.host)").await?;
        let (mut rooms, mut pages, mut after) = (Vec::new(), 0, None::<String>);
        loop {
            let given = after.as_ref().map(|after| ("after", after.as_str()));
            let page = scene.told("get", "rooms", given.as_slice()).await?;
            assert!(page.to_string().len() < 120_000);
            rooms.extend(page.children.iter().map(|room| (room.get_or_empty("jid").to_owned(), room.children.len())));
            pages += 1;
            after = page.get("next").map(str::to_owned);
            if pages == 1 {
                // One that goes in between is not told, and the others are.
                scene.lua("for room in module:depends('muc').live_rooms() do if room.jid:match('^p') then last = room; end end last:destroy()").await?;
            }
            if after.is_none() { break; }
        }
        rooms.sort();
        rooms.dedup();
        assert!(pages > 2, "{pages}");
        assert!(rooms.len() == 59 || rooms.len() == 60, "{}", rooms.len());
        assert!(rooms.iter().all(|(jid, people)| jid.starts_with('p') && *people == 40));
        let stale = scene.ask("get", "rooms", &[("after", "nothing.2")]).await?;
        assert_eq!(refused(&stale), Some("bad"));
        Ok(())
    }

    async fn jicofos_own_rooms_are_not_told(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("__jicofo-health-check-1").await?;
        scene.open("r1").await?;
        let health = "__jicofo-health-check-1@muc.meet.jitsi";
        scene.focus.send(&Node::presence(&format!("{health}/focus")).attr("type", "unavailable"));
        scene.push(0, "room", |room| room.get("jid") == Some(R1)).await?;
        scene.now().await?;
        assert!(scene.pushes(0).iter().all(|push| push.get("jid") != Some(health)));
        assert_eq!(refused(&scene.ask("get", "room", &[("jid", health)]).await?), Some("no-room"));
        Ok(())
    }

    async fn a_room_within_a_tick_is_only_gone(version) {
        let mut scene = Scene::start(version).await?;
        scene.lua(
            "local st, muc = require 'util.stanza', module:depends('muc');
             local room = muc.create_room('brief@' .. module.host);
             local occupant = room:new_occupant('u@meet.jitsi', room.jid .. '/u');
             occupant.role = 'participant';
             occupant:set_session('u@meet.jitsi/x', st.presence());
             room:save_occupant(occupant);
             room:publicise_occupant_status(occupant, st.stanza('x', { xmlns = 'http://jabber.org/protocol/muc#user' }));
             room:destroy()").await?;
        scene.open("r1").await?;
        scene.push(0, "room", |room| room.get("jid") == Some(R1)).await?;
        let brief: Vec<_> = scene.pushes(0).into_iter().filter(|push| push.get_or_empty("jid").starts_with("brief")).collect();
        assert_eq!(brief.iter().map(|push| push.name.as_str()).collect::<Vec<_>>(), ["gone"]);
        Ok(())
    }

    async fn tenants_have_one_name(version) {
        let mut scene = Scene::with(version, |options| options.tenants = true).await?;
        scene.open("r1@muc.acme.meet.jitsi").await?;
        let inner = "[acme]r1@muc.meet.jitsi";
        let _ada = scene.person("r1@muc.acme.meet.jitsi", "ada").await?;
        let _bob = scene.moderator("r1@muc.acme.meet.jitsi", "bob").await?;
        scene.push(0, "room", |room| room.get("jid") == Some(inner) && of(room, "bob", "role") == "moderator").await?;
        let (id, got) = scene.opened("start", &[("room", inner), ("as", "bob"), ("mode", "file")]).await?;
        assert_eq!(got.from(), "r1@muc.acme.meet.jitsi/bob");
        scene.focus.send(&got.result().child(Node::new("jibri", ns::JIBRI).attr("session_id", "s1")));
        assert_eq!(scene.link.answer(&id).await?.find("jibri").and_then(|jibri| jibri.get("session_id")), Some("s1"));
        Ok(())
    }

    async fn everybody_who_links_is_greeted(version) {
        let mut scene = Scene::start(version).await?;
        let hello = scene.push(0, "hello", |_| true).await?;
        assert_eq!(hello.get("why"), Some("linked"));
        assert_eq!(hello.get("abilities"), Some("rooms room start stop notice"));
        assert_eq!((hello.get("version"), hello.get("metadata")), (Some("1.0"), Some("yes")));
        let (mut second, _) = Component::open(&scene.prosody, scene.prosody.component_secret()).await?;
        let again = second.wait_since(0, |node| node.find_ns("hello", NS).is_some()).await?;
        assert_eq!(again.find("hello").and_then(|hello| hello.get("epoch")), hello.get("epoch"));
        Ok(())
    }
}
