//! Presences of a room as events (XEP-0045, section 7). Occupants are told apart by nickname alone.

use super::refusal;
use super::stanza::{
    ConferenceProperties, MucUser, MucUserItem, NS_JIBRI, Presence as Stanza, RecordingStatus as StatusStanza,
};
use crate::address::tenant::Services;
use crate::address::{Nick, RealJid, RoomJid, split_occupant};
use crate::config::Mode;
use crate::jibri::JibriName;
use crate::meeting::{
    Affiliation, ConferenceId, Departure, DisplayName, Marks, MeetingId, Out, Presence, RecordingStatus,
    Role, RoomEvent, SessionId,
};

/// Longest `session_id` that is taken for one; Jicofo's are 36 characters.
const MAX_SESSION: usize = 200;
/// Longest name of a meeting that is taken for one; Jitsi's are 36 characters.
pub(super) const MAX_MEETING_ID: usize = 200;
/// Bytes of a nickname.
const MAX_JIBRI: usize = 1023;
/// Status codes of a removal, the most telling first (XEP-0045, section 15.6.2); Prosody puts 307 next to
/// 333.
const REMOVALS: [u16; 6] = [333, 301, 321, 322, 332, 307];

/// What a presence means.
#[derive(Debug)]
pub(super) enum Read {
    /// Something about a room.
    Event(RoomJid, RoomEvent),
    /// Nothing to us: another service, the room itself, a subscription.
    Ignored,
    /// It should mean something and does not.
    Malformed(Option<RoomJid>),
}

/// Reads a presence.
pub(super) fn read(stanza: &Stanza, services: &Services) -> Read {
    let Some(from) = stanza.from.as_deref() else { return Read::Malformed(None) };
    let Some((room, nick)) = services.occupant(from) else { return Read::Ignored };
    match (stanza.type_.as_deref(), nick) {
        (Some("error"), _) => {
            let refusal = refusal::read(stanza.errors.first(), &services.real(from), services);
            Read::Event(room, RoomEvent::EntryRefused(refusal))
        }
        (None, Some(nick)) => match available(stanza, nick) {
            Some(presence) => Read::Event(room, RoomEvent::Presence(presence)),
            None => Read::Malformed(Some(room)),
        },
        (Some("unavailable"), Some(nick)) => Read::Event(room, unavailable(stanza, nick)),
        _ => Read::Ignored,
    }
}

/// The one that the room has put there: it removes those of participants and appends its own.
pub(super) fn appended(stanza: &Stanza) -> Option<(&MucUser, &MucUserItem)> {
    stanza.muc.iter().rev().find_map(|x| Some((x, x.items.first()?)))
}

pub(super) fn has(x: &MucUser, code: u16) -> bool {
    x.status.iter().any(|status| status.code.as_deref().and_then(|code| code.parse().ok()) == Some(code))
}

fn available(stanza: &Stanza, nick: Nick) -> Option<Presence> {
    let (x, item) = appended(stanza)?;
    Some(Presence {
        nick,
        jid: item.jid.as_deref().and_then(|jid| RealJid::new(jid).ok()),
        role: role(item.role.as_deref()),
        affiliation: affiliation(item.affiliation.as_deref()),
        marks: marks(stanza),
        session: stanza.session.iter().find_map(|session| session_id(&session.text)),
        mode: stanza.mode.iter().find_map(|shown| mode(&shown.text)),
        jibri: stanza.stats.iter().find_map(|stats| jibri(&stats.text)),
        name: stanza.nick.iter().find_map(|nick| DisplayName::new(&nick.text)),
        recording: stanza.recording.iter().rev().find_map(recording),
        conference: stanza.conference.iter().rev().find_map(conference),
        own: has(x, 110),
        created: has(x, 201),
    })
}

fn unavailable(stanza: &Stanza, nick: Nick) -> RoomEvent {
    let Some((x, item)) = appended(stanza) else {
        return RoomEvent::Left { nick, how: Departure::Gone };
    };
    if has(x, 303)
        && let Some(new) = item.nick.as_deref().and_then(|new| Nick::new(new).ok())
    {
        return RoomEvent::Left { nick, how: Departure::Renamed(new) };
    }
    if !has(x, 110) {
        return RoomEvent::Left { nick, how: Departure::Gone };
    }
    RoomEvent::Out(if !x.destroy.is_empty() {
        Out::Destroyed
    } else {
        match REMOVALS.into_iter().find(|code| has(x, *code)) {
            Some(code) => Out::Removed { code: Some(code) },
            None => Out::Left,
        }
    })
}

