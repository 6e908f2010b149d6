//! The board: what is shown now, and a feed of what changes.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::broadcast;

use super::pulse::Pulse;
use super::shown::{Alert, Jibri, Link, Room, STATES, Status, Totals, VERDICTS};
use crate::config::Footprint;

/// Most rooms that are read under one lock, and shown in one event.
pub const PAGE: usize = 256;
/// Changes that may wait for whoever passes them on.
const CHANGES: usize = 1024;

/// Causes of missing recordings that are named.
const MOST_CAUSES: usize = 3;

/// Something that is shown otherwise now.
#[derive(Debug, Clone)]
pub enum Change {
    /// The link, the footprint, or how many rooms wait.
    Status,
    /// These rooms, [`PAGE`] at most.
    Rooms(Vec<Arc<Room>>),
    /// This room is watched no more.
    Gone(Arc<str>),
    /// The Jibris.
    Jibris,
    /// The alerts.
    Alerts,
    /// Something was written to the history.
    History,
    /// Something about recordings is new.
    Recordings,
}

/// What is shown.
#[derive(Debug)]
pub struct Board {
    content: RwLock<Content>,
    changes: broadcast::Sender<Change>,
    version: String,
    domain: String,
    dry_run: bool,
    pulse: Pulse,
}

#[derive(Debug, Default)]
struct Content {
    footprint: Footprint,
    footprint_reason: Option<String>,
    link: Link,
    rooms: BTreeMap<Arc<str>, Arc<Room>>,
    totals: Totals,
    /// Why rooms are not recorded, and how many for each cause. Their words are ours, so there are few.
    causes: BTreeMap<String, u64>,
    jibris: Arc<Vec<Jibri>>,
    alerts: Arc<Vec<Alert>>,
    raised: BTreeMap<&'static str, u64>,
}

impl Content {
    fn put(&mut self, room: &Arc<Room>) -> bool {
        let before = self.rooms.get(&room.room);
        if before == Some(room) {
            return false;
        }
        let before = self.rooms.insert(Arc::clone(&room.room), Arc::clone(room));
        self.count(before.as_deref(), Some(room));
        true
    }

    fn count(&mut self, before: Option<&Room>, after: Option<&Room>) {
        let people = |room: Option<&Room>| room.map_or(0, |room| u64::from(room.people));
        self.totals.people = self.totals.people.saturating_sub(people(before)).saturating_add(people(after));
        if let Some(count) = before.and_then(|room| self.totals.rooms.get_mut(&room.state)) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = after.and_then(|room| self.totals.rooms.get_mut(&room.state)) {
            *count = count.saturating_add(1);
        }
        let cause = |room: Option<&Room>| room.and_then(|room| room.not_recorded.clone());
        let (before, after) = (cause(before), cause(after));
        if before == after {
            return;
        }
        if let Some(before) = before {
            let left = self.causes.get(&before).map_or(0, |count| count.saturating_sub(1));
            if left > 0 {
                self.causes.insert(before, left)
            } else {
                self.causes.remove(&before)
            };
        }
        if let Some(after) = after {
            let count = self.causes.entry(after).or_default();
            *count = count.saturating_add(1);
        }
        self.totals.not_recorded = self.causes.values().fold(0, |sum, count| sum.saturating_add(*count));
        self.totals.not_recorded_why = why_not(&self.causes);
    }

    /// What a change of rooms may change of the status.
    fn not_recorded(&self) -> (u64, Option<String>) {
        (self.totals.not_recorded, self.totals.not_recorded_why.clone())
    }
}

/// The causes in one line, that of most rooms first.
fn why_not(causes: &BTreeMap<String, u64>) -> Option<String> {
    let mut causes: Vec<(&String, u64)> = causes.iter().map(|(cause, count)| (cause, *count)).collect();
    causes.sort_by_key(|(_, count)| Reverse(*count));
    match causes.as_slice() {
        [] => None,
        [(cause, _)] => Some((*cause).clone()),
        several => {
            let named: Vec<_> =
                several.iter().take(MOST_CAUSES).map(|(cause, count)| format!("{cause} ({count})")).collect();
            let more = if several.len() > MOST_CAUSES { "; …" } else { "" };
            Some(format!("{}{more}", named.join("; ")))
        }
    }
}

