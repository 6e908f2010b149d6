//! A room taken in hand: what an administrator orders goes before the rules until nobody is left in the room.

use std::fmt;

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
