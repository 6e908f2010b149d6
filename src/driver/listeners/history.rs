//! What happens, as entries of the ledger: one for each start, recording, or want that came to nothing; orders by hand and
//! waits for a Jibri; restarts and alerts.

mod orders;
mod restarts;
mod waits;
mod want;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::super::{Clock, Driver};
use crate::address::RoomJid;
use crate::alerts::{self, Delivery};
use crate::fleet::{self, JicofoRestart, Reason, Serving, Whom};
use crate::lasting::lasting;
use crate::ledger::{self, Attempt, Entry, Key, Ledger, Moment, Outcome, Recovery};
use crate::meeting::{Ended, Event, RoomView, Roster, SessionId, Speaker, State, What};
use crate::plain::plain;
use crate::recordings::{Recording, RecordingState};
use crate::time::Time;
use restarts::JICOFO;
use want::Want;

/// Open entries are looked at so often: why a room waits, and which Jibri serves it, is no event.
const SWEEP: Duration = Duration::from_secs(1);
/// A clock that is off by so many milliseconds was set.
const OFF: u64 = 500;
/// Most characters of a nickname.
const MOST_NICK: usize = 200;
/// Most characters of a reason, or an output.
const MOST_TEXT: usize = 1000;
/// How the reason of one begins that was moved to another Jibri.
const MOVED: &str = "moved from ";
/// What a recording that broke off is said to miss: Prosody keeps a dead stream for 15 s, Jibri notices as late that its Chrome
/// is gone, and we know of both within 5 s (docs/jitsi.md 13.2.4, 13.2.12).
const BROKE_OFF: &str = "the last 20 s before that may be missing";
/// What is said of a start after which there is no other.
const LAST_ONE: &str = "; start.retry_limit is reached, so no other request is sent in this meeting";
/// Writes the ledger.
#[derive(Debug)]
pub(in crate::driver) struct History {
    ledger: Ledger,
    clock: Clock,
    /// When the clock began, by the clock on the wall.
    began: Moment,
    rooms: BTreeMap<RoomJid, Open>,
    /// What was tried where a recording is missing.
    wants: BTreeMap<RoomJid, Want>,
    /// Orders by hand that are in effect.
    orders: BTreeMap<RoomJid, (Key, ledger::Order)>,
    /// Waits for a Jibri that are not over.
    waits: BTreeMap<RoomJid, (Key, ledger::Wait)>,
    /// Since when there is no link, and for how long there was none before that.
    unlinked_since: Option<Time>,
    unlinked: Duration,
    /// The last thing that happened in this room tells why nothing is started now.
    explained: Option<RoomJid>,
    restarts: VecDeque<(Key, Recovery)>,
    /// What was said at the restart that has just ended.
    output: Option<(Whom, String)>,
    /// Those that stand, and when they were raised.
    alerts: BTreeMap<(alerts::Kind, String), (Key, Moment)>,
    swept: Time,
}

/// What is under way in a room.
#[derive(Debug)]
struct Open {
    key: Key,
    attempt: Attempt,
    /// For how long there had been no link when it began.
    unlinked: Duration,
}

impl History {
    pub(in crate::driver) fn new(ledger: Ledger, clock: Clock) -> Self {
        Self {
            ledger,
            clock,
            began: Moment::now().before(clock.now().since_start()),
            rooms: BTreeMap::new(),
            wants: BTreeMap::new(),
            orders: BTreeMap::new(),
            waits: BTreeMap::new(),
            unlinked_since: None,
            unlinked: Duration::ZERO,
            explained: None,
            restarts: VecDeque::new(),
            output: None,
            alerts: BTreeMap::new(),
            swept: Time::default(),
        }
    }

    /// What the clock on the wall showed then, as it goes now: it may have been set since we started. The same
    /// moment is shown the same, unless it was.
    fn wall(&mut self, at: Time) -> Moment {
        let began = Moment::now().before(self.clock.now().since_start());
        if began.0.abs_diff(self.began.0) > OFF {
            self.began = began;
        }
        self.began.after(at.since_start())
    }

    /// There is a link to Prosody.
    pub(in crate::driver) fn link_up(&mut self, now: Time) {
        self.unlinked = self.unlinked(now);
        self.unlinked_since = None;
    }

