//! `GET /api/v1/…` and `GET /metrics`: what the board shows. Nothing here asks the core, or waits for it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::Error;
use super::events::{self, Feed};
use crate::address::room_name;
use crate::surface::{Room, Surface};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn routes(surface: Surface) -> Router {
    let feed = Arc::new(Feed::new(Arc::clone(&surface.board)));
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/rooms", get(rooms))
        .route("/api/v1/rooms/{room}", get(room))
        .route("/api/v1/jibris", get(jibris))
        .route("/api/v1/alerts", get(alerts))
        .route("/metrics", get(metrics))
        .with_state(surface)
        .merge(Router::new().route("/api/v1/events", get(events::events)).with_state(feed))
}

/// It is of this moment, and a browser that is shown it takes it for nothing but JSON.
pub(super) fn json(value: impl Serialize) -> Response {
    ([(CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")], Json(value)).into_response()
}

async fn status(State(surface): State<Surface>) -> Response {
    json(surface.board.status())
}

async fn rooms(State(surface): State<Surface>) -> Response {
    json(surface.board.rooms())
}

async fn room(
    State(surface): State<Surface>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Error> {
    find(&surface, &named(name)?).map(json).ok_or(Error::no_such_room())
}

pub(super) fn named(name: Result<Path<String>, PathRejection>) -> Result<String, Error> {
    let named = name.map(|Path(name)| name);
    named.map_err(|_| Error::bad_request("this is not the name of a room", "URL-encode it as UTF-8"))
}

pub(super) fn find(surface: &Surface, name: &str) -> Option<Arc<Room>> {
    full_names(name, &surface.services).iter().find_map(|name| surface.board.room(name))
}

/// The JIDs that a room may have which is called so, as people write its name: the local part is enough where one MUC
/// domain is watched. Without an `@`: where it is not. The first is the name as it stands, for a JID that was copied.
pub(super) fn full_names(name: &str, services: &[String]) -> Vec<String> {
    let (local, service) = match (name.split_once('@'), services) {
        (Some((local, service)), _) => (local, service.to_lowercase()),
        (None, [service]) => (name, service.clone()),
        (None, _) => return vec![name.to_lowercase()],
    };
    let mut locals = vec![local.to_lowercase()];
    locals.extend(room_name::held(local));
    locals.dedup();
    locals.into_iter().map(|local| format!("{local}@{service}")).collect()
}

async fn jibris(State(surface): State<Surface>) -> Response {
    json(surface.board.jibris())
}

async fn alerts(State(surface): State<Surface>) -> Response {
    json(surface.board.alerts())
}

async fn metrics(State(surface): State<Surface>) -> Result<Response, Error> {
    let text = surface.metrics.text().map_err(|_| Error::no_metrics())?;
    Ok(([(CONTENT_TYPE, OPENMETRICS)], text).into_response())
}
