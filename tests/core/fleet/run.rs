//! Plays seeds on all cores of the machine, and shows the first that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::coverage::Coverage;
use super::world::World;
use super::{PREFIX, TARGET};

/// Lines of the trace that a failure shows.
const SHOWN: usize = 80;

fn number(name: &str) -> Option<u64> {
    let name = format!("{PREFIX}_{name}");
    std::env::var(&name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Plays one seed; a panic of the core is a failure like any other.
fn play(seed: u64, with_trace: bool) -> World {
    let mut world = World::new(seed, with_trace);
    if catch_unwind(AssertUnwindSafe(|| world.run())).is_err() {
        world.violation = Some("the core, or the model, has panicked".into());
    }
    world.finish();
    world
}

fn report(seed: u64, violation: &str) -> String {
    let world = play(seed, true);
    let lines = world.trace.unwrap_or_default();
    let word = violation.split(' ').next().unwrap_or_default();
    let about: Vec<&String> = lines
        .iter()
        .filter(|line| !word.starts_with("jibri-") || line.contains(word) || line.contains("Meeting"))
        .collect();
    let last: Vec<&str> =
        about[about.len().saturating_sub(SHOWN)..].iter().map(|line| line.as_str()).collect();
    format!(
        "seed {seed}: {violation}\n\n{}\n\nreplay: {PREFIX}_SEED={seed} cargo test --test core -- --nocapture {TARGET}::run::replay\n",
        last.join("\n"),
    )
}

#[test]
fn what_always_holds() {
    let (first, seeds) = (number("FIRST").unwrap_or(1), number("SEEDS").unwrap_or(30));
    let next = AtomicU64::new(first);
    let failed: Mutex<Vec<(u64, String)>> = Mutex::default();
    let seen = Mutex::new(Coverage::default());
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Coverage::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds || failed.lock().unwrap().len() >= 20 {
                        break;
                    }
                    let world = play(seed, false);
                    own.add(&world.seen);
                    if let Some(violation) = world.violation {
                        failed.lock().unwrap().push((seed, violation));
                    }
                }
                seen.lock().unwrap().add(&own);
            });
        }
    });
    let (mut failed, seen) = (failed.into_inner().unwrap(), seen.into_inner().unwrap());
    failed.sort_by_key(|(seed, _)| *seed);
    println!("{}", seen.table());
    if let Some((seed, violation)) = failed.first() {
        let all: Vec<String> = failed.iter().map(|(seed, v)| format!("  {seed}: {v}\n")).collect();
        panic!("{}\nfailed (at most 20 are looked for):\n{}", report(*seed, violation), all.concat());
    }
    assert_eq!(seen.accused, 0);
    if seeds >= 2000 {
        assert!(seen.missing().is_empty(), "never happened: {:?}", seen.missing());
    }
}

/// `PREFIX_SEED=n cargo test --test core -- --nocapture TARGET::run::replay`
#[test]
fn replay() {
    let Some(seed) = number("SEED") else { return };
    let world = play(seed, true);
    println!("{:#?}", world.plan.jibris);
    for line in world.trace.as_deref().unwrap_or_default() {
        println!("{line}");
    }
    println!("{}", world.seen.table());
    if let Some(violation) = world.violation {
        panic!("seed {seed}: {violation}");
    }
}

#[test]
fn the_same_seed_plays_the_same() {
    let (once, again) = (play(7, true), play(7, true));
    assert!(once.trace == again.trace && once.trace.is_some_and(|lines| !lines.is_empty()));
}
