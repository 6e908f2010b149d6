//! How seeds of this world are played.

use super::coverage::Coverage;
use super::world::World;
use super::{PREFIX, REPLAY};
use crate::seeds::{self, Played};

impl Played for World {
    type Seen = Coverage;
    const PREFIX: &'static str = PREFIX;
    const REPLAY: &'static str = REPLAY;

    fn new(seed: u64, with_trace: bool) -> Self {
        Self::new(seed, with_trace)
    }

    fn run(&mut self) {
        self.run();
        self.finish();
    }

    fn panicked(&mut self) {
        self.violation = Some("the core, or the model, has panicked".into());
    }

    fn violation(&self) -> Option<String> {
        self.violation.as_ref().map(|what| format!("(8): {what}"))
    }

    fn seen(&self) -> &Coverage {
        &self.seen
    }

    fn lines(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    fn concerns(line: &str, violation: &str) -> bool {
        let name = violation.split(' ').find(|word| word.starts_with("jibri-"));
        name.is_none_or(|name| line.contains(name) || line.contains("Meeting"))
    }
}

#[test]
fn what_always_holds() {
    seeds::all_hold::<World>(30);
}

#[test]
fn replay() {
    seeds::replay::<World>();
}

#[test]
fn the_same_seed_plays_the_same() {
    seeds::repeats::<World>();
}