    /// There is no link any more.
    pub(in crate::driver) fn link_down(&mut self, now: Time) {
        self.unlinked_since = self.unlinked_since.or(Some(now));
    }

    /// For how long there was no link, in all.
    fn unlinked(&self, now: Time) -> Duration {
        let current = self.unlinked_since.map_or(Duration::ZERO, |since| now.since(since));
        self.unlinked.saturating_add(current)
    }

    /// Something has happened in a room, which now looks like this; none: it is forgotten.
    pub(in crate::driver) fn meeting(
        &mut self,
        now: Time,
        event: &Event,
        view: Option<&RoomView<'_>>,
        roster: Option<&Roster>,
    ) {
        let room = &event.room;
        let at = Some(self.wall(now));
        let was_explained = self.explained.take().is_some_and(|explained| explained == *room);
        match &event.what {
            What::StartSent { wanted_for, speaker, .. } => {
                // As it is told elsewhere: by now it is a little later than it was for the core.
                let since = view.and_then(|view| view.missing_since);
                let since = since.unwrap_or(Time::new(now.since_start().saturating_sub(*wanted_for)));
                match self.rooms.get(room).map(|open| &open.attempt) {
                    Some(attempt) if attempt.sent.is_some() => {
                        let why = "nobody knows what became of it, and it was sent again";
                        self.close(now, room, Outcome::Failed, why);
                    }
                    // Somebody else's, or of the meeting before: it has come to nothing.
                    Some(attempt) if attempt.wanted.is_none() => drop(self.rooms.remove(room)),
                    _ => {}
                }
                let (nick, jid) = match (speaker, roster) {
                    (Speaker::InName(jid), Some(roster)) => (roster.bearer(jid), Some(jid)),
                    (Speaker::Companion(nick), Some(roster)) => (Some(nick), roster.jid_of(nick)),
                    _ => (None, None),
                };
                self.begin(now, room, Some(since), roster);
                self.change(room, |attempt| {
                    attempt.sent = at;
                    attempt.outcome = Outcome::Starting;
                    attempt.reason = None;
                    if let (Some(nick), Some(jid)) = (nick, jid) {
                        attempt.trigger = Some(format!("{} (moderator)", plain(nick.as_str(), MOST_NICK)));
                        attempt.jid = Some(jid.bare().to_owned());
                    }
                });
            }
            What::Accepted { session } => self.change(room, |attempt| {
                attempt.outcome = Outcome::Pending;
                attempt.session_id = name(session.as_ref());
            }),
            What::Taken | What::Adopted => self.change(room, |attempt| attempt.outcome = Outcome::Pending),
            What::On { session, wanted_for, .. } => {
                if self.outcome(room) == Some(Outcome::Recording) {
                    self.close(now, room, Outcome::Recorded, "another recording took its place");
                }
                let wanted = wanted_for.map(|span| Time::new(now.since_start().saturating_sub(span)));
                self.begin(now, room, wanted, roster);
                self.wants.remove(room);
                self.change(room, |attempt| {
                    attempt.on = at;
                    attempt.outcome = Outcome::Recording;
                    attempt.session_id = name(session.as_ref()).or(attempt.session_id.take());
                    let is_ours = attempt.sent.is_some();
                    attempt.reason = (!is_ours)
                        .then(|| "we did not start it: it was on already, or somebody else did".to_owned());
                });
            }
            What::Ended { session, how } => {
                self.change(room, |attempt| {
                    attempt.session_id = name(session.as_ref()).or(attempt.session_id.take());
                });
                let is_sudden =
                    matches!(how, Ended::Failed | Ended::Refuted(_) | Ended::Lost | Ended::Unexplained);
                let reason = if is_sudden { format!("{how}; {BROKE_OFF}") } else { how.to_string() };
                self.close(now, room, ended(how), &reason);
                self.explained = Some(room.clone());
            }
            What::StartFailed { why, retry_in } => {
                if self.outcome(room).is_some_and(|outcome| outcome != Outcome::Waiting) {
                    let end = if retry_in.is_none() { LAST_ONE } else { "" };
                    self.close(now, room, Outcome::Failed, &format!("{why}{end}"));
                }
                self.explained = Some(room.clone());
            }
            What::Held(hold) => {
                let missing = view.and_then(|view| view.missing_since);
                let outcome = self.outcome(room);
                // It has just been told why, or nobody misses anything.
                if outcome.is_none() && (was_explained || missing.is_none()) {
                    return;
                }
                self.begin(now, room, missing, roster);
                let tried = self.wants.get(room).and_then(Want::tried);
                let was_sent = outcome.is_some_and(|outcome| outcome != Outcome::Waiting);
                let outcome = if was_sent || tried.is_some() { Outcome::Failed } else { Outcome::NotStarted };
                let tried = tried.map_or(String::new(), |tried| format!("; before that, {tried}"));
                self.close(now, room, outcome, &format!("{hold}{tried}"));
            }
            What::Manual { order, origin } => self.ordered(now, room, *order, *origin),
            What::OrderOver { end, .. } => self.order_over(now, room, &end.to_string()),
            What::Waits { place } => {
                self.waits(now, room, *place);
                self.explain(room, view);
            }
            What::WaitsNoMore(end) => {
                let is_empty = view.is_none_or(|view| view.people == 0);
                self.waits_no_more(now, room, *end, is_empty);
            }
            What::State { to: State::Pending, .. } => {
                self.begin(now, room, view.and_then(|view| view.missing_since), roster);
                self.change(room, |attempt| attempt.outcome = Outcome::Pending);
            }
            What::State { to: State::Settling | State::Waiting | State::Backoff, .. } => {
                let since = view.and_then(|view| view.missing_since);
                if since.is_some() {
                    self.begin(now, room, since, roster);
                    self.explain(room, view);
                }
            }
            What::State { to: State::Idle, .. } => self.is_it_over(now, room, view),
            _ => {}
        }
    }

