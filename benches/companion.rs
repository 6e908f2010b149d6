//! With the companion on a real Prosody: from the moment at which people in a room see a moderator to the start request at
//! Jicofo, in a thousand rooms; and what the companion costs Prosody, where cameras go on and off in a large room and where
//! everybody comes at once.
//!
//! `BENCH_ROOMS`, `BENCH_PEOPLE` (in each), `BENCH_STARTS`, `BENCH_OCCUPANTS` (of the large room), `BENCH_CAMERAS` and
//! `BENCH_STORM` (joins each time), `BENCH_ROUNDS` make a run shorter or harder; `BENCH_PROSODY` (`12` or `13`) takes one of
//! the two, `BENCH_ONLY` (`request` or `cost`) one of the measurements.

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
use std::time::Duration;

use program::{Program, number};
use quantiles::Quantiles;
use testkit::config::{DOMAIN, MUC};
use testkit::{Client, Fault, Login, Manners, Node, Result, Version, World, WorldOptions, eventually, ns};

/// A thousand rooms are filled within this.
const PATIENCE: Duration = Duration::from_secs(180);
const BETWEEN_MODERATORS: Duration = Duration::from_millis(30);
/// By the Lua module's rule somebody is looked up so long after he has come (docs/jitsi.md 9).
const LUA: Duration = Duration::from_secs(3);
/// In a storm everybody comes within this, so many into each room.
const STORM: Duration = Duration::from_secs(10);
const CLASS: usize = 20;
const LARGE: &str = "large@muc.meet.jitsi";
const BETWEEN_CAMERAS: Duration = Duration::from_millis(20);
/// Units of `/proc/PID/stat` in a second.
const TICKS: f64 = 100.0;

#[tokio::main]
async fn main() -> Result {
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    let (prosody, only) = (of("BENCH_PROSODY"), of("BENCH_ONLY"));
    for version in Version::all_available() {
        let is_wanted = format!("{version:?}").contains(&prosody);
        if is_wanted && only != "cost" {
            request(version).await?;
        }
        if is_wanted && only != "request" {
            cost(version).await?;
        }
    }
    Ok(())
}

/// A Jicofo that makes nobody a moderator by itself and answers no start; nobody else has any rights.
async fn world(version: Version, companion: bool) -> Result<World> {
    let mut options = WorldOptions::default();
    options.focus.auto_owner = false;
    (options.focus.invite, options.focus.ask_disco) = (false, false);
    options.prosody.companion = companion;
    (options.prosody.component_is_admin, options.prosody.admins_own_rooms) = (false, false);
    // Nagle's algorithm, which is on in Prosody, would hide what lies between the two behind 40 ms.
    options.prosody.extra_global = "network_settings = { tcp_backlog = 1024, nagle = false }\n".to_owned();
    // As docker-jitsi-meet sets it.
    options.prosody.extra_host.push((MUC.to_owned(), "muc_room_cache_size = 10000".to_owned()));
    let world = World::start(version, options).await?;
    world.focus.set_fault(Some(Fault::Ignore));
    Ok(world)
}

/// The program, which knows all rooms, and of no brewery: there no start waits for a free Jibri.
async fn program(world: &World) -> Result<Program> {
    let brewery = ("JIBRI__BREWERY", "none@internal-muc.meet.jitsi");
    let settings = [("MUC__FOOTPRINT", "companion"), ("HTTP__LISTEN", ""), brewery];
    let program = Program::start(&world.prosody, &settings)?;
    program.logged(&["the companion in Prosody answers"], 1, PATIENCE).await?;
    calm(world).await?;
    Ok(program)
}

