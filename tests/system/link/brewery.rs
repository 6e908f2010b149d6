//! Our seat in the brewery: who is there and how, and how we come back into it.

use std::collections::BTreeMap;
use std::time::Instant;

use super::harness::{Linked, room, seconds, settings};
use super::hostile::payloads;
use jibri_autostart::address::Nick;
use jibri_autostart::config::Settings;
use jibri_autostart::jibri::{Busy, Health, Report};
use jibri_autostart::xmpp::{BreweryEvent, Command, LinkEvent, NotLetIn};
use testkit::config::{AUTH, BREWERY, INTERNAL_MUC};
use testkit::xml::escape;
use testkit::{
    Behaviour, Client, Focus, FocusOptions, Jibri, JibriOptions, Login, Manners, Node, Prosody,
    ProsodyOptions, SOON, World, WorldOptions, ns,
};

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

const US: &str = "jibribrewery@internal-muc.meet.jitsi/autostart_watch";
const IDLE: Option<Report> = status(Busy::Idle, Health::Healthy);
const BUSY: Option<Report> = status(Busy::Busy, Health::Healthy);
const SICK: Option<Report> = status(Busy::Busy, Health::Unhealthy);

const UNWELL: Option<Report> = status(Busy::Idle, Health::Unhealthy);
const UNDEFINED: Option<Report> = status(Busy::Undefined, Health::Undefined);

const fn status(busy: Busy, health: Health) -> Option<Report> {
    Some(Report { busy, health })
}

fn settings_for(prosody: &Prosody) -> Settings {
    let mut settings = settings(prosody.component().to_string(), prosody.component_secret());
    settings.jibri.brewery = Some(room(BREWERY));
    settings
}

async fn world(version: testkit::Version) -> testkit::Result<World> {
    World::start(version, WorldOptions::default()).await
}

fn shown(name: &str, status: Option<Report>, items: usize) -> BreweryEvent {
    BreweryEvent::Presence { nick: Nick::new(name).unwrap(), status, items }
}

fn left(name: &str) -> BreweryEvent {
    BreweryEvent::Left { nick: Nick::new(name).unwrap() }
}

type List = BTreeMap<String, (Option<Report>, usize)>;

impl Linked {
    /// The next event about the brewery of which `take` makes something.
    async fn brewery<T>(&mut self, what: &str, mut take: impl FnMut(BreweryEvent) -> Option<T>) -> T {
        self.wait(what, |event| match event {
            LinkEvent::Brewery(event) => take(event),
            LinkEvent::Room { room, event } => panic!("{room} {event:?}"),
            _ => None,
        })
        .await
    }

    /// Waits for exactly this.
    async fn sees(&mut self, wanted: &BreweryEvent) {
        self.brewery(&format!("{wanted:?}"), |event| (event == *wanted).then_some(())).await;
    }

    /// Everybody who is told until the list is complete.
    async fn list(&mut self) -> List {
        let mut list = List::new();
        self.brewery("a complete list", |event| {
            match event {
                BreweryEvent::Complete => return Some(()),
                BreweryEvent::Presence { nick, status, items } => {
                    list.insert(nick.as_str().to_owned(), (status, items));
                }
                BreweryEvent::Left { nick } => {
                    list.remove(nick.as_str());
                }
                BreweryEvent::Lost => list.clear(),
                // We may be back after a restart before the first Jibri is: then there is no such room yet.
                BreweryEvent::NotLetIn { why, .. } => assert!(why.is_usual(), "{why}"),
            }
            None
        })
        .await;
        list
    }

    async fn not_let_in(&mut self) -> NotLetIn {
        self.brewery("a refusal", |event| match event {
            BreweryEvent::NotLetIn { why, .. } => Some(why),
            BreweryEvent::Complete => panic!("let in"),
            _ => None,
        })
        .await
    }

    async fn ping(&mut self, name: &str) -> bool {
        let wanted = Nick::new(name).unwrap();
        self.link.send(Command::PingJibri { nick: wanted.clone() });
        self.wait("what became of a ping", |event| match event {
            LinkEvent::Pinged { nick, answered } if nick == wanted => Some(answered),
            _ => None,
        })
        .await
    }
}

fn join(seat: &str) -> Node {
    Node::presence(seat).child(Node::new("x", ns::MUC))
}

