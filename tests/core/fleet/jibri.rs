//! Simulated Jibris: what they truly do, and every way of going wrong that docs/jitsi.md knows.

use jibri_autostart::fleet::{Brewery, Busy, Health, JibriName, Report};

use super::jicofo::Word;
use super::plan::{Fault, JibriPlan, MS, SEC, Us};
use super::world::{Ev, World};

#[derive(Debug, Clone, Copy)]
pub struct Job {
    pub r: usize,
    pub number: u64,
    /// Its browser is in the room.
    pub inside: bool,
    /// Chrome is being ended, the finalize script runs.
    pub finishing: bool,
}

#[derive(Debug)]
pub struct Jibri {
    pub plan: JibriPlan,
    /// The fault that works right now.
    pub fault: Fault,
    pub process: u32,
    pub alive: bool,
    pub since: Us,
    pub job: Option<Job>,
    pub busy_since: Option<Us>,
    /// The start under way, which holds the lock, and those that wait for it.
    pub launching: Option<(usize, u64)>,
    waiting: Vec<(usize, u64)>,
    pub healthy: bool,
    pub expired: bool,
    pub has_twin: bool,
    /// What Prosody shows of it: not there, there without a status, there.
    pub server: Option<Option<Report>>,
    /// Cured by a restart; the fault does not come back.
    pub cured: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum Act {
    FaultBegins,
    TwinComes,
    TwinGoes,
    ComesUp,
    ShowsStatus,
    Gets {
        r: usize,
        number: u64,
    },
    Launched {
        ok: bool,
    },
    /// These belong to the job that began then.
    On {
        job: Us,
    },
    Fails {
        told: bool,
        job: Us,
    },
    Crashes {
        job: Us,
    },
    Finished,
    /// Its presence goes at last.
    Vanishes,
}

impl Jibri {
    pub fn new(plan: &JibriPlan) -> Self {
        Self {
            plan: plan.clone(),
            fault: Fault::None,
            process: 0,
            alive: false,
            since: 0,
            job: None,
            busy_since: None,
            launching: None,
            waiting: Vec::new(),
            healthy: true,
            expired: false,
            has_twin: false,
            server: None,
            cured: false,
        }
    }

    pub fn own_report(&self) -> Report {
        let busy = match () {
            () if self.expired => Busy::Expired,
            () if self.busy_since.is_some() => Busy::Busy,
            () => Busy::Idle,
        };
        let health = if self.healthy { Health::Healthy } else { Health::Unhealthy };
        Report { busy, health }
    }

    /// The brewery never says expired.
    fn presence(&self) -> Report {
        let own = self.own_report();
        Report { busy: if own.busy == Busy::Expired { Busy::Busy } else { own.busy }, ..own }
    }

    pub fn port_answers(&self) -> bool {
        self.alive && self.fault != Fault::HungPort
    }

    pub fn answers_pings(&self) -> bool {
        self.alive && self.plan.pingable && self.fault != Fault::HungXmpp
    }
}

impl World {
    pub fn jibri_later(&mut self, j: usize, wait: Us, act: Act) {
        let process = self.jibris[j].process;
        self.after(wait, Ev::Jibri { j, process, act });
    }

    pub fn jibri_comes_up(&mut self, j: usize) {
        let now = self.now;
        let jibri = &mut self.jibris[j];
        jibri.process += 1;
        jibri.alive = true;
        jibri.since = now;
        jibri.job = None;
        jibri.busy_since = None;
        jibri.launching = None;
        jibri.waiting.clear();
        jibri.healthy = true;
        jibri.expired = false;
        jibri.fault = Fault::None;
        self.checks.lost[j].clear();
        self.checks.reset(j);
        jibri.server = Some(None);
        self.tell_brewery_of(j, None);
        self.jibri_later(j, 500 * MS, Act::ShowsStatus);
        if self.now > 0 && !self.jibris[j].cured {
            let wait = self.some(20 * SEC, 200 * SEC);
            self.jibri_later(j, wait, Act::FaultBegins);
        }
    }

    fn show(&mut self, j: usize) {
        let status = self.jibris[j].presence();
        if self.jibris[j].server == Some(Some(status)) || self.jibris[j].fault == Fault::HungXmpp {
            return;
        }
        self.jibris[j].server = Some(Some(status));
        self.line(|w| format!("     {} shows {status:?}", w.jibris[j].plan.name));
        self.tell_brewery_of(j, Some(status));
        self.jicofo_hears_later(j, Some(status));
        self.hook(j);
    }

