//! What happens: meetings are recorded by Jibris, and their scripts report to this program, where it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jibri_autostart::address::RoomJid;
use jibri_autostart::config::{Expect, Mode, RecordingSettings, from_toml};
use jibri_autostart::jibri::JibriName;
use jibri_autostart::meeting::SessionId;
use jibri_autostart::moment::Moment;
use jibri_autostart::recordings::{Effect, File, Happened, Input, Now, Recordings, Report};
use jibri_autostart::time::Time;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::Coverage;

/// The world's clock counts seconds. Meetings begin in so many of the first.
const BUSY_FOR: u64 = 6 * 3600;
/// By then the last report has come.
pub(super) const END: u64 = 6 * 24 * 3600;
pub(super) const REPORT_WITHIN: u64 = 900;
/// Whatever is on is heard of so long after this program has begun.
const HEARD_AGAIN: u64 = 60;

/// What happens at a moment.
#[derive(Debug, Clone)]
enum Event {
    Begins { room: usize },
    Moves { session: usize },
    Ends { session: usize },
    Finishes { session: usize, jibri: usize },
    Posts { report: Box<Report>, session: usize },
    Restarts { down_for: u64 },
    Runs,
    IsHeard,
}

/// A session, as it really was.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) name: String,
    pub(super) room: usize,
    /// This program learns its name from Jicofo.
    pub(super) is_named: bool,
    pub(super) began: u64,
    pub(super) ended: Option<u64>,
    /// This program has heard of it at all; and of its end, and when.
    pub(super) heard: bool,
    pub(super) end_heard: Option<u64>,
    /// Who has recorded it, from when to when, and what of that is in the file, in s; none: killed.
    pub(super) parts: Vec<Part>,
    /// What this program has taken, by instance.
    pub(super) taken: BTreeMap<String, Taken>,
    /// When a Jibri was last at work on it.
    pub(super) finished: Option<u64>,
    pub(super) was_interrupted: bool,
}

/// What one Jibri has recorded of a session.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) jibri: usize,
    from: u64,
    to: Option<u64>,
    killed: bool,
}

/// What of a Jibri's reports of one session has been taken.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Taken {
    pub(super) seconds: u64,
    pub(super) delivered: bool,
    pub(super) failed: bool,
    pub(super) salvaged: bool,
}

/// A Jibri.
#[derive(Debug)]
struct Jibri {
    reports: bool,
    has_command: bool,
    at_work: Option<usize>,
    /// Its script has been heard by this program, and when first.
    heard: Option<u64>,
}

/// All of it.
pub(crate) struct World {
    pub(super) now: u64,
    queue: BTreeMap<(u64, u64), Event>,
    number: u64,
    rng: SmallRng,
    pub(super) settings: RecordingSettings,
    jibris: Vec<Jibri>,
    pub(super) sessions: Vec<Session>,
    /// This program, while it runs; and what it has written down.
    pub(super) book: Option<Recordings>,
    pub(super) stored: BTreeMap<String, String>,
    /// It began anew then.
    pub(super) restarts: Vec<u64>,
    on: BTreeMap<usize, usize>,
    /// What this program has said to be on since it began: of nothing else it says that it is over.
    told: BTreeSet<usize>,
    pub(super) seen: Coverage,
    pub(super) trace: Option<Vec<String>>,
    pub(super) violation: Option<String>,
}

pub(super) fn room(number: usize) -> RoomJid {
    RoomJid::new(&format!("r{number}@muc.meet.jitsi")).unwrap()
}

pub(super) fn wall(second: u64) -> Moment {
    Moment(1_800_000_000_000).after(Duration::from_secs(second))
}

fn at(second: u64) -> Now {
    Now { time: Time::new(Duration::from_secs(second)), wall: wall(second) }
}

fn jibri(number: usize) -> String {
    format!("jibri-{number}")
}

