//! Our place in one room: outside, on the way in, inside, on the way out; or nowhere, where the companion tells us. It never
//! enters a room that focus is not in: that would create a ghost (docs/jitsi.md 4.1). When to go in and out is the
//! footprint's business.

mod companion;
mod discreet;
mod entry;
mod plan;
mod reasons;
mod resident;

use std::time::Duration;

pub(super) use plan::{Errand, News, Plan, Visibility};
pub use reasons::{LETS_IN_SLOWLY, list_error_reason, refusal_reason};

use super::budget::{Budget, Rate};
use super::context::Ctx;
use super::event::What;
use super::identity::{Identity, Who};
use super::io::{Action, ListError, Listed, QueryId, Refusal, Roles};
use super::polling::{Pace, Poll, Rhythm};
use super::roster::Roster;
use super::turns::Urgency;
use crate::address::Nick;
use crate::config::{Footprint, Secret};
use crate::time::Time;

/// A room that does not exist.
const POLL_IDLE: Duration = Duration::from_secs(2);
/// A room that has just changed, or that we have just left.
const POLL_EAGER: Duration = Duration::from_millis(500);
/// A room that exists without focus.
const POLL_SOON: Duration = Duration::from_secs(1);
/// After a query that proved nothing.
const POLL_AGAIN: Duration = Duration::from_secs(5);
/// After we were refused, or are not allowed to poll: somebody has to change something first.
const POLL_SLOW: Duration = Duration::from_secs(30);
/// While inside: the service tells nobody else of a removal for becoming members-only (docs/jitsi.md 1.3).
const RELIST: Duration = Duration::from_secs(60);
/// After something unreadable: at once, but not for every stanza of a flood.
const RELIST_DOUBTFUL: Duration = Duration::from_secs(1);
/// How often that is done in one room, in the long run: a participant can send what is unreadable for ever.
const DOUBTS: Rate = Rate { apart: Duration::from_secs(20), burst: 4 };
/// The companion tells by then of a room of which others speak.
const TELLS_WITHIN: Duration = Duration::from_secs(1);
/// The link times queries out itself; this is when we stop relying on it.
const QUERY_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Debug)]
enum Place {
    /// No link.
    Offline,
    Outside {
        poll: Poll,
    },
    /// `moment`: what the roster had heard before.
    Entering {
        nick: Nick,
        until: Time,
        moment: u32,
    },
    Inside {
        nick: Nick,
        poll: Poll,
    },
    Leaving {
        until: Time,
    },
    /// The companion tells us of the room, if there is one. `ask`: when it is to be asked because it has not.
    Told {
        ask: Option<Time>,
    },
}

/// Our place in one room.
#[derive(Debug)]
pub(super) struct Occupancy {
    place: Place,
    /// We were told to stay away, or have good reason to; nobody's word makes this shorter.
    barred_until: Option<Time>,
    plan: Plan,
    rhythm: Rhythm,
    doubts: Budget,
    visits: Budget,
    footprint: Footprint,
    kicks: u32,
    /// How often in a row our entry has created the room.
    created: u32,
    conflicts: u32,
    /// A full pair of lists, or the companion, has shown everybody.
    pictured: bool,
    /// Until then nothing is forgotten although nobody is shown: they will be, in another way than before.
    blinks_until: Option<Time>,
    /// When such a pair came last.
    listed: Option<Time>,
    /// An entry that was not answered in time, and until when it may still be.
    late: Option<(Nick, Time)>,
    /// Discreet: no visit before this.
    unwelcome: Option<Time>,
    /// Resident: since when nobody in the room, that we are in, is a moderator.
    unmoderated: Option<Time>,
    /// Resident: we have left for want of a moderator and come back only when there is one.
    awaits_moderator: bool,
    /// The room's password, once the room has wanted one.
    password: Option<Secret>,
    /// We have asked for it; the refusal that made us ask.
    asking: Option<(QueryId, Refusal)>,
    /// Why we could not look last time, and why we could not enter; told when it changes.
    no_list: Option<ListError>,
    refused: Option<&'static str>,
}

