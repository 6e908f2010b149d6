//! The demo behind `deploy/demo.sh`: a private Prosody, models of Jicofo and Jibri, the real program with a
//! real configuration file, and meetings whose timeline is printed as it happens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "not the program"
)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use testkit::{Behaviour, Person, Prosody, Result, Version, Watch, World, WorldOptions};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result {
    let given = |flag: &str| std::env::args().any(|arg| arg == flag);
    let keep = given("--keep");
    let footprint = match (given("--resident"), given("--unseen")) {
        (true, _) => "resident",
        (_, true) => "unseen",
        _ => "discreet",
    };
    let version = Version::all_available().into_iter().next().ok_or("Prosody is not installed")?;
    let dir = tempfile::tempdir()?;

    println!("A private Prosody on loopback, with models of Jicofo and Jibri.");
    let mut options = WorldOptions::default();
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    options.prosody.validate_from = footprint != "unseen";
    let world = World::start(version, options).await?;
    let chrome = Behaviour::Healthy { launch: Duration::from_millis(600), join: Duration::from_millis(400) };
    let jibri = world.jibri_that("jibri-1", chrome).await?;

    let config = write_config(dir.path(), &world.prosody, footprint)?;
    println!("The program, with {}:\n", config.display());
    let mut program = Program::start(&config)?;

    a_meeting(&world).await?;
    a_jibri_that_fails(&world, &jibri, chrome).await?;
    somebody_who_leaves_at_once(&world).await?;

    if keep {
        keep_running(&world, &config).await?;
    }
    let took = program.stop()?;
    println!("SIGTERM: the program left its rooms and ended after {} ms.", took.as_millis());
    Ok(())
}

fn write_config(dir: &Path, prosody: &Prosody, footprint: &str) -> Result<PathBuf> {
    let secret = dir.join("secret");
    std::fs::write(&secret, prosody.component_secret())?;
    let config = dir.join("config.toml");
    // Unseen, a start that came to nothing is noticed only by then.
    let start = if footprint == "unseen" { "[start]\nrequest_timeout = \"5s\"\n\n" } else { "" };
    let text = format!(
        r#"[xmpp]
server = "{server}"
domain = "autostart.meet.jitsi"
secret_file = "{secret}"

[muc]
domains = ["muc.meet.jitsi"]
footprint = "{footprint}"

[discovery]
rooms = ["lesson@muc.meet.jitsi", "hearing@muc.meet.jitsi", "clinic@muc.meet.jitsi"]

{start}[http]
listen = ""
"#,
        server = prosody.component(),
        secret = secret.display(),
    );
    print!("{text}");
    std::fs::write(&config, text)?;
    Ok(config)
}

/// What happens in one meeting, with the time since its moderator was one.
struct Timeline {
    start: Instant,
}

impl Timeline {
    fn begin(what: &str) -> Self {
        println!("--- {what}");
        Self { start: Instant::now() }
    }

    /// Counts from now on.
    fn moderator_in(&mut self, who: &str) {
        self.start = Instant::now();
        self.say(&format!("moderator in: {who}"));
    }

    fn say(&self, what: &str) {
        self.say_at(Instant::now(), what);
    }

    fn say_at(&self, at: Instant, what: &str) {
        println!("{:>7} ms  {what}", at.saturating_duration_since(self.start).as_millis());
    }
}

async fn a_meeting(world: &World) -> Result {
    let mut timeline = Timeline::begin("A meeting. Ada is its moderator.");
    let ada = world.moderator("lesson").await?;
    timeline.moderator_in("Ada");
    start_seen(world, "lesson", 1, &timeline).await?;
    recording_on(&ada, &timeline).await?;
    let watch = Watch::new(ada.seat(), testkit::config::COMPONENT, "autostart");
    let seen: Vec<String> = watch.visits().iter().map(ToString::to_string).collect();
    timeline.say(&match seen.len() {
        0 => "Ada has not seen the program in the meeting".to_owned(),
        _ => format!("Ada has seen in the meeting: {}", seen.join(", ")),
    });
    ada.leave().await;
    timeline.say("Ada leaves");
    meeting_over(world, "lesson", &timeline).await
}

