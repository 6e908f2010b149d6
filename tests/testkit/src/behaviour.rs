//! What a Jibri does with work, and how it is set up.

use crate::config::HIDDEN;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// What a Jibri does with the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Records: Chrome takes this long to launch, and this long to join.
    Healthy {
        /// From the start to `pending`.
        launch: Duration,
        /// From `pending` to `on`.
        join: Duration,
    },
    /// Chrome refuses to start: answers an error and stays idle.
    FailStart,
    /// Its webhook receiver refuses it: answers an error to each start, is busy on its health port and idle in the brewery
    /// until [`Jibri::restart`](crate::Jibri::restart) (docs/jitsi.md 13.2.3).
    StickStart,
    /// Chrome hangs while it starts: no answer, idle and healthy, and deaf to all work until [`Jibri::restart`](crate::Jibri::restart).
    HangStart,
    /// The page does not load: `pending`, busy, then an error.
    FailJoin(Duration),
    /// `pending`, and then nothing.
    PendingForever,
    /// Is gone, with its recorder, this long after `pending`.
    Crash(Duration),
    /// Fails this long after `on`, and says that another should try.
    FailAfter(Duration),
    /// Ends cleanly this long after `on`.
    EndsByItself(Duration),
    /// The process is gone, with its recorder, this long after `on`.
    CrashRecording(Duration),
    /// ffmpeg fails this long after `pending`: an error, and unhealthy until [`Jibri::restart`](crate::Jibri::restart).
    FailSystem(Duration),
    /// Says that it is busy, with other people's work.
    Busy,
}

impl Behaviour {
    /// Works, without delay.
    pub const fn healthy() -> Behaviour {
        Behaviour::Healthy { launch: Duration::ZERO, join: Duration::ZERO }
    }

    /// Works, and takes this long for each of its two steps.
    pub const fn slow(each: Duration) -> Behaviour {
        Behaviour::Healthy { launch: each, join: each }
    }
}

/// How a Jibri is set up.
#[derive(Clone, Debug)]
pub struct JibriOptions {
    /// What it does with a start.
    pub behaviour: Behaviour,
    /// How long it goes on recording where nobody is; Jibri's own is 30 s.
    pub empty_timeout: Duration,
    /// How long it takes to notice that its Chrome is not in the meeting any more; up to 15 s with a real one
    /// (docs/jitsi.md 13.2.4).
    pub notices: Duration,
    /// How long it stays busy after the end of a recording.
    pub finalize: Duration,
    /// `single-use-mode`: after one recording it shows itself busy for good, and takes no more work.
    pub single_use: bool,
    /// Whether the recorder says by `features` that it is a Jibri.
    pub recorder_features: bool,
    /// Where the account of its recorders is.
    pub recorder_domain: String,
    /// Starts are not noticed for so long after it has come up (docs/jitsi.md 13.2.7).
    pub misses_starts: Duration,
    /// Resource of its connection; another one each time if none.
    pub resource: Option<String>,
}

impl Default for JibriOptions {
    fn default() -> Self {
        JibriOptions {
            behaviour: Behaviour::healthy(),
            empty_timeout: Duration::from_secs(30),
            notices: Duration::ZERO,
            finalize: Duration::ZERO,
            single_use: false,
            recorder_features: true,
            recorder_domain: HIDDEN.into(),
            misses_starts: Duration::ZERO,
            resource: None,
        }
    }
}

/// A start that reached a Jibri.
#[derive(Clone, Debug)]
pub struct Started {
    /// When.
    pub at: Instant,
    /// Session.
    pub session_id: String,
    /// Room.
    pub room: String,
    /// `file` or `stream`.
    pub mode: String,
    /// What is to be done with the file.
    pub app_data: Option<String>,
}

/// In words, as the arguments of `testkit-jibri` and [`Behaviour::from_str`] have them; durations in milliseconds.
impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, after) = match self {
            Behaviour::Healthy { launch, join } => {
                return write!(f, "healthy:{}:{}", launch.as_millis(), join.as_millis());
            }
            Behaviour::FailStart => return f.write_str("refuses"),
            Behaviour::StickStart => return f.write_str("sticks"),
            Behaviour::HangStart => return f.write_str("hangs"),
            Behaviour::PendingForever => return f.write_str("pending"),
            Behaviour::Busy => return f.write_str("busy"),
            Behaviour::FailJoin(after) => ("page-does-not-load", after),
            Behaviour::Crash(after) => ("crashes-early", after),
            Behaviour::CrashRecording(after) => ("crashes", after),
            Behaviour::FailAfter(after) => ("fails", after),
            Behaviour::FailSystem(after) => ("unhealthy", after),
            Behaviour::EndsByItself(after) => ("ends", after),
        };
        write!(f, "{word}:{}", after.as_millis())
    }
}

impl FromStr for Behaviour {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Behaviour> {
        let mut parts = text.split(':');
        let word = parts.next().unwrap_or_default();
        let times: Vec<u64> = parts.map(str::parse).collect::<Result<_, _>>()?;
        let time = |n: usize| Duration::from_millis(times.get(n).copied().unwrap_or_default());
        Ok(match word {
            "healthy" => Behaviour::Healthy { launch: time(0), join: time(1) },
            "refuses" => Behaviour::FailStart,
            "sticks" => Behaviour::StickStart,
            "hangs" => Behaviour::HangStart,
            "pending" => Behaviour::PendingForever,
            "busy" => Behaviour::Busy,
            "page-does-not-load" => Behaviour::FailJoin(time(0)),
            "crashes-early" => Behaviour::Crash(time(0)),
            "crashes" => Behaviour::CrashRecording(time(0)),
            "fails" => Behaviour::FailAfter(time(0)),
            "unhealthy" => Behaviour::FailSystem(time(0)),
            "ends" => Behaviour::EndsByItself(time(0)),
            _ => return Err(format!("no such behaviour: {text}").into()),
        })
    }
}
