//! Rooms that want to be recorded, again and again, and people who stop, leave, and start by hand.

use std::time::Duration;

use jibri_autostart::address::{Nick, RoomJid};
use jibri_autostart::fleet::{Input, News};
use jibri_autostart::meeting::{Ended, StartFailure};
use jibri_autostart::time::Time;
use model::jicofo::Input as JicofoInput;
use model::{Action, Refusal};

use super::jicofo::start_failure;
use super::plan::{MS, SEC};
use super::world::{Ev, World, time};

#[derive(Debug)]
pub struct Room {
    pub jid: RoomJid,
    /// No recorder can enter: a password, a lobby.
    pub bad: bool,
    /// Of the present start.
    pub number: u64,
    /// It was started by hand.
    manual: bool,
    /// Its recording is on.
    pub on: bool,
    /// No start of ours before this.
    pub held_back: Time,
}

/// Whom Jicofo answers: nobody needs to be told apart.
pub type Asker = ();

#[derive(Debug, Clone, Copy)]
pub enum Step {
    Wants,
    /// The start reaches Jicofo.
    Asks,
    /// A person stops it before it is on.
    StopsEarly,
    /// It is over.
    Ends,
}

impl Room {
    pub fn new(r: usize, bad: bool) -> Self {
        Self { jid: World::room_jid(r), bad, number: 0, manual: false, on: false, held_back: Time::default() }
    }
}

impl World {
    pub fn rooms_begin(&mut self) {
        for r in 0..self.rooms.len() {
            self.jicofo_hears(JicofoInput::Opens(r, Duration::ZERO));
            let first = self.some(0, 200 * SEC);
            self.after(first, Ev::Room { r, number: 0, step: Step::Wants });
        }
    }

    /// Room news come in order, for they are our own.
    fn tell_meeting(&mut self, r: usize, news: News) {
        let room = self.rooms[r].jid.clone();
        self.deliver(Input::Meeting { room, news });
    }

    pub fn room_accepted(&mut self, r: usize, (): Asker) {
        if !self.rooms[r].manual {
            self.tell_meeting(r, News::Accepted);
        }
    }

    pub fn room_step(&mut self, r: usize, number: u64, step: Step) {
        if self.rooms[r].number != number {
            return;
        }
        match step {
            Step::Wants => {
                let manual = self.chance(self.plan.manual);
                if !manual && time(self.now) < self.rooms[r].held_back {
                    self.after(SEC, Ev::Room { r, number, step });
                    return;
                }
                self.rooms[r].number += 1;
                let number = self.rooms[r].number;
                self.rooms[r].manual = manual;
                if manual {
                    self.seen.count("starts by hand");
                } else {
                    self.seen.count("starts");
                    self.tell_meeting(r, News::StartSent);
                }
                let way = self.some(MS, 300 * MS);
                self.after(way, Ev::Room { r, number, step: Step::Asks });
                if self.chance(0.05) {
                    let wait = self.some(SEC, 40 * SEC);
                    self.after(wait, Ev::Room { r, number, step: Step::StopsEarly });
                }
            }
            Step::Asks => self.start_in(r, (), "bob"),
            // While a session moves, Jicofo hears nothing else.
            Step::StopsEarly | Step::Ends
                if self.jicofo.session(&r).is_some_and(|s| s.accepted && s.is_starting()) =>
            {
                self.after(5 * SEC, Ev::Room { r, number, step });
            }
            Step::StopsEarly => {
                if self.rooms[r].on || self.jicofo.session(&r).is_none_or(|session| !session.accepted) {
                    return;
                }
                let manual = self.rooms[r].manual;
                self.seen.count("stopped before it was on");
                self.stop(r);
                if !manual {
                    self.tell_meeting(r, News::Over);
                }
                self.again(r, 20 * SEC, 200 * SEC);
            }
            Step::Ends => {
                if !self.rooms[r].on {
                    return;
                }
                self.stop(r);
                let (how, people) = match self.rng_of(3) {
                    0 => (Ended::ByPerson(Nick::new("ada").unwrap().into()), true),
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
        self.jicofo_hears(JicofoInput::Asked(r, (), "ada".into(), Action::Stop));
    }

    pub fn room_held_back(&mut self, room: &RoomJid, until: Time) {
        if let Some(room) = self.rooms.iter_mut().find(|other| other.jid == *room) {
            room.held_back = until;
        }
    }

    pub fn told_to_end(&mut self, j: usize) {
        self.fail(format!("{} is told to end, and no room is without people", self.jibris[j].plan.name));
    }

    pub fn room_stopped(&mut self, _r: usize) {}

    pub fn room_refused(&mut self, r: usize, (): Asker, why: Refusal) {
        self.room_failed(r, start_failure(why), Ended::Failed, false);
    }

    /// Nobody but a Jibri is there that no session is with: people are where a recording is wanted.
    pub fn is_alone(&self, r: usize, j: usize) -> bool {
        self.jicofo.session(&r).is_none_or(|session| session.jibri != Some(j))
    }

    /// It is up again at once, and says what has become of its sessions.
    pub fn jicofo_takes(&mut self) -> u64 {
        0
    }

    pub fn room_loses_jicofo(&mut self, r: usize, had_session: bool) {
        self.jicofo_hears(JicofoInput::Opens(r, Duration::ZERO));
        if had_session {
            let was_on = std::mem::take(&mut self.rooms[r].on);
            self.room_failed(r, StartFailure::NoAnswer, Ended::Lost, was_on);
        }
    }

    pub fn room_has_jicofo(&mut self, _r: usize) {}

    fn again(&mut self, r: usize, least: u64, most: u64) {
        self.rooms[r].number += 1;
        let number = self.rooms[r].number;
        let wait = self.some(least, most);
        self.after(wait, Ev::Room { r, number, step: Step::Wants });
    }

    pub fn room_is_on(&mut self, r: usize) {
        self.seen.count("recordings on");
        self.tell_meeting(r, News::On { session: None, is_denied: false });
        let number = self.rooms[r].number;
        let lasts = if self.chance(0.2) { self.some(SEC, 50 * SEC) } else { self.some(60 * SEC, 300 * SEC) };
        self.after(lasts, Ev::Room { r, number, step: Step::Ends });
    }

    pub fn room_failed(&mut self, r: usize, why: StartFailure, how: Ended, was_on: bool) {
        self.line(|_| format!("     r{r} fails: {why:?} {how:?} was on {was_on}"));
        if was_on {
            self.tell_meeting(r, News::Ended { how, people: true });
        } else if !self.rooms[r].manual {
            self.seen.count_owned(format!("failed: {why:?}"));
            self.tell_meeting(r, News::Failed { why, people: true });
        }
        self.again(r, 2 * SEC, 40 * SEC);
    }
}
