//! Plays seeds of a simulation on all cores of the machine, and shows the first that breaks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Lines of the trace that a failure shows.
const SHOWN: usize = 80;
/// After so many that break no more are looked for.
const MOST: usize = 20;
/// From so many seeds on, everything that can happen has to have happened.
const ALL: u64 = 2000;

/// What has happened, counted.
pub(crate) trait Seen: Default + Send {
    fn add(&mut self, other: &Self);
    /// What has to happen, and has not.
    fn missing(&self) -> Vec<&'static str>;
    fn table(&self) -> String;
}

/// A world that is played from a seed.
pub(crate) trait Played: Sized {
    type Seen: Seen;
    /// `PREFIX_SEEDS=n` plays so many, `PREFIX_FIRST=n` begins there, `PREFIX_SEED=n` plays one again.
    const PREFIX: &'static str;
    /// The test that does the last.
    const REPLAY: &'static str;
    fn new(seed: u64, with_trace: bool) -> Self;
    fn run(&mut self);
    fn panicked(&mut self);
    fn violation(&self) -> Option<String>;
    fn seen(&self) -> &Self::Seen;
    fn lines(&self) -> &[String];
    /// Whether a line has to do with a violation.
    fn concerns(line: &str, violation: &str) -> bool;
}

fn number<W: Played>(name: &str) -> Option<u64> {
    let name = format!("{}_{name}", W::PREFIX);
    std::env::var(&name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// A panic of the core is a failure like any other.
fn play<W: Played>(seed: u64, with_trace: bool) -> W {
    let mut world = W::new(seed, with_trace);
    if catch_unwind(AssertUnwindSafe(|| world.run())).is_err() {
        world.panicked();
    }
    world
}

/// What always holds does so in as many seeds as the environment says, or in so many.
pub(crate) fn all_hold<W: Played>(seeds: u64) {
    let (first, seeds) = (number::<W>("FIRST").unwrap_or(1), number::<W>("SEEDS").unwrap_or(seeds));
    let next = AtomicU64::new(first);
    let failed: Mutex<Vec<(u64, String)>> = Mutex::default();
    let seen = Mutex::new(W::Seen::default());
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = W::Seen::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds || failed.lock().unwrap().len() >= MOST {
                        break;
                    }
                    let world = play::<W>(seed, false);
                    own.add(world.seen());
                    failed.lock().unwrap().extend(world.violation().map(|violation| (seed, violation)));
                }
                seen.lock().unwrap().add(&own);
            });
        }
    });
    let (mut failed, seen) = (failed.into_inner().unwrap(), seen.into_inner().unwrap());
    failed.sort();
    println!("{}", seen.table());
    if let Some((seed, violation)) = failed.first() {
        let world = play::<W>(*seed, true);
        let lines: Vec<&String> = world.lines().iter().filter(|line| W::concerns(line, violation)).collect();
        for line in &lines[lines.len().saturating_sub(SHOWN)..] {
            println!("{line}");
        }
        let all: Vec<String> =
            failed.iter().map(|(seed, what)| format!("  {seed} breaks {what}\n")).collect();
        panic!(
            "seed {seed} breaks {violation}\nreplay: {}_SEED={seed} cargo test --test core -- --nocapture {}\nthe first {MOST} at most:\n{}",
            W::PREFIX,
            W::REPLAY,
            all.concat()
        );
    }
    assert!(seeds < ALL || seen.missing().is_empty(), "never happened: {:?}", seen.missing());
}

/// Plays the seed that the environment names, and shows all of it.
pub(crate) fn replay<W: Played>() {
    let Some(seed) = number::<W>("SEED") else { return };
    let world = play::<W>(seed, true);
    for line in world.lines() {
        println!("{line}");
    }
    println!("{}", world.seen().table());
    if let Some(violation) = world.violation() {
        panic!("seed {seed} breaks {violation}");
    }
}

/// A seed plays the same each time.
pub(crate) fn repeats<W: Played>() {
    let (once, again) = (play::<W>(7, true), play::<W>(7, true));
    assert!(once.lines() == again.lines() && !once.lines().is_empty());
}
