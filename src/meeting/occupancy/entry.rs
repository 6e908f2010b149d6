//! In and out of a room: entering, being refused or removed, leaving.

use std::time::Duration;

use rand::RngExt as _;

use super::reasons::{LETS_IN_SLOWLY, refusal_reason};
use super::{Errand, News, Occupancy, POLL_EAGER, POLL_SLOW, POLL_SOON, Place, RELIST};
use crate::address::Nick;
use crate::config::Secret;
use crate::doubling::doubled;
use crate::meeting::context::Ctx;
use crate::meeting::event::What;
use crate::meeting::io::{Action, Condition, Out, Presence, QueryId, Refusal};
use crate::meeting::polling::Poll;
use crate::meeting::roster::Roster;

/// How long we wait for an entry and for nothing else: mod_muc_rate_limit and mod_muc_meeting_id queue joins without an
/// answer (docs/jitsi.md 4.1, 4.5).
const ENTRY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may still come through after that, and no other is sent: 180 people are let in meanwhile.
const LATE: Duration = Duration::from_secs(60);
/// How long leaving may take.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest of these.
const AFTER_KICK_MAX: Duration = Duration::from_secs(300);
/// After being removed by somebody, doubled for each time in a row.
const AFTER_KICK: Duration = Duration::from_secs(5);
/// Other nicknames to try at once when ours is taken.
const NICK_TRIES: u32 = 3;
/// After our entry has created a room, doubled for each time in a row: who reloads the page is there again in a moment.
const AFTER_CREATED: Duration = POLL_SOON;
/// The longest of these.
const AFTER_CREATED_MAX: Duration = Duration::from_secs(60);

impl Occupancy {
    pub(super) fn enter(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        let nick = if self.conflicts == 0 {
            ctx.nickname.clone()
        } else {
            // Letters, digits and _ only (docs/jitsi.md 4.5).
            let other = format!("{}_{}", ctx.nickname, ctx.rng.random_range(1000..=9999_u32));
            Nick::new(&other).unwrap_or_else(|_| ctx.nickname.clone())
        };
        let password = self.password.clone();
        ctx.act(Action::Enter { room: ctx.room.clone(), nick: nick.clone(), password });
        self.await_everybody(nick, ctx, roster);
    }

    /// Everybody inside is about to be announced, and we last.
    fn await_everybody(&mut self, nick: Nick, ctx: &Ctx<'_>, roster: &mut Roster) {
        // Who comes for the stop only has seen from outside what it is about.
        if self.is_resident() && self.plan.errand != Errand::Stop {
            self.forget_what_is_seen_inside(roster);
        }
        let until = ctx.now.after(ENTRY_TIMEOUT);
        self.place = Place::Entering { nick, until, moment: roster.moment() };
    }

    /// Nothing came of our entry so far. We look from outside again, as nobody knows how long the queue is; whether the
    /// visit is still wanted when our turn comes is decided then.
    pub(super) fn give_up_entry(&mut self, nick: Nick, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        self.stay_out(POLL_SLOW, LATE, ctx.now, roster);
        self.late = Some((nick, ctx.now.after(LATE)));
        if self.refused.replace(LETS_IN_SLOWLY) != Some(LETS_IN_SLOWLY) {
            ctx.tell(What::EntryDelayed);
        }
    }

    /// A presence has come. Outside we get none, so an entry that was given up has come through now.
    pub(in crate::meeting) fn hears(&mut self, ctx: &Ctx<'_>, roster: &mut Roster) {
        if matches!(self.place, Place::Outside { .. })
            && let Some((nick, _)) = self.late.take()
        {
            self.unwelcome = None;
            self.await_everybody(nick, ctx, roster);
        }
    }

    /// Whether presences of this room mean anything now.
    pub(in crate::meeting) fn listens(&self) -> bool {
        matches!(self.place, Place::Entering { .. } | Place::Inside { .. })
    }

    /// Our own presence (status 110): everybody else has been announced before it (XEP-0045, 7.2.2).
    pub(in crate::meeting) fn own_presence(
        &mut self,
        presence: &Presence,
        ctx: &mut Ctx<'_>,
        roster: &mut Roster,
    ) -> News {
        let nick = presence.nick.clone();
        match &mut self.place {
            Place::Entering { .. } if presence.created => {
                ctx.act(Action::Leave { room: ctx.room.clone(), nick });
                ctx.tell(What::CreatedRoom);
                // The one that was to be entered had gone since it was looked at.
                roster.clear();
                self.gone();
                let wait = doubled(AFTER_CREATED, self.created.min(16), AFTER_CREATED_MAX);
                self.created = self.created.saturating_add(1);
                self.stay_out(wait, wait, ctx.now, roster);
                return News::RoomGone;
            }
            Place::Entering { moment, .. } => {
                roster.keep_heard_after(*moment);
                // A visitor comes again and again, and whoever has our nickname stays.
                self.conflicts = if self.is_resident() { 0 } else { self.conflicts.min(1) };
                (self.refused, self.created) = (None, 0);
                self.place = Place::Inside { nick, poll: Poll::At(ctx.now.after(RELIST)) };
                ctx.tell(What::Entered { people: roster.people(), moderators: roster.moderators() });
            }
            Place::Inside { nick: current, .. } => *current = nick,
            // An entry that nobody reckons with any more.
            Place::Outside { .. } | Place::Told { .. } => {
                ctx.act(Action::Leave { room: ctx.room.clone(), nick });
            }
            Place::Leaving { .. } | Place::Offline => {}
        }
        News::None
    }

