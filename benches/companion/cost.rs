//! What the companion costs Prosody for cameras and for joins: rounds without the module and with it, in turn in the same
//! process, as two differ by more than the module costs.
//!
//! `BENCH_ROUNDS` is how often, `BENCH_ROOMS` how many rooms, `BENCH_SCENE` (`large` or `many`) takes one of the two.
//! `JIBRI_AUTOSTART_TEST_PROSODY=benches/companion/callgrind.sh BENCH_PROSODY=12` counts instructions (valgrind).

use std::time::Duration;

use testkit::{Result, Version};
use tokio::time::MissedTickBehavior;

use crate::crowd::{Inside, Sitter, calm, fill, open, program, world};
use crate::meter::Meter;
use crate::program::number;

/// How many rooms, how many people in each, how many cameras in a round and how many leave and come, each each second.
struct Scene {
    rooms: usize,
    people: usize,
    cameras: (usize, u32),
    joins: (usize, u32),
}

pub(crate) async fn cost(version: Version) -> Result {
    let only = std::env::var("BENCH_SCENE").unwrap_or_default();
    if only != "many" {
        Scene { rooms: 1, people: 300, cameras: (100, 25), joins: (30, 8) }.play(version).await?;
    }
    if only != "large" {
        let rooms = number("BENCH_ROOMS", 1_000);
        Scene { rooms, people: 5, cameras: (2_000, 500), joins: (500, 100) }.play(version).await?;
    }
    Ok(())
}

impl Scene {
    async fn play(&self, version: Version) -> Result {
        let world = world(version, true).await?;
        let inside = Inside::login(&world).await?;
        let rooms = open(&world, "cost", self.rooms).await?;
        let sitters = fill(&world, &inside, &rooms, self.people, false).await?;
        let program = program(&world).await?;
        let (mut cameras, mut joins) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
        let meter = Meter::of(&world)?;
        let slowness = meter.slowness();
        let [filmed, rejoined] =
            [self.cameras, self.joins].map(|(times, _)| times.div_ceil(slowness as usize));
        let mut is_loaded = true;
        for round in 0..number("BENCH_ROUNDS", 8) {
            for turn in 0..2 {
                // Which comes first changes, so that whatever grows meets both.
                let with = (round + turn) % 2 == 1;
                if with != is_loaded {
                    inside.manage(if with { "load" } else { "unload" }).await?;
                    is_loaded = with;
                    // The program asks for all rooms.
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
                let film = |n: usize, room: &str, sitter: &Sitter| {
                    sitter.camera(room, (n + round).is_multiple_of(2));
                    1_usize
                };
                let rejoin = |_: usize, room: &str, sitter: &Sitter| {
                    sitter.leave(room);
                    sitter.enter(room);
                    2_usize
                };
                for (times, rate, each, spent) in [
                    (filmed, self.cameras.1, &film as &dyn Fn(usize, &str, &Sitter) -> usize, &mut cameras),
                    (rejoined, self.joins.1, &rejoin, &mut joins),
                ] {
                    inside.run("collectgarbage() collectgarbage()").await?;
                    calm(&world).await?;
                    let began = meter.begin(&world)?;
                    let mut moments = tokio::time::interval(Duration::from_secs(1) * slowness / rate);
                    moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
                    for n in 0..times {
                        moments.tick().await;
                        let sitter = &sitters[n % sitters.len()];
                        let echoes = each(n, &rooms[n * 7 % rooms.len()], sitter);
                        sitter.echoed(echoes).await?;
                    }
                    calm(&world).await?;
                    spent[usize::from(with)].push(meter.end(&world, began)? / times as f64);
                }
            }
        }
        let (Self { rooms, people, .. }, unit) = (self, meter.unit());
        println!(
            "{version:?}, {rooms} rooms of {people} people and Jicofo, what Prosody does in rounds without the companion and"
        );
        println!("with it, in turn (medians, {unit} each; and the quarters of the ratios):");
        row(&format!("{filmed} cameras on or off"), &cameras);
        row(&format!("{rejoined} people leave and come again"), &joins);
        println!("  the program itself: {:.2?}", program.cpu()?);
        Ok(())
    }
}

fn row(what: &str, [without, with]: &[Vec<f64>; 2]) {
    let ratios: Vec<f64> = with.iter().zip(without).map(|(with, without)| with / without).collect();
    let [low, ratio, high] = [0.25, 0.5, 0.75].map(|q| at(&ratios, q));
    let [without, with] = [without, with].map(|all| at(all, 0.5));
    println!("  {what}: {without:.0}, with it {with:.0}, ratio {ratio:.3} ({low:.3} to {high:.3})");
}

fn at(all: &[f64], q: f64) -> f64 {
    let mut all = all.to_vec();
    all.sort_by(f64::total_cmp);
    let (low, high) = ((all.len() - 1) as f64 * q, all.len() - 1);
    let (below, above) = (all[low.floor() as usize], all[(low.floor() as usize + 1).min(high)]);
    below + (above - below) * low.fract()
}
