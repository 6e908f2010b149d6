//! One room: who is in it, our place in it, and its recording.

mod detour;
mod heard;
mod plan;
mod reason;

use std::time::Duration;

use self::detour::Detour;
use super::alone::{self, Alone};
use super::budget::{Budget, Rate};
use super::context::{Ctx, Policy};
use super::event::{State, WaitEnd, What};
use super::identity::{Identity, Who};
use super::knowledge::Picture;
use super::manual::{ManualOrder, NotTaken, Origin};
use super::notice::Notices;
use super::occupancy::{News, Occupancy, Visibility};
use super::queue::{Chance, Standing};
use super::recording::Recording;
use super::roster::{RecorderAccount, Roster};
use super::rules::Rules;
use super::trial::{Trial, Verdict};
use super::turns::Urgency;
use super::view::RoomView;
use super::zombie::Zombie;
use crate::address::{Nick, RealJid, RoomJid};
use crate::config::{Footprint, Mode, Notice};
use crate::time::Time;

pub use self::reason::NO_FOCUS_REASON;

/// Between two looks that somebody asks for.
const NUDGES_APART: Duration = Duration::from_millis(200);
/// How many of them there are, in the long run: who asks need not tell the truth.
const NUDGES: Rate = Rate { apart: Duration::from_secs(2), burst: 16 };

/// What there is to say of a meeting that only seems to be.
pub const ZOMBIE_REASON: &str = "Jicofo lists people here, but Prosody has no such room: these people must reload the page, nothing else helps";

/// Why a room is not recorded in which Jicofo cannot be told from anybody.
pub fn unlisted_focus_reason(jid: &RealJid) -> String {
    format!("Jicofo is here as {jid}, and {} is not in muc.service_domains: add it there", jid.domain())
}

/// Everything known of one room.
#[derive(Debug)]
pub(super) struct Room {
    roster: Roster,
    /// The footprint in effect, and our place by it; on a detour by another one.
    footprint: Footprint,
    detour: Detour,
    occupancy: Occupancy,
    recording: Recording,
    /// The recorder may not be the one that it was taken for; the next list comes first, since the meeting may be over.
    is_in_doubt: bool,
    /// Which of `[[rule]]` applies.
    pub(super) rule: Option<usize>,
    /// Somebody vouches for it, so it stays even if there is no such room now.
    pub(super) vouched: bool,
    /// Hearsay alone names it, and focus was not seen in it yet.
    pub(super) trial: Option<Trial>,
    /// Whether it only seems to be.
    pub(super) zombie: Zombie,
    alone: Alone,
    notices: Notices,
    /// One of Jibri's accounts has been in it.
    had_recorder: bool,
    /// The last look that was asked for from outside, and how many may be.
    nudged: Option<Time>,
    nudges: Budget,
    state: State,
    state_since: Time,
    /// Where it is in the queue for a Jibri, and whether it was told that it waits for one.
    pub(super) standing: Standing,
    waits: bool,
}

/// Its wait for a Jibri.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Begins,
    Ends(WaitEnd),
}

impl Room {
    /// `has_past`: the meeting may have begun before we could see it.
    pub(super) fn new(
        footprint: Footprint,
        rule: Option<usize>,
        linked: bool,
        has_past: bool,
        now: Time,
    ) -> Self {
        Self {
            roster: Roster::default(),
            footprint,
            detour: Detour::default(),
            occupancy: Occupancy::new(footprint, linked, now),
            recording: Recording::new(has_past),
            is_in_doubt: false,
            rule,
            vouched: true,
            trial: None,
            zombie: Zombie::No,
            alone: Alone::new(has_past),
            notices: Notices::default(),
            had_recorder: false,
            nudged: None,
            nudges: Budget::new(&NUDGES),
            state: State::Idle,
            state_since: now,
            standing: Standing::Aside,
            waits: false,
        }
    }