    fn jicofo_hears_later(&mut self, j: usize, status: Option<Report>) {
        // The same way each time, so that the order stays.
        self.after(50 * MS, Ev::Jicofo(Word::Presence { j, status }));
    }

    fn vanish(&mut self, j: usize) {
        if self.jibris[j].server.take().is_some() {
            let name = JibriName::new(&self.jibris[j].plan.name);
            self.jibris[j].has_twin = false;
            self.jicofo_hears_later(j, None);
            if self.brewery_in {
                self.tell_brewery(Brewery::Left { name });
            }
        }
    }

    /// Its process ends; its presence goes now or later.
    pub fn jibri_dies(&mut self, j: usize, stale: Us) {
        let jibri = &mut self.jibris[j];
        jibri.process += 1;
        jibri.alive = false;
        jibri.job = None;
        jibri.busy_since = None;
        jibri.launching = None;
        jibri.waiting.clear();
        self.line(|w| format!("     {} dies", w.jibris[j].plan.name));
        if stale == 0 {
            self.vanish(j);
        } else {
            self.seen.count("a presence stays after its Jibri has died");
            self.jibri_later(j, stale, Act::Vanishes);
        }
    }

    /// The restart that the fleet wants.
    pub fn jibri_restarted(&mut self, j: usize, vanishes: bool) {
        if self.jibris[j].alive {
            self.jibri_dies(j, 0);
        } else {
            self.jibris[j].process += 1;
            self.vanish(j);
        }
        if self.jibris[j].plan.cured_by_restart {
            self.jibris[j].cured = true;
        }
        if !vanishes {
            let wait = self.some(5 * SEC, 60 * SEC);
            self.jibri_later(j, wait, Act::ComesUp);
        }
    }

    pub fn jibri_acts(&mut self, j: usize, process: u32, act: Act) {
        if let Act::TwinComes | Act::TwinGoes = act {
            let comes = matches!(act, Act::TwinComes);
            if self.jibris[j].server.is_some() && self.jibris[j].has_twin != comes {
                self.jibris[j].has_twin = comes;
                let status = self.jibris[j].server.flatten();
                self.tell_brewery_of(j, status);
                let stays = self.some(30 * SEC, 600 * SEC);
                if comes {
                    self.after(stays, Ev::Jibri { j, process: u32::MAX, act: Act::TwinGoes });
                }
            }
            return;
        }
        if self.jibris[j].process != process {
            // A start that reaches nobody is answered by nobody.
            return;
        }
        match act {
            Act::FaultBegins => self.fault_begins(j),
            Act::TwinComes | Act::TwinGoes => {}
            Act::ComesUp => self.jibri_comes_up(j),
            Act::ShowsStatus => self.show(j),
            Act::Vanishes => {
                self.vanish(j);
                if self.jibris[j].plan.restarts_itself {
                    let wait = self.some(5 * SEC, 60 * SEC);
                    self.jibri_later(j, wait, Act::ComesUp);
                }
            }
            Act::Gets { r, number } => {
                let jibri = &mut self.jibris[j];
                if !jibri.alive || jibri.fault == Fault::HungXmpp {
                } else if jibri.launching.is_some() {
                    jibri.waiting.push((r, number));
                } else {
                    self.launch(j, r, number);
                }
            }
            Act::Launched { ok } => self.launched(j, ok),
            Act::On { job: at } => {
                let Some(job) = self.job_of(j, at) else { return };
                self.jibris[j].job = Some(Job { inside: true, ..job });
                self.after(20 * MS, Ev::Jicofo(Word::On { j, r: job.r, number: job.number }));
                match self.jibris[j].fault {
                    Fault::SessionFails => {
                        let wait = self.some(2 * SEC, 50 * SEC);
                        self.jibri_later(j, wait, Act::Fails { told: true, job: at });
                    }
                    Fault::Crashes => {
                        let wait = self.some(2 * SEC, 90 * SEC);
                        self.jibri_later(j, wait, Act::Crashes { job: at });
                    }
                    _ => {}
                }
            }
            Act::Fails { told, job: at } => {
                let Some(job) = self.job_of(j, at) else { return };
                if told {
                    self.lost_start(j, false);
                    self.after(20 * MS, Ev::Jicofo(Word::Failed { j, r: job.r, number: job.number }));
                }
                self.jibri_told_to_stop(j);
            }
            Act::Crashes { job: at } => {
                if self.jibris[j].busy_since != Some(at) {
                    return;
                }
                self.seen.count("a Jibri crashes");
                let stale = self.jibris[j].plan.stale;
                self.jibri_dies(j, stale);
                if stale == 0 && self.jibris[j].plan.restarts_itself {
                    let wait = self.some(5 * SEC, 60 * SEC);
                    self.jibri_later(j, wait, Act::ComesUp);
                }
            }
            Act::Finished => {
                let jibri = &mut self.jibris[j];
                jibri.job = None;
                jibri.busy_since = None;
                jibri.expired = jibri.fault == Fault::SingleUse;
                self.show(j);
                self.hook(j);
            }
        }
    }

