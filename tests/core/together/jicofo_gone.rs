//! Jicofo dies and is started again: focus goes from every room, and clients and recorders load anew (docs/jitsi.md 13.3.2).

use jibri_autostart::address::Nick;

use super::plan::{MS, SEC, Us};
use super::rooms::{HEARD_AT, LOOKED_AT, Step};
use super::world::World;

impl World {
    pub fn jicofo_takes(&mut self) -> Us {
        self.list_turns();
        self.cores.link.jicofo_died_at = Some(self.now);
        self.some(3 * SEC, 15 * SEC)
    }

    fn list_turns(&mut self) {
        if self.plan.detector.is_some() {
            let wait = self.some(100 * MS, 3 * SEC);
            self.room_later(0, wait, Step::ListTurns);
        }
    }

    /// Focus goes, and what it said with it. Clients and recorders load anew some 15 s later (docs/jitsi.md 13.3.2).
    pub fn room_loses_jicofo(&mut self, r: usize, _had_session: bool) {
        self.cores.promises.begins_anew(r);
        self.cores.promises.in_flight[r] = false;
        let now = self.now;
        let seen_from = self.cores.link.up_at;
        let room = &mut self.rooms[r];
        // Nobody may have looked since then; and after a gap in sight it is for focus to tell which meeting this is.
        let is_known = now >= seen_from + LOOKED_AT;
        if room.stopped.take_if(|at| now < *at + HEARD_AT || !is_known).is_some() {
            room.is_doubtful = true;
        }
        (room.focus, room.on) = (false, false);
        (room.status, room.on_since, room.stops) = (None, None, None);
        let people: Vec<Nick> = room.people.iter().map(|person| person.nick.clone()).collect();
        for nick in people {
            let wait = self.some(10 * SEC, 20 * SEC);
            self.room_later(r, wait, Step::Reloads(nick));
        }
        for j in 0..self.jibris.len() {
            let is_its = self.jibris[j].model.recording().is_some_and(|(room, _)| *room == r);
            if let Some(page) = self.jibris[j].model.page().filter(|_| is_its) {
                let wait = self.some(10 * SEC, 20 * SEC);
                self.room_later(r, wait, Step::PageLeaves(j, page));
            }
        }
    }

    /// Whoever is there asks for a conference.
    pub fn room_has_jicofo(&mut self, r: usize) {
        if r == 0 {
            self.list_turns();
        }
        let wait = self.some(50 * MS, 5 * SEC);
        self.room_later(r, wait, Step::FocusComes);
    }

    pub fn person_reloads(&mut self, r: usize, nick: &Nick) {
        if self.rooms[r].people.iter().any(|person| person.nick == *nick) {
            self.person_leaves(r, nick);
            let wait = self.some(500 * MS, 3 * SEC);
            self.room_later(r, wait, Step::Comes);
        }
    }

    /// Nobody has seen that focus was restarted and the people stayed: whose meeting it is nobody knows.
    pub fn restart_of_jicofo_is_missed(&mut self) {
        for room in &mut self.rooms {
            room.is_doubtful |= room.stopped.take().is_some();
        }
    }
}
