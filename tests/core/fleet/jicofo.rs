//! Jicofo as the model has it, in the fleet's world: what it hears when, and who is told what it does.

use jibri_autostart::fleet::{Brewery, Detected, Input as FleetInput, JibriName, Stamp};
use jibri_autostart::meeting::{Ended, StartFailure};
use model::jibri::Input as JibriInput;
use model::jicofo::{Input, Output};
use model::{Action, Mode, Refusal};
use std::time::Duration;

use super::jibri::{duration, report};
use super::plan::{MS, SEC};
use super::rooms::Asker;
use super::world::{Ev, World};

/// From Jicofo to a Jibri.
const WAY: u64 = 50 * MS;

pub type Jicofo = model::Jicofo<usize, usize, Asker>;

/// The id of a room's session.
pub fn session_id(r: usize, number: u64) -> String {
    format!("s{r}-{number}")
}

impl World {
    /// What its REST interface shows of the Jibris.
    pub fn detected(&self) -> Vec<Detected> {
        let stamp =
            |at: Option<Duration>| {
                Stamp(at.map_or("-1000000000-01-01T00:00:00Z".into(), |at| {
                    format!("2026-{}", at.as_micros()).into()
                }))
            };
        let row = |(j, instance): (&usize, &model::JibriInstance)| Detected {
            name: JibriName::new(&self.jibris[*j].plan.name),
            report: report(instance.status),
            selected: stamp(instance.last_selected),
            failed: stamp(instance.last_failed),
        };
        self.jicofo.detector.instances().map(row).collect()
    }

    /// It reports idle and healthy, and has not failed of late.
    pub fn would_select(&self, j: usize) -> bool {
        self.jicofo.detector.would_select(duration(self.now), &j)
    }

    /// It loses the brewery; somebody restarts it some time.
    pub fn jicofo_loses(&mut self, keeps_list: bool) {
        if self.jicofo_is_down {
            return self.after(20 * SEC, Ev::JicofoLoses { keeps_list });
        }
        self.seen.count("Jicofo loses the brewery");
        self.line(|_| format!("     Jicofo loses the brewery, keeping its list: {keeps_list}"));
        self.jicofo.detector.lose_brewery(keeps_list);
        self.checks.lost_at = Some(self.now);
        self.tell_brewery_of_jicofo();
        let by_hand = self.some(300 * SEC, 1500 * SEC);
        self.after(by_hand, Ev::JicofoRestarts { by_us: false });
    }

    /// Somebody restarts it because it has lost the brewery.
    pub fn jicofo_restarts(&mut self, by_us: bool) {
        if by_us {
            self.deliver(FleetInput::JicofoRestarted(Ok(())));
        }
        let Some(at) = self.checks.lost_at.filter(|_| !self.jicofo_is_down) else { return };
        (self.checks.lost_at, self.checks.was_lost_at) = (None, Some(at));
        self.checks.mended_at = Some(self.now);
        self.line(|_| "     Jicofo is restarted".into());
        self.jicofo_goes();
    }

    /// It is killed, and starts again by itself. That mends whatever it had lost.
    pub fn jicofo_dies(&mut self) {
        if self.jicofo_is_down {
            return;
        }
        self.seen.count("Jicofo is killed");
        self.line(|_| "     Jicofo is killed".into());
        if let Some(at) = self.checks.lost_at.take() {
            (self.checks.was_lost_at, self.checks.mended_at) = (Some(at), Some(self.now));
        }
        self.jicofo_goes();
    }

    fn jicofo_goes(&mut self) {
        let sessions: Vec<bool> = (0..self.rooms.len()).map(|r| self.jicofo.session(&r).is_some()).collect();
        self.jicofo_hears(Input::Restarts);
        for (r, had_session) in sessions.into_iter().enumerate() {
            self.room_loses_jicofo(r, had_session);
        }
        self.jicofo_is_down = true;
        self.tell_brewery_of_jicofo();
        match self.jicofo_takes() {
            0 => self.jicofo_comes_up(),
            takes => self.after(takes, Ev::JicofoComesUp),
        }
    }

