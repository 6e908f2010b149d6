//! `JibriDetector`: which Jibris there are, as Jicofo sees it, and which one it takes (docs/jitsi.md 2, 5).

use crate::status::Status;
use std::collections::BTreeMap;
use std::time::Duration;

/// `JibriInstance`: what Jicofo believes of one Jibri.
#[derive(Clone, Copy, Debug)]
pub struct JibriInstance {
    /// What it last showed.
    pub status: Status,
    /// When it last failed a start, until it next shows itself idle and healthy.
    pub last_failed: Option<Duration>,
    /// When it was last chosen.
    pub last_selected: Option<Duration>,
}

/// Why none can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoJibri {
    /// Nobody is in the brewery.
    NotAvailable,
    /// All are at work, unhealthy, or have failed or been chosen of late.
    AllBusy,
}

/// How Jicofo has lost the brewery (docs/jitsi.md 13.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    /// Its entry has failed: it sees nobody.
    Shut,
    /// It has left again: the list stays, and nothing that it sends arrives.
    Stale,
}

/// The Jibris of the brewery that have shown a status.
#[derive(Clone, Debug)]
pub struct JibriDetector<J> {
    instances: BTreeMap<J, JibriInstance>,
    /// Who was chosen is not chosen again for so long.
    pub select_timeout: Duration,
    /// Nor who has failed.
    pub failure_timeout: Duration,
    lost: Option<Lost>,
}

impl<J> Default for JibriDetector<J> {
    fn default() -> Self {
        JibriDetector {
            instances: BTreeMap::new(),
            select_timeout: Duration::from_millis(200),
            failure_timeout: Duration::from_secs(60),
            lost: None,
        }
    }
}

impl<J: Ord + Clone> JibriDetector<J> {
    /// A Jibri shows how it is. A failure is forgotten once it is idle and healthy.
    pub fn presence(&mut self, jibri: J, status: Status) {
        if self.lost.is_some() {
            return;
        }
        let new = JibriInstance { status, last_failed: None, last_selected: None };
        let instance = self.instances.entry(jibri).or_insert(new);
        instance.status = status;
        instance.last_failed = instance.last_failed.filter(|_| !status.is_available());
    }

    /// A Jibri leaves the brewery; false if Jicofo did not know it, or cannot see it.
    pub fn offline(&mut self, jibri: &J) -> bool {
        self.lost.is_none() && self.instances.remove(jibri).is_some()
    }

    /// A Jibri has refused a start, or not answered it.
    pub fn failed(&mut self, now: Duration, jibri: &J) {
        if let Some(instance) = self.instances.get_mut(jibri) {
            instance.last_failed = Some(now);
        }
    }

    /// Takes the one that failed longest ago; none if even that one failed too recently.
    pub fn select(&mut self, now: Duration) -> Result<J, NoJibri> {
        if self.instances.is_empty() {
            return Err(NoJibri::NotAvailable);
        }
        let (select, failure) = (self.select_timeout, self.failure_timeout);
        let rested = |last: Option<Duration>, pause| last.is_none_or(|last| now >= last + pause);
        let (jibri, instance) = self
            .instances
            .iter_mut()
            .filter(|(_, instance)| instance.status.is_available() && rested(instance.last_selected, select))
            .min_by_key(|(_, instance)| instance.last_failed)
            .filter(|(_, instance)| rested(instance.last_failed, failure))
            .ok_or(NoJibri::AllBusy)?;
        instance.last_selected = Some(now);
        Ok(jibri.clone())
    }

    /// Idle and healthy, as far as it sees, and not put aside for a failure.
    pub fn would_select(&self, now: Duration, jibri: &J) -> bool {
        self.instances.get(jibri).is_some_and(|instance| {
            let rested = instance.last_failed.is_none_or(|last| now >= last + self.failure_timeout);
            instance.status.is_available() && rested
        })
    }

    /// What it believes of each.
    pub fn instances(&self) -> impl Iterator<Item = (&J, &JibriInstance)> {
        self.instances.iter()
    }

    /// It loses the brewery, for good (docs/jitsi.md 13.2.1): with its list as it was, or without one.
    pub fn lose_brewery(&mut self, keeps_list: bool) {
        self.lost = Some(if keeps_list { Lost::Stale } else { Lost::Shut });
        if !keeps_list {
            self.instances.clear();
        }
    }

    /// Jicofo has restarted, and finds its way in.
    pub(crate) fn restarts(&mut self) {
        self.instances.clear();
        self.lost = None;
    }

    /// What it sends to Jibris arrives.
    pub(crate) fn is_inside(&self) -> bool {
        self.lost.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Busy, Health, IDLE};

    const BUSY: Status = Status { busy: Busy::Busy, health: Health::Healthy };
    const ILL: Status = Status { busy: Busy::Idle, health: Health::Unhealthy };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn takes_only_idle_and_healthy_ones() {
        let mut detector = JibriDetector::default();
        assert_eq!(detector.select(at(0)), Err(NoJibri::NotAvailable));
        detector.presence("a", BUSY);
        detector.presence("b", ILL);
        detector.presence("c", Status { busy: Busy::Undefined, ..IDLE });
        assert_eq!(detector.select(at(0)), Err(NoJibri::AllBusy));
        detector.presence("a", IDLE);
        assert_eq!(detector.select(at(1)), Ok("a"));
        assert_eq!(detector.select(at(1)), Err(NoJibri::AllBusy), "selected a moment ago");
        assert_eq!(detector.select(at(2)), Ok("a"));
    }

    #[test]
    fn a_failure_is_forgotten_by_the_next_idle_presence_or_after_a_minute() {
        let mut detector = JibriDetector::default();
        detector.presence("a", IDLE);
        detector.failed(at(0), &"a");
        assert_eq!(detector.select(at(1)), Err(NoJibri::AllBusy));
        detector.presence("b", IDLE);
        assert_eq!(detector.select(at(2)), Ok("b"), "the one that did not fail");
        detector.presence("b", BUSY);
        assert_eq!(detector.select(at(60)), Ok("a"));
        detector.failed(at(60), &"a");
        detector.presence("a", IDLE);
        assert_eq!(detector.select(at(61)), Ok("a"));
    }

    #[test]
    fn a_lost_brewery_shows_nobody_or_what_it_last_showed() {
        let mut detector = JibriDetector::default();
        detector.presence("a", IDLE);
        detector.lose_brewery(true);
        detector.presence("a", BUSY);
        assert!(!detector.offline(&"a"));
        assert_eq!(detector.select(at(1)), Ok("a"));
        detector.lose_brewery(false);
        assert_eq!(detector.select(at(2)), Err(NoJibri::NotAvailable));
    }
}
