//! What needs neither Prosody nor a browser: each edge against a stand-in that misbehaves, the configuration, the command
//! line, and what the documents say (some of which start a demo, with a Prosody).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "also in what the tests share"
)]

mod alerts;
mod announce;
mod api;
mod cli;
mod config;
mod discovery;
mod documents;
mod finalize;
mod ledger;
mod probes;
mod recovery;
#[path = "../stand_in/mod.rs"]
mod stand_in;
