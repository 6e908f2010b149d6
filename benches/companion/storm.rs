//! A storm of joins, with a start under way in each room: whether anything is lost, how long Prosody takes to answer a ping
//! meanwhile, and when the program's picture is right again. `BENCH_STORM` is how many come within ten seconds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use testkit::config::DOMAIN;
use testkit::{Client, Login, Manners, Node, Result, Version, World, ns};
use tokio::task::JoinSet;

use crate::crowd::{Inside, PATIENCE, Sitter, calm, fill, open, program, world};
use crate::program::{Program, number};
use crate::quantiles::Quantiles;

const STORM: Duration = Duration::from_secs(10);
const BETWEEN_PINGS: Duration = Duration::from_millis(20);
/// So many come into each room, and so many into the large one.
const CLASS: usize = 5;
const LARGE: usize = 300;

pub(crate) async fn storm(version: Version) -> Result {
    let joins = number("BENCH_STORM", 2_000);
    let rooms = joins / CLASS;
    println!(
        "{version:?}, {joins} joins within {STORM:?} into {rooms} rooms, the first in each becomes a moderator; then"
    );
    println!(
        "{LARGE} into one room at the same rate. A ping through Prosody, every {BETWEEN_PINGS:?} meanwhile:"
    );
    for with in [false, true] {
        let world = world(version, with).await?;
        let inside = Inside::login(&world).await?;
        let (rooms, large) = (open(&world, "storm", rooms).await?, open(&world, "large", 1).await?);
        let crowd = fill(&world, &inside, &[], LARGE, false).await?;
        let program = if with { Some(program(&world).await?) } else { None };
        calm(&world).await?;
        let between = STORM / u32::try_from(joins)?;
        let storms = [(&crowd[..CLASS], &rooms, "many rooms"), (&crowd[..], &large, "one room")];
        let mut people = 0;
        for (crowd, rooms, what) in storms {
            people += crowd.len() * rooms.len();
            let of_storm = async {
                let began = Instant::now();
                tokio::try_join!(come(crowd, rooms, between), promote(&world, rooms, &crowd[0]))?;
                let there = began.elapsed();
                let right = match &program {
                    Some(program) => Some(right(program, people).await?),
                    None => None,
                };
                Ok((there, right))
            };
            let (pings, (there, right)) = pinged(&world, of_storm).await?;
            println!(
                "  {what}, {} the companion: {pings}; all there after {there:.1?}",
                if with { "with" } else { "without" }
            );
            if let Some(right) = right {
                let asked = || starts(&world, rooms);
                let waited = testkit::eventually(PATIENCE, || asked() >= rooms.len()).await;
                println!(
                    "    the program's picture is right {right:.0?} later; {} starts for {} rooms{}",
                    asked(),
                    rooms.len(),
                    if waited && asked() == rooms.len() { ": nothing is lost" } else { ": LOST OR TWICE" }
                );
            }
        }
    }
    Ok(())
}

/// Everybody comes into all of the rooms, one each moment, and is there.
async fn come(crowd: &[Sitter], rooms: &[String], between: Duration) -> Result {
    let mut moments = tokio::time::interval(between);
    for sitter in crowd {
        for room in rooms {
            moments.tick().await;
            sitter.enter(room);
        }
    }
    for sitter in crowd {
        sitter.echoed(rooms.len()).await?;
    }
    Ok(())
}

async fn promote(world: &World, rooms: &[String], who: &Sitter) -> Result {
    for room in rooms {
        world.focus.promote(room, &who.nick).await?;
    }
    Ok(())
}

/// Pings while something happens.
async fn pinged<T>(world: &World, what: impl Future<Output = Result<T>>) -> Result<(Quantiles, T)> {
    let login = Login::anonymous(DOMAIN);
    let client = Client::connect(world.prosody.c2s(), &login, Manners::default()).await?.0;
    let is_over = AtomicBool::new(false);
    // Each at its time, whether that before has been answered or not.
    let pings = async {
        let mut waiting = JoinSet::new();
        let mut moments = tokio::time::interval(BETWEEN_PINGS);
        while !is_over.load(Ordering::Relaxed) {
            moments.tick().await;
            let sent = Instant::now();
            let answer = client.request(Node::iq("get", DOMAIN).child(Node::new("ping", ns::PING)), PATIENCE);
            waiting.spawn(async move { answer.await.map(|_| sent.elapsed()) });
        }
        let took: Result<Vec<_>> = waiting.join_all().await.into_iter().collect();
        Ok(Quantiles::of(&took?))
    };
    let done = async {
        let done = what.await;
        is_over.store(true, Ordering::Relaxed);
        done
    };
    tokio::try_join!(pings, done)
}

/// How long until the program knows of so many people.
async fn right(program: &Program, people: usize) -> Result<Duration> {
    let (url, client, began) =
        (format!("{}/metrics", program.http().await?), reqwest::Client::new(), Instant::now());
    loop {
        let text = client.get(&url).send().await?.error_for_status()?.text().await?;
        if text.lines().any(|line| line == format!("jibri_autostart_people {people}")) {
            return Ok(began.elapsed());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("the program does not know of {people} people").into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Start requests of the program's for these rooms.
fn starts(world: &World, rooms: &[String]) -> usize {
    world.focus.start_requests().iter().filter(|request| rooms.contains(&request.room)).count()
}
