//! One Jibri: what each source says of it, and what that comes to.

use std::time::Duration;

use super::event::{Limit, Reason};
use super::evidence::{Evidence, Source, Verdict};
use super::reach::Reach;
use super::recovering::Recovering;
use super::sessions::LAG;
use super::streak::Streak;
use crate::address::RoomJid;
use crate::jibri::{Busy, Detected, Health, Report};
use crate::time::Time;

/// Jibri's webhook tells its status every minute (docs/jitsi.md 6); after missing two it is stale.
const HOOK_LASTS: Duration = Duration::from_secs(150);
/// Not selected again so soon after a failure (docs/jitsi.md 2).
pub(super) const SHUNNED: Duration = Duration::from_secs(60);
/// Not selected again so soon after a selection (docs/jitsi.md 2).
const SELECTED: Duration = Duration::from_millis(200);
/// Jicofo waits 15 s for an answer (docs/jitsi.md 2), and what we hear is a little late.
pub(super) const GIVEN_UP: Duration = Duration::from_secs(20);
/// After Jicofo says that one has failed: it must go on showing idle for so long. One that was selected twice
/// answers "busy" to the second start and is put down as failed, while it records for the first.
const FAILURE_HOLDS: Duration = Duration::from_secs(5);
/// Who answers "busy" shows busy at Jicofo within this.
const ASKED_AGAIN: Duration = Duration::from_secs(2);
/// A page that does not load or a meeting that cannot be joined ends within 90 s (docs/jitsi.md 11): who is
/// busy for longer than this records.
const RECORDS_SURELY: Duration = Duration::from_secs(180);
/// A spell this long counts as a recording.
pub(super) const RECORDING: Duration = Duration::from_secs(60);
/// Busy for so long without any recorder that we can see is worth telling.
pub(super) const BUSY_LONG: Duration = Duration::from_secs(600);
/// One that is not configured and is gone for so long is forgotten: without a fixed nickname every start of a
/// container brings a new one (docs/jitsi.md 5).
pub(super) const STRANGERS_LAST: Duration = Duration::from_secs(3600);

/// Which of the sources that know everybody are there, and what dead lines are measured by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coverage {
    /// Since when the brewery is seen.
    pub(super) brewery: Option<Time>,
    pub(super) detector: bool,
    /// When Jicofo was last asked with success.
    pub(super) polled: Option<Time>,
    pub(super) interval: Duration,
    /// `jibri.fast_failover`.
    pub(super) fast_failover: bool,
    pub(super) wedged_after: u32,
}

/// What a Jibri looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appearance {
    /// No source says anything.
    Unknown,
    /// Not there.
    Absent,
    /// Idle and healthy: Jicofo may select it.
    Idle,
    /// At work.
    Busy,
    /// There, but neither: unhealthy, expired, undefined.
    Unwell,
}

#[derive(Debug)]
pub(super) struct Presence {
    pub(super) status: Option<Report>,
    /// Since when the status is this.
    pub(super) since: Time,
    /// Told before our sight was lost.
    pub(super) stale: bool,
}

/// What its health port says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) report: Report,
    /// Since when it has said so, in each answer.
    pub(super) since: Time,
    /// Of the last answer.
    pub(super) at: Time,
}

impl Said {
    /// It may be of before the moment in which the Jibri began to show that it is idle, and have been on its way since.
    pub(super) fn is_late(&self, looks: Appearance, shown_since: Time) -> bool {
        self.report.busy == Busy::Busy && looks == Appearance::Idle && self.at < shown_since.after(LAG)
    }
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) detected: Detected,
    pub(super) since: Time,
    /// Since when it tells of its last failure; how old that was in the first row cannot be said.
    failed_since: Time,
    /// The poll it was last in.
    pub(super) poll: u64,
    pub(super) selected_at: Option<Time>,
}

/// A failure that Jicofo reports and that is not counted before it is sure.
#[derive(Debug)]
struct Held {
    /// It was idle and healthy when Jicofo's picture was last without the failure.
    from: Time,
    at: Time,
    until: Time,
    room: Option<RoomJid>,
}

