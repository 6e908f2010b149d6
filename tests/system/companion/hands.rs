//! Starts and stops that the companion sends to Jicofo in a moderator's name.

use super::{NS, R1, Scene, occupant, refused};
use testkit::{Component, Node, Result, ns, on_each_prosody};

const START: [(&str, &str); 3] = [("room", R1), ("as", "ada"), ("mode", "file")];

/// A start with one attribute changed, or left out.
fn start_with<'a>(name: &'a str, value: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let rest = START.iter().copied().filter(|(other, _)| *other != name);
    rest.chain(value.map(|value| (name, value))).collect()
}

/// How many requests wait for Jicofo.
async fn open(scene: &mut Scene) -> Result<String> {
    Ok(scene.told("get", "hello", &[]).await?.get_or_empty("open").to_owned())
}

fn accepted(got: &Node, session: &str) -> Node {
    got.result().child(Node::new("jibri", ns::JIBRI).attr("session_id", session))
}

on_each_prosody! {
    async fn the_answer_is_jicofos_own(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let ada = scene.moderator("r1", "ada").await?;
        let data = r#"{"file_recording_metadata":{"share":true}}"#;
        let (id, got) = scene.opened("start", &[&START[..], &[("app-data", data)]].concat()).await?;
        assert_eq!((got.from(), got.get("to")), ("r1@muc.meet.jitsi/ada", Some("focus@auth.meet.jitsi/focus")));
        assert!(got.get_or_empty("id").len() >= 36, "{got}");
        let jibri = &got.children[0];
        let attributes = ["action", "recording_mode", "app_data", "streamid"].map(|name| jibri.get(name));
        assert_eq!(attributes, [Some("start"), Some("file"), Some(data), None]);
        scene.focus.send(&accepted(&got, "s1"));
        let answer = scene.link.answer(&id).await?;
        assert_eq!((answer.get("type"), answer.from()), (Some("result"), "muc.meet.jitsi"));
        assert_eq!(answer.find_ns("jibri", ns::JIBRI).and_then(|jibri| jibri.get("session_id")), Some("s1"));

        let (id, got) = scene.opened("start", &[("room", R1), ("as", "ada"), ("mode", "stream"), ("stream", "k3y")]).await?;
        assert_eq!(got.children[0].get("streamid"), Some("k3y"));
        scene.focus.send(&got.error("wait", "resource-constraint", Some("all Jibris are busy")));
        let answer = scene.link.answer(&id).await?;
        assert_eq!((answer.condition(), refused(&answer)), (Some("resource-constraint"), None));
        let text = answer.find("error").and_then(|error| error.find("text")).map(|text| text.text.as_str());
        assert_eq!(text, Some("all Jibris are busy"));

        let (id, got) = scene.opened("stop", &START).await?;
        assert_eq!(got.children[0].get("action"), Some("stop"));
        scene.focus.send(&got.result());
        assert!(scene.link.answer(&id).await?.children.is_empty());
        assert_eq!(open(&mut scene).await?, "0");
        // Nobody in the room has seen any of it.
        assert!(ada.client().since(0).iter().all(|seen| seen.node.find_ns("jibri", ns::JIBRI).is_none()));
        Ok(())
    }

    async fn what_is_wrong_is_refused_with_its_reason(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        scene.open("r2").await?;
        let _ada = scene.moderator("r1", "ada").await?;
        let _bob = scene.person("r1", "bob").await?;
        let _eve = scene.moderator("r2", "eve").await?;
        // Prosody 13 reads what is much longer only when something follows it.
        let huge = "x".repeat(6_000);
        let most_data = format!(r#"{{"file_recording_metadata":{{"x":"{}"}}}}"#, "y".repeat(5_000));
        let mark = scene.focus.mark();
        for (name, value, why) in [
            ("room", None, "bad"),
            ("room", Some(""), "bad"),
            ("room", Some(huge.as_str()), "bad"),
            ("room", Some("muc.meet.jitsi"), "bad"),
            ("room", Some("r1@muc.meet.jitsi/ada"), "bad"),
            ("room", Some("r1@internal-muc.meet.jitsi"), "bad"),
            ("room", Some("@@"), "bad"),
            ("room", Some("none@muc.meet.jitsi"), "no-room"),
            ("as", None, "bad"),
            ("as", Some(huge.as_str()), "bad"),
            ("as", Some("nobody"), "gone"),
            ("as", Some("eve"), "gone"),
            ("as", Some("bob"), "forbidden"),
            ("as", Some("focus"), "forbidden"),
            ("mode", None, "bad"),
            ("mode", Some("sip"), "bad"),
            ("mode", Some("stream"), "bad"),
            ("stream", Some("k3y"), "bad"),
            ("stream", Some(huge.as_str()), "bad"),
            ("app-data", Some(""), "bad"),
            ("app-data", Some("{}"), "bad"),
            ("app-data", Some("[]"), "bad"),
            ("app-data", Some("x"), "bad"),
            ("app-data", Some(r#"{"file_recording_metadata":1}"#), "bad"),
            ("app-data", Some(r#"{"file_recording_metadata":[]}"#), "bad"),
            ("app-data", Some(r#"{"file_recording_metadata":{},"more":1}"#), "bad"),
            ("app-data", Some(r#"{"file_recording_metadata":{},"file_recording_metadata":1}"#), "bad"),
            ("app-data", Some(&most_data), "bad"),
            ("app-data", Some(huge.as_str()), "bad"),
        ] {
            let answer = scene.ask("set", "start", &start_with(name, value)).await?;
            let shown = value.map(|value| value.chars().take(60).collect::<String>());
            assert_eq!(refused(&answer), Some(why), "{name}={shown:?}");
        }
        for (kind, name) in [("get", "start"), ("set", "rooms"), ("get", "nothing"), ("set", "jibri")] {
            assert_eq!(refused(&scene.ask(kind, name, &START).await?), Some("bad"), "{kind} {name}");
        }
        assert!(scene.focus.since(mark).iter().all(|seen| seen.node.find_ns("jibri", ns::JIBRI).is_none()));
        assert_eq!(open(&mut scene).await?, "0");
        Ok(())
    }

    async fn a_thousand_wait_and_no_more(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let _ada = scene.moderator("r1", "ada").await?;
        let (first, got) = scene.opened("start", &START).await?;
        let mut last = String::new();
        for _ in 0..1_000 {
            last = scene.ask_only("set", "start", &START).await?;
        }
        assert_eq!(refused(&scene.link.answer(&last).await?), Some("too-many"));
        assert_eq!(open(&mut scene).await?, "1000");
        scene.focus.send(&accepted(&got, "s1"));
        scene.link.answer(&first).await?;
        assert_eq!(open(&mut scene).await?, "999");
        scene.opened("start", &START).await?;
        // All of them are answered when the module goes.
        scene.manage("unload").await?;
        scene.push(0, "bye", |_| true).await?;
        let unloaded = scene.link.seen.iter().filter(|node| refused(node) == Some("unloaded")).count();
        assert_eq!(unloaded, 1_000);
        Ok(())
    }

    async fn an_answer_that_never_comes_is_given_up(version) {
        let mut scene = Scene::with(version, |options| {
            let module = include_str!("../../../deploy/prosody/mod_jibri_autostart_companion.lua");
            let hasty = module.replace("MOST_OPEN, LONGEST_OPEN = 1000, 150", "MOST_OPEN, LONGEST_OPEN = 1000, 1");
            assert_ne!(module, hasty);
            options.plugins.push(("mod_jibri_autostart_companion.lua".into(), hasty));
        }).await?;
        scene.open("r1").await?;
        let _ada = scene.moderator("r1", "ada").await?;
        let (id, got) = scene.opened("start", &START).await?;
        assert_eq!(refused(&scene.link.answer(&id).await?), Some("timeout"));
        assert_eq!(open(&mut scene).await?, "0");
        // The answer that comes now is nobody's.
        scene.focus.send(&accepted(&got, "s1"));
        scene.open("r2").await?;
        scene.now().await?;
        assert_eq!(scene.link.seen.iter().filter(|node| node.get("id") == Some(&id)).count(), 1);
        Ok(())
    }

    async fn a_room_may_end_while_its_start_waits(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let _ada = scene.moderator("r1", "ada").await?;
        let (id, got) = scene.opened("start", &START).await?;
        scene.lua(&format!("module:depends('muc').get_room_from_jid('{R1}'):destroy()")).await?;
        scene.push(0, "gone", |gone| gone.get("jid") == Some(R1)).await?;
        scene.focus.send(&got.error("cancel", "item-not-found", None));
        let answer = scene.link.answer(&id).await?;
        assert_eq!((answer.condition(), refused(&answer)), (Some("item-not-found"), None));
        assert_eq!(refused(&scene.ask("set", "start", &START).await?), Some("no-room"));
        Ok(())
    }

    async fn a_jicofo_that_is_gone_is_not_waited_for(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let ada = scene.moderator("r1", "ada").await?;
        // It has left, and somebody has taken its name.
        scene.focus.send(&Node::presence(&format!("{R1}/focus")).attr("type", "unavailable"));
        scene.push(0, "room", |room| room.children.len() == 1 && occupant(room, "ada").is_some()).await?;
        assert_eq!(refused(&scene.ask("set", "start", &START).await?), Some("no-focus"));
        let bob = scene.person("r1", "bob").await?;
        bob.rename("focus");
        scene.push(0, "room", |room| occupant(room, "focus").is_some_and(|bob| bob.get("kind") == Some("person"))).await?;
        assert_eq!(refused(&scene.ask("set", "start", &START).await?), Some("no-focus"));
        bob.leave_room();
        // Its seat is there, and no client any more.
        scene.lua(&format!(
            "local room = module:depends('muc').get_room_from_jid('{R1}');
             local occupant = room:new_occupant('focus@auth.meet.jitsi', room.jid .. '/focus');
             occupant.role = 'moderator';
             occupant:set_session('focus@auth.meet.jitsi/gone', require 'util.stanza'.presence());
             room:save_occupant(occupant)")).await?;
        assert_eq!(refused(&scene.ask("set", "start", &START).await?), Some("no-focus"));
        assert_eq!(open(&mut scene).await?, "0");
        drop(ada);
        Ok(())
    }

    async fn an_answer_is_for_the_link_that_asked(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let _ada = scene.moderator("r1", "ada").await?;
        let (id, got) = scene.opened("start", &START).await?;
        let (link, _) = Component::open(&scene.prosody, scene.prosody.component_secret()).await?;
        scene.link = link;
        scene.focus.send(&accepted(&got, "s1"));
        scene.open("r2").await?;
        scene.link.wait_since(0, |node| node.find_ns("room", NS).is_some()).await?;
        assert!(scene.link.seen.iter().all(|node| node.get("id") != Some(&id)));
        assert_eq!(open(&mut scene).await?, "0");
        Ok(())
    }
}
