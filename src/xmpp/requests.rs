//! Our requests and what became of them: each has an id that nobody can guess, a deadline and one answer,
//! which counts only if it comes from the address asked.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::outbound::{IqOut, PayloadOut};
use super::refusal;
use super::stanza::{AdminItem, Iq, Payload, StanzaError};
use super::tenant::Services;
use super::{LinkEvent, muc};
use crate::address::{Nick, RealJid, RoomJid};
use crate::meeting::{Answer, AttemptId, ListError, Listed, QueryId, RoomEvent};

/// How long Prosody has for an answer of its own.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What an answer will be about.
#[derive(Debug)]
enum About {
    /// One half of a role list.
    Roles(u64),
    Start {
        room: RoomJid,
        attempt: AttemptId,
    },
    Items {
        service: String,
    },
    /// Any answer will do.
    Ping,
}

/// A request that has not been answered.
#[derive(Debug)]
struct Open {
    /// The real form of the address asked.
    asked: String,
    deadline: Instant,
    about: About,
}

/// The two queries that make up a role list.
#[derive(Debug)]
struct Join {
    room: RoomJid,
    query: QueryId,
    listed: Vec<Listed>,
    /// How many are not answered yet.
    open: u8,
}

/// What an IQ of type `result` or `error` was.
#[derive(Debug)]
pub(super) enum Settled {
    /// An answer of which something is to be told.
    Event(LinkEvent),
    /// An answer of which there is nothing to tell, or not yet.
    Quiet,
    /// The answer to nothing that we asked there.
    Stray,
}

/// All requests that have not been answered.
#[derive(Debug)]
pub(super) struct Requests {
    /// The `from` of all requests.
    me: String,
    open: HashMap<u128, Open>,
    /// The same by deadline.
    deadlines: BTreeSet<(Instant, u128)>,
    joins: HashMap<u64, Join>,
    last_join: u64,
}

/// An id of 128 random bits.
pub(super) fn new_id() -> u128 {
    rand::random()
}

pub(super) fn id_text(id: u128) -> String {
    format!("{id:032x}")
}

fn read_id(text: &str) -> Option<u128> {
    let id = u128::from_str_radix(text, 16).ok()?;
    (id_text(id) == text).then_some(id)
}

impl Requests {
    pub(super) fn new(me: String) -> Self {
        Self { me, open: HashMap::new(), deadlines: BTreeSet::new(), joins: HashMap::new(), last_join: 0 }
    }

    /// Both halves of a role list (JITSI.md 1.5).
    pub(super) fn roles(&mut self, room: RoomJid, query: QueryId) -> [IqOut; 2] {
        self.last_join = self.last_join.wrapping_add(1);
        let join = self.last_join;
        let to = room.as_str().to_owned();
        self.joins.insert(join, Join { room, query, listed: Vec::new(), open: 2 });
        ["moderator", "participant"]
            .map(|role| self.ask(to.clone(), "get", PayloadOut::role_list(role), TIMEOUT, About::Roles(join)))
    }

    /// A start request to an occupant, the focus.
    pub(super) fn start(
        &mut self,
        room: RoomJid,
        focus: &Nick,
        attempt: AttemptId,
        payload: PayloadOut,
        timeout: Duration,
    ) -> IqOut {
        self.ask(room.occupant(focus), "set", payload, timeout, About::Start { room, attempt })
    }

    pub(super) fn items(&mut self, service: String) -> IqOut {
        self.ask(service.clone(), "get", PayloadOut::DiscoItems, TIMEOUT, About::Items { service })
    }

    pub(super) fn ping(&mut self, to: String) -> IqOut {
        self.ask(to, "get", PayloadOut::Ping, TIMEOUT, About::Ping)
    }

    fn ask(
        &mut self,
        to: String,
        type_: &str,
        payload: PayloadOut,
        timeout: Duration,
        about: About,
    ) -> IqOut {
        let (id, now) = (new_id(), Instant::now());
        let deadline = now.checked_add(timeout).unwrap_or(now);
        self.deadlines.insert((deadline, id));
        self.open.insert(id, Open { asked: to.clone(), deadline, about });
        IqOut { from: self.me.clone(), to, id: id_text(id), type_: type_.to_owned(), payload: Some(payload) }
    }

