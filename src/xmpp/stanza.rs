//! Stanzas as we read them: what we use, and nothing else, however it is made up. IQs, and what Jibris and the companion
//! say, have files of their own.
//!
//! A participant can put anything into a presence or an IQ, twice or in the wrong place, and must neither
//! be able to make it unreadable nor to make us build it in memory. So every attribute is optional text,
//! every child may be there any number of times, and all that has no field is discarded while it is
//! parsed, without recursion. Nothing here is ever a DOM (docs/jitsi.md 10.5).

mod companion;
mod iq;
mod jibri_status;

pub(super) use companion::{CompanionStanza, HelloStanza, OccupantStanza, RoomStanza, RoomsStanza};
pub(super) use iq::{AdminItem, DataField, Iq, Payload};
pub(super) use jibri_status::StatusStanza;

use xso::exports::rxml;
use xso::{FromEventsBuilder, FromXml};

use super::framer::NS_GUARD;

/// The stream's default namespace (XEP-0114, section 3). What browsers send in `jabber:client`, or in no
/// namespace, arrives in it (docs/jitsi.md 1.2).
pub(super) const NS_COMPONENT: &str = "jabber:component:accept";
pub(super) const NS_STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
pub(super) const NS_STREAM: &str = "http://etherx.jabber.org/streams";
pub(super) const NS_STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
pub(super) const NS_MUC: &str = "http://jabber.org/protocol/muc";
pub(super) const NS_MUC_USER: &str = "http://jabber.org/protocol/muc#user";
pub(super) const NS_MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";
pub(super) const NS_CONFERENCE: &str = "jabber:x:conference";
pub(super) const NS_MUC_OWNER: &str = "http://jabber.org/protocol/muc#owner";
pub(super) const NS_DATA: &str = "jabber:x:data";
pub(super) const NS_NICK: &str = "http://jabber.org/protocol/nick";
pub(super) const NS_FOCUS: &str = "http://jitsi.org/protocol/focus";
pub(super) const NS_JIBRI: &str = "http://jitsi.org/protocol/jibri";
pub(super) const NS_DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
pub(super) const NS_DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
pub(super) const NS_COMMANDS: &str = "http://jabber.org/protocol/commands";
pub(super) const NS_PING: &str = "urn:xmpp:ping";
pub(super) const NS_VERSION: &str = "jabber:iq:version";
pub(super) const NS_JINGLE: &str = "urn:xmpp:jingle:1";
/// All that the companion and we say to each other (docs/companion.md).
pub(super) const NS_COMPANION: &str = "urn:jibri-autostart:companion:1";

/// Any child of the stream. The last variant takes every element: one that no variant takes would end it.
#[derive(FromXml, Debug)]
#[xml()]
pub(super) enum Inbound {
    #[xml(transparent)]
    Presence(Presence),
    #[xml(transparent)]
    Iq(Iq),
    #[xml(transparent)]
    Message(Message),
    #[xml(transparent)]
    Handshake(Handshake),
    #[xml(transparent)]
    StreamError(StreamError),
    #[xml(transparent)]
    Unreadable(Unreadable),
    #[xml(transparent)]
    Other(Named),
}

/// Some element: its name, and nothing of what is in it.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Named {
    pub(super) fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }
}

impl FromXml for Named {
    type Builder = NamedBuilder;

    fn from_events(
        (namespace, name): rxml::QName,
        _: rxml::AttrMap,
        _: &xso::Context<'_>,
    ) -> Result<Self::Builder, xso::error::FromEventsError> {
        Ok(NamedBuilder {
            named: Some(Named { namespace: namespace.as_str().to_owned(), name: name.as_str().to_owned() }),
            depth: 1,
        })
    }
}

/// Waits for the end of the element, counting.
pub(super) struct NamedBuilder {
    named: Option<Named>,
    depth: usize,
}

impl FromEventsBuilder for NamedBuilder {
    type Output = Named;

    fn feed(&mut self, ev: rxml::Event, _: &xso::Context<'_>) -> Result<Option<Named>, xso::error::Error> {
        match ev {
            rxml::Event::StartElement(..) => self.depth = self.depth.saturating_add(1),
            rxml::Event::EndElement(_) => self.depth = self.depth.saturating_sub(1),
            rxml::Event::Text(..) | rxml::Event::XmlDeclaration(..) => {}
        }
        Ok(if self.depth == 0 { self.named.take() } else { None })
    }
}

