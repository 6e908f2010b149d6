//! One conference of Jicofo's: its members, its owner, its offers of media.

use crate::caps::node_ver;
use crate::focus::Inner;
use crate::room::{Change, Occupant, RoomView};
use crate::xml::{Node, bare, ns};
use crate::{Result, SOON, lock};
use model::jicofo::Input;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// What a member answered to Jicofo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Who.
    pub nick: String,
    /// `disco` or `session-initiate`.
    pub to: &'static str,
    /// `result`, the condition of the error, or `nothing`.
    pub with: String,
}

/// A conference.
pub(crate) struct FocusRoom {
    pub(crate) name: String,
    pub(crate) state: Mutex<State>,
}

/// What Jicofo knows of a conference.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) view: RoomView,
    /// The recording status in each of our presences.
    pub(crate) status: Option<Node>,
    /// Milliseconds since 1970.
    created: u128,
    owner: Option<String>,
    invited: Vec<String>,
    answers: Vec<Answered>,
    had_members: bool,
    closed: bool,
    /// Prosody does not let us open it: we are none of its admins.
    not_allowed: bool,
}

impl FocusRoom {
    /// Asks to be let into a room, which creates it, unless somebody has asked for that already.
    pub(crate) fn open(focus: &Arc<Inner>, name: &str) -> Arc<FocusRoom> {
        let view = RoomView::new("focus", false);
        let created =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let state = State { view, created, ..State::default() };
        let room = Arc::new(FocusRoom { name: name.into(), state: Mutex::new(state) });
        let mut rooms = lock(&focus.rooms);
        if let Some(open) = rooms.get(name) {
            return open.clone();
        }
        rooms.insert(name.into(), room.clone());
        drop(rooms);
        focus.meets(Input::Opens(name.into(), focus.began.elapsed()));
        focus.send(&room.own_presence().child(Node::new("x", ns::MUC)));
        room
    }

    /// Our presence with all that it carries now.
    pub(crate) fn own_presence(&self) -> Node {
        let mut presence = Node::presence(&format!("{}/focus", self.name))
            .child(Node::new("etherpad", "http://jitsi.org/jitmeet/etherpad").with_text(&self.name))
            .child(Node::new("versions", "http://jitsi.org/jitmeet"))
            .child(self.properties());
        presence.children.extend(lock(&self.state).status.clone());
        presence
    }

    /// When the conference was made [JitsiMeetConferenceImpl], which tells one from the next.
    fn properties(&self) -> Node {
        let created = lock(&self.state).created.to_string();
        let property = Node::new("property", "http://jitsi.org/protocol/focus").attr("key", "created-ms");
        Node::new("conference-properties", "http://jitsi.org/protocol/focus")
            .child(property.attr("value", &created))
    }

    /// A presence from this room.
    pub(crate) fn presence(self: &Arc<Self>, focus: &Arc<Inner>, presence: &Node) {
        let (change, inside) = {
            let mut state = lock(&self.state);
            let change = state.view.apply(presence);
            if let Change::Renamed(old, new) = &change
                && state.owner.as_ref() == Some(old)
            {
                state.owner = Some(new.clone());
            }
            state.had_members |= !self.people(&state).is_empty();
            (change, state.view.inside && !state.closed)
        };
        match change {
            Change::Outside | Change::Refused if !inside => {
                // A room that is destroyed ends the conference [ChatRoomImpl.roomDestroyed], and so its session.
                let error = presence.find("error");
                lock(&self.state).not_allowed =
                    error.is_some_and(|error| error.find("not-allowed").is_some());
                focus.meets(Input::Closes(self.name.clone()));
                lock(&focus.rooms).remove(&self.name);
                return;
            }
            Change::Joined(nick) => {
                focus.people.fetch_add(1, Ordering::AcqRel);
                self.greet(focus, nick, presence);
            }
            Change::Left(nick) => lock(&self.state).invited.retain(|invited| *invited != nick),
            _ => {}
        }
        if !inside {
            return;
        }
        if self.deserted() {
            self.close(focus);
            return;
        }
        self.elect(focus);
        self.invite(focus);
    }

