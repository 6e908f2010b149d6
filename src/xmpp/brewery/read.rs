//! Presences of the brewery, and answers to pings through it.

use super::super::muc::{appended, has};
use super::super::refusal;
use super::super::stanza::{ErrorChild, NS_STANZA_ERRORS, Presence, StanzaError, StatusStanza};
use crate::address::tenant::Services;
use crate::address::{Nick, RoomJid};
use crate::jibri::Report;
use crate::meeting::Refusal;

/// What a presence of the brewery means.
#[derive(Debug)]
pub(in crate::xmpp) enum Read {
    /// Somebody is inside.
    Here { nick: Nick, status: Option<Report>, items: usize },
    /// We are inside, under this nickname; `created`: there was no such room.
    Own { nick: Nick, created: bool },
    /// Somebody has left, or bears another name from now on and is shown under it next.
    Left { nick: Nick },
    /// We have been renamed.
    OwnRename { nick: Nick },
    /// We are not inside any more.
    Out,
    /// Our entry, under this nickname, is refused.
    Refused { nick: Option<Nick>, refusal: Refusal },
    /// Nothing to us.
    Nothing,
    /// It should mean something and does not.
    Malformed,
}

/// The nickname in an address of the brewery, if it is one; no nickname for the room itself.
pub(in crate::xmpp) fn occupant(from: &str, brewery: &RoomJid) -> Option<Option<Nick>> {
    match from.strip_prefix(brewery.as_str())? {
        "" => Some(None),
        rest => Some(Some(Nick::new(rest.strip_prefix('/')?).ok()?)),
    }
}

/// Reads a presence; none if it is not from the brewery.
pub(in crate::xmpp) fn read(stanza: &Presence, brewery: &RoomJid, services: &Services) -> Option<Read> {
    let nick = occupant(stanza.from.as_deref()?, brewery)?;
    Some(match (stanza.type_.as_deref(), nick) {
        (Some("error"), nick) => {
            Read::Refused { nick, refusal: refusal::read(stanza.errors.first(), brewery.as_str(), services) }
        }
        (None, Some(nick)) => match appended(stanza) {
            Some((x, _)) if has(x, 110) => Read::Own { nick, created: has(x, 201) },
            Some((x, _)) => {
                let status = stanza.jibri.first().map(StatusStanza::report);
                Read::Here { nick, status, items: x.items.len() }
            }
            None => Read::Malformed,
        },
        (Some("unavailable"), Some(nick)) => match appended(stanza) {
            Some((x, item)) if has(x, 110) => {
                let new = item.nick.as_deref().filter(|_| has(x, 303));
                match new.and_then(|new| Nick::new(new).ok()) {
                    Some(nick) => Read::OwnRename { nick },
                    None => Read::Out,
                }
            }
            _ => Read::Left { nick },
        },
        _ => Read::Nothing,
    })
}

/// What an error says that came back for a ping through the brewery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::xmpp) enum Echo {
    /// The Jibri itself has spoken.
    Answered,
    /// The room or a server speaks for it.
    Unanswered,
    /// The room does not know us, so it says nothing about the Jibri.
    Outside,
}

