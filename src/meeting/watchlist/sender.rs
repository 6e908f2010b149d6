//! Who has named a room, as far as senders of hearsay can be told apart.

use std::net::IpAddr;
use std::sync::Arc;

/// One of those among whom turns are shared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Sender {
    /// Nobody in particular.
    #[default]
    Unknown,
    /// Whoever is at this address; of IPv6 at this /64.
    Host(IpAddr),
    /// An account of XMPP, or whatever else a bare JID names.
    Account(Arc<str>),
}
