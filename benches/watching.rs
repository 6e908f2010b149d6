//! What watching costs Prosody: a thousand meetings that are recorded, in fifty of which people come and go, without us
//! and beside each footprint.
//!
//! `BENCH_ROOMS`, `BENCH_BUSY`, `BENCH_PEOPLE` (in each room), `BENCH_CHANGE_MS` (between two changes in a busy room),
//! `BENCH_SETTLE` and `BENCH_SECONDS` (before and of each measurement) and `BENCH_ROOM_CACHE` (Prosody's
//! `muc_room_cache_size`) make a run shorter or harder; `BENCH_PROSODY` (`12` or `13`) takes one of the two.

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
#[path = "common/rest.rs"]
mod rest;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use program::{Program, number};
use testkit::config::{BREWERY, DOMAIN, HIDDEN, MUC};
use testkit::{Client, Login, Manners, Node, Prosody, ProsodyOptions, Result, Version, eventually, ns};
use tokio::time::MissedTickBehavior;

/// A thousand rooms are filled, or seen for the first time, within this.
const PATIENCE: Duration = Duration::from_secs(180);
/// Units of `/proc/PID/stat` in a second.
const TICKS: f64 = 100.0;

/// Counts role queries and logs the sum.
const QUERIES: &str = r#"
local queries, told = 0, 0;
module:hook("iq-get/bare/http://jabber.org/protocol/muc#admin:query", function () queries = queries + 1; end, 1000);
module:add_timer(1, function ()
	if told ~= queries then told = queries; module:log("info", "role queries: %d", queries); end
	return 1;
end);
"#;

#[tokio::main]
async fn main() -> Result {
    let only = std::env::var("BENCH_PROSODY").unwrap_or_default();
    let mut costs = Vec::new();
    for version in Version::all_available() {
        if format!("{version:?}").contains(&only) {
            costs.push(watching(version).await?);
        }
    }
    assert!(costs.iter().all(|percent| *percent < 5.0), "discreet costs {costs:?}% of a core");
    Ok(())
}

/// What discreet costs, in percent of a core.
async fn watching(version: Version) -> Result<f64> {
    let mut options = ProsodyOptions::default();
    options.plugins.push(("mod_bench_queries.lua".to_owned(), QUERIES.to_owned()));
    // As docker-jitsi-meet sets it. Where there are more rooms than this (Prosody's default is 100), whatever is
    // asked of a room that nobody has used lately makes Prosody restore that room and store another.
    let cache = number("BENCH_ROOM_CACHE", 10_000);
    let muc = format!("modules_enabled = {{ \"bench_queries\" }}\nmuc_room_cache_size = {cache}");
    options.extra_host.push((MUC.to_owned(), muc));
    let prosody = Prosody::start_new(version, options).await?;
    let meetings = Meetings::begin(&prosody).await?;
    calm(&prosody).await?;
    let (rooms, busy) = (meetings.rooms.len(), number("BENCH_BUSY", 50));
    let change = Duration::from_millis(number("BENCH_CHANGE_MS", 4_000) as u64);
    let coming_and_going = tokio::spawn(meetings.clone().come_and_go(busy, change));

    let without = Sample::take(&prosody, &meetings).await?;
    println!(
        "{version:?}, {rooms} rooms of focus, recorder and {} people, {busy} of which change every {change:?}, over {} s:",
        meetings.people.len(),
        number("BENCH_SECONDS", 60),
    );
    println!("  Prosody without us       {without}");
    let discreet = with("discreet", &prosody, &meetings).await?;
    let above = discreet.percent - without.percent;
    println!("  with discreet            {discreet}; above: {above:.2}% of a core   (bound: 5%)");
    let resident = with("resident", &prosody, &meetings).await?;
    let residents = resident.percent - without.percent;
    println!("  with resident            {resident}; above: {residents:.2}% of a core");
    println!("  ratio of discreet to resident {:.1}", above / residents.max(0.01));
    coming_and_going.abort();
    assert_eq!(meetings.focus.requests.load(Ordering::Relaxed), 0, "start requests where all is recorded");
    Ok(above)
}

