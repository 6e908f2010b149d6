//! The fleet on a real Prosody: from a Jibri's idle presence to the start request for the meeting that has waited
//! longest, beside a plain client that sees that presence; and what 500 idle Jibris cost the program.
//!
//! `BENCH_ROUNDS` (Jibris that become free), `BENCH_JIBRIS`, `BENCH_SETTLE` and `BENCH_SECONDS` (before and of the
//! measurement of idle ones) make a run shorter; `BENCH_PROSODY` (`12` or `13`) takes one of the two.

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

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use program::{Program, number};
use quantiles::Quantiles;
use testkit::config::{BREWERY, MUC};
use testkit::{
    Client, Fault, Inbox, JibriOptions, Login, Manners, Node, Person, Result, SOON, Version, World,
    WorldOptions, ns,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(60);
/// Meetings that wait at any time: the right one has to be taken.
const WAITING: usize = 3;
/// Between two rounds; by then the program knows of a new meeting.
const PAUSE: Duration = Duration::from_millis(1_500);

#[tokio::main]
async fn main() -> Result {
    let only = std::env::var("BENCH_PROSODY").unwrap_or_default();
    for version in Version::all_available() {
        if format!("{version:?}").contains(&only) {
            if number("BENCH_ROUNDS", 50) > 0 {
                freed(version).await?;
            }
            idle(version).await?;
        }
    }
    Ok(())
}

/// One Jibri for many meetings: whenever one is over, the next is recorded.
async fn freed(version: Version) -> Result {
    let rounds = number("BENCH_ROUNDS", 50);
    let mut options = WorldOptions { rest: true, ..WorldOptions::default() };
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    options.focus.invite = false;
    // Nagle's algorithm, which is on in Prosody, would hide what lies between the two behind 40 ms.
    options.prosody.extra_global = "network_settings = { tcp_backlog = 1024, nagle = false }\n".to_owned();
    options.jibri = JibriOptions { empty_timeout: Duration::from_millis(200), ..JibriOptions::default() };
    let world = World::start(version, options).await?;
    world.jibri("jibri-1").await?;
    // Here the plain client asks, and nobody else does.
    let _host = world.moderator("plain").await?;
    let plain = Plain::enter(&world).await?;
    let settings = [
        ("HTTP__LISTEN", ""),
        ("DISCOVERY__JICOFO__URL", &world.rest()?.url()),
        ("RULE", "[{room = \"^plain$\", record = false}]"),
    ];
    let program = Program::start(&world.prosody, &settings)?;
    program.logged(&["the brewery is seen"], 1, SOON).await?;

    let mut meetings: VecDeque<(String, Person)> = VecDeque::new();
    let (mut ours, mut plains) = (Vec::new(), Vec::new());
    for n in 0..rounds + WAITING {
        let room = format!("bench-{n}");
        let moderator = world.moderator(&room).await?;
        if n == 0 {
            moderator.wait_recording("on", PATIENCE).await?;
        }
        meetings.push_back((room, moderator));
        // At any moment between two looks.
        tokio::time::sleep(PAUSE + Duration::from_millis(500).mul_f64(rand::random())).await;
        if n < WAITING {
            continue;
        }
        world.focus.inject_in("plain", Fault::Ignore);
        let (asked_before, mark) = (world.focus.start_requests().len(), plain.client.mark());
        let (_, over) = meetings.pop_front().ok_or("no meeting")?;
        over.leave().await;
        let freed = plain.sees_idle(mark).await?;
        plain.asks();
        let (next, moderator) = meetings.front().ok_or("no meeting")?;
        let both = || world.focus.start_requests().len() >= asked_before + 2;
        world.focus.until(PATIENCE, "asked to start by both", both).await?;
        for request in world.focus.start_requests().into_iter().skip(asked_before) {
            let after = request.at.saturating_duration_since(freed);
            if request.room == format!("plain@{MUC}") {
                plains.push(after);
            } else {
                assert_eq!(request.room, format!("{next}@{MUC}"), "the one that has waited longest");
                ours.push(after);
            }
        }
        moderator.wait_recording("on", PATIENCE).await?;
    }
    let above: Vec<f64> = ours
        .iter()
        .zip(&plains)
        .map(|(ours, plain)| (ours.as_secs_f64() - plain.as_secs_f64()) * 1e3)
        .collect();
    let (ours, plains, above) = (Quantiles::of(&ours), Quantiles::of(&plains), Quantiles::of_ms(above));
    println!(
        "{version:?}, a Jibri becomes free {rounds} times, from its idle presence as a client sees it to a start \
         request at Jicofo:"
    );
    println!("  by that client, which is in a room already                   {plains}");
    println!(
        "  by the program, for the longest waiting of {WAITING} rooms          {ours}   (bound: 200 ms)"
    );
    println!("  the program above the client, round by round                 {above}");
    println!("  ratio of the medians                                         {:.1}", ours.p50 / plains.p50);
    assert!(ours.max < 200.0, "{} ms", ours.max);
    Ok(())
}

/// A client in the brewery and in one room, that does the least there is to do.
struct Plain {
    client: Client,
    _inbox: Inbox,
}

impl Plain {
    async fn enter(world: &World) -> Result<Self> {
        let login = Login::service("jigasi", "bench");
        let (client, inbox) = Client::connect(world.prosody.c2s(), &login, Manners::default()).await?;
        for room in [BREWERY, &format!("plain@{MUC}")] {
            let seat = format!("{room}/bench");
            client.send(&Node::presence(&seat).child(Node::new("x", ns::MUC)));
            let inside = |node: &Node| node.name == "presence" && node.from() == seat;
            client.wait_for(inside, PATIENCE).await?;
        }
        Ok(Self { client, _inbox: inbox })
    }

    /// When the Jibri says that it is idle.
    async fn sees_idle(&self, mark: usize) -> Result<Instant> {
        let idle = |node: &Node| {
            let busy = node.find("jibri-status").and_then(|status| status.find("busy-status"));
            busy.is_some_and(|busy| busy.get("status") == Some("idle"))
        };
        Ok(self.client.wait_for_since(mark, idle, PATIENCE).await?.at)
    }

    fn asks(&self) {
        let start = testkit::person::jibri("start").attr("recording_mode", "file");
        let iq = Node::iq("set", &format!("plain@{MUC}/focus")).attr("id", &self.client.new_id());
        self.client.send(&iq.child(start));
    }
}

async fn idle(version: Version) -> Result {
    let jibris = number("BENCH_JIBRIS", 500);
    let world = World::start(version, WorldOptions { rest: true, ..WorldOptions::default() }).await?;
    for n in 1..=jibris {
        world.jibri(&format!("jibri-{n}")).await?;
    }
    let ports = HealthPorts::start().await?;
    let instances: Vec<String> = (1..=jibris).map(|n| ports.instance(n)).collect();
    let settings = [
        ("HTTP__LISTEN", ""),
        ("DISCOVERY__JICOFO__URL", &world.rest()?.url()),
        ("JIBRI__INSTANCE", &format!("[{}]", instances.join(","))),
    ];
    let program = Program::start(&world.prosody, &settings)?;
    program.logged(&["the brewery is seen"], 1, SOON).await?;
    tokio::time::sleep(Duration::from_secs(number("BENCH_SETTLE", 15) as u64)).await;
    let rest = world.rest()?;
    let now = || Ok::<_, testkit::Error>((Instant::now(), program.cpu()?, ports.asked(), rest.asked().len()));
    let (begun, cpu, asked, polled) = now()?;
    tokio::time::sleep(Duration::from_secs(number("BENCH_SECONDS", 30) as u64)).await;
    let (ended, cpu_after, asked_after, polled_after) = now()?;
    let seconds = ended.duration_since(begun).as_secs_f64();
    let percent = (cpu_after - cpu).as_secs_f64() / seconds * 100.0;
    println!(
        "{version:?}, {jibris} idle Jibris in the brewery, each with a health port on an address of its own, over \
         {seconds:.0} s:"
    );
    println!("  the program                  {percent:.2}% of a core   (bound: 1%)");
    println!("  health ports asked           {:.1}/s", (asked_after - asked) as f64 / seconds);
    println!("  Jicofo asked                 {:.1}/s", (polled_after - polled) as f64 / seconds);
    println!("  the program's resident memory {:.1} MB", program.resident_mb());
    for wrong in ["is suspect", "is wedged", "is offline", "needs a restart"] {
        assert_eq!(program.count(wrong), 0, "{wrong}: {}", program.last_words());
    }
    assert!(asked_after > asked, "no health port was asked");
    assert!(percent < 1.0, "{percent:.2}%");
    Ok(())
}

/// One listener for all addresses of loopback, so that each Jibri's is another host.
struct HealthPorts {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl HealthPorts {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("0.0.0.0:0").await?;
        let (address, asked) = (listener.local_addr()?, Arc::<AtomicUsize>::default());
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&count)));
            }
        });
        Ok(Self { address, asked })
    }

    fn instance(&self, n: usize) -> String {
        let (host, port) = (format!("127.1.{}.{}", n / 250, n % 250 + 1), self.address.port());
        format!("{{name = \"jibri-{n}\", health_url = \"http://{host}:{port}/jibri/api/v1.0/health\"}}")
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// Whatever is asked on this connection: idle and healthy.
async fn answer(mut stream: TcpStream, count: Arc<AtomicUsize>) {
    let body = r#"{"status":{"busyStatus":"IDLE","health":{"healthStatus":"HEALTHY","details":{}}}}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (mut request, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        request.extend_from_slice(&piece[..read]);
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            count.fetch_add(1, Ordering::Relaxed);
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}
