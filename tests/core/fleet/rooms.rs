//! Rooms that want to be recorded, again and again, and people who stop, leave, and start by hand.

use jibri_autostart::address::{Nick, RoomJid};
use jibri_autostart::fleet::{Input, News};
use jibri_autostart::meeting::{Ended, StartFailure};

use super::jicofo::Word;
use super::plan::{MS, SEC};
use super::world::{Ev, World};

#[derive(Debug)]
pub struct Room {
    pub jid: RoomJid,
    /// No recorder can enter: a password, a lobby.
    pub bad: bool,
    /// Of the present start.
    pub number: u64,
    /// The Jibri whose answer Jicofo waits for.
    pub waits_for: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
pub enum Step {
    Wants,
    /// A person stops it before it is on.
    StopsEarly,
    /// It is over.
    Ends,
}

impl Room {
    pub fn new(r: usize, bad: bool) -> Self {
        Self { jid: World::room_jid(r), bad, number: 0, waits_for: None }
    }
}

impl World {
    pub fn rooms_begin(&mut self) {
        for r in 0..self.rooms.len() {
            let first = self.some(0, 200 * SEC);
            self.after(first, Ev::Room { r, number: 0, step: Step::Wants });
        }
    }

    /// Room news come in order, for they are our own.
    fn tell_meeting(&mut self, r: usize, news: News) {
        let room = self.rooms[r].jid.clone();
        self.deliver(Input::Meeting { room, news });
    }

    pub fn room_accepted(&mut self, r: usize, manual: bool) {
        if !manual {
            self.tell_meeting(r, News::Accepted);
        }
    }

    pub fn room_step(&mut self, r: usize, number: u64, step: Step) {
        if self.rooms[r].number != number {
            return;
        }
        match step {
            Step::Wants => {
                self.rooms[r].number += 1;
                let number = self.rooms[r].number;
                let manual = self.chance(self.plan.manual);
                if manual {
                    self.seen.count("starts by hand");
                } else {
                    self.seen.count("starts");
                    self.tell_meeting(r, News::StartSent);
                }
                let way = self.some(MS, 300 * MS);
                self.after(way, Ev::Jicofo(Word::Start { r, number, manual }));
                if self.chance(0.05) {
                    let wait = self.some(SEC, 40 * SEC);
                    self.after(wait, Ev::Room { r, number, step: Step::StopsEarly });
                }
            }
            Step::StopsEarly => {
                let Some(session) = &self.jicofo.sessions[r] else { return };
                if session.on || !session.accepted {
                    return;
                }
                let manual = session.manual;
                self.seen.count("stopped before it was on");
                self.stop(r);
                if !manual {
                    self.tell_meeting(r, News::Over);
                }
                self.again(r, 20 * SEC, 200 * SEC);
            }
            Step::Ends => {
                if self.jicofo.sessions[r].as_ref().is_none_or(|session| !session.on) {
                    return;
                }
                self.stop(r);
                let (how, people) = match self.rng_of(3) {
                    0 => (Ended::ByPerson(Nick::new("ada").unwrap()), true),
                    1 => (Ended::Naturally, false),
                    // Nobody is left; the bridge has closed, and Jibri calls that a failure
                    // (docs/jitsi.md 4.4).
                    _ => (Ended::Failed, false),
                };
                self.tell_meeting(r, News::Ended { how, people });
                self.again(r, 10 * SEC, 300 * SEC);
            }
        }
    }

    fn rng_of(&mut self, n: u64) -> u64 {
        self.some(0, n - 1)
    }

    fn stop(&mut self, r: usize) {
        self.rooms[r].waits_for = None;
        if let Some(j) = self.jicofo.sessions[r].take().and_then(|session| session.jibri) {
            self.jibri_told_to_stop(j);
        }
    }

    fn again(&mut self, r: usize, least: u64, most: u64) {
        self.rooms[r].number += 1;
        let number = self.rooms[r].number;
        let wait = self.some(least, most);
        self.after(wait, Ev::Room { r, number, step: Step::Wants });
    }

    pub fn room_is_on(&mut self, r: usize) {
        self.seen.count("recordings on");
        self.tell_meeting(r, News::On);
        let number = self.rooms[r].number;
        let lasts = if self.chance(0.2) { self.some(SEC, 50 * SEC) } else { self.some(60 * SEC, 300 * SEC) };
        self.after(lasts, Ev::Room { r, number, step: Step::Ends });
    }

    pub fn room_failed(&mut self, r: usize, why: StartFailure, how: Ended, was_on: bool, manual: bool) {
        self.line(|_| format!("     r{r} fails: {why:?} {how:?} was on {was_on}"));
        if was_on {
            self.tell_meeting(r, News::Ended { how, people: true });
        } else if !manual {
            self.seen.count_owned(format!("failed: {why:?}"));
            self.tell_meeting(r, News::Failed { why, people: true });
        }
        self.again(r, 2 * SEC, 40 * SEC);
    }
}
