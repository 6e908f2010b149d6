//! The simulated world: virtual time, a queue of events, and the fleet in the middle of it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use jibri_autostart::address::RoomJid;
use jibri_autostart::fleet::{Brewery, Input, JibriName, Report};
use jibri_autostart::time::Time;
use model::{JicofoSettings, jibri, jicofo};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::cores::Cores;
use super::coverage::Coverage;
use super::jibri::{Act, Jibri, Work, duration};
use super::jicofo::Jicofo;
use super::plan::{LAG, MS, Plan, SEC, Us};
use super::rooms::{Asker, Room, Step};

#[derive(Debug)]
pub enum Ev {
    /// Something reaches the fleet.
    ToFleet(Input),
    Room {
        r: usize,
        number: u64,
        step: Step,
    },
    Jicofo(jicofo::Input<usize, usize, Asker>),
    JibriMeets {
        j: usize,
        input: jibri::Input<Work>,
    },
    JibriAsked {
        j: usize,
        work: Work,
    },
    Jibri {
        j: usize,
        process: u32,
        act: Act,
    },
    /// The sources are asked.
    AskDetector,
    AskPort {
        j: usize,
    },
    Hook {
        j: usize,
    },
    /// Jicofo loses the brewery, and is restarted.
    JicofoLoses {
        keeps_list: bool,
    },
    JicofoRestarts {
        by_us: bool,
    },
    /// It is killed, and up again.
    JicofoDies,
    JicofoComesUp,
    /// A source dies, or comes back.
    BreweryTurns,
    DetectorTurns,
    PortsTurn,
    /// The restart that was asked for is done with.
    Recovered {
        j: usize,
        ok: bool,
    },
    Look,
}

struct Queued(Us, u64, Ev);

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

pub struct World {
    pub plan: Plan,
    pub now: Us,
    pub rng: SmallRng,
    pub cores: Cores,
    pub jibris: Vec<Jibri>,
    pub names: HashMap<JibriName, usize>,
    pub rooms: Vec<Room>,
    pub jicofo: Jicofo,
    pub jicofo_is_down: bool,
    pub brewery_in: bool,
    /// How often sight of the brewery was lost.
    pub brewery_losses: u32,
    pub detector_up: bool,
    pub detector_losses: u32,
    pub ports_up: bool,
    pub seen: Coverage,
    /// Something has happened that may show in a room.
    pub stirs: bool,
    pub violation: Option<String>,
    pub trace: Option<Vec<String>>,
    pub checks: super::checks::Checks,
    brewery_last: Us,
    detector_last: Us,
    queue: BinaryHeap<Reverse<Queued>>,
    count: u64,
}

pub fn time(at: Us) -> Time {
    Time::new(Duration::from_micros(at))
}

impl World {
    pub fn new(seed: u64, with_trace: bool) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut plan = Plan::new(&mut rng);
        let cores = Cores::new(&mut plan, seed, &mut rng);
        let jibris: Vec<Jibri> = plan.jibris.iter().map(Jibri::new).collect();
        let rooms = (0..plan.rooms).map(|r| Room::new(r, r < plan.bad_rooms && plan.rooms > 1)).collect();
        let mut world = Self {
            now: 0,
            cores,
            names: plan.jibris.iter().enumerate().map(|(j, p)| (JibriName::new(&p.name), j)).collect(),
            jicofo: Jicofo::new(JicofoSettings { num_retries: Some(plan.num_retries), ..Default::default() }),
            checks: super::checks::Checks::new(jibris.len()),
            jibris,
            rooms,
            jicofo_is_down: false,
            brewery_in: false,
            brewery_losses: 0,
            detector_up: true,
            detector_losses: 0,
            ports_up: true,
            seen: Coverage::default(),
            stirs: true,
            violation: None,
            trace: with_trace.then(Vec::new),
            brewery_last: 0,
            detector_last: 0,
            queue: BinaryHeap::new(),
            count: 0,
            plan,
            rng,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for j in 0..self.jibris.len() {
            self.jibri_comes_up(j);
            let fault_at = self.jibris[j].plan.fault_at;
            self.jibri_later(j, fault_at, Act::FaultBegins);
            if let Some(at) = self.jibris[j].plan.twins_from {
                self.after(at, Ev::Jibri { j, process: u32::MAX, act: Act::TwinComes });
            }
            if self.plan.ports {
                let first = self.some(0, 10 * SEC);
                self.after(first, Ev::AskPort { j });
            }
            if self.plan.webhook {
                let first = self.some(0, 60 * SEC);
                self.after(first, Ev::Hook { j });
            }
        }
        self.rooms_begin();
        if self.plan.brewery {
            let first = self.some(SEC, 5 * SEC);
            self.after(first, Ev::BreweryTurns);
        }
        if let Some((at, keeps_list)) = self.plan.lost {
            self.after(at, Ev::JicofoLoses { keeps_list });
        }
        for at in self.plan.killed.clone() {
            self.after(at, Ev::JicofoDies);
        }
        if self.plan.detector.is_some() {
            self.after(SEC, Ev::AskDetector);
            if self.plan.detector_trouble {
                let first = self.some(60 * SEC, 600 * SEC);
                self.after(first, Ev::DetectorTurns);
            }
        }
        if self.plan.ports && self.plan.port_trouble {
            let first = self.some(60 * SEC, 600 * SEC);
            self.after(first, Ev::PortsTurn);
        }
        self.after(30 * SEC, Ev::Look);
    }