    /// It knows nothing any more, and sees who is there.
    pub fn jicofo_comes_up(&mut self) {
        self.jicofo_is_down = false;
        self.checks.mended_at = self.checks.mended_at.map(|_| self.now);
        for j in 0..self.jibris.len() {
            if self.jibris[j].server.flatten().is_some()
                && let Some(status) = self.jibris[j].model.shown()
            {
                self.after(50 * MS, Ev::Jicofo(Input::Presence(j, status)));
            }
        }
        for r in 0..self.rooms.len() {
            self.room_has_jicofo(r);
        }
        self.tell_brewery_of_jicofo();
    }

    /// Whether it is among the occupants.
    pub fn tell_brewery_of_jicofo(&mut self) {
        if self.brewery_in && (self.plan.lost.is_some() || !self.plan.killed.is_empty()) {
            let is_there = self.checks.lost_at.is_none() && !self.jicofo_is_down;
            self.tell_brewery(Brewery::Jicofo { is_there });
        }
    }

    /// The room's present start.
    pub fn start_in(&mut self, r: usize, asker: Asker, nick: &str) {
        let action = Action::Start(session_id(r, self.rooms[r].number), Mode::File);
        self.jicofo_hears(Input::Asked(r, asker, nick.into(), action));
    }

    pub fn jicofo_hears(&mut self, input: Input<usize, usize, Asker>) {
        if self.jicofo_is_down {
            return;
        }
        self.stirs = true;
        let (is_tick, is_loss) = (matches!(input, Input::Tick), matches!(input, Input::Offline(_)));
        let is_answer = matches!(input, Input::Answered(..));
        for output in self.jicofo.handle(duration(self.now), input) {
            match output {
                Output::Answer(r, asker, Ok(Some(_))) => self.room_accepted(r, asker),
                Output::Answer(_, _, Ok(None)) | Output::NoneFound(_) => {}
                Output::Answer(r, asker, Err(why)) => self.room_refused(r, asker, why),
                Output::Start { jibri: j, session } => {
                    let r = session.room;
                    self.line(|w| format!("     Jicofo selects {} for r{r}", w.jibris[j].plan.name));
                    self.after(WAY, Ev::JibriAsked { j, work: (r, session.id) });
                }
                Output::Stop { jibri: j, session } => {
                    let has_another = self.jibris[j].model.job().is_some_and(|((_, its), _)| *its != session);
                    self.jibris[j].strayed |= has_another;
                    self.after(WAY, Ev::JibriMeets { j, input: JibriInput::Stop })
                }
                Output::Publish(r, status) => match (status.on, status.initiator, self.rooms[r].on) {
                    (true, _, true) => self.seen.count("on again, by another Jibri"),
                    (true, _, false) => {
                        self.rooms[r].on = true;
                        self.room_is_on(r);
                    }
                    (false, by, was_on) => {
                        self.rooms[r].on = false;
                        match by {
                            Some(_) => self.room_stopped(r),
                            None if status.failed => {
                                self.room_failed(r, StartFailure::Failed, Ended::Failed, was_on);
                            }
                            None => {
                                self.room_failed(r, StartFailure::EndedBeforeOn, Ended::Naturally, was_on)
                            }
                        }
                    }
                },
                Output::StartFailed { jibri: j, .. } => {
                    if is_tick {
                        self.seen.count("Jicofo gives up on a silent Jibri");
                    }
                    self.lost_start(j, true);
                }
                Output::Waits(_) => self.seen.count("a start waited in focus's queue"),
                Output::Moves(_) if is_loss => self.seen.count("a Jibri is lost in a session"),
                Output::Moves(_) => self.seen.count("Jicofo falls back to another"),
                Output::Stray(_) if is_answer => self.seen.count("an answer too late"),
                Output::Stray(_) => {}
                Output::LeftOver(_) => self.seen.count("a session left over begins"),
            }
        }
    }
}

/// A start that was refused for want of a Jibri.
pub fn start_failure(why: Refusal) -> StartFailure {
    match why {
        Refusal::NoJibris => StartFailure::NoJibri,
        Refusal::InternalServerError => StartFailure::SeveralFailed,
        _ => StartFailure::AllBusy,
    }
}
