//! How the two cores hang together: what comes out of the one and has to go into the other, in which order. Pure,
//! as they are: the driver and the simulation of both turn the same crank.
//!
//! ```text
//! add(step) -> while let Some(step) = next(&fleet) { handle it; event(..) and effect(..) of all that came out }
//! ```

use std::collections::VecDeque;

use crate::address::RoomJid;
use crate::fleet::{self, Brewery, Effect, Fleet, News};
use crate::meeting::{self, Event, RoomEvent, Supply, What};

/// Something that a core has to be told.
#[derive(Debug)]
pub enum Step {
    /// The meetings.
    Meetings(meeting::Input),
    /// The fleet.
    Fleet(fleet::Input),
}

/// What the cores have yet to be told of each other.
#[derive(Debug, Default)]
pub struct Coupling {
    steps: VecDeque<Step>,
    /// The supply that the meetings were told last.
    told: Supply,
    /// What the fleet was told of Jicofo last.
    is_jicofo_there: Option<bool>,
    /// The fleet was told that rooms wait.
    is_in_want: bool,
    /// The fleet has counted a start since.
    has_counted: bool,
}

impl Coupling {
    /// Something from outside, or from one core for the other.
    pub fn add(&mut self, step: Step) {
        self.steps.push_back(step);
    }

    /// What is to be told next: what the one core has begun the other counts before anything else happens, and when
    /// nothing is left, the meetings are told how many Jibris are free, if that may be news.
    pub fn next(&mut self, fleet: &Fleet) -> Option<Step> {
        let step = self.steps.pop_front().or_else(|| self.supply(fleet))?;
        match &step {
            Step::Fleet(fleet::Input::Meeting { news: News::StartSent, .. }) => self.has_counted = true,
            Step::Fleet(fleet::Input::Brewery(Brewery::Jicofo { is_there })) => self.jicofo(*is_there),
            _ => {}
        }
        Some(step)
    }

    fn jicofo(&mut self, is_there: bool) {
        if self.is_jicofo_there.replace(is_there).is_some_and(|before| before != is_there) {
            self.add(Step::Meetings(meeting::Input::JicofoRestarts));
        }
    }

    fn supply(&mut self, fleet: &Fleet) -> Option<Step> {
        let supply = fleet.supply();
        // The same number may come of one start that went out and another that ended.
        let is_new = std::mem::replace(&mut self.told, supply) != supply;
        let has_counted = std::mem::take(&mut self.has_counted);
        (is_new || has_counted).then_some(Step::Meetings(meeting::Input::Supply(supply)))
    }

    /// So many rooms wait for a Jibri. To be told when nothing is left to be told; returns whether there is something again.
    pub fn waiting(&mut self, rooms: usize) -> bool {
        let is_in_want = rooms > 0;
        let is_new = std::mem::replace(&mut self.is_in_want, is_in_want) != is_in_want;
        if is_new {
            self.add(Step::Fleet(fleet::Input::InWant(is_in_want)));
        }
        is_new
    }

    /// The meetings tell something. `people`: somebody is in that room. Returns whether Jicofo's REST interface is
    /// worth asking at once: whom it selects, or has failed, shows in its next answer.
    pub fn event(&mut self, event: &Event, people: bool) -> bool {
        if let What::Recorders(seats) = &event.what {
            let (room, seats) = (event.room.clone(), seats.clone());
            self.add(Step::Fleet(fleet::Input::Recorders { room, seats, listed: false }));
        }
        let alone = match &event.what {
            What::RecorderAlone => Some(true),
            What::RecorderNotAlone => Some(false),
            _ => None,
        };
        if let Some(is_alone) = alone {
            self.add(Step::Fleet(fleet::Input::Alone { room: event.room.clone(), is_alone }));
        }
        let Some(news) = News::of(&event.what, people) else { return false };
        let shows_at_jicofo = matches!(news, News::StartSent | News::Failed { .. });
        self.add(Step::Fleet(fleet::Input::Meeting { room: event.room.clone(), news }));
        shows_at_jicofo
    }

    /// The fleet wants something; what concerns the meetings is taken note of.
    pub fn effect(&mut self, effect: &Effect) {
        let (room, event) = match effect {
            Effect::Look { room, gone } => (room, RoomEvent::JibriStopped { gone: *gone }),
            Effect::RecordedBy { room, recorded_by } => (room, RoomEvent::RecordedBy(recorded_by.clone())),
            Effect::HoldBack { room, until } => (room, RoomEvent::HoldBack(*until)),
            Effect::Taken { room } => (room, RoomEvent::Taken(true)),
            Effect::NotTaken { room } => (room, RoomEvent::Taken(false)),
            Effect::Recover { .. }
            | Effect::RestartJicofo
            | Effect::Ping { .. }
            | Effect::AskJicofo
            | Effect::EndRecording { .. }
            | Effect::AskRecorders { .. }
            | Effect::AskClosely { .. }
            | Effect::Tell(_) => return,
        };
        self.add(room_step(room, event));
    }
}

fn room_step(room: &RoomJid, event: RoomEvent) -> Step {
    Step::Meetings(meeting::Input::Room { room: room.clone(), event })
}
