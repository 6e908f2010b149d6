//! What docker or systemd is to Jibris: it starts them, restarts them when told to, and ends them all with the test.

use super::arguments::Arguments;
use super::program::{Program, Starter};
use super::unit::{JibriProcess, JibriProcessOptions, Unit};
use crate::http::{Answer, Request, Server};
use crate::{Prosody, Result, lock, ports};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// How soon a process that ended is started again, where the policy says so.
const PAUSE: Duration = Duration::from_millis(50);

/// What is wrong with the command that restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartFault {
    /// It fails, and restarts nothing.
    Fails,
    /// It never ends, and restarts nothing.
    Hangs,
    /// It says that it has, and restarts nothing.
    DoesNothing,
}

/// A restart that somebody asked for, by the command or over HTTP.
#[derive(Clone, Debug)]
pub struct Restarted {
    /// When it was asked for.
    pub at: Instant,
    /// Of which instance, whether it is one of ours or not.
    pub name: String,
}

/// The service manager. It ends, with all its processes, when dropped.
pub struct ServiceManager {
    inner: Arc<Inner>,
    server: Server,
    watcher: JoinHandle<()>,
}

struct Inner {
    program: Program,
    starter: Starter,
    dir: TempDir,
    units: Mutex<Vec<Arc<Unit>>>,
    asked: Mutex<Vec<Restarted>>,
    fault: Mutex<Option<RestartFault>>,
}

impl ServiceManager {
    /// One that runs this program for each Jibri.
    pub async fn start(program: Program) -> Result<ServiceManager> {
        let inner = Arc::new(Inner {
            program,
            starter: Starter::new()?,
            dir: tempfile::Builder::new().prefix("jibri-autostart-test-").tempdir()?,
            units: Mutex::default(),
            asked: Mutex::default(),
            fault: Mutex::default(),
        });
        let answering = inner.clone();
        let answer = move |request| {
            let inner = answering.clone();
            async move { inner.answer(request).await }
        };
        let server = Server::start(ports::loopback(), answer).await?;
        let script = inner.dir.path().join("restart-jibri");
        fs::write(
            &script,
            include_str!("restart-jibri.sh").replace("PORT", &server.address().port().to_string()),
        )?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        let watcher = tokio::spawn(watch(Arc::downgrade(&inner)));
        Ok(ServiceManager { inner, server, watcher })
    }

    /// Starts a Jibri and waits until it is in the brewery.
    pub async fn jibri(&self, prosody: &Prosody, options: JibriProcessOptions) -> Result<JibriProcess> {
        for _ in 0..3 {
            let unit = Arc::new(self.inner.unit(prosody, &options));
            unit.start()?;
            match unit.wait_ready().await {
                Ok(()) => {
                    lock(&self.inner.units).push(unit.clone());
                    return Ok(JibriProcess { unit });
                }
                // Somebody else took a port between the choice and the use of it.
                Err(error) if error.to_string().contains("in use") => {
                    let _ = fs::remove_file(unit.file("life"));
                    let _ = fs::remove_file(unit.file("log"));
                }
                Err(error) => return Err(error),
            }
        }
        Err("no free ports".into())
    }

    /// What to run to restart an instance, as `recovery.command` has it: `[…/restart-jibri, {instance}]`.
    ///
    /// It ends when the new process runs, which is before it is ready; it prints what it did.
    pub fn restart_command(&self) -> Vec<String> {
        let script = self.inner.dir.path().join("restart-jibri");
        vec![script.display().to_string(), "{instance}".into()]
    }

    /// What to post to for the same, as `recovery.http` has it.
    pub fn restart_url(&self) -> String {
        format!("http://{}/restart/{{instance}}", self.server.address())
    }

    /// Restarts a Jibri and waits until it is in the brewery again.
    pub async fn restart(&self, name: &str) -> Result {
        let unit = self.inner.find(name).ok_or_else(|| format!("no instance {name}"))?;
        restart(&unit).await?;
        unit.wait_ready().await
    }

    /// What is wrong with the command from now on.
    pub fn set_fault(&self, fault: Option<RestartFault>) {
        *lock(&self.inner.fault) = fault;
    }

    /// All that was asked for by the command or over HTTP so far.
    pub fn restarts(&self) -> Vec<Restarted> {
        lock(&self.inner.asked).clone()
    }
}

impl Drop for ServiceManager {
    fn drop(&mut self) {
        self.watcher.abort();
        for unit in lock(&self.inner.units).drain(..) {
            unit.kill();
            if std::thread::panicking() {
                let log = fs::read_to_string(unit.file("log")).unwrap_or_default();
                eprintln!("--- {}'s log:\n{log}", unit.arguments.name);
            }
        }
    }
}

impl Inner {
    fn unit(&self, prosody: &Prosody, options: &JibriProcessOptions) -> Unit {
        let arguments = Arguments {
            server: prosody.c2s(),
            name: options.name.clone(),
            dir: self.dir.path().into(),
            health: Some(ports::loopback()),
            internal: Some(ports::loopback()),
            control: Some(ports::loopback()),
            lives: options.lives.clone(),
            jibri: options.jibri.clone(),
            webhooks: options.webhooks.clone(),
            webhook_every: options.webhook_every,
            leash: true,
        };
        Unit {
            arguments,
            policy: options.policy,
            program: self.program.clone(),
            starter: self.starter.clone(),
            turn: tokio::sync::Mutex::default(),
            child: Mutex::default(),
            exits: Mutex::default(),
        }
    }

    fn find(&self, name: &str) -> Option<Arc<Unit>> {
        lock(&self.units).iter().find(|unit| unit.arguments.name == name).cloned()
    }

    async fn answer(&self, request: Request) -> Answer {
        let Some(name) = request.path.strip_prefix("/restart/") else { return Answer::error(404) };
        lock(&self.asked).push(Restarted { at: Instant::now(), name: name.into() });
        let fault = *lock(&self.fault);
        let failed = |text: String| Answer::Json { status: 500, body: text, late: Duration::ZERO };
        match fault {
            Some(RestartFault::Fails) => return failed(format!("cannot restart {name}\n")),
            Some(RestartFault::Hangs) => return Answer::Never,
            Some(RestartFault::DoesNothing) => return Answer::ok(format!("restarted {name}\n")),
            None => {}
        }
        let Some(unit) = self.find(name) else { return failed(format!("no instance {name}\n")) };
        match restart(&unit).await {
            Ok(pid) => Answer::ok(format!("restarted {name}: process {pid}\n")),
            Err(error) => failed(format!("{error}\n")),
        }
    }
}

async fn restart(unit: &Unit) -> Result<u32> {
    let _turn = unit.turn.lock().await;
    unit.end().await;
    unit.start()
}

/// Starts again what has ended by itself and is to be started again.
async fn watch(manager: Weak<Inner>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let Some(manager) = manager.upgrade() else { return };
        let units = lock(&manager.units).clone();
        for unit in units {
            let Ok(_turn) = unit.turn.try_lock() else { continue };
            unit.reap();
            let ended = lock(&unit.child).is_none();
            let last = lock(&unit.exits).last().copied();
            if ended && last.is_some_and(|last| unit.policy.restarts(last)) {
                // Tried again at the next turn if it does not work.
                let _ = unit.start();
            }
        }
    }
}
