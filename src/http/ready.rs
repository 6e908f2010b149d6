//! `GET /healthz`: it lives; and `GET /readyz`: it is linked to Prosody and able to act.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use tokio::sync::watch;

use super::Error;

/// Ready, or why not, in words that say what to change.
pub type Readiness = Result<(), String>;

pub(super) fn routes(readiness: watch::Receiver<Readiness>) -> Router {
    Router::new().route("/readyz", get(readyz)).with_state(readiness)
}

/// `readiness`: whether there is a link, which the other instance of `[standby]` wants to know.
pub(super) fn health(readiness: Option<watch::Receiver<Readiness>>) -> Router {
    let healthz = async move || {
        let linked = readiness.as_ref().is_some_and(|readiness| readiness.borrow().is_ok());
        Json(serde_json::json!({ "alive": true, "linked": linked }))
    };
    Router::new().route("/healthz", get(healthz))
}

async fn readyz(State(readiness): State<watch::Receiver<Readiness>>) -> Result<Response, Error> {
    readiness.borrow().clone().map_err(Error::not_ready)?;
    Ok(Json(serde_json::json!({ "ready": true })).into_response())
}
