//! What the cores know, written to the board: rooms at once, Jibris and alerts a few times a second at most.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::super::{Clock, Driver};
use crate::address::RoomJid;
use crate::alerts::Kind;
use crate::config::Footprint;
use crate::fleet::{self, Fleet, JibriName, JibriView, JicofoRestart, Reason};
use crate::meeting::{Effect, Event, Input, MOST_PLACES, Meetings, RoomView, State, What};
use crate::recordings::RecordingState;
use crate::surface::{Alert, Jibri, Link, Metrics, Room, Surface, Testimony};
use crate::time::Time;

/// Jibris and alerts are written no sooner after they were written last.
const AGAIN: Duration = Duration::from_millis(100);
/// They are written at least so often, because a last sight is no event; and so are rooms that wait for
/// something, because not everything that they may wait for comes with one.
const AT_LEAST: Duration = Duration::from_secs(1);

const BREWERY_LOST: &str = "Jicofo has lost the Jibris, and has to be restarted";
const KEEPS_OUT: &str = "no recorder gets into this room, on a Jibri that was restarted for it either: does a password or a \
                         lobby keep it out?";

/// What has changed and is not on the board yet.
pub(in crate::driver) struct Publisher {
    surface: Surface,
    rooms: BTreeSet<RoomJid>,
    all_rooms: bool,
    lists: bool,
    listed: Option<Time>,
    swept: Time,
    link: Option<Link>,
    /// Rooms with a start request of which it is not known what becomes.
    starting: BTreeSet<RoomJid>,
    /// Who has said once what only a Jibri says: Jicofo is in the brewery as well, and anybody may be.
    jibris: BTreeSet<JibriName>,
}

impl Publisher {
    pub(in crate::driver) fn new(surface: Surface) -> Self {
        Self {
            surface,
            rooms: BTreeSet::new(),
            all_rooms: true,
            lists: true,
            listed: None,
            swept: Time::default(),
            link: None,
            starting: BTreeSet::new(),
            jibris: BTreeSet::new(),
        }
    }

    /// The meetings are about to take this in.
    pub(in crate::driver) fn input(&mut self, input: &Input) {
        if matches!(input, Input::LinkUp | Input::LinkDown | Input::SenderRefused) {
            self.all_rooms();
        }
        // What follows from what is about no room comes with an event, or is swept up.
        if let Some(room) = input.room().filter(|room| !self.rooms.contains(*room)) {
            self.rooms.insert(room.clone());
        }
    }

    /// The meetings want this.
    pub(in crate::driver) fn effect(&mut self, effect: &Effect) {
        let (Effect::Tell(Event { room, .. }) | Effect::NoSuchRoom(room)) = effect else { return };
        if !self.rooms.contains(room) {
            self.rooms.insert(room.clone());
        }
    }

    /// We take part in meetings otherwise than before.
    pub(in crate::driver) fn footprint(&self, footprint: Footprint, reason: Option<String>) {
        self.surface.board.set_footprint(footprint, reason);
    }

    /// Whether the companion answers on all conference services.
    pub(in crate::driver) fn companion(&self, answers: bool) {
        self.surface.metrics.companion(answers);
    }

    /// A recording is in this state now.
    pub(in crate::driver) fn recording(&self, state: RecordingState) {
        self.surface.metrics.recording_is(state);
    }

    /// So much more of what was recorded is in files.
    pub(in crate::driver) fn recorded(&self, more: Duration) {
        self.surface.metrics.recorded(more);
    }

    /// For so much longer recordings were wanted, of all rooms together.
    pub(in crate::driver) fn wanted(&self, more: Duration) {
        self.surface.metrics.wanted(more);
    }

    /// So many bytes are left on the disk of a Jibri.
    pub(in crate::driver) fn disk_free(&self, instance: &str, bytes: u64) {
        self.surface.metrics.disk_free(instance, bytes);
    }

    /// Any room may look otherwise.
    pub(in crate::driver) fn all_rooms(&mut self) {
        self.all_rooms = true;
    }

    /// Jibris or alerts may look otherwise.
    pub(in crate::driver) fn lists(&mut self) {
        self.lists = true;
    }

