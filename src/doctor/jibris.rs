//! The Jibris: the brewery, Jicofo's belief, health ports.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{self, Words};
use super::link::Brewery;
use super::service::{Service, Snapshot};
use super::{Finding, Verdict};
use crate::config::Settings;
use crate::jibri::{Busy, Detected, Health, Report};
use crate::probes::Status;
use crate::surface::Jibri;

/// Where Jicofo has lost the brewery (docs/jitsi.md 13.2.1).
pub(super) const RESTART_JICOFO: &str =
    "restart Jicofo: it refuses every start until then, and nothing else helps";

/// What is known of them.
pub(super) struct Fleet<'a> {
    pub(super) settings: &'a Settings,
    pub(super) service: &'a Service,
    pub(super) brewery: Option<Brewery>,
    pub(super) detected: Option<Result<Option<Vec<Detected>>, String>>,
    /// What their health ports say.
    pub(super) ports: &'a [(String, Result<Status, String>)],
}

/// One that is there, as somebody shows it.
struct Shown {
    report: Report,
    /// How many share the nickname.
    items: usize,
}

impl Fleet<'_> {
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = vec![self.brewery()];
        findings.extend(self.detector());
        match self.service {
            Service::Linked(snapshot) => findings.extend(self.by_service(snapshot)),
            _ => findings.extend(self.by_looking()),
        }
        compare::put(self.words().map(|words| words.contradictions()).unwrap_or_default(), &mut findings);
        findings
    }

    /// What each source says, to be compared; none if nobody sees the Jibris.
    fn words(&self) -> Option<Words<'_>> {
        let listed = self.detected.as_ref().and_then(|detected| detected.as_ref().ok()?.as_deref());
        let ports = self.ports;
        if let Service::Linked(snapshot) = self.service {
            let there = snapshot.jibris.iter().filter(|jibri| {
                // It has been said, with since when.
                !matches!(jibri.verdict.as_str(), "offline" | "detached" | "stale")
            });
            let busy = |is: bool| if is { Busy::Busy } else { Busy::Idle };
            let mut shown: BTreeMap<&str, Option<Busy>> =
                there.map(|jibri| (jibri.name.as_str(), jibri.busy.map(busy))).collect();
            // Whoever has the service's FAIL needs no other.
            for jibri in &snapshot.jibris {
                shown.entry(jibri.name.as_str()).or_insert(None);
            }
            return Some(Words { by: "the service", shown, listed, ports });
        }
        if let Some(Brewery { trouble: None, inside }) = &self.brewery {
            let said = inside
                .iter()
                .filter_map(|(nick, (report, _))| Some((nick.as_str(), Some(report.as_ref()?.busy))));
            return Some(Words { by: "the brewery", shown: said.collect(), listed, ports });
        }
        let shown = listed?.iter().map(|row| (row.name.as_str(), Some(row.report.busy))).collect();
        Some(Words { by: "Jicofo", shown, listed: None, ports })
    }

    fn brewery(&self) -> Finding {
        const STEP: &str = "brewery";
        let Some(room) = &self.settings.jibri.brewery else {
            return Finding::ok(STEP, "jibri.brewery is empty: it is not entered");
        };
        if let Service::Linked(snapshot) = self.service {
            let of = |kind: &str| snapshot.alerts.iter().find(|alert| alert.kind == kind);
            return match of("brewery_unreadable").or(of("jicofo_lost_brewery")) {
                Some(alert) if alert.kind == "jicofo_lost_brewery" => {
                    Finding::fail(STEP, &alert.summary, RESTART_JICOFO)
                }
                Some(alert) => Finding::said(STEP, Verdict::Fail, &alert.summary),
                None => Finding::ok(STEP, format!("the service reports no problem with {room}")),
            };
        }
        match &self.brewery {
            Some(Brewery { trouble: Some(why), .. }) => {
                let verdict = if why.is_usual() { Verdict::Warn } else { Verdict::Fail };
                Finding::said(STEP, verdict, &why.to_string())
            }
            Some(Brewery { inside, .. }) => {
                let jibris = inside.values().filter(|(status, _)| status.is_some()).count();
                // Jicofo is known by having nothing to say of itself.
                if jibris > 0 && inside.len() == jibris {
                    let found = format!("{room} shows {}, but Jicofo is not there", count(jibris));
                    return Finding::fail(STEP, found, RESTART_JICOFO);
                }
                Finding::ok(STEP, format!("{room} shows {}", count(jibris)))
            }
            None => Finding::not_tried(STEP, "there is no link"),
        }
    }

    fn detector(&self) -> Option<Finding> {
        const STEP: &str = "detector";
        Some(match self.detected.as_ref()? {
            Ok(Some(jibris)) => Finding::ok(STEP, format!("Jicofo knows {}", count(jibris.len()))),
            Ok(None) => Finding::fail(
                STEP,
                "Jicofo does not look for Jibris, so it cannot record",
                "docker-jitsi-meet: ENABLE_RECORDING=1; jicofo.conf: jibri.brewery-jid",
            ),
            Err(why) => Finding::said(STEP, Verdict::Fail, why),
        })
    }

    /// By name; none if nobody can see them.
    fn shown(&self) -> Option<BTreeMap<String, Shown>> {
        if let Some(Brewery { trouble: None, inside }) = &self.brewery {
            // Jicofo is there too, and is known by having nothing to say of itself.
            let said = inside.iter().filter_map(|(nick, (report, items))| Some((nick, (*report)?, *items)));
            let shown = said.map(|(nick, report, items)| (nick.as_str().to_owned(), Shown { report, items }));
            return Some(shown.collect());
        }
        let Some(Ok(Some(jibris))) = &self.detected else { return None };
        let shown =
            |seen: &Detected| (seen.name.as_str().to_owned(), Shown { report: seen.report, items: 1 });
        Some(jibris.iter().map(shown).collect())
    }

    fn by_looking(&self) -> Vec<Finding> {
        let Some(shown) = self.shown() else {
            return vec![Finding::warn(
                "jibris",
                "the Jibris cannot be seen: neither the brewery nor Jicofo shows them",
                "let this program into the brewery, or set discovery.jicofo.url",
            )];
        };
        if shown.is_empty() {
            return vec![Finding::fail(
                "jibris",
                "there is no Jibri, so nothing can be recorded",
                "start one; it must be in the brewery that Jicofo looks at (docker-jitsi-meet: JIBRI_BREWERY_MUC)",
            )];
        }
        let mut findings: Vec<Finding> = shown.iter().map(|(name, jibri)| one(name, jibri)).collect();
        findings.extend(self.names(shown.keys().map(String::as_str).collect()));
        findings
    }

    fn by_service(&self, snapshot: &Snapshot) -> Vec<Finding> {
        if snapshot.jibris.is_empty() {
            return vec![Finding::fail(
                "jibris",
                "the service sees no Jibri, so nothing can be recorded",
                "start one; it must be in the brewery that Jicofo looks at (docker-jitsi-meet: JIBRI_BREWERY_MUC)",
            )];
        }
        let mut findings: Vec<Finding> = snapshot.jibris.iter().map(judged).collect();
        let there = snapshot.jibris.iter().filter(|jibri| jibri.verdict != "offline");
        findings.extend(self.unknown(there.map(|jibri| jibri.name.as_str()).collect()));
        findings
    }

    /// Names that are configured and not there, or there and not configured.
    fn names(&self, there: BTreeSet<&str>) -> Vec<Finding> {
        let instances = self.settings.jibri.instances.iter().map(|instance| instance.name.as_str());
        let missing = instances.filter(|name| !there.contains(name)).map(|name| {
            Finding::warn(
                &format!("jibri {name}"),
                format!("is configured, but no Jibri has this nickname; those that are there: {}", list(&there)),
                "start it, or give it this nickname (docker-jitsi-meet: JIBRI_INSTANCE_ID), or correct the name of \
                 its [[jibri.instance]]",
            )
        });
        let missing: Vec<Finding> = missing.collect();
        missing.into_iter().chain(self.unknown(there.clone())).collect()
    }

    fn unknown(&self, there: BTreeSet<&str>) -> Option<Finding> {
        let instances = &self.settings.jibri.instances;
        let is_unknown = |name: &&&str| !instances.iter().any(|instance| instance.name == **name);
        let unknown: BTreeSet<&str> = there.iter().filter(is_unknown).copied().collect();
        (!instances.is_empty() && !unknown.is_empty()).then(|| {
            Finding::warn(
                "names",
                format!("no [[jibri.instance]] has the name of {}", list(&unknown)),
                "add one for each, with the nickname as its name: a Jibri without one is watched but never restarted",
            )
        })
    }
}

