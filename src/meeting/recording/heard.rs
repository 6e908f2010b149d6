//! What focus's word means: of which meeting it is, on, off and why, and of whose session (docs/jitsi.md 3).

use std::time::Duration;

use super::course::{Course, FoundBy, SHOWS_BY, Witness};
use super::proof::Refuted;
use super::{Recording, RecordingStatus};
use crate::config::Mode;
use crate::doubling::doubled;
use crate::meeting::answer::StartFailure;
use crate::meeting::context::{Ctx, Policy};
use crate::meeting::event::Ended;
use crate::meeting::io::SessionId;
use crate::meeting::knowledge::{Company, Gap, Picture, SHOWS_WITHIN, Told};
use crate::meeting::manual::OrderEnd;
use crate::meeting::person::Person;
use crate::meeting::roster::Roster;

/// When focus is asked again whether it knows by now that a recorder is gone; doubled each time. It notices the death of
/// a Jibri after 19 s (docs/jitsi.md 13.2), and each time people see us come and go.
const ASK_AGAIN: Duration = SHOWS_BY;
/// From outside nothing may show that what is on instead has ended; how often we look again then.
const POLL_AGAIN: Duration = Duration::from_secs(60);
/// Where focus says that it is on, a recorder is there by then: Jicofo notices within 20 s that a Jibri has died, and lets the
/// next one be pending for 90 s (docs/jitsi.md 2, 13.2).
const RECORDER_COMES_WITHIN: Duration = Duration::from_secs(120);

impl Recording {
    /// Whose meeting it is, and whether it is the same. A room may end and begin again under its name without our seeing it
    /// gone: while we are kept out, while there is no link, or between two looks. After such a gap we rely on what focus
    /// tells, as after a restart of ours: only if it still says the same is it the same meeting for certain.
    pub(super) fn which_meeting(&mut self, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        self.have_others_come(now.stayed, ctx);
        if now.people == 0 {
            self.known.meeting.emptied();
            // Focus ends the conference when nobody is left, and an answer goes with it, for we leave too.
            if !now.by_companion {
                self.unanswered = None;
                if matches!(self.course, Course::Asked { sender: None, .. }) {
                    self.course = Course::Nothing;
                }
            }
        } else {
            let was_deserted = self.known.meeting.peopled();
            if was_deserted && !self.known.is_recorded() {
                self.forget_what_was_asked(policy);
            }
        }
        self.whose_meeting(now.roster, now.stayed);
        self.is_it_another_meeting(now, ctx, policy);
        if !now.focus {
            self.known.focus_is_gone(now.is_inside());
        }
    }

    /// These are in the list by which we go in, and may have left by then.
    pub(in crate::meeting) fn lists(&mut self, roster: &Roster, stayed: Option<bool>, ctx: &mut Ctx<'_>) {
        self.have_others_come(stayed, ctx);
        self.whose_meeting(roster, stayed);
    }

    fn have_others_come(&mut self, stayed: Option<bool>, ctx: &mut Ctx<'_>) {
        if stayed == Some(false) {
            // All have left between two looks, for all we know.
            self.known.meeting.emptied();
            self.forget_order(OrderEnd::NobodyLeft, ctx);
        }
    }

    /// A start has gone out in somebody's name, or was accepted, and focus does not say that it is on.
    fn waits_without_an_answer(&self, policy: Policy<'_>) -> bool {
        match &self.course {
            Course::Asked { sender, .. } => sender.is_some(),
            Course::Found { by: FoundBy::Focus | FoundBy::Others, .. } => {
                self.known.told_on(policy.start.mode).is_none()
            }
            _ => false,
        }
    }

    /// A stop is nothing to entirely different people, whatever focus goes on telling. That those who come back come to
    /// the same meeting is for focus to tell. Somebody whose account is not shown may be anybody.
    fn whose_meeting(&mut self, roster: &Roster, stayed: Option<bool>) {
        if roster.leaves_out() {
            self.known.meeting.leaves_out();
        }
        let company = match roster.accounts() {
            Some(accounts) if roster.people() > 0 => {
                self.known.meeting.meets(&accounts, roster.machines(), stayed == Some(true))
            }
            _ => Company::Same,
        };
        match company {
            Company::Same => {}
            Company::Back => self.known.stop_binds_again(),
            Company::Others => self.stop_is_nothing_to_them(),
        }
        // What is heard of for the first time now may have been in their meeting, or theirs who have just left it.
        let session = self.session().cloned();
        if self.known.knows_session(session) && roster.people() == 0 {
            self.known.meeting.is_of_whoever_comes();
        }
    }