    /// Leaves, if we are inside or on our way in.
    pub(in crate::meeting) fn leave(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        if let Place::Inside { nick, .. } | Place::Entering { nick, .. } = &self.place {
            ctx.act(Action::Leave { room: ctx.room.clone(), nick: nick.clone() });
            self.forget_what_is_seen_inside(roster);
            self.place = Place::Leaving { until: ctx.now.after(LEAVE_TIMEOUT) };
        }
        if let Some((nick, _)) = self.late.take() {
            ctx.act(Action::Leave { room: ctx.room.clone(), nick });
        }
    }

    /// We are out of the room.
    pub(in crate::meeting) fn out(&mut self, out: &Out, ctx: &mut Ctx<'_>, roster: &mut Roster) -> News {
        let was_inside = match self.place {
            Place::Offline | Place::Told { .. } => return News::None,
            Place::Outside { .. } if *out == Out::Left => return News::None,
            // What was left behind when the link broke may be thrown out as well.
            Place::Outside { .. } | Place::Entering { .. } | Place::Leaving { .. } => false,
            Place::Inside { .. } => true,
        };
        if was_inside {
            ctx.tell(What::Left(out.clone()));
        }
        let wait = match out {
            Out::Left => {
                self.forget_what_is_seen_inside(roster);
                self.look_in(POLL_EAGER, ctx.now);
                return News::None;
            }
            Out::Destroyed => {
                roster.clear();
                self.gone();
                self.look_in(POLL_SOON, ctx.now);
                return News::RoomGone;
            }
            // 301 and 307 are somebody's will; anything else is an accident (docs/jitsi.md 1.3).
            Out::Removed { code: Some(301 | 307) } => {
                self.kicks = self.kicks.saturating_add(1);
                let doublings = self.kicks.saturating_sub(1).min(16);
                doubled(AFTER_KICK, doublings, AFTER_KICK_MAX)
            }
            Out::Removed { .. } => POLL_SOON,
        };
        self.stay_out(wait, wait, ctx.now, roster);
        News::None
    }

    /// The room does not let us in (docs/jitsi.md 4.5).
    pub(in crate::meeting) fn refused(
        &mut self,
        refusal: Refusal,
        ctx: &mut Ctx<'_>,
        roster: &mut Roster,
    ) -> News {
        if !matches!(self.place, Place::Entering { .. }) && self.late.take().is_none() {
            return News::None;
        }
        if refusal.condition == Condition::Conflict && self.conflicts < NICK_TRIES {
            self.conflicts = self.conflicts.saturating_add(1);
            self.stay_out(Duration::ZERO, Duration::ZERO, ctx.now, roster);
            return News::None;
        }
        self.conflicts = 0;
        self.stay_out(POLL_SLOW, POLL_SLOW, ctx.now, roster);
        if refusal.condition == Condition::ItemNotFound {
            roster.clear();
            self.gone();
            return News::RoomGone;
        }
        // One that is known is wrong by now, and is asked for again next time.
        if refusal.condition == Condition::NotAuthorized && self.password.take().is_none() {
            let query = ctx.new_query();
            ctx.act(Action::AskForm { room: ctx.room.clone(), query });
            self.asking = Some((query, refusal));
            return News::None;
        }
        self.tell_refusal(refusal, ctx);
        News::None
    }

    /// What an owner is told of the room's password (docs/jitsi.md 4.5).
    pub(in crate::meeting) fn told_password(
        &mut self,
        told: QueryId,
        password: Option<Secret>,
        ctx: &mut Ctx<'_>,
    ) {
        let Some((_, refusal)) = self.asking.take_if(|(query, _)| *query == told) else { return };
        let Some(password) = password.filter(|password| !password.is_empty()) else {
            return self.tell_refusal(refusal, ctx);
        };
        self.password = Some(password);
        self.unwelcome = None;
        if let Place::Outside { poll } = &mut self.place {
            poll.not_after(ctx.now);
        }
    }

    pub(super) fn tell_refusal(&mut self, refusal: Refusal, ctx: &mut Ctx<'_>) {
        let reason = refusal_reason(&refusal);
        if self.refused.replace(reason) != Some(reason) {
            ctx.tell(What::EntryRefused { refusal, retry_in: POLL_SLOW });
        }
    }
}
