//! When a report is due, and what follows if it has not come.

use std::time::Duration;

use super::io::{Effect, Input, Now};
use super::recording::{ALWAYS_MISSING, Recording};
use super::{Heard, Recordings};
use crate::address::RoomJid;
use crate::config::{Expect, Mode};
use crate::jibri::JibriName;

/// Jibri stays busy as long as its finalize script runs; whatever it shows, it is not waited for any longer.
const MOST_BUSY: Duration = Duration::from_secs(6 * 60 * 60);

impl Recordings {
    /// It is over: its report is due some time after its Jibri has finished.
    pub(super) fn await_report(&mut self, recording: &Recording, now: Now) {
        let key = &recording.key;
        let at_work = recording.jibris.last().map(|name| JibriName::new(name));
        match at_work.filter(|jibri| self.busy.contains(jibri)) {
            Some(jibri) => {
                self.awaits_idle.insert(key.clone(), jibri);
                self.due.set(key, now.time.after(MOST_BUSY));
            }
            None => self.due.set(key, now.time.after(self.settings.report_within)),
        }
    }

    pub(super) fn works(&mut self, name: JibriName, is_busy: bool, now: Now) {
        self.jibris.is_one(name.as_str());
        if is_busy {
            if self.busy.insert(name.clone()) {
                self.is_awaited(&name, now);
            }
        } else if self.busy.remove(&name) {
            self.is_idle(&name, now, None);
        }
    }

    /// This Jibri is at work: on what it has recorded last, or on something else, which will be heard.
    fn is_awaited(&mut self, jibri: &JibriName, now: Now) {
        let is_of_it = |key: &&String| {
            let known = self.all.get(*key).filter(|known| known.parts.is_empty() && !known.is_on());
            known.and_then(|known| known.jibris.last()).is_some_and(|last| last == jibri.as_str())
        };
        let awaited: Vec<String> = self.due.keys().filter(is_of_it).cloned().collect();
        for key in awaited {
            self.due.set(&key, now.time.after(MOST_BUSY));
            self.awaits_idle.insert(key, jibri.clone());
        }
    }

    /// This Jibri has finished what it worked on, but for what is on in this room.
    pub(super) fn is_idle(&mut self, jibri: &JibriName, now: Now, but: Option<&RoomJid>) {
        let on = but.and_then(|room| self.on.get(room)).map(|(key, _)| key);
        let finished: Vec<String> = self
            .awaits_idle
            .iter()
            .filter(|(key, by)| *by == jibri && Some(*key) != on)
            .map(|(key, _)| key.clone())
            .collect();
        for key in finished {
            self.awaits_idle.remove(&key);
            self.due.set(&key, now.time.after(self.settings.report_within));
        }
    }

    pub(super) fn is_due(&mut self, key: &str, now: Now, effects: &mut Vec<Effect>) {
        let Some(mut recording) = self.all.get(key).cloned() else { return };
        let before = Some(self.state_of(&recording));
        self.awaits_idle.remove(key);
        if recording.is_on() {
            // It was on when this program ended, and nobody has heard of it since.
            return self.is_unwatched(key, now, effects);
        }
        if recording.parts.is_empty() && self.is_expected(&recording) {
            recording.is_overdue = true;
        } else {
            return;
        }
        self.change(recording, before, now, effects);
    }

    /// It has ended at some time while this program was not running.
    pub(super) fn is_unwatched(&mut self, key: &str, now: Now, effects: &mut Vec<Effect>) {
        let Some(mut recording) = self.all.get(key).cloned() else { return };
        let before = Some(self.state_of(&recording));
        self.on.retain(|_, (of, _)| of != key);
        (recording.is_unwatched, recording.is_assumed) = (true, false);
        if recording.parts.is_empty() {
            self.await_report(&recording, now);
        }
        self.change(recording, before, now, effects);
    }

    /// Its Jibri has finished with what nobody has said to be on since this program began: then what is on there is
    /// another one.
    pub(super) fn part_from_what_is_on(&mut self, key: &str, now: Now, effects: &mut Vec<Effect>) {
        let is_unsaid = |(_, (of, heard)): &(&RoomJid, &(String, Heard))| of == key && *heard != Heard::Said;
        let Some((room, (_, heard))) = self.on.iter().find(is_unsaid) else { return };
        let (room, heard) = (room.clone(), *heard);
        self.is_unwatched(key, now, effects);
        if heard == Heard::Assumed {
            let (session, meeting, mode, wanted_for, by) = (None, None, None, None, None);
            self.is_on(now, Input::On { room, session, meeting, mode, wanted_for, by }, effects);
        }
    }

    /// Whether a report of it should have come.
    fn is_expected(&self, recording: &Recording) -> bool {
        let on = recording.started.zip(recording.ended).map(|(from, to)| to.since(from));
        if on.is_some_and(|on| on < ALWAYS_MISSING) {
            return false;
        }
        let is_file = recording.mode.as_deref() != Some(Mode::Stream.name());
        is_file
            && match self.settings.expect {
                Expect::Always => true,
                Expect::Never => false,
                Expect::Auto => recording.jibris.last().is_some_and(|jibri| self.jibris.reports(jibri)),
            }
    }
}