    fn outcome(&self, room: &RoomJid) -> Option<Outcome> {
        self.rooms.get(room).map(|open| open.attempt.outcome)
    }

    /// An entry for what is wanted, or found, unless there is one.
    fn begin(&mut self, now: Time, room: &RoomJid, wanted: Option<Time>, roster: Option<&Roster>) {
        let unlinked = self.unlinked(now);
        if let Some(since) = wanted
            && self.wants.get(room).is_none_or(|want| want.since != since)
        {
            self.wants.insert(room.clone(), Want::new(since, unlinked));
        }
        if self.rooms.contains_key(room) {
            return;
        }
        let trigger = roster.and_then(Roster::newest);
        let since = wanted.map(|at| self.wall(at));
        let attempt = Attempt {
            room: room.as_str().to_owned(),
            trigger: trigger.map(|(nick, _, is_moderator)| {
                let role = if is_moderator { "moderator" } else { "participant" };
                format!("{} ({role})", plain(nick.as_str(), MOST_NICK))
            }),
            jid: trigger.and_then(|(_, jid, _)| jid).map(|jid| jid.bare().to_owned()),
            wanted: since,
            ..Attempt::default()
        };
        let key = self.ledger.new_key();
        if wanted.is_some() {
            self.ledger.put(key, Entry::Attempt(attempt.clone()));
        }
        self.rooms.insert(room.clone(), Open { key, attempt, unlinked });
    }

    fn change(&mut self, room: &RoomJid, change: impl FnOnce(&mut Attempt)) {
        let Some(open) = self.rooms.get_mut(room) else { return };
        let before = open.attempt.clone();
        change(&mut open.attempt);
        let entry = Entry::Attempt(open.attempt.clone());
        // What others have begun has no time before it is on, or over: it would be shown as of 1970.
        if open.attempt != before && entry.time() != Moment::default() {
            self.ledger.put(open.key, entry);
        }
    }

    /// Why it waits, if it does.
    fn explain(&mut self, room: &RoomJid, view: Option<&RoomView<'_>>) {
        // Once nothing is wanted any more, or nobody knows, the reason is another's.
        let wanted = view.filter(|view| view.state != State::Idle);
        if self.outcome(room) == Some(Outcome::Waiting)
            && let Some(why) = wanted.and_then(|view| view.reason.as_deref())
        {
            self.change(room, |attempt| attempt.reason = Some(plain(why, MOST_TEXT)));
        }
    }

