//! A simulated Jicofo, as docs/jitsi.md 2 says: whom it selects, how long it waits, when it gives up.

use jibri_autostart::fleet::{Busy, Detected, Health, JibriName, Report, Stamp};
use jibri_autostart::meeting::{Ended, StartFailure};

use super::jibri::{Act, Jibri};
use super::plan::{MS, SEC, Us};
use super::world::{Ev, World};

/// One start, and what it leads to.
#[derive(Debug)]
pub struct Session {
    pub number: u64,
    pub jibri: Option<usize>,
    tries: u32,
    pub accepted: bool,
    pub on: bool,
    pub manual: bool,
}

/// What Jicofo believes of one Jibri.
#[derive(Debug, Clone, Copy, Default)]
struct Belief {
    report: Option<Report>,
    selected: Option<Us>,
    failed: Option<Us>,
}

#[derive(Debug)]
pub struct Jicofo {
    beliefs: Vec<Belief>,
    pub sessions: Vec<Option<Session>>,
}

/// What it hears, or remembers to look at.
#[derive(Debug)]
pub enum Word {
    Start {
        r: usize,
        number: u64,
        manual: bool,
    },
    /// A Jibri's presence, or that it has left.
    Presence {
        j: usize,
        status: Option<Report>,
    },
    /// 15 s are over.
    GivesUp {
        r: usize,
        number: u64,
        tries: u32,
    },
    Answer {
        j: usize,
        r: usize,
        number: u64,
        ok: bool,
    },
    On {
        j: usize,
        r: usize,
        number: u64,
    },
    /// A Jibri says that its session has failed.
    Failed {
        j: usize,
        r: usize,
        number: u64,
    },
    PendingTimeout {
        j: usize,
        r: usize,
        number: u64,
    },
}

impl Jicofo {
    pub fn new(jibris: usize, rooms: usize) -> Self {
        Self { beliefs: vec![Belief::default(); jibris], sessions: (0..rooms).map(|_| None).collect() }
    }

    pub fn rows(&self, jibris: &[Jibri]) -> Vec<Detected> {
        let stamp = |at: Option<Us>| {
            Stamp(at.map_or("-1000000000-01-01T00:00:00Z".into(), |at| format!("2026-{at}").into()))
        };
        let row = |(belief, jibri): (&Belief, &Jibri)| {
            Some(Detected {
                name: JibriName::new(&jibri.plan.name),
                report: belief.report?,
                selected: stamp(belief.selected),
                failed: stamp(belief.failed),
            })
        };
        self.beliefs.iter().zip(jibris).filter_map(row).collect()
    }

    /// It reports idle and healthy, and has not failed of late.
    pub fn would_select(&self, j: usize, now: Us) -> bool {
        let belief = &self.beliefs[j];
        belief.report.is_some_and(|r| r.busy == Busy::Idle && r.health == Health::Healthy)
            && belief.failed.is_none_or(|at| now >= at + 60 * SEC)
    }

    fn select(&mut self, now: Us) -> Result<usize, StartFailure> {
        if self.beliefs.iter().all(|belief| belief.report.is_none()) {
            return Err(StartFailure::NoJibri);
        }
        let can = |b: &Belief| {
            b.report.is_some_and(|r| r.busy == Busy::Idle && r.health == Health::Healthy)
                && b.selected.is_none_or(|at| now >= at + 200 * MS)
        };
        let best = (0..self.beliefs.len())
            .filter(|j| can(&self.beliefs[*j]))
            .min_by_key(|j| self.beliefs[*j].failed.map_or(0, |at| at + 1))
            .ok_or(StartFailure::AllBusy)?;
        if self.beliefs[best].failed.is_some_and(|at| now < at + 60 * SEC) {
            return Err(StartFailure::AllBusy);
        }
        self.beliefs[best].selected = Some(now);
        Ok(best)
    }

    pub fn session(&mut self, r: usize, number: u64) -> Option<&mut Session> {
        self.sessions[r].as_mut().filter(|session| session.number == number)
    }
}

