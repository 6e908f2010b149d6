//! The table of cases: what is heard of a Jibri, or of Jicofo, what we think of it for that, and what is done. The first
//! that holds counts. [docs/verdicts.md](../../docs/verdicts.md) is this table with the sentences of `evidence.rs`; a
//! test compares them.

use std::time::Duration;

use super::evidence::{Evidence, LostBy, Source, Verdict};
use super::jibri::Appearance;
use super::testimony::Heard;
use super::{Fleet, jicofo};
use crate::jibri::{Busy, JibriName};
use crate::time::Time;

/// For so long its port and what is shown of it must contradict each other. Jibri pings Prosody every 30 s, and Prosody
/// keeps a dead link of its kind for 15 s (docs/jitsi.md 11): what is still on its way by then never comes.
pub(super) const STALE_AFTER: Duration = Duration::from_secs(45);
/// For so long it may be out of the brewery. It notices by its ping, after 30 s, that its link is dead, waits for the
/// answer for 15 s, and enters again within a second (docs/jitsi.md 11).
pub(super) const DETACHED_AFTER: Duration = Duration::from_secs(60);

/// One row about a Jibri.
#[cfg_attr(not(test), expect(dead_code, reason = "docs/verdicts.md is held to them by a test"))]
pub(super) struct Case {
    /// What is heard.
    pub(super) heard: &'static str,
    pub(super) verdict: Verdict,
    /// What is done.
    pub(super) done: &'static str,
    /// What it is called for, if that is heard.
    pub(super) holds: fn(&Heard<'_>) -> Option<Evidence>,
}

pub(super) const CASES: [Case; 14] = [
    Case {
        heard: "not in the brewery (where that is not seen: not in Jicofo's list), and its health port answers, both for 60 s",
        verdict: Verdict::Detached,
        done: "alert; restarted with `detached`, if it has been in the brewery before, which is seen, and its port says idle",
        holds: |heard| {
            let (by, missed) = heard.misses()?;
            // One that has only just started is about to enter.
            let since = missed.max(heard.port()?.since);
            (heard.now.since(since) >= DETACHED_AFTER).then_some(Evidence::Detached { by, since })
        },
    },
    Case {
        heard: "not in the brewery",
        verdict: Verdict::Offline,
        done: "alert, if it is configured",
        holds: |heard| {
            let (_, since) = heard.misses()?;
            Some(Evidence::Absent { since: heard.jibri.last_seen.map(|_| since) })
        },
    },
    Case {
        heard: "its health port, or its webhook, says that it is used up",
        verdict: Verdict::Expired,
        done: "restarted with `expired`; on a webhook's word alone only after a session of it was seen to end",
        holds: |heard| {
            let (by, since) = heard.jibri.expired(heard.sight)?;
            // Repeated every minute: the first time is what counts.
            let since = match &heard.jibri.evidence {
                Evidence::Expired { since, .. } => *since,
                _ => since,
            };
            Some(Evidence::Expired { by, since })
        },
    },
    Case {
        heard: "any source says that it is unhealthy",
        verdict: Verdict::Unhealthy,
        done: "alert; restarted with `unhealthy`",
        holds: |heard| {
            let (by, since) = heard.jibri.unhealthy(heard.sight)?;
            let since = match &heard.jibri.evidence {
                Evidence::Unhealthy { since, .. } => *since,
                _ => since,
            };
            Some(Evidence::Unhealthy { by, since })
        },
    },
    Case {
        heard: "the brewery shows it busy, its health port says idle, both for 45 s, and no meeting has its recorder",
        verdict: Verdict::Stale,
        done: "alert; restarted with `stale` if the brewery is seen: its own port's word for idle is proof enough",
        holds: |heard| heard.contradicts(Busy::Busy, Busy::Idle),
    },
    Case {
        heard: "the brewery shows it idle, its health port says busy, both for 45 s, and no meeting has its recorder",
        verdict: Verdict::Stale,
        done: "alert; restarted with `stale` if the brewery is seen and there is no meeting whose recorder could be its",
        holds: |heard| heard.contradicts(Busy::Idle, Busy::Busy),
    },
    Case {
        heard: "`jibri.wedged_after` starts in a row failed on it, in several rooms, or in one that another then recorded",
        verdict: Verdict::Wedged,
        done: "alert; not counted as free; restarted with `wedged`",
        holds: |heard| {
            let streak = &heard.jibri.streak;
            streak.is_enough(heard.sight.wedged_after).then(|| streak.evidence())
        },
    },
    Case {
        heard: "idle for three intervals, and its health port, which answered before, does not while others' do",
        verdict: Verdict::Wedged,
        done: "as above",
        holds: |heard| {
            let dead = heard.dead_port().filter(|dead| dead.sure)?;
            Some(Evidence::PortDead { since: dead.since, why: dead.why })
        },
    },
    Case {
        heard: "idle for three intervals, and it answered pings before and does not while others do",
        verdict: Verdict::Wedged,
        done: "as above",
        holds: |heard| {
            let dead = heard.dead_pings().filter(|dead| dead.sure)?;
            Some(Evidence::PingDead { since: dead.since })
        },
    },
    Case {
        heard: "`jibri.wedged_after` starts in a row, two at least, failed in one room, on it or mostly on it, and none \
                elsewhere",
        verdict: Verdict::Suspect,
        done: "alert that names both, `room_fails`; restarted with `wedged`, once for each room and Jibri, and no \
               start of that room goes out while the restart is due: if the room is recorded then, it was the Jibri; if it \
               fails on it again, it is the room, and no Jibri is suspected for it",
        holds: |heard| heard.jibri.streak.doubted(),
    },
    Case {
        heard: "its last recordings, two at least, have left no file, by what its finalize script reports",
        verdict: Verdict::Suspect,
        done: "still used; restarted with `wedged` when it is idle",
        holds: |heard| {
            let count = heard.jibri.without_files;
            (count > 0).then_some(Evidence::NoFiles { count })
        },
    },
    Case {
        heard: "some starts failed on it, not enough of them",
        verdict: Verdict::Suspect,
        done: "nothing",
        holds: |heard| (heard.jibri.streak.count() > 0).then(|| heard.jibri.streak.evidence()),
    },
    Case {
        heard: "its health port or its pings are silent, which may be the network's fault",
        verdict: Verdict::Suspect,
        done: "nothing",
        holds: |heard| match (heard.dead_port(), heard.dead_pings()) {
            (Some(dead), _) => Some(Evidence::PortDead { since: dead.since, why: dead.why }),
            (None, dead) => Some(Evidence::PingDead { since: dead?.since }),
        },
    },
    Case {
        heard: "none of this",
        verdict: Verdict::Ok,
        done: "with `recycle`: restarted after `recycle_after` recordings, when it is idle",
        holds: |_| Some(Evidence::None),
    },
];

/// One row about Jicofo: only its restart helps, and no Jibri is blamed or restarted meanwhile.
#[cfg_attr(not(test), expect(dead_code, reason = "docs/verdicts.md is held to them by a test"))]
pub(super) struct LostCase {
    /// What is heard.
    pub(super) heard: &'static str,
    /// How that is put, if it is heard, and since when at the latest.
    pub(super) holds: fn(&Fleet, Time) -> Option<(LostBy, Time)>,
}

pub(super) const LOST: [LostCase; 4] = [
    LostCase {
        heard: "Jibris are in the brewery, and Jicofo is not",
        holds: |fleet, now| {
            // That it comes back, and not that the last Jibri goes, is what ends it.
            let is_asked_for = fleet.there().next().is_some() || fleet.jicofo.is_told_to_be_lost();
            (fleet.jicofo.is_missing() && is_asked_for).then_some((LostBy::NotThere, now))
        },
    },
    LostCase {
        heard: "a Jibri is in the brewery for 45 s, and not in Jicofo's list",
        holds: |fleet, now| {
            let is_unlisted = |jibri: &super::Jibri| {
                jibri.row.is_none() && now.since(jibri.there_since) >= jicofo::COMES_BACK
            };
            let mut there = fleet.there().filter(|_| fleet.sight.detector);
            let (name, _) = there.find(|(_, jibri)| is_unlisted(jibri))?;
            Some((LostBy::NotListed(name.clone()), now))
        },
    },
    LostCase {
        heard: "a Jibri is idle in Jicofo's list and busy in the brewery, or the other way round, both for 45 s",
        holds: |fleet, now| {
            fleet.there().find_map(|(name, jibri)| {
                let (row, presence) = (jibri.row.as_ref()?, jibri.presence.as_ref()?);
                let is_opposed = presence.status?.busy.is_opposed(row.detected.report.busy);
                let seen = fleet.sight.brewery?;
                let since = row.since.max(presence.since).max(jibri.there_since).max(seen);
                let is_long = is_opposed && !jibri.is_twins() && now.since(since) >= jicofo::COMES_BACK;
                is_long.then(|| (LostBy::ListsOtherwise(name.clone()), since))
            })
        },
    },
    LostCase {
        heard: "Jicofo answers two starts a minute apart, with none accepted in between, that no Jibris are available \
                while one is idle in the brewery and on its health port, or that all are busy while one is that it has not \
                failed (two, where its REST is not asked)",
        holds: |fleet, _| fleet.jicofo.refuses(),
    },
];

impl Fleet {
    /// Jibris that the brewery shows, with what they say.
    pub(super) fn there(&self) -> impl Iterator<Item = (&JibriName, &super::Jibri)> {
        let is_there =
            |jibri: &super::Jibri| jibri.presence.as_ref().is_some_and(|presence| presence.status.is_some());
        self.jibris.iter().filter(move |(_, jibri)| self.sight.brewery.is_some() && is_there(jibri))
    }
}

impl Heard<'_> {
    /// Who says that it is not there, and since when.
    fn misses(&self) -> Option<(Source, Time)> {
        let by = if self.sight.brewery.is_some() { Source::Brewery } else { Source::Jicofo };
        (self.jibri.looks == Appearance::Absent).then_some((by, self.jibri.looks_since))
    }

    /// It is shown so, its own port says otherwise, for long, and no meeting has its recorder.
    fn contradicts(&self, shown: Busy, own: Busy) -> Option<Evidence> {
        let (by, report, shown_since) = self.jibri.primary(self.sight)?;
        let port = self.port().filter(|port| port.report.busy == own && report.busy == shown)?;
        let since = port.since.max(shown_since).max(self.seen_since()?);
        let is_it = !self.jibri.is_twins()
            && self.jibri.serving.is_none()
            && matches!(by, Source::Brewery | Source::Jicofo)
            && self.now.since(since) >= STALE_AFTER;
        let has_webhooks = self.jibri.hook.is_some();
        is_it.then_some(Evidence::Stale { by, shown, since, has_webhooks })
    }
}
