//! What the component answers when it is asked.

use super::harness::Linked;
use testkit::{Node, SOON, World, WorldOptions, eventually, ns};

on_each_prosody! {
    async fn as_an_occupant(version) {
        let world = World::start(version, WorldOptions::default()).await?;
        let ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;
        linked.enter("r1").await;
        let us = "r1@muc.meet.jitsi/autostart";
        let ask = async |kind: &str, payload: Node| {
            ada.client().request(Node::iq(kind, us).child(payload), SOON).await.unwrap()
        };
        let info = ask("get", Node::new("query", ns::DISCO_INFO)).await;
        let query = info.find("query").unwrap();
        assert!(query.find("identity").is_some() && query.find("feature").is_none(), "{info}");
        assert_eq!(ask("get", Node::new("ping", ns::PING)).await.get("type"), Some("result"));
        let version = ask("get", Node::new("query", "jabber:iq:version")).await;
        assert_eq!(version.find("query").unwrap().find("name").unwrap().text, "jibri-autostart");
        let jingle = |action: &str| Node::new("jingle", ns::JINGLE).attr("action", action);
        let declined = ask("set", jingle("session-initiate")).await;
        assert_eq!((declined.get("type"), declined.condition()), (Some("error"), Some("service-unavailable")));
        assert_eq!(ask("set", jingle("session-terminate")).await.get("type"), Some("result"));
        for kind in ["get", "set"] {
            let unknown = ask(kind, Node::new("odd", "urn:odd")).await;
            assert_eq!(unknown.condition(), Some("service-unavailable"));
        }
        Ok(())
    }

    /// Nor does it log at each visit that it knows nothing of us (docs/jitsi.md 13.1).
    async fn jicofo_asks_once_and_leaves_us_alone(version) {
        let world = World::start(version, WorldOptions::default()).await?;
        let mut linked = Linked::up(&world).await;
        let of_us = |all: Vec<String>| all.into_iter().filter(|nick| nick == "autostart").count();
        for room in ["r1", "r2", "r3"] {
            let _ada = world.moderator(room).await?;
            linked.enter(room).await;
            // It offers media to all after it knows what they can do.
            let answers = || world.focus.answers(room).into_iter().filter(|a| a.nick == "autostart");
            let offered = || answers().any(|a| a.to == "session-initiate");
            assert!(eventually(SOON, offered).await, "{:?}", world.focus.answers(room));
            let asked = || answers().filter(|a| a.to == "disco").map(|a| a.with).collect::<Vec<_>>();
            if room == "r1" {
                assert!(eventually(SOON, || asked() == ["result"]).await, "{:?}", asked());
            } else {
                assert!(asked().is_empty(), "{room}: {:?}", asked());
            }
        }
        assert_eq!(of_us(world.focus.without_caps()), 0);
        Ok(())
    }

    /// In whatever way it is asked, what we answer is what our presence promised.
    async fn the_answer_is_the_same_by_each_name(version) {
        let world = World::start(version, WorldOptions::default()).await?;
        let ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;
        linked.enter("r1").await;
        let us = "r1@muc.meet.jitsi/autostart";
        let presence = |node: &Node| node.name == "presence" && node.from() == us;
        let presence = ada.client().wait_for(presence, SOON).await?.node.clone();
        let caps = presence.find_ns("c", ns::CAPS).expect("caps");
        let node = format!("{}#{}", caps.get_or_empty("node"), caps.get_or_empty("ver"));
        for (kind, query) in [("with", Node::new("query", ns::DISCO_INFO).attr("node", &node)), ("without", Node::new("query", ns::DISCO_INFO))] {
            let asked = query.get("node").map(String::from);
            let answer = ada.client().request(Node::iq("get", us).child(query), SOON).await?;
            let query = answer.find_ns("query", ns::DISCO_INFO).expect(kind);
            assert_eq!(query.get("node").map(String::from), asked, "{answer}");
            assert_eq!(query.children.len(), 1, "{answer}");
            assert_eq!(query.children[0].get("name"), Some("jibri-autostart"), "{answer}");
        }
        Ok(())
    }
}
