//! How many Jibris are free, as a brewery would show it: late, sometimes wrong, sometimes not at all; told to the
//! core as the driver tells it, after each step.

use jibri_autostart::meeting::{Hold, Input, StartFailure, State, Supply, What};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::plan::{MS, SEC, Us};
use super::world::{Ev, World};

#[derive(Debug)]
pub struct Shop {
    /// Its own, so that seeds without a supply play as they always did.
    rng: SmallRng,
    pub is_open: bool,
    visible: bool,
    /// So many too many, or too few.
    error: i8,
    change: u64,
    /// What the Jibris really look like, and what the brewery shows of it.
    truth: Vec<bool>,
    shown: Vec<bool>,
    shown_at: Vec<Us>,
    /// Starts that have no Jibri yet, by room.
    starting: Vec<bool>,
    /// Rooms whose last start was sent while another one had no Jibri yet.
    is_again: Vec<bool>,
    pub told: Supply,
    /// What is left of it after the starts since.
    left: usize,
    /// Rooms that were told to wait when the last step was done.
    denied: Vec<usize>,
    /// Starts of this step, and since when the recording was missing.
    started: Vec<(usize, Us)>,
    /// Why the last start failed, if for want of a Jibri, and under which telling.
    in_vain: Vec<Option<Option<u64>>>,
}

impl Shop {
    pub fn new(seed: u64, rooms: usize) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed ^ 0x0005_4F50);
        let is_open = rng.random_bool(0.5);
        Self {
            rng,
            is_open,
            visible: is_open,
            error: 0,
            change: 0,
            truth: Vec::new(),
            shown: Vec::new(),
            shown_at: Vec::new(),
            starting: vec![false; rooms],
            is_again: vec![false; rooms],
            told: Supply::Unknown,
            left: usize::MAX,
            denied: Vec::new(),
            started: Vec::new(),
            in_vain: vec![None; rooms],
        }
    }

    /// What the fleet would say.
    fn supply(&self) -> Supply {
        if !self.visible {
            return Supply::Unknown;
        }
        let shown = self.shown.iter().filter(|free| **free).count();
        let free = shown.saturating_add_signed(self.error.into());
        let starting = self.starting.iter().filter(|is| **is).count();
        Supply::Known { free: free.saturating_sub(starting), change: self.change }
    }

    fn told_change(&self) -> Option<u64> {
        match self.told {
            Supply::Unknown => None,
            Supply::Known { change, .. } => Some(change),
        }
    }

    /// Something has changed since a start there failed for want of a Jibri.
    pub fn may_wake(&self, r: usize) -> bool {
        self.told_change().is_some() && self.in_vain[r].is_some_and(|under| under != self.told_change())
    }

    /// What came of the last start does not count any more.
    pub fn forget(&mut self, r: usize) {
        self.in_vain[r] = None;
    }

    /// No start can be expected.
    pub fn is_sold_out(&self) -> bool {
        self.left == 0
    }
}

impl World {
    pub fn open_shop(&mut self) {
        if self.shop.is_open {
            let wait = self.shop.rng.random_range(SEC..=60 * SEC);
            self.after(wait, Ev::SupplyTurns);
        }
    }

    /// The brewery is lost, or wrong, or well again.
    pub fn supply_turns(&mut self) {
        if !self.shop.is_open {
            return;
        }
        let turn = if self.calm { 9 } else { self.shop.rng.random_range(0..10) };
        let was = (self.shop.visible, self.shop.error);
        match turn {
            0 | 1 => {
                self.seen.count("supply: lost");
                self.shop.visible = false;
            }
            2..=4 => {
                self.seen.count("supply: one too many");
                self.shop.error = 1;
            }
            5 => {
                self.seen.count("supply: one too few");
                self.shop.error = -1;
            }
            _ => (self.shop.visible, self.shop.error) = (true, 0),
        }
        if was != (self.shop.visible, self.shop.error) {
            self.shop.change += 1;
        }
        let wait = self.shop.rng.random_range(2 * SEC..=60 * SEC);
        if !self.calm {
            self.after(wait, Ev::SupplyTurns);
        }
        self.tell_supply();
    }