impl Occupancy {
    /// `linked`: whether the link is up.
    pub(super) fn new(footprint: Footprint, linked: bool, now: Time) -> Self {
        let place = if linked { starting_place(footprint, now) } else { Place::Offline };
        Self {
            place,
            barred_until: None,
            plan: Plan {
                record: true,
                errand: Errand::None,
                busy: false,
                stopping: false,
                needs_moderator: true,
                pace: Pace::Eager,
                is_settled: false,
                which: Roles::Both,
            },
            rhythm: Rhythm::default(),
            doubts: Budget::new(&DOUBTS),
            visits: Budget::new(&discreet::VISITS),
            footprint,
            kicks: 0,
            created: 0,
            conflicts: 0,
            pictured: false,
            blinks_until: None,
            listed: None,
            late: None,
            unwelcome: None,
            unmoderated: None,
            awaits_moderator: false,
            password: None,
            asking: None,
            no_list: None,
            refused: None,
        }
    }

    /// Our nickname, while we are inside and see everybody.
    pub(super) fn inside(&self) -> Option<&Nick> {
        match &self.place {
            Place::Inside { nick, .. } => Some(nick),
            _ => None,
        }
    }

    pub(super) fn is_resident(&self) -> bool {
        self.footprint == Footprint::Resident
    }

    /// We go inside for a moment only.
    pub(super) fn is_visitor(&self) -> bool {
        matches!(self.footprint, Footprint::Discreet | Footprint::Unseen)
    }

    /// The room does not want us for now.
    pub(super) fn is_unwelcome(&self) -> bool {
        self.unwelcome.is_some()
    }

    pub(super) fn visibility(&self) -> Visibility {
        match &self.place {
            Place::Inside { .. } => Visibility::Inside,
            Place::Told { .. } if self.pictured => Visibility::Inside,
            Place::Entering { .. } if self.pictured => Visibility::Blinking,
            Place::Outside { .. } | Place::Leaving { .. } if self.pictured => Visibility::Outside,
            Place::Outside { .. } | Place::Told { .. } if self.blinks_until.is_some() => Visibility::Blinking,
            _ => Visibility::Blind,
        }
    }

