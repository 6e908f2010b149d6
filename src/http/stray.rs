//! Paths that come from a base URL in somebody's configuration: one that ends in `/`, and one that is wrong.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{Method, Uri};

use super::Error;
use super::told::Told;
use crate::config::Secret;

/// Takes empty segments out of the path of a request: whoever has been given `http://host/event-sync/` as base URL
/// sends to `/event-sync//events/room/created`.
pub(super) fn without_empty_segments(mut request: Request) -> Request {
    if let Some(uri) = straightened(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// None, if there is nothing to be changed.
fn straightened(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains("//") && (path.len() < 2 || !path.ends_with('/')) {
        return None;
    }
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut straight = format!("/{}", segments.join("/"));
    if let Some(query) = uri.query() {
        straight.push('?');
        straight.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(straight).ok()?);
    Uri::from_parts(parts).ok()
}

/// Adds the answer for all paths below `prefix` that `routes` does not have. A POST to one is logged with the path, once
/// each, and with what to do about it; `secret`, which may stand in it, is left out.
pub(super) fn told(routes: Router, prefix: &'static str, secret: Secret, remedy: &'static str) -> Router {
    let told = Arc::new(Told::default());
    routes.fallback(async move |method: Method, uri: Uri| {
        let shown = || match secret.expose() {
            "" => format!("{prefix}{}", uri.path()),
            secret => format!("{prefix}{}", uri.path().replace(secret, "WEBHOOK_TOKEN")),
        };
        if method == Method::POST
            && let Some(path) = told.first(&shown())
        {
            tracing::warn!(path, "a POST came to a path that does not exist: {remedy}");
        }
        Error::not_found()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_segments_are_taken_out() {
        let straight = |uri: &str| straightened(&uri.parse().unwrap()).map(|uri| uri.to_string());
        for (uri, expected) in [
            ("//v1/status", Some("/v1/status")),
            ("/jibri-webhook//v1/status", Some("/jibri-webhook/v1/status")),
            ("//event-sync///events/room/created?a=//b/", Some("/event-sync/events/room/created?a=//b/")),
            ("/event-sync/", Some("/event-sync")),
            ("//", Some("/")),
            ("/", None),
            ("/api/v1/rooms/a%2F%2Fb/", Some("/api/v1/rooms/a%2F%2Fb")),
            ("/api/v1/history?room=//", None),
        ] {
            assert_eq!(straight(uri).as_deref(), expected, "{uri}");
        }
    }
}
