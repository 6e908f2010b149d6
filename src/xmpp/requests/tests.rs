//! Requests and their answers, true, false and missing.

use super::*;
use crate::config::Secret;
use crate::meeting::{By, Condition, MeetingId, Role, Roles, Unsent};
use crate::xmpp::muc;
use crate::xmpp::stanza::NS_COMPANION;
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
    assert!(requests.open.is_empty() && requests.deadlines.next().is_none() && requests.joins.is_empty());
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
    let iq = requests.start(room(), room().occupant(&focus), AttemptId(1), payload, TIMEOUT);
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
    let iq = requests.start(room(), room().occupant(&focus), AttemptId(1), PayloadOut::Ping, TIMEOUT);
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
    assert!(matches!(&expired[0], Settled::Event(LinkEvent::Items { rooms: None, .. })));
    let told: Vec<_> = expired.into_iter().filter_map(Settled::event).collect();
    assert_eq!(told.len(), 2);
    assert!(matches!(
        &told[1],
        LinkEvent::Room { event: RoomEvent::Roles { result: Err(ListError::TimedOut), .. }, .. }
    ));
    assert!(requests.next_deadline().is_none());
}

#[test]
fn what_cannot_be_written_fails_at_once() {
    let focus = Nick::new("focus").unwrap();
    let mut requests = Requests::new("me".to_owned());
    let [a, b] = both(&mut requests);
    let told = requests.unwritable(&a.id);
    assert!(matches!(
        told,
        Some(LinkEvent::Room { event: RoomEvent::Roles { result: Err(ListError::Unwritable), .. }, .. })
    ));
    assert!(requests.unwritable(&b.id).is_none(), "told once");
    let start = requests.start(room(), room().occupant(&focus), AttemptId(1), PayloadOut::Ping, TIMEOUT);
    let told = requests.unwritable(&start.id);
    let Some(LinkEvent::Room { event: RoomEvent::StartAnswered { answer, .. }, .. }) = told else {
        panic!("{told:?}")
    };
    assert!(matches!(answer, Answer::Refused(r) if r.condition == Condition::BadRequest));
    let stop = requests.stop(room(), room().occupant(&focus), AttemptId(2), PayloadOut::Ping, TIMEOUT);
    let told = requests.unwritable(&stop.id);
    assert!(matches!(
        told,
        Some(LinkEvent::Room { event: RoomEvent::StopAnswered { answer: Answer::TimedOut, .. }, .. })
    ));
    assert!(requests.unwritable(&stop.id).is_none() && requests.unwritable("").is_none());
    assert!(requests.open.is_empty() && requests.deadlines.next().is_none() && requests.joins.is_empty());
}

const MUC: &str = "muc.meet.jitsi";

/// What comes of a start, or a stop, that the companion was asked to send, from the answer of the service.
fn by_companion(type_: &str, payload: &str) -> [Answer; 2] {
    let mut requests = Requests::new("me".to_owned());
    let start = requests.start(room(), MUC.to_owned(), AttemptId(1), PayloadOut::Ping, TIMEOUT);
    let stop = requests.stop(room(), MUC.to_owned(), AttemptId(1), PayloadOut::Ping, TIMEOUT);
    for from in [ROOM, "[acme]r1@muc.meet.jitsi/focus", "r1@muc.meet.jitsi", "x@muc.meet.jitsi"] {
        assert!(matches!(settle(&mut requests, type_, &start.id, from, payload), Settled::Stray), "{from}");
    }
    [start, stop].map(|iq| match settle(&mut requests, type_, &iq.id, MUC, payload) {
        Settled::Event(LinkEvent::Room {
            room: of,
            event:
                RoomEvent::StartAnswered { attempt: AttemptId(1), answer }
                | RoomEvent::StopAnswered { attempt: AttemptId(1), answer },
        }) if of == room() => answer,
        other => panic!("{other:?}"),
    })
}

