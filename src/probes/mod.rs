//! What is seen of Jibris over HTTP: their health ports, their webhooks, and what Jicofo believes of them.
//!
//! [`spawn`] starts it all. Nothing is concluded here, and nothing that is answered or sent, of whatever
//! shape, size or speed, does more than cost a line. The brewery, which XMPP sees, is another edge's.

mod conference;
mod detector;
mod head_counts;
mod health;
mod inbox;
mod json;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::address::RoomJid;
use crate::address::tenant::Services;
use crate::config::{Jibri, Settings};
use crate::jibri::{Detected, Report, Seat};
pub use conference::AskRecorders;
use conference::Conferences;
pub use detector::AskNow;
use detector::Detector;
pub use health::AskClosely;
pub use inbox::Webhooks;

/// Probes that may wait for whoever takes them. Then those who ask wait, too; of what webhooks say, the
/// newest of each Jibri is kept.
const EVENTS: usize = 1024;

/// Something that was seen, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// A health port was asked (docs/jitsi.md 6, `GET health`).
    Health {
        /// The name of the `[[jibri.instance]]`.
        name: String,
        /// What it says, or in words why it says nothing that could be read.
        answer: Result<Status, String>,
    },
    /// A health port was asked, and the connection was refused; told before the answer that there is none.
    Refused {
        /// The name of the `[[jibri.instance]]`.
        name: String,
    },
    /// A Jibri says how it is (docs/jitsi.md 6, webhook `v1/status`): at each change and each minute.
    Status {
        /// The name of the `[[jibri.instance]]` with this id or name, or else its id as it came.
        name: String,
        /// What it says.
        status: Status,
    },
    /// What Jicofo believes (docs/jitsi.md 7, `jibri_detector` in `GET /debug`).
    Detected {
        /// In the order of their names. None: it looks for no Jibris, as recording is off (docker:
        /// `ENABLE_RECORDING`; jicofo.conf: `jibri.brewery-jid`).
        jibris: Option<Vec<Detected>>,
    },
    /// Whose recorders are in a meeting, by Jicofo (docs/jitsi.md 7); the answer to [`AskRecorders::ask`].
    Recorders {
        /// The room.
        room: RoomJid,
        /// Theirs whose Jibri is told, in order.
        seats: Vec<Seat>,
    },
    /// In these rooms Jicofo counts another number than when it was asked last (docs/jitsi.md 7, `focus_manager` in `GET
    /// debug`), also in those that are new to it or gone.
    Counted {
        /// By their real names.
        rooms: Vec<RoomJid>,
    },
    /// Jicofo's belief cannot be had for a while. Told once an outage.
    DetectorDown {
        /// Since when.
        since: Instant,
        /// Why, and what to change.
        why: String,
    },
    /// It can be had again. Told before what it says.
    DetectorUp,
}

/// What a Jibri says of itself over HTTP; it never leaves open what it does or how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What it does, and whether it thinks that it could.
    pub report: Report,
    /// What of it is not healthy; may be empty. No longer than 200 characters, and without control characters.
    pub detail: String,
}

/// What looking may cost.
#[derive(Debug, Clone, Copy)]
pub struct ProbeLimits {
    /// From a request to a health port to the end of the answer; never longer than
    /// `jibri.health_interval`.
    pub health_time: Duration,
    /// Health ports asked at once.
    pub at_once: usize,
    /// Of those that did not answer last time, and must not make the others wait.
    pub failing_at_once: usize,
    /// From a request to Jicofo to the end of the answer.
    pub detector_time: Duration,
    /// The length of Jicofo's answer, in bytes.
    pub detector_bytes: usize,
    /// How often Jicofo is asked, if nobody wants to know sooner ([`AskNow::now`]).
    pub detector_interval: Duration,
}

