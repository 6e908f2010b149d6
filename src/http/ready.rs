//! `GET /healthz`: it lives, and does not hang; and `GET /readyz`: it is linked to Prosody and able to act.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Error;
use crate::surface::Board;

/// A driver that has not come round for so long hangs: nothing that it does takes a second.
const HANGS: Duration = Duration::from_secs(30);

/// Ready, or why not, in words that say what to change.
pub type Readiness = Result<(), String>;

pub(super) fn routes(readiness: watch::Receiver<Readiness>) -> Router {
    Router::new().route("/readyz", get(readyz)).with_state(readiness)
}

/// `readiness`: whether there is a link, which the other instance of `[standby]` wants to know. `board`: what a driver
/// that does not hang writes to.
pub(super) fn health(readiness: Option<watch::Receiver<Readiness>>, board: Option<Arc<Board>>) -> Router {
    Router::new().route("/healthz", get(async move || healthz(readiness.as_ref(), board.as_deref())))
}

fn healthz(
    readiness: Option<&watch::Receiver<Readiness>>,
    board: Option<&Board>,
) -> Result<Json<Value>, Error> {
    if board.is_some_and(|board| board.pulse().still_for() > HANGS) {
        return Err(Error::hangs());
    }
    let linked = readiness.is_some_and(|readiness| readiness.borrow().is_ok());
    Ok(Json(json!({ "alive": true, "linked": linked })))
}

async fn readyz(State(readiness): State<watch::Receiver<Readiness>>) -> Result<Response, Error> {
    readiness.borrow().clone().map_err(Error::not_ready)?;
    Ok(Json(json!({ "ready": true })).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_hangs_is_not_alive() {
        let board = Board::new("a.b", false);
        let is_alive = || healthz(None, Some(&board)).is_ok();
        tokio::time::advance(HANGS).await;
        assert!(is_alive());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!is_alive());
        board.pulse().beat();
        assert!(is_alive());
    }
}