    fn people<'a>(&self, state: &'a State) -> Vec<&'a Occupant> {
        let mut all: Vec<_> = state.view.occupants.values().filter(|o| o.nick != state.view.nick).collect();
        all.sort_by_key(|occupant| occupant.order);
        all
    }

    fn deserted(&self) -> bool {
        let state = lock(&self.state);
        state.had_members && self.people(&state).is_empty()
    }

    /// Ends the conference: a session is stopped without a word to the room, and we leave.
    pub(crate) fn close(&self, focus: &Arc<Inner>) {
        {
            let mut state = lock(&self.state);
            if std::mem::replace(&mut state.closed, true) {
                return;
            }
            state.view.inside = false;
        }
        focus.meets(Input::Closes(self.name.clone()));
        // Forgotten when our own goodbye comes back: what comes before it is of this conference.
        focus.send(&Node::presence(&format!("{}/focus", self.name)).attr("type", "unavailable"));
        focus.tell();
    }

    /// Our connection is gone, and all that we knew.
    pub(crate) fn forget(&self) {
        *lock(&self.state) = State { closed: true, ..State::default() };
    }

    /// Takes an owner if there is none: whoever has the rights, else the first who may have them.
    fn elect(self: &Arc<Self>, focus: &Arc<Inner>) {
        let settings = focus.settings();
        if !settings.auto_owner || self.name.contains("@breakout.") {
            return;
        }
        let new = {
            let mut state = lock(&self.state);
            let has_rights = |o: &Occupant| o.affiliation == "owner" || o.role == "moderator";
            let current = state.owner.as_ref().and_then(|nick| state.view.occupants.get(nick));
            if current.is_some() {
                return;
            }
            let electable: Vec<&Occupant> = self
                .people(&state)
                .into_iter()
                .filter(|o| {
                    !is_machine(o, &settings.trusted_domains) && o.role != "visitor" && o.role != "none"
                })
                .collect();
            let (owner, promote) = match electable.iter().find(|o| has_rights(o)) {
                Some(owner) => (Some(owner.nick.clone()), false),
                None => (electable.first().map(|first| first.nick.clone()), true),
            };
            state.owner = owner.clone();
            owner.filter(|_| promote)
        };
        if let Some(nick) = new {
            let (room, focus) = (self.clone(), focus.clone());
            // Whoever has just left cannot become an owner; the next presence leads to another election.
            tokio::spawn(async move { room.make_owner(&focus, &nick).await });
        }
    }

    pub(crate) async fn make_owner(&self, focus: &Inner, nick: &str) -> Result<()> {
        let jid = self.real_jid(nick).ok_or("nobody known by that nick")?;
        let item = Node::new("item", "").attr("affiliation", "owner").attr("jid", bare(&jid));
        let iq = Node::iq("set", &self.name).child(Node::new("query", ns::MUC_ADMIN).child(item));
        let client = focus.client().ok_or("not connected")?;
        let reply = client.request(iq, SOON).await?;
        if reply.get("type") == Some("result") { Ok(()) } else { Err(reply.to_string().into()) }
    }

    /// Asks a new member what it can do, unless it shows what is known already.
    fn greet(self: &Arc<Self>, focus: &Arc<Inner>, nick: String, presence: &Node) {
        if nick == "focus" || !focus.settings().ask_disco {
            return;
        }
        let caps = node_ver(presence);
        let question = lock(&focus.caps).question(&nick, caps.as_deref());
        if let Some(question) = question {
            self.ask(focus, nick, "disco", "get", question, caps);
        }
    }

    /// Offers media to those who were not offered any, once there are enough.
    fn invite(self: &Arc<Self>, focus: &Arc<Inner>) {
        let settings = focus.settings();
        let new: Vec<String> = {
            let mut state = lock(&self.state);
            let all: Vec<String> = self.people(&state).iter().map(|o| o.nick.clone()).collect();
            if !settings.invite || all.len() < settings.min_participants {
                return;
            }
            let new: Vec<_> = all.into_iter().filter(|nick| !state.invited.contains(nick)).collect();
            state.invited.extend(new.iter().cloned());
            new
        };
        for nick in new {
            let offer = Node::new("jingle", ns::JINGLE)
                .attr("action", "session-initiate")
                .attr("sid", &nick)
                .attr("initiator", &crate::focus::focus_jid());
            self.ask(focus, nick, "session-initiate", "set", offer, None);
        }
    }

    /// Asks a member something and notes what it answers; one that refuses media is told that it is over. `caps`: what
    /// it promised to answer.
    fn ask(
        self: &Arc<Self>,
        focus: &Arc<Inner>,
        nick: String,
        to: &'static str,
        kind: &str,
        payload: Node,
        caps: Option<String>,
    ) {
        let Some(client) = focus.client() else { return };
        let iq = Node::iq(kind, &format!("{}/{nick}", self.name)).child(payload);
        let (room, focus) = (self.clone(), focus.clone());
        tokio::spawn(async move {
            let reply = client.request(iq, focus.settings().reply_timeout).await;
            let with = match &reply {
                Ok(reply) => reply.condition().unwrap_or("result"),
                Err(_) => "nothing",
            };
            if to == "session-initiate" && !matches!(with, "result" | "nothing") {
                let over =
                    Node::new("jingle", ns::JINGLE).attr("action", "session-terminate").attr("sid", &nick);
                let iq = Node::iq("set", &format!("{}/{nick}", room.name)).child(over);
                client.send(&iq.attr("id", &client.new_id()));
            }
            if let (Some(caps), Ok(reply)) = (caps, &reply) {
                lock(&focus.caps).learn(&nick, &caps, reply);
            }
            lock(&room.state).answers.push(Answered { nick, to, with: with.into() });
            focus.tell();
        });
    }

    pub(crate) fn is_inside(&self) -> bool {
        let state = lock(&self.state);
        state.view.inside && !state.closed
    }

    /// We have left, and wait for our own goodbye.
    pub(crate) fn is_not_allowed(&self) -> bool {
        lock(&self.state).not_allowed
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    pub(crate) fn real_jid(&self, nick: &str) -> Option<String> {
        lock(&self.state).view.occupants.get(nick)?.jid.clone()
    }

    pub(crate) fn owner(&self) -> Option<String> {
        lock(&self.state).owner.clone()
    }

    pub(crate) fn members(&self) -> Vec<String> {
        let state = lock(&self.state);
        self.people(&state).iter().map(|o| o.nick.clone()).collect()
    }

    pub(crate) fn debug(&self, trusted: &[String]) -> Value {
        let state = lock(&self.state);
        let member = |occupant: &&Occupant| {
            let is_jibri = is_machine(occupant, trusted) && occupant.has_feature(ns::JIBRI);
            let shown = json!({
                "occupant_jid": format!("{}/{}", self.name, occupant.nick),
                "jid": occupant.jid.as_deref().unwrap_or("null"),
                "role": occupant.affiliation.to_uppercase(),
                "is_jibri": is_jibri,
                "is_jigasi": false,
                "stats_id": occupant.stats_id().unwrap_or("null"),
            });
            (occupant.nick.clone(), shown)
        };
        let members: serde_json::Map<_, _> = self.people(&state).iter().map(member).collect();
        json!({ "name": self.name, "chat_room": { "room_jid": self.name, "members": members } })
    }

    pub(crate) fn answers(&self) -> Vec<Answered> {
        lock(&self.state).answers.clone()
    }
}

/// Does Jicofo take this member for a Jibri or a Jigasi? Only where it trusts the domain.
fn is_machine(occupant: &Occupant, trusted: &[String]) -> bool {
    let marks = ["http://jitsi.org/protocol/jibri", "http://jitsi.org/protocol/jigasi"];
    trusted.iter().any(|domain| domain == occupant.domain())
        && marks.iter().any(|mark| occupant.has_feature(mark))
}
