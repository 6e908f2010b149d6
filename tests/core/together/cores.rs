//! The cores under test, coupled by the same code as in the driver.

use std::collections::BTreeMap;
use std::time::Duration;

use jibri_autostart::address::RoomJid;
use jibri_autostart::config::{Footprint, FootprintSetting, StopWhen};
use jibri_autostart::coupling::{Coupling, Step};
use jibri_autostart::fleet::{self, Fleet, Seat};
use jibri_autostart::meeting::{Effect, Input, Meetings, RoomEvent};
use jibri_autostart::time::Time;
use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::plan::{MS, Plan, SEC};
use super::promises::Promises;
use super::world::{Ev, World, time};

pub struct Cores {
    pub meetings: Meetings,
    pub fleet: Fleet,
    coupling: Coupling,
    seed: u64,
    pub index: BTreeMap<RoomJid, usize>,
    pub link: super::link::Link,
    pub promises: Promises,
}

impl Cores {
    /// Makes the plan one for meetings, too.
    pub fn new(plan: &mut Plan, seed: u64, rng: &mut SmallRng) -> Self {
        let settings = &mut plan.settings;
        let footprints = [Footprint::Discreet, Footprint::Unseen, Footprint::Resident];
        settings.muc.footprint = match rng.random_range(0..6_usize) {
            0 | 1 => FootprintSetting::Auto,
            some => footprints[(some - 2) % 3].into(),
        };
        plan.companion = settings.muc.footprint.wants_companion() && rng.random_bool(0.6);
        plan.companion_leaves_out = rng.random_bool(0.1);
        if plan.companion && rng.random_bool(0.4) {
            settings.stop.when = [StopWhen::NoModerator, StopWhen::Empty][rng.random_range(0..2_usize)];
            settings.stop.delay = Duration::from_secs([0, 2][rng.random_range(0..2_usize)]);
        }
        plan.companion_turns = plan.companion && rng.random_bool(0.3);
        settings.start.settle = Duration::from_secs([0, 0, 3][rng.random_range(0..3_usize)]);
        settings.start.retry_max = Duration::from_secs([10, 60][rng.random_range(0..2_usize)]);
        // Many rooms take long to play, and rarely show more.
        let many = rng.random_bool(0.02);
        plan.rooms = if many { 30 } else { [1, 1, 2, 3, 4, 6, 8, 12][rng.random_range(0..8_usize)] };
        plan.manual = [0.0, 0.0, 0.2][rng.random_range(0..3_usize)];
        plan.until = 1500 * SEC;
        let may_die = rng.random_bool(0.3);
        plan.killed = (0..2).filter(|_| may_die).map(|_| rng.random_range(100 * SEC..1200 * SEC)).collect();
        plan.lost = plan.lost.map(|(at, keeps_list)| (at.min(800 * SEC), keeps_list));
        for jibri in &mut plan.jibris {
            jibri.fault_at %= 300 * SEC;
            // Its Chrome dies with it, or keeps its seat for a while, or lives on.
            jibri.seat = [Some(0), Some(66 * SEC), None][rng.random_range(0..3_usize)];
            jibri.stale = jibri.stale.min(15 * SEC);
            jibri.quick = jibri.stale > 0 && rng.random_bool(0.5);
        }
        // Some sites let Jibri wait long for people: what it records of nobody is there to be ended.
        if rng.random_bool(0.1) {
            plan.jibris.iter_mut().for_each(|jibri| jibri.empty = 900 * SEC);
        }
        let rooms = plan.rooms;
        Self {
            meetings: Meetings::new(&plan.settings, false, seed, time(0)),
            fleet: Fleet::new(&plan.settings, time(0)),
            coupling: Coupling::default(),
            seed,
            index: (0..rooms).map(|r| (World::room_jid(r), r)).collect(),
            link: super::link::Link::default(),
            promises: Promises::new(rooms),
        }
    }

    pub fn next_deadline(&self) -> Option<Time> {
        self.meetings.next_deadline().into_iter().chain(self.fleet.next_deadline()).min()
    }
}

