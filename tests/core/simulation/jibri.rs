//! Jibris: working, slow, refusing, hanging, pending for ever, crashing, ending by themselves; what they do, the model
//! knows, and here is what chance decides and what the world sees of it.

use std::time::Duration;

use jibri_autostart::config::Mode;
use jibri_autostart::meeting::{Role, SessionId};
use model::jibri::{Input, Output};
use model::{Course, JibriSettings, Report, Stage, Step, jicofo};
use rand::RngExt as _;

use super::focus::mode_of;
use super::muc::{Kind, Occupant};
use super::plan::{MS, SEC, Us};
use super::world::{Ev, World};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Good,
    /// Launches as slowly as focus just tolerates, or a bit slower.
    Slow,
    /// Chrome refuses to start: an error at once, idle and healthy all along.
    Refuses,
    /// Chrome hangs: no answer, idle and healthy all along.
    Hangs,
    /// Accepts and never gets into the room.
    Stuck,
    /// Accepts and fails before it is on.
    FailsPending,
    /// Records for a while, then fails.
    FailsOn,
    /// Records for a while, then leaves the brewery.
    Crashes,
    /// Records for a while, then ends by itself (all muted, a time limit).
    Quits,
}

/// A room, and the session's id.
pub type Work = (usize, String);

#[derive(Debug)]
pub struct Jibri {
    pub mood: Mood,
    pub model: model::Jibri<Work>,
}

impl Jibri {
    pub fn new(mood: Mood) -> Self {
        let settings =
            JibriSettings { stale: Duration::ZERO, seat: Some(Duration::ZERO), ..Default::default() };
        Self { mood, model: model::Jibri::new(settings) }
    }

    /// What the brewery shows: busy only once Chrome runs.
    pub fn looks_idle(&self) -> bool {
        self.model.shown().is_some_and(|status| status.is_available())
    }

    pub fn room(&self) -> Option<usize> {
        self.model.job().map(|((r, _), _)| *r)
    }

    /// It is at work there, as far as it knows.
    fn is_at(&self, r: usize, from: Stage) -> bool {
        self.model
            .job()
            .is_some_and(|((room, _), stage)| *room == r && (from..Stage::Finalizing).contains(&stage))
    }
}

pub fn duration(us: Us) -> Duration {
    Duration::from_micros(us)
}

impl World {
    /// A Jibri that focus would choose and that would do it.
    pub fn is_free_and_works(&self, j: usize) -> bool {
        let jibri = &self.jibris[j];
        jibri.mood == Mood::Good
            && jibri.model.is_free()
            && self.jicofo.detector.would_select(duration(self.now), &j)
    }

    /// Focus asks a Jibri to record a room.
    pub fn jibri_asked(&mut self, j: usize, work: Work) {
        let course = self.course(j, work.0);
        self.jibri(j, Input::Start(work, course));
    }

    fn course(&mut self, j: usize, r: usize) -> Course {
        let mood = self.jibris[j].mood;
        match mood {
            _ if self.jibris[j].model.job().is_some() => self.seen.count("a Jibri locked by its launch"),
            Mood::Hangs => self.seen.count("a Jibri hangs"),
            Mood::Refuses => self.seen.count("a Jibri refuses"),
            Mood::Stuck => {
                self.fault(r);
                self.seen.count("a Jibri pending for ever");
            }
            _ => {}
        }
        let launch = match mood {
            Mood::Refuses => self.some(10 * MS, 3 * SEC),
            Mood::Slow => self.some(8 * SEC, 17 * SEC),
            _ => self.some(SEC, 10 * SEC),
        };
        let launches = if mood == Mood::Refuses { Step::Fails } else { Step::Works };
        let page = match mood {
            Mood::Stuck => 180 * SEC,
            Mood::Slow => self.some(5 * SEC, 40 * SEC),
            _ => self.some(SEC, 10 * SEC),
        };
        let loads = if matches!(mood, Mood::Stuck | Mood::FailsPending) { Step::Fails } else { Step::Works };
        let while_on = self.some(SEC, if self.plan.quitters { 15 * SEC } else { 120 * SEC });
        let records = match mood {
            Mood::FailsOn => Some(Step::Fails),
            Mood::Crashes => Some(Step::Crashes),
            Mood::Quits => Some(Step::Works),
            _ => None,
        };
        Course {
            launch: (mood != Mood::Hangs).then_some((duration(launch), launches)),
            page: Some((duration(page), loads)),
            shows: duration(self.some(0, 500 * MS)),
            on: duration(self.some(0, 3 * SEC)),
            records: records.map(|step| (duration(while_on), step)),
            leaves: duration(self.some(100 * MS, 3 * SEC)),
            finalizes: duration(self.some(3 * SEC, 20 * SEC)),
        }
    }

