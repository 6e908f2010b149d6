//! `POST /api/v1/rooms/{room}/record`, `/stop` and `/release`: orders by hand, for whoever has the token; and
//! `GET /api/v1/token`, which says whether somebody has it.

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use super::Error;
use super::api::{find, json, named};
use crate::meeting::{ManualOrder, NotTaken};
use crate::surface::{Orders, Surface};

#[derive(Debug, Clone)]
struct Desk {
    surface: Surface,
    orders: Orders,
}

pub(super) fn routes(surface: Surface, orders: Orders) -> Router {
    let by = |hand| {
        post(move |State(desk): State<Desk>, name: Result<Path<String>, PathRejection>| {
            take(desk, name, hand)
        })
    };
    Router::new()
        .route("/api/v1/rooms/{room}/record", by(ManualOrder::Record))
        .route("/api/v1/rooms/{room}/stop", by(ManualOrder::Stop))
        .route("/api/v1/rooms/{room}/release", by(ManualOrder::Release))
        .route("/api/v1/token", get(async || StatusCode::NO_CONTENT))
        .with_state(Desk { surface, orders })
}

/// Answers with the room as it is then.
async fn take(
    desk: Desk,
    name: Result<Path<String>, PathRejection>,
    hand: ManualOrder,
) -> Result<Response, Error> {
    let room = find(&desk.surface, &named(name)?).ok_or(Error::no_such_room())?;
    match desk.orders.give(room.room.clone(), hand).await {
        Some(Ok(())) => {
            let room = desk.surface.board.room(&room.room);
            room.map(json).ok_or(Error::no_such_room())
        }
        Some(Err(NotTaken::NotWatched)) => Err(Error::no_such_room()),
        Some(Err(why)) => Err(Error::not_taken(why)),
        None => Err(Error::too_busy()),
    }
}
