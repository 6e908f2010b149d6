//! The life of one process.

use super::api::Api;
use super::arguments::{Arguments, HELP};
use super::webhook;
use crate::behaviour::JibriOptions;
use crate::http::Server;
use crate::jibri::Jibri;
use crate::{Result, lock};
use rustix::process::{Signal, getpid, kill_process, set_parent_process_death_signal};
use std::io::Read as _;
use std::process::exit;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// In which environment variable a program that is somebody else's finds our arguments, as a JSON list.
pub(crate) const ARGUMENTS: &str = "TESTKIT_JIBRI";
/// Jibri's own pause before it connects again.
const RECONNECT: Duration = Duration::from_secs(1);
/// What was sent must be gone before the process is.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// Is a Jibri for as long as it lives, if this process was started to be one (see [`Program::this`]); returns at once
/// if not.
///
/// [`Program::this`]: super::Program::this
pub fn be_a_jibri_if_asked() {
    if let Ok(words) = std::env::var(ARGUMENTS) {
        let words = serde_json::from_str::<Vec<String>>(&words).unwrap_or_default();
        be_a_jibri(words);
    }
}

/// Is a Jibri for as long as it lives.
pub fn be_a_jibri(words: Vec<String>) -> ! {
    if words.iter().any(|word| word == "--help") {
        print!("{HELP}");
        exit(0);
    }
    // On a thread of its own, because whoever asked may be within another runtime.
    let life = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(live(words))
    });
    match life.join() {
        Ok(Ok(code)) => exit(code),
        Ok(Err(error)) => {
            eprintln!("testkit-jibri: {error}");
            exit(1);
        }
        Err(_) => exit(101),
    }
}

/// Gives what to exit with.
async fn live(words: Vec<String>) -> Result<i32> {
    let arguments = Arguments::parse(words)?;
    if arguments.leash {
        hold_the_leash()?;
    }
    let number = count_lives(&arguments)?;
    let life = arguments.life(number);
    let options = JibriOptions { behaviour: life.behaviour, ..arguments.jibri.clone() };
    let jibri = Jibri::start_at(arguments.server, &arguments.name, options).await?;
    let api = Arc::new(Api { jibri: jibri.clone(), number, life: Mutex::new(life) });
    let mut servers = Vec::new();
    if let Some(address) = arguments.health {
        let api = api.clone();
        servers.push(Server::start(address, move |request| api.clone().external(request)).await?);
    }
    if let Some(address) = arguments.internal {
        let api = api.clone();
        servers.push(Server::start(address, move |request| api.clone().internal(request)).await?);
    }
    if let Some(address) = arguments.control {
        let api = api.clone();
        servers.push(Server::start(address, move |request| api.clone().control(request)).await?);
    }
    for base in &arguments.webhooks {
        tokio::spawn(webhook::tell(api.clone(), base.clone(), arguments.webhook_every));
    }
    let pid = getpid().as_raw_nonzero().to_string();
    std::fs::write(arguments.dir.join(format!("{}.pid", arguments.name)), &pid)?;
    eprintln!("{}: process {pid}, life {number}: {life}", arguments.name);
    let mut news = jibri.news();
    loop {
        if let Some(code) = jibri.exited() {
            tokio::time::sleep(LAST_WORDS).await;
            return Ok(code);
        }
        if lock(&api.life).freezes && !jibri.starts().is_empty() {
            kill_process(getpid(), Signal::STOP)?;
        }
        if jibri.client().is_none_or(|client| client.is_closed()) {
            tokio::time::sleep(RECONNECT).await;
            if let Err(error) = jibri.reconnect().await {
                eprintln!("{}: {error}", arguments.name);
            }
        }
        // A connection that is lost makes no news.
        let _ = tokio::time::timeout(Duration::from_millis(100), news.changed()).await;
    }
}

/// Ends with whoever started us, however that one ends, and even if we are frozen.
fn hold_the_leash() -> Result {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    std::thread::Builder::new().name("leash".into()).spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        exit(0)
    })?;
    Ok(())
}

/// Which life this is, the first being 1.
fn count_lives(arguments: &Arguments) -> Result<usize> {
    let file = arguments.dir.join(format!("{}.life", arguments.name));
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let number = before.trim().parse().unwrap_or(0_usize).saturating_add(1);
    std::fs::write(file, number.to_string())?;
    Ok(number)
}