    fn stop_is_nothing_to_them(&mut self) {
        // What is on goes over to them, and what they do to it is their own will.
        if self.session().is_none() {
            self.known.stop_binds_nobody();
        }
        if self.holds.nobody_has_stopped() {
            self.backoff.forgive();
            self.holds.forget_ends();
        }
    }

    fn is_it_another_meeting(&mut self, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        if now.people == 0 || !now.focus {
            return;
        }
        let told = if now.is_inside() {
            let stop = self.stopped_by(now, policy).is_some();
            if self.known.is_told_still() { Told::TheSame { stop } } else { Told::Nothing }
        } else if policy.may_visit() && !ctx.dry_run {
            Told::NotYet
        } else {
            Told::Never
        };
        let is_heard = told != Told::NotYet;
        match self.known.meeting.is_same(told) {
            None => {}
            Some(true) if is_heard => self.known.meeting.closes(true),
            Some(true) => {}
            Some(false) => {
                let is_on = self.known.is_recorded() || self.known.told_on(policy.start.mode).is_some();
                if !is_on {
                    self.ended(Ended::WithMeeting, ctx);
                }
                if self.known.meeting.is_called_another() {
                    self.forget_order(OrderEnd::MeetingOver, ctx);
                    // What was asked for since nobody was left is theirs who are there now.
                    if self.known.meeting.gap() == Some(Gap::Unseen) {
                        self.forget_what_was_asked(policy);
                    }
                }
                self.backoff.forgive();
                self.holds.another_meeting();
                self.known.meeting.begins_anew(is_heard);
            }
        }
    }

    /// What was pending went with those who had asked for it. If it is still the same conference, the next start is
    /// answered with "already enabled" and nothing is lost.
    fn forget_what_was_asked(&mut self, policy: Policy<'_>) {
        if self.waits_without_an_answer(policy) {
            self.course = Course::Nothing;
        }
    }

    /// Hears what focus says, if we are inside.
    pub(super) fn hear(&mut self, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        if now.is_inside() && now.focus {
            self.resolve_doubt(now, ctx, policy);
            // It says nothing of what is refuted, or what it says is taken in below: to come again would tell no more.
            if let Some(refuted) = &mut self.refuted {
                refuted.is_heard = true;
            }
            self.miss_recorder(now, ctx, policy);
        }
        if now.focus && (self.known.news().is_some() || self.is_moved(policy)) {
            self.judge(now, ctx, policy);
        }
    }

    /// What was refuted, and not stopped, Jicofo has moved to another Jibri: its recorder is there, and focus says nothing
    /// new, as to it the session was on all the time (docs/jitsi.md 13.2.4).
    fn is_moved(&self, policy: Policy<'_>) -> bool {
        let is_awaited = matches!(self.course, Course::Found { by: FoundBy::Focus | FoundBy::Others, .. });
        is_awaited && self.known.is_recorded() && self.known.told_on(policy.start.mode).is_some()
    }

    /// Acts upon a new word of focus.
    fn judge(&mut self, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        self.known.take_in();
        let Some(status) = self.known.jicofo_status().cloned() else { return };
        if let Some(mode) = self.known.told_instead(policy.start.mode) {
            self.told_instead(mode, now, ctx);
        } else if status.on {
            self.told_on(status.session, now, ctx, policy);
        } else if matches!(self.course, Course::On { .. }) && self.known.is_of_another(&status) {
            // Focus has yet to tell of the one that is on. A stop of another session is respected when that one is over: the one
            // that is on may be of before a restart of focus, which will not tell of the stop after the next one.
            if let Some(person) = self.stopped_by(now, policy) {
                self.holds.stopped_by(person, ctx.now);
            }
        } else if self.concerns_us(&status) || self.stopped_by(now, policy).is_some() {
            self.off(&status, now, ctx, policy);
        }
    }

