//! `deploy/jibri/finalize.sh`, run by the shells that it has to do with, on small files made by ffmpeg, with curl.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "also in what the tests share"
)]

mod disk;
mod examined;
mod leftovers;
mod look;
mod lost;
mod media;
mod secret;
mod site;
mod spool;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::stand_in::{Manner, StandIn};

/// Longer than any wait in these tests takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);
/// What the script may take of its own.
const BOUND: Duration = Duration::from_secs(10);
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/jibri/finalize.sh");
const TOKEN: &str = "t0ken-\"of\\the receiver";

/// Takes everything.
async fn receiver() -> StandIn {
    StandIn::start([Manner::Status("204 No Content", "")]).await
}

/// What came to the receiver, after it was found to be as it should.
fn reports(receiver: &StandIn) -> Vec<Value> {
    let seen = receiver.seen();
    for seen in &seen {
        assert_eq!(seen.what, "POST /api/v1/recordings");
        let bearer = format!("authorization: bearer {TOKEN}");
        assert!(seen.head.to_ascii_lowercase().contains(&bearer.to_ascii_lowercase()), "{}", seen.head);
        assert!(seen.head.to_ascii_lowercase().contains("content-type: application/json"), "{}", seen.head);
        assert!(seen.body.len() <= 64 * 1024 && seen.body.is_ascii(), "{}", seen.body.len());
    }
    let bodies = seen.iter().map(|seen| serde_json::from_str(&seen.body).expect(&seen.body));
    bodies.collect()
}

/// Session and event of each.
fn told(reports: &[Value]) -> Vec<(&str, &str)> {
    reports
        .iter()
        .map(|report| (report["session_id"].as_str().unwrap(), report["event"].as_str().unwrap()))
        .collect()
}

/// What a run of the script did.
#[derive(Debug)]
struct Ran {
    status: Option<i32>,
    output: Vec<u8>,
    log: String,
    took: Duration,
}

/// A Jibri with a directory of recordings.
struct Jibri {
    dir: tempfile::TempDir,
    shell: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
}

impl Jibri {
    fn new(url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["recordings", "tmp"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let mut jibri = Self { dir, shell: vec!["sh".into()], environment: Vec::new() };
        jibri.set("PATH", std::env::var_os("PATH").unwrap());
        jibri.set("TMPDIR", jibri.path("tmp"));
        jibri.set("JIBRI_REPORT_URL", url);
        jibri.set("JIBRI_REPORT_TOKEN", TOKEN);
        jibri.set("JIBRI_REPORT_INSTANCE", "jibri-1");
        // The machine may be busy; what is about the bound sets it back.
        jibri.set("JIBRI_REPORT_PATIENCE", "9");
        jibri
    }

    /// The tools are busybox's, but for what is no tool of a shell.
    fn with_busybox(mut self) -> Self {
        let bin = self.path("bin");
        std::fs::create_dir(&bin).unwrap();
        let list = std::process::Command::new("busybox").arg("--list").output().expect("tests/prepare.sh");
        let found = |name: &str| {
            let path = std::env::var_os("PATH").unwrap();
            std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.exists()).expect("it")
        };
        for applet in String::from_utf8(list.stdout).unwrap().lines() {
            std::os::unix::fs::symlink(found("busybox"), bin.join(applet)).unwrap();
        }
        for name in ["curl", "ffprobe", "ffmpeg"] {
            std::os::unix::fs::symlink(found(name), bin.join(name)).unwrap();
        }
        self.set("PATH", bin);
        self.shell = vec![found("busybox").into(), "sh".into()];
        self
    }

