//! jibri-autostart: makes sure that every Jitsi meeting that must be recorded is recorded.
//!
//! Three rings, and imports only point inwards: the core ([`config`], [`meeting`], [`fleet`] with its words
//! ([`jibri`]), [`recordings`], and [`coupling`] between the first two) is pure data and pure functions; the [`driver`] feeds it inputs and carries
//! out its effects; the edges ([`xmpp`], [`discovery`], [`http`], [`http_client`], [`probes`], [`alerts`], [`announce`], [`recovery`],
//! [`ledger`], [`standby`], [`surface`]) touch the outside. [`cli`] is what people type.

pub mod address;
pub mod alerts;
pub mod announce;
pub mod cli;
pub mod config;
pub mod coupling;
pub mod discovery;
pub mod doctor;
mod doubling;
pub mod driver;
mod fair;
pub mod fleet;
pub mod http;
pub mod http_client;
pub mod jibri;
mod lasting;
pub mod ledger;
pub mod meeting;
pub mod moment;
mod plain;
mod polling;
pub mod probes;
pub mod prosody;
pub mod recordings;
pub mod recovery;
mod schedule;
pub mod standby;
pub mod surface;
pub mod time;
mod until;
pub mod xmpp;
