//! The discreet footprint with Jicofo's list and numbers as its only source, on a real Prosody: from somebody's becoming a
//! moderator in one of a thousand rooms that are known for long to the start request at Jicofo, while people come and go in
//! the others.
//!
//! `BENCH_ROOMS`, `BENCH_CHANGES` (a second) and `BENCH_STARTS` make a run shorter or harder; `BENCH_COUNTS=0` has Jicofo tell
//! its list and not how many are in each room.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "not the program"
)]

#[allow(dead_code, reason = "another bench needs more of it")]
#[path = "companion/crowd.rs"]
mod crowd;
#[path = "common/program.rs"]
mod program;
#[path = "common/quantiles.rs"]
mod quantiles;
#[path = "common/rest.rs"]
mod rest;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crowd::{PATIENCE, Sitter, cpu, open};
use program::{Program, number};
use quantiles::Quantiles;
use testkit::config::MUC;
use testkit::{Fault, Result, Version, World, WorldOptions};

const BETWEEN_MODERATORS: Duration = Duration::from_millis(300);
/// The rest of the rooms' first quarter of a minute, in which each is looked at more often.
const SETTLED: Duration = Duration::from_secs(40);
/// By the Lua module's rule somebody is looked up so long after he has come (docs/jitsi.md 9).
const LUA: f64 = 3_000.0;

#[tokio::main]
async fn main() -> Result {
    for version in Version::all_available() {
        known(version).await?;
    }
    Ok(())
}

async fn known(version: Version) -> Result {
    let (rooms, changes) = (number("BENCH_ROOMS", 1_000), number("BENCH_CHANGES", 10));
    let mut options = WorldOptions { rest: true, ..WorldOptions::default() };
    options.focus.auto_owner = false;
    (options.focus.invite, options.focus.ask_disco) = (false, false);
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    options.prosody.extra_global = "network_settings = { tcp_backlog = 1024, nagle = false }\n".to_owned();
    // As docker-jitsi-meet sets it.
    options.prosody.extra_host.push((MUC.to_owned(), "muc_room_cache_size = 10000".to_owned()));
    let world = World::start(version, options).await?;
    world.focus.set_fault(Some(Fault::Ignore));
    let names = Arc::new(open(&world, "bench", rooms).await?);
    let starts = number("BENCH_STARTS", 200).min(rooms);
    let mut sitters = Vec::new();
    for n in 0..3 {
        sitters.push(Sitter::login(&world, n, false).await?);
    }
    // One stays everywhere, another comes and goes, the third is to become a moderator.
    names.iter().for_each(|room| sitters[0].enter(room));
    sitters[0].echoed(rooms).await?;
    let (candidate, passer) = (sitters.pop().unwrap(), sitters.pop().unwrap());

    let (focus, counts) = (world.focus.clone(), number("BENCH_COUNTS", 1) > 0);
    let (address, _server) = if counts {
        let number = move |room: String| (room.clone(), focus.members(&room).len());
        let focus = world.focus.clone();
        rest::serve_numbers(move || focus.rooms().into_iter().map(&number).collect()).await?
    } else {
        rest::serve(move || focus.rooms()).await?
    };
    let url = format!("http://{address}");
    let brewery = ("JIBRI__BREWERY", "none@internal-muc.meet.jitsi");
    let settings = [
        ("MUC__FOOTPRINT", "discreet"),
        ("HTTP__LISTEN", "127.0.0.1:0"),
        ("DISCOVERY__JICOFO__URL", url.as_str()),
        ("START__REQUEST_TIMEOUT", "1s"),
        // One attempt each: what comes after it is not measured.
        ("START__RETRY_MIN", "10m"),
        ("START__RETRY_MAX", "10m"),
        brewery,
    ];
    let program = Program::start(&world.prosody, &settings)?;
    program.logged(&["linked to Prosody"], 1, PATIENCE).await?;
    let life = tokio::spawn(live(names.clone(), passer, changes));
    tokio::time::sleep(SETTLED).await;

    let (began, before, ours) = (Instant::now(), cpu(&world)?, program.cpu()?);
    let mut moments = tokio::time::interval(BETWEEN_MODERATORS);
    let mut promoted = Vec::new();
    for room in names.iter().step_by(rooms / starts).take(starts) {
        moments.tick().await;
        candidate.enter(room);
        candidate.echoed(1).await?;
        world.focus.promote(room, &candidate.nick).await?;
        promoted.push((room, Instant::now()));
        candidate.echoed(1).await?;
    }
    let (whole, busy, ours) =
        (began.elapsed().as_secs_f64() / 100.0, cpu(&world)? - before, program.cpu()? - ours);
    let mut delays = Vec::new();
    for (room, at) in promoted {
        let asked = || !world.focus.start_requests_in(room).is_empty();
        world.focus.until(PATIENCE, "asked to start", asked).await?;
        delays.push(world.focus.start_requests_in(room)[0].at.saturating_duration_since(at));
    }
    life.abort();
    let delays = Quantiles::of(&delays);
    println!(
        "{version:?}, {rooms} rooms known by Jicofo's list {}; each second {changes} people come or go. {starts} become moderators, \
         one each {BETWEEN_MODERATORS:?} (Prosody: {:.0} % of a processor, the program {:.1} %):",
        if counts { "and numbers" } else { "alone" },
        busy / whole,
        ours.as_secs_f64() / whole,
    );
    println!("  until a start request is at Jicofo                  {delays}");
    println!("  by the Lua module's rule, 3 s after they have come  {LUA:.0} ms at the least");
    println!("  ratio, p99 to the Lua module's rule                 {:.2}", delays.p99 / LUA);
    println!("  the program holds {:.1} MB", program.resident_mb());
    Ok(())
}

/// Each second so many times somebody comes or goes.
async fn live(rooms: Arc<Vec<String>>, passer: Sitter, changes: usize) {
    let mut moments = tokio::time::interval(Duration::from_secs_f64(1.0 / changes.max(1) as f64));
    for n in 0.. {
        moments.tick().await;
        // A step that has no divisor in common with the number of rooms reaches all of them in turn.
        let room = |n: usize| &rooms[n * 7 % rooms.len()];
        match n % 2 {
            0 => passer.enter(room(n / 2)),
            _ => passer.leave(room(n / 2)),
        }
    }
}