fn count(jibris: usize) -> String {
    match jibris {
        1 => "1 Jibri".to_owned(),
        n => format!("{n} Jibris"),
    }
}

pub(super) fn list(names: &BTreeSet<&str>) -> String {
    const NAMED: usize = 5;
    let named: Vec<&str> = names.iter().take(NAMED).copied().collect();
    let more = if names.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", named.join(", "))
}

fn one(name: &str, jibri: &Shown) -> Finding {
    let step = format!("jibri {name}");
    if jibri.items > 1 {
        return Finding::fail(
            &step,
            format!("{} Jibris share this nickname, but only the first of them ever works", jibri.items),
            "give each its own (docker-jitsi-meet: JIBRI_INSTANCE_ID)",
        );
    }
    match (jibri.report.health, jibri.report.busy) {
        (Health::Unhealthy, _) => unhealthy(&step, "says that it is unhealthy"),
        (Health::Healthy, Busy::Busy) => Finding::ok(&step, "healthy and at work"),
        (Health::Healthy, _) => Finding::ok(&step, "healthy and idle"),
        (Health::Undefined, _) => {
            Finding::warn(&step, "does not report its health", "look at its log; Jicofo does not use it")
        }
    }
}

fn unhealthy(step: &str, found: &str) -> Finding {
    let remedy = "check whether its disk is full and ffmpeg works, then restart it: nothing else makes it healthy again";
    Finding::fail(step, found, remedy)
}

