//! Jicofo's REST interface, as far as it matters: the list of conferences.

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::routing::get;
use axum::{Json, Router};
use jibri_autostart::http::{HttpEvent, spawn};
use serde_json::json;
use testkit::Result;
use tokio::sync::mpsc;

/// Serves what `rooms` gives; it ends with the receiver.
#[allow(dead_code, reason = "not every bench needs it")]
pub(crate) async fn serve(
    rooms: impl Fn() -> Vec<String> + Clone + Send + Sync + 'static,
) -> Result<(SocketAddr, mpsc::Receiver<HttpEvent>)> {
    listen(Router::new().route("/debug/conferences", get(async move || Json(rooms())))).await
}

/// The same, and how many are in each of `rooms`; of Jibris nothing.
#[allow(dead_code, reason = "not every bench needs it")]
pub(crate) async fn serve_numbers(
    rooms: impl Fn() -> Vec<(String, usize)> + Clone + Send + Sync + 'static,
) -> Result<(SocketAddr, mpsc::Receiver<HttpEvent>)> {
    let listed = rooms.clone();
    let list = get(async move || Json(listed().into_iter().map(|(room, _)| room).collect::<Vec<_>>()));
    let numbers = get(async move || {
        let manager: HashMap<_, _> = rooms().into_iter().collect();
        Json(json!({ "focus_manager": manager, "jibri_detector": null }))
    });
    listen(Router::new().route("/debug/conferences", list).route("/debug", numbers)).await
}

async fn listen(router: Router) -> Result<(SocketAddr, mpsc::Receiver<HttpEvent>)> {
    let mut server = spawn("127.0.0.1:0".parse()?, router);
    loop {
        match server.recv().await {
            Some(HttpEvent::Listening(address)) => return Ok((address, server)),
            Some(HttpEvent::CannotListen { .. }) => {}
            None => return Err("no server".into()),
        }
    }
}
