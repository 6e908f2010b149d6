//! The companion, as the link asks it and tells of it (docs/companion.md).

use super::harness::{Linked, room, seconds, settings};
use jibri_autostart::address::Nick;
use jibri_autostart::config::{FootprintSetting, Mode, Secret};
use jibri_autostart::meeting::{
    Action, Answer, AttemptId, By, Condition, Order, Presence, Role, RoomEvent, RoomPicture, Speaker, Unsent,
};
use jibri_autostart::xmpp::{CompanionEvent, LinkEvent};
use testkit::{Fault, Node, Person, PersonOptions, ProsodyOptions, SOON, World, WorldOptions, config};

async fn world(
    version: testkit::Version,
    change: impl FnOnce(&mut ProsodyOptions),
) -> testkit::Result<World> {
    let mut prosody = ProsodyOptions { companion: true, metadata: true, ..ProsodyOptions::default() };
    prosody.plugins.push(("mod_test_orders.lua".into(), include_str!("../companion/orders.lua").into()));
    prosody.muc_modules.push("test_orders".into());
    // None of the rights that other footprints need.
    prosody.component_is_admin = false;
    change(&mut prosody);
    World::start(version, WorldOptions { prosody, ..WorldOptions::default() }).await
}

/// A link that uses the companion, up.
async fn linked(world: &World) -> Linked {
    let mut settings = settings(world.prosody.component().to_string(), world.prosody.component_secret());
    settings.muc.footprint = FootprintSetting::Auto;
    let mut linked = Linked::with(&settings);
    linked.wait_up().await;
    linked
}

/// Loads, unloads or reloads the module.
fn manage(by: &Person, verb: &str) {
    let code = format!(
        "return require 'core.modulemanager'.{verb}(module.host, 'jibri_autostart_companion') and 'done'"
    );
    by.client().send(&Node::message(config::MUC, "normal", &code));
}

fn speaker(nick: &str) -> Speaker {
    Speaker::Companion(Nick::new(nick).unwrap())
}

fn find<'a>(picture: &'a RoomPicture, nick: &str) -> Option<&'a Presence> {
    picture.occupants.iter().find(|occupant| occupant.nick.as_str() == nick)
}

impl Linked {
    /// The next that is told of the companion.
    async fn companion(&mut self) -> CompanionEvent {
        self.wait("word of the companion", |event| match event {
            LinkEvent::Companion { service, event } if service == config::MUC => Some(event),
            LinkEvent::Down { failure, .. } => panic!("down: {failure}"),
            _ => None,
        })
        .await
    }

    async fn wait_answers(&mut self) {
        let event = self.companion().await;
        assert!(
            matches!(&event, CompanionEvent::Answers { version, mute: None } if version == "1.0"),
            "{event:?}"
        );
    }

    async fn wait_silent(&mut self, why: &str) {
        assert!(matches!(self.companion().await, CompanionEvent::Silent { why: said } if said == why));
    }

    async fn wait_listed(&mut self, names: &[&str]) {
        let CompanionEvent::Listed { rooms } = self.companion().await else { panic!("not listed") };
        assert_eq!(rooms, names.iter().map(|name| room(name)).collect::<Vec<_>>());
    }

    /// The first picture of a room from now on that fits.
    async fn picture(&mut self, name: &str, what: &str, fits: impl Fn(&RoomPicture) -> bool) -> RoomPicture {
        self.wait_room(name, what, |event| match event {
            RoomEvent::Pictured(Some(picture)) if fits(&picture) => Some(*picture),
            _ => None,
        })
        .await
    }

    async fn wait_over(&mut self, name: &str) {
        self.wait_room(name, "its end", |event| matches!(event, RoomEvent::Over).then_some(())).await;
    }
}

