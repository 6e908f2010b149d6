//! Who may change something: whoever has the token, and no web page behind the back of who reads it.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, ORIGIN};
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;

use super::Error;
use crate::config::Secret;

/// A bearer token (RFC 6750, section 2.1), `http.token` for the most part; it may be empty.
#[derive(Debug, Clone)]
pub(super) struct Guard(Secret);

impl Guard {
    pub(super) fn new(token: &Secret) -> Self {
        Self(token.clone())
    }

    /// Whether a request with these headers bears it.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(credentials) = headers.get(AUTHORIZATION) else { return false };
        let Some((scheme, token)) = credentials.as_bytes().split_at_checked(b"Bearer ".len()) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"Bearer ") && self.is(token.trim_ascii())
    }

    /// Whether this is it. Takes the time that it takes for any token of the same length, so that it cannot be guessed
    /// character by character.
    pub(super) fn is(&self, token: &[u8]) -> bool {
        token.ct_eq(self.0.expose().as_bytes()).into()
    }
}

/// Lets a request through if there is no token to be had, or if it bears it. The body is not read before.
pub(super) async fn if_set(
    State(guard): State<Guard>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    if guard.0.is_empty() || guard.admits(request.headers()) {
        Ok(next.run(request).await)
    } else {
        Err(Error::unauthorized())
    }
}

/// Lets a request through if it bears the token. The body is not read before.
pub(super) async fn always(
    State(guard): State<Guard>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    if guard.0.is_empty() {
        Err(Error::no_token())
    } else if guard.admits(request.headers()) {
        Ok(next.run(request).await)
    } else {
        Err(Error::unauthorized())
    }
}

/// Lets through what no web page has sent: a browser that reaches us may be made to post whatever is on some page, and says
/// so (Fetch, section 3.2). Prosody and Jibri have no origin.
pub(super) async fn not_from_pages(request: Request, next: Next) -> Result<Response, Error> {
    if request.headers().contains_key(ORIGIN) {
        return Err(Error::from_a_page());
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_admitted() {
        let guard = Guard::new(&Secret::new("hunter2"));
        let admits = |value: &str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            guard.admits(&headers)
        };
        assert!(admits("Bearer hunter2"));
        assert!(admits("bearer  hunter2"));
        for bad in ["", "Bearer", "Bearer ", "Bearer hunter", "Bearer hunter22", "Basic hunter2", "hunter2"] {
            assert!(!admits(bad), "{bad}");
        }
        assert!(!guard.admits(&HeaderMap::new()));
    }
}