impl World {
    pub(super) fn new(seed: u64, with_trace: bool) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let toml = "[xmpp]\ndomain = \"a.meet.jitsi\"\nsecret = \"x\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]";
        let mut settings = from_toml(toml).unwrap().settings.recordings;
        settings.expect = [Expect::Auto, Expect::Always, Expect::Never][rng.random_range(0..3)];
        settings.report_within = Duration::from_secs(REPORT_WITHIN);
        let jibris = (0..rng.random_range(1..=3)).map(|_| Jibri {
            reports: rng.random_bool(0.8),
            has_command: rng.random_bool(0.7),
            at_work: None,
            heard: None,
        });
        let jibris = jibris.collect();
        let mut world = Self {
            now: 0,
            queue: BTreeMap::new(),
            number: 0,
            rng,
            book: Some(Recordings::new(&settings)),
            settings,
            jibris,
            sessions: Vec::new(),
            stored: BTreeMap::new(),
            restarts: Vec::new(),
            on: BTreeMap::new(),
            told: BTreeSet::new(),
            seen: Coverage::default(),
            trace: with_trace.then(Vec::new),
            violation: None,
        };
        for room in 0..world.rng.random_range(1..=3) {
            let first = world.within(600);
            world.later(first, Event::Begins { room });
        }
        if world.chance(0.5) {
            let (at, down_for) = (world.within(BUSY_FOR), world.within(1200));
            world.later(at, Event::Restarts { down_for });
        }
        world
    }

    fn within(&mut self, seconds: u64) -> u64 {
        self.rng.random_range(1..=seconds)
    }

    fn chance(&mut self, share: f64) -> bool {
        self.rng.random_bool(share)
    }

    fn later(&mut self, seconds: u64, event: Event) {
        self.number += 1;
        self.queue.insert((self.now + seconds, self.number), event);
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>7} {}", self.now, what()));
        }
    }

    pub(super) fn run(&mut self) {
        while self.violation.is_none()
            && let Some(((at, _), event)) = self.queue.pop_first()
        {
            self.pass(at);
            self.now = at;
            self.happens(event);
        }
        self.pass(END);
        self.now = END;
    }

    /// This program's deadlines until then.
    fn pass(&mut self, until: u64) {
        while let Some(due) = self.book.as_ref().and_then(Recordings::next_deadline) {
            let due = due.since_start().as_secs();
            if due > until || self.violation.is_some() {
                return;
            }
            self.now = self.now.max(due);
            self.tell(Input::Tick);
        }
    }

    fn tell(&mut self, input: Input) {
        let now = at(self.now);
        let Some(book) = &mut self.book else { return };
        let effects = book.handle(now, input);
        for effect in effects {
            if let Effect::Changed { recording, before, state, .. } = effect {
                self.stored.insert(recording.key.clone(), serde_json::to_string(&recording).unwrap());
                let name = recording.session_id.clone().unwrap_or_else(|| recording.key.clone());
                self.say(|| format!("the book: {name} is {state:?}, was {before:?}"));
                self.turned(&recording, before, state);
            }
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Begins { room } => self.begins(room),
            Event::Moves { session } => self.moves(session),
            Event::Ends { session } => self.ends(session),
            Event::Finishes { session, jibri } => self.finishes(session, jibri),
            Event::Posts { report, session } => self.posts(*report, session),
            Event::Restarts { down_for } => {
                self.say(|| "the program ends".into());
                self.seen.count("program restarted");
                self.book = None;
                self.told.clear();
                self.later(down_for, Event::Runs);
            }
            Event::Runs => self.runs(),
            Event::IsHeard => self.is_heard(),
        }
    }

    fn idle(&mut self) -> Option<usize> {
        let idle: Vec<usize> = (0..self.jibris.len()).filter(|n| self.jibris[*n].at_work.is_none()).collect();
        (!idle.is_empty()).then(|| idle[self.rng.random_range(0..idle.len())])
    }

    fn begins(&mut self, room: usize) {
        if self.now > BUSY_FOR {
            return;
        }
        let Some(jibri) = self.idle() else { return self.later(60, Event::Begins { room }) };
        let session = self.sessions.len();
        let is_named = self.chance(0.8);
        self.sessions.push(Session {
            name: format!("session-{session}"),
            room,
            is_named,
            began: self.now,
            ended: None,
            heard: false,
            end_heard: None,
            parts: vec![Part { jibri, from: self.now, to: None, killed: false }],
            taken: BTreeMap::new(),
            finished: None,
            was_interrupted: false,
        });
        if !is_named {
            self.seen.count("session never known");
        }
        self.jibris[jibri].at_work = Some(session);
        self.say(|| format!("session-{session} begins in r{room} on jibri-{jibri}"));
        self.on.insert(room, session);
        self.tell_on(session);
        let lasts = self.within(3600) + 60;
        if self.chance(0.2) {
            self.later(lasts / 2, Event::Moves { session });
        }
        self.later(lasts, Event::Ends { session });
    }

    fn tell_on(&mut self, session: usize) {
        if self.book.is_none() {
            return;
        }
        let known = &mut self.sessions[session];
        known.heard = true;
        self.told.insert(session);
        let name = known.is_named.then(|| SessionId(known.name.as_str().into()));
        let (number, wanted_for) = (known.room, Some(Duration::from_secs(4)));
        let worker = known.parts.last().unwrap().jibri;
        self.busy(worker, true);
        let (meeting, mode, by) = (None, Some(Mode::File), None);
        self.tell(Input::On { room: room(number), session: name, meeting, mode, wanted_for, by });
        self.tell(Input::ServedBy { room: room(number), jibri: JibriName::new(&jibri(worker)) });
    }

    fn busy(&mut self, number: usize, is_busy: bool) {
        self.tell(Input::Jibri { name: JibriName::new(&jibri(number)), is_busy });
    }

    /// Its Jibri is killed, and Jicofo moves it to another one, if there is one.
    fn moves(&mut self, session: usize) {
        if self.sessions[session].ended.is_some() {
            return;
        }
        let Some(to) = self.idle() else { return };
        self.seen.count("killed");
        self.seen.count("moved");
        let (now, known) = (self.now, &mut self.sessions[session]);
        let last = known.parts.last_mut().unwrap();
        let from = last.jibri;
        (last.to, last.killed, known.was_interrupted) = (Some(now), true, true);
        known.parts.push(Part { jibri: to, from: now + 22, to: None, killed: false });
        self.jibris[from].at_work = None;
        self.jibris[to].at_work = Some(session);
        self.say(|| format!("session-{session} moves from jibri-{from} to jibri-{to}"));
        let number = self.sessions[session].room;
        self.busy(to, true);
        let gap = Duration::from_secs(22);
        self.tell(Input::Moved { room: room(number), to: JibriName::new(&jibri(to)), gap });
        self.busy(from, false);
        // When its Jibri is started again, what is left is found, if anybody has set that up.
        if self.jibris[from].reports && self.chance(0.7) {
            let after = self.within(4000);
            self.later(after, Event::Finishes { session, jibri: from });
        }
    }

    fn ends(&mut self, session: usize) {
        let now = self.now;
        let known = &mut self.sessions[session];
        let last = known.parts.last_mut().unwrap();
        (last.to, known.ended) = (Some(now), Some(now));
        let (worker, number) = (last.jibri, known.room);
        self.on.remove(&number);
        self.say(|| format!("session-{session} ends"));
        if self.told.contains(&session) {
            self.sessions[session].end_heard = Some(now);
            self.tell(Input::Ended { room: room(number), session: None, how: "over".into() });
        } else {
            self.seen.count("ended unwatched");
        }
        let works = self.within(300);
        self.later(works, Event::Finishes { session, jibri: worker });
        let pause = self.within(3000);
        self.later(pause, Event::Begins { room: number });
    }

    /// The Jibri has finished with its file, or has found it after it had been killed; and its script reports.
    fn finishes(&mut self, session: usize, number: usize) {
        let now = self.now;
        let part = self.sessions[session].parts.iter().rev().find(|part| part.jibri == number).unwrap();
        let (whole, killed) = (part.to.unwrap().saturating_sub(part.from), part.killed);
        if !killed {
            self.jibris[number].at_work = None;
            self.sessions[session].finished = Some(now);
        }
        let seconds = match self.rng.random_range(0..10) {
            0 => {
                self.seen.count("written short");
                whole / 3
            }
            1 => 0,
            _ => whole.saturating_sub(2),
        };
        // A directory with nothing in it is deleted, and no script is run; one that held a file is kept.
        if seconds == 0 && !killed && self.chance(0.5) {
            self.seen.count("nothing written");
            self.say(|| format!("session-{session} on jibri-{number}: nothing was written"));
            return self.busy(number, self.jibris[number].at_work.is_some());
        }
        self.say(|| format!("session-{session} on jibri-{number}: {seconds} of {whole} s, killed: {killed}"));
        if self.jibris[number].reports {
            let name = self.sessions[session].name.clone();
            let room = room(self.sessions[session].room).as_str().to_owned();
            let file = File { bytes: seconds * 1000, ms: Some(seconds * 1000) };
            let base = Report {
                session_id: name.clone(),
                instance: jibri(number),
                happened: if killed { Happened::Salvaged } else { Happened::Written },
                files: [(format!("{name}-{number}.mkv"), file)].into(),
                disk_free_bytes: None,
                exit_status: None,
                message: if killed { "the end is missing".into() } else { String::new() },
                room: Some(room),
            };
            self.later(0, Event::Posts { report: Box::new(base.clone()), session });
            if self.jibris[number].has_command && !killed {
                let failed = self.chance(0.2);
                let happened = if failed { Happened::Failed } else { Happened::Delivered };
                let exit_status = failed.then_some(1);
                let second = Report { happened, exit_status, message: "done".into(), ..base.clone() };
                let takes = self.within(100);
                self.later(takes, Event::Posts { report: Box::new(second), session });
                if failed && self.chance(0.3) {
                    let by_hand = Report { happened: Happened::Delivered, ..base };
                    let after = self.within(20_000);
                    self.later(after, Event::Posts { report: Box::new(by_hand), session });
                }
            }
        }
        self.busy(number, self.jibris[number].at_work.is_some());
    }

    fn posts(&mut self, report: Report, session: usize) {
        let is_lost = self.book.is_none() || self.chance(0.3);
        if is_lost && self.now < 4 * 24 * 3600 {
            self.seen.count("report lost");
            let wait = if self.chance(0.1) { self.within(24 * 3600) } else { self.within(2000) };
            if wait > 12 * 3600 {
                self.seen.count("report days late");
            }
            return self.later(wait, Event::Posts { report: Box::new(report), session });
        }
        if self.chance(0.2) {
            self.seen.count("report twice");
            let again = self.within(3000);
            self.later(again, Event::Posts { report: Box::new(report.clone()), session });
        }
        let number: usize = report.instance.trim_start_matches("jibri-").parse().unwrap();
        self.jibris[number].heard.get_or_insert(self.now);
        let known = &mut self.sessions[session];
        if !known.heard && known.taken.is_empty() {
            self.seen.count("only reported");
        }
        let known = &mut self.sessions[session];
        let taken = known.taken.entry(report.instance.clone()).or_default();
        taken.seconds = report.files.values().map(|file| file.ms.unwrap() / 1000).sum();
        match report.happened {
            Happened::Written => {}
            Happened::Delivered => (taken.delivered, taken.failed) = (true, false),
            Happened::Failed => taken.failed = !taken.delivered,
            Happened::Salvaged => taken.salvaged = true,
        }
        let what = format!("{} of {} posts {:?}", report.instance, known.name, report.happened);
        self.say(|| what);
        self.tell(Input::Report(report));
    }

    /// The program begins anew, with what it has written down.
    fn runs(&mut self) {
        let mut book = Recordings::new(&self.settings);
        let stored = self.stored.values().map(|json| serde_json::from_str(json).unwrap());
        book.remember(stored.collect(), at(self.now).time);
        self.book = Some(book);
        self.restarts.push(self.now);
        self.say(|| "the program begins".into());
        for number in 0..self.jibris.len() {
            let works = self.jibris[number].at_work;
            self.busy(number, works.is_some());
        }
        let later = self.within(HEARD_AGAIN);
        self.later(later, Event::IsHeard);
    }

    /// The program hears of what is on.
    fn is_heard(&mut self) {
        for session in self.on.values().copied().collect::<BTreeSet<_>>() {
            self.tell_on(session);
        }
    }

    /// When this program has first heard this Jibri's script.
    pub(super) fn heard_of(&self, number: usize) -> Option<u64> {
        self.jibris[number].heard
    }
}
