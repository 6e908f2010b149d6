//! Why we are not in the brewery, in words that say which setting to change.

use crate::address::RoomJid;
use crate::meeting::{Condition, Refusal};

/// Why we are not let into the brewery. What the network has said is escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLetIn {
    /// No answer at all: that is how `mod_muc_filter_access` refuses.
    #[error(
        "no answer to our entry into {room:?}: Prosody drops presence from domains that are not in \
         muc_filter_whitelist of its Component {:?} (docker-jitsi-meet, Debian); put {domain:?} into that list, \
         beside what it holds now, and restart Prosody. If that is done, Prosody is overloaded", .room.service()
    )]
    NoAnswer {
        /// `jibri.brewery`
        room: RoomJid,
        /// Our domain.
        domain: String,
    },
    /// There is no such room, and we are not one to create it.
    #[error(
        "there is no room {room:?} yet: neither Jicofo nor a Jibri is there, or they use another one \
         (docker-jitsi-meet: JIBRI_BREWERY_MUC; jicofo.conf: jibri.brewery-jid) and jibri.brewery must be changed"
    )]
    NoRoom {
        /// `jibri.brewery`
        room: RoomJid,
    },
    /// There is no such conference service.
    #[error(
        "Prosody has no conference service {:?}: correct jibri.brewery (docker-jitsi-meet: \
         XMPP_INTERNAL_MUC_DOMAIN; jicofo.conf: jibri.brewery-jid)", .room.service()
    )]
    NoService {
        /// `jibri.brewery`
        room: RoomJid,
    },
    /// Any other refusal.
    #[error("{room:?} does not let us in ({:?}{}): {}", .refusal.condition, said(.refusal), advice(.refusal))]
    Refused {
        /// `jibri.brewery`
        room: RoomJid,
        /// What it says.
        refusal: Refusal,
    },
}

impl NotLetIn {
    /// What a refusal means for somebody who may not create the room.
    pub(super) fn from_refusal(room: &RoomJid, refusal: Refusal) -> Self {
        let room = room.clone();
        let text = refusal.text.as_deref().unwrap_or_default();
        match refusal.condition {
            Condition::NotAllowed if text.contains("remote domains") => Self::NoService { room },
            Condition::RemoteServer => Self::NoService { room },
            Condition::NotAllowed if text.is_empty() || text.contains("creation") => Self::NoRoom { room },
            _ => Self::Refused { room, refusal },
        }
    }

    /// Nothing is wrong yet: Jicofo, or the first Jibri, makes the room.
    pub fn is_usual(&self) -> bool {
        matches!(self, Self::NoRoom { .. })
    }
}

fn said(refusal: &Refusal) -> String {
    refusal.text.as_deref().map(|text| format!(", {text:?}")).unwrap_or_default()
}

fn advice(refusal: &Refusal) -> &'static str {
    match refusal.condition {
        Condition::Forbidden => "we are banned there; take our address from the room's list of outcasts",
        Condition::NotAuthorized => "it asks for a password; a brewery must have none",
        Condition::RegistrationRequired => "it is for members only; a brewery must be open",
        Condition::ServiceUnavailable | Condition::ResourceConstraint => {
            "it is full, or a module of Prosody turns us away; its Component must let our domain in"
        }
        Condition::Conflict => "all our nicknames are taken there",
        Condition::NotAllowed | Condition::NotAcceptable | Condition::BadRequest => {
            "a module of Prosody minds our address or nickname; its Component must let our domain in"
        }
        _ => "see Prosody's log, and which modules its Component has",
    }
}
