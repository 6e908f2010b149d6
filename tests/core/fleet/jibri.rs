//! Jibris as the model has them, in the fleet's world: every way of going wrong that docs/jitsi.md knows, and who sees
//! it.

use jibri_autostart::fleet::{Brewery, Busy, Health, JibriName, Report};
use model::jibri::{Input, Output};
use model::{Course, JibriSettings, Reply, Stage, Status, Step, jicofo};
use std::time::Duration;

use super::plan::{Fault, JibriPlan, MS, SEC, Us};
use super::world::{Ev, World};

/// A room, and the session's id.
pub type Work = (usize, String);

#[derive(Debug)]
pub struct Jibri {
    pub plan: JibriPlan,
    pub model: model::Jibri<Work>,
    /// The fault that works right now.
    pub fault: Fault,
    pub process: u32,
    /// Its port is asked every second.
    pub closely: bool,
    pub since: Us,
    pub has_twin: bool,
    /// What Prosody shows of it: not there, there without a status, there.
    pub server: Option<Option<Report>>,
    /// Cured by a restart; the fault does not come back.
    pub cured: bool,
    /// This process was told to stop what another session had (docs/jitsi.md 13.2.10): to us it looks as if it had failed.
    pub strayed: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum Act {
    FaultBegins,
    TwinComes,
    TwinGoes,
    ComesUp,
    /// In the brewery again, with its last word.
    ComesBack,
}

impl Jibri {
    pub fn new(plan: &JibriPlan) -> Self {
        let settings = JibriSettings {
            first_status: duration(500 * MS),
            stale: duration(plan.stale),
            seat: plan.seat.map(duration),
            empty_timeout: duration(plan.empty),
            ..Default::default()
        };
        Self {
            plan: plan.clone(),
            model: model::Jibri::new(settings),
            fault: Fault::None,
            process: 0,
            closely: false,
            since: 0,
            has_twin: false,
            server: None,
            cured: false,
            strayed: false,
        }
    }

    pub fn own_report(&self) -> Report {
        report(self.model.own_status())
    }

    pub fn is_expired(&self) -> bool {
        self.own_report().busy == Busy::Expired
    }

    pub fn busy_since(&self) -> Option<Us> {
        self.model.busy_since().map(|at| u64::try_from(at.as_micros()).unwrap())
    }

    pub fn port_answers(&self) -> bool {
        self.model.is_running() && self.fault != Fault::HungPort
    }

    pub fn answers_pings(&self) -> bool {
        self.model.is_running() && self.plan.pingable && self.fault != Fault::HungXmpp
    }
}

pub fn duration(us: Us) -> Duration {
    Duration::from_micros(us)
}

/// In the fleet's words.
pub fn report(status: Status) -> Report {
    let busy = match status.busy {
        model::Busy::Idle => Busy::Idle,
        model::Busy::Expired => Busy::Expired,
        _ => Busy::Busy,
    };
    let is_healthy = status.health == model::Health::Healthy;
    Report { busy, health: if is_healthy { Health::Healthy } else { Health::Unhealthy } }
}

impl World {
    pub fn jibri_later(&mut self, j: usize, wait: Us, act: Act) {
        let process = self.jibris[j].process;
        self.after(wait, Ev::Jibri { j, process, act });
    }

    /// Something that a Jibri meets, and who sees what it does.
    pub fn jibri_meets(&mut self, j: usize, input: Input<Work>) {
        self.stirs = true;
        let room = self.jibris[j].model.job().map(|((r, _), _)| *r);
        self.jibris[j].model.alone = room.is_some_and(|r| self.is_alone(r, j));
        for output in self.jibris[j].model.handle(duration(self.now), input) {
            match output {
                Output::Appears => {
                    self.jibris[j].server = Some(None);
                    self.tell_brewery_of(j, None);
                }
                Output::Shows(status) => {
                    let shown = Some(report(status));
                    self.jibris[j].server = Some(shown);
                    self.line(|w| format!("     {} shows {status:?}", w.jibris[j].plan.name));
                    self.tell_brewery_of(j, shown);
                    // The same way each time, so that the order stays.
                    self.after(50 * MS, Ev::Jicofo(jicofo::Input::Presence(j, status)));
                    self.hook(j);
                }
                Output::Vanishes => self.vanishes(j),
                Output::Answers((_, id), reply) => {
                    if reply == Reply::Busy {
                        self.seen.count("a start meets a busy Jibri");
                    }
                    self.after(20 * MS, Ev::Jicofo(jicofo::Input::Answered(j, id, reply)));
                }
                Output::Enters(_) => self.after(0, Ev::JibriMeets { j, input: Input::Entered }),
                Output::ShowsSession(_) | Output::Leaves(_) => {}
                Output::Reports(_, says) => {
                    if says == (model::Report::Off { failed: true }) {
                        self.lost_start(j, false);
                    }
                    self.after(20 * MS, Ev::Jicofo(jicofo::Input::Reported(j, says)));
                }
                Output::Dies => {
                    self.seen.count("a Jibri crashes");
                    self.line(|w| format!("     {} dies", w.jibris[j].plan.name));
                    self.jibris[j].process += 1;
                    if self.jibris[j].plan.stale > 0 {
                        self.seen.count("a presence stays after its Jibri has died");
                    }
                    if self.jibris[j].plan.quick {
                        self.seen.count("a Jibri is back before it is missed");
                        let wait = self.some(2 * SEC, 13 * SEC);
                        self.jibri_later(j, wait, Act::ComesUp);
                    }
                }
            }
        }
    }

    /// It loses its link.
    fn leaves_brewery(&mut self, j: usize) {
        self.jibri_meets(j, Input::Deaf(true));
        self.goes(j);
    }

