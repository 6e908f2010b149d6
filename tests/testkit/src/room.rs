//! A room as an occupant sees it, built from presences alone.

use crate::xml::{Node, bare, ns, resource};
use std::collections::BTreeMap;
use std::time::Instant;

/// One occupant.
#[derive(Clone, Debug)]
pub struct Occupant {
    /// Nick in the room.
    pub nick: String,
    /// Real full JID, where the room shows it.
    pub jid: Option<String>,
    /// `moderator`, `participant`, `visitor`, `none`.
    pub role: String,
    /// `owner`, `admin`, `member`, `none`.
    pub affiliation: String,
    /// The last presence.
    pub presence: Node,
    /// The how-manieth to come in, as far as we saw.
    pub order: u64,
}

impl Occupant {
    /// Domain of the real JID, or nothing.
    pub fn domain(&self) -> &str {
        self.jid.as_deref().map_or("", crate::xml::domain)
    }

    /// Does the presence name this feature?
    pub fn has_feature(&self, var: &str) -> bool {
        let features = self.presence.find("features");
        features.is_some_and(|all| all.children.iter().any(|feature| feature.get("var") == Some(var)))
    }

    /// By what name its statistics go; a recorder's is its Jibri's id.
    pub fn stats_id(&self) -> Option<&str> {
        self.presence.find("stats-id").map(|id| id.text.as_str())
    }

    /// The recording session that a recorder says it belongs to.
    pub fn session_id(&self) -> Option<&str> {
        self.presence.find("session_id").map(|id| id.text.as_str())
    }
}

/// A presence and when it came.
#[derive(Clone, Debug)]
pub struct SeenPresence {
    /// When it was taken in.
    pub at: Instant,
    /// The presence.
    pub node: Node,
}

/// `jibri-recording-status` as focus published it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingStatus {
    /// `on` or `off`.
    pub status: String,
    /// Session.
    pub session_id: String,
    /// Nick of who started or stopped it.
    pub initiator: Option<String>,
    /// Why it failed.
    pub failure_reason: Option<String>,
}

/// What changed by one presence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Somebody came in.
    Joined(String),
    /// Somebody's presence changed.
    Updated(String),
    /// Somebody left.
    Left(String),
    /// Somebody has another nick: old, new.
    Renamed(String, String),
    /// We are in, and the list is complete.
    Inside,
    /// We are out.
    Outside,
    /// We were refused, or our last request was.
    Refused,
    /// Nothing of interest.
    Nothing,
}

/// A room as one of its occupants sees it.
#[derive(Debug, Default)]
pub struct RoomView {
    /// Our own nick.
    pub nick: String,
    /// All occupants by nick, us included.
    pub occupants: BTreeMap<String, Occupant>,
    /// Whether our own presence came back.
    pub inside: bool,
    /// Status codes of the presence that put us outside.
    pub put_out_by: Option<Vec<u16>>,
    /// The last presence error.
    pub refused: Option<Node>,
    /// Every presence, in order, if `remember` is set.
    pub seen: Vec<SeenPresence>,
    /// Whether to fill `seen`.
    pub remember: bool,
    arrivals: u64,
}

/// The status codes in a presence.
pub fn status_codes(presence: &Node) -> Vec<u16> {
    let Some(x) = presence.find_ns("x", ns::MUC_USER) else { return Vec::new() };
    let codes = x.children.iter().filter(|child| child.name == "status");
    codes.filter_map(|status| status.get("code")?.parse().ok()).collect()
}

impl RoomView {
    /// A room that we are about to join.
    pub fn new(nick: &str, remember: bool) -> RoomView {
        RoomView { nick: nick.into(), remember, ..RoomView::default() }
    }

