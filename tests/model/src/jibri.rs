//! A Jibri: from a start over `pending` and `on` to idle again, with all that goes wrong on the way (docs/jitsi.md 2,
//! 5, 13.2).

use crate::course::{Course, Reply, Report, Settings, Stage, Step, Turn};
use crate::status::{Busy, Health, IDLE, Status};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// What a Jibri meets. `W` is a piece of work: a room and a session.
#[derive(Clone, Debug)]
pub enum Input<W> {
    /// Its process starts, and enters the brewery: whatever hung is whole again.
    Boots,
    /// The same process connects again: a recording is lost, what hung hangs.
    Reconnects,
    /// Its process is killed.
    Killed,
    /// Jicofo asks it to record.
    Start(W, Course),
    /// Jicofo tells it to stop. Whose session is meant is not looked at, and once it is on, whoever has that session is
    /// told of a natural end (docs/jitsi.md 2, 13.2.10).
    Stop,
    /// The same by somebody at the machine, over HTTP (docs/jitsi.md 6).
    StopService,
    /// Its recorder is in the room.
    Entered,
    /// Its recorder has not got in, or was put out.
    PutOut,
    /// This page of its has left the room, as clients do where Jicofo is restarted; it finds itself alone (docs/jitsi.md
    /// 13.3.2).
    PageLeft(u64),
    /// It turns unhealthy, or is healed by hand.
    Unhealthy(bool),
    /// It is busy with other people's work, or that is over.
    Elsewhere(bool),
    /// Its XMPP hangs or its link is lost: its last presence stays, nothing arrives, and nothing that it says does. Or
    /// it is back in the brewery, with its last word, whatever has become of it meanwhile (docs/jitsi.md 13.2.2,
    /// 13.2.8).
    Deaf(bool),
    /// Nothing; time has passed.
    Tick,
}

/// What a Jibri does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<W> {
    /// It is in the brewery, and shows no status yet.
    Appears,
    /// Its presence says this.
    Shows(Status),
    /// Its presence goes.
    Vanishes,
    /// It answers a start.
    Answers(W, Reply),
    /// Its recorder goes for the room.
    Enters(W),
    /// The recorder shows its session and mode.
    ShowsSession(W),
    /// The recorder leaves, or its seat is cleared away.
    Leaves(W),
    /// It tells Jicofo how the recording is.
    Reports(W, Report),
    /// Its process dies, by itself.
    Dies,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Launched(Step),
    Loaded(Step),
    ShowsSession,
    IsOn,
    Recorded(Step),
    Look,
    Leaves,
    Finalized,
    ShowsStatus,
    Vanishes,
}

#[derive(Clone, Debug)]
struct Job<W> {
    work: W,
    course: Course,
    stage: Stage,
    /// Since when it has shown itself busy with it.
    since: Duration,
    /// Since which look the room has been empty.
    empty_since: Option<Duration>,
}

/// A Jibri.
#[derive(Clone, Debug)]
pub struct Jibri<W> {
    /// How it is set up.
    pub settings: Settings,
    running: bool,
    unhealthy: bool,
    expired: bool,
    elsewhere: Option<Duration>,
    deaf: bool,
    /// It is busy for itself alone, for good (docs/jitsi.md 13.2.3).
    stuck: bool,
    /// Since when it has been in the brewery.
    there_since: Duration,
    /// Nobody else is in the room, besides focus; told before a look.
    pub alone: bool,
    job: Option<Job<W>>,
    /// Behind the lock that a launch holds.
    waiting: Vec<Input<W>>,
    /// Its recorder is in a room, or on its way there.
    seat: Option<W>,
    /// How many have been; each is another occupant.
    pages: u64,
    /// Recorders that have outlived their Jibri, by number, and until when.
    dead: Vec<(u64, W, Option<Duration>)>,
    shown: Option<Status>,
    timers: Vec<(Duration, Timer)>,
}

