//! The one place where core and edges meet: feeds inputs to the core and carries out its effects.

mod reload;
mod sources;
mod tell;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::config::{Footprint, Settings};
use crate::meeting::vouch::Change;
use crate::meeting::{Effect, Input, Meetings};
use crate::time::Time;
use crate::xmpp::{self, Command, Failure, Link, LinkEvent};
use sources::Sources;

/// How long leaving the rooms and closing the stream may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Runs the service until `stop` completes; then leaves the rooms and closes the stream. Recordings go on.
/// `reloads`: new settings, of which it takes what can change while it runs.
pub async fn run(
    settings: Settings,
    dry_run: bool,
    reloads: mpsc::Receiver<Settings>,
    stop: impl Future<Output = ()>,
) {
    let (link, events) = xmpp::spawn(&settings);
    let sources = Sources::spawn(&settings);
    let clock = Clock(Instant::now());
    let meetings = Meetings::new(&settings, dry_run, rand::random(), clock.now());
    let mut driver = Driver {
        settings,
        meetings,
        link,
        sources,
        clock,
        linked: false,
        sender_refused: false,
        trouble: None,
    };
    tokio::select! {
        () = driver.work(events, reloads) => {}
        () = stop => {}
    }
    driver.goodbye().await;
}

/// The process's monotonic clock as the core counts it.
struct Clock(Instant);

impl Clock {
    fn now(&self) -> Time {
        Time::new(self.0.elapsed())
    }

    /// None if it lies too far ahead to be expressed, which is as good as never.
    fn instant(&self, at: Time) -> Option<Instant> {
        self.0.checked_add(at.since_start())
    }
}

struct Driver {
    /// As they are in effect.
    settings: Settings,
    meetings: Meetings,
    link: Link,
    sources: Sources,
    clock: Clock,
    linked: bool,
    /// Prosody does not allow footprint `unseen`.
    sender_refused: bool,
    /// Why there is no link, as it was told last.
    trouble: Option<String>,
}

impl Driver {
    async fn work(&mut self, mut events: mpsc::Receiver<LinkEvent>, mut reloads: mpsc::Receiver<Settings>) {
        let every = self.settings.discovery.disco_interval;
        let mut disco = (!every.is_zero()).then(|| {
            let mut interval = tokio::time::interval(every);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        loop {
            let deadline = self.meetings.next_deadline().and_then(|at| self.clock.instant(at));
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.link_event(event),
                    // The link never ends by itself; without it there is nothing left to do.
                    None => return,
                },
                heard = self.sources.hear() => {
                    let changes = self.sources.take(heard);
                    self.feed_changes(changes);
                }
                () = until(deadline) => self.feed(Input::Tick),
                () = tick(&mut disco), if self.linked => self.ask_services(),
                Some(settings) = reloads.recv() => self.reload(settings),
            }
        }
    }

    fn link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up => {
                tracing::info!(
                    server = self.settings.xmpp.server,
                    domain = self.settings.xmpp.domain,
                    "linked to Prosody"
                );
                self.linked = true;
                self.trouble = None;
                self.sources.link_up();
                self.feed(Input::LinkUp);
                if !self.settings.discovery.disco_interval.is_zero() {
                    self.ask_services();
                }
            }
            LinkEvent::Down { failure, retry_in } => {
                let retry_ms = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
                // Said once: it is tried again for ever, and that it still fails is no news.
                let told = failure.to_string();
                if self.trouble.as_ref() == Some(&told) {
                    tracing::debug!(retry_ms, "still no link to Prosody");
                } else {
                    tracing::warn!(retry_ms, "no link to Prosody: {told}; trying again until it is there");
                    self.trouble = Some(told);
                }
                self.sources.link_down(&failure);
                if self.settings.muc.footprint == Footprint::Unseen
                    && !self.sender_refused
                    && matches!(failure, Failure::InvalidFrom { .. })
                {
                    self.sender_refused = true;
                    tracing::error!(
                        "Prosody does not let us speak in moderators' names, so muc.footprint = \"unseen\" cannot \
                         work: add validate_from_addresses = false to its Component {:?} block and restart both; \
                         until then it is taken as \"discreet\"",
                        self.settings.xmpp.domain
                    );
                    self.feed(Input::SenderRefused);
                }
                if std::mem::take(&mut self.linked) {
                    self.feed(Input::LinkDown);
                }
            }
            LinkEvent::Room { room, event } => self.feed(Input::Room { room, event }),
            LinkEvent::Items { service, rooms } => {
                let changes = self.sources.items(service, rooms);
                self.feed_changes(changes);
            }
            LinkEvent::Invited { room } => {
                let changes = self.sources.invited(room);
                self.feed_changes(changes);
            }
            LinkEvent::Brewery(event) => tracing::debug!(?event, "the brewery"),
            LinkEvent::Pinged { nick, answered } => {
                tracing::debug!(jibri = nick.as_str(), answered, "pinged")
            }
        }
    }

    fn ask_services(&self) {
        for service in &self.settings.muc.domains {
            self.link.send(Command::DiscoItems { service: service.clone() });
        }
    }

    fn feed_changes(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.feed(change.into());
        }
    }

    /// Takes an input to the core, and all that follows from it.
    fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let effects = self.meetings.handle(self.clock.now(), input);
            inputs.extend(self.carry_out(effects).into_iter().map(Input::from));
        }
    }

    /// Returns what the core has to be told because of it.
    fn carry_out(&mut self, effects: Vec<Effect>) -> Vec<Change> {
        let mut changes = Vec::new();
        for effect in effects {
            match effect {
                Effect::Do(action) => self.link.send(Command::Act(action)),
                Effect::Tell(event) => tell::log(&event),
                Effect::NoSuchRoom(room) => changes.extend(self.sources.no_such_room(room)),
            }
        }
        changes
    }

    async fn goodbye(mut self) {
        let effects = self.meetings.leave_all(self.clock.now());
        self.carry_out(effects);
        if tokio::time::timeout(GOODBYE, self.link.close()).await.is_err() {
            tracing::warn!("Prosody did not take our leave within {GOODBYE:?}");
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn tick(interval: &mut Option<tokio::time::Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}
