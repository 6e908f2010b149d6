//! Connections that end where too much comes before the head of an answer is over.
//!
//! HTTP lets a server send interim answers (1xx) before the real one, as many as it likes (RFC 9110, section 15.2),
//! and hyper skips them: endless ones would keep a core busy. So every byte is counted until the head is there.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower_service::Service;

/// Most bytes of a connection before the head of an answer is over, interim answers and a TLS handshake included.
pub(super) const MOST: usize = 128 * 1024;

/// More than [`MOST`] bytes have come.
#[derive(Debug, thiserror::Error)]
#[error("more than {MOST} bytes, and the head of the answer is not over")]
pub(super) struct Endless;

impl Endless {
    /// Whether it is this that has ended a connection.
    pub(super) fn is_cause_of(error: &(dyn std::error::Error + 'static)) -> bool {
        // What an io::Error was made of is not its source.
        let made_of = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        made_of.is_some_and(|error| error.is::<Self>() || Self::is_cause_of(error))
            || error.source().is_some_and(Self::is_cause_of)
    }
}

/// How much may still come. Is among the extensions of each answer.
#[derive(Debug, Clone)]
pub(super) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    /// The head is over; a body has bounds of its own.
    const WITHOUT_END: usize = usize::MAX;

    fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(MOST)))
    }

    /// The head of the answer is there.
    pub(super) fn lift(&self) {
        self.0.store(Self::WITHOUT_END, Ordering::Relaxed);
    }

    /// The next request is sent, and its answer has a head of its own.
    fn begin(&self) {
        if self.0.load(Ordering::Relaxed) == Self::WITHOUT_END {
            self.0.store(MOST, Ordering::Relaxed);
        }
    }

    /// None if there is no end of it.
    fn left(&self) -> Option<usize> {
        Some(self.0.load(Ordering::Relaxed)).filter(|left| *left != Self::WITHOUT_END)
    }
}

/// A connection that counts.
#[derive(Debug)]
pub(super) struct Counted {
    stream: TcpStream,
    allowance: Allowance,
}

impl Connection for Counted {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.allowance.clone())
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.allowance.left();
        if left == Some(0) {
            return Poll::Ready(Err(io::Error::other(Endless)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if let Some(left) = left {
            let read = buffer.filled().len().saturating_sub(before);
            // Unless it was lifted meanwhile.
            let _ = self.allowance.0.compare_exchange(
                left,
                left.saturating_sub(read),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.allowance.begin();
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.allowance.begin();
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Makes connections that count.
#[derive(Debug, Clone)]
pub(super) struct CountedConnector(pub(super) HttpConnector);

impl Service<Uri> for CountedConnector {
    type Response = TokioIo<Counted>;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            Ok(TokioIo::new(Counted { stream, allowance: Allowance::new() }))
        })
    }
}
