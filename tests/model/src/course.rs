//! What becomes of a start, and how a Jibri is set up: what whoever drives the model decides.

use std::time::Duration;

/// How one of the three parts of a recording ends, and after how long; `None`: it never does.
pub type Turn = Option<(Duration, Step)>;

/// How a part of a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// As it should: the next part begins. After the last there is none, so that is the end, without a failure.
    Works,
    /// With a failure that another Jibri may not have; this one is idle and healthy afterwards.
    Fails,
    /// With a failure that makes it unhealthy (ffmpeg, the directory).
    Breaks,
    /// The process dies.
    Crashes,
    /// The launch fails, as it cannot tell its webhook receiver, and it stays busy for itself alone: idle in the brewery
    /// (docs/jitsi.md 13.2.3).
    Sticks,
}

/// What becomes of a start: what chance, or a test, has decided.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Chrome is launched, under the lock, while it looks idle. What never ends here hangs.
    pub launch: Turn,
    /// `pending`: the page is loaded.
    pub page: Turn,
    /// From the recorder's entry until it shows its session.
    pub shows: Duration,
    /// And from then until it is `on`.
    pub on: Duration,
    /// `on`; a recording that goes on until it is stopped never ends here.
    pub records: Turn,
    /// From the end of a recording until the recorder is out of the room.
    pub leaves: Duration,
    /// And until Jibri is idle again.
    pub finalizes: Duration,
}

impl Course {
    /// Works at once.
    pub const WORKS: Course = Course {
        launch: Some((Duration::ZERO, Step::Works)),
        page: Some((Duration::ZERO, Step::Works)),
        shows: Duration::ZERO,
        on: Duration::ZERO,
        records: None,
        leaves: Duration::ZERO,
        finalizes: Duration::ZERO,
    };
}

/// How a Jibri is set up, and what is left of it after its death.
#[derive(Clone, Debug)]
pub struct Settings {
    /// It ends a recording where nobody else has been for so long (docs/jitsi.md 11).
    pub empty_timeout: Duration,
    /// How often it looks.
    pub look_every: Duration,
    /// `single-use-mode`: after one recording it is used up.
    pub single_use: bool,
    /// From its entry into the brewery until it shows a status.
    pub first_status: Duration,
    /// From its entry too: starts that come meanwhile are not noticed (docs/jitsi.md 13.2.7).
    pub misses_starts: Duration,
    /// How long its presence stays after its process has died.
    pub stale: Duration,
    /// How long its recorder does; `None`: for good, with its Chrome (docs/jitsi.md 13.2.6).
    pub seat: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            empty_timeout: Duration::from_secs(30),
            look_every: Duration::from_secs(15),
            single_use: false,
            first_status: Duration::ZERO,
            misses_starts: Duration::ZERO,
            stale: Duration::from_secs(15),
            seat: Some(Duration::from_secs(66)),
        }
    }
}

/// Where a recording is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The lock is held; nobody sees anything.
    Launching,
    /// Busy; the page is loaded.
    Pending,
    /// The recorder is in the room, or about to be.
    Inside,
    /// It records.
    On,
    /// Chrome is ended, the finalize script runs.
    Finalizing,
}

/// What a Jibri answers to a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Chrome runs.
    Pending,
    /// `off` with `failure_reason` busy.
    Busy,
    /// `off` with `failure_reason` error.
    Error,
}

/// What a Jibri tells Jicofo of its recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// It is on.
    On,
    /// It has ended.
    Off {
        /// `failure_reason='error'`, with `should_retry`.
        failed: bool,
    },
}