    pub fn some(&mut self, least: Us, most: Us) -> Us {
        self.rng.random_range(least..=most)
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.rng.random_bool(p)
    }

    pub fn after(&mut self, wait: Us, ev: Ev) {
        self.count += 1;
        self.queue.push(Reverse(Queued(self.now + wait, self.count, ev)));
    }

    /// The brewery keeps the order of what it tells, however late.
    pub fn tell_brewery(&mut self, brewery: Brewery) {
        let lag = if self.rng.random_bool(0.8) { self.some(0, 100 * MS) } else { self.some(0, LAG) };
        self.brewery_last = self.brewery_last.max(self.now + lag);
        let wait = self.brewery_last - self.now;
        self.after(wait, Ev::ToFleet(Input::Brewery(brewery)));
    }

    pub fn room_jid(r: usize) -> RoomJid {
        RoomJid::new(&format!("r{r}@muc.meet.jitsi")).unwrap()
    }

    pub fn line(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.trace.is_none() {
            return;
        }
        let text = format!("{:>9.3} {}", Duration::from_micros(self.now).as_secs_f64(), line(self));
        if let Some(trace) = &mut self.trace {
            trace.push(text);
        }
    }

    pub fn fail(&mut self, what: String) {
        if self.violation.is_none() {
            self.line(|_| format!("VIOLATION {what}"));
            self.violation = Some(what);
        }
    }

    /// Hands it to the fleet.
    pub fn deliver(&mut self, input: Input) {
        // What was on its way when the brewery was lost, or before we are in, does not come.
        let is_late = matches!(
            &input,
            Input::Brewery(
                Brewery::Presence { .. } | Brewery::Left { .. } | Brewery::Complete | Brewery::Jicofo { .. }
            )
        ) && !self.brewery_in;
        if is_late {
            return;
        }
        if !matches!(input, Input::Tick | Input::Detector(_)) {
            self.line(|_| format!("  <- {input:?}"));
        }
        self.give(input);
        self.check_numbers();
    }

    pub fn run(&mut self) {
        while self.violation.is_none() {
            self.models_wake();
            let tick = self
                .cores
                .next_deadline()
                .map(|at| u64::try_from(at.since_start().as_nanos().div_ceil(1000)).unwrap());
            let next = self.queue.peek().map(|queued| queued.0.0);
            if tick.unwrap_or(Us::MAX).min(next.unwrap_or(Us::MAX)) > self.plan.until {
                break;
            }
            if let Some(at) = tick.filter(|at| next.is_none_or(|next| *at < next)) {
                if at <= self.now {
                    self.checks.late_ticks += 1;
                    if self.checks.late_ticks > 1000 {
                        self.fail("a deadline that never passes".into());
                    }
                }
                self.now = self.now.max(at);
                self.tick();
                continue;
            }
            self.checks.late_ticks = 0;
            let Some(Reverse(Queued(at, _, ev))) = self.queue.pop() else { break };
            self.now = at;
            self.happen(ev);
            self.after_event();
        }
    }

    /// Jicofo and the Jibris act by themselves when it is time and nothing else happens before.
    fn models_wake(&mut self) {
        let next = self.queue.peek().map(|queued| duration(queued.0.0));
        let jibris = self.jibris.iter().enumerate().map(|(j, jibri)| (jibri.model.next_deadline(), Some(j)));
        let all = jibris.chain([(self.jicofo.next_deadline(), None)]);
        let Some((at, who)) = all.filter_map(|(at, who)| Some((at?, who))).min() else { return };
        if next.is_none_or(|next| at < next) {
            let wait = u64::try_from(at.as_micros()).unwrap() - self.now;
            self.after(
                wait,
                match who {
                    Some(j) => Ev::JibriMeets { j, input: jibri::Input::Tick },
                    None => Ev::Jicofo(jicofo::Input::Tick),
                },
            );
        }
    }