#[test]
fn what_the_companion_refuses_it_has_not_sent() {
    for (why, answer) in [
        ("why='gone'", Answer::Unsent(Unsent::SpeakerGone)),
        ("why='forbidden'", Answer::Unsent(Unsent::SpeakerGone)),
        ("why='no-room'", Answer::Unsent(Unsent::NoRoom)),
        ("why='no-focus'", Answer::Unsent(Unsent::NoFocus)),
        ("why='too-many'", Answer::Unsent(Unsent::TooMuch)),
        ("why='bad'", Answer::Unsent(Unsent::Bad)),
        ("why='timeout'", Answer::TimedOut),
        ("why='unloaded'", Answer::TimedOut),
        ("why='failed'", Answer::TimedOut),
        ("why='something new'", Answer::TimedOut),
        ("why=''", Answer::TimedOut),
        ("", Answer::TimedOut),
    ] {
        let error = format!(
            "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <refused xmlns='{NS_COMPANION}' {why}>t<odd/></refused></error>"
        );
        assert_eq!(by_companion("error", &error), [answer.clone(), answer], "{why}");
    }
}

#[test]
fn what_the_companion_hands_on_is_read_as_focus_own() {
    let jibri = "<jibri xmlns='http://jitsi.org/protocol/jibri' session_id='s'/>";
    let [start, _] = by_companion("result", jibri);
    assert!(matches!(start, Answer::Accepted { session: Some(s) } if &*s.0 == "s"));
    for (by, is) in [
        ("", By::Unsaid),
        ("by='[acme]r1@muc.meet.jitsi'", By::Room),
        ("by='r1@muc.acme.meet.jitsi'", By::Room),
        ("by='muc.meet.jitsi'", By::Service),
        ("by='r2@muc.meet.jitsi'", By::Other),
    ] {
        let error = refused("service-unavailable").replace("<error", &format!("<error {by}"));
        for answer in by_companion("error", &error) {
            let Answer::Refused(refusal) = answer else { panic!("{answer:?}") };
            assert_eq!((refusal.condition, refusal.by), (Condition::ServiceUnavailable, is), "{by}");
        }
    }
    // Focus itself, asked without the companion, refuses nothing in its words.
    let mut requests = Requests::new("me".to_owned());
    let to = room().occupant(&Nick::new("focus").unwrap());
    let iq = requests.start(room(), to, AttemptId(1), PayloadOut::Ping, TIMEOUT);
    let error = format!("<error><refused xmlns='{NS_COMPANION}' why='gone'/></error>");
    let settled = settle(&mut requests, "error", &iq.id, &iq.to, &error);
    let Settled::Event(LinkEvent::Room { event: RoomEvent::StartAnswered { answer, .. }, .. }) = settled
    else {
        panic!("{settled:?}")
    };
    assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
}

#[test]
fn what_a_companion_was_to_send_may_be_given_up() {
    let mut requests = Requests::new("me".to_owned());
    let other = RoomJid::new("r1@muc.other").unwrap();
    let start = requests.start(room(), MUC.to_owned(), AttemptId(1), PayloadOut::Ping, TIMEOUT);
    let _ = requests.stop(room(), MUC.to_owned(), AttemptId(2), PayloadOut::Ping, TIMEOUT);
    let _ = requests.start(other, "muc.other".to_owned(), AttemptId(3), PayloadOut::Ping, TIMEOUT);
    let focus = room().occupant(&Nick::new("focus").unwrap());
    let _ = requests.start(room(), focus, AttemptId(4), PayloadOut::Ping, TIMEOUT);
    let _ = requests.notice(&room(), true);
    let _ = requests.companion(MUC.to_owned(), Ask::Hello, companion::About::Hello);
    let told = requests.give_up_speaking(MUC);
    assert_eq!(told.len(), 2);
    for event in told {
        let LinkEvent::Room { event, .. } = event else { panic!("{event:?}") };
        assert!(matches!(
            event,
            RoomEvent::StartAnswered { attempt: AttemptId(1), answer: Answer::TimedOut }
                | RoomEvent::StopAnswered { attempt: AttemptId(2), answer: Answer::TimedOut }
        ));
    }
    assert!(matches!(settle(&mut requests, "result", &start.id, MUC, ""), Settled::Stray));
    assert_eq!(requests.open.len(), 4);
    let late = Instant::now() + TIMEOUT;
    assert_eq!(std::iter::from_fn(|| requests.expire(late)).count(), 4);
}