    /// What Jibris look like shows a while later.
    pub fn watch_jibris(&mut self) {
        if !self.shop.is_open {
            return;
        }
        for j in 0..self.jibris.len() {
            let free = self.jibris[j].looks_idle();
            if self.shop.truth.len() <= j {
                self.shop.truth.push(false);
                self.shop.shown.push(false);
                self.shop.shown_at.push(0);
            }
            if self.shop.truth[j] != free {
                self.shop.truth[j] = free;
                let longest = if self.shop.rng.random_bool(0.8) { 50 * MS } else { 2 * SEC };
                let lag = self.shop.rng.random_range(MS..=longest);
                let at = self.shop.shown_at[j].max(self.now + lag);
                self.shop.shown_at[j] = at;
                let r = self.jibris[j].room();
                self.at_time(at, Ev::Shown { j, free, r });
            }
        }
    }

    pub fn shown(&mut self, j: usize, free: bool, r: Option<usize>) {
        self.shop.shown[j] = free;
        self.shop.change += 1;
        if let Some(r) = r.filter(|_| !free) {
            self.shop.starting[r] = false;
        }
        self.tell_supply();
    }

    /// As the driver does it when nothing else is left to do.
    pub fn tell_supply(&mut self) {
        let supply = self.shop.supply();
        if self.shop.is_open && self.shop.told != supply && self.violation.is_none() {
            self.feed(Input::Supply(supply), None);
        }
    }

    /// Before a step of the core.
    pub fn shop_before(&mut self, input: &Input) {
        if let Input::Supply(supply) = input {
            self.shop.told = *supply;
            self.shop.left = match supply {
                Supply::Unknown => usize::MAX,
                Supply::Known { free, .. } => *free,
            };
        }
        self.shop.started.clear();
    }

    fn is_denied(&self, r: usize) -> bool {
        let view = self.core.room(&self.plan.rooms[r]);
        view.and_then(|view| view.reason).is_some_and(|why| why.contains("no Jibri is free"))
    }

    fn missing(&self, r: usize) -> Option<Us> {
        let view = self.core.room(&self.plan.rooms[r]);
        view.and_then(|view| view.missing_since).map(super::world::at_us)
    }

    /// A start goes out.
    pub fn shop_start(&mut self, r: usize) {
        if self.shop.told != Supply::Unknown {
            self.seen.count("supply: starts by it");
            // One that is sent anew, for others who have come, takes the place of the one before.
            if !self.shop.is_again[r] {
                if self.shop.left == 0 {
                    self.fail(2, format!("start in r{r}, but no Jibri is free"));
                }
                self.shop.left = self.shop.left.saturating_sub(1);
            }
        }
        self.shop.starting[r] = true;
        if self.mirrors[r].pause_until.is_some_and(|until| self.now < until) && self.shop.may_wake(r) {
            self.seen.count("supply: woken before the pause was over");
        }
        self.shop.in_vain[r] = None;
        self.mirrors[r].pause_until = None;
    }

    /// What the fleet hears of it.
    pub fn shop_told(&mut self, r: usize, what: &What) {
        match what {
            What::StartSent { wanted_for, .. } => {
                self.shop.is_again[r] = std::mem::replace(&mut self.shop.starting[r], true);
                let waited = Us::try_from(wanted_for.as_micros()).unwrap();
                self.shop.started.push((r, self.now.saturating_sub(waited)));
            }
            What::Accepted { .. } | What::On { .. } | What::Adopted | What::Ended { .. } => {
                self.shop.starting[r] = false;
                self.shop.in_vain[r] = None;
            }
            What::StartFailed { why, .. } | What::Held(Hold::GaveUp(why)) => {
                self.shop.starting[r] = false;
                let is_in_vain = matches!(
                    why,
                    StartFailure::AllBusy
                        | StartFailure::NoJibri
                        | StartFailure::SeveralFailed
                        | StartFailure::NoSign
                );
                self.shop.in_vain[r] = is_in_vain.then(|| self.shop.told_change());
            }
            What::Held(_) => self.shop.starting[r] = false,
            What::State {
                from: State::Starting | State::Pending,
                to: State::Idle | State::Settling | State::Waiting | State::Backoff | State::Held,
            } => self.shop.starting[r] = false,
            _ => {}
        }
    }

