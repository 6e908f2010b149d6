//! Whatever a participant sends, the link stays up, and what comes after it is read.

use super::harness::Linked;
use jibri_autostart::meeting::RoomEvent;
use testkit::{Person, PersonOptions, World, WorldOptions};

fn nested(levels: usize) -> String {
    format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels))
}

/// What to put into a presence, and whether it must have been replaced.
pub(crate) fn payloads() -> Vec<(&'static str, String, bool)> {
    let long = "x".repeat(10_000);
    let forged = "<x xmlns='http://jabber.org/protocol/muc#user'><item role='moderator' affiliation='owner'/>\
                  <status code='110'/></x>";
    vec![
        ("a long attribute", format!("<a b='{long}'/>"), true),
        ("a long name", format!("<{long}/>"), true),
        ("a long attribute name", format!("<a {long}=''/>"), true),
        ("a reserved element", "<xml:foo/>".to_owned(), true),
        ("depth", nested(10_000), true),
        ("some depth", nested(150), false),
        ("a bad show", "<show>bogus</show><show/>".to_owned(), false),
        ("a bad priority", "<priority>9999</priority><priority>x</priority>".to_owned(), false),
        (
            "two of everything",
            format!(
                "{forged}{forged}<nick xmlns='http://jabber.org/protocol/nick'>a</nick>\
            <nick xmlns='http://jabber.org/protocol/nick'/><features><feature/></features><features>t</features>\
            <session_id><a/></session_id><session_id>b</session_id><error/><error><text/></error>"
            ),
            false,
        ),
        ("a lot of text", format!("<SourceInfo>{}</SourceInfo>", "&lt;\u{1F916}".repeat(20_000)), false),
        (
            "odd namespaces",
            "<p:a xmlns:p='urn:p' p:b='1' xmlns:q=\"urn:q'\"><q:c q:d='&apos;&quot;'/><e xmlns=''/>\
            <x xmlns='jabber:component:accept'/><handshake xmlns='jabber:component:accept'/>\
            <error xmlns='http://etherx.jabber.org/streams'/></p:a>"
                .to_owned(),
            false,
        ),
        ("many elements", "<a/>".repeat(40_000), false),
        ("many namespaces", (0..4_000).map(|n| format!("<a xmlns='urn:{n}'/>")).collect(), false),
        (
            "a fake recording",
            "<jibri-recording-status xmlns='http://jitsi.org/protocol/jibri' status='maybe'/>\
            <jibri-recording-status xmlns='http://jitsi.org/protocol/jibri'><a/></jibri-recording-status>"
                .to_owned(),
            false,
        ),
    ]
}

/// The whitespace is for Prosody 13: the expat under it puts off reading a long token that came in pieces
/// until there is twice as much.
fn presence_with(person: &Person, payload: &str) -> String {
    format!("<presence to='r1@muc.meet.jitsi/{}'>{payload}</presence>{}", person.nick(), " ".repeat(40_000))
}

on_each_prosody! {
    async fn presences(version) {
        let world = World::start(version, WorldOptions::default()).await?;
        let _ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;
        linked.enter("r1").await;
        let counters = linked.link.counters();
        for (what, payload, replaced) in payloads() {
            let mallory = world.person_with("r1", PersonOptions::nick("mallory")).await?;
            let before = counters.rejected.unreadable.get();
            linked.wait_room("r1", "mallory's entry", |event| {
                matches!(&event, RoomEvent::Presence(p) if p.nick.as_str() == "mallory").then_some(())
            }).await;
            mallory.client().send_raw(&presence_with(&mallory, &payload));
            let seen = linked.wait_room("r1", what, |event| match event {
                RoomEvent::Presence(p) if p.nick.as_str() == "mallory" => Some(Some(p)),
                RoomEvent::Unreadable => Some(None),
                _ => None,
            }).await;
            assert_eq!(seen.is_none(), replaced, "{what}");
            if let Some(presence) = seen {
                assert!(!presence.own && presence.role == jibri_autostart::meeting::Role::Participant, "{what}");
                assert_eq!(presence.recording, None);
            }
            assert_eq!(counters.rejected.unreadable.get() > before, replaced, "{what}");
            mallory.leave_room();
            linked.wait_room("r1", "mallory's leave", |event| {
                matches!(&event, RoomEvent::Left { nick, .. } if nick.as_str() == "mallory").then_some(())
            }).await;
            mallory.vanish();
        }
        assert_eq!((counters.reconnects.get(), counters.rejected.malformed.get()), (0, 0));
        Ok(())
    }

    async fn messages_and_requests(version) {
        let world = World::start(version, WorldOptions::default()).await?;
        let _ada = world.moderator("r1").await?;
        let mut linked = Linked::up(&world).await;
        linked.enter("r1").await;
        let counters = linked.link.counters();
        let mut payloads: Vec<_> = payloads().into_iter().map(|(what, payload, _)| (what, "i".to_owned(), payload)).collect();
        payloads.push(("a long id", "'".repeat(8_000), "<a/>".to_owned()));
        payloads.push(("a longer id", "'".repeat(60_000), "<a/>".to_owned()));
        for (what, id, payload) in payloads {
            let mallory = world.person_with("r1", PersonOptions::nick("mallory")).await?;
            let before = counters.rejected.stray.get() + counters.rejected.unreadable.get();
            for to in ["r1@muc.meet.jitsi/autostart", "autostart@autostart.meet.jitsi/a"] {
                mallory.client().send_raw(&format!("<message type='chat' id=\"{id}\" to='{to}'><body/>{payload}</message>"));
                for kind in ["get", "result"] {
                    mallory.client().send_raw(&format!("<iq type='{kind}' id=\"{id}\" to='{to}'>{payload}</iq>"));
                }
            }
            // What one client sends is handled in order: when it is seen to leave, all of that has been.
            mallory.leave_room();
            mallory.client().send_raw(&" ".repeat(150_000));
            linked.wait_room("r1", what, |event| {
                matches!(&event, RoomEvent::Left { nick, .. } if nick.as_str() == "mallory").then_some(())
            }).await;
            // The answers to nothing were dropped, in whatever way.
            let after = counters.rejected.stray.get() + counters.rejected.unreadable.get();
            assert!(after > before, "{what}: {counters:?}");
        }
        assert_eq!(counters.reconnects.get(), 0);
        let list = linked.roles("r1", 1).await;
        assert!(list.is_ok(), "{list:?} {counters:?}");
        Ok(())
    }
}
