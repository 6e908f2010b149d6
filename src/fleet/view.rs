//! The fleet as it can be shown, and asked.

use super::event::Availability;
use super::evidence::{Evidence, Testimony, Verdict};
use super::jibri::Appearance;
use super::recovering::Recovering;
use super::sessions::Serving;
use super::testimony::Heard;
use super::{Fleet, Jibri};
use crate::address::RoomJid;
use crate::jibri::{Busy, Health, JibriName, Report};
use crate::meeting::Supply;
use crate::time::Time;

/// A Jibri as it can be shown.
#[derive(Debug, Clone)]
pub struct JibriView<'a> {
    /// Its nickname in the brewery; escape it.
    pub name: &'a JibriName,
    /// It is a `[[jibri.instance]]`.
    pub configured: bool,
    /// Whether it is at work, if any source says.
    pub busy: Option<bool>,
    /// Whether it says that it is well, if any source says.
    pub healthy: Option<bool>,
    /// What we think of it.
    pub verdict: Verdict,
    /// Why.
    pub evidence: &'a Evidence,
    /// Starts in a row that failed on it.
    pub failures: u32,
    /// When any source last had it; now, while it is there.
    pub last_seen: Option<Time>,
    /// The room that it serves, if that is known for sure.
    pub room: Option<&'a RoomJid>,
    /// How often we have restarted it.
    pub restarts: u32,
    /// It is being restarted.
    pub recovering: bool,
    /// Jicofo can select it, and we believe that it works.
    pub free: bool,
}

impl Fleet {
    /// All Jibris as they can be shown, by name: those configured, and those seen.
    pub fn view(&self, now: Time) -> impl Iterator<Item = JibriView<'_>> {
        self.jibris.iter().map(move |(name, jibri)| self.one(name, jibri, now))
    }

    /// One Jibri as it can be shown.
    pub fn jibri_view(&self, name: &str, now: Time) -> Option<JibriView<'_>> {
        self.jibris.get_key_value(name).map(|(name, jibri)| self.one(name, jibri, now))
    }

    /// What each source says of a Jibri, side by side.
    pub fn testimonies(&self, name: &JibriName, now: Time) -> Vec<Testimony> {
        let heard = self.jibris.get(name).map(|jibri| Heard { jibri, sight: self.sight, now });
        heard.map(|heard| heard.testimonies()).unwrap_or_default()
    }

    /// What is there for a start.
    pub fn availability(&self) -> Availability {
        Availability { starting: self.sessions.starting(), ..self.available }
    }

    /// What there is for meetings that wait. Where none is in sight, or none that Jicofo would select, none is free. Only
    /// where Jicofo may know better it has the last word and is asked now and then: if those that show idle and healthy
    /// have not worked lately, or if it lists one that the brewery does not show.
    pub fn supply(&self) -> Supply {
        let available = self.availability();
        if !available.visible || available.free == 0 && self.is_jicofo_to_be_asked() {
            return Supply::Unknown;
        }
        Supply::Known { free: available.free.saturating_sub(available.starting), change: available.change }
    }

    fn is_jicofo_to_be_asked(&self) -> bool {
        let is_trusted = self
            .jibris
            .values()
            .any(|jibri| jibri.counted_present && matches!(jibri.verdict, Verdict::Ok | Verdict::Suspect));
        let is_idle = |report: Report| report.busy == Busy::Idle && report.health == Health::Healthy;
        self.jibris.values().any(|jibri| match jibri.looks {
            Appearance::Idle => !is_trusted,
            Appearance::Absent => jibri.row.as_ref().is_some_and(|row| is_idle(row.detected.report)),
            Appearance::Unknown | Appearance::Busy | Appearance::Unwell => false,
        })
    }

    /// Which Jibri serves a room.
    pub fn serving(&self, room: &RoomJid) -> Serving<'_> {
        self.sessions.serving(room)
    }

    fn one<'a>(&'a self, name: &'a JibriName, jibri: &'a Jibri, now: Time) -> JibriView<'a> {
        let is_there = !matches!(jibri.looks, Appearance::Absent | Appearance::Unknown);
        let report = jibri.primary(self.sight).map(|(_, report, _)| report);
        let busy = report.and_then(|report| match report.busy {
            Busy::Idle => Some(false),
            Busy::Busy | Busy::Expired => Some(true),
            Busy::Undefined => None,
        });
        let healthy = report.and_then(|report| match report.health {
            Health::Healthy => Some(jibri.verdict != Verdict::Unhealthy),
            Health::Unhealthy => Some(false),
            Health::Undefined => None,
        });
        JibriView {
            name,
            configured: jibri.configured,
            busy,
            healthy,
            verdict: jibri.verdict,
            evidence: &jibri.evidence,
            failures: jibri.streak.count(),
            last_seen: if is_there { Some(now) } else { jibri.last_seen },
            room: jibri.serving.as_ref(),
            restarts: jibri.restarts,
            recovering: jibri.recovering.as_ref().is_some_and(Recovering::is_under_way),
            free: jibri.counted_free,
        }
    }
}
