//! A fleet of two Jibris, processes of their own under a service manager: one works, and one takes every start and
//! never gets to record, and says that it is idle and healthy all the same.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use jibri_autostart::http::{HttpEvent, spawn};
use testkit::{
    Behaviour, JibriProcess, JibriProcessOptions, Life, Person, Program as Executable, Prosody, Result,
    ServiceManager, Version, World, WorldOptions,
};
use tokio::sync::mpsc;

use crate::page;
use crate::stage::{PATIENCE, Program, Timeline, moderator, write_secret};

/// The page of the meeting does not load; a real Jibri needs a minute to notice.
const PAGE_DOES_NOT_LOAD: Behaviour = Behaviour::FailJoin(Duration::from_secs(4));
/// The program leaves a Jibri alone until it is sure, so this takes its time.
const MENDED_WITHIN: Duration = Duration::from_secs(120);
const ROOMS: [&str; 4] = ["lesson", "hearing", "clinic", "exam"];
const WEDGED_AFTER: usize = 3;

/// Plays it; an error if anything is not as it should be.
pub(crate) async fn play(keep: bool, port: Option<u16>) -> Result {
    let version = Version::all_available().into_iter().next().ok_or("Prosody is not installed")?;
    let dir = tempfile::tempdir()?;
    println!("A private Prosody on loopback, a model of Jicofo, and two Jibris that are processes:");
    let mut options = WorldOptions { rest: true, ..WorldOptions::default() };
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    options.focus.pending_timeout = Duration::from_secs(30);
    let world = World::start(version, options).await?;
    let manager = ServiceManager::start(Executable::this()?).await?;
    let good = world.jibri_process(&manager, JibriProcessOptions::new("jibri-1")).await?;
    println!("  jibri-1 works (process {})", good.pid().unwrap_or_default());
    let wedged = JibriProcessOptions::until_restarted("jibri-2", Life::of(PAGE_DOES_NOT_LOAD));
    let wedged = world.jibri_process(&manager, wedged).await?;
    println!("  jibri-2 shows idle and healthy, and every start on it fails, until it is restarted");
    println!("          (process {})", wedged.pid().unwrap_or_default());

    let (alerts, _receiver) = receive_alerts().await?;
    let jibris = [&good, &wedged];
    let around = Around {
        jicofo: world.rest()?.url(),
        alerts,
        restart: manager.restart_command(),
        http: page::section(port),
    };
    let config = write_config(dir.path(), &world.prosody, &around, jibris)?;
    println!("The program, with {}:\n", config.display());
    let mut program = Program::start(&config)?;
    let url = page::announce(&program).await?;
    program.wait_logged(&["the brewery is seen"], PATIENCE).await?;

    let timeline = Timeline::begin("Four meetings, one after the other. Nobody touches anything.");
    let meetings = meetings(&world, &good, &wedged, &program, &timeline).await?;
    let told = program.wait_logged(&["Jibri is back after its restart"], PATIENCE).await?;
    summary(&meetings, &program, told.0, &manager)?;
    if keep {
        page::keep(&world, &url, &[("lesson", "Ada"), ("hearing", "Ben")], ("clinic", "Cem")).await?;
    }
    let took = program.stop()?;
    println!("SIGTERM: the program left its rooms and ended after {} ms.", took.as_millis());
    Ok(())
}

/// What became of the meetings.
struct Meetings {
    recorded: Vec<&'static str>,
    /// When the restarted Jibri was seen to record.
    back_in_use: Instant,
}

async fn meetings(
    world: &World,
    good: &JibriProcess,
    wedged: &JibriProcess,
    program: &Program,
    timeline: &Timeline,
) -> Result<Meetings> {
    let [lesson, hearing, clinic, exam] = ROOMS;
    let mut recorded = Vec::new();
    let ada = arrives(world, lesson, "Ada", timeline).await?;
    is_recorded(&ada, lesson, &mut recorded, timeline).await?;
    good.until(PATIENCE, "recording", |state| state.recording.is_some()).await?;
    timeline.say("by jibri-1; so jibri-2 is all there is for the others");

    // Each waits for the end of the try before: one room alone may have something against recorders.
    let mut others = Vec::new();
    for (room, who) in [(hearing, "Ben"), (clinic, "Cem"), (exam, "Dan")] {
        others.push((room, arrives(world, room, who, timeline).await?));
        program.wait_logged(&["not recording", &format!("room=\"{room}@")], PATIENCE).await?;
    }
    program.wait_logged(&["Jibri is wedged"], PATIENCE).await?;
    timeline.say("jibri-2 is not believed any more, and given time in case that it is at work after all");
    program.wait_logged(&["Jibri was restarted"], MENDED_WITHIN).await?;
    timeline.say("jibri-2 was restarted");
    wedged.until(PATIENCE, "recording again", |state| state.life > 1 && state.recording.is_some()).await?;
    let back_in_use = Instant::now();
    timeline.say("jibri-2 is back, and records");
    ada.leave().await;
    timeline.say("Ada leaves, so jibri-1 is free");
    // Whoever is recorded makes room for the next.
    while !others.is_empty() {
        let on =
            |(_, person): &(&str, Person)| person.recording().is_some_and(|status| status.status == "on");
        if !testkit::eventually(PATIENCE, || others.iter().any(on)).await {
            let rooms: Vec<&str> = others.iter().map(|(room, _)| *room).collect();
            return Err(format!("not recorded: {rooms:?}").into());
        }
        let (room, person) = others.remove(others.iter().position(on).ok_or("nobody")?);
        is_recorded(&person, room, &mut recorded, timeline).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        person.leave().await;
        timeline.say(&format!("{room} is over"));
    }
    Ok(Meetings { recorded, back_in_use })
}

