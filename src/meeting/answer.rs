//! What each answer to a start request means (docs/jitsi.md 2, the table of answers).

use super::io::{Answer, By, Condition, Refusal, SessionId, Unsent};

/// What to conclude from an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A Jibri was found; the recording is pending.
    Accepted(Option<SessionId>),
    /// Somebody else's session is there already, pending or on.
    AlreadyRunning,
    /// Not now; try again.
    Failed(StartFailure),
    /// Trying again does not help until somebody has changed a setting.
    Refused(Misfit),
}

/// Why a start failed in a way that another try may mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFailure {
    /// Jibris are there, none could be used.
    AllBusy,
    /// Jicofo sees no Jibri at all.
    NoJibri,
    /// Jicofo has tried several and all failed.
    SeveralFailed,
    /// Focus failed without saying why.
    FocusError,
    /// Focus does not know us as an occupant yet.
    NotKnownYet,
    /// Focus has no recorder for this conference (yet).
    NoRecorder,
    /// Focus is not in the room.
    NoFocus,
    /// The room is gone.
    NoRoom,
    /// We are not in the room.
    NotInside,
    /// No answer within `start.request_timeout`.
    NoAnswer,
    /// Accepted, but not on within `start.pending_timeout`.
    PendingTimeout,
    /// Focus published the end of the session before it was ever on.
    EndedBeforeOn,
    /// Focus published `off` with a failure: its own retries are used up.
    Failed,
    /// Sent in a moderator's name, and no recorder came within `start.request_timeout`.
    NoSign,
    /// Sent in a moderator's name, and Jicofo has selected no Jibri for it.
    NotTaken,
    /// The moderator in whose name it was sent left at that moment.
    SenderLeft,
    /// The companion did not send it: whoever it was to speak for has left, or is no moderator any more.
    SpeakerGone,
    /// The companion did not send it: it has too much to do.
    CompanionBusy,
    /// It was on, the recorder is gone, and focus does not say why.
    Vanished,
    /// An answer that is not in the book.
    Unknown,
}

impl StartFailure {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::AllBusy,
        Self::NoJibri,
        Self::SeveralFailed,
        Self::FocusError,
        Self::NotKnownYet,
        Self::NoRecorder,
        Self::NoFocus,
        Self::NoRoom,
        Self::NotInside,
        Self::NoAnswer,
        Self::PendingTimeout,
        Self::EndedBeforeOn,
        Self::Failed,
        Self::NoSign,
        Self::NotTaken,
        Self::SenderLeft,
        Self::SpeakerGone,
        Self::CompanionBusy,
        Self::Vanished,
        Self::Unknown,
    ];

    /// Its name in the metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllBusy => "all_busy",
            Self::NoJibri => "no_jibri",
            Self::SeveralFailed => "several_failed",
            Self::FocusError => "focus_error",
            Self::NotKnownYet => "not_known_yet",
            Self::NoRecorder => "no_recorder",
            Self::NoFocus => "no_focus",
            Self::NoRoom => "no_room",
            Self::NotInside => "not_inside",
            Self::NoAnswer => "no_answer",
            Self::PendingTimeout => "pending_timeout",
            Self::EndedBeforeOn => "ended_before_on",
            Self::Failed => "failed",
            Self::NoSign => "no_sign",
            Self::NotTaken => "not_taken",
            Self::SenderLeft => "sender_left",
            Self::SpeakerGone => "speaker_gone",
            Self::CompanionBusy => "companion_busy",
            Self::Vanished => "vanished",
            Self::Unknown => "unknown",
        }
    }

    /// Whether another, or a free, Jibri is all that is needed.
    pub fn is_for_want_of_jibris(self) -> bool {
        matches!(self, Self::AllBusy | Self::NoJibri | Self::SeveralFailed | Self::NoSign)
    }

    /// Whether it is likely over in a moment, so that waiting longer and longer makes no sense at first.
    pub fn passes_soon(self) -> bool {
        matches!(
            self,
            Self::NotKnownYet
                | Self::NoRecorder
                | Self::NoFocus
                | Self::NoRoom
                | Self::NotInside
                | Self::FocusError
                | Self::SenderLeft
                | Self::SpeakerGone
                | Self::CompanionBusy
        )
    }
}

/// Why trying again does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// We are an occupant, but not a moderator.
    NotModerator,
    /// Focus does not understand what we ask for.
    BadRequest,
}

/// Reads an answer.
pub fn meaning(answer: Answer) -> Meaning {
    match answer {
        Answer::Accepted { session } => Meaning::Accepted(session),
        Answer::TimedOut => Meaning::Failed(StartFailure::NoAnswer),
        Answer::Refused(refusal) => refusal_meaning(&refusal),
        Answer::Unsent(Unsent::SpeakerGone) => Meaning::Failed(StartFailure::SpeakerGone),
        Answer::Unsent(Unsent::NoRoom) => Meaning::Failed(StartFailure::NoRoom),
        Answer::Unsent(Unsent::NoFocus) => Meaning::Failed(StartFailure::NoFocus),
        Answer::Unsent(Unsent::TooMuch) => Meaning::Failed(StartFailure::CompanionBusy),
        Answer::Unsent(Unsent::Bad) => Meaning::Refused(Misfit::BadRequest),
    }
}

