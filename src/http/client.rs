//! The HTTP client that every edge builds its own from, and what can go wrong with an answer.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// The header by which the HTTP port knows a request of the command line or of the other instance, and answers it under any
/// name, whatever `http.hosts` lists. No web page can send it: no script may set a header that begins with `Sec-` (Fetch,
/// section 2.2.2, forbidden request-header).
pub const OURS: HeaderName = HeaderName::from_static("sec-jibri-autostart");

/// Longest time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// A client for one base URL: no redirects, no proxy out of the environment, no decompression.
///
/// The system's certificates are read only where they are needed: a container that speaks plain HTTP need
/// not have any.
pub fn builder(url: &str) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("jibri-autostart/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT);
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if url.starts_with("https:") { builder } else { builder.tls_certs_only([]) }
}

/// As [`builder`], for a client that asks a running service.
pub fn of_service(url: &str) -> reqwest::ClientBuilder {
    builder(url).default_headers(HeaderMap::from_iter([(OURS, HeaderValue::from_static("?1"))]))
}

/// Why there is no answer, or none that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No connection.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// The connection broke, or what came was no HTTP.
    #[error("the answer broke off: {0}")]
    Broken(String),
    /// Too slow; the limit.
    #[error("no whole answer within {0:?}")]
    TimedOut(Duration),
    /// Too long; the limit in bytes.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

impl Fault {
    /// What an error of the HTTP client means, whose time limit is `limit`.
    pub fn of(error: reqwest::Error, limit: Duration) -> Self {
        if error.is_timeout() {
            Self::TimedOut(limit)
        } else if error.is_connect() {
            Self::Unreachable(cause(error))
        } else {
            Self::Broken(cause(error))
        }
    }
}

/// The cause at the very bottom, which is the one that says something: "Connection refused". The URL is
/// left out, it may hold a token.
pub fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The body of an answer, if it is no longer than `most` bytes. `limit` is the client's time limit.
///
/// # Errors
/// Any [`Fault`] but [`Fault::Unreachable`].
pub async fn body(mut response: reqwest::Response, most: usize, limit: Duration) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Fault::of(error, limit))? {
        if body.len().saturating_add(chunk.len()) > most {
            return Err(Fault::TooLong(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