    /// What it does, if that is still the job that began then.
    fn job_of(&self, j: usize, at: Us) -> Option<Job> {
        let jibri = &self.jibris[j];
        jibri.job.filter(|job| !job.finishing && jibri.busy_since == Some(at))
    }

    fn fault_begins(&mut self, j: usize) {
        let fault = self.jibris[j].plan.fault;
        // A hang of XMPP ends what it does; a fault in the middle of something begins later.
        if !self.jibris[j].alive || self.jibris[j].busy_since.is_some() || self.jibris[j].launching.is_some()
        {
            self.jibri_later(j, 5 * SEC, Act::FaultBegins);
            return;
        }
        if fault == Fault::None || self.jibris[j].server.flatten().is_none() {
            return;
        }
        self.jibris[j].fault = fault;
        self.checks.lost[j].clear();
        self.checks.faulty(j, fault, self.now);
        if Fault::WEDGED.contains(&fault) {
            self.seen.found.entry(fault).or_default().faulty += 1;
        }
        self.seen.count_owned(format!("fault: {fault:?}"));
        self.line(|w| format!("     {} gets a fault: {fault:?}", w.jibris[j].plan.name));
        match fault {
            Fault::Unhealthy => {
                self.jibris[j].healthy = false;
                self.show(j);
            }
            Fault::Busy => {
                self.jibris[j].busy_since = Some(self.now);
                self.show(j);
            }
            _ => {}
        }
    }

    /// Chrome is launched inside the start request, under a lock (docs/jitsi.md 5).
    fn launch(&mut self, j: usize, r: usize, number: u64) {
        if self.jibris[j].busy_since.is_some() {
            self.seen.count("a start meets a busy Jibri");
            self.after(20 * MS, Ev::Jicofo(Word::Answer { j, r, number, ok: false }));
            return;
        }
        self.jibris[j].launching = Some((r, number));
        match self.jibris[j].fault {
            Fault::Hangs => {}
            Fault::Refuses => {
                let wait = self.some(300 * MS, 2 * SEC);
                self.jibri_later(j, wait, Act::Launched { ok: false });
            }
            fault => {
                let longest = if fault == Fault::Slow { 15 * SEC } else { 8 * SEC };
                let wait = self.some(SEC, longest);
                self.jibri_later(j, wait, Act::Launched { ok: true });
            }
        }
    }

    fn launched(&mut self, j: usize, ok: bool) {
        let Some((r, number)) = self.jibris[j].launching.take() else { return };
        if ok {
            self.jibris[j].job = Some(Job { r, number, inside: false, finishing: false });
            self.jibris[j].busy_since = Some(self.now);
            let at = self.now;
            self.show(j);
            let is_bad = self.rooms[r].bad || self.jibris[j].fault == Fault::PageFails;
            if is_bad {
                let wait = self.some(10 * SEC, 80 * SEC);
                self.jibri_later(j, wait, Act::Fails { told: true, job: at });
            } else {
                let wait = self.some(2 * SEC, 12 * SEC);
                self.jibri_later(j, wait, Act::On { job: at });
            }
        }
        self.after(20 * MS, Ev::Jicofo(Word::Answer { j, r, number, ok }));
        for (r, number) in std::mem::take(&mut self.jibris[j].waiting) {
            if self.jibris[j].launching.is_some() {
                self.jibris[j].waiting.push((r, number));
            } else {
                self.launch(j, r, number);
            }
        }
    }

    /// Ends what it does; a Jibri that hangs does not hear it.
    pub fn jibri_told_to_stop(&mut self, j: usize) {
        let jibri = &mut self.jibris[j];
        let Some(job) = jibri.job.as_mut().filter(|job| !job.finishing) else { return };
        job.finishing = true;
        let wait = self.some(SEC, 12 * SEC);
        self.jibri_later(j, wait, Act::Finished);
    }
}
