//! Listening, and bounding what a connection may cost.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;
use tokio_io_timeout::TimeoutStream;

use super::ending::Ending;
use super::slots::{Mark, Shares, Slot, Slots, network};
use crate::doubling::Doubling;
use crate::meeting::watchlist::Sender;

/// Longest head of a request, in bytes.
const MOST_HEAD: usize = 16 * 1024;
/// What the kernel may keep of an answer until the peer takes it, in bytes. By itself it would keep 4 MB, and a reader
/// of events who has stopped reading would not be noticed before it is full.
const MOST_UNSENT: u32 = 64 * 1024;
/// Connections that may wait to be accepted; the kernel has a limit of its own. Those beyond it are tried again after a
/// second.
const BACKLOG: u32 = 4096;
/// Connections that are accepted before those that are there get their turn.
const IN_A_ROW: u32 = 8;
/// Pause after a connection could not be accepted: most likely files have run out.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// Between two attempts to listen, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Something that the server tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpEvent {
    /// It listens at this address.
    Listening(SocketAddr),
    /// It cannot listen. It tries again, and tells only another reason or its success.
    CannotListen {
        /// Why.
        why: String,
        /// When it first tries again.
        retry_in: Duration,
    },
}

/// Who is at the other end of the connection that a request has come by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// What connections may cost.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Connections at once.
    pub shares: Shares,
    /// How long a connection may take to send the head of a request, the first or the next.
    pub head: Duration,
    /// How long a peer may take none of the answer.
    pub write: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { shares: Shares::default(), head: Duration::from_secs(5), write: Duration::from_secs(10) }
    }
}

/// Serves `router` at `listen` until the receiver is dropped.
pub fn spawn(listen: SocketAddr, router: Router) -> mpsc::Receiver<HttpEvent> {
    spawn_with(listen, router, ServerLimits::default())
}

/// As [`spawn`], with other limits.
pub fn spawn_with(listen: SocketAddr, router: Router, limits: ServerLimits) -> mpsc::Receiver<HttpEvent> {
    let (events, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        tokio::select! {
            () = events.closed() => {}
            () = serve(listen, router, limits, &events) => {}
        }
    });
    receiver
}

/// As [`spawn`], on a thread of its own: no answer, however long, takes the caller's time.
pub fn spawn_apart(listen: SocketAddr, router: Router) -> mpsc::Receiver<HttpEvent> {
    let (events, receiver) = mpsc::channel(8);
    let work = move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(async {
            tokio::select! {
                () = events.closed() => {}
                () = serve(listen, router, ServerLimits::default(), &events) => {}
            }
        }),
        Err(error) => tracing::error!("cannot serve HTTP: {error}"),
    };
    if let Err(error) = std::thread::Builder::new().name("http".to_owned()).spawn(work) {
        tracing::error!("cannot serve HTTP: {error}");
    }
    receiver
}

async fn serve(listen: SocketAddr, router: Router, limits: ServerLimits, events: &mpsc::Sender<HttpEvent>) {
    let Some(listener) = bind(listen, events).await else { return };
    let slots = Slots::new(limits.shares);
    let mut connections = JoinSet::new();
    let mut in_a_row: u32 = 0;
    loop {
        tokio::select! {
            // Without a limit: a request that waits in the kernel behind a flood cannot be told from it.
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match slots.take(peer.ip()) {
                    Some(slot) => {
                        connections.spawn(sit(slot, stream, peer.ip(), router.clone(), limits));
                        in_a_row = in_a_row.wrapping_add(1) % IN_A_ROW;
                        // Its request may be here already, and is read before new connections take its slot.
                        if in_a_row == 0 {
                            yield_now().await;
                        }
                    }
                    None => tracing::debug!(%peer, "too many HTTP connections: this one is closed"),
                },
                Err(error) => {
                    tracing::debug!("cannot accept a connection: {error}");
                    sleep(ACCEPT_AGAIN).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Tries until it succeeds; none if nobody wants to know any more.
async fn bind(listen: SocketAddr, events: &mpsc::Sender<HttpEvent>) -> Option<TcpListener> {
    let mut pause = Doubling::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut told = String::new();
    loop {
        let error = match open(listen).and_then(|listener| Ok((listener.local_addr()?, listener))) {
            Ok((address, listener)) => {
                events.send(HttpEvent::Listening(address)).await.ok()?;
                return Some(listener);
            }
            Err(error) => error,
        };
        let retry_in = pause.delay();
        let why = format!("{listen}: {error}");
        if why != told {
            told.clone_from(&why);
            events.send(HttpEvent::CannotListen { why, retry_in }).await.ok()?;
        }
        sleep(retry_in).await;
    }
}

/// Listens; what is accepted inherits the size of the buffer.
fn open(listen: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(MOST_UNSENT)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

/// Serves a connection until it ends, or until another is given its slot.
async fn sit(mut slot: Slot, stream: TcpStream, peer: IpAddr, router: Router, limits: ServerLimits) {
    let conversation = converse(slot.mark(), stream, peer, router, limits);
    tokio::select! {
        () = conversation => {}
        () = slot.lost() => tracing::debug!("an HTTP connection was closed for a new one"),
    }
}

/// Each request bears its sender among its extensions, as whom turns are shared with and as who it is.
async fn converse(mark: Mark, stream: TcpStream, peer: IpAddr, router: Router, limits: ServerLimits) {
    let (sender, peer) = (Sender::Host(network(peer)), Peer(peer.to_canonical()));
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.write));
    let service = TowerToHyperService::new(router);
    let answer = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let (here, out) = (mark.clone(), mark.clone());
        if request.body().is_end_stream() {
            here.owes_nothing();
        }
        let mut request = request.map(|body| Body::new(Ending::new(body, move || here.owes_nothing())));
        request.extensions_mut().insert(sender.clone());
        request.extensions_mut().insert(peer);
        let answered = service.call(request);
        async move {
            let Ok(response) = answered.await;
            Ok::<_, Infallible>(response.map(|body| Ending::new(body, move || out.owes())))
        }
    });
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), answer);
    if let Err(error) = conversation.await {
        tracing::debug!("an HTTP connection broke: {error}");
    }
}
