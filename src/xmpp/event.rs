//! What the link tells.

use std::time::Duration;

use super::brewery::BreweryEvent;
use super::failure::Failure;
use crate::address::{Nick, RoomJid};
use crate::meeting::RoomEvent;
use crate::meeting::watchlist::Sender;

/// Something that the link tells.
#[derive(Debug)]
pub enum LinkEvent {
    /// The link is up; nothing is known of the rooms any more.
    Up,
    /// The link is gone, or was tried and did not come up. What was asked will not be answered, and what
    /// is asked before the next [`LinkEvent::Up`] is dropped.
    Down {
        /// Why.
        failure: Failure,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// There is no link because another instance has it; this one waits for its turn. Told once.
    StandingBy {
        /// It had the link, and another connection has thrown it out.
        thrown_out: bool,
    },
    /// Something about a room of the configured services.
    Room {
        /// The room, by its real name.
        room: RoomJid,
        /// What about it.
        event: RoomEvent,
    },
    /// The answer to [`super::Command::DiscoItems`].
    Items {
        /// The service that was asked.
        service: String,
        /// Its rooms; none if it refused or did not answer in time.
        rooms: Option<Vec<RoomJid>>,
    },
    /// The answer to [`super::Command::DiscoInfo`].
    Info {
        /// The service that was asked.
        service: String,
        /// Whether it is one for conferences; none if it refused, does not exist, or did not answer in time.
        is_conference: Option<bool>,
    },
    /// The answer to [`super::Command::AskCommands`].
    Commands {
        /// The service that was asked.
        service: String,
        /// Whether it has those for us that are for its admins only; none if it did not say.
        has_admins: Option<bool>,
    },
    /// What became of [`super::Command::TrySender`].
    SenderTried {
        /// It has come. If not, it was lost on its way.
        accepted: bool,
    },
    /// Somebody, whoever it is, invites us to a room of the configured services.
    Invited {
        /// Whoever has sent the invitation, by Prosody's word: an account, or a room in somebody's stead.
        sender: Sender,
        /// The room, by its real name.
        room: RoomJid,
    },
    /// Something about a companion. Its rooms come as [`LinkEvent::Room`], after [`CompanionEvent::Answers`].
    Companion {
        /// The conference service that it is loaded on.
        service: String,
        /// What about it.
        event: CompanionEvent,
    },
    /// Something about the brewery.
    Brewery(BreweryEvent),
    /// What became of [`super::Command::PingJibri`]. Where we are not inside the brewery, nothing is known and nothing told.
    Pinged {
        /// The nickname.
        nick: Nick,
        /// Whether the Jibri itself has answered, be it with an error.
        answered: bool,
    },
}

/// Why people cannot be told by a companion that they are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mute {
    /// Nobody tells clients of a room's metadata.
    NoMetadata,
    /// Its module is of a version that sets no notice.
    Unable,
}

impl Mute {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::NoMetadata, Self::Unable];

    /// The same in words; a `footprint_reason`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoMetadata => {
                "people are not told that they are recorded: Prosody has no mod_room_metadata_component"
            }
            Self::Unable => {
                "people are not told that they are recorded: the companion's module cannot do \"notice\"; install the \
                 one that comes with this version of jibri-autostart"
            }
        }
    }
}

/// What is new of a companion (docs/companion.md).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompanionEvent {
    /// It answers, and all that was known of its rooms is old: each is told anew.
    Answers {
        /// Its version; from the network.
        version: String,
        /// Why people cannot be told by it that they are recorded; none if they can.
        mute: Option<Mute>,
    },
    /// All its rooms have been told: these.
    Listed {
        /// The rooms, in order.
        rooms: Vec<RoomJid>,
    },
    /// It does not answer, or not any more.
    Silent {
        /// Why, in words.
        why: &'static str,
    },
}
