//! Why we cannot look, or enter, in words that say what to change.

use crate::meeting::io::{Condition, ListError, Refusal};

/// An entry that has no answer yet (docs/jitsi.md 4.5).
pub const LETS_IN_SLOWLY: &str = "the room lets people in slowly (Prosody's muc_rate_limit lets in muc_rate_joins a second, \
     3 if that is not set): our entry waits for its turn";

/// What a failed role query means and what to change (docs/jitsi.md 1.5, 10.3).
pub fn list_error_reason(error: ListError) -> &'static str {
    match error {
        ListError::Gone => "the room does not exist",
        ListError::Forbidden => {
            "we are not an owner of the room: list user@domain of [xmpp] in `admins` of Prosody's MUC component, and \
             set `component_admins_as_room_owners = true` there"
        }
        ListError::TimedOut => "Prosody does not answer when asked who is in the room",
        ListError::Unwritable => "Prosody cannot be asked who is in the room: no room can have this name",
        ListError::Other => "Prosody refuses to say who is in the room, for an unknown reason",
    }
}

/// What a refused entry means and what to change (docs/jitsi.md 4.5).
pub fn refusal_reason(refusal: &Refusal) -> &'static str {
    match refusal.condition {
        Condition::NotAuthorized => "the room has a password, and did not tell us the right one",
        Condition::RegistrationRequired if refusal.lobby => {
            "the room has a lobby and we are not an owner: list user@domain of [xmpp] in `admins` of Prosody's MUC component"
        }
        Condition::RegistrationRequired => "the room is for members only and we are not an owner",
        Condition::Forbidden => "we are banned from the room",
        Condition::ServiceUnavailable => {
            "the room is full (MAX_PARTICIPANTS): add our domain to muc_access_whitelist"
        }
        Condition::Conflict => "our nickname and the ones like it are taken: choose another muc.nickname",
        Condition::NotAcceptable if refusal.display_name_required => "the room wants a display name",
        Condition::NotAllowed => {
            "Prosody does not allow us in: the room is gone and we may not create one, or muc.nickname is not \
             acceptable (letters, digits and _ only)"
        }
        _ => "Prosody refuses us for an unknown reason",
    }
}
