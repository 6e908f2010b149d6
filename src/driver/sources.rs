//! What the sources of rooms say, turned into changes of what is watched.

use std::collections::BTreeSet;

use tokio::sync::{mpsc, watch};

use crate::address::RoomJid;
use crate::config::Settings;
use crate::discovery::{self, Discovery, DiscoveryEvent, Touch};
use crate::http::{self, EventSync, HttpEvent, Parts, Readiness};
use crate::ledger::Reader;
use crate::meeting::watchlist::{Change, Report, Sender, Source, Watchlist};
use crate::probes::Webhooks;
use crate::surface::{Orders, Reports, Surface};
use crate::xmpp::Failure;

/// Something that came in from outside, not over the link.
#[derive(Debug)]
pub(super) enum Heard {
    Discovery(DiscoveryEvent),
    Touched(Touch),
    Http(HttpEvent),
}

/// Where what comes in over HTTP is handed in, and where what is asked for there is read.
pub(super) struct Desks {
    pub(super) orders: Orders,
    pub(super) reports: Reports,
    pub(super) history: Reader,
    /// `Ledger::safe`.
    pub(super) safe: watch::Receiver<u64>,
}

/// The sources, and who of them vouches for what. Dropped, those that are ours end.
pub(super) struct Sources {
    watchlist: Watchlist,
    discovery: Discovery,
    http: Option<mpsc::Receiver<HttpEvent>>,
    readiness: watch::Sender<Readiness>,
    /// Conference services that did not list their rooms when last asked.
    silent: BTreeSet<String>,
    /// Sources of which it was told that they claim too many rooms.
    told_of_excess: BTreeSet<Source>,
}

impl Sources {
    /// Starts what is asked and what listens.
    pub(super) fn spawn(
        settings: &Settings,
        jibri_webhooks: Option<Webhooks>,
        surface: Surface,
        desks: Desks,
    ) -> Self {
        let discovery = discovery::spawn(settings);
        let (readiness, ready) = watch::channel(Err("not yet linked to Prosody".to_owned()));
        let event_sync = settings.discovery.event_sync.then(|| EventSync {
            touches: discovery.touches.clone(),
            own_domain: settings.xmpp.domain.clone(),
        });
        let token = settings.http.token.clone();
        let parts = Parts {
            token,
            hosts: settings.http.hosts.clone(),
            event_sync,
            jibri_webhooks,
            webhook_token: settings.jibri.webhook_token.clone(),
            readiness: Some(ready),
            surface: Some(surface),
            history: Some(desks.history),
            recordings_url: settings.recordings.url.clone(),
            orders: Some(desks.orders),
            reports: Some(desks.reports),
            safe: Some(desks.safe),
        };
        let http = settings.http.listen.map(|listen| http::spawn_apart(listen, http::router(parts)));
        tell_sources(settings);
        Self {
            watchlist: Watchlist::new(&settings.muc.domains, &settings.discovery.rooms),
            discovery,
            http,
            readiness,
            silent: BTreeSet::new(),
            told_of_excess: BTreeSet::new(),
        }
    }

    /// The next thing that comes in. Nothing is lost if it is not waited for to the end.
    pub(super) async fn hear(&mut self) -> Heard {
        tokio::select! {
            Some(event) = self.discovery.events.recv() => Heard::Discovery(event),
            touch = self.discovery.touched.recv() => Heard::Touched(touch),
            Some(event) = next(&mut self.http) => Heard::Http(event),
        }
    }

    /// Takes in what was heard.
    pub(super) fn take(&mut self, heard: Heard) -> Vec<Change> {
        match heard {
            Heard::Discovery(DiscoveryEvent::Listed { source, rooms, skipped }) => {
                if skipped > 0 {
                    tracing::debug!(skipped, "{} lists something that is not a room", source.name());
                }
                self.report(source, Report::List { source, service: None, rooms })
            }
            Heard::Touched(Touch { sender, room, gone }) => {
                let source = Source::Events;
                let report = match gone {
                    false => Report::Appeared { source, sender, room },
                    true => Report::Disappeared { source, room },
                };
                self.report(source, report)
            }
            Heard::Discovery(DiscoveryEvent::SourceDown { source, since, why }) => {
                let down_s = since.elapsed().as_secs();
                tracing::warn!(down_s, "{} does not say which rooms there are: {why}", source.name());
                self.report(source, Report::SourceLost { source })
            }
            Heard::Discovery(DiscoveryEvent::SourceUp { source }) => {
                tracing::info!("{} says again which rooms there are", source.name());
                Vec::new()
            }
            Heard::Http(HttpEvent::Listening(address)) => {
                tracing::info!(%address, "listening for HTTP");
                Vec::new()
            }
            Heard::Http(HttpEvent::CannotListen { why, retry_in }) => {
                tracing::warn!(
                    retry_s = retry_in.as_secs(),
                    "cannot listen for HTTP at {why}; is another instance running, or http.listen wrong?"
                );
                Vec::new()
            }
        }
    }

    /// A conference service has listed its rooms, or has not.
    pub(super) fn items(&mut self, service: String, rooms: Option<Vec<RoomJid>>) -> Vec<Change> {
        let source = Source::Disco;
        match rooms {
            Some(rooms) => {
                if self.silent.remove(&service) {
                    tracing::info!(service, "the conference service lists its rooms again");
                }
                self.report(source, Report::List { source, service: Some(service), rooms })
            }
            None => {
                if self.silent.insert(service.clone()) {
                    tracing::warn!(
                        service,
                        "the conference service does not list its rooms: if it never does, set \
                         discovery.disco_interval to \"0s\" and use discovery.jicofo or event_sync"
                    );
                }
                self.report(source, Report::SourceLost { source })
            }
        }
    }

