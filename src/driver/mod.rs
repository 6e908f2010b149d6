//! The one place where cores and edges meet: feeds inputs to the cores and carries out their effects.

mod clock;
mod companion;
mod fleet;
mod listeners;
mod orders;
mod recordings;
mod reload;
mod sources;
mod standby;
mod steps;
mod supervisor;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::address::{Nick, RoomJid};
use crate::config::{Footprint, Settings};
use crate::coupling::Coupling;
use crate::discovery::DiscoveryEvent;
use crate::fleet::Input as FleetInput;
use crate::ledger::{self, Ledger, Moment};
use crate::meeting::watchlist::Source;
use crate::meeting::{Input, Meetings, RoomEvent};
use crate::probes::{self, Probed, Probes};
use crate::recovery;
use crate::surface::{Board, Metrics, Order, Reported, Surface, orders, reports};
use crate::until::{next_tick, until};
use crate::xmpp::{self, BreweryEvent, Command, Failure, Link, LinkEvent, NotLetIn};
use clock::Clock;
use companion::Companions;
use fleet::Jibris;
use listeners::alarms::Alarms;
use listeners::history::History;
use listeners::log_fleet;
use listeners::publish::Publisher;
use listeners::told::Told;
use recordings::Book;
use sources::{Desks, Heard, Sources};
use standby::Turn;
use supervisor::Supervisor;

/// Anybody may sit in the brewery.
const MOST_SILENT: usize = 1000;
/// How long leaving the rooms and closing the stream may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long alerts on their way have at the end.
const LAST_ALERTS: Duration = Duration::from_millis(500);
/// How long the ledger has at the end.
const LAST_ENTRIES: Duration = Duration::from_millis(500);

/// Runs the service until `stop` completes; then leaves the rooms and closes the stream. Recordings go on.
/// `reloads`: new settings, of which it takes what can change while it runs.
pub async fn run(
    settings: Settings,
    dry_run: bool,
    reloads: mpsc::Receiver<Settings>,
    stop: impl Future<Output = ()>,
) {
    let (link, events) = xmpp::spawn(&settings);
    let mut probes = probes::spawn(&settings);
    let board = Arc::new(Board::new(&settings.xmpp.domain, dry_run));
    let metrics = Arc::new(Metrics::new(Arc::clone(&board), link.counters()));
    let surface = Surface { board, metrics, services: settings.muc.domains.clone().into() };
    let (orders, ordered) = orders();
    let (reports, reported) = reports();
    let clock = Clock::start();
    let recorded = read_recorded(&settings).await;
    let remembered = recordings::read(&settings).await;
    let ledger = open_ledger(&settings, &surface);
    let webhooks = probes.webhooks.take();
    let desks = Desks { orders, reports, history: ledger.reader(), safe: ledger.safe() };
    let sources = Sources::spawn(&settings, webhooks, surface.clone(), desks);
    let mut meetings = Meetings::new(&settings, dry_run, rand::random(), clock.now());
    meetings.remember(recorded);
    let jibris = Jibris::new(&settings, dry_run, &mut probes, clock);
    let alarms = Alarms::new(&settings);
    let companions = Companions::new(settings.muc.footprint, &settings.muc.domains);
    let book = Book::new(&settings, remembered, clock.now());
    let turn = Turn::new(&settings.standby, clock.now());
    tell_unfit(&settings);
    let mut driver = Driver {
        settings,
        meetings,
        jibris,
        alarms,
        publisher: Publisher::new(surface),
        history: History::new(ledger, clock),
        book,
        coupling: Coupling::default(),
        link,
        sources,
        companions,
        clock,
        linked: false,
        turn,
        sender_refused: false,
        sees_brewery: false,
        silent: BTreeSet::new(),
        trouble: None,
        told: Told::default(),
        supervisor: Supervisor::find(),
    };
    // Nobody tells us of a link that never was.
    driver.alarms.link_down(clock.now(), "there is no link to Prosody yet");
    driver.show_footprint();
    driver.rest();
    driver.supervisor.ready();
    tokio::select! {
        () = driver.work(events, &mut probes, reloads, ordered, reported) => {}
        () = stop => {}
    }
    driver.supervisor.stopping();
    driver.goodbye().await;
}

/// A recording that began longer ago was another meeting's.
const REMEMBERED: Duration = Duration::from_secs(12 * 60 * 60);

