//! `GET /`: the status page. One document that brings its style and its script along, and reads `/api/v1` as
//! anybody else may; nothing in it depends on what participants say, or on who asks.

use axum::Router;
use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::Html;
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};

const DOCUMENT: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = concat!(
    include_str!("page/tables.js"),
    include_str!("page/shown.js"),
    include_str!("page/recordings.js"),
    include_str!("page/head.js"),
    include_str!("page/live.js"),
    include_str!("page/hand.js"),
);

pub(super) fn routes() -> Router {
    let headers = headers();
    let page = document();
    Router::new().route("/", get(async move || (headers, Html(page))))
}

fn document() -> String {
    DOCUMENT
        .replace("<style></style>", &format!("<style>{STYLE}</style>"))
        .replace("<script type=\"module\"></script>", &format!("<script type=\"module\">{SCRIPT}</script>"))
}

fn headers() -> [(HeaderName, String); 5] {
    [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (REFERRER_POLICY, "no-referrer".to_owned()),
        // Another version of the program brings another page.
        (CACHE_CONTROL, "no-cache".to_owned()),
    ]
}

/// The script and the style that are ours, known by their hashes, and no others; requests to where the page came
/// from, and nowhere else. With no trusted types the browser lets nobody make markup out of text, us included.
fn policy() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
         img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(SCRIPT),
        hash(STYLE),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_brings_all_along_and_fetches_nothing() {
        let page = document();
        assert!(page.contains(STYLE) && page.contains(SCRIPT));
        assert_eq!((page.matches("<style>").count(), page.matches("<script").count()), (1, 1));
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</script") && !SCRIPT.contains("<!--"));
        for loads in ["src=", "@import", "url(", "http:", "https:"] {
            let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains(loads), "{loads}");
        }
        // The hash is of what stands between the tags, to the last character.
        assert!(!page.contains('\r'));
    }
}
