//! Who is to be restarted, and whether it may be now: never one that records, never one that is not ours.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::event::{Limit, Reason, Verdict};
use super::jibri::{Coverage, Jibri};
use super::recovering::Recovering;
use crate::config::{Recovery, RecoveryTrigger};
use crate::jibri::JibriName;
use crate::time::Time;

/// A Jibri has to have looked as it does for so long: what comes late from another source must be able to.
const QUIET: Duration = Duration::from_secs(10);
/// Jicofo waits so long for a Jibri it has selected (docs/jitsi.md 2); it may be launching Chrome.
const LAUNCHING: Duration = Duration::from_secs(16);
const HOUR: Duration = Duration::from_secs(3600);

/// Why not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Something that people should know.
    Limit(Limit, Option<Time>),
    /// It passes; none: something else will happen first.
    NotNow(Option<Time>),
}

/// `[recovery]`, and what was done by it.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) settings: Recovery,
    /// The one that is being restarted.
    pub(super) current: Option<JibriName>,
    /// Restarts within the last hour, in order.
    hour: VecDeque<Time>,
    /// Those that should be restarted.
    pub(super) wanting: BTreeSet<JibriName>,
    /// Another instance acts.
    pub(super) stands_by: bool,
}

impl Policy {
    pub(super) fn new(settings: Recovery) -> Self {
        Self { settings, current: None, hour: VecDeque::new(), wanting: BTreeSet::new(), stands_by: false }
    }

    fn is_on(&self, trigger: RecoveryTrigger) -> bool {
        self.settings.on.contains(&trigger)
    }

    /// Why it should be restarted, if it should.
    pub(super) fn wants(&self, jibri: &Jibri) -> Option<Reason> {
        if jibri.recovering.as_ref().is_some_and(Recovering::is_under_way) {
            return None;
        }
        let (trigger, reason) = match jibri.verdict {
            Verdict::Wedged => (RecoveryTrigger::Wedged, Reason::Wedged),
            Verdict::Unhealthy => (RecoveryTrigger::Unhealthy, Reason::Unhealthy),
            Verdict::Expired => (RecoveryTrigger::Expired, Reason::Expired),
            Verdict::Ok | Verdict::Suspect => {
                let after = self.settings.recycle_after;
                if after == 0 || jibri.recordings < after {
                    return None;
                }
                (RecoveryTrigger::Recycle, Reason::Recycle)
            }
            Verdict::Offline => return None,
        };
        self.is_on(trigger).then_some(reason)
    }

    /// What keeps it from being restarted now. `is_starting`: a start is under way whose Jibri is not known;
    /// `is_fresh`: the picture of the whole fleet is of this moment.
    pub(super) fn obstacle(
        &self,
        jibri: &Jibri,
        reason: Reason,
        sight: Coverage,
        is_starting: bool,
        is_fresh: bool,
        now: Time,
    ) -> Option<Obstacle> {
        if self.stands_by {
            return Some(Obstacle::NotNow(None));
        }
        // Any nickname may turn up in a brewery; only those that an administrator has written down are ours.
        if !jibri.configured {
            return Some(Obstacle::Limit(Limit::NotConfigured, None));
        }
        if jibri.is_twins() {
            return Some(Obstacle::Limit(Limit::Twins, None));
        }
        // Whoever is not known to be idle may be recording; an expired one cannot be known to be idle.
        if jibri.is_at_work(sight) || reason != Reason::Expired && !jibri.is_surely_idle(sight) {
            return Some(Obstacle::NotNow(None));
        }
        // Jicofo may give it a start at any moment, and a picture that is seconds old would not show it. The
        // others are not selected any more (docs/jitsi.md 2).
        let can_be_selected = matches!(reason, Reason::Wedged | Reason::Recycle);
        if can_be_selected && !is_fresh {
            return Some(Obstacle::NotNow(None));
        }
        let quiet = jibri.looks_since.after(QUIET);
        if quiet > now {
            return Some(Obstacle::NotNow(Some(quiet)));
        }
        let selected = jibri.row.as_ref().and_then(|row| row.selected_at).map(|at| at.after(LAUNCHING));
        if can_be_selected && selected.is_some_and(|until| until > now) {
            return Some(Obstacle::NotNow(selected));
        }
        // One that works may be what a start under way is about to take.
        if reason == Reason::Recycle && is_starting {
            return Some(Obstacle::NotNow(None));
        }
        let cool = jibri.last_restart.map(|at| at.after(self.settings.cooldown)).filter(|at| *at > now);
        if cool.is_some() {
            return Some(Obstacle::Limit(Limit::Cooldown, cool));
        }
        if self.current.is_some() {
            return Some(Obstacle::NotNow(None));
        }
        if !self.settings.dry_run && self.is_spent() {
            return Some(Obstacle::Limit(Limit::PerHour, self.hour_over()));
        }
        None
    }

    fn is_spent(&self) -> bool {
        u32::try_from(self.hour.len()).is_ok_and(|restarts| restarts >= self.settings.max_per_hour)
    }

    /// When the next one may be restarted after too many were.
    fn hour_over(&self) -> Option<Time> {
        self.hour.front().map(|at| at.after(HOUR))
    }

    /// Forgets what is more than an hour ago; whether that lets somebody in.
    pub(super) fn age(&mut self, now: Time) -> bool {
        let was_spent = self.is_spent();
        while self.hour.front().is_some_and(|at| at.after(HOUR) <= now) {
            self.hour.pop_front();
        }
        was_spent && !self.is_spent()
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        if self.is_spent() && !self.wanting.is_empty() { self.hour_over() } else { None }
    }

    /// A restart of then, and not by us.
    pub(super) fn remember(&mut self, at: Time) {
        let place = self.hour.partition_point(|other| *other <= at);
        self.hour.insert(place, at);
    }

    pub(super) fn begin(&mut self, name: &JibriName, reason: Reason, now: Time) -> Recovering {
        self.current = Some(name.clone());
        self.hour.push_back(now);
        Recovering::begin(reason, self.settings.timeout, now)
    }

    /// The one that was being restarted is done with, one way or the other.
    pub(super) fn done(&mut self, name: &JibriName) {
        self.current.take_if(|current| current == name);
    }
}
