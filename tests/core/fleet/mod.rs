//! The fleet's core in a simulated world: Jibris with every fault we know of, a Jicofo that selects among
//! them, rooms that start, sources that lag and die, all seeded, in virtual time.
//!
//! `FLEET_SEEDS=n` plays so many seeds, `FLEET_FIRST=n` begins there. A failing seed prints how to replay it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    unreachable_pub
)]

mod checks;
mod cores;
mod coverage;
mod expected;
mod jibri;
mod jicofo;
mod plan;
mod rooms;
mod run;
mod world;

/// Of the environment's variables, and the test that plays one seed again.
const PREFIX: &str = "FLEET";
const REPLAY: &str = "fleet::run::replay";
