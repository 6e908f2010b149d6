//! The book of recordings, simulated: Jibris that record, move, die, write short files or none, and report in any order, late,
//! twice, or never; and this program, restarted in between. What the book says in the end has to be what the world did.
//!
//! `world` is what happens, `checks` what has to hold of it.

mod checks;
mod world;

use std::collections::BTreeMap;

use self::world::World;
use crate::seeds::{self, Played, Seen};

/// What has happened, counted by its name.
#[derive(Default)]
pub(crate) struct Coverage(BTreeMap<&'static str, u64>);

/// What has to happen in a full run.
const EXPECTED: [&str; 18] = [
    "killed",
    "nothing written",
    "written short",
    "moved",
    "report lost",
    "report twice",
    "report days late",
    "program restarted",
    "ended unwatched",
    "session never known",
    "state delivered",
    "state failed",
    "state missing",
    "state short",
    "state empty",
    "state salvaged",
    "state unknown",
    "only reported",
];

impl Coverage {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }
}

impl Seen for Coverage {
    fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    fn missing(&self) -> Vec<&'static str> {
        EXPECTED.into_iter().filter(|what| !self.0.contains_key(what)).collect()
    }

    fn table(&self) -> String {
        self.0.iter().map(|(what, count)| format!("{what:>20} {count}\n")).collect()
    }
}

impl Played for World {
    type Seen = Coverage;
    const PREFIX: &'static str = "RECORDINGS";
    const REPLAY: &'static str = "recordings::replay";

    fn new(seed: u64, with_trace: bool) -> Self {
        Self::new(seed, with_trace)
    }

    fn run(&mut self) {
        self.run();
        self.finish();
    }

    fn panicked(&mut self) {
        self.violation = Some("the core, or the world, has panicked".into());
    }

    fn violation(&self) -> Option<String> {
        self.violation.clone()
    }

    fn seen(&self) -> &Coverage {
        &self.seen
    }

    fn lines(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    fn concerns(line: &str, violation: &str) -> bool {
        let session = violation.split(' ').find(|word| word.starts_with("session-"));
        session.is_none_or(|session| line.contains(session) || line.contains("program"))
    }
}

#[test]
fn what_always_holds() {
    seeds::all_hold::<World>(200);
}

#[test]
fn replay() {
    seeds::replay::<World>();
}

#[test]
fn the_same_seed_plays_the_same() {
    seeds::repeats::<World>();
}
