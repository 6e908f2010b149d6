//! The program itself, as a process beside a test Prosody, configured by the environment.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use testkit::{BareEnvironment as _, Prosody, Result, eventually};

/// The running program. It ends with this value.
pub(crate) struct Autostart {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Autostart {
    /// Starts it with these rooms to watch, and with short delays so that tests need not wait long.
    pub(crate) fn start(prosody: &Prosody, rooms: &[&str]) -> Result<Self> {
        Self::start_with(prosody, rooms, &[], &[])
    }

    /// The same, with further settings (`XMPP__SECRET` and so on) and arguments.
    pub(crate) fn start_with(
        prosody: &Prosody,
        rooms: &[&str],
        settings: &[(&str, &str)],
        args: &[&str],
    ) -> Result<Self> {
        let rooms: Vec<String> = rooms.iter().map(|room| format!("{room}@muc.meet.jitsi")).collect();
        let server = prosody.component().to_string();
        let defaults = [
            ("XMPP__SERVER", server.as_str()),
            ("XMPP__DOMAIN", "autostart.meet.jitsi"),
            ("XMPP__SECRET", prosody.component_secret()),
            ("XMPP__RECONNECT_MAX", "1s"),
            ("MUC__DOMAINS", "muc.meet.jitsi"),
            ("MUC__FOOTPRINT", super::footprint()),
            ("HTTP__LISTEN", "127.0.0.1:0"),
            // One that is on the disk would be everybody's.
            ("LEDGER__PATH", ""),
            // Unseen, a start that came to nothing is noticed only by then.
            ("START__REQUEST_TIMEOUT", if super::footprint() == "unseen" { "4s" } else { "100s" }),
            ("START__RETRY_MIN", "300ms"),
            ("START__RETRY_MAX", "2s"),
            ("LOG__FORMAT", "json"),
            ("LOG__LEVEL", "debug"),
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
        command.bare_environment().arg("run").args(args).stderr(Stdio::piped());
        if !rooms.is_empty() {
            command.env("JIBRI_AUTOSTART_DISCOVERY__ROOMS", rooms.join(","));
        }
        for (key, value) in defaults.iter().chain(settings) {
            command.env(format!("JIBRI_AUTOSTART_{key}"), value);
        }
        let mut child = command.spawn()?;
        let stderr = child.stderr.take().ok_or("no stderr")?;
        let log = Arc::<Mutex<Vec<String>>>::default();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(std::io::Result::ok) {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Ok(Self { child, log })
    }

    /// How often a line with this text was logged.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(text)).count()
    }

    /// Whether a line with the first text was logged before the first line with the second.
    pub(crate) fn logged_before(&self, first: &str, second: &str) -> bool {
        let lines = self.lines();
        let at = |text: &str| lines.iter().position(|line| line.contains(text));
        at(first).is_some_and(|first| at(second).is_none_or(|second| first < second))
    }

    fn last_words(&self, most: usize) -> String {
        let lines = self.lines();
        lines.get(lines.len().saturating_sub(most)..).unwrap_or_default().join("\n")
    }

    fn lines(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until a line with this text was logged.
    pub(crate) async fn logged(&self, text: &str) -> Result {
        self.logged_times(text, 1).await
    }

    /// Waits until lines with this text were logged so often.
    pub(crate) async fn logged_times(&self, text: &str, times: usize) -> Result {
        match eventually(testkit::SOON, || self.count(text) >= times).await {
            true => Ok(()),
            false => {
                Err(format!("not logged {times} times: {text}; last words:\n{}", self.last_words(12)).into())
            }
        }
    }

    /// Waits until lines with this text were logged so often, and sees that it was not more often.
    pub(crate) async fn logged_just(&self, text: &str, times: usize) -> Result {
        self.logged_times(text, times).await?;
        match self.count(text) {
            count if count == times => Ok(()),
            count => {
                let words = self.last_words(12);
                Err(format!("logged {count} times, not {times}: {text}; last words:\n{words}").into())
            }
        }
    }

    /// Where it listens for HTTP, as `http://address`.
    pub(crate) async fn http(&self) -> Result<String> {
        self.logged("listening for HTTP").await?;
        let lines = self.lines();
        let line = lines.iter().find(|line| line.contains("listening for HTTP")).ok_or("no line")?;
        let line: serde_json::Value = serde_json::from_str(line)?;
        Ok(format!("http://{}", line["address"].as_str().ok_or("no address")?))
    }

    /// Waits until it sees somebody in a room, from inside or outside as its footprint is.
    pub(crate) async fn sees_somebody_in(&self, room: &str) -> Result {
        let room = format!(r#""room":"{room}@muc.meet.jitsi""#);
        let fits = |line: &String| {
            line.contains(&room)
                && !line.contains(r#""people":0"#)
                && (line.contains("seen from outside") || line.contains("entered the room"))
        };
        match eventually(testkit::SOON, || self.lines().iter().any(fits)).await {
            true => Ok(()),
            false => Err(format!("saw nobody in {room}; last words:\n{}", self.last_words(12)).into()),
        }
    }

    /// Sends a signal (`TERM`, `INT`, `STOP`, …).
    pub(crate) fn signal(&self, name: &str) {
        let _ = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
    }

    /// Asks it to end, and says how and how fast it did.
    pub(crate) async fn terminate(&mut self) -> Result<(ExitStatus, Duration)> {
        self.signal("TERM");
        let asked = Instant::now();
        while asked.elapsed() < testkit::SOON {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, asked.elapsed()));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err("does not end".into())
    }
}

impl Drop for Autostart {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() || std::env::var_os("SHOW_LOG").is_some() {
            eprintln!("--- jibri-autostart's last words:");
            eprintln!("{}", self.last_words(100));
        }
    }
}
