//! What we answer when asked, as any entity must (RFC 6120, section 8.2.3): every `get` and `set`, at once.
//!
//! Focus asks `disco#info` of each new occupant whose short form (see `caps`) it does not know, and waits for it; with no
//! feature in the answer, and every offer of media declined, it goes on without us (docs/jitsi.md 1.4 and 4.3).

use super::outbound::{IqOut, PayloadOut};
use super::stanza::{Iq, NS_PING, NS_VERSION, Payload};
use crate::address::tenant::Services;

/// Longest id or node that is given back. Jicofo's are short, and what a room makes of an id is a few
/// hundred bytes. What is longer costs us the more (see `guard`), and is asked by nobody who means it.
const MAX_ECHO: usize = 1024;

/// The answer to a request; none if it lacks an id or a sender, or has an id that cannot be meant seriously.
pub(super) fn answer(iq: Iq, me: &str, services: &Services) -> Option<IqOut> {
    let id = iq.id.filter(|id| id.len() <= MAX_ECHO)?;
    let get = iq.type_.as_deref() == Some("get");
    let (error, payload) = match iq.payload.into_iter().next() {
        Some(Payload::DiscoInfo { node, .. }) if get => {
            (false, Some(PayloadOut::disco_info(node.filter(|node| node.len() <= MAX_ECHO))))
        }
        Some(Payload::Other(named)) if get && named.is(NS_PING, "ping") => (false, None),
        Some(Payload::Other(named)) if get && named.is(NS_VERSION, "query") => {
            (false, Some(PayloadOut::version()))
        }
        Some(Payload::Jingle { action }) if !get && action.as_deref() == Some("session-terminate") => {
            (false, None)
        }
        _ => (true, Some(PayloadOut::service_unavailable())),
    };
    Some(IqOut {
        from: iq.to.unwrap_or_else(|| me.to_owned()),
        to: services.real(&iq.from?).into_owned(),
        id,
        type_: if error { "error" } else { "result" }.to_owned(),
        payload,
    })
}

#[cfg(test)]
mod tests {
    use super::super::stanza::{Inbound, parse};
    use super::*;

    fn asked(type_: &str, payload: &str) -> String {
        let stanza =
            format!("<iq type='{type_}' id='q&lt;' from='r@muc.acme.meet.jitsi/f' to='a@b/c'>{payload}</iq>");
        let Inbound::Iq(iq) = parse(&stanza) else { panic!("no iq") };
        let answer = answer(iq, "me", &Services::new(&["muc.meet.jitsi".to_owned()])).unwrap();
        assert_eq!((answer.to.as_str(), answer.from.as_str()), ("[acme]r@muc.meet.jitsi/f", "a@b/c"));
        assert_eq!(answer.id, "q<");
        String::from_utf8(xso::to_vec(&answer).unwrap()).unwrap()
    }

    #[test]
    fn answers_what_an_entity_answers() {
        let info = asked("get", "<query xmlns='http://jabber.org/protocol/disco#info' node='n'/>");
        assert!(info.contains("result") && info.contains("identity") && !info.contains("feature"), "{info}");
        let ping = asked("get", "<ping xmlns='urn:xmpp:ping'/>");
        assert!(ping.contains("result") && !ping.contains("ping"), "{ping}");
        assert!(asked("get", "<query xmlns='jabber:iq:version'/>").contains("jibri-autostart"));
    }

    #[test]
    fn declines_the_rest() {
        let offer = asked("set", "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate'/>");
        assert!(offer.contains("service-unavailable"), "{offer}");
        assert!(
            asked("set", "<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate'/>").contains("result")
        );
        assert!(asked("set", "<query xmlns='http://jabber.org/protocol/disco#info'/>").contains("cancel"));
        assert!(asked("get", "").contains("service-unavailable"));
        assert!(asked("get", "<odd xmlns='urn:odd'/>").contains("service-unavailable"));
    }

    #[test]
    fn nobody_is_answered_who_cannot_be() {
        let Inbound::Iq(iq) = parse("<iq type='get' id='1'/>") else { panic!("no iq") };
        assert!(answer(iq, "me", &Services::new(&[])).is_none());
        let Inbound::Iq(iq) = parse(&format!("<iq type='get' id='{}' from='a@b'/>", "x".repeat(1025))) else {
            panic!("no iq")
        };
        assert!(answer(iq, "me", &Services::new(&[])).is_none());
    }
}
