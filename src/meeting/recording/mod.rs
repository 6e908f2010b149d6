//! One room's recording: what is wanted against what is known, again and again until they agree.
//!
//! In the order of reading: `knowledge`, beside this folder, is what is known of the meeting, and which meeting it is.
//! [`course`] is how far its recording has come; [`heard`] and [`seen`] say what focus's word and the picture of the room mean
//! for that, [`answers`] what came of a start. [`holds`] is why nothing is started, [`backoff`] how long a failure pauses,
//! [`hand`] what somebody has ordered, [`proof`] whether what is said to be on is recorded, [`stop`] what becomes of a recording that nobody needs. [`decide`] is the table: from
//! all of this to one next step. [`show`] is how people see it.

mod answers;
mod backoff;
mod course;
mod decide;
mod heard;
mod holds;
mod manual;
mod proof;
mod seen;
mod show;
mod stop;

use std::time::Duration;

use super::answer::StartFailure;
use super::context::{Ctx, Policy};
use super::event::{Ended, What};
use super::io::{Action, AttemptId, ConferenceId, MeetingId, QueryId, RecordingStatus, SessionId};
use super::knowledge::{Knowledge, Outlook, Picture};
use super::manual::OrderEnd;
use super::notice::Recorded;
use super::occupancy::{Errand, Visibility};
use crate::config::Mode;
use crate::jibri::Seat;
use crate::time::Time;
use course::{Course, FoundBy};
use decide::Step;

/// The link reports an unanswered start itself; this much later we no longer rely on it.
const ANSWER_GRACE: Duration = Duration::from_secs(5);

/// The reconciler of one room.
#[derive(Debug)]
pub(super) struct Recording {
    known: Knowledge,
    course: Course,
    holds: holds::Holds,
    backoff: backoff::Backoff,
    stop: stop::Stopping,
    manual: manual::Manual,
    /// Since when the `[start]` condition holds without a break.
    wanted_since: Option<Time>,
    /// Since when a recording is wanted and there is none.
    missing_since: Option<Time>,
    /// Since when focus is in the room.
    focus_since: Option<Time>,
    /// Since when the recorder of a start of ours may come.
    asked_at: Option<Time>,
    /// When focus is to be asked what became of a start, and how often.
    inquiry: Option<(Time, u32)>,
    /// A start that was given up, or whose recorder was seen, before its answer came, and until when that may still come.
    unanswered: Option<(AttemptId, Time)>,
    /// What was said to be on was not recorded.
    refuted: Option<proof::Refuted>,
    /// What focus says to be on while no recorder is there, since when.
    told_alone: Option<(Option<SessionId>, Time)>,
    /// Whose recorders were told to be inside.
    seated: Vec<Seat>,
    /// Since when no recorder is there although something is on.
    unrecorded_since: Option<Time>,
    /// A recorder was there for what is on.
    had_recorder: bool,
    /// What is there has to be taken for the recorder of a session that is on; whether one that shows nothing, too.
    believes: Option<bool>,
    /// What comes next, and since when that is a look or a visit.
    step: Step,
    waits_since: Option<Time>,
}

impl Recording {
    /// `has_past`: the meeting may have begun before we could see it.
    pub(super) fn new(has_past: bool) -> Self {
        Self {
            known: Knowledge::new(has_past),
            course: Course::Nothing,
            holds: holds::Holds::default(),
            backoff: backoff::Backoff::default(),
            stop: stop::Stopping::default(),
            manual: manual::Manual::default(),
            wanted_since: None,
            missing_since: None,
            focus_since: None,
            asked_at: None,
            inquiry: None,
            unanswered: None,
            refuted: None,
            told_alone: None,
            seated: Vec::new(),
            unrecorded_since: None,
            had_recorder: false,
            believes: None,
            step: Step::Nothing,
            waits_since: None,
        }
    }

    /// What is known of the meeting.
    pub(super) fn known(&self) -> &Knowledge {
        &self.known
    }

    /// It was being recorded when this program ended.
    pub(super) fn remember(&mut self) {
        self.known.recorders.remember();
    }