#[derive(Debug)]
pub(super) struct Jibri {
    pub(super) configured: bool,
    pub(super) presence: Option<Presence>,
    pub(super) items: usize,
    pub(super) row: Option<Row>,
    /// It has been in the brewery.
    pub(super) was_there: bool,
    pub(super) port: Option<Said>,
    /// Since when its port refuses connections while it records, and whether it has shown since that it lives.
    pub(super) refused: Option<(Time, bool)>,
    /// Its process is gone, and the brewery does not show it yet.
    pub(super) is_dead: bool,
    pub(super) port_reach: Reach,
    pub(super) hook: Option<(Time, Report)>,
    pub(super) ping_reach: Reach,
    pub(super) ping_due: Time,
    pub(super) streak: Streak,
    held: Option<Held>,
    pub(super) shunned_until: Option<Time>,
    pub(super) looks: Appearance,
    pub(super) looks_since: Time,
    /// Since when it is there, as one process: what befell the one before is not its fault.
    pub(super) there_since: Time,
    /// When any source last had it.
    pub(super) last_seen: Option<Time>,
    /// The room that it is believed to serve.
    pub(super) serving: Option<RoomJid>,
    /// A session of this process was seen to end.
    pub(super) has_served: bool,
    /// A start has failed that it had taken, in this room; once it is idle again it is sure that it was its.
    pub(super) falling: Option<(RoomJid, Time)>,
    pub(super) recordings: u32,
    /// So many recordings in a row, two at least, have left no file; 0: nobody says so.
    pub(super) without_files: u32,
    pub(super) restarts: u32,
    pub(super) last_restart: Option<Time>,
    pub(super) recovering: Option<Recovering>,
    /// A restart that was begun then has failed, and that was told.
    pub(super) unmended: Option<(Reason, Time)>,
    /// What was told of a recovery that cannot be, so that it is told once.
    pub(super) told: Option<(Reason, Option<Limit>)>,
    pub(super) verdict: Verdict,
    pub(super) evidence: Evidence,
    pub(super) counted_free: bool,
    pub(super) counted_present: bool,
    /// Of the present spell: when to tell that it is busy for long; none once told.
    pub(super) busy_told_at: Option<Time>,
    /// When to ask again whether it may be restarted.
    pub(super) retry_at: Option<Time>,
}

impl Jibri {
    pub(super) fn new(configured: bool, now: Time, ping_due: Time) -> Self {
        Self {
            configured,
            presence: None,
            items: 0,
            row: None,
            was_there: false,
            port: None,
            refused: None,
            is_dead: false,
            port_reach: Reach::default(),
            hook: None,
            ping_reach: Reach::default(),
            ping_due,
            streak: Streak::default(),
            held: None,
            shunned_until: None,
            looks: Appearance::Unknown,
            looks_since: now,
            there_since: now,
            last_seen: None,
            serving: None,
            has_served: false,
            falling: None,
            recordings: 0,
            without_files: 0,
            restarts: 0,
            last_restart: None,
            recovering: None,
            unmended: None,
            told: None,
            verdict: Verdict::Ok,
            evidence: Evidence::None,
            counted_free: false,
            counted_present: false,
            busy_told_at: None,
            retry_at: None,
        }
    }

    pub(super) fn is_twins(&self) -> bool {
        self.items > 1
    }

    /// What the best source says: the brewery, where it is seen, for it is first to know; else Jicofo; else
    /// the Jibri itself.
    pub(super) fn primary(&self, sight: Coverage) -> Option<(Source, Report, Time)> {
        if sight.brewery.is_some() {
            let presence = self.presence.as_ref()?;
            return presence.status.map(|status| (Source::Brewery, status, presence.since));
        }
        if sight.detector {
            return self.row.as_ref().map(|row| (Source::Jicofo, row.detected.report, row.since));
        }
        self.own_word()
    }

    /// The later of what its port and its webhook say.
    pub(super) fn own_word(&self) -> Option<(Source, Report, Time)> {
        let port = self.port.map(|port| (Source::HealthPort, port.report, port.at));
        let hook = self.hook.map(|(at, report)| (Source::Webhook, report, at));
        port.into_iter().chain(hook).max_by_key(|(_, _, at)| *at)
    }

    /// What it says itself counts only if it is later than what the others see: a restarted Jibri is healthy.
    fn later_word(&self, sight: Coverage) -> Option<(Source, Report, Time)> {
        let since = self.primary(sight).map(|(_, _, since)| since);
        self.own_word().filter(|(_, _, at)| since.is_none_or(|since| *at >= since))
    }

    pub(super) fn unhealthy(&self, sight: Coverage) -> Option<(Source, Time)> {
        let says = |(source, report, since): (Source, Report, Time)| {
            (report.health == Health::Unhealthy).then_some((source, since))
        };
        self.primary(sight).and_then(says).or_else(|| self.later_word(sight).and_then(says))
    }

    pub(super) fn expired(&self, sight: Coverage) -> Option<(Source, Time)> {
        let (source, report, at) = self.later_word(sight)?;
        (report.busy == Busy::Expired).then_some((source, at))
    }

