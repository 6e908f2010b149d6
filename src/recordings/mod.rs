//! The book of recordings: what became of each recording's files. A meeting that had to be recorded has one on disk, or
//! somebody is told.
//!
//! A value like the other cores: [`Recordings::handle`] takes one thing that has become known and returns what follows, and
//! time is an argument. It knows of recordings what the rooms' core tells (on, moved, over), and of files what Jibris' own
//! finalize script reports (deploy/jibri/finalize.sh), in any order and days late. `recording` is one of them, and reads its
//! state from what is known; `which` finds the one that something is said of, `due` says when a report of it is, and `jibris` is
//! what is known of each Jibri's reports.

mod due;
mod io;
mod jibris;
mod recording;
mod report;
mod which;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use self::io::{Effect, Input, Now};
use self::jibris::{Jibris, Turn, taken};
pub use self::recording::{Failure, Part, Recording, RecordingState};
pub use self::report::{File, Happened, MOST_FILES, Report};
use crate::address::RoomJid;
use crate::config::RecordingSettings;
use crate::jibri::JibriName;
use crate::meeting::SessionId;
use crate::moment::Moment;
use crate::schedule::Schedule;
use crate::time::Time;

/// Most recordings that are kept in mind: what is older stands in the ledger.
const MOST: usize = 20_000;
/// After a restart of this program whatever is on is heard of again by then.
const HEARD_AGAIN: Duration = Duration::from_secs(120);
/// A recording that was on for less than that says nothing of its Jibri.
const LONG_ENOUGH: Duration = Duration::from_secs(30);

/// How it is known that a recording is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// It was when this program ended.
    Before,
    /// One is on in its room since, and nobody says which: it is taken for the same.
    Assumed,
    /// It has been said.
    Said,
}

/// All recordings.
#[derive(Debug)]
pub struct Recordings {
    settings: RecordingSettings,
    all: BTreeMap<String, Recording>,
    /// The keys of those whose session is known, by the name of its directory.
    by_session: BTreeMap<String, String>,
    /// What is on in each room, and how sure that is.
    on: BTreeMap<RoomJid, (String, Heard)>,
    /// When a report is overdue.
    due: Schedule<String>,
    /// Those whose Jibri is still at work on their files.
    awaits_idle: BTreeMap<String, JibriName>,
    /// Jibris that work.
    busy: BTreeSet<JibriName>,
    jibris: Jibris,
    /// Those of which only a report tells, in the order in which they came.
    unknown: BTreeMap<u64, String>,
    /// Recordings that have counted as bad for their Jibri.
    blamed: BTreeSet<String>,
    last: u64,
}

impl Recordings {
    /// Nothing is known yet.
    pub fn new(settings: &RecordingSettings) -> Self {
        Self {
            settings: settings.clone(),
            all: BTreeMap::new(),
            by_session: BTreeMap::new(),
            on: BTreeMap::new(),
            due: Schedule::default(),
            awaits_idle: BTreeMap::new(),
            busy: BTreeSet::new(),
            jibris: Jibris::default(),
            unknown: BTreeMap::new(),
            blamed: BTreeSet::new(),
            last: 0,
        }
    }

    /// What stood in the ledger when this program began, in any order.
    pub fn remember(&mut self, recordings: Vec<Recording>, now: Time) {
        for name in recordings.iter().flat_map(|recording| &recording.jibris) {
            self.jibris.is_one(name);
        }
        for recording in recordings {
            let key = recording.key.clone();
            let room = recording.room.as_deref().and_then(|room| RoomJid::new(room).ok());
            match room.filter(|_| recording.is_on()) {
                // What has begun meanwhile is heard of already.
                Some(room) if !self.on.contains_key(&room) => {
                    self.on.insert(room, (key.clone(), Heard::Before));
                    self.due.set(&key, now.after(HEARD_AGAIN));
                }
                _ if recording.parts.is_empty() && !recording.is_overdue => {
                    self.due.set(&key, now.after(self.settings.report_within));
                }
                _ => {}
            }
            for instance in recording.parts.keys() {
                self.jibris.has_reported(instance, &recording, (0, 0));
            }
            self.put(recording);
        }
    }