    /// Focus's presence says this, and of this conference.
    pub(super) fn focus_says(&mut self, status: Option<RecordingStatus>, conference: Option<ConferenceId>) {
        self.known.focus_says(status, conference);
    }

    /// The room is looked at; whether it is to be asked for its name of the meeting, by this query, as well.
    pub(super) fn asks_for_meeting(&mut self, is_peopled: bool, ctx: &mut Ctx<'_>) -> bool {
        let meeting = &mut self.known.meeting;
        let asks = meeting.is_to_be_asked(is_peopled);
        if asks {
            let query = ctx.new_query();
            meeting.is_asked(query);
            ctx.act(Action::AskForm { room: ctx.room.clone(), query });
        }
        asks
    }

    /// What the room calls the meeting.
    pub(super) fn meeting_is_called(&mut self, query: QueryId, meeting: Option<MeetingId>) {
        self.known.meeting.is_called(query, meeting);
    }

    /// What the room calls the meeting, told without being asked.
    pub(super) fn meeting_is_named(&mut self, meeting: Option<MeetingId>) {
        self.known.meeting.is_named(meeting);
    }

    /// Focus is not heard any more.
    pub(super) fn focus_is_not_heard(&mut self) {
        self.known.focus_is_not_heard();
    }

    /// No start before this.
    pub(super) fn hold_back(&mut self, until: Time) {
        self.backoff.hold_back(until);
    }

    /// The recorder may not be the one that it was taken for.
    pub(super) fn doubt(&mut self) {
        self.known.recorders.doubt();
    }

    /// The room is gone, and everything that happened in it.
    pub(super) fn meeting_over(&mut self, ctx: &mut Ctx<'_>) {
        if let Course::On { session, .. } | Course::Gone { session, .. } = &self.course {
            ctx.tell(What::Ended { session: session.clone(), how: Ended::WithMeeting });
        }
        self.forget_order(OrderEnd::MeetingOver, ctx);
        let mut known = std::mem::take(&mut self.known);
        known.meeting_over();
        *self = Self { known, ..Self::new(false) };
    }

    /// No answer will come any more, and what was pending may have gone down with the server. If it has
    /// not, the next start is answered with "already enabled" and nothing is lost.
    pub(super) fn link_down(&mut self) {
        self.unanswered = None;
        self.known.meeting.link_down();
        self.known.our_stop_is_answered(None);
        self.stop.link_down();
        if matches!(self.course, Course::Asked { .. } | Course::Found { .. }) {
            self.course = Course::Nothing;
        }
    }

    /// What was held because of the rules before is tried again.
    pub(super) fn rules_changed(&mut self, policy: Policy<'_>) {
        if self.holds.rules_changed(policy) {
            self.backoff.forgive();
        }
    }

    /// What was sent in somebody's name has not arrived.
    pub(super) fn sender_refused(&mut self) {
        if matches!(self.course, Course::Asked { sender: Some(_), .. }) {
            self.course = Course::Nothing;
        }
        self.stop.sender_refused();
    }

    /// Brings what is wanted and what is known together.
    pub(super) fn reconcile(
        &mut self,
        wanted: bool,
        now: &Picture<'_>,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) {
        self.look_at_recorders(wanted, now, ctx, policy);
        if now.visibility == Visibility::Blinking {
            // It is decided anew inside, where a Jibri may have become free.
            if self.step == Step::NoJibri {
                self.step = Step::Nothing;
            }
            return;
        }
        let is_seen = now.is_complete();
        // What we do not see cannot be relied upon to last.
        since(&mut self.wanted_since, is_seen && wanted, ctx.now);
        since(&mut self.focus_since, is_seen && now.focus, ctx.now);
        if is_seen {
            self.note_sender(now, ctx);
            self.known.sees(now.roster);
            self.which_meeting(now, ctx, policy);
            self.hear(now, ctx, policy);
            self.refute(now, ctx, policy);
            self.see(wanted, now, ctx, policy);
        } else {
            self.known.meeting.is_out_of_sight();
        }
        self.pass_deadlines(now, ctx, policy);
        self.heed_order(now, ctx);
        if is_seen {
            self.heed_others(now, ctx, policy);
            let is_missing = wanted && !matches!(self.course, Course::On { .. });
            since(&mut self.missing_since, is_missing, ctx.now);
        }
        self.note_carried_out(ctx);
        self.observe_need(wanted, now, ctx, policy);
        let step = self.next(now, ctx, policy);
        self.carry_out(step, ctx, policy);
        since(&mut self.waits_since, self.step.is_errand(), ctx.now);
        self.tell_hold(ctx);
        self.tell_recorders(now, ctx);
    }

