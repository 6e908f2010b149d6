//! Prosody with its Jicofo, the people in its rooms, and what can be read from inside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testkit::config::{DOMAIN, MUC};
use testkit::{
    Client, Fault, Login, Manners, Node, Result, Version, World, WorldOptions, eventually, ns, person,
};

use crate::program::Program;

/// A thousand rooms are filled within this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// What runs Lua in it for us.
const ORDERS: &str = include_str!("../../tests/system/companion/orders.lua");

/// A Jicofo that makes nobody a moderator by itself and answers no start; nobody else has any rights.
pub(crate) async fn world(version: Version, companion: bool) -> Result<World> {
    let mut options = WorldOptions::default();
    options.focus.auto_owner = false;
    (options.focus.invite, options.focus.ask_disco) = (false, false);
    (options.prosody.companion, options.prosody.metadata) = (companion, true);
    (options.prosody.component_is_admin, options.prosody.admins_own_rooms) = (false, false);
    options.prosody.plugins.push(("mod_test_orders.lua".to_owned(), ORDERS.to_owned()));
    options.prosody.muc_modules.push("test_orders".to_owned());
    // Nagle's algorithm, which is on in Prosody, would hide what lies between the two behind 40 ms. What is garbage is
    // collected as docker-jitsi-meet sets it.
    options.prosody.extra_global = "network_settings = { tcp_backlog = 1024, nagle = false }\n\
        gc = { mode = \"incremental\", threshold = 150, speed = 250, step_size = 13 }\n"
        .to_owned();
    if let Ok(file) = std::env::var("BENCH_MODULE") {
        options
            .prosody
            .plugins
            .push(("mod_jibri_autostart_companion.lua".to_owned(), std::fs::read_to_string(file)?));
    }
    // As docker-jitsi-meet sets it.
    options.prosody.extra_host.push((MUC.to_owned(), "muc_room_cache_size = 10000".to_owned()));
    let world = World::start(version, options).await?;
    world.focus.set_fault(Some(Fault::Ignore));
    Ok(world)
}

/// The program, which knows all rooms, and of no brewery: there no start waits for a free Jibri.
pub(crate) async fn program(world: &World) -> Result<Program> {
    let brewery = ("JIBRI__BREWERY", "none@internal-muc.meet.jitsi");
    let settings = [("MUC__FOOTPRINT", "companion"), ("HTTP__LISTEN", "127.0.0.1:0"), brewery];
    let program = Program::start(&world.prosody, &settings)?;
    program.logged(&["the companion in Prosody answers"], 1, PATIENCE).await?;
    calm(world).await?;
    Ok(program)
}

/// Jicofo opens so many rooms.
pub(crate) async fn open(world: &World, beginning: &str, count: usize) -> Result<Vec<String>> {
    let rooms: Vec<_> = (0..count).map(|n| format!("{beginning}-{n}@{MUC}")).collect();
    for room in &rooms {
        world.focus.open_room(room).await?;
    }
    Ok(rooms)
}

/// Waits until Prosody has nothing left to do.
pub(crate) async fn calm(world: &World) -> Result {
    loop {
        let before = cpu(world)?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        if cpu(world)? - before < 0.005 {
            return Ok(());
        }
    }
}

/// Seconds of a processor that Prosody has used.
pub(crate) fn cpu(world: &World) -> Result<f64> {
    Ok(times(world)?.0)
}

/// Seconds of a processor that Prosody has used, and those that it has waited for one.
pub(crate) fn times(world: &World) -> Result<(f64, f64)> {
    let pid = world.prosody.pid().ok_or("no Prosody")?;
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    let mut all = text.split(' ').map(|time| time.parse::<f64>().map(|time| time / 1e9));
    Ok((all.next().ok_or("no time")??, all.next().ok_or("no time")??))
}

/// Somebody who has Lua run inside Prosody.
pub(crate) struct Inside(Client);

impl Inside {
    pub(crate) async fn login(world: &World) -> Result<Self> {
        let login = Login::service("jvb", "bench");
        Ok(Self(Client::connect(world.prosody.c2s(), &login, Manners::default()).await?.0))
    }

    /// What this Lua returns, as text.
    pub(crate) async fn run(&self, code: &str) -> Result<String> {
        let id = self.0.new_id();
        self.0.send(&Node::message(MUC, "normal", code).attr("id", &id));
        let is_answer = |node: &Node| node.name == "message" && node.get("id") == Some(&id);
        let answer = self.0.wait_for(is_answer, PATIENCE).await?;
        Ok(answer.node.find("body").map(|body| body.text.clone()).unwrap_or_default())
    }

