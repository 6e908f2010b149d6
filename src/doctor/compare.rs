//! What two sources say of the same Jibri, compared (docs/verdicts.md): no contradiction is called well.

use std::collections::BTreeMap;

use super::Finding;
use super::jibris::RESTART_JICOFO;
use crate::jibri::{Busy, Detected};
use crate::probes::Status;

const RESTART: &str =
    "run this again in a minute; if it says the same, restart that Jibri, or have it restarted: ";

/// What is known of each Jibri, by name.
pub(super) struct Words<'a> {
    /// Who shows them: the brewery, or the service by its word.
    pub(super) by: &'static str,
    /// What that one shows of those that are there, where it says so.
    pub(super) shown: BTreeMap<&'a str, Option<Busy>>,
    /// Jicofo's list, if that is another source.
    pub(super) listed: Option<&'a [Detected]>,
    /// What their health ports say.
    pub(super) ports: &'a [(String, Result<Status, String>)],
}

impl Words<'_> {
    /// A line for each contradiction, in place of the line of that step.
    pub(super) fn contradictions(&self) -> Vec<Finding> {
        let answers =
            self.ports.iter().filter_map(|(name, answer)| Some((name.as_str(), answer.as_ref().ok()?)));
        let by_ports = answers.filter_map(|(name, status)| self.with_port(name, status.report.busy));
        by_ports.chain(self.with_list()).collect()
    }

    fn with_port(&self, name: &str, own: Busy) -> Option<Finding> {
        let (step, by) = (format!("jibri {name}"), self.by);
        let Some(shown) = self.shown.get(name) else {
            let found =
                format!("alive on its health port, but {by} does not show it: Jicofo cannot choose it");
            let remedy =
                format!("{RESTART}recovery.on = [\"detached\"]; its nickname there must be that name");
            return Some(Finding::fail(&step, found, remedy));
        };
        let means = match shown.filter(|shown| shown.is_opposed(own))? {
            Busy::Busy => "busy, but its health port says idle: Jicofo never chooses it",
            _ => "idle, but its health port says busy: it fails every start",
        };
        Some(Finding::fail(
            &step,
            format!("{by} shows it {means}"),
            format!("{RESTART}recovery.on = [\"stale\"]"),
        ))
    }

    fn with_list(&self) -> Option<Finding> {
        let listed = self.listed?;
        let row = |name: &str| listed.iter().find(|row| row.name.as_str() == name);
        let found = self.shown.iter().find_map(|(name, shown)| match (row(name), shown) {
            (None, Some(_)) => Some(format!("{} shows {name}, but Jicofo does not list it", self.by)),
            (Some(row), Some(shown)) if shown.is_opposed(row.report.busy) => {
                Some(format!("Jicofo's list shows {name} differently from {}", self.by))
            }
            _ => None,
        })?;
        Some(Finding::fail(
            "detector",
            found,
            format!("run this again in a minute; if it says the same, {RESTART_JICOFO}"),
        ))
    }
}

/// Puts contradictions in the place of what each source said by itself.
pub(super) fn put(contradictions: Vec<Finding>, findings: &mut Vec<Finding>) {
    for contradiction in contradictions {
        match findings.iter_mut().find(|finding| finding.step == contradiction.step) {
            // What is worse already has its own remedy.
            Some(finding) if finding.verdict == super::Verdict::Fail => {}
            Some(finding) => *finding = contradiction,
            None => findings.push(contradiction),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jibri::{Health, JibriName, Report, Stamp};

    fn found(shown: &[(&str, Busy)], listed: &[(&str, Busy)], ports: &[(&str, Busy)]) -> Vec<String> {
        let report = |busy: Busy| Report { busy, health: Health::Healthy };
        let stamp = || Stamp("never".into());
        let row = |(name, busy): &(&str, Busy)| Detected {
            name: JibriName::new(name),
            report: report(*busy),
            selected: stamp(),
            failed: stamp(),
        };
        let listed: Vec<Detected> = listed.iter().map(row).collect();
        let status = |busy: Busy| Ok(Status { report: report(busy), detail: String::new() });
        let ports: Vec<_> = ports.iter().map(|(name, busy)| ((*name).to_owned(), status(*busy))).collect();
        let shown = shown.iter().map(|(name, busy)| (*name, Some(*busy))).collect();
        let words = Words { by: "the brewery", shown, listed: Some(&listed), ports: &ports };
        words
            .contradictions()
            .into_iter()
            .map(|finding| format!("{}: {}", finding.step, finding.found))
            .collect()
    }

    #[test]
    fn each_contradiction_is_found_and_nothing_else() {
        use Busy::{Busy as B, Expired, Idle as I};
        let same = [("a", I), ("b", B)];
        assert_eq!(found(&same, &same, &same), [""; 0]);
        assert_eq!(
            found(&[("a", B)], &[("a", B)], &[("a", Expired)]),
            [""; 0],
            "used up: that is said elsewhere"
        );
        let never =
            "jibri a: the brewery shows it busy, but its health port says idle: Jicofo never chooses it";
        assert_eq!(found(&[("a", B)], &[("a", B)], &[("a", I)]), [never]);
        let fails = "jibri a: the brewery shows it idle, but its health port says busy: it fails every start";
        assert_eq!(found(&[("a", I)], &[("a", I)], &[("a", B)]), [fails]);
        let gone =
            "jibri a: alive on its health port, but the brewery does not show it: Jicofo cannot choose it";
        assert_eq!(found(&[], &[], &[("a", I)]), [gone]);
        let otherwise = "detector: Jicofo's list shows a differently from the brewery";
        assert_eq!(found(&[("a", I)], &[("a", B)], &[]), [otherwise]);
        assert_eq!(
            found(&[("a", I)], &[], &[]),
            ["detector: the brewery shows a, but Jicofo does not list it"]
        );
    }
}