    /// Counts what happened in a room. `attempt`: the room's number of them.
    pub(in crate::driver) fn meeting(&mut self, event: &Event, attempt: u32) {
        let metrics = Arc::clone(&self.surface.metrics);
        match &event.what {
            What::StartSent { wanted_for, .. } => {
                if attempt <= 1 {
                    metrics.requested(*wanted_for);
                }
                if !self.starting.insert(event.room.clone()) {
                    metrics.start("superseded");
                }
            }
            What::On { wanted_for, .. } => {
                if let Some(wanted_for) = wanted_for {
                    metrics.recording(*wanted_for);
                }
                self.start_became(&metrics, &event.room, "on");
            }
            What::StartFailed { why, .. } => self.start_became(&metrics, &event.room, why.name()),
            What::Held(_) => self.start_became(&metrics, &event.room, "refused"),
            What::Ended { .. } => self.start_became(&metrics, &event.room, "ended"),
            What::State { to: State::Idle, .. } => {
                self.start_became(&metrics, &event.room, "abandoned");
            }
            _ => {}
        }
    }

    fn start_became(&mut self, metrics: &Metrics, room: &RoomJid, outcome: &'static str) {
        if self.starting.remove(room) {
            metrics.start(outcome);
        }
    }

    /// Counts what happened in the fleet.
    pub(in crate::driver) fn fleet(&mut self, event: &fleet::Event) {
        let metrics = Arc::clone(&self.surface.metrics);
        let count = |reason: &Reason, outcome| metrics.recovery(reason.name(), outcome);
        match event {
            fleet::Event::Restarted { reason, .. } => count(reason, "restarted"),
            fleet::Event::RecoveryFailed { reason, .. } => count(reason, "failed"),
            fleet::Event::WouldRecover { reason, .. } => count(reason, "dry_run"),
            fleet::Event::JicofoRestart(JicofoRestart::Done) => count(&Reason::LostBrewery, "restarted"),
            fleet::Event::JicofoRestart(JicofoRestart::Failed(_)) => count(&Reason::LostBrewery, "failed"),
            fleet::Event::JicofoRestart(JicofoRestart::Would) => count(&Reason::LostBrewery, "dry_run"),
            fleet::Event::RoomAtFault { room, .. } | fleet::Event::RoomSettled { room, .. } => {
                self.rooms.insert(room.clone());
            }
            _ => {}
        }
    }

    fn write_rooms(&mut self, meetings: &Meetings, fleet: &Fleet, clock: Clock, now: Time) {
        let board = &self.surface.board;
        if now.since(self.swept) >= AT_LEAST {
            self.swept = now;
            let waits = |view: &RoomView<'_>| !matches!(view.state, State::Idle | State::Recording);
            self.rooms.extend(meetings.rooms().filter(waits).map(|view| view.room.clone()));
        }
        if std::mem::take(&mut self.all_rooms) {
            let rooms: Vec<_> = meetings.rooms().map(|view| shown_room(&view, fleet, clock)).collect();
            board.put_rooms(&rooms);
        }
        let mut rooms = Vec::new();
        for room in std::mem::take(&mut self.rooms) {
            match meetings.room(&room) {
                Some(view) => rooms.push(shown_room(&view, fleet, clock)),
                None => {
                    if self.starting.remove(&room) {
                        self.surface.metrics.start("abandoned");
                    }
                    board.forget_room(room.as_str());
                }
            }
        }
        board.put_rooms(&rooms);
        board.set_waiting(u64::try_from(meetings.rooms_waiting()).unwrap_or(u64::MAX));
    }

    fn write_jibris(&mut self, fleet: &Fleet, clock: Clock, now: Time) {
        let mut before = std::mem::take(&mut self.jibris);
        let mut shown = Vec::new();
        for view in fleet.view(now) {
            let reports = view.busy.is_some() || view.healthy.is_some();
            let name = before.take(view.name).or_else(|| reports.then(|| view.name.clone()));
            if view.configured || name.is_some() {
                shown.push(shown_jibri(&view, fleet.testimonies(view.name, now), clock));
            }
            self.jibris.extend(name);
        }
        self.surface.board.set_jibris(shown);
    }

    /// `now`: how it is, but for since when.
    fn write_link(&mut self, now: Link, clock: Clock, at: Time) {
        let before = self.link.as_ref();
        if before.is_some_and(|before| Link { since: String::new(), ..before.clone() } == now) {
            return;
        }
        let same = before.filter(|before| (before.linked, before.standby) == (now.linked, now.standby));
        let since = same.map_or_else(|| clock.shown(at), |before| before.since.clone());
        let link = Link { since, ..now };
        self.link = Some(link.clone());
        self.surface.board.set_link(link);
    }
}

