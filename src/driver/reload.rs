//! New settings while the program runs.

use super::Driver;
use super::tell_unfit;
use crate::config::{Settings, changed_keys};
use crate::fleet::Input;
use crate::probes::Probes;

impl Driver {
    /// Takes over the rules, the rooms and the Jibris, and says which other keys wait for a restart.
    pub(super) fn reload(&mut self, settings: Settings, probes: &mut Probes) {
        let before = self.settings.clone();
        self.settings.start.clone_from(&settings.start);
        self.settings.stop.clone_from(&settings.stop);
        self.settings.rules.clone_from(&settings.rules);
        self.settings.discovery.rooms.clone_from(&settings.discovery.rooms);
        self.settings.jibri.instances.clone_from(&settings.jibri.instances);
        let listed =
            |keys: std::collections::BTreeSet<String>| keys.into_iter().collect::<Vec<_>>().join(", ");
        let taken = listed(changed_keys(&before, &self.settings));
        tracing::info!(changed = taken, "the configuration was read again and is in effect");
        let waiting = listed(changed_keys(&self.settings, &settings));
        if !waiting.is_empty() {
            tracing::warn!(
                "these keys have changed too, but only a restart puts them into effect: {waiting}"
            );
        }
        // First the rules, so that no room is decided upon by the old ones once more.
        self.publisher.all_rooms();
        let effects = self.meetings.use_rules(&self.settings, self.clock.now());
        self.carry_out(effects);
        let changes = self.sources.pin(&self.settings.discovery.rooms);
        self.feed_changes(changes);
        if self.settings.jibri.instances != before.jibri.instances {
            probes.use_instances(&self.settings.jibri);
            tell_unfit(&self.settings);
            self.feed_fleet(Input::Instances(self.settings.jibri.instances.clone()));
        }
    }
}
