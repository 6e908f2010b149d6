//! What was tried for a recording that is missing, told when it was in vain.

use std::time::Duration;

use crate::lasting::lasting;
use crate::ledger::Moment;
use crate::time::Time;

/// A link that was gone for less is not worth a word.
const WORTH_A_WORD: Duration = Duration::from_secs(1);
/// How it is said that there was none.
pub(super) const NO_LINK: &str = "there was no link to Prosody";

/// One want: from when a recording is missing until it is on, or not wanted any more.
#[derive(Debug)]
pub(super) struct Want {
    /// Since when it is missing.
    pub(super) since: Time,
    /// Requests that have come to nothing; when the last one had, and why.
    failed: u32,
    last: Option<(Moment, String)>,
    /// For how long there had been no link when it began.
    unlinked: Duration,
}

impl Want {
    pub(super) fn new(since: Time, unlinked: Duration) -> Self {
        Self { since, failed: 0, last: None, unlinked }
    }

    /// A request has come to nothing.
    pub(super) fn has_failed(&mut self, at: Moment, why: &str) {
        self.failed = self.failed.saturating_add(1);
        self.last = Some((at, why.to_owned()));
    }

    /// What was tried, if anything was.
    pub(super) fn tried(&self) -> Option<String> {
        let (at, why) = self.last.as_ref()?;
        let time: String = at.to_string().chars().skip(11).take(8).collect();
        Some(match self.failed {
            1 => format!("one request failed, at {time} UTC: {why}"),
            failed => format!("{failed} requests failed, the last at {time} UTC: {why}"),
        })
    }

    /// It was waited for something, which may have been told, until nothing was wanted any more.
    pub(super) fn waited_in_vain(&self, now: Time, unlinked: Duration, why: Option<&str>) -> String {
        // While the next start waits, the reason is why the last one failed, and maybe more.
        let words = |why: &str| why.split([';', '(']).next().unwrap_or_default().trim().to_owned();
        let is_news = |why: &&str| self.last.as_ref().is_none_or(|(_, last)| !last.starts_with(&words(why)));
        let why = why.filter(is_news);
        let tried = match (self.tried(), why) {
            (Some(tried), Some(why)) => format!("{tried}; after that, {why}"),
            (Some(tried), None) => tried,
            (None, Some(why)) => why.to_owned(),
            (None, None) => "no request was sent in that time".to_owned(),
        };
        self.in_vain(now, unlinked, &tried)
    }

    /// The meeting ended, or nothing was wanted any more, before what was asked for was on.
    pub(super) fn asked_in_vain(&self, now: Time, unlinked: Duration, end: &str) -> String {
        let before = self.tried().map_or(String::new(), |tried| format!("; before that, {tried}"));
        self.in_vain(now, unlinked, &format!("before it was on, {end}{before}"))
    }

    fn in_vain(&self, now: Time, unlinked: Duration, how: &str) -> String {
        let unlinked = without_link(unlinked.saturating_sub(self.unlinked));
        let unlinked = unlinked.map_or(String::new(), |unlinked| format!("; {unlinked}"));
        format!("wanted for {}, never recorded: {how}{unlinked}", lasting(now.since(self.since)))
    }
}

/// That there was no link for some of the time, if that is worth a word.
pub(super) fn without_link(unlinked: Duration) -> Option<String> {
    (unlinked >= WORTH_A_WORD).then(|| format!("{NO_LINK} for {} of that time", lasting(unlinked)))
}
