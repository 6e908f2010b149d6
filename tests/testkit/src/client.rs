//! An XMPP client over plain TCP: logs in, sends, receives, and has the manners of an ordinary client.

use crate::login::{self, Login};
use crate::manners::Manners;
use crate::xml::{Node, ns};
use crate::xml_stream::{Item, StreamParser};
use crate::{Result, lock};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// How many stanzas a client remembers.
const MEMORY: usize = 5_000;
/// A stanza from this many bytes may reach the server in pieces.
const LONG_STANZA: usize = 2_000;

/// A stanza and when it came.
#[derive(Debug)]
pub struct Received {
    /// When it was read.
    pub at: Instant,
    /// The stanza.
    pub node: Node,
}

/// What reaches a model: every stanza but the replies to its requests; it ends when the connection does.
pub type Inbox = mpsc::UnboundedReceiver<Arc<Received>>;

/// A connection. Clones share it; when the last is dropped the TCP connection is, without a goodbye.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    jid: String,
    out: mpsc::UnboundedSender<Vec<u8>>,
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
    next_id: AtomicU64,
}

/// What the reading task and the handles share.
struct Shared {
    memory: Mutex<Memory>,
    news: watch::Sender<u64>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Node>>>,
    manners: Mutex<Manners>,
    closed: AtomicBool,
}

#[derive(Default)]
struct Memory {
    stanzas: VecDeque<Arc<Received>>,
    /// How many were forgotten.
    forgotten: usize,
}