/// What Prosody does while the program watches, all rooms known to it.
async fn with(footprint: &str, prosody: &Prosody, meetings: &Meetings) -> Result<Sample> {
    let rooms = meetings.rooms.clone();
    let (address, _server) = rest::serve(move || rooms.to_vec()).await?;
    let settings = [
        ("MUC__FOOTPRINT", footprint),
        ("HTTP__LISTEN", ""),
        ("DISCOVERY__JICOFO__URL", &format!("http://{address}")),
    ];
    let begun = Instant::now();
    let program = Program::start(prosody, &settings)?;
    program.logged(&["recording is on"], meetings.rooms.len(), PATIENCE).await?;
    let known_after = begun.elapsed().as_secs_f64();
    tokio::time::sleep(Duration::from_secs(number("BENCH_SETTLE", 60) as u64)).await;
    let sample = Sample::take(prosody, meetings).await?;
    let megabytes = program.resident_mb();
    println!(
        "  ({footprint}: all rooms are known after {known_after:.0} s; the program holds {megabytes:.1} MB)"
    );
    Ok(sample)
}

/// What a while has cost Prosody.
struct Sample {
    percent: f64,
    queries: f64,
    changes: f64,
}

impl Sample {
    async fn take(prosody: &Prosody, meetings: &Meetings) -> Result<Self> {
        let now = || {
            let changes = meetings.changes.load(Ordering::Relaxed);
            Ok::<_, testkit::Error>((Instant::now(), ticks(prosody)?, queries(prosody), changes))
        };
        let (begun, ticks, queries, changes) = now()?;
        tokio::time::sleep(Duration::from_secs(number("BENCH_SECONDS", 60) as u64)).await;
        let (ended, ticks_after, queries_after, changes_after) = now()?;
        let seconds = ended.duration_since(begun).as_secs_f64();
        Ok(Self {
            percent: (ticks_after - ticks) as f64 / TICKS / seconds * 100.0,
            queries: (queries_after - queries) as f64 / seconds,
            changes: (changes_after - changes) as f64 / seconds,
        })
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { percent, queries, changes } = self;
        write!(f, "{percent:.2}% of a core, {queries:.1} role queries/s, {changes:.1} changes/s")
    }
}

/// Waits until Prosody has nothing left to do of what has filled the rooms.
async fn calm(prosody: &Prosody) -> Result {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let before = ticks(prosody)?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        if ticks(prosody)? - before <= 2 {
            return Ok(());
        }
    }
    Err("Prosody is still busy".into())
}

/// utime and stime of Prosody.
fn ticks(prosody: &Prosody) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", prosody.pid().ok_or("no Prosody")?))?;
    let fields: Vec<&str> = stat.rsplit(") ").next().ok_or("no fields")?.split(' ').collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

/// Role queries that Prosody has had, up to a second ago.
fn queries(prosody: &Prosody) -> u64 {
    let log = prosody.log();
    let last = log.lines().rev().find_map(|line| line.split("role queries: ").nth(1));
    last.map_or(0, |count| count.trim().parse().expect("a number"))
}

/// Meetings of few connections, each of which is in every room.
#[derive(Clone)]
struct Meetings {
    rooms: Arc<[String]>,
    focus: Sitter,
    people: Vec<Sitter>,
    /// Comes and goes.
    guest: Sitter,
    changes: Arc<AtomicUsize>,
    _recorder: Sitter,
}

impl Meetings {
    /// As Jitsi does it: Jicofo, people of whom it makes the first a moderator, the recorder, the word that it is on.
    async fn begin(prosody: &Prosody) -> Result<Self> {
        let rooms: Arc<[String]> =
            (0..number("BENCH_ROOMS", 1_000)).map(|n| format!("bench-{n}@{MUC}")).collect();
        let anonymous = Login::anonymous(DOMAIN);
        let focus = Sitter::login(prosody, &Login::service("focus", "focus"), "focus", Vec::new()).await?;
        focus.client.send(&Node::presence(&format!("{BREWERY}/focus")).child(Node::new("x", ns::MUC)));
        focus.enter_all(&rooms).await?;
        let mut people = Vec::new();
        for n in 0..number("BENCH_PEOPLE", 3) {
            let person = Sitter::login(prosody, &anonymous, &format!("{n:08x}"), browser()).await?;
            person.enter_all(&rooms).await?;
            if n == 0 {
                focus.promote(&person, &rooms).await?;
            }
            people.push(person);
        }
        let mut extras = browser();
        let mark = Node::new("feature", "").attr("var", "http://jitsi.org/protocol/jibri");
        extras.push(Node::new("features", "").child(mark));
        extras.push(Node::new("session_id", "").with_text("bench"));
        let recorder = Login::account("recorder", HIDDEN, None);
        let recorder = Sitter::login(prosody, &recorder, "0000cafe", extras).await?;
        recorder.enter_all(&rooms).await?;
        let on = Node::new("jibri-recording-status", ns::JIBRI)
            .attr("status", "on")
            .attr("session_id", "bench")
            .attr("recording_mode", "file");
        for room in rooms.iter() {
            focus.client.send(&Node::presence(&format!("{room}/focus")).child(on.clone()));
        }
        let guest = Sitter::login(prosody, &anonymous, "0000beef", browser()).await?;
        let changes = Arc::default();
        Ok(Self { rooms, focus, people, guest, changes, _recorder: recorder })
    }