    /// Loads, unloads or reloads the companion.
    pub(crate) async fn manage(&self, verb: &str) -> Result {
        let code = format!(
            "return require 'core.modulemanager'.{verb}(module.host, 'jibri_autostart_companion') and 'done'"
        );
        let said = self.run(&code).await?;
        if said == "done" { Ok(()) } else { Err(format!("{verb}: {said}").into()) }
    }
}

/// A connection with an occupant of the same nickname in many rooms.
pub(crate) struct Sitter {
    pub(crate) client: Client,
    pub(crate) nick: String,
    /// Presences of his own that have come back, and have not been waited for.
    echoes: Arc<AtomicUsize>,
}

impl Sitter {
    /// `asks`: he asks for a recording as soon as he reads that he is a moderator, as a plain client would.
    pub(crate) async fn login(world: &World, n: usize, asks: bool) -> Result<Self> {
        let (login, nick) = (Login::anonymous(DOMAIN), format!("{n:08x}"));
        let (client, mut inbox) = Client::connect(world.prosody.c2s(), &login, Manners::default()).await?;
        let echoes = Arc::<AtomicUsize>::default();
        let (counter, end, himself) = (echoes.clone(), format!("/{nick}"), client.clone());
        let client_of_task = asks.then_some(himself);
        tokio::spawn(async move {
            while let Some(received) = inbox.recv().await {
                let node = &received.node;
                let Some(room) = node.from().strip_suffix(&end).filter(|_| node.name == "presence") else {
                    continue;
                };
                counter.fetch_add(1, Ordering::Relaxed);
                let item = node.find_ns("x", ns::MUC_USER).and_then(|x| x.find("item"));
                if let Some(client) = &client_of_task
                    && item.is_some_and(|item| item.get("role") == Some("moderator"))
                {
                    let start = person::jibri("start").attr("recording_mode", "file");
                    client.send(&Node::iq("set", &format!("{room}/focus")).attr("id", "1").child(start));
                }
            }
        });
        Ok(Self { client, nick, echoes })
    }

    pub(crate) fn enter(&self, room: &str) {
        self.shows(room, &[Node::new("x", ns::MUC)]);
    }

    pub(crate) fn leave(&self, room: &str) {
        self.client.send(&Node::presence(&format!("{room}/{}", self.nick)).attr("type", "unavailable"));
    }

    /// Turns his camera on or off.
    pub(crate) fn camera(&self, room: &str, on: bool) {
        let muted = if on { "false" } else { "true" };
        self.shows(room, &[Node::new("videomuted", "http://jitsi.org/jitmeet/video").with_text(muted)]);
    }

    /// Sends what a browser does, and this.
    fn shows(&self, room: &str, more: &[Node]) {
        let presence = Node::presence(&format!("{room}/{}", self.nick))
            .child(Node::new("stats-id", "").with_text("Ada-x"))
            .child(
                Node::new("c", "http://jabber.org/protocol/caps").attr("hash", "sha-1").attr("ver", "9QZ="),
            )
            .child(Node::new("jitsi_participant_region", "").with_text("eu"))
            .child(Node::new("nick", ns::NICK).with_text("Ada"))
            .child(Node::new("audiomuted", "http://jitsi.org/jitmeet/audio").with_text("false"))
            .child(Node::new("SourceInfo", "").with_text("{\"ada-v0\":{\"muted\":true}}"));
        self.client.send(&presence.with_children(more.iter().cloned()));
    }

    /// Waits until so many of his own presences have come back.
    pub(crate) async fn echoed(&self, times: usize) -> Result {
        let there = eventually(PATIENCE, || self.echoes.load(Ordering::Relaxed) >= times).await;
        self.echoes.fetch_sub(times, Ordering::Relaxed);
        if there { Ok(()) } else { Err(format!("{} is not where he should be", self.nick).into()) }
    }
}

/// So many people, each in all of the rooms; the first may be one who asks. Until they are there, nobody waits for the garbage.
pub(crate) async fn fill(
    world: &World,
    inside: &Inside,
    rooms: &[String],
    people: usize,
    asks: bool,
) -> Result<Vec<Sitter>> {
    let mut sitters = Vec::new();
    for n in 0..people {
        inside.run("collectgarbage() collectgarbage('stop')").await?;
        let sitter = Sitter::login(world, n, asks && n == 0).await?;
        rooms.iter().for_each(|room| sitter.enter(room));
        sitter.echoed(rooms.len()).await?;
        sitters.push(sitter);
    }
    inside.run("collectgarbage('restart') collectgarbage()").await?;
    Ok(sitters)
}
