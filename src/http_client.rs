//! The HTTP client of every edge: bounded in time and in bytes, and what can go wrong with an answer.

mod head;
mod receiver;

use std::error::Error;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT,
};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::plain::plain;
use head::{Allowance, CountedConnector, Endless};
pub(crate) use receiver::{Patience, Receiver};

/// The header by which the HTTP port knows a request of the command line or of the other instance, and answers it under any
/// name, whatever `http.hosts` lists. No web page can send it: no script may set a header that begins with `Sec-` (Fetch,
/// section 2.2.2, forbidden request-header).
pub const OURS: HeaderName = HeaderName::from_static("sec-jibri-autostart");

/// Longest time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// Idle connections that are kept for the next request, to each server.
const IDLE: usize = 1;
/// Most characters that are told of where something has moved to.
const MOST_MOVED: usize = 200;

/// A client: no redirects, no proxy out of the environment, no decompression. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    client: legacy::Client<HttpsConnector<CountedConnector>, Full<Bytes>>,
    limit: Duration,
    /// It asks a running service, and says so.
    is_ours: bool,
}

impl Client {
    /// For one base URL, or several of one scheme. `limit`: how long a whole answer may take.
    ///
    /// The system's certificates are read only where they are needed: a container that speaks plain HTTP need
    /// not have any.
    ///
    /// # Errors
    /// Why there can be no TLS, in words.
    pub fn new(url: &str, limit: Duration) -> Result<Self, String> {
        // An error means that it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = ClientConfig::builder();
        let tls = if url.starts_with("https:") {
            tls.with_platform_verifier().map_err(|error| error.to_string())?.with_no_client_auth()
        } else {
            tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        };
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT));
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE)
            .build(HttpsConnector::from((CountedConnector(http), tls)));
        Ok(Self { client, limit, is_ours: false })
    }

    /// The same, for asking a running service: it answers under any name, see [`OURS`].
    ///
    /// # Errors
    /// As for [`Client::new`].
    pub fn of_service(url: &str, limit: Duration) -> Result<Self, String> {
        Ok(Self { is_ours: true, ..Self::new(url, limit)? })
    }

    /// GET.
    ///
    /// # Errors
    /// Any [`Fault`] but [`Fault::TooLong`].
    pub async fn get(&self, url: &str) -> Result<Answer, Fault> {
        self.send(Method::GET, url, [], Bytes::new()).await
    }

    /// HEAD.
    ///
    /// # Errors
    /// As for [`Client::get`].
    pub async fn head(&self, url: &str) -> Result<Answer, Fault> {
        self.send(Method::HEAD, url, [], Bytes::new()).await
    }

    /// POST without a body; with a bearer token, if there is one.
    ///
    /// # Errors
    /// As for [`Client::get`].
    pub async fn post(&self, url: &str, token: Option<&str>) -> Result<Answer, Fault> {
        self.send(Method::POST, url, bearer(token)?, Bytes::new()).await
    }

    /// POST of some JSON; with a bearer token, if there is one.
    ///
    /// # Errors
    /// As for [`Client::get`].
    pub async fn post_json(
        &self,
        url: &str,
        token: Option<&str>,
        body: &impl Serialize,
    ) -> Result<Answer, Fault> {
        let body = serde_json::to_vec(body).map_err(|error| Fault::NotAsked(error.to_string()))?;
        let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.send(Method::POST, url, bearer(token)?.into_iter().chain([json]), body.into()).await
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<Answer, Fault> {
        // The error may not say the address: it may hold a token.
        let uri = uri(url).ok_or_else(|| Fault::NotAsked("its address is not a URL".to_owned()))?;
        let mut request = Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut()) = (method, uri);
        const AGENT: HeaderValue =
            HeaderValue::from_static(concat!("jibri-autostart/", env!("CARGO_PKG_VERSION")));
        let always = [(USER_AGENT, AGENT), (ACCEPT, HeaderValue::from_static("*/*"))];
        let ours = self.is_ours.then(|| (OURS, HeaderValue::from_static("?1")));
        request.headers_mut().extend(always.into_iter().chain(ours).chain(headers));
        let deadline = Instant::now().checked_add(self.limit).unwrap_or_else(Instant::now);
        let answer = timeout_at(deadline, self.client.request(request)).await;
        let answer = answer.map_err(|_| Fault::TimedOut(self.limit))?.map_err(|error| Fault::of(&error))?;
        let (head, body) = answer.into_parts();
        if let Some(allowance) = head.extensions.get::<Allowance>() {
            allowance.lift();
        }
        Ok(Answer { status: head.status, headers: head.headers, body, deadline, limit: self.limit })
    }
}