    /// When the next request is overdue.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Gives up one request that is overdue; none if no further one is.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Option<LinkEvent>> {
        let (deadline, id) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.deadlines.remove(&(deadline, id));
        let open = self.open.remove(&id)?;
        Some(match open.about {
            About::Roles(join) => self.fail_roles(join, ListError::TimedOut),
            About::Start { room, attempt } => {
                Some(room_event(room, RoomEvent::StartAnswered { attempt, answer: Answer::TimedOut }))
            }
            About::Items { service } => Some(LinkEvent::Items { service, rooms: None }),
            About::Ping => None,
        })
    }

    /// Takes an IQ of type `result` or `error`.
    pub(super) fn settle(&mut self, iq: Iq, services: &Services) -> Settled {
        let Some(id) = iq.id.as_deref().and_then(read_id) else { return Settled::Stray };
        let Some(open) = self.open.get(&id) else { return Settled::Stray };
        if iq.from.as_deref().map(|from| services.real(from)).as_deref() != Some(open.asked.as_str()) {
            return Settled::Stray;
        }
        let Some(open) = self.open.remove(&id) else { return Settled::Stray };
        self.deadlines.remove(&(open.deadline, id));
        let result =
            if iq.type_.as_deref() == Some("result") { Ok(iq.payload) } else { Err(error_of(&iq.payload)) };
        let event = match open.about {
            About::Ping => None,
            About::Items { service } => Some(items(service, result.ok(), services)),
            About::Start { room, attempt } => {
                let answer = match result {
                    Ok(payload) => Answer::Accepted { session: session_of(&payload) },
                    Err(error) => Answer::Refused(refusal::read(error, &open.asked, services)),
                };
                Some(room_event(room, RoomEvent::StartAnswered { attempt, answer }))
            }
            About::Roles(join) => match result {
                Ok(payload) => self.add_roles(join, payload),
                Err(error) => {
                    let refusal = refusal::read(error, &open.asked, services);
                    self.fail_roles(join, refusal::list_error(&refusal))
                }
            },
        };
        event.map_or(Settled::Quiet, Settled::Event)
    }

    fn add_roles(&mut self, number: u64, payload: Vec<Payload>) -> Option<LinkEvent> {
        let list = payload.into_iter().find_map(|payload| match payload {
            Payload::RoleList { items } => Some(items),
            _ => None,
        });
        let Some(list) = list else { return self.fail_roles(number, ListError::Other) };
        let join = self.joins.get_mut(&number)?;
        join.listed.extend(list.into_iter().filter_map(listed));
        join.open = join.open.saturating_sub(1);
        if join.open > 0 {
            return None;
        }
        let join = self.joins.remove(&number)?;
        Some(room_event(join.room, RoomEvent::Roles { query: join.query, result: Ok(join.listed) }))
    }

    /// The first of two errors decides; an answer to the other query finds nobody waiting.
    fn fail_roles(&mut self, number: u64, error: ListError) -> Option<LinkEvent> {
        let join = self.joins.remove(&number)?;
        Some(room_event(join.room, RoomEvent::Roles { query: join.query, result: Err(error) }))
    }
}

fn room_event(room: RoomJid, event: RoomEvent) -> LinkEvent {
    LinkEvent::Room { room, event }
}

fn error_of(payload: &[Payload]) -> Option<&StanzaError> {
    payload.iter().find_map(|payload| match payload {
        Payload::Error(error) => Some(error),
        _ => None,
    })
}

fn session_of(payload: &[Payload]) -> Option<crate::meeting::SessionId> {
    payload.iter().find_map(|payload| match payload {
        Payload::Jibri { session_id } => session_id.as_deref().and_then(muc::session_id),
        _ => None,
    })
}

fn listed(item: AdminItem) -> Option<Listed> {
    Some(Listed {
        nick: Nick::new(item.nick.as_deref()?).ok()?,
        jid: item.jid.as_deref().and_then(|jid| RealJid::new(jid).ok()),
        role: muc::role(item.role.as_deref()),
        affiliation: muc::affiliation(item.affiliation.as_deref()),
    })
}

fn items(service: String, payload: Option<Vec<Payload>>, services: &Services) -> LinkEvent {
    let list = payload.and_then(|payload| {
        payload.into_iter().find_map(|payload| match payload {
            Payload::DiscoItems { items } => Some(items),
            _ => None,
        })
    });
    let rooms = list.map(|items| {
        let jids = items.iter().filter_map(|item| item.jid.as_deref());
        jids.filter_map(|jid| services.occupant(jid)).map(|(room, _)| room).collect()
    });
    LinkEvent::Items { service, rooms }
}

#[cfg(test)]
mod tests {
    use super::super::stanza::{Inbound, parse};
    use super::*;
    use crate::meeting::{Condition, Role};

    const ROOM: &str = "[acme]r1@muc.meet.jitsi";

    fn services() -> Services {
        Services::new(&["muc.meet.jitsi".to_owned()])
    }

    fn room() -> RoomJid {
        RoomJid::new(ROOM).unwrap()
    }

    fn reply(type_: &str, id: &str, from: &str, payload: &str) -> Iq {
        let stanza = format!("<iq type='{type_}' id='{id}' from='{from}'>{payload}</iq>");
        let Inbound::Iq(iq) = parse(&stanza) else { panic!("no iq") };
        iq
    }

    fn settle(requests: &mut Requests, type_: &str, id: &str, from: &str, payload: &str) -> Settled {
        requests.settle(reply(type_, id, from, payload), &services())
    }

    fn list(nick: &str, role: &str) -> String {
        format!(
            "<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='{nick}' role='{role}'/><item role='{role}'/></query>"
        )
    }

    fn roles(settled: Settled) -> Result<Vec<Listed>, ListError> {
        match settled {
            Settled::Event(LinkEvent::Room {
                event: RoomEvent::Roles { query: QueryId(5), result }, ..
            }) => result,
            other => panic!("{other:?}"),
        }
    }

