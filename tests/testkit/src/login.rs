//! From a TCP connection to a bound resource.

use crate::config::PASSWORD;
use crate::xml::{Node, escape, ns};
use crate::xml_stream::{Item, StreamParser};
use crate::{Result, config};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// A thousand clients that log in at once wait for each other.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who logs in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The account; none for an anonymous one.
    pub user: Option<String>,
    /// Domain of the account.
    pub domain: String,
    /// Password, where there is an account.
    pub password: String,
    /// Resource; the server chooses if there is none.
    pub resource: Option<String>,
}

impl Login {
    /// A person: an anonymous account, so a JID of its own.
    pub fn anonymous(domain: &str) -> Login {
        Login { user: None, domain: domain.into(), password: String::new(), resource: None }
    }

    /// An account of a service.
    pub fn service(user: &str, resource: &str) -> Login {
        Login::account(user, config::AUTH, Some(resource))
    }

    /// Any account.
    pub fn account(user: &str, domain: &str, resource: Option<&str>) -> Login {
        Login {
            user: Some(user.into()),
            domain: domain.into(),
            password: PASSWORD.into(),
            resource: resource.map(String::from),
        }
    }
}

/// A stream that is ready for stanzas.
pub(crate) struct Connection {
    pub(crate) jid: String,
    pub(crate) read: OwnedReadHalf,
    pub(crate) write: OwnedWriteHalf,
    pub(crate) parser: StreamParser,
    /// Prosody keeps the session for a while when the connection is lost, and wants to know what has arrived (XEP-0198).
    pub(crate) is_managed: bool,
}

pub(crate) async fn connect(address: SocketAddr, login: &Login) -> Result<Connection> {
    tokio::time::timeout(PATIENCE, negotiate(address, login))
        .await
        .map_err(|_| format!("login of {login:?} takes too long"))?
}

async fn negotiate(address: SocketAddr, login: &Login) -> Result<Connection> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    let mut wire = Wire { read, write, parser: StreamParser::default(), ready: VecDeque::new() };
    wire.open(&login.domain).await?;
    wire.say(&match &login.user {
        None => format!("<auth xmlns='{SASL}' mechanism='ANONYMOUS'/>"),
        Some(user) => {
            let token = STANDARD.encode(format!("\0{user}\0{}", login.password));
            format!("<auth xmlns='{SASL}' mechanism='PLAIN'>{token}</auth>")
        }
    })
    .await?;
    let verdict = wire.next().await?;
    if verdict.name != "success" {
        return Err(format!("login refused: {verdict}").into());
    }
    wire.parser = StreamParser::default();
    let features = wire.open(&login.domain).await?;
    let resource = login.resource.as_deref().map(escape);
    let resource = resource.map(|r| format!("<resource>{r}</resource>")).unwrap_or_default();
    wire.say(&format!("<iq type='set' id='bind'><bind xmlns='{BIND}'>{resource}</bind></iq>")).await?;
    let bound = wire.next().await?;
    let jid = bound.find_ns("bind", BIND).and_then(|bind| bind.find("jid")).map(|jid| jid.text.clone());
    let jid = jid.ok_or_else(|| format!("not bound: {bound}"))?;
    let is_managed = features.find_ns("sm", ns::SM).is_some();
    if is_managed {
        wire.say(&format!("<enable xmlns='{}' resume='true'/>", ns::SM)).await?;
        let enabled = wire.next().await?;
        if enabled.name != "enabled" {
            return Err(format!("not managed: {enabled}").into());
        }
    }
    Ok(Connection { jid, is_managed, read: wire.read, write: wire.write, parser: wire.parser })
}

/// The connection while we and the server take turns.
struct Wire {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    parser: StreamParser,
    ready: VecDeque<Node>,
}

impl Wire {
    /// Opens the stream and waits for the features.
    async fn open(&mut self, domain: &str) -> Result<Node> {
        let (client, stream) = (ns::CLIENT, ns::STREAM);
        self.say(&format!(
            "<?xml version='1.0'?><stream:stream xmlns='{client}' xmlns:stream='{stream}' to='{}' \
             version='1.0' xml:lang='en'>",
            escape(domain)
        ))
        .await?;
        let features = self.next().await?;
        if features.name == "features" { Ok(features) } else { Err(format!("refused: {features}").into()) }
    }

    async fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.write.write_all(text.as_bytes()).await?)
    }

    async fn next(&mut self) -> Result<Node> {
        let mut buffer = [0; 2048];
        let mut items = Vec::new();
        loop {
            if let Some(node) = self.ready.pop_front() {
                return Ok(node);
            }
            let read = self.read.read(&mut buffer).await?;
            if read == 0 {
                return Err("closed during login".into());
            }
            self.parser.push(&buffer[..read], &mut items)?;
            for item in items.drain(..) {
                if let Item::Stanza(node) = item {
                    self.ready.push_back(node);
                }
            }
        }
    }
}
