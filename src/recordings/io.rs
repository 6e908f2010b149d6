//! What goes into the book of recordings, and what comes out of it.

use std::time::Duration;

use super::recording::{Recording, RecordingState};
use super::report::Report;
use crate::address::RoomJid;
use crate::config::Mode;
use crate::jibri::JibriName;
use crate::meeting::{MeetingId, SessionId};
use crate::moment::Moment;
use crate::time::Time;

/// This moment, by both clocks: deadlines go by the one that nobody sets, people by the other.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// By the program's own clock.
    pub time: Time,
    /// By the wall's.
    pub wall: Moment,
}

/// One thing that has become known.
#[derive(Debug, Clone)]
pub enum Input {
    /// A recording is on in this room.
    On {
        /// Where.
        room: RoomJid,
        /// Its session, if it is known.
        session: Option<SessionId>,
        /// The room's name for the meeting, if it is known.
        meeting: Option<MeetingId>,
        /// To a file, or a live stream; none if it was not started by us.
        mode: Option<Mode>,
        /// How long it was wanted and missing.
        wanted_for: Option<Duration>,
        /// Who has started it.
        by: Option<String>,
    },
    /// It is known which Jibri serves the recording in this room.
    ServedBy {
        /// Where.
        room: RoomJid,
        /// Which.
        jibri: JibriName,
    },
    /// It has moved to another Jibri.
    Moved {
        /// Where.
        room: RoomJid,
        /// To which.
        to: JibriName,
        /// For so long it was not recorded.
        gap: Duration,
    },
    /// It is over.
    Ended {
        /// Where.
        room: RoomJid,
        /// Its session, if it is known.
        session: Option<SessionId>,
        /// How it ended.
        how: String,
    },
    /// A Jibri works, or does not any more.
    Jibri {
        /// Which.
        name: JibriName,
        /// It records, or finishes.
        is_busy: bool,
    },
    /// A Jibri's finalize script reports.
    Report(Report),
    /// `recordings.webhook` has been told of this one, as it was to be since then; or not in time.
    Told {
        /// Its key.
        key: String,
        /// Since when it was to be.
        since: Moment,
    },
    /// Nothing new but the time.
    Tick,
}

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Something about a recording is new: to be written down, and told if its state is another.
    Changed {
        /// As it is now.
        recording: Box<Recording>,
        /// Its state before; none if it was not known.
        before: Option<RecordingState>,
        /// Its state now.
        state: RecordingState,
        /// So much more is in its files than was known.
        more: Duration,
    },
    /// So many recordings of this Jibri in a row, at least two, have come out missing or empty.
    Suspect {
        /// Which.
        jibri: JibriName,
        /// How many.
        in_a_row: u32,
    },
    /// One of it has come out well again.
    Cleared {
        /// Which.
        jibri: JibriName,
    },
    /// How much room there is on a Jibri's disk.
    Disk {
        /// By the name that it reports under.
        instance: String,
        /// Bytes.
        free: u64,
        /// For how much more recording that is enough, by what its own recordings took; none if that is not known.
        lasts: Option<Duration>,
    },
}
