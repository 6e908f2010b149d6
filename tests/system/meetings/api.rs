//! What the running program shows of a meeting: over HTTP, as events, as metrics, and on the command line.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{BareEnvironment as _, Behaviour, FocusOptions, PersonOptions, Result, SOON, Version};

use super::autostart::Autostart;
use super::{LONG, on_both, world};

on_both! {
    a_meeting_is_shown_from_beginning_to_end,
    what_is_wrong_is_shown,
    the_commands_show_what_the_service_knows,
}

/// A nickname that would be a script, a tag, an attribute and a format, were it taken for one.
const HOSTILE: &str = "<script>\"'&{0}%s\\";

pub(crate) async fn get(url: &str, path: &str) -> Result<Value> {
    let (status, body) = testkit::http::ask("GET", &format!("{url}{path}"), "", SOON).await?;
    if status != 200 {
        return Err(format!("{path}: {status} {body}").into());
    }
    Ok(serde_json::from_str(&body)?)
}

/// Asks again and again until the answer is right.
pub(crate) async fn until(url: &str, path: &str, right: impl Fn(&Value) -> bool) -> Result<Value> {
    let began = Instant::now();
    loop {
        let answer = get(url, path).await?;
        if right(&answer) {
            return Ok(answer);
        }
        if began.elapsed() > SOON {
            return Err(format!("{path} stays {answer}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until this is to be read there: what the log says is shown a moment later.
pub(crate) async fn shows(url: &str, path: &str, right: impl Fn(u16, &str) -> bool) -> Result {
    let began = Instant::now();
    loop {
        let (status, text) = testkit::http::ask("GET", &format!("{url}{path}"), "", SOON).await?;
        if right(status, &text) {
            return Ok(());
        }
        if began.elapsed() > SOON {
            return Err(format!("{path}: {status} {text}").into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The states of r1 as the events tell them, until one of them comes.
async fn states_until(
    response: &mut reqwest::Response,
    read: &mut String,
    last: &str,
) -> Result<Vec<String>> {
    let mut states = Vec::new();
    loop {
        while let Some((event, rest)) = read.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())) {
            *read = rest;
            let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) else { continue };
            if !event.contains("event: rooms") {
                continue;
            }
            let rooms: Value = serde_json::from_str(data)?;
            for room in rooms.as_array().ok_or("no array")? {
                let state = room["state"].as_str().ok_or("no state")?.to_owned();
                if states.last() != Some(&state) {
                    states.push(state);
                }
                if states.last().is_some_and(|state| state == last) {
                    return Ok(states);
                }
            }
        }
        let chunk =
            tokio::time::timeout(LONG, response.chunk()).await.map_err(|_| format!("{states:?}"))??;
        read.push_str(std::str::from_utf8(&chunk.ok_or("the events end")?)?);
    }
}

async fn a_meeting_is_shown_from_beginning_to_end(version: Version) -> Result {
    let world = world(version).await?;
    world.focus.configure(FocusOptions::be_patient);
    world.jibri_that("jibri-1", Behaviour::slow(Duration::from_millis(500))).await?;
    let autostart = Autostart::start(&world.prosody, &["r1"])?;
    let url = autostart.http().await?;
    until(&url, "/api/v1/status", |status| status["linked"] == true).await?;
    let free = |jibris: &Value| jibris[0]["name"] == "jibri-1" && jibris[0]["busy"] == false;
    until(&url, "/api/v1/jibris", free).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let (mut events, mut read) = (client.get(format!("{url}/api/v1/events")).send().await?, String::new());

    let ada = world.person_with("r1", PersonOptions::nick(HOSTILE)).await?;
    let states = states_until(&mut events, &mut read, "recording").await?;
    let place = |state: &str| states.iter().position(|is| is == state);
    assert!(place("starting").is_some() && place("starting") < place("pending"), "{states:?}");
    ada.wait_recording("on", LONG).await?;

    let room = until(&url, "/api/v1/rooms/r1", |room| room["recorder_present"] == true).await?;
    assert_eq!(
        (&room["state"], &room["people"], &room["moderators"]),
        (&"recording".into(), &1.into(), &1.into())
    );
    assert!(room["session_id"].as_str().is_some_and(|id| !id.is_empty()), "{room}");
    assert_eq!(room, get(&url, "/api/v1/rooms/r1%40muc.meet.jitsi").await?);
    let busy = |jibris: &Value| jibris[0]["busy"] == true && jibris[0]["verdict"] == "ok";
    until(&url, "/api/v1/jibris", busy).await?;
    let lines = [
        "jibri_autostart_up 1",
        "jibri_autostart_rooms{state=\"recording\"} 1",
        "jibri_autostart_people 1",
        "jibri_autostart_start_requests_total{outcome=\"on\"} 1",
        "jibri_autostart_start_seconds_count 1",
        "jibri_autostart_request_seconds_count 1",
        "jibri_autostart_jibris{verdict=\"ok\"} 1",
    ];
    let none_came = "stanzas_total{direction=\"in\",kind=\"presence\"} 0";
    let right =
        |text: &str| lines.iter().all(|line| text.lines().any(|is| is == *line)) && !text.contains(none_came);
    shows(&url, "/metrics", |_, text| right(text)).await?;

    ada.stop_recording(SOON).await?.expect("stopped");
    states_until(&mut events, &mut read, "held").await?;
    let held = until(&url, "/api/v1/rooms/r1", |room| room["state"] == "held").await?;
    assert!(held["reason"].as_str().is_some_and(|why| why.contains("<script>")), "{held}");
    ada.leave().await;
    until(&url, "/api/v1/rooms/r1", |room| room["people"] == 0 && room["state"] == "idle").await?;
    Ok(())
}

async fn what_is_wrong_is_shown(version: Version) -> Result {
    let world = world(version).await?;
    let settings = [("XMPP__SECRET", "not-it"), ("ALERTS__PROSODY_DOWN", "1s")];
    let autostart = Autostart::start_with(&world.prosody, &[], &settings, &[])?;
    let url = autostart.http().await?;
    let alerts = until(&url, "/api/v1/alerts", |alerts| alerts[0]["kind"] == "prosody_down").await?;
    assert_eq!(alerts[0]["severity"], "critical");
    let told = |status: &Value| status["reason"].as_str().is_some_and(|why| why.contains("secret"));
    let status = until(&url, "/api/v1/status", told).await?;
    assert_eq!((&status["linked"], &status["alerts"]), (&false.into(), &1.into()));
    assert_eq!(program(&url, &["healthcheck"]).status.code(), Some(1));
    let shown = program(&url, &["status"]);
    let text = String::from_utf8(shown.stdout)?;
    assert_eq!(shown.status.code(), Some(0));
    assert!(text.contains("NOT LINKED") && text.contains("prosody_down"), "{text}");
    Ok(())
}

/// The program asked with the same configuration, where only the address matters.
pub(crate) fn program(url: &str, args: &[&str]) -> Output {
    program_with(url, args, &[])
}

/// The same, with further settings.
pub(crate) fn program_with(url: &str, args: &[&str], settings: &[(&str, &str)]) -> Output {
    command_with(url, args, settings).output().expect("it runs")
}

/// The same, to be run.
pub(crate) fn command_with(url: &str, args: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
    command.bare_environment().args(args);
    for (key, value) in [
        ("XMPP__DOMAIN", "autostart.meet.jitsi"),
        ("XMPP__SECRET", "s"),
        ("MUC__DOMAINS", "muc.meet.jitsi"),
        ("HTTP__LISTEN", url.trim_start_matches("http://")),
    ]
    .iter()
    .chain(settings)
    {
        command.env(format!("JIBRI_AUTOSTART_{key}"), value);
    }
    command
}

async fn the_commands_show_what_the_service_knows(version: Version) -> Result {
    let world = world(version).await?;
    world.jibri("jibri-1").await?;
    let long = "x".repeat(200);
    let mut autostart = Autostart::start(&world.prosody, &["r1", &long])?;
    let url = autostart.http().await?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", LONG).await?;
    until(&url, "/api/v1/rooms/r1", |room| room["state"] == "recording").await?;
    until(&url, "/api/v1/jibris", |jibris| jibris[0]["busy"] == true).await?;

    for (command, needles) in [
        ("status", &["linked for", "1 recording"][..]),
        ("rooms", &["ROOM", "r1@muc.meet.jitsi", "recording", "xxx@muc"]),
        ("jibris", &["VERDICT", "jibri-1", "yes"]),
    ] {
        let output = program(&url, &[command]);
        let text = String::from_utf8(output.stdout)?;
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(needles.iter().all(|needle| text.contains(needle)), "{command}\n{text}");
        assert!(!text.contains('…'), "{command}\n{text}");
        assert!(!text.contains('\u{1b}'), "no colour but on a terminal");
        let output = program(&url, &[command, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        let json: Value = serde_json::from_slice(&output.stdout)?;
        assert_eq!(json.is_array(), command != "status", "{json}");
    }
    assert_eq!(program(&url, &["healthcheck"]).status.code(), Some(0));

    autostart.terminate().await?;
    for command in ["status", "rooms", "jibris"] {
        let output = program(&url, &[command]);
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(3), true), "{command}");
        assert!(String::from_utf8(output.stderr)?.contains("cannot be reached at http://127.0.0.1:"));
    }
    assert_eq!(program(&url, &["healthcheck"]).status.code(), Some(1));
    Ok(())
}