    /// `place`: in the queue for a Jibri, from 1, if it waits for one.
    pub(super) fn view<'a>(&'a self, room: &'a RoomJid, rules: &Rules, place: Option<usize>) -> RoomView<'a> {
        RoomView {
            room,
            state: self.state,
            is_seen: self.occupancy.visibility() != Visibility::Blind,
            people: self.roster.people(),
            moderators: self.roster.moderators(),
            recorder_present: self.recording.known().recorders.may_record(),
            attempt: self.recording.attempt(),
            session: self.recording.session(),
            meeting: self.recording.known().meeting.name(),
            proof: self.recording.proof(self.is_inside()),
            since: self.state_since,
            missing_since: self.recording.missing_since(),
            is_left_alone: self.recording.is_left_alone(),
            inside: self.occupancy.inside(),
            missing_for: self.recording.missing_for(self.state),
            place,
            reason: self.recording.by_order(self.reason(rules, place)),
        }
    }

    /// It was being recorded when this program ended.
    pub(super) fn remember(&mut self) {
        self.recording.remember();
        self.notices.remember();
    }

    /// Whether an order would be taken.
    pub(super) fn takes(&self, hand: ManualOrder) -> Result<(), NotTaken> {
        if hand == ManualOrder::Release {
            return Ok(());
        }
        if self.occupancy.visibility() == Visibility::Blind {
            return Err(NotTaken::NotSeen);
        }
        let is_used = self.roster.people() > 0
            || hand == ManualOrder::Stop && self.recording.known().recorders.may_record();
        if is_used { Ok(()) } else { Err(NotTaken::Nobody) }
    }

    /// Somebody takes it in hand, or gives it back.
    pub(super) fn manual(&mut self, hand: ManualOrder, origin: Origin, ctx: &mut Ctx<'_>) {
        self.recording.manual(hand, origin, ctx);
        self.occupancy.look_at(ctx.now, ctx.now);
    }

    /// The order that goes before the rules.
    pub(super) fn hand(&self) -> Option<ManualOrder> {
        self.recording.hand()
    }

    pub(super) fn roster(&self) -> &Roster {
        &self.roster
    }

    pub(super) fn link_up(&mut self, now: Time) {
        self.occupancy.link_up(now);
    }

    pub(super) fn link_down(&mut self) {
        self.occupancy.link_down(self.footprint);
        self.detour.is_off();
        self.zombie.is_not_seen();
        self.notices.is_not_seen();
        self.alone.link_down();
        self.recording.link_down();
        if let Some(trial) = &mut self.trial {
            trial.begin_anew();
        }
        self.roster.clear();
        self.recording.focus_is_not_heard();
    }

    /// Other rules apply from now on.
    pub(super) fn rules_changed(&mut self, policy: Policy<'_>) {
        self.recording.rules_changed(policy);
    }

    /// Nothing that was sent in somebody's name has arrived.
    pub(super) fn sender_refused(&mut self) {
        self.recording.sender_refused();
    }

    /// Leaves the room because the program ends; the recording goes on.
    pub(super) fn leave(&mut self, ctx: &mut Ctx<'_>) {
        self.occupancy.leave(ctx, &mut self.roster);
    }

    /// Something has happened here, or is said to have. Anybody may say so, and as often as he likes.
    pub(super) fn look(&mut self, now: Time) {
        if self.nudged.is_none_or(|at| at <= now) {
            let at =
                self.nudged.map_or(now, |last| last.after(NUDGES_APART).max(now)).max(self.nudges.next_at());
            self.nudges.spend(at, 1);
            self.nudged = Some(at);
            self.occupancy.look_at(at, now);
        }
    }

    /// The same, unless we are told of the room from inside.
    pub(super) fn look_from_outside(&mut self, now: Time) {
        if self.occupancy.is_outside() {
            self.look(now);
        }
    }

    /// What a look at it means, if it is on trial. Of a room that we may not look into at least that it exists is
    /// known (docs/jitsi.md 1.5).
    pub(super) fn judge(&mut self, news: News, now: Time) -> Option<Verdict> {
        let trial = self.trial.as_mut()?;
        if self.roster.has_focus() || self.roster.unlisted_focus().is_some() {
            self.trial = None;
            return Some(Verdict::Proven);
        }
        let exists = !matches!(news, News::RoomGone | News::Unanswered);
        let is_missed = trial.misses(exists, now);
        if is_missed && self.occupancy.is_told() {
            // One miss does not count, and the companion tells of none by itself.
            self.occupancy.look_at(now, now);
        }
        is_missed.then_some(Verdict::Missed)
    }

