//! Which alerts stand, and what is to be told of them when. Pure: no clock, no I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Alert, Delivery, Kind, Report, Status};
use crate::time::Time;

/// Alerts that may stand at once. More are counted, and that is an alert of its own.
pub const MOST_STANDING: usize = 1000;
/// An event that happens again is told no sooner after it was told last.
const AGAIN: Duration = Duration::from_secs(60);

type Key = (Kind, String);

/// The alerts that stand, each raised once, repeated and in the end resolved.
#[derive(Debug)]
pub struct Book {
    repeat: Duration,
    standing: BTreeMap<Key, Standing>,
    /// Raised in vain, since that became an alert.
    left_out: u64,
    raised: BTreeMap<Kind, u64>,
}

#[derive(Debug)]
struct Standing {
    alert: Alert,
    told: Time,
    /// When it is to be told again; none: not unless something happens.
    due: Option<Time>,
    /// When it is over by itself.
    until: Option<Time>,
}

impl Standing {
    fn tell(&mut self, now: Time, status: Status) -> Delivery {
        self.told = now;
        Delivery { status, alert: self.alert.clone() }
    }
}

impl Book {
    /// None stand. `repeat`: `alerts.repeat`.
    pub fn new(repeat: Duration) -> Self {
        Self { repeat, standing: BTreeMap::new(), left_out: 0, raised: BTreeMap::new() }
    }

    /// Something is wrong. May be said again and again: what stands takes the new words and is not told
    /// again for that, except for an event that has happened once more.
    pub fn raise(&mut self, now: Time, report: Report) -> Vec<Delivery> {
        let key = (report.kind, report.subject.clone());
        if let Some(standing) = self.standing.get_mut(&key) {
            return again(standing, now, report).into_iter().collect();
        }
        if self.standing.len() >= MOST_STANDING {
            self.count(report.kind);
            return self.leave_out(now);
        }
        self.stand(now, report)
    }

    /// Something is right again. Nothing happens if it was not known to be wrong.
    pub fn resolve(&mut self, now: Time, kind: Kind, subject: &str) -> Vec<Delivery> {
        let key = (kind, Report::new(kind, subject, "").subject);
        let Some(mut standing) = self.standing.remove(&key) else { return Vec::new() };
        let mut deliveries = vec![standing.tell(now, Status::Resolved)];
        self.make_room(now, &mut deliveries);
        deliveries
    }

