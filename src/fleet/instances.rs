//! Other `[[jibri.instance]]` than before, while the program runs.

use std::collections::BTreeSet;

use super::Fleet;
use super::event::{Effect, Event};
use super::jibri::{Appearance, Jibri};
use super::reach::Reach;
use crate::config::JibriInstance;
use crate::jibri::JibriName;
use crate::time::Time;

impl Fleet {
    /// One that is new is watched and may be restarted, one that is gone is a stranger if it is there, or serves a room, and
    /// else forgotten.
    pub(super) fn use_instances(
        &mut self,
        instances: &[JibriInstance],
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let id = |instance: &JibriInstance| (instance.id.clone(), JibriName::new(&instance.name));
        self.ids = instances.iter().map(id).collect();
        let names: BTreeSet<JibriName> =
            instances.iter().map(|instance| JibriName::new(&instance.name)).collect();
        let is_gone = |(name, jibri): (&JibriName, &Jibri)| {
            (jibri.configured && !names.contains(name)).then(|| name.clone())
        };
        let gone: Vec<JibriName> = self.jibris.iter().filter_map(is_gone).collect();
        for name in gone {
            self.strangers = self.strangers.saturating_add(1);
            let Some(jibri) = self.jibris.get_mut(&name) else { continue };
            jibri.configured = false;
            jibri.port = None;
            jibri.port_reach = Reach::default();
            if matches!(jibri.looks, Appearance::Absent | Appearance::Unknown) && jibri.serving.is_none() {
                self.forget(&name);
                effects.push(Effect::Tell(Event::Removed { name }));
            }
        }
        for name in names {
            match self.jibris.get_mut(&name) {
                Some(jibri) if jibri.configured => {}
                Some(jibri) => {
                    jibri.configured = true;
                    self.strangers = self.strangers.saturating_sub(1);
                }
                None => {
                    let ping_due = self.first_ping(now);
                    self.jibris.insert(name, Jibri::new(true, now, ping_due));
                }
            }
        }
        self.all_dirty();
    }

    /// A stranger that is not there.
    pub(super) fn forget(&mut self, name: &JibriName) {
        self.jibris.remove(name);
        self.deadlines.set(name, None);
        self.dirty.remove(name);
        self.policy.wanting.remove(name);
        self.policy.done(name);
        self.witnesses.forget(name);
        self.strangers = self.strangers.saturating_sub(1);
    }
}