    /// Somebody has invited us.
    pub(super) fn invited(&mut self, sender: Sender, room: RoomJid) -> Vec<Change> {
        let source = Source::Invitation;
        self.report(source, Report::Appeared { source, sender, room })
    }

    /// A look has shown that there is no such room, or of one on trial that focus is not in it.
    pub(super) fn no_such_room(&mut self, room: RoomJid) -> Vec<Change> {
        let changes = self.watchlist.handle(Report::NoSuchRoom { room });
        self.tell_changes("a look", changes)
    }

    /// A look has shown that focus is in a room on trial.
    pub(super) fn proven(&mut self, room: RoomJid) -> Vec<Change> {
        let changes = self.watchlist.handle(Report::Proven { room });
        self.tell_changes("a look", changes)
    }

    /// `discovery.rooms` has changed.
    pub(super) fn pin(&mut self, rooms: &[RoomJid]) -> Vec<Change> {
        let changes = self.watchlist.pin(rooms);
        self.tell_changes(Source::Pinned.name(), changes)
    }

    /// The link is up.
    pub(super) fn link_up(&self) {
        self.readiness.send_modify(|readiness| *readiness = Ok(()));
    }

    /// Another instance has the link.
    pub(super) fn stand_by(&mut self, why: &str) {
        self.readiness.send_modify(|readiness| *readiness = Err(why.to_owned()));
        self.watchlist.handle(Report::SourceLost { source: Source::Disco });
    }

    /// There is no link.
    pub(super) fn link_down(&mut self, failure: &Failure) {
        let why = format!("no link to Prosody: {failure}");
        self.readiness.send_modify(|readiness| *readiness = Err(why));
        self.watchlist.handle(Report::SourceLost { source: Source::Disco });
    }

    /// A companion tells of this room.
    pub(super) fn pictured(&mut self, room: &RoomJid) -> Vec<Change> {
        let source = Source::Companion;
        if self.watchlist.of(room).any(|known| known == source) {
            return Vec::new();
        }
        self.report(source, Report::Appeared { source, sender: Sender::Unknown, room: room.clone() })
    }

    /// A companion says that this room is over.
    pub(super) fn over(&mut self, room: RoomJid) -> Vec<Change> {
        let source = Source::Companion;
        self.report(source, Report::Disappeared { source, room })
    }

    /// A companion has told of all rooms of its conference service.
    pub(super) fn companion_lists(&mut self, service: String, rooms: Vec<RoomJid>) -> Vec<Change> {
        let source = Source::Companion;
        self.report(source, Report::List { source, service: Some(service), rooms })
    }

    /// A companion does not answer any more.
    pub(super) fn companion_lost(&mut self) {
        self.watchlist.handle(Report::SourceLost { source: Source::Companion });
    }

    /// Nothing can be done in meetings, for this reason; or it can.
    pub(super) fn can_act(&mut self, can: Result<(), String>) {
        self.readiness.send_modify(|readiness| *readiness = can);
    }

    fn report(&mut self, source: Source, report: Report) -> Vec<Change> {
        let before = self.watchlist.turned_away();
        let changes = self.watchlist.handle(report);
        if self.watchlist.turned_away() > before && self.told_of_excess.insert(source) {
            if source.is_hearsay() {
                let hint = if source == Source::Events { " Set http.token, if it is not set." } else { "" };
                tracing::warn!(
                    "{} names rooms faster than they can be looked at, so some are left out: is this a flood?{hint} \
                     Rooms that Jicofo lists (discovery.jicofo.url) are still looked at",
                    source.name()
                );
            } else {
                tracing::warn!(
                    "{} names more rooms than are possible; no more are taken from it",
                    source.name()
                );
            }
        }
        self.tell_changes(source.name(), changes)
    }

    fn tell_changes(&self, source: &str, changes: Vec<Change>) -> Vec<Change> {
        for change in &changes {
            match change {
                Change::Watch(room) => tracing::debug!(room = room.as_str(), source, "watching a room"),
                Change::WatchOnTrial { room, .. } => {
                    tracing::debug!(
                        room = room.as_str(),
                        source,
                        "watching a room until it is known whether focus is in it"
                    );
                }
                Change::Forget(room) => tracing::debug!(room = room.as_str(), source, "forgetting a room"),
                Change::Poll(_) => {}
            }
        }
        changes
    }
}

/// Says once where rooms may come from.
fn tell_sources(settings: &Settings) {
    let discovery = &settings.discovery;
    let mut sources = vec!["invitations".to_owned()];
    if !discovery.rooms.is_empty() {
        sources.push(format!("discovery.rooms ({})", discovery.rooms.len()));
    }
    if discovery.jicofo.url.is_some() {
        sources.push("Jicofo's REST".to_owned());
    }
    if !discovery.disco_interval.is_zero() {
        sources.push("service discovery".to_owned());
    }
    if discovery.event_sync && settings.http.listen.is_some() {
        let from = if settings.http.token.is_empty() { " (without http.token, from anybody)" } else { "" };
        sources.push(format!("event_sync, if Prosody sends it{from}"));
    }
    tracing::info!("rooms are found by {}", sources.join(", "));
}

async fn next<T>(receiver: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    match receiver {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}
