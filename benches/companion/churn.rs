//! An hour of meetings without their waiting: rooms are made and end, people come and go, the module is loaded anew, and
//! memory stays as it was. `BENCH_CHURN` is how many rooms (twenty people come into each, and a recording is asked for).

use testkit::{Result, Version, World};

use crate::crowd::{Inside, calm, fill, open, program, world};
use crate::program::{Program, number};

/// Rooms at a time.
const AT_ONCE: usize = 50;
const PEOPLE: usize = 20;
/// Eight joins a second, as in the request bench.
const ROOMS_OF_AN_HOUR: usize = 3_600 * 8 / PEOPLE;
/// More than this between the first quarter and the last is a leak.
const MOST: f64 = 1.03;

pub(crate) async fn churn(version: Version) -> Result {
    let rooms = number("BENCH_CHURN", ROOMS_OF_AN_HOUR);
    let world = world(version, true).await?;
    let inside = Inside::login(&world).await?;
    let crowd = fill(&world, &inside, &[], PEOPLE, false).await?;
    let program = program(&world).await?;
    let rounds = rooms.div_ceil(AT_ONCE * 4) * 4;
    println!(
        "{version:?}, {} rooms of {PEOPLE} people one after the other ({} joins; an hour has {ROOMS_OF_AN_HOUR} rooms), the module loaded anew {} times:",
        rounds * AT_ONCE,
        rounds * AT_ONCE * PEOPLE,
        rounds / 2
    );
    let mut quarters = Vec::new();
    for round in 1..=rounds {
        let rooms = open(&world, &format!("churn-{round}"), AT_ONCE).await?;
        for sitter in &crowd {
            rooms.iter().for_each(|room| sitter.enter(room));
            sitter.echoed(rooms.len()).await?;
        }
        for room in &rooms {
            world.focus.promote(room, &crowd[0].nick).await?;
        }
        // He has become a moderator in each.
        crowd[0].echoed(rooms.len()).await?;
        if round % 2 == 0 {
            inside.manage("reload").await?;
        }
        for sitter in &crowd {
            rooms.iter().for_each(|room| sitter.leave(room));
            sitter.echoed(rooms.len()).await?;
        }
        rooms.iter().for_each(|room| world.focus.leave_room(room));
        calm(&world).await?;
        if round % (rounds / 4) == 0 {
            let (lua, resident) = (lua_mb(&inside).await?, resident(&world)?);
            let ours = program.resident_mb();
            println!(
                "  quarter {}: Prosody's Lua {lua:.2} MB, its process {resident:.1} MB; the program {ours:.1} MB",
                quarters.len() + 1
            );
            quarters.push((lua, ours));
        }
    }
    verdict(&quarters, &program);
    Ok(())
}

fn verdict(quarters: &[(f64, f64)], program: &Program) {
    let [(lua, ours), .., (lua_at_last, ours_at_last)] = quarters else { return };
    let (lua, ours) = (lua_at_last / lua, ours_at_last / ours);
    let is_flat = lua < MOST && ours < MOST;
    println!(
        "  last quarter to first: Prosody's Lua {lua:.3}, the program {ours:.3}: {}",
        if is_flat { "FLAT" } else { "GROWS" }
    );
    println!("  the program at its most: {:.1} MB", program.status("VmHWM") as f64 * 1024.0 / 1e6);
}

/// What Lua holds inside Prosody once it has cleared away.
async fn lua_mb(inside: &Inside) -> Result<f64> {
    let text = inside.run("collectgarbage() collectgarbage() return collectgarbage('count') * 1024").await?;
    Ok(text.parse::<f64>()? / 1e6)
}

fn resident(world: &World) -> Result<f64> {
    let pid = world.prosody.pid().ok_or("no Prosody")?;
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0 / 1e6)
}