#[test]
fn what_a_companion_is_asked_comes_back_to_it() {
    let ask =
        |requests: &mut Requests| requests.companion(MUC.to_owned(), Ask::Hello, companion::About::Hello);
    let mut requests = Requests::new("me".to_owned());
    let iq = ask(&mut requests);
    assert_eq!((iq.to.as_str(), iq.type_.as_str()), (MUC, "get"));
    let hello = format!("<hello xmlns='{NS_COMPANION}'/>");
    assert!(matches!(settle(&mut requests, "result", &iq.id, ROOM, &hello), Settled::Stray));
    let settled = settle(&mut requests, "result", &iq.id, MUC, &hello);
    let Settled::Companion { service, about: companion::About::Hello, answer: Ok(payload) } = settled else {
        panic!("{settled:?}")
    };
    assert!(service == MUC && matches!(payload.as_slice(), [Payload::Companion(_)]));
    for (error, refused) in [
        (refused("service-unavailable"), None),
        (String::new(), None),
        (format!("<error><refused xmlns='{NS_COMPANION}' why='bad'/></error>"), Some("bad")),
        (format!("<error><refused xmlns='{NS_COMPANION}'/></error>"), Some("")),
    ] {
        let iq = ask(&mut requests);
        let settled = settle(&mut requests, "error", &iq.id, MUC, &error);
        let Settled::Companion { answer: Err(Unanswered::Error { refused: why }), .. } = settled else {
            panic!("{settled:?}")
        };
        assert_eq!(why.as_deref(), refused);
    }
    ask(&mut requests);
    let expired = requests.expire(Instant::now() + TIMEOUT);
    assert!(matches!(expired, Some(Settled::Companion { answer: Err(Unanswered::TimedOut), .. })));
}

/// What is made of the answer to the question for a password; it must be an answer, and the last word.
fn password(type_: &str, payload: &str) -> Option<Secret> {
    let mut requests = Requests::new("me".to_owned());
    let iq = requests.form(room(), QueryId(5));
    let settled = settle(&mut requests, type_, &iq.id, ROOM, payload);
    assert!(requests.open.is_empty() && requests.deadlines.next().is_none());
    match settled {
        Settled::Event(LinkEvent::Room {
            event: RoomEvent::Form { query: QueryId(5), password, .. },
            ..
        }) => password,
        other => panic!("{other:?}"),
    }
}

fn owner(forms: &str) -> String {
    format!("<query xmlns='http://jabber.org/protocol/muc#owner'>{forms}</query>")
}

fn form(fields: &str) -> String {
    owner(&format!("<x xmlns='jabber:x:data' type='form'>{fields}</x>"))
}

fn field(var: &str, values: &str) -> String {
    format!("<field var='{var}' type='text-private'>{values}</field>")
}

const SECRET: &str = "muc#roomconfig_roomsecret";

#[test]
fn an_owners_form_tells_what_the_room_calls_its_meeting() {
    let told = |values: &str| {
        let mut requests = Requests::new("me".to_owned());
        let iq = requests.form(room(), QueryId(5));
        let payload = form(&format!("{}{}", field(SECRET, ""), field("muc#roominfo_meetingId", values)));
        match settle(&mut requests, "result", &iq.id, ROOM, &payload) {
            Settled::Event(LinkEvent::Room { event: RoomEvent::Form { meeting, .. }, .. }) => meeting,
            other => panic!("{other:?}"),
        }
    };
    let id = "d27e5af4-6bd1-4c52-a0f4-5dd9c3a4cc8e";
    assert_eq!(told(&format!("<value>{id}</value><value>other</value>")), Some(MeetingId(id.into())));
    for no_id in ["", "<value/>", &format!("<value>{}</value>", "x".repeat(muc::MAX_MEETING_ID + 1))] {
        assert_eq!(told(no_id), None, "{:?}", no_id.get(..20));
    }
}