    fn happen(&mut self, ev: Ev) {
        match ev {
            Ev::ToFleet(input) => self.deliver(input),
            Ev::Room { r, number, step } => self.room_step(r, number, step),
            Ev::Jicofo(input) => self.jicofo_hears(input),
            Ev::JibriMeets { j, input } => self.jibri_meets(j, input),
            Ev::JibriAsked { j, work } => self.jibri_asked(j, work),
            Ev::Jibri { j, process, act } => self.jibri_acts(j, process, act),
            Ev::AskDetector => self.ask_detector(),
            Ev::AskPort { j } => self.ask_port(j),
            Ev::Hook { j } => {
                self.after(60 * SEC, Ev::Hook { j });
                self.hook(j);
            }
            Ev::JicofoLoses { keeps_list } => self.jicofo_loses(keeps_list),
            Ev::JicofoRestarts { by_us } => self.jicofo_restarts(by_us),
            Ev::JicofoDies => self.jicofo_dies(),
            Ev::JicofoComesUp => self.jicofo_comes_up(),
            Ev::BreweryTurns => self.brewery_turns(),
            Ev::DetectorTurns => {
                self.detector_up = !self.detector_up;
                self.detector_losses += u32::from(!self.detector_up);
                let wait = if self.detector_up {
                    self.some(60 * SEC, 600 * SEC)
                } else {
                    self.some(5 * SEC, 120 * SEC)
                };
                self.after(wait, Ev::DetectorTurns);
            }
            Ev::PortsTurn => {
                self.ports_up = !self.ports_up;
                self.seen.count("the way to all health ports is cut");
                let wait = if self.ports_up {
                    self.some(60 * SEC, 600 * SEC)
                } else {
                    self.some(5 * SEC, 120 * SEC)
                };
                self.after(wait, Ev::PortsTurn);
            }
            Ev::Recovered { j, ok } => {
                let name = JibriName::new(&self.jibris[j].plan.name);
                self.checks.command_ended(j, ok);
                let result = if ok { Ok(()) } else { Err("exit status 1".into()) };
                self.deliver(Input::Recovered { name, result });
            }
            Ev::Look => {
                self.after(30 * SEC, Ev::Look);
                self.check_verdicts();
            }
        }
    }

    fn brewery_turns(&mut self) {
        if self.brewery_in {
            self.brewery_lost();
            let back = self.some(SEC, 120 * SEC);
            self.after(back, Ev::BreweryTurns);
            return;
        }
        self.brewery_entered();
        if self.plan.brewery_trouble {
            let until = self.some(60 * SEC, 900 * SEC);
            self.after(until, Ev::BreweryTurns);
        }
    }

    pub fn brewery_lost(&mut self) {
        self.brewery_in = false;
        self.brewery_losses += 1;
        self.seen.count("the brewery is lost");
        self.deliver(Input::Brewery(Brewery::Lost));
    }

    pub fn brewery_entered(&mut self) {
        if self.brewery_in || !self.is_linked() {
            return;
        }
        self.brewery_in = true;
        self.checks.seen_since = Some(self.now);
        self.brewery_last = self.now;
        for j in 0..self.jibris.len() {
            if let Some(status) = self.jibris[j].server {
                self.tell_brewery_of(j, status);
            }
        }
        self.tell_brewery(Brewery::Complete);
        self.tell_brewery_of_jicofo();
    }

    pub fn tell_brewery_of(&mut self, j: usize, status: Option<Report>) {
        let jibri = &self.jibris[j];
        let name = JibriName::new(&jibri.plan.name);
        let items = if jibri.has_twin { 2 } else { 1 };
        if self.brewery_in {
            self.tell_brewery(Brewery::Presence { name, status, items });
        }
    }

    fn ask_detector(&mut self) {
        let interval = self.plan.detector.unwrap();
        self.after(interval, Ev::AskDetector);
        self.ask_jicofo();
    }

    pub fn ask_jicofo(&mut self) {
        let rows = (self.detector_up && !self.jicofo_is_down).then(|| self.detected());
        let lag = self.some(0, 200 * MS);
        self.detector_last = self.detector_last.max(self.now + lag);
        let wait = self.detector_last - self.now;
        self.after(wait, Ev::ToFleet(Input::Detector(rows)));
    }

    fn ask_port(&mut self, j: usize) {
        let jibri = &self.jibris[j];
        let is_refused = self.ports_up && !jibri.model.is_running();
        let pause = match (jibri.closely, is_refused) {
            (true, true) => 500 * MS,
            (true, false) => SEC,
            (false, _) => self.some(9 * SEC, 11 * SEC),
        };
        self.after(pause, Ev::AskPort { j });
        let jibri = &self.jibris[j];
        if !jibri.plan.configured {
            return;
        }
        let name = JibriName::new(&jibri.plan.name);
        let answer = if self.ports_up && jibri.port_answers() {
            Ok(jibri.own_report())
        } else {
            Err("timed out".to_owned())
        };
        if is_refused {
            self.after(10 * MS, Ev::ToFleet(Input::PortRefused { name: name.clone() }));
        }
        let lag = self.some(0, LAG);
        self.after(lag, Ev::ToFleet(Input::Health { name, answer }));
    }

    pub fn hook(&mut self, j: usize) {
        let jibri = &self.jibris[j];
        if !self.plan.webhook || !jibri.model.is_running() {
            return;
        }
        let id =
            if jibri.plan.configured { format!("id-{}", jibri.plan.name) } else { jibri.plan.name.clone() };
        let report = jibri.own_report();
        let lag = self.some(0, 200 * MS);
        self.after(lag, Ev::ToFleet(Input::Webhook { id, report }));
    }
}
