//! A room as it can be shown.

use std::borrow::Cow;

use super::event::State;
use super::io::{MeetingId, SessionId};
use crate::address::{Nick, RoomJid};
use crate::time::Time;

/// What proves that a meeting is recorded, the best there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Focus says so of its session, and nobody says otherwise.
    Focus,
    /// The Jibri whose recorder is there is known, alive and at work.
    Jibri,
    /// A recorder is there, and nothing is known of its Jibri: that proves nothing, and nothing speaks against it.
    Seat,
}

impl Proof {
    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Focus => "focus",
            Self::Jibri => "jibri",
            Self::Seat => "seat",
        }
    }
}

/// A room as it can be shown.
#[derive(Debug, Clone)]
pub struct RoomView<'a> {
    /// Its real name.
    pub room: &'a RoomJid,
    /// Its state.
    pub state: State,
    /// Whether it is known who is there.
    pub is_seen: bool,
    /// People inside.
    pub people: u32,
    /// Moderators among them.
    pub moderators: u32,
    /// Whether Jibri's browser is inside.
    pub recorder_present: bool,
    /// Failed attempts in a row, and the one under way.
    pub attempt: u32,
    /// The session pending or on.
    pub session: Option<&'a SessionId>,
    /// The room's own name for the meeting, if it is known.
    pub meeting: Option<&'a MeetingId>,
    /// What proves that it is recorded; none if nothing does, or nothing is on.
    pub proof: Option<Proof>,
    /// Since when it is in this state.
    pub since: Time,
    /// Since when a recording is wanted and there is none.
    pub missing_since: Option<Time>,
    /// Nothing is started for a reason that is nobody's fault: a person's will, or a dry run.
    pub is_left_alone: bool,
    /// Our nickname, while we are inside.
    pub inside: Option<&'a Nick>,
    /// Why a recording that is wanted is missing and will not be there in a moment, in a few words that are the same for all
    /// rooms with that cause.
    pub missing_for: Option<&'static str>,
    /// Its place in the queue for a Jibri, from 1; whoever is behind [`MOST_PLACES`](super::MOST_PLACES) has the next one.
    pub place: Option<usize>,
    /// Why it is in this state; none if it is recorded, or nobody is there.
    pub reason: Option<Cow<'static, str>>,
}