    /// Which of Jibri's accounts stand for a recording, by what is known now.
    fn look_at_recorders(&mut self, wanted: bool, now: &Picture<'_>, ctx: &Ctx<'_>, policy: Policy<'_>) {
        if let Some(silent) = self.believes.take() {
            self.known.recorders.believe(silent);
        }
        // Where we never go inside, a start is what tells; without a Jibri for it nothing does, nor in a dry run, which is
        // not worth a visit.
        let cannot_tell = !policy.may_visit() && wanted && !ctx.chance.is_there;
        let outlook = Outlook {
            mode: policy.start.mode,
            awaited: self.awaits_recorder_since(),
            is_live: self.course != Course::Nothing,
            must_believe: ctx.dry_run || cannot_tell,
        };
        let recorders = &mut self.known.recorders;
        recorders.update(now.roster, now.visibility, outlook, ctx.now);
        if let Some(at) = recorders.deadline(now.visibility) {
            ctx.wake(at);
        }
        if recorders.were_mistaken() {
            self.known.nothing_was_on();
        }
    }

    /// Whose account comes in after this is the recorder that is awaited.
    fn awaits_recorder_since(&self) -> Option<Time> {
        match &self.course {
            // Focus answers before the recorder comes in (docs/jitsi.md 2).
            Course::Asked { since, sender: Some(_), .. } => Some(*since),
            Course::Found { by: FoundBy::Focus, .. } => self.asked_at,
            // Jicofo moves the session to another Jibri (docs/jitsi.md 13.2).
            Course::Gone { .. } => self.known.jibri_stopped.filter(|(_, gone)| *gone).map(|(at, _)| at),
            Course::Nothing => self.refuted.as_ref().map(|refuted| refuted.at),
            _ => None,
        }
    }

    fn pass_deadlines(&mut self, now: &Picture<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        match &self.course {
            Course::Asked { attempt, deadline, over, sender, .. } if ctx.is_past(*deadline) => {
                let why = if sender.is_some() { StartFailure::NoSign } else { StartFailure::NoAnswer };
                self.unanswered = Some((*attempt, *over));
                self.fail(why, ctx, policy);
            }
            Course::Found { deadline, by, session } if ctx.is_past(*deadline) => {
                if *by == FoundBy::Recorder && now.is_complete() && self.known.is_recorded() {
                    let session = session.clone();
                    self.on(session, course::Witness::Recorder, ctx);
                } else {
                    self.fail(StartFailure::PendingTimeout, ctx, policy);
                }
            }
            Course::Gone { deadline, .. } if ctx.is_past(*deadline) => self.vanished(now, ctx, policy),
            _ => {}
        }
        self.holds.pass_deadlines(ctx);
        self.backoff.pass_deadlines(self.wanted_since.is_some(), ctx);
        // An answer that focus owes goes with it.
        let has_left = now.is_complete() && !now.focus;
        self.unanswered.take_if(|(_, until)| has_left || ctx.is_past(*until));
    }

    /// What people are to be told of it.
    pub(super) fn recorded(&self) -> Recorded {
        Recorded {
            is_on: matches!(self.course, Course::On { .. }),
            is_told: self.known.told_on(Mode::File).is_some(),
            is_missing: self.missing_since.is_some() && !self.is_left_alone(),
        }
    }

    /// The look or the visit that the next step needs.
    pub(super) fn errand(&self) -> Errand {
        match self.step {
            Step::Poll => Errand::Poll,
            Step::Visit => Errand::Visit,
            Step::VisitToStop => Errand::Stop,
            _ => Errand::None,
        }
    }
}

/// Since when it is so, without a break.
fn since(at: &mut Option<Time>, is_so: bool, now: Time) {
    *at = is_so.then(|| at.unwrap_or(now));
}
