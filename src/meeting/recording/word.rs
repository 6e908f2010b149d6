//! What focus's word means: on, off and why, of which meeting and of whose session (docs/jitsi.md 3).

use std::time::Duration;

use super::{Facts, PendingBy, Phase, Recording, Witness};
use crate::address::Nick;
use crate::meeting::answer::StartFailure;
use crate::meeting::event::{Ended, Hold};
use crate::meeting::io::{RecordingStatus, SessionId};
use crate::meeting::recorders::SHOWS_WITHIN;
use crate::meeting::{Ctx, Policy};

/// When focus is asked again whether it knows by now that a recorder is gone; doubled each time. It notices the death of
/// a Jibri after 19 s (docs/jitsi.md 13.2), and each time people see us come and go.
const ASK_AGAIN: Duration = Duration::from_secs(25);

/// So often in one meeting a recording is begun again whose end nobody could be asked about.
const UNTOLD_ENDS: u32 = 3;

impl Recording {
    /// A room may end and begin again under its name without our seeing it gone: while we are kept out,
    /// while there is no link, or between two looks. After a break we rely on what focus tells, as after
    /// a restart of ours: only if it still says the same is it the same meeting for certain.
    pub(super) fn is_it_another_meeting(&mut self, facts: &Facts<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        self.emptied |= facts.people == 0;
        self.heard &= facts.people > 0;
        if facts.people == 0 || !facts.focus {
            return;
        }
        // Outside the word of focus is not known; a visit hears it, where one may be paid and is worth it.
        let is_worth_a_visit = !matches!(self.phase, Phase::Held { why: Hold::DryRun, .. });
        if !facts.inside() && is_worth_a_visit && (policy.peek || !policy.in_names) {
            return;
        }
        self.heard = true;
        if !(self.emptied || self.absent) {
            return;
        }
        self.absent = false;
        let is_told_still = facts.status.is_some() && facts.status == self.judged.as_ref();
        if is_told_still && (!self.emptied || self.stopped_by(facts, policy).is_some()) {
            return;
        }
        if self.emptied && !facts.recorder() && facts.told_on().is_none() {
            self.ended(Ended::WithMeeting, ctx);
        }
        self.emptied = false;
        self.failures = 0;
        self.untold_ends = 0;
        self.last_failure = None;
        if let Phase::Held { why, .. } = &self.phase
            && !matches!(why, Hold::Misfit(_) | Hold::ByHand)
        {
            self.phase = Phase::Idle;
        }
    }

    /// Acts upon a new word of focus.
    pub(super) fn judge(&mut self, facts: &Facts<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        let Some(status) = facts.status.filter(|s| facts.focus && self.judged.as_ref() != Some(*s)) else {
            return;
        };
        self.judged = Some(status.clone());
        self.stop.learn(status);
        if let Some(mode) = facts.told_instead() {
            self.told_instead(mode, facts, ctx);
        } else if status.on {
            self.told_on(status.session.clone(), facts, ctx, policy);
        } else if matches!(self.phase, Phase::Recording { .. }) && is_of_another(status, facts) {
            // Focus has yet to tell of the one that is on.
        } else if self.concerns_us(status) || self.stopped_by(facts, policy).is_some() {
            self.off(status, facts, ctx, policy);
        }
    }

    /// Focus says that it is on. A visitor will believe it when the recorder is there, because that is all he
    /// sees later; until then Jicofo may be falling back to another Jibri.
    pub(super) fn told_on(
        &mut self,
        session: Option<SessionId>,
        facts: &Facts<'_>,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) {
        if facts.visitor && !facts.recorder() {
            // Its recorder may be the one that has just come in, and has nothing to show yet.
            self.asked_at = Some(ctx.now.before(SHOWS_WITHIN));
            self.pending(session, PendingBy::Focus, ctx.now, policy);
        } else {
            self.on(session, Witness::Focus, ctx);
        }
    }

    /// The recorder had gone, and now we hear what focus says of it.
    pub(super) fn resolve_doubt(&mut self, facts: &Facts<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        let Phase::Doubtful { session, since, ask, .. } = &mut self.phase else { return };
        if facts.recorder() || !facts.focus {
            return;
        }
        if let Some(status) = facts.told_on()
            && (session.is_none() || *session == status.session)
        {
            // Jicofo learns of the end from Jibri, which may be later than its browser is gone; or it falls back to
            // another Jibri, whose browser will show.
            self.judged = Some(status.clone());
            if ask.0 <= ctx.now {
                let pause = ASK_AGAIN.saturating_mul(1_u32.checked_shl(ask.1).unwrap_or(u32::MAX));
                *ask = (ctx.now.after(pause), ask.1.saturating_add(1));
            }
            return;
        }
        let (session, since) = (session.clone(), *since);
        let is_news = |status: &RecordingStatus| {
            self.judged.as_ref() != Some(status) && self.concerns_us(status)
                || self.stopped_by(facts, policy).is_some()
        };
        match facts.status {
            Some(status) if facts.told_instead().is_some() => {
                self.judged = Some(status.clone());
                if let Some(mode) = facts.told_instead() {
                    self.told_instead(mode, facts, ctx);
                }
            }
            Some(status) if status.on => {
                self.judged = Some(status.clone());
                self.told_on(status.session.clone().or(session), facts, ctx, policy);
            }
            Some(status) if is_news(status) => {
                self.judged = Some(status.clone());
                self.phase = Phase::Recording { session, since, by: Witness::Sighted };
                self.off(status, facts, ctx, policy);
            }
            _ => self.vanished(facts, ctx, policy),
        }
    }