fn bearer(token: Option<&str>) -> Result<Option<(HeaderName, HeaderValue)>, Fault> {
    let header = token.map(|token| {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
        value.set_sensitive(true);
        Ok((AUTHORIZATION, value))
    });
    header.transpose().map_err(|error: hyper::http::header::InvalidHeaderValue| {
        Fault::NotAsked(format!("the token: {error}"))
    })
}

/// As a request has it: what is not ASCII is encoded, and there is no fragment.
fn uri(url: &str) -> Option<Uri> {
    let mut url = Url::parse(url).ok()?;
    url.set_fragment(None);
    url.as_str().parse().ok()
}

/// An answer, of which the head is there. Dropped, its connection is closed unless all of it has been read.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    deadline: Instant,
    limit: Duration,
}

impl Answer {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What a status that is no success means.
    pub fn refusal(&self) -> Refusal {
        let moved = self.headers.get(LOCATION).filter(|_| self.status.is_redirection());
        let moved_to = moved.map(|to| plain(&String::from_utf8_lossy(to.as_bytes()), MOST_MOVED));
        Refusal { status: self.status.as_u16(), moved_to }
    }

    /// The next piece of the body; none: that was all.
    ///
    /// # Errors
    /// [`Fault::Broken`], [`Fault::TimedOut`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            let frame = timeout_at(self.deadline, self.body.frame()).await;
            match frame.map_err(|_| Fault::TimedOut(self.limit))? {
                None => return Ok(None),
                Some(Err(error)) => return Err(Fault::of_body(&error)),
                Some(Ok(frame)) => {
                    // Trailers say nothing to us.
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The body, if it is no longer than `most` bytes.
    ///
    /// # Errors
    /// [`Fault::Broken`], [`Fault::TimedOut`], [`Fault::TooLong`].
    pub async fn body(mut self, most: usize) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len().saturating_add(chunk.len()) > most {
                return Err(Fault::TooLong(most));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Where a redirect leads to; redirects are not followed.
    pub moved_to: Option<String>,
}

/// `HTTP status 301, moved to "https://…"`.
impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HTTP status {}", self.status)?;
        match &self.moved_to {
            Some(to) => write!(f, ", moved to {to:?}"),
            None => Ok(()),
        }
    }
}

/// Why there is no answer, or none that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing was sent.
    #[error("cannot be asked: {0}")]
    NotAsked(String),
    /// No connection.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// The connection broke, or what came was no HTTP.
    #[error("the answer broke off: {0}")]
    Broken(String),
    /// Too slow; the limit.
    #[error("no complete answer within {0:?}")]
    TimedOut(Duration),
    /// So many bytes came, and the head of the answer was not over: perhaps interim answers (1xx) without end.
    #[error("the head of the answer is longer than {0} bytes")]
    NoHead(usize),
    /// Too long; the limit in bytes.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

impl Fault {
    /// Somebody answers there that nobody listens: "Connection refused".
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Unreachable(why) if why.starts_with("Connection refused"))
    }

    fn of(error: &legacy::Error) -> Self {
        if Endless::is_cause_of(error) {
            Self::NoHead(head::MOST)
        } else if error.is_connect() {
            Self::Unreachable(cause(error))
        } else {
            Self::Broken(cause(error))
        }
    }

    fn of_body(error: &hyper::Error) -> Self {
        Self::Broken(cause(error))
    }
}

/// The cause at the very bottom, which is the one that says something: "Connection refused".
fn cause(error: &(dyn Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), cause)
}
