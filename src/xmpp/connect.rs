//! From a host name to a stream that Prosody has accepted (XEP-0114, section 3).

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, XmlStream, initiate_stream};
use xmpp_parsers::component::Handshake;

use super::failure::{Failure, shown};
use super::guard::Guard;
use super::stanza::{Inbound, NS_COMPONENT};
use crate::config::Xmpp;

/// How long the host's name may take to be resolved, and then, when there is a connection, the handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection to one address may take to be made. Where a first packet is lost the system waits ever longer
/// before it sends another; a new attempt is there sooner.
const CONNECT: Duration = Duration::from_secs(2);
/// How long after a ping the silence may go on.
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// A stream of whole stanzas, of which none can end it.
pub(super) type Stanzas = XmlStream<Guard<TcpStream>, Inbound>;

/// Connects and shakes hands.
pub(super) async fn connect(settings: &Xmpp) -> Result<Stanzas, Failure> {
    let server = settings.server.as_str();
    let socket = dial(server).await?;
    timeout(PATIENCE, shake_hands(settings, socket))
        .await
        .map_err(|_| Failure::HandshakeTimeout { server: server.to_owned(), after: PATIENCE })?
}

/// Whether a connection can be made; it is closed again without a word.
///
/// # Errors
/// Why not.
pub(crate) async fn reach(server: &str) -> Result<(), Failure> {
    dial(server).await.map(drop)
}

/// Tries all addresses of the host; the last one's failure is told.
async fn dial(server: &str) -> Result<TcpStream, Failure> {
    let unresolved = |detail| Failure::Dns { server: server.to_owned(), detail };
    let resolved = timeout(PATIENCE, tokio::net::lookup_host(server)).await;
    let resolved = resolved.map_err(|_| unresolved(format!("no answer within {}s", PATIENCE.as_secs())))?;
    let mut failure = unresolved("it has no address".to_owned());
    for address in resolved.map_err(|e| unresolved(shown(e)))? {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => {
                // Stanzas are small, and each is waited for.
                socket.set_nodelay(true).map_err(|e| Failure::connecting(server, &e))?;
                return Ok(socket);
            }
            Ok(Err(e)) => failure = Failure::connecting(server, &e),
            Err(_) => failure = Failure::ConnectTimeout { server: server.to_owned(), after: CONNECT },
        }
    }
    Err(failure)
}

async fn shake_hands(settings: &Xmpp, socket: TcpStream) -> Result<Stanzas, Failure> {
    let server = settings.server.as_str();
    let failed = |e| Failure::in_handshake(server, &e);
    let timeouts = Timeouts { read_timeout: settings.ping_interval, response_timeout: PING_TIMEOUT };
    let header = StreamHeader { to: Some(settings.domain.as_str().into()), ..StreamHeader::default() };
    let mut opened =
        initiate_stream(Guard::new(socket), NS_COMPONENT, header, timeouts).await.map_err(failed)?;
    let id = opened.take_header().id;
    let mut stanzas: Stanzas = opened.skip_features();
    if let Some(id) = id {
        let proof = Handshake::from_stream_id_and_password(id.into_owned(), settings.secret.expose());
        // If the server has said no already, its reason is still to be read.
        let sent = stanzas.send(&proof).await;
        if let Err(e) = &sent {
            tracing::debug!(error = %shown(e), "the handshake could not be sent");
        }
    }
    loop {
        return match stanzas.next().await {
            Some(Ok(Inbound::Handshake(_))) => Ok(stanzas),
            Some(Ok(Inbound::StreamError(e))) => Err(Failure::from_stream_error(&e, &settings.domain)),
            Some(Ok(other)) => Err(Failure::NotComponentPort {
                server: server.to_owned(),
                detail: match other {
                    Inbound::Other(named) => format!("it offers {:?}", shown(named.name)),
                    _ => "it sends stanzas before the handshake".to_owned(),
                },
            }),
            Some(Err(ReadError::SoftTimeout)) => continue,
            Some(Err(ReadError::HardError(e))) => Err(failed(e)),
            Some(Err(ReadError::ParseError(e))) => {
                Err(Failure::NotComponentPort { server: server.to_owned(), detail: shown(e) })
            }
            Some(Err(ReadError::StreamFooterReceived)) | None => Err(Failure::Closed),
        };
    }
}
