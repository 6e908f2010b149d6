//! Who is in the room right now, as far as we see.

use crate::address::Nick;
use crate::meeting::context::Policy;
use crate::meeting::io::Speaker;
use crate::meeting::occupancy::Visibility;
use crate::meeting::roster::Roster;

/// What is seen of the room right now.
#[derive(Debug, Clone, Copy)]
pub(in crate::meeting) struct Picture<'a> {
    /// How much we see. Focus's word is heard inside only; outside it is unknown, which is not none.
    pub(in crate::meeting) visibility: Visibility,
    /// We go inside for a moment only, so what happens while we are outside is read from who is there.
    pub(in crate::meeting) visitor: bool,
    /// Focus is in the room.
    pub(in crate::meeting) focus: bool,
    /// People in the room, and moderators among them.
    pub(in crate::meeting) people: u32,
    pub(in crate::meeting) moderators: u32,
    /// Our nickname, while we are inside or told.
    pub(in crate::meeting) our_nick: Option<&'a Nick>,
    /// The companion tells us everything, and acts for us.
    pub(in crate::meeting) by_companion: bool,
    /// Everybody who is there, by name.
    pub(in crate::meeting) roster: &'a Roster,
    /// Whether somebody is there who was when we last saw everybody; none if that is not known.
    pub(in crate::meeting) stayed: Option<bool>,
    /// What is seen from outside is of this moment.
    pub(in crate::meeting) fresh: bool,
    /// The room did not let us in, or nobody wants us there, a moment ago.
    pub(in crate::meeting) unwelcome: bool,
}

impl Picture<'_> {
    /// We know who is there; without this nothing is decided.
    pub(in crate::meeting) fn is_complete(&self) -> bool {
        matches!(self.visibility, Visibility::Inside | Visibility::Outside)
    }

    pub(in crate::meeting) fn is_inside(&self) -> bool {
        self.visibility == Visibility::Inside
    }

    /// Under which nickname, and in whose name, focus can be asked now such that its answer comes. `turn`: how many were
    /// spoken for before, to no avail.
    pub(in crate::meeting) fn speaker(&self, turn: u32) -> Option<(&Nick, Speaker)> {
        if self.by_companion {
            let nick = self.roster.oldest_moderator(turn)?;
            return Some((nick, Speaker::Companion(nick.clone())));
        }
        self.our_nick.map(|nick| (nick, Speaker::Ourselves))
    }

    /// We are outside and may go inside: focus is there, as it must be.
    pub(in crate::meeting) fn may_enter(&self, policy: Policy<'_>) -> bool {
        policy.may_visit() && self.visibility == Visibility::Outside && self.focus
    }

    /// The same, and there is somebody whose meeting it is.
    pub(in crate::meeting) fn may_visit(&self, policy: Policy<'_>) -> bool {
        self.may_enter(policy) && self.people > 0
    }
}
