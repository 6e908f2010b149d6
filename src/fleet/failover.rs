//! Faster than Jicofo: those that record a meeting are asked closely, and one whose port refuses connections is known to be dead
//! before the brewery shows it (docs/jitsi.md 13.2.12).

use std::collections::BTreeSet;
use std::time::Duration;

use super::Fleet;
use super::event::Effect;
use super::jibri::Jibri;
use super::witness::Recorded;
use super::word::IDLE_FOR;
use crate::jibri::{JibriName, RecordedBy};
use crate::time::Time;

/// Between the first refusal of a health port and the one that counts; a ping has as long for its answer.
const REFUSED_FOR: Duration = Duration::from_millis(450);

impl Fleet {
    /// Those that record a meeting are asked closely.
    pub(super) fn ask_closely(&mut self, effects: &mut Vec<Effect>) {
        let works = |recorded: &Recorded| match &recorded.told {
            RecordedBy::Works(name) => Some(name.clone()),
            _ => None,
        };
        let now_closely: BTreeSet<JibriName> = self.witnesses.rooms.values().filter_map(works).collect();
        let before = std::mem::replace(&mut self.witnesses.closely, now_closely);
        for name in before.symmetric_difference(&self.witnesses.closely) {
            let closely = !before.contains(name);
            effects.push(Effect::AskClosely { name: name.clone(), closely });
        }
    }

    /// The health port of one that records refuses connections. That twice, half a second apart, while it answers no ping and
    /// the ports of others answer, means that its process is gone: 15 s before the brewery shows it (docs/jitsi.md 13.2.12).
    pub(super) fn refused(&mut self, name: &JibriName, now: Time, effects: &mut Vec<Effect>) {
        let lately = self.sight.interval.saturating_add(IDLE_FOR);
        let answers = |jibri: &Jibri| jibri.port.is_some_and(|port| now.since(port.at) <= lately);
        let is_open = self.jibris.iter().any(|(other, jibri)| other != name && answers(jibri));
        if !self.witnesses.closely.contains(name) || self.sight.brewery.is_none() {
            return;
        }
        let Some(jibri) = self.jibris.get_mut(name).filter(|jibri| jibri.ping_reach.ever) else { return };
        match jibri.refused {
            None => {
                jibri.refused = Some((now, false));
                effects.push(Effect::Ping { name: name.clone() });
            }
            Some((since, false)) if is_open && now.since(since) >= REFUSED_FOR && !jibri.is_dead => {
                jibri.is_dead = true;
                self.dirty.insert(name.clone());
            }
            Some(_) => {}
        }
    }
}
