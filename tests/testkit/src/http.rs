//! A small HTTP/1.1, served and asked: as much of it as Jibri and Jicofo need, and as badly as a test wants.

use crate::Result;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`.
    pub method: String,
    /// Path, with the query.
    pub path: String,
    /// Body, if it is text.
    pub body: String,
}

/// What happens after an answer has been sent.
pub(crate) type Afterwards = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a request is answered.
pub(crate) enum Answer {
    /// With this status and JSON, after this long.
    Json { status: u16, body: String, late: Duration },
    /// With an empty 200, and then something is done.
    Then(Afterwards),
    /// Not at all, and the connection stays open.
    Never,
    /// Not at all, and the connection is closed.
    Close,
}

impl Answer {
    pub(crate) fn ok(body: impl ToString) -> Answer {
        Answer::Json { status: 200, body: body.to_string(), late: Duration::ZERO }
    }

    pub(crate) fn error(status: u16) -> Answer {
        Answer::Json { status, body: String::new(), late: Duration::ZERO }
    }
}

/// A server; it ends, with all its connections, when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens, and answers by asking `answer`.
    pub(crate) async fn start<F>(
        address: SocketAddr,
        answer: impl Fn(Request) -> F + Send + Sync + 'static,
    ) -> Result<Server>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let answer = answer.clone();
                // A client that goes away is no concern of ours.
                connections.spawn(async move { converse(stream, |request| answer(request)).await.ok() });
            }
        });
        Ok(Server { address, task })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse<F: Future<Output = Answer>>(stream: TcpStream, answer: impl Fn(Request) -> F) -> Result {
    let mut stream = BufReader::new(stream);
    loop {
        let (first, body) = read(&mut stream).await?;
        let mut words = first.split(' ').map(String::from);
        let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(()) };
        let (status, body, then) = match answer(Request { method, path, body }).await {
            Answer::Json { status, body, late } => {
                tokio::time::sleep(late).await;
                (status, body, None)
            }
            Answer::Then(then) => (200, String::new(), Some(then)),
            Answer::Never => return std::future::pending().await,
            Answer::Close => return Ok(()),
        };
        let head = format!(
            "HTTP/1.1 {status} \r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await?;
        stream.flush().await?;
        if let Some(then) = then {
            tokio::spawn(then);
        }
    }
}

/// The first line and the body of a request or an answer.
async fn read(stream: &mut BufReader<TcpStream>) -> Result<(String, String)> {
    let mut first = String::new();
    let mut length = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err("closed".into());
        }
        let line = line.trim_end();
        if first.is_empty() {
            first = line.into();
        } else if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse()?);
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = Vec::new();
    match length {
        Some(length) => {
            body.resize(length, 0);
            stream.read_exact(&mut body).await?;
        }
        None if first.starts_with("HTTP/") => {
            stream.read_to_end(&mut body).await?;
        }
        None => {}
    }
    Ok((first, String::from_utf8_lossy(&body).into_owned()))
}

/// Asks a server on this machine (`http://127.0.0.1:8888/path`) something; gives status and body.
pub async fn ask(method: &str, url: &str, body: &str, bound: Duration) -> Result<(u16, String)> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("not plain HTTP: {url}"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let asked = async {
        let mut stream = BufReader::new(TcpStream::connect(host).await?);
        let head = format!(
            "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        let (first, body) = read(&mut stream).await?;
        let status = first.split(' ').nth(1).ok_or_else(|| format!("no status: {first}"))?.parse()?;
        Ok((status, body))
    };
    tokio::time::timeout(bound, asked).await.map_err(|_| format!("no answer within {bound:?} from {url}"))?
}
