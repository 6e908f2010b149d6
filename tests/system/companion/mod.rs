//! The companion, `deploy/prosody/mod_jibri_autostart_companion.lua`, on a real Prosody of both versions; the component
//! and Jicofo are bare connections here, so that they can do what no honest one does (docs/companion.md).

mod eyes;
mod hands;
mod hostile;
mod life;
mod voice;

use testkit::{
    Client, Component, Login, Manners, Node, Person, PersonOptions, Prosody, ProsodyOptions, Result, SOON,
    Version, config, ns, room,
};

/// The namespace of all that the companion and the program say to each other.
const NS: &str = "urn:jibri-autostart:companion:1";
const MUC: &str = config::MUC;
const R1: &str = "r1@muc.meet.jitsi";

/// A Prosody with the companion, the component's link, and Jicofo's.
struct Scene {
    prosody: Prosody,
    link: Component,
    focus: Client,
}

impl Scene {
    async fn start(version: Version) -> Result<Scene> {
        Scene::with(version, |_| {}).await
    }

    async fn with(version: Version, change: impl FnOnce(&mut ProsodyOptions)) -> Result<Scene> {
        let prosody = prosody_with(version, change).await?;
        let (link, _) = Component::open(&prosody, prosody.component_secret()).await?;
        let focus = focus(&prosody).await?;
        Ok(Scene { prosody, link, focus })
    }

    /// Jicofo opens a room.
    async fn open(&self, room: &str) -> Result<()> {
        self.focus_says(room, &[], true).await
    }

    /// Jicofo's presence, with further children.
    async fn focus_says(&self, room: &str, children: &[Node], joins: bool) -> Result<()> {
        let at = room::address(room);
        let mark = self.focus.mark();
        let mut presence = Node::presence(&format!("{at}/focus")).with_children(children.iter().cloned());
        if joins {
            presence = presence.child(Node::new("x", ns::MUC));
        }
        self.focus.send(&presence);
        self.focus.wait_for_since(mark, |node| node.from() == format!("{at}/focus"), SOON).await?;
        Ok(())
    }

    async fn person(&self, room: &str, nick: &str) -> Result<Person> {
        Person::join(&self.prosody, room, PersonOptions::nick(nick)).await
    }

    /// A person whom Jicofo has made a moderator.
    async fn moderator(&self, room: &str, nick: &str) -> Result<Person> {
        let person = self.person(room, nick).await?;
        self.promote(room, person.jid()).await?;
        person.wait_until_moderator(SOON).await?;
        Ok(person)
    }

    async fn promote(&self, room: &str, jid: &str) -> Result<()> {
        let item = Node::new("item", "").attr("affiliation", "owner").attr("jid", testkit::xml::bare(jid));
        let iq = Node::iq("set", &room::address(room)).child(Node::new("query", ns::MUC_ADMIN).child(item));
        self.focus.request(iq, SOON).await?;
        Ok(())
    }

    /// Asks the companion; `name` and attributes.
    async fn ask(&mut self, kind: &str, name: &str, attributes: &[(&str, &str)]) -> Result<Node> {
        let id = self.ask_only(kind, name, attributes).await?;
        self.link.answer(&id).await
    }

    async fn ask_only(&mut self, kind: &str, name: &str, attributes: &[(&str, &str)]) -> Result<String> {
        let payload = element(name, attributes).to_string();
        self.link.ask(kind, MUC, &payload).await
    }

    /// The answer's own element, where it is one.
    async fn told(&mut self, kind: &str, name: &str, attributes: &[(&str, &str)]) -> Result<Node> {
        let answer = self.ask(kind, name, attributes).await?;
        answer.find_ns(name, NS).cloned().ok_or_else(|| format!("not answered: {answer}").into())
    }

    /// Reads all that was sent until now; gives a mark, and the number of the last push.
    async fn now(&mut self) -> Result<(usize, u64)> {
        let hello = self.told("get", "hello", &[]).await?;
        Ok((self.link.seen.len(), number(&hello)))
    }