/// Somebody of the services' domain, in the brewery under any nickname.
async fn stranger(prosody: &Prosody, nick: &str) -> testkit::Result<Client> {
    let resource = format!("stranger-{}", rand_of(nick));
    let login = Login::service("jibri", &resource);
    let (client, _inbox) = Client::connect(prosody.c2s(), &login, Manners::default()).await?;
    client.send(&join(&format!("{BREWERY}/{nick}")));
    Ok(client)
}

fn rand_of(nick: &str) -> usize {
    nick.bytes().fold(7, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
}

on_each_prosody! {
    async fn who_is_there_and_how(version) {
        let world = world(version).await?;
        let one = world.jibri("jibri-1").await?;
        let _two = world.jibri_that("jibri-2", Behaviour::Busy).await?;
        let mut linked = Linked::with(&settings_for(&world.prosody));
        let list = linked.list().await;
        let expected = [("focus", None), ("jibri-1", IDLE), ("jibri-2", BUSY)];
        assert_eq!(list, expected.map(|(name, status)| (name.to_owned(), (status, 1))).into());

        // We are a listener there, no owner, and Jicofo does not take us for a Jibri.
        let client = one.client().unwrap();
        let us = client.wait_for(|node| node.name == "presence" && node.from() == US, SOON).await?;
        let item = us.node.find("x").and_then(|x| x.find("item")).unwrap();
        assert_eq!(item.get("affiliation"), Some("none"), "{}", us.node);
        assert_eq!(item.get("jid"), Some("brewery@autostart.meet.jitsi/a"));
        assert!(us.node.find_ns("c", ns::CAPS).is_some(), "{}", us.node);
        assert_eq!(world.focus.jibris().len(), 2);

        one.set_behaviour(Behaviour::Busy);
        linked.sees(&shown("jibri-1", BUSY, 1)).await;
        one.set_healthy(false);
        linked.sees(&shown("jibri-1", SICK, 1)).await;
        one.crash();
        linked.sees(&left("jibri-1")).await;
        one.restart().await?;
        linked.sees(&shown("jibri-1", None, 1)).await;
        linked.sees(&shown("jibri-1", BUSY, 1)).await;

        // Closed in good order, we do not stay behind.
        let client = one.client().unwrap();
        linked.link.close().await;
        let gone = |node: &Node| node.from() == US && node.get("type") == Some("unavailable");
        let gone = client.wait_for(gone, SOON).await?;
        assert!(!gone.node.to_string().contains("333"), "{}", gone.node);
        Ok(())
    }

    async fn two_jibris_under_one_name(version) {
        let world = world(version).await?;
        let _one = world.jibri("jibri-1").await?;
        let mut linked = Linked::with(&settings_for(&world.prosody));
        assert_eq!(linked.list().await["jibri-1"], (IDLE, 1));
        let twin = JibriOptions { resource: Some("twin".into()), ..JibriOptions::default() };
        let twin = world.jibri_with("jibri-1", twin).await?;
        linked.sees(&shown("jibri-1", IDLE, 2)).await;
        // Prosody goes on showing two when one has gone, until we ask for all.
        twin.crash();
        let asked_until_it_says_so = async {
            loop {
                linked.link.send(Command::ListBrewery);
                if linked.list().await.get("jibri-1") == Some(&(IDLE, 1)) {
                    return;
                }
            }
        };
        tokio::time::timeout(SOON, asked_until_it_says_so).await?;
        Ok(())
    }

    async fn a_brewery_that_comes_later(version) {
        let prosody = Prosody::start_new(version, ProsodyOptions::default()).await?;
        let mut linked = Linked::with(&settings_for(&prosody));
        let why = linked.not_let_in().await;
        assert!(why.is_usual(), "{why:?}");
        let _focus = Focus::start(&prosody, FocusOptions::fast()).await?;
        assert_eq!(linked.list().await, [("focus".to_owned(), (None, 1))].into());
        Ok(())
    }

    async fn we_come_after_jicofo(version) {
        let prosody = Prosody::start_new(version, ProsodyOptions::default()).await?;
        let _jibri = Jibri::start(&prosody, "jibri-1", JibriOptions::default()).await?;
        let mut linked = Linked::with(&settings_for(&prosody));
        linked.wait_up().await;
        let _focus = Focus::start(&prosody, FocusOptions::fast()).await?;
        let list = linked.list().await;
        assert_eq!(list.keys().collect::<Vec<_>>(), ["focus", "jibri-1"]);
        Ok(())
    }

    /// Nobody says that it is there, or nobody tells us.
    async fn without_jicofo_it_takes_half_a_minute(version) {
        for (jicofo, component_is_admin) in [(false, true), (true, false)] {
            let options = ProsodyOptions { component_is_admin, ..ProsodyOptions::default() };
            let prosody = Prosody::start_new(version, options).await?;
            let _jibri = Jibri::start(&prosody, "jibri-1", JibriOptions::default()).await?;
            let _focus = if jicofo { Some(Focus::start(&prosody, FocusOptions::fast()).await?) } else { None };
            let started = Instant::now();
            let mut linked = Linked::with(&settings_for(&prosody));
            assert_eq!(linked.list().await.contains_key("focus"), jicofo);
            assert!(started.elapsed() >= seconds(30), "{:?}", started.elapsed());
        }
        Ok(())
    }

    async fn a_brewery_where_there_is_no_service(version) {
        let prosody = Prosody::start_new(version, ProsodyOptions::default()).await?;
        let mut settings = settings_for(&prosody);
        settings.jibri.brewery = Some(room("jibribrewery@elsewhere.meet.jitsi"));
        let why = Linked::with(&settings).not_let_in().await;
        assert!(matches!(why, NotLetIn::NoService { .. }), "{why:?}");
        Ok(())
    }

    async fn a_filter_that_drops_our_presence(version) {
        let filter = format!("modules_enabled = {{ \"test_filter\" }}\nmuc_filter_whitelist = {{ {AUTH:?} }}");
        let options = ProsodyOptions {
            plugins: vec![("mod_test_filter.lua".into(), FILTER.into())],
            extra_host: vec![(INTERNAL_MUC.into(), filter)],
            ..ProsodyOptions::default()
        };
        let world = World::start(version, WorldOptions { prosody: options, ..WorldOptions::default() }).await?;
        let _jibri = world.jibri("jibri-1").await?;
        let mut linked = Linked::with(&settings_for(&world.prosody));
        let why = linked.not_let_in().await;
        assert!(matches!(why, NotLetIn::NoAnswer { .. }), "{why:?}");
        assert!(why.to_string().contains("muc_filter_whitelist"), "{why}");
        // Everything else works on.
        let _ada = world.moderator("r1").await?;
        assert_eq!(linked.roles("r1", 1).await.unwrap().len(), 2);
        Ok(())
    }

    async fn back_after_the_link_was_gone(version) {
        let mut world = world(version).await?;
        let _jibri = world.jibri("jibri-1").await?;
        let mut linked = Linked::with(&settings_for(&world.prosody));
        let list = linked.list().await;
        // Somebody else has our name for a while; our occupant stays behind in the room.
        let mut other = Linked::to(&world.prosody);
        other.wait_up().await;
        linked.sees(&BreweryEvent::Lost).await;
        linked.wait_down().await;
        other.link.close().await;
        assert_eq!(linked.list().await, list);
        world.restart_prosody().await?;
        linked.sees(&BreweryEvent::Lost).await;
        while linked.list().await.get("jibri-1") != Some(&(IDLE, 1)) {
            linked.link.send(Command::ListBrewery);
        }
        Ok(())
    }

    async fn put_out_and_the_room_destroyed(version) {
        let world = world(version).await?;
        let jibri = world.jibri("jibri-1").await?;
        let mut linked = Linked::with(&settings_for(&world.prosody));
        linked.list().await;
        let ask = async |namespace: &str, payload: Node| {
            let iq = Node::iq("set", BREWERY).child(Node::new("query", namespace).child(payload));
            jibri.client().unwrap().request(iq, SOON).await.unwrap()
        };
        let kick = Node::new("item", "").attr("nick", "autostart_watch").attr("role", "none");
        ask("http://jabber.org/protocol/muc#admin", kick).await;
        linked.sees(&BreweryEvent::Lost).await;
        assert_eq!(linked.list().await["jibri-1"], (IDLE, 1));

        ask("http://jabber.org/protocol/muc#owner", Node::new("destroy", "")).await;
        linked.sees(&BreweryEvent::Lost).await;
        assert!(linked.not_let_in().await.is_usual());
        world.focus.restart().await?;
        jibri.restart().await?;
        assert_eq!(linked.list().await["jibri-1"], (IDLE, 1));
        Ok(())
    }

    async fn a_jibri_has_our_nickname(version) {
        let world = world(version).await?;
        let _jibri = world.jibri("autostart_watch").await?;
        let mut linked = Linked::with(&settings_for(&world.prosody));
        assert_eq!(linked.list().await["autostart_watch"], (IDLE, 1));
        Ok(())
    }

    async fn pings(version) {
        let world = world(version).await?;
        let jibri = world.jibri("jibri-1").await?;
        let mut linked = Linked::with(&settings_for(&world.prosody));
        linked.list().await;
        assert!(linked.ping("jibri-1").await);
        assert!(!linked.ping("nobody").await);
        assert!(!linked.ping("no\u{1}body").await);
        let client = jibri.client().unwrap();
        client.set_manners(Manners::silent());
        assert!(!linked.ping("jibri-1").await);
        client.set_manners(Manners::default());

        // And we answer those who ask us.
        for (kind, payload, answer) in [
            ("get", Node::new("ping", ns::PING), "result"),
            ("get", Node::new("query", ns::DISCO_INFO), "result"),
            ("set", Node::new("jibri", ns::JIBRI).attr("action", "start"), "error"),
        ] {
            let reply = client.request(Node::iq(kind, US).child(payload), SOON).await?;
            assert_eq!(reply.get("type"), Some(answer), "{reply}");
        }
        assert_eq!(linked.link.counters().rejected.stray.get(), 0);
        Ok(())
    }

    async fn hostile_company(version) {
        let world = world(version).await?;
        let jibri = world.jibri("jibri-1").await?;
        let mut linked = Linked::with(&settings_for(&world.prosody));
        linked.list().await;
        for (number, (what, payload, replaced)) in payloads().into_iter().enumerate() {
            let name = format!("<&'\"> ünï/{number}@x");
            let client = stranger(&world.prosody, &name).await?;
            linked.sees(&shown(&name, None, 1)).await;
            client.send_raw(&format!(
                "<presence to='{}'><jibri-status xmlns='http://jitsi.org/protocol/jibri'>{payload}<busy-status \
                 status='x'/></jibri-status></presence>{}",
                escape(&format!("{BREWERY}/{name}")),
                " ".repeat(150_000)
            ));
            client.send(&Node::presence(&format!("{BREWERY}/{name}")).attr("type", "unavailable"));
            client.send_raw(&" ".repeat(150_000));
            linked.brewery(what, |event| match event {
                BreweryEvent::Presence { status, items: 1, .. } => {
                    // Of what cannot be read only the room's own word is left.
                    assert_eq!(status, if replaced { None } else { UNDEFINED }, "{what}");
                    None
                }
                event => (event == left(&name)).then_some(()),
            })
            .await;
            client.abort();
        }
        let client = stranger(&world.prosody, "x").await?;
        linked.sees(&shown("x", None, 1)).await;
        client.send(&join(&format!("{BREWERY}/y")));
        linked.sees(&left("x")).await;
        linked.sees(&shown("y", None, 1)).await;
        // Its own parser may not have survived that company.
        jibri.restart().await?;
        linked.sees(&shown("jibri-1", IDLE, 1)).await;
        let counters = linked.link.counters();
        assert_eq!((counters.reconnects.get(), counters.rejected.malformed.get()), (0, 0));
        Ok(())
    }

    /// Whoever lists the internal conference service among those of meetings is wrong, and nothing follows from it.
    async fn the_brewery_is_no_meeting(version) {
        let public = "muc_room_default_public = true".to_owned();
        let options = ProsodyOptions { extra_host: vec![(INTERNAL_MUC.into(), public)], ..ProsodyOptions::default() };
        let world = World::start(version, WorldOptions { prosody: options, ..WorldOptions::default() }).await?;
        let jibri = world.jibri("jibri-1").await?;
        let mut settings = settings_for(&world.prosody);
        settings.muc.domains.push(INTERNAL_MUC.into());
        let mut linked = Linked::with(&settings);
        assert_eq!(linked.list().await.len(), 2);
        jibri.set_healthy(false);
        linked.sees(&shown("jibri-1", UNWELL, 1)).await;
        linked.link.send(Command::DiscoItems { service: INTERNAL_MUC.into() });
        let rooms = linked.wait_for(seconds(20), "items", |event| match event {
            LinkEvent::Items { rooms, .. } => Some(rooms),
            LinkEvent::Room { room, .. } => panic!("{room}"),
            _ => None,
        }).await;
        assert_eq!(rooms, Some(Vec::new()));
        Ok(())
    }
}
