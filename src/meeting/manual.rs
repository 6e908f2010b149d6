//! A room taken in hand: what an administrator orders goes before the rules until nobody is left in the room.

use std::fmt;
use std::net::IpAddr;

use super::person::Person;

/// What is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ManualOrder {
    /// Record now and as long as somebody is there, whatever the rules say or a person has stopped.
    Record,
    /// Stop, and start nothing. What a person starts after that is left to him.
    Stop,
    /// Back to the rules; what was held before is tried again.
    Release,
}

impl ManualOrder {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Record, Self::Stop, Self::Release];

    /// Its name in the API and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Stop => "stop",
            Self::Release => "release",
        }
    }
}

/// By what an order has come. Whoever has the token can claim any of them: a label for people, nothing that is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderedBy {
    /// `jibri-autostart record`, `stop`, `release`, `doctor --record-test`.
    CommandLine,
    /// The status page.
    Page,
    /// Anything else that has asked the HTTP API.
    Api,
}

impl OrderedBy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::CommandLine, Self::Page, Self::Api];

    /// Its name in the history.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommandLine => "command_line",
            Self::Page => "page",
            Self::Api => "api",
        }
    }
}

impl fmt::Display for OrderedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CommandLine => "the command line",
            Self::Page => "the page",
            Self::Api => "the API",
        })
    }
}

/// Where an order has come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin {
    /// By what.
    pub by: OrderedBy,
    /// From the other end of which connection: a proxy's, where there is one.
    pub from: IpAddr,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.by, self.from)
    }
}

/// Why an order is in effect no more, where no other one has taken its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderEnd {
    /// A person has stopped what was to be recorded.
    Countermanded(Person),
    /// Nobody is left of those to whom it applied.
    NobodyLeft,
    /// The meeting is over, or another one.
    MeetingOver,
}

impl fmt::Display for OrderEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Countermanded(person) => write!(f, "{person} has stopped the recording"),
            Self::NobodyLeft => f.write_str("nobody was left in the meeting"),
            Self::MeetingOver => f.write_str("the meeting was over"),
        }
    }
}

/// Why an order is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// No room of this name is watched.
    NotWatched,
    /// It is not known who is in the room: there is no link, or no look at it has succeeded yet.
    NotSeen,
    /// The room is empty.
    Nobody,
    /// This is a dry run.
    DryRun,
}

impl NotTaken {
    /// What to do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NotWatched => "`jibri-autostart rooms` lists the rooms that are watched",
            Self::NotSeen => "`jibri-autostart status` says whether there is a link; try again in a moment",
            Self::Nobody => "wait until somebody is in the room",
            Self::DryRun => "run the service without --dry-run",
        }
    }
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotWatched => "no room of this name is watched",
            Self::NotSeen => "it is not known at the moment who is in this room",
            Self::Nobody => "nobody is in this room",
            Self::DryRun => "this is a dry run: nothing is started or stopped",
        })
    }
}
