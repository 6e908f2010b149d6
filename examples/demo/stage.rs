//! What every scene needs: the program, the time, and waiting for what is to happen.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use testkit::{Person, PersonOptions, Result, World};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What happens in one meeting, with the time since its moderator was one.
pub(crate) struct Timeline {
    start: Instant,
}

impl Timeline {
    pub(crate) fn begin(what: &str) -> Self {
        println!("--- {what}");
        Self { start: Instant::now() }
    }

    /// Counts from now on.
    pub(crate) fn moderator_in(&mut self, who: &str) {
        self.start = Instant::now();
        self.say(&format!("moderator in: {who}"));
    }

    pub(crate) fn say(&self, what: &str) {
        self.say_at(Instant::now(), what);
    }

    pub(crate) fn say_at(&self, at: Instant, what: &str) {
        println!("{:>7} ms  {what}", at.saturating_duration_since(self.start).as_millis());
    }
}

/// Comes into a room in which nobody else is, and is its moderator.
pub(crate) async fn moderator(world: &World, room: &str, who: &str) -> Result<Person> {
    let person = world.person_with(room, PersonOptions::nick(who)).await?;
    person.wait_until_moderator(PATIENCE).await?;
    Ok(person)
}

/// The secret of the component, in a file for the program alone.
pub(crate) fn write_secret(dir: &Path, secret: &str) -> Result<PathBuf> {
    let path = dir.join("secret");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(&path)?.write_all(secret.as_bytes())?;
    Ok(path)
}

pub(crate) async fn start_seen(world: &World, room: &str, number: usize, timeline: &Timeline) -> Result {
    let came = || world.focus.start_requests_in(room).len() >= number;
    world.focus.until(PATIENCE, "asked to start", came).await?;
    let requests = world.focus.start_requests_in(room);
    let request = requests.get(number - 1).ok_or("no such start request")?;
    timeline.say_at(request.at, &format!("start request {number} at Jicofo"));
    Ok(())
}

pub(crate) async fn recording_on(person: &Person, timeline: &Timeline) -> Result {
    let status = person.wait_recording("on", PATIENCE).await?;
    timeline.say(&format!("recording on, session {}", status.session_id));
    Ok(())
}

pub(crate) async fn meeting_over(world: &World, room: &str, timeline: &Timeline) -> Result {
    world.focus.until(PATIENCE, "gone", || !world.focus.is_in(room)).await?;
    timeline.say("the meeting is over, nobody is left in the room\n");
    Ok(())
}

/// The real program.
pub(crate) struct Program {
    child: Child,
    log: Log,
}

/// Its log lines so far, shortened, and when each came.
pub(crate) type Log = Arc<Mutex<Vec<(Instant, String)>>>;

impl Program {
    pub(crate) fn start(config: &Path) -> Result<Self> {
        let binary = match std::env::var_os("DEMO_BINARY") {
            Some(binary) => PathBuf::from(binary),
            // Both are built into one directory, this one below it.
            None => std::env::current_exe()?.with_file_name("../jibri-autostart"),
        };
        let mut command = Command::new(binary);
        command.arg("run").arg("--config").arg(config).stderr(Stdio::piped());
        // Ctrl-C is for the demo, which ends the program then.
        let mut child = command.process_group(0).spawn()?;
        let stderr = child.stderr.take().ok_or("no stderr")?;
        let log = Log::default();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(std::io::Result::ok) {
                let line = shorten(&line);
                println!("               log: {line}");
                lines.lock().unwrap().push((Instant::now(), line));
            }
        });
        Ok(Self { child, log })
    }

    /// The first line that has been logged with all these texts, and when.
    pub(crate) fn logged(&self, texts: &[&str]) -> Option<(Instant, String)> {
        let fits = |line: &str| texts.iter().all(|text| line.contains(text));
        self.log.lock().unwrap().iter().find(|(_, line)| fits(line)).cloned()
    }

    /// Waits for such a line.
    pub(crate) async fn wait_logged(&self, texts: &[&str], bound: Duration) -> Result<(Instant, String)> {
        testkit::eventually(bound, || self.logged(texts).is_some()).await;
        self.logged(texts).ok_or_else(|| format!("within {bound:?} nobody has logged {texts:?}").into())
    }

    /// How long it took to end.
    pub(crate) fn stop(&mut self) -> Result<Duration> {
        let asked = Instant::now();
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(asked.elapsed())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A JSON log line without what every line has.
fn shorten(line: &str) -> String {
    let Ok(serde_json::Value::Object(mut fields)) = serde_json::from_str(line) else {
        return line.to_owned();
    };
    fields.remove("timestamp");
    let mut text = String::new();
    for key in ["level", "message"] {
        if let Some(serde_json::Value::String(value)) = fields.remove(key) {
            text.push_str(&value);
            text.push(' ');
        }
    }
    for (key, value) in fields {
        text.push_str(&format!("{key}={value} "));
    }
    text.trim_end().to_owned()
}
