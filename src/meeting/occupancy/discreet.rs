//! The discreet footprint: looks from outside, and enters for the moment of hearing or asking focus.

use std::time::Duration;

use super::{Errand, Occupancy, Place};
use crate::meeting::budget::Rate;
use crate::meeting::context::Ctx;
use crate::meeting::roster::Roster;
use crate::time::Time;

/// How old the lists may be by which we enter.
const FRESH: Duration = Duration::from_secs(1);
/// People see each visit. Whatever contradicts what, there are no more of them in one room than this.
pub(super) const VISITS: Rate = Rate { apart: Duration::from_secs(3), burst: 8 };

impl Occupancy {
    /// What is seen from outside is of this moment.
    pub(in crate::meeting) fn is_fresh(&self, now: Time) -> bool {
        self.pictured && self.listed.is_some_and(|at| now.since(at) <= FRESH)
    }

    /// Pays the visit that is wanted, and ends it as soon as there is nothing to do inside.
    pub(super) fn visit_or_leave(&mut self, ctx: &mut Ctx<'_>, roster: &mut Roster) {
        let now = ctx.now;
        self.unwelcome = self.unwelcome.filter(|until| *until > now);
        let (errand, is_fresh) = (self.plan.errand, self.is_fresh(now));
        match &mut self.place {
            Place::Inside { .. } if !self.plan.busy || roster.people() == 0 && !self.plan.stopping => {
                self.kicks = 0;
                self.rhythm.restart();
                self.leave(ctx, roster);
            }
            Place::Outside { poll }
                if errand == Errand::Poll || errand.is_visit() && self.unwelcome.is_none() =>
            {
                let is_there = roster.has_focus() && (roster.people() > 0 || errand == Errand::Stop);
                if errand.is_visit() && is_fresh && is_there {
                    if ctx.is_past(self.visits.next_at()) {
                        self.visits.spend(now, 1);
                        self.enter(ctx, roster);
                    }
                } else if self.no_list.is_none() {
                    poll.not_after(now);
                }
            }
            Place::Outside { .. } => self.lay_ghost(ctx, roster),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    use super::super::Plan;
    use super::*;
    use crate::address::{Nick, RealJid, RoomJid};
    use crate::config::Footprint;
    use crate::meeting::event::Effect;
    use crate::meeting::identity::tests::identity;
    use crate::meeting::io::{Action, Affiliation, Listed, Marks, Out, Presence, Role, Roles};
    use crate::meeting::polling::Pace;
    use crate::meeting::queue::Chance;

    const VISIT: Plan = Plan {
        record: true,
        errand: Errand::Visit,
        busy: false,
        stopping: false,
        needs_moderator: true,
        pace: Pace::Eager,
        is_settled: false,
        which: Roles::Both,
    };

    fn everybody() -> Vec<Listed> {
        let listed = |nick: &str, jid: &str| Listed {
            nick: Nick::new(nick).unwrap(),
            jid: RealJid::new(jid).ok(),
            role: Role::Moderator,
            affiliation: Affiliation::Owner,
        };
        vec![listed("focus", "focus@auth.meet.jitsi/focus"), listed("ada", "ada@meet.jitsi/1")]
    }

    fn own(nick: &Nick) -> Presence {
        Presence {
            nick: nick.clone(),
            jid: None,
            role: Role::Moderator,
            affiliation: Affiliation::Owner,
            marks: Marks::default(),
            session: None,
            mode: None,
            jibri: None,
            name: None,
            recording: None,
            conference: None,
            own: true,
            created: false,
        }
    }

    /// A visit is wanted all the time, and answered at once; how many are paid within a minute.
    #[test]
    fn whatever_wants_visits_without_end_gets_a_few() {
        let (room, nickname) = (RoomJid::new("r1@muc.meet.jitsi").unwrap(), Nick::new("autostart").unwrap());
        let (mut roster, mut rng, mut next_id) = (Roster::default(), SmallRng::seed_from_u64(1), 0);
        let mut occupancy = Occupancy::new(Footprint::Discreet, true, Time::default());
        let mut visits = 0;
        for step in 0..1200 {
            let mut effects = Vec::new();
            let mut ctx = Ctx {
                now: Time::new(Duration::from_millis(50 * step)),
                is_unsettled: false,
                alarm: Cell::new(None),
                chance: Chance { is_there: true, change: None },
                room: &room,
                nickname: &nickname,
                dry_run: false,
                rng: &mut rng,
                next_id: &mut next_id,
                effects: &mut effects,
            };
            if occupancy.follow(VISIT, &mut ctx, &mut roster).is_some() {
                occupancy.ask(&mut ctx, &roster);
            }
            for effect in std::mem::take(ctx.effects) {
                match effect {
                    Effect::Do(Action::AskRoles { query, .. }) => {
                        occupancy.roles(query, Ok(everybody()), &mut ctx, &identity(), &mut roster);
                    }
                    Effect::Do(Action::Enter { nick, .. }) => {
                        visits += 1;
                        occupancy.own_presence(&own(&nick), &mut ctx, &mut roster);
                    }
                    Effect::Do(Action::Leave { .. }) => {
                        occupancy.out(&Out::Left, &mut ctx, &mut roster);
                    }
                    _ => {}
                }
            }
        }
        assert!((VISITS.burst..=VISITS.burst + 21).contains(&visits), "{visits}");
    }
}