/// `<presence/>` (RFC 6121, section 4; XEP-0045, section 7).
#[derive(FromXml, Debug, Default)]
#[xml(namespace = NS_COMPONENT, name = "presence", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct Presence {
    #[xml(attribute(default))]
    pub(super) from: Option<String>,
    #[xml(attribute(name = "type", default))]
    pub(super) type_: Option<String>,
    #[xml(child(n = ..))]
    pub(super) muc: Vec<MucUser>,
    #[xml(child(n = ..))]
    pub(super) features: Vec<Features>,
    #[xml(child(n = ..))]
    pub(super) session: Vec<SessionIdText>,
    #[xml(child(n = ..))]
    pub(super) mode: Vec<ModeText>,
    #[xml(child(n = ..))]
    pub(super) stats: Vec<StatsIdText>,
    #[xml(child(n = ..))]
    pub(super) nick: Vec<NickText>,
    #[xml(child(n = ..))]
    pub(super) recording: Vec<RecordingStatus>,
    #[xml(child(n = ..))]
    pub(super) conference: Vec<ConferenceProperties>,
    #[xml(child(n = ..))]
    pub(super) jibri: Vec<StatusStanza>,
    #[xml(child(n = ..))]
    pub(super) errors: Vec<StanzaError>,
}

/// `<x/>` by which the room says who an occupant is (XEP-0045, section 7.2.2).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_MUC_USER, name = "x", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct MucUser {
    #[xml(child(n = ..))]
    pub(super) items: Vec<MucUserItem>,
    #[xml(child(n = ..))]
    pub(super) status: Vec<Status>,
    #[xml(child(n = ..))]
    pub(super) destroy: Vec<Destroy>,
}

#[derive(FromXml, Debug, Clone)]
#[xml(namespace = NS_MUC_USER, name = "item", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct MucUserItem {
    #[xml(attribute(default))]
    pub(super) affiliation: Option<String>,
    #[xml(attribute(default))]
    pub(super) role: Option<String>,
    #[xml(attribute(default))]
    pub(super) jid: Option<String>,
    #[xml(attribute(default))]
    pub(super) nick: Option<String>,
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_MUC_USER, name = "status", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct Status {
    #[xml(attribute(default))]
    pub(super) code: Option<String>,
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_MUC_USER, name = "destroy", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct Destroy {}

/// `<features/>`, Jitsi's own way of saying what an occupant is (docs/jitsi.md 1.1).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "features", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct Features {
    #[xml(child(n = ..))]
    pub(super) features: Vec<Feature>,
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "feature", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct Feature {
    #[xml(attribute(default))]
    pub(super) var: Option<String>,
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "session_id", on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct SessionIdText {
    #[xml(text)]
    pub(super) text: String,
}

/// What a recorder records to, `file` or `stream` (docs/jitsi.md 1.1).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "mode", on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct ModeText {
    #[xml(text)]
    pub(super) text: String,
}

/// By what name an occupant's statistics go; a recorder's is its Jibri's id (docs/jitsi.md 1.1).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "stats-id", on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct StatsIdText {
    #[xml(text)]
    pub(super) text: String,
}

/// The name that somebody displays (XEP-0172).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_NICK, name = "nick", on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct NickText {
    #[xml(text)]
    pub(super) text: String,
}

/// `<conference-properties/>`, by which focus tells what it is about (docs/jitsi.md 1.1).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_FOCUS, name = "conference-properties", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct ConferenceProperties {
    #[xml(child(n = ..))]
    pub(super) properties: Vec<Property>,
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_FOCUS, name = "property", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct Property {
    #[xml(attribute(default))]
    pub(super) key: Option<String>,
    #[xml(attribute(default))]
    pub(super) value: Option<String>,
}

/// `<jibri-recording-status/>` (docs/jitsi.md 3).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_JIBRI, name = "jibri-recording-status", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct RecordingStatus {
    #[xml(attribute(default))]
    pub(super) status: Option<String>,
    #[xml(attribute(default))]
    pub(super) session_id: Option<String>,
    #[xml(attribute(default))]
    pub(super) recording_mode: Option<String>,
    #[xml(attribute(default))]
    pub(super) failure_reason: Option<String>,
    #[xml(attribute(default))]
    pub(super) initiator: Option<String>,
}

/// `<error/>` of a stanza (RFC 6120, section 8.3).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "error", discard(text), on_unknown_attribute = Discard)]
pub(super) struct StanzaError {
    #[xml(attribute(default))]
    pub(super) by: Option<String>,
    #[xml(child(n = ..))]
    pub(super) children: Vec<ErrorChild>,
}

