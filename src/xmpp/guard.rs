//! The connection as `tokio-xmpp` reads it: only whole stanzas, and only such as cannot end the stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::framer::{Framer, shrink};

/// How much is read from the connection at once.
const CHUNK: usize = 16 * 1024;

/// Puts a [`Framer`] between a connection and its reader; writing is passed through.
pub(super) struct Guard<Io> {
    io: Io,
    framer: Framer,
    chunk: Box<[u8]>,
    ready: Vec<u8>,
    consumed: usize,
}

impl<Io> Guard<Io> {
    pub(super) fn new(io: Io) -> Self {
        Self { io, framer: Framer::new(), chunk: vec![0; CHUNK].into(), ready: Vec::new(), consumed: 0 }
    }
}

impl<Io: AsyncRead + Unpin> AsyncBufRead for Guard<Io> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.consumed >= this.ready.len() {
            this.ready.clear();
            this.consumed = 0;
            shrink(&mut this.ready);
            let mut chunk = ReadBuf::new(&mut this.chunk);
            ready!(Pin::new(&mut this.io).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(&[]));
            }
            this.framer.push(chunk.filled(), &mut this.ready);
        }
        Poll::Ready(Ok(this.ready.get(this.consumed..).unwrap_or_default()))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.consumed = this.consumed.saturating_add(amount);
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Guard<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = available.len().min(buffer.remaining());
        buffer.put_slice(available.get(..amount).unwrap_or_default());
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Guard<Io> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
