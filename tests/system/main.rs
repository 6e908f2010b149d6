//! The program on a real Prosody, in a browser, and as it is installed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "also in what the tests share"
)]
#![allow(clippy::duplicate_mod, reason = "what is shared finds in its parent what differs")]

mod companion;
mod deploy;
mod doctor;
mod link;
mod meetings;
mod page;
#[path = "../stand_in/mod.rs"]
mod stand_in;

// So that this executable can be a Jibri.
testkit::jibri_processes!();