async fn arrives(world: &World, room: &str, who: &str, timeline: &Timeline) -> Result<Person> {
    let person = moderator(world, room, who).await?;
    timeline.say(&format!("{room}: moderator in: {who}"));
    Ok(person)
}

async fn is_recorded(
    person: &Person,
    room: &'static str,
    recorded: &mut Vec<&'static str>,
    timeline: &Timeline,
) -> Result {
    let status = person.wait_recording("on", PATIENCE).await?;
    timeline.say(&format!("{room}: recording on, session {}", status.session_id));
    recorded.push(room);
    Ok(())
}

fn summary(meetings: &Meetings, program: &Program, back: Instant, manager: &ServiceManager) -> Result {
    let (wedged_at, words) = program.logged(&["Jibri is wedged"]).ok_or("it was never found")?;
    let (lost_at, _) = program.logged(&["not recording"]).ok_or("no start was lost")?;
    let counted = words.split("Jibri is wedged: ").nth(1).unwrap_or_default();
    let counted = counted.split(" from=").next().unwrap_or_default();
    let failures: usize = counted.split(' ').next().unwrap_or_default().parse()?;
    let restarts: Vec<String> = manager.restarts().into_iter().map(|restarted| restarted.name).collect();
    let since_lost = |at: Instant| at.saturating_duration_since(lost_at).as_secs_f64();
    println!("Summary");
    println!("  meetings recorded             {}/{}", meetings.recorded.len(), ROOMS.len());
    println!("  evidence                      {counted}");
    println!("  restarted                     {} after {failures} failures", restarts.join(", "));
    println!("  since the first lost start    found after {:.1} s,", since_lost(wedged_at));
    println!("                                back after {:.1} s,", since_lost(back));
    println!("                                in use after {:.1} s", since_lost(meetings.back_in_use));
    if failures != WEDGED_AFTER || restarts != ["jibri-2"] || meetings.recorded.len() != ROOMS.len() {
        return Err("that is not what should have happened".into());
    }
    Ok(())
}

/// A receiver of alerts that prints them; it ends with the second value.
async fn receive_alerts() -> Result<(String, mpsc::Receiver<HttpEvent>)> {
    let print = post(async |body: String| {
        let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        for alert in body["alerts"].as_array().into_iter().flatten() {
            let text = |key: &str| alert[key].as_str().unwrap_or_default().to_owned();
            println!("             alert: {} {}: {}", text("status"), text("kind"), text("summary"));
        }
    });
    let mut server = spawn("127.0.0.1:0".parse()?, Router::new().route("/alerts", print));
    loop {
        match server.recv().await {
            Some(HttpEvent::Listening(address)) => return Ok((format!("http://{address}/alerts"), server)),
            Some(HttpEvent::CannotListen { .. }) => {}
            None => return Err("no receiver".into()),
        }
    }
}

/// What is around the program, besides Prosody, as its configuration has it.
struct Around {
    /// URL of Jicofo's REST.
    jicofo: String,
    /// URL of the receiver of alerts.
    alerts: String,
    /// The command that restarts a Jibri.
    restart: Vec<String>,
    /// The section of the status page.
    http: String,
}

fn write_config(
    dir: &Path,
    prosody: &Prosody,
    around: &Around,
    jibris: [&JibriProcess; 2],
) -> Result<PathBuf> {
    let Around { jicofo, alerts, restart, http } = around;
    let secret = write_secret(dir, prosody.component_secret())?;
    let instances: Vec<String> = jibris.iter().map(|jibri| instance(jibri)).collect();
    let text = format!(
        r#"[xmpp]
server = "{server}"
domain = "autostart.meet.jitsi"
secret_file = "{secret}"

[muc]
domains = ["muc.meet.jitsi"]

[discovery.jicofo]
url = "{jicofo}"

[start]
# Longer than the next meeting takes to come and fail, so that each has its turn.
retry_min = "20s"
pending_timeout = "15s"

[jibri]
health_interval = "2s"
wedged_after = {WEDGED_AFTER}
{instances}
[ledger]
path = ""

[recovery]
on = ["wedged"]
command = {restart:?}

[alerts]
webhook = "{alerts}"

{http}"#,
        server = prosody.component(),
        secret = secret.display(),
        instances = instances.concat(),
    );
    print!("{text}");
    let config = dir.join("config.toml");
    std::fs::write(&config, text)?;
    Ok(config)
}

fn instance(jibri: &JibriProcess) -> String {
    format!(
        "[[jibri.instance]]\nname = \"{}\"\nhealth_url = \"{}/jibri/api/v1.0/health\"\n",
        jibri.name(),
        jibri.health_url()
    )
}
