//! What the room itself shows: everybody gone, focus or a recorder come or gone, seen from inside or outside.

use std::time::Duration;

use super::{Facts, PendingBy, Phase, Recording, SHOWS_BY, Witness};
use crate::meeting::answer::StartFailure;
use crate::meeting::event::Ended;
use crate::meeting::io::SessionId;
use crate::meeting::{Ctx, Policy};
use crate::time::Time;

/// A sender who is still there after this was there when his name was used.
const SENDER_STAYS: Duration = Duration::from_secs(3);

/// So long a recorder may stay after its recording is over.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);

/// Jicofo notices so late that a Jibri has died, and moves its session to another one (docs/jitsi.md 13.2); to ask it before
/// would be a visit for nothing.
const FOCUS_NOTICES: Duration = Duration::from_secs(20);

/// How it has ended when it was not wanted any more, so that nobody is asked.
fn unasked(facts: &Facts<'_>) -> Ended {
    if facts.people == 0 { Ended::WithMeeting } else { Ended::Unasked }
}

impl Recording {
    /// What the room shows beyond focus's last word: focus gone or new, recorder come or gone.
    pub(super) fn observe(&mut self, wanted: bool, facts: &Facts<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        if !facts.inside() {
            self.sight(wanted, facts, ctx, policy);
        }
        // Whoever leaves in that moment may have gone before his name was used; asked twice is asked once.
        if let Phase::Starting { sender: Some(sender), since, .. } = &self.phase
            && ctx.now.since(*since) < SENDER_STAYS
            && !facts.roster.is_moderator(sender)
        {
            self.fail(StartFailure::SenderLeft, ctx, policy);
        }
        let focus_says_on = facts.focus && facts.told_on().is_some();
        match &self.phase {
            Phase::Starting { .. } | Phase::Pending { by: PendingBy::Focus | PendingBy::Others, .. }
                if !facts.focus =>
            {
                self.fail(StartFailure::NoFocus, ctx, policy);
            }
            Phase::Pending { by: PendingBy::Recorder, .. } if !facts.recorder() => {
                self.fail(StartFailure::EndedBeforeOn, ctx, policy);
            }
            Phase::Pending { .. } if self.is_the_silent_one(facts, ctx.now) => self.believes = Some(true),
            Phase::Recording { .. } if !facts.inside() => {}
            Phase::Recording { session, .. } if !focus_says_on && facts.recorder() => {
                let session = session.clone();
                self.on(session, Witness::Recorder, ctx);
            }
            Phase::Recording { .. } if !focus_says_on => self.ended(self.loss(), ctx),
            Phase::Doubtful { session, since, .. } if facts.recorder() => {
                let (session, since) = (session.clone(), *since);
                self.phase = Phase::Recording { session, since, by: Witness::Sighted };
            }
            Phase::Doubtful { .. } if !wanted => self.ended(unasked(facts), ctx),
            Phase::Doubtful { .. } if !facts.focus => self.ended(self.loss(), ctx),
            Phase::Doubtful { .. } if policy.in_names && (!policy.peek || facts.unwelcome) => {
                self.vanished(facts, ctx, policy);
            }
            _ => {}
        }
    }

    /// Focus has long said that it is on, no recorder has ever shown its session, and one of Jibri's accounts is there:
    /// it is one that shows nothing.
    fn is_the_silent_one(&self, facts: &Facts<'_>, now: Time) -> bool {
        let session = facts.told_on().and_then(|status| status.session.as_ref());
        let has_shown = session.is_some_and(|session| facts.recorders.have_shown(session));
        let is_late = self.asked_at.is_none_or(|at| now.since(at) >= SHOWS_BY);
        let is_told = facts.inside() && facts.visitor && facts.told_on().is_some();
        is_told && is_late && !has_shown && !facts.recorder() && facts.recorders.is_silent()
    }

    /// Focus ends the conference when nobody is left, which may pass between two looks. What was pending goes with
    /// it, and so does an answer, for we leave too. If it is still the same conference, the next start is answered
    /// with "already enabled" and nothing is lost.
    pub(super) fn forget_what_was_theirs(&mut self, facts: &Facts<'_>) {
        let is_theirs = if facts.people == 0 {
            self.deserted = true;
            matches!(self.phase, Phase::Starting { sender: None, .. })
        } else {
            let was_deserted = std::mem::take(&mut self.deserted);
            was_deserted && !facts.recorder() && self.waits_without_an_answer(facts)
        };
        if is_theirs {
            self.phase = Phase::Idle;
        }
    }

    /// A start has gone out in somebody's name, or was accepted, and focus does not say that it is on.
    fn waits_without_an_answer(&self, facts: &Facts<'_>) -> bool {
        match &self.phase {
            Phase::Starting { sender, .. } => sender.is_some(),
            Phase::Pending { by: PendingBy::Focus | PendingBy::Others, .. } => facts.told_on().is_none(),
            _ => false,
        }
    }

    /// How it has ended if nobody says: with its meeting, if nobody was left for a moment.
    fn loss(&self) -> Ended {
        if self.emptied { Ended::WithMeeting } else { Ended::Lost }
    }

    /// From outside, the recorder among the occupants is what there is to see.
    pub(super) fn sight(&mut self, wanted: bool, facts: &Facts<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        let has_stayed = |since| ctx.now.since(since) > LEAVES_WITHIN;
        let is_new = match &self.phase {
            Phase::Starting { .. } | Phase::Pending { .. } => true,
            // Whose end has just been told may take a while to leave.
            Phase::Idle => self.over_since.is_none_or(has_stayed),
            Phase::Held { .. } => !self.had_recorder || self.over_since.is_some_and(has_stayed),
            Phase::Recording { .. } | Phase::Doubtful { .. } => false,
        };
        if is_new && self.sees_recorder_of_ours(facts) {
            if let Phase::Starting { attempt, deadline, sender: None, .. } = self.phase {
                self.unanswered = Some((attempt, deadline));
            }
            let session = self.session().or(facts.recorders.session()).cloned();
            self.on(session, Witness::Sighted, ctx);
        }
        if let Phase::Recording { session, since, .. } = &self.phase
            && !facts.recorder()
        {
            let deadline = ctx.now.after(policy.start.pending_timeout);
            match (wanted, facts.focus) {
                _ if self.stop.is_under_way() => {
                    self.ended(Ended::ByUs, ctx);
                    self.not_before = Some(ctx.now.after(policy.start.retry_min));
                }
                (false, _) => self.ended(unasked(facts), ctx),
                (true, false) => self.ended(self.loss(), ctx),
                (true, true) => {
                    let from = self.ask_from.map_or(ctx.now, |at| at.max(ctx.now));
                    let gone = self.jibri_gone.map_or(from, |at| at.after(FOCUS_NOTICES).max(from));
                    let (session, since, ask) = (session.clone(), *since, (gone, 0));
                    self.phase = Phase::Doubtful { session, since, deadline, ask };
                }
            }
        }
    }

    /// A recorder is there, and not the one of a session that is over, or of another than we wait for.
    pub(super) fn sees_recorder_of_ours(&self, facts: &Facts<'_>) -> bool {
        let over = self.judged.as_ref().filter(|word| !word.on).and_then(|word| word.session.as_ref());
        let is_it = |theirs: Option<&SessionId>| {
            theirs
                .is_none_or(|theirs| over != Some(theirs) && self.session().is_none_or(|ours| ours == theirs))
        };
        facts.recorders.sessions().any(is_it)
    }
}