    fn close(&mut self, now: Time, room: &RoomJid, outcome: Outcome, reason: &str) {
        let Some(Open { key, mut attempt, unlinked }) = self.rooms.remove(room) else { return };
        let at = self.wall(now);
        attempt.off = Some(at);
        attempt.outcome = outcome;
        if outcome == Outcome::Failed
            && attempt.sent.is_some()
            && attempt.on.is_none()
            && let Some(want) = self.wants.get_mut(room)
        {
            want.has_failed(at, reason);
        }
        let unlinked = want::without_link(self.unlinked(now).saturating_sub(unlinked));
        let unlinked = unlinked.filter(|_| !reason.contains(want::NO_LINK));
        let reason = unlinked.map_or_else(|| reason.to_owned(), |unlinked| format!("{reason}; {unlinked}"));
        // That a part is missing is told to the end.
        let moved = attempt.reason.take().filter(|before| before.starts_with(MOVED));
        let reason = moved.map_or_else(|| reason.clone(), |moved| format!("{moved}; {reason}"));
        attempt.reason = Some(plain(&reason, MOST_TEXT));
        self.ledger.put(key, Entry::Attempt(attempt));
    }

    /// No recording is wanted here any more, as far as can be seen, and none is on.
    fn is_it_over(&mut self, now: Time, room: &RoomJid, view: Option<&RoomView<'_>>) {
        // Without a link nobody knows, and it goes on where it was once there is one.
        if view.is_some_and(|view| view.state != State::Idle || view.missing_since.is_some()) {
            return;
        }
        // What is on ends with an event of its own.
        let Some(open) = self.rooms.get(room).filter(|open| open.attempt.outcome != Outcome::Recording)
        else {
            return;
        };
        let is_empty = view.is_none_or(|view| view.people == 0);
        let end = if is_empty { "the meeting ended" } else { "no recording was wanted any more" };
        let (is_waiting, why) = (open.attempt.outcome == Outcome::Waiting, open.attempt.reason.clone());
        let unlinked = self.unlinked(now);
        // Of one that others have begun, nobody knows whether it was wanted.
        let Some(want) = self.wants.remove(room) else {
            return self.close(now, room, Outcome::Failed, &format!("before it was on, {end}"));
        };
        let in_vain = match is_waiting {
            true => format!("{}; then {end}", want.waited_in_vain(now, unlinked, why.as_deref())),
            false => want.asked_in_vain(now, unlinked, end),
        };
        let is_untried = is_waiting && want.tried().is_none();
        let outcome = if is_untried { Outcome::NotStarted } else { Outcome::Failed };
        self.close(now, room, outcome, &in_vain);
    }

