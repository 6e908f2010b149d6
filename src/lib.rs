//! jibri-autostart: makes sure that every Jitsi meeting that must be recorded is recorded.
//!
//! Three rings, and imports only point inwards: the core ([`config`], [`meeting`]) is pure data and pure
//! functions; the driver feeds it inputs and carries out its effects; the edges touch the outside.

pub mod address;
pub mod config;
pub mod meeting;
pub mod time;
pub mod xmpp;
