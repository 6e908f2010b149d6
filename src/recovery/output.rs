//! What a program writes: all of it is read, so that the program does not stand still, and the end is kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::MOST_OUTPUT;
use crate::plain::plain_end;

/// Bytes kept of both streams together.
const MOST_KEPT: usize = 4 * 1024;
/// How long to read on when the program is over: what it has started may keep its streams open for ever.
const AFTERWARDS: Duration = Duration::from_millis(200);

/// The end of what was written to either stream, in the order in which it came.
#[derive(Debug)]
pub(super) struct Output {
    kept: Arc<Mutex<VecDeque<u8>>>,
    /// Dropped, they end.
    readers: JoinSet<()>,
}

impl Output {
    pub(super) fn read(
        stdout: Option<impl AsyncRead + Unpin + Send + 'static>,
        stderr: Option<impl AsyncRead + Unpin + Send + 'static>,
    ) -> Self {
        let kept = Arc::default();
        let mut readers = JoinSet::new();
        if let Some(stdout) = stdout {
            readers.spawn(keep(stdout, Arc::clone(&kept)));
        }
        if let Some(stderr) = stderr {
            readers.spawn(keep(stderr, Arc::clone(&kept)));
        }
        Self { kept, readers }
    }

    /// Reads what is still there and gives the end of it, fit for a log.
    pub(super) async fn end(mut self) -> String {
        let _ = timeout(AFTERWARDS, async { while self.readers.join_next().await.is_some() {} }).await;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        plain_end(kept.make_contiguous(), MOST_OUTPUT)
    }
}

async fn keep(mut stream: impl AsyncRead + Unpin, kept: Arc<Mutex<VecDeque<u8>>>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(buffer.get(..length).unwrap_or_default());
        let too_many = kept.len().saturating_sub(MOST_KEPT);
        kept.drain(..too_many);
    }
}
