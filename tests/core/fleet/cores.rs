//! The core under test: the fleet alone, told what the meetings would tell it.

use jibri_autostart::address::RoomJid;
use jibri_autostart::fleet::{Fleet, Input};
use jibri_autostart::time::Time;
use rand::rngs::SmallRng;

use super::plan::Plan;
use super::world::{World, time};

#[derive(Debug)]
pub struct Cores {
    pub fleet: Fleet,
}

impl Cores {
    pub fn new(plan: &mut Plan, _seed: u64, _rng: &mut SmallRng) -> Self {
        Self { fleet: Fleet::new(&plan.settings, time(0)) }
    }

    pub fn next_deadline(&self) -> Option<Time> {
        self.fleet.next_deadline()
    }
}

impl World {
    pub fn give(&mut self, input: Input) {
        for effect in self.cores.fleet.handle(time(self.now), input) {
            self.take_effect(effect);
        }
    }

    pub fn tick(&mut self) {
        self.deliver(Input::Tick);
    }

    pub fn is_linked(&self) -> bool {
        true
    }

    pub fn asked_for_jicofo(&mut self) {}

    pub fn asked_for_recorders(&mut self, _room: &RoomJid) {}

    pub fn after_event(&mut self) {}

    pub fn cores_finish(&mut self) {}
}
