//! Jicofo's REST interface, as far as it matters: the list of conferences.

use std::net::SocketAddr;

use axum::routing::get;
use axum::{Json, Router};
use jibri_autostart::http::{HttpEvent, spawn};
use testkit::Result;
use tokio::sync::mpsc;

/// Serves what `rooms` gives; it ends with the receiver.
pub(crate) async fn serve(
    rooms: impl Fn() -> Vec<String> + Clone + Send + Sync + 'static,
) -> Result<(SocketAddr, mpsc::Receiver<HttpEvent>)> {
    let list = get(async move || Json(rooms()));
    let mut server = spawn("127.0.0.1:0".parse()?, Router::new().route("/debug/conferences", list));
    loop {
        match server.recv().await {
            Some(HttpEvent::Listening(address)) => return Ok((address, server)),
            Some(HttpEvent::CannotListen { .. }) => {}
            None => return Err("no server".into()),
        }
    }
}