impl<W: Clone> Jibri<W> {
    /// One that is not running yet.
    pub fn new(settings: Settings) -> Self {
        Jibri {
            settings,
            running: false,
            unhealthy: false,
            expired: false,
            elsewhere: None,
            deaf: false,
            stuck: false,
            there_since: Duration::ZERO,
            alone: false,
            job: None,
            waiting: Vec::new(),
            seat: None,
            pages: 0,
            dead: Vec::new(),
            shown: None,
            timers: Vec::new(),
        }
    }

    /// Its process runs.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// What it is at, and how far it is.
    pub fn job(&self) -> Option<(&W, Stage)> {
        self.job.as_ref().map(|job| (&job.work, job.stage))
    }

    /// Its work, if the recorder is, or should be, in the room.
    pub fn recording(&self) -> Option<&W> {
        let inside = |job: &&Job<W>| matches!(job.stage, Stage::Inside | Stage::On);
        self.job.as_ref().filter(inside).map(|job| &job.work)
    }

    /// The number of its page in the room.
    pub fn page(&self) -> Option<u64> {
        self.seat.as_ref().map(|_| self.pages)
    }

    /// Chrome is being launched; whoever wants the lock waits.
    pub fn is_launching(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.stage == Stage::Launching)
    }

    /// Since when it has been busy.
    pub fn busy_since(&self) -> Option<Duration> {
        let job = self.job.as_ref().filter(|job| job.stage > Stage::Launching);
        job.map(|job| job.since).or(self.elsewhere)
    }

    /// It takes the next start.
    pub fn is_free(&self) -> bool {
        self.running && self.job.is_none() && self.own_status() == IDLE
    }

    /// Where recorders of its Chromes are, or are about to be: its own, and those that have outlived it; each has a number.
    pub fn seats(&self) -> impl Iterator<Item = (u64, &W)> {
        let own = self.seat.iter().map(|work| (self.pages, work));
        own.chain(self.dead.iter().map(|(page, work, _)| (*page, work)))
    }

    /// What its health port says.
    pub fn own_status(&self) -> Status {
        let busy = match () {
            () if self.expired => Busy::Expired,
            () if self.stuck || self.busy_since().is_some() => Busy::Busy,
            () => Busy::Idle,
        };
        Status { busy, health: if self.unhealthy { Health::Unhealthy } else { Health::Healthy } }
    }

    /// What the brewery shows of it.
    pub fn shown(&self) -> Option<Status> {
        self.shown
    }

    /// When it next does something by itself.
    pub fn next_deadline(&self) -> Option<Duration> {
        let dead = self.dead.iter().filter_map(|(_, _, until)| *until);
        self.timers.iter().map(|(at, _)| *at).chain(dead).min()
    }

    /// What follows from an input, and from the time that has passed.
    pub fn handle(&mut self, now: Duration, input: Input<W>) -> Vec<Output<W>> {
        let mut out = Vec::new();
        self.pass(now, &mut out);
        self.meet(now, input, &mut out);
        self.pass(now, &mut out);
        out
    }

    /// All that was due by now, in order.
    fn pass(&mut self, now: Duration, out: &mut Vec<Output<W>>) {
        while let Some(at) = self.next_deadline().filter(|at| *at <= now) {
            match self.timers.iter().position(|(due, _)| *due == at) {
                Some(n) => {
                    let (_, timer) = self.timers.remove(n);
                    self.comes_due(at, timer, out);
                }
                None => {
                    let gone = self.dead.extract_if(.., |(_, _, until)| *until == Some(at));
                    out.extend(gone.map(|(_, work, _)| Output::Leaves(work)));
                }
            }
        }
    }

    fn later(&mut self, at: Duration, timer: Timer) {
        self.timers.push((at, timer));
    }

    fn after(&mut self, now: Duration, turn: Turn, timer: impl Fn(Step) -> Timer) {
        if let Some((wait, step)) = turn {
            self.later(now + wait, timer(step));
        }
    }

    fn meet(&mut self, now: Duration, input: Input<W>, out: &mut Vec<Output<W>>) {
        let is_locked = self.is_launching();
        match input {
            Input::Boots => {
                self.forget(now, out);
                (self.running, self.unhealthy, self.expired) = (true, false, false);
                (self.elsewhere, self.deaf, self.stuck) = (None, false, false);
                self.appears(now, out);
            }
            Input::Reconnects => {
                let hangs = self.job.take_if(|job| job.stage == Stage::Launching);
                let waiting = std::mem::take(&mut self.waiting);
                self.forget(now, out);
                (self.job, self.waiting) = (hangs, waiting);
                self.appears(now, out);
            }
            Input::Killed => self.dies(now, out),
            Input::Start(..) | Input::Stop if self.deaf || !self.running => {}
            Input::Start(..) if now < self.there_since + self.settings.misses_starts => {}
            Input::Start(..) | Input::Stop | Input::StopService if is_locked => self.waiting.push(input),
            Input::Start(work, course) => self.start(now, work, course, out),
            Input::Stop | Input::StopService => {
                let is_on = self.job().is_some_and(|(_, stage)| stage == Stage::On);
                self.ends(now, is_on.then_some(Report::Off { failed: false }), out);
            }
            Input::Entered => {
                if let Some(job) = self.job.as_ref().filter(|job| job.stage == Stage::Inside) {
                    self.later(now + job.course.shows, Timer::ShowsSession);
                }
            }
            Input::PutOut => {
                if self.recording().is_some() {
                    self.seat = None;
                    self.ends(now, Some(Report::Off { failed: true }), out);
                }
            }
            Input::PageLeft(page) => {
                if self.pages == page {
                    self.leaves(out);
                }
            }
            Input::Unhealthy(unhealthy) => {
                self.unhealthy = unhealthy;
                self.show(out);
            }
            Input::Elsewhere(busy) => {
                self.elsewhere = busy.then_some(now);
                self.show(out);
            }
            Input::Deaf(true) => self.deaf = true,
            Input::Deaf(false) => {
                if std::mem::replace(&mut self.deaf, false) {
                    out.push(Output::Appears);
                    out.extend(self.shown.map(Output::Shows));
                }
            }
            Input::Tick => {}
        }
    }

    /// Chrome is launched within the request (docs/jitsi.md 5).
    fn start(&mut self, now: Duration, work: W, course: Course, out: &mut Vec<Output<W>>) {
        if self.busy_since().is_some() || self.expired {
            return self.says(Output::Answers(work, Reply::Busy), out);
        }
        self.job = Some(Job { work, course, stage: Stage::Launching, since: now, empty_since: None });
        self.after(now, course.launch, Timer::Launched);
    }

    fn comes_due(&mut self, now: Duration, timer: Timer, out: &mut Vec<Output<W>>) {
        match timer {
            Timer::ShowsStatus => return self.show(out),
            Timer::Vanishes => {
                self.shown = None;
                return out.push(Output::Vanishes);
            }
            _ => {}
        }
        let Some(job) = &mut self.job else { return };
        let (work, course) = (job.work.clone(), job.course);
        match timer {
            Timer::Launched(Step::Works) => {
                (job.stage, job.since) = (Stage::Pending, now);
                self.after(now, course.page, Timer::Loaded);
                self.stuck = false;
                self.show(out);
                self.says(Output::Answers(work, Reply::Pending), out);
                self.unlocked(now, out);
            }
            Timer::Launched(Step::Crashes)
            | Timer::Loaded(Step::Crashes)
            | Timer::Recorded(Step::Crashes) => {
                out.push(Output::Dies);
                self.dies(now, out);
            }
            Timer::Launched(step) => {
                self.job = None;
                self.stuck |= step == Step::Sticks;
                self.says(Output::Answers(work, Reply::Error), out);
                self.unlocked(now, out);
            }
            Timer::Loaded(Step::Works) => {
                job.stage = Stage::Inside;
                (self.seat, self.alone) = (Some(work.clone()), false);
                self.pages += 1;
                out.push(Output::Enters(work));
            }
            Timer::Loaded(step) | Timer::Recorded(step) => {
                self.unhealthy |= step == Step::Breaks;
                self.show(out);
                self.ends(now, Some(Report::Off { failed: step != Step::Works }), out);
            }
            Timer::ShowsSession => {
                out.push(Output::ShowsSession(work));
                self.later(now + course.on, Timer::IsOn);
            }
            Timer::IsOn => {
                job.stage = Stage::On;
                self.says(Output::Reports(work, Report::On), out);
                self.after(now, course.records, Timer::Recorded);
                self.later(now + self.settings.look_every, Timer::Look);
            }
            Timer::Look => {
                let is_alone = self.alone || self.seat.is_none();
                job.empty_since = is_alone.then(|| job.empty_since.unwrap_or(now));
                if job.empty_since.is_some_and(|since| now >= since + self.settings.empty_timeout) {
                    self.ends(now, Some(Report::Off { failed: false }), out);
                } else {
                    self.later(now + self.settings.look_every, Timer::Look);
                }
            }
            Timer::Leaves => self.leaves(out),
            Timer::Finalized => {
                self.job = None;
                self.expired |= self.settings.single_use;
                self.show(out);
            }
            Timer::ShowsStatus | Timer::Vanishes => {}
        }
    }

    /// The lock is free: what waits for it takes its turn.
    fn unlocked(&mut self, now: Duration, out: &mut Vec<Output<W>>) {
        for input in std::mem::take(&mut self.waiting) {
            self.meet(now, input, out);
        }
    }

    /// The recording ends, and Jicofo is told this, if anything.
    fn ends(&mut self, now: Duration, report: Option<Report>, out: &mut Vec<Output<W>>) {
        let Some(job) = self.job.as_mut().filter(|job| job.stage < Stage::Finalizing) else { return };
        job.stage = Stage::Finalizing;
        let (work, course) = (job.work.clone(), job.course);
        self.forget_timers();
        if course.leaves.is_zero() {
            self.leaves(out);
        } else {
            self.later(now + course.leaves, Timer::Leaves);
        }
        if let Some(report) = report {
            self.says(Output::Reports(work, report), out);
        }
        self.later(now + course.finalizes.max(course.leaves), Timer::Finalized);
    }

    fn leaves(&mut self, out: &mut Vec<Output<W>>) {
        out.extend(self.seat.take().map(Output::Leaves));
    }

    /// What the process was at, but not what Prosody still shows of it.
    fn forget_timers(&mut self) {
        self.timers.retain(|(_, timer)| *timer == Timer::Vanishes);
    }

    /// The process and its work are gone; its Chrome may stay.
    fn forget(&mut self, now: Duration, out: &mut Vec<Output<W>>) {
        self.forget_timers();
        self.waiting.clear();
        self.job = None;
        if self.settings.seat.is_some_and(|stays| stays.is_zero()) {
            self.leaves(out);
        }
        let until = self.settings.seat.map(|stays| now + stays);
        self.dead.extend(self.seat.take().map(|work| (self.pages, work, until)));
    }

    fn dies(&mut self, now: Duration, out: &mut Vec<Output<W>>) {
        let lingers = self.timers.iter().any(|(_, timer)| *timer == Timer::Vanishes);
        let was_there = std::mem::replace(&mut self.running, false) || lingers;
        self.forget(now, out);
        (self.elsewhere, self.expired) = (None, false);
        self.timers.clear();
        if was_there {
            self.later(now + self.settings.stale, Timer::Vanishes);
        }
    }

    /// In the brewery again. Who is back before its old presence has gone is not missed (docs/jitsi.md 13.2.12).
    fn appears(&mut self, now: Duration, out: &mut Vec<Output<W>>) {
        self.timers.clear();
        (self.shown, self.there_since) = (None, now);
        out.push(Output::Appears);
        self.later(now + self.settings.first_status, Timer::ShowsStatus);
    }

    /// To Jicofo, if anything gets there.
    fn says(&self, words: Output<W>, out: &mut Vec<Output<W>>) {
        if !self.deaf {
            out.push(words);
        }
    }

    /// Shows how it is, if that has changed. The brewery never says expired.
    fn show(&mut self, out: &mut Vec<Output<W>>) {
        let own = self.own_status();
        let status = Status { busy: if own.busy == Busy::Expired { Busy::Busy } else { own.busy }, ..own };
        if self.running && !self.deaf && !self.stuck && self.shown != Some(status) {
            self.shown = Some(status);
            out.push(Output::Shows(status));
        }
    }
}