    /// Why we are not inside, if the room does not want us.
    pub(super) fn reason(&self) -> Option<&'static str> {
        self.no_list.map(list_error_reason).or(self.refused)
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        match &self.place {
            Place::Offline => None,
            Place::Outside { poll } => {
                // Whoever may come in again may have a Jibri again.
                poll.deadline().into_iter().chain(self.unwelcome).min()
            }
            Place::Inside { poll, .. } => poll.deadline().into_iter().chain(self.patience()).min(),
            Place::Entering { until, .. } | Place::Leaving { until } => Some(*until),
            Place::Told { ask } => *ask,
        }
    }

    pub(super) fn link_up(&mut self, now: Time) {
        self.rhythm.restart();
        self.place = starting_place(self.footprint, now);
    }

    /// `footprint`: the one in effect, to which a detour comes back.
    pub(super) fn link_down(&mut self, footprint: Footprint) {
        self.footprint = footprint;
        (self.barred_until, self.blinks_until) = (None, None);
        self.pictured = false;
        self.late = None;
        self.unwelcome = None;
        self.asking = None;
        self.place = Place::Offline;
    }

    /// Everybody was listed at this moment.
    pub(super) fn is_listed(&self, now: Time) -> bool {
        self.listed == Some(now)
    }

    /// Does what follows from what the room wants and from the time. Returns whether a role query is due.
    pub(super) fn follow(&mut self, plan: Plan, ctx: &mut Ctx<'_>, roster: &mut Roster) -> Option<Urgency> {
        if !self.is_resident()
            && plan.pace.longest() < self.plan.pace.longest()
            && let Place::Outside { poll } = &mut self.place
        {
            poll.not_after(ctx.now.after(POLL_EAGER));
        }
        self.plan = plan;
        self.late.take_if(|(_, until)| *until <= ctx.now);
        match self.footprint {
            Footprint::Companion => self.lay_ghost(ctx, roster),
            Footprint::Resident => self.leave_if_in_the_way(ctx, roster),
            Footprint::Discreet | Footprint::Unseen => self.visit_or_leave(ctx, roster),
        }
        self.pass_deadlines(ctx, roster)
    }

    /// Moves on what has waited long enough.
    fn pass_deadlines(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) -> Option<Urgency> {
        let now = ctx.now;
        match &mut self.place {
            Place::Outside { poll } | Place::Inside { poll, .. } => match poll {
                Poll::At(at) if *at <= now => {
                    *poll = Poll::Queued;
                    return Some(self.rhythm.urgency(self.plan.pace));
                }
                Poll::Asked { until, .. } if *until <= now => *poll = Poll::At(now.after(POLL_AGAIN)),
                _ => {}
            },
            Place::Entering { nick, until, .. } if *until <= now => {
                let nick = nick.clone();
                self.give_up_entry(nick, ctx, roster);
            }
            Place::Leaving { until } if *until <= now => self.look_in(POLL_SOON, now),
            Place::Told { ask } if ask.is_some_and(|at| at <= now) => {
                // Again if it is not answered: a room on trial has its place until then.
                *ask = Some(now.after(QUERY_TIMEOUT));
                ctx.act(Action::AskPicture { room: ctx.room.clone() });
            }
            _ => {}
        }
        None
    }

    /// It is this room's turn to be looked at; the lists asked for, if it still wants to.
    pub(super) fn ask(&mut self, ctx: &mut Ctx<'_>, roster: &Roster) -> Option<Roles> {
        let is_partial_enough = matches!(self.place, Place::Outside { .. }) && self.pictured;
        let (Place::Outside { poll } | Place::Inside { poll, .. }) = &mut self.place else { return None };
        if *poll != Poll::Queued {
            return None;
        }
        let enough = if is_partial_enough { self.plan.which } else { Roles::Both };
        let (query, which) = (ctx.new_query(), self.rhythm.roles(enough, self.plan.is_settled));
        *poll = Poll::Asked { query, which, until: ctx.now.after(QUERY_TIMEOUT), moment: roster.moment() };
        ctx.act(Action::AskRoles { room: ctx.room.clone(), query, which });
        Some(which)
    }

    /// Something that a participant has sent makes the picture doubtful: look (again) soon, within the budget for
    /// that.
    pub(super) fn doubt(&mut self, now: Time) {
        let soon = now.after(RELIST_DOUBTFUL).max(self.doubts.next_at());
        if let Place::Outside { poll } | Place::Inside { poll, .. } = &mut self.place
            && poll.not_after(soon)
        {
            self.doubts.spend(soon, 1);
        }
    }

    /// Poll (again) soon.
    pub(super) fn look_soon(&mut self, now: Time) {
        if let Place::Outside { poll } | Place::Inside { poll, .. } = &mut self.place {
            poll.not_after(now.after(RELIST_DOUBTFUL));
        }
    }

    /// Something has happened: from outside look then at the latest; inside we are told, so soon is enough.
    pub(super) fn look_at(&mut self, then: Time, now: Time) {
        match &mut self.place {
            Place::Outside { poll } => {
                match poll {
                    Poll::At(at) => *at = (*at).min(self.barred_until.map_or(then, |until| until.max(then))),
                    // Its turn may be far away.
                    Poll::Queued if !self.rhythm.is_changed() => *poll = Poll::At(then),
                    Poll::Queued | Poll::Asked { .. } => {}
                }
                // A room that has not been seen yet is looked at soon anyway, and as often as new ones are.
                if self.pictured {
                    self.rhythm.hint();
                }
            }
            Place::Told { ask } if !self.pictured => *ask = Some(ask.unwrap_or(then.after(TELLS_WITHIN))),
            _ => self.look_soon(now),
        }
    }

    /// Whether we only look at the room.
    pub(super) fn is_outside(&self) -> bool {
        matches!(self.place, Place::Outside { .. })
    }

    /// The same, and both lists are asked for: whoever is alone may be in either of them.
    pub(super) fn look_at_everybody(&mut self, now: Time) {
        self.rhythm.demand_both();
        self.look_at(now, now);
    }

    /// Whether we are neither inside nor on our way in or out, and free to come back.
    pub(super) fn is_out(&self) -> bool {
        let is_outside = match self.place {
            Place::Outside { .. } | Place::Offline => true,
            Place::Told { .. } => !self.pictured,
            _ => false,
        };
        is_outside && self.barred_until.is_none() && self.late.is_none()
    }

    /// Focus or the service says that we are not inside.
    pub(super) fn lost(&mut self, roster: &mut Roster, now: Time) {
        if matches!(self.place, Place::Inside { .. }) {
            self.stay_out(Duration::ZERO, Duration::ZERO, now, roster);
        }
    }

    /// The answer to a role query.
    pub(super) fn roles(
        &mut self,
        answered: QueryId,
        result: Result<Vec<Listed>, ListError>,
        ctx: &mut Ctx<'_>,
        identity: &Identity,
        roster: &mut Roster,
    ) -> News {
        let (Place::Outside { poll } | Place::Inside { poll, .. }) = &mut self.place else {
            return News::None;
        };
        let Poll::Asked { query, which, moment, .. } = *poll else { return News::None };
        if query != answered {
            return News::None;
        }
        let listed = match result {
            Ok(listed) => listed,
            Err(ListError::Gone) => {
                roster.clear();
                self.gone();
                self.look_in(POLL_IDLE, ctx.now);
                return News::RoomGone;
            }
            Err(error) => {
                let wait = if error == ListError::Forbidden { POLL_SLOW } else { POLL_AGAIN };
                *poll = Poll::At(ctx.now.after(wait));
                // On a detour that is told as what it is for.
                if self.no_list.replace(error) != Some(error) && self.blinks_until.is_none() {
                    ctx.tell(What::NoList(error));
                }
                // That we may not know who is in a room is said of one that exists.
                return if error == ListError::Forbidden { News::None } else { News::Unanswered };
            }
        };
        self.no_list = None;
        *poll = Poll::At(ctx.now.after(RELIST));
        if which == Roles::Both {
            let before = roster.summary();
            roster.apply_lists(identity, &listed, moment);
            self.listed = Some(ctx.now);
            self.pictured = true;
            if roster.summary() != before {
                if !(self.plan.is_settled && roster.has_the_same_services(before)) {
                    self.rhythm.restart();
                }
                if !self.listens() {
                    ctx.tell(What::Seen { people: roster.people(), moderators: roster.moderators() });
                }
            }
        } else if !roster.agrees_with(&listed, which) {
            // One list does not tell whether somebody left or got another role: look at both.
            self.rhythm.disagrees();
            self.look_in(Duration::ZERO, ctx.now);
            return News::None;
        }
        match &self.place {
            Place::Inside { nick, .. } if roster.who(nick) != Some(Who::Us) => self.lost(roster, ctx.now),
            // Still inside after a while: the next removal is a new story.
            Place::Inside { .. } => self.kicks = 0,
            _ if self.is_resident() => return News::Listed,
            _ => {
                let wait = self.rhythm.next(self.plan.pace);
                self.look_in(wait, ctx.now);
                // That is only for want of news.
                self.barred_until = None;
            }
        }
        News::None
    }

    /// What we were before the link broke is still there, and nobody else will take it away; it would keep
    /// the meeting, and a recording of nobody, alive (docs/jitsi.md 4.4, 10.3).
    fn lay_ghost(&self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        if let Some(nick) = roster.us() {
            ctx.act(Action::Leave { room: ctx.room.clone(), nick: nick.clone() });
            roster.forget_us();
        }
    }

    /// The meeting is over, and with it what was known of the room.
    fn gone(&mut self) {
        self.rhythm.restart();
        (self.pictured, self.blinks_until) = (false, None);
        // Its queue is gone as well.
        if self.late.take().is_some() {
            self.unwelcome = None;
        }
        self.conflicts = 0;
        self.password = None;
        self.asking = None;
        self.awaits_moderator = false;
    }

    /// We are not inside (any more). A resident looks, and comes, again after `resident`; a discreet occupant
    /// goes on looking, but does not visit for the time `visit`.
    fn stay_out(&mut self, resident: Duration, visit: Duration, now: Time, roster: &mut Roster) {
        self.forget_what_is_seen_inside(roster);
        if self.is_resident() {
            self.look_in(resident, now);
        } else {
            self.unwelcome = (!visit.is_zero()).then(|| now.after(visit));
            let poll = if self.pictured { POLL_EAGER } else { resident };
            self.look_in(poll.min(resident), now);
        }
    }

    /// A resident knows nothing of a room but from inside; what a visitor has seen is still the latest news.
    fn forget_what_is_seen_inside(&mut self, roster: &mut Roster) {
        if self.is_resident() {
            roster.clear();
            self.pictured = false;
        } else {
            roster.forget_us();
        }
    }

    fn look_in(&mut self, wait: Duration, now: Time) {
        // Whatever is longer than the wait for a room to come to be is not for want of news.
        self.barred_until = (wait > POLL_IDLE).then(|| now.after(wait));
        self.place = Place::Outside { poll: Poll::At(now.after(wait)) };
    }
}

/// Where we are when the link is up and nothing is known yet.
fn starting_place(footprint: Footprint, now: Time) -> Place {
    match footprint {
        Footprint::Companion => Place::Told { ask: None },
        Footprint::Discreet | Footprint::Unseen | Footprint::Resident => {
            Place::Outside { poll: Poll::At(now) }
        }
    }
}

#[cfg(test)]
mod tests;
