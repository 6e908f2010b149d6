//! Which Jibris there are, as Jicofo sees it, and which one it would take.

use crate::config::BREWERY;
use crate::xml::{Node, resource};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

/// One Jibri in the brewery.
#[derive(Clone, Debug, Default)]
struct Instance {
    available: bool,
    busy: String,
    health: String,
    failed: Option<Moment>,
    selected: Option<Moment>,
}

/// A moment by both clocks: the one that never jumps, and the one that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    at: Instant,
    shown: SystemTime,
}

impl Moment {
    fn now() -> Moment {
        Moment { at: Instant::now(), shown: SystemTime::now() }
    }
}

/// The brewery: only members that show a `jibri-status` count.
#[derive(Debug, Default)]
pub(crate) struct Brewery {
    instances: HashMap<String, Instance>,
}

impl Brewery {
    /// Takes in a presence from the brewery; gives the address of a Jibri that is gone.
    pub(crate) fn apply(&mut self, presence: &Node) -> Option<String> {
        let address = presence.from();
        match presence.get("type") {
            Some("unavailable") => return self.instances.remove(address).map(|_| address.to_owned()),
            Some(_) => return None,
            None => {}
        }
        let status = presence.find("jibri-status")?;
        let says = |name: &str| status.find(name).map_or("", |s| s.get_or_empty("status"));
        let available = says("busy-status") == "idle" && says("health-status") == "healthy";
        let instance = self.instances.entry(address.to_owned()).or_default();
        instance.available = available;
        instance.busy = says("busy-status").to_owned();
        instance.health = says("health-status").to_owned();
        if available {
            instance.failed = None;
        }
        None
    }

    /// Takes the one that failed longest ago; none if even that one failed too recently.
    pub(crate) fn select(&mut self, select_timeout: Duration, failure_timeout: Duration) -> Option<String> {
        let now = Moment::now();
        let rested =
            |last: Option<Moment>, pause| last.is_none_or(|last| now.at.duration_since(last.at) >= pause);
        let (address, instance) = self
            .instances
            .iter_mut()
            .filter(|(_, instance)| instance.available && rested(instance.selected, select_timeout))
            .min_by_key(|(_, instance)| instance.failed)?;
        if !rested(instance.failed, failure_timeout) {
            return None;
        }
        instance.selected = Some(now);
        Some(address.clone())
    }

    pub(crate) fn failed(&mut self, address: &str) {
        if let Some(instance) = self.instances.get_mut(address) {
            instance.failed = Some(Moment::now());
        }
    }

    /// As Jicofo's REST interface shows it.
    pub(crate) fn debug(&self) -> Value {
        let mut all = json!({ "is_sip": false, "brewery_jid": BREWERY });
        for (jid, instance) in &self.instances {
            all[resource(jid)] = json!({
                "health_status": known(&instance.health, ["healthy", "unhealthy"]),
                "busy_status": known(&instance.busy, ["idle", "busy"]),
                "reports_available": instance.available,
                "last_failed": timestamp(instance.failed),
                "last_selected": timestamp(instance.selected),
            });
        }
        all
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// Names of all, and whether each reports to be available.
    pub(crate) fn list(&self) -> Vec<(String, bool)> {
        self.instances.iter().map(|(jid, instance)| (resource(jid).to_owned(), instance.available)).collect()
    }
}

/// What Jicofo does not know is undefined to it.
fn known<'a>(status: &'a str, words: [&str; 2]) -> &'a str {
    if words.contains(&status) { status } else { "undefined" }
}

/// As Java writes an instant; never is the least that it has.
fn timestamp(moment: Option<Moment>) -> String {
    let never = || "-1000000000-01-01T00:00:00Z".to_owned();
    moment.map_or_else(never, |moment| humantime::format_rfc3339_millis(moment.shown).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::ns;

    const NO: Duration = Duration::ZERO;
    const MINUTE: Duration = Duration::from_secs(60);

    fn presence(name: &str, busy: &str, health: &str) -> Node {
        Node::new("presence", ns::CLIENT).attr("from", &format!("b@m/{name}")).child(
            Node::new("jibri-status", ns::JIBRI)
                .child(Node::new("busy-status", ns::JIBRI).attr("status", busy))
                .child(Node::new("health-status", ns::HEALTH).attr("status", health)),
        )
    }

    #[test]
    fn takes_only_idle_and_healthy_ones() {
        let mut brewery = Brewery::default();
        brewery.apply(&presence("a", "busy", "healthy"));
        brewery.apply(&presence("b", "idle", "unhealthy"));
        brewery.apply(&presence("c", "expired", "healthy"));
        assert_eq!(brewery.select(NO, MINUTE), None);
        brewery.apply(&presence("a", "idle", "healthy"));
        assert_eq!(brewery.select(NO, MINUTE).as_deref(), Some("b@m/a"));
        assert_eq!(brewery.select(MINUTE, MINUTE), None, "selected a moment ago");
    }

    #[test]
    fn a_failure_is_forgotten_by_the_next_idle_presence() {
        let mut brewery = Brewery::default();
        brewery.apply(&presence("a", "idle", "healthy"));
        brewery.failed("b@m/a");
        assert_eq!(brewery.select(NO, MINUTE), None);
        brewery.apply(&presence("b", "idle", "healthy"));
        assert_eq!(brewery.select(NO, MINUTE).as_deref(), Some("b@m/b"), "the one that did not fail");
        brewery.apply(&presence("a", "idle", "healthy"));
        assert!(brewery.select(MINUTE, MINUTE).is_some());
    }
}
