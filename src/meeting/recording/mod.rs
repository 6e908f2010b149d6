//! One room's recording: what is wanted against what is observed, again and again until they agree.

mod act;
mod sight;
mod stop;
mod word;

pub(super) use stop::STOP_TIMEOUT;

use std::time::Duration;

use rand::RngExt as _;

use super::answer::{Meaning, StartFailure, meaning};
use super::event::{Ended, Hold, State, What};
use super::io::{Answer, AttemptId, RecordingStatus, SessionId};
use super::roster::Roster;
use super::seat::Sight;
use super::{Ctx, Policy};
use crate::address::{Nick, RealJid};
use crate::time::Time;

/// Something is refused for a reason that only a changed setting can mend; how often we look again.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// So often, and so far apart, focus is asked what became of a start whose Jibri has stopped.
const INQUIRIES: u32 = 2;
const INQUIRIES_APART: Duration = Duration::from_secs(3);

/// The link reports an unanswered start itself; this much later we no longer rely on it.
const ANSWER_GRACE: Duration = Duration::from_secs(5);

/// Failures that pass soon are tried again at the shortest delay this often before the delay grows.
const SOON: u32 = 5;

/// What is observed in the room right now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    /// How much we see. Focus's word is heard inside only; outside it is unknown, which is not none.
    pub(super) sight: Sight,
    /// We go inside for a moment only, so what happens while we are outside is read from who is there.
    pub(super) visitor: bool,
    /// Focus is in the room.
    pub(super) focus: bool,
    /// What focus says.
    pub(super) status: Option<&'a RecordingStatus>,
    /// A recorder is in the room.
    pub(super) recorder: bool,
    /// The session that it shows.
    pub(super) recorder_session: Option<&'a SessionId>,
    /// People in the room, and moderators among them.
    pub(super) people: u32,
    pub(super) moderators: u32,
    /// Our nickname, while we are inside.
    pub(super) our_nick: Option<&'a Nick>,
    /// Everybody who is there, by name.
    pub(super) roster: &'a Roster,
    /// What is seen from outside is of this moment.
    pub(super) fresh: bool,
    /// The room did not let us in, or nobody wants us there, a moment ago.
    pub(super) unwelcome: bool,
}

impl Facts<'_> {
    /// We know who is there; without this nothing is decided.
    fn complete(&self) -> bool {
        matches!(self.sight, Sight::Inside | Sight::Outside)
    }

    fn inside(&self) -> bool {
        self.sight == Sight::Inside
    }
}

/// What the room has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    /// Look again first: what we know is not of this moment.
    Look,
    /// Go inside: focus is to be heard first.
    Visit,
    /// Go inside although nobody may be there: the recording is to be stopped.
    VisitToStop,
    /// Send a start; in whose name, if not in our own.
    Start(AttemptId, Option<RealJid>),
    /// Send a stop; in whose name, if not in our own.
    Stop(AttemptId, Option<RealJid>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Idle,
    /// `sender`: in whose name; if in our own, an answer will come.
    Starting {
        attempt: AttemptId,
        since: Time,
        deadline: Time,
        sender: Option<RealJid>,
    },
    Pending {
        session: Option<SessionId>,
        deadline: Time,
        by: PendingBy,
    },
    Recording {
        session: Option<SessionId>,
        since: Time,
        by: Witness,
    },
    /// The recorder has gone while a recording is wanted, and focus has not been heard since.
    Doubtful {
        session: Option<SessionId>,
        since: Time,
        deadline: Time,
    },
    /// `until`: when to look again; none: when the meeting ends.
    Held {
        why: Hold,
        until: Option<Time>,
    },
}

/// How we know that something is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PendingBy {
    /// Focus has told us, in answer to a start, or the fleet in its stead.
    Focus,
    /// A recorder came in that we did not ask for.
    Recorder,
}

/// Who says that it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Witness {
    Focus,
    /// Focus was restarted and does not know of it, but the recorder is there (JITSI.md 3).
    Recorder,
    /// The recorder is there; focus has not been heard.
    Sighted,
}

