//! The HTTP server.
//!
//! [`router`] puts the routes together out of [`Parts`]; [`spawn`] serves them. A port that cannot be had
//! stops nothing: it is told, and tried again.

mod api;
mod asked;
mod auth;
mod ending;
mod error;
mod event_sync;
mod events;
mod history;
mod hosts;
mod jibri_webhook;
mod manual;
mod page;
mod ready;
mod recordings;
mod report_body;
mod reports;
mod server;
mod slots;
mod stray;
mod told;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::config::Secret;
use crate::ledger::Reader;
use crate::probes::Webhooks;
use crate::surface::{Orders, Reports, Surface};
use asked::Desk;
use auth::Guard;
pub use error::Error;
pub use event_sync::EventSync;
use hosts::Hosts;
pub use ready::Readiness;
pub use server::{HttpEvent, ServerLimits, spawn, spawn_apart, spawn_with};
pub use slots::Shares;

/// Longest body of a request, in bytes.
const MOST_BODY: usize = 64 * 1024;
/// How long a request may take from the end of its head to the head of the answer, body and all.
const REQUEST: Duration = Duration::from_secs(10);

/// What the routes work with.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// `http.token`.
    pub token: Secret,
    /// `http.hosts`.
    pub hosts: Vec<String>,
    /// Events of `event_sync_component`; none if they are not accepted.
    pub event_sync: Option<EventSync>,
    /// What Jibri's webhooks say; none if they are not accepted.
    pub jibri_webhooks: Option<Webhooks>,
    /// `jibri.webhook_token`, which stands in their paths and in no log; empty: no reports of recordings are taken.
    pub webhook_token: Secret,
    /// What `/readyz` says; none: there is no such route.
    pub readiness: Option<watch::Receiver<Readiness>>,
    /// What the page, the API and `/metrics` show; none: there are no such routes.
    pub surface: Option<Surface>,
    /// Where orders by hand go; none: there are no such routes. They need the surface as well.
    pub orders: Option<Orders>,
    /// Where reports of recordings' files go; none: none are taken.
    pub reports: Option<Reports>,
    /// How much of what was put into the ledger is safe: a report is answered when it is. None: none are taken.
    pub safe: Option<watch::Receiver<u64>>,
    /// What the history and the recordings show; none, or no surface: there are no such routes.
    pub history: Option<Reader>,
    /// `recordings.url`.
    pub recordings_url: Option<String>,
}

/// All routes.
pub fn router(parts: Parts) -> Router {
    let guard = Guard::new(&parts.token);
    let sent = sent(&parts, &guard);
    let by_our_name = middleware::from_fn_with_state(Hosts::new(&parts.hosts), hosts::called_by_our_name);
    let reported = reports::routes(&parts);
    // What Prosody and Jibri send is taken under any name: it says nothing to read, and pages are refused by their origin.
    let router = shown(parts, guard).layer(by_our_name).merge(sent).merge(reported);
    let router = router.method_not_allowed_fallback(async || Error::method_not_allowed());
    let router = router.layer(DefaultBodyLimit::max(MOST_BODY)).layer(middleware::from_fn(limit_time));
    Router::new().fallback_service(router.map_request(stray::without_empty_segments))
}

/// What Prosody and Jibri send to.
fn sent(parts: &Parts, guard: &Guard) -> Router {
    let event_sync = match &parts.event_sync {
        Some(event_sync) => {
            let board = parts.surface.as_ref().map(|surface| &surface.board);
            let routes = event_sync::routes(event_sync.clone(), board, guard);
            stray::told(routes, "/event-sync", Secret::default(), event_sync::BASE_URL)
        }
        None => stray::told(Router::new(), "/event-sync", Secret::default(), event_sync::OFF),
    };
    let jibri_webhook = match &parts.jibri_webhooks {
        Some(webhooks) => {
            let routes = jibri_webhook::routes(webhooks.clone());
            stray::told(routes, "/jibri-webhook", parts.webhook_token.clone(), jibri_webhook::BASE_URL)
        }
        None => stray::told(Router::new(), "/jibri-webhook", parts.webhook_token.clone(), jibri_webhook::OFF),
    };
    let from_machines = |routes: Router| {
        routes
            .method_not_allowed_fallback(async || Error::method_not_allowed())
            .layer(middleware::from_fn(auth::not_from_pages))
    };
    Router::new()
        .nest("/event-sync", from_machines(event_sync))
        .nest("/jibri-webhook", from_machines(jibri_webhook))
}

/// What is asked for, by people, by browsers and by whatever watches; and what orders something.
fn shown(parts: Parts, guard: Guard) -> Router {
    let board = parts.surface.as_ref().map(|surface| Arc::clone(&surface.board));
    let mut router = Router::new().merge(ready::health(parts.readiness.clone(), board));
    if let Some(readiness) = parts.readiness {
        router = router.merge(ready::routes(readiness));
    }
    if let (Some(surface), Some(orders)) = (&parts.surface, parts.orders) {
        let routes = manual::routes(surface.clone(), orders);
        router = router.merge(routes.route_layer(middleware::from_fn_with_state(guard, auth::always)));
    }
    if let (Some(surface), Some(reader)) = (&parts.surface, parts.history) {
        let desk = Desk::new(reader, surface.services.clone());
        let recordings = recordings::routes(desk.clone(), parts.recordings_url);
        router = router.merge(history::routes(desk)).merge(recordings);
    }
    if let Some(surface) = parts.surface {
        router = router.merge(api::routes(surface)).merge(page::routes());
    }
    router
        .fallback(async || Error::not_found())
        .method_not_allowed_fallback(async || Error::method_not_allowed())
}

async fn limit_time(request: Request, next: Next) -> Result<Response, Error> {
    tokio::time::timeout(REQUEST, next.run(request)).await.map_err(|_| Error::timeout())
}
