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

mod stage;
mod wedged;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stage::{PATIENCE, Program, Timeline, meeting_over, recording_on, start_seen};
use testkit::{Behaviour, Prosody, Result, Version, Watch, World, WorldOptions};

#[tokio::main]
async fn main() -> Result {
    testkit::process::be_a_jibri_if_asked();
    let given = |flag: &str| std::env::args().any(|arg| arg == flag);
    if given("--wedged") {
        return wedged::play().await;
    }
    let keep = given("--keep");
    let all = ["companion", "resident", "unseen"];
    let footprint = all.into_iter().find(|all| given(&format!("--{all}"))).unwrap_or("discreet");
    let version = Version::all_available().into_iter().next().ok_or("Prosody is not installed")?;
    let dir = tempfile::tempdir()?;

    println!("A private Prosody on loopback, with models of Jicofo and Jibri.");
    let mut options = WorldOptions::default();
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    options.prosody.validate_from = footprint != "unseen";
    options.prosody.companion = footprint == "companion";
    options.prosody.metadata = footprint == "companion";
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

[ledger]
path = ""
"#,
        server = prosody.component(),
        secret = secret.display(),
    );
    print!("{text}");
    std::fs::write(&config, text)?;
    Ok(config)
}

async fn a_meeting(world: &World) -> Result {
    let mut timeline = Timeline::begin("A meeting. Ada is its moderator.");
    let ada = world.moderator("lesson").await?;
    timeline.moderator_in("Ada");
    start_seen(world, "lesson", 1, &timeline).await?;
    recording_on(&ada, &timeline).await?;
    let watch = Watch::new(ada.occupancy(), testkit::config::COMPONENT, "autostart");
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
