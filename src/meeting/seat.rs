//! The resident footprint: when to look into a room, when to sit in it, when to go.
//!
//! It looks from outside (role lists) until focus and a person are there, enters, and leaves with the
//! last person. It never enters a room that focus is not in: that would create a ghost (JITSI.md 4.1).

use std::time::Duration;

use rand::RngExt as _;

use super::Ctx;
use super::event::What;
use super::io::{Action, Condition, ListError, Listed, Out, Presence, QueryId, Refusal};
use super::roster::{Identity, Roster, Who};
use crate::address::Nick;
use crate::time::Time;

/// A room with focus but nobody else: the meeting begins any moment.
const LOOK_EAGER: Duration = Duration::from_millis(500);
/// A room that exists without focus.
const LOOK_SOON: Duration = Duration::from_secs(1);
/// A room that does not exist.
const LOOK_IDLE: Duration = Duration::from_secs(2);
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
/// How long we sit in a room in which nobody is a moderator. Where Jicofo does not trust our domain it takes
/// us for the owner and promotes nobody until we go (JITSI.md 4.2).
const ELECTION: Duration = Duration::from_secs(10);
/// Other nicknames to try at once when ours is taken.
const NICK_TRIES: u32 = 3;

#[derive(Debug)]
enum Place {
    /// No link.
    Offline,
    Outside {
        look: Look,
    },
    Entering {
        nick: Nick,
        until: Time,
    },
    Inside {
        nick: Nick,
        look: Look,
    },
    Leaving {
        until: Time,
    },
}

/// The next, or present, role query of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    At(Time),
    /// Waits for its turn.
    Queued,
    /// `moment`: what the roster had heard when it was asked.
    Asked {
        query: QueryId,
        until: Time,
        moment: u32,
    },
}

impl Look {
    fn deadline(self) -> Option<Time> {
        match self {
            Self::At(at) => Some(at),
            Self::Queued => None,
            Self::Asked { until, .. } => Some(until),
        }
    }
}

/// What an input means for the rest of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    None,
    /// The room does not exist, or no longer.
    RoomGone,
}

/// Our place in one room.
#[derive(Debug)]
pub(super) struct Seat {
    place: Place,
    /// We were told to stay away, or have good reason to; nobody's word makes this shorter.
    barred_until: Option<Time>,
    kicks: u32,
    conflicts: u32,
    /// Since when nobody in the room, that we are in, is a moderator.
    unmoderated: Option<Time>,
    /// We have left for want of a moderator and come back only when there is one.
    awaits_moderator: bool,
    /// Why we could not look last time, and why we could not enter; told when it changes.
    no_list: Option<ListError>,
    refused: Option<&'static str>,
}

