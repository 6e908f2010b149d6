//! From Prosody's handling of somebody who becomes a moderator to the start request at Jicofo, and from its handling of
//! Jicofo's word to the program's reaction, while people come and go and turn their cameras on in all rooms.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use testkit::config::COMPONENT;
use testkit::{Node, Result, Version, ns};

use crate::crowd::{Inside, PATIENCE, Sitter, fill, open, program, times, world};
use crate::program::number;
use crate::quantiles::Quantiles;

const BETWEEN_MODERATORS: Duration = Duration::from_millis(100);
/// By the Lua module's rule somebody is looked up so long after he has come (docs/jitsi.md 9).
const LUA: f64 = 3_000.0;
const CLOCK: &str = include_str!("clock.lua");

pub(crate) async fn request(version: Version) -> Result {
    let people = number("BENCH_PEOPLE", 20).max(2);
    // Who stays for 40 minutes, and turns a camera on or off or shares a screen every five.
    let (joins, cameras) = (number("BENCH_JOINS", 8), number("BENCH_CAMERAS", 70));
    let world = world(version, true).await?;
    let rooms = Arc::new(open(&world, "bench", number("BENCH_ROOMS", 1_000)).await?);
    let starts = number("BENCH_STARTS", 300).min(rooms.len());
    let inside = Inside::login(&world).await?;
    let sitters = Arc::new(fill(&world, &inside, &rooms, people, true).await?);
    let program = program(&world).await?;
    assert_eq!(inside.run(CLOCK).await?, "ready");
    let (instant, since_1970) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64());
    let life = tokio::spawn(live(rooms.clone(), sitters.clone(), joins, cameras));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (began, before) = (Instant::now(), times(&world)?);
    let chosen: Vec<&String> = rooms.iter().step_by(rooms.len() / starts).take(starts).collect();
    let mut moments = tokio::time::interval(BETWEEN_MODERATORS);
    for room in &chosen {
        moments.tick().await;
        world.focus.promote(room, &sitters[0].nick).await?;
        let asked = || world.focus.start_requests_in(room).len() >= 2;
        world.focus.until(PATIENCE, "asked to start by both", asked).await?;
    }
    let (after, whole) = (times(&world)?, began.elapsed().as_secs_f64() / 100.0);
    let (busy, waits) = ((after.0 - before.0) / whole, (after.1 - before.1) / whole);
    for (n, room) in chosen.iter().enumerate() {
        moments.tick().await;
        let status = Node::new("jibri-recording-status", ns::JIBRI).attr("status", "on");
        let status = status.attr("session_id", &format!("session-{n}")).attr("recording_mode", "file");
        world.focus.says(room, Some(status))?;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    life.abort();

    let notes = inside.run("return prosody.bench_notes()").await?;
    let mut first = HashMap::new();
    for note in notes.lines() {
        let mut words = note.split(' ');
        let (what, room, at) = (words.next(), words.next(), words.next().ok_or("no time")?.parse::<f64>()?);
        first.entry((what.unwrap_or_default(), room.unwrap_or_default())).or_insert(at);
    }
    let between = |from: &str, to: &str| -> Quantiles {
        let pair =
            |room: &&String| Some(first.get(&(to, room.as_str()))? - first.get(&(from, room.as_str()))?);
        Quantiles::of_ms(chosen.iter().filter_map(pair).map(|seconds| seconds * 1e3).collect())
    };
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for request in world.focus.start_requests() {
        let Some(seen) = first.get(&("moderator", request.room.as_str())) else { continue };
        let at = since_1970 + request.at.duration_since(instant).as_secs_f64();
        let is_ours = request.iq.find("jibri").is_some_and(|jibri| jibri.get("app_data").is_some());
        let delays = if is_ours { &mut ours } else { &mut plain };
        delays.push((at - seen) * 1e3);
    }
    let (plain, ours) = (Quantiles::of_ms(plain), Quantiles::of_ms(ours));
    let heard = chosen.iter().filter(|room| first.contains_key(&("notice", room.as_str()))).count();
    let rooms = rooms.len();
    println!(
        "{version:?}, {rooms} rooms of {people} people and Jicofo; each second {joins} people leave, {joins} come and"
    );
    println!(
        "{cameras} turn a camera on or off (Prosody: {busy:.0} % of a processor, and {waits:.0} % waiting for one)."
    );
    println!(
        "{starts} become moderators, one each {BETWEEN_MODERATORS:?}; from Prosody's handling of it to a start request at Jicofo:"
    );
    println!("  by a plain client, he himself, as soon as he reads it  {plain}");
    println!("    until Prosody sends it to Jicofo                     {}", between("moderator", "plain"));
    println!("  by the program with the companion                      {ours}");
    println!("    until Prosody has the program's request              {}", between("moderator", "start"));
    println!("    until Prosody sends it to Jicofo                     {}", between("moderator", "ours"));
    println!(
        "  by the Lua module's rule, 3 s after he has come        p50 {:.2} ms at the least",
        LUA + plain.p50
    );
    println!(
        "  ratio, program to plain client                         p50 {:.2}, p99 {:.2}",
        ours.p50 / plain.p50,
        ours.p99 / plain.p99
    );
    println!("  ratio of the medians, Lua module's rule to program     {:.0}", (LUA + plain.p50) / ours.p50);
    println!(
        "From Prosody's handling of Jicofo's word that it records, to its having the program's order for the notice,"
    );
    println!(
        "  which {COMPONENT} sends as soon as it knows; {heard} of {starts}  {}",
        between("word", "notice")
    );
    println!("  the program holds {:.1} MB", program.resident_mb());
    Ok(())
}

/// Each second so many people leave and come again, and so many cameras go on or off; the first person stays.
async fn live(rooms: Arc<Vec<String>>, sitters: Arc<Vec<Sitter>>, joins: usize, cameras: usize) {
    let every = |rate: usize| Duration::from_secs_f64(1.0 / rate.max(1) as f64);
    let (mut joining, mut filming) =
        (tokio::time::interval(every(joins)), tokio::time::interval(every(cameras)));
    let (mut joined, mut filmed) = (0, 0);
    // Steps that have no divisor in common with the number of rooms reach all of them in turn.
    let at = |n: usize, step: usize| (&rooms[n * step % rooms.len()], &sitters[1 + n % (sitters.len() - 1)]);
    let mut away = None;
    loop {
        tokio::select! {
            _ = joining.tick() => {
                if let Some((room, sitter)) = away.take() {
                    Sitter::enter(sitter, room);
                }
                let (room, sitter) = at(joined, 7);
                sitter.leave(room);
                away = Some((room, sitter));
                joined += 1;
            }
            _ = filming.tick() => {
                let (room, sitter) = at(filmed, 13);
                // Whoever is away would be sent an error.
                if away.is_none_or(|(one, who)| one != room || who.nick != sitter.nick) {
                    sitter.camera(room, filmed % 2 == 0);
                }
                filmed += 1;
            }
        }
    }
}
