//! Rooms: who is in them, entering, leaving, starting.

use super::harness::{Linked, me, room, seconds};
use jibri_autostart::address::Nick;
use jibri_autostart::config::{Mode, Secret};
use jibri_autostart::meeting::{
    Action, Affiliation, Answer, AttemptId, By, Condition, Departure, ListError, Order, Out, Role, RoomEvent,
    Speaker,
};
use jibri_autostart::xmpp::{Command, LinkEvent};
use testkit::{Fault, Node, PersonOptions, ProsodyOptions, SOON, World, WorldOptions, ns};

async fn world(version: testkit::Version, prosody: ProsodyOptions) -> testkit::Result<World> {
    World::start(version, WorldOptions { prosody, ..WorldOptions::default() }).await
}

fn left(event: RoomEvent) -> Option<(String, Departure)> {
    match event {
        RoomEvent::Left { nick, how } => Some((nick.as_str().to_owned(), how)),
        _ => None,
    }
}

fn out(event: RoomEvent) -> Option<Out> {
    match event {
        RoomEvent::Out(out) => Some(out),
        _ => None,
    }
}

on_each_prosody! {
    async fn role_lists(version) {
        let world = world(version, ProsodyOptions::default()).await?;
        let ada = world.moderator("r1").await?;
        let bob = world.person_with("r1", PersonOptions::nick("Bob <&'> B.")).await?;
        let mut linked = Linked::up(&world).await;
        let mut list = linked.roles("r1", 7).await.unwrap();
        list.sort_by(|a, b| b.role.cmp(&a.role).then(a.nick.cmp(&b.nick)));
        let find = |nick: &str| list.iter().find(|l| l.nick.as_str() == nick).unwrap();
        assert_eq!(list.len(), 3);
        assert_eq!((find(&ada.nick()).role, find(&ada.nick()).affiliation), (Role::Moderator, Affiliation::Owner));
        assert_eq!(find(&ada.nick()).jid.as_ref().unwrap().as_str(), ada.jid());
        assert_eq!(find("focus").jid.as_ref().unwrap().domain(), "auth.meet.jitsi");
        assert_eq!((find(&bob.nick()).role, find(&bob.nick()).affiliation), (Role::Participant, Affiliation::None));
        assert_eq!(linked.roles("nowhere", 8).await, Err(ListError::Gone));
        assert_eq!(linked.roles("x@no-such-service.meet.jitsi", 9).await, Err(ListError::Forbidden));
        assert_eq!(linked.link.counters().rejected.malformed.get(), 0);
        Ok(())
    }

    async fn no_owner_no_list(version) {
        let world = world(version, ProsodyOptions { component_is_admin: false, ..ProsodyOptions::default() }).await?;
        let _ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;
        assert_eq!(linked.roles("r1", 1).await, Err(ListError::Forbidden));
        Ok(())
    }

    async fn in_a_room(version) {
        let world = world(version, ProsodyOptions::default()).await?;
        let ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;
        let others = linked.enter("r1").await;
        assert_eq!(others.len(), 2);
        let seen = others.iter().find(|p| p.nick.as_str() == ada.nick()).unwrap();
        assert_eq!((seen.role, seen.affiliation, seen.own), (Role::Moderator, Affiliation::Owner, false));

        let bob = world.person_with("r1", PersonOptions::nick("bob")).await?;
        let seen = linked.wait_room("r1", "bob", |event| match event {
            RoomEvent::Presence(presence) if presence.nick.as_str() == "bob" => Some(presence),
            _ => None,
        }).await;
        assert_eq!((seen.role, seen.jid.unwrap().as_str()), (Role::Participant, bob.jid()));
        bob.rename("bobby");
        let renamed = linked.wait_room("r1", "a rename", left).await;
        assert_eq!(renamed, ("bob".to_owned(), Departure::Renamed(Nick::new("bobby")?)));
        bob.leave().await;
        assert_eq!(linked.wait_room("r1", "a leave", left).await, ("bobby".to_owned(), Departure::Gone));

        linked.act(Action::Leave { room: room("r1"), nick: me() });
        assert_eq!(linked.wait_room("r1", "our leave", out).await, Out::Left);

        linked.enter("r1").await;
        ada.kick("autostart", SOON).await?;
        assert!(matches!(linked.wait_room("r1", "our kick", out).await, Out::Left | Out::Removed { .. }));
        Ok(())
    }

    /// The driver stops listening before it leaves its rooms, and Prosody goes on talking.
    async fn leaving_when_nobody_listens_any_more(version) {
        let world = world(version, ProsodyOptions::default()).await?;
        let ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;
        linked.enter("r1").await;
        let Linked { link, events, .. } = linked;
        let heard = link.counters().received.presence.get();
        drop(events);
        ada.occupancy().set_extras(Vec::new());
        let counters = link.counters();
        assert!(testkit::eventually(SOON, || counters.received.presence.get() > heard).await);
        link.send(Command::Act(Action::Leave { room: room("r1"), nick: me() }));
        link.close().await;
        ada.occupancy().until(SOON, "without us", |view| !view.occupants.contains_key(me().as_str())).await?;
        Ok(())
    }

    async fn a_room_that_is_destroyed(version) {
        let world = world(version, ProsodyOptions::default()).await?;
        let ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;
        linked.enter("r1").await;
        let destroy = Node::new("query", "http://jabber.org/protocol/muc#owner").child(Node::new("destroy", ""));
        ada.client().request(Node::iq("set", "r1@muc.meet.jitsi").child(destroy), SOON).await?;
        assert_eq!(linked.wait_room("r1", "destruction", out).await, Out::Destroyed);
        assert_eq!(linked.roles("r1", 1).await, Err(ListError::Gone));
        Ok(())
    }

    async fn a_nickname_that_is_taken(version) {
        let world = world(version, ProsodyOptions::default()).await?;
        let _squatter = world.person_with("r1", PersonOptions::nick("autostart")).await?;
        let mut linked = Linked::up(&world).await;
        linked.act(Action::Enter { room: room("r1"), nick: me(), password: None });
        let refusal = linked.wait_room("r1", "a refusal", |event| match event {
            RoomEvent::EntryRefused(refusal) => Some(refusal),
            _ => None,
        }).await;
        assert_eq!((refusal.condition, refusal.by), (Condition::Conflict, By::Room));
        Ok(())
    }

    async fn starting(version) {
        let world = world(version, ProsodyOptions::default()).await?;
        let jibri = world.jibri("jibri-1").await?;
        let ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;

        let Answer::Refused(refusal) = linked.start("r1", SOON).await else { panic!("must be refused") };
        assert_eq!((refusal.condition, refusal.by), (Condition::NotAcceptable, By::Room));
        let Answer::Refused(refusal) = linked.start("nowhere", SOON).await else { panic!("must be refused") };
        assert_eq!(refusal.condition, Condition::ItemNotFound);

        linked.enter("r1").await;
        world.focus.inject(Fault::Ignore);
        assert_eq!(linked.start("r1", seconds(1)).await, Answer::TimedOut);
        let Answer::Accepted { session: Some(session) } = linked.start("r1", SOON).await else { panic!("not accepted") };
        let status = linked.wait_room("r1", "the status", |event| match event {
            RoomEvent::Presence(presence) if presence.nick.as_str() == "focus" => presence.recording,
            _ => None,
        }).await;
        assert_eq!((status.on, status.session, status.initiator), (true, Some(session.clone()), Some(me())));
        assert_eq!(jibri.recording().as_deref(), Some(&*session.0));

        let Answer::Refused(refusal) = linked.start("r1", SOON).await else { panic!("must be refused") };
        assert_eq!((refusal.condition, refusal.by), (Condition::UnexpectedRequest, By::Unsaid));
        assert!(refusal.text.unwrap().contains("already"));
        ada.leave().await;
        Ok(())
    }

    async fn what_cannot_be_written_fails_at_once_and_the_link_stays(version) {
        let world = world(version, ProsodyOptions::default()).await?;
        let _ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;
        assert_eq!(linked.roles("a\u{ffff}@muc.meet.jitsi", 1).await, Err(ListError::Unwritable));
        for app_data in ["\u{1}".to_owned(), "x".repeat(600_000)] {
            let order = Order { mode: Mode::File, stream_key: Secret::default(), app_data: Some(app_data) };
            let (room, attempt) = (room("r1"), AttemptId(7));
            linked.act(Action::Start { room, attempt, speaker: Speaker::Ourselves, order, timeout: seconds(95) });
            let answer = linked.wait_room("r1", "answer to a start", |event| match event {
                RoomEvent::StartAnswered { answer, .. } => Some(answer),
                _ => None,
            }).await;
            assert!(matches!(&answer, Answer::Refused(r) if r.condition == Condition::BadRequest), "{answer:?}");
        }
        assert!(linked.roles("r1", 2).await.is_ok());
        assert!(world.focus.start_requests().is_empty());
        assert_eq!(linked.link.counters().reconnects.get(), 0);
        Ok(())
    }

    async fn rooms_that_are_shown(version) {
        let world = world(version, ProsodyOptions { public_rooms: true, ..ProsodyOptions::default() }).await?;
        let _ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;
        let mut items = async |service: &str| {
            linked.link.send(Command::DiscoItems { service: service.to_owned() });
            linked.wait("items", |event| match event {
                LinkEvent::Items { rooms, .. } => Some(rooms),
                _ => None,
            }).await
        };
        assert_eq!(items("muc.meet.jitsi").await, Some(vec![room("r1")]));
        assert_eq!(items("no-such-service.meet.jitsi").await, None);
        Ok(())
    }

    async fn a_tenants_room_has_its_real_name(version) {
        let world = world(version, ProsodyOptions { tenants: true, ..ProsodyOptions::default() }).await?;
        let _jibri = world.jibri("jibri-1").await?;
        let ada = world.moderator("r1@muc.acme.meet.jitsi").await?;
        let mut linked = Linked::up(&world).await;
        let real = "[acme]r1@muc.meet.jitsi";
        assert_eq!(linked.roles(real, 1).await.unwrap().len(), 2);
        assert!(linked.enter(real).await.iter().any(|p| p.nick.as_str() == ada.nick()));
        assert!(matches!(linked.start(real, SOON).await, Answer::Accepted { .. }));
        // What it is asked by the virtual name is answered to the real one.
        let ping = Node::iq("get", "r1@muc.acme.meet.jitsi/autostart").child(Node::new("ping", ns::PING));
        assert_eq!(ada.client().request(ping, SOON).await?.get("type"), Some("result"));
        assert_eq!(linked.link.counters().rejected.stray.get(), 0);
        Ok(())
    }
}
