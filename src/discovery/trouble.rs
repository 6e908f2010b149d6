//! Why a source gave no answer, in words that say what to change.

use crate::http::client::Fault;

/// Why Jicofo's list could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// No connection.
    #[error(
        "cannot connect: {0}; is discovery.jicofo.url right, and Jicofo's REST on (JICOFO_ENABLE_REST=1)?"
    )]
    Unreachable(String),
    /// No answer, or none that can be used.
    #[error(transparent)]
    Fault(Fault),
    /// It answered with a status that is no success.
    #[error("HTTP status {0}; is discovery.jicofo.url that of Jicofo's REST, like http://jicofo:8888?")]
    Status(u16),
    /// Too many rooms.
    #[error("the answer lists more than {0} rooms")]
    TooMany(usize),
    /// Not what it should be.
    #[error(
        "the answer is no JSON list; is discovery.jicofo.url that of Jicofo's REST, like http://jicofo:8888?"
    )]
    NoList,
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreachable(cause) => Self::Unreachable(cause),
            other => Self::Fault(other),
        }
    }
}
