//! `POST /event-sync/events/…`: what Prosody's `event_sync_component` tells (docs/jitsi.md 8).
//!
//! An event is taken as a hint to look at its room and as nothing else, so it does no harm if it comes
//! twice, late or out of order. Everything but a request that no sender can mean is answered with a success
//! at once: Prosody sends again whatever it thinks has failed.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::Value;

use super::Error;
use super::auth::{self, Guard};
use crate::address::{RealJid, RoomJid};
use crate::discovery::{Touch, Touches};
use crate::meeting::watchlist::Sender;
use crate::surface::Board;

/// What the routes work with.
#[derive(Debug, Clone)]
pub struct EventSync {
    /// Where the events go.
    pub touches: Touches,
    /// `xmpp.domain`: our own comings and goings are no news.
    pub own_domain: String,
}

/// What to do where events come to another path.
pub(super) const BASE_URL: &str =
    "api_prefix of event_sync_component in Prosody must be \"http://HOST:PORT/event-sync\", and nothing more";

/// What to do where events come and are not wanted.
pub(super) const OFF: &str =
    "discovery.event_sync is false; set it to true, or take event_sync_component out of Prosody";

/// `board`: whether another instance acts, and the events are for that one.
pub(super) fn routes(event_sync: EventSync, board: Option<&Arc<Board>>, guard: &Guard) -> Router {
    let routes = Router::new()
        .route("/events/room/created", post(alive))
        .route("/events/room/destroyed", post(gone))
        .route("/events/occupant/joined", post(alive))
        .route("/events/occupant/left", post(alive))
        .with_state(event_sync);
    let routes = match board {
        Some(board) => routes.route_layer(middleware::from_fn_with_state(Arc::clone(board), if_acting)),
        None => routes,
    };
    routes.route_layer(middleware::from_fn_with_state(guard.clone(), auth::if_set))
}

/// Where another instance acts, an event is for that one: Prosody sends it again, and then perhaps there.
async fn if_acting(State(board): State<Arc<Board>>, request: Request, next: Next) -> Result<Response, Error> {
    if board.stands_by() {
        return Err(Error::not_ready("standing by: another instance has the link to Prosody".to_owned()));
    }
    Ok(next.run(request).await)
}

/// What is read of an event. All else in it is the sender's business and may have any shape.
#[derive(Deserialize)]
struct Event {
    room_jid: String,
    #[serde(default)]
    is_breakout: Value,
    #[serde(default)]
    occupant: Value,
}

type Body = Result<Bytes, BytesRejection>;

/// Who sends it; nobody in particular, where the request came by no connection.
type Peer = Option<Extension<Sender>>;

async fn alive(State(event_sync): State<EventSync>, peer: Peer, body: Body) -> Result<StatusCode, Error> {
    event_sync.take(peer, body?, false)
}

async fn gone(State(event_sync): State<EventSync>, peer: Peer, body: Body) -> Result<StatusCode, Error> {
    event_sync.take(peer, body?, true)
}

impl EventSync {
    fn take(&self, peer: Peer, body: Bytes, gone: bool) -> Result<StatusCode, Error> {
        let wrong = |what| Error::bad_request(what, "send what event_sync_component sends, as JSON");
        let event: Event = serde_json::from_slice(&body).map_err(|_| wrong("this is not an event"))?;
        let room =
            RoomJid::prepared(&event.room_jid).map_err(|_| wrong("room_jid is not the address of a room"))?;
        // A breakout room's events bear the main room's address, and of its own no service.
        let is_breakout = event.is_breakout == Value::Bool(true);
        if !is_breakout && !self.is_about_us(&event) {
            let sender = peer.map(|Extension(sender)| sender).unwrap_or_default();
            self.touches.push(Touch { sender, room, gone });
        }
        Ok(StatusCode::NO_CONTENT)
    }

    fn is_about_us(&self, event: &Event) -> bool {
        let who = event.occupant.get("occupant_jid").and_then(Value::as_str);
        who.and_then(|jid| RealJid::new(jid).ok()).is_some_and(|jid| jid.domain() == self.own_domain)
    }
}
