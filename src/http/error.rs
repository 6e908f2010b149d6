//! Errors as every route answers them: `{"error":"...","hint":"..."}`.

use std::borrow::Cow;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{HeaderValue, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::meeting::NotTaken;

/// An answer that says what is wrong and what to do about it. Nothing of the request is repeated in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    status: StatusCode,
    error: Cow<'static, str>,
    hint: &'static str,
}

impl Error {
    const fn new(status: StatusCode, error: &'static str, hint: &'static str) -> Self {
        Self { status, error: Cow::Borrowed(error), hint }
    }

    /// The program cannot act now, for this reason.
    pub(super) fn not_ready(why: String) -> Self {
        let hint = "the reason says what to check; the service keeps trying by itself";
        Self { status: StatusCode::SERVICE_UNAVAILABLE, error: Cow::Owned(why), hint }
    }

    /// The driver does not come round any more.
    pub(super) const fn hangs() -> Self {
        let hint = "restart it, and report this as a bug, with its log of the last minutes";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the service hangs: nothing was decided for half a minute",
            hint,
        )
    }

    /// The request does not say what it must say.
    pub(super) const fn bad_request(error: &'static str, hint: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, hint)
    }

    /// The token is wrong or missing.
    pub(super) const fn unauthorized() -> Self {
        let hint = "send the token of http.token or http.token_file as a bearer token";
        Self::new(StatusCode::UNAUTHORIZED, "wrong or missing token", hint)
    }

    /// The same of a report.
    pub(super) const fn unauthorized_report() -> Self {
        let hint = "send the token of jibri.webhook_token as a bearer token, or add it to the path: /api/v1/recordings/TOKEN";
        Self::new(StatusCode::UNAUTHORIZED, "wrong or missing token", hint)
    }

    /// Without a token, whoever reaches the port could report anything.
    pub(super) const fn no_reports() -> Self {
        let hint = "set jibri.webhook_token or jibri.webhook_token_file, restart the service, and give finalize.sh the same \
                    token";
        Self::new(
            StatusCode::NOT_FOUND,
            "jibri.webhook_token is not set, so no reports are accepted here",
            hint,
        )
    }

    /// What is wrong with a report; it repeats nothing of it.
    pub(super) const fn wrong_report(what: String, hint: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: Cow::Owned(what), hint }
    }

    /// A report was not safe in time.
    pub(super) const fn report_not_kept() -> Self {
        let hint = "keep it and send it again; if this goes on, the service's log says what is wrong with the file of \
                    ledger.path";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the report could not be stored in time", hint)
    }

    /// Nobody watches a room of this name.
    pub(super) const fn no_such_room() -> Self {
        let hint = "give the full JID of a room that is watched, or only its name where one MUC domain is watched; \
                    `jibri-autostart rooms` lists them";
        Self::new(StatusCode::NOT_FOUND, "no room of this name is watched", hint)
    }

    /// Nothing is changed without a token, and there is none.
    pub(super) const fn no_token() -> Self {
        let hint = "set http.token or http.token_file and restart the service";
        Self::new(StatusCode::FORBIDDEN, "there is no token, so nothing can be changed here", hint)
    }

    /// A browser has sent it, on behalf of a page.
    pub(super) const fn from_a_page() -> Self {
        let hint = "only Prosody and Jibri send this; any other program that is not a browser must leave out the header Origin";
        Self::new(StatusCode::FORBIDDEN, "no web page may send this", hint)
    }

    /// An order is not taken.
    pub(super) fn not_taken(why: NotTaken) -> Self {
        Self { status: StatusCode::CONFLICT, error: Cow::Owned(why.to_string()), hint: why.remedy() }
    }

    /// More is asked than can be done at once.
    pub(super) const fn too_busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the service is too busy, or is shutting down",
            "try again",
        )
    }

    /// There are as many readers of events as there may be.
    pub(super) const fn too_many_readers() -> Self {
        let hint = "close other readers of /api/v1/events, or ask the other routes now and then";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too many clients are reading the events already", hint)
    }

    /// The file of the history cannot be read.
    pub(super) const fn no_history() -> Self {
        let hint =
            "the service's log says what is wrong with the file of ledger.path; recordings do not need it";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the history cannot be read now", hint)
    }

    /// There are no metrics, which is not known to happen.
    pub(super) const fn no_metrics() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written", "report this")
    }

    /// `Host` is a name that is not known to be ours.
    pub(super) const fn misdirected() -> Self {
        let hint = "add the name to http.hosts (JIBRI_AUTOSTART_HTTP__HOSTS) and restart the service, or use an IP address or \
                    localhost";
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "http.hosts does not list the name by which this port was called",
            hint,
        )
    }

    /// There is no such route.
    pub(super) const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is nothing here", "check the path")
    }

    /// The route does not know this method.
    pub(super) const fn method_not_allowed() -> Self {
        let hint = "use POST for what changes something, and GET for everything else";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "wrong method", hint)
    }

    /// The request, or the answer to it, took too long.
    pub(super) const fn timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "the request took too long", "send it again")
    }
}

impl From<BytesRejection> for Error {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let hint = "send less in one request";
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long", hint)
            }
            _ => Self::bad_request("the body could not be read", "send it again"),
        }
    }
}

#[derive(Serialize)]
struct Body {
    error: Cow<'static, str>,
    hint: &'static str,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        (self.status, headers, Json(Body { error: self.error, hint: self.hint })).into_response()
    }
}