    /// The recorder is gone, and nobody says why: nothing is guessed.
    pub(super) fn vanished(&mut self, facts: &Facts<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        self.ended(Ended::Unexplained, ctx);
        // Where nobody is asked, it may have been a person every time.
        if policy.in_names && !facts.inside() {
            self.untold_ends = self.untold_ends.saturating_add(1);
            if self.untold_ends > UNTOLD_ENDS {
                return self.hold(Hold::Untold, None, ctx);
            }
        }
        self.fail(StartFailure::Vanished, ctx, policy);
    }

    /// An `off` of another session than the one that we wait for is old news, unless a person is behind it.
    pub(super) fn concerns_us(&self, status: &RecordingStatus) -> bool {
        match (self.session(), &status.session) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        }
    }

    /// Whose stop focus tells of now, if it is to be respected.
    fn stopped_by<'a>(&self, facts: &Facts<'a>, policy: Policy<'_>) -> Option<&'a Nick> {
        // Somebody who ends a live stream has not objected to the recording, and the other way round.
        let stop = facts.status.filter(|s| !s.on && s.mode.is_none_or(|mode| mode == policy.start.mode));
        let is_void = |stop: &RecordingStatus| self.void.is_some() && self.void == stop.session;
        let binds = |stop: &&RecordingStatus| !is_void(stop) && !self.is_overruled(stop);
        let stop = stop.filter(|stop| policy.stop.respect_manual && binds(stop));
        stop.and_then(|stop| self.person_behind(stop, facts))
    }

    /// Who has started or stopped it, if it was not us.
    fn person_behind<'a>(&self, status: &'a RecordingStatus, facts: &Facts<'_>) -> Option<&'a Nick> {
        let is_ours = |nick: &Nick| facts.our_nick == Some(nick) || self.stop.is_ours(status);
        status.initiator.as_ref().filter(|nick| !is_ours(nick))
    }

    /// docs/jitsi.md 3, the table of `off`.
    pub(super) fn off(
        &mut self,
        status: &RecordingStatus,
        facts: &Facts<'_>,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) {
        let person = self.person_behind(status, facts);
        self.stop.learn(status);
        let was_on = matches!(self.phase, Phase::Recording { .. });
        let was_pending = matches!(self.phase, Phase::Pending { .. });
        if let Some(nick) = self.stopped_by(facts, policy) {
            self.ended(Ended::ByPerson(nick.clone()), ctx);
            self.emptied = false;
            self.order_is_countermanded();
            self.hold(Hold::StoppedBy(nick.clone()), None, ctx);
        } else if was_on {
            let how = match (person, &status.initiator) {
                (Some(nick), _) => Ended::ByPerson(nick.clone()),
                (None, Some(_)) => Ended::ByUs,
                (None, None) if status.failed => Ended::Failed,
                (None, None) => Ended::Naturally,
            };
            let failed = how == Ended::Failed;
            self.ended(how, ctx);
            if failed {
                self.fail(StartFailure::Failed, ctx, policy);
            } else {
                self.not_before = Some(ctx.now.after(policy.start.retry_min));
            }
        } else if was_pending {
            let why = if status.failed { StartFailure::Failed } else { StartFailure::EndedBeforeOn };
            self.fail(why, ctx, policy);
        }
    }

    /// Before a start: the stop that focus tells of may have come while something else was on, or before we
    /// came back; and a recorder may be there already.
    pub(super) fn heed_others(&mut self, facts: &Facts<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        // What is kept off by hand may go on, or be begun by somebody, as well.
        let is_kept_off = matches!(self.phase, Phase::Held { why: Hold::ByHand, .. });
        if self.phase != Phase::Idle && !is_kept_off {
            return;
        }
        if let Some(nick) = self.stopped_by(facts, policy).filter(|_| !is_kept_off) {
            self.hold(Hold::StoppedBy(nick.clone()), None, ctx);
        } else if let Some(mode) = facts.told_instead() {
            self.told_instead(mode, facts, ctx);
        } else if let Some(status) = facts.told_on() {
            self.told_on(status.session.clone(), facts, ctx, policy);
        } else if facts.inside() && is_foreign(facts) && is_kept_off && self.has_unknown {
            self.on(facts.recorders.session().cloned(), Witness::Recorder, ctx);
        } else if facts.inside() && is_foreign(facts) && !is_kept_off {
            self.pending(facts.recorders.session().cloned(), PendingBy::Recorder, ctx.now, policy);
        }
    }
}

/// The recorder that is there shows another session than this word.
fn is_of_another(status: &RecordingStatus, facts: &Facts<'_>) -> bool {
    let Some(told) = &status.session else { return false };
    let mut shown = facts.recorders.sessions().flatten().peekable();
    shown.peek().is_some() && shown.all(|shown| shown != told)
}

/// A recorder that belongs to no session focus has told of: somebody's start under way, or what a
/// restarted focus has forgotten.
pub(super) fn is_foreign(facts: &Facts<'_>) -> bool {
    match facts.status {
        None => facts.recorder(),
        Some(status) => {
            let is_other = |shown: &SessionId| Some(shown) != status.session.as_ref();
            !status.on && facts.recorders.sessions().flatten().any(is_other)
        }
    }
}
