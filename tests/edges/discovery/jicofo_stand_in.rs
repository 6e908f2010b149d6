//! A stand-in for Jicofo's REST interface, down to the bytes, so that it can do everything wrong.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How the next requests are answered.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// Status 200 with this body.
    Body(String),
    /// Status 200 with this body, after a while.
    Late(Duration, &'static str),
    /// This status, with a body that is a list.
    Status(&'static str),
    /// A redirect to a list.
    Redirect,
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
    /// Interim answers, and never the real one.
    Interim,
    /// A head that never ends.
    EndlessHead,
    /// Interim answers, and then status 200 with this body.
    Hinted(String),
}

/// The stand-in. Ends when dropped.
pub(crate) struct Jicofo {
    pub(crate) address: SocketAddr,
    manner: watch::Sender<Manner>,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
    bytes: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    strays: AtomicUsize,
}

impl Jicofo {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (manner, watched) = watch::channel(manner);
        let seen = Arc::new(Seen::default());
        let shared = seen.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(converse(stream, watched.clone(), shared.clone()));
            }
        });
        Self { address, manner, seen, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn be(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// Bytes of answers sent.
    pub(crate) fn bytes(&self) -> usize {
        self.seen.bytes.load(Ordering::SeqCst)
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.seen.most_at_once.load(Ordering::SeqCst)
    }

    /// Requests for anything but the list.
    pub(crate) fn strays(&self) -> usize {
        self.seen.strays.load(Ordering::SeqCst)
    }
}

impl Drop for Jicofo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A list of rooms as Jicofo writes it.
pub(crate) fn list<'a>(rooms: impl IntoIterator<Item = &'a str>) -> Manner {
    let rooms: Vec<String> = rooms.into_iter().map(|room| format!("{room}@muc.meet.jitsi")).collect();
    Manner::Body(serde_json::to_string(&rooms).unwrap())
}

async fn converse(mut stream: TcpStream, manner: watch::Receiver<Manner>, seen: Arc<Seen>) {
    while let Some(head) = read_head(&mut stream).await {
        seen.requests.fetch_add(1, Ordering::SeqCst);
        if !head.starts_with("GET /debug/conferences HTTP/1.1\r\n") {
            seen.strays.fetch_add(1, Ordering::SeqCst);
        }
        let at_once = seen.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        let manner = manner.borrow().clone();
        let goes_on = answer(&mut stream, manner, &seen).await;
        seen.at_once.fetch_sub(1, Ordering::SeqCst);
        if goes_on.is_none() {
            return;
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// None: the connection is over.
async fn answer(stream: &mut TcpStream, manner: Manner, seen: &Seen) -> Option<()> {
    let with_length = |status: &str, more: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let list = r#"["other@muc.meet.jitsi"]"#;
    let text = match manner {
        Manner::Body(body) => with_length("200 OK", "Content-Type: text/plain\r\n", &body),
        Manner::Late(wait, body) => {
            tokio::time::sleep(wait).await;
            with_length("200 OK", "", body)
        }
        Manner::Status(status) => with_length(status, "", list),
        Manner::Redirect => with_length("302 Found", "Location: /elsewhere\r\n", list),
        Manner::Silence => {
            // Until the other side has had enough.
            let _ = stream.read_u8().await;
            return None;
        }
        Manner::Drip => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n[").await.ok()?;
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
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[\"other@muc").await.ok()?;
            return None;
        }
        Manner::Huge => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.ok()?;
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
            for _ in 0..1600 {
                stream.write_all(chunk.as_bytes()).await.ok()?;
                seen.bytes.fetch_add(chunk.len(), Ordering::SeqCst);
            }
            "0\r\n\r\n".to_owned()
        }
        Manner::Interim => return flood(stream, "", "HTTP/1.1 100 Continue\r\n\r\n", seen).await,
        Manner::EndlessHead => return flood(stream, "HTTP/1.1 200 OK\r\nX: ", "x", seen).await,
        Manner::Hinted(body) => {
            "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n".repeat(3)
                + &with_length("200 OK", "", &body)
        }
    };
    stream.write_all(text.as_bytes()).await.ok()
}

/// Says `first`, and `again` until the other side has had enough.
async fn flood(stream: &mut TcpStream, first: &str, again: &str, seen: &Seen) -> Option<()> {
    stream.write_all(first.as_bytes()).await.ok()?;
    let piece = again.repeat(0x10000 / again.len());
    loop {
        stream.write_all(piece.as_bytes()).await.ok()?;
        seen.bytes.fetch_add(piece.len(), Ordering::SeqCst);
    }
}
