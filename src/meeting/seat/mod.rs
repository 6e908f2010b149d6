//! Our place in one room: outside, on the way in, inside, on the way out. It never enters a room that focus
//! is not in: that would create a ghost (JITSI.md 4.1). When to go in and out is the footprint's business.

mod discreet;
mod reasons;
mod resident;

use std::time::Duration;

use rand::RngExt as _;

pub use reasons::{list_error_reason, refusal_reason};

use super::Ctx;
use super::event::What;
use super::io::{Action, Condition, ListError, Listed, Out, Presence, QueryId, Refusal, Roles};
use super::looks::{Look, Pace, Rhythm, Urgency};
use super::roster::{Identity, Roster, Who};
use crate::address::Nick;
use crate::config::{Footprint, Secret};
use crate::time::Time;

/// A room that does not exist.
const LOOK_IDLE: Duration = Duration::from_secs(2);
/// A room that has just changed, or that we have just left.
const LOOK_EAGER: Duration = Duration::from_millis(500);
/// A room that exists without focus.
const LOOK_SOON: Duration = Duration::from_secs(1);
/// After a query that proved nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// After we were refused, or are not allowed to look: somebody has to change something first.
const LOOK_SLOW: Duration = Duration::from_secs(30);
/// After our entry has created a room.
const LOOK_AFTER_FAULT: Duration = Duration::from_secs(60);
/// While inside: the service tells nobody else of a removal for becoming members-only (JITSI.md 1.3).
const RELIST: Duration = Duration::from_secs(60);
/// After something unreadable: at once, but not for every stanza of a flood.
const RELIST_DOUBTFUL: Duration = Duration::from_secs(1);
/// How long an entry may take; mod_muc_meeting_id queues joins without an answer (JITSI.md 4.1).
const ENTRY_TIMEOUT: Duration = Duration::from_secs(20);
/// How long leaving may take.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);
/// The link times queries out itself; this is when we stop relying on it.
const QUERY_TIMEOUT: Duration = Duration::from_secs(15);
/// After being removed by somebody, doubled for each time in a row.
const AFTER_KICK: Duration = Duration::from_secs(5);
/// The longest of these.
const AFTER_KICK_MAX: Duration = Duration::from_secs(300);
/// Other nicknames to try at once when ours is taken.
const NICK_TRIES: u32 = 3;

#[derive(Debug)]
enum Place {
    /// No link.
    Offline,
    Outside {
        look: Look,
    },
    /// `moment`: what the roster had heard before.
    Entering {
        nick: Nick,
        until: Time,
        moment: u32,
    },
    Inside {
        nick: Nick,
        look: Look,
    },
    Leaving {
        until: Time,
    },
}

/// What we know of who is in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Not everybody; nothing is decided.
    Blind,
    /// We are on our way in and shall know in a moment; nothing is decided, and nothing forgotten.
    Blinking,
    /// Who is there, by role lists, but not what focus says.
    Outside,
    /// Everything.
    Inside,
}

/// What the room wants of its seat.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Whether this room may be recorded at all; if not, it is none of our business.
    pub(super) record: bool,
    /// Focus is to be heard, or asked: a discreet seat pays a visit.
    pub(super) visit: bool,
    /// A start is under way, whose answer comes only while we are inside.
    pub(super) busy: bool,
    /// A recording needs a moderator here.
    pub(super) needs_moderator: bool,
    pub(super) pace: Pace,
    /// Which lists show what is awaited.
    pub(super) which: Roles,
}

/// What an input means for the rest of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    None,
    /// The room does not exist, or no longer.
    RoomGone,
    /// Nobody is left of those whom we saw last time, so this may be another meeting.
    OtherPeople,
}

/// Our place in one room.
#[derive(Debug)]
pub(super) struct Seat {
    place: Place,
    /// We were told to stay away, or have good reason to; nobody's word makes this shorter.
    barred_until: Option<Time>,
    plan: Plan,
    rhythm: Rhythm,
    resident: bool,
    kicks: u32,
    conflicts: u32,
    /// Discreet: a full pair of lists has shown everybody.
    pictured: bool,
    /// When such a pair came last.
    listed: Option<Time>,
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

impl Seat {
    /// `linked`: whether the link is up.
    pub(super) fn new(footprint: Footprint, linked: bool, now: Time) -> Self {
        let place = if linked { Place::Outside { look: Look::At(now) } } else { Place::Offline };
        Self {
            place,
            barred_until: None,
            plan: Plan {
                record: true,
                visit: false,
                busy: false,
                needs_moderator: true,
                pace: Pace::Eager,
                which: Roles::Both,
            },
            rhythm: Rhythm::default(),
            resident: footprint == Footprint::Resident,
            kicks: 0,
            conflicts: 0,
            pictured: false,
            listed: None,
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
        self.resident
    }

    /// The room does not want us for now.
    pub(super) fn is_unwelcome(&self) -> bool {
        self.unwelcome.is_some()
    }

    pub(super) fn sight(&self) -> Sight {
        match &self.place {
            Place::Inside { .. } => Sight::Inside,
            Place::Entering { .. } if self.pictured => Sight::Blinking,
            Place::Outside { .. } | Place::Leaving { .. } if self.pictured => Sight::Outside,
            _ => Sight::Blind,
        }
    }

    /// Why we are not inside, if the room does not want us.
    pub(super) fn reason(&self) -> Option<&'static str> {
        self.no_list.map(list_error_reason).or(self.refused)
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        match &self.place {
            Place::Offline => None,
            Place::Outside { look } => {
                let welcome = self.unwelcome.filter(|_| self.plan.visit);
                look.deadline().into_iter().chain(welcome).min()
            }
            Place::Inside { look, .. } => look.deadline().into_iter().chain(self.patience()).min(),
            Place::Entering { until, .. } | Place::Leaving { until } => Some(*until),
        }
    }