async fn a_jibri_that_fails(world: &World, jibri: &testkit::Jibri, chrome: Behaviour) -> Result {
    let mut timeline = Timeline::begin("A Jibri whose Chrome does not start, the first time.");
    jibri.set_behaviour(Behaviour::FailStart);
    let tries = jibri.starts().len();
    let ben = world.moderator("hearing").await?;
    timeline.moderator_in("Ben");
    start_seen(world, "hearing", 1, &timeline).await?;
    jibri.until(PATIENCE, "tried", |jibri| jibri.starts().len() > tries).await?;
    timeline.say("Jibri fails; Jicofo answers that all Jibris are busy");
    jibri.set_behaviour(chrome);
    start_seen(world, "hearing", 2, &timeline).await?;
    recording_on(&ben, &timeline).await?;
    ben.leave().await;
    timeline.say("Ben leaves");
    meeting_over(world, "hearing", &timeline).await
}

async fn somebody_who_leaves_at_once(world: &World) -> Result {
    let mut timeline = Timeline::begin("Somebody who joins and leaves within 50 ms, then Cem, who stays.");
    let hasty = world.person("clinic").await?;
    timeline.say("somebody joins");
    let joined = Instant::now();
    tokio::time::sleep(Duration::from_millis(20)).await;
    hasty.leave().await;
    timeline.say(&format!("and is gone after {} ms", joined.elapsed().as_millis()));
    meeting_over(world, "clinic", &timeline).await?;
    let before = world.focus.start_requests_in("clinic").len();
    timeline.say(&format!("start requests because of that: {before}"));
    let cem = world.moderator("clinic").await?;
    timeline.moderator_in("Cem");
    start_seen(world, "clinic", before + 1, &timeline).await?;
    recording_on(&cem, &timeline).await?;
    cem.leave().await;
    timeline.say("Cem leaves");
    meeting_over(world, "clinic", &timeline).await
}

async fn start_seen(world: &World, room: &str, number: usize, timeline: &Timeline) -> Result {
    let came = || world.focus.start_requests_in(room).len() >= number;
    world.focus.until(PATIENCE, "asked to start", came).await?;
    let requests = world.focus.start_requests_in(room);
    let request = requests.get(number - 1).ok_or("no such start request")?;
    timeline.say_at(request.at, &format!("start request {number} at Jicofo"));
    Ok(())
}

async fn recording_on(person: &Person, timeline: &Timeline) -> Result {
    let status = person.wait_recording("on", PATIENCE).await?;
    timeline.say(&format!("recording on, session {}", status.session_id));
    Ok(())
}

async fn meeting_over(world: &World, room: &str, timeline: &Timeline) -> Result {
    world.focus.until(PATIENCE, "gone", || !world.focus.is_in(room)).await?;
    timeline.say("the meeting is over, nobody is left in the room\n");
    Ok(())
}

async fn keep_running(world: &World, config: &Path) -> Result {
    println!(
        "Everything goes on until Ctrl-C. Prosody takes XMPP clients on {}: anonymous at meet.jitsi, rooms at\n\
         muc.meet.jitsi (Jicofo is in lesson, hearing and clinic). The configuration is {}.",
        world.prosody.c2s(),
        config.display()
    );
    for room in ["lesson", "hearing", "clinic"] {
        world.focus.open_room(room).await?;
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// The real program.
struct Program(Child);

impl Program {
    fn start(config: &Path) -> Result<Self> {
        let binary = std::env::var_os("DEMO_BINARY")
            .map_or_else(|| PathBuf::from("target/release/jibri-autostart"), PathBuf::from);
        let mut child =
            Command::new(binary).arg("run").arg("--config").arg(config).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().ok_or("no stderr")?;
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(std::io::Result::ok) {
                println!("               log: {}", shorten(&line));
            }
        });
        Ok(Self(child))
    }

    /// How long it took to end.
    fn stop(&mut self) -> Result<Duration> {
        let asked = Instant::now();
        Command::new("kill").arg(self.0.id().to_string()).status()?;
        self.0.wait()?;
        Ok(asked.elapsed())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A JSON log line without what every line has.
fn shorten(line: &str) -> String {
    let Ok(serde_json::Value::Object(mut fields)) = serde_json::from_str(line) else {
        return line.to_owned();
    };
    fields.remove("timestamp");
    let mut text = String::new();
    for key in ["level", "message"] {
        if let Some(serde_json::Value::String(value)) = fields.remove(key) {
            text.push_str(&value);
            text.push(' ');
        }
    }
    for (key, value) in fields {
        text.push_str(&format!("{key}={value} "));
    }
    text.trim_end().to_owned()
}
