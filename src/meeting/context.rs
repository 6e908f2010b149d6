//! What one step of the core works with: the time, chance, the settings that apply, and where its effects go.

use std::cell::Cell;

use rand::rngs::SmallRng;

use super::event::{Effect, Event, What};
use super::io::{Action, AttemptId, QueryId};
use super::queue::Chance;
use crate::address::{Nick, RoomJid};
use crate::config::{Start, Stop};
use crate::time::Time;

/// The settings that apply to one room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy<'a> {
    pub(super) record: bool,
    pub(super) start: &'a Start,
    pub(super) stop: &'a Stop,
    /// Requests are sent in the moderators' names.
    pub(super) in_names: bool,
    /// With that: a room may be entered for a moment nevertheless.
    pub(super) peek: bool,
}

impl Policy<'_> {
    /// A room may be entered to hear focus.
    pub(super) fn may_visit(&self) -> bool {
        !self.in_names || self.peek
    }
}

/// One step in one room.
pub(super) struct Ctx<'a> {
    pub(super) now: Time,
    /// Jicofo has gone, or is back, not long ago: what is there may be gone in a moment.
    pub(super) is_unsettled: bool,
    /// The earliest moment at which a question of this step would be answered otherwise.
    pub(super) alarm: Cell<Option<Time>>,
    /// Whether there is a Jibri for this room.
    pub(super) chance: Chance,
    pub(super) room: &'a RoomJid,
    pub(super) nickname: &'a Nick,
    pub(super) dry_run: bool,
    pub(super) rng: &'a mut SmallRng,
    pub(super) next_id: &'a mut u64,
    pub(super) effects: &'a mut Vec<Effect>,
}

impl Ctx<'_> {
    /// Whether it is that late. If not, the room is looked at again then: so each deadline is where it is passed.
    pub(super) fn is_past(&self, at: Time) -> bool {
        let is_past = at <= self.now;
        if !is_past {
            self.wake(at);
        }
        is_past
    }

    /// The room is looked at again then, if nothing happens before.
    pub(super) fn wake(&self, at: Time) {
        self.alarm.set(Some(self.alarm.get().map_or(at, |earlier| earlier.min(at))));
    }

    pub(super) fn act(&mut self, action: Action) {
        self.effects.push(Effect::Do(action));
    }

    pub(super) fn tell(&mut self, what: What) {
        self.effects.push(Effect::Tell(Event { room: self.room.clone(), what }));
    }

    pub(super) fn new_query(&mut self) -> QueryId {
        QueryId(self.id())
    }

    pub(super) fn new_attempt(&mut self) -> AttemptId {
        AttemptId(self.id())
    }

    fn id(&mut self) -> u64 {
        *self.next_id = self.next_id.wrapping_add(1);
        *self.next_id
    }
}
