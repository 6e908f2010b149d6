//! `POST /api/v1/rooms/{room}/record`, `/stop` and `/release`: orders by hand, for whoever has the token; and
//! `GET /api/v1/token`, which says whether somebody has it.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::Error;
use super::api::{find, json, named};
use super::server::Peer;
use crate::http_client;
use crate::meeting::{ManualOrder, NotTaken, OrderedBy, Origin};
use crate::surface::{Orders, Surface};

/// By this the page says that it is the page.
const CLIENT: &str = "jibri-autostart-client";

#[derive(Debug, Clone)]
struct Desk {
    surface: Surface,
    orders: Orders,
}

pub(super) fn routes(surface: Surface, orders: Orders) -> Router {
    let by = |hand| {
        post(
            move |State(desk): State<Desk>,
                  name: Result<Path<String>, PathRejection>,
                  headers: HeaderMap,
                  peer: Option<Extension<Peer>>| {
                take(desk, name, hand, origin(&headers, peer.map(|Extension(peer)| peer)))
            },
        )
    };
    Router::new()
        .route("/api/v1/rooms/{room}/record", by(ManualOrder::Record))
        .route("/api/v1/rooms/{room}/stop", by(ManualOrder::Stop))
        .route("/api/v1/rooms/{room}/release", by(ManualOrder::Release))
        .route("/api/v1/token", get(async || StatusCode::NO_CONTENT))
        .with_state(Desk { surface, orders })
}

/// By what the order has come, as it says itself, and from where.
fn origin(headers: &HeaderMap, peer: Option<Peer>) -> Origin {
    let is_page = headers.get(CLIENT).is_some_and(|client| client == "page");
    let by = match headers.contains_key(http_client::OURS) {
        true => OrderedBy::CommandLine,
        false if is_page => OrderedBy::Page,
        false => OrderedBy::Api,
    };
    let from = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(from)| from);
    Origin { by, from }
}

/// Answers with the room as it is then.
async fn take(
    desk: Desk,
    name: Result<Path<String>, PathRejection>,
    hand: ManualOrder,
    origin: Origin,
) -> Result<Response, Error> {
    let room = find(&desk.surface, &named(name)?).ok_or(Error::no_such_room())?;
    match desk.orders.give(room.room.clone(), hand, origin).await {
        Some(Ok(())) => {
            let room = desk.surface.board.room(&room.room);
            room.map(json).ok_or(Error::no_such_room())
        }
        Some(Err(NotTaken::NotWatched)) => Err(Error::no_such_room()),
        Some(Err(why)) => Err(Error::not_taken(why)),
        None => Err(Error::too_busy()),
    }
}
