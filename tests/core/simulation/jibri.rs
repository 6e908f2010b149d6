//! Jibris: working, slow, refusing, hanging, pending for ever, crashing, ending by themselves.

use jibri_autostart::config::Mode;
use jibri_autostart::meeting::{Answer, By, Condition, Role, SessionId};
use rand::RngExt as _;

use super::focus::{mode_of, refusal};
use super::muc::{Kind, Occupant};
use super::plan::{MS, SEC, Us};
use super::world::{Ev, World};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Good,
    /// Launches as slowly as focus just tolerates, or a bit slower.
    Slow,
    /// Chrome refuses to start: an error at once, idle and healthy all along.
    Refuses,
    /// Chrome hangs: no answer, idle and healthy all along.
    Hangs,
    /// Accepts and never gets into the room.
    Stuck,
    /// Accepts and fails before it is on.
    FailsPending,
    /// Records for a while, then fails.
    FailsOn,
    /// Records for a while, then leaves the brewery.
    Crashes,
    /// Records for a while, then ends by itself (all muted, a time limit).
    Quits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Launching,
    Pending,
    On,
    /// Out of the room, the finalize script runs.
    Finishing,
}

#[derive(Debug)]
pub struct Job {
    pub r: usize,
    session: SessionId,
    pub stage: Stage,
}

#[derive(Debug)]
pub struct Jibri {
    pub mood: Mood,
    /// In the brewery.
    pub is_up: bool,
    pub job: Option<Job>,
    pub failed_at: Option<Us>,
    selected_at: Option<Us>,
    /// Told apart from what was before the last job, or crash.
    epoch: u32,
}

impl Jibri {
    pub fn new(mood: Mood) -> Self {
        Self { mood, is_up: true, job: None, failed_at: None, selected_at: None, epoch: 0 }
    }

    /// What the brewery shows: busy only once Chrome runs.
    pub fn looks_idle(&self) -> bool {
        self.job.as_ref().is_none_or(|job| job.stage == Stage::Launching)
    }

    /// A Jibri that focus would choose and that would do it.
    pub fn is_free_and_works(&self, now: Us) -> bool {
        self.mood == Mood::Good
            && self.is_up
            && self.job.is_none()
            && self.failed_at.is_none_or(|at| now > at + 60 * SEC)
    }
}

/// What becomes of a job.
#[derive(Debug, Clone, Copy)]
pub enum Turn {
    Joins,
    Shows,
    On,
    Fails,
    Crashes,
    Ends,
    IsFree,
    IsUp,
    /// Every 15 s: is anybody there but me?
    Check {
        empty_for: u32,
    },
}

impl World {
    /// JibriDetector: least recently failed of those that look idle.
    pub fn select_jibri(&mut self) -> Result<usize, Answer> {
        if self.jibris.iter().all(|j| !j.is_up) {
            return Err(refusal(Condition::ServiceUnavailable, "no Jibris available", By::Unsaid));
        }
        let now = self.now;
        let idle =
            self.jibris.iter().enumerate().filter(|(_, j)| {
                j.is_up && j.looks_idle() && j.selected_at.is_none_or(|at| now > at + 200 * MS)
            });
        let first = idle
            .min_by_key(|(_, j)| j.failed_at)
            .filter(|(_, j)| j.failed_at.is_none_or(|at| now > at + 60 * SEC));
        match first.map(|(j, _)| j) {
            Some(j) => {
                self.jibris[j].selected_at = Some(now);
                Ok(j)
            }
            None => Err(refusal(Condition::ResourceConstraint, "all Jibris are busy", By::Unsaid)),
        }
    }

    fn turn(&mut self, j: usize, after: Us, turn: Turn) {
        let epoch = self.jibris[j].epoch;
        self.after(after, Ev::Jibri { j, epoch, turn });
    }

