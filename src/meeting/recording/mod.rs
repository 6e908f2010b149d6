//! One room's recording: what is wanted against what is observed, again and again until they agree.

mod act;
mod answers;
mod hand;
mod instead;
mod people;
mod show;
mod sight;
mod stop;
mod turns;
mod word;

pub(super) use stop::STOP_TIMEOUT;

use std::time::Duration;

use super::answer::StartFailure;
use super::event::{Ended, Hold, What};
use super::io::{AttemptId, RecordingStatus, SessionId};
use super::recorders::Recorders;
use super::roster::Roster;
use super::seat::Sight;
use super::{Ctx, Policy};
use crate::address::{Nick, RealJid};
use crate::config::Mode;
use crate::time::Time;

/// The link reports an unanswered start itself; this much later we no longer rely on it.
const ANSWER_GRACE: Duration = Duration::from_secs(5);

/// By then the recorder of a start is in the room, unless its page loads slowly (5.5 to 9 s, docs/jitsi.md 13).
const SHOWS_BY: Duration = Duration::from_secs(30);

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
    /// Jibri's accounts in the room.
    pub(super) recorders: &'a Recorders,
    /// What is to be recorded to.
    pub(super) mode: Mode,
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

    /// A recorder is in the room that stands for a recording.
    fn recorder(&self) -> bool {
        self.recorders.records()
    }

    /// What focus says, if it says that our kind of recording is on.
    fn told_on(&self) -> Option<&RecordingStatus> {
        self.status.filter(|status| status.on && status.mode.is_none_or(|mode| mode == self.mode))
    }

    /// What focus says to be on instead: it takes one session a meeting (docs/jitsi.md 2).
    fn told_instead(&self) -> Option<Mode> {
        self.status.filter(|status| status.on)?.mode.filter(|mode| *mode != self.mode)
    }

    /// It is due to find out from inside what an account of Jibri's stands for.
    fn is_to_tell(&self, now: Time) -> bool {
        self.recorders.tell_from().is_some_and(|at| at <= now)
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
    /// The recorder has gone while a recording is wanted, and focus has not said why.
    Doubtful {
        session: Option<SessionId>,
        since: Time,
        deadline: Time,
        /// When focus is to be asked, and how often it knew nothing of it yet.
        ask: (Time, u32),
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
    /// Focus has told us that somebody else has begun a session; of which kind will show.
    Others,
    /// A recorder came in that we did not ask for.
    Recorder,
}

/// Who says that it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Witness {
    Focus,
    /// Focus was restarted and does not know of it, but the recorder is there (docs/jitsi.md 3).
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
    /// Whose meeting it is.
    thread: people::Thread,
    /// The last session that was known, and one whose stop binds nobody who is there; focus repeats it in every presence.
    last_session: Option<SessionId>,
    void: Option<SessionId>,
    /// Since when the recorder of a start of ours may come.
    asked_at: Option<Time>,
    /// What is there has to be taken for the recorder of a session that is on; whether one that shows nothing, too.
    believes: Option<bool>,
    /// It is not known whether something is on that would have to be told of, or stopped.
    may_be_on: bool,
    /// Of one of Jibri's accounts it is not known what it stands for.
    has_unknown: bool,
    /// The Jibri of this recording has stopped, maybe because the meeting is over: before that focus is not asked why.
    ask_from: Option<Time>,
    /// When the Jibri of this recording was seen to be gone.
    jibri_gone: Option<Time>,
    /// Nobody was left at some moment, so that this may be another meeting by now.
    emptied: bool,
    /// The same, and nobody was seen there since: what was pending then is not for whoever comes next.
    deserted: bool,
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
    /// Since when it does.
    waits_since: Option<Time>,
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
    by_hand: hand::ByHand,
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
            thread: people::Thread::default(),
            last_session: None,
            void: None,
            asked_at: None,
            believes: None,
            may_be_on: false,
            has_unknown: false,
            ask_from: None,
            jibri_gone: None,
            emptied: false,
            deserted: false,
            absent: false,
            had_recorder: false,
            over_since: None,
            heard: true,
            inquiry: None,
            waits: false,
            waits_since: None,
            nobody_to_speak_for: false,
            no_jibri_free: false,
            failed_under: None,
            unanswered: None,
            focus_since: None,
            unknown_past,
            untold_ends: 0,
            stop: stop::Stopping::default(),
            by_hand: hand::ByHand::default(),
        }
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

    /// Ends that nobody could be asked about are another meeting's.
    fn forget_ends(&mut self) {
        self.untold_ends = 0;
    }

    /// Between two looks everybody has left, and others have come.
    pub(super) fn others_now(&mut self) {
        self.emptied = true;
        self.deserted = true;
        self.heard = false;
        self.forget_order();
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

    /// Brings what is wanted and what is observed together.
    pub(super) fn reconcile(
        &mut self,
        wanted: bool,
        facts: &Facts<'_>,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
    ) -> Next {
        // Our turn to enter may come while it waits for a Jibri, and then it is decided anew inside.
        self.no_jibri_free = false;
        if facts.sight == Sight::Blinking {
            return Next::Nothing;
        }
        self.waits = false;
        self.nobody_to_speak_for = false;
        // What we do not see cannot be relied upon to last.
        self.wanted_since = (facts.complete() && wanted).then(|| self.wanted_since.unwrap_or(ctx.now));
        self.focus_since = (facts.complete() && facts.focus).then(|| self.focus_since.unwrap_or(ctx.now));
        if facts.complete() {
            self.unknown_past &= facts.people > 0 && !facts.inside();
            self.forget_what_was_theirs(facts);
            self.whose_meeting_is_it(facts);
            self.is_it_another_meeting(facts, ctx, policy);
            if !facts.focus {
                self.judged = None;
            }
            if facts.inside() {
                self.resolve_doubt(facts, ctx, policy);
            }
            self.judge(facts, ctx, policy);
            self.observe(wanted, facts, ctx, policy);
            self.observe_instead(wanted, facts);
        } else {
            self.absent = true;
            self.heard = false;
        }
        self.pass_deadlines(facts, ctx, policy);
        self.heed_order(facts, ctx);
        if facts.complete() {
            self.heed_others(facts, ctx, policy);
            self.had_recorder = facts.recorder();
            self.over_since.take_if(|_| !facts.recorder());
            let is_missing = wanted && !matches!(self.phase, Phase::Recording { .. });
            self.missing_since = is_missing.then(|| self.missing_since.unwrap_or(ctx.now));
        }
        let is_at_rest = !self.is_live();
        if facts.complete() {
            self.has_unknown = facts.recorders.is_unknown();
        }
        self.may_be_on = is_at_rest && facts.complete() && self.has_unknown;
        let unneeded = (self.may_be_on || matches!(self.phase, Phase::Recording { .. })) && !wanted;
        self.stop.observe(unneeded, self.is_stopped_by_hand(), facts, ctx, policy);
        let next = if facts.complete() && facts.focus { self.act(facts, ctx, policy) } else { Next::Nothing };
        self.waits_since = self.waits.then(|| self.waits_since.unwrap_or(ctx.now));
        next
    }

    /// What is there is to be taken for the recorder; whether one that shows nothing, too.
    pub(super) fn takes_what_is_there(&mut self) -> Option<bool> {
        self.believes.take()
    }

    /// Something of ours is under way, or on.
    pub(super) fn is_live(&self) -> bool {
        !matches!(self.phase, Phase::Idle | Phase::Held { .. })
    }

    /// Whose account comes in after this is the recorder that is awaited.
    pub(super) fn awaits_recorder_since(&self) -> Option<Time> {
        match &self.phase {
            // Focus answers before the recorder comes in (docs/jitsi.md 2).
            Phase::Starting { since, sender: Some(_), .. } => Some(*since),
            Phase::Pending { by: PendingBy::Focus, .. } => self.asked_at,
            // Jicofo moves the session to another Jibri (docs/jitsi.md 13.2).
            Phase::Doubtful { .. } => self.jibri_gone,
            _ => None,
        }
    }

    fn pass_deadlines(&mut self, facts: &Facts<'_>, ctx: &mut Ctx<'_>, policy: Policy<'_>) {
        match &self.phase {
            Phase::Starting { deadline, sender, .. } if *deadline <= ctx.now => {
                let why = if sender.is_some() { StartFailure::NoSign } else { StartFailure::NoAnswer };
                self.fail(why, ctx, policy);
            }
            Phase::Pending { deadline, by, session } if *deadline <= ctx.now => {
                if *by == PendingBy::Recorder && facts.complete() && facts.recorder() {
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
}
