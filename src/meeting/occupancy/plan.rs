//! What a room wants of our place in it, and what that tells in return.

use crate::meeting::io::Roles;
use crate::meeting::polling::Pace;

/// What we know of who is in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::meeting) enum Visibility {
    /// Not everybody; nothing is decided.
    Blind,
    /// We are on our way in and shall know in a moment; nothing is decided, and nothing forgotten.
    Blinking,
    /// Who is there, by role lists, but not what focus says.
    Outside,
    /// Everything.
    Inside,
}

/// What there is to do for our occupant itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::meeting) enum Errand {
    None,
    /// What is seen from outside has to be of this moment.
    Poll,
    /// Focus is to be heard, or asked: who is not inside pays a visit, if people are there.
    Visit,
    /// The recording is to be stopped: the same, whoever is there.
    Stop,
}

impl Errand {
    pub(super) const fn is_visit(self) -> bool {
        matches!(self, Self::Visit | Self::Stop)
    }
}

/// What the room wants of its occupancy.
#[derive(Debug, Clone, Copy)]
pub(in crate::meeting) struct Plan {
    /// Whether this room may be recorded at all; if not, it is none of our business.
    pub(in crate::meeting) record: bool,
    pub(in crate::meeting) errand: Errand,
    /// A request is under way, whose answer comes only while we are inside.
    pub(in crate::meeting) busy: bool,
    /// That request is a stop.
    pub(in crate::meeting) stopping: bool,
    /// A recording needs a moderator here.
    pub(in crate::meeting) needs_moderator: bool,
    pub(in crate::meeting) pace: Pace,
    /// Whoever comes and goes changes nothing, as long as somebody is there and the recorder stays.
    pub(in crate::meeting) is_settled: bool,
    /// Which lists show what is awaited.
    pub(in crate::meeting) which: Roles,
}

/// What an input means for the rest of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::meeting) enum News {
    None,
    /// A list has shown everybody, by which a resident may go in.
    Listed,
    /// The room does not exist, or no longer.
    RoomGone,
    /// The question who is in the room was not answered, or with an error that proves nothing.
    Unanswered,
}