    fn looks_now(&self, sight: Coverage) -> Appearance {
        let is_absent = if sight.brewery.is_some() {
            self.presence.is_none()
        } else {
            sight.detector && self.row.is_none()
        };
        if is_absent {
            return Appearance::Absent;
        }
        let Some((_, report, _)) = self.primary(sight) else { return Appearance::Unknown };
        if self.unhealthy(sight).is_some() || self.expired(sight).is_some() {
            return Appearance::Unwell;
        }
        match (report.busy, report.health) {
            (Busy::Idle, Health::Healthy) => Appearance::Idle,
            (Busy::Busy, _) => Appearance::Busy,
            _ => Appearance::Unwell,
        }
    }

    /// Any source says that it is at work, or we believe it to serve a room.
    ///
    /// An expired one goes on showing `busy` in the brewery for ever (docs/jitsi.md 5), and so in Jicofo:
    /// there only its own latest word counts, which says "expired" only after the recording has been
    /// finished. A webhook alone is no proof of that, unless we have seen a session of it end.
    pub(super) fn is_at_work(&self, sight: Coverage) -> bool {
        if self.serving.is_some() {
            return true;
        }
        if self.expired(sight).is_some_and(|(by, _)| by != Source::Webhook || self.has_served) {
            return false;
        }
        match &self.evidence {
            // Its own port has long said that it is idle; or whatever it is busy with was never begun, and what could be
            // the recording of a meeting is for `Obstacle` to say.
            Evidence::Stale { .. } => return self.port.is_none(),
            Evidence::Detached { .. } => return self.port.is_none_or(|port| port.report.busy != Busy::Idle),
            _ => {}
        }
        let presence = self.presence.as_ref().filter(|_| sight.brewery.is_some()).and_then(|p| p.status);
        let row = self.row.as_ref().filter(|_| sight.detector).map(|row| row.detected.report);
        let own = self.port.map(|port| port.report).into_iter().chain(self.hook.map(|(_, report)| report));
        presence.into_iter().chain(row).chain(own).any(|report| report.busy == Busy::Busy)
    }

    /// Some source positively says that it is idle.
    pub(super) fn is_surely_idle(&self, sight: Coverage) -> bool {
        self.primary(sight).is_some_and(|(_, report, _)| report.busy == Busy::Idle)
    }

    pub(super) fn idle_since(&self) -> Option<Time> {
        (self.looks == Appearance::Idle).then_some(self.looks_since)
    }

    /// Another row of Jicofo's. `last_poll`: when the one before was taken; `room`: the only one in which a
    /// start is under way. Whether anything is new.
    pub(super) fn detected(
        &mut self,
        detected: Detected,
        poll: u64,
        now: Time,
        last_poll: Option<Time>,
        room: Option<&RoomJid>,
    ) -> bool {
        let Some(row) = &mut self.row else {
            // The first is what later ones are compared with.
            self.row = Some(Row { detected, since: now, failed_since: now, poll, selected_at: None });
            return true;
        };
        row.poll = poll;
        if row.detected == detected {
            return false;
        }
        if row.detected.selected != detected.selected {
            row.selected_at = Some(now);
            self.shunned_until = self.shunned_until.max(Some(now.after(SELECTED)));
        }
        if row.detected.failed != detected.failed {
            row.failed_since = now;
            if detected.failed.is_never() {
                self.shunned_until = self.shunned_until.map(|until| until.min(now));
                // It has shown anew that it is idle (docs/jitsi.md 2), so it has not been all the time: it was late with its
                // answer, and busy for a moment between two looks.
                self.held = None;
            } else {
                self.shunned_until = Some(now.after(SHUNNED));
                let from = last_poll.unwrap_or(now);
                self.held =
                    Some(Held { from, at: now, until: now.after(FAILURE_HOLDS), room: room.cloned() });
            }
        }
        if row.detected.report != detected.report {
            row.since = now;
        }
        row.detected = detected;
        true
    }

    /// Presence in the brewery. A new idle and healthy one clears Jicofo's memory of a failure
    /// (docs/jitsi.md 2).
    pub(super) fn shown(&mut self, status: Option<Report>, items: usize, complete: bool, now: Time) {
        self.items = items;
        self.was_there |= status.is_some();
        self.is_dead = false;
        if complete && status.is_some() {
            // Not forgotten: who was shunned when a start was sent matters later.
            self.shunned_until = self.shunned_until.map(|until| until.min(now));
            if let Some(recovering) = &mut self.recovering {
                recovering.renewed = true;
            }
        }
        match &mut self.presence {
            Some(presence) if presence.status == status => presence.stale = false,
            _ => self.presence = Some(Presence { status, since: now, stale: false }),
        }
    }

