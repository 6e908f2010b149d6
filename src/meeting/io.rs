//! What goes into the core and what comes out of it: our own types, free of XML.

pub use super::occupants::*;
use super::watchlist::{Change, Sender};
use crate::address::{Nick, RealJid, RoomJid};
use crate::config::{Mode, Secret};
use crate::jibri::RecordedBy;
use crate::time::Time;

/// Names one role query, so that a late answer is not taken for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(pub u64);

/// Names one start request and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u64);

/// Jicofo's name for a recording, `session_id` on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub Box<str>);

/// A room's name for the meeting in it, another one each time that the room is created: `muc#roominfo_meetingId` of
/// mod_muc_meeting_id (docs/jitsi.md 1.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeetingId(pub Box<str>);

/// When focus made its conference in this room: `created-ms` among its conference properties, in milliseconds since 1970
/// (docs/jitsi.md 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConferenceId(pub u64);

/// One thing that has become known.
#[derive(Debug, Clone)]
pub enum Input {
    /// The link to Prosody is usable; whatever was known of the rooms is from before.
    LinkUp,
    /// The link is gone; no answer to anything sent over it will come.
    LinkDown,
    /// The companion on this conference service answers from now on, and tells of all its rooms; or it does not any more.
    Companion {
        /// The service.
        service: String,
        /// Whether it does.
        answers: bool,
        /// Whether people can be told by it that they are recorded.
        can_notify: bool,
    },
    /// Prosody does not let us speak in other people's names (docs/jitsi.md 9): footprint `unseen` does not
    /// work.
    SenderRefused,
    /// Jicofo has gone, or is back: before long people come to all rooms anew, and recorders do not (docs/jitsi.md 13.2.13).
    JicofoRestarts,
    /// Somebody vouches for this room: it is watched, and looked at without delay.
    Watch {
        /// The room.
        room: RoomJid,
    },
    /// Hearsay alone names this room: the same, within a share of the query budget of its own, until
    /// [`Effect::Proven`](super::Effect::Proven).
    WatchOnTrial {
        /// The room.
        room: RoomJid,
        /// Who has named it: senders take turns.
        sender: Sender,
    },
    /// Something is said to have happened in this room, if it is watched: it is looked at without delay.
    Poll {
        /// The room.
        room: RoomJid,
    },
    /// Jicofo counts another number in this room than before: it is looked at without delay, if we only look from outside.
    Counted {
        /// The room.
        room: RoomJid,
    },
    /// Nobody vouches for this room any more. What is going on in it is seen to its end.
    Forget {
        /// The room.
        room: RoomJid,
    },
    /// How many Jibris are free now.
    Supply(Supply),
    /// Something about one room.
    Room {
        /// The room, by its real name.
        room: RoomJid,
        /// What about it.
        event: RoomEvent,
    },
    /// Nothing new but the time: some deadline has passed.
    Tick,
}

impl Input {
    /// The one room that it is about.
    pub fn room(&self) -> Option<&RoomJid> {
        match self {
            Self::Watch { room }
            | Self::WatchOnTrial { room, .. }
            | Self::Poll { room }
            | Self::Counted { room }
            | Self::Forget { room }
            | Self::Room { room, .. } => Some(room),
            Self::LinkUp
            | Self::LinkDown
            | Self::Companion { .. }
            | Self::SenderRefused
            | Self::JicofoRestarts
            | Self::Supply(_)
            | Self::Tick => None,
        }
    }
}

/// How many Jibris there are for starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Supply {
    /// Nobody can see the Jibris; Jicofo will say.
    #[default]
    Unknown,
    /// They can be seen.
    Known {
        /// Those that are free, less the starts that are under way and have none yet.
        free: usize,
        /// Another number each time that some Jibri has become free, or none.
        change: u64,
    },
}

impl From<Change> for Input {
    fn from(change: Change) -> Self {
        match change {
            Change::Watch(room) => Self::Watch { room },
            Change::WatchOnTrial { room, sender } => Self::WatchOnTrial { room, sender },
            Change::Poll(room) => Self::Poll { room },
            Change::Forget(room) => Self::Forget { room },
        }
    }
}

