//! What the surface costs: a scrape of 10,000 rooms beside 100, the JSON of 1,000 rooms, and, on a real Prosody, the way
//! from a moderator's presence to the start request while 200 read the events and while nobody does, each beside a plain
//! client in the room that does nothing else: what readers cost the machine falls upon both.
//!
//! `BENCH_SCRAPES`, `BENCH_ROUNDS` (meetings for each of the two) and `BENCH_READERS` make a run shorter or harder;
//! `BENCH_PROSODY` (`12` or `13`) takes one of the two.

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

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jibri_autostart::http::{self, HttpEvent, Parts};
use jibri_autostart::surface::{Board, Metrics, Room, STATES, Surface};
use program::{Program, number};
use quantiles::Quantiles;
use testkit::{Fault, Node, Person, PersonOptions, Result, SOON, Version, World, WorldOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result {
    answers().await?;
    let only = std::env::var("BENCH_PROSODY").unwrap_or_default();
    for version in Version::all_available() {
        if format!("{version:?}").contains(&only) {
            readers(version).await?;
        }
    }
    Ok(())
}

/// The time from a request to the last byte of its answer, on a connection that is there already.
async fn answers() -> Result {
    let scrapes = number("BENCH_SCRAPES", 200);
    let (few, _) = ask(100, "/metrics", scrapes).await?;
    let (many, bytes) = ask(10_000, "/metrics", scrapes).await?;
    println!("a scrape, {scrapes} of each, {:.1} KB:", bytes as f64 / 1e3);
    println!("  10,000 rooms   {many}   (bound: p99 50 ms)");
    println!("  100 rooms      {few}; ratio of the medians {:.2}", many.p50 / few.p50);
    let (one, _) = ask(1, "/api/v1/rooms", scrapes).await?;
    let (thousand, bytes) = ask(1000, "/api/v1/rooms", scrapes).await?;
    println!("the rooms as JSON, {scrapes} of each:");
    println!("  1,000 rooms    {thousand}, {:.0} KB", bytes as f64 / 1e3);
    println!("  1 room         {one}; ratio of the medians {:.1}", thousand.p50 / one.p50);
    assert!(many.p99 < 50.0, "a scrape takes {many}");
    Ok(())
}

async fn ask(rooms: usize, path: &str, times: usize) -> Result<(Quantiles, usize)> {
    let board = Arc::new(Board::new("autostart.meet.jitsi", false));
    let all: Vec<_> = (0..rooms).map(room).collect();
    board.put_rooms(&all);
    let metrics = Arc::new(Metrics::new(Arc::clone(&board), Arc::default()));
    let surface = Surface { board, metrics, services: Arc::new(["muc.meet.jitsi".to_owned()]) };
    let parts = Parts { surface: Some(surface), ..Parts::default() };
    let mut server = http::spawn_apart("127.0.0.1:0".parse()?, http::router(parts));
    let Some(HttpEvent::Listening(address)) = server.recv().await else { return Err("no server".into()) };
    let (client, url) = (reqwest::Client::builder().no_proxy().build()?, format!("http://{address}{path}"));
    let (mut took, mut bytes) = (Vec::new(), 0);
    for _ in 0..=times {
        let began = Instant::now();
        bytes = client.get(&url).send().await?.error_for_status()?.bytes().await?.len();
        took.push(began.elapsed());
    }
    // The first one has made the connection.
    Ok((Quantiles::of(&took[1..]), bytes))
}

fn room(n: usize) -> Arc<Room> {
    Arc::new(Room {
        room: format!("lesson-{n:05}@muc.meet.jitsi").into(),
        state: STATES[n % STATES.len()].to_owned(),
        seen: true,
        people: 25,
        moderators: 1,
        recorder_present: true,
        attempt: 0,
        session_id: Some(format!("{n:036}")),
        proof: Some("jibri".to_owned()),
        since: "2026-11-22T12:00:00Z".to_owned(),
        place: None,
        not_recorded: None,
        reason: None,
    })
}

/// Meetings begin one after the other, in turns with all readers there and with none.
async fn readers(version: Version) -> Result {
    let (rounds, count) = (number("BENCH_ROUNDS", 100), number("BENCH_READERS", 200));
    let mut options = WorldOptions::default();
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    options.focus.invite = false;
    // Nagle's algorithm, which is on in Prosody, would hide what lies between the two behind 40 ms.
    options.prosody.extra_global = "network_settings = { tcp_backlog = 1024, nagle = false }\n".to_owned();
    let world = World::start(version, options).await?;
    world.focus.set_fault(Some(Fault::Ignore));
    let rooms: Vec<String> = (0..2 * rounds).map(|n| format!("bench-{n}")).collect();
    let mut people: Vec<Person> = Vec::new();
    let mut first = Vec::new();
    for room in &rooms {
        first.push(world.moderator(room).await?);
        people.push(world.person_with(room, PersonOptions::default()).await?);
    }
    let watched: Vec<String> = rooms.iter().map(|room| format!("{room}@muc.meet.jitsi")).collect();
    let settings = [
        ("MUC__FOOTPRINT", "resident"),
        ("HTTP__LISTEN", "127.0.0.1:0"),
        ("START__MIN_MODERATORS", "2"),
        ("START__MIN_PARTICIPANTS", "2"),
        ("DISCOVERY__ROOMS", &watched.join(",")),
    ];
    let program = Program::start(&world.prosody, &settings)?;
    let inside = || rooms.iter().all(|room| world.focus.members(room).iter().any(|nick| nick == "autostart"));
    world.focus.until(PATIENCE, "with us everywhere", inside).await?;
    let address = program.http().await?.trim_start_matches("http://").to_owned();

    let (mut alone, mut read) = (Delays::default(), Delays::default());
    // Ten at a time, so that whatever else the machine does falls upon both.
    for (n, (rooms, people)) in rooms.chunks(10).zip(people.chunks(10)).enumerate() {
        let is_read = n % 2 == 1;
        let readers = if is_read { Some(Readers::start(&address, count).await?) } else { None };
        for (room, person) in rooms.iter().zip(people) {
            let told = readers.as_ref().map(|readers| readers.told());
            let delays = if is_read { &mut read } else { &mut alone };
            delays.measure(&world, room, person).await?;
            // All of them are told of it before the next.
            if let (Some(readers), Some(told)) = (&readers, told) {
                assert!(testkit::eventually(SOON, || readers.told() >= told + count).await);
            }
        }
    }
    println!(
        "{version:?}, {rounds} meetings each, from the order to make somebody a moderator to a start request:"
    );
    let (alone, read) =
        (alone.tell("nobody reads the events"), read.tell(&format!("{count} read the events")));
    println!(
        "  with readers the program is later by {:.2} ms above the plain client   (bound: 1 ms)",
        read - alone
    );
    assert!(read - alone < 1.0, "readers slow the start down");
    Ok(())
}

/// From the order to make somebody a moderator to the start requests that Jicofo gets.
#[derive(Default)]
struct Delays {
    programs: Vec<Duration>,
    plains: Vec<Duration>,
}

impl Delays {
    async fn measure(&mut self, world: &World, room: &str, person: &Person) -> Result {
        let mark = person.client().mark();
        let sent = Instant::now();
        world.focus.promote(room, &person.nick()).await?;
        let own = |node: &Node| node.name == "presence" && node.to_string().contains("role='moderator'");
        person.client().wait_for_since(mark, own, PATIENCE).await?;
        // The plain client does at once what the program does.
        let start = testkit::person::jibri("start").attr("recording_mode", "file");
        let iq = Node::iq("set", &format!("{}/focus", person.occupancy().room()));
        person.client().send(&iq.attr("id", &person.client().new_id()).child(start));
        let asked = || world.focus.start_requests_in(room).len() == 2;
        world.focus.until(PATIENCE, "asked to start by both", asked).await?;
        for request in world.focus.start_requests_in(room) {
            let delays = if request.nick == "autostart" { &mut self.programs } else { &mut self.plains };
            delays.push(request.at.saturating_duration_since(sent));
        }
        Ok(())
    }

    /// Prints them; by how much the program is later than the plain client, room by room, the median in ms.
    fn tell(&self, when: &str) -> f64 {
        let both = self.programs.iter().zip(&self.plains);
        let above = both.map(|(program, plain)| (program.as_secs_f64() - plain.as_secs_f64()) * 1e3);
        let above = Quantiles::of_ms(above.collect());
        let (programs, plains) = (Quantiles::of(&self.programs), Quantiles::of(&self.plains));
        println!("  {when}:");
        println!("    by the program                       {programs}");
        println!("    by a plain client                    {plains}; ratio {:.2}", programs.p50 / plains.p50);
        println!("    the program above it, room by room   {above}");
        above.p50
    }
}

/// They read all that they are told, on a thread of their own. They end with this value.
struct Readers {
    runtime: Option<Runtime>,
    told: Arc<AtomicUsize>,
}

impl Drop for Readers {
    fn drop(&mut self) {
        // It may not be waited for inside another.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Readers {
    /// When it returns each of them knows all that there was.
    async fn start(address: &str, count: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let told = Arc::<AtomicUsize>::default();
        for _ in 0..count {
            let address = address.to_owned();
            let stream = runtime.spawn(async move { connect(&address).await.map_err(|why| why.to_string()) });
            runtime.spawn(listen(stream.await??, Arc::clone(&told)));
        }
        Ok(Self { runtime: Some(runtime), told })
    }

    /// How many pieces of news all of them were told.
    fn told(&self) -> usize {
        self.told.load(Ordering::Relaxed)
    }
}

/// A connection on which all has been told that there was. Places of readers that have gone are free in a moment.
async fn connect(address: &str) -> Result<TcpStream> {
    let began = Instant::now();
    loop {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        let mut read = Vec::new();
        while !contains(&read, b"event: complete") && !read.starts_with(b"HTTP/1.1 503") {
            if timeout(SOON, stream.read_buf(&mut read)).await?? == 0 {
                break;
            }
        }
        if contains(&read, b"event: complete") {
            return Ok(stream);
        }
        if began.elapsed() > SOON {
            return Err("no place for a reader".into());
        }
    }
}

async fn listen(mut stream: TcpStream, told: Arc<AtomicUsize>) {
    let mut read = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut read).await {
        told.fetch_add(usize::from(contains(&read[..n], b"event: rooms")), Ordering::Relaxed);
    }
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}
