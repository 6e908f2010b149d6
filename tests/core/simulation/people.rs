//! People: they come, leave within milliseconds, reload, change their nickname, press buttons, cheat.

use jibri_autostart::config::Mode;
use jibri_autostart::meeting::{Marks, Out, RecordingStatus, Role, SessionId};
use rand::RngExt as _;

use super::focus::Asker;
use super::muc::{Kind, Occupant};
use super::plan::{MS, SEC, nick};
use super::world::{Ev, World};

#[derive(Debug)]
pub struct Person {
    /// The room that this person goes to.
    pub r: usize,
    /// How often it has entered; each time is another nickname and resource.
    visits: u32,
    /// In the end it stays.
    pub stays: bool,
}

impl Person {
    pub fn new(r: usize, stays: bool) -> Self {
        Self { r, visits: 0, stays }
    }
}

impl World {
    /// A person's next deed, and when the one after is due.
    pub fn person_acts(&mut self, p: usize) {
        let r = self.people[p].r;
        let kind = Kind::Person(p);
        let is_inside = self.rooms[r].has(kind);
        let mut next = self.some(self.plan.pace / 10, self.plan.pace * 2);
        if self.calm {
            match (is_inside, self.people[p].stays) {
                (true, true) | (false, false) => {}
                (true, false) => self.exit(r, kind),
                (false, true) => next = self.try_to_enter(p),
            }
            next = next.max(5 * SEC);
        } else if is_inside {
            next = self.deed(p).unwrap_or(next);
        } else {
            next = self.try_to_enter(p).min(next);
        }
        self.after(next, Ev::Person { p });
    }

    /// Asks focus for the conference, and enters once focus is there; when to try again.
    fn try_to_enter(&mut self, p: usize) -> u64 {
        let r = self.people[p].r;
        if self.rooms[r].conference.is_none() {
            if self.focus_up {
                let focus = self.some(5 * MS, 200 * MS);
                self.after(focus, Ev::ConferenceWanted { r });
                return focus + self.some(0, 100 * MS);
            }
            // An impostor waits for focus to be away.
            let is_free =
                self.rooms[r].exists && !self.rooms[r].occupants.iter().any(|o| o.nick == nick("focus"));
            if !(is_free && !self.calm && self.rng.random_bool(0.1)) {
                return 2 * SEC;
            }
        }
        self.people[p].visits += 1;
        let visits = self.people[p].visits;
        let name = if self.rooms[r].conference.is_none() { "focus".into() } else { format!("p{p}v{visits}") };
        let jid = format!("u{p}@meet.jitsi/{visits}");
        let mut person = Occupant::new(Kind::Person(p), &name, &jid, Role::Participant);
        if name == "focus" {
            self.seen.count("an impostor named focus");
            person.forged = Some(forged(true));
            let leaves = self.some(SEC, 20 * SEC);
            self.after(leaves, Ev::PersonLeaves { p });
        } else if !self.calm {
            match self.rng.random_range(0..40) {
                0 => person.forged = Some(forged(self.rng.random_bool(0.5))),
                1 => person.marks = Marks { jibri: true, ..Marks::default() },
                2 => person.marks = Marks { jigasi: true, ..Marks::default() },
                3 => person.role = Role::Visitor,
                4 => {
                    // Right into our own nickname.
                    person.nick = nick("autostart");
                    self.seen.count("a person with our nickname");
                }
                _ => {}
            }
        }
        if person.marks != Marks::default() || person.forged.is_some() {
            self.seen.count("forged presences");
        }
        self.enter(r, person);
        if !self.calm && self.rng.random_bool(0.1) {
            self.seen.count("left within 50 ms");
            let leaves = self.some(0, 50 * MS);
            self.after(leaves, Ev::PersonLeaves { p });
        }
        self.plan.pace
    }

    fn deed(&mut self, p: usize) -> Option<u64> {
        let r = self.people[p].r;
        let kind = Kind::Person(p);
        let occupant = self.rooms[r].find(kind)?.clone();
        let is_moderator = occupant.role == Role::Moderator;
        if self.plan.meddlers && is_moderator && self.rng.random_bool(0.25) {
            self.stop_by_hand(r, occupant.nick);
            return None;
        }
        match self.rng.random_range(0..100) {
            0..20 => self.exit(r, kind),
            20..27 => {
                self.seen.count("reloads");
                self.exit(r, kind);
                return Some(self.some(10 * MS, 3 * SEC));
            }
            27..37 => {
                let number = self.rng.random_range(0..100_000);
                if self.rename(r, kind, &nick(&format!("p{p}n{number}"))) {
                    self.seen.count("renames");
                }
            }
            37..42 if is_moderator => self.stop_by_hand(r, occupant.nick),
            42..45 if is_moderator => {
                self.seen.count("starts by hand");
                let wish = self.wish();
                self.ask_focus(r, Asker::Person { nick: occupant.nick }, wish);
            }
            45..47 if is_moderator => {
                self.fault(r);
                self.hinders(r, 360 * SEC);
                let code = [307, 307, 301, 321, 322][self.rng.random_range(0..5_usize)];
                if self.rooms[r].has(Kind::Us) {
                    self.seen.count("we were removed");
                }
                self.remove_us(r, Out::Removed { code: Some(code) });
                if code == 301 {
                    self.rooms[r].shut = self.now + self.some(SEC, 60 * SEC);
                }
            }
            47 if is_moderator => {
                self.seen.count("rooms destroyed");
                self.fault(r);
                self.destroy(r);
            }
            48 if is_moderator => {
                let others = self.rooms[r].occupants.iter().map(|o| o.kind);
                let victim = others.clone().find(|k| matches!(k, Kind::Person(q) if *q != p));
                if let Some(victim) = victim {
                    self.seen.count("removed in silence");
                    self.exit_in_silence(r, victim);
                }
            }
            49..52 => {
                // Promoted or demoted by somebody, or sent to the visitors and back.
                let roles = [Role::Visitor, Role::Participant, Role::Moderator];
                let role = roles[self.rng.random_range(0..3_usize)];
                self.rooms[r].find_mut(kind)?.role = role;
                self.seen.count("role changes");
                self.show(r, kind);
                self.after(self.plan.pace, Ev::Election { r });
                self.headcount(r);
            }
            52..55 => {
                let says = forged(self.rng.random_bool(0.5));
                self.rooms[r].find_mut(kind)?.forged = Some(says);
                self.seen.count("forged presences");
                self.show(r, kind);
            }
            55..57 if !self.rooms[r].has(Kind::Phone) => {
                self.seen.count("telephones");
                let mut phone =
                    Occupant::new(Kind::Phone, "phone", "jigasi@guest.meet.jitsi/x", Role::Participant);
                phone.marks.jigasi = true;
                self.enter(r, phone);
                let hangs_up = self.some(SEC, 60 * SEC);
                self.after(hangs_up, Ev::PhoneLeaves { r });
            }
            57 => {
                self.seen.count("unreadable stanzas");
                self.tell_us(r, jibri_autostart::meeting::RoomEvent::Unreadable, None);
            }
            _ => self.show(r, kind),
        }
        None
    }
}

fn forged(on: bool) -> RecordingStatus {
    RecordingStatus {
        on,
        session: Some(SessionId("forged".into())),
        mode: Some(Mode::File),
        failed: false,
        initiator: Some(nick("forger")),
    }
}