    /// After a step of the core: who waits for a Jibri, and who does not.
    pub fn check_line(&mut self) {
        if !self.shop.is_open {
            return;
        }
        let rooms = 0..self.rooms.len();
        let denied: Vec<usize> = rooms.clone().filter(|r| self.is_denied(*r)).collect();
        let before = std::mem::replace(&mut self.shop.denied, denied.clone());
        if denied.len() > self.core.rooms_waiting() {
            self.fail(3, format!("{denied:?} wait for a Jibri, and {} do", self.core.rooms_waiting()));
        }
        if self.shop.told == Supply::Unknown {
            if let Some(r) = denied.first() {
                self.fail(3, format!("r{r} waits for a Jibri, and nobody knows whether there is none"));
            }
            return;
        }
        if !denied.is_empty() {
            self.seen.count("supply: rooms wait in line");
        }
        if denied.len() > 1 {
            self.seen.count("supply: several rooms wait in line");
        }
        // No start overtakes who waits longer.
        for (r, since) in std::mem::take(&mut self.shop.started) {
            let is_first = denied
                .iter()
                .filter(|o| before.contains(o))
                .find(|o| self.missing(**o).is_some_and(|missing| (missing, **o) < (since, r)));
            if let Some(o) = is_first {
                self.fail(
                    3,
                    format!("start in r{r}, but r{o} has waited longer; {}", self.all_rooms_shown()),
                );
            }
            if before.contains(&r) {
                self.seen.count("supply: served in the step in which one became free");
            }
        }
        for r in rooms.clone().filter(|r| self.shop.may_wake(*r)) {
            self.mirrors[r].pause_until = None;
        }
        // Over a dead link nobody gets on, and nobody knows it yet.
        if self.link.server.is_none() {
            return;
        }
        // Whoever is denied, or sleeps though something has changed, has enough others before him who act.
        for r in rooms.clone() {
            let sleeps = self.shop.may_wake(r) && self.could_wake(r);
            if !sleeps && !denied.contains(&r) {
                continue;
            }
            let Some(missing) = self.missing(r) else { continue };
            let acts = |o: &usize| {
                let is_before = self.missing(*o).is_some_and(|other| (other, *o) < (missing, r));
                let state = self.core.room(&self.plan.rooms[*o]).map(|view| view.state);
                let is_due = matches!(state, Some(State::Settling | State::Waiting | State::Backoff));
                is_before && is_due && !denied.contains(o) && self.mirrors[*o].acts(self.now)
            };
            let before = rooms.clone().filter(acts).count();
            if before > 0 && self.shop.left > 0 {
                self.seen.count("supply: waits for another's visit");
            }
            if before < self.shop.left {
                self.fail(
                    3,
                    format!(
                        "r{r} {} with {} Jibris free and {before} rooms before it that act; {}",
                        if sleeps { "sleeps" } else { "waits" },
                        self.shop.left,
                        self.all_rooms_shown(),
                    ),
                );
            }
        }
    }

    fn all_rooms_shown(&self) -> String {
        let all = self.core.rooms().map(|view| {
            let missing = view.missing_since.map(super::world::at_us);
            format!("{} {} missing {missing:?} {:?}", view.room.local(), view.state.name(), view.reason)
        });
        all.collect::<Vec<_>>().join("; ")
    }

    /// It pauses, and all that it needs is there.
    fn could_wake(&self, r: usize) -> bool {
        let mirror = &self.mirrors[r];
        let view = self.core.room(&self.plan.rooms[r]);
        let state = view.as_ref().map(|view| view.state);
        let has_focus = if mirror.complete { mirror.has_focus() } else { mirror.listed_focus };
        let is_on_its_way = mirror.is_on_its_way();
        let is_unwelcome = mirror.unwelcome_until.is_some_and(|until| self.now < until);
        // What an account of Jibri's stands for is found out first.
        let has_to_look = mirror.has_unknown_recorder();
        matches!(state, Some(State::Waiting | State::Backoff))
            && view.is_some_and(|view| view.attempt > 0)
            && has_focus
            && !is_on_its_way
            && !is_unwelcome
            && !has_to_look
    }
}