    /// In each busy room the guest comes, and later goes, and so on; the rooms in turn.
    async fn come_and_go(self, busy: usize, change: Duration) {
        let mut ticks = tokio::time::interval(change / u32::try_from(busy).expect("few rooms"));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut comes = true;
        loop {
            for room in self.rooms.iter().take(busy) {
                ticks.tick().await;
                if comes {
                    self.guest.enter(room)
                } else {
                    self.guest.leave(room)
                }
                self.changes.fetch_add(1, Ordering::Relaxed);
            }
            comes = !comes;
        }
    }
}

/// What a browser's presence carries.
fn browser() -> Vec<Node> {
    vec![
        Node::new("nick", ns::NICK).with_text("Ada"),
        Node::new("stats-id", "").with_text("Ada-x"),
        Node::new("SourceInfo", "").with_text("{}"),
    ]
}

/// A connection with an occupant in many rooms.
#[derive(Clone)]
struct Sitter {
    client: Client,
    nick: String,
    extras: Vec<Node>,
    /// The role in each room.
    roles: Arc<Mutex<HashMap<String, String>>>,
    /// IQs to start a recording that have come.
    requests: Arc<AtomicUsize>,
}

impl Sitter {
    async fn login(prosody: &Prosody, login: &Login, nick: &str, extras: Vec<Node>) -> Result<Self> {
        let (client, mut inbox) = Client::connect(prosody.c2s(), login, Manners::of_a_service()).await?;
        let (roles, requests) =
            (Arc::<Mutex<HashMap<String, String>>>::default(), Arc::<AtomicUsize>::default());
        let sitter =
            Self { client, nick: nick.to_owned(), extras, roles: roles.clone(), requests: requests.clone() };
        let nick = nick.to_owned();
        tokio::spawn(async move {
            while let Some(received) = inbox.recv().await {
                let node = &received.node;
                if node.find_ns("jibri", ns::JIBRI).is_some() {
                    requests.fetch_add(1, Ordering::Relaxed);
                }
                let Some((room, seat)) = node.from().split_once('/') else { continue };
                if node.name != "presence" || seat != nick {
                    continue;
                }
                let item = node.find_ns("x", ns::MUC_USER).and_then(|x| x.find("item"));
                let role = item.map_or("", |item| item.get_or_empty("role"));
                roles.lock().unwrap().insert(room.to_owned(), role.to_owned());
            }
        });
        Ok(sitter)
    }

    fn enter(&self, room: &str) {
        let presence =
            Node::presence(&format!("{room}/{}", self.nick)).with_children(self.extras.iter().cloned());
        self.client.send(&presence.child(Node::new("x", ns::MUC)));
    }

    fn leave(&self, room: &str) {
        self.client.send(&Node::presence(&format!("{room}/{}", self.nick)).attr("type", "unavailable"));
    }

    async fn enter_all(&self, rooms: &[String]) -> Result {
        rooms.iter().for_each(|room| self.enter(room));
        self.until(|role| matches!(role, "participant" | "moderator"), rooms).await
    }

    /// Makes somebody an owner.
    async fn promote(&self, other: &Self, rooms: &[String]) -> Result {
        let jid = other.client.jid().split('/').next().ok_or("no JID")?;
        let item = Node::new("item", "").attr("affiliation", "owner").attr("jid", jid);
        for room in rooms {
            let query = Node::new("query", ns::MUC_ADMIN).child(item.clone());
            self.client.send(&Node::iq("set", room).attr("id", &self.client.new_id()).child(query));
        }
        other.until(|role| role == "moderator", rooms).await
    }

    async fn until(&self, fits: impl Fn(&str) -> bool, rooms: &[String]) -> Result {
        let there = || {
            let roles = self.roles.lock().unwrap();
            rooms.iter().filter(|room| roles.get(*room).is_some_and(|role| fits(role))).count()
        };
        match eventually(PATIENCE, || there() == rooms.len()).await {
            true => Ok(()),
            false => Err(format!("{} is in {} of {} rooms only", self.nick, there(), rooms.len()).into()),
        }
    }
}