/// A condition, application-specific or defined, the text, or why the companion has refused something itself.
#[derive(FromXml, Debug)]
#[xml()]
pub(super) enum ErrorChild {
    #[xml(namespace = NS_STANZA_ERRORS, name = "text", on_unknown_child = Discard, on_unknown_attribute = Discard)]
    Text {
        #[xml(text)]
        text: String,
    },
    #[xml(namespace = NS_COMPANION, name = "refused", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
    Refused {
        #[xml(attribute(default))]
        why: Option<String>,
    },
    #[xml(transparent)]
    Named(Named),
}

/// `<message/>`: nothing of it is read but invitations (docs/jitsi.md 1.4), and what the companion tells.
#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "message", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct Message {
    #[xml(attribute(default))]
    pub(super) from: Option<String>,
    #[xml(attribute(name = "type", default))]
    pub(super) type_: Option<String>,
    #[xml(child(n = ..))]
    pub(super) mediated: Vec<MediatedInvitation>,
    #[xml(child(n = ..))]
    pub(super) direct: Vec<DirectInvitation>,
    #[xml(child(n = ..))]
    pub(super) companion: Vec<CompanionStanza>,
}

/// `<x/>` by which the room passes an invitation on (XEP-0045, section 7.8.2).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_MUC_USER, name = "x", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct MediatedInvitation {
    #[xml(child(n = ..))]
    pub(super) invites: Vec<Invite>,
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_MUC_USER, name = "invite", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct Invite {}

/// `<x/>` by which anybody invites to a room (XEP-0249).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_CONFERENCE, name = "x", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct DirectInvitation {
    #[xml(attribute(default))]
    pub(super) jid: Option<String>,
}

/// The server's word that the secret was right (XEP-0114, section 3).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "handshake", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct Handshake {}

/// `<stream:error/>` (RFC 6120, section 4.9).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_STREAM, name = "error", discard(text), on_unknown_attribute = Discard)]
pub(super) struct StreamError {
    #[xml(child(n = ..))]
    pub(super) children: Vec<StreamErrorChild>,
}

#[derive(FromXml, Debug)]
#[xml()]
pub(super) enum StreamErrorChild {
    #[xml(namespace = NS_STREAM_ERRORS, name = "text", on_unknown_child = Discard, on_unknown_attribute = Discard)]
    Text {
        #[xml(text)]
        text: String,
    },
    #[xml(transparent)]
    Named(Named),
}

/// What the framer puts in the place of a stanza that the parser would refuse.
#[derive(FromXml, Debug)]
#[xml(namespace = NS_GUARD, name = "unreadable", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(super) struct Unreadable {
    #[xml(attribute(default))]
    pub(super) from: Option<String>,
}

#[cfg(test)]
pub(super) fn parse(stanza: &str) -> Inbound {
    // As the stream does it: the default namespace is the stream's.
    let at = stanza.find([' ', '/', '>']).unwrap();
    let (name, rest) = stanza.split_at(at);
    let declared = format!("{name} xmlns='{NS_COMPONENT}'{rest}");
    xso::from_bytes(if rest.contains("xmlns='urn:top'") { stanza } else { &declared }.as_bytes()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_is_a_presence() {
        let deep = format!("{}{}", "<a>".repeat(30_000), "</a>".repeat(30_000));
        let Inbound::Presence(presence) = parse(&format!(
            "<presence from='r@m/n' odd='1' type='bogus'>text<show>bogus</show><priority>9999</priority>{deep}\
             <x xmlns='{NS_MUC_USER}'>t<item role='moderator' more='1'>t<actor nick='f'/></item><status code='110'>t</status></x>\
             <x xmlns='{NS_MUC_USER}'/><features>t<feature/><feature var='v'>t</feature><odd/></features><features/>\
             <session_id>a<b>c</b>d</session_id><session_id/><nick/><nick/></presence>"
        )) else {
            panic!("no presence")
        };
        assert_eq!(presence.from.as_deref(), Some("r@m/n"));
        assert_eq!((presence.muc.len(), presence.features.len(), presence.session.len()), (2, 2, 2));
        assert_eq!(presence.session[0].text, "ad");
    }

    #[test]
    fn anything_is_something() {
        assert!(matches!(parse("<message>a<b/></message>"), Inbound::Message(_)));
        assert!(matches!(parse("<other xmlns='urn:top'>a<b/></other>"), Inbound::Other(_)));
        let Inbound::Iq(iq) = parse(&format!(
            "<iq type='error' id='1'>t<error by='x' type='y'>t<forbidden xmlns='{NS_STANZA_ERRORS}'>t<a/></forbidden>\
             <text xmlns='{NS_STANZA_ERRORS}'>why<b/></text></error><odd/></iq>"
        )) else {
            panic!("no iq")
        };
        assert!(
            matches!(iq.payload.as_slice(), [Payload::Error(e), Payload::Other(_)] if e.children.len() == 2)
        );
    }
}
