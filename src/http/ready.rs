//! `GET /readyz`: whether the program is linked to Prosody and able to act.

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

async fn readyz(State(readiness): State<watch::Receiver<Readiness>>) -> Result<Response, Error> {
    readiness.borrow().clone().map_err(Error::not_ready)?;
    Ok(Json(serde_json::json!({ "ready": true })).into_response())
}
