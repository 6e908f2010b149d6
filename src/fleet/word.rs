//! What one Jibri says of itself, or what shows of it: its health port's word or, where that is not asked, the brewery's.

use std::time::Duration;

use super::jibri::{Appearance, Coverage, Jibri};
use crate::jibri::Busy;
use crate::time::Time;

/// One that has said for so long that it is idle is not about to show that it is busy.
pub(super) const IDLE_FOR: Duration = Duration::from_secs(3);
/// The same where two sources say so, one after the other: it may be chosen for another meeting before three seconds are over.
const AGREED_FOR: Duration = Duration::from_secs(1);

/// What one Jibri says of itself, or what shows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Word {
    /// It cannot be said, or not yet.
    #[default]
    Unknown,
    /// It is alive and at work.
    Works,
    /// It has been idle for [`IDLE_FOR`].
    Idle,
    /// It is not there.
    Gone,
    /// Its process is gone, and the brewery does not show it yet.
    Dead,
}

impl Jibri {
    /// What it says of itself, or what shows of it. A webhook's word is anybody's.
    pub(super) fn word(&self, sight: Coverage, now: Time) -> Word {
        let is_seen = sight.brewery.is_some() || sight.detector;
        if self.is_twins() {
            return Word::Unknown;
        }
        if self.is_dead {
            return Word::Dead;
        }
        // Jicofo's list may be empty because it has lost the brewery: what the Jibri itself says outweighs that.
        if self.looks == Appearance::Absent && (sight.brewery.is_some() || !self.port_answers()) {
            return Word::Gone;
        }
        let shown = self.primary(sight).filter(|_| is_seen).map(|(_, _, since)| since);
        match self.port.filter(|port| shown.is_none_or(|since| port.at >= since)) {
            Some(port) if port.report.busy == Busy::Busy => {
                // An answer that was on its way while the brewery showed it turn idle is of before.
                let is_late = shown.is_some_and(|since| port.is_late(self.looks, since));
                if is_late { Word::Unknown } else { Word::Works }
            }
            Some(port) if port.report.busy == Busy::Idle => {
                let since = shown.map_or(port.since, |shown| shown.max(port.since));
                let is_shown = self.looks == Appearance::Idle && shown.is_some();
                let lasts = if is_shown { AGREED_FOR } else { IDLE_FOR };
                // The brewery would show at once that it is not any more.
                let is_shown_still = is_shown && now.since(self.looks_since.max(since)) >= IDLE_FOR;
                if port.at.since(since) >= lasts || is_shown_still { Word::Idle } else { Word::Unknown }
            }
            Some(_) => Word::Unknown,
            None if !is_seen => Word::Unknown,
            None => match self.looks {
                Appearance::Busy => Word::Works,
                Appearance::Idle if now.since(self.looks_since) >= IDLE_FOR => Word::Idle,
                _ => Word::Unknown,
            },
        }
    }

    /// When that may be another one by the time alone.
    pub(super) fn word_deadline(&self, now: Time) -> Option<Time> {
        let says_so = self.port.filter(|port| port.report.busy == Busy::Idle);
        let at = says_so.map_or(self.looks_since, |port| port.since.max(self.looks_since)).after(IDLE_FOR);
        (self.looks == Appearance::Idle && now < at).then_some(at)
    }
}
