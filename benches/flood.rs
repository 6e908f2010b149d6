//! A flood of false names on a real Prosody: from a moderator's being there to the start request at Jicofo, while
//! 10,000 events a second name rooms that do not exist (with Jicofo's list beside them, and where events are all there
//! is and nobody needs a token), and while 600 invitations to such rooms have just come in; each beside the same run
//! without the flood.
//!
//! `BENCH_ROOMS` makes a run shorter: rooms for each of the six.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "not the program"
)]

#[path = "common/program.rs"]
mod program;
#[path = "common/quantiles.rs"]
mod quantiles;
#[path = "common/rest.rs"]
mod rest;

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use program::{Program, number};
use quantiles::Quantiles;
use testkit::{Fault, Node, Person, Result, SOON, Version, World, WorldOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(60);
/// How long the start may take, whatever comes in.
const BOUND: Duration = Duration::from_secs(2);
/// False events a second, over so many connections, sent as often as this.
const EVENTS: u64 = 10_000;
const CONNECTIONS: u64 = 4;
const EVERY: Duration = Duration::from_millis(10);
/// False invitations before each honest room.
const INVITATIONS: usize = 600;
const TOKEN: &str = "t0ken";

#[tokio::main]
async fn main() -> Result {
    for version in Version::all_available() {
        let calm = by_list(version, false).await?;
        let flooded = by_list(version, true).await?;
        compare(
            version,
            "found by Jicofo's list, asked for once a second",
            "10,000 false events a second",
            &calm,
            &flooded,
        );
        let calm = by_events(version, false).await?;
        let flooded = by_events(version, true).await?;
        compare(version, "found by events alone", "600 false invitations before each", &calm, &flooded);
        let calm = by_open_events(version, false).await?;
        let flooded = by_open_events(version, true).await?;
        compare(
            version,
            "found by events alone, without a token",
            "10,000 false events a second",
            &calm,
            &flooded,
        );
    }
    Ok(())
}

fn compare(version: Version, found: &str, flood: &str, calm: &[Duration], flooded: &[Duration]) {
    let (calm, flooded) = (Quantiles::of(calm), Quantiles::of(flooded));
    println!("{version:?}, rooms {found}, from a moderator's being there to the start request at Jicofo:");
    println!("  without a flood                {calm}");
    println!("  {flood}:  {flooded}   (bound: {} ms)", BOUND.as_millis());
    println!("  ratio of the medians           {:.2}", flooded.p50 / calm.p50);
    assert!(flooded.max <= BOUND.as_secs_f64() * 1e3, "{} ms", flooded.max);
}

/// One person a room, whom Jicofo makes a moderator; start requests are all that is wanted of it.
async fn world(version: Version) -> Result<World> {
    let mut options = WorldOptions::default();
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    options.focus.invite = false;
    options.prosody.extra_global = "network_settings = { tcp_backlog = 1024, nagle = false }\n".to_owned();
    let world = World::start(version, options).await?;
    world.focus.set_fault(Some(Fault::Ignore));
    // One for each start, as none of them ever comes to an end.
    for n in 0..number("BENCH_ROOMS", 20) {
        world.jibri(&format!("jibri-{n}")).await?;
    }
    Ok(world)
}

/// Rooms that Jicofo lists; events name false ones.
async fn by_list(version: Version, flooded: bool) -> Result<Vec<Duration>> {
    let world = world(version).await?;
    let focus = world.focus.clone();
    let (address, _server) = rest::serve(move || focus.rooms()).await?;
    let settings = [
        ("HTTP__LISTEN", "127.0.0.1:0"),
        ("HTTP__TOKEN", TOKEN),
        ("DISCOVERY__JICOFO__URL", &format!("http://{address}")),
        ("DISCOVERY__JICOFO__INTERVAL", "1s"),
    ];
    let program = Program::start(&world.prosody, &settings)?;
    program.logged(&["linked to Prosody"], 1, SOON).await?;
    let flood = if flooded { Some(Flood::start(&program).await?) } else { None };
    let mut waits = Vec::new();
    for n in 0..number("BENCH_ROOMS", 20) {
        // At any moment between two lists.
        tokio::time::sleep(Duration::from_secs(1).mul_f64(rand::random())).await;
        waits.push(start_of(&world, &format!("listed-{n}"), |_| {}).await?);
    }
    flood.as_ref().map_or(Ok(()), |flood| flood.tell(version, &program))?;
    Ok(waits)
}

/// Rooms that an event names; invitations name false ones.
async fn by_events(version: Version, flooded: bool) -> Result<Vec<Duration>> {
    let world = world(version).await?;
    let program = Program::start(&world.prosody, &[("HTTP__LISTEN", "127.0.0.1:0"), ("HTTP__TOKEN", TOKEN)])?;
    let prosody = Sender::new(&program, TOKEN, Ipv4Addr::LOCALHOST).await?;
    program.logged(&["linked to Prosody"], 1, SOON).await?;
    let eve = world.person("elsewhere").await?;
    let mut waits = Vec::new();
    for n in 0..number("BENCH_ROOMS", 20) {
        let sends = |person: &Person| {
            for m in (0..INVITATIONS).filter(|_| flooded) {
                let room = format!("false-{n}-{m}@muc.meet.jitsi");
                let x = Node::new("x", "jabber:x:conference").attr("jid", &room);
                let us = "autostart@autostart.meet.jitsi";
                eve.client().send(&Node::new("message", "").attr("to", us).child(x));
            }
            prosody.send(person);
        };
        waits.push(start_of(&world, &format!("told-{n}"), sends).await?);
    }
    Ok(waits)
}

/// The same where everybody may send events; those from another address name false ones.
async fn by_open_events(version: Version, flooded: bool) -> Result<Vec<Duration>> {
    let world = world(version).await?;
    let program = Program::start(&world.prosody, &[("HTTP__LISTEN", "127.0.0.1:0")])?;
    let prosody = Sender::new(&program, "", Ipv4Addr::new(127, 0, 0, 2)).await?;
    program.logged(&["linked to Prosody"], 1, SOON).await?;
    let flood = if flooded { Some(Flood::start(&program).await?) } else { None };
    let mut waits = Vec::new();
    for n in 0..number("BENCH_ROOMS", 20) {
        waits.push(start_of(&world, &format!("open-{n}"), |person| prosody.send(person)).await?);
    }
    flood.as_ref().map_or(Ok(()), |flood| flood.tell(version, &program))?;
    Ok(waits)
}

/// Sends true events, from an address of its own.
struct Sender {
    http: reqwest::Client,
    url: String,
    token: &'static str,
}

impl Sender {
    async fn new(program: &Program, token: &'static str, address: Ipv4Addr) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().local_address(IpAddr::from(address)).build()?;
        let url = format!("{}/event-sync/events/occupant/joined", program.http().await?);
        Ok(Self { http, url, token })
    }

    fn send(&self, person: &Person) {
        let event = event(person.occupancy().room());
        let request = self.http.post(&self.url).bearer_auth(self.token).body(event);
        tokio::spawn(async move {
            request.send().await.expect("an answer").error_for_status().expect("a success")
        });
    }
}

/// A moderator is there, and is made known; how long until the start request. Then the meeting ends.
async fn start_of(world: &World, room: &str, make_known: impl FnOnce(&Person)) -> Result<Duration> {
    let ada = world.moderator(room).await?;
    let begun = Instant::now();
    make_known(&ada);
    let asked = || !world.focus.start_requests_in(room).is_empty();
    world.focus.until(PATIENCE, "asked to start", asked).await?;
    let waited = world.focus.start_requests_in(room)[0].at.saturating_duration_since(begun);
    ada.leave().await;
    world.focus.until(PATIENCE, "gone from the room", || !world.focus.is_in(room)).await?;
    Ok(waited)
}

fn event(room: &str) -> String {
    serde_json::json!({
        "event_name": "muc-occupant-joined", "room_name": room.split('@').next(), "room_jid": room,
        "is_breakout": false, "active_occupants_count": 1,
        "occupant": { "occupant_jid": "3f9c01aa@meet.jitsi/Qw1", "joined_at": 1_787_220_000 },
    })
    .to_string()
}

/// False events at a steady rate, each of another room, until this is dropped.
struct Flood {
    begun: Instant,
    answered: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Flood {
    async fn start(program: &Program) -> Result<Self> {
        let base = program.http().await?;
        let address = base.trim_start_matches("http://").to_owned();
        let (answered, mut tasks) = (Arc::<AtomicU64>::default(), JoinSet::new());
        for connection in 0..CONNECTIONS {
            let (mut read, mut write) = TcpStream::connect(&address).await?.into_split();
            let (counter, host) = (Arc::clone(&answered), address.clone());
            // Many requests in one piece: the sender shares the machine with what it floods.
            tasks.spawn(async move {
                let (mut ticks, mut sent, mut batch) = (tokio::time::interval(EVERY), 0, String::new());
                loop {
                    ticks.tick().await;
                    batch.clear();
                    for _ in 0..EVENTS / CONNECTIONS * EVERY.as_millis() as u64 / 1_000 {
                        sent += 1;
                        let body = event(&format!("false-{connection}-{sent}@muc.meet.jitsi"));
                        write!(
                            batch,
                            "POST /event-sync/events/occupant/joined HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n\
                             Content-Length: {}\r\n\r\n{body}",
                            body.len()
                        )
                        .expect("a string");
                    }
                    write.write_all(batch.as_bytes()).await.expect("the program takes it");
                }
            });
            tasks.spawn(async move {
                const MARK: &[u8] = b"HTTP/1.1 204";
                let (mut buffer, mut kept) = (vec![0; 64 * 1024], Vec::new());
                while let Ok(length @ 1..) = read.read(&mut buffer).await {
                    kept.extend_from_slice(&buffer[..length]);
                    let found = kept.windows(MARK.len()).filter(|window| *window == MARK).count();
                    counter.fetch_add(found as u64, Ordering::Relaxed);
                    kept.drain(..kept.len().saturating_sub(MARK.len() - 1));
                }
            });
        }
        Ok(Self { begun: Instant::now(), answered, _tasks: tasks })
    }

    /// What it came to.
    fn tell(&self, version: Version, program: &Program) -> Result {
        let seconds = self.begun.elapsed().as_secs_f64();
        println!(
            "{version:?}: {:.0} false events a second were answered; the program used {:.0}% of a core and {:.1} MB",
            self.answered.load(Ordering::Relaxed) as f64 / seconds,
            program.cpu()?.as_secs_f64() / seconds * 100.0,
            program.resident_mb()
        );
        Ok(())
    }
}
