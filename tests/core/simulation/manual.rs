//! Orders by hand: an administrator gives them at any moment, and what each of them has to change, and must not.
//!
//! A mirror asks here what is wanted: by the order, if there is one, or by the rules. Whether an order still holds is not
//! certain at times, as nobody of before may have been there for a moment; both are right then.

use std::collections::BTreeMap;

use jibri_autostart::meeting::{Hold, Input, ManualOrder, NotTaken, RecordingStatus, SessionId, State, What};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::link::us;
use super::mirror::Mirror;
use super::plan::{MS, SEC, Us};
use super::world::{Ev, World};

/// Whoever gives orders.
#[derive(Debug)]
pub struct Admin {
    /// His own, so that seeds without him play as they always did.
    rng: SmallRng,
    /// The mean time between two orders; none: he never comes.
    pub pace: Option<Us>,
    /// What each room was told to be at, and not yet to be over.
    pub told: BTreeMap<usize, Told>,
}

/// What has a beginning and an end, as it was told: each once, and none without the other.
#[derive(Debug, Default)]
pub struct Told {
    waits: bool,
    order: Option<ManualOrder>,
}

impl Admin {
    pub fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed ^ 0x4841_4E44);
        let paces = [2 * SEC, 10 * SEC, 40 * SEC];
        let pace = rng.random_bool(0.35).then(|| paces[rng.random_range(0..paces.len())]);
        Self { rng, pace, told: BTreeMap::new() }
    }
}

/// What a mirror knows of the orders for its room.
#[derive(Debug, Default)]
pub struct Manual {
    order: Option<ManualOrder>,
    /// It may be forgotten by now.
    is_doubtful: bool,
    /// How many sessions had been asked for when it came.
    sessions: u64,
    /// What was on, or under way, when the stop was ordered is not over yet: possibly, and for certain.
    owes_stop: (bool, bool),
    /// A person's stop of before.
    overruled: Option<RecordingStatus>,
}

impl Manual {
    pub fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    /// The order, if it holds for certain.
    fn certain(&self) -> Option<ManualOrder> {
        self.order.filter(|_| !self.is_doubtful)
    }

    /// Nothing is to be on, by order, of what had been asked for when it came.
    pub fn is_to_end(&self, session: &SessionId) -> bool {
        let number = session.0.get(1..).and_then(|number| number.parse::<u64>().ok());
        self.may_be_off() && number.is_some_and(|number| number <= self.sessions)
    }

    /// Nothing is to be started, by order, unless that is over.
    pub fn may_be_off(&self) -> bool {
        self.order == Some(ManualOrder::Stop)
    }

    /// The rules do not leave this room alone, or an order goes before them.
    pub fn may_concern(&self, by_rules: bool) -> bool {
        by_rules || self.order.is_some()
    }

    /// A person's stop of before the order.
    pub fn overrules(&self, stop: &RecordingStatus) -> bool {
        !self.is_doubtful && self.overruled.as_ref() == Some(stop)
    }
}

impl Mirror {
    /// Whether a recording is wanted with so many people and moderators: possibly, and for certain.
    pub fn wanted(&self, people: usize, moderators: usize) -> (bool, bool) {
        let start = &self.terms.start;
        let by_rules = self.terms.record
            && people >= start.min_participants as usize
            && moderators >= start.min_moderators as usize;
        let by_order = match self.manual.order {
            None => by_rules,
            Some(order) => order == ManualOrder::Record && people > 0,
        };
        if self.manual.is_doubtful {
            (by_order || by_rules, by_order && by_rules)
        } else {
            (by_order, by_order)
        }
    }

    /// How long that has to last.
    pub fn settle(&self) -> Us {
        if self.manual.order.is_some() { 0 } else { us(self.terms.start.settle) }
    }

    /// What is on has to be stopped without waiting: possibly, and for certain.
    pub fn owes_stop(&self) -> (bool, bool) {
        let (may, certain) = self.manual.owes_stop;
        (may, certain && !self.manual.is_doubtful)
    }

    /// What was to be stopped, if anything, is over.
    pub fn nothing_to_stop(&mut self) {
        self.manual.owes_stop = (false, false);
    }

    pub fn is_stopped_by_hand(&self) -> bool {
        self.manual.certain() == Some(ManualOrder::Stop)
    }

    /// Nobody is left to whom the order applied.
    pub fn forget_order(&mut self) {
        // A start that is under way is not taken back for what it had overruled.
        if self.manual.order.is_some() || self.manual.overruled.is_some() {
            self.overlooked.clone_from(&self.last_word);
        }
        self.manual = Manual::default();
    }

    /// A person has stopped what was ordered.
    pub fn order_is_countermanded(&mut self) {
        if self.manual.order == Some(ManualOrder::Record) {
            self.manual = Manual::default();
        }
    }