    /// Focus asks a Jibri to record a room.
    pub fn jibri_asked(&mut self, j: usize, r: usize, session: SessionId, instance: u32, number: u64) {
        let is_locked = self.jibris[j].job.is_some();
        let (mood, soon) = (self.jibris[j].mood, self.some(10 * MS, 3 * SEC));
        match mood {
            _ if is_locked => self.seen.count("a Jibri locked by its launch"),
            Mood::Hangs => self.seen.count("a Jibri hangs"),
            Mood::Refuses => {
                self.seen.count("a Jibri refuses");
                self.after(soon, Ev::JibriRefuses { r, instance, number });
            }
            _ => {
                let slow = mood == Mood::Slow;
                let launch = if slow { self.some(8 * SEC, 17 * SEC) } else { self.some(SEC, 10 * SEC) };
                let jibri = &mut self.jibris[j];
                jibri.epoch += 1;
                jibri.job = Some(Job { r, session, stage: Stage::Launching });
                let epoch = jibri.epoch;
                self.after(launch, Ev::JibriLaunched { j, epoch, r, instance, number });
            }
        }
    }

    /// Chrome runs: the answer goes to focus, which may have tired of waiting.
    pub fn jibri_launched(&mut self, j: usize, epoch: u32, r: usize, instance: u32, number: u64) {
        let jibri = &mut self.jibris[j];
        if jibri.epoch != epoch {
            return;
        }
        let Some(job) = &mut jibri.job else { return };
        job.stage = Stage::Pending;
        let mood = jibri.mood;
        self.jibri_accepts(r, instance, number);
        if self.jibris[j].epoch != epoch {
            // A stop has waited in focus's queue.
            return;
        }
        let loads = if mood == Mood::Slow { self.some(5 * SEC, 40 * SEC) } else { self.some(SEC, 10 * SEC) };
        match mood {
            Mood::Stuck => {
                self.fault(r);
                self.seen.count("a Jibri pending for ever");
                self.turn(j, 180 * SEC, Turn::Fails);
            }
            Mood::FailsPending => self.turn(j, loads, Turn::Fails),
            _ => self.turn(j, loads, Turn::Joins),
        }
    }

    pub fn jibri_turn(&mut self, j: usize, epoch: u32, turn: Turn) {
        if self.jibris[j].epoch != epoch {
            return;
        }
        let job = self.jibris[j].job.as_ref();
        let place = job.map(|job| (job.r, job.session.clone()));
        match (turn, place) {
            (Turn::IsUp, _) => self.jibris[j].is_up = true,
            (Turn::IsFree, _) => {
                self.jibris[j].job = None;
                self.jibris[j].failed_at = None;
            }
            (Turn::Joins, Some((r, session))) => {
                if mode_of(&session) == Mode::Stream {
                    self.rooms[r].misled |= self.mirrors[r].awaits_recorder();
                }
                // Each browser has a nickname and a resource of its own.
                self.browsers += 1;
                let name = format!("rec{j}n{}", self.browsers);
                let jid = format!("recorder@hidden.meet.jitsi/{name}");
                let recorder = Occupant::new(Kind::Recorder(j), &name, &jid, Role::Participant);
                if self.rooms[r].exists && self.enter(r, recorder) {
                    let shows = self.some(0, 500 * MS);
                    self.turn(j, shows, Turn::Shows);
                } else {
                    self.jibri_gone_wrong(j, false);
                }
            }
            (Turn::Shows, Some((r, session))) => {
                if let Some(occupant) = self.rooms[r].find_mut(Kind::Recorder(j)) {
                    (occupant.mode, occupant.session) = (Some(mode_of(&session)), Some(session));
                    self.show(r, Kind::Recorder(j));
                }
                let on = self.some(0, 3 * SEC);
                self.turn(j, on, Turn::On);
            }
            (Turn::On, Some((r, session))) => {
                self.jibris[j].job.as_mut().unwrap().stage = Stage::On;
                self.jibri_on(r, j, &session);
                self.turn(j, 15 * SEC, Turn::Check { empty_for: 0 });
                let most = if self.plan.quitters { 15 * SEC } else { 120 * SEC };
                let while_on = self.some(SEC, most);
                match self.jibris[j].mood {
                    Mood::FailsOn => self.turn(j, while_on, Turn::Fails),
                    Mood::Crashes => self.turn(j, while_on, Turn::Crashes),
                    Mood::Quits => self.turn(j, while_on, Turn::Ends),
                    _ => {}
                }
            }
            (Turn::Check { empty_for }, Some((r, _))) => {
                let others = |k: Kind| !matches!(k, Kind::Focus | Kind::Recorder(_));
                let is_empty = !self.rooms[r].occupants.iter().any(|o| others(o.kind));
                let empty_for = if is_empty { empty_for + 15 } else { 0 };
                if empty_for > 30 {
                    self.seen.count("a Jibri left an empty room");
                    self.jibri_turn(j, epoch, Turn::Ends);
                } else {
                    self.turn(j, 15 * SEC, Turn::Check { empty_for });
                }
            }
            (Turn::Ends, Some((r, session))) => {
                self.jibri_told_to_stop(j);
                self.jibri_ended(r, j, &session);
            }
            (Turn::Fails, Some(_)) => self.jibri_gone_wrong(j, false),
            (Turn::Crashes, _) => self.jibri_gone_wrong(j, true),
            (_, None) => {}
        }
    }