impl Default for ProbeLimits {
    fn default() -> Self {
        Self {
            health_time: Duration::from_secs(3),
            at_once: 32,
            failing_at_once: 16,
            detector_time: Duration::from_secs(5),
            detector_bytes: 32 * 1024 * 1024,
            // As often as its list, whose interval is a lower bound to this.
            detector_interval: Duration::from_secs(1),
        }
    }
}

/// Those who look, as their owner holds them. Dropped, they end.
#[derive(Debug)]
pub struct Probes {
    /// What they see.
    pub events: mpsc::Receiver<Probed>,
    /// Where the HTTP server puts what is sent to it; none if `jibri.webhook` is off.
    pub webhooks: Option<Webhooks>,
    webhooks_used: Option<Webhooks>,
    /// Has Jicofo asked sooner; none if it is not asked.
    pub look: Option<AskNow>,
    /// Those who ask health ports.
    health: JoinSet<()>,
    sender: mpsc::Sender<Probed>,
    limits: ProbeLimits,
    /// Has Jicofo asked whose recorders are in a room; none if it is not asked.
    pub recorders: Option<AskRecorders>,
    /// Has health ports asked every second.
    pub closely: AskClosely,
    _tasks: JoinSet<()>,
}

impl Probes {
    /// Other health ports are to be asked from now on, and webhooks may come from other Jibris.
    pub(crate) fn use_instances(&mut self, jibri: &Jibri) {
        self.health = JoinSet::new();
        let hints = health::spawn(jibri, self.limits, &self.sender, &mut self.health);
        self.closely.use_hints(&hints);
        if let Some(webhooks) = &self.webhooks_used {
            webhooks.use_instances(jibri, hints);
        }
    }
}

/// What each health port says now, by the name of its instance; the error is why it says nothing, in words.
pub(crate) async fn health_now(settings: &Settings) -> Vec<(String, Result<Status, String>)> {
    health::ask_once(&settings.jibri, ProbeLimits::default()).await
}

/// What Jicofo believes now, as in [`Probed::Detected`]; none if it is not to be asked. The error is why that
/// cannot be had, in words.
pub(crate) async fn detected_now(settings: &Settings) -> Option<Result<Option<Vec<Detected>>, String>> {
    let services = Services::new(&settings.muc.domains);
    Some(match Detector::new(&settings.discovery.jicofo, services, ProbeLimits::default())? {
        Ok(detector) => detector.ask_once().await,
        Err(why) => Err(why),
    })
}

/// Starts to look.
pub fn spawn(settings: &Settings) -> Probes {
    spawn_with(settings, ProbeLimits::default())
}

/// As [`spawn`], with other limits.
pub fn spawn_with(settings: &Settings, limits: ProbeLimits) -> Probes {
    let (sender, events) = mpsc::channel(EVENTS);
    let mut tasks = JoinSet::new();
    let mut health = JoinSet::new();
    let hints = health::spawn(&settings.jibri, limits, &sender, &mut health);
    let webhooks = settings.jibri.webhook.then(|| {
        let webhooks = Webhooks::new(&settings.jibri, hints.clone());
        tasks.spawn(webhooks.clone().forward(sender.clone()));
        webhooks
    });
    let recorders = Conferences::new(&settings.discovery.jicofo, limits).map(|(conferences, ask)| {
        tasks.spawn(conferences.answer(sender.clone()));
        ask
    });
    let mut look = None;
    match Detector::new(&settings.discovery.jicofo, Services::new(&settings.muc.domains), limits) {
        Some(Ok(detector)) => {
            look = Some(detector.look());
            tasks.spawn(detector.watch(sender.clone()));
        }
        Some(Err(why)) => {
            let down = Probed::DetectorDown { since: Instant::now(), why };
            let sender = sender.clone();
            tasks.spawn(async move { drop(sender.send(down).await) });
        }
        None => {}
    }
    let webhooks_used = webhooks.clone();
    let closely = AskClosely::of(hints);
    Probes {
        events,
        webhooks,
        webhooks_used,
        look,
        recorders,
        closely,
        health,
        sender,
        limits,
        _tasks: tasks,
    }
}
