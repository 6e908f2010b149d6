//! What is known of each Jibri's reports: whether it sends any, what its recordings come out like, how much they take.

use std::collections::BTreeMap;
use std::time::Duration;

use super::recording::Recording;

/// Those that have come out badly in a row make a Jibri suspect from here on.
const SUSPECT: u32 = 2;
/// Most Jibris that are remembered. Names come from reports, and whoever has the token could make up any number.
const MOST: usize = 1000;

/// Of one Jibri.
#[derive(Debug, Clone, Copy, Default)]
struct Jibri {
    has_reported: bool,
    /// It is a name by which Jibris are known in the brewery.
    is_known: bool,
    /// Recordings that have come out missing or empty since the last that has not.
    bad: u32,
    /// Of all its files of which both are known.
    bytes: u64,
    ms: u64,
}

/// What follows from how a recording has come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// So many in a row were bad.
    Suspect(u32),
    /// It was suspect, and is not any more.
    Cleared,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Jibris {
    by_name: BTreeMap<String, Jibri>,
}

impl Jibris {
    fn get(&mut self, name: &str) -> Option<&mut Jibri> {
        if !self.by_name.contains_key(name) && self.by_name.len() >= MOST {
            return None;
        }
        Some(self.by_name.entry(name.to_owned()).or_default())
    }

    /// This is the name of one.
    pub(super) fn is_one(&mut self, name: &str) {
        if let Some(jibri) = self.get(name) {
            jibri.is_known = true;
        }
    }

    /// A report of this recording has come from this instance, which had so many bytes and ms of it before. A name that no
    /// Jibri has in the brewery is another one of the Jibri that has served it, if that was only one.
    pub(super) fn has_reported(&mut self, instance: &str, recording: &Recording, before: (u64, u64)) {
        let is_alias = !self.by_name.get(instance).is_some_and(|jibri| jibri.is_known);
        if let [only] = recording.jibris.as_slice()
            && is_alias
            && let Some(jibri) = self.get(only)
        {
            jibri.has_reported = true;
        }
        let (bytes, ms) = taken(recording, instance);
        if let Some(jibri) = self.get(instance) {
            jibri.has_reported = true;
            jibri.bytes = jibri.bytes.saturating_add(bytes.saturating_sub(before.0));
            jibri.ms = jibri.ms.saturating_add(ms.saturating_sub(before.1));
        }
    }

    /// Whether reports are to be expected of it.
    pub(super) fn reports(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|jibri| jibri.has_reported)
    }

    /// A recording of it has come out, well or badly.
    pub(super) fn came_out(&mut self, name: &str, well: bool) -> Option<Turn> {
        let jibri = self.get(name)?;
        let before = jibri.bad;
        jibri.bad = if well { 0 } else { before.saturating_add(1) };
        match well {
            false => (jibri.bad >= SUSPECT).then_some(Turn::Suspect(jibri.bad)),
            true => (before >= SUSPECT).then_some(Turn::Cleared),
        }
    }

    /// For how much more recording so many bytes are enough; none if nothing is known of what it takes.
    pub(super) fn lasts(&self, name: &str, free: u64) -> Option<Duration> {
        let jibri = self.by_name.get(name).filter(|jibri| jibri.bytes > 0 && jibri.ms > 0)?;
        let ms = u128::from(free).saturating_mul(jibri.ms.into()).checked_div(jibri.bytes.into())?;
        Some(Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)))
    }
}

/// How many bytes and ms there are in this instance's files of which both are known.
pub(super) fn taken(recording: &Recording, instance: &str) -> (u64, u64) {
    let files = recording.parts.get(instance).into_iter().flat_map(|part| part.files.values());
    files.fold((0, 0), |(bytes, ms), file| match file.ms {
        Some(more) => (bytes.saturating_add(file.bytes), u64::saturating_add(ms, more)),
        None => (bytes, ms),
    })
}
