//! A bare component link (XEP-0114), with no more sense than its test needs.

use crate::xml::{Node, ns};
use crate::xml_stream::{Item, StreamParser};
use crate::{Prosody, Result, SOON, config};
use sha1::{Digest, Sha1};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A component's stream, and all that has come by it.
pub struct Component {
    stream: TcpStream,
    parser: StreamParser,
    domain: String,
    ended: bool,
    /// Every stanza that was read, in order.
    pub seen: Vec<Node>,
    requests: u64,
}

impl Component {
    /// Connects as the component under test. Gives Prosody's verdict too: `handshake`, or an error.
    pub async fn open(prosody: &Prosody, secret: &str) -> Result<(Component, Node)> {
        Component::open_as(prosody, config::COMPONENT, secret).await
    }

    /// The same as another component.
    pub async fn open_as(prosody: &Prosody, domain: &str, secret: &str) -> Result<(Component, Node)> {
        let mut component = Component {
            stream: TcpStream::connect(prosody.component()).await?,
            parser: StreamParser::default(),
            domain: domain.into(),
            ended: false,
            seen: Vec::new(),
            requests: 0,
        };
        let stream = ns::STREAM;
        component
            .say(&format!(
                "<stream:stream xmlns='jabber:component:accept' xmlns:stream='{stream}' to='{domain}'>"
            ))
            .await?;
        let id = component.opened().await?;
        let digest = Sha1::digest(format!("{id}{secret}"));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        component.say(&format!("<handshake>{hex}</handshake>")).await?;
        let verdict = component.wait_since(0, |_| true).await?;
        Ok((component, verdict))
    }

    /// Sends any text.
    pub async fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.write_all(text.as_bytes()).await?)
    }

    /// The address that requests come from.
    pub fn sender(&self) -> String {
        format!("autostart@{}/a", self.domain)
    }

    /// Sends an IQ and does not wait for the answer; gives its id.
    pub async fn ask(&mut self, kind: &str, to: &str, payload: &str) -> Result<String> {
        self.requests += 1;
        let (id, from) = (format!("c{}", self.requests), self.sender());
        self.say(&format!("<iq type='{kind}' id='{id}' from='{from}' to='{to}'>{payload}</iq>")).await?;
        Ok(id)
    }

    /// Sends an IQ and waits for the answer; an error is one.
    pub async fn request(&mut self, kind: &str, to: &str, payload: &str) -> Result<Node> {
        let id = self.ask(kind, to, payload).await?;
        self.answer(&id).await
    }

    /// The answer to an IQ.
    pub async fn answer(&mut self, id: &str) -> Result<Node> {
        self.wait_since(0, |node| node.name == "iq" && node.get("id") == Some(id)).await
    }

    /// The first stanza that fits, of those read after so many others.
    pub async fn wait_since(&mut self, mark: usize, fits: impl Fn(&Node) -> bool) -> Result<Node> {
        let (mut looked_at, end) = (mark, Instant::now() + SOON);
        loop {
            if let Some(found) = self.seen.iter().skip(looked_at).find(|node| fits(node)) {
                return Ok(found.clone());
            }
            looked_at = self.seen.len().max(mark);
            self.read(end.saturating_duration_since(Instant::now())).await?;
        }
    }

    async fn opened(&mut self) -> Result<String> {
        loop {
            if let Some(open) = self.read(SOON).await? {
                return Ok(open.get_or_empty("id").to_owned());
            }
        }
    }

    /// Reads what there is; gives the head of the stream if that was in it.
    async fn read(&mut self, bound: Duration) -> Result<Option<Node>> {
        if self.ended {
            return Err("the stream has ended".into());
        }
        let (mut buffer, mut items, mut head) = ([0; 16 * 1024], Vec::new(), None);
        let read = tokio::time::timeout(bound, self.stream.read(&mut buffer)).await.map_err(|_| {
            let last: Vec<_> = self.seen.iter().rev().take(3).map(ToString::to_string).collect();
            format!("nothing that fits came; the last were {last:#?}")
        })??;
        self.ended = read == 0;
        self.parser.push(&buffer[..read], &mut items)?;
        for item in items {
            match item {
                Item::Open(open) => head = Some(open),
                Item::Stanza(node) => self.seen.push(node),
                Item::Close => self.ended = true,
            }
        }
        Ok(head)
    }
}
