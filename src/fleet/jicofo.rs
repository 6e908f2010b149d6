//! Whether Jicofo still has the brewery. After a restart of Prosody it may have lost it for good, and then answers every
//! start with "no Jibris available", or with "all Jibris are busy", until it is restarted (docs/jitsi.md 13.2.1).

use std::time::Duration;

use super::event::Event;
use super::evidence::LostBy;
use super::sessions::LAG;
use crate::time::Time;

/// By then Jicofo is back in the brewery after a restart, its own or Prosody's, if it comes back (docs/jitsi.md 13.2).
pub(super) const COMES_BACK: Duration = Duration::from_secs(45);

/// Jicofo does not choose a Jibri again for so long after it has failed (docs/jitsi.md 2): what it answers sooner may be
/// that failure's consequence.
const SHUNNED: Duration = Duration::from_secs(60);

/// What is known of Jicofo in the brewery.
#[derive(Debug, Default)]
pub(super) struct Jicofo {
    /// Whether it is among the occupants; none if nobody can tell.
    is_there: Option<bool>,
    /// Since when it has not been.
    missing_since: Option<Time>,
    /// It has found a Jibri while it was not seen there: it has another nickname.
    is_elsewhere: bool,
    /// What speaks against it, and since when something does.
    suspicion: Option<(LostBy, Time)>,
    is_told: bool,
    /// Since when that can have no other reason, and whether it has lasted.
    sure_since: Option<Time>,
    is_lost: bool,
    /// Starts that it has refused although Jibris were idle: when first, when last, how many, and how the last.
    refused: Option<(Time, Time, u32, LostBy)>,
}

impl Jicofo {
    /// The brewery shows it, or does not.
    pub(super) fn is_seen(&mut self, is_there: Option<bool>, now: Time) {
        if is_there.is_none() || is_there == Some(true) && self.is_there == Some(false) {
            // What else speaks against it is from before.
            (self.refused, self.sure_since) = (None, None);
        }
        let missing_since = self.missing_since.filter(|_| self.is_there == Some(false));
        self.missing_since = (is_there == Some(false)).then_some(missing_since.unwrap_or(now));
        self.is_there = is_there;
        self.is_elsewhere &= is_there != Some(true);
    }

    /// It is not among the occupants of a brewery that is seen whole.
    pub(super) fn is_missing(&self) -> bool {
        self.is_there == Some(false) && !self.is_elsewhere
    }

    /// It has found a Jibri for a start that was sent then. One that it had asked before it was lost may still answer.
    pub(super) fn has_found_one(&mut self, sent: Option<Time>) {
        if self.missing_since.is_some_and(|since| sent.is_none_or(|sent| sent <= since.after(LAG))) {
            return;
        }
        self.is_elsewhere = self.is_there == Some(false);
        self.refused = None;
        self.suspicion = None;
    }

    /// It has chosen a Jibri, for us or for somebody else.
    pub(super) fn has_chosen(&mut self) {
        self.refused = None;
    }

    /// It has refused a start that was answered then, although Jibris were idle.
    pub(super) fn refuses_at(&mut self, at: Time, by: LostBy) {
        self.refused = Some(match self.refused.take() {
            None => (at, at, 1, by),
            Some((first, last, count, _)) if last.after(SHUNNED) <= at => {
                (first, at, count.saturating_add(1), by)
            }
            Some((first, last, count, _)) => (first, last, count, by),
        });
    }

    /// It has done so again and again: since when.
    pub(super) fn refuses(&self) -> Option<(LostBy, Time)> {
        let (first, _, count, by) = self.refused.as_ref()?;
        (*count > 1).then(|| (by.clone(), *first))
    }

    /// It may have lost the brewery, so what it answers is held against no Jibri.
    pub(super) fn is_suspect(&self) -> bool {
        self.suspicion.is_some()
    }

    /// That was told.
    pub(super) fn is_told_to_be_lost(&self) -> bool {
        self.is_told
    }

    /// What speaks against it now, and since when at the latest; what is to be told.
    pub(super) fn observe(&mut self, now_by: Option<(LostBy, Time)>, now: Time) -> Option<Event> {
        let before = self.suspicion.take().map(|(_, since)| since);
        self.suspicion = now_by.map(|(by, since)| (by, before.map_or(since, |before| before.min(since))));
        let sure = self.suspicion.as_ref().filter(|(by, _)| by.is_sure()).map(|(_, since)| *since);
        // It may have been suspected for another reason before, and be only restarting now.
        self.sure_since =
            sure.map(|since| self.sure_since.unwrap_or(if before.is_none() { since } else { now }));
        self.is_lost = self.sure_since.is_some_and(|since| since.after(COMES_BACK) <= now);
        match &self.suspicion {
            None => std::mem::take(&mut self.is_told).then_some(Event::JicofoHasBrewery),
            Some((by, since)) if !self.is_told && since.after(COMES_BACK) <= now => {
                self.is_told = true;
                Some(Event::JicofoLostBrewery { by: by.clone(), since: *since })
            }
            Some(_) => None,
        }
    }

    /// It has lost the brewery, that was told, and nothing else can explain it for long: since when.
    pub(super) fn lost_since(&self) -> Option<Time> {
        self.sure_since.filter(|_| self.is_told && self.is_lost)
    }

    /// It was restarted: what it refused before says nothing.
    pub(super) fn is_new(&mut self) {
        self.refused = None;
    }

    /// When it is to be told, if nothing changes.
    pub(super) fn deadline(&self) -> Option<Time> {
        let untold = self.suspicion.as_ref().filter(|_| !self.is_told).map(|(_, since)| *since);
        let unsure = self.sure_since.filter(|_| !self.is_lost);
        untold.into_iter().chain(unsure).min().map(|since| since.after(COMES_BACK))
    }
}
