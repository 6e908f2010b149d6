//! Seven minutes in which Chrome is killed, a Jibri is killed and is back within ten seconds, and Jicofo is killed
//! (docs/jitsi.md 13.2.13): how much of them is recorded, in each footprint, and beside them by the rule of the Lua module
//! that this program replaces, which asks once, three seconds after a moderator has come. And how much of what is missing the
//! program's own history calls recorded without a doubt.
//!
//! `BENCH_PROSODY` (`12` or `13`) takes one of the two, `BENCH_ONLY` one of the footprints (or `lua`).

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

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use jibri_autostart::ledger::{Entry, Moment, Record};
use program::Program;
use testkit::{
    Behaviour, FocusOptions, Jibri, JibriOptions, Person, Result, SOON, Version, World, WorldOptions,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const ROOM: &str = "lesson";
const MINUTES: Duration = Duration::from_secs(420);
const CHROME_IS_KILLED: Duration = Duration::from_secs(60);
const JIBRI_IS_KILLED: Duration = Duration::from_secs(150);
const JIBRI_IS_BACK: Duration = Duration::from_secs(158);
const JICOFO_IS_KILLED: Duration = Duration::from_secs(271);
/// Until it is up again.
const JICOFO_STARTS: Duration = Duration::from_secs(8);
/// Clients notice by then, and come again.
const CLIENTS_RELOAD: Duration = Duration::from_secs(15);
const CLIENTS_ARE_BACK: Duration = Duration::from_secs(25);
/// The share that has to be recorded, and the share that can be.
const BOUND: f64 = 0.84;
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LUA: &str = "lua";

#[tokio::main]
async fn main() -> Result {
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    let mut missed = Vec::new();
    let (prosody, only) = (of("BENCH_PROSODY"), of("BENCH_ONLY"));
    for version in Version::all_available() {
        if !format!("{version:?}").contains(&prosody) {
            continue;
        }
        let all = ["companion", "discreet", "unseen", "resident", LUA]
            .into_iter()
            .filter(|who| who.contains(&only));
        let runs: Vec<_> = all.map(|who| (who, tokio::spawn(play(version, who)))).collect();
        println!("{version:?}, of seven minutes with three faults:");
        let mut shares = Vec::new();
        for (who, run) in runs {
            let (gaps, history) = run.await??;
            let missing: Duration = gaps.iter().map(|(from, to)| *to - *from).sum();
            let share = 1.0 - missing.as_secs_f64() / MINUTES.as_secs_f64();
            let gaps: Vec<String> = gaps
                .iter()
                .map(|(from, to)| format!("{:.0} to {:.0} s", from.as_secs_f64(), to.as_secs_f64()))
                .collect();
            println!("  {who:<10} {:>4.1} % recorded, not from {}", share * 100.0, gaps.join(", "));
            if let Some(history) = history {
                let (missing, history) = (missing.as_secs_f64(), history.as_secs_f64());
                println!(
                    "             of {missing:.0} s missing its history calls {history:.0} s recorded without a doubt"
                );
            }
            shares.push((who, share));
        }
        let lua = shares.iter().find(|(who, _)| *who == LUA).map(|(_, share)| *share);
        for (who, share) in shares.iter().filter(|(who, _)| *who != LUA) {
            if let Some(lua) = lua {
                println!("  {who} records {:.2} times what the Lua module's rule does", share / lua);
            }
            if *share < BOUND {
                missed.push(format!("{who} on {version:?}: {:.1} %", share * 100.0));
            }
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("less than {BOUND}: {}", missed.join(", ")).into()) }
}

/// From when to when nothing was recorded.
type Gaps = Vec<(Duration, Duration)>;

/// The same for everybody: when nothing was recorded, and how much of that the history calls recorded.
async fn play(version: Version, who: &'static str) -> Result<(Gaps, Option<Duration>)> {
    let mut options = WorldOptions { rest: true, focus: FocusOptions::default(), ..WorldOptions::default() };
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    options.prosody.validate_from = who != "unseen";
    options.prosody.companion = who == "companion";
    options.prosody.metadata = who == "companion";
    (options.prosody.services_linger, options.prosody.recorders_linger) = (Some(15), Some(66));
    // About eight seconds from the request to `on`.
    options.jibri = JibriOptions {
        behaviour: Behaviour::Healthy { launch: Duration::from_secs(3), join: Duration::from_secs(4) },
        notices: Duration::from_secs(14),
        finalize: Duration::from_secs(3),
        ..JibriOptions::default()
    };
    let world = World::start(version, options).await?;
    let jibris = [world.jibri("jibri-1").await?, world.jibri("jibri-2").await?];
    let mut ports = [health_port(&jibris[0], None).await?, health_port(&jibris[1], None).await?];
    let addresses = [ports[0].0, ports[1].0];
    let program = if who == LUA { None } else { Some(program(&world, who, addresses).await?) };
    let mut people = arrive(&world, who).await?;
    let (began, by_the_wall) = (Instant::now(), SystemTime::now());
    let camera = tokio::spawn(watch(jibris.clone(), began));

    until(began, CHROME_IS_KILLED).await;
    recording(&jibris)?.kill_chrome();
    until(began, JIBRI_IS_KILLED).await;
    let killed = recording(&jibris)?;
    let n = usize::from(killed.name() != jibris[0].name());
    ports[n].1.abort();
    killed.crash();
    until(began, JIBRI_IS_BACK).await;
    killed.connect().await?;
    ports[n] = health_port(&killed, Some(addresses[n])).await?;
    until(began, JICOFO_IS_KILLED).await;
    world.focus.disconnect();
    until(began, JICOFO_IS_KILLED + JICOFO_STARTS).await;
    world.focus.forget_rooms();
    world.focus.reconnect().await?;
    until(began, JICOFO_IS_KILLED + CLIENTS_RELOAD).await;
    jibris.iter().for_each(Jibri::reload_page);
    for person in people.drain(..) {
        person.leave().await;
    }
    until(began, JICOFO_IS_KILLED + CLIENTS_ARE_BACK).await;
    let _people = arrive(&world, who).await?;
    let gaps = camera.await??;
    let called = match program {
        Some(program) => Some(called_recorded(&program.http().await?, by_the_wall, &gaps).await?),
        None => None,
    };
    Ok((gaps, called))
}

/// How much of these gaps the history calls recorded, without saying that some of it is or may be missing.
async fn called_recorded(url: &str, began: SystemTime, gaps: &Gaps) -> Result<Duration> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let records: Vec<Record> = client.get(format!("{url}/api/v1/history")).send().await?.json().await?;
    if std::env::var_os("BENCH_SHOW_LOG").is_some() {
        println!("{records:#?}");
    }
    let at = |moment: Moment| SystemTime::from(moment).duration_since(began).unwrap_or_default();
    let (mut recorded, mut in_doubt, mut moving) = (Vec::new(), Vec::new(), Duration::ZERO);
    for record in &records {
        let Entry::Attempt(attempt) = &record.entry else { continue };
        let Some(on) = attempt.on.map(at) else { continue };
        let off = attempt.off.map_or(MINUTES, at);
        recorded.push((on, off));
        let reason = attempt.reason.as_deref().unwrap_or_default();
        moving += seconds(reason, ", about ", " s not recorded").unwrap_or_default();
        if let Some(end) = seconds(reason, "the last ", " s before that may be missing") {
            in_doubt.push((off.saturating_sub(end), off));
        }
    }
    let has =
        |all: &[(Duration, Duration)], at: Duration| all.iter().any(|(from, to)| *from <= at && at < *to);
    let moments = (0..).map(|n| LOOK_EVERY * n).take_while(|at| *at < MINUTES);
    let called = moments.filter(|at| has(gaps, *at) && has(&recorded, *at) && !has(&in_doubt, *at)).count();
    Ok((LOOK_EVERY * u32::try_from(called)?).saturating_sub(moving))
}

