//! One input to one of the cores, and all that follows from it in both.

use std::collections::VecDeque;

use super::{Driver, tell, tell_fleet};
use crate::address::{Nick, RoomJid};
use crate::fleet::{self, News};
use crate::meeting::vouch::Change;
use crate::meeting::{Effect, Event, Input, RoomEvent};
use crate::xmpp::Command;

/// Something that a core has to be told.
pub(super) enum Step {
    Meetings(Input),
    Fleet(fleet::Input),
}

impl Driver {
    pub(super) fn feed_changes(&mut self, changes: Vec<Change>) {
        self.go(changes.into_iter().map(|change| Step::Meetings(change.into())).collect());
    }

    /// Takes an input to the meetings, and all that follows from it.
    pub(super) fn feed(&mut self, input: Input) {
        self.go(VecDeque::from([Step::Meetings(input)]));
    }

    /// Takes an input to the fleet, and all that follows from it.
    pub(super) fn feed_fleet(&mut self, input: fleet::Input) {
        self.go(VecDeque::from([Step::Fleet(input)]));
    }

    /// Carries out what the meetings want, and all that follows from it.
    pub(super) fn carry_out(&mut self, effects: Vec<Effect>) {
        let steps = self.meeting_effects(effects);
        self.go(steps.into());
    }

    fn go(&mut self, mut steps: VecDeque<Step>) {
        let mut is_taken = false;
        while let Some(step) = steps.pop_front() {
            let now = self.clock.now();
            is_taken |= matches!(step, Step::Fleet(fleet::Input::Meeting { news: News::StartSent, .. }));
            let more = match step {
                Step::Meetings(input) => {
                    self.publisher.input(&input);
                    let effects = self.meetings.handle(now, input);
                    self.meeting_effects(effects)
                }
                Step::Fleet(input) => {
                    self.publisher.lists();
                    let effects = self.jibris.core.handle(now, input);
                    self.fleet_effects(effects)
                }
            };
            steps.extend(more);
            // What the one core has begun, the other counts before the next step.
            if steps.is_empty() {
                let supply = self.jibris.core.supply();
                // The same number may come of one start that went out and another that ended.
                let is_new = std::mem::replace(&mut self.supply, supply) != supply;
                if is_new || std::mem::take(&mut is_taken) {
                    steps.push_back(Step::Meetings(Input::Supply(supply)));
                }
            }
        }
        self.alarms.waiting(self.clock.now(), self.meetings.rooms_waiting());
    }

    /// Returns what the cores have to be told because of it.
    fn meeting_effects(&mut self, effects: Vec<Effect>) -> Vec<Step> {
        let mut steps = Vec::new();
        for effect in effects {
            self.publisher.effect(&effect);
            match effect {
                Effect::Do(action) => self.link.send(Command::Act(action)),
                Effect::Tell(event) => steps.extend(self.meeting_event(&event)),
                Effect::NoSuchRoom(room) => {
                    let changes = self.sources.no_such_room(room);
                    steps.extend(changes.into_iter().map(|change| Step::Meetings(change.into())));
                }
            }
        }
        steps
    }

    fn meeting_event(&mut self, event: &Event) -> Option<Step> {
        tell::log(event);
        let view = self.meetings.room(&event.room);
        self.alarms.meeting(self.clock.now(), &event.room, &event.what, view.as_ref());
        self.chronicle.meeting(self.clock.now(), event, view.as_ref(), self.meetings.roster(&event.room));
        self.publisher.meeting(event, view.as_ref().map_or(0, |view| view.attempt));
        let people = view.is_some_and(|view| view.people > 0);
        let news = News::of(&event.what, people)?;
        // Whom Jicofo selects, or has failed, shows in its next answer.
        if let (News::StartSent | News::Failed { .. }, Some(look)) = (&news, &self.jibris.look) {
            look.now();
        }
        Some(Step::Fleet(fleet::Input::Meeting { room: event.room.clone(), news }))
    }

    fn fleet_effects(&mut self, effects: Vec<fleet::Effect>) -> Vec<Step> {
        let mut steps = Vec::new();
        for effect in effects {
            match effect {
                fleet::Effect::Recover { name, .. } => self.jibris.restart(name),
                fleet::Effect::Ping { name } => match Nick::new(name.as_str()) {
                    Ok(nick) => self.link.send(Command::PingJibri { nick }),
                    Err(_) => tracing::debug!(instance = name.as_str(), "no nickname to ping"),
                },
                fleet::Effect::Look { room } => {
                    steps.push(Step::Meetings(Input::Room { room, event: RoomEvent::JibriStopped }));
                }
                fleet::Effect::Taken { room } => steps.push(taken(room, true)),
                fleet::Effect::NotTaken { room } => steps.push(taken(room, false)),
                fleet::Effect::AskJicofo => {
                    if let Some(look) = &self.jibris.look {
                        look.now();
                    }
                }
                // The supply is read after each round.
                fleet::Effect::Available(_) => {}
                fleet::Effect::Tell(event) => self.fleet_event(&event),
            }
        }
        steps
    }

    fn fleet_event(&mut self, event: &fleet::Event) {
        tell_fleet::log(event, self.clock);
        self.publisher.fleet(event);
        self.chronicle.fleet(self.clock.now(), event);
        // A stranger may go as it came, and one that is being restarted is told of if it does not come back.
        let is_missed = match event {
            fleet::Event::Verdict { name, .. } => {
                let view = self.jibris.core.jibri_view(name.as_str(), self.clock.now());
                view.is_some_and(|view| view.configured && !view.recovering)
            }
            _ => true,
        };
        self.alarms.fleet(self.clock.now(), event, is_missed, self.clock);
    }
}

fn taken(room: RoomJid, taken: bool) -> Step {
    Step::Meetings(Input::Room { room, event: RoomEvent::Taken(taken) })
}