    fn sweep<'a>(
        &mut self,
        now: Time,
        view: impl Fn(&RoomJid) -> Option<RoomView<'a>>,
        jibri: impl Fn(&RoomJid) -> Option<String>,
    ) {
        if now.since(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        // What was closed before its time, as a person has stopped it, is missing until it is not.
        let rooms = &self.rooms;
        self.wants.retain(|room, _| {
            rooms.contains_key(room) || view(room).is_some_and(|view| view.missing_since.is_some())
        });
        for room in self.rooms.keys().cloned().collect::<Vec<_>>() {
            let Some(open) = self.rooms.get(&room) else { continue };
            // What is on ends with an event, and there may be thousands.
            if open.attempt.outcome == Outcome::Recording {
                if let Some(name) = open.attempt.jibri.is_none().then(|| jibri(&room)).flatten() {
                    self.change(&room, |attempt| attempt.jibri = Some(name));
                }
                continue;
            }
            let is_waiting = open.attempt.outcome == Outcome::Waiting;
            let view = view(&room);
            self.explain(&room, view.as_ref());
            let jibri = if is_waiting { None } else { jibri(&room) };
            self.change(&room, |attempt| attempt.jibri = jibri.or(attempt.jibri.take()));
            self.is_it_over(now, &room, view.as_ref());
        }
    }

    /// Something has happened in the fleet.
    pub(in crate::driver) fn fleet(&mut self, now: Time, event: &fleet::Event) {
        match event {
            fleet::Event::Restarted { name, .. } => {
                self.has_restarted(&Whom::Jibri(name.clone()));
            }
            fleet::Event::RecoveryFailed { name, why, .. } => {
                self.restart_ended(name.as_str(), "failed", Some(why))
            }
            fleet::Event::WouldRecover { name, reason } => {
                self.restart(now, name.as_str(), *reason, Recovery::DRY_RUN);
            }
            fleet::Event::NotBack { name, .. } => self.restart_ended(name.as_str(), "not_back", None),
            fleet::Event::JicofoRestart(restart) => match restart {
                JicofoRestart::Done => self.has_restarted(&Whom::Jicofo),
                JicofoRestart::Failed(why) => self.restart_ended(JICOFO, "failed", Some(why)),
                JicofoRestart::Would => {
                    self.restart(now, JICOFO, Reason::LostBrewery, Recovery::DRY_RUN);
                }
                JicofoRestart::Waits(_) | JicofoRestart::Limited(_) => {}
            },
            fleet::Event::Moved { room, from, to, gap } => {
                let [from, to] = [from, to].map(|name| plain(name.as_str(), MOST_NICK));
                let moved = format!("{MOVED}{from} to {to}, about {} not recorded", lasting(*gap));
                self.change(room, |attempt| {
                    attempt.jibri = Some(to);
                    attempt.reason = Some(moved);
                });
            }
            _ => {}
        }
    }

    /// An alert is raised, repeated or resolved.
    fn alert(&mut self, now: Time, delivery: &Delivery) {
        let Delivery { status, alert } = delivery;
        let name = (alert.kind, alert.subject.clone());
        let is_over = *status == alerts::Status::Resolved;
        let known = if is_over { self.alerts.remove(&name) } else { self.alerts.get(&name).copied() };
        let (key, raised) = known.unwrap_or_else(|| (self.ledger.new_key(), self.wall(alert.since)));
        if !is_over {
            self.alerts.insert(name, (key, raised));
        }
        let resolved = is_over.then(|| self.wall(now));
        self.ledger.put(
            key,
            Entry::Alert(ledger::Alert {
                alert: alert.kind.name().to_owned(),
                subject: alert.subject.clone(),
                room: alert.labels.get("room").cloned(),
                severity: alert.severity().name().to_owned(),
                summary: alert.summary.clone(),
                raised,
                resolved,
            }),
        );
    }

    /// What is under way in a room, as it is written down.
    pub(in crate::driver) fn attempt(&self, room: &RoomJid) -> Option<&Attempt> {
        self.rooms.get(room).map(|open| &open.attempt)
    }

    /// Writes down what is known of a recording. Returns whether there was a place for it.
    pub(in crate::driver) fn recording(&mut self, recording: Recording, state: RecordingState) -> bool {
        self.ledger.put_recording(recording, state) != u64::MAX
    }

    /// So many entries are safe once all that was put so far is (`Ledger::safe`).
    pub(in crate::driver) fn put_so_far(&self) -> u64 {
        self.ledger.put_so_far()
    }

    /// Writes what is still to be written, but not for long. What is open stays so: nobody watches it now.
    pub(in crate::driver) async fn finish(self, within: Duration) {
        self.ledger.finish(within).await;
    }
}

impl Driver {
    /// Brings the ledger up to date with what comes without an event of its own.
    pub(in crate::driver) fn record(&mut self) {
        let now = self.clock.now();
        for delivery in self.alarms.take_deliveries() {
            self.history.alert(now, &delivery);
        }
        let (meetings, fleet) = (&self.meetings, &self.jibris.core);
        self.history.sweep(
            now,
            |room| meetings.room(room),
            |room| match fleet.serving(room) {
                Serving::Known(name) => Some(plain(name.as_str(), MOST_NICK)),
                Serving::OneOf(_) | Serving::Unknown => None,
            },
        );
    }
}

fn name(session: Option<&SessionId>) -> Option<String> {
    session.map(|session| session.0.to_string())
}

fn ended(how: &Ended) -> Outcome {
    match how {
        Ended::ByPerson(_) | Ended::ByUs => Outcome::Stopped,
        Ended::Failed | Ended::Lost | Ended::Unexplained | Ended::Refuted(_) => Outcome::Failed,
        Ended::Naturally | Ended::Unasked | Ended::WithMeeting => Outcome::Recorded,
    }
}

#[cfg(test)]
mod tests;