    /// Takes in a presence from this room.
    pub fn apply(&mut self, presence: &Node) -> Change {
        if self.remember {
            self.seen.push(SeenPresence { at: Instant::now(), node: presence.clone() });
        }
        if presence.get("type") == Some("error") {
            self.refused = Some(presence.clone());
            return Change::Refused;
        }
        let nick = resource(presence.from()).to_owned();
        if nick.is_empty() {
            return Change::Nothing;
        }
        let x = presence.find_ns("x", ns::MUC_USER);
        let item = x.and_then(|x| x.find("item"));
        let codes = status_codes(presence);
        let ours = codes.contains(&110) || nick == self.nick;
        if presence.get("type") == Some("unavailable") {
            return self.unavailable(nick, item, ours, codes);
        }
        self.arrivals += 1;
        let known = self.occupants.get(&nick).map(|occupant| occupant.order);
        let value = |name| item.and_then(|item| item.get(name)).map(String::from);
        let occupant = Occupant {
            nick: nick.clone(),
            jid: value("jid"),
            role: value("role").unwrap_or_default(),
            affiliation: value("affiliation").unwrap_or_default(),
            presence: presence.clone(),
            order: known.unwrap_or(self.arrivals),
        };
        self.occupants.insert(nick.clone(), occupant);
        if codes.contains(&110) && (!self.inside || self.nick != nick) {
            self.nick = nick;
            self.inside = true;
            self.put_out_by = None;
            return Change::Inside;
        }
        if known.is_some() { Change::Updated(nick) } else { Change::Joined(nick) }
    }

    fn unavailable(&mut self, nick: String, item: Option<&Node>, ours: bool, codes: Vec<u16>) -> Change {
        let gone = self.occupants.remove(&nick);
        let new = item.and_then(|item| item.get("nick")).filter(|_| codes.contains(&303));
        if let Some(new) = new.map(String::from) {
            if let Some(occupant) = gone {
                self.occupants.insert(new.clone(), Occupant { nick: new.clone(), ..occupant });
            }
            if ours {
                self.nick = new.clone();
            }
            return Change::Renamed(nick, new);
        }
        if ours {
            self.lost(codes);
            return Change::Outside;
        }
        if gone.is_some() { Change::Left(nick) } else { Change::Nothing }
    }

    /// We are out of the room, for these reasons (none if the connection is gone).
    pub fn lost(&mut self, codes: Vec<u16>) {
        self.inside = false;
        self.put_out_by = Some(codes);
        self.occupants.clear();
    }

    /// The room in a few lines, for a person who wonders why a test failed.
    pub fn summary(&self) -> String {
        let line = |o: &Occupant| format!("  {} {}/{} {:?}\n", o.nick, o.role, o.affiliation, o.jid);
        let all: String = self.occupants.values().map(line).collect();
        let refused = self.refused.as_ref().map(Node::to_string);
        format!("{all}  inside: {}, refused: {refused:?}, recording: {:?}", self.inside, self.recording())
    }

    /// Our own role, or nothing.
    pub fn own_role(&self) -> &str {
        self.occupants.get(&self.nick).map_or("", |me| me.role.as_str())
    }

    /// Focus, if it is in the room.
    pub fn focus(&self) -> Option<&Occupant> {
        self.occupants.get("focus")
    }

    /// What focus says of the recording.
    pub fn recording(&self) -> Option<RecordingStatus> {
        recording_status(&self.focus()?.presence)
    }

    /// The recorder's occupant, if one is in the room; one that shows its session rather than a gateway.
    pub fn recorder(&self) -> Option<&Occupant> {
        let accounts = self.occupants.values().filter(|occupant| occupant.domain() == crate::config::HIDDEN);
        accounts.max_by_key(|occupant| occupant.session_id().is_some())
    }

    /// Everything that focus has said of recordings since we are in, without repetitions. Needs `remember`.
    pub fn recording_history(&self) -> Vec<RecordingStatus> {
        let mut history: Vec<RecordingStatus> = Vec::new();
        let from_focus = self.seen.iter().filter(|seen| resource(seen.node.from()) == "focus");
        for status in from_focus.filter_map(|seen| recording_status(&seen.node)) {
            if history.last() != Some(&status) {
                history.push(status);
            }
        }
        history
    }
}

/// The recording status in a presence of focus.
pub fn recording_status(presence: &Node) -> Option<RecordingStatus> {
    let status = presence.find("jibri-recording-status")?;
    let value = |name| status.get(name).map(String::from);
    Some(RecordingStatus {
        status: value("status").unwrap_or_default(),
        session_id: value("session_id").unwrap_or_default(),
        initiator: status.get("initiator").map(|jid| resource(jid).to_owned()),
        failure_reason: value("failure_reason"),
    })
}

/// The address of a room: a name alone is a room of the main domain.
pub fn address(room: &str) -> String {
    if room.contains('@') { bare(room).to_owned() } else { format!("{room}@{}", crate::config::MUC) }
}
