//! Takes in what the sources say, each in its own way.

use super::event::{Effect, Event};
use super::io::Brewery;
use super::jibri::{Appearance, Jibri, Said};
use super::reach::{Answers, Whose};
use super::{Fleet, STRANGERS};
use crate::jibri::{Busy, Detected, JibriName, Report};
use crate::time::Time;

/// Pings are rarer than health polls while all is well.
const PINGS_APART: u32 = 4;

impl Fleet {
    pub(super) fn brewery(&mut self, brewery: Brewery, now: Time, effects: &mut Vec<Effect>) {
        match brewery {
            Brewery::Lost => {
                self.sight.brewery = None;
                self.jicofo.is_seen(None, now);
                for jibri in self.jibris.values_mut() {
                    if let Some(presence) = &mut jibri.presence {
                        presence.stale = true;
                    }
                }
                self.sessions.blinded();
                self.all_dirty();
            }
            Brewery::Complete => {
                if self.sight.brewery.is_none() {
                    self.sight.brewery = Some(now);
                    // What another source showed later than the brewery does is no news.
                    self.sessions.blinded();
                }
                for jibri in self.jibris.values_mut() {
                    jibri.presence.take_if(|presence| presence.stale);
                }
                self.all_dirty();
            }
            Brewery::Presence { name, status, items } => {
                // Jicofo sits there too, and administrators may: who has never said how it is is no Jibri.
                if status.is_none() && !self.jibris.contains_key(&name) {
                    return;
                }
                let is_complete = self.sight.brewery.is_some();
                let Some(jibri) = self.jibri(&name, now) else { return };
                let was = jibri.items;
                jibri.shown(status, items, is_complete, now);
                jibri.last_seen = Some(now);
                if items > 1 && was != items {
                    effects.push(Effect::Tell(Event::Twins { name: name.clone(), items }));
                } else if items <= 1 && was > 1 {
                    effects.push(Effect::Tell(Event::TwinsOver { name: name.clone() }));
                }
                self.dirty.insert(name);
            }
            Brewery::Jicofo { is_there } => self.jicofo.is_seen(Some(is_there), now),
            Brewery::Left { name } => {
                let Some(jibri) = self.jibris.get_mut(&name) else { return };
                jibri.presence = None;
                if std::mem::take(&mut jibri.items) > 1 {
                    effects.push(Effect::Tell(Event::TwinsOver { name: name.clone() }));
                }
                self.dirty.insert(name);
            }
        }
    }

    pub(super) fn detector(&mut self, answer: Option<Vec<Detected>>, now: Time, effects: &mut Vec<Effect>) {
        // Until it is stale, the last answer holds.
        let Some(rows) = answer else {
            self.polled_since = now;
            return;
        };
        let last_poll = self.sight.polled;
        self.poll = self.poll.wrapping_add(1);
        self.sight.polled = Some(now);
        let poll = self.poll;
        if !self.sight.detector {
            self.sight.detector = true;
            self.polled_since = now;
            self.all_dirty();
        }
        let room = self.sessions.only_start();
        for row in rows {
            let name = row.name.clone();
            let Some(jibri) = self.jibri(&name, now) else { continue };
            jibri.last_seen = Some(now);
            if jibri.detected(row, poll, now, last_poll, room.as_ref()) {
                self.dirty.insert(name);
            }
        }
        if self.sight.brewery.is_none() {
            self.retry_recoveries();
        }
        for (name, jibri) in &mut self.jibris {
            if jibri.row.take_if(|row| row.poll != poll).is_some() {
                self.dirty.insert(name.clone());
            }
        }
        let selected = self.jibris.values().filter_map(|jibri| jibri.row.as_ref()?.selected_at).max();
        let refused = self.sessions.not_taken(self.polled_since, selected, now);
        effects.extend(refused.into_iter().map(|room| Effect::NotTaken { room }));
    }

    /// Jicofo's word is too old. The next one is compared with nothing.
    pub(super) fn detector_lost(&mut self) {
        self.sight.detector = false;
        self.sight.polled = None;
        for jibri in self.jibris.values_mut() {
            jibri.row = None;
        }
        self.all_dirty();
    }

