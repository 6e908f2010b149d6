//! The link to Prosody (XEP-0114). Only here is XML known; what leaves this module are our own types.
//!
//! [`spawn`] starts the task that keeps the link; it takes [`Command`]s and tells [`LinkEvent`]s. Inside,
//! from the wire upwards: `framer` and `guard` see to it that no stanza can end the stream, `stanza` and
//! `outbound` are the stanzas, `muc`, `invitation`, `refusal`, `requests`, `entity` and `caps` say what they mean, and
//! `connect`, `session`, `delays` and `link` do the rest. `brewery` is our seat among the Jibris.

#[cfg(test)]
mod any_presence;
mod brewery;
mod caps;
mod connect;
mod delays;
mod entity;
mod failure;
mod framer;
mod guard;
mod invitation;
mod link;
mod muc;
mod outbound;
mod refusal;
mod requests;
mod session;
mod stanza;

pub use brewery::{BreweryEvent, BusyStatus, HealthStatus, JibriStatus, NotLetIn};
pub(crate) use connect::reach;
pub use failure::Failure;
pub use link::{Command, Link, LinkEvent, spawn};
