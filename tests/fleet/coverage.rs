//! What was met on the way, so that the simulation cannot silently stop testing, and the figures it is for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::plan::Fault;

/// How the Jibris with one fault fared.
#[derive(Debug, Default, Clone, Copy)]
pub struct Found {
    pub faulty: u64,
    /// Of those, so many lost a start at all.
    pub tried: u64,
    /// So many lost as many starts, one after the other, as make one wedged.
    pub due: u64,
    pub found: u64,
    /// Starts lost before it was found.
    pub lost: u64,
}

#[derive(Debug, Default)]
pub struct Coverage {
    counts: BTreeMap<Cow<'static, str>, u64>,
    pub found: BTreeMap<Fault, Found>,
    /// Jibris that nothing was wrong with, and how many of them were called wedged.
    pub good: u64,
    pub accused: u64,
}

/// Each of these has to happen in a full run.
pub const HAVE_TO_HAPPEN: &[&str] = &[
    "Jicofo falls back to another",
    "Jicofo gives up on a silent Jibri",
    "a Jibri crashes",
    "a Jibri is lost in a session",
    "a presence stays after its Jibri has died",
    "a start meets a busy Jibri",
    "an answer too late",
    "event: Back",
    "event: BusyWithoutRecorder",
    "event: InDoubt",
    "event: Limited Cooldown",
    "event: Limited NotConfigured",
    "event: Limited PerHour",
    "event: Limited Twins",
    "event: NotBack",
    "event: RecoveryFailed",
    "event: Restarted",
    "event: Twins",
    "event: TwinsOver",
    "event: WouldRecover",
    "evidence: Absent",
    "evidence: Expired",
    "evidence: FailedStarts",
    "evidence: PingDead",
    "evidence: PortDead",
    "evidence: Unhealthy",
    "failed: AllBusy",
    "failed: EndedBeforeOn",
    "failed: Failed",
    "failed: NoJibri",
    "failed: SeveralFailed",
    "fault: Busy",
    "fault: Crashes",
    "fault: Hangs",
    "fault: HungPort",
    "fault: HungXmpp",
    "fault: PageFails",
    "fault: Refuses",
    "fault: SessionFails",
    "fault: SingleUse",
    "fault: Slow",
    "fault: Unhealthy",
    "looks at rooms",
    "none free",
    "recover: Expired",
    "recover: Recycle",
    "recover: Unhealthy",
    "recover: Wedged",
    "recordings on",
    "recordings with their Jibri known",
    "starts by hand",
    "stopped before it was on",
    "the brewery is lost",
    "the way to all health ports is cut",
    "verdict: expired",
    "verdict: offline",
    "verdict: ok",
    "verdict: suspect",
    "verdict: unhealthy",
    "verdict: wedged",
];

impl Coverage {
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(Cow::Borrowed(what)).or_default() += 1;
    }

    pub fn count_owned(&mut self, what: String) {
        *self.counts.entry(Cow::Owned(what)).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (what, times) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += times;
        }
        for (fault, more) in &other.found {
            let sum = self.found.entry(*fault).or_default();
            sum.faulty += more.faulty;
            sum.tried += more.tried;
            sum.due += more.due;
            sum.found += more.found;
            sum.lost += more.lost;
        }
        self.good += other.good;
        self.accused += other.accused;
    }

    pub fn missing(&self) -> Vec<&'static str> {
        HAVE_TO_HAPPEN.iter().copied().filter(|what| !self.counts.contains_key(*what)).collect()
    }

    pub fn table(&self) -> String {
        let mut table: String =
            self.counts.iter().map(|(what, times)| format!("{times:>9}  {what}\n")).collect();
        table.push_str("\n    fault        faulty   tried     due   found   lost starts until found, mean\n");
        for (fault, f) in &self.found {
            let mean = f.lost as f64 / f.found.max(1) as f64;
            let name = format!("{fault:?}");
            table.push_str(&format!(
                "    {name:<12} {:>6}  {:>6}  {:>6}  {:>6}   {mean:.1}\n",
                f.faulty, f.tried, f.due, f.found
            ));
        }
        table.push_str(&format!("    good Jibris: {}, accused: {}\n", self.good, self.accused));
        table
    }
}
