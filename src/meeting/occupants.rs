//! What a room shows of its occupants (XEP-0045): lists, presences, and what focus says in its own.

use super::io::{ConferenceId, MeetingId, SessionId};
use super::person::DisplayName;
use crate::address::{Nick, RealJid};
use crate::config::Mode;
use crate::jibri::JibriName;

/// One line of a role list (XEP-0045, section 9.5 and 9.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The nickname.
    pub nick: Nick,
    /// The real JID, if the service told.
    pub jid: Option<RealJid>,
    /// The role.
    pub role: Role,
    /// The affiliation.
    pub affiliation: Affiliation,
}

/// Which role lists (XEP-0045, sections 9.5 and 9.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roles {
    /// The moderators and the participants: everybody who counts.
    Both,
    /// The moderators, focus among them.
    Moderators,
    /// The participants, recorders among them.
    Participants,
}

impl Roles {
    /// How many queries they take.
    pub const fn queries(self) -> u32 {
        match self {
            Self::Both => 2,
            Self::Moderators | Self::Participants => 1,
        }
    }
}

/// Why a role query brought no list (docs/jitsi.md 1.5, 10.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListError {
    /// There is no such room.
    Gone,
    /// We are not an owner: a mistake in Prosody's configuration.
    Forbidden,
    /// No answer in time; proves nothing.
    TimedOut,
    /// The question cannot be written.
    Unwritable,
    /// Anything else; proves nothing.
    Other,
}

/// An occupant's role at this moment (XEP-0045, section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `none`, or a role that the server did not send or that we do not know: counts as nobody.
    None,
    /// `visitor`: counts as nobody (docs/jitsi.md 1.6).
    Visitor,
    /// `participant`.
    Participant,
    /// `moderator`.
    Moderator,
}

/// A long-lived affiliation (XEP-0045, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affiliation {
    /// `none`, `outcast`, missing or unknown.
    None,
    /// `member`.
    Member,
    /// `admin`.
    Admin,
    /// `owner`.
    Owner,
}

/// What a presence says about its sender being a machine (docs/jitsi.md 1.1). Anybody can claim these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// `http://jitsi.org/protocol/jibri`.
    pub jibri: bool,
    /// `http://jitsi.org/protocol/jigasi`.
    pub jigasi: bool,
    /// `http://jitsi.org/protocol/transcriber`.
    pub transcriber: bool,
}

/// Somebody's available presence.
#[derive(Debug, Clone)]
pub struct Presence {
    /// The nickname.
    pub nick: Nick,
    /// The real JID, if the service told.
    pub jid: Option<RealJid>,
    /// The role.
    pub role: Role,
    /// The affiliation.
    pub affiliation: Affiliation,
    /// What it says of itself.
    pub marks: Marks,
    /// `<session_id>`, which a recorder shows once it is inside.
    pub session: Option<SessionId>,
    /// `<mode>`, which it shows with that, where it is one that we know.
    pub mode: Option<Mode>,
    /// `<stats-id>`, which in a recorder's presence is its Jibri's id (docs/jitsi.md 1.1); anybody can claim it.
    pub jibri: Option<JibriName>,
    /// `<nick/>`, the name that somebody displays (XEP-0172).
    pub name: Option<DisplayName>,
    /// `<jibri-recording-status>`; means something in the focus's presence only.
    pub recording: Option<RecordingStatus>,
    /// `created-ms` in `<conference-properties>`; means something in the focus's presence only.
    pub conference: Option<ConferenceId>,
    /// Status 110: this is our own presence, the list of occupants is complete.
    pub own: bool,
    /// Status 201: our entry has created the room.
    pub created: bool,
}

/// `<jibri-recording-status>` in focus's presence (docs/jitsi.md 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingStatus {
    /// `status`: on, or off.
    pub on: bool,
    /// `session_id`.
    pub session: Option<SessionId>,
    /// `recording_mode`, where it is one that we know.
    pub mode: Option<Mode>,
    /// Whether there is a `failure_reason`.
    pub failed: bool,
    /// `initiator`: the nickname of who started (on) or stopped (off) it.
    pub initiator: Option<Nick>,
}

/// How an occupant left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Departure {
    /// Left, was removed, or died.
    Gone,
    /// Status 303: the same occupant, now under this nickname.
    Renamed(Nick),
}

/// Everything about a room at one moment, as the companion tells it (docs/companion.md).
#[derive(Debug, Clone)]
pub struct RoomPicture {
    /// Everybody who is there, but those who are left out; none of them us.
    pub occupants: Vec<Presence>,
    /// How many people are there besides: no moderators, and no machines.
    pub left_out: u32,
    /// Those of the occupants whose tokens say that they may not record.
    pub may_not_record: Vec<Nick>,
    /// The room's name for the meeting in it, if it has one.
    pub meeting: Option<MeetingId>,
    /// Whether people are told by their clients that they are recorded.
    pub notice: bool,
}
