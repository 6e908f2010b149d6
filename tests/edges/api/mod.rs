//! The surface over HTTP, without a Prosody: what `openapi.yaml` says of it, its readers, and orders by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "also in what the tests share"
)]

mod events;
mod heads;
mod history;
mod hosts;
mod openapi;
mod orders;
mod paths;
mod recordings;
mod reports;
mod schema;
mod watching;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jibri_autostart::config::{Secret, from_toml};
use jibri_autostart::discovery;
use jibri_autostart::http::{self, EventSync, HttpEvent, Parts, Readiness};
use jibri_autostart::ledger::{Ledger, LedgerLimits};
use jibri_autostart::meeting::NotTaken;
use jibri_autostart::probes;
use jibri_autostart::recordings::Report;
use jibri_autostart::surface::{self, Alert, Board, Jibri, Link, Metrics, Order, Reported, Room, Surface};
use reqwest::Client;
use tokio::sync::{mpsc, watch};

/// Longer than any wait in these tests takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);
const TOKEN: &str = "TOKEN-237958623045";
/// In the path of what Jibri sends.
const WEBHOOK_TOKEN: &str = "h00k";
/// What may be called by, beside addresses.
const HOST: &str = "autostart.example.org";

struct World {
    url: String,
    board: Arc<Board>,
    client: Client,
    /// What requests bear.
    token: &'static str,
    /// Orders that nobody has answered.
    orders: mpsc::Receiver<Order>,
    /// Reports that nobody has taken.
    reported: mpsc::Receiver<Reported>,
    /// How much is safe by now.
    safe: watch::Sender<u64>,
    ready: watch::Sender<Readiness>,
    ledger: Ledger,
    /// Off, so that no reader is told of what was written before it came.
    tells_history: Arc<AtomicBool>,
    discovery: discovery::Discovery,
    probes: probes::Probes,
    router: axum::Router,
    /// It ends with this.
    server: mpsc::Receiver<HttpEvent>,
}

/// A server with every route that there is, and a board with something of everything.
async fn world() -> World {
    world_whose_token_is(TOKEN).await
}

async fn world_whose_token_is(token: &str) -> World {
    let file = "xmpp = { domain = \"a.b\", secret = \"s\" }\nmuc.domains = [\"muc.meet.jitsi\"]";
    let mut settings = from_toml(file).unwrap().settings;
    (settings.jibri.webhook, settings.jibri.webhook_token) = (true, Secret::new(WEBHOOK_TOKEN));
    let discovery = discovery::spawn(&settings);
    let mut probes = probes::spawn(&settings);
    let (ready, readiness) = watch::channel(Ok(()));
    let board = Arc::new(Board::new("a.b", false));
    let metrics = Arc::new(Metrics::new(Arc::clone(&board), Arc::default()));
    let surface =
        Surface { board: Arc::clone(&board), metrics, services: settings.muc.domains.clone().into() };
    fill(&board);
    let (told, tells_history) = (Arc::clone(&board), Arc::<AtomicBool>::default());
    let tells = Arc::clone(&tells_history);
    let mut ledger = Ledger::spawn(None, LONG, LedgerLimits::default(), move |news| {
        if tells.load(Ordering::Relaxed) && news.entries {
            told.tell_history();
        }
        if tells.load(Ordering::Relaxed) && news.recordings {
            told.tell_recordings();
        }
    });
    let entries = history::fill(&mut ledger).await;
    recordings::fill(&mut ledger, entries).await;
    let (giver, orders) = surface::orders();
    let (reports, reported) = surface::reports();
    let (safe, is_safe) = watch::channel(0);
    let parts = Parts {
        orders: Some(giver),
        token: Secret::new(token),
        hosts: vec![HOST.to_owned()],
        event_sync: Some(EventSync { touches: discovery.touches.clone(), own_domain: "a.b".to_owned() }),
        jibri_webhooks: probes.webhooks.take(),
        webhook_token: Secret::new(WEBHOOK_TOKEN),
        readiness: Some(readiness),
        surface: Some(surface),
        reports: Some(reports),
        safe: Some(is_safe),
        history: Some(ledger.reader()),
        recordings_url: Some("https://files.example/{session_id}/{name}".to_owned()),
    };
    let router = http::router(parts);
    let mut server = http::spawn_apart("127.0.0.1:0".parse().unwrap(), router.clone());
    let Some(HttpEvent::Listening(address)) = server.recv().await else { panic!("cannot listen") };
    let client = reqwest::Client::builder().no_proxy().timeout(LONG).build().unwrap();
    World {
        url: format!("http://{address}"),
        board,
        client,
        token: TOKEN,
        orders,
        reported,
        safe,
        ready,
        ledger,
        tells_history,
        discovery,
        probes,
        router,
        server,
    }
}

impl World {
    /// From now on orders are answered, all of them with this.
    fn answer(&mut self, answer: Result<(), NotTaken>) {
        let (_, none) = mpsc::channel(1);
        let mut orders = std::mem::replace(&mut self.orders, none);
        tokio::spawn(async move {
            while let Some(order) = orders.recv().await {
                // Who asked may be gone.
                let _ = order.answer.send(answer);
            }
        });
    }

    /// From now on reports are taken and written down; returns those that were.
    fn keep_reports(&mut self) -> Arc<Mutex<Vec<Report>>> {
        let (_, none) = mpsc::channel(1);
        let mut reported = std::mem::replace(&mut self.reported, none);
        let kept = Arc::<Mutex<Vec<Report>>>::default();
        let (keeping, safe) = (Arc::clone(&kept), self.safe.clone());
        tokio::spawn(async move {
            while let Some(Reported { report, taken }) = reported.recv().await {
                let mut kept = keeping.lock().unwrap();
                kept.push(report);
                let count = kept.len() as u64;
                drop(kept);
                let _ = taken.send(count);
                safe.send_replace(count);
            }
        });
        kept
    }
}

fn fill(board: &Board) {
    let since = "2026-11-22T12:00:00Z".to_owned();
    board.set_link(Link { linked: true, standby: false, since: since.clone(), reason: None });
    board.put_rooms(&[room("r1", "recording"), room("[acme]größe/<script>", "held")]);
    let jibri = |name: &str, verdict: &str| Jibri {
        name: name.to_owned(),
        busy: Some(true),
        healthy: None,
        verdict: verdict.to_owned(),
        failures: 1,
        last_seen: Some(since.clone()),
        room: Some("r1@muc.meet.jitsi".to_owned()),
        restarts: 0,
        evidence: "no problems found".to_owned(),
        testimonies: Vec::new(),
    };
    board.set_jibris(vec![jibri("\u{202e}\"<b>", "ok"), jibri("jibri-1", "wedged")]);
    let alert = Alert {
        kind: "jibri_wedged".to_owned(),
        severity: "critical".to_owned(),
        subject: "jibri-1".to_owned(),
        since,
        times: 1,
        summary: "so it is".to_owned(),
        remedy: "restart it".to_owned(),
        labels: [("jibri".to_owned(), "jibri-1".to_owned())].into(),
    };
    board.set_alerts(vec![alert], [("jibri_wedged", 1)].into());
}

fn room(local: &str, state: &str) -> Arc<Room> {
    Arc::new(Room {
        room: format!("{local}@muc.meet.jitsi").into(),
        state: state.to_owned(),
        seen: true,
        people: 2,
        moderators: 1,
        recorder_present: true,
        proof: Some("jibri".into()),
        attempt: 1,
        session_id: Some("s1".to_owned()),
        since: "2026-11-22T12:00:00Z".to_owned(),
        place: None,
        not_recorded: None,
        reason: None,
    })
}
