//! Requests and their answers, true, false and missing.

use super::*;
use crate::meeting::{Condition, Role, Roles};
use crate::xmpp::stanza::{Inbound, parse};

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
        Settled::Event(LinkEvent::Room { event: RoomEvent::Roles { query: QueryId(5), result }, .. }) => {
            result
        }
        other => panic!("{other:?}"),
    }
}

fn refused(condition: &str) -> String {
    format!("<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
}

fn both(requests: &mut Requests) -> [IqOut; 2] {
    requests.roles(room(), QueryId(5), Roles::Both).try_into().unwrap()
}

#[test]
fn two_queries_make_a_list() {
    let mut requests = Requests::new("me".to_owned());
    let [a, b] = both(&mut requests);
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
        let [a, b] = both(&mut requests);
        assert_eq!(roles(settle(&mut requests, "error", &a.id, ROOM, &refused(condition))), Err(error));
        assert!(matches!(settle(&mut requests, "result", &b.id, ROOM, &list("x", "y")), Settled::Quiet));
        assert!(requests.open.is_empty() && requests.joins.is_empty());
    }
    let mut requests = Requests::new("me".to_owned());
    let [a, _] = both(&mut requests);
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
        assert!(matches!(settle(&mut requests, "result", &iq.id, from, answer), Settled::Stray), "{from}");
    }
    for id in ["", "1", "+0", &iq.id.to_uppercase(), &format!("0{}", iq.id)] {
        if id != iq.id {
            assert!(matches!(settle(&mut requests, "result", id, &iq.to, answer), Settled::Stray), "{id}");
        }
    }
    let settled = settle(&mut requests, "result", &iq.id, "r1@muc.acme.meet.jitsi/focus", answer);
    let Settled::Event(LinkEvent::Room { event: RoomEvent::StartAnswered { answer: accepted, .. }, .. }) =
        settled
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
    let _ = both(&mut requests);
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
