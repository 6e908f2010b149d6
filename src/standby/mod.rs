//! The other instance: asked whether it has the link, so that never both act.
//!
//! Prosody lets one connection of a component in. Where it turns a newcomer away (`kick_new`) that is lock enough; where
//! it throws out the old one (`kick_old`) whoever connects must know that the other one is gone. So an instance that has
//! a `standby.peer` connects only when that one says that it has no link, or has said nothing for
//! `standby.takeover_after`. One that was thrown out stands by like any other, so the two never alternate.

mod peer;

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::config::{self, Settings};
use peer::{Peer, Word};

/// An instance that is let in by the other's word waits up to so long, or both would come at once.
const MANNERS: Duration = Duration::from_millis(300);
/// One that was thrown out and hears nothing of the other one, who must live, waits so long, and longer each time: the
/// network between the two is cut, and they would throw each other out for ever.
const BLIND: [Duration; 3] = [Duration::from_secs(60), Duration::from_secs(240), Duration::from_secs(600)];

/// What lets a link be made, or not.
#[derive(Debug)]
pub struct Gate {
    peer: Option<Peer>,
    takeover_after: Duration,
    is_expected: bool,
    /// The other one has been silent at least since then, as far as that is known.
    silent_since: Instant,
    /// Whatever it has said before then is old.
    heed_from: Instant,
    /// How often it has thrown us out since it was last heard.
    thrown_out: usize,
}

impl Gate {
    /// Begins to ask the other instance, if there is one to be asked.
    pub fn new(settings: &Settings) -> Self {
        let config::Standby { peer, takeover_after, allowed } = &settings.standby;
        let now = Instant::now();
        Self {
            peer: peer.as_deref().map(|url| Peer::spawn(url, *takeover_after)),
            takeover_after: *takeover_after,
            is_expected: *allowed || peer.is_some(),
            silent_since: now,
            heed_from: now,
            thrown_out: 0,
        }
    }

    /// Another instance may have the link, and that is as it should be.
    pub fn expects_another(&self) -> bool {
        self.is_expected
    }

    /// Whether the other one can be asked.
    pub fn asks(&self) -> bool {
        self.peer.is_some()
    }

    /// Another connection has thrown us out, so another instance acts now.
    pub fn thrown_out(&mut self) {
        let now = Instant::now();
        // It may have been let in so shortly before that it does not know of it yet.
        (self.silent_since, self.heed_from) = (now, now.checked_add(MANNERS).unwrap_or(now));
        self.thrown_out = self.thrown_out.saturating_add(1);
    }

    /// Whether a link may be made at once.
    pub async fn is_open(&mut self) -> bool {
        let Some(peer) = &self.peer else { return true };
        // A healthy one says at once that it has no link; all else is for those who wait.
        Instant::now() >= self.heed_from && timeout(MANNERS, peer.ask()).await == Ok(Word::NotLinked)
    }

    /// Waits until a link may be made. Nothing is lost if it is not waited for to the end.
    pub async fn open(&mut self) {
        let Some(peer) = &mut self.peer else { return };
        loop {
            let heard = peer.word().filter(|(_, at)| *at > self.heed_from);
            let silent_since = heard.map_or(self.silent_since, |(_, at)| at.max(self.silent_since));
            if heard.is_some_and(|(word, _)| word == Word::NotLinked) {
                sleep(rand::random_range(Duration::ZERO..MANNERS)).await;
                if peer.ask().await != Word::Linked {
                    return;
                }
                continue;
            }
            if heard.is_some() {
                self.thrown_out = 0;
            }
            let patience = patience(self.thrown_out, self.takeover_after);
            let Some(over) = silent_since.checked_add(patience) else { return };
            tokio::select! {
                () = sleep_until(over) => return,
                () = peer.news() => {}
            }
        }
    }
}

/// How long the other one must be silent. `thrown_out`: how often it has done that without being heard since.
fn patience(thrown_out: usize, takeover_after: Duration) -> Duration {
    match thrown_out.checked_sub(1) {
        Some(before) => BLIND.get(before).or(BLIND.last()).copied().unwrap_or(takeover_after),
        // By then all is to be done, the handshake included.
        None => takeover_after.mul_f64(0.95),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_thrown_out_by_one_it_cannot_hear_waits_longer_and_longer() {
        let after = Duration::from_secs(2);
        let waits: Vec<u64> = (1..=5).map(|times| patience(times, after).as_secs()).collect();
        assert_eq!(waits, [60, 240, 600, 600, 600]);
        let first = patience(0, after);
        assert!(first < after && first > after / 2, "{first:?}");
    }
}
