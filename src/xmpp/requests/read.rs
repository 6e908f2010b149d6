//! What answers say, in our own types.

use super::super::event::LinkEvent;
use super::super::stanza::{AdminItem, DataField, Payload, StanzaError};
use super::super::{muc, refusal};
use crate::address::tenant::Services;
use crate::address::{Nick, RealJid, RoomJid};
use crate::config::Secret;
use crate::meeting::{Answer, Listed, MeetingId, SessionId};

/// A command of every conference service that Prosody's mod_adhoc lists to its admins only.
const ADMINS_COMMAND: &str = "http://prosody.im/protocol/muc#destroy";

/// What focus says. The companion hands its answer on as it is, and what it refuses itself bears a reason of its own
/// (docs/companion.md).
pub(super) fn answer(
    result: Result<Vec<Payload>, Option<&StanzaError>>,
    asked: &str,
    room: &RoomJid,
    services: &Services,
) -> Answer {
    let is_companion = asked == room.service();
    match result {
        Ok(payload) => Answer::Accepted { session: session_of(&payload) },
        Err(error) => match refusal::refused(error).filter(|_| is_companion) {
            Some(why) => refusal::unsent(why),
            None => Answer::Refused(refusal::read(error, room.as_str(), services)),
        },
    }
}

pub(super) fn error_of(payload: &[Payload]) -> Option<&StanzaError> {
    payload.iter().find_map(|payload| match payload {
        Payload::Error(error) => Some(error),
        _ => None,
    })
}

fn session_of(payload: &[Payload]) -> Option<SessionId> {
    payload.iter().find_map(|payload| match payload {
        Payload::Jibri { session_id } => session_id.as_deref().and_then(muc::session_id),
        _ => None,
    })
}

/// The fields of an owner's form.
pub(super) fn fields_of(payload: Vec<Payload>) -> Vec<DataField> {
    let forms = payload.into_iter().find_map(|payload| match payload {
        Payload::OwnerForm { forms } => Some(forms),
        _ => None,
    });
    forms.into_iter().flatten().flat_map(|form| form.fields).collect()
}

/// The first value of a field; none if there is no such field, or if it has none.
fn value<'a>(fields: &'a [DataField], var: &str) -> Option<&'a str> {
    let field = fields.iter().find(|field| field.var.as_deref() == Some(var))?;
    field.values.first().map(|value| value.text.as_str())
}

pub(super) fn password_of(fields: &[DataField]) -> Option<Secret> {
    value(fields, "muc#roomconfig_roomsecret").map(Secret::new)
}

/// The room's name for the meeting in it (docs/jitsi.md 1.5), unless it cannot be one.
pub(super) fn meeting_of(fields: &[DataField]) -> Option<MeetingId> {
    muc::meeting_id(value(fields, "muc#roominfo_meetingId")?)
}

pub(super) fn listed(item: AdminItem) -> Option<Listed> {
    Some(Listed {
        nick: Nick::new(item.nick.as_deref()?).ok()?,
        jid: item.jid.as_deref().and_then(|jid| RealJid::new(jid).ok()),
        role: muc::role(item.role.as_deref()),
        affiliation: muc::affiliation(item.affiliation.as_deref()),
    })
}

pub(super) fn info(service: String, payload: Option<Vec<Payload>>) -> LinkEvent {
    let identities = payload.and_then(|payload| {
        payload.into_iter().find_map(|payload| match payload {
            Payload::DiscoInfo { identities, .. } => Some(identities),
            _ => None,
        })
    });
    let is_conference = identities
        .map(|identities| identities.iter().any(|one| one.category.as_deref() == Some("conference")));
    LinkEvent::Info { service, is_conference }
}

pub(super) fn commands(service: String, payload: Option<Vec<Payload>>) -> LinkEvent {
    let items = payload.and_then(|payload| {
        payload.into_iter().find_map(|payload| match payload {
            Payload::DiscoItems { items } => Some(items),
            _ => None,
        })
    });
    let has_admins = items.map(|items| items.iter().any(|item| item.node.as_deref() == Some(ADMINS_COMMAND)));
    LinkEvent::Commands { service, has_admins }
}

pub(super) fn items(service: String, payload: Option<Vec<Payload>>, services: &Services) -> LinkEvent {
    let list = payload.and_then(|payload| {
        payload.into_iter().find_map(|payload| match payload {
            Payload::DiscoItems { items } => Some(items),
            _ => None,
        })
    });
    let rooms = list.map(|items| {
        let jids = items.iter().filter_map(|item| item.jid.as_deref());
        jids.filter_map(|jid| services.occupant(jid)).map(|(room, _)| room).collect()
    });
    LinkEvent::Items { service, rooms }
}