    /// Nobody vouches for it, we are not in it, and nothing is known of it that must be kept. Where focus never
    /// was, nothing but an order by hand is.
    pub(super) fn is_over(&self) -> bool {
        let is_blank = self.recording.is_blank() || self.trial.is_some() && self.hand().is_none();
        !self.vouched && self.occupancy.is_out() && is_blank && !self.alone.is_told()
    }

    /// Whoever was there may have left, and others have come.
    pub(super) fn look_at_everybody(&mut self, now: Time) {
        self.occupancy.look_at_everybody(now);
    }

    /// It is this room's turn to be looked at; how many queries it sends, if any.
    pub(super) fn ask(&mut self, ctx: &mut Ctx<'_>) -> Option<u32> {
        let which = self.occupancy.ask(ctx, &self.roster)?;
        let is_peopled = self.roster.people() > 0 && self.roster.has_focus();
        let asks_more = self.trial.is_none() && self.recording.asks_for_meeting(is_peopled, ctx);
        Some(which.queries().saturating_add(u32::from(asks_more)))
    }

    /// Focus's word is known, and everybody seen.
    fn is_inside(&self) -> bool {
        self.occupancy.visibility() == Visibility::Inside
    }

    /// How this room is seen, and acted in, from now on.
    pub(super) fn use_footprint(&mut self, footprint: Footprint, ctx: &mut Ctx<'_>) {
        self.footprint = footprint;
        self.detour.is_off();
        self.occupancy.use_footprint(footprint, ctx, &mut self.roster);
        self.notices.is_not_seen();
    }

    /// How this room is seen, and acted in.
    pub(super) fn footprint(&self) -> Footprint {
        self.footprint
    }

    /// Decides what follows from all that is known now. Returns how urgent a role query is, if one is due.
    pub(super) fn decide(
        &mut self,
        ctx: &mut Ctx<'_>,
        policy: Policy<'_>,
        notice: Notice,
    ) -> Option<Urgency> {
        self.occupancy.ends_blink(ctx);
        let visibility = self.occupancy.visibility();
        if !policy.record || visibility == Visibility::Blind {
            tell_alone(self.alone.is_not_seen(), ctx);
        } else if visibility == Visibility::Inside {
            self.seen_alone(ctx);
        }
        let is_seen = matches!(visibility, Visibility::Inside | Visibility::Outside);
        let stayed = is_seen.then(|| self.roster.has_stayed()).flatten();
        let now = Picture {
            visibility,
            visitor: self.occupancy.is_visitor(),
            focus: self.roster.has_focus(),
            people: self.roster.people(),
            moderators: self.roster.moderators(),
            our_nick: our_nick(&self.occupancy, &self.roster, ctx.nickname),
            by_companion: self.occupancy.is_told(),
            roster: &self.roster,
            stayed,
            fresh: self.occupancy.is_fresh(ctx.now),
            unwelcome: self.occupancy.is_unwelcome(),
        };
        self.recording.reconcile(self.is_wanted(policy), &now, ctx, policy);
        if visibility == Visibility::Inside && policy.record && policy.start.mode == Mode::File {
            self.notices.follow(notice, self.recording.recorded(), ctx);
        }
        self.follow_detour(ctx);
        let plan = self.plan(ctx.is_unsettled, policy);
        let poll = self.occupancy.follow(plan, ctx, &mut self.roster);
        if !self.occupancy.hears_focus() {
            self.recording.focus_is_not_heard();
        }
        let standing = self.standing(ctx.chance, policy, ctx.dry_run, ctx.now);
        let state = match self.recording.state() {
            // It could not use a Jibri now.
            State::Waiting if standing == Standing::Aside && self.recording.is_pausing() => State::Backoff,
            State::Waiting if standing == Standing::Aside => State::Settling,
            state => state,
        };
        if state != self.state {
            ctx.tell(What::State { from: self.state, to: state });
            self.state = state;
            self.state_since = ctx.now;
        }
        poll
    }