/// Something that has become known about one room.
#[derive(Debug, Clone)]
pub enum RoomEvent {
    /// The answer to [`Action::AskRoles`].
    Roles {
        /// Which query.
        query: QueryId,
        /// The occupants with role moderator or participant, or why there is no list.
        result: Result<Vec<Listed>, ListError>,
    },
    /// Somebody's available presence (XEP-0045, section 7).
    Presence(Presence),
    /// Somebody's unavailable presence.
    Left {
        /// The nickname that is gone.
        nick: Nick,
        /// In which manner.
        how: Departure,
    },
    /// We are out of the room.
    Out(Out),
    /// Our entry was refused.
    EntryRefused(Refusal),
    /// The answer to [`Action::AskForm`].
    Form {
        /// Which query.
        query: QueryId,
        /// The password, if there is one and we are told.
        password: Option<Secret>,
        /// The room's name for the meeting in it, if it has one and we are told.
        meeting: Option<MeetingId>,
    },
    /// The answer to [`Action::Start`].
    StartAnswered {
        /// Which start.
        attempt: AttemptId,
        /// What focus, or Prosody in its stead, said.
        answer: Answer,
    },
    /// The answer to [`Action::Stop`].
    StopAnswered {
        /// Which stop.
        attempt: AttemptId,
        /// What focus, or Prosody in its stead, said.
        answer: Answer,
    },
    /// A Jibri has turned busy for the start under way, or for certain none was even selected. Counts only where
    /// no answer will come, because the start was sent in somebody's name.
    Taken(bool),
    /// The Jibri that has taken, or may have taken, this room's start has stopped working.
    JibriStopped {
        /// It is not there any more.
        gone: bool,
    },
    /// A Jibri is to be restarted, to find out whether it or this room is the reason that starts fail: none before this.
    HoldBack(Time),
    /// What is known of the Jibri whose recorder is in this room.
    RecordedBy(RecordedBy),
    /// A stanza from this room could not be read; the picture of it may be wrong now.
    Unreadable,
    /// Everything about the room, as the companion tells it; none if something there cannot be read, so that nothing is known.
    Pictured(Option<Box<RoomPicture>>),
    /// The companion says that there is no such room, or not any more.
    Over,
}

/// Why we are out of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// We left.
    Left,
    /// Somebody, or the server, removed us; the status code (XEP-0045, section 15.6.2).
    Removed {
        /// 301, 307, 321, 322, 333; none if there was none.
        code: Option<u16>,
    },
    /// The room was destroyed (XEP-0045, section 10.9).
    Destroyed,
}

/// What came back for a start request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Focus has found a Jibri; nothing is recorded yet.
    Accepted {
        /// Its name for the session.
        session: Option<SessionId>,
    },
    /// An error.
    Refused(Refusal),
    /// The companion has not sent it.
    Unsent(Unsent),
    /// Nothing in time, or nobody knows.
    TimedOut,
}

/// Why the companion has not sent what it was asked to send (docs/companion.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// Whoever it was to speak for is not there, or is no moderator any more.
    SpeakerGone,
    /// There is no such room.
    NoRoom,
    /// Jicofo is not in the room.
    NoFocus,
    /// It has too much to do.
    TooMuch,
    /// It does not understand what it was asked.
    Bad,
}

/// A stanza error, judged by condition, text and author, never by its type (docs/jitsi.md 0.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The defined condition (RFC 6120, section 8.3.3).
    pub condition: Condition,
    /// `<text>`, shortened to 200 characters; from the network, to be escaped where it is shown.
    pub text: Option<String>,
    /// `by`: who refused.
    pub by: By,
    /// `<displayname-required>` was in it (docs/jitsi.md 4.5).
    pub display_name_required: bool,
    /// `<lobbyroom>` was in it (docs/jitsi.md 4.5).
    pub lobby: bool,
}

/// The `by` attribute of an error, compared with the address asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// There is none: the entity asked has answered itself.
    Unsaid,
    /// The room.
    Room,
    /// The conference service.
    Service,
    /// Somebody else.
    Other,
}