fn refusal_meaning(refusal: &Refusal) -> Meaning {
    use StartFailure as F;
    let text = refusal.text.as_deref().unwrap_or("");
    let failure = match (refusal.condition, refusal.by) {
        (Condition::UnexpectedRequest, _) => return Meaning::AlreadyRunning,
        (Condition::BadRequest, _) => return Meaning::Refused(Misfit::BadRequest),
        // Prosody says not-allowed too, for addresses that it does not route; it names itself in `by`.
        (Condition::NotAllowed, By::Unsaid) => return Meaning::Refused(Misfit::NotModerator),
        (Condition::ResourceConstraint, _) => F::AllBusy,
        (Condition::ServiceUnavailable, By::Unsaid) => F::NoJibri,
        (Condition::InternalServerError, _) if text.is_empty() => F::FocusError,
        (Condition::InternalServerError, _) => F::SeveralFailed,
        (Condition::Forbidden, By::Unsaid) => F::NotKnownYet,
        (Condition::ItemNotFound, By::Unsaid) => F::NoRecorder,
        (Condition::ItemNotFound, By::Room) => F::NoFocus,
        (Condition::ItemNotFound, By::Service) => F::NoRoom,
        (Condition::NotAcceptable, By::Room) => F::NotInside,
        _ => F::Unknown,
    };
    Meaning::Failed(failure)
}

/// Why a stop came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopFailure {
    /// No answer, or the recorder is still there long after.
    NoAnswer,
    /// Focus knows of no recording.
    UnknownSession,
    /// Focus does not take us for a moderator.
    NotModerator,
    /// We are not in the room.
    NotInside,
    /// Footprint `unseen` without `peek`, and no moderator is there in whose name it could be sent.
    NobodyToSpeakFor,
    /// Footprint `companion`, no moderator is there in whose name it could be sent, and we are no owner of the room.
    NoRights,
    /// The moderator in whose name it was sent left at that moment.
    SenderLeft,
    /// This is a dry run.
    DryRun,
    /// An answer that is not in the book.
    Unknown,
}

impl StopFailure {
    /// Trying again does not help.
    pub(super) fn is_final(self) -> bool {
        matches!(
            self,
            Self::UnknownSession
                | Self::NotModerator
                | Self::NobodyToSpeakFor
                | Self::NoRights
                | Self::DryRun
        )
    }
}

/// Reads the answer to a stop; none: it is done (docs/jitsi.md 2).
pub(super) fn stop_failure(answer: Answer) -> Option<StopFailure> {
    use StopFailure as F;
    let refusal = match answer {
        Answer::Accepted { .. } => return None,
        Answer::TimedOut => return Some(F::NoAnswer),
        Answer::Unsent(Unsent::SpeakerGone) => return Some(F::SenderLeft),
        Answer::Unsent(_) => return Some(F::Unknown),
        Answer::Refused(refusal) => refusal,
    };
    Some(match (refusal.condition, refusal.by) {
        (Condition::ItemNotFound, By::Unsaid) => F::UnknownSession,
        (Condition::NotAllowed, By::Unsaid) => F::NotModerator,
        (Condition::NotAcceptable, By::Room) | (Condition::ItemNotFound, By::Service) => F::NotInside,
        _ => F::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(condition: Condition, text: &str, by: By) -> Meaning {
        let text = (!text.is_empty()).then(|| text.to_owned());
        meaning(Answer::Refused(Refusal { condition, text, by, display_name_required: false, lobby: false }))
    }

    #[test]
    fn the_table_of_answers() {
        use Condition as C;
        use StartFailure as F;
        let table = [
            (C::ResourceConstraint, "all Jibris are busy", By::Unsaid, Meaning::Failed(F::AllBusy)),
            (C::ServiceUnavailable, "no Jibris available", By::Unsaid, Meaning::Failed(F::NoJibri)),
            (C::InternalServerError, "Internal server error", By::Unsaid, Meaning::Failed(F::SeveralFailed)),
            (C::InternalServerError, "", By::Unsaid, Meaning::Failed(F::FocusError)),
            (C::BadRequest, "undefined action", By::Unsaid, Meaning::Refused(Misfit::BadRequest)),
            (C::Forbidden, "", By::Unsaid, Meaning::Failed(F::NotKnownYet)),
            (C::NotAllowed, "", By::Unsaid, Meaning::Refused(Misfit::NotModerator)),
            (C::NotAllowed, "Communication with remote domains", By::Other, Meaning::Failed(F::Unknown)),
            (C::ItemNotFound, "", By::Unsaid, Meaning::Failed(F::NoRecorder)),
            (C::ItemNotFound, "Recipient not in room", By::Room, Meaning::Failed(F::NoFocus)),
            (C::ItemNotFound, "", By::Service, Meaning::Failed(F::NoRoom)),
            (C::NotAcceptable, "", By::Room, Meaning::Failed(F::NotInside)),
            (
                C::UnexpectedRequest,
                "Recording or live streaming is already enabled",
                By::Unsaid,
                Meaning::AlreadyRunning,
            ),
            (C::Other, "", By::Unsaid, Meaning::Failed(F::Unknown)),
        ];
        for (condition, text, by, expected) in table {
            assert_eq!(refused(condition, text, by), expected, "{condition:?} {text:?} {by:?}");
        }
        assert_eq!(meaning(Answer::TimedOut), Meaning::Failed(F::NoAnswer));
    }
}