    /// An order is taken; `state` is the one before.
    fn ordered(&mut self, hand: ManualOrder, state: State, sessions: u64, now: Us) {
        let is_under_way =
            matches!(state, State::Starting | State::Pending | State::Recording | State::Stopping);
        let is_stop = hand == ManualOrder::Stop;
        self.manual = Manual {
            order: (hand != ManualOrder::Release).then_some(hand),
            is_doubtful: false,
            sessions,
            owes_stop: (
                is_stop && (is_under_way || self.has_unknown_recorder()),
                is_stop && (is_under_way || self.has_recorder_to_stop()),
            ),
            overruled: self.last_word.clone().filter(|word| !word.on && self.has_heard),
        };
        if hand != ManualOrder::Stop {
            (self.stop, self.pause_until, self.untold) = (None, None, 0);
        }
        self.reconsider(now);
    }

    /// Focus tells of a stop, which is no news, or ends the order, or comes before the recording that was ordered.
    pub fn is_overruled(&mut self, word: &RecordingStatus) -> bool {
        if word.on {
            return false;
        }
        if self.manual.overruled.as_ref() == Some(word) {
            return true;
        }
        if self.manual.order != Some(ManualOrder::Record) {
            return false;
        }
        let is_on = matches!(self.state, Some(State::Recording | State::Stopping));
        if is_on && !self.emptied && !self.absent && !self.manual.is_doubtful {
            return false;
        }
        // It may have been this recording, which was not known to be on.
        self.manual.doubt();
        true
    }

    /// What the core tells of it.
    fn told_by_hand(&mut self, what: &What) -> Option<&'static str> {
        match what {
            What::Held(Hold::Manual(_)) if self.manual.order != Some(ManualOrder::Stop) => {
                return Some("is held by hand, but nobody has ordered that");
            }
            What::Held(Hold::StoppedBy(_)) => {
                let word = self.word();
                if word.is_some_and(|word| self.manual.overrules(word)) {
                    return Some("is held for a stop that was overruled by hand");
                }
                if self.manual.order == Some(ManualOrder::Record) {
                    self.manual.doubt();
                }
            }
            _ => {}
        }
        // What an account of Jibri's stands for is found out, and stopped, after that.
        let is_there = self.has_recorder_to_stop();
        let may_be_there = is_there || self.has_unknown_recorder() || self.has_listed_recorder();
        let is_inside = self.recorders().next().is_some();
        let may_be_on = match what {
            // What was pending when we lost sight of it may still come.
            What::Held(Hold::Manual(_)) => {
                (may_be_there || is_inside || !self.complete, is_there || is_inside)
            }
            What::StartFailed { .. } => (may_be_there, is_there),
            What::Held(_) | What::Ended { .. } => (false, false),
            _ => (true, true),
        };
        self.manual.owes_stop.0 &= may_be_on.0;
        self.manual.owes_stop.1 &= may_be_on.1;
        None
    }
}

impl World {
    pub fn admin_comes(&mut self) {
        if let Some(pace) = self.admin.pace {
            let when = self.admin.rng.random_range(0..=pace * 2);
            self.after(when, Ev::Order { r: None });
        }
    }

    /// The next order, for this room or for any; often several in a row.
    pub fn order(&mut self, r: Option<usize>) {
        let (false, Some(pace)) = (self.calm, self.admin.pace) else { return };
        let count = self.rooms.len();
        let r = r.unwrap_or_else(|| self.admin.rng.random_range(0..count));
        let hand = ManualOrder::ALL[self.admin.rng.random_range(0..ManualOrder::ALL.len())];
        self.give_order(r, hand);
        if self.admin.rng.random_bool(0.25) {
            let soon = [0, 100, 200 * MS, 3 * SEC][self.admin.rng.random_range(0..4_usize)];
            self.after(soon, Ev::Order { r: Some(r) });
        } else {
            let later = self.admin.rng.random_range(pace / 4..=pace * 2);
            self.after(later, Ev::Order { r: None });
        }
    }