impl Client {
    /// Connects, logs in and binds; the inbox gets everything from the first stanza on.
    pub async fn connect(address: SocketAddr, login: &Login, manners: Manners) -> Result<(Client, Inbox)> {
        let connection = login::connect(address, login).await?;
        let (out, outgoing) = mpsc::unbounded_channel();
        let (inbox_in, inbox) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            memory: Mutex::default(),
            news: watch::Sender::new(0),
            waiting: Mutex::default(),
            manners: Mutex::new(manners),
            closed: AtomicBool::new(false),
        });
        let handled = connection.is_managed.then_some(0);
        let reader = Reader { shared: shared.clone(), out: out.downgrade(), inbox: inbox_in, handled };
        let tasks = [
            tokio::spawn(reader.run(connection.read, connection.parser)),
            tokio::spawn(write(connection.write, outgoing)),
        ];
        let inner = Inner { jid: connection.jid, out, shared, tasks, next_id: AtomicU64::new(1) };
        Ok((Client { inner: Arc::new(inner) }, inbox))
    }

    /// Our full JID.
    pub fn jid(&self) -> &str {
        &self.inner.jid
    }

    /// Sends a stanza; lost without a word if the connection is.
    pub fn send(&self, node: &Node) {
        let mut text = node.to_string();
        // Expat since 2.6 holds back a long tag that comes in pieces until as much again has come (reparse deferral);
        // who says nothing more would wait for ever.
        if text.len() > LONG_STANZA {
            text.push_str(&" ".repeat(text.len()));
        }
        self.send_raw(&text);
    }

    /// Sends any text, well-formed or not.
    pub fn send_raw(&self, text: &str) {
        if !text.is_empty() {
            let _ = self.inner.out.send(text.as_bytes().to_vec());
        }
    }

    /// An id that was not used before on this connection.
    pub fn new_id(&self) -> String {
        format!("k{}", self.inner.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Sends an IQ (with an id if it has none), and then waits for the reply; an error reply is a reply. It is sent by this
    /// call, whenever the wait begins, so what is sent later arrives later.
    pub fn request(&self, mut iq: Node, bound: Duration) -> impl Future<Output = Result<Node>> + use<> {
        if iq.get("id").is_none() {
            iq.set("id", &self.new_id());
        }
        let id = iq.get_or_empty("id").to_owned();
        let (tell, told) = oneshot::channel();
        lock(&self.inner.shared.waiting).insert(id.clone(), tell);
        if self.is_closed() {
            lock(&self.inner.shared.waiting).clear();
        }
        self.send(&iq);
        let client = self.clone();
        async move {
            let reply = tokio::time::timeout(bound, told).await;
            lock(&client.inner.shared.waiting).remove(&id);
            match reply {
                Ok(Ok(node)) => Ok(node),
                Ok(Err(_)) => Err("the connection is gone".into()),
                Err(_) => Err(format!("no answer within {bound:?} to {iq}").into()),
            }
        }
    }

    /// How many stanzas have come so far; a starting point for [`Client::wait_for_since`].
    pub fn mark(&self) -> usize {
        let memory = lock(&self.inner.shared.memory);
        memory.forgotten + memory.stanzas.len()
    }

    /// Have so many come that the first are remembered no more?
    pub fn has_forgotten(&self) -> bool {
        lock(&self.inner.shared.memory).forgotten > 0
    }

    /// All remembered stanzas from a mark on.
    pub fn since(&self, mark: usize) -> Vec<Arc<Received>> {
        let memory = lock(&self.inner.shared.memory);
        memory.stanzas.iter().skip(mark.saturating_sub(memory.forgotten)).cloned().collect()
    }

    /// The first stanza, old or new, that fits.
    pub async fn wait_for(&self, fits: impl Fn(&Node) -> bool, bound: Duration) -> Result<Arc<Received>> {
        self.wait_for_since(0, fits, bound).await
    }

    /// The first stanza from a mark on that fits.
    pub async fn wait_for_since(
        &self,
        mark: usize,
        fits: impl Fn(&Node) -> bool,
        bound: Duration,
    ) -> Result<Arc<Received>> {
        let mut news = self.inner.shared.news.subscribe();
        let mut mark = mark;
        let search = async {
            loop {
                news.borrow_and_update();
                let next = self.mark();
                if let Some(found) = self.since(mark).into_iter().find(|received| fits(&received.node)) {
                    return Ok(found);
                }
                mark = mark.max(next);
                if self.is_closed() || news.changed().await.is_err() {
                    return Err("the connection is gone".into());
                }
            }
        };
        match tokio::time::timeout(bound, search).await {
            Ok(found) => found,
            Err(_) => Err(format!("{}: nothing that fits came within {bound:?}", self.jid()).into()),
        }
    }

    /// Changes what is answered without being asked to.
    pub fn set_manners(&self, manners: Manners) {
        *lock(&self.inner.shared.manners) = manners;
    }

    /// Has the connection ended?
    pub fn is_closed(&self) -> bool {
        self.inner.shared.closed.load(Ordering::Acquire)
    }

    /// Waits until the connection has ended.
    pub async fn wait_closed(&self, bound: Duration) -> bool {
        let mut news = self.inner.shared.news.subscribe();
        let wait = async { while !self.is_closed() && news.changed().await.is_ok() {} };
        let _ = tokio::time::timeout(bound, wait).await;
        self.is_closed()
    }

    /// Drops the TCP connection without a goodbye.
    pub fn abort(&self) {
        self.inner.tasks.iter().for_each(JoinHandle::abort);
        self.inner.shared.close();
    }

    /// Closes the stream and waits until the server has too.
    pub async fn close(&self) {
        self.send_raw("</stream:stream>");
        self.wait_closed(Duration::from_secs(5)).await;
        self.abort();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Shared {
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        lock(&self.waiting).clear();
        self.news.send_modify(|n| *n += 1);
    }
}

/// Writes what there is to write, until the connection fails or an empty piece says that it is over.
async fn write(mut half: OwnedWriteHalf, mut outgoing: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = outgoing.recv().await {
        if bytes.is_empty() || half.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

struct Reader {
    shared: Arc<Shared>,
    /// Weak: the task must not keep the connection open.
    out: mpsc::WeakUnboundedSender<Vec<u8>>,
    inbox: mpsc::UnboundedSender<Arc<Received>>,
    /// Stanzas so far, where the server asks for that.
    handled: Option<u32>,
}

impl Reader {
    async fn run(mut self, mut half: OwnedReadHalf, mut parser: StreamParser) {
        let mut buffer = vec![0; 4096];
        let mut items = Vec::new();
        'stream: while let Ok(read @ 1..) = half.read(&mut buffer).await {
            let fine = parser.push(&buffer[..read], &mut items).is_ok();
            for item in items.drain(..) {
                match item {
                    Item::Open(_) => {}
                    Item::Stanza(node) => self.stanza(node),
                    Item::Close => break 'stream,
                }
            }
            if !fine {
                break;
            }
        }
        // A server that ends the stream waits for us to end ours.
        if let Some(out) = self.out.upgrade() {
            let _ = out.send(b"</stream:stream>".to_vec());
            let _ = out.send(Vec::new());
        }
        self.shared.close();
    }

    fn stanza(&mut self, node: Node) {
        if let Some(handled) = &mut self.handled {
            if node.is("r", ns::SM) {
                let answer = Node::new("a", ns::SM).attr("h", &handled.to_string());
                return self.reply(&answer);
            }
            *handled += 1;
        }
        let is_iq = node.is("iq", ns::CLIENT);
        let kind = node.get_or_empty("type");
        let received = Received { at: Instant::now(), node: node.clone() };
        let received = Arc::new(received);
        {
            let mut memory = lock(&self.shared.memory);
            memory.stanzas.push_back(received.clone());
            if memory.stanzas.len() > MEMORY {
                memory.stanzas.pop_front();
                memory.forgotten += 1;
            }
        }
        if is_iq && matches!(kind, "result" | "error") {
            let waiting = lock(&self.shared.waiting).remove(node.get_or_empty("id"));
            if let Some(waiting) = waiting {
                let _ = waiting.send(node);
            }
        } else {
            if is_iq && let Some(answer) = lock(&self.shared.manners).answer(&node) {
                self.reply(&answer);
            }
            let _ = self.inbox.send(received);
        }
        self.shared.news.send_modify(|n| *n += 1);
    }

    fn reply(&self, answer: &Node) {
        if let Some(out) = self.out.upgrade() {
            let _ = out.send(answer.to_string().into_bytes());
        }
    }
}