/// The number between these words.
fn seconds(text: &str, before: &str, after: &str) -> Option<Duration> {
    let (number, _) = text.split_once(before)?.1.split_once(after)?;
    number.parse().ok().map(Duration::from_secs)
}

/// What it says of itself over HTTP, at a new address or at one that it had before.
async fn health_port(jibri: &Jibri, address: Option<SocketAddr>) -> Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into())).await?;
    let address = listener.local_addr()?;
    let jibri = jibri.clone();
    let task = tokio::spawn(async move {
        // No connection outlives the port.
        while let Ok((mut connection, _)) = listener.accept().await {
            let (busy, healthy) = jibri.status();
            let health = if healthy { "HEALTHY" } else { "UNHEALTHY" };
            let health = serde_json::json!({ "healthStatus": health, "details": {} });
            let body = serde_json::json!({ "status": { "busyStatus": busy, "health": health } }).to_string();
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
            let answer = format!("{head} {}\r\n\r\n{body}", body.len());
            let _ = connection.read(&mut [0; 4096]).await;
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    Ok((address, task))
}

async fn program(world: &World, footprint: &str, ports: [SocketAddr; 2]) -> Result<Program> {
    let instance = |n: usize, port: SocketAddr| {
        format!("{{name = \"jibri-{n}\", health_url = \"http://{port}/jibri/api/v1.0/health\"}}")
    };
    let instances = format!("[{}, {}]", instance(1, ports[0]), instance(2, ports[1]));
    let settings = [
        ("JIBRI__INSTANCE", instances.as_str()),
        ("MUC__FOOTPRINT", footprint),
        ("HTTP__LISTEN", "127.0.0.1:0"),
        ("DISCOVERY__JICOFO__URL", &world.rest()?.url()),
    ];
    let program = Program::start(&world.prosody, &settings)?;
    program.logged(&["the brewery is seen"], 1, SOON).await?;
    Ok(program)
}

/// Two people come, the first of whom is a moderator.
async fn arrive(world: &World, who: &str) -> Result<Vec<Person>> {
    let moderator = world.moderator(ROOM).await?;
    if who == LUA {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let _ = moderator.start_recording(SOON).await;
    }
    Ok(vec![moderator, world.person(ROOM).await?])
}

/// How long nothing is recorded each time: from when to when.
async fn watch(jibris: [Jibri; 2], began: Instant) -> Result<Gaps> {
    let mut gaps = Vec::new();
    let mut since = Some(Duration::ZERO);
    while began.elapsed() < MINUTES {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = began.elapsed();
        match jibris.iter().any(Jibri::is_filming) {
            true => gaps.extend(since.take().map(|since| (since, now))),
            false => since = since.or(Some(now)),
        }
    }
    gaps.extend(since.map(|since| (since, MINUTES)));
    Ok(gaps)
}

fn recording(jibris: &[Jibri; 2]) -> Result<Jibri> {
    let one = jibris.iter().find(|jibri| jibri.is_filming());
    Ok(one.ok_or("nothing is recorded when the fault is due")?.clone())
}

async fn until(began: Instant, at: Duration) {
    tokio::time::sleep_until((began + at).into()).await;
}
