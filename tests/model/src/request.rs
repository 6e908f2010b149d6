//! What occupants ask of Jicofo, what it answers (docs/jitsi.md 2), and what it publishes (docs/jitsi.md 3).

/// What names a recording.
pub type SessionId = String;

/// `recording_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To a file.
    File,
    /// A live stream.
    Stream,
}

impl Mode {
    /// From `recording_mode` and `streamid`.
    pub fn of(recording_mode: &str, stream: &str) -> Result<Mode, Refusal> {
        match (recording_mode == "file", stream.trim().is_empty()) {
            (true, true) => Ok(Mode::File),
            (false, false) => Ok(Mode::Stream),
            (false, true) => Err(Refusal::StreamIdMissing),
            (true, false) => Err(Refusal::StreamIdForFile),
        }
    }

    /// As `recording_mode` has it.
    pub fn name(self) -> &'static str {
        if self == Mode::File { "file" } else { "stream" }
    }
}

/// `action` of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `start`, and the id that the session gets.
    Start(SessionId, Mode),
    /// `stop`, without a session id.
    Stop,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is a session in this meeting.
    AlreadyEnabled,
    /// No Jibri can be chosen.
    AllBusy,
    /// No Jibri is in the brewery.
    NoJibris,
    /// The retries are used up.
    InternalServerError,
    /// Nothing to stop.
    UnknownSession,
    /// Recording is not enabled, or the conference has just begun.
    NoRecorder,
    /// It does not know the sender.
    Forbidden,
    /// The sender is no moderator.
    NotAllowed,
    /// `Stream ID is empty or undefined`.
    StreamIdMissing,
    /// `Stream ID is provided for a FILE recording.`
    StreamIdForFile,
    /// Neither start nor stop.
    UndefinedAction,
}

impl Refusal {
    /// The condition of the error, and its text.
    pub fn condition(self) -> (&'static str, Option<&'static str>) {
        match self {
            Refusal::AlreadyEnabled => {
                ("unexpected-request", Some("Recording or live streaming is already enabled"))
            }
            Refusal::AllBusy => ("resource-constraint", Some("all Jibris are busy")),
            Refusal::NoJibris => ("service-unavailable", Some("no Jibris available")),
            Refusal::InternalServerError => ("internal-server-error", Some("Internal server error")),
            Refusal::UnknownSession => ("item-not-found", Some("Unknown session")),
            Refusal::NoRecorder => ("item-not-found", None),
            Refusal::Forbidden => ("forbidden", None),
            Refusal::NotAllowed => ("not-allowed", None),
            Refusal::StreamIdMissing => ("bad-request", Some("Stream ID is empty or undefined")),
            Refusal::StreamIdForFile => ("bad-request", Some("Stream ID is provided for a FILE recording.")),
            Refusal::UndefinedAction => ("bad-request", Some("undefined action")),
        }
    }
}

/// `jibri-recording-status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingStatus {
    /// `status`.
    pub on: bool,
    /// `session_id`.
    pub session: SessionId,
    /// `recording_mode`.
    pub mode: Mode,
    /// `failure_reason='error'`.
    pub failed: bool,
    /// Nickname of who has started it (with on) or stopped it (with off).
    pub initiator: Option<String>,
}
