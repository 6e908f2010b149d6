//! The connection as `tokio-xmpp` sees it: it reads only whole stanzas, and only such as cannot end the stream; and what it
//! writes is read at the other end at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::framer::{Framer, shrink};

/// How much is read from the connection at once.
const CHUNK: usize = 16 * 1024;
/// What is longer than this, in bytes, is followed by as many spaces, which mean nothing between stanzas.
///
/// Since 2.6 (and in the security updates of older ones) the expat under Prosody does not look again at a tag that has come in
/// pieces before it has twice as much of it. Prosody reads 8 KiB at once, so any tag may come in pieces; and a moderator whose
/// name we use can make one long. Without more behind it, such a tag, and the whole link with it, would wait for the next.
const LONG: usize = 512;
const SPACES: [u8; 1024] = [b' '; 1024];

/// Puts a [`Framer`] between a connection and its reader, and spaces behind what is long.
pub(super) struct Guard<Io> {
    io: Io,
    framer: Framer,
    chunk: Box<[u8]>,
    ready: Vec<u8>,
    consumed: usize,
    /// Bytes written since the last flush, which comes after each stanza.
    unflushed: usize,
    /// Spaces yet to be written.
    spaces: usize,
}

impl<Io> Guard<Io> {
    pub(super) fn new(io: Io) -> Self {
        Self {
            io,
            framer: Framer::new(),
            chunk: vec![0; CHUNK].into(),
            ready: Vec::new(),
            consumed: 0,
            unflushed: 0,
            spaces: 0,
        }
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
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, data))?;
        this.unflushed = this.unflushed.saturating_add(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let written = std::mem::take(&mut this.unflushed);
        if written > LONG {
            this.spaces = this.spaces.saturating_add(written);
        }
        while this.spaces > 0 {
            let spaces = SPACES.get(..this.spaces).unwrap_or(&SPACES);
            let written = ready!(Pin::new(&mut this.io).poll_write(cx, spaces))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            this.spaces = this.spaces.saturating_sub(written);
        }
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn what_is_long_is_followed_by_as_much_again() {
        // A pipe that takes little at once, so that all comes in pieces.
        let (ours, mut theirs) = tokio::io::duplex(100);
        let (short, long) = ("<a/>".to_owned(), format!("<b c='{}'/>", "x".repeat(5000)));
        let expected = format!("{short}{long}{}{short}", " ".repeat(long.len()));
        let stanzas = [short.clone(), long, short];
        tokio::spawn(async move {
            let mut guard = Guard::new(ours);
            for stanza in stanzas {
                guard.write_all(stanza.as_bytes()).await.unwrap();
                guard.flush().await.unwrap();
            }
        });
        let mut read = String::new();
        theirs.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, expected);
    }
}