async fn request(version: Version) -> Result {
    let world = world(version, true).await?;
    let rooms = open(&world, "bench", number("BENCH_ROOMS", 1_000)).await?;
    let starts = number("BENCH_STARTS", 200).min(rooms.len());
    let mut people = Vec::new();
    for n in 0..number("BENCH_PEOPLE", 5).max(2) {
        let person = Sitter::login(&world, n).await?;
        rooms.iter().for_each(|room| person.enter(room));
        person.echoed(rooms.len()).await?;
        people.push(person);
    }
    let program = program(&world).await?;
    let (moderator, witness) = (&people[0], &people[1].client);
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for room in rooms.iter().step_by(rooms.len() / starts).take(starts) {
        let seat = format!("{room}/{}", moderator.nick);
        let is_seen = |node: &Node| {
            let item = node.find_ns("x", ns::MUC_USER).and_then(|x| x.find("item"));
            node.from() == seat && item.is_some_and(|item| item.get("role") == Some("moderator"))
        };
        let (his, theirs) = (moderator.client.mark(), witness.mark());
        // A plain client, he himself, does at once what we do.
        let start = testkit::person::jibri("start").attr("recording_mode", "file");
        let start = Node::iq("set", &format!("{room}/focus")).attr("id", "1").child(start);
        let asks = async {
            moderator.client.wait_for_since(his, is_seen, PATIENCE).await?;
            moderator.client.send(&start);
            witness.wait_for_since(theirs, is_seen, PATIENCE).await
        };
        let ((), seen) = tokio::try_join!(world.focus.promote(room, &moderator.nick), asks)?;
        let asked = || world.focus.start_requests_in(room).len() >= 2;
        world.focus.until(PATIENCE, "asked to start by both", asked).await?;
        for request in world.focus.start_requests_in(room) {
            let is_ours = request.iq.find("jibri").is_some_and(|jibri| jibri.get("app_data").is_some());
            let delays = if is_ours { &mut ours } else { &mut plain };
            delays.push(request.at.saturating_duration_since(seen.at));
        }
        tokio::time::sleep(BETWEEN_MODERATORS).await;
    }
    let (plain, ours) = (Quantiles::of(&plain), Quantiles::of(&ours));
    let (rooms, people, lua) = (rooms.len(), people.len(), LUA.as_secs_f64() * 1e3 + plain.p50);
    println!("{version:?}, {rooms} rooms of {people} people and Jicofo. {starts} get a");
    println!("moderator; from his being seen as one by another client to a start request at Jicofo:");
    println!("  by a plain client, he himself, as soon as he sees it   {plain}");
    println!("  by the program with the companion                      {ours}");
    println!("  by the Lua module's rule, {LUA:?} after he has come        p50 {lua:.2} ms at the least");
    println!("  ratio of the medians, program to plain client          {:.2}", ours.p50 / plain.p50);
    println!("  ratio of the medians, Lua module's rule to program     {:.0}", lua / ours.p50);
    println!("  the program holds {:.1} MB", program.resident_mb());
    Ok(())
}

/// In turn without and with it, so that whatever else the machine does meets both.
async fn cost(version: Version) -> Result {
    let occupants = number("BENCH_OCCUPANTS", 300);
    let (rounds, cameras, joins) =
        (number("BENCH_ROUNDS", 3), number("BENCH_CAMERAS", 100), number("BENCH_STORM", 2_000));
    let mut without = Crowd::gather(version, false, occupants).await?;
    let mut with = Crowd::gather(version, true, occupants).await?;
    for _ in 0..rounds {
        for crowd in [&mut without, &mut with] {
            crowd.cameras(cameras).await?;
            crowd.storm(joins).await?;
        }
    }
    println!(
        "{version:?}, Prosody's processor time, without the companion and with it, {rounds} times in turn:"
    );
    let row = |what: &str, a: &[f64], b: &[f64]| {
        let ratio = b.iter().sum::<f64>() / a.iter().sum::<f64>();
        println!("  {what}: {a:.2?} s, with it {b:.2?} s, ratio {ratio:.3}");
    };
    let what = format!("{cameras} cameras on or off in a room of {occupants}");
    row(&what, &without.of_cameras, &with.of_cameras);
    row(&format!("{joins} joins within {STORM:?}, {CLASS} a room"), &without.of_storms, &with.of_storms);
    println!("  the program itself: {:.2?}", with.program.as_ref().ok_or("no program")?.cpu()?);
    Ok(())
}

/// A large room, and what its people cost.
struct Crowd {
    world: World,
    people: Vec<Sitter>,
    program: Option<Program>,
    of_cameras: Vec<f64>,
    of_storms: Vec<f64>,
}

impl Crowd {
    async fn gather(version: Version, companion: bool, occupants: usize) -> Result<Self> {
        let world = world(version, companion).await?;
        world.focus.open_room("large").await?;
        let mut people = Vec::new();
        for n in 0..occupants {
            let person = Sitter::login(&world, n).await?;
            person.enter(LARGE);
            person.echoed(1).await?;
            people.push(person);
        }
        let program = if companion { Some(program(&world).await?) } else { None };
        calm(&world).await?;
        Ok(Self { world, people, program, of_cameras: Vec::new(), of_storms: Vec::new() })
    }

