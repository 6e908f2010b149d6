//! Jicofo's answer that it could use no Jibri: what it says of those that are idle, and of Jicofo.

use std::time::Duration;

use super::Fleet;
use super::event::{Effect, Event};
use super::evidence::LostBy;
use super::jibri::{GIVEN_UP, Jibri, SHUNNED};
use super::sessions::{LAG, NoneUsable};
use crate::jibri::{Busy, Health, JibriName, Report};
use crate::meeting::StartFailure;

/// An idle Jibri accused by "all busy" has to have been idle for so long when the start was sent.
const IDLE_BEFORE: Duration = Duration::from_secs(5);

impl Fleet {
    /// "All Jibris are busy" while exactly one has been idle and healthy from before
    /// the start until well after the answer: Jicofo had nobody else to select, and it did not work.
    ///
    /// - Where Jicofo's own word on who failed could be read all the time, that is taken instead.
    /// - One that was busy for a moment is left out, whatever the reason: it may have been launching for another
    ///   room when it was selected for this one.
    /// - One that has failed less than 60 s ago was not selected again (docs/jitsi.md 2): this answer is that
    ///   failure's consequence and not another one.
    /// - Which of several starts it has failed does not matter: it has taken none of them.
    pub(super) fn weigh(&mut self, answer: NoneUsable, effects: &mut Vec<Effect>) {
        let is_told = self.sight.detector && self.polled_since.after(LAG) <= answer.sent;
        // What a Jicofo says that has lost the brewery is no Jibri's fault.
        if self.sight.brewery.is_none() || self.jicofo.is_suspect() {
            return;
        }
        let is_candidate = |jibri: &Jibri| {
            let was_idle = jibri.idle_since().is_some_and(|since| since.after(IDLE_BEFORE) <= answer.sent);
            let was_shunned = jibri.shunned_until.is_some_and(|until| until > answer.sent);
            let is_restarted = jibri.recovering.is_some()
                || jibri.last_restart.is_some_and(|at| at.after(IDLE_BEFORE) > answer.sent);
            // Jicofo may have given up on its last process, and shuns this one for that.
            let is_old = jibri.there_since.after(GIVEN_UP).after(SHUNNED) <= answer.sent;
            was_idle && is_old && !was_shunned && !is_restarted
        };
        let idle: Vec<JibriName> =
            self.jibris.iter().filter(|(_, j)| is_candidate(j)).map(|(name, _)| name.clone()).collect();
        self.weigh_jicofo(&answer, &idle, is_told);
        match idle.as_slice() {
            [] => {}
            _ if answer.why == StartFailure::NoJibri => {}
            _ if is_told => {}
            // Jicofo has used up its tries, perhaps on others: one that was launching for another room, and
            // answered "busy" to this one, is among those tried and not among the idle.
            [only] if answer.why == StartFailure::AllBusy => self.change(&only.clone(), |jibri| {
                if !jibri.is_twins() {
                    jibri.streak.launch_failed(answer.answered, Some(answer.room));
                    jibri.shunned_until = jibri.shunned_until.max(Some(answer.answered.after(SHUNNED)));
                }
            }),
            _ => {
                if self.doubted != idle {
                    self.doubted.clone_from(&idle);
                    let event = Event::InDoubt { among: idle, room: answer.room, why: answer.why };
                    effects.push(Effect::Tell(event));
                }
            }
        }
    }

    /// What the same answer says of Jicofo: it has not seen these that are `idle`. Where it tells whom it has failed, one
    /// that it has not failed is enough; else all of several would have to have failed at once.
    fn weigh_jicofo(&mut self, answer: &NoneUsable, idle: &[JibriName], is_told: bool) {
        let is_agreed = |name: &&JibriName| {
            let Some(jibri) = self.jibris.get(*name) else { return false };
            let idle = Report { busy: Busy::Idle, health: Health::Healthy };
            // One that hangs is idle for ever, and Jicofo has failed it (docs/jitsi.md 13.2.8).
            let is_silent = jibri.ping_reach.is_silent() || jibri.port_reach.is_silent();
            !is_silent
                && jibri.port.is_none_or(|port| port.report == idle)
                && !(is_told && jibri.may_be_shunned(answer.sent))
        };
        let idle: Vec<JibriName> = idle.iter().filter(is_agreed).cloned().collect();
        let sure = is_told || answer.why == StartFailure::NoJibri;
        let least = if sure { 1 } else { 2 };
        if idle.len() >= least && answer.why != StartFailure::SeveralFailed {
            self.jicofo.refuses_at(answer.answered, LostBy::Refuses { says: answer.why, idle, sure });
        }
    }
}
