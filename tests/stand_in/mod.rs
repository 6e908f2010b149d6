//! A stand-in for whatever speaks HTTP, down to the bytes, so that it can do everything wrong.

#![allow(dead_code, reason = "not every test does everything wrong")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How a request is answered.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// Status 200 with this body.
    Body(String),
    /// This status, like "404 Not Found", with this body.
    Status(&'static str, &'static str),
    /// Status 200 with this body, after a while.
    Late(Duration, &'static str),
    /// A redirect to this URL.
    Redirect(String),
    /// Nothing at all.
    Silence,
    /// The head, and then a byte now and then.
    Drip,
    /// The connection is reset.
    Reset,
    /// Less than was announced.
    Truncated,
    /// 100 MB, as chunks.
    Huge,
    /// No HTTP.
    Gibberish,
    /// Interim answers, and never the real one.
    Interim,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// "POST /path".
    pub(crate) what: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    /// The manners of the next requests; the last one stays.
    manners: Mutex<VecDeque<Manner>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    sent: AtomicUsize,
    connections: AtomicUsize,
}

/// The stand-in. Ends when dropped, with its connections.
pub(crate) struct StandIn {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl StandIn {
    pub(crate) async fn start(manners: impl IntoIterator<Item = Manner>) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), manners).await
    }

    pub(crate) async fn start_at(address: SocketAddr, manners: impl IntoIterator<Item = Manner>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared =
            Arc::new(Shared { manners: Mutex::new(manners.into_iter().collect()), ..Shared::default() });
        let sharing = shared.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                sharing.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(converse(stream, sharing.clone()));
            }
        });
        Self { address, shared, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn be(&self, manner: Manner) {
        *self.shared.manners.lock().unwrap() = VecDeque::from([manner]);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.shared.seen.lock().unwrap().len()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.most_at_once.load(Ordering::SeqCst)
    }

    /// Bytes of answers sent.
    pub(crate) fn sent(&self) -> usize {
        self.shared.sent.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(mut stream: TcpStream, shared: Arc<Shared>) {
    while let Some(seen) = read(&mut stream).await {
        let at_once = shared.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        shared.seen.lock().unwrap().push(seen);
        let manner = {
            let mut manners = shared.manners.lock().unwrap();
            if manners.len() > 1 { manners.pop_front() } else { manners.front().cloned() }
        };
        let goes_on = answer(&mut stream, manner.expect("a manner"), &shared).await;
        shared.at_once.fetch_sub(1, Ordering::SeqCst);
        if goes_on.is_none() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix(name).map(|v| v.trim().to_owned()))
    };
    let length = header("content-length:").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let what = head.split(" HTTP/").next()?.to_owned();
    Some(Seen { what, head, body: String::from_utf8(body).ok()? })
}

/// None: the connection is over.
async fn answer(stream: &mut TcpStream, manner: Manner, shared: &Shared) -> Option<()> {
    let whole = |status: &str, more: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{more}\r\n{body}", body.len()).into_bytes()
    };
    let bytes = match manner {
        Manner::Body(body) => whole("200 OK", "content-type: application/json\r\n", &body),
        Manner::Status(status, body) => whole(status, "", body),
        Manner::Late(after, body) => {
            tokio::time::sleep(after).await;
            whole("200 OK", "", body)
        }
        Manner::Redirect(to) => whole("302 Found", &format!("location: {to}\r\n"), ""),
        Manner::Silence => {
            // Until the other side has had enough.
            let _ = stream.read_u8().await;
            return None;
        }
        Manner::Drip => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await.ok()?;
            loop {
                stream.write_all(b" ").await.ok()?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Manner::Reset => {
            stream.set_zero_linger().ok()?;
            return None;
        }
        Manner::Truncated => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{").await.ok()?;
            return None;
        }
        Manner::Huge => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok()?;
            let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
            for _ in 0..100 {
                stream.write_all(chunk.as_bytes()).await.ok()?;
                shared.sent.fetch_add(chunk.len(), Ordering::SeqCst);
            }
            b"0\r\n\r\n".to_vec()
        }
        Manner::Gibberish => {
            stream.write_all(b"220 mail.example ESMTP\r\n").await.ok()?;
            return None;
        }
        Manner::Interim => {
            let piece = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
            loop {
                stream.write_all(piece.as_bytes()).await.ok()?;
                shared.sent.fetch_add(piece.len(), Ordering::SeqCst);
            }
        }
    };
    stream.write_all(&bytes).await.ok()?;
    shared.sent.fetch_add(bytes.len(), Ordering::SeqCst);
    Some(())
}
