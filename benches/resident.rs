//! The resident footprint on a real Prosody: from a moderator's presence to the start request at Jicofo, beside
//! what Prosody itself needs to show that presence to a plain client; from the opening of Prosody's port to a recording,
//! again and again; and what the program costs when idle.

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

use std::time::{Duration, Instant};

use program::Program;
use quantiles::Quantiles;
use testkit::{Fault, Person, PersonOptions, Prosody, Result, Version, World, WorldOptions};

const ROOMS: usize = 200;
const PATIENCE: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result {
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    for version in Version::all_available() {
        if only != "comeback" {
            latency(version).await?;
        }
        comeback(version).await?;
    }
    if only == "comeback" { Ok(()) } else { idle().await }
}

async fn latency(version: Version) -> Result {
    let mut options = WorldOptions::default();
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    // One moderator is there already; the second, whom the configuration wants too, is made at the moment that
    // is measured. One start request a room is all that is wanted.
    options.focus.invite = false;
    // Nagle's algorithm, which is on in Prosody, would hide what lies between the two behind 40 ms.
    options.prosody.extra_global = "network_settings = { tcp_backlog = 1024, nagle = false }\n".to_owned();
    let world = World::start(version, options).await?;
    world.focus.set_fault(Some(Fault::Ignore));

    let rooms: Vec<String> = (0..ROOMS).map(|n| format!("bench-{n}")).collect();
    let mut people: Vec<Person> = Vec::new();
    let mut first = Vec::new();
    for room in &rooms {
        first.push(world.moderator(room).await?);
        people.push(world.person_with(room, PersonOptions::default()).await?);
    }
    let program = start(&world.prosody, &rooms, "2")?;
    let inside = || rooms.iter().all(|room| world.focus.members(room).iter().any(|nick| nick == "autostart"));
    world.focus.until(PATIENCE, "with us everywhere", inside).await?;

    let (mut ours, mut prosodys) = (Vec::new(), Vec::new());
    for (room, person) in rooms.iter().zip(&people) {
        let mark = person.client().mark();
        let sent = Instant::now();
        world.focus.promote(room, &person.nick()).await?;
        let own =
            |node: &testkit::Node| node.name == "presence" && node.to_string().contains("role='moderator'");
        person.client().wait_for_since(mark, own, PATIENCE).await?;
        // The plain client does at once what we do.
        let start = testkit::person::jibri("start").attr("recording_mode", "file");
        let iq = testkit::Node::iq("set", &format!("{}/focus", person.occupancy().room()));
        person.client().send(&iq.attr("id", &person.client().new_id()).child(start));
        let asked = || world.focus.start_requests_in(room).len() == 2;
        world.focus.until(PATIENCE, "asked to start by both", asked).await?;
        for request in world.focus.start_requests_in(room) {
            let delays = if request.nick == "autostart" { &mut ours } else { &mut prosodys };
            delays.push(request.at.saturating_duration_since(sent));
        }
    }
    let above: Vec<f64> = ours
        .iter()
        .zip(&prosodys)
        .map(|(ours, plain)| (ours.as_secs_f64() - plain.as_secs_f64()) * 1e3)
        .collect();
    let (ours, prosodys, above) = (Quantiles::of(&ours), Quantiles::of(&prosodys), Quantiles::of_ms(above));
    println!(
        "{version:?}, {ROOMS} rooms, from the order to make somebody a moderator to a start request at Jicofo:"
    );
    println!("  by a plain client in the room, as soon as it sees that   {prosodys}");
    println!("  by the program                                           {ours}");
    println!("  the program above the plain client, room by room         {above}   (bound: p99 10 ms)");
    println!("  ratio of the medians                                     {:.2}", ours.p50 / prosodys.p50);
    println!("  the program's resident memory                            {:.1} MB", program.resident_mb());
    assert!(above.p99 < 10.0, "p99 is {} ms above", above.p99);
    Ok(())
}

/// Prosody is restarted five times within a minute; Jicofo, Jibri and a moderator come back as fast as they can.
async fn comeback(version: Version) -> Result {
    let mut options = WorldOptions::default();
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    let mut world = World::start(version, options).await?;
    world.jibri("jibri-1").await?;
    let _program = start(&world.prosody, &["r1".to_owned()], "1")?;
    world.moderator("r1").await?.wait_recording("on", PATIENCE).await?;
    let (began, mut waits) = (Instant::now(), Vec::new());
    for _ in 0..5 {
        world.prosody.restart().await?;
        let open = Instant::now();
        world.everybody_reconnects().await?;
        let ada = world.moderator("r1").await?;
        ada.wait_recording("on", PATIENCE).await?;
        waits.push(open.elapsed());
        ada.leave().await;
        world.focus.until(PATIENCE, "gone", || !world.focus.is_in("r1")).await?;
    }
    let (minute, worst) = (began.elapsed(), waits.iter().max().copied().unwrap_or_default());
    let shown: Vec<String> = waits.iter().map(|wait| format!("{:.0} ms", wait.as_secs_f64() * 1e3)).collect();
    println!(
        "{version:?}, from the opening of Prosody's port to a recording that is on, five times in {minute:.0?}:"
    );
    println!("  {}   (bound 2 s)", shown.join(", "));
    println!("  ratio of the worst to the first {:.2}", worst.as_secs_f64() / waits[0].as_secs_f64());
    assert!(minute < Duration::from_secs(60) && worst < Duration::from_secs(2), "{worst:?} of {minute:?}");
    Ok(())
}

async fn idle() -> Result {
    let world = World::start(Version::all_available()[0], WorldOptions::default()).await?;
    let program = start(&world.prosody, &[], "1")?;
    let linked = || world.prosody.log().contains("External component successfully authenticated");
    assert!(testkit::eventually(PATIENCE, linked).await);
    let before = wake_ups(&program);
    tokio::time::sleep(IDLE).await;
    let wake_ups = wake_ups(&program) - before;
    let megabytes = program.resident_mb();
    println!(
        "idle: {megabytes:.1} MB resident (bound 15 MB), {wake_ups} wake-ups in {} s (one ping)",
        IDLE.as_secs()
    );
    assert!(megabytes < 15.0);
    Ok(())
}

fn start(prosody: &Prosody, rooms: &[String], min_moderators: &str) -> Result<Program> {
    let rooms: Vec<String> = rooms.iter().map(|room| format!("{room}@muc.meet.jitsi")).collect();
    let settings = [
        ("MUC__FOOTPRINT", "resident"),
        ("HTTP__LISTEN", ""),
        ("START__MIN_MODERATORS", min_moderators),
        ("START__MIN_PARTICIPANTS", min_moderators),
        ("DISCOVERY__ROOMS", &rooms.join(",")),
    ];
    Program::start(prosody, &settings)
}

/// The program has one thread; each time that it waits for something and gets it, it was woken.
fn wake_ups(program: &Program) -> u64 {
    program.status("voluntary_ctxt_switches")
}