/// The reconciler of one room.
#[derive(Debug)]
pub(super) struct Recording {
    phase: Phase,
    /// Since when the `[start]` condition holds without a break.
    wanted_since: Option<Time>,
    /// Since when a recording is wanted and there is none.
    missing_since: Option<Time>,
    /// No start before this.
    not_before: Option<Time>,
    /// Failures in a row.
    failures: u32,
    /// Why the last one failed.
    last_failure: Option<StartFailure>,
    /// Focus's word that has been acted upon; it repeats itself in every presence.
    judged: Option<RecordingStatus>,
    /// Nobody was left at some moment, so that this may be another meeting by now.
    emptied: bool,
    /// We have not seen everybody all the time, so that this may be another meeting by now.
    absent: bool,
    /// A recorder was there when we last saw everybody.
    had_recorder: bool,
    /// A recording is over, and its recorder was there all the time since.
    over_since: Option<Time>,
    /// Focus has been heard since nobody was left, or since we have not seen everybody.
    heard: bool,
    /// The Jibri of a start has stopped, so it may have failed already: when to ask focus, and how often.
    inquiry: Option<(Time, u32)>,
    /// What is due waits for a look or a visit.
    waits: bool,
    /// A start is due, and there is no moderator whose name could be used.
    nobody_to_speak_for: bool,
    /// A start is due, and no Jibri is free.
    no_jibri_free: bool,
    /// Which telling of the supply of Jibris the last start failed under.
    failed_under: Option<u64>,
    /// A start whose recorder was seen before its answer came, and until when the answer may still come.
    unanswered: Option<(AttemptId, Time)>,
    /// Since when focus is in the room.
    focus_since: Option<Time>,
    /// The meeting may have begun before we could see it, and a person may have stopped its recording.
    unknown_past: bool,
    /// Ends of a recording in this meeting that nobody could be asked about.
    untold_ends: u32,
    stop: stop::Stopping,
}

impl Recording {
    /// `unknown_past`: the meeting may have begun before we could see it.
    pub(super) fn new(unknown_past: bool) -> Self {
        Self {
            phase: Phase::Idle,
            wanted_since: None,
            missing_since: None,
            not_before: None,
            failures: 0,
            last_failure: None,
            judged: None,
            emptied: false,
            absent: false,
            had_recorder: false,
            over_since: None,
            heard: true,
            inquiry: None,
            waits: false,
            nobody_to_speak_for: false,
            no_jibri_free: false,
            failed_under: None,
            unanswered: None,
            focus_since: None,
            unknown_past,
            untold_ends: 0,
            stop: stop::Stopping::default(),
        }
    }

    pub(super) fn state(&self) -> State {
        match &self.phase {
            Phase::Idle if self.wanted_since.is_none() => State::Idle,
            Phase::Idle if self.not_before.is_some() => State::Backoff,
            Phase::Idle => State::Settling,
            Phase::Starting { .. } => State::Starting,
            Phase::Pending { .. } => State::Pending,
            Phase::Recording { .. } if self.stop.is_under_way() => State::Stopping,
            Phase::Recording { .. } | Phase::Doubtful { .. } => State::Recording,
            Phase::Held { .. } => State::Held,
        }
    }

    pub(super) fn session(&self) -> Option<&SessionId> {
        match &self.phase {
            Phase::Pending { session, .. }
            | Phase::Recording { session, .. }
            | Phase::Doubtful { session, .. } => session.as_ref(),
            _ => None,
        }
    }

    /// Failed attempts in a row, and the one under way.
    pub(super) fn attempt(&self) -> u32 {
        let under_way = matches!(self.phase, Phase::Starting { .. } | Phase::Pending { .. });
        self.failures.saturating_add(u32::from(under_way))
    }

    /// `in_line`: it waits for a Jibri, and could use one.
    pub(super) fn reason(&self, in_line: bool) -> Option<String> {
        match &self.phase {
            Phase::Held { why, .. } => Some(why.to_string()),
            Phase::Recording { by: Witness::Recorder, .. } => {
                Some("the recorder is in the room, but Jicofo does not know of it (restarted?)".to_owned())
            }
            Phase::Doubtful { .. } => Some("the recorder is gone, Jicofo is to be asked why".to_owned()),
            Phase::Recording { .. } => self.stop.reason(),
            Phase::Idle if self.no_jibri_free && in_line => {
                Some("no Jibri is free; whoever has waited longest is served first".to_owned())
            }
            Phase::Idle if self.nobody_to_speak_for => Some(
                "muc.footprint is \"unseen\", and nobody is there in whose name a start could be sent"
                    .to_owned(),
            ),
            Phase::Idle if self.wanted_since.is_some() => self.last_failure.map(|why| why.to_string()),
            _ => None,
        }
    }