    /// People in the large room turn their cameras on, or off.
    async fn cameras(&mut self, times: usize) -> Result {
        let before = cpu(&self.world)?;
        let mut moments = tokio::time::interval(BETWEEN_CAMERAS);
        for n in 0..times {
            moments.tick().await;
            let muted = if self.of_cameras.len().is_multiple_of(2) { "true" } else { "false" };
            let video = Node::new("videomuted", "http://jitsi.org/jitmeet/video").with_text(muted);
            let person = &self.people[n % self.people.len()];
            person.shows(LARGE, video);
            person.echoed(1).await?;
        }
        calm(&self.world).await?;
        self.of_cameras.push(cpu(&self.world)? - before);
        Ok(())
    }

    /// Lessons begin: some of the people come into many more rooms. Nobody is a moderator yet, so no start is asked for.
    async fn storm(&mut self, joins: usize) -> Result {
        let round = self.of_storms.len();
        let rooms = open(&self.world, &format!("storm-{round}"), joins.div_ceil(CLASS)).await?;
        calm(&self.world).await?;
        let before = cpu(&self.world)?;
        let mut moments = tokio::time::interval(STORM / u32::try_from(joins)?);
        for guest in self.people.iter().take(CLASS) {
            for room in &rooms {
                moments.tick().await;
                guest.enter(room);
            }
        }
        for guest in self.people.iter().take(CLASS) {
            guest.echoed(rooms.len()).await?;
        }
        calm(&self.world).await?;
        self.of_storms.push(cpu(&self.world)? - before);
        Ok(())
    }
}

/// Jicofo opens so many rooms.
async fn open(world: &World, beginning: &str, count: usize) -> Result<Vec<String>> {
    let rooms: Vec<_> = (0..count).map(|n| format!("{beginning}-{n}@{MUC}")).collect();
    for room in &rooms {
        world.focus.open_room(room).await?;
    }
    Ok(rooms)
}

/// Waits until Prosody has nothing left to do.
async fn calm(world: &World) -> Result {
    loop {
        let before = cpu(world)?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        if cpu(world)? - before < 1.5 / TICKS {
            return Ok(());
        }
    }
}

/// Seconds of a processor that Prosody has used.
fn cpu(world: &World) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", world.prosody.pid().ok_or("no Prosody")?))?;
    let fields: Vec<&str> = stat.rsplit(") ").next().ok_or("no fields")?.split(' ').collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / TICKS)
}

/// A connection with an occupant of the same nickname in many rooms.
struct Sitter {
    client: Client,
    nick: String,
    /// Presences of his own that have come back, and have not been waited for.
    echoes: Arc<AtomicUsize>,
}

impl Sitter {
    async fn login(world: &World, n: usize) -> Result<Self> {
        let (login, nick) = (Login::anonymous(DOMAIN), format!("{n:08x}"));
        let (client, mut inbox) = Client::connect(world.prosody.c2s(), &login, Manners::default()).await?;
        let (echoes, end) = (Arc::new(AtomicUsize::new(0)), format!("/{nick}"));
        let counter = echoes.clone();
        tokio::spawn(async move {
            while let Some(received) = inbox.recv().await {
                if received.node.name == "presence" && received.node.from().ends_with(&end) {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Ok(Self { client, nick, echoes })
    }

    fn enter(&self, room: &str) {
        self.shows(room, Node::new("x", ns::MUC));
    }

    /// Sends what a browser does, and this.
    fn shows(&self, room: &str, more: Node) {
        let presence = Node::presence(&format!("{room}/{}", self.nick))
            .child(Node::new("nick", ns::NICK).with_text("Ada"))
            .child(Node::new("stats-id", "").with_text("Ada-x"))
            .child(Node::new("SourceInfo", "").with_text("{}"));
        self.client.send(&presence.child(more));
    }

    async fn echoed(&self, times: usize) -> Result {
        let there = eventually(PATIENCE, || self.echoes.load(Ordering::Relaxed) >= times).await;
        self.echoes.fetch_sub(times, Ordering::Relaxed);
        if there { Ok(()) } else { Err(format!("{} is not where he should be", self.nick).into()) }
    }
}