    /// Its presence goes; somebody may start it again.
    fn vanishes(&mut self, j: usize) {
        if self.goes(j) && self.jibris[j].plan.restarts_itself {
            let wait = self.some(5 * SEC, 60 * SEC);
            self.jibri_later(j, wait, Act::ComesUp);
        }
    }

    /// Whether it was there.
    fn goes(&mut self, j: usize) -> bool {
        if self.jibris[j].server.take().is_none() {
            return false;
        }
        let name = JibriName::new(&self.jibris[j].plan.name);
        self.jibris[j].has_twin = false;
        self.after(50 * MS, Ev::Jicofo(jicofo::Input::Offline(j)));
        if self.brewery_in {
            self.tell_brewery(Brewery::Left { name });
        }
        true
    }

    pub fn jibri_comes_up(&mut self, j: usize) {
        let jibri = &mut self.jibris[j];
        jibri.process += 1;
        jibri.since = self.now;
        jibri.fault = Fault::None;
        jibri.strayed = false;
        jibri.model.settings.single_use = false;
        self.checks.lost[j].clear();
        self.checks.reset(j);
        self.jibri_meets(j, Input::Boots);
        if self.now > 0 && !self.jibris[j].cured {
            let wait = self.some(20 * SEC, 200 * SEC);
            self.jibri_later(j, wait, Act::FaultBegins);
        }
    }

    /// The restart that the fleet wants: nothing of it stays meanwhile.
    pub fn jibri_restarted(&mut self, j: usize, vanishes: bool) {
        let stale = std::mem::take(&mut self.jibris[j].model.settings.stale);
        self.line(|w| format!("     {} is killed", w.jibris[j].plan.name));
        self.jibri_meets(j, Input::Killed);
        let jibri = &mut self.jibris[j];
        jibri.model.settings.stale = stale;
        // Nobody else starts it.
        jibri.process += 1;
        jibri.cured |= jibri.plan.cured_by_restart;
        if !vanishes {
            let wait = self.some(5 * SEC, 60 * SEC);
            self.jibri_later(j, wait, Act::ComesUp);
        }
    }

    pub fn jibri_acts(&mut self, j: usize, process: u32, act: Act) {
        let is_this_process = self.jibris[j].process == process;
        match act {
            Act::TwinComes | Act::TwinGoes => {
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
            }
            Act::FaultBegins if is_this_process => self.fault_begins(j),
            Act::ComesUp if is_this_process => self.jibri_comes_up(j),
            Act::ComesBack if is_this_process => self.jibri_meets(j, Input::Deaf(false)),
            Act::FaultBegins | Act::ComesUp | Act::ComesBack => {}
        }
    }

    fn fault_begins(&mut self, j: usize) {
        let jibri = &self.jibris[j];
        let fault = jibri.plan.fault;
        // A hang of XMPP ends what it does; a fault in the middle of something begins later.
        let is_time = match fault {
            Fault::StaleBusy => jibri.model.recording().is_some(),
            _ => jibri.busy_since().is_none() && !jibri.model.is_launching(),
        };
        if !jibri.model.is_running() || !is_time {
            self.jibri_later(j, 5 * SEC, Act::FaultBegins);
            return;
        }
        if fault == Fault::None || jibri.server.flatten().is_none() {
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
            Fault::Unhealthy => self.jibri_meets(j, Input::Unhealthy(true)),
            Fault::Busy => self.jibri_meets(j, Input::Elsewhere(true)),
            Fault::HungXmpp => self.jibri_meets(j, Input::Deaf(true)),
            Fault::StaleBusy => {
                self.leaves_brewery(j);
                self.jibri_meets(j, Input::StopService);
                self.jibri_later(j, 20 * SEC, Act::ComesBack);
            }
            Fault::Detached => self.leaves_brewery(j),
            Fault::SingleUse => self.jibris[j].model.settings.single_use = true,
            _ => {}
        }
    }

    /// Jicofo's start has come.
    pub fn jibri_asked(&mut self, j: usize, work: Work) {
        let fault = self.jibris[j].fault;
        let mut within = |least: Us, most: Us| duration(self.some(least, most));
        let launch = match fault {
            Fault::Hangs => None,
            Fault::Refuses => Some((within(300 * MS, 2 * SEC), Step::Fails)),
            Fault::StaleIdle => Some((within(300 * MS, 2 * SEC), Step::Sticks)),
            // Now and then a bit longer than Jicofo waits.
            Fault::Slow => Some((within(SEC, 15 * SEC + 300 * MS), Step::Works)),
            _ => Some((within(SEC, 8 * SEC), Step::Works)),
        };
        let records = match fault {
            Fault::SessionFails => Some((within(2 * SEC, 50 * SEC), Step::Fails)),
            Fault::Crashes => Some((within(2 * SEC, 90 * SEC), Step::Crashes)),
            _ => None,
        };
        // 60 s for the page, 30 s for the room: with the launch more than Jicofo lets it be pending.
        let (fails, works) = (within(10 * SEC, 90 * SEC), within(2 * SEC, 12 * SEC));
        let finalizes = within(SEC, 12 * SEC);
        let is_bad = self.rooms[work.0].bad || fault == Fault::PageFails;
        let page = Some(if is_bad { (fails, Step::Fails) } else { (works, Step::Works) });
        self.jibri_meets(j, Input::Start(work, Course { launch, page, records, finalizes, ..Course::WORKS }));
    }

    /// Its recorder is in the room: which session it shows.
    pub fn recorder_in(&self, j: usize, r: usize) -> Option<&str> {
        let ((room, id), stage) = self.jibris[j].model.job()?;
        (*room == r && matches!(stage, Stage::Inside | Stage::On)).then_some(id.as_str())
    }
}
