//! What goes wrong on a large scale, and how all becomes calm in the end.

use model::{jibri, jicofo};

use super::jibri::{Jibri, Mood};
use super::muc::Kind;
use super::plan::{MS, SEC};
use super::world::{Ev, World};

impl World {
    pub fn focus_restarts(&mut self) {
        self.focus_up = false;
        for r in 0..self.rooms.len() {
            if self.rooms[r].conference.as_ref().is_some_and(|c| c.session.is_some()) {
                self.seen.count("focus restarts during a session");
            }
        }
        self.jicofo(jicofo::Input::Restarts);
        for r in 0..self.rooms.len() {
            if self.rooms[r].conference.is_some() {
                self.seen.count("focus restarts");
                self.fault(r);
                self.focus_leaves(r);
            }
        }
        for j in 0..self.jibris.len() {
            if let Some(page) = self.jibris[j].model.page() {
                let leaves = self.some(10 * SEC, 20 * SEC);
                self.after(leaves, Ev::Jibri { j, input: jibri::Input::PageLeft(page) });
            }
        }
        let back = self.some(100 * MS, 20 * SEC);
        self.after(back, Ev::FocusIsBack);
    }

    /// Browsers ask for the conference again.
    pub fn focus_is_back(&mut self) {
        self.focus_up = true;
        for j in 0..self.jibris.len() {
            if let Some(status) = self.jibris[j].model.shown() {
                self.jicofo(jicofo::Input::Presence(j, status));
            }
        }
        for r in 0..self.rooms.len() {
            if self.rooms[r].people() > 0 {
                let asks = self.some(10 * MS, 3 * SEC);
                self.after(asks, Ev::ConferenceWanted { r });
            }
        }
    }

    /// All rooms and all connections are gone; Jibris stop.
    pub fn prosody_restarts(&mut self) {
        self.seen.count("Prosody restarts");
        self.link_breaks();
        for r in 0..self.rooms.len() {
            self.fault(r);
            self.rooms[r].occupants.clear();
            self.rooms[r].conference = None;
            self.headcount(r);
        }
        for j in 0..self.jibris.len() {
            self.jibri(j, jibri::Input::Killed);
        }
        self.focus_restarts();
    }

    /// No more faults: people who stay are honest, Jibris work, nothing breaks.
    pub fn becomes_calm(&mut self) {
        self.trace_all(|| "all is calm".into());
        self.calm = true;
        for p in 0..self.people.len() {
            let (r, kind) = (self.people[p].r, Kind::Person(p));
            let is_honest = self.rooms[r].find(kind).is_some_and(|o| {
                o.is_plain_person()
                    && o.forged.is_none()
                    && o.nick.as_str() != "autostart"
                    && o.nick.as_str() != "focus"
            });
            if !is_honest {
                self.exit(r, kind);
            }
        }
        let count = self.jibris.len().max(self.plan.jibris_at_end);
        self.jibris.resize_with(count, || Jibri::new(Mood::Good));
        for j in 0..count {
            self.jibris[j].mood = Mood::Good;
            if self.jibris[j].model.is_launching() || !self.jibris[j].model.is_running() {
                self.jibri(j, jibri::Input::Boots);
            }
        }
        for r in 0..self.rooms.len() {
            self.fault(r);
            self.rooms[r].shut = 0;
            self.exit(r, Kind::Phone);
            if !self.focus_up || self.rooms[r].conference.is_none() && self.rooms[r].people() > 0 {
                self.after(SEC, Ev::FocusIsBack);
            }
        }
    }
}