/// The service's own verdict.
fn judged(jibri: &Jibri) -> Finding {
    let step = format!("jibri {}", jibri.name);
    let evidence = format!("{}: {}", jibri.verdict, jibri.evidence);
    match jibri.verdict.as_str() {
        "ok" => Finding::ok(&step, if jibri.busy == Some(true) { "at work" } else { "idle" }),
        "suspect" => Finding::warn(&step, evidence, "if it lasts, restart it and look at its log"),
        "offline" => Finding::fail(
            &step,
            evidence,
            "start it, or remove its [[jibri.instance]]; its nickname (docker-jitsi-meet: JIBRI_INSTANCE_ID) must \
             be the name given there",
        ),
        "unhealthy" => unhealthy(&step, &evidence),
        kind @ ("stale" | "detached") => Finding::fail(
            &step,
            evidence,
            format!("restart its process or container, or have that done: recovery.on = [\"{kind}\"]"),
        ),
        _ => Finding::fail(&step, evidence, "restart its process or container, or let [recovery] do it"),
    }
}

/// What the health ports say.
pub(super) fn health(settings: &Settings, answers: Vec<(String, Result<Status, String>)>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = answers.into_iter().map(|(name, answer)| port(&name, answer)).collect();
    let without = settings.jibri.instances.iter().filter(|instance| instance.health_url.is_none()).count();
    if findings.is_empty() {
        findings.push(Finding::ok(
            "health",
            "no health_url is set: only there can be seen that a single-use Jibri is used up",
        ));
    } else if without > 0 {
        findings.push(Finding::ok("health", format!("{} without health_url: not asked", count(without))));
    }
    findings
}

fn port(name: &str, answer: Result<Status, String>) -> Finding {
    let step = format!("health {name}");
    match answer {
        Err(why) => Finding::said(&step, Verdict::Fail, &why),
        Ok(Status { report: Report { health: Health::Unhealthy, .. }, detail }) => {
            let detail = if detail.is_empty() { detail } else { format!(" ({detail})") };
            unhealthy(&step, &format!("answers that it is unhealthy{detail}"))
        }
        Ok(Status { report, .. }) => match report.busy {
            Busy::Expired => Finding::fail(
                &step,
                "answers that it is used up (single-use mode)",
                "restart it, or have that done: recovery.on = [\"expired\"]",
            ),
            Busy::Busy => Finding::ok(&step, "answers: healthy and at work"),
            // The port never leaves it open.
            Busy::Idle | Busy::Undefined => Finding::ok(&step, "answers: healthy and idle"),
        },
    }
}
