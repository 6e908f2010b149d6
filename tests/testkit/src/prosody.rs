//! Starts a private Prosody on loopback ports, in a directory of its own, and ends it.

use crate::config::{PLUGINS, Places, ProsodyOptions};
use crate::{Result, ports};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// How long Prosody may take to listen, and to end when asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which Prosody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Prosody 0.12, installed on this system (`JIBRI_AUTOSTART_TEST_PROSODY` names another program for it).
    Debian12,
    /// Prosody 13, in a chroot (`JIBRI_AUTOSTART_TEST_CHROOT` names another place for it).
    Debian13,
}

impl Version {
    /// Both.
    pub const ALL: [Version; 2] = [Version::Debian12, Version::Debian13];

    /// Those that this system has.
    pub fn all_available() -> Vec<Version> {
        Version::ALL.into_iter().filter(|version| version.available()).collect()
    }

    /// Can this one be run here?
    pub fn available(self) -> bool {
        match self {
            Version::Debian12 => installed().exists(),
            // Only root may change the root directory.
            Version::Debian13 => self.root().join("usr/bin/prosody").exists() && is_root(),
        }
    }

    /// The directory that is `/` to this Prosody.
    pub fn root(self) -> PathBuf {
        match self {
            Version::Debian12 => PathBuf::from("/"),
            Version::Debian13 => std::env::var_os("JIBRI_AUTOSTART_TEST_CHROOT")
                .map_or_else(|| PathBuf::from("/var/cache/jibri-autostart-tests/trixie"), PathBuf::from),
        }
    }

    fn command(self) -> Command {
        match self {
            Version::Debian12 => Command::new(installed()),
            Version::Debian13 => {
                let mut command = Command::new("chroot");
                command.arg(self.root()).arg("/usr/bin/prosody");
                command
            }
        }
    }
}

fn installed() -> PathBuf {
    std::env::var_os("JIBRI_AUTOSTART_TEST_PROSODY")
        .map_or_else(|| PathBuf::from("/usr/bin/prosody"), PathBuf::from)
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// A Prosody that runs for one test. It ends with this value, and with the process that started it.
pub struct Prosody {
    version: Version,
    options: ProsodyOptions,
    dir: TempDir,
    c2s: SocketAddr,
    component: SocketAddr,
    child: Option<Child>,
}

impl Prosody {
    /// Starts one and waits until it listens.
    pub async fn start_new(version: Version, options: ProsodyOptions) -> Result<Prosody> {
        if !version.available() {
            return Err(format!("{version:?} is not available here").into());
        }
        let parent = match version {
            Version::Debian12 => std::env::temp_dir(),
            Version::Debian13 => version.root().join("tmp"),
        };
        let dir = tempfile::Builder::new().prefix("jibri-autostart-test-").tempdir_in(parent)?;
        fs::create_dir_all(dir.path().join("data"))?;
        fs::create_dir_all(dir.path().join("plugins"))?;
        let own = options.plugins.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        for (name, text) in PLUGINS.into_iter().chain(own) {
            fs::write(dir.path().join("plugins").join(name), text)?;
        }
        fs::create_dir_all(dir.path().join("conf.d"))?;
        for (name, text) in &options.conf_d {
            fs::write(dir.path().join("conf.d").join(name), text)?;
        }
        let (c2s, component) = (ports::loopback(), ports::loopback());
        let mut prosody = Prosody { version, options, dir, c2s, component, child: None };
        for _ in 0..3 {
            prosody.write_config()?;
            match prosody.start().await {
                Ok(()) => return Ok(prosody),
                // Somebody else took a port between the choice and the use of it.
                Err(_) if prosody.log().contains("already in use") => {
                    prosody.kill();
                    fs::remove_file(prosody.log_path())?;
                    (prosody.c2s, prosody.component) = (ports::loopback(), ports::loopback());
                }
                Err(error) => return Err(error),
            }
        }
        Err("no free ports".into())
    }

    fn write_config(&self) -> Result<()> {
        let dir = self.dir_inside();
        let places = Places { dir: &dir, c2s_port: self.c2s.port(), component_port: self.component.port() };
        fs::write(self.dir.path().join("prosody.cfg.lua"), self.options.render(&places))?;
        Ok(())
    }

    /// Our directory as Prosody names it.
    fn dir_inside(&self) -> String {
        let path = self.dir.path();
        let inside = path.strip_prefix(self.version.root()).unwrap_or(path);
        Path::new("/").join(inside).display().to_string()
    }

    /// Starts it again after [`Prosody::stop`] or [`Prosody::kill`], on the same ports.
    pub async fn start(&mut self) -> Result<()> {
        if self.child.is_some() {
            return Err("it is running".into());
        }
        let output = fs::File::create(self.dir.path().join("output"))?;
        let mut command = self.version.command();
        command.arg("-F").arg("--config").arg(format!("{}/prosody.cfg.lua", self.dir_inside()));
        // So that a file of conf.d can say where to listen as in its own setting: by the environment.
        let port = self.component.port().to_string();
        let own = self.options.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        command.envs(own.chain([("PROSODY_AUTOSTART_PORT", port.as_str())]));
        // The pipe is the leash: it closes when this process is gone, and Prosody ends.
        let child = command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output).spawn()?;
        self.child = Some(child);
        let log_before = self.log().len();
        let end = Instant::now() + PATIENCE;
        loop {
            let news = self.log().split_off(log_before.min(self.log().len()));
            let running = self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)));
            if !running || news.contains("already in use") || Instant::now() > end {
                let problem = format!("Prosody did not start:\n{}\n{}", self.output(), self.log_tail(40));
                self.kill();
                return Err(problem.into());
            }
            if TcpStream::connect(self.c2s).await.is_ok() && TcpStream::connect(self.component).await.is_ok()
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks it to end, as an administrator does, and waits until it has.
    pub async fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("kill").arg(child.id().to_string()).status();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops and starts it on the same ports; everything it knew is gone.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await;
        self.start().await
    }

    /// Freezes it (it keeps its ports and connections and does nothing) or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        if let Some(child) = &self.child {
            let signal = if frozen { "-STOP" } else { "-CONT" };
            let _ = Command::new("kill").arg(signal).arg(child.id().to_string()).status();
        }
    }

    /// Where clients connect.
    pub fn c2s(&self) -> SocketAddr {
        self.c2s
    }

    /// Where components connect.
    pub fn component(&self) -> SocketAddr {
        self.component
    }

    /// The component's secret.
    pub fn component_secret(&self) -> &str {
        &self.options.component_secret
    }

    /// Which Prosody this is.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Its log file.
    pub fn log_path(&self) -> PathBuf {
        self.dir.path().join("prosody.log")
    }

    /// All it has logged.
    pub fn log(&self) -> String {
        read(&self.log_path())
    }

    /// How many lines of its log have all of these in them. With `debug_log` every stanza is a line:
    /// `Received[component]: <presence …`.
    pub fn count_log(&self, texts: &[&str]) -> usize {
        self.log().lines().filter(|line| texts.iter().all(|text| line.contains(text))).count()
    }

    /// The last lines of its log.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// What it printed.
    fn output(&self) -> String {
        read(&self.dir.path().join("output"))
    }
}

fn read(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

impl Drop for Prosody {
    fn drop(&mut self) {
        self.kill();
        let words = format!("--- {:?}'s last words:\n{}\n", self.version, self.log_tail(60));
        if std::thread::panicking() {
            eprintln!("{words}");
        } else {
            crate::each::keep_last_words(&words);
        }
    }
}
