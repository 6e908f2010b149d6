//! A room's log as a person in it sees it: whether somebody was ever there, how often, and for how long.

use crate::occupancy::Occupancy;
use crate::xml::{Node, domain, ns, resource};
use std::fmt;
use std::time::{Duration, Instant};

/// One stay of somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Under which nick.
    pub nick: String,
    /// From when on the person saw it.
    pub since: Instant,
    /// Until when; none if it goes on.
    pub until: Option<Instant>,
}

impl Visit {
    /// How long it was, or has been so far.
    pub fn lasted(&self) -> Duration {
        self.until.unwrap_or_else(Instant::now).duration_since(self.since)
    }
}

impl fmt::Display for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.until.is_some() { "" } else { ", and is still there" };
        write!(f, "{} for {:.0?}{end}", self.nick, self.lasted())
    }
}

/// What a person has seen of those whose real JIDs are in one domain, or whose nicks begin like this.
///
/// Either is enough: a service that hides real JIDs shows the nick, and somebody renamed keeps the JID.
pub struct Watch<'a> {
    occupancy: &'a Occupancy,
    domain: &'a str,
    nick: &'a str,
}

impl<'a> Watch<'a> {
    /// Watches for them in all that this person has seen since the entry. Needs `remember`.
    pub fn new(occupancy: &'a Occupancy, domain: &'a str, nick: &'a str) -> Watch<'a> {
        Watch { occupancy, domain, nick }
    }

    /// Their stays so far, in order.
    pub fn visits(&self) -> Vec<Visit> {
        let mut visits: Vec<Visit> = Vec::new();
        let seen = self.occupancy.look(|view| view.seen.clone());
        for presence in seen {
            let nick = resource(presence.node.from());
            let kind = presence.node.get("type");
            if kind == Some("error") || nick.is_empty() {
                continue;
            }
            let open = visits.iter_mut().find(|visit| visit.until.is_none() && visit.nick == nick);
            match (open, kind == Some("unavailable")) {
                (Some(visit), true) => visit.until = Some(presence.at),
                (None, false) if self.is_one(&presence.node) => {
                    visits.push(Visit { nick: nick.into(), since: presence.at, until: None });
                }
                _ => {}
            }
        }
        visits
    }

    /// They were there so often at most, for so long at most each time, and are not there now; gives the stays.
    pub fn at_most(&self, times: usize, longest: Duration) -> crate::Result<Vec<Visit>> {
        let visits = self.visits();
        let too_long = visits.iter().any(|visit| visit.until.is_none() || visit.lasted() > longest);
        if visits.len() > times || too_long {
            let all: Vec<String> = visits.iter().map(Visit::to_string).collect();
            return Err(format!("more than {times} times {longest:?} in the room: {all:?}").into());
        }
        Ok(visits)
    }

    /// Nothing that this person was ever sent, of whatever kind, was from them or named them.
    pub fn never(&self) -> crate::Result<()> {
        let client = self.occupancy.client();
        if client.has_forgotten() {
            return Err("too much has come to be sure".into());
        }
        let named = |node: &Node| self.is_one(node) || mentions(node, self.domain);
        match client.since(0).iter().find(|received| named(&received.node)) {
            Some(received) => Err(format!("{} was told of them: {}", client.jid(), received.node).into()),
            None => Ok(()),
        }
    }

    fn is_one(&self, stanza: &Node) -> bool {
        let item = stanza.find_ns("x", ns::MUC_USER).and_then(|x| x.find("item"));
        let real = item.and_then(|item| item.get("jid"));
        resource(stanza.from()).starts_with(self.nick) || real.is_some_and(|jid| domain(jid) == self.domain)
    }
}

fn mentions(node: &Node, text: &str) -> bool {
    node.text.contains(text)
        || node.attrs.iter().any(|(_, value)| value.contains(text))
        || node.children.iter().any(|child| mentions(child, text))
}