impl Driver {
    /// Writes to the board what has changed; says when there is more to be written.
    pub(in crate::driver) fn publish(&mut self) -> Option<Time> {
        let (now, clock) = (self.clock.now(), self.clock);
        self.publisher.surface.board.pulse().beat();
        let link = Link {
            linked: self.linked,
            standby: self.turn.is_its,
            since: String::new(),
            reason: self.trouble.clone(),
        };
        self.publisher.write_link(link, clock, now);
        self.publisher.write_rooms(&self.meetings, &self.jibris.core, clock, now);
        if self.alarms.take_news() {
            self.publisher.lists();
        }
        let pause = if self.publisher.lists { AGAIN } else { AT_LEAST };
        let due = self.publisher.listed.map(|at| at.after(pause));
        if let Some(due) = due.filter(|due| *due > now) {
            return Some(due);
        }
        self.publisher.listed = Some(now);
        self.publisher.lists = false;
        self.publisher.write_jibris(&self.jibris.core, clock, now);
        let board = &self.publisher.surface.board;
        board.set_overdue(u64::try_from(self.alarms.overdue()).unwrap_or(u64::MAX));
        let book = self.alarms.book();
        let raised: BTreeMap<_, _> = Kind::ALL.map(|kind| (kind.name(), book.raised(kind))).into();
        board.set_alerts(book.active().map(|alert| shown_alert(alert, clock)).collect(), raised);
        Some(now.after(AT_LEAST))
    }
}

/// The fleet knows whether a room keeps recorders out.
fn shown_room(view: &RoomView<'_>, fleet: &Fleet, clock: Clock) -> Arc<Room> {
    let is_at_fault = view.missing_since.is_some() && fleet.is_at_fault(view.room);
    let is_lost = view.missing_for.is_some() && fleet.has_jicofo_lost_brewery();
    let (not_recorded, reason) = match view.missing_for {
        Some(_) if is_at_fault => (Some("no recorder gets in"), Some(KEEPS_OUT.into())),
        Some(_) if is_lost => (Some(BREWERY_LOST), Some(BREWERY_LOST.into())),
        why => (why, if is_at_fault { Some(KEEPS_OUT.into()) } else { view.reason.clone() }),
    };
    Arc::new(Room {
        room: view.room.as_str().into(),
        state: view.state.name().to_owned(),
        seen: view.is_seen,
        people: view.people,
        moderators: view.moderators,
        recorder_present: view.recorder_present,
        proof: view.proof.map(|proof| proof.name().to_owned()),
        attempt: view.attempt,
        session_id: view.session.map(|session| session.0.to_string()),
        since: clock.shown(view.since),
        place: view.place.filter(|place| *place <= MOST_PLACES),
        not_recorded: not_recorded.map(str::to_owned),
        reason: reason.map(Cow::into_owned),
    })
}

fn shown_jibri(view: &JibriView<'_>, testimonies: Vec<fleet::Testimony>, clock: Clock) -> Jibri {
    let shown = |said: fleet::Testimony| Testimony {
        source: said.source.to_string(),
        says: said.says,
        since: said.since.map(|at| clock.shown(at)),
        trusted: said.trusted,
    };
    Jibri {
        name: view.name.as_str().to_owned(),
        busy: view.busy,
        healthy: view.healthy,
        verdict: view.verdict.name().to_owned(),
        failures: view.failures,
        last_seen: view.last_seen.map(|at| clock.shown(at)),
        room: view.room.map(|room| room.as_str().to_owned()),
        restarts: view.restarts,
        evidence: view.evidence.words(|at| clock.shown(at)),
        testimonies: testimonies.into_iter().map(shown).collect(),
    }
}

fn shown_alert(alert: &crate::alerts::Alert, clock: Clock) -> Alert {
    Alert {
        kind: alert.kind.name().to_owned(),
        severity: alert.severity().name().to_owned(),
        subject: alert.subject.clone(),
        since: clock.shown(alert.since),
        times: alert.times,
        summary: alert.summary.clone(),
        remedy: alert.remedy.clone(),
        labels: alert.labels.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
    }
}