    /// Something that a Jibri meets, and what the world sees of what it does.
    pub fn jibri(&mut self, j: usize, input: Input<Work>) {
        self.jibris[j].model.alone = self.jibris[j].room().is_some_and(|r| {
            let others = |k: Kind| !matches!(k, Kind::Focus | Kind::Recorder(_));
            !self.rooms[r].occupants.iter().any(|o| others(o.kind))
        });
        let at_work = self.jibris[j].room().filter(|r| self.jibris[j].is_at(*r, Stage::Launching));
        let is_death = matches!(input, Input::Killed);
        let outputs = self.jibris[j].model.handle(duration(self.now), input);
        if is_death || outputs.contains(&Output::Dies) {
            self.jibri_died(j, at_work);
        }
        for output in outputs {
            self.trace_all(|| format!("Jibri {j}: {output:?}"));
            match output {
                Output::Appears | Output::Dies => {}
                Output::Shows(status) => self.tell_jicofo(jicofo::Input::Presence(j, status)),
                Output::Vanishes => self.tell_jicofo(jicofo::Input::Offline(j)),
                Output::Answers((_, id), reply) => self.tell_jicofo(jicofo::Input::Answered(j, id, reply)),
                Output::Enters(work) => self.recorder_enters(j, work),
                Output::ShowsSession((r, id)) => {
                    let session = SessionId(id.as_str().into());
                    if let Some(occupant) = self.rooms[r].find_mut(Kind::Recorder(j)) {
                        (occupant.mode, occupant.session) = (Some(mode_of(&session)), Some(session));
                        self.show(r, Kind::Recorder(j));
                    }
                }
                Output::Leaves((r, _)) => self.exit(r, Kind::Recorder(j)),
                Output::Reports((r, _), report) => {
                    match report {
                        Report::Off { failed: true } => self.seen_to_stop(r, false),
                        Report::Off { .. } if self.jibris[j].model.alone => {
                            self.seen.count("a Jibri left an empty room");
                        }
                        _ => {}
                    }
                    self.tell_jicofo(jicofo::Input::Reported(j, report));
                }
            }
        }
    }

    fn recorder_enters(&mut self, j: usize, (r, id): Work) {
        if mode_of(&SessionId(id.as_str().into())) == Mode::Stream {
            self.rooms[r].misled |= self.mirrors[r].awaits_recorder();
        }
        // Each browser has a nickname and a resource of its own.
        self.browsers += 1;
        let name = format!("rec{j}n{}", self.browsers);
        let jid = format!("recorder@hidden.meet.jitsi/{name}");
        let recorder = Occupant::new(Kind::Recorder(j), &name, &jid, Role::Participant);
        let is_in = self.rooms[r].exists && self.enter(r, recorder);
        self.tell_jibri(j, if is_in { Input::Entered } else { Input::PutOut });
    }

    /// The brewery shows it a moment later.
    fn seen_to_stop(&mut self, r: usize, gone: bool) {
        let shows = self.some(1, SEC);
        self.after(shows, Ev::JibriSeenToStop { r, gone });
    }

    /// And is started again by somebody, a while later.
    fn jibri_died(&mut self, j: usize, at_work: Option<usize>) {
        self.seen.count("a Jibri crashes");
        if let Some(r) = at_work {
            self.seen_to_stop(r, true);
        }
        let back = self.some(2 * SEC, 60 * SEC);
        self.after(back, Ev::JibriBoots { j });
    }

    /// One that is up already stays as it is.
    pub fn jibri_boots(&mut self, j: usize) {
        if !self.jibris[j].model.is_running() {
            self.jibri(j, Input::Boots);
        }
    }

    /// Reaches a Jibri as the next thing that happens.
    pub fn tell_jibri(&mut self, j: usize, input: Input<Work>) {
        self.after(0, Ev::Jibri { j, input });
    }

    /// A Jibri changes its ways, for better or worse; one that hangs is restarted for that.
    pub fn jibri_mood(&mut self, j: usize) {
        use Mood as M;
        let moods = [M::Good, M::Good, M::Good, M::Slow, M::Refuses, M::Hangs, M::Stuck];
        let more = [M::FailsPending, M::FailsOn, M::Crashes, M::Quits];
        let n = self.rng.random_range(0..moods.len() + more.len());
        let mood = moods.get(n).copied().unwrap_or_else(|| more[n - moods.len()]);
        let mood = if self.plan.quitters { M::Quits } else { mood };
        let hung = std::mem::replace(&mut self.jibris[j].mood, mood) == M::Hangs;
        if hung && self.jibris[j].model.is_launching() {
            self.jibri(j, Input::Boots);
        }
        if mood == M::Crashes && self.rng.random_bool(0.3) {
            self.jibri(j, Input::Killed);
        }
    }

    /// Some Jibri has a job in this room that is not over.
    pub fn has_working_jibri(&self, r: usize) -> bool {
        self.jibris.iter().any(|jibri| jibri.is_at(r, Stage::Launching))
    }

    /// Focus says that a session is on which no Jibri has: one that had it has told of another's, and Jibris do not say
    /// of which they tell (docs/jitsi.md 13.2.10). It refuses every start then, and nothing shows when that ends.
    pub fn focus_is_mistaken(&self, r: usize) -> bool {
        let session = self.rooms[r].conference.as_ref().and_then(|c| c.session.as_ref());
        session.is_some_and(|session| {
            let has_it = |jibri: &Jibri| jibri.model.job().is_some_and(|((_, id), _)| **id == *session.id.0);
            session.on && !self.jibris.iter().any(has_it)
        })
    }

    /// Some Jibri records this session of a room.
    pub fn records(&self, r: usize, session: &SessionId) -> bool {
        let has_it = |jibri: &Jibri| jibri.model.job().is_some_and(|((_, id), _)| **id == *session.0);
        self.jibris.iter().any(|jibri| jibri.is_at(r, Stage::On) && has_it(jibri))
    }

    /// A room is recorded by some Jibri, whether focus knows it or not.
    pub fn is_recorded(&self, r: usize) -> bool {
        self.jibris.iter().any(|jibri| jibri.is_at(r, Stage::On))
    }
}