    /// Whether the recorder has nobody with it, now that everybody was seen.
    fn seen_alone(&mut self, ctx: &mut Ctx<'_>) {
        let is_there = self.roster.recorders().next().is_some();
        tell_alone(self.alone.seen(is_there, self.roster.people(), ctx.now), ctx);
    }

    fn is_wanted(&self, policy: Policy<'_>) -> bool {
        match self.recording.hand() {
            Some(ManualOrder::Record) => self.roster.people() > 0,
            Some(ManualOrder::Stop | ManualOrder::Release) => false,
            None => {
                policy.record
                    && self.roster.people() >= policy.start.min_participants
                    && self.roster.moderators() >= policy.start.min_moderators
            }
        }
    }

    /// Whoever shows the session of which focus says that it is on, and is no recorder by its account: it is one.
    pub(super) fn unlisted_recorder(&self) -> Option<RealJid> {
        let known = self.recording.known();
        let word = known.jicofo_status().filter(|word| word.on && self.is_inside())?;
        let session = word.session.as_ref()?;
        let has_shown = |seen: RecorderAccount<'_>| {
            seen.shown.is_some_and(|shown| shown.session.as_ref() == Some(session))
        };
        if known.recorders.have_shown(session) || self.roster.recorders().any(has_shown) {
            return None;
        }
        self.roster.unlisted_recorder(session).cloned()
    }

    /// Somebody is something else than was thought.
    pub(super) fn reclassify(&mut self, identity: &Identity) {
        self.roster.reclassify(identity);
    }

    /// Jicofo, if its account is of a domain that is not listed.
    pub(super) fn unlisted_focus(&self) -> Option<RealJid> {
        self.roster.unlisted_focus().filter(|_| !self.roster.has_focus()).cloned()
    }

    pub(super) fn is_starting(&self) -> bool {
        self.recording.is_starting()
    }

    /// A recording is wanted, and is on or missing.
    pub(super) fn is_wanted_now(&self) -> bool {
        self.recording.missing_since().is_some() || self.recording.state() == State::Recording
    }

    /// Since when a recording is wanted and there is none.
    pub(super) fn missing_since(&self) -> Option<Time> {
        self.recording.missing_since()
    }

    /// Where it is in the queue for a Jibri. Who could not start anyway keeps nobody waiting.
    pub(super) fn standing(&self, chance: Chance, policy: Policy<'_>, dry_run: bool, now: Time) -> Standing {
        let may_act = self.roster.has_focus() && (policy.in_names || !self.occupancy.is_unwelcome());
        if may_act && !dry_run { self.recording.standing(chance, now) } else { Standing::Aside }
    }

    /// What is to be told of its wait for a Jibri, now that its standing is known. `is_over`: the room is forgotten.
    pub(super) fn wait(&mut self, is_over: bool) -> Option<Wait> {
        if !self.waits {
            self.waits = self.standing != Standing::Aside && self.recording.lacks_jibri() && !is_over;
            return self.waits.then_some(Wait::Begins);
        }
        let end = self.recording.waits_no_more().or(is_over.then_some(WaitEnd::NotWanted))?;
        self.waits = false;
        Some(Wait::Ends(end))
    }

    /// When this room has to be looked at even if nothing happens; what waits for the recording is noted where it is decided.
    pub(super) fn deadline(&self, now: Time) -> Option<Time> {
        let keeps_until = self.recording.keeps_until().filter(|until| now < *until);
        self.occupancy.deadline().into_iter().chain(keeps_until).min()
    }
}

/// The nickname under which focus knows us. Where the companion acts for us that is the one of a stop that we have brought
/// ourselves, maybe before a restart, unless somebody else has it.
fn our_nick<'a>(occupancy: &'a Occupancy, roster: &Roster, usual: &'a Nick) -> Option<&'a Nick> {
    let is_ours = occupancy.is_told() && roster.who(usual) != Some(Who::Person);
    occupancy.inside().or(is_ours.then_some(usual))
}

fn tell_alone(turn: Option<alone::Turn>, ctx: &mut Ctx<'_>) {
    match turn {
        Some(alone::Turn::Is) => ctx.tell(What::RecorderAlone),
        Some(alone::Turn::IsNot) => ctx.tell(What::RecorderNotAlone),
        None => {}
    }
}
