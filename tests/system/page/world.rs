//! The real router over a board and a ledger that the test writes to, on a port of its own. Orders by hand are the
//! test's to answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jibri_autostart::config::Secret;
use jibri_autostart::http::{self, HttpEvent, Parts};
use jibri_autostart::ledger::{Entry, Key, Ledger, LedgerLimits};
use jibri_autostart::meeting::{ManualOrder, NotTaken, OrderedBy};
use jibri_autostart::recordings::{Recording, RecordingState};
use jibri_autostart::surface::{self, Board, Link, Metrics, Order, Orders, Room, Surface};
use tokio::sync::mpsc;

use super::browser::Browser;
use super::sample;

pub(crate) const TOKEN: &str = "TOKEN-237958623045";

pub(crate) struct World {
    pub(crate) board: Arc<Board>,
    /// Orders that nobody has answered.
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) url: String,
    /// `http.token`.
    pub(crate) token: &'static str,
    /// `recordings.url`.
    pub(crate) files: &'static str,
    ledger: Ledger,
    written: u64,
    giver: Orders,
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
        Self::start_of(Board::new("autostart.meet.jitsi", false), instead).await
    }

    /// The same of a program that only says what it would do.
    pub(crate) async fn start_dry() -> Self {
        Self::start_of(Board::new("autostart.meet.jitsi", true), Router::new()).await
    }

    async fn start_of(board: Board, instead: Router) -> Self {
        let board = Arc::new(board);
        board.set_link(Link { linked: true, standby: false, since: sample::ago(3 * 3600), reason: None });
        let address = "127.0.0.1:0".parse().unwrap();
        let told = Arc::clone(&board);
        let keep = Duration::from_secs(86_400);
        let ledger = Ledger::spawn(None, keep, LedgerLimits::default(), move |news| {
            if news.entries {
                told.tell_history();
            }
            if news.recordings {
                told.tell_recordings();
            }
        });
        let (giver, orders) = surface::orders();
        let mut world = Self {
            board,
            orders,
            url: String::new(),
            token: TOKEN,
            files: "https://files.example/{session_id}/{name}",
            ledger,
            written: 0,
            giver,
            instead,
            address,
            server: None,
        };
        world.serve().await;
        world
    }

    fn router(&self) -> Router {
        let metrics = Arc::new(Metrics::new(Arc::clone(&self.board), Arc::default()));
        let services: Arc<[String]> = Arc::new(["muc.meet.jitsi".to_owned()]);
        let surface = Surface { board: Arc::clone(&self.board), metrics, services };
        let parts = Parts {
            token: Secret::new(self.token),
            surface: Some(surface),
            orders: Some(self.giver.clone()),
            reports: None,
            safe: None,
            recordings_url: Some(self.files.to_owned()),
            history: Some(self.ledger.reader()),
            ..Parts::default()
        };
        self.instead.clone().fallback_service(http::router(parts))
    }

    /// Something new in the history; it can be read when this returns.
    pub(crate) async fn write(&mut self, entry: Entry) -> Key {
        let key = self.ledger.new_key();
        self.rewrite(key, entry).await;
        key
    }

    /// What has become of it.
    pub(crate) async fn rewrite(&mut self, key: Key, entry: Entry) {
        self.ledger.put(key, entry);
        self.written += 1;
        self.ledger.safe().wait_for(|safe| *safe >= self.written).await.unwrap();
    }

    /// What is known of a recording now.
    pub(crate) async fn record(&mut self, recording: Recording, state: RecordingState) {
        self.ledger.put_recording(recording, state);
        self.written += 1;
        self.ledger.safe().wait_for(|safe| *safe >= self.written).await.unwrap();
    }

    /// Waits for this order, and takes it: the board shows the room in this state then.
    pub(crate) async fn take(&mut self, room: &str, hand: ManualOrder, state: &str) {
        let order = self.order(room, hand).await;
        let before = self.board.room(room).unwrap();
        self.board.put_rooms(&[Arc::new(Room { state: state.to_owned(), ..(*before).clone() })]);
        order.answer.send(Ok(())).unwrap();
    }

    /// Waits for this order, and does not take it.
    pub(crate) async fn refuse(&mut self, room: &str, hand: ManualOrder, why: NotTaken) {
        self.order(room, hand).await.answer.send(Err(why)).unwrap();
    }

    async fn order(&mut self, room: &str, hand: ManualOrder) -> Order {
        let order = self.orders.recv().await.unwrap();
        assert_eq!((&*order.room, order.hand, order.origin.by), (room, hand, OrderedBy::Page));
        order
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