    /// When [`Input::Tick`] is due, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Time> {
        self.due.next()
    }

    /// What is on in each room, as far as is known.
    pub fn on(&self) -> impl Iterator<Item = (&RoomJid, &Recording)> {
        self.on.iter().filter_map(|(room, (key, _))| Some((room, self.all.get(key)?)))
    }

    /// What is on in this room, as far as is known.
    pub fn in_room(&self, room: &RoomJid) -> Option<&Recording> {
        self.on.get(room).and_then(|(key, _)| self.all.get(key))
    }

    /// All that are kept in mind, by key.
    pub fn all(&self) -> impl Iterator<Item = &Recording> {
        self.all.values()
    }

    /// The one of this key.
    pub fn get(&self, key: &str) -> Option<&Recording> {
        self.all.get(key)
    }

    /// In which state one is, by the settings in effect.
    pub fn state_of(&self, recording: &Recording) -> RecordingState {
        recording.state(self.settings.min_share)
    }

    /// Whether this Jibri has ever reported.
    pub fn has_reported(&self, jibri: &str) -> bool {
        self.jibris.reports(jibri)
    }

    /// Takes in one thing that has become known; returns what follows.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::On { .. } => self.is_on(now, input, &mut effects),
            Input::ServedBy { room, jibri } => {
                self.served_by(&room, &jibri, Duration::ZERO, now, &mut effects);
            }
            Input::Moved { room, to, gap } => self.served_by(&room, &to, gap, now, &mut effects),
            Input::Ended { room, session, how } => {
                self.ended(&room, session.as_ref(), &how, now, &mut effects);
            }
            Input::Jibri { name, is_busy } => self.works(name, is_busy, now),
            Input::Report(report) => self.reported(&report, now, &mut effects),
            Input::Told { key, since } => self.is_told(&key, since, &mut effects),
            Input::Tick => {}
        }
        while let Some(key) = self.due.pop_due(now.time) {
            self.is_due(&key, now, &mut effects);
        }
        effects
    }

    fn is_on(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        let Input::On { room, session, meeting, mode, wanted_for, by } = input else { return };
        let key = self.key_of_what_is_on(&room, session.as_ref(), now, effects);
        let known = self.all.get(&key);
        let is_named = known.is_some_and(|known| known.session_id.is_some());
        let was_heard = self.on.get(&room).filter(|(of, _)| *of == key).map(|(_, heard)| *heard);
        let heard = match was_heard {
            Some(Heard::Before | Heard::Assumed) if session.is_none() => Heard::Assumed,
            _ => Heard::Said,
        };
        // Whoever has a name now, and had none when this program ended, may be another one.
        let is_assumed = heard == Heard::Assumed || was_heard == Some(Heard::Before) && !is_named;
        let before = known.map(|known| self.state_of(known));
        let mut recording =
            known.cloned().unwrap_or_else(|| Recording { key: key.clone(), ..Recording::default() });
        // It was taken for over, and is not.
        let pause = recording.ended.take().map_or(Duration::ZERO, |ended| now.wall.since(ended));
        recording.interrupted_ms = recording.interrupted_ms.saturating_add(ms(pause));
        recording.ended_by = None;
        (recording.is_unwatched, recording.is_overdue) = (false, false);
        recording.is_assumed |= is_assumed;
        recording.room = Some(room.as_str().to_owned());
        recording.session_id = recording.session_id.or(session.map(|session| session.0.into()));
        recording.meeting_id = recording.meeting_id.or(meeting.map(|meeting| meeting.0.into()));
        recording.mode = recording.mode.or(mode.map(|mode| mode.name().to_owned()));
        if recording.started.is_none() {
            recording.started = Some(now.wall);
            recording.wanted = wanted_for.map(|span| now.wall.before(span));
            recording.started_by = by;
        }
        self.due.clear(&key);
        self.awaits_idle.remove(&key);
        self.on.insert(room, (key, heard));
        self.change(recording, before, now, effects);
    }

    fn served_by(
        &mut self,
        room: &RoomJid,
        jibri: &JibriName,
        gap: Duration,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(mut recording) = self.on.get(room).and_then(|(key, _)| self.all.get(key)).cloned() else {
            return;
        };
        let name = jibri.as_str();
        self.jibris.is_one(name);
        let is_known = recording.jibris.last().is_some_and(|last| last == name);
        if is_known && gap.is_zero() {
            return;
        }
        let before = Some(self.state_of(&recording));
        if !is_known {
            // Each once: however often it is thought to be another one, it is one of those that there are.
            recording.jibris.retain(|served| served != name);
            recording.jibris.push(name.to_owned());
        }
        recording.interrupted_ms = recording.interrupted_ms.saturating_add(ms(gap));
        self.change(recording, before, now, effects);
        // What it worked on before is finished.
        self.is_idle(jibri, now, Some(room));
    }

    fn ended(
        &mut self,
        room: &RoomJid,
        session: Option<&SessionId>,
        how: &str,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some((key, heard)) = self.on.remove(room) else { return };
        if heard == Heard::Before {
            return self.is_unwatched(&key, now, effects);
        }
        let Some(mut recording) = self.all.get(&key).cloned() else { return };
        let before = Some(self.state_of(&recording));
        recording.session_id = recording.session_id.or(session.map(|session| session.0.to_string()));
        recording.ended = Some(now.wall);
        recording.ended_by = Some(how.to_owned());
        self.await_report(&recording, now);
        self.change(recording, before, now, effects);
    }

    fn reported(&mut self, report: &Report, now: Now, effects: &mut Vec<Effect>) {
        let key = self.key_of_reported(report, now);
        if report.happened != Happened::Salvaged {
            self.part_from_what_is_on(&key, now, effects);
        }
        let known = self.all.get(&key);
        let before = known.map(|known| self.state_of(known));
        let mut recording =
            known.cloned().unwrap_or_else(|| Recording { key: key.clone(), ..Recording::default() });
        let had = taken(&recording, &report.instance);
        let is_news = recording.take(report, now.wall);
        recording.session_id.get_or_insert_with(|| report.session_id.clone());
        recording.room = recording.room.or_else(|| report.room.clone());
        if is_news {
            self.jibris.has_reported(&report.instance, &recording, had);
            // One that is on goes on elsewhere: the report is of the Jibri that it had before.
            if !recording.is_on() {
                self.due.clear(&key);
                self.awaits_idle.remove(&key);
            }
            self.change(recording, before, now, effects);
            if before.is_none() {
                self.is_unknown(key);
            }
        }
        if let Some(free) = report.disk_free_bytes {
            let (instance, lasts) = (report.instance.clone(), self.jibris.lasts(&report.instance, free));
            effects.push(Effect::Disk { instance, free, lasts });
        }
    }

    /// Takes over what is known of a recording by now.
    fn change(
        &mut self,
        mut recording: Recording,
        before: Option<RecordingState>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let state = self.state_of(&recording);
        if before != Some(state) {
            self.came_out(&recording, state, effects);
        }
        let known = self.all.get(&recording.key).and_then(Recording::media).unwrap_or_default();
        let more = recording.media().unwrap_or_default().saturating_sub(known);
        let is_news = before != Some(state) || !more.is_zero();
        if is_news && state.is_ready() && !self.settings.webhook.is_empty() {
            recording.untold = Some(now.wall);
        }
        self.put(recording.clone());
        effects.push(Effect::Changed { recording: Box::new(recording), before, state, more });
    }

    fn is_told(&mut self, key: &str, since: Moment, effects: &mut Vec<Effect>) {
        let is_it = |known: &&mut Recording| known.untold == Some(since);
        let Some(known) = self.all.get_mut(key).filter(is_it) else { return };
        known.untold = None;
        let recording = Box::new(known.clone());
        let state = self.state_of(&recording);
        effects.push(Effect::Changed { recording, before: Some(state), state, more: Duration::ZERO });
    }

    /// What its outcome says of its Jibri.
    fn came_out(&mut self, recording: &Recording, state: RecordingState, effects: &mut Vec<Effect>) {
        let well = match state {
            RecordingState::Missing | RecordingState::Empty => false,
            RecordingState::Written | RecordingState::Delivered => true,
            _ => return,
        };
        let Some(jibri) = recording.jibris.last() else { return };
        let lasted = recording.started.zip(recording.ended).map(|(from, to)| to.since(from));
        let is_new = match well {
            true => true,
            false => {
                lasted.is_some_and(|lasted| lasted >= LONG_ENOUGH)
                    && self.blamed.insert(recording.key.clone())
            }
        };
        let turn = if is_new { self.jibris.came_out(jibri, well) } else { None };
        let jibri = JibriName::new(jibri);
        effects.extend(turn.map(|turn| match turn {
            Turn::Suspect(in_a_row) => Effect::Suspect { jibri, in_a_row },
            Turn::Cleared => Effect::Cleared { jibri },
        }));
    }

    fn put(&mut self, recording: Recording) {
        if let Some(session) = &recording.session_id {
            self.by_session.insert(report::directory_of(session), recording.key.clone());
        }
        self.all.insert(recording.key.clone(), recording);
        while self.all.len() > MOST {
            let is_over = |known: &&Recording| !known.is_on() && !self.due.has(&known.key);
            let Some(oldest) = self.all.values().filter(is_over).min_by_key(|known| known.time()) else {
                return;
            };
            let key = oldest.key.clone();
            self.forget(&key);
        }
    }

    fn forget(&mut self, key: &str) {
        let Some(recording) = self.all.remove(key) else { return };
        if let Some(session) = &recording.session_id {
            self.by_session.remove(&report::directory_of(session));
        }
        self.due.clear(&key.to_owned());
        self.awaits_idle.remove(key);
        self.blamed.remove(key);
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
