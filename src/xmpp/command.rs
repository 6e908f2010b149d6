//! What the link is asked to do.

use crate::address::Nick;
use crate::meeting::Action;

/// Something that the link is to do.
#[derive(Debug)]
pub enum Command {
    /// What the core wants.
    Act(Action),
    /// Ask a conference service for its rooms; answered by [`super::LinkEvent::Items`].
    DiscoItems {
        /// The service.
        service: String,
    },
    /// Ask a service what it is (XEP-0030); answered by [`super::LinkEvent::Info`].
    DiscoInfo {
        /// The service.
        service: String,
    },
    /// Ask a conference service which commands it has for us (XEP-0050); answered by [`super::LinkEvent::Commands`].
    AskCommands {
        /// The service.
        service: String,
    },
    /// Send ourselves a stanza from an address that is not ours; answered by [`super::LinkEvent::SenderTried`], or the link
    /// ends with [`super::Failure::InvalidFrom`].
    TrySender {
        /// That address.
        stranger: String,
    },
    /// Ping a Jibri through the brewery (XEP-0199); answered by [`super::LinkEvent::Pinged`].
    PingJibri {
        /// Its nickname there.
        nick: Nick,
    },
    /// Tell a Jibri to stop what it records, through the brewery; nothing is told of what becomes of it.
    StopJibri {
        /// Its nickname there.
        nick: Nick,
    },
    /// Have everybody in the brewery listed anew, or try to enter it again, now and not only when it is time.
    ListBrewery,
}