    /// Everything in PATH but these.
    fn without(mut self, names: &[&str]) -> Self {
        let bin = self.path("bin");
        std::fs::create_dir(&bin).unwrap();
        for dir in ["/usr/bin", "/bin"] {
            for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()) {
                let name = entry.file_name();
                if !names.iter().any(|&without| name == without) {
                    let _ = std::os::unix::fs::symlink(entry.path(), bin.join(name));
                }
            }
        }
        self.set("PATH", bin);
        self
    }

    /// Another program under the name of one.
    fn with_program(&mut self, name: &str, script: &str) {
        let bin = self.path(&format!("instead-of-{name}"));
        std::fs::create_dir(&bin).unwrap();
        executable(&bin.join(name), script);
        let mut path = bin.into_os_string();
        path.push(":");
        path.push(&self.environment.iter().rfind(|(name, _)| *name == "PATH").unwrap().1);
        self.set("PATH", path);
    }

    /// With no more time than it has by itself.
    fn in_its_time(mut self) -> Self {
        self.set("JIBRI_REPORT_PATIENCE", "");
        self
    }

    fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.environment.push((name, value.into()));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn recordings(&self) -> PathBuf {
        self.path("recordings")
    }

    fn spool(&self) -> PathBuf {
        self.recordings().join(".jibri-reports")
    }

    /// The directory of a session, as Jibri makes it.
    fn session(&self, name: impl AsRef<[u8]>) -> PathBuf {
        let path = self.recordings().join(OsStr::from_bytes(name.as_ref()));
        std::fs::create_dir(&path).unwrap();
        path
    }

    /// One with a recording of a second, and what Jibri writes beside it.
    fn recorded(&self, name: &str) -> PathBuf {
        let path = self.session(name);
        std::fs::copy(media::whole("mp4"), path.join("lesson_2026-11-30-10-00-00.mp4")).unwrap();
        std::fs::write(path.join("metadata.json"), METADATA).unwrap();
        path
    }

    fn command(&self, arguments: &[&OsStr]) -> Command {
        let mut command = Command::new(&self.shell[0]);
        command.args(&self.shell[1..]).arg(SCRIPT).args(arguments).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&OsStr]) -> Ran {
        // What is measured is the script's time, not how much this machine does at once.
        static ROOM: Semaphore = Semaphore::const_new(4);
        let _room = ROOM.acquire().await.unwrap();
        let begun = Instant::now();
        let output = tokio::time::timeout(LONG, self.command(arguments).output()).await.expect("an end");
        let output = output.unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        for line in log.lines() {
            // The shell's own word, when the site's command is killed.
            assert!(line.starts_with("jibri-report: ") || line == "Killed", "{log}");
        }
        assert!(!log.contains(TOKEN), "{log}");
        assert_eq!(output.status.signal(), None);
        Ran { status: output.status.code(), output: output.stdout, log, took: begun.elapsed() }
    }

    /// As Jibri does it.
    async fn finalize(&self, session: &Path) -> Ran {
        self.run(&[session.as_os_str()]).await
    }

    async fn leftovers(&self) -> Ran {
        self.run(&[OsStr::new("--leftovers"), self.recordings().as_os_str()]).await
    }

    /// What waits to be sent, oldest first.
    fn waiting(&self) -> Vec<PathBuf> {
        json_files(&self.spool())
    }
}

fn json_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|is| is == "json")).collect();
    files.sort();
    files
}

fn executable(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Makes a file one that was last written so long ago, by the clock that the script has, and not one that is turned forward
/// for the tests.
fn age(path: &Path, seconds: u64) {
    let mut touch = std::process::Command::new("touch");
    touch.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    assert!(touch.arg("-d").arg(format!("{seconds} seconds ago")).arg(path).status().unwrap().success());
}

/// Waits for it, with a bound.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LONG, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// As Jibri writes it: what people call themselves cannot pass for its own words.
const METADATA: &str = r#"{"meeting_url":"https://meet.example/Ünterricht \"7\"","participants":[{"user":{"name":"\"meeting_url\":\"https://evil.example\""}}],"share":true,"conference_details":{"session_id":"of the meeting"}}"#;

#[test]
fn shellcheck_has_nothing_to_say() {
    match std::process::Command::new("shellcheck").args(["--shell", "sh", SCRIPT]).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(error) => eprintln!("passed over: shellcheck: {error}"),
    }
}
