//! The core in a simulated world: rooms, focus, Jibris, people and a link, all seeded, in virtual time.
//!
//! `SIM_SEEDS=n` plays so many seeds, `SIM_FIRST=n` begins there. A failing seed prints how to replay it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    unreachable_pub
)]

mod checks;
mod companion;
mod coverage;
mod focus;
mod guests;
mod jibri;
mod link;
mod manual;
mod mirror;
mod muc;
mod outcome;
mod people;
mod plan;
mod sources;
mod stop;
mod supply;
mod trace;
mod trouble;
mod unseen;
mod world;

use coverage::Coverage;
use world::{Violation, World};

use crate::seeds::{self, Played};

impl Played for World {
    type Seen = Coverage;
    const PREFIX: &'static str = "SIM";
    const REPLAY: &'static str = "simulation::replay";

    fn new(seed: u64, with_trace: bool) -> Self {
        Self::new(seed, with_trace)
    }

    fn run(&mut self) {
        self.run();
    }

    fn panicked(&mut self) {
        self.violation = Some(Violation { number: 7, what: "the core, or the model, has panicked".into() });
    }

    fn violation(&self) -> Option<String> {
        self.violation.as_ref().map(|violation| format!("({}): {}", violation.number, violation.what))
    }

    fn seen(&self) -> &Coverage {
        &self.seen
    }

    fn lines(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    fn concerns(line: &str, violation: &str) -> bool {
        let is_room =
            |word: &&str| word.strip_prefix('r').is_some_and(|digits| digits.parse::<usize>().is_ok());
        let room = violation.split([' ', ':', ',']).find(is_room);
        let (_, rest) = line.trim_start().split_once(' ').unwrap_or_default();
        match (room, rest.split_once(' ').map(|(word, _)| word).filter(|word| word.starts_with('r'))) {
            (Some(room), Some(word)) => word == room,
            (Some(room), None) if rest.contains(" r: ") => rest.contains(&room.replace('r', " r: ")),
            _ => true,
        }
    }
}

#[test]
fn what_always_holds() {
    seeds::all_hold::<World>(100);
}

#[test]
fn replay() {
    seeds::replay::<World>();
}

#[test]
fn the_same_seed_plays_the_same() {
    seeds::repeats::<World>();
}