    /// The first push of a kind after the mark that fits.
    async fn push(&mut self, mark: usize, name: &str, fits: impl Fn(&Node) -> bool) -> Result<Node> {
        let of = |node: &Node| (node.name == "message").then(|| node.find_ns(name, NS).cloned()).flatten();
        let message = self.link.wait_since(mark, |node| of(node).is_some_and(|inside| fits(&inside))).await?;
        of(&message).ok_or_else(|| "no push".into())
    }

    /// The pictures that were pushed since the mark, as far as they were read.
    fn pushes(&self, mark: usize) -> Vec<Node> {
        let messages = self.link.seen.iter().skip(mark).filter(|node| node.name == "message");
        messages.flat_map(|message| message.children.iter().filter(|child| child.ns == NS).cloned()).collect()
    }

    /// A request that waits for Jicofo: its id for the component, and what Jicofo got.
    async fn opened(&mut self, action: &str, attributes: &[(&str, &str)]) -> Result<(String, Node)> {
        let mark = self.focus.mark();
        let id = self.ask_only("set", action, attributes).await?;
        let got = self.focus.wait_for_since(mark, |node| node.find_ns("jibri", ns::JIBRI).is_some(), SOON);
        Ok((id, got.await?.node.clone()))
    }

    /// Runs Lua inside Prosody; what it returns, as text.
    async fn lua(&self, code: &str) -> Result<String> {
        let id = self.focus.new_id();
        let order = Node::message(MUC, "normal", code).attr("id", &id);
        self.focus.send(&order);
        let is_answer = |node: &Node| node.name == "message" && node.get("id") == Some(&id);
        let answer = self.focus.wait_for(is_answer, SOON).await?;
        Ok(answer.node.find("body").map(|body| body.text.clone()).unwrap_or_default())
    }

    /// Loads, unloads or reloads the companion.
    async fn manage(&self, verb: &str) -> Result<()> {
        let code = format!(
            "return require 'core.modulemanager'.{verb}(module.host, 'jibri_autostart_companion') and 'done'"
        );
        let said = self.lua(&code).await?;
        if said == "done" { Ok(()) } else { Err(format!("{verb}: {said}").into()) }
    }
}

async fn prosody_with(version: Version, change: impl FnOnce(&mut ProsodyOptions)) -> Result<Prosody> {
    let mut options = ProsodyOptions { companion: true, metadata: true, ..ProsodyOptions::default() };
    options.plugins.push(("mod_test_orders.lua".into(), include_str!("orders.lua").into()));
    options.muc_modules.push("test_orders".into());
    // None of the rights that other footprints need.
    options.component_is_admin = false;
    change(&mut options);
    Prosody::start_new(version, options).await
}

async fn focus(prosody: &Prosody) -> Result<Client> {
    let login = Login::service("focus", "focus");
    Ok(Client::connect(prosody.c2s(), &login, Manners::of_a_service()).await?.0)
}

/// An element of the companion's namespace.
fn element(name: &str, attributes: &[(&str, &str)]) -> Node {
    attributes.iter().fold(Node::new(name, NS), |node, (name, value)| node.attr(name, value))
}

/// The number that a push has, or that an answer names as the last.
fn number(node: &Node) -> u64 {
    node.get_or_empty("seq").parse().unwrap_or_else(|_| panic!("no number in {node}"))
}

/// Why the companion itself has refused something.
fn refused(answer: &Node) -> Option<&str> {
    answer.find("error")?.find_ns("refused", NS)?.get("why")
}

/// An occupant in a picture.
fn occupant<'a>(picture: &'a Node, nick: &str) -> Option<&'a Node> {
    picture.children.iter().find(|occupant| occupant.get("nick") == Some(nick))
}

/// One of an occupant's attributes; nothing if he is not there.
fn of<'a>(picture: &'a Node, nick: &str, name: &str) -> &'a str {
    occupant(picture, nick).map_or("", |occupant| occupant.get_or_empty(name))
}

/// What Jicofo says of a recording.
fn recording(status: &str, session: &str) -> Node {
    Node::new("jibri-recording-status", ns::JIBRI)
        .attr("status", status)
        .attr("session_id", session)
        .attr("recording_mode", "file")
}
