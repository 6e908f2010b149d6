//! What the simulations' companions draw.

use jibri_autostart::meeting::{Presence, Role};

/// Leaves out all mere participants but one; how many those are.
pub(crate) fn leave_out(occupants: &mut Vec<Presence>) -> u32 {
    let is_last = |one: &Presence| {
        let is_person = one.jid.as_ref().is_some_and(|jid| jid.domain() == "meet.jitsi");
        is_person && one.role != Role::Moderator && !one.marks.jigasi
    };
    let all = occupants.len();
    let mut shown = 0;
    occupants.retain(|one| {
        shown += u32::from(is_last(one));
        !is_last(one) || shown <= 1
    });
    u32::try_from(all - occupants.len()).unwrap()
}