    /// Focus says that it is on. A visitor will believe it when the recorder is there, because that is all he
    /// sees later; until then Jicofo may be falling back to another Jibri.
    fn told_on(
        &mut self,
        session: Option<SessionId>,
        now: &Picture<'_>,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) {
        if let Some(refuted) = self.refuted.as_mut().filter(|refuted| refuted.is(session.as_ref())) {
            refuted.is_heard = true;
            let may_have_moved = refuted.moves_until(ctx.now).is_some();
            return match self.known.is_recorded() {
                true => self.on(session, Witness::Focus, ctx),
                false if may_have_moved => self.found(session, FoundBy::Focus, ctx, policy),
                false => {}
            };
        }
        if now.visitor && !self.known.is_recorded() {
            self.holds.is_on(true);
            // Its recorder may be the one that has just come in, and has nothing to show yet.
            self.asked_at = Some(ctx.now.before(SHOWS_WITHIN));
            self.found(session, FoundBy::Focus, ctx, policy);
        } else {
            self.holds.nobody_has_stopped();
            self.on(session, Witness::Focus, ctx);
        }
    }

    /// Focus goes on saying that it is on, and no recorder has come: a Jibri that is at work for another meeting says `on`, and
    /// Jicofo takes it for this one's (docs/jitsi.md 13.2.10).
    fn miss_recorder(&mut self, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        let is_wanted = self.wanted_since.is_some() && self.held().is_none();
        let may_be = now.visitor
            && is_wanted
            && self.refuted.is_none()
            && matches!(self.course, Course::Nothing | Course::Found { .. });
        let told = self.known.told_on(policy.start.mode).filter(|_| may_be && !self.known.recorders.is_any());
        let Some(session) = told.map(|status| status.session.clone()) else {
            self.told_alone = None;
            return;
        };
        let before = self.told_alone.take().filter(|(told, _)| *told == session);
        let since = before.map_or(ctx.now, |(_, since)| since);
        self.told_alone = Some((session.clone(), since));
        let until = since.after(RECORDER_COMES_WITHIN);
        if ctx.is_past(until) {
            self.told_alone = None;
            self.refuted = Some(Refuted::heard(session, ctx.now));
            self.known.take_in();
            self.known.is_over(ctx.now);
            self.fail(StartFailure::EndedBeforeOn, ctx, policy);
        } else if ctx.is_past(since.after(SHOWS_BY)) {
            // It was asked as soon as after any start.
            self.inquiry = Some((until, 1));
        }
    }

    /// The recorder had gone, and now we hear what focus says of it.
    fn resolve_doubt(&mut self, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        let Course::Gone { session, since, ask, .. } = &mut self.course else { return };
        if self.known.is_recorded() {
            return;
        }
        let mode = policy.start.mode;
        if let Some(status) = self.known.told_on(mode)
            && (session.is_none() || *session == status.session)
        {
            // Jicofo learns of the end from Jibri, which may be later than its browser is gone; or it falls back to
            // another Jibri, whose browser will show.
            self.known.take_in();
            if ask.0 <= ctx.now {
                let pause = doubled(ASK_AGAIN, ask.1, Duration::MAX);
                *ask = (ctx.now.after(pause), ask.1.saturating_add(1));
            }
            return;
        }
        let (session, since) = (session.clone(), *since);
        let Some(status) = self.known.jicofo_status().cloned() else {
            return self.vanished(now, ctx, policy);
        };
        let is_news = self.known.news().is_some() && self.concerns_us(&status);
        if let Some(mode) = self.known.told_instead(mode) {
            self.known.take_in();
            self.told_instead(mode, now, ctx);
        } else if status.on {
            self.known.take_in();
            self.told_on(status.session.or(session), now, ctx, policy);
        } else if is_news || self.stopped_by(now, policy).is_some() {
            self.known.take_in();
            self.course = Course::On { session, since, by: Witness::Sighted };
            self.off(&status, now, ctx, policy);
        } else {
            self.vanished(now, ctx, policy);
        }
    }

