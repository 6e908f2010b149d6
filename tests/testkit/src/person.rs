//! A person with a browser.

use crate::client::Client;
use crate::login::Login;
use crate::manners::Manners;
use crate::occupancy::Occupancy;
use crate::room::RecordingStatus;
use crate::xml::{Node, ns};
use crate::{Prosody, Result, config};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// How a person comes.
#[derive(Clone, Debug)]
pub struct PersonOptions {
    /// Nick; eight hexadecimal digits if none.
    pub nick: Option<String>,
    /// Display name.
    pub name: String,
    /// Where the account is: `meet.jitsi` or `guest.meet.jitsi`.
    pub login: Login,
    /// Further children of every presence; they replace the usual ones of the same name.
    pub extras: Vec<Node>,
    /// What the browser answers by itself.
    pub manners: Manners,
    /// Whether to keep every presence seen; big meetings of many people may do without.
    pub remember: bool,
}

impl Default for PersonOptions {
    fn default() -> Self {
        PersonOptions {
            nick: None,
            name: "Ada".into(),
            login: Login::anonymous(config::DOMAIN),
            extras: Vec::new(),
            manners: Manners::default(),
            remember: true,
        }
    }
}

impl PersonOptions {
    /// With this nick.
    pub fn nick(nick: &str) -> PersonOptions {
        PersonOptions { nick: Some(nick.into()), ..PersonOptions::default() }
    }

    /// A guest.
    pub fn guest() -> PersonOptions {
        PersonOptions { login: Login::anonymous(config::GUEST), ..PersonOptions::default() }
    }
}

/// A refusal, as a browser gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error condition.
    pub condition: String,
    /// Its text.
    pub text: Option<String>,
    /// Who says so, if it is not Jicofo.
    pub by: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?}, by {:?})", self.condition, self.text, self.by)
    }
}

/// Somebody in a meeting.
pub struct Person {
    occupancy: Occupancy,
}

impl Person {
    /// Opens the browser and asks to be let in; does not wait.
    pub async fn enter(prosody: &Prosody, room: &str, options: PersonOptions) -> Result<Person> {
        Person::enter_at(prosody.c2s(), room, options).await
    }

    /// The same by the server's address, for a task that cannot borrow the server.
    pub async fn enter_at(server: SocketAddr, room: &str, options: PersonOptions) -> Result<Person> {
        let (client, inbox) = Client::connect(server, &options.login, options.manners).await?;
        let nick = options.nick.unwrap_or_else(|| format!("{:08x}", rand::random::<u32>()));
        let mut extras = vec![
            Node::new("nick", ns::NICK).with_text(&options.name),
            Node::new("stats-id", "").with_text(&format!("{}-x", options.name)),
            Node::new("features", "")
                .child(Node::new("feature", "").attr("var", "http://jitsi.org/protocol/audio")),
            Node::new("SourceInfo", "").with_text("{}"),
        ];
        extras.retain(|usual| options.extras.iter().all(|own| own.name != usual.name));
        extras.extend(options.extras);
        Ok(Person { occupancy: Occupancy::enter(client, inbox, room, &nick, extras, options.remember) })
    }

    /// Opens the browser and comes in.
    pub async fn join(prosody: &Prosody, room: &str, options: PersonOptions) -> Result<Person> {
        Person::join_at(prosody.c2s(), room, options).await
    }

    /// The same by the server's address.
    pub async fn join_at(server: SocketAddr, room: &str, options: PersonOptions) -> Result<Person> {
        let person = Person::enter_at(server, room, options).await?;
        person.occupancy.until_inside().await?;
        Ok(person)
    }

    /// The occupancy: what the person sees, and waiting for it.
    pub fn occupancy(&self) -> &Occupancy {
        &self.occupancy
    }

    /// The connection.
    pub fn client(&self) -> &Client {
        self.occupancy.client()
    }

    /// The nick.
    pub fn nick(&self) -> String {
        self.occupancy.nick()
    }

    /// The real JID.
    pub fn jid(&self) -> &str {
        self.occupancy.client().jid()
    }

    /// Is this person a moderator?
    pub fn is_moderator(&self) -> bool {
        self.occupancy.look(|view| view.own_role() == "moderator")
    }

    /// Waits until this person is a moderator.
    pub async fn wait_until_moderator(&self, bound: Duration) -> Result<()> {
        self.occupancy.until(bound, "moderator", |view| view.own_role() == "moderator").await
    }

    /// What focus says of the recording.
    pub fn recording(&self) -> Option<RecordingStatus> {
        self.occupancy.look(|view| view.recording())
    }

    /// Waits until focus says `on` or `off`.
    pub async fn wait_recording(&self, status: &str, bound: Duration) -> Result<RecordingStatus> {
        let fits = |found: &RecordingStatus| found.status == status;
        self.occupancy.until(bound, status, |view| view.recording().as_ref().is_some_and(fits)).await?;
        self.recording().ok_or_else(|| "focus has just left".into())
    }