impl Seat {
    /// `linked`: whether the link is up.
    pub(super) fn new(linked: bool, now: Time) -> Self {
        let place = if linked { Place::Outside { look: Look::At(now) } } else { Place::Offline };
        Self {
            place,
            barred_until: None,
            kicks: 0,
            conflicts: 0,
            unmoderated: None,
            awaits_moderator: false,
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

    /// Why we are not inside, if the room does not want us.
    pub(super) fn reason(&self) -> Option<&'static str> {
        self.no_list.map(list_error_reason).or(self.refused)
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        match &self.place {
            Place::Offline => None,
            Place::Outside { look } => look.deadline(),
            Place::Inside { look, .. } => {
                let patience = self.unmoderated.map(|since| since.after(ELECTION));
                look.deadline().into_iter().chain(patience).min()
            }
            Place::Entering { until, .. } | Place::Leaving { until } => Some(*until),
        }
    }

    pub(super) fn link_up(&mut self, now: Time) {
        self.place = Place::Outside { look: Look::At(now) };
    }

    pub(super) fn link_down(&mut self) {
        self.barred_until = None;
        self.place = Place::Offline;
    }

    /// Moves on what has waited long enough. Returns whether a role query is due.
    pub(super) fn pass_deadlines(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) -> bool {
        let now = ctx.now;
        match &mut self.place {
            Place::Outside { look } | Place::Inside { look, .. } => match look {
                Look::At(at) if *at <= now => {
                    *look = Look::Queued;
                    return true;
                }
                Look::Asked { until, .. } if *until <= now => *look = Look::At(now.after(LOOK_AGAIN)),
                _ => {}
            },
            Place::Entering { nick, until } if *until <= now => {
                ctx.act(Action::Leave { room: ctx.room.clone(), nick: nick.clone() });
                roster.clear();
                self.look_in(LOOK_SLOW, now);
            }
            Place::Leaving { until } if *until <= now => self.look_in(LOOK_SOON, now),
            _ => {}
        }
        false
    }

    /// It is this room's turn to be looked at; false if it no longer wants to.
    pub(super) fn ask(&mut self, ctx: &mut Ctx<'_>, roster: &Roster) -> bool {
        let (Place::Outside { look } | Place::Inside { look, .. }) = &mut self.place else { return false };
        if *look != Look::Queued {
            return false;
        }
        let query = ctx.new_query();
        *look = Look::Asked { query, until: ctx.now.after(QUERY_TIMEOUT), moment: roster.moment() };
        ctx.act(Action::AskRoles { room: ctx.room.clone(), query });
        true
    }

    /// Something is doubtful: look (again) soon.
    pub(super) fn doubt(&mut self, now: Time) {
        let (Place::Outside { look } | Place::Inside { look, .. }) = &mut self.place else { return };
        if let Look::At(at) = look {
            *at = (*at).min(now.after(RELIST_DOUBTFUL));
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
            roster.clear();
            self.look_in(Duration::ZERO, now);
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
        let Look::Asked { query, moment, .. } = *look else { return News::None };
        if query != answered {
            return News::None;
        }
        let listed = match result {
            Ok(listed) => listed,
            Err(ListError::Gone) => {
                roster.clear();
                self.awaits_moderator = false;
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
        roster.apply_lists(identity, &listed, moment);
        match &self.place {
            Place::Inside { nick, .. } if roster.who(nick) != Some(Who::Us) => self.lost(roster, ctx.now),
            // Still inside after a while: the next removal is a new story.
            Place::Inside { .. } => self.kicks = 0,
            _ if roster.has_focus()
                && roster.people() > 0
                && (roster.moderators() > 0 || !self.awaits_moderator) =>
            {
                self.enter(ctx, roster);
            }
            _ => {
                // What we were before the link broke is still there, and nobody else will take it away; it
                // would keep the meeting, and a recording of nobody, alive (JITSI.md 4.4, 10.3).
                if let Some(nick) = roster.us() {
                    ctx.act(Action::Leave { room: ctx.room.clone(), nick: nick.clone() });
                }
                self.look_in(if roster.has_focus() { LOOK_EAGER } else { LOOK_SOON }, ctx.now);
            }
        }
        News::None
    }

    fn enter(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        let nick = if self.conflicts == 0 {
            ctx.nickname.clone()
        } else {
            // Letters, digits and _ only (JITSI.md 4.5).
            let other = format!("{}_{}", ctx.nickname, ctx.rng.random_range(1000..=9999_u32));
            Nick::new(&other).unwrap_or_else(|_| ctx.nickname.clone())
        };
        roster.clear();
        ctx.act(Action::Enter { room: ctx.room.clone(), nick: nick.clone() });
        self.place = Place::Entering { nick, until: ctx.now.after(ENTRY_TIMEOUT) };
    }

    /// Whether presences of this room mean anything now.
    pub(super) fn listens(&self) -> bool {
        matches!(self.place, Place::Entering { .. } | Place::Inside { .. })
    }

    /// Our own presence (status 110): everybody else has been announced before it (XEP-0045, 7.2.2).
    pub(super) fn own_presence(&mut self, presence: &Presence, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        let nick = presence.nick.clone();
        match &mut self.place {
            Place::Entering { .. } if presence.created => {
                ctx.act(Action::Leave { room: ctx.room.clone(), nick });
                ctx.tell(What::CreatedRoom);
                roster.clear();
                self.look_in(LOOK_AFTER_FAULT, ctx.now);
            }
            Place::Entering { .. } => {
                self.conflicts = 0;
                self.refused = None;
                self.place = Place::Inside { nick, look: Look::At(ctx.now.after(RELIST)) };
                ctx.tell(What::Entered { people: roster.people(), moderators: roster.moderators() });
            }
            Place::Inside { nick: current, .. } => *current = nick,
            // An entry that we have given up has come through after all.
            Place::Outside { .. } => ctx.act(Action::Leave { room: ctx.room.clone(), nick }),
            Place::Leaving { .. } | Place::Offline => {}
        }
    }

    /// Leaves with the last person (JITSI.md 4.4), and where our being there may keep Jicofo from electing
    /// a moderator.
    pub(super) fn leave_if_in_the_way(
        &mut self,
        ctx: &mut Ctx<'_>,
        roster: &mut Roster,
        needs_moderator: bool,
    ) {
        if self.inside().is_none() {
            self.unmoderated = None;
            return;
        }
        if roster.people() == 0 {
            return self.leave(ctx, roster);
        }
        if roster.moderators() > 0 || !needs_moderator {
            self.unmoderated = None;
            return;
        }
        let since = *self.unmoderated.get_or_insert(ctx.now);
        if ctx.now.since(since) >= ELECTION {
            if !std::mem::replace(&mut self.awaits_moderator, true) {
                ctx.tell(What::AwaitsModerator);
            }
            self.unmoderated = None;
            self.leave(ctx, roster);
        }
    }

    /// Leaves, if we are inside or on our way in.
    pub(super) fn leave(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        if let Place::Inside { nick, .. } | Place::Entering { nick, .. } = &self.place {
            ctx.act(Action::Leave { room: ctx.room.clone(), nick: nick.clone() });
            roster.clear();
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
        roster.clear();
        if was_inside {
            ctx.tell(What::Left(out.clone()));
        }
        let wait = match out {
            Out::Left => LOOK_EAGER,
            Out::Destroyed => {
                self.awaits_moderator = false;
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
        self.look_in(wait, ctx.now);
        News::None
    }

    /// The room does not let us in (JITSI.md 4.5).
    pub(super) fn refused(&mut self, refusal: Refusal, ctx: &mut Ctx<'_>, roster: &mut Roster) -> News {
        if !matches!(self.place, Place::Entering { .. }) {
            return News::None;
        }
        roster.clear();
        if refusal.condition == Condition::Conflict && self.conflicts < NICK_TRIES {
            self.conflicts = self.conflicts.saturating_add(1);
            self.look_in(Duration::ZERO, ctx.now);
            return News::None;
        }
        self.conflicts = 0;
        self.look_in(LOOK_SLOW, ctx.now);
        if refusal.condition == Condition::ItemNotFound {
            return News::RoomGone;
        }
        let reason = refusal_reason(&refusal);
        if self.refused.replace(reason) != Some(reason) {
            ctx.tell(What::EntryRefused { refusal, retry_in: LOOK_SLOW });
        }
        News::None
    }

    fn look_in(&mut self, wait: Duration, now: Time) {
        // Whatever is longer than the wait for a room to come to be is not for want of news.
        self.barred_until = (wait > LOOK_IDLE).then(|| now.after(wait));
        self.place = Place::Outside { look: Look::At(now.after(wait)) };
    }
}

/// What a failed role query means and what to change (JITSI.md 1.5, 10.3).
pub fn list_error_reason(error: ListError) -> &'static str {
    match error {
        ListError::Gone => "the room does not exist",
        ListError::Forbidden => {
            "we are no owner of the room: list user@domain of [xmpp] in `admins` of Prosody's MUC component, and \
             set `component_admins_as_room_owners = true` there"
        }
        ListError::TimedOut => "Prosody does not answer the question who is in the room",
        ListError::Other => "Prosody refuses to tell who is in the room for a reason that we do not know",
    }
}

/// What a refused entry means and what to change (JITSI.md 4.5).
pub fn refusal_reason(refusal: &Refusal) -> &'static str {
    match refusal.condition {
        Condition::NotAuthorized => "the room has a password",
        Condition::RegistrationRequired if refusal.lobby => {
            "the room has a lobby: we are no owner, list user@domain of [xmpp] in `admins` of Prosody's MUC component"
        }
        Condition::RegistrationRequired => "the room is for members only and we are no owner",
        Condition::Forbidden => "we are banned from the room",
        Condition::ServiceUnavailable => {
            "the room is full (MAX_PARTICIPANTS): add our domain to muc_access_whitelist"
        }
        Condition::Conflict => "our nickname and the ones like it are taken: choose another muc.nickname",
        Condition::NotAcceptable if refusal.display_name_required => "the room wants a display name",
        Condition::NotAllowed => {
            "Prosody does not allow us in: the room is gone and we may not create one, or muc.nickname is not to \
             its liking (letters, digits and _)"
        }
        _ => "Prosody refuses us for a reason that we do not know",
    }
}