impl World {
    pub fn jicofo_hears(&mut self, word: Word) {
        match word {
            Word::Start { r, number, manual } => {
                if self.rooms[r].number != number {
                    return;
                }
                let session = Session { number, jibri: None, tries: 0, accepted: false, on: false, manual };
                self.jicofo.sessions[r] = Some(session);
                self.next_jibri(r);
            }
            Word::Presence { j, status } => {
                self.jicofo.beliefs[j].report = status;
                match status {
                    Some(Report { busy: Busy::Idle, health: Health::Healthy }) => {
                        self.jicofo.beliefs[j].failed = None;
                    }
                    None => {
                        self.jicofo.beliefs[j] = Belief::default();
                        for r in 0..self.rooms.len() {
                            if self.jicofo.sessions[r]
                                .as_ref()
                                .is_some_and(|s| s.jibri == Some(j) && s.accepted)
                            {
                                self.seen.count("a Jibri is lost in a session");
                                self.next_jibri(r);
                            }
                        }
                    }
                    _ => {}
                }
            }
            Word::GivesUp { r, number, tries } => {
                let j = match self.jicofo.session(r, number) {
                    Some(session) if session.tries == tries && session.jibri.is_some() => session.jibri,
                    _ => return,
                };
                if self.waits_for_answer(r) {
                    self.seen.count("Jicofo gives up on a silent Jibri");
                    self.has_failed(j.unwrap(), r);
                }
            }
            Word::Answer { j, r, number, ok } => {
                let is_mine = self.jicofo.session(r, number).is_some_and(|s| s.jibri == Some(j));
                if !is_mine || !self.waits_for_answer(r) {
                    if ok {
                        // Nobody has asked for it any more: it records for nobody until it notices.
                        self.seen.count("an answer too late");
                        let wait = self.some(30 * SEC, 60 * SEC);
                        let job = self.jibris[j].busy_since.unwrap_or_default();
                        self.jibri_later(j, wait, Act::Fails { told: false, job });
                    }
                    return;
                }
                if !ok {
                    self.has_failed(j, r);
                    return;
                }
                self.rooms[r].waits_for = None;
                let session = self.jicofo.sessions[r].as_mut().unwrap();
                let is_first = !std::mem::replace(&mut session.accepted, true);
                let manual = session.manual;
                self.after(90 * SEC, Ev::Jicofo(Word::PendingTimeout { j, r, number }));
                if is_first {
                    self.room_accepted(r, manual);
                }
            }
            Word::On { j, r, number } => {
                let Some(session) = self.jicofo.session(r, number) else { return };
                if session.jibri != Some(j) {
                    return;
                }
                if !std::mem::replace(&mut session.on, true) {
                    self.room_is_on(r);
                }
            }
            Word::Failed { j, r, number } => {
                if self.jicofo.session(r, number).is_some_and(|s| s.jibri == Some(j)) {
                    self.seen.count("Jicofo falls back to another");
                    self.next_jibri(r);
                }
            }
            Word::PendingTimeout { j, r, number } => {
                let is_pending = self.jicofo.session(r, number).is_some_and(|s| s.jibri == Some(j) && !s.on);
                if is_pending {
                    self.jibri_told_to_stop(j);
                    self.ends(r, StartFailure::EndedBeforeOn, Ended::Naturally);
                }
            }
        }
    }

    fn waits_for_answer(&self, r: usize) -> bool {
        self.rooms[r].waits_for.is_some()
    }

    fn has_failed(&mut self, j: usize, r: usize) {
        self.jicofo.beliefs[j].failed = Some(self.now);
        self.lost_start(j, true);
        self.next_jibri(r);
    }

    /// The first Jibri of a session, or the next after one has failed.
    fn next_jibri(&mut self, r: usize) {
        self.rooms[r].waits_for = None;
        let now = self.now;
        let retries = self.plan.num_retries;
        let session = self.jicofo.sessions[r].as_mut().unwrap();
        if session.tries > retries {
            let why = if session.accepted { StartFailure::Failed } else { StartFailure::SeveralFailed };
            self.ends(r, why, Ended::Failed);
            return;
        }
        let (number, tries, was_accepted) = (session.number, session.tries + 1, session.accepted);
        match self.jicofo.select(now) {
            Err(why) => {
                let why = if was_accepted { StartFailure::Failed } else { why };
                self.ends(r, why, Ended::Failed);
            }
            Ok(j) => {
                let session = self.jicofo.sessions[r].as_mut().unwrap();
                session.tries = tries;
                session.jibri = Some(j);
                self.rooms[r].waits_for = Some(j);
                self.line(|w| format!("     Jicofo selects {} for r{r}", w.jibris[j].plan.name));
                let way = self.some(MS, 100 * MS);
                self.jibri_later(j, way, Act::Gets { r, number });
                self.after(15 * SEC, Ev::Jicofo(Word::GivesUp { r, number, tries }));
            }
        }
    }

    /// A session comes to nothing.
    fn ends(&mut self, r: usize, why: StartFailure, how: Ended) {
        self.rooms[r].waits_for = None;
        let session = self.jicofo.sessions[r].take().unwrap();
        self.room_failed(r, why, how, session.on, session.manual);
    }
}