#[test]
fn an_owners_form_tells_the_password() {
    let told = |payload: &str| password("result", payload).map(|password| password.expose().to_owned());
    let sesame = field(SECRET, "<value>sesame</value>");
    let others: String = (0..2_000).map(|n| field(&format!("muc#f{n}"), "<value>x</value>")).collect();
    let huge = field("muc#roomconfig_roomname", &format!("<value>{}</value>", "n".repeat(1_000_000)));
    let escaped =
        field("muc#roomconfig_roomdesc", "<value>&lt;field var='muc#roomconfig_roomsecret'></value>");
    let odd = "<title>t</title><odd/><reported><field var='muc#roomconfig_roomsecret'/></reported>\
               <item><field var='muc#roomconfig_roomsecret'><value>no</value></field></item>";
    for fields in [
        sesame.clone(),
        format!("{others}{sesame}{others}"),
        format!("{huge}{escaped}{odd}<field/><field><value>no</value></field>{sesame}"),
        format!("t{}{sesame}", field(&format!("{SECRET}s"), "<value>no</value>")),
    ] {
        assert_eq!(told(&form(&fields)).as_deref(), Some("sesame"), "{:?}", fields.get(..60));
    }
    for (value, meant) in [
        ("&lt;&amp;&apos;&quot;&gt;]]&gt;", "<&'\">]]>"),
        ("\u{202e}שלום\u{85}\u{200b}", "\u{202e}שלום\u{85}\u{200b}"),
        ("one\n\ttwo ", "one\n\ttwo "),
        ("a<odd>b</odd>c", "ac"),
        ("", ""),
    ] {
        let payload = form(&field(SECRET, &format!("<value>{value}</value>")));
        assert_eq!(told(&payload).as_deref(), Some(meant));
    }
    let long = "é".repeat(100_000);
    assert_eq!(told(&form(&field(SECRET, &format!("<value>{long}</value>")))), Some(long));
}

#[test]
fn of_several_forms_fields_or_values_the_first_counts() {
    let one = |value: &str| format!("<value>{value}</value>");
    let x = |fields: &str| format!("<x xmlns='jabber:x:data'>{fields}</x>");
    let (a, b) = (field(SECRET, &one("a")), field(SECRET, &one("b")));
    for payload in [
        form(&field(SECRET, &format!("{}{}", one("a"), one("b")))),
        form(&format!("{a}{b}")),
        owner(&format!("{}{}{}", x(""), x(&a), x(&b))),
        format!("<odd/>{}{}", form(&a), form(&b)),
    ] {
        assert_eq!(password("result", &payload).unwrap().expose(), "a", "{payload}");
    }
}

#[test]
fn without_a_value_there_is_no_password() {
    for payload in [
        String::new(),
        "<odd/>".to_owned(),
        owner(""),
        form(""),
        form("<field/><field><value>no</value></field>"),
        form(&field(SECRET, "")),
        form(&field(SECRET, "<odd><value>no</value></odd>")),
        form(&field("muc#roomconfig_roomname", "<value>no</value>")),
        form(&format!("<odd>{}</odd>", field(SECRET, "<value>no</value>"))),
        form(&field(SECRET, "<value>no</value>")).replace("jabber:x:data", "urn:other"),
        form(&field(SECRET, "<value>no</value>")).replace("muc#owner", "muc#admin"),
    ] {
        assert!(password("result", &payload).is_none(), "{payload}");
    }
    assert!(password("error", &refused("forbidden")).is_none());
    assert!(password("error", &form(&field(SECRET, "<value>no</value>"))).is_none());
}
