//! The status page in a real Chromium: what it shows and when, what it survives, and who can use it.
//!
//! `cargo test --test system -- --ignored screenshot` takes the README's picture anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unreachable,
    reason = "also in what the tests share"
)]

mod access;
mod axe;
mod browser;
mod contact;
mod hostile;
mod manual;
mod picture;
mod recordings;
mod sample;
mod scripted;
mod shows;
mod situations;
mod world;