    /// What time brings. To be called at [`Self::next_deadline`].
    pub fn tick(&mut self, now: Time) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        self.standing.retain(|_, standing| {
            let is_over = standing.until.is_some_and(|until| until <= now);
            if is_over {
                deliveries.push(standing.tell(now, Status::Resolved));
            } else if standing.due.is_some_and(|due| due <= now) {
                deliveries.push(standing.tell(now, Status::Repeated));
                standing.due = standing.until.is_none().then(|| now.after(self.repeat));
            }
            !is_over
        });
        if !deliveries.is_empty() {
            self.make_room(now, &mut deliveries);
        }
        deliveries
    }

    /// What is to be told to those who have not been told of what stands.
    pub fn all_anew(&mut self, now: Time) -> Vec<Delivery> {
        let lasting = self.standing.values_mut().filter(|standing| standing.until.is_none());
        lasting.map(|standing| standing.tell(now, Status::Raised)).collect()
    }

    /// When [`Self::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        self.standing.values().flat_map(|standing| [standing.due, standing.until]).flatten().min()
    }

    /// The alerts that stand, by kind and subject.
    pub fn active(&self) -> impl ExactSizeIterator<Item = &Alert> {
        self.standing.values().map(|standing| &standing.alert)
    }

    /// How many of a kind were raised so far, those left out included.
    pub fn raised(&self, kind: Kind) -> u64 {
        self.raised.get(&kind).copied().unwrap_or(0)
    }

    fn count(&mut self, kind: Kind) {
        let raised = self.raised.entry(kind).or_default();
        *raised = raised.saturating_add(1);
    }

    fn stand(&mut self, now: Time, report: Report) -> Vec<Delivery> {
        let Report { kind, subject, summary, labels } = report;
        self.count(kind);
        let key = (kind, subject.clone());
        let until = kind.stands_for().map(|span| now.after(span));
        let due = until.is_none().then(|| now.after(self.repeat));
        let remedy = kind.remedy().to_owned();
        let alert = Alert { kind, subject, since: now, times: 1, summary, remedy, labels };
        let mut standing = Standing { alert, told: now, due, until };
        let delivery = standing.tell(now, Status::Raised);
        self.standing.insert(key, standing);
        vec![delivery]
    }

    /// The full book says that it is full, once, and then how much did not fit.
    fn leave_out(&mut self, now: Time) -> Vec<Delivery> {
        self.left_out = self.left_out.saturating_add(1);
        let summary = format!(
            "{MOST_STANDING} alerts stand; what came on top of them is told nobody ({} times so far)",
            self.left_out
        );
        let report = Report::new(Kind::TooManyAlerts, "", &summary);
        match self.standing.get_mut(&full()) {
            Some(standing) => again(standing, now, report).into_iter().collect(),
            None => self.stand(now, report),
        }
    }

    /// Takes back that the book is full once a tenth of it is free.
    fn make_room(&mut self, now: Time, deliveries: &mut Vec<Delivery>) {
        if self.left_out == 0 || self.standing.len() > MOST_STANDING / 10 * 9 {
            return;
        }
        self.left_out = 0;
        if let Some(mut standing) = self.standing.remove(&full()) {
            deliveries.push(standing.tell(now, Status::Resolved));
        }
    }
}

fn full() -> Key {
    (Kind::TooManyAlerts, String::new())
}