    /// Waits until a recorder is in the room and shows its session; gives the session.
    pub async fn wait_recorder(&self, bound: Duration) -> Result<String> {
        let session = |view: &crate::room::RoomView| view.recorder()?.session_id().map(String::from);
        self.occupancy.until(bound, "recorded", |view| session(view).is_some()).await?;
        self.occupancy.look(session).ok_or_else(|| "the recorder has just left".into())
    }

    /// Waits until no recorder is in the room.
    pub async fn wait_no_recorder(&self, bound: Duration) -> Result<()> {
        self.occupancy.until(bound, "without a recorder", |view| view.recorder().is_none()).await
    }

    /// Presses "start recording": the session, or why not.
    pub async fn start_recording(&self, bound: Duration) -> Result<std::result::Result<String, Refusal>> {
        let app_data = r#"{"file_recording_metadata":{"share":true}}"#;
        let start = jibri("start").attr("recording_mode", "file").attr("app_data", app_data);
        self.ask_focus(start, bound).await
    }

    /// Starts a live stream.
    pub async fn start_stream(
        &self,
        stream: &str,
        bound: Duration,
    ) -> Result<std::result::Result<String, Refusal>> {
        let start = jibri("start").attr("recording_mode", "stream").attr("streamid", stream);
        self.ask_focus(start, bound).await
    }

    /// Presses "stop recording".
    pub async fn stop_recording(&self, bound: Duration) -> Result<std::result::Result<String, Refusal>> {
        self.ask_focus(jibri("stop"), bound).await
    }

    /// Any `<jibri>` to focus: the session in the answer, or the refusal; the outer error is no answer at all.
    pub async fn ask_focus(
        &self,
        jibri: Node,
        bound: Duration,
    ) -> Result<std::result::Result<String, Refusal>> {
        let iq = Node::iq("set", &format!("{}/focus", self.occupancy.room())).child(jibri);
        let reply = self.client().request(iq, bound).await?;
        if reply.get("type") == Some("result") {
            let session = reply.find("jibri").map(|jibri| jibri.get_or_empty("session_id").to_owned());
            return Ok(Ok(session.unwrap_or_default()));
        }
        let error = reply.find("error");
        Ok(Err(Refusal {
            condition: reply.condition().unwrap_or_default().to_owned(),
            text: error.and_then(|error| error.find("text")).map(|text| text.text.clone()),
            by: error.and_then(|error| error.get("by")).map(String::from),
        }))
    }

    /// Says something to the room.
    pub fn say(&self, text: &str) {
        self.client().send(&Node::message(self.occupancy.room(), "groupchat", text));
    }

    /// Asks for another nick.
    pub fn rename(&self, nick: &str) {
        self.occupancy.rename(nick);
    }

    /// Gives somebody an affiliation (`owner`, `none`, `outcast`) by real bare JID, as a moderator may.
    pub async fn set_affiliation(&self, jid: &str, affiliation: &str, bound: Duration) -> Result<Node> {
        let item = Node::new("item", "").attr("affiliation", affiliation).attr("jid", jid);
        let iq = Node::iq("set", self.occupancy.room()).child(Node::new("query", ns::MUC_ADMIN).child(item));
        self.client().request(iq, bound).await
    }

    /// Sets the room up by the owner's form, `muc#roomconfig_` being understood.
    pub async fn set_up_room(&self, fields: &[(&str, &str)], bound: Duration) -> Result<()> {
        let field = |name: &str, value: &str| {
            Node::new("field", "").attr("var", name).child(Node::new("value", "").with_text(value))
        };
        let form = Node::new("x", "jabber:x:data")
            .attr("type", "submit")
            .child(field("FORM_TYPE", "http://jabber.org/protocol/muc#roomconfig"))
            .with_children(
                fields.iter().map(|(name, value)| field(&format!("muc#roomconfig_{name}"), value)),
            );
        let iq = Node::iq("set", self.occupancy.room()).child(Node::new("query", ns::MUC_OWNER).child(form));
        let answer = self.client().request(iq, bound).await?;
        if answer.get("type") == Some("result") { Ok(()) } else { Err(answer.to_string().into()) }
    }

    /// Has the server itself put somebody out, whatever that one's rights are.
    pub fn have_put_out(&self, nick: &str) {
        self.say(&format!("!put out {nick}"));
    }

    /// Puts somebody out of the room.
    pub async fn kick(&self, nick: &str, bound: Duration) -> Result<Node> {
        let item = Node::new("item", "").attr("role", "none").attr("nick", nick);
        let iq = Node::iq("set", self.occupancy.room()).child(Node::new("query", ns::MUC_ADMIN).child(item));
        self.client().request(iq, bound).await
    }

    /// Leaves the room; the browser stays open.
    pub fn leave_room(&self) {
        self.occupancy.leave();
    }

    /// Leaves and closes the browser.
    pub async fn leave(self) {
        self.occupancy.leave();
        self.client().close().await;
    }

    /// The browser crashes.
    pub fn vanish(self) {
        self.client().abort();
    }
}

/// A `<jibri>` with an action.
pub fn jibri(action: &str) -> Node {
    Node::new("jibri", ns::JIBRI).attr("action", action)
}
