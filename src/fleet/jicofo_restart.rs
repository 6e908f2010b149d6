//! The restart of a Jicofo that has lost the brewery: when it may be, how often, and what became of it.

use std::collections::VecDeque;
use std::time::Duration;

use super::Fleet;
use super::event::{Effect, Event};
use crate::time::Time;

const HOUR: Duration = Duration::from_secs(3600);
/// Each interrupts every meeting for a moment, and where two have not helped a third does not.
const PER_HOUR: usize = 2;
/// The edge ends the command at `recovery.timeout`; this much later we no longer rely on being told.
const GRACE: Duration = Duration::from_secs(30);

/// What there is to tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JicofoRestart {
    /// Meetings are recorded, which it would interrupt: until when it waits for their end, `recovery.jicofo_after`.
    Waits(Time),
    /// `recovery.cooldown`, or two within the hour: until when.
    Limited(Time),
    /// With `recovery.dry_run`: it would have been restarted.
    Would,
    /// The command has succeeded.
    Done,
    /// The command has failed: why.
    Failed(String),
}

impl JicofoRestart {
    /// In words; `clock` says what time it was at a moment.
    pub fn words(&self, clock: impl Fn(Time) -> String) -> String {
        match self {
            Self::Waits(until) => {
                format!("meetings are recorded: it is restarted when none is, or at {}", clock(*until))
            }
            Self::Limited(until) => {
                format!("it has been restarted already and is not again before {}", clock(*until))
            }
            Self::Would => "it would be restarted now, but this is a dry run".to_owned(),
            Self::Done => "it was restarted".to_owned(),
            Self::Failed(why) => format!("it could not be restarted: {why}"),
        }
    }
}

/// Restarts of Jicofo.
#[derive(Debug, Default)]
pub(super) struct JicofoRestarts {
    /// Within the last hour, in order.
    past: VecDeque<Time>,
    /// The command runs, and is waited for until then.
    running: Option<Time>,
    /// What was told, so that it is told once.
    told: Option<JicofoRestart>,
    retry_at: Option<Time>,
}

impl JicofoRestarts {
    pub(super) fn deadline(&self) -> Option<Time> {
        self.retry_at.into_iter().chain(self.running).min()
    }

    /// One of before we were started.
    pub(super) fn remember(&mut self, at: Time) {
        let place = self.past.partition_point(|other| *other <= at);
        self.past.insert(place, at);
    }

    fn limited_until(&mut self, cooldown: Duration, now: Time) -> Option<Time> {
        while self.past.front().is_some_and(|at| at.after(HOUR) <= now) {
            self.past.pop_front();
        }
        let cools = self.past.back().map(|at| at.after(cooldown));
        let oldest = self.past.front().filter(|_| self.past.len() >= PER_HOUR);
        cools.max(oldest.map(|at| at.after(HOUR))).filter(|until| *until > now)
    }
}

impl Fleet {
    /// Restarts a Jicofo that has lost the brewery, if it should be and may be.
    pub(super) fn consider_jicofo(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let settings = &self.policy.settings;
        let restarts = &mut self.jicofo_restarts;
        restarts.retry_at = None;
        restarts.running.take_if(|until| *until <= now);
        let Some(since) = self.jicofo.lost_since() else {
            restarts.told = None;
            return;
        };
        if settings.jicofo_command.is_empty() || self.policy.stands_by || restarts.running.is_some() {
            return;
        }
        let is_at_work = |jibri: &super::Jibri| jibri.is_at_work(self.sight);
        let is_recorded = self.sessions.is_any_on() || self.jibris.values().any(is_at_work);
        let waits = is_recorded.then(|| since.after(settings.jicofo_after)).filter(|until| *until > now);
        let limited = restarts.limited_until(settings.cooldown, now);
        let says = match (waits, limited) {
            (Some(until), _) => JicofoRestart::Waits(until),
            (None, Some(until)) => JicofoRestart::Limited(until),
            (None, None) if settings.dry_run => JicofoRestart::Would,
            (None, None) => {
                restarts.past.push_back(now);
                restarts.running = Some(now.after(settings.timeout).after(GRACE));
                restarts.told = None;
                effects.push(Effect::RestartJicofo);
                return;
            }
        };
        restarts.retry_at = waits.or(limited);
        if restarts.told.as_ref() != Some(&says) {
            restarts.told = Some(says.clone());
            effects.push(Effect::Tell(Event::JicofoRestart(says)));
        }
    }

    /// What became of [`Effect::RestartJicofo`].
    pub(super) fn jicofo_restarted(&mut self, result: Result<(), String>, effects: &mut Vec<Effect>) {
        self.jicofo_restarts.running = None;
        let says = result.map_or_else(JicofoRestart::Failed, |()| {
            self.jicofo.is_new();
            JicofoRestart::Done
        });
        effects.push(Effect::Tell(Event::JicofoRestart(says)));
    }
}