    fn refused(condition: &str) -> String {
        format!("<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
    }

    #[test]
    fn two_queries_make_a_list() {
        let mut requests = Requests::new("me".to_owned());
        let [a, b] = requests.roles(room(), QueryId(5));
        assert_ne!(a.id, b.id);
        assert!(matches!(
            settle(&mut requests, "result", &b.id, ROOM, &list("bob", "participant")),
            Settled::Quiet
        ));
        let list = roles(settle(&mut requests, "result", &a.id, ROOM, &list("ada", "moderator"))).unwrap();
        assert_eq!(list.iter().map(|l| l.role).collect::<Vec<_>>(), [Role::Participant, Role::Moderator]);
        assert!(requests.open.is_empty() && requests.deadlines.is_empty() && requests.joins.is_empty());
    }

    #[test]
    fn the_first_error_decides() {
        for (condition, error) in [
            ("item-not-found", ListError::Gone),
            ("forbidden", ListError::Forbidden),
            ("service-unavailable", ListError::Other),
        ] {
            let mut requests = Requests::new("me".to_owned());
            let [a, b] = requests.roles(room(), QueryId(5));
            assert_eq!(roles(settle(&mut requests, "error", &a.id, ROOM, &refused(condition))), Err(error));
            assert!(matches!(settle(&mut requests, "result", &b.id, ROOM, &list("x", "y")), Settled::Quiet));
            assert!(requests.open.is_empty() && requests.joins.is_empty());
        }
        let mut requests = Requests::new("me".to_owned());
        let [a, _] = requests.roles(room(), QueryId(5));
        assert_eq!(roles(settle(&mut requests, "result", &a.id, ROOM, "<odd/>")), Err(ListError::Other));
    }

    #[test]
    fn only_who_was_asked_can_answer_and_only_once() {
        let focus = Nick::new("focus").unwrap();
        let mut requests = Requests::new("me".to_owned());
        let payload = PayloadOut::role_list("moderator");
        let iq = requests.start(room(), &focus, AttemptId(1), payload, TIMEOUT);
        let answer = "<jibri xmlns='http://jitsi.org/protocol/jibri' session_id='s'/>";
        for from in [ROOM, "r1@muc.meet.jitsi/focus", "[acme]r1@muc.meet.jitsi/other", "x@y/focus"] {
            assert!(
                matches!(settle(&mut requests, "result", &iq.id, from, answer), Settled::Stray),
                "{from}"
            );
        }
        for id in ["", "1", "+0", &iq.id.to_uppercase(), &format!("0{}", iq.id)] {
            if id != iq.id {
                assert!(
                    matches!(settle(&mut requests, "result", id, &iq.to, answer), Settled::Stray),
                    "{id}"
                );
            }
        }
        let settled = settle(&mut requests, "result", &iq.id, "r1@muc.acme.meet.jitsi/focus", answer);
        let Settled::Event(LinkEvent::Room {
            event: RoomEvent::StartAnswered { answer: accepted, .. }, ..
        }) = settled
        else {
            panic!("{settled:?}")
        };
        assert!(matches!(accepted, Answer::Accepted { session: Some(s) } if &*s.0 == "s"));
        assert!(matches!(settle(&mut requests, "result", &iq.id, &iq.to, answer), Settled::Stray));
    }

    #[test]
    fn a_refused_start_says_why() {
        let focus = Nick::new("focus").unwrap();
        let mut requests = Requests::new("me".to_owned());
        let iq = requests.start(room(), &focus, AttemptId(1), PayloadOut::Ping, TIMEOUT);
        let settled = settle(&mut requests, "error", &iq.id, &iq.to, &refused("resource-constraint"));
        let Settled::Event(LinkEvent::Room { event: RoomEvent::StartAnswered { answer, .. }, .. }) = settled
        else {
            panic!("{settled:?}")
        };
        assert!(matches!(answer, Answer::Refused(r) if r.condition == Condition::ResourceConstraint));
    }

    #[test]
    fn what_is_not_answered_expires_in_its_turn() {
        let mut requests = Requests::new("me".to_owned());
        let _ = requests.items("muc.meet.jitsi".to_owned());
        let _ = requests.roles(room(), QueryId(5));
        let _ = requests.ping("muc.meet.jitsi".to_owned());
        let now = Instant::now();
        assert!(requests.expire(now).is_none());
        let late = now + TIMEOUT;
        let expired: Vec<_> = std::iter::from_fn(|| requests.expire(late)).collect();
        assert_eq!(expired.len(), 4);
        assert!(matches!(&expired[0], Some(LinkEvent::Items { rooms: None, .. })));
        let told: Vec<_> = expired.into_iter().flatten().collect();
        assert_eq!(told.len(), 2);
        assert!(matches!(
            &told[1],
            LinkEvent::Room { event: RoomEvent::Roles { result: Err(ListError::TimedOut), .. }, .. }
        ));
        assert!(requests.next_deadline().is_none());
    }
}