    pub(super) fn link_up(&mut self, now: Time) {
        self.rhythm.restart();
        self.place = Place::Outside { look: Look::At(now) };
    }

    pub(super) fn link_down(&mut self) {
        self.barred_until = None;
        self.pictured = false;
        self.unwelcome = None;
        self.asking = None;
        self.place = Place::Offline;
    }

    /// Does what follows from what the room wants and from the time. Returns whether a role query is due.
    pub(super) fn follow(&mut self, plan: Plan, ctx: &mut Ctx<'_>, roster: &mut Roster) -> Option<Urgency> {
        if !self.resident
            && plan.pace.longest() < self.plan.pace.longest()
            && let Place::Outside { look } = &mut self.place
        {
            look.not_after(ctx.now.after(LOOK_EAGER));
        }
        self.plan = plan;
        if self.resident {
            self.leave_if_in_the_way(ctx, roster);
        } else {
            self.visit_or_leave(ctx, roster);
        }
        self.pass_deadlines(ctx, roster)
    }

    /// Moves on what has waited long enough.
    fn pass_deadlines(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) -> Option<Urgency> {
        let now = ctx.now;
        match &mut self.place {
            Place::Outside { look } | Place::Inside { look, .. } => match look {
                Look::At(at) if *at <= now => {
                    *look = Look::Queued;
                    return Some(self.rhythm.urgency(self.plan.pace));
                }
                Look::Asked { until, .. } if *until <= now => *look = Look::At(now.after(LOOK_AGAIN)),
                _ => {}
            },
            Place::Entering { nick, until, .. } if *until <= now => {
                ctx.act(Action::Leave { room: ctx.room.clone(), nick: nick.clone() });
                self.stay_out(LOOK_SLOW, LOOK_SLOW, now, roster);
            }
            Place::Leaving { until } if *until <= now => self.look_in(LOOK_SOON, now),
            _ => {}
        }
        None
    }

    /// It is this room's turn to be looked at; the lists asked for, if it still wants to.
    pub(super) fn ask(&mut self, ctx: &mut Ctx<'_>, roster: &Roster) -> Option<Roles> {
        let is_partial_enough = matches!(self.place, Place::Outside { .. }) && self.pictured;
        let (Place::Outside { look } | Place::Inside { look, .. }) = &mut self.place else { return None };
        if *look != Look::Queued {
            return None;
        }
        let enough = if is_partial_enough { self.plan.which } else { Roles::Both };
        let (query, which) = (ctx.new_query(), self.rhythm.roles(enough));
        *look = Look::Asked { query, which, until: ctx.now.after(QUERY_TIMEOUT), moment: roster.moment() };
        ctx.act(Action::AskRoles { room: ctx.room.clone(), query, which });
        Some(which)
    }

    /// Something is doubtful: look (again) soon.
    pub(super) fn doubt(&mut self, now: Time) {
        if let Place::Outside { look } | Place::Inside { look, .. } = &mut self.place {
            look.not_after(now.after(RELIST_DOUBTFUL));
        }
    }

    /// Something has happened: from outside look then at the latest; inside we are told, so soon is enough.
    pub(super) fn look_at(&mut self, then: Time, now: Time) {
        match &mut self.place {
            Place::Outside { look: Look::At(at) } => {
                *at = (*at).min(self.barred_until.map_or(then, |until| until.max(then)));
            }
            _ => self.doubt(now),
        }
    }

