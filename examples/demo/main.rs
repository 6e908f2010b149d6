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

mod page;
mod stage;
mod wedged;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stage::{PATIENCE, Program, Timeline, meeting_over, moderator, recording_on, start_seen, write_secret};
use testkit::{Behaviour, Prosody, Result, Version, Watch, World, WorldOptions};

#[tokio::main]
async fn main() -> Result {
    testkit::process::be_a_jibri_if_asked();
    let Asked { wedged, keep, footprint, port } = Asked::read(std::env::args().skip(1))?;
    if wedged {
        return wedged::play(keep, port).await;
    }
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

    let config = write_config(dir.path(), &world.prosody, footprint, port)?;
    println!("The program, with {}:\n", config.display());
    let mut program = Program::start(&config)?;
    let url = page::announce(&program).await?;

    a_meeting(&world).await?;
    a_jibri_that_fails(&world, &jibri, chrome).await?;
    somebody_who_leaves_at_once(&world).await?;

    if keep {
        page::keep(&world, &url, &[("lesson", "Ada")], ("hearing", "Ben")).await?;
    }
    let took = program.stop()?;
    println!("SIGTERM: the program left its rooms and ended after {} ms.", took.as_millis());
    Ok(())
}

/// What the command line asks for; `deploy/demo.sh --help` explains it.
struct Asked {
    wedged: bool,
    keep: bool,
    footprint: &'static str,
    /// Of the page.
    port: Option<u16>,
}

impl Asked {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut asked = Self { wedged: false, keep: false, footprint: "discreet", port: None };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--wedged" => asked.wedged = true,
                "--keep" => asked.keep = true,
                "--companion" => asked.footprint = "companion",
                "--resident" => asked.footprint = "resident",
                "--unseen" => asked.footprint = "unseen",
                "--port" => {
                    let port = arguments.next().and_then(|port| port.parse().ok());
                    asked.port = Some(port.ok_or("--port needs a number from 0 to 65535")?);
                }
                other => return Err(format!("{other:?} is not an option; see deploy/demo.sh --help").into()),
            }
        }
        Ok(asked)
    }
}

fn write_config(dir: &Path, prosody: &Prosody, footprint: &str, port: Option<u16>) -> Result<PathBuf> {
    let secret = write_secret(dir, prosody.component_secret())?;
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

{start}{http}
[ledger]
path = ""
"#,
        server = prosody.component(),
        secret = secret.display(),
        http = page::section(port),
    );
    print!("{text}");
    std::fs::write(&config, text)?;
    Ok(config)
}

async fn a_meeting(world: &World) -> Result {
    let mut timeline = Timeline::begin("A meeting. Ada is its moderator.");
    let ada = moderator(world, "lesson", "Ada").await?;
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
    let ben = moderator(world, "hearing", "Ben").await?;
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
    let mut timeline = Timeline::begin("Somebody who joins and leaves at once, then Cem, who stays.");
    let hasty = world.person("clinic").await?;
    timeline.say("somebody joins");
    let joined = Instant::now();
    tokio::time::sleep(Duration::from_millis(20)).await;
    hasty.leave().await;
    timeline.say(&format!("and is gone after {} ms", joined.elapsed().as_millis()));
    meeting_over(world, "clinic", &timeline).await?;
    let before = world.focus.start_requests_in("clinic").len();
    timeline.say(&format!("start requests because of that: {before}"));
    let cem = moderator(world, "clinic", "Cem").await?;
    timeline.moderator_in("Cem");
    start_seen(world, "clinic", before + 1, &timeline).await?;
    recording_on(&cem, &timeline).await?;
    cem.leave().await;
    timeline.say("Cem leaves");
    meeting_over(world, "clinic", &timeline).await
}