impl World {
    /// We are started again, and remember nothing but what the ledger has.
    pub fn cores_restart(&mut self) {
        let now = time(self.now);
        self.cores.seed += 1;
        self.cores.meetings = Meetings::new(&self.plan.settings, false, self.cores.seed, now);
        self.cores.fleet = Fleet::new(&self.plan.settings, now);
        self.cores.coupling = Coupling::default();
        self.checks.forget();
        let restarts = self
            .checks
            .restarts()
            .iter()
            .map(|(at, j)| (fleet::Whom::Jibri(self.name_of(*j)), time(*at)))
            .collect();
        self.give(fleet::Input::Remembered(restarts));
    }

    pub fn give(&mut self, input: fleet::Input) {
        self.cores.coupling.add(Step::Fleet(input));
        self.go();
    }

    pub fn give_meetings(&mut self, input: Input) {
        if !matches!(&input, Input::Room { event: RoomEvent::Roles { .. }, .. }) {
            self.line(|_| format!("  <- {input:?}"));
        }
        self.cores.coupling.add(Step::Meetings(input));
        self.go();
    }

    /// As the driver does it.
    pub fn tick(&mut self) {
        let now = time(self.now);
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if is_due(self.cores.fleet.next_deadline()) {
            self.deliver(fleet::Input::Tick);
        }
        if is_due(self.cores.meetings.next_deadline()) {
            self.cores.coupling.add(Step::Meetings(Input::Tick));
            self.go();
        }
    }

    fn go(&mut self) {
        let mut steps = 0;
        while self.violation.is_none()
            && let Some(step) = self.next_step()
        {
            steps += 1;
            if steps > 10_000 {
                return self.fail(format!("(7) steps without end: {step:?}"));
            }
            let now = time(self.now);
            match step {
                Step::Meetings(input) => {
                    if let Input::Supply(supply) = &input {
                        self.line(|_| format!("  <- {supply:?}"));
                    }
                    self.before_a_step();
                    for effect in self.cores.meetings.handle(now, input) {
                        self.meeting_effect(effect);
                    }
                    self.check_line();
                }
                Step::Fleet(input) => {
                    for effect in self.cores.fleet.handle(now, input) {
                        self.cores.coupling.effect(&effect);
                        self.take_effect(effect);
                    }
                }
            }
        }
    }

    fn next_step(&mut self) -> Option<Step> {
        let step = self.cores.coupling.next(&self.cores.fleet);
        if step.is_none() && self.cores.coupling.waiting(self.cores.meetings.rooms_waiting()) {
            return self.cores.coupling.next(&self.cores.fleet);
        }
        step
    }

    fn meeting_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Do(action) => self.carry_out(action),
            Effect::Tell(event) => {
                let r = self.cores.index[&event.room];
                self.line(|_| format!("  -> r{r} {:?}", event.what));
                self.check_told(r, &event.what);
                let people = self.cores.meetings.room(&event.room).is_some_and(|view| view.people > 0);
                if self.cores.coupling.event(&event, people) {
                    self.asked_for_jicofo();
                }
            }
            // No source is hearsay here.
            Effect::Proven(_) => {}
            // A source that is no hearsay goes on vouching for what it lists.
            Effect::NoSuchRoom(room) => {
                if !self.exists(self.cores.index[&room]) {
                    self.cores.coupling.add(Step::Meetings(Input::Forget { room }));
                }
            }
        }
    }

    /// Jicofo tells whose recorders are in a room.
    pub fn asked_for_recorders(&mut self, room: &RoomJid) {
        if self.plan.detector.is_some() && self.detector_up && self.is_linked() {
            let r = self.cores.index[room];
            let seat = |recorder: (usize, u64, &str)| Seat {
                nick: World::nick_of(recorder),
                jibri: self.name_of(recorder.0),
            };
            let seats = self.recorders(r).map(seat).collect();
            let lag = self.some(0, 200 * MS);
            self.after(lag, Ev::ToFleet(fleet::Input::Recorders { room: room.clone(), seats, listed: true }));
        }
    }

    pub fn asked_for_jicofo(&mut self) {
        if self.plan.detector.is_some() {
            self.ask_jicofo();
        }
    }
}
