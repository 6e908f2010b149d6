//! What the options of the test Prosody do to a component, seen from a bare component link.

use sha1::{Digest, Sha1};
use std::collections::VecDeque;
use testkit::xml_stream::{Item, StreamParser};
use testkit::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SENDER: &str = "autostart@autostart.meet.jitsi/a";

/// A component with no more sense than its test needs.
struct Link {
    stream: TcpStream,
    parser: StreamParser,
    items: VecDeque<Item>,
}

impl Link {
    async fn open(prosody: &Prosody, secret: &str) -> Result<(Link, Node)> {
        let stream = TcpStream::connect(prosody.component()).await?;
        let mut link = Link { stream, parser: StreamParser::default(), items: VecDeque::new() };
        link.say(&format!(
            "<stream:stream xmlns='jabber:component:accept' xmlns:stream='{}' to='autostart.meet.jitsi'>",
            ns::STREAM
        ))
        .await?;
        let Some(Item::Open(open)) = link.item().await? else { return Err("no stream".into()) };
        let digest = Sha1::digest(format!("{}{secret}", open.get_or_empty("id")));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        link.say(&format!("<handshake>{hex}</handshake>")).await?;
        let verdict = link.stanza().await?.ok_or("closed")?;
        Ok((link, verdict))
    }

    async fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.write_all(text.as_bytes()).await?)
    }

    async fn item(&mut self) -> Result<Option<Item>> {
        let mut buffer = [0; 4096];
        let mut items = Vec::new();
        while self.items.is_empty() {
            match tokio::time::timeout(SOON, self.stream.read(&mut buffer)).await?? {
                0 => return Ok(None),
                read => self.parser.push(&buffer[..read], &mut items)?,
            }
            self.items.extend(items.drain(..));
        }
        Ok(self.items.pop_front())
    }

    /// The next stanza; none if the stream has ended.
    async fn stanza(&mut self) -> Result<Option<Node>> {
        Ok(match self.item().await? {
            Some(Item::Stanza(node)) => Some(node),
            _ => None,
        })
    }

    /// The next stanza that fits.
    async fn stanza_that(&mut self, fits: impl Fn(&Node) -> bool) -> Result<Node> {
        loop {
            let node = self.stanza().await?.ok_or("the stream has ended")?;
            if fits(&node) {
                return Ok(node);
            }
        }
    }

    /// Asks a room for its moderators.
    async fn list(&mut self, room: &str) -> Result<Node> {
        let item = "<item role='moderator'/>";
        let query = format!("<query xmlns='{}'>{item}</query>", ns::MUC_ADMIN);
        self.say(&format!("<iq type='get' id='l' from='{SENDER}' to='{room}'>{query}</iq>")).await?;
        self.stanza_that(|node| node.get("id") == Some("l")).await
    }
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
        let (mut link, verdict) = Link::open(&world.prosody, "wrong").await?;
        assert_eq!(verdict.name, "error");
        drop(link);
        (link, _) = Link::open(&world.prosody, world.prosody.component_secret()).await?;
        let list = link.list("r1@muc.meet.jitsi").await?;
        let query = list.find("query").ok_or("no list")?;
        let nicks: Vec<_> = query.children.iter().filter_map(|item| item.get("nick")).collect();
        assert!(nicks.contains(&"focus") && nicks.contains(&ada.nick().as_str()));
        assert_eq!(link.list("none@muc.meet.jitsi").await?.condition(), Some("item-not-found"));
        // The newer of two links wins.
        let (mut second, verdict) = Link::open(&world.prosody, world.prosody.component_secret()).await?;
        assert_eq!(verdict.name, "handshake");
        assert_eq!(link.stanza_that(|node| node.name == "error").await?.children[0].name, "conflict");
        second.list("r1@muc.meet.jitsi").await?;
        Ok(())
    }

    async fn is_no_owner_where_admins_are_none(version) {
        let options = with(|p| (p.admins_own_rooms, p.conflict_resolve) = (false, "kick_new".into()));
        let world = World::start(version, options).await?;
        world.focus.open_room("r1").await?;
        let (mut link, _) = Link::open(&world.prosody, world.prosody.component_secret()).await?;
        let expected = match version {
            Version::Debian12 => None,
            Version::Debian13 => Some("forbidden"),
        };
        assert_eq!(link.list("r1@muc.meet.jitsi").await?.condition(), expected);
        let (_, verdict) = Link::open(&world.prosody, world.prosody.component_secret()).await?;
        assert_eq!(verdict.find("conflict").map(|c| c.name.as_str()), Some("conflict"), "{verdict}");
        Ok(())
    }

    async fn may_speak_as_others_only_if_allowed(version) {
        for allowed in [false, true] {
            let world = World::start(version, with(|p| p.validate_from = !allowed)).await?;
            let _jibri = world.jibri("jibri-1").await?;
            let ada = world.moderator("r1").await?;
            let (mut link, _) = Link::open(&world.prosody, world.prosody.component_secret()).await?;
            let start = format!("<jibri xmlns='{}' action='start' recording_mode='file'/>", ns::JIBRI);
            let (from, to) = (ada.jid(), "r1@muc.meet.jitsi/focus");
            link.say(&format!("<iq type='set' id='s' from='{from}' to='{to}'>{start}</iq>")).await?;
            if allowed {
                assert_eq!(ada.wait_recording("on", SOON).await?.initiator, Some(ada.nick()));
            } else {
                assert_eq!(link.stanza_that(|node| node.name == "error").await?.children[0].name, "invalid-from");
            }
        }
        Ok(())
    }

    async fn meets_tenants_under_two_addresses(version) {
        let world = World::start(version, with(|p| p.tenants = true)).await?;
        let ada = world.moderator("r1@muc.acme.meet.jitsi").await?;
        let (mut link, _) = Link::open(&world.prosody, world.prosody.component_secret()).await?;
        let list = link.list("[acme]r1@muc.meet.jitsi").await?;
        assert_eq!(list.from(), "[acme]r1@muc.meet.jitsi", "what Prosody answers itself keeps the inner form");
        assert!(list.find("query").is_some_and(|query| query.children.len() == 2));
        let join = format!("<x xmlns='{}'/>", ns::MUC);
        link.say(&format!("<presence from='{SENDER}' to='[acme]r1@muc.meet.jitsi/autostart'>{join}</presence>")).await?;
        let own = link.stanza_that(|node| room::status_codes(node).contains(&110)).await?;
        assert_eq!(own.from(), "r1@muc.acme.meet.jitsi/autostart");
        ada.occupancy().until(SOON, "in company", |view| view.occupants.contains_key("autostart")).await?;
        let asked = link.stanza_that(|node| node.name == "iq" && node.find_ns("query", ns::DISCO_INFO).is_some()).await?;
        assert_eq!(asked.from(), "r1@muc.acme.meet.jitsi/focus", "routed IQs too");
        assert_eq!(link.list("r1@muc.acme.meet.jitsi").await?.condition(), Some("not-allowed"));
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
