//! The brewery: the room in which Jibris wait for work and say how they are (docs/jitsi.md 5).
//!
//! [`occupancy`] is our place in it, a machine without a network; [`read`] is what its presences mean, and [`refused`]
//! why we are not let in.

pub(super) mod occupancy;
pub(super) mod read;
pub(super) mod refused;

use std::time::Duration;

pub use refused::NotLetIn;

use crate::address::Nick;
use crate::jibri::Report;

/// What the brewery shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreweryEvent {
    /// Everybody inside has been told. Comes again whenever they were listed anew, and then what has changed
    /// unnoticed was told before it.
    Complete,
    /// We are not inside any more, or the link is gone: what was told is stale.
    Lost,
    /// A presence of one nickname.
    Presence {
        /// The nickname; it may be anything.
        nick: Nick,
        /// What it says of itself, never that it is used up; none in the first presence after a join.
        status: Option<Report>,
        /// How many sessions share it: more than one is two Jibris under one nickname. After one of those has
        /// left it is right only when everybody is listed anew (docs/jitsi.md 1.3).
        items: usize,
    },
    /// A nickname has left.
    Left {
        /// The nickname.
        nick: Nick,
    },
    /// We are not inside. Told once for each reason; it is tried again until it succeeds.
    NotLetIn {
        /// Why, in words that say what to change.
        why: NotLetIn,
        /// When it is tried again.
        retry_in: Duration,
    },
}
