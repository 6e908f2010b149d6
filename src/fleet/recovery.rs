//! Who is to be restarted, and whether it may be now: never one that records, never one that is not ours.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::event::{Limit, Reason};
use super::evidence::{Evidence, Source, Verdict};
use super::jibri::{Coverage, Jibri};
use super::recovering::Recovering;
use crate::config::{Recovery, RecoveryTrigger};
use crate::jibri::JibriName;
use crate::time::Time;

/// A Jibri has to have looked as it does for so long: what comes late from another source must be able to.
pub(super) const QUIET: Duration = Duration::from_secs(10);
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
            Verdict::Suspect
                if matches!(jibri.evidence, Evidence::OneRoom { .. } | Evidence::NoFiles { .. }) =>
            {
                (RecoveryTrigger::Wedged, Reason::Wedged)
            }
            Verdict::Ok | Verdict::Suspect => {
                let after = self.settings.recycle_after;
                if after == 0 || jibri.recordings < after {
                    return None;
                }
                (RecoveryTrigger::Recycle, Reason::Recycle)
            }
            Verdict::Stale => (RecoveryTrigger::Stale, Reason::Stale),
            Verdict::Detached => (RecoveryTrigger::Detached, Reason::Detached),
            Verdict::Offline => return None,
        };
        self.is_on(trigger).then_some(reason)
    }

    /// What keeps it from being restarted now. `may_be_taken`: a meeting may have it, or be about to;
    /// `is_fresh`: the picture of the whole fleet is of this moment.
    pub(super) fn obstacle(
        &self,
        jibri: &Jibri,
        reason: Reason,
        sight: Coverage,
        may_be_taken: bool,
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
        // Whoever is not known to be idle may be recording; an expired one cannot be known to be idle, and of one that is
        // shown otherwise than it is, its own port has told.
        let is_to_be_idle = !matches!(reason, Reason::Expired | Reason::Stale | Reason::Detached);
        if jibri.is_at_work(sight) || is_to_be_idle && !jibri.is_surely_idle(sight) {
            return Some(Obstacle::NotNow(None));
        }
        // Where the brewery is not seen it may be Jicofo that is wrong, and who has never been there may be there by another
        // nickname.
        let is_proven = match jibri.evidence {
            Evidence::Stale { by, .. } => by == Source::Brewery,
            Evidence::Detached { by, .. } => by == Source::Brewery && jibri.was_there,
            _ => true,
        };
        if !is_proven {
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
        // What is only asked now and then has to have said so again.
        let is_asked = jibri.primary(sight).is_some_and(|(by, _, _)| by == Source::HealthPort);
        if is_asked && is_to_be_idle && jibri.port.is_some_and(|port| port.at < quiet) {
            return Some(Obstacle::NotNow(None));
        }
        let selected = jibri.row.as_ref().and_then(|row| row.selected_at).map(|at| at.after(LAUNCHING));
        if reason != Reason::Expired && selected.is_some_and(|until| until > now) {
            return Some(Obstacle::NotNow(selected));
        }
        if may_be_taken {
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

    /// Whether nothing keeps it from being restarted but what it and its meetings do.
    pub(super) fn may_act_on(&self, jibri: &Jibri, now: Time) -> bool {
        let is_cool = jibri.last_restart.is_none_or(|at| at.after(self.settings.cooldown) <= now);
        !self.stands_by && !self.settings.dry_run && is_cool && !self.is_spent()
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
