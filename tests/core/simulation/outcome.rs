//! What has to come, and what has to go: in the world itself, whatever the core believes.

use super::muc::Kind;
use super::plan::SEC;
use super::world::World;

impl World {
    /// After everything that happens: what has to come, and what has to go.
    pub fn check_world(&mut self, r: usize) {
        let now = self.now;
        let linked = self.link.server.is_some() && self.link.ours;
        if !linked {
            self.rooms[r].good_since = None;
            self.rooms[r].needless_since = None;
            return;
        }
        if self.companion.plays {
            self.check_companion_world(r);
        }
        self.check_needless(r);
        self.check_claim(r);
        let room = &self.rooms[r];
        if room.has(Kind::Us) && room.deserted.is_some_and(|at| now > at + 30 * SEC) {
            // After a reconnect the look comes first, and the ghost of before has to go as well.
            let since = self.rooms[r].good_since.get_or_insert(now);
            if now > *since + 60 * SEC {
                self.fail(6, format!("r{r}: nobody was left 30 s ago and more, and we are still there"));
            }
            return;
        }
        if self.is_all_well(r) {
            let since = *self.rooms[r].good_since.get_or_insert(now);
            if now > since + self.plan.bound {
                let state = self.core.room(&self.plan.rooms[r]).map(|view| (view.state.name(), view.reason));
                self.fail(
                    3,
                    format!("r{r}: all is well since {} s and nothing is recorded; {state:?}", since / SEC),
                );
            }
        } else {
            self.rooms[r].good_since = None;
        }
    }

    /// A recording is wanted and could be had, and there is none.
    fn is_all_well(&self, r: usize) -> bool {
        let room = &self.rooms[r];
        let people = room.occupants.iter().filter(|o| o.is_plain_person());
        let moderators =
            people.clone().filter(|o| o.role == jibri_autostart::meeting::Role::Moderator).count();
        self.mirrors[r].wanted(people.count(), moderators).1
            && room.has(Kind::Focus)
            && (moderators > 0 || !self.mirrors[r].in_names && !self.companion.plays)
            && room.people() > 0
            && now_open(room.shut, self.now)
            && !self.is_stopped_by_a_person(r)
            && !(self.was_cut(r) && self.mirrors[r].state == Some(jibri_autostart::meeting::State::Held))
            && !self.may_be_stopped_still(r)
            && !room.gave_up
            && !room.untold
            && !self.is_recorded(r)
            && !self.focus_is_mistaken(r)
            && !self.is_ours_by_mistake(r)
            && !self.shop.is_sold_out()
            && (0..self.jibris.len()).any(|j| self.is_free_and_works(j))
    }

    /// All have left the room for a while, which went on, and its conference too: those who are back may be held to their stop,
    /// or to one that came when they were away.
    fn may_be_stopped_still(&self, r: usize) -> bool {
        let room = &self.rooms[r];
        if self.mirrors[r].state != Some(jibri_autostart::meeting::State::Held) {
            return false;
        }
        let are_back = self.guests.tells_conference() && room.is_bound() && room.stopped_in == room.created;
        // It is the same meeting, as focus goes on telling, or as the room calls it.
        let told = room.conference.as_ref().and_then(|c| c.status.as_ref());
        let is_told = told.is_some() && told == room.stopped.as_ref();
        let is_called_so = self.meeting_of(r).is_some() && room.stopped_in == room.created;
        let were_there = (is_told || is_called_so) && !room.before.is_disjoint(&room.present());
        are_back || were_there
    }

    /// At the end: what the core keeps.
    pub fn check_sizes(&mut self) {
        for r in 0..self.rooms.len() {
            let room = &self.rooms[r];
            let lingers = room.exists && room.deserted.is_some_and(|at| self.now > at + 120 * SEC);
            let is_over = !room.exists && room.deserted.is_none_or(|at| self.now > at + 60 * SEC);
            if is_over && !self.plan.pinned[r] && self.core.room(&self.plan.rooms[r]).is_some() {
                self.fail(7, format!("r{r} is gone and the core still keeps it"));
            }
            if self.violation.is_none() && self.is_recorded(r) {
                self.seen.count("recorded in the end");
            }
            if lingers {
                self.fail(6, format!("r{r} has nobody in it and does not end"));
            }
        }
        if self.core.rooms().count() > self.rooms.len() {
            self.fail(7, "the core keeps more rooms than there are".into());
        }
    }
}

fn now_open(shut: u64, now: u64) -> bool {
    now >= shut
}
