//! The fleet's part of the driver: what its sources say goes into its core, and what follows is carried out.

use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};

use super::Clock;
use crate::config::{Recovery, Settings};
use crate::fleet::{Brewery, Fleet, Input, JibriName, Reason, Whom};
use crate::ledger::{self, Moment};
use crate::probes::{AskClosely, AskNow, AskRecorders, Probed, Probes};
use crate::recovery::{self, Outcome};
use crate::xmpp::BreweryEvent;

const HOUR: Duration = Duration::from_secs(3600);

/// The core of the fleet, and what carries out its restarts. Dropped, a restart under way is killed.
pub(super) struct Jibris {
    pub(super) core: Fleet,
    settings: Recovery,
    restarts: JoinSet<(Whom, Outcome)>,
    stops: JoinSet<()>,
    /// Has Jicofo asked sooner.
    pub(super) look: Option<AskNow>,
    /// Has Jicofo asked whose recorders are in a room.
    pub(super) recorders: Option<AskRecorders>,
    pub(super) closely: AskClosely,
    /// Jicofo has said that it looks for no Jibris.
    recording_is_off: bool,
}

impl Jibris {
    /// With `dry_run` nothing is restarted.
    pub(super) fn new(settings: &Settings, dry_run: bool, probes: &mut Probes, clock: Clock) -> Self {
        let mut settings = settings.clone();
        settings.recovery.dry_run |= dry_run;
        let core = Fleet::new(&settings, clock.now());
        Self {
            core,
            settings: settings.recovery,
            restarts: JoinSet::new(),
            stops: JoinSet::new(),
            look: probes.look.take(),
            recorders: probes.recorders.take(),
            closely: probes.closely.clone(),
            recording_is_off: false,
        }
    }

    /// Says it when Jicofo begins or ceases to look for Jibris.
    pub(super) fn tell_whether_it_records(&mut self, records: bool) {
        let was_off = std::mem::replace(&mut self.recording_is_off, !records);
        if records && was_off {
            tracing::info!("Jicofo looks for Jibris");
        } else if !records && !was_off {
            tracing::warn!(
                "Jicofo does not look for Jibris, so it cannot record (docker-jitsi-meet: ENABLE_RECORDING=1; jicofo.conf: \
                 jibri.brewery-jid)"
            );
        }
    }

    /// Has it restarted; [`Jibris::restarted`] says what became of it.
    pub(super) fn restart(&mut self, name: JibriName) {
        let settings = self.settings.clone();
        self.restarts.spawn(async move {
            let outcome = recovery::recover(&settings, name.as_str()).await;
            (Whom::Jibri(name), outcome)
        });
    }

    /// Has Jicofo restarted, likewise.
    pub(super) fn restart_jicofo(&mut self) {
        let settings = self.settings.clone();
        self.restarts.spawn(async move { (Whom::Jicofo, recovery::restart_jicofo(&settings).await) });
    }

    /// Has one end what it records.
    pub(super) fn end_recording(&mut self, name: JibriName, url: String) {
        self.stops.spawn(async move {
            if let Err(why) = recovery::stop_service(&url).await {
                tracing::warn!(
                    instance = name.as_str(),
                    "Jibri was told to end its recording, but has not: {why}"
                );
            }
        });
        // Those that have ended.
        while self.stops.try_join_next().is_some() {}
    }

    /// The next restart that has ended.
    pub(super) async fn restarted(&mut self) -> (Whom, Outcome) {
        loop {
            match self.restarts.join_next().await {
                Some(Ok(ended)) => return ended,
                Some(Err(error)) => tracing::error!(%error, "a restart could not be carried out"),
                None => std::future::pending().await,
            }
        }
    }
}

/// Begins to read in the ledger who was restarted before we were started, as far back as counts for a limit.
pub(super) fn read_restarts(settings: &Settings, clock: Clock) -> JoinHandle<Input> {
    let path = settings.ledger.path.clone();
    let since = Moment::now().before(settings.recovery.cooldown.max(HOUR));
    tokio::task::spawn_blocking(move || {
        let restarts = path.map_or_else(|| Ok(Vec::new()), |path| ledger::restarts(&path, since));
        let restarts = restarts.unwrap_or_else(|error| {
            tracing::warn!("{error}; recovery.cooldown and recovery.max_per_hour start afresh");
            Vec::new()
        });
        let restart = |(name, why, at): (String, String, Moment)| {
            let is_jicofo = why == Reason::LostBrewery.name();
            let whom = if is_jicofo { Whom::Jicofo } else { Whom::Jibri(JibriName::new(&name)) };
            (whom, clock.time(at.into()))
        };
        Input::Remembered(restarts.into_iter().map(restart).collect())
    })
}

/// Once, when it has been read. No Jibri is restarted before it has looked the same for some seconds, which is
/// longer than that takes.
pub(super) async fn remembered(reading: &mut Option<JoinHandle<Input>>) -> Input {
    let Some(read) = reading else { return std::future::pending().await };
    let input = read.await.unwrap_or(Input::Tick);
    *reading = None;
    input
}

/// What became of a restart, for the core.
pub(super) fn recovered(whom: Whom, outcome: &Outcome) -> Input {
    let result = if outcome.success { Ok(()) } else { Err(outcome.to_string()) };
    match whom {
        Whom::Jibri(name) => Input::Recovered { name, result },
        Whom::Jicofo => Input::JicofoRestarted(result),
    }
}

/// What the brewery shows, for the core; none for what only people have to know.
pub(super) fn brewery(event: &BreweryEvent) -> Option<Input> {
    Some(Input::Brewery(match event {
        BreweryEvent::Complete => Brewery::Complete,
        BreweryEvent::Lost => Brewery::Lost,
        BreweryEvent::Presence { nick, status, items } => {
            Brewery::Presence { name: JibriName::new(nick.as_str()), status: *status, items: *items }
        }
        BreweryEvent::Left { nick } => Brewery::Left { name: JibriName::new(nick.as_str()) },
        BreweryEvent::NotLetIn { .. } => return None,
    }))
}

/// What is seen of Jibris over HTTP, for the core.
pub(super) fn probed(probed: Probed) -> Option<Input> {
    Some(match probed {
        Probed::Health { name, answer } => {
            Input::Health { name: JibriName::new(&name), answer: answer.map(|status| status.report) }
        }
        Probed::Status { name, status } => Input::Webhook { id: name, report: status.report },
        Probed::Refused { name } => Input::PortRefused { name: JibriName::new(&name) },
        Probed::Recorders { room, seats } => Input::Recorders { room, seats, listed: true },
        Probed::DetectorUp | Probed::Counted { .. } => return None,
        Probed::DetectorDown { .. } => Input::Detector(None),
        Probed::Detected { jibris } => Input::Detector(jibris),
    })
}