    fn give_order(&mut self, r: usize, hand: ManualOrder) {
        let (now, room) = (self.time(), self.plan.rooms[r].clone());
        self.before_step(&Input::Tick, None);
        self.shop_before(&Input::Tick);
        let view = self.core.room(&room);
        let state = view.as_ref().map(|view| view.state);
        let people = view.as_ref().map_or(0, |view| view.people);
        let recorder = view.is_some_and(|view| view.recorder_present);
        // To write it all down takes long: for some.
        let before = self.now.is_multiple_of(8).then(|| format!("{:?}", self.core));
        let is_used = people > 0 || hand == ManualOrder::Stop && recorder;
        match (self.core.manual(now, &room, hand, crate::ORIGIN), state) {
            (Ok(effects), Some(state)) => {
                self.trace(r, || format!("  ORDER {hand:?} in state {}", state.name()));
                let is_in = match state {
                    State::Idle | State::Settling | State::Waiting | State::Backoff => "idle",
                    State::Starting | State::Pending => "under way",
                    State::Recording | State::Stopping => "recording",
                    State::Held => "held",
                };
                self.seen.count_owned(format!("by hand: {}, {is_in}", hand.name()));
                if hand != ManualOrder::Release && !is_used {
                    self.fail(4, format!("r{r}: takes the order {hand:?}, but nobody is there"));
                }
                self.mirrors[r].ordered(hand, state, self.sessions, self.now);
                self.room_ordered(r, hand);
                self.follow(effects);
            }
            (Ok(_), None) => self.fail(9, format!("r{r}: takes an order, and is not known")),
            (Err(why), _) => {
                self.trace(r, || format!("  ORDER {hand:?} is refused: {why:?}"));
                self.seen.count_owned(format!("by hand: {}, refused", hand.name()));
                self.seen.count_owned(format!("by hand: refused, {why:?}"));
                let is_right = match why {
                    NotTaken::NotWatched => state.is_none(),
                    NotTaken::NotSeen => hand != ManualOrder::Release && !self.mirrors[r].complete,
                    NotTaken::Nobody => hand != ManualOrder::Release && !is_used,
                    NotTaken::DryRun => false,
                };
                if !is_right {
                    self.fail(3, format!("r{r}: refuses the order {hand:?}: {why:?}"));
                }
                if before.is_some_and(|before| before != format!("{:?}", self.core)) {
                    self.fail(9, format!("r{r}: the refused order {hand:?} has changed something"));
                }
            }
        }
    }

    /// The time for what has to come, or to go, counts anew.
    fn room_ordered(&mut self, r: usize, hand: ManualOrder) {
        let room = &mut self.rooms[r];
        (room.good_since, room.needless_since, room.stop_given_up) = (None, None, false);
        if hand != ManualOrder::Stop {
            (room.failures, room.gave_up, room.untold) = (0, false, false);
            // There is no pause, so the next recorder may come while the last one leaves.
            room.stopped_at = None;
            self.shop.forget(r);
        }
    }

    /// A person has stopped the recording, and no order goes before that.
    pub fn is_stopped_by_a_person(&self, r: usize) -> bool {
        let stopped = self.rooms[r].stopped.as_ref();
        self.mirrors[r].terms.stop.respect_manual
            && self.rooms[r].is_bound()
            && stopped.is_some_and(|stop| !self.mirrors[r].manual.overrules(stop))
    }

    /// Waits and orders begin and end by turns.
    pub fn check_begins_and_ends(&mut self, r: usize, what: &What) {
        let told = self.admin.told.entry(r).or_default();
        let wrong = match what {
            What::Waits { .. } => std::mem::replace(&mut told.waits, true).then_some("waits twice"),
            What::WaitsNoMore(end) => {
                self.seen.count_owned(format!("waits no more: {end:?}"));
                let waits = std::mem::take(&mut told.waits);
                (!waits).then_some("waits no more, and did not before")
            }
            What::Manual { order, .. } => {
                told.order = Some(*order).filter(|order| *order != ManualOrder::Release);
                None
            }
            What::OrderOver { order, .. } => {
                (told.order.take() != Some(*order)).then_some("an order is over that was not in effect")
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.fail(9, format!("r{r}: {wrong}"));
        }
    }

    pub fn check_told_by_hand(&mut self, r: usize, what: &What) {
        if let Some(wrong) = self.mirrors[r].told_by_hand(what) {
            self.fail(5, format!("r{r} {wrong}"));
        }
    }

    /// After every step: what the order says is what is seen.
    pub fn check_by_hand(&mut self, r: usize) {
        let mirror = &mut self.mirrors[r];
        let Some(view) = self.core.room(&self.plan.rooms[r]) else {
            let told = self.admin.told.remove(&r).unwrap_or_default();
            if told.waits || told.order.is_some() {
                self.fail(9, format!("r{r}: is dropped, and not told to be over: {told:?}"));
            }
            let mirror = &mut self.mirrors[r];
            let order = mirror.manual.certain();
            mirror.forget_order();
            if let Some(order) = order {
                self.fail(9, format!("r{r}: is dropped with the order {order:?}"));
            }
            return;
        };
        let is_held_by_hand = view.state == State::Held
            && view.reason.as_deref().is_some_and(|why| why.starts_with("stopped by order of"));
        if is_held_by_hand && mirror.manual.order != Some(ManualOrder::Stop) {
            self.fail(3, format!("r{r}: is held by hand, but the order is not to stop"));
        } else if mirror.is_stopped_by_hand()
            && matches!(view.state, State::Idle | State::Settling | State::Waiting | State::Backoff)
        {
            let state = view.state.name();
            self.fail(2, format!("r{r}: is stopped by hand, the state is {state}"));
        }
    }
}
