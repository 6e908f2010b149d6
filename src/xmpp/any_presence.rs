//! Property test across the whole way of a presence: from XML of any shape, through the types of the wire and
//! the core's own, into a roster. Nothing panics and the roster stays consistent.

use std::time::Duration;

use proptest::prelude::*;

use super::muc::{self, Read};
use super::stanza::Presence;
use crate::address::RoomJid;
use crate::address::tenant::Services;
use crate::config;
use crate::meeting::{Action, Effect, Input, Listed, Meetings, RoomEvent};
use crate::time::Time;

const ROOM: &str = "r1@muc.meet.jitsi";

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        Just(String::new()),
        "[a-z0-9]{1,8}",
        Just("moderator".to_owned()),
        Just("owner".to_owned()),
        Just("on".to_owned()),
        Just("focus@auth.meet.jitsi/focus".to_owned()),
        Just("recorder@hidden.meet.jitsi/x".to_owned()),
        "[0-9]{3}",
        "\\PC{0,20}",
    ]
    .boxed()
}

fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '<' => "&lt;".to_owned(),
        '&' => "&amp;".to_owned(),
        '\'' => "&apos;".to_owned(),
        _ => c.to_string(),
    };
    // What XML cannot say at all never arrives either.
    text.chars().filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')).map(escape).collect()
}

/// An element: some that mean something, some that do not, each with any content and attributes.
fn element() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        ("x", "http://jabber.org/protocol/muc#user"),
        ("item", "http://jabber.org/protocol/muc#user"),
        ("status", "http://jabber.org/protocol/muc#user"),
        ("destroy", "http://jabber.org/protocol/muc#user"),
        ("jibri-recording-status", "http://jitsi.org/protocol/jibri"),
        ("features", "jabber:component:accept"),
        ("feature", "jabber:component:accept"),
        ("session_id", "jabber:component:accept"),
        ("mode", "jabber:component:accept"),
        ("show", "jabber:component:accept"),
        ("error", "jabber:component:accept"),
        ("conflict", "urn:ietf:params:xml:ns:xmpp-stanzas"),
        ("anything", "urn:x"),
    ]);
    let attributes = prop::collection::btree_map(
        prop::sample::select(vec![
            "role",
            "affiliation",
            "jid",
            "nick",
            "code",
            "status",
            "session_id",
            "var",
            "initiator",
            "by",
            "type",
        ]),
        text(),
        0..5,
    );
    let open = (names, attributes).prop_map(|((name, ns), attributes)| {
        let attributes: String =
            attributes.iter().map(|(key, value)| format!(" {key}='{}'", escaped(value))).collect();
        (name, format!("<{name} xmlns='{ns}'{attributes}>"))
    });
    let leaf =
        (open.clone(), text()).prop_map(|((name, open), text)| format!("{open}{}</{name}>", escaped(&text)));
    leaf.prop_recursive(4, 24, 5, move |inner| {
        (open.clone(), prop::collection::vec(inner, 0..5))
            .prop_map(|((name, open), inner)| format!("{open}{}</{name}>", inner.concat()))
    })
}

fn presence() -> impl Strategy<Value = String> {
    let nick = prop::sample::select(vec!["autostart", "focus", "a", "b", "c/d", "", "🤖"]);
    let kind =
        prop::sample::select(vec!["", " type='unavailable'", " type='error'", " type='probe'", " type='x'"]);
    (nick, kind, prop::collection::vec(element(), 0..6)).prop_map(|(nick, kind, children)| {
        let children = children.concat();
        format!("<presence xmlns='jabber:component:accept' from='{ROOM}/{nick}'{kind}>{children}</presence>")
    })
}

/// A core that is on its way into the room.
fn core() -> Meetings {
    let toml = "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"x\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n\
                [discovery]\nrooms = [\"r1@muc.meet.jitsi\"]\n";
    let settings = config::from_toml(toml).unwrap().settings;
    let now = Time::default();
    let mut meetings = Meetings::new(&settings, false, 7, now);
    let mut asked = meetings.handle(now, Input::LinkUp);
    while let Some(effect) = asked.pop() {
        if let Effect::Do(Action::AskRoles { room, query, .. }) = effect {
            let result = Ok(["focus@auth.meet.jitsi/focus", "p@meet.jitsi/x"].map(listed).to_vec());
            meetings.handle(now, Input::Room { room, event: RoomEvent::Roles { query, result } });
        }
    }
    meetings
}

fn listed(jid: &str) -> Listed {
    Listed {
        nick: jid.split_once('/').unwrap().1.parse().unwrap(),
        jid: Some(jid.parse().unwrap()),
        role: muc::role(Some("moderator")),
        affiliation: muc::affiliation(Some("owner")),
    }
}

proptest! {
    #[test]
    fn any_sequence_of_presences_leaves_a_consistent_roster(stanzas in prop::collection::vec(presence(), 1..40)) {
        let services = Services::new(&["muc.meet.jitsi".to_owned()]);
        let room: RoomJid = ROOM.parse().unwrap();
        let mut meetings = core();
        for (n, xml) in (0_u64..).zip(stanzas) {
            let Ok(stanza) = xso::from_bytes::<Presence>(xml.as_bytes()) else { continue };
            if let Read::Event(room, event) = muc::read(&stanza, &services) {
                meetings.handle(Time::new(Duration::from_millis(n)), Input::Room { room, event });
            }
            prop_assert!(meetings.roster(&room).is_some_and(crate::meeting::Roster::is_consistent), "{xml}");
        }
    }

    #[test]
    fn the_types_of_the_wire_refuse_no_presence(xml in presence()) {
        prop_assert!(xso::from_bytes::<Presence>(xml.as_bytes()).is_ok(), "{xml}");
    }
}
