//! Why a source gave no answer, in words that say what to change.

use std::error::Error;
use std::time::Duration;

/// Why Jicofo's list could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// No connection.
    #[error(
        "cannot connect: {0}; is discovery.jicofo.url right, and Jicofo's REST on (JICOFO_ENABLE_REST=1)?"
    )]
    Unreachable(String),
    /// The connection broke, or what came was no HTTP.
    #[error("the answer broke off: {0}")]
    Broken(String),
    /// Too slow.
    #[error("no whole answer within {0:?}")]
    TimedOut(Duration),
    /// It answered with a status that is no success.
    #[error("HTTP status {0}; is discovery.jicofo.url that of Jicofo's REST, like http://jicofo:8888?")]
    Status(u16),
    /// Too long.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// Too many rooms.
    #[error("the answer lists more than {0} rooms")]
    TooMany(usize),
    /// Not what it should be.
    #[error(
        "the answer is no JSON list; is discovery.jicofo.url that of Jicofo's REST, like http://jicofo:8888?"
    )]
    NoList,
}

impl Trouble {
    /// What an error of the HTTP client means.
    pub(super) fn of(error: reqwest::Error, time_limit: Duration) -> Self {
        if error.is_timeout() {
            Self::TimedOut(time_limit)
        } else if error.is_connect() {
            Self::Unreachable(cause(error))
        } else {
            Self::Broken(cause(error))
        }
    }
}

/// The cause at the very bottom, which is the one that says something: "Connection refused". The URL is
/// left out, it may hold a token.
pub(super) fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
