//! The program as a process beside a test Prosody, configured by the environment.

#![allow(dead_code, reason = "each bench needs its own part of this")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use testkit::{BareEnvironment as _, Prosody, Result};

/// The unit of `/proc/PID/stat`.
const TICK: Duration = Duration::from_millis(10);

/// The running program. It ends with this value.
pub(crate) struct Program {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Program {
    /// Starts it with these settings (`MUC__FOOTPRINT` and so on) beyond what it needs to find Prosody.
    pub(crate) fn start(prosody: &Prosody, settings: &[(&str, &str)]) -> Result<Self> {
        let server = prosody.component().to_string();
        let shows = std::env::var_os("BENCH_SHOW_LOG").is_some();
        let link = [
            ("LOG__LEVEL", if shows { "debug" } else { "info" }),
            ("XMPP__SERVER", server.as_str()),
            ("XMPP__DOMAIN", testkit::config::COMPONENT),
            ("XMPP__SECRET", prosody.component_secret()),
            ("MUC__DOMAINS", testkit::config::MUC),
            ("LOG__FORMAT", "json"),
            ("LEDGER__PATH", ""),
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
        command.bare_environment().arg("run").stderr(Stdio::piped());
        for (key, value) in link.iter().chain(settings) {
            command.env(format!("JIBRI_AUTOSTART_{key}"), value);
        }
        let mut child = command.spawn()?;
        let stderr = child.stderr.take().ok_or("no stderr")?;
        let log = Arc::<Mutex<Vec<String>>>::default();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(std::io::Result::ok) {
                if shows {
                    println!("{line}");
                }
                lines.lock().unwrap().push(line);
            }
        });
        Ok(Self { child, log })
    }

    /// How often a line with this text was logged.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// The last lines of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = self.log.lock().unwrap();
        log[log.len().saturating_sub(20)..].join("\n")
    }

    /// Waits until lines with one of these texts were logged so often.
    pub(crate) async fn logged(&self, texts: &[&str], times: usize, bound: Duration) -> Result {
        let end = Instant::now() + bound;
        let count = || texts.iter().map(|text| self.count(text)).sum::<usize>();
        while count() < times {
            if Instant::now() > end {
                return Err(format!("{texts:?} {} times only:\n{}", count(), self.last_words()).into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Where it listens for HTTP, as `http://address`.
    pub(crate) async fn http(&self) -> Result<String> {
        let text = "listening for HTTP";
        self.logged(&[text], 1, testkit::SOON).await?;
        let log = self.log.lock().unwrap();
        let line = log.iter().find(|line| line.contains(text)).ok_or("no line")?;
        let line: serde_json::Value = serde_json::from_str(line)?;
        Ok(format!("http://{}", line["address"].as_str().ok_or("no address")?))
    }

    /// A number out of `/proc/PID/status`.
    pub(crate) fn status(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("/proc");
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect(key);
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// What it has used of processors, by itself and for itself in the kernel.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit(") ").next().ok_or("no fields")?.split(' ').collect();
        let ticks = fields[11].parse::<u32>()? + fields[12].parse::<u32>()?;
        Ok(TICK * ticks)
    }

    /// What of it is in memory.
    pub(crate) fn resident_mb(&self) -> f64 {
        self.status("VmRSS") as f64 * 1024.0 / 1e6
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number from the environment, for a shorter run or a longer one.
pub(crate) fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().expect(name))
}
