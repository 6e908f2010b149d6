//! What the component answers when it is asked.

use crate::harness::Linked;
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

    async fn jicofo_is_answered_and_leaves_us_alone(version) {
        let world = World::start(version, WorldOptions::default()).await?;
        let _ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;
        linked.enter("r1").await;
        let answers = || world.focus.answers("r1").into_iter().filter(|a| a.nick == "autostart").collect::<Vec<_>>();
        let done = eventually(SOON, || answers().iter().any(|a| a.to == "disco" && a.with == "result")).await;
        assert!(done, "{:?}", answers());
        Ok(())
    }
}
