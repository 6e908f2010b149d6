//! A network that can be cut: a TCP relay which, while it is cut, passes nothing on and closes nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Result;

/// A relay to one address. Dropped, its connections are closed.
#[derive(Debug)]
pub struct Cut {
    address: SocketAddr,
    is_cut: Arc<watch::Sender<bool>>,
    task: JoinHandle<()>,
}

impl Cut {
    /// Passes on to `to` what comes to [`Cut::address`].
    pub async fn start(to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let is_cut = Arc::new(watch::Sender::new(false));
        let cut = Arc::clone(&is_cut);
        let task = tokio::spawn(async move {
            // They end with it.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((inner, _)) = listener.accept().await {
                connections.spawn(relay(inner, to, cut.subscribe()));
            }
        });
        Ok(Self { address, is_cut, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it, or mends it: what was on its way comes then.
    pub fn set(&self, is_cut: bool) {
        self.is_cut.send_replace(is_cut);
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(inner: TcpStream, to: SocketAddr, mut is_cut: watch::Receiver<bool>) {
    if is_cut.wait_for(|is_cut| !is_cut).await.is_err() {
        return;
    }
    let Ok(outer) = TcpStream::connect(to).await else { return };
    let ((from_inner, to_inner), (from_outer, to_outer)) = (inner.into_split(), outer.into_split());
    tokio::join!(pass(from_inner, to_outer, is_cut.clone()), pass(from_outer, to_inner, is_cut));
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut is_cut: watch::Receiver<bool>) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if is_cut.wait_for(|is_cut| !is_cut).await.is_err() {
            return;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            // The other half goes on until it ends as well.
            let _ = to.shutdown().await;
            return;
        }
    }
}