    /// An `off` of another session than the one that we wait for is old news, unless a person is behind it.
    fn concerns_us(&self, status: &RecordingStatus) -> bool {
        match (self.session(), &status.session) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => !self.known.is_past_stop(status),
        }
    }

    /// Whose stop focus tells of now, if it is to be respected.
    pub(super) fn stopped_by(&self, now: &Picture<'_>, policy: Policy<'_>) -> Option<Person> {
        let (status, nick) = self.known.stopped_by(policy.start.mode, now.our_nick, now.roster)?;
        let is_respected = policy.stop.respect_manual && !self.is_overruled(status);
        is_respected.then(|| Person::of(nick, now.roster))
    }

    /// docs/jitsi.md 3, the table of `off`.
    fn off(&mut self, status: &RecordingStatus, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        let is_of_ours = status.mode.is_none_or(|told| told == policy.start.mode);
        let person = self.known.person_behind(status, now.our_nick);
        let person = person.map(|nick| Person::of(nick, now.roster));
        self.refuted = None;
        if let Some(person) = self.stopped_by(now, policy) {
            self.ended(Ended::ByPerson(person.clone()), ctx);
            self.order_is_countermanded(&person, ctx);
            self.leaves_answer_open();
            self.course = Course::Nothing;
            return self.hold_for(person, ctx);
        }
        match self.course {
            Course::On { .. } => {
                let how = match (person, &status.initiator) {
                    (Some(person), _) => Ended::ByPerson(person),
                    (None, Some(_)) => Ended::ByUs,
                    (None, None) if status.failed => Ended::Failed,
                    (None, None) => Ended::Naturally,
                };
                // It was begun after whatever was stopped before.
                self.holds.nobody_has_stopped();
                let failed = how == Ended::Failed;
                self.ended(how, ctx);
                if failed {
                    self.fail(StartFailure::Failed, ctx, policy);
                } else {
                    self.backoff.pause(policy.start.retry_min, ctx);
                }
            }
            Course::Found { .. } => {
                let why = if status.failed { StartFailure::Failed } else { StartFailure::EndedBeforeOn };
                self.known.is_over(ctx.now);
                self.fail(why, ctx, policy);
            }
            // Somebody has begun this one after the other was stopped, so he has changed his mind; whose live stream
            // has ended has not.
            Course::Nothing if person.is_none() && is_of_ours => {
                if self.holds.nobody_has_stopped() {
                    self.backoff.forgive();
                }
            }
            Course::Nothing | Course::Asked { .. } | Course::Gone { .. } => {}
        }
    }

    /// A person has stopped it.
    fn hold_for(&mut self, person: Person, ctx: &Ctx<'_>) {
        if self.holds.stopped_by(person, ctx.now) {
            // Its recorder may be there for a moment.
            self.known.is_over(ctx.now);
        }
    }

    /// Where nothing is under way: the stop that focus tells of may have come while something else was on, or before we
    /// came back; somebody else may have begun something; and a recorder may be there already.
    pub(super) fn heed_others(&mut self, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        if self.course != Course::Nothing {
            return;
        }
        if let Some(person) = self.stopped_by(now, policy) {
            self.hold_for(person, ctx);
        }
        let (mode, session) = (policy.start.mode, self.known.recorders.session().cloned());
        if let Some(mode) = self.known.told_instead(mode) {
            self.told_instead(mode, now, ctx);
        } else if let Some(status) = self.known.told_on(mode) {
            let told = status.session.clone();
            self.told_on(told, now, ctx, policy);
        } else if !now.is_inside() || !self.known.has_foreign_recorder() {
            // Nothing is there.
        } else if self.is_kept_off() {
            // What is kept off by hand may go on, or be begun by somebody, as well.
            if self.known.recorders.is_unknown() {
                self.on(session, Witness::Recorder, ctx);
            }
        } else if self.held().is_none() {
            self.found(session, FoundBy::Recorder, ctx, policy);
        }
    }

    /// Focus says that this is on instead.
    fn told_instead(&mut self, mode: Mode, now: &Picture<'_>, ctx: &mut Ctx<'_>) {
        // There is one session a meeting, so ours is over.
        self.ended(Ended::Lost, ctx);
        self.leaves_answer_open();
        self.course = Course::Nothing;
        if self.wanted_since.is_some() && !self.holds.is_misfit() {
            let shows = now.is_inside() && !now.visitor || self.known.recorders.is_of_other_mode();
            let until = ctx.now.after(POLL_AGAIN);
            if !shows {
                ctx.wake(until);
            }
            self.holds.instead(mode, (!shows).then_some(until));
        }
    }

    /// Whether what was on instead is over, or nobody minds any more.
    pub(super) fn is_it_still_instead(&mut self, wanted: bool, now: &Picture<'_>, policy: Policy<'_>) {
        let Some((mode, until)) = self.holds.mode_instead() else { return };
        let is_on = if now.is_inside() {
            self.known.told_instead(policy.start.mode) == Some(mode)
        } else {
            until.is_some() || self.known.recorders.is_of_other_mode()
        };
        if !wanted || !now.focus || !is_on {
            self.holds.nothing_instead();
        }
    }
}
