//! Stands in for the routes that are not there yet: the history, and what is done by hand. They stand before the real
//! router; take this file away when that has them.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jibri_autostart::surface::{Board, Room};
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "TOKEN-237958623045";

#[derive(Clone)]
pub(crate) struct StandIn {
    board: Arc<Board>,
    /// What the history has.
    pub(crate) history: Arc<Mutex<Vec<Value>>>,
    /// What was asked by hand: path and `Authorization`.
    pub(crate) asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl StandIn {
    pub(crate) fn new(board: Arc<Board>) -> Self {
        Self { board, history: Arc::default(), asked: Arc::default() }
    }

    pub(crate) fn routes(&self) -> Router {
        Router::new()
            .route("/api/v1/history", get(history))
            .route("/api/v1/rooms/{room}/{act}", post(act))
            .with_state(self.clone())
    }
}

async fn history(State(all): State<StandIn>) -> Json<Vec<Value>> {
    Json(all.history.lock().unwrap().clone())
}

fn refuse(status: StatusCode, error: &str, hint: &str) -> Response {
    (status, Json(json!({ "error": error, "hint": hint }))).into_response()
}

async fn act(
    State(all): State<StandIn>,
    Path((room, act)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let authorization =
        headers.get(AUTHORIZATION).map_or(String::new(), |value| value.to_str().unwrap().to_owned());
    all.asked.lock().unwrap().push((format!("{room}/{act}"), authorization.clone()));
    if authorization != format!("Bearer {TOKEN}") {
        return refuse(StatusCode::UNAUTHORIZED, "wrong or missing token", "take the one of http.token");
    }
    let Some(before) = all.board.room(&room) else {
        return refuse(StatusCode::NOT_FOUND, "no room of this name is watched", "look at the list");
    };
    let state = match (act.as_str(), before.state.as_str()) {
        ("record", "recording") => {
            return refuse(StatusCode::CONFLICT, "it is recorded already", "stop it first");
        }
        ("record", _) => "starting",
        ("stop", _) => "held",
        _ => "settling",
    };
    let now = Arc::new(Room { state: state.to_owned(), ..(*before).clone() });
    all.board.put_rooms(&[Arc::clone(&now)]);
    Json(&*now).into_response()
}
