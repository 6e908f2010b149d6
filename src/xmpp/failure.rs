//! Why there is no link, in words that say what to change.
//!
//! Anything from the network is shortened and escaped; the secret is in none of them.

use std::io;
use std::time::Duration;

use super::stanza::{NS_STREAM_ERRORS, StreamError, StreamErrorChild};

/// Most characters shown of something the other side has said.
const MAX_SHOWN: usize = 200;

/// Why the link could not be made, or has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The host name has no address.
    #[error("the host name of {server:?} cannot be resolved ({detail}): check xmpp.server and the DNS")]
    Dns {
        /// `xmpp.server`.
        server: String,
        /// The resolver's words.
        detail: String,
    },
    /// Nobody listens there.
    #[error(
        "nothing listens on {server:?}: is Prosody running, and is xmpp.server right? Prosody listens for \
         components only if component_ports is not empty (5347 is usual), and only on loopback unless \
         component_interfaces says otherwise"
    )]
    Refused {
        /// `xmpp.server`.
        server: String,
    },
    /// The host cannot be reached.
    #[error("{server:?} cannot be reached ({detail}): check xmpp.server, the network and the firewall")]
    Unreachable {
        /// `xmpp.server`.
        server: String,
        /// The system's words.
        detail: String,
    },
    /// Nobody answers there.
    #[error("no connection to {server:?} within {}s: check xmpp.server, the network and the firewall", .after.as_secs())]
    ConnectTimeout {
        /// `xmpp.server`.
        server: String,
        /// How long it was tried.
        after: Duration,
    },
    /// What listens there is something else.
    #[error(
        "what listens on {server:?} is no XMPP component port ({detail}): xmpp.server must name a port of \
         Prosody's component_ports, not one for clients, servers or HTTP"
    )]
    NotComponentPort {
        /// `xmpp.server`.
        server: String,
        /// What was wrong with what it said.
        detail: String,
    },
    /// It took the connection and says nothing.
    #[error(
        "{server:?} took the connection but did not finish the handshake within {}s: Prosody is overloaded \
         or hangs, or xmpp.server is not its component port", .after.as_secs()
    )]
    HandshakeTimeout {
        /// `xmpp.server`.
        server: String,
        /// How long it was waited.
        after: Duration,
    },
    /// `not-authorized`
    #[error(
        "Prosody refuses the secret for {domain:?}: xmpp.secret (or xmpp.secret_file) must be the same as \
         component_secret in Prosody's Component {domain:?} block"
    )]
    WrongSecret {
        /// `xmpp.domain`.
        domain: String,
    },
    /// `host-unknown`
    #[error(
        "Prosody has no component {domain:?}: add Component {domain:?} with a component_secret to its \
         configuration and restart it, or correct xmpp.domain; or xmpp.server names its port for clients \
         (5222) and not the one for components (5347)"
    )]
    UnknownHost {
        /// `xmpp.domain`.
        domain: String,
    },
    /// `conflict`
    #[error(
        "another connection has the name {domain:?}: stop the other instance, or give each its own \
         xmpp.domain; if it is only an old connection of ours that Prosody has not given up, set \
         component_conflict_resolve = \"kick_old\" in Prosody's Component block"
    )]
    Conflict {
        /// `xmpp.domain`.
        domain: String,
    },
    /// `invalid-from`
    #[error(
        "Prosody refuses a sender that is not of {domain:?}: check xmpp.domain; with muc.footprint = \
         \"unseen\" its Component block needs validate_from_addresses = false"
    )]
    InvalidFrom {
        /// `xmpp.domain`.
        domain: String,
    },
    /// Any other stream error.
    #[error("Prosody has ended the stream with {condition:?}, text {text:?}: see its log")]
    StreamError {
        /// The defined condition.
        condition: String,
        /// The text.
        text: String,
    },
    /// The server has closed the stream in good order.
    #[error("Prosody has closed the link: it is being stopped, restarted or reloaded")]
    Closed,
    /// The connection broke.
    #[error("the connection to Prosody broke ({detail})")]
    Broken {
        /// The system's words.
        detail: String,
    },
    /// Neither data nor an answer to a ping.
    #[error(
        "Prosody is silent: nothing came for {}s, nor an answer to a ping; it hangs, or the network \
         is cut", .silence.as_secs()
    )]
    Dead {
        /// For how long.
        silence: Duration,
    },
    /// Prosody reads no longer.
    #[error("Prosody takes no data: nothing could be sent for {}s; it hangs, or the network is cut", .after.as_secs())]
    Stuck {
        /// For how long.
        after: Duration,
    },
}