/// Reads such an error. Prosody says by whom it is where the room speaks; a server that no longer finds the Jibri's
/// session does not.
pub(in crate::xmpp) fn echo(error: Option<&StanzaError>, brewery: &RoomJid) -> Echo {
    let Some(error) = error else { return Echo::Answered };
    let condition = error.children.iter().find_map(|child| match child {
        ErrorChild::Named(named) if named.namespace == NS_STANZA_ERRORS => Some(named.name.as_str()),
        _ => None,
    });
    let by_server = error.by.as_deref().is_some_and(|by| by == brewery.as_str() || by == brewery.service());
    match condition {
        Some("not-acceptable") => Echo::Outside,
        Some(
            "item-not-found"
            | "recipient-unavailable"
            | "gone"
            | "remote-server-not-found"
            | "remote-server-timeout",
        ) => Echo::Unanswered,
        _ if by_server => Echo::Unanswered,
        _ => Echo::Answered,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::stanza::{Inbound, parse};
    use super::*;
    use crate::jibri::{Busy, Health};

    const USER: &str = "http://jabber.org/protocol/muc#user";

    fn brewery() -> RoomJid {
        RoomJid::new("b@internal-muc.meet.jitsi").unwrap()
    }

    fn presence(attributes: &str, inner: &str) -> Option<Read> {
        let Inbound::Presence(presence) = parse(&format!("<presence {attributes}>{inner}</presence>")) else {
            panic!("no presence")
        };
        read(&presence, &brewery(), &Services::new(&["muc.meet.jitsi".to_owned()]))
    }

    fn status(inner: &str) -> Option<Report> {
        let x = format!("<x xmlns='{USER}'><item/></x>");
        match presence("from='b@internal-muc.meet.jitsi/jibri-1'", &format!("{inner}{x}")) {
            Some(Read::Here { status, items: 1, .. }) => status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_how_a_jibri_is() {
        const JIBRI: &str = "http://jitsi.org/protocol/jibri";
        const HEALTH: &str = "http://jitsi.org/protocol/health";
        use Busy::{Busy as AtWork, Idle};
        use Health::{Healthy, Unhealthy};
        let (no_busy, no_health) = (Busy::Undefined, Health::Undefined);
        let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
        for (inner, busy, health) in [
            (
                format!("<busy-status status='idle'/><health-status xmlns='{HEALTH}' status='healthy'/>"),
                Idle,
                Healthy,
            ),
            (
                format!(
                    "t<busy-status status='busy' x='1'>t{deep}</busy-status>{deep}<health-status status='unhealthy'/>"
                ),
                AtWork,
                Unhealthy,
            ),
            (
                "<busy-status xmlns='jabber:component:accept' status='busy'/><busy-status status='idle'/>"
                    .into(),
                AtWork,
                no_health,
            ),
            ("<busy-status status='IDLE'/><health-status/>".into(), no_busy, no_health),
            ("<busy-status xmlns:p='urn:p' p:status='idle'/>".into(), no_busy, no_health),
            (deep.clone(), no_busy, no_health),
        ] {
            let read = status(&format!("<jibri-status xmlns='{JIBRI}'>{inner}</jibri-status>"));
            assert_eq!(read, Some(Report { busy, health }), "{inner:.200}");
        }
        assert_eq!(status(""), None);
        assert_eq!(status("<jibri-status xmlns='urn:x'><busy-status status='idle'/></jibri-status>"), None);
        let two = format!(
            "<jibri-status xmlns='{JIBRI}'><busy-status status='busy'/></jibri-status><jibri-status xmlns='{JIBRI}'/>"
        );
        assert_eq!(status(&two), Some(Report { busy: AtWork, health: no_health }));
    }

    #[test]
    fn reads_who_comes_and_goes() {
        let from = |type_: &str| format!("from='b@internal-muc.meet.jitsi/a/b c' {type_}");
        let x = |inner: &str| format!("<x xmlns='{USER}'>{inner}</x>");
        let here = presence(
            &from(""),
            &format!("{}{}", x("<item/><status code='110'/>"), x("<item jid='a@b/1'/><item jid='a@b/2'/>")),
        );
        assert!(matches!(here, Some(Read::Here { nick, items: 2, .. }) if nick.as_str() == "a/b c"));
        let own = presence(&from(""), &x("<item/><status code='110'/><status code='201'/>"));
        assert!(matches!(own, Some(Read::Own { created: true, .. })));
        assert!(matches!(presence(&from(""), ""), Some(Read::Malformed)));
        let gone = from("type='unavailable'");
        assert!(matches!(presence(&gone, ""), Some(Read::Left { .. })));
        assert!(matches!(
            presence(&gone, &x("<item nick='n'/><status code='303'/>")),
            Some(Read::Left { nick }) if nick.as_str() == "a/b c"
        ));
        assert!(matches!(
            presence(&gone, &x("<item nick='n'/><status code='303'/><status code='110'/>")),
            Some(Read::OwnRename { nick }) if nick.as_str() == "n"
        ));
        assert!(matches!(presence(&gone, &x("<item/><status code='110'/><destroy/>")), Some(Read::Out)));
        assert!(matches!(presence(&from("type='error'"), ""), Some(Read::Refused { nick: Some(_), .. })));
        assert!(matches!(presence(&from("type='probe'"), ""), Some(Read::Nothing)));
        assert!(matches!(presence("from='b@internal-muc.meet.jitsi'", ""), Some(Read::Nothing)));
        for other in [
            "",
            "from='b@internal-muc.meet.jitsi.example/a'",
            "from='bb@internal-muc.meet.jitsi/a'",
            "from='b@internal-muc.meet.jitsi/'",
        ] {
            assert!(presence(other, "").is_none(), "{other}");
        }
    }

    #[test]
    fn an_error_of_the_jibri_is_a_sign_of_life() {
        let echo = |attributes: &str, condition: &str| {
            let stanza = format!(
                "<presence><error {attributes}><{condition} xmlns='{NS_STANZA_ERRORS}'/></error></presence>"
            );
            let Inbound::Presence(presence) = parse(&stanza) else { panic!("no presence") };
            echo(presence.errors.first(), &brewery())
        };
        let by = "by='b@internal-muc.meet.jitsi'";
        for (attributes, condition, says) in [
            ("", "service-unavailable", Echo::Answered),
            ("", "feature-not-implemented", Echo::Answered),
            ("", "recipient-unavailable", Echo::Unanswered),
            (by, "item-not-found", Echo::Unanswered),
            ("", "item-not-found", Echo::Unanswered),
            (by, "service-unavailable", Echo::Unanswered),
            (by, "not-acceptable", Echo::Outside),
        ] {
            assert_eq!(echo(attributes, condition), says, "{attributes} {condition}");
        }
    }
}