impl Board {
    /// An empty one. `domain`: `xmpp.domain`.
    pub fn new(domain: &str, dry_run: bool) -> Self {
        let zeros = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 0)).collect();
        let totals = Totals { rooms: zeros(&STATES), jibris: zeros(&VERDICTS), ..Totals::default() };
        Self {
            content: RwLock::new(Content { totals, ..Content::default() }),
            changes: broadcast::Sender::new(CHANGES),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            domain: domain.to_owned(),
            dry_run,
            pulse: Pulse::new(),
        }
    }

    /// Whether whoever writes here still does.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    // Nothing panics while it holds the lock, so what a poisoned one guards is whole all the same.
    fn read(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Content> {
        self.content.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: Change) {
        // An error means that nobody listens.
        let _ = self.changes.send(change);
    }

    /// The link is there, or not, since then and for this reason.
    pub fn set_link(&self, link: Link) {
        if self.read().link == link {
            return;
        }
        self.write().link = link;
        self.tell(Change::Status);
    }

    /// How the program takes part in meetings from now on, and why.
    pub fn set_footprint(&self, footprint: Footprint, reason: Option<String>) {
        let mut content = self.write();
        let is_news = (content.footprint, &content.footprint_reason) != (footprint, &reason);
        (content.footprint, content.footprint_reason) = (footprint, reason);
        drop(content);
        if is_news {
            self.tell(Change::Status);
        }
    }

    /// So many rooms wait for a Jibri.
    pub fn set_waiting(&self, rooms: u64) {
        if self.read().totals.rooms_waiting != rooms {
            self.write().totals.rooms_waiting = rooms;
            self.tell(Change::Status);
        }
    }

    /// In so many rooms the recording is overdue.
    pub fn set_overdue(&self, rooms: u64) {
        if self.read().totals.rooms_overdue != rooms {
            self.write().totals.rooms_overdue = rooms;
            self.tell(Change::Status);
        }
    }

    /// These rooms look like this now; those that looked so before are no news.
    pub fn put_rooms(&self, rooms: &[Arc<Room>]) {
        for page in rooms.chunks(PAGE) {
            let mut content = self.write();
            let before = content.not_recorded();
            let news: Vec<_> = page.iter().filter(|room| content.put(room)).cloned().collect();
            let is_status = content.not_recorded() != before;
            drop(content);
            if !news.is_empty() {
                self.tell(Change::Rooms(news));
            }
            if is_status {
                self.tell(Change::Status);
            }
        }
    }

    /// This room is watched no more.
    pub fn forget_room(&self, room: &str) {
        let mut content = self.write();
        let Some((name, before)) = content.rooms.remove_entry(room) else { return };
        let was = content.not_recorded();
        content.count(Some(&before), None);
        let is_status = content.not_recorded() != was;
        drop(content);
        self.tell(Change::Gone(name));
        if is_status {
            self.tell(Change::Status);
        }
    }

    /// All Jibris look like this now.
    pub fn set_jibris(&self, jibris: Vec<Jibri>) {
        let before = self.jibris();
        let is_news = before.len() != jibris.len()
            || jibris.iter().zip(before.iter()).any(|(now, before)| now.is_news_after(before));
        let mut counts: BTreeMap<String, u64> = VERDICTS.map(|name| (name.to_owned(), 0)).into();
        for jibri in &jibris {
            if let Some(count) = counts.get_mut(&jibri.verdict) {
                *count = count.saturating_add(1);
            }
        }
        let mut content = self.write();
        content.totals.jibris = counts;
        content.jibris = Arc::new(jibris);
        drop(content);
        if is_news {
            self.tell(Change::Jibris);
        }
    }

    /// These alerts stand; of each kind so many were raised so far.
    pub fn set_alerts(&self, alerts: Vec<Alert>, raised: BTreeMap<&'static str, u64>) {
        let is_news = *self.alerts() != alerts;
        let mut content = self.write();
        content.totals.alerts = u64::try_from(alerts.len()).unwrap_or(u64::MAX);
        content.alerts = Arc::new(alerts);
        content.raised = raised;
        drop(content);
        if is_news {
            self.tell(Change::Alerts);
        }
    }

    /// Something was written to the history.
    pub fn tell_history(&self) {
        self.tell(Change::History);
    }

    /// Something about recordings can be read that is new.
    pub fn tell_recordings(&self) {
        self.tell(Change::Recordings);
    }

    /// The whole at a glance.
    pub fn status(&self) -> Status {
        let content = self.read();
        Status {
            version: self.version.clone(),
            domain: self.domain.clone(),
            dry_run: self.dry_run,
            footprint: content.footprint,
            footprint_reason: content.footprint_reason.clone(),
            link: content.link.clone(),
            totals: content.totals.clone(),
        }
    }

    /// Another instance acts.
    pub fn stands_by(&self) -> bool {
        self.read().link.standby
    }

    /// One room.
    pub fn room(&self, room: &str) -> Option<Arc<Room>> {
        self.read().rooms.get(room).cloned()
    }

    /// The next [`PAGE`] rooms by name.
    pub fn rooms_after(&self, last: Option<&str>) -> Vec<Arc<Room>> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let content = self.read();
        content
            .rooms
            .range::<str, _>((from, Bound::Unbounded))
            .take(PAGE)
            .map(|(_, room)| room.clone())
            .collect()
    }

    /// All rooms by name, each as it is when its page is read.
    pub fn rooms(&self) -> Vec<Arc<Room>> {
        let mut rooms = self.rooms_after(None);
        let mut read = rooms.len();
        while read == PAGE {
            let page = self.rooms_after(rooms.last().map(|room| &*room.room));
            read = page.len();
            rooms.extend(page);
        }
        rooms
    }

    /// The Jibris by name.
    pub fn jibris(&self) -> Arc<Vec<Jibri>> {
        Arc::clone(&self.read().jibris)
    }

    /// The alerts that stand.
    pub fn alerts(&self) -> Arc<Vec<Alert>> {
        Arc::clone(&self.read().alerts)
    }

    /// How many alerts of each kind were raised so far.
    pub fn raised(&self) -> BTreeMap<&'static str, u64> {
        self.read().raised.clone()
    }

    /// What changes from now on. Meant for one who passes it on: the driver wakes each that listens.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(n: usize, state: &str, people: u32) -> Arc<Room> {
        Arc::new(Room {
            room: format!("r{n:05}@muc").into(),
            state: state.to_owned(),
            seen: true,
            people,
            moderators: 0,
            recorder_present: false,
            proof: None,
            attempt: 0,
            session_id: None,
            since: String::new(),
            place: None,
            not_recorded: None,
            reason: None,
        })
    }

    #[test]
    fn why_meetings_are_not_recorded_is_one_line() {
        let board = Board::new("a", false);
        let room = |n, cause: Option<&str>| {
            let room = Arc::unwrap_or_clone(room(n, "waiting", 2));
            Arc::new(Room { not_recorded: cause.map(str::to_owned), ..room })
        };
        let told = || {
            let totals = board.status().totals;
            (totals.not_recorded, totals.not_recorded_why.unwrap_or_default())
        };
        assert_eq!(told(), (0, String::new()));
        board.put_rooms(&[
            room(1, Some("no Jibri is free")),
            room(2, Some("no Jibri is free")),
            room(3, None),
        ]);
        assert_eq!(told(), (2, "no Jibri is free".to_owned()));
        board.put_rooms(&[room(3, Some("a setting has to be changed"))]);
        assert_eq!(told(), (3, "no Jibri is free (2); a setting has to be changed (1)".to_owned()));
        board.put_rooms(&[room(1, None)]);
        board.forget_room("r00002@muc");
        assert_eq!(told(), (1, "a setting has to be changed".to_owned()));
    }

    #[test]
    fn every_room_is_read_and_counted_once() {
        let board = Board::new("a", false);
        let rooms: Vec<_> = (0..1000).map(|n| room(n, "idle", 2)).collect();
        board.put_rooms(&rooms);
        assert_eq!(board.rooms(), rooms);
        board.put_rooms(&[room(7, "recording", 5)]);
        board.forget_room("r00008@muc");
        board.forget_room("r00008@muc");
        let totals = board.status().totals;
        assert_eq!((totals.people, totals.rooms["idle"], totals.rooms["recording"]), (2001, 998, 1));
        assert_eq!(board.rooms().len(), 999);
    }

    #[test]
    fn only_news_is_told() {
        let board = Board::new("a", false);
        let mut changes = board.changes();
        for _ in 0..2 {
            board.put_rooms(&[room(1, "idle", 0)]);
            board.set_waiting(1);
            board.set_footprint(Footprint::Unseen, None);
            board.set_link(Link { linked: true, ..Link::default() });
            board.set_jibris(Vec::new());
            board.set_alerts(Vec::new(), BTreeMap::new());
        }
        assert!(matches!(changes.try_recv(), Ok(Change::Rooms(rooms)) if rooms.len() == 1));
        assert!(matches!(changes.try_recv(), Ok(Change::Status)));
        assert!(matches!(changes.try_recv(), Ok(Change::Status)));
        assert!(matches!(changes.try_recv(), Ok(Change::Status)));
        assert!(changes.try_recv().is_err());
    }

    #[test]
    fn nobody_who_listens_can_hold_up_the_writer() {
        let board = Board::new("a", false);
        let mut slow = board.changes();
        for n in 0..10 * CHANGES {
            board.put_rooms(&[room(n, "idle", 0)]);
        }
        assert!(matches!(slow.try_recv(), Err(broadcast::error::TryRecvError::Lagged(_))));
    }
}