    /// It is gone from where we saw it; what comes back is another process, of which nothing is known.
    pub(super) fn forget_process(&mut self) {
        self.port = None;
        self.hook = None;
        (self.refused, self.is_dead) = (None, false);
        self.port_reach = Reach::default();
        self.ping_reach = Reach::default();
        self.streak.reset();
        self.without_files = 0;
        self.held = None;
        self.shunned_until = None;
        self.falling = None;
        self.has_served = false;
    }

    /// Its health port has answered, the last time too.
    pub(super) fn port_answers(&self) -> bool {
        self.port.is_some() && self.port_reach.is_well()
    }

    /// Lets pass what the time has ended.
    pub(super) fn age(&mut self, sight: Coverage, now: Time) {
        let port_lasts = sight.interval.saturating_mul(4);
        self.port.take_if(|port| port.at <= now && now.since(port.at) >= port_lasts);
        self.hook.take_if(|(at, _)| now.since(*at) >= HOOK_LASTS);
        self.falling.take_if(|(_, until)| *until <= now);
    }

    /// Appearance at it anew; what it looked like before.
    pub(super) fn look(&mut self, sight: Coverage, now: Time) -> Appearance {
        let (before, after) = (self.looks, self.looks_now(sight));
        if before != after {
            if before == Appearance::Busy && now.since(self.looks_since) >= RECORDING {
                self.recordings = self.recordings.saturating_add(1);
            }
            if matches!(before, Appearance::Absent | Appearance::Unknown) {
                self.there_since = now;
            }
            self.looks = after;
            self.looks_since = now;
            self.busy_told_at = (after == Appearance::Busy).then(|| now.after(BUSY_LONG));
        }
        if matches!(after, Appearance::Absent | Appearance::Unknown) {
            if let Some(recovering) = &mut self.recovering {
                recovering.gone = true;
            }
            // Whoever comes back may have been restarted by somebody else meanwhile.
            if before != after {
                self.streak.reset();
                self.held = None;
            }
        }
        if after == Appearance::Busy && now.since(self.looks_since) >= RECORDS_SURELY {
            self.streak.reset();
        }
        self.weigh(sight, now);
        before
    }

    /// Jicofo, whose list is read, may not have chosen it at that moment, as it had failed it less than a minute before.
    pub(super) fn may_be_shunned(&self, at: Time) -> bool {
        let is_untold = |row: &Row| !row.detected.failed.is_never() && row.failed_since.after(SHUNNED) > at;
        self.shunned_until.is_some_and(|until| until > at) || self.row.as_ref().is_some_and(is_untold)
    }

    /// What Jicofo reports counts for nothing: it sees no Jibri.
    pub(super) fn forgive(&mut self) {
        self.held = None;
    }

    /// A failure that Jicofo reports counts if it was idle and healthy before, and has stayed so.
    fn weigh(&mut self, sight: Coverage, now: Time) {
        let is_at_work = self.is_at_work(sight);
        let Some(held) = &mut self.held else { return };
        // Jicofo may have waited 15 s for a process that has been restarted meanwhile.
        let is_too_new = self.there_since.after(GIVEN_UP) > held.from;
        if self.looks != Appearance::Idle
            || self.looks_since > held.from
            || is_too_new
            || is_at_work
            || self.items > 1
        {
            self.held = None;
        } else if held.until <= now {
            // Where Jicofo alone shows who is busy, it has to be asked once more.
            if sight.brewery.is_none() && sight.polled.is_none_or(|at| at < held.at.after(ASKED_AGAIN)) {
                held.until = now.after(ASKED_AGAIN);
                return;
            }
            self.streak.launch_failed(held.at, held.room.clone());
            self.held = None;
        }
    }

    /// When it has to be looked at even if nothing happens.
    pub(super) fn deadline(&self, sight: Coverage, now: Time) -> Option<Time> {
        let is_passing = matches!(self.looks, Appearance::Absent | Appearance::Unknown) && !self.configured;
        let busy = self.looks == Appearance::Busy && self.streak.count() > 0;
        [
            self.is_pinged(sight).then_some(self.ping_due),
            self.port.map(|port| port.at.after(sight.interval.saturating_mul(4))),
            self.hook.map(|(at, _)| at.after(HOOK_LASTS)),
            self.shunned_until.filter(|until| *until > now),
            self.retry_at.filter(|at| *at > now),
            is_passing.then(|| self.looks_since.after(STRANGERS_LAST)),
            self.falling.as_ref().map(|(_, until)| *until),
            self.held.as_ref().map(|held| held.until),
            self.word_deadline(now),
            busy.then(|| self.looks_since.after(RECORDS_SURELY)),
            self.busy_told_at.filter(|_| self.looks == Appearance::Busy),
            self.recovering.as_ref().and_then(Recovering::deadline),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