/// The rooms that were being recorded when the program ended, by the ledger.
async fn read_recorded(settings: &Settings) -> BTreeSet<RoomJid> {
    let Some(path) = settings.ledger.path.clone() else { return BTreeSet::new() };
    let since = Moment::now().before(REMEMBERED);
    let read = tokio::task::spawn_blocking(move || ledger::recorded(&path, since)).await;
    // Whoever opens it next says what is wrong with it; what is not known is looked at.
    let rooms = read.ok().and_then(Result::ok).unwrap_or_default();
    rooms.iter().filter_map(|room| RoomJid::new(room).ok()).collect()
}

struct Driver {
    /// As they are in effect.
    settings: Settings,
    meetings: Meetings,
    jibris: Jibris,
    alarms: Alarms,
    publisher: Publisher,
    history: History,
    book: Book,
    /// What the cores have yet to be told of each other.
    coupling: Coupling,
    link: Link,
    sources: Sources,
    companions: Companions,
    clock: Clock,
    linked: bool,
    /// Whose it is where there are two instances.
    turn: Turn,
    /// Prosody does not allow footprint `unseen`.
    sender_refused: bool,
    /// We are in the brewery and know who else is.
    sees_brewery: bool,
    /// Occupants of the brewery that show no `jibri-status`: Jicofo, whatever its nickname.
    silent: BTreeSet<Nick>,
    /// Why there is no link.
    trouble: Option<String>,
    /// What the log says of it.
    told: Told,
    supervisor: Supervisor,
}

impl Driver {
    async fn work(
        &mut self,
        mut events: mpsc::Receiver<LinkEvent>,
        probes: &mut Probes,
        mut reloads: mpsc::Receiver<Settings>,
        mut ordered: mpsc::Receiver<Order>,
        mut reported: mpsc::Receiver<Reported>,
    ) {
        let mut restarts = Some(fleet::read_restarts(&self.settings, self.clock));
        let every = self.settings.discovery.disco_interval;
        let mut disco = (!every.is_zero()).then(|| {
            let mut interval = tokio::time::interval(every);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        loop {
            self.begin_round();
            self.record();
            self.sweep_recordings();
            let deadlines = [
                self.meetings.next_deadline(),
                self.jibris.core.next_deadline(),
                self.alarms.next_deadline(),
                self.book.core.next_deadline(),
                self.publish(),
            ];
            let deadline = deadlines.into_iter().flatten().min().and_then(|at| self.clock.instant(at));
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.link_event(event),
                    // The link never ends by itself; without it there is nothing left to do.
                    None => return,
                },
                heard = self.sources.hear() => self.heard(heard),
                Some(probed) = probes.events.recv() => self.probed(probed),
                (whom, outcome) = self.jibris.restarted() => {
                    log_fleet::log_outcome(&whom, &outcome);
                    self.history.restarted(&whom, &outcome);
                    self.feed_fleet(fleet::recovered(whom, &outcome));
                }
                input = fleet::remembered(&mut restarts) => self.feed_fleet(input),
                () = until(deadline) => self.tick(),
                () = next_tick(&mut disco), if self.linked => self.ask_services(),
                Some(order) = ordered.recv() => self.order(order),
                Some(report) = reported.recv() => self.reported(report),
                told = self.book.told() => self.feed_recordings(told),
                Some(settings) = reloads.recv() => {
                    self.reload(settings, probes);
                    self.supervisor.reloaded();
                }
                () = self.supervisor.due() => self.supervisor.alive(),
            }
        }
    }

    /// Some deadline has passed.
    fn tick(&mut self) {
        let now = self.clock.now();
        let is_due = |at: Option<crate::time::Time>| at.is_some_and(|at| at <= now);
        if is_due(self.jibris.core.next_deadline()) {
            self.feed_fleet(FleetInput::Tick);
        }
        if is_due(self.meetings.next_deadline()) {
            self.feed(Input::Tick);
        }
        if is_due(self.book.core.next_deadline()) {
            self.recordings_are_due();
        }
        if is_due(self.alarms.next_deadline()) {
            self.alarms.tick(now, |room| self.meetings.room(room));
        }
    }