    /// When this room has to be looked at even if nothing happens.
    pub(super) fn deadline(&self, facts: &Facts<'_>, policy: Policy<'_>) -> Option<Time> {
        match &self.phase {
            Phase::Idle => {
                let since = self.wanted_since?;
                let settled = since.after(policy.start.settle);
                let settled = self.unanswered.map_or(settled, |(_, until)| settled.max(until));
                let settled = self.ready_at(policy).map_or(settled, |ready| settled.max(ready));
                match self.not_before {
                    _ if facts.sight == Sight::Blinking => None,
                    Some(not_before) => Some(not_before.max(settled)),
                    None => (facts.complete()
                        && facts.focus
                        && !(self.waits || self.nobody_to_speak_for || self.no_jibri_free))
                        .then_some(settled),
                }
            }
            _ if facts.sight == Sight::Blinking => None,
            Phase::Pending { deadline, .. } => {
                let inquiry = self.inquiry.filter(|_| !self.waits && self.can_inquire(facts, policy));
                Some(inquiry.map_or(*deadline, |(at, _)| at.min(*deadline)))
            }
            Phase::Starting { deadline, .. } | Phase::Doubtful { deadline, .. } => Some(*deadline),
            // Without focus a stop that is due cannot be sent; its coming is an input like any other.
            Phase::Recording { .. } => self.stop.deadline(policy, self.waits || !facts.focus),
            Phase::Held { until, .. } => *until,
        }
    }

    /// Whether nothing would be lost if it were begun anew.
    pub(super) fn is_blank(&self) -> bool {
        let is_at_rest = self.phase == Phase::Idle && self.wanted_since.is_none();
        is_at_rest && self.not_before.is_none() && self.failures == 0
    }

    /// A request of ours is under way, whose answer comes only while we are inside.
    pub(super) fn awaits_answer(&self) -> bool {
        matches!(self.phase, Phase::Starting { sender: None, .. }) || self.stop.awaits_answer()
    }

