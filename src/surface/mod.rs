//! What the outside is shown: plain data that the driver writes and everybody else reads.
//!
//! The driver never waits for a reader. It writes to the [`Board`] what has changed, under a lock that
//! readers hold only for as long as it takes to copy a few pointers, and counts in [`Metrics`]. The link counts in
//! [`Counters`].

mod board;
mod counters;
mod meetings;
mod metrics;
mod orders;
mod pulse;
mod recordings;
mod reports;
mod shown;

use std::sync::Arc;

pub use board::{Board, Change, PAGE};
pub use counters::{Counter, Counters, Kinds, Rejected};
pub use meetings::Meeting;
pub use metrics::Metrics;
pub use orders::{Order, Orders, orders};
pub use pulse::Pulse;
pub use recordings::{File, Recording};
pub use reports::{Reported, Reports, reports};
pub use shown::{Alert, Jibri, Link, Room, STATES, Status, Testimony, Totals, VERDICTS};

/// All there is to be shown. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Surface {
    /// What is.
    pub board: Arc<Board>,
    /// What was.
    pub metrics: Arc<Metrics>,
    /// `muc.domains`.
    pub services: Arc<[String]>,
}
