//! One Jibri's process as a test holds it.

use super::arguments::Arguments;
use super::life::Life;
use super::program::{Program, Starter};
use crate::behaviour::{Behaviour, JibriOptions};
use crate::{Result, SOON, http, lock};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long it may take to say how it is; one that is frozen never does.
const A_LOOK: Duration = Duration::from_secs(10);
/// How long a process that is asked to end may take before it is killed.
const GRACE: Duration = Duration::from_millis(500);

/// What happens when a process ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Nothing: it stays down until somebody restarts it.
    #[default]
    Never,
    /// It is started again, as a container is by docker-jitsi-meet's `RESTART_POLICY`.
    Always,
    /// It is started again unless it exited with 255, as by Jibri's Debian unit.
    Systemd,
}

impl RestartPolicy {
    pub(crate) fn restarts(self, status: ExitStatus) -> bool {
        match self {
            RestartPolicy::Never => false,
            RestartPolicy::Always => true,
            RestartPolicy::Systemd => status.code() != Some(255),
        }
    }
}

/// How a process is set up.
#[derive(Clone, Debug)]
pub struct JibriProcessOptions {
    /// Its nick in the brewery, its id, and the name under which it is restarted.
    pub name: String,
    /// What it is like, life by life; the last goes on.
    pub lives: Vec<Life>,
    /// The rest of its set-up; the behaviour in it does not count.
    pub jibri: JibriOptions,
    /// What happens when it ends by itself.
    pub policy: RestartPolicy,
    /// Base URLs that are told its status.
    pub webhooks: Vec<String>,
    /// How often they are, besides at every change.
    pub webhook_every: Duration,
}

impl JibriProcessOptions {
    /// One that works.
    pub fn new(name: &str) -> JibriProcessOptions {
        JibriProcessOptions {
            name: name.into(),
            lives: vec![Life::healthy()],
            jibri: JibriOptions { empty_timeout: Duration::from_millis(500), ..JibriOptions::default() },
            policy: RestartPolicy::default(),
            webhooks: Vec::new(),
            webhook_every: Duration::from_secs(60),
        }
    }

    /// One that behaves like this, restarted or not.
    pub fn that(name: &str, behaviour: Behaviour) -> JibriProcessOptions {
        JibriProcessOptions { lives: vec![Life::of(behaviour)], ..JibriProcessOptions::new(name) }
    }

    /// One that is like this until it is restarted.
    pub fn until_restarted(name: &str, life: Life) -> JibriProcessOptions {
        JibriProcessOptions { lives: vec![life, Life::healthy()], ..JibriProcessOptions::new(name) }
    }
}

/// What a process says of itself to the test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Which life it is in; the first is 1.
    pub life: u64,
    /// `IDLE`, `BUSY`, `EXPIRED`.
    pub busy: String,
    /// Whether it is healthy.
    pub healthy: bool,
    /// The session whose recorder is in its room.
    pub recording: Option<String>,
    /// Session and room of each start that reached this life.
    pub starts: Vec<(String, String)>,
    /// How many stops it carried out in this life.
    pub stops: u64,
}

/// A Jibri's process. Clones are the same; it ends with its [`ServiceManager`](super::ServiceManager).
#[derive(Clone)]
pub struct JibriProcess {
    pub(crate) unit: Arc<Unit>,
}

pub(crate) struct Unit {
    pub(crate) arguments: Arguments,
    pub(crate) policy: RestartPolicy,
    pub(crate) program: Program,
    pub(crate) starter: Starter,
    /// Held by whoever ends or starts it.
    pub(crate) turn: tokio::sync::Mutex<()>,
    pub(crate) child: Mutex<Option<Child>>,
    pub(crate) exits: Mutex<Vec<ExitStatus>>,
}

