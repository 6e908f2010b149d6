//! Carries a restart through: from who is to be restarted to whether it has come back.

use super::Fleet;
use super::event::{Effect, Event, Reason};
use super::evidence::{Evidence, Verdict};
use super::io::Whom;
use super::jibri::{Appearance, Jibri};
use super::recovering::Phase;
use super::recovery::{Obstacle, QUIET};
use crate::jibri::{Busy, JibriName};
use crate::time::Time;

impl Jibri {
    /// A restart has failed, and it is well all the same: somebody has made up for it, or it came late, or the reason
    /// is gone. One that was due only is not well before it has been another process.
    pub(super) fn tell_if_mended(&mut self, name: &JibriName, now: Time, effects: &mut Vec<Effect>) {
        let is_well =
            self.verdict == Verdict::Ok && matches!(self.looks, Appearance::Idle | Appearance::Busy);
        let there_since = self.there_since;
        let is_mended =
            |(reason, since): &mut (Reason, Time)| *reason != Reason::Recycle || there_since > *since;
        if is_well && let Some((_, since)) = self.unmended.take_if(is_mended) {
            effects.push(Effect::Tell(Event::Back { name: name.clone(), took: now.since(since) }));
        }
    }
}

impl Fleet {
    /// A restart under way: is it back, or is it too late?
    pub(super) fn watch_recovery(&mut self, name: &JibriName, now: Time, effects: &mut Vec<Effect>) {
        let Some(jibri) = self.jibris.get_mut(name) else { return };
        let Some(recovering) = &mut jibri.recovering else { return };
        let (since, reason) = (recovering.since, recovering.reason);
        let is_anew = recovering.is_anew();
        if recovering.phase != Phase::Running
            && is_anew
            && matches!(jibri.looks, Appearance::Idle | Appearance::Busy)
        {
            let room = jibri.recovering.take().and_then(|recovering| recovering.room);
            jibri.streak.reset();
            (jibri.recordings, jibri.without_files) = (0, 0);
            effects.push(Effect::Tell(Event::Back { name: name.clone(), took: now.since(since) }));
            if let Some(room) = room {
                self.doubts.has_tried(&room, name);
            }
        } else if recovering.deadline().is_some_and(|until| until <= now) {
            if recovering.phase == Phase::Running {
                jibri.recovering = None;
                jibri.unmended = Some((reason, since));
                let why = "nothing was heard of it".to_owned();
                effects.push(Effect::Tell(Event::RecoveryFailed { name: name.clone(), reason, why }));
            } else {
                recovering.phase = Phase::Missing;
                let has_gone = is_anew;
                effects.push(Effect::Tell(Event::NotBack { name: name.clone(), since, has_gone }));
            }
        } else {
            return;
        }
        self.policy.done(name);
        self.retry_recoveries();
    }

    /// Restarts it, if it should be and may be.
    pub(super) fn consider_recovery(&mut self, name: &JibriName, now: Time, effects: &mut Vec<Effect>) {
        let Some(jibri) = self.jibris.get_mut(name) else { return };
        jibri.retry_at = None;
        let Some(reason) = self.policy.wants(jibri) else {
            self.policy.wanting.remove(name);
            jibri.told = None;
            return;
        };
        self.policy.wanting.insert(name.clone());
        // A Jibri that is refused by a Jicofo without a brewery has done nothing wrong.
        if matches!(reason, Reason::Wedged | Reason::Recycle) && self.jicofo.is_suspect() {
            jibri.retry_at = None;
            return;
        }
        let may_be_taken = match jibri.evidence {
            // It says itself that it is busy: where a recorder is whose Jibri is not known, it may be this one's.
            Evidence::Stale { shown: Busy::Idle, .. } => self.sessions.has_unknown(),
            // One that works may be what a start under way is about to take.
            Evidence::OneRoom { .. } => self.sessions.may_take_any(),
            _ => reason == Reason::Recycle && self.sessions.may_take_any(),
        };
        let is_fresh = self.sight.brewery.is_some() || self.sight.polled == Some(now);
        match self.policy.obstacle(jibri, reason, self.sight, may_be_taken, is_fresh, now) {
            Some(Obstacle::NotNow(at)) => {
                jibri.retry_at = at;
                if let Evidence::OneRoom { room, .. } = &jibri.evidence
                    && jibri.looks == Appearance::Idle
                    && self.policy.may_act_on(jibri, now)
                {
                    let until = self.doubts.holds_back(room, at.unwrap_or(now.after(QUIET)), now);
                    let room = room.clone();
                    effects.extend(until.map(|until| Effect::HoldBack { room, until }));
                }
            }
            Some(Obstacle::Limit(limit, until)) => {
                jibri.retry_at = until;
                if jibri.told != Some((reason, Some(limit))) {
                    jibri.told = Some((reason, Some(limit)));
                    let name = name.clone();
                    effects.push(Effect::Tell(Event::Limited { name, reason, limit, until }));
                }
            }
            None if self.policy.settings.dry_run => {
                if jibri.told != Some((reason, None)) {
                    jibri.told = Some((reason, None));
                    effects.push(Effect::Tell(Event::WouldRecover { name: name.clone(), reason }));
                }
            }
            None => {
                jibri.told = None;
                jibri.unmended = None;
                jibri.last_restart = Some(now);
                let mut recovering = self.policy.begin(name, reason, now);
                if let Evidence::OneRoom { room, .. } = &jibri.evidence {
                    self.doubts.is_restarted_for(room);
                    recovering.room = Some(room.clone());
                }
                jibri.recovering = Some(recovering);
                self.policy.wanting.remove(name);
                effects.push(Effect::Recover { name: name.clone(), reason });
            }
        }
    }

    /// What we, or whoever had our place, did before we were started.
    pub(super) fn remember(&mut self, restarts: Vec<(Whom, Time)>, now: Time) {
        for (whom, at) in restarts {
            let Whom::Jibri(name) = whom else {
                self.jicofo_restarts.remember(at);
                continue;
            };
            self.policy.remember(at);
            if let Some(jibri) = self.jibris.get_mut(&name) {
                jibri.last_restart = jibri.last_restart.max(Some(at));
            }
        }
        self.policy.age(now);
        self.retry_recoveries();
    }

    pub(super) fn recovered(
        &mut self,
        name: &JibriName,
        result: Result<(), String>,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let Some(jibri) = self.jibris.get_mut(name) else { return };
        // One that we no longer wait for is told of as it is.
        let Some(recovering) = jibri.recovering.as_mut().filter(|r| r.phase == Phase::Running) else {
            return;
        };
        let (reason, since) = (recovering.reason, recovering.since);
        let name = name.clone();
        self.dirty.insert(name.clone());
        match result {
            Ok(()) => {
                recovering.succeeded(now);
                jibri.restarts = jibri.restarts.saturating_add(1);
                effects.push(Effect::Tell(Event::Restarted { name, reason }));
            }
            Err(why) => {
                jibri.recovering = None;
                jibri.unmended = Some((reason, since));
                self.policy.done(&name);
                self.retry_recoveries();
                effects.push(Effect::Tell(Event::RecoveryFailed { name, reason, why }));
            }
        }
    }
}
