//! `POST /api/v1/recordings`: what Jibris' finalize scripts report (deploy/jibri/finalize.sh).
//!
//! A report is answered with success once it is as safe as it can be, and not before: the script keeps what it could not
//! hand in, and sends it again. It may come any number of times.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use tokio::sync::watch;

use super::auth::{self, Guard};
use super::{Error, Parts, report_body};
use crate::recordings::Report;
use crate::surface::{Board, Reports};

/// How long a report may take to be safe.
const PATIENCE: Duration = Duration::from_secs(5);
/// When to send again what could not be taken, in seconds.
const AGAIN: &str = "30";

/// Where reports go.
#[derive(Debug, Clone)]
struct Desk {
    guard: Guard,
    reports: Reports,
    safe: watch::Receiver<u64>,
    /// The conference service, if there is one and no other.
    service: Option<String>,
    board: Option<Arc<Board>>,
}

pub(super) fn routes(parts: &Parts) -> Router {
    let (Some(reports), Some(safe), false) = (&parts.reports, &parts.safe, parts.webhook_token.is_empty())
    else {
        return paths(post(async || Error::no_reports()), post(async || Error::no_reports()));
    };
    let services = parts.surface.as_ref().map(|surface| &*surface.services);
    let desk = Desk {
        guard: Guard::new(&parts.webhook_token),
        reports: reports.clone(),
        safe: safe.clone(),
        service: services.and_then(|services| match services {
            [only] => Some(only.clone()),
            _ => None,
        }),
        board: parts.surface.as_ref().map(|surface| Arc::clone(&surface.board)),
    };
    paths(post(by_header), post(by_path)).with_state(desk)
}

type Methods<S> = axum::routing::MethodRouter<S>;

fn paths<S: Clone + Send + Sync + 'static>(by_header: Methods<S>, by_path: Methods<S>) -> Router<S> {
    Router::new()
        .route("/api/v1/recordings", by_header)
        .route("/api/v1/recordings/{token}", by_path)
        .route_layer(middleware::from_fn(auth::not_from_pages))
}

async fn by_header(State(desk): State<Desk>, request: Request) -> Result<Response, Error> {
    if !desk.guard.admits(request.headers()) {
        return Err(Error::unauthorized_report());
    }
    desk.take(request).await
}

/// The body is not read before the token.
async fn by_path(
    State(desk): State<Desk>,
    token: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Error> {
    let is_right = token.is_ok_and(|Path(token)| desk.guard.is(token.as_bytes()));
    if !is_right && !desk.guard.admits(request.headers()) {
        return Err(Error::unauthorized_report());
    }
    desk.take(request).await
}

impl Desk {
    async fn take(self, request: Request) -> Result<Response, Error> {
        // It is for the instance that acts, which knows the recording.
        if self.board.as_ref().is_some_and(|board| board.stands_by()) {
            let why = "standing by: another instance has the link to Prosody".to_owned();
            return Ok(([(RETRY_AFTER, AGAIN)], Error::not_ready(why)).into_response());
        }
        let body = Bytes::from_request(request, &()).await?;
        let report = report_body::read(&body, self.service.as_deref())?;
        match tokio::time::timeout(PATIENCE, self.keep(report)).await {
            Ok(Some(())) => Ok(StatusCode::NO_CONTENT.into_response()),
            _ => Ok(([(RETRY_AFTER, AGAIN)], Error::report_not_kept()).into_response()),
        }
    }

    /// Hands it in, and waits until it is safe. None, if nobody takes it.
    async fn keep(mut self, report: Report) -> Option<()> {
        let count = self.reports.take(report).await?;
        self.safe.wait_for(|safe| *safe >= count).await.ok()?;
        Some(())
    }
}