/// The error conditions that mean something here (RFC 6120, section 8.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// `bad-request`
    BadRequest,
    /// `conflict`
    Conflict,
    /// `forbidden`
    Forbidden,
    /// `internal-server-error`
    InternalServerError,
    /// `item-not-found`
    ItemNotFound,
    /// `not-acceptable`
    NotAcceptable,
    /// `not-allowed`
    NotAllowed,
    /// `not-authorized`
    NotAuthorized,
    /// `registration-required`
    RegistrationRequired,
    /// `remote-server-not-found` or `remote-server-timeout`
    RemoteServer,
    /// `resource-constraint`
    ResourceConstraint,
    /// `service-unavailable`
    ServiceUnavailable,
    /// `unexpected-request`
    UnexpectedRequest,
    /// Any other, or none.
    Other,
}

/// Something to be done in the outside world.
#[derive(Debug, Clone)]
pub enum Action {
    /// Ask for the role lists of a room (docs/jitsi.md 1.5); answered by [`RoomEvent::Roles`].
    AskRoles {
        /// The room.
        room: RoomJid,
        /// To be named in the answer.
        query: QueryId,
        /// Which of them.
        which: Roles,
    },
    /// Enter a room; answered by presences, our own last, or by [`RoomEvent::EntryRefused`].
    Enter {
        /// The room.
        room: RoomJid,
        /// Our nickname there.
        nick: Nick,
        /// The room's password, where it wants one.
        password: Option<Secret>,
    },
    /// Ask for the configuration of a room as one of its owners (docs/jitsi.md 1.5); answered by [`RoomEvent::Form`].
    AskForm {
        /// The room.
        room: RoomJid,
        /// To be named in the answer.
        query: QueryId,
    },
    /// Leave a room; answered by [`RoomEvent::Out`].
    Leave {
        /// The room.
        room: RoomJid,
        /// Our nickname there.
        nick: Nick,
    },
    /// Send focus a start request; answered by [`RoomEvent::StartAnswered`] if it is sent in our own name.
    Start {
        /// The room.
        room: RoomJid,
        /// To be named in the answer.
        attempt: AttemptId,
        /// In whose name.
        speaker: Speaker,
        /// What to record to.
        order: Order,
        /// How long focus has for its answer.
        timeout: std::time::Duration,
    },
    /// Send focus a stop request; answered by [`RoomEvent::StopAnswered`] if it is sent in our own name.
    Stop {
        /// The room.
        room: RoomJid,
        /// To be named in the answer.
        attempt: AttemptId,
        /// In whose name.
        speaker: Speaker,
        /// What is being recorded to.
        mode: Mode,
        /// How long focus has for its answer.
        timeout: std::time::Duration,
    },
    /// Ask the companion for everything about a room; answered by [`RoomEvent::Pictured`] or [`RoomEvent::Over`].
    AskPicture {
        /// The room.
        room: RoomJid,
    },
    /// Have the companion tell people by their clients that they are recorded, or not any more; the next picture shows it.
    Notice {
        /// The room.
        room: RoomJid,
        /// Whether they are.
        recording: bool,
    },
}

/// In whose name focus is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaker {
    /// In our own, as an occupant.
    Ourselves,
    /// As the occupant with this full JID. No answer comes (docs/jitsi.md 9).
    InName(RealJid),
    /// As the occupant with this nickname, by the companion: focus's answer comes (docs/companion.md).
    Companion(Nick),
}

impl Speaker {
    /// Whoever gets the answer instead of us.
    pub fn sender(&self) -> Option<&RealJid> {
        match self {
            Self::InName(jid) => Some(jid),
            Self::Ourselves | Self::Companion(_) => None,
        }
    }
}

/// What a start request asks for (docs/jitsi.md 2).
#[derive(Debug, Clone)]
pub struct Order {
    /// `recording_mode`.
    pub mode: Mode,
    /// `streamid`, sent with [`Mode::Stream`] only.
    pub stream_key: Secret,
    /// `app_data`.
    pub app_data: Option<String>,
}