on_each_prosody! {
    async fn rooms_as_people_come_and_go(version) {
        let world = world(version, |_| {}).await?;
        let ada = world.moderator("r1").await?;
        let mut linked = linked(&world).await;
        linked.wait_answers().await;
        let picture = linked.picture("r1", "ada", |picture| find(picture, &ada.nick()).is_some()).await;
        let seen = find(&picture, &ada.nick()).unwrap();
        assert_eq!((seen.role, seen.jid.as_ref().unwrap().as_str()), (Role::Moderator, ada.jid()));
        assert_eq!(find(&picture, "focus").unwrap().jid.as_ref().unwrap().domain(), "auth.meet.jitsi");
        assert!(picture.meeting.is_some() && !picture.notice);
        linked.wait_listed(&["r1"]).await;

        let bob = world.person_with("r1", PersonOptions::nick("Bob <&'> B.")).await?;
        let has_bob = |picture: &RoomPicture| find(picture, "Bob <&'> B.").is_some();
        let picture = linked.picture("r1", "bob", has_bob).await;
        assert_eq!(find(&picture, "Bob <&'> B.").unwrap().role, Role::Participant);
        bob.leave().await;
        linked.picture("r1", "bob's leave", |picture| !has_bob(picture)).await;

        linked.act(Action::AskPicture { room: room("r1") });
        linked.picture("r1", "what was asked for", |picture| find(picture, &ada.nick()).is_some()).await;
        linked.act(Action::AskPicture { room: room("nowhere") });
        linked.wait_over("nowhere").await;
        linked.act(Action::Notice { room: room("r1"), recording: true });
        linked.picture("r1", "a notice", |picture| picture.notice).await;
        linked.act(Action::Notice { room: room("r1"), recording: false });
        linked.picture("r1", "no notice", |picture| !picture.notice).await;

        let _eve = world.person("r2").await?;
        linked.picture("r2", "another room", |picture| picture.occupants.len() > 1).await;
        ada.leave().await;
        linked.wait_over("r1").await;
        let rejected = &linked.link.counters().rejected;
        assert_eq!((rejected.malformed.get(), rejected.stray.get(), rejected.unreadable.get()), (0, 0, 0));
        Ok(())
    }

    async fn many_rooms_come_in_pages(version) {
        let world = world(version, |prosody| {
            let module = include_str!("../../../deploy/prosody/mod_jibri_autostart_companion.lua");
            let narrow = module.replace("PICTURE, PAGE = 250000, 100000", "PICTURE, PAGE = 250000, 100");
            assert_ne!(module, narrow);
            prosody.plugins.push(("mod_jibri_autostart_companion.lua".into(), narrow));
        }).await?;
        let names = ["r1", "r2", "r3", "r4", "r5"];
        let mut people = Vec::new();
        for name in names {
            people.push(world.person(name).await?);
        }
        let mut linked = linked(&world).await;
        linked.wait_answers().await;
        linked.wait_listed(&names).await;
        // A hello, and a page for each.
        assert!(linked.link.counters().sent.iq.get() > 5);
        Ok(())
    }

    async fn a_reload_and_an_unload(version) {
        let world = world(version, |_| {}).await?;
        let ada = world.moderator("r1").await?;
        let mut linked = linked(&world).await;
        linked.wait_answers().await;
        linked.wait_listed(&["r1"]).await;
        manage(&ada, "reload");
        linked.wait_silent("it was unloaded").await;
        linked.wait_answers().await;
        linked.picture("r1", "all anew", |picture| find(picture, &ada.nick()).is_some()).await;
        linked.wait_listed(&["r1"]).await;

        // Of what waits for Jicofo's answer nobody knows what came; and without the companion nobody is asked.
        world.focus.inject(Fault::Ignore);
        let order = Order { mode: Mode::File, stream_key: Secret::default(), app_data: None };
        linked.act(Action::Start {
            room: room("r1"),
            attempt: AttemptId(7),
            speaker: speaker(&ada.nick()),
            order,
            timeout: seconds(95),
        });
        world.focus.until(SOON, "asked", || !world.focus.start_requests().is_empty()).await?;
        manage(&ada, "unload");
        let answer = linked.wait_room("r1", "an answer", |event| match event {
            RoomEvent::StartAnswered { attempt: AttemptId(7), answer } => Some(answer),
            _ => None,
        }).await;
        assert_eq!(answer, Answer::TimedOut);
        linked.wait_silent("it was unloaded").await;
        let sent = linked.link.counters().sent.iq.get();
        assert_eq!(linked.start_as(speaker(&ada.nick()), "r1", SOON).await, Answer::Unsent(Unsent::TooMuch));
        assert_eq!(linked.link.counters().sent.iq.get(), sent);
        manage(&ada, "load");
        linked.wait_answers().await;
        linked.wait_listed(&["r1"]).await;
        Ok(())
    }

    async fn a_start_is_sent_as_a_moderator(version) {
        let world = world(version, |_| {}).await?;
        let jibri = world.jibri("jibri-1").await?;
        let ada = world.moderator("r1").await?;
        let bob = world.person_with("r1", PersonOptions::nick("bob")).await?;
        let mut linked = linked(&world).await;
        linked.wait_answers().await;
        linked.wait_listed(&["r1"]).await;

        for (nick, room, why) in [
            ("nobody", "r1", Unsent::SpeakerGone),
            (bob.nick().as_str(), "r1", Unsent::SpeakerGone),
            ("focus", "r1", Unsent::SpeakerGone),
            (ada.nick().as_str(), "nowhere", Unsent::NoRoom),
        ] {
            assert_eq!(linked.start_as(speaker(nick), room, SOON).await, Answer::Unsent(why), "{nick} {room}");
        }
        assert!(world.focus.start_requests().is_empty());

        world.focus.inject(Fault::Refuse("service-unavailable".into(), Some("no Jibris".into())));
        let Answer::Refused(refusal) = linked.start_as(speaker(&ada.nick()), "r1", SOON).await else {
            panic!("must be refused")
        };
        assert_eq!((refusal.condition, refusal.by), (Condition::ServiceUnavailable, By::Unsaid));
        assert_eq!(refusal.text.as_deref(), Some("no Jibris"));

        let answer = linked.start_as(speaker(&ada.nick()), "r1", SOON).await;
        let Answer::Accepted { session: Some(session) } = answer else { panic!("{answer:?}") };
        assert_eq!(world.focus.start_requests().last().unwrap().nick, ada.nick());
        let is_on = |picture: &RoomPicture| {
            find(picture, "focus").and_then(|focus| focus.recording.as_ref()).is_some_and(|says| says.on)
        };
        let picture = linked.picture("r1", "the recording", is_on).await;
        let says = find(&picture, "focus").unwrap().recording.clone().unwrap();
        assert_eq!((says.session, says.mode), (Some(session.clone()), Some(Mode::File)));
        assert_eq!(says.initiator.unwrap().as_str(), ada.nick());
        assert_eq!(jibri.recording().as_deref(), Some(&*session.0));

        linked.act(Action::Stop {
            room: room("r1"),
            attempt: AttemptId(7),
            speaker: speaker(&ada.nick()),
            mode: Mode::File,
            timeout: SOON,
        });
        let answer = linked.wait_room("r1", "the answer to a stop", |event| match event {
            RoomEvent::StopAnswered { answer, .. } => Some(answer),
            _ => None,
        }).await;
        assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
        linked.picture("r1", "its end", |picture| !is_on(picture)).await;
        Ok(())
    }

    async fn a_tenants_room_has_its_real_name(version) {
        let world = world(version, |prosody| prosody.tenants = true).await?;
        let _jibri = world.jibri("jibri-1").await?;
        let ada = world.moderator("r1@muc.acme.meet.jitsi").await?;
        let mut linked = linked(&world).await;
        let real = "[acme]r1@muc.meet.jitsi";
        linked.wait_answers().await;
        linked.picture(real, "ada", |picture| find(picture, &ada.nick()).is_some()).await;
        linked.wait_listed(&[real]).await;
        let answer = linked.start_as(speaker(&ada.nick()), real, SOON).await;
        assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
        let rejected = &linked.link.counters().rejected;
        assert_eq!((rejected.malformed.get(), rejected.stray.get()), (0, 0));
        Ok(())
    }

    async fn without_the_module_that_is_told(version) {
        let world = World::start(version, WorldOptions::default()).await?;
        let _ada = world.moderator("r1").await?;
        let mut linked = linked(&world).await;
        linked.wait_silent("the module is not loaded on this conference service").await;
        assert!(linked.roles("r1", 1).await.is_ok());
        Ok(())
    }

    async fn what_people_send_in_its_words_is_not_heard(version) {
        let world = world(version, |_| {}).await?;
        let ada = world.moderator("r1").await?;
        let mut linked = linked(&world).await;
        linked.wait_answers().await;
        linked.wait_listed(&["r1"]).await;
        let counters = linked.link.counters();
        let heard = counters.received.message.get();
        let ns = "urn:jibri-autostart:companion:1";
        let bye = Node::new("bye", ns);
        let gone = Node::new("gone", ns).attr("jid", "r1@muc.meet.jitsi").attr("epoch", "e").attr("seq", "1");
        for to in ["autostart.meet.jitsi", "autostart@autostart.meet.jitsi/a"] {
            for element in [&bye, &gone] {
                let message = Node::message(to, "normal", "x").child(element.clone());
                ada.client().send(&message.attr("from", "muc.meet.jitsi"));
                ada.client().send(&Node::message(to, "normal", "x").child(element.clone()));
            }
        }
        assert!(testkit::eventually(SOON, || counters.received.message.get() >= heard + 8).await);
        linked.act(Action::AskPicture { room: room("r1") });
        linked.wait("a picture and nothing before it", |event| match event {
            LinkEvent::Room { event: RoomEvent::Pictured(Some(_)), .. } => Some(()),
            other => panic!("{other:?}"),
        }).await;
        assert_eq!(linked.start_as(speaker("nobody"), "r1", SOON).await, Answer::Unsent(Unsent::SpeakerGone));
        Ok(())
    }
}