/// Shortened; for escaping there is `{:?}`.
pub(super) fn shown(text: impl ToString) -> String {
    let text = text.to_string();
    let escaped: String = text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    escaped
}

impl Failure {
    /// Prosody itself refuses us, for a reason that does not pass by itself.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::WrongSecret { .. }
                | Self::UnknownHost { .. }
                | Self::Conflict { .. }
                | Self::InvalidFrom { .. }
                | Self::StreamError { .. }
        )
    }

    /// While connecting to one address.
    pub(super) fn connecting(server: &str, error: &io::Error) -> Self {
        let server = server.to_owned();
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused { server },
            _ => Self::Unreachable { server, detail: shown(error) },
        }
    }

    /// Before the handshake is answered.
    pub(super) fn in_handshake(server: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => {
                Self::NotComponentPort { server: server.to_owned(), detail: shown(error) }
            }
            io::ErrorKind::UnexpectedEof => Self::NotComponentPort {
                server: server.to_owned(),
                detail: "it closed the connection without a word".to_owned(),
            },
            _ => Self::Broken { detail: shown(error) },
        }
    }

    /// While the link is up.
    pub(super) fn on_link(error: &io::Error, silence: Duration) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Dead { silence },
            // `tokio-xmpp` says it of a stream that ends without a footer.
            io::ErrorKind::UnexpectedEof => {
                Self::Broken { detail: "it ended without a word; Prosody may have crashed".to_owned() }
            }
            io::ErrorKind::InvalidData if error.to_string().contains("eof") => {
                Self::Broken { detail: "it ended without a word; Prosody may have crashed".to_owned() }
            }
            _ => Self::Broken { detail: shown(error) },
        }
    }

    /// A stream error (RFC 6120, section 4.9.3).
    pub(super) fn from_stream_error(error: &StreamError, domain: &str) -> Self {
        let condition = error.children.iter().find_map(|child| match child {
            StreamErrorChild::Named(named) if named.namespace == NS_STREAM_ERRORS => {
                Some(named.name.as_str())
            }
            _ => None,
        });
        let text = error.children.iter().find_map(|child| match child {
            StreamErrorChild::Text { text } => Some(text.as_str()),
            StreamErrorChild::Named(_) => None,
        });
        let domain = domain.to_owned();
        match condition {
            Some("not-authorized") => Self::WrongSecret { domain },
            Some("host-unknown") => Self::UnknownHost { domain },
            Some("conflict") => Self::Conflict { domain },
            Some("invalid-from") => Self::InvalidFrom { domain },
            Some("system-shutdown") => Self::Closed,
            condition => Self::StreamError {
                condition: condition.unwrap_or("none").chars().take(MAX_SHOWN).collect(),
                text: text.unwrap_or_default().chars().take(MAX_SHOWN).collect(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stanza::{Inbound, parse};
    use super::*;

    fn failure(inner: &str) -> Failure {
        let inbound = parse(&format!(
            "<error xmlns='{}'>{inner}</error><!-- xmlns='urn:top' -->",
            super::super::stanza::NS_STREAM
        ));
        let Inbound::StreamError(error) = inbound else { panic!("{inbound:?}") };
        Failure::from_stream_error(&error, "autostart.meet.jitsi")
    }

    #[test]
    fn each_says_what_to_change() {
        for (condition, word) in [
            ("not-authorized", "component_secret"),
            ("host-unknown", "xmpp.domain"),
            ("conflict", "component_conflict_resolve"),
            ("invalid-from", "validate_from_addresses"),
            ("system-shutdown", "closed"),
            ("policy-violation", "policy-violation"),
        ] {
            let said = failure(&format!("<{condition} xmlns='{NS_STREAM_ERRORS}'/>")).to_string();
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn what_the_network_says_is_bounded_and_escaped() {
        let long = "\n".repeat(5000);
        let said = failure(&format!("<text xmlns='{NS_STREAM_ERRORS}'>{long}</text>")).to_string();
        assert!(said.len() < 1000 && !said.contains('\n'), "{said}");
        assert!(!shown(&long).contains('\n'));
    }
}
