//! What Alertmanager is to know: not what happened, but what stands. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::body::Notice;
use super::{Kind, Status};

/// Alerts kept, those included that are over and not yet told to be.
const MOST: usize = 2 * super::MOST_STANDING;

pub(super) type Key = (Kind, String);

/// The alerts, each as it was last.
#[derive(Debug, Default)]
pub(super) struct Standing {
    entries: BTreeMap<Key, Entry>,
    dropped: u64,
}

#[derive(Debug)]
struct Entry {
    notice: Arc<Notice>,
    ended: Option<SystemTime>,
    /// Alertmanager has heard that it stands.
    known: bool,
    /// It has not heard the last of it.
    fresh: bool,
    /// Changes with every change of the above that does not come from its answer.
    version: u64,
}

/// Something to be sent.
#[derive(Debug, Clone)]
pub(super) struct Entered {
    pub(super) key: Key,
    pub(super) notice: Arc<Notice>,
    /// When it ended, if it is to be sent as over.
    pub(super) ended: Option<SystemTime>,
    version: u64,
}

impl Standing {
    /// Takes in what is to be told. Whether it is news.
    pub(super) fn take(&mut self, notice: Arc<Notice>) {
        let key = (notice.alert.kind, notice.alert.subject.clone());
        let before = self.entries.get(&key);
        let (known, version) = before.map_or((false, 0), |entry| (entry.known, entry.version));
        let ended = (notice.status == Status::Resolved).then_some(notice.at);
        if before.is_none() && (ended.is_some() || !self.has_room()) {
            // Of what it never heard it need not hear the end.
            self.dropped = self.dropped.saturating_add(u64::from(ended.is_none()));
            return;
        }
        let entry = Entry { notice, ended, known, fresh: true, version: version.wrapping_add(1) };
        self.entries.insert(key, entry);
    }

    /// Makes room at the cost of an end that could not be told: Alertmanager forgets it by itself.
    fn has_room(&mut self) -> bool {
        if self.entries.len() < MOST {
            return true;
        }
        let over = self.entries.iter().find(|(_, entry)| entry.ended.is_some() && entry.known);
        over.map(|(key, _)| key.clone()).is_some_and(|key| self.entries.remove(&key).is_some())
    }

    /// What to send now: what is fresh, or all.
    pub(super) fn to_send(&self, all: bool) -> Vec<Entered> {
        let due = self.entries.iter().filter(|(_, entry)| all || entry.fresh);
        due.map(|(key, entry)| Entered {
            key: key.clone(),
            notice: Arc::clone(&entry.notice),
            // What was over before it could be told is first told to stand, or nobody would ever hear of it.
            ended: entry.ended.filter(|_| entry.known),
            version: entry.version,
        })
        .collect()
    }

    /// Alertmanager has taken these.
    pub(super) fn sent(&mut self, entered: &[Entered]) {
        for Entered { key, ended, version, .. } in entered {
            let Some(entry) = self.entries.get_mut(key) else { continue };
            // Whatever came of it since, it knows of the alert now.
            entry.known = ended.is_none();
            if entry.version != *version {
                continue;
            }
            entry.fresh = false;
            if ended.is_some() {
                self.entries.remove(key);
            }
        }
    }

    /// Somebody else tells from now on; the ends that are still to be told are ours.
    pub(super) fn hand_over(&mut self) {
        self.entries.retain(|_, entry| entry.ended.is_some());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it has heard all that it can hear now.
    pub(super) fn is_told(&self) -> bool {
        self.entries.values().all(|entry| !entry.fresh)
    }

    /// Alerts that it will never hear of.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Alert, Report};
    use super::*;
    use crate::time::Time;

    fn notice(status: Status, subject: &str) -> Arc<Notice> {
        let Report { kind, subject, summary, labels } = Report::new(Kind::JibriWedged, subject, "");
        let remedy = kind.remedy().to_owned();
        let alert = Alert { kind, subject, since: Time::default(), times: 1, summary, remedy, labels };
        let now = SystemTime::UNIX_EPOCH;
        Arc::new(Notice { status, alert, since: now, at: now })
    }

    fn send(standing: &mut Standing, all: bool) -> Vec<(String, bool)> {
        let entered = standing.to_send(all);
        standing.sent(&entered);
        entered.into_iter().map(|entered| (entered.key.1, entered.ended.is_some())).collect()
    }

    #[test]
    fn what_stands_is_sent_again_and_its_end_once() {
        let mut standing = Standing::default();
        standing.take(notice(Status::Raised, "a"));
        assert!(!standing.is_told());
        assert_eq!(send(&mut standing, false), [("a".to_owned(), false)]);
        assert!(standing.is_told());
        assert_eq!(send(&mut standing, false), []);
        assert_eq!(send(&mut standing, true), [("a".to_owned(), false)]);
        standing.take(notice(Status::Resolved, "a"));
        assert_eq!(send(&mut standing, false), [("a".to_owned(), true)]);
        assert!(standing.is_empty());
        standing.take(notice(Status::Resolved, "a"));
        assert!(standing.is_empty());
    }

    #[test]
    fn what_ended_before_it_could_be_told_is_told_all_the_same() {
        let mut standing = Standing::default();
        standing.take(notice(Status::Raised, "a"));
        standing.take(notice(Status::Resolved, "a"));
        assert_eq!(send(&mut standing, false), [("a".to_owned(), false)]);
        // Its end follows with the next round, when people have been told.
        assert_eq!(send(&mut standing, false), []);
        assert_eq!(send(&mut standing, true), [("a".to_owned(), true)]);
        assert!(standing.is_empty());
    }

    #[test]
    fn what_changes_while_it_is_sent_is_sent_again() {
        let mut standing = Standing::default();
        standing.take(notice(Status::Raised, "a"));
        let entered = standing.to_send(false);
        standing.take(notice(Status::Resolved, "a"));
        standing.sent(&entered);
        assert_eq!(send(&mut standing, false), [("a".to_owned(), true)]);
        standing.take(notice(Status::Raised, "a"));
        send(&mut standing, false);
        standing.take(notice(Status::Resolved, "a"));
        let entered = standing.to_send(false);
        standing.take(notice(Status::Raised, "a"));
        standing.sent(&entered);
        assert_eq!(send(&mut standing, false), [("a".to_owned(), false)]);
    }

    #[test]
    fn it_is_bounded() {
        let mut standing = Standing::default();
        for n in 0..MOST * 2 {
            standing.take(notice(Status::Raised, &format!("{n}")));
        }
        assert_eq!((standing.entries.len(), standing.dropped()), (MOST, MOST as u64));
        send(&mut standing, false);
        standing.take(notice(Status::Resolved, "0"));
        standing.take(notice(Status::Raised, "new"));
        assert!(standing.entries.contains_key(&(Kind::JibriWedged, "new".to_owned())));
        assert_eq!(standing.entries.len(), MOST);
    }
}
