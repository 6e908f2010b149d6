//! The fleet: which Jibris really work, from all that is known of them, and which to restart. Pure, as
//! [`crate::meeting`]: no clock, no I/O, no XML.
//!
//! [`Fleet`] is a value: [`Fleet::handle`] takes one [`Input`] and returns what is to be done and told,
//! [`Fleet::next_deadline`] says when it wants to be called with [`Input::Tick`] at the latest.
//!
//! The rule above all others: a good Jibri is never accused. Whatever could have another reason, or another
//! culprit, counts against nobody.

mod cases;
mod doubt;
mod event;
mod evidence;
mod failover;
mod ghosts;
mod instances;
mod io;
mod jibri;
mod jicofo;
mod jicofo_restart;
mod judge;
mod orphans;
mod reach;
mod recorded_by;
mod recovering;
mod recovery;
mod refusals;
mod restarts;
mod sessions;
mod sources;
mod streak;
mod testimony;
#[cfg(test)]
mod tests;
mod view;
mod witness;
mod word;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use doubt::Settled;
pub use event::{Availability, Effect, Event, Limit, Reason};
pub use evidence::{Evidence, LostBy, Source, Testimony, Verdict};
pub use io::*;
pub use jicofo_restart::JicofoRestart;
pub use sessions::Serving;
pub use view::JibriView;

use crate::config::Settings;
use crate::schedule::Schedule;
use crate::time::Time;
use jibri::{Appearance, Coverage, Jibri, STRANGERS_LAST};
use recovery::Policy;
use sessions::{Mark, Sessions};

/// Jicofo is asked about Jibris so often, if nothing makes it sooner (`probes::ProbeLimits`).
const POLLED_EVERY: Duration = Duration::from_secs(5);
/// Nicknames in the brewery that are not configured; more of them are not looked at.
const STRANGERS: usize = 1000;
/// A start has failed, and its Jibri goes back to idle within this, if the failure was its: Chrome is ended,
/// the finalize script runs.
const FALLS_WITHIN: Duration = Duration::from_secs(30);

/// All Jibris.
#[derive(Debug)]
pub struct Fleet {
    jibris: BTreeMap<JibriName, Jibri>,
    deadlines: Schedule<JibriName>,
    /// Those of which something is new.
    dirty: BTreeSet<JibriName>,
    /// `jibriId` of the configured ones.
    ids: BTreeMap<String, JibriName>,
    strangers: usize,
    sight: Coverage,
    sessions: Sessions,
    witnesses: witness::Witnesses,
    ghosts: ghosts::Ghosts,
    policy: Policy,
    /// Number of the last answer of Jicofo's REST interface, and since when it has answered each time.
    poll: u64,
    polled_since: Time,
    poll_lasts: Duration,
    /// Since when and when last any health port has answered, and when last any Jibri by XMPP.
    port_answers: Option<reach::Answers>,
    ping_answered: Option<Time>,
    /// Whether Jicofo knows of them.
    jicofo: jicofo::Jicofo,
    jicofo_restarts: jicofo_restart::JicofoRestarts,
    /// Rooms of which it is not known whether they are the reason that starts fail.
    doubts: doubt::Doubts,
    /// Those last told to be in doubt.
    doubted: Vec<JibriName>,
    available: Availability,
}

impl Fleet {
    /// Begins with the configured Jibris, of which nothing is known.
    pub fn new(settings: &Settings, now: Time) -> Self {
        let mut fleet = Self {
            jibris: BTreeMap::new(),
            deadlines: Schedule::default(),
            dirty: BTreeSet::new(),
            ids: BTreeMap::new(),
            strangers: 0,
            sight: Coverage {
                brewery: None,
                detector: false,
                polled: None,
                interval: settings.jibri.health_interval,
                fast_failover: settings.jibri.fast_failover,
                wedged_after: settings.jibri.wedged_after,
            },
            sessions: Sessions::default(),
            witnesses: witness::Witnesses::default(),
            ghosts: ghosts::Ghosts::default(),
            policy: Policy::new(settings.recovery.clone()),
            poll: 0,
            polled_since: now,
            poll_lasts: poll_lasts(settings),
            port_answers: None,
            ping_answered: None,
            jicofo: jicofo::Jicofo::default(),
            jicofo_restarts: jicofo_restart::JicofoRestarts::default(),
            doubts: doubt::Doubts::default(),
            doubted: Vec::new(),
            available: Availability::default(),
        };
        for instance in &settings.jibri.instances {
            let name = JibriName::new(&instance.name);
            fleet.ids.insert(instance.id.clone(), name.clone());
            let ping_due = fleet.first_ping(now);
            fleet.jibris.insert(name, Jibri::new(true, now, ping_due));
        }
        fleet.all_dirty();
        fleet
    }

