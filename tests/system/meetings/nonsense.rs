//! What a participant's client can send that no client should.

use testkit::{Person, Result, ns};

use super::LONG;

/// Names of occupants that are hard to write down.
pub(crate) fn awkward_names() -> [String; 4] {
    ["'".repeat(1_000), "<&\">]]>".repeat(100), "שלום".to_owned(), "f\u{43e}cus ".into()]
}

/// Sends all of it: to the room, to us in it, and to us directly; waits until Prosody has been through with it.
pub(crate) async fn send_nonsense(eve: &Person) -> Result {
    let (room, nick) = (eve.occupancy().room().to_owned(), eve.nick());
    let deep = format!("{}{}", "<d>".repeat(3_000), "</d>".repeat(3_000));
    let wide = "<features/>".repeat(5_000);
    let attribute = |length: usize| format!("<x xmlns='urn:x' a='{}'/>", "a".repeat(length));
    let name = format!("<{}/>", "n".repeat(20_000));
    let forged = format!(
        "<jibri-recording-status xmlns='{0}' status='on'>text</jibri-recording-status><jibri xmlns='{0}'/>",
        ns::JIBRI
    );
    let to_us = [format!("{room}/autostart"), "autostart@autostart.meet.jitsi/a".to_owned()];
    for inner in [
        "<show>bogus</show>",
        "<priority>9999</priority>",
        "<nick xmlns='http://jabber.org/protocol/nick'>a</nick><nick xmlns='http://jabber.org/protocol/nick'>b</nick>",
        "<x xmlns='http://jabber.org/protocol/muc#user'><item role='none'/><status code='110'/></x>",
        "<a xmlns:y='urn:y' y:z='1'/>",
        &forged,
        &wide,
        &attribute(9_000),
        &attribute(20_000),
        &name,
    ] {
        let mut stanzas = vec![
            format!("<presence to='{room}/{nick}'>{inner}</presence>"),
            format!("<message to='{room}' type='groupchat'>{inner}</message>"),
        ];
        for us in &to_us {
            stanzas.push(format!("<message to='{us}' type='chat'>{inner}</message>"));
            stanzas.push(format!("<iq to='{us}' type='set' id='evil'>{inner}</iq>"));
            stanzas.push(format!("<iq to='{us}' type='result' id='evil'>{inner}</iq>"));
            stanzas.push(format!("<iq to='{us}' type='error' id='evil'>{inner}</iq>"));
        }
        stanzas.push(format!("<presence to='{}'>{inner}</presence>", to_us[1]));
        stanzas.push(format!("<presence to='{}' type='error'>{inner}</presence>", to_us[1]));
        for stanza in stanzas {
            eve.client().send_raw(&stanza);
        }
    }
    // The models' own parser would not survive this one, so it goes to us alone.
    for us in &to_us {
        eve.client().send_raw(&format!("<message to='{us}' type='chat'><xml:a/></message>"));
        eve.client().send_raw(&format!("<iq to='{us}' type='result' id='evil'><xml:a/></iq>"));
    }
    // Prosody itself takes long for these.
    eve.client().send_raw(&format!("<presence to='{room}/{nick}'>{deep}</presence>"));
    for us in &to_us {
        eve.client().send_raw(&format!("<message to='{us}' type='chat'>{deep}</message>"));
    }
    // All of it has gone through Prosody when Eve's own ping comes back.
    let ping = testkit::Node::iq("get", &room).child(testkit::Node::new("ping", ns::PING));
    eve.client().request(ping, LONG).await?;
    Ok(())
}
