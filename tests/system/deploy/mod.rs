//! What is installed with the program, tried as it is shipped: the package, the unit, the container, the overlay,
//! the manifests, the rules and the dashboard.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "not the program"
)]

mod compose;
mod container;
mod documents;
mod environment;
mod kubernetes;
mod notify;
mod package;
mod program;
mod prometheus;
mod prosody;
mod unit;