    pub(super) fn health(&mut self, name: &JibriName, answer: Result<Report, String>, now: Time) {
        // Whether others have answered lately, so that the way is open.
        let interval = self.sight.interval;
        let answers = self.port_answers;
        let Some(jibri) = self.jibris.get_mut(name).filter(|jibri| jibri.configured) else { return };
        match answer {
            Ok(report) => {
                let since = jibri.port.filter(|port| port.report == report).map_or(now, |port| port.since);
                let said = Said { report, since, at: now };
                jibri.port = Some(said);
                let is_for_show = report.busy == Busy::Busy
                    && jibri.looks == Appearance::Idle
                    && !said.is_late(jibri.looks, jibri.looks_since);
                (jibri.refused, jibri.is_dead) = (None, false);
                jibri.port_reach.answered();
                jibri.last_seen = Some(now);
                self.port_answers = Some(Answers::go_on(answers, interval, now));
                if is_for_show {
                    self.witnesses.orphans.works(name);
                }
            }
            Err(why) => {
                jibri.port = None;
                let whose = if jibri.ping_reach.is_silent() {
                    Whose::Its
                } else {
                    Whose::by(answers, jibri.port_reach.last_call(), interval, now)
                };
                jibri.port_reach.silent(now, whose, &why);
                // A second witness is wanted soon.
                jibri.ping_due = jibri.ping_due.min(now.after(jibri.ping_pause(self.sight)));
                if let Some(recovering) = &mut jibri.recovering
                    && self.sight.brewery.is_none()
                {
                    recovering.gone = true;
                }
            }
        }
        self.dirty.insert(name.clone());
    }

    pub(super) fn webhook(&mut self, id: &str, report: Report, now: Time) {
        // Anybody who reaches the port may send any id: only Jibris that are known are listened to.
        let Some(name) = self.ids.get(id).cloned().or_else(|| {
            let (name, _) = self.jibris.get_key_value(id)?;
            Some(name.clone())
        }) else {
            return;
        };
        self.change(&name, |jibri| {
            jibri.hook = Some((now, report));
            jibri.last_seen = Some(now);
        });
    }

    pub(super) fn pinged(&mut self, name: &JibriName, answered: bool, now: Time, effects: &mut Vec<Effect>) {
        // Without the brewery nothing comes through it, which is not the Jibri's fault.
        if self.sight.brewery.is_none() {
            return;
        }
        let pause = self.sight.interval.saturating_mul(PINGS_APART);
        let is_open = self.ping_answered.is_some_and(|at| now.since(at) <= pause);
        let others =
            !answered && self.jibris.iter().any(|(other, jibri)| other != name && jibri.ping_reach.ever);
        let Some(jibri) = self.jibris.get_mut(name) else { return };
        if answered {
            if let Some((_, lives)) = &mut jibri.refused
                && !std::mem::replace(lives, true)
            {
                effects.push(Effect::Tell(Event::PortRefused { name: name.clone() }));
            }
            jibri.is_dead = false;
            jibri.ping_reach.answered();
            jibri.last_seen = Some(now);
            self.ping_answered = Some(now);
        } else {
            // The only one there is: our own link is watched by others.
            let is_sure = is_open || !others || jibri.port_reach.is_silent();
            jibri.ping_reach.silent(now, Whose::its_if(is_sure), "no answer to a ping");
            jibri.ping_due = jibri.ping_due.min(now.after(self.sight.interval));
        }
        self.dirty.insert(name.clone());
    }

    /// First pings are spread over an interval.
    pub(super) fn first_ping(&self, now: Time) -> Time {
        let part = u32::try_from(self.jibris.len()).unwrap_or(0).wrapping_rem(16);
        now.after(self.sight.interval.saturating_mul(part).checked_div(16).unwrap_or_default())
    }

    /// The Jibri of this name, which may be new; none if there are too many that nobody has configured.
    fn jibri(&mut self, name: &JibriName, now: Time) -> Option<&mut Jibri> {
        if !self.jibris.contains_key(name) {
            if self.strangers >= STRANGERS {
                return None;
            }
            self.strangers = self.strangers.saturating_add(1);
            let jibri = Jibri::new(false, now, self.first_ping(now));
            self.jibris.insert(name.clone(), jibri);
        }
        self.jibris.get_mut(name)
    }
}
