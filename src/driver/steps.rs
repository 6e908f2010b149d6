//! One input to one of the cores, and all that follows from it in both.

use super::Driver;
use super::listeners::{log, log_fleet};
use crate::address::Nick;
use crate::coupling::Step;
use crate::fleet::{self, JibriName, Reason, Whom};
use crate::meeting::watchlist::Change;
use crate::meeting::{Effect, Event, Input};
use crate::recovery;
use crate::xmpp::Command;

impl Driver {
    pub(super) fn feed_changes(&mut self, changes: Vec<Change>) {
        self.add_changes(changes);
        self.go();
    }

    /// Takes an input to the meetings, and all that follows from it.
    pub(super) fn feed(&mut self, input: Input) {
        self.note_time();
        self.coupling.add(Step::Meetings(input));
        self.go();
    }

    /// Takes an input to the fleet, and all that follows from it.
    pub(super) fn feed_fleet(&mut self, input: fleet::Input) {
        self.note_time();
        self.coupling.add(Step::Fleet(input));
        self.go();
    }

    /// Carries out what the meetings want, and all that follows from it.
    pub(super) fn carry_out(&mut self, effects: Vec<Effect>) {
        self.meeting_effects(effects);
        self.go();
    }

    fn add_changes(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.coupling.add(Step::Meetings(change.into()));
        }
    }

    /// Takes all that the cores have yet to be told.
    pub(super) fn go(&mut self) {
        while let Some(step) = self.next_step() {
            let now = self.clock.now();
            match step {
                Step::Meetings(input) => {
                    self.publisher.input(&input);
                    let room = input.room().cloned();
                    let effects = self.meetings.handle(now, input);
                    self.meeting_effects(effects);
                    // That a recording is not wanted any more need not be an event.
                    if let Some(room) = room {
                        self.alarms.missing(now, &room, self.meetings.room(&room).as_ref());
                    }
                }
                Step::Fleet(input) => {
                    let says_again = matches!(
                        input,
                        fleet::Input::Health { .. } | fleet::Input::Detector(_) | fleet::Input::Tick
                    );
                    let change = self.jibris.core.availability().change;
                    let effects = self.jibris.core.handle(now, input);
                    let is_news = !effects.is_empty() || self.jibris.core.availability().change != change;
                    // Most answers are as the last one was: then only that it was seen is new, and shown now and then.
                    if !says_again || is_news {
                        self.publisher.lists();
                    }
                    self.fleet_effects(effects);
                }
            }
        }
        self.alarms.waiting(self.clock.now(), self.meetings.rooms_waiting());
    }

    fn next_step(&mut self) -> Option<Step> {
        let step = self.coupling.next(&self.jibris.core);
        if step.is_none() && self.coupling.waiting(self.meetings.rooms_waiting()) {
            return self.coupling.next(&self.jibris.core);
        }
        step
    }

    fn meeting_effects(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.publisher.effect(&effect);
            match effect {
                Effect::Do(action) => self.link.send(Command::Act(action)),
                Effect::Tell(event) => self.meeting_event(&event),
                Effect::NoSuchRoom(room) => {
                    let changes = self.sources.no_such_room(room);
                    self.add_changes(changes);
                }
                Effect::Proven(room) => {
                    let changes = self.sources.proven(room);
                    self.add_changes(changes);
                }
            }
        }
    }

    fn meeting_event(&mut self, event: &Event) {
        let view = self.meetings.room(&event.room);
        let attempt = view.as_ref().map_or(0, |view| view.attempt);
        log::log(event, attempt);
        self.alarms.meeting(self.clock.now(), &event.room, &event.what, view.as_ref());
        self.history.meeting(self.clock.now(), event, view.as_ref(), self.meetings.roster(&event.room));
        self.publisher.meeting(event, attempt);
        let people = view.is_some_and(|view| view.people > 0);
        self.recording_event(event);
        if self.coupling.event(event, people) {
            self.ask_jicofo();
        }
    }

    /// By its own API where that is known, else through the brewery.
    fn end_recording(&mut self, name: JibriName) {
        let instance = self.settings.jibri.instances.iter().find(|instance| instance.name == name.as_str());
        let health = instance.and_then(|instance| instance.health_url.as_deref());
        if let Some(url) = health.and_then(recovery::stop_service_url) {
            return self.jibris.end_recording(name, url);
        }
        match Nick::new(name.as_str()) {
            Ok(nick) => self.link.send(Command::StopJibri { nick }),
            Err(_) => tracing::debug!(instance = name.as_str(), "no nickname to stop"),
        }
    }

    fn ask_jicofo(&self) {
        if let Some(look) = &self.jibris.look {
            look.now();
        }
    }

    fn fleet_effects(&mut self, effects: Vec<fleet::Effect>) {
        for effect in effects {
            self.coupling.effect(&effect);
            match effect {
                fleet::Effect::Recover { name, reason } => {
                    self.history.restarting(self.clock.now(), &Whom::Jibri(name.clone()), reason);
                    self.jibris.restart(name);
                }
                fleet::Effect::RestartJicofo => {
                    self.history.restarting(self.clock.now(), &Whom::Jicofo, Reason::LostBrewery);
                    self.jibris.restart_jicofo();
                }
                fleet::Effect::Ping { name } => match Nick::new(name.as_str()) {
                    Ok(nick) => self.link.send(Command::PingJibri { nick }),
                    Err(_) => tracing::debug!(instance = name.as_str(), "no nickname to ping"),
                },
                fleet::Effect::EndRecording { name } => self.end_recording(name),
                fleet::Effect::AskJicofo => self.ask_jicofo(),
                fleet::Effect::AskClosely { name, closely } => {
                    self.jibris.closely.set(name.as_str(), closely)
                }
                fleet::Effect::AskRecorders { room } => {
                    if let Some(recorders) = &self.jibris.recorders {
                        recorders.ask(room);
                    }
                }
                fleet::Effect::Tell(event) => self.fleet_event(&event),
                // For the meetings only.
                fleet::Effect::Look { .. }
                | fleet::Effect::HoldBack { .. }
                | fleet::Effect::Taken { .. }
                | fleet::Effect::NotTaken { .. }
                | fleet::Effect::RecordedBy { .. } => {}
            }
        }
    }

    fn fleet_event(&mut self, event: &fleet::Event) {
        log_fleet::log(event, self.clock);
        self.publisher.fleet(event);
        self.history.fleet(self.clock.now(), event);
        self.recording_moved(event);
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