    /// Takes in one thing that has become known; returns what follows.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        // Cheap for those that come all the time and say nothing of Jicofo.
        let is_of_jicofo =
            !matches!(input, Input::Health { .. } | Input::Pinged { .. } | Input::Webhook { .. });
        match input {
            Input::Brewery(brewery) => self.brewery(brewery, now, &mut effects),
            Input::Detector(answer) => self.detector(answer, now, &mut effects),
            Input::Health { name, answer } => self.health(&name, answer, now),
            Input::Webhook { id, report } => self.webhook(&id, report, now),
            Input::Pinged { name, answered } => self.pinged(&name, answered, now, &mut effects),
            Input::PortRefused { name } => self.refused(&name, now, &mut effects),
            Input::Recorders { room, seats, listed } => {
                let marks = self.seated(&room, seats, listed, now);
                self.apply(marks, now, &mut effects);
            }
            Input::Alone { room, is_alone: true } => self.is_alone(&room, now, &mut effects),
            Input::Alone { room, is_alone: false } => self.is_not_alone(&room, &mut effects),
            Input::InWant(is_in_want) => self.ghosts.is_in_want = is_in_want,
            Input::Meeting { room, news } => {
                if let News::Ended { how, .. } = &news {
                    self.witnesses.is_ended(&room, how);
                }
                if matches!(news, News::StartSent | News::Failed { .. } | News::Over | News::Ended { .. }) {
                    self.witnesses.over(&room, now);
                }
                let marks = match news {
                    News::StartSent => self.sessions.sent(&room, now, self.sight.brewery.is_none()),
                    News::Accepted => {
                        self.jicofo.has_found_one(self.sessions.sent_at(&room));
                        self.sessions.accepted(&room, now);
                        Vec::new()
                    }
                    News::Failed { why, people } => self.sessions.failed(&room, why, people, now),
                    News::Over => self.sessions.over(&room),
                    News::On { session, is_denied } => {
                        self.sessions.on(&room, now);
                        let by = match self.sessions.serving(&room) {
                            Serving::Known(name) => Some(name.clone()),
                            Serving::OneOf(_) | Serving::Unknown => None,
                        };
                        self.witnesses.on(&room, session, self.sessions.sent_at(&room), by, now);
                        self.witnesses.deny(&room, is_denied);
                        Vec::new()
                    }
                    News::Ended { how, people } => self.sessions.ended(&room, &how, people, now),
                };
                self.apply(marks, now, &mut effects);
                self.retry_recoveries();
            }
            Input::WithoutFiles { name, count } => self.change(&name, |jibri| jibri.without_files = count),
            Input::Recovered { name, result } => self.recovered(&name, result, now, &mut effects),
            Input::JicofoRestarted(result) => self.jicofo_restarted(result, &mut effects),
            Input::Remembered(restarts) => self.remember(restarts, now),
            Input::Instances(instances) => self.use_instances(&instances, now, &mut effects),
            Input::StandBy(stands_by) => {
                self.policy.stands_by = stands_by;
                self.retry_recoveries();
            }
            Input::Tick => {}
        }
        if is_of_jicofo {
            self.look_at_jicofo(now, &mut effects);
        }
        self.follow(now, &mut effects);
        effects
    }

    /// When [`Input::Tick`] is due, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Time> {
        let jibri = self.deadlines.next();
        let stale = self.sight.polled.filter(|_| self.sight.detector).map(|at| at.after(self.poll_lasts));
        // While nobody sees the brewery nothing is told of it.
        let jicofo = self.jicofo.deadline().filter(|_| self.sight.brewery.is_some());
        let jicofo = jicofo.into_iter().chain(self.jicofo_restarts.deadline()).min();
        let (sessions, policy) = (self.sessions.next_deadline(), self.policy.next_deadline());
        let (doubts, witnesses) = (self.doubts.next_deadline(), self.witnesses.next_deadline());
        [jibri, stale, jicofo, sessions, policy, doubts, witnesses].into_iter().flatten().min()
    }

    fn all_dirty(&mut self) {
        self.dirty = self.jibris.keys().cloned().collect();
    }

    fn retry_recoveries(&mut self) {
        self.dirty.extend(self.policy.wanting.iter().cloned());
    }

    /// Jicofo does not know the Jibris that are there, and that was told.
    pub fn has_jicofo_lost_brewery(&self) -> bool {
        self.jicofo.is_told_to_be_lost()
    }

    /// Whether it has lost the brewery, or has it again.
    fn look_at_jicofo(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.sight.detector && self.sight.polled.is_none_or(|at| at.after(self.poll_lasts) <= now) {
            self.detector_lost();
        }
        let (was_suspect, suspicion) = (self.jicofo.is_suspect(), self.suspicion_of_jicofo(now));
        if was_suspect {
            self.sessions.forget_answers();
        }
        // While nobody sees the brewery, what was suspected still is.
        if self.sight.brewery.is_some() || !was_suspect {
            effects.extend(self.jicofo.observe(suspicion, now).map(Effect::Tell));
        }
        if was_suspect && !self.jicofo.is_suspect() {
            self.retry_recoveries();
        }
        self.consider_jicofo(now, effects);
    }

    /// Everything that follows from what is new, and from the time.
    fn follow(&mut self, now: Time, effects: &mut Vec<Effect>) {
        self.forget_doubts(now, effects);
        if self.policy.age(now) {
            self.retry_recoveries();
        }
        // A Jibri is visited for its deadline once at most: if its new one has passed too, it has its turn next
        // time.
        self.dirty.extend(self.deadlines.due(now).cloned());
        loop {
            while let Some(name) = self.dirty.pop_first() {
                self.settle(&name, now, effects);
            }
            let jibris = &self.jibris;
            let looks = |name: &JibriName| jibris.get(name).map_or(Appearance::Absent, |jibri| jibri.looks);
            let marks = self.sessions.due(now, looks);
            self.apply(marks, now, effects);
            while let Some(answer) = self.sessions.next_answer(now) {
                self.weigh(answer, effects);
            }
            if self.dirty.is_empty() {
                break;
            }
        }
        self.testify(now, effects);
        let visible = self.sight.brewery.is_some() || self.sight.detector;
        if visible != self.available.visible {
            self.available.visible = visible;
            self.available.change = self.available.change.wrapping_add(1);
        }
    }

    /// What shows that Jicofo has lost the brewery: the first case that holds. It may learn a moment later than we do who
    /// is there.
    fn suspicion_of_jicofo(&self, now: Time) -> Option<(LostBy, Time)> {
        self.sight.brewery?;
        cases::LOST.iter().find_map(|case| (case.holds)(self, now))
    }

    /// Brings one Jibri up to date with what is known of it.
    fn settle(&mut self, name: &JibriName, now: Time, effects: &mut Vec<Effect>) {
        let sight = self.sight;
        let Some(jibri) = self.jibris.get_mut(name) else { return };
        jibri.age(sight, now);
        if self.jicofo.is_suspect() {
            jibri.forgive();
        }
        let before = jibri.look(sight, now);
        if before != jibri.looks {
            self.has_changed(name, before, now, effects);
        }
        if let Some(word) = self.jibris.get(name).map(|jibri| jibri.word(sight, now)) {
            self.witnesses.hear(name, word, now);
        }
        self.watch_recovery(name, now, effects);
        let Some(jibri) = self.jibris.get_mut(name) else { return };
        if jibri.streak.count() == 0 {
            self.doubts.forget_jibri(name);
        }
        let (verdict, evidence) = jibri.judge(sight, now);
        if verdict != jibri.verdict {
            let (from, to, evidence) = (jibri.verdict, verdict, evidence.clone());
            effects.push(Effect::Tell(Event::Verdict { name: name.clone(), from, to, evidence }));
        }
        (jibri.verdict, jibri.evidence) = (verdict, evidence);
        jibri.tell_if_mended(name, now, effects);
        if jibri.is_pinged(sight) && jibri.ping_due <= now {
            jibri.ping_due = now.after(jibri.ping_pause(sight));
            effects.push(Effect::Ping { name: name.clone() });
        }
        if jibri.busy_told_at.is_some_and(|at| at <= now) {
            // A recorder whose Jibri we do not know may be this one's.
            let is_explained =
                jibri.serving.is_some() || jibri.verdict == Verdict::Stale || self.sessions.has_unknown();
            jibri.busy_told_at = is_explained.then(|| now.after(jibri::RECORDING));
            if !is_explained {
                let since = jibri.looks_since;
                effects.push(Effect::Tell(Event::BusyWithoutRecorder { name: name.clone(), since }));
            }
        }
        self.consider_recovery(name, now, effects);
        self.write_down(name, now);
    }

    /// It looks different from what it did before.
    fn has_changed(&mut self, name: &JibriName, before: Appearance, now: Time, effects: &mut Vec<Effect>) {
        let Some(jibri) = self.jibris.get_mut(name) else { return };
        let looks = jibri.looks;
        match looks {
            Appearance::Busy => {
                // Who was out of sight may have been busy for long.
                let taken = self.sessions.only_start().filter(|_| before == Appearance::Idle);
                effects.extend(taken.map(|room| Effect::Taken { room }));
                if before == Appearance::Idle {
                    self.jicofo.has_chosen();
                }
                self.sessions.turned_busy(name);
            }
            Appearance::Idle => {
                // A webhook's word is anybody's.
                let is_own = jibri.port.is_some_and(|port| port.report.busy == Busy::Idle);
                if self.sight.brewery.is_some() || self.sight.detector || is_own {
                    self.witnesses.is_idle(name);
                }
                let fell = jibri.falling.take().filter(|_| !jibri.is_twins());
                if let Some((room, _)) = fell {
                    self.has_failed(name, &room, now, effects);
                }
            }
            // Jicofo's list may be empty because it has lost the brewery.
            Appearance::Absent if self.sight.brewery.is_none() && jibri.port_answers() => {}
            Appearance::Absent => jibri.forget_process(),
            Appearance::Unknown | Appearance::Unwell => jibri.falling = None,
        }
        if looks != Appearance::Busy {
            let marks = self.sessions.left_work(name, looks == Appearance::Idle, now);
            self.apply(marks, now, effects);
        }
        // While nothing is known of it, its room is not taken from it.
        if !matches!(looks, Appearance::Busy | Appearance::Unknown)
            && let Some(room) = self.jibris.get(name).and_then(|jibri| jibri.serving.clone())
        {
            let marks = self.sessions.stopped(name, &room, looks, now);
            self.apply(marks, now, effects);
        }
    }

    /// What the sessions have found out.
    fn apply(&mut self, marks: Vec<Mark>, now: Time, effects: &mut Vec<Effect>) {
        for mark in marks {
            match mark {
                Mark::Look { room, gone } => effects.push(Effect::Look { room, gone }),
                Mark::Ask => effects.push(Effect::AskJicofo),
                Mark::Serves { name, room } => {
                    self.witnesses.taken_by(&room, &name);
                    self.change(&name, |jibri| jibri.serving = Some(room));
                }
                Mark::Freed { name } => self.change(&name, |jibri| {
                    jibri.serving = None;
                    jibri.has_served = true;
                }),
                Mark::Fell { name, room, at, proven } => {
                    // Not what another process has done under its name.
                    let is_its = self
                        .jibris
                        .get(&name)
                        .is_some_and(|jibri| jibri.there_since <= at && !jibri.is_twins());
                    if is_its && proven {
                        self.change(&name, |jibri| jibri.streak.session_failed(now, &room, true));
                    } else if is_its {
                        self.has_failed(&name, &room, now, effects);
                    }
                }
                Mark::Falling { name, room } => self.change(&name, |jibri| {
                    jibri.falling = Some((room, now.after(FALLS_WITHIN)));
                }),
                Mark::Late { name, room } => self.change(&name, |jibri| jibri.streak.failed_late(&room)),
                Mark::Works { name, room } => {
                    self.change(&name, |jibri| jibri.streak.reset());
                    self.is_settled(&room, effects);
                    // Whoever failed in this room has only himself to blame.
                    for (other, jibri) in &mut self.jibris {
                        if *other != name && jibri.streak.room_works(now, &room) {
                            self.dirty.insert(other.clone());
                        }
                    }
                }
            }
        }
    }

    fn change(&mut self, name: &JibriName, change: impl FnOnce(&mut Jibri)) {
        if let Some(jibri) = self.jibris.get_mut(name) {
            change(jibri);
            self.dirty.insert(name.clone());
        }
    }

    /// Counts it, and writes down when it has to be looked at again.
    fn write_down(&mut self, name: &JibriName, now: Time) {
        let Some(jibri) = self.jibris.get_mut(name) else { return };
        let is_present = !matches!(jibri.looks, Appearance::Absent | Appearance::Unknown);
        let is_free = jibri.is_free(now);
        let count = |number: &mut usize, was: bool, is: bool| {
            *number = number.saturating_add(usize::from(is)).saturating_sub(usize::from(was));
        };
        count(&mut self.available.free, jibri.counted_free, is_free);
        if jibri.counted_free != is_free {
            self.available.change = self.available.change.wrapping_add(1);
        }
        jibri.counted_present = is_present;
        jibri.counted_free = is_free;
        let is_forgotten = !jibri.configured
            && matches!(jibri.looks, Appearance::Absent | Appearance::Unknown)
            && jibri.serving.is_none()
            && now.since(jibri.looks_since) >= STRANGERS_LAST;
        let deadline = if is_forgotten { None } else { jibri.deadline(self.sight, now) };
        self.deadlines.set(name, deadline);
        if is_forgotten {
            self.forget(name);
        }
    }
}

/// An answer of Jicofo's holds until three have failed to come.
fn poll_lasts(settings: &Settings) -> Duration {
    let every = settings.discovery.jicofo.interval.max(POLLED_EVERY);
    every.saturating_mul(3).saturating_add(Duration::from_secs(2))
}
