//! Whether Jicofo still has the brewery. After a restart of Prosody it may have lost it for good, and then answers every
//! start with "no Jibris available", or with "all Jibris are busy", until it is restarted (docs/jitsi.md 13.2.1).

use std::time::Duration;

use super::event::{Event, LostBy};
use crate::time::Time;

/// By then Jicofo is back in the brewery after a restart, its own or Prosody's, if it comes back (docs/jitsi.md 13.2).
pub(super) const COMES_BACK: Duration = Duration::from_secs(45);

/// What is known of Jicofo in the brewery.
#[derive(Debug, Default)]
pub(super) struct Jicofo {
    /// Whether it is among the occupants; none if nobody can tell.
    is_there: Option<bool>,
    /// It has found a Jibri while it was not seen there: it has another nickname.
    is_elsewhere: bool,
    /// What speaks against it, and since when something does.
    suspicion: Option<(LostBy, Time)>,
    is_told: bool,
}

impl Jicofo {
    /// The brewery shows it, or does not.
    pub(super) fn is_seen(&mut self, is_there: Option<bool>) {
        self.is_there = is_there;
        self.is_elsewhere &= is_there != Some(true);
    }

    /// It is not among the occupants of a brewery that is seen whole.
    pub(super) fn is_missing(&self) -> bool {
        self.is_there == Some(false) && !self.is_elsewhere
    }

    /// It has found a Jibri for a start.
    pub(super) fn has_found_one(&mut self) {
        self.is_elsewhere = self.is_there != Some(true);
        self.suspicion = None;
    }

    /// It may have lost the brewery, so what it answers is held against no Jibri.
    pub(super) fn is_suspect(&self) -> bool {
        self.suspicion.is_some()
    }

    /// What speaks against it now; what is to be told.
    pub(super) fn observe(&mut self, now_by: Option<LostBy>, now: Time) -> Option<Event> {
        let since = self.suspicion.as_ref().map_or(now, |(_, since)| *since);
        self.suspicion = now_by.map(|by| (by, since));
        match &self.suspicion {
            None => std::mem::take(&mut self.is_told).then_some(Event::JicofoHasBrewery),
            Some((by, since)) if !self.is_told && since.after(COMES_BACK) <= now => {
                self.is_told = true;
                Some(Event::JicofoLostBrewery { by: by.clone(), since: *since })
            }
            Some(_) => None,
        }
    }

    /// When it is to be told, if nothing changes.
    pub(super) fn deadline(&self) -> Option<Time> {
        let (_, since) = self.suspicion.as_ref().filter(|_| !self.is_told)?;
        Some(since.after(COMES_BACK))
    }
}