    /// Whether we are neither inside nor on our way in or out, and free to come back.
    pub(super) fn is_out(&self) -> bool {
        matches!(self.place, Place::Outside { .. } | Place::Offline) && self.barred_until.is_none()
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
        let (Place::Outside { look } | Place::Inside { look, .. }) = &mut self.place else {
            return News::None;
        };
        let Look::Asked { query, which, moment, .. } = *look else { return News::None };
        if query != answered {
            return News::None;
        }
        let listed = match result {
            Ok(listed) => listed,
            Err(ListError::Gone) => {
                roster.clear();
                self.gone();
                self.look_in(LOOK_IDLE, ctx.now);
                return News::RoomGone;
            }
            Err(error) => {
                let wait = if error == ListError::Forbidden { LOOK_SLOW } else { LOOK_AGAIN };
                *look = Look::At(ctx.now.after(wait));
                if self.no_list.replace(error) != Some(error) {
                    ctx.tell(What::NoList(error));
                }
                return News::None;
            }
        };
        self.no_list = None;
        *look = Look::At(ctx.now.after(RELIST));
        let mut others = false;
        if which == Roles::Both {
            let before = roster.summary();
            others = self.pictured && roster.people() > 0 && !roster.has_person_of(&listed);
            roster.apply_lists(identity, &listed, moment);
            self.listed = Some(ctx.now);
            self.pictured = !self.resident;
            if roster.summary() != before {
                self.rhythm.restart();
                if !self.listens() {
                    ctx.tell(What::Seen { people: roster.people(), moderators: roster.moderators() });
                }
            }
        } else if !roster.agrees_with(&listed, which) {
            // One list does not tell whether somebody left or got another role: look at both.
            self.rhythm.demand_both();
            self.look_in(Duration::ZERO, ctx.now);
            return News::None;
        }
        match &self.place {
            Place::Inside { nick, .. } if roster.who(nick) != Some(Who::Us) => self.lost(roster, ctx.now),
            // Still inside after a while: the next removal is a new story.
            Place::Inside { .. } => self.kicks = 0,
            _ if self.resident => self.enter_or_look_again(ctx, roster),
            _ => {
                let wait = self.rhythm.next(self.plan.pace);
                self.look_in(wait, ctx.now);
            }
        }
        if others { News::OtherPeople } else { News::None }
    }

    /// What we were before the link broke is still there, and nobody else will take it away; it would keep
    /// the meeting, and a recording of nobody, alive (JITSI.md 4.4, 10.3).
    fn lay_ghost(&self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        if let Some(nick) = roster.us() {
            ctx.act(Action::Leave { room: ctx.room.clone(), nick: nick.clone() });
            roster.forget_us();
        }
    }

    fn enter(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        let nick = if self.conflicts == 0 {
            ctx.nickname.clone()
        } else {
            // Letters, digits and _ only (JITSI.md 4.5).
            let other = format!("{}_{}", ctx.nickname, ctx.rng.random_range(1000..=9999_u32));
            Nick::new(&other).unwrap_or_else(|_| ctx.nickname.clone())
        };
        if self.resident {
            roster.clear();
        }
        let password = self.password.clone();
        ctx.act(Action::Enter { room: ctx.room.clone(), nick: nick.clone(), password });
        let until = ctx.now.after(ENTRY_TIMEOUT);
        self.place = Place::Entering { nick, until, moment: roster.moment() };
    }

    /// Whether presences of this room mean anything now.
    pub(super) fn listens(&self) -> bool {
        matches!(self.place, Place::Entering { .. } | Place::Inside { .. })
    }

