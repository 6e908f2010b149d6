//! Why a source gave no answer, in words that say what to change.

use crate::http_client::{Fault, Refusal};

/// Why Jicofo's list could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unlisted {
    /// No connection.
    #[error(
        "cannot connect: {0}; is discovery.jicofo.url right, and Jicofo's REST on (JICOFO_ENABLE_REST=1)?"
    )]
    Unreachable(String),
    /// No answer, or none that can be used.
    #[error(transparent)]
    Fault(Fault),
    /// It is elsewhere.
    #[error(
        "{0}; redirects are not followed: set discovery.jicofo.url to where Jicofo's REST is now, like \
         http://jicofo:8888"
    )]
    Moved(Refusal),
    /// There is no such route (docs/jitsi.md 7 is of newer versions).
    #[error(
        "{0} for /debug/conferences, which older versions of Jicofo do not have: update Jicofo, or empty \
         discovery.jicofo.url and have rooms found by discovery.event_sync or named in discovery.rooms; if it is no \
         Jicofo that answers, set discovery.jicofo.url to that of Jicofo's REST, like http://jicofo:8888"
    )]
    NoRoute(Refusal),
    /// It answered with another status that is no success.
    #[error("{0}; is discovery.jicofo.url that of Jicofo's REST, like http://jicofo:8888?")]
    Refused(Refusal),
    /// Too many rooms.
    #[error("the answer lists more than {0} rooms")]
    TooMany(usize),
    /// Not what it should be.
    #[error(
        "the answer is no JSON list; is discovery.jicofo.url that of Jicofo's REST, like http://jicofo:8888?"
    )]
    NoList,
}

impl From<Refusal> for Unlisted {
    fn from(refusal: Refusal) -> Self {
        match refusal.status {
            300..=399 => Self::Moved(refusal),
            404 | 410 => Self::NoRoute(refusal),
            _ => Self::Refused(refusal),
        }
    }
}

impl From<Fault> for Unlisted {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreachable(cause) => Self::Unreachable(cause),
            other => Self::Fault(other),
        }
    }
}