impl JibriProcess {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.unit.arguments.name
    }

    /// The process, while there is one.
    pub fn pid(&self) -> Option<u32> {
        self.unit.reap();
        lock(&self.unit.child).as_ref().map(Child::id)
    }

    /// How its processes ended that ended by themselves, or were killed by somebody else than the manager.
    pub fn exits(&self) -> Vec<ExitStatus> {
        self.unit.reap();
        lock(&self.unit.exits).clone()
    }

    /// Waits until its process, whichever it is then, has joined the brewery.
    pub async fn wait_ready(&self) -> Result {
        self.unit.wait_ready().await
    }

    /// Waits for the end of its process, if it has one.
    pub async fn wait_exit(&self, bound: Duration) -> Result<ExitStatus> {
        let before = self.exits().len();
        if self.pid().is_some() && !crate::eventually(bound, || self.exits().len() > before).await {
            return Err(format!("{} has not ended within {bound:?}", self.name()).into());
        }
        self.exits().last().copied().ok_or_else(|| "it never ran".into())
    }

    /// `http://127.0.0.1:PORT` of its health port.
    pub fn health_url(&self) -> String {
        url(self.unit.arguments.health)
    }

    /// `http://127.0.0.1:PORT` of its internal interface.
    pub fn internal_url(&self) -> String {
        url(self.unit.arguments.internal)
    }

    /// What `GET /jibri/api/v1.0/health` says.
    pub async fn health(&self, bound: Duration) -> Result<serde_json::Value> {
        let url = format!("{}/jibri/api/v1.0/health", self.health_url());
        Ok(serde_json::from_str(&http::ask("GET", &url, "", bound).await?.1)?)
    }

    /// Posts to its internal interface: `shutdown`, `gracefulShutdown` or `notifyConfigChanged`; gives the status.
    pub async fn post_internal(&self, what: &str) -> Result<u16> {
        let url = format!("{}/jibri/api/internal/v1.0/{what}", self.internal_url());
        Ok(http::ask("POST", &url, "", SOON).await?.0)
    }

    /// What it says of itself; an error from one that is down or frozen.
    pub async fn state(&self) -> Result<State> {
        let url = format!("{}/state", url(self.unit.arguments.control));
        let state: serde_json::Value = serde_json::from_str(&http::ask("GET", &url, "", A_LOOK).await?.1)?;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let starts = state["starts"].as_array().into_iter().flatten();
        Ok(State {
            life: state["life"].as_u64().unwrap_or_default(),
            busy: text(&state["busy"]),
            healthy: state["healthy"] == true,
            recording: state["recording"].as_str().map(String::from),
            starts: starts.map(|start| (text(&start[0]), text(&start[1]))).collect(),
            stops: state["stops"].as_u64().unwrap_or_default(),
        })
    }

    /// Waits until what it says of itself fits; while it is down nothing does.
    pub async fn until(&self, bound: Duration, what: &str, fits: impl Fn(&State) -> bool) -> Result<State> {
        let end = Instant::now() + bound;
        loop {
            let state = self.state().await;
            match state {
                Ok(state) if fits(&state) => return Ok(state),
                _ if Instant::now() > end => {
                    return Err(format!("{}: not {what} within {bound:?} but {state:?}", self.name()).into());
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// What the rest of this life is like.
    pub async fn set_life(&self, life: Life) -> Result {
        self.tell("life", &life.to_string()).await
    }

    /// See [`Jibri::kill_chrome`](crate::Jibri::kill_chrome).
    pub async fn kill_chrome(&self) -> Result {
        self.tell("kill-chrome", "").await
    }

    /// See [`Jibri::lose_last_word`](crate::Jibri::lose_last_word).
    pub async fn lose_last_word(&self) -> Result {
        self.tell("lose-last-word", "").await
    }

    /// See [`Jibri::leave_brewery`](crate::Jibri::leave_brewery).
    pub async fn leave_brewery(&self) -> Result {
        self.tell("leave-brewery", "").await
    }

    async fn tell(&self, what: &str, body: &str) -> Result {
        let url = format!("{}/{what}", url(self.unit.arguments.control));
        match http::ask("POST", &url, body, SOON).await? {
            (200, _) => Ok(()),
            (status, text) => Err(format!("{status}: {text}").into()),
        }
    }

    /// Freezes it from outside: connections stay, nothing is answered; or lets it go on.
    pub async fn freeze(&self, frozen: bool) -> Result {
        self.unit.signal(if frozen { Signal::STOP } else { Signal::CONT });
        match crate::eventually(SOON, || self.is_frozen() == frozen).await {
            true => Ok(()),
            false => Err(format!("{} takes no notice of signals", self.name()).into()),
        }
    }

    /// Is it frozen, with all its threads?
    pub fn is_frozen(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        threads.map(|thread| fs::read_to_string(thread.path().join("stat")).unwrap_or_default()).all(|stat| {
            // The name before it may have anything in it.
            stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"))
        })
    }

    /// Kills it, as the kernel does when there is no memory left.
    pub fn kill(&self) {
        self.unit.signal(Signal::KILL);
    }

    /// What it printed, over all its lives.
    pub fn log(&self) -> String {
        fs::read_to_string(self.unit.file("log")).unwrap_or_default()
    }
}

fn url(address: Option<SocketAddr>) -> String {
    address.map(|address| format!("http://{address}")).unwrap_or_default()
}

impl Unit {
    pub(crate) fn file(&self, kind: &str) -> PathBuf {
        self.arguments.dir.join(format!("{}.{kind}", self.arguments.name))
    }

    /// Starts the process; whoever does has the turn.
    pub(crate) fn start(&self) -> Result<u32> {
        let log = fs::File::options().create(true).append(true).open(self.file("log"))?;
        let mut command = self.program.command(&self.arguments.to_words());
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let child = self.starter.start(command)?;
        let pid = child.id();
        *lock(&self.child) = Some(child);
        Ok(pid)
    }

    /// Ends it, at first politely.
    pub(crate) async fn end(&self) {
        self.reap();
        self.signal(Signal::TERM);
        let gone = || lock(&self.child).as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
        crate::eventually(GRACE, gone).await;
        self.kill();
    }

    /// Ends it at once.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = lock(&self.child).take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Notes the end of a process that has ended by itself, and gives it if it is news.
    pub(crate) fn reap(&self) -> Option<ExitStatus> {
        let mut child = lock(&self.child);
        let status = child.as_mut()?.try_wait().ok()??;
        *child = None;
        lock(&self.exits).push(status);
        Some(status)
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = lock(&self.child).as_ref() {
            let _ = kill_process(Pid::from_child(child), signal);
        }
    }

    pub(crate) async fn wait_ready(&self) -> Result {
        let end = Instant::now() + SOON;
        loop {
            let pid = lock(&self.child).as_ref().map(Child::id);
            let shown = fs::read_to_string(self.file("pid")).unwrap_or_default();
            if pid.is_some_and(|pid| shown.trim() == pid.to_string()) {
                return Ok(());
            }
            let ended = self.reap().is_some() || pid.is_none();
            if (ended && self.policy == RestartPolicy::Never) || Instant::now() > end {
                let log = fs::read_to_string(self.file("log")).unwrap_or_default();
                return Err(format!("{} is not ready:\n{log}", self.arguments.name).into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