/// A role; one that is missing or unknown counts as none.
pub(super) fn role(role: Option<&str>) -> Role {
    match role {
        Some("moderator") => Role::Moderator,
        Some("participant") => Role::Participant,
        Some("visitor") => Role::Visitor,
        _ => Role::None,
    }
}

/// An affiliation; one that is missing or unknown counts as none.
pub(super) fn affiliation(affiliation: Option<&str>) -> Affiliation {
    match affiliation {
        Some("owner") => Affiliation::Owner,
        Some("admin") => Affiliation::Admin,
        Some("member") => Affiliation::Member,
        _ => Affiliation::None,
    }
}

/// When focus made its conference, if it tells.
fn conference(stanza: &ConferenceProperties) -> Option<ConferenceId> {
    let mut made = stanza.properties.iter().filter(|property| property.key.as_deref() == Some("created-ms"));
    made.next()?.value.as_deref()?.parse().ok().map(ConferenceId)
}

/// A session id, unless it cannot be one.
pub(super) fn session_id(text: &str) -> Option<SessionId> {
    (!text.is_empty() && text.len() <= MAX_SESSION).then(|| SessionId(text.into()))
}

/// A room's name for the meeting in it, unless it cannot be one (docs/jitsi.md 1.5).
pub(super) fn meeting_id(text: &str) -> Option<MeetingId> {
    (!text.is_empty() && text.len() <= MAX_MEETING_ID).then(|| MeetingId(text.into()))
}

/// A Jibri's id, unless it cannot be one: it is a nickname as well (RFC 7622, section 3.4).
pub(super) fn jibri(text: &str) -> Option<JibriName> {
    (!text.is_empty() && text.len() <= MAX_JIBRI).then(|| JibriName::new(text))
}

/// What is recorded to, if it is something that we know.
pub(super) fn mode(text: &str) -> Option<Mode> {
    match text {
        "file" => Some(Mode::File),
        "stream" => Some(Mode::Stream),
        _ => None,
    }
}

fn marks(stanza: &Stanza) -> Marks {
    let claims = |var: &str| {
        let mut features = stanza.features.iter().flat_map(|features| &features.features);
        features.any(|feature| feature.var.as_deref() == Some(var))
    };
    Marks {
        jibri: claims(NS_JIBRI),
        jigasi: claims("http://jitsi.org/protocol/jigasi"),
        transcriber: claims("http://jitsi.org/protocol/transcriber"),
    }
}

/// A recording status other than on and off says nothing.
pub(super) fn recording(status: &StatusStanza) -> Option<RecordingStatus> {
    let on = match status.status.as_deref() {
        Some("on") => true,
        Some("off") => false,
        _ => return None,
    };
    Some(RecordingStatus {
        on,
        session: status.session_id.as_deref().and_then(session_id),
        mode: status.recording_mode.as_deref().and_then(mode),
        failed: status.failure_reason.is_some(),
        initiator: status.initiator.as_deref().and_then(|jid| split_occupant(jid).ok()?.1),
    })
}

#[cfg(test)]
mod tests {
    use super::super::stanza::{Inbound, parse};
    use super::*;
    use crate::meeting::Condition;

    fn event(stanza: &str) -> Read {
        let Inbound::Presence(presence) = parse(stanza) else { panic!("no presence") };
        read(&presence, &Services::new(&["muc.meet.jitsi".to_owned()]))
    }

    /// A presence of `ada` with this in the room's `<x/>`.
    fn x(attributes: &str, inner: &str) -> Read {
        event(&format!(
            "<presence from='r1@muc.acme.meet.jitsi/ada' {attributes}>\
             <x xmlns='http://jabber.org/protocol/muc#user'>{inner}</x></presence>"
        ))
    }

