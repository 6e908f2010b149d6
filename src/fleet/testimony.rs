//! What each source says of one Jibri, side by side, since when, and whether that source can be trusted now.

use super::evidence::{Source, Testimony};
use super::jibri::{Coverage, Jibri, Said};
use super::reach::{Dead, Reach};
use crate::jibri::{Busy, Health, Report};
use crate::time::Time;

/// All that is heard of one Jibri at a moment; the table of cases makes a verdict of it.
pub(super) struct Heard<'a> {
    pub(super) jibri: &'a Jibri,
    pub(super) sight: Coverage,
    pub(super) now: Time,
}

impl Heard<'_> {
    /// What its health port says; none while it does not answer.
    pub(super) fn port(&self) -> Option<Said> {
        self.jibri.port
    }

    /// Since when the one who shows it is seen without a break.
    pub(super) fn seen_since(&self) -> Option<Time> {
        self.sight.brewery.or_else(|| self.jibri.row.as_ref().map(|row| row.since))
    }

    /// Its port was good and is silent. A Jibri at work may have better things to do than to answer, so it must have been
    /// idle all that while.
    pub(super) fn dead_port(&self) -> Option<Dead> {
        self.dead(&self.jibri.port_reach)
    }

    /// The same of pings.
    pub(super) fn dead_pings(&self) -> Option<Dead> {
        self.dead(&self.jibri.ping_reach)
    }

    fn dead(&self, reach: &Reach) -> Option<Dead> {
        let (now, interval) = (self.now, self.sight.interval);
        let is_idle = self.sight.brewery.is_some()
            && !self.jibri.is_twins()
            && self.jibri.idle_since().is_some_and(|since| now.since(since) >= interval.saturating_mul(3));
        reach.dead(now, interval).filter(|_| is_idle)
    }

    /// All of them, for people.
    pub(super) fn testimonies(&self) -> Vec<Testimony> {
        let Self { jibri, sight, .. } = self;
        let mut all = Vec::new();
        let mut add = |source, says: String, since, trusted| {
            all.push(Testimony { source, says, since, trusted });
        };
        match &jibri.presence {
            _ if sight.brewery.is_none() => add(Source::Brewery, "is not seen".to_owned(), None, false),
            None => add(Source::Brewery, "not there".to_owned(), Some(jibri.looks_since), true),
            Some(presence) => {
                let says = presence.status.map_or("there, and says nothing yet".to_owned(), words);
                let twins = if jibri.is_twins() { ", one of several by this name" } else { "" };
                add(Source::Brewery, format!("{says}{twins}"), Some(presence.since), !jibri.is_twins());
            }
        }
        match &jibri.row {
            _ if !sight.detector => add(Source::Jicofo, "is not heard".to_owned(), None, false),
            None => add(Source::Jicofo, "not in its list".to_owned(), sight.polled, true),
            Some(row) => {
                let failed = if row.detected.failed.is_never() { "" } else { ", has failed a start" };
                add(Source::Jicofo, format!("{}{failed}", words(row.detected.report)), Some(row.since), true);
            }
        }
        match (jibri.port, jibri.port_reach.silence()) {
            (Some(port), _) => add(Source::HealthPort, words(port.report), Some(port.since), true),
            (None, Some((since, why))) => {
                add(Source::HealthPort, format!("no answer: {why:?}"), Some(since), jibri.port_reach.ever);
            }
            (None, None) => add(Source::HealthPort, "not asked".to_owned(), None, false),
        }
        if let Some((at, report)) = jibri.hook {
            add(Source::Webhook, words(report), Some(at), false);
        }
        let pings = match jibri.ping_reach.silence() {
            Some((since, _)) => ("no answer".to_owned(), Some(since)),
            None if jibri.ping_reach.ever => ("answered".to_owned(), None),
            None => ("not tried".to_owned(), None),
        };
        add(Source::Pings, pings.0, pings.1, jibri.ping_reach.ever && sight.brewery.is_some());
        let failed = jibri.streak.count();
        let starts =
            if failed == 0 { "none has failed".to_owned() } else { format!("{failed} failed in a row") };
        add(Source::Starts, starts, jibri.streak.last_failure(), true);
        let meeting = jibri
            .serving
            .as_ref()
            .map_or("none has its recorder".to_owned(), |room| format!("its recorder is in {room}"));
        add(Source::Meeting, meeting, None, true);
        all
    }
}

fn words(report: Report) -> String {
    let busy = match report.busy {
        Busy::Idle => "idle",
        Busy::Busy => "busy",
        Busy::Expired => "used up",
        Busy::Undefined => "busy or not is left open",
    };
    let health = match report.health {
        Health::Healthy => "healthy",
        Health::Unhealthy => "unhealthy",
        Health::Undefined => "healthy or not is left open",
    };
    format!("{busy}, {health}")
}