    /// A start request is under way.
    pub(super) fn is_starting(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. })
    }

    /// Nothing is started for a reason that is nobody's fault.
    pub(super) fn is_left_alone(&self) -> bool {
        matches!(self.phase, Phase::Held { why: Hold::StoppedBy(_) | Hold::Untold | Hold::DryRun, .. })
    }

    /// Since when a recording is wanted and there is none.
    pub(super) fn missing_since(&self) -> Option<Time> {
        self.missing_since
    }

    /// That request is a stop.
    pub(super) fn awaits_stop(&self) -> bool {
        self.stop.awaits_answer()
    }

    /// Nobody needs the recording that is on, and it will be stopped if that lasts.
    pub(super) fn is_unneeded(&self) -> bool {
        self.stop.is_unneeded()
    }

    /// The room is gone, and everything that happened in it.
    pub(super) fn meeting_over(&mut self, ctx: &mut Ctx<'_>) {
        if let Phase::Recording { session, .. } | Phase::Doubtful { session, .. } = &self.phase {
            ctx.tell(What::Ended { session: session.clone(), how: Ended::WithMeeting });
        }
        // A room that was wrongly said to be gone goes on, and focus goes on telling of our stop.
        self.stop.recording_is_over();
        *self = Self { stop: std::mem::take(&mut self.stop), ..Self::new(false) };
    }

    /// Between two looks everybody has left, and others have come.
    pub(super) fn others_now(&mut self) {
        self.emptied = true;
        self.heard = false;
    }

    /// No answer will come any more, and what was pending may have gone down with the server. If it has
    /// not, the next start is answered with "already enabled" and nothing is lost.
    pub(super) fn link_down(&mut self) {
        self.unanswered = None;
        self.unknown_past = true;
        self.stop.link_down();
        if matches!(self.phase, Phase::Starting { .. } | Phase::Pending { .. }) {
            self.phase = Phase::Idle;
        }
    }

    /// What was held because of the rules before is tried again.
    pub(super) fn rules_changed(&mut self, policy: Policy<'_>) {
        let is_void = match &self.phase {
            Phase::Held { why: Hold::StoppedBy(_), .. } => !policy.stop.respect_manual,
            Phase::Held { why: Hold::Misfit(_) | Hold::GaveUp(_), .. } => true,
            _ => false,
        };
        if is_void {
            self.phase = Phase::Idle;
            self.failures = 0;
        }
    }

    /// What was sent in somebody's name has not arrived.
    pub(super) fn sender_refused(&mut self) {
        if matches!(self.phase, Phase::Starting { sender: Some(_), .. }) {
            self.phase = Phase::Idle;
        }
        self.stop.sender_refused();
    }

    /// Takes the answer to a start; what else it says about the room, if it failed.
    pub(super) fn answered(
        &mut self,
        attempt: AttemptId,
        answer: Answer,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) -> Option<StartFailure> {
        self.unanswered.take_if(|(current, _)| *current == attempt);
        match self.phase {
            Phase::Starting { attempt: current, .. } if current == attempt => {}
            // The recording was on, or the attempt given up, before its answer came.
            _ => return None,
        }
        match meaning(answer) {
            Meaning::Accepted(session) => {
                ctx.tell(What::Accepted { session: session.clone() });
                self.pending(session, PendingBy::Focus, ctx.now, policy);
            }
            Meaning::AlreadyRunning => {
                ctx.tell(What::Adopted);
                self.pending(None, PendingBy::Focus, ctx.now, policy);
            }
            Meaning::Failed(why) => {
                self.fail(why, ctx, policy);
                return Some(why);
            }
            Meaning::Refused(misfit) => {
                self.hold(Hold::Misfit(misfit), Some(ctx.now.after(LOOK_AGAIN)), ctx);
            }
        }
        None
    }

    /// Focus says only inside what became of a start that it has accepted, or is about to.
    pub(super) fn jibri_stopped(&mut self, now: Time) {
        if matches!(self.phase, Phase::Starting { .. } | Phase::Pending { by: PendingBy::Focus, .. }) {
            self.inquiry = Some((now, INQUIRIES));
        }
    }

    /// We have come in and hear focus. What it has to say may take it a moment.
    pub(super) fn entered(&mut self, now: Time) {
        let left = self.inquiry.and_then(|(_, left)| left.checked_sub(1)).filter(|left| *left > 0);
        self.inquiry = left.map(|left| (now.after(INQUIRIES_APART), left));
    }

    /// What became of a start that nobody answers us.
    pub(super) fn taken(&mut self, taken: bool, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        match (&self.phase, taken) {
            (Phase::Starting { sender: Some(_), .. }, true) => {
                ctx.tell(What::Taken);
                self.pending(None, PendingBy::Focus, ctx.now, policy);
            }
            (Phase::Starting { sender: Some(_), .. }, false) => {
                self.fail(StartFailure::NotTaken, ctx, policy);
            }
            _ => {}
        }
    }

    /// Brings what is wanted and what is observed together.
    pub(super) fn reconcile(
        &mut self,
        wanted: bool,
        facts: &Facts<'_>,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) -> Next {
        if facts.sight == Sight::Blinking {
            return Next::Nothing;
        }
        self.waits = false;
        self.nobody_to_speak_for = false;
        self.no_jibri_free = false;
        // What we do not see cannot be relied upon to last.
        self.wanted_since = (facts.complete() && wanted).then(|| self.wanted_since.unwrap_or(ctx.now));
        self.focus_since = (facts.complete() && facts.focus).then(|| self.focus_since.unwrap_or(ctx.now));
        if facts.complete() {
            self.unknown_past &= facts.people > 0 && !facts.inside();
            self.is_it_another_meeting(facts, policy);
            if !facts.focus {
                self.judged = None;
            }
            if facts.inside() {
                self.resolve_doubt(facts, ctx, policy);
            }
            self.judge(facts, ctx, policy);
            self.observe(wanted, facts, ctx, policy);
        } else {
            self.absent = true;
            self.heard = false;
        }
        self.pass_deadlines(facts, ctx, policy);
        if facts.complete() {
            self.heed_others(facts, ctx, policy);
            self.had_recorder = facts.recorder;
            self.over_since.take_if(|_| !facts.recorder);
            let is_missing = wanted && !matches!(self.phase, Phase::Recording { .. });
            self.missing_since = is_missing.then(|| self.missing_since.unwrap_or(ctx.now));
        }
        self.stop.observe(matches!(self.phase, Phase::Recording { .. }) && !wanted, facts, ctx, policy);
        if facts.complete() && facts.focus { self.act(facts, ctx, policy) } else { Next::Nothing }
    }

    fn pass_deadlines(&mut self, facts: &Facts<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        match &self.phase {
            Phase::Starting { deadline, sender, .. } if *deadline <= ctx.now => {
                let why = if sender.is_some() { StartFailure::NoSign } else { StartFailure::NoAnswer };
                self.fail(why, ctx, policy);
            }
            Phase::Pending { deadline, by, session } if *deadline <= ctx.now => {
                if *by == PendingBy::Recorder && facts.complete() && facts.recorder {
                    let session = session.clone();
                    self.on(session, Witness::Recorder, ctx);
                } else {
                    self.fail(StartFailure::PendingTimeout, ctx, policy);
                }
            }
            Phase::Doubtful { deadline, .. } if *deadline <= ctx.now => self.vanished(facts, ctx, policy),
            Phase::Held { until: Some(until), .. } if *until <= ctx.now => self.phase = Phase::Idle,
            _ => {}
        }
        let is_woken = self.may_wake(ctx.chance) && ctx.chance.is_there;
        if self.not_before.is_some_and(|not_before| not_before <= ctx.now || is_woken) {
            self.not_before = None;
        }
        // An answer that focus owes goes with it.
        let has_left = facts.complete() && !facts.focus;
        self.unanswered.take_if(|(_, until)| *until <= ctx.now || has_left);
    }

    fn on(&mut self, session: Option<SessionId>, by: Witness, ctx: &mut Ctx<'_>) {
        if by == Witness::Focus {
            self.unanswered = None;
        }
        if let Phase::Recording { session: current, since, .. } = &self.phase
            && (*current == session || current.is_none())
        {
            self.phase = Phase::Recording { session, since: *since, by };
            return;
        }
        self.stop.recording_is_on();
        // Somebody has started it anew: whatever the ends before were, they were not meant to last.
        if matches!(self.phase, Phase::Held { why: Hold::Untold, .. }) {
            self.untold_ends = 0;
        }
        let wanted_for = self.missing_since.take().map(|missing| ctx.now.since(missing));
        ctx.tell(What::On { session: session.clone(), wanted_for });
        self.not_before = None;
        self.phase = Phase::Recording { session, since: ctx.now, by };
    }

    fn pending(&mut self, session: Option<SessionId>, by: PendingBy, now: Time, policy: Policy<'_>) {
        let deadline = now.after(policy.start.pending_timeout);
        self.phase = Phase::Pending { session, deadline, by };
    }

    fn hold(&mut self, why: Hold, until: Option<Time>, ctx: &mut Ctx<'_>) {
        ctx.tell(What::Held(why.clone()));
        self.phase = Phase::Held { why, until };
    }

    fn ended(&mut self, how: Ended, ctx: &mut Ctx<'_>) {
        let (Phase::Recording { session, since, .. } | Phase::Doubtful { session, since, .. }) = &self.phase
        else {
            return;
        };
        // A recording that dies young does not make up for the failures before it.
        if ctx.now.since(*since) >= LASTING {
            self.failures = 0;
            self.last_failure = None;
        }
        ctx.tell(What::Ended { session: session.clone(), how });
        self.stop.recording_is_over();
        self.over_since = Some(ctx.now);
        self.phase = Phase::Idle;
    }

    fn fail(&mut self, why: StartFailure, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        let limit = policy.start.retry_limit;
        self.last_failure = Some(why);
        // What fails while we are not there may have been for the meeting before.
        if limit > 0 && self.failures >= limit && !self.absent && !self.emptied {
            ctx.tell(What::StartFailed { why, retry_in: None });
            self.hold(Hold::GaveUp(why), None, ctx);
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.failed_under = ctx.chance.change;
        let doublings = if why.passes_soon() { self.failures.saturating_sub(SOON) } else { self.failures };
        let delay = retry_delay(policy, doublings.saturating_sub(1), ctx);
        self.phase = Phase::Idle;
        self.not_before = Some(ctx.now.after(delay));
        ctx.tell(What::StartFailed { why, retry_in: Some(delay) });
    }
}

/// A recording that was on for this long counts as a success.
const LASTING: Duration = Duration::from_secs(60);

/// `retry_min` doubled so often, a quarter more or less, inside `retry_min..=retry_max`.
fn retry_delay(policy: Policy<'_>, doublings: u32, ctx: &mut Ctx<'_>) -> Duration {
    let (min, max) = (policy.start.retry_min, policy.start.retry_max);
    let delay = min.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(max);
    delay.mul_f64(ctx.rng.random_range(0.75..=1.25)).clamp(min, max.max(min))
}
