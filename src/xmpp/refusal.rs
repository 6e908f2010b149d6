//! Stanza errors as our own type (RFC 6120, section 8.3).

use super::stanza::{ErrorChild, NS_STANZA_ERRORS, StanzaError};
use crate::address::tenant::Services;
use crate::meeting::{Answer, By, Condition, ListError, Refusal, Unsent};

/// Most characters kept of a `<text/>`.
const MAX_TEXT: usize = 200;

/// Reads an error from an address of a room; `asked` is the real form of the address that refused.
pub(super) fn read(error: Option<&StanzaError>, asked: &str, services: &Services) -> Refusal {
    let children = error.map(|error| error.children.as_slice()).unwrap_or_default();
    let named = || {
        children.iter().filter_map(|child| match child {
            ErrorChild::Named(named) => Some(named),
            ErrorChild::Text { .. } | ErrorChild::Refused { .. } => None,
        })
    };
    Refusal {
        condition: named()
            .find(|child| child.namespace == NS_STANZA_ERRORS)
            .map_or(Condition::Other, |child| condition(&child.name)),
        text: children.iter().find_map(|child| match child {
            ErrorChild::Text { text } => Some(text.chars().take(MAX_TEXT).collect()),
            ErrorChild::Named(_) | ErrorChild::Refused { .. } => None,
        }),
        by: by(error.and_then(|error| error.by.as_deref()), asked, services),
        display_name_required: named().any(|child| child.name == "displayname-required"),
        lobby: named().any(|child| child.name == "lobbyroom"),
    }
}

/// What we say of a request of our own that cannot be written: as whoever cannot understand it would.
pub(super) fn unwritable() -> Refusal {
    Refusal {
        condition: Condition::BadRequest,
        text: Some("cannot be written as XML, or is too long".to_owned()),
        by: By::Unsaid,
        display_name_required: false,
        lobby: false,
    }
}

/// Why the companion itself has refused what it was asked; none where the error is somebody else's (docs/companion.md).
pub(super) fn refused(error: Option<&StanzaError>) -> Option<&str> {
    error?.children.iter().find_map(|child| match child {
        ErrorChild::Refused { why } => Some(why.as_deref().unwrap_or_default()),
        ErrorChild::Named(_) | ErrorChild::Text { .. } => None,
    })
}

/// What it means for a start or a stop that the companion has refused it. Of what may have been sent nobody knows what came
/// of it, and a reason that we do not know may be one of those.
pub(super) fn unsent(why: &str) -> Answer {
    Answer::Unsent(match why {
        "gone" | "forbidden" => Unsent::SpeakerGone,
        "no-room" => Unsent::NoRoom,
        "no-focus" => Unsent::NoFocus,
        "too-many" => Unsent::TooMuch,
        "bad" => Unsent::Bad,
        _ => return Answer::TimedOut,
    })
}

/// What an error says about a role list.
pub(super) fn list_error(refusal: &Refusal) -> ListError {
    match refusal.condition {
        Condition::ItemNotFound => ListError::Gone,
        Condition::Forbidden | Condition::NotAllowed | Condition::NotAuthorized => ListError::Forbidden,
        _ => ListError::Other,
    }
}

fn by(by: Option<&str>, asked: &str, services: &Services) -> By {
    let Some(by) = by else { return By::Unsaid };
    let by = services.real(by);
    let room = asked.split_once('/').map_or(asked, |(room, _)| room);
    let service = room.split_once('@').map_or(room, |(_, service)| service);
    match &*by {
        by if by == room => By::Room,
        by if by == service => By::Service,
        _ => By::Other,
    }
}

fn condition(name: &str) -> Condition {
    match name {
        "bad-request" => Condition::BadRequest,
        "conflict" => Condition::Conflict,
        "forbidden" => Condition::Forbidden,
        "internal-server-error" => Condition::InternalServerError,
        "item-not-found" => Condition::ItemNotFound,
        "not-acceptable" => Condition::NotAcceptable,
        "not-allowed" => Condition::NotAllowed,
        "not-authorized" => Condition::NotAuthorized,
        "registration-required" => Condition::RegistrationRequired,
        "remote-server-not-found" | "remote-server-timeout" => Condition::RemoteServer,
        "resource-constraint" => Condition::ResourceConstraint,
        "service-unavailable" => Condition::ServiceUnavailable,
        "unexpected-request" => Condition::UnexpectedRequest,
        _ => Condition::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::stanza::{Inbound, parse};
    use super::*;

    fn refused(error: &str) -> Refusal {
        let Inbound::Presence(presence) = parse(&format!("<presence type='error'>{error}</presence>")) else {
            panic!("no presence")
        };
        let services = Services::new(&["muc.meet.jitsi".to_owned()]);
        read(presence.errors.first(), "[acme]r1@muc.meet.jitsi/me", &services)
    }

    #[test]
    fn condition_text_and_author() {
        let lobby = refused(&format!(
            "<error type='auth' by='r1@muc.acme.meet.jitsi'><lobbyroom xmlns='http://jitsi.org/jitmeet'>x</lobbyroom>\
             <registration-required xmlns='{NS_STANZA_ERRORS}'/><text xmlns='{NS_STANZA_ERRORS}'>{}</text></error>",
            "é".repeat(300)
        ));
        assert_eq!(
            (lobby.condition, lobby.by, lobby.lobby),
            (Condition::RegistrationRequired, By::Room, true)
        );
        assert_eq!(lobby.text.unwrap().chars().count(), 200);
        let service =
            refused(&format!("<error by='muc.meet.jitsi'><forbidden xmlns='{NS_STANZA_ERRORS}'/></error>"));
        assert_eq!((service.by, list_error(&service)), (By::Service, ListError::Forbidden));
        let empty = refused("");
        assert_eq!((empty.condition, empty.by, empty.text), (Condition::Other, By::Unsaid, None));
    }
}
