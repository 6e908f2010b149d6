//! The discreet footprint on a real Prosody: from a meeting that begins to the start request at Jicofo, when the room
//! is told of by `event_sync_component` and when Jicofo's list alone tells of it; and how long people see us in the
//! room.
//!
//! `BENCH_ROOMS`, `BENCH_POLLED` and `BENCH_VISITS` make a run shorter: rooms for each of the three.

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

use std::time::{Duration, Instant};

use program::{Program, number};
use quantiles::Quantiles;
use testkit::{
    Behaviour, Client, Fault, Inbox, Login, Manners, Node, Person, Result, SOON, Version, World,
    WorldOptions, ns,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// Between two rooms, so that the budget for role queries is never what is waited for.
const PAUSE: Duration = Duration::from_millis(100);
/// How long Jibri's Chrome takes to launch, and then to join.
const LAUNCH: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() -> Result {
    for version in Version::all_available() {
        events(version).await?;
        polling(version).await?;
        visits(version).await?;
    }
    Ok(())
}

/// One person a room, whom Jicofo makes a moderator; start requests are all that is wanted of it.
async fn world(version: Version) -> Result<World> {
    let mut options = WorldOptions::default();
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    options.focus.invite = false;
    // Nagle's algorithm, which is on in Prosody, would hide what lies between the two behind 40 ms.
    options.prosody.extra_global = "network_settings = { tcp_backlog = 1024, nagle = false }\n".to_owned();
    World::start(version, options).await
}

async fn events(version: Version) -> Result {
    let rooms = number("BENCH_ROOMS", 200);
    let world = world(version).await?;
    world.focus.set_fault(Some(Fault::Ignore));
    let program =
        Program::start(&world.prosody, &[("HTTP__LISTEN", "127.0.0.1:0"), ("HTTP__TOKEN", "t0ken")])?;
    let sender = EventSync::to(&program).await?;
    let admin = Admin::login(&world).await?;
    program.logged(&["linked to Prosody"], 1, SOON).await?;

    let (mut ours, mut plain, mut early) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..rooms {
        let room = format!("plain-{n}");
        let ada = world.moderator(&room).await?;
        let begun = Instant::now();
        admin.starts(ada.occupancy().room()).await?;
        plain.push(requested(&world, &room).await?.duration_since(begun));
        admin.leaves(ada.occupancy().room());
        over(&world, ada, &room).await?;

        let room = format!("ours-{n}");
        let ada = world.moderator(&room).await?;
        let begun = Instant::now();
        sender.joined(&ada);
        ours.push(requested(&world, &room).await?.duration_since(begun));
        over(&world, ada, &room).await?;

        let room = format!("early-{n}");
        let ada = world.person(&room).await?;
        let begun = Instant::now();
        sender.joined(&ada);
        early.push(requested(&world, &room).await?.duration_since(begun));
        over(&world, ada, &room).await?;
    }
    let above: Vec<f64> = ours
        .iter()
        .zip(&plain)
        .map(|(ours, plain)| (ours.as_secs_f64() - plain.as_secs_f64()) * 1e3)
        .collect();
    let (ours, plain, above) = (Quantiles::of(&ours), Quantiles::of(&plain), Quantiles::of_ms(above));
    let early = Quantiles::of(&early);
    println!(
        "{version:?}, {rooms} rooms each, from the moderator's being there to a start request at Jicofo:"
    );
    println!("  by a plain admin that lists both roles, enters and asks    {plain}");
    println!("  by the program, from the event on                          {ours}");
    println!("  the program above the plain admin, pair by pair            {above}   (bound: p99 60 ms)");
    println!("  ratio of the medians                                       {:.2}", ours.p50 / plain.p50);
    println!("  by the program, where the event comes before Jicofo has made anybody a moderator");
    println!("                                                             {early}");
    println!("  the program's resident memory                              {:.1} MB", program.resident_mb());
    assert!(above.p99 < 60.0, "p99 is {} ms above", above.p99);
    Ok(())
}

async fn polling(version: Version) -> Result {
    let rooms = number("BENCH_POLLED", 30);
    let interval = Duration::from_secs(1);
    let world = world(version).await?;
    world.focus.set_fault(Some(Fault::Ignore));
    let focus = world.focus.clone();
    let (address, _server) = rest::serve(move || focus.rooms()).await?;
    let settings = [
        ("HTTP__LISTEN", ""),
        ("DISCOVERY__EVENT_SYNC", "false"),
        ("DISCOVERY__JICOFO__URL", &format!("http://{address}")),
        ("DISCOVERY__JICOFO__INTERVAL", "1s"),
    ];
    let program = Program::start(&world.prosody, &settings)?;
    program.logged(&["linked to Prosody"], 1, SOON).await?;

    let mut waits = Vec::new();
    for n in 0..rooms {
        // At any moment between two polls.
        tokio::time::sleep(interval.mul_f64(rand::random())).await;
        let room = format!("polled-{n}");
        let ada = world.moderator(&room).await?;
        let begun = Instant::now();
        waits.push(requested(&world, &room).await?.saturating_duration_since(begun));
        over(&world, ada, &room).await?;
    }
    let mean = waits.iter().sum::<Duration>().as_secs_f64() * 1e3 / waits.len() as f64;
    let waits = Quantiles::of(&waits);
    let bound = (interval + Duration::from_secs(1)).as_secs_f64() * 1e3;
    println!("{version:?}, {rooms} rooms found by Jicofo's list alone, asked for once a second:");
    println!("  from a moderator's being there to the start request   {waits}   (bound: {bound:.0} ms)");
    println!(
        "  ratio of the mean to half the interval                {:.2}",
        mean * 2.0 / interval.as_secs_f64() / 1e3
    );
    assert!(waits.max < bound, "{} ms", waits.max);
    Ok(())
}

async fn visits(version: Version) -> Result {
    let rooms = number("BENCH_VISITS", 50);
    let world = world(version).await?;
    world.jibri_that("jibri-1", Behaviour::slow(LAUNCH)).await?;
    let program =
        Program::start(&world.prosody, &[("HTTP__LISTEN", "127.0.0.1:0"), ("HTTP__TOKEN", "t0ken")])?;
    let sender = EventSync::to(&program).await?;
    program.logged(&["linked to Prosody"], 1, SOON).await?;

    let (mut seen, mut above, mut times) = (Vec::new(), Vec::new(), 0);
    for n in 0..rooms {
        let room = format!("visited-{n}");
        let ada = world.moderator(&room).await?;
        sender.joined(&ada);
        ada.wait_recording("on", PATIENCE).await?;
        ada.occupancy().until(SOON, "without us", |view| !view.occupants.contains_key("autostart")).await?;
        let visits = probes(&ada);
        let request = world.focus.start_requests_in(&room).into_iter().next().ok_or("no start request")?;
        let jicofos = request.answered.ok_or("not answered")?.duration_since(request.at);
        times += visits.len();
        let visit = *visits.first().ok_or("never seen")?;
        seen.push(visit);
        above.push(visit.saturating_sub(jicofos));
        world.focus.leave_room(&room);
        over(&world, ada, &room).await?;
        world.focus.wait_available(1).await?;
    }
    let (seen, above) = (Quantiles::of(&seen), Quantiles::of(&above));
    println!("{version:?}, {rooms} recordings started, as a person in the room sees us ({times} times):");
    println!("  from our coming to our going, where Jibri takes {LAUNCH:?}      {seen}");
    println!("  the same without the time that Jicofo takes to answer       {above}   (bound: 200 ms)");
    println!(
        "  ratio of the time in the room to Jicofo's own               {:.2}",
        seen.p50 / (seen.p50 - above.p50)
    );
    assert!(above.max < 200.0, "{} ms", above.max);
    Ok(())
}

/// Waits for the start request in a room; when it came.
async fn requested(world: &World, room: &str) -> Result<Instant> {
    let asked = || !world.focus.start_requests_in(room).is_empty();
    world.focus.until(PATIENCE, "asked to start", asked).await?;
    Ok(world.focus.start_requests_in(room)[0].at)
}

/// The meeting ends, and everything rests for a moment.
async fn over(world: &World, ada: Person, room: &str) -> Result {
    ada.leave().await;
    world.focus.until(PATIENCE, "gone from the room", || !world.focus.is_in(room)).await?;
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

/// For how long a person has seen us, each time.
fn probes(person: &Person) -> Vec<Duration> {
    let us = format!("{}/autostart", person.occupancy().room());
    let (mut seen, mut since) = (Vec::new(), None);
    for presence in person.client().since(0) {
        if presence.node.name != "presence" || presence.node.from() != us {
            continue;
        }
        match (presence.node.get("type"), since) {
            (None, None) => since = Some(presence.at),
            (Some("unavailable"), Some(came)) => {
                seen.push(presence.at.duration_since(came));
                since = None;
            }
            _ => {}
        }
    }
    seen
}

/// What Prosody's module sends.
struct EventSync {
    http: reqwest::Client,
    url: String,
}

impl EventSync {
    async fn to(program: &Program) -> Result<Self> {
        let url = format!("{}/event-sync/events/occupant/joined", program.http().await?);
        Ok(Self { http: reqwest::Client::builder().no_proxy().build()?, url })
    }

    /// Sends the event and does not wait for the answer.
    fn joined(&self, person: &Person) {
        let room = person.occupancy().room();
        let event = serde_json::json!({
            "event_name": "muc-occupant-joined", "room_name": room.split('@').next(), "room_jid": room,
            "is_breakout": false, "active_occupants_count": 1,
            "occupant": { "occupant_jid": person.jid(), "joined_at": 1_787_220_000 },
        });
        let request = self.http.post(&self.url).bearer_auth("t0ken").json(&event);
        tokio::spawn(async move {
            request.send().await.expect("an answer").error_for_status().expect("a success")
        });
    }
}

/// A client with the same rights as ours, that does at once what we do.
struct Admin {
    client: Client,
    _inbox: Inbox,
}

impl Admin {
    async fn login(world: &World) -> Result<Self> {
        let login = Login::service("jigasi", "bench");
        let (client, inbox) = Client::connect(world.prosody.c2s(), &login, Manners::default()).await?;
        Ok(Self { client, _inbox: inbox })
    }

    /// Lists both roles, enters, and asks for a start.
    async fn starts(&self, room: &str) -> Result {
        let list = |role| {
            let item = Node::new("item", "").attr("role", role);
            Node::iq("get", room).child(Node::new("query", ns::MUC_ADMIN).child(item))
        };
        let (moderators, participants) = tokio::join!(
            self.client.request(list("moderator"), PATIENCE),
            self.client.request(list("participant"), PATIENCE),
        );
        for answer in [moderators?, participants?] {
            if answer.get("type") != Some("result") {
                return Err(format!("no list: {answer}").into());
            }
        }
        let (mark, seat) = (self.client.mark(), format!("{room}/admin"));
        self.client.send(&Node::presence(&seat).child(Node::new("x", ns::MUC)));
        let inside = |node: &Node| node.name == "presence" && node.from() == seat;
        self.client.wait_for_since(mark, inside, PATIENCE).await?;
        let start = testkit::person::jibri("start").attr("recording_mode", "file");
        let iq = Node::iq("set", &format!("{room}/focus")).attr("id", &self.client.new_id());
        self.client.send(&iq.child(start));
        Ok(())
    }

    fn leaves(&self, room: &str) {
        self.client.send(&Node::presence(&format!("{room}/admin")).attr("type", "unavailable"));
    }
}