    /// Our own presence (status 110): everybody else has been announced before it (XEP-0045, 7.2.2).
    pub(super) fn own_presence(
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
                roster.clear();
                self.pictured = false;
                self.stay_out(LOOK_AFTER_FAULT, LOOK_AFTER_FAULT, ctx.now, roster);
            }
            Place::Entering { moment, .. } => {
                let others = roster.keep_heard_after(*moment);
                // A visitor comes again and again, and whoever has our nickname stays.
                self.conflicts = if self.resident { 0 } else { self.conflicts.min(1) };
                self.refused = None;
                self.place = Place::Inside { nick, look: Look::At(ctx.now.after(RELIST)) };
                ctx.tell(What::Entered { people: roster.people(), moderators: roster.moderators() });
                if others {
                    return News::OtherPeople;
                }
            }
            Place::Inside { nick: current, .. } => *current = nick,
            // An entry that we have given up has come through after all.
            Place::Outside { .. } => ctx.act(Action::Leave { room: ctx.room.clone(), nick }),
            Place::Leaving { .. } | Place::Offline => {}
        }
        News::None
    }

    /// Leaves, if we are inside or on our way in.
    pub(super) fn leave(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        if let Place::Inside { nick, .. } | Place::Entering { nick, .. } = &self.place {
            ctx.act(Action::Leave { room: ctx.room.clone(), nick: nick.clone() });
            self.forget_what_is_seen_inside(roster);
            self.place = Place::Leaving { until: ctx.now.after(LEAVE_TIMEOUT) };
        }
    }

    /// We are out of the room.
    pub(super) fn out(&mut self, out: &Out, ctx: &mut Ctx<'_>, roster: &mut Roster) -> News {
        let was_inside = match self.place {
            Place::Offline | Place::Outside { .. } => return News::None,
            Place::Entering { .. } | Place::Leaving { .. } => false,
            Place::Inside { .. } => true,
        };
        if was_inside {
            ctx.tell(What::Left(out.clone()));
        }
        let wait = match out {
            Out::Left => {
                self.forget_what_is_seen_inside(roster);
                self.look_in(LOOK_EAGER, ctx.now);
                return News::None;
            }
            Out::Destroyed => {
                roster.clear();
                self.gone();
                self.look_in(LOOK_SOON, ctx.now);
                return News::RoomGone;
            }
            // 301 and 307 are somebody's will; anything else is an accident (JITSI.md 1.3).
            Out::Removed { code: Some(301 | 307) } => {
                self.kicks = self.kicks.saturating_add(1);
                let doublings = self.kicks.saturating_sub(1).min(16);
                AFTER_KICK
                    .saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX))
                    .min(AFTER_KICK_MAX)
            }
            Out::Removed { .. } => LOOK_SOON,
        };
        self.stay_out(wait, wait, ctx.now, roster);
        News::None
    }

    /// The room does not let us in (JITSI.md 4.5).
    pub(super) fn refused(&mut self, refusal: Refusal, ctx: &mut Ctx<'_>, roster: &mut Roster) -> News {
        if !matches!(self.place, Place::Entering { .. }) {
            return News::None;
        }
        if refusal.condition == Condition::Conflict && self.conflicts < NICK_TRIES {
            self.conflicts = self.conflicts.saturating_add(1);
            self.stay_out(Duration::ZERO, Duration::ZERO, ctx.now, roster);
            return News::None;
        }
        self.conflicts = 0;
        self.stay_out(LOOK_SLOW, LOOK_SLOW, ctx.now, roster);
        if refusal.condition == Condition::ItemNotFound {
            roster.clear();
            self.gone();
            return News::RoomGone;
        }
        // One that is known is wrong by now, and is asked for again next time.
        if refusal.condition == Condition::NotAuthorized && self.password.take().is_none() {
            let query = ctx.new_query();
            ctx.act(Action::AskPassword { room: ctx.room.clone(), query });
            self.asking = Some((query, refusal));
            return News::None;
        }
        self.tell_refusal(refusal, ctx);
        News::None
    }

    /// What an owner is told of the room's password (JITSI.md 4.5).
    pub(super) fn told_password(&mut self, told: QueryId, password: Option<Secret>, ctx: &mut Ctx<'_>) {
        let Some((_, refusal)) = self.asking.take_if(|(query, _)| *query == told) else { return };
        let Some(password) = password.filter(|password| !password.is_empty()) else {
            return self.tell_refusal(refusal, ctx);
        };
        self.password = Some(password);
        self.unwelcome = None;
        if let Place::Outside { look } = &mut self.place {
            look.not_after(ctx.now);
        }
    }

    fn tell_refusal(&mut self, refusal: Refusal, ctx: &mut Ctx<'_>) {
        let reason = refusal_reason(&refusal);
        if self.refused.replace(reason) != Some(reason) {
            ctx.tell(What::EntryRefused { refusal, retry_in: LOOK_SLOW });
        }
    }

    /// The meeting is over, and with it what was known of the room.
    fn gone(&mut self) {
        self.rhythm.restart();
        self.pictured = false;
        self.conflicts = 0;
        self.password = None;
        self.asking = None;
        self.awaits_moderator = false;
    }

    /// We are not inside (any more). A resident looks, and comes, again after `resident`; a discreet seat
    /// goes on looking, but does not visit for the time `visit`.
    fn stay_out(&mut self, resident: Duration, visit: Duration, now: Time, roster: &mut Roster) {
        self.forget_what_is_seen_inside(roster);
        if self.resident {
            self.look_in(resident, now);
        } else {
            self.unwelcome = (!visit.is_zero()).then(|| now.after(visit));
            let look = if self.pictured { LOOK_EAGER } else { resident };
            self.look_in(look.min(resident), now);
        }
    }

    /// A resident knows nothing of a room but from inside; what a visitor has seen is still the latest news.
    fn forget_what_is_seen_inside(&self, roster: &mut Roster) {
        if self.resident { roster.clear() } else { roster.forget_us() }
    }

    fn look_in(&mut self, wait: Duration, now: Time) {
        // Whatever is longer than the wait for a room to come to be is not for want of news.
        self.barred_until = (wait > LOOK_IDLE).then(|| now.after(wait));
        self.place = Place::Outside { look: Look::At(now.after(wait)) };
    }
}
