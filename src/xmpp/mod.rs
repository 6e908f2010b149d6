//! The link to Prosody (XEP-0114). Only here is XML known; what leaves this module are our own types.
//!
//! [`spawn`] starts the task that keeps the link; it takes [`Command`]s and tells [`LinkEvent`]s. Inside,
//! from the wire upwards: `framer` and `guard` see to it that no stanza can end the stream, `stanza` and
//! `outbound` are the stanzas, `muc`, `invitation`, `refusal`, `requests`, `entity` and `caps` say what they mean, and
//! `connect`, `session` (a link that is up), `delays` (when it is tried again), `takeover` (whether it is for another
//! instance) and `link`, which keeps it, do the rest. `brewery` is our occupant among the Jibris, and `companion` what we and
//! the module inside Prosody say to each other.

#[cfg(test)]
mod any_presence;
mod brewery;
mod caps;
mod command;
mod companion;
mod config;
mod connect;
mod delays;
mod entity;
mod event;
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
mod takeover;

pub use brewery::{BreweryEvent, NotLetIn};
pub use command::Command;
pub(crate) use connect::reach;
pub use event::{CompanionEvent, LinkEvent, Mute};
pub use failure::Failure;
pub use link::{Link, spawn};