    fn link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up => self.link_up(),
            LinkEvent::Down { failure, retry_in } => self.link_down(&failure, retry_in),
            LinkEvent::StandingBy { thrown_out } => self.stand_by(thrown_out),
            LinkEvent::Room { room, event: event @ (RoomEvent::Pictured(_) | RoomEvent::Over) } => {
                self.told_of_room(room, event);
            }
            LinkEvent::Room { room, event } => self.feed(Input::Room { room, event }),
            LinkEvent::Companion { service, event } => self.companion_event(service, event),
            LinkEvent::Items { service, rooms } => {
                let changes = self.sources.items(service, rooms);
                self.feed_changes(changes);
            }
            LinkEvent::Invited { sender, room } => {
                let changes = self.sources.invited(sender, room);
                self.feed_changes(changes);
            }
            // Only `doctor` asks for these.
            LinkEvent::Info { .. } | LinkEvent::Commands { .. } | LinkEvent::SenderTried { .. } => {}
            LinkEvent::Brewery(event) => self.brewery_event(&event),
            LinkEvent::Pinged { nick, answered } => {
                let name = crate::fleet::JibriName::new(nick.as_str());
                self.feed_fleet(FleetInput::Pinged { name, answered });
            }
        }
    }

    fn link_up(&mut self) {
        let (server, domain) = (&self.settings.xmpp.server, &self.settings.xmpp.domain);
        tracing::info!(server, domain, "linked to Prosody");
        self.supervisor.status(&format!("linked to Prosody at {server} as {domain}"));
        self.linked = true;
        self.trouble = None;
        self.act();
        self.sources.link_up();
        self.alarms.link_up(self.clock.now());
        self.history.link_up(self.clock.now());
        self.feed(Input::LinkUp);
        if !self.settings.discovery.disco_interval.is_zero() {
            self.ask_services();
        }
    }

    fn link_down(&mut self, failure: &Failure, retry_in: Duration) {
        let retry_ms = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
        self.doubt();
        let now = self.clock.now();
        let why = failure.to_string();
        self.alarms.link_down(now, &why);
        self.history.link_down(now);
        if self.told.is_news(now, failure, self.linked) {
            tracing::warn!(retry_ms, "no link to Prosody: {why}; trying again until it is there");
        } else {
            tracing::debug!(retry_ms, "still no link to Prosody: {why}");
        }
        if self.trouble.as_ref() != Some(&why) {
            self.supervisor.status(&format!("no link to Prosody: {why}"));
            self.trouble = Some(why);
        }
        self.sources.link_down(failure);
        let is_unseen = self.settings.muc.footprint == Footprint::Unseen.into() && !self.sender_refused;
        if is_unseen && matches!(failure, Failure::InvalidFrom { .. }) {
            self.sender_refused = true;
            tracing::error!(
                "Prosody does not let us speak in moderators' names, so muc.footprint = \"unseen\" cannot work: add \
                 validate_from_addresses = false to its Component {:?} block and restart both; until then it is \
                 taken as \"discreet\"",
                self.settings.xmpp.domain
            );
            self.companions.sender_refused();
            self.show_footprint();
            self.feed(Input::SenderRefused);
        }
        self.companions_are_unheard();
        if std::mem::take(&mut self.linked) {
            self.feed(Input::LinkDown);
        }
    }

    fn brewery_event(&mut self, event: &BreweryEvent) {
        let now = self.clock.now();
        match event {
            BreweryEvent::Complete => {
                if !std::mem::replace(&mut self.sees_brewery, true) {
                    tracing::info!("the brewery is seen");
                }
                self.alarms.brewery(now, None);
            }
            BreweryEvent::Lost => self.sees_brewery = false,
            // Without Jicofo and Jibris there is no brewery, and they have alerts of their own.
            BreweryEvent::NotLetIn { why: why @ NotLetIn::NoRoom { .. }, .. } => {
                tracing::info!("the brewery cannot be seen: {why}");
            }
            BreweryEvent::NotLetIn { why, .. } => {
                tracing::warn!("the brewery cannot be seen: {why}");
                self.alarms.brewery(now, Some(&why.to_string()));
            }
            _ => {}
        }
        if let Some(input) = fleet::brewery(event) {
            self.feed_fleet(input);
        }
        self.watch_jicofo(event);
    }

    /// Whether Jicofo is in the brewery, once everybody there is known.
    fn watch_jicofo(&mut self, event: &BreweryEvent) {
        let had_silent = !self.silent.is_empty();
        // Another instance of this program sits there as well, and a Jibri that has just come has not said how it is.
        let now = self.clock.now();
        let is_jibri = |nick: &Nick| self.jibris.core.jibri_view(nick.as_str(), now).is_some();
        let is_ours = |nick: &Nick| nick.as_str().starts_with(self.settings.muc.nickname.as_str());
        match event {
            BreweryEvent::Presence { nick, status: None, .. } if !is_ours(nick) && !is_jibri(nick) => {
                if self.silent.len() < MOST_SILENT {
                    self.silent.insert(nick.clone());
                }
            }
            BreweryEvent::Presence { nick, .. } | BreweryEvent::Left { nick } => {
                self.silent.remove(nick);
            }
            BreweryEvent::Lost => self.silent.clear(),
            BreweryEvent::Complete | BreweryEvent::NotLetIn { .. } => {}
        }
        let is_there = !self.silent.is_empty();
        let is_news = is_there != had_silent || matches!(event, BreweryEvent::Complete);
        if self.sees_brewery && is_news {
            self.feed_fleet(crate::fleet::Input::Brewery(crate::fleet::Brewery::Jicofo { is_there }));
        }
    }

    fn heard(&mut self, heard: Heard) {
        let now = self.clock.now();
        match &heard {
            Heard::Discovery(DiscoveryEvent::SourceDown { source, why, .. }) => {
                self.alarms.source(now, source.name(), Some(why));
            }
            Heard::Discovery(DiscoveryEvent::SourceUp { source }) => {
                self.alarms.source(now, source.name(), None);
            }
            _ => {}
        }
        let listed = match &heard {
            Heard::Discovery(DiscoveryEvent::Listed { source: Source::Jicofo, rooms, .. }) => {
                Some(rooms.iter().cloned().collect())
            }
            _ => None,
        };
        if let Heard::Discovery(
            DiscoveryEvent::SourceDown { source: Source::Jicofo, .. }
            | DiscoveryEvent::SourceUp { source: Source::Jicofo },
        ) = &heard
        {
            self.feed(Input::JicofoRestarts);
        }
        let changes = self.sources.take(heard);
        if let Some(listed) = listed {
            let effects = self.meetings.jicofo_lists(now, &listed);
            self.carry_out(effects);
        }
        self.feed_changes(changes);
    }

    fn probed(&mut self, probed: Probed) {
        const DETECTOR: &str = "jibri_detector";
        let now = self.clock.now();
        match &probed {
            Probed::DetectorDown { why, .. } => {
                tracing::warn!("Jicofo does not say what it knows of Jibris: {why}");
                self.alarms.source(now, DETECTOR, Some(why));
            }
            Probed::DetectorUp => {
                tracing::info!("Jicofo says again what it knows of Jibris");
                self.alarms.source(now, DETECTOR, None);
            }
            Probed::Detected { jibris } => self.jibris.tell_whether_it_records(jibris.is_some()),
            Probed::Counted { rooms } => {
                for room in rooms {
                    self.feed(Input::Counted { room: room.clone() });
                }
            }
            _ => {}
        }
        if let Some(input) = fleet::probed(probed) {
            self.feed_fleet(input);
        }
    }

    fn ask_services(&self) {
        for service in &self.settings.muc.domains {
            self.link.send(Command::DiscoItems { service: service.clone() });
        }
    }

    async fn goodbye(mut self) {
        let effects = self.meetings.leave_all(self.clock.now());
        self.carry_out(effects);
        self.record();
        if tokio::time::timeout(GOODBYE, self.link.close()).await.is_err() {
            tracing::warn!("Prosody did not let us leave the rooms within {GOODBYE:?}");
        }
        tokio::join!(self.alarms.finish(LAST_ALERTS), self.history.finish(LAST_ENTRIES));
    }
}

fn open_ledger(settings: &Settings, surface: &Surface) -> Ledger {
    let (path, board) = (settings.ledger.path.clone(), Arc::clone(&surface.board));
    Ledger::spawn(path, settings.ledger.keep, ledger::LedgerLimits::default(), move |news| {
        if news.entries {
            board.tell_history();
        }
        if news.recordings {
            board.tell_recordings();
        }
    })
}

/// Says once which Jibris could not be restarted if they had to be.
fn tell_unfit(settings: &Settings) {
    if settings.recovery.on.is_empty() {
        return;
    }
    for instance in &settings.jibri.instances {
        if let Err(why) = recovery::check(&settings.recovery, &instance.name) {
            tracing::error!(instance = instance.name, "this Jibri cannot be restarted: {why}");
        }
    }
}
