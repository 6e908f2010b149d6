//! Both cores together, coupled as the driver couples them, in a simulated world: the fleet's Jibris and Jicofo
//! (`tests/core/fleet`), and rooms with people, focus and recorders in them, all seeded, in virtual time.
//!
//! `TOGETHER_SEEDS=n` plays so many seeds, `TOGETHER_FIRST=n` begins there. A failing seed prints how to replay it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    unreachable_pub
)]

#[path = "../fleet/checks.rs"]
mod checks;
mod companion;
mod cores;
#[path = "../fleet/coverage.rs"]
mod coverage;
mod expected;
#[path = "../fleet/jibri.rs"]
mod jibri;
#[path = "../fleet/jicofo.rs"]
mod jicofo;
mod jicofo_gone;
mod line;
mod link;
#[path = "../fleet/plan.rs"]
mod plan;
mod promises;
mod rooms;
#[path = "../fleet/run.rs"]
mod run;
mod shown;
#[path = "../fleet/world.rs"]
mod world;

/// Of the environment's variables, and the test that plays one seed again.
const PREFIX: &str = "TOGETHER";
const REPLAY: &str = "together::run::replay";
