//! What systemd is told, read at the other end of the line.

use std::io::{Error, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::program::{Running, program};

/// As systemd starts it: with a socket, and a watchdog that wants a sign of life within this.
struct Service {
    socket: UnixDatagram,
    process: Running,
    told: Vec<String>,
}

impl Service {
    fn start(dir: &Path, watchdog: Duration) -> Self {
        let config = dir.join("config.toml");
        let text = "xmpp = {server = \"127.0.0.1:1\", domain = \"a.b\", secret = \"s\"}\nmuc = {domains = [\"m.b\"]}\n\
                    http = {listen = \"\"}\nledger = {path = \"\"}\n";
        std::fs::write(&config, text).unwrap();
        let path = dir.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut command = program();
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        command.arg("run").arg("--config").arg(&config).stderr(Stdio::null());
        Self { socket, process: Running(command.spawn().unwrap()), told: Vec::new() }
    }

    /// Reads until a line with this text comes.
    fn until(&mut self, text: &str) -> String {
        let end = Instant::now() + testkit::SOON;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let lines = told(&self.socket, left).unwrap_or_else(|error| {
                panic!("not told within {:?}: {text} ({error}); told: {:?}", testkit::SOON, self.told)
            });
            let found = lines.lines().find(|line| line.starts_with(text)).map(str::to_owned);
            self.told.push(lines);
            if let Some(line) = found {
                return line;
            }
        }
    }
}

/// What is told within this time. Reading with a timeout is cut short by any signal that is handled, as those of
/// children that end are here; then the rest of the time is still to be waited.
fn told(socket: &UnixDatagram, within: Duration) -> Result<String, Error> {
    let end = Instant::now() + within;
    let mut buffer = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // Zero would mean for ever.
        socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match socket.recv(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted && !left.is_zero() => {}
            read => return Ok(String::from_utf8_lossy(&buffer[..read?]).into_owned()),
        }
    }
}

#[test]
fn systemd_is_told_how_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut service = Service::start(dir.path(), Duration::from_millis(300));
    service.until("READY=1");
    assert_eq!(service.told, ["READY=1\n"], "the first thing it says");
    // Prosody is not there: ready all the same, and it says why there is no link.
    let status = service.until("STATUS=");
    assert!(status.starts_with("STATUS=no link to Prosody") && status.contains("127.0.0.1:1"), "{status}");
    let begun = Instant::now();
    for _ in 0..10 {
        service.until("WATCHDOG=1");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    service.process.signal("HUP");
    service.until("RELOADING=1");
    assert!(service.told.last().unwrap().contains("MONOTONIC_USEC="));
    service.until("READY=1");
    service.process.signal("TERM");
    service.until("STOPPING=1");
    assert!(service.process.0.wait().unwrap().success());
}

/// The watchdog hears of a driver that hangs, not only of a process that is gone.
#[test]
fn a_frozen_service_gives_no_sign_of_life() {
    let dir = tempfile::tempdir().unwrap();
    let mut service = Service::start(dir.path(), Duration::from_millis(300));
    service.until("WATCHDOG=1");
    service.process.signal("STOP");
    // What was on its way may still come; then nothing does, for three times the limit.
    let silent = (0..20).any(|_| told(&service.socket, Duration::from_millis(900)).is_err());
    assert!(silent);
    service.process.signal("CONT");
    service.until("WATCHDOG=1");
}

/// Somebody else's watchdog, and none at all.
#[test]
fn without_a_watchdog_of_its_own_it_gives_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut command = program();
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "3000").env("WATCHDOG_PID", "1");
    for (name, value) in [("XMPP__DOMAIN", "a.b"), ("XMPP__SECRET", "s"), ("MUC__DOMAINS", "m.b")] {
        command.env(format!("JIBRI_AUTOSTART_{name}"), value);
    }
    command.env("JIBRI_AUTOSTART_XMPP__SERVER", "127.0.0.1:1").env("JIBRI_AUTOSTART_HTTP__LISTEN", "");
    let process = Running(command.arg("run").stderr(Stdio::null()).spawn().unwrap());
    let mut all = String::new();
    let end = Instant::now() + testkit::SOON;
    while Instant::now() < end {
        match told(&socket, Duration::from_millis(500)) {
            Ok(lines) => all.push_str(&lines),
            Err(_) if all.contains("STATUS=") => break,
            Err(_) => {}
        }
    }
    assert!(all.contains("READY=1") && !all.contains("WATCHDOG"), "{all}");
    process.signal("TERM");
}
