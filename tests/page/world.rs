//! The real router over a board that the test writes to, on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use jibri_autostart::http::{self, HttpEvent, Parts};
use jibri_autostart::surface::{Board, Link, Metrics, Surface};
use tokio::sync::mpsc;

use crate::browser::Browser;
use crate::sample;
use crate::stand_in::StandIn;

pub(crate) struct World {
    pub(crate) board: Arc<Board>,
    pub(crate) stand_in: StandIn,
    pub(crate) url: String,
    instead: Router,
    address: SocketAddr,
    server: Option<mpsc::Receiver<HttpEvent>>,
}

impl World {
    /// Linked, and with nothing else.
    pub(crate) async fn start() -> Self {
        Self::start_with(Router::new()).await
    }

    /// The same with these routes instead of the real ones.
    pub(crate) async fn start_with(instead: Router) -> Self {
        let board = Arc::new(Board::new("autostart.meet.jitsi", false));
        board.set_link(Link { linked: true, standby: false, since: sample::ago(3 * 3600), reason: None });
        let address = "127.0.0.1:0".parse().unwrap();
        let stand_in = StandIn::new(Arc::clone(&board));
        let mut world = Self { board, stand_in, url: String::new(), instead, address, server: None };
        world.serve().await;
        world
    }

    fn router(&self) -> Router {
        let metrics = Arc::new(Metrics::new(Arc::clone(&self.board), Arc::default()));
        let services: Arc<[String]> = Arc::new(["muc.meet.jitsi".to_owned()]);
        let surface = Surface { board: Arc::clone(&self.board), metrics, services };
        let parts = Parts { surface: Some(surface), ..Parts::default() };
        self.instead.clone().merge(self.stand_in.routes()).fallback_service(http::router(parts))
    }

    /// Serves, again at the same address if it has had one.
    pub(crate) async fn serve(&mut self) {
        let mut server = http::spawn_apart(self.address, self.router());
        loop {
            match server.recv().await.expect("a server") {
                HttpEvent::Listening(address) => break self.address = address,
                // The one before is not gone yet; it tries again.
                HttpEvent::CannotListen { .. } => {}
            }
        }
        self.url = format!("http://{}/", self.address);
        self.server = Some(server);
    }

    /// Nobody answers any more.
    pub(crate) fn stop(&mut self) {
        self.server = None;
    }

    /// A browser that shows the page, and all that there is on it.
    pub(crate) async fn browse(&self) -> Browser {
        let browser = Browser::start().await;
        browser.open(&self.url).await;
        browser.until(LIVE).await;
        browser
    }
}

/// All is drawn, and contact is kept.
pub(crate) const LIVE: &str =
    "document.querySelector('#counts dd') && document.querySelector('#lost').textContent === ''";
