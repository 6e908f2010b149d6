//! `POST /jibri-webhook/v1/…`: what Jibri's own webhooks say (docs/jitsi.md 6).
//!
//! Whatever comes is answered with 200 and at once, because anything else harms the Jibri that sent it: its
//! start fails, or it never reports again. It can send no header, so the token is a segment of the path; what comes without
//! it, or with a wrong one, is answered alike and is a hint only.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;

use crate::probes::Webhooks;

/// What to do where they come to another path.
pub(super) const BASE_URL: &str = "jibri.webhook.subscribers in Jibri (docker-jitsi-meet: JIBRI_WEBHOOK_SUBSCRIBERS) \
                                   must be \"http://HOST:PORT/jibri-webhook/WEBHOOK_TOKEN\", and nothing more";

/// What to do where they come and are not wanted.
pub(super) const OFF: &str = "jibri.webhook is false, and a Jibri is harmed by a subscriber that refuses what it sends: \
                              set it to true, or take the address out of jibri.webhook.subscribers \
                              (docker-jitsi-meet: JIBRI_WEBHOOK_SUBSCRIBERS)";

pub(super) fn routes(webhooks: Webhooks) -> Router {
    Router::new()
        .route("/v1/status", post(hint))
        .route("/v1/session/status", post(session))
        .route("/{token}/v1/status", post(status))
        .route("/{token}/v1/session/status", post(session))
        .with_state(webhooks)
}

type Body = Result<Bytes, BytesRejection>;

async fn hint(State(webhooks): State<Webhooks>, body: Body) -> StatusCode {
    take(&webhooks, "", body)
}

type Token = Result<Path<String>, PathRejection>;

async fn status(State(webhooks): State<Webhooks>, token: Token, body: Body) -> StatusCode {
    take(&webhooks, token.as_ref().map_or("", |Path(token)| token), body)
}

fn take(webhooks: &Webhooks, token: &str, body: Body) -> StatusCode {
    match body {
        Ok(body) => webhooks.take_status(token, &body),
        Err(_) => webhooks.take_nothing(),
    }
    StatusCode::OK
}

/// Never of a session that Jicofo has begun, so of none of ours: it is taken, and says nothing to us.
async fn session(_: Body) -> StatusCode {
    StatusCode::OK
}