    /// Stops, leaves the room, finalizes, is idle again.
    pub fn jibri_told_to_stop(&mut self, j: usize) {
        let jibri = &mut self.jibris[j];
        let Some(job) = &mut jibri.job else { return };
        if job.stage == Stage::Finishing {
            return;
        }
        job.stage = Stage::Finishing;
        jibri.epoch += 1;
        let r = job.r;
        let (leaves, finalizes) = (self.some(100 * MS, 3 * SEC), self.some(3 * SEC, 20 * SEC));
        self.after(leaves, Ev::RecorderLeaves { r, j });
        self.turn(j, finalizes, Turn::IsFree);
    }

    /// Fails in the middle of a job; a crash takes it out of the brewery as well.
    pub fn jibri_gone_wrong(&mut self, j: usize, crash: bool) {
        let jibri = &mut self.jibris[j];
        jibri.epoch += 1;
        let job = jibri.job.take();
        if crash {
            jibri.is_up = false;
            self.seen.count("a Jibri crashes");
            let back = self.some(2 * SEC, 60 * SEC);
            self.turn(j, back, Turn::IsUp);
        }
        if let Some(job) = job {
            self.exit(job.r, Kind::Recorder(j));
            if job.stage < Stage::Finishing {
                let shows = self.some(1, SEC);
                self.after(shows, Ev::JibriSeenToStop { r: job.r, gone: crash });
                self.jibri_failed(job.r, j, &job.session);
            }
        }
    }

    /// A Jibri changes its ways, for better or worse.
    pub fn jibri_mood(&mut self, j: usize) {
        use Mood as M;
        let moods = [M::Good, M::Good, M::Good, M::Slow, M::Refuses, M::Hangs, M::Stuck];
        let more = [M::FailsPending, M::FailsOn, M::Crashes, M::Quits];
        let n = self.rng.random_range(0..moods.len() + more.len());
        let mood = moods.get(n).copied().unwrap_or_else(|| more[n - moods.len()]);
        let mood = if self.plan.quitters { M::Quits } else { mood };
        self.jibris[j].mood = mood;
        if mood == M::Crashes && self.rng.random_bool(0.3) {
            self.jibri_gone_wrong(j, true);
        }
    }

    /// Some Jibri has a job in this room that is not over.
    pub fn has_working_jibri(&self, r: usize) -> bool {
        let mut jobs = self.jibris.iter().filter_map(|jibri| jibri.job.as_ref());
        jobs.any(|job| job.r == r && job.stage != Stage::Finishing)
    }

    /// A room is recorded by some Jibri, whether focus knows it or not.
    pub fn is_recorded(&self, r: usize) -> bool {
        self.jibris
            .iter()
            .any(|jibri| jibri.job.as_ref().is_some_and(|job| job.r == r && job.stage == Stage::On))
    }
}