    fn left(stanza: Read) -> RoomEvent {
        match stanza {
            Read::Event(room, event) if room.as_str() == "[acme]r1@muc.meet.jitsi" => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_an_occupant() {
        let read = event(
            "<presence from='r1@muc.meet.jitsi/Ada L.'><x xmlns='http://jabber.org/protocol/muc#user'>\
             <item affiliation='none' role='none'/></x><features><feature var='http://jitsi.org/protocol/jigasi'/></features>\
             <session_id/><session_id>s1</session_id><mode/><mode>sip</mode><mode>stream</mode><stats-id/><stats-id>jibri-1</stats-id>\
             <nick>no namespace</nick><nick xmlns='http://jabber.org/protocol/nick'/>\
             <nick xmlns='http://jabber.org/protocol/nick'>Ada Lovelace</nick>\
             <jibri-recording-status xmlns='http://jitsi.org/protocol/jibri' status='on' session_id='s2' recording_mode='file' \
             initiator='r1@muc.meet.jitsi/autostart'/><jibri-recording-status xmlns='http://jitsi.org/protocol/jibri' status='odd'/>\
             <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator' jid='a@meet.jitsi/x'/>\
             <status code='110'/><status code='201'/></x><x xmlns='http://jabber.org/protocol/muc#user'/></presence>",
        );
        let Read::Event(room, RoomEvent::Presence(p)) = read else { panic!("{read:?}") };
        assert_eq!((room.as_str(), p.nick.as_str()), ("r1@muc.meet.jitsi", "Ada L."));
        assert_eq!(
            (p.role, p.affiliation, p.own, p.created),
            (Role::Moderator, Affiliation::Owner, true, true)
        );
        assert_eq!(p.jid.unwrap().domain(), "meet.jitsi");
        assert_eq!(p.marks, Marks { jigasi: true, ..Marks::default() });
        assert_eq!((p.session, p.mode), (Some(SessionId("s1".into())), Some(Mode::Stream)));
        assert_eq!(p.jibri, Some(JibriName::new("jibri-1")));
        assert_eq!(p.name, DisplayName::new("Ada Lovelace"));
        let recording = p.recording.unwrap();
        assert_eq!((recording.on, recording.mode, recording.failed), (true, Some(Mode::File), false));
        assert_eq!(recording.initiator.unwrap().as_str(), "autostart");
    }

    #[test]
    fn reads_departures() {
        let gone = "type='unavailable'";
        assert!(matches!(left(x(gone, "<item role='none'/>")), RoomEvent::Left { how: Departure::Gone, .. }));
        assert!(matches!(left(x(gone, "")), RoomEvent::Left { how: Departure::Gone, .. }));
        let renamed = left(x(gone, "<item role='moderator' nick='bea'/><status code='303'/>"));
        assert!(matches!(renamed, RoomEvent::Left { how: Departure::Renamed(n), .. } if n.as_str() == "bea"));
        for (inner, out) in [
            ("<item/><status code='110'/>", Out::Left),
            ("<item/><status code='110'/><destroy><reason/></destroy>", Out::Destroyed),
            (
                "<item/><status code='110'/><status code='307'/><status code='333'/>",
                Out::Removed { code: Some(333) },
            ),
            ("<item/><status code='307'/><status code='110'/>", Out::Removed { code: Some(307) }),
        ] {
            let event = left(x(gone, inner));
            assert!(matches!(&event, RoomEvent::Out(o) if *o == out), "{event:?}");
        }
    }

    #[test]
    fn ignores_what_is_no_occupant() {
        for other in [
            "<presence from='r1@muc.meet.jitsi'/>",
            "<presence from='r1@internal-muc.meet.jitsi/n'/>",
            "<presence from='a@meet.jitsi/n'/>",
            "<presence from='r1@muc.meet.jitsi/n' type='subscribe'/>",
        ] {
            assert!(matches!(event(other), Read::Ignored), "{other}");
        }
        assert!(matches!(event("<presence from='r1@muc.meet.jitsi/n'/>"), Read::Malformed(Some(_))));
        assert!(matches!(event("<presence/>"), Read::Malformed(None)));
    }

    #[test]
    fn reads_a_refused_entry() {
        let read = event(
            "<presence type='error' from='r1@muc.meet.jitsi/me'><error type='cancel' by='r1@muc.meet.jitsi'>\
             <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
        );
        assert!(
            matches!(read, Read::Event(_, RoomEvent::EntryRefused(r)) if r.condition == Condition::Conflict)
        );
    }
}