/// It is raised and stands already.
fn again(standing: &mut Standing, now: Time, report: Report) -> Option<Delivery> {
    let alert = &mut standing.alert;
    alert.summary = report.summary;
    let span = alert.kind.stands_for()?;
    alert.times = alert.times.saturating_add(1);
    standing.until = Some(now.after(span));
    let due = standing.told.after(AGAIN);
    standing.due = (due > now).then_some(due);
    (due <= now).then(|| standing.tell(now, Status::Repeated))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPEAT: Duration = Duration::from_secs(600);

    fn at(seconds: u64) -> Time {
        Time::new(Duration::from_secs(seconds))
    }

    fn wedged(subject: &str) -> Report {
        Report::new(Kind::JibriWedged, subject, "3 starts failed").label("jibri", subject)
    }

    fn told(deliveries: &[Delivery]) -> Vec<(Status, &str)> {
        deliveries.iter().map(|delivery| (delivery.status, delivery.alert.subject.as_str())).collect()
    }

    #[test]
    fn raised_once_repeated_and_resolved() {
        let mut book = Book::new(REPEAT);
        assert_eq!(book.next_deadline(), None);
        assert_eq!(told(&book.raise(at(0), wedged("j1"))), [(Status::Raised, "j1")]);
        assert_eq!(book.raise(at(1), wedged("j1")), []);
        assert_eq!(told(&book.raise(at(100), wedged("j2"))), [(Status::Raised, "j2")]);
        assert_eq!(book.next_deadline(), Some(at(600)));
        assert_eq!(book.tick(at(599)), []);
        assert_eq!(told(&book.tick(at(600))), [(Status::Repeated, "j1")]);
        assert_eq!(book.tick(at(600)), []);
        assert_eq!(book.next_deadline(), Some(at(700)));
        let resolved = book.resolve(at(650), Kind::JibriWedged, "j1");
        assert_eq!(told(&resolved), [(Status::Resolved, "j1")]);
        assert_eq!(resolved[0].alert.since, at(0));
        assert_eq!(book.resolve(at(650), Kind::JibriWedged, "j1"), []);
        assert_eq!(book.resolve(at(650), Kind::JibriOffline, "j2"), []);
        assert_eq!(told(&book.raise(at(660), wedged("j1"))), [(Status::Raised, "j1")]);
        assert_eq!((book.active().len(), book.raised(Kind::JibriWedged)), (2, 3));
    }

    #[test]
    fn new_words_are_taken_and_labels_kept() {
        let mut book = Book::new(REPEAT);
        book.raise(at(0), wedged("j1"));
        let report = Report::new(Kind::JibriWedged, "j1", "5 starts failed").label("x", "y");
        assert_eq!(book.raise(at(5), report), []);
        let repeated = book.tick(at(600));
        assert_eq!(repeated[0].alert.summary, "5 starts failed");
        assert_eq!(repeated[0].alert.labels, BTreeMap::from([("jibri", "j1".to_owned())]));
    }

    #[test]
    fn an_event_ends_by_itself_and_is_told_again_only_when_it_happens_again() {
        let lost = || Report::new(Kind::RecordingLost, "r1@muc", "lost");
        let mut book = Book::new(Duration::from_secs(1));
        assert_eq!(told(&book.raise(at(0), lost())), [(Status::Raised, "r1@muc")]);
        assert_eq!(book.next_deadline(), Some(at(3600)));
        // In quick succession they are told together.
        assert_eq!(book.raise(at(10), lost()), []);
        assert_eq!(book.raise(at(20), lost()), []);
        assert_eq!(book.next_deadline(), Some(at(60)));
        let again = book.tick(at(60));
        assert_eq!((told(&again), again[0].alert.times), (vec![(Status::Repeated, "r1@muc")], 3));
        assert_eq!(book.next_deadline(), Some(at(3620)));
        assert_eq!(told(&book.raise(at(500), lost())), [(Status::Repeated, "r1@muc")]);
        assert_eq!(book.next_deadline(), Some(at(4100)));
        assert_eq!(told(&book.tick(at(4100))), [(Status::Resolved, "r1@muc")]);
        assert_eq!(book.next_deadline(), None);
    }

    #[test]
    fn a_full_book_says_so_once() {
        let mut book = Book::new(REPEAT);
        for n in 0..MOST_STANDING {
            assert_eq!(book.raise(at(0), wedged(&format!("j{n}"))).len(), 1);
        }
        let full = book.raise(at(1), wedged("one more"));
        assert_eq!((full.len(), full[0].alert.kind), (1, Kind::TooManyAlerts));
        for n in 0..100_000 {
            assert_eq!(book.raise(at(2), wedged(&format!("more {n}"))), []);
        }
        assert_eq!(book.active().len(), MOST_STANDING + 1);
        let summary = &book.standing[&super::full()].alert.summary;
        assert!(summary.contains("100001 times"), "{summary}");
        let mut resolved = Vec::new();
        for n in 0..MOST_STANDING {
            resolved.extend(book.resolve(at(3), Kind::JibriWedged, &format!("j{n}")));
        }
        let kinds = resolved.iter().filter(|delivery| delivery.alert.kind == Kind::TooManyAlerts);
        assert_eq!((kinds.count(), book.active().len()), (1, 0));
    }

    #[test]
    fn hostile_text_is_tamed_and_subjects_stay_apart() {
        let mut book = Book::new(REPEAT);
        let name = |end: &str| format!("{}\u{202e}{end}", "r".repeat(5000));
        let report = |end: &str| Report::new(Kind::StartOverdue, &name(end), &"\u{1b}[2J\n".repeat(10_000));
        let raised = book.raise(at(0), report("a").label("room", "\u{2066}x").label("none", ""));
        let alert = &raised[0].alert;
        assert!(alert.subject.chars().count() < 220 && alert.summary.chars().count() <= 1000);
        assert!(!alert.summary.contains(['\u{1b}', '\n']));
        assert!(!alert.labels["room"].contains('\u{2066}') && alert.labels.len() == 1);
        assert_eq!(book.raise(at(0), report("b")).len(), 1);
        assert_eq!(book.resolve(at(0), Kind::StartOverdue, &name("a")).len(), 1);
        assert_eq!(book.active().len(), 1);
    }
}
