//! What has to hold: nobody good accused, nobody at work touched, limits kept, the wedged ones found.

use jibri_autostart::fleet::{
    Availability, Effect, Event, Evidence, Input, JibriName, Reason, Serving, Verdict,
};

use super::plan::{Fault, LAG, MS, SEC, Us};
use super::world::{Ev, World, time};

/// Between two lost starts that are two and not one.
const APART: Us = 21 * SEC;

#[derive(Debug)]
pub struct Checks {
    pub late_ticks: u32,
    /// Starts lost by each Jibri since its present process, or fault, began.
    pub lost: Vec<Vec<Us>>,
    fault: Vec<Option<(Fault, Us)>>,
    found: Vec<bool>,
    verdicts: Vec<Verdict>,
    good_since: Vec<Us>,
    available: Availability,
    restarts: Vec<(Us, usize)>,
    current: Option<(usize, Us)>,
}

fn verdict_name(verdict: Verdict) -> String {
    format!("verdict: {}", verdict.name())
}

impl Checks {
    pub fn new(jibris: usize) -> Self {
        Self {
            late_ticks: 0,
            lost: vec![Vec::new(); jibris],
            fault: vec![None; jibris],
            found: vec![false; jibris],
            verdicts: vec![Verdict::Ok; jibris],
            good_since: vec![0; jibris],
            available: Availability::default(),
            restarts: Vec::new(),
            current: None,
        }
    }

    pub fn reset(&mut self, j: usize) {
        self.fault[j] = None;
        self.found[j] = false;
    }

    pub fn faulty(&mut self, j: usize, fault: Fault, now: Us) {
        self.fault[j] = Some((fault, now));
        self.found[j] = false;
    }

    /// We were restarted, and remember nothing but what the ledger has: who was restarted, and when.
    pub fn forget(&mut self) {
        self.verdicts.fill(Verdict::Ok);
        self.found.fill(false);
        self.lost.iter_mut().for_each(Vec::clear);
        self.available = Availability::default();
        self.current = None;
    }

    pub fn restarts(&self) -> &[(Us, usize)] {
        &self.restarts
    }

    pub fn command_ended(&mut self, j: usize, ok: bool) {
        if !ok {
            self.current.take_if(|(current, _)| *current == j);
        }
    }
}

impl World {
    /// A start was lost on this Jibri, in truth. `refused`: it never took it.
    pub fn lost_start(&mut self, j: usize, refused: bool) {
        let fault = self.jibris[j].fault;
        if Fault::WEDGED.contains(&fault) && fault != Fault::HungPort {
            if self.checks.lost[j].is_empty() {
                self.seen.found.entry(fault).or_default().tried += 1;
            }
            let before = self.distinct(j);
            self.checks.lost[j].push(self.now);
            let after = self.distinct(j);
            let wedged_after = self.plan.settings.jibri.wedged_after as usize;
            if before < wedged_after && after >= wedged_after {
                self.seen.found.entry(fault).or_default().due += 1;
            }
        } else if refused && fault == Fault::None {
            self.seen.count("a good Jibri is put down as failed");
        }
    }

    fn distinct(&self, j: usize) -> usize {
        let mut last = None;
        let mut count = 0;
        for at in &self.checks.lost[j] {
            if last.is_none_or(|last| *at >= last + APART) {
                count += 1;
                last = Some(*at);
            }
        }
        count
    }

    pub fn take_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Ping { name } => {
                let j = self.names[&name];
                if self.chance(0.01) {
                    self.seen.count("pings, a hundredth");
                }
                let answered = self.brewery_in && self.jibris[j].answers_pings();
                let wait = if answered { self.some(10 * MS, SEC) } else { 5 * SEC };
                self.after(wait, Ev::ToFleet(Input::Pinged { name, answered }));
            }
            Effect::Look { .. } => self.seen.count("looks at rooms"),
            Effect::AskJicofo => {
                self.seen.count("Jicofo asked out of turn");
                self.asked_for_jicofo();
            }
            Effect::Taken { .. } => self.seen.count("starts seen to be taken"),
            Effect::NotTaken { .. } => self.seen.count("starts seen not to be taken"),
            Effect::Recover { name, reason } => self.recover(&name, reason),
            Effect::Tell(event) => self.told(event),
        }
    }

    fn told(&mut self, event: Event) {
        self.line(|_| format!("  -> {event:?}"));
        match &event {
            Event::Verdict { name, from, to, evidence } => {
                let j = self.names[name];
                self.seen.count_owned(verdict_name(*to));
                let words = format!("{evidence:?}");
                let kind = words.split([' ', '{']).next().unwrap_or_default();
                self.seen.count_owned(format!("evidence: {kind}"));
                if self.checks.verdicts[j] != *from {
                    self.fail(format!("{name} was not {from:?}"));
                }
                self.checks.verdicts[j] = *to;
                if *to == Verdict::Wedged {
                    self.accused(j, evidence);
                }
            }
            // Nobody tells here whether Jicofo is in the brewery, and it lists who is there a moment later.
            Event::JicofoLostBrewery { .. } | Event::JicofoHasBrewery => {
                self.fail(format!("Jicofo has not lost the brewery: {event:?}"));
            }
            Event::NotBack { name, .. } | Event::Back { name, .. } => {
                let j = self.names[name];
                self.checks.current.take_if(|(current, _)| *current == j);
                let kind = if matches!(event, Event::Back { .. }) { "event: Back" } else { "event: NotBack" };
                self.seen.count(kind);
            }
            Event::RecoveryFailed { name, .. } => {
                let j = self.names[name];
                self.checks.current.take_if(|(current, _)| *current == j);
                self.seen.count("event: RecoveryFailed");
            }
            Event::Limited { limit, .. } => self.seen.count_owned(format!("event: Limited {limit:?}")),
            Event::InDoubt { .. } => self.seen.count("event: InDoubt"),
            Event::Twins { .. } => self.seen.count("event: Twins"),
            Event::TwinsOver { .. } => self.seen.count("event: TwinsOver"),
            Event::WouldRecover { .. } => self.seen.count("event: WouldRecover"),
            Event::Restarted { .. } => self.seen.count("event: Restarted"),
            Event::BusyWithoutRecorder { name, .. } => {
                self.seen.count("event: BusyWithoutRecorder");
                let j = self.names[name];
                let jibri = &self.jibris[j];
                // By rarer looks than the brewery's two spells may be one.
                let is_seen = self.brewery_in && self.brewery_losses == 0;
                if is_seen
                    && jibri.alive
                    && jibri.busy_since.is_none_or(|at| self.now < at + 590 * SEC)
                    && !jibri.expired
                {
                    self.fail(format!("{name} is said to be busy for long, and is not"));
                }
            }
        }
    }

    /// Somebody is called wedged.
    fn accused(&mut self, j: usize, evidence: &Evidence) {
        let jibri = &self.jibris[j];
        let is_own_fault = match jibri.fault {
            Fault::HungPort => matches!(evidence, Evidence::PortDead { .. }),
            fault => !fault.is_good(),
        };
        // What was known of a process that is gone, before its end is known.
        let is_new = self.now < jibri.since + 5 * SEC;
        if !is_own_fault && jibri.alive && !is_new {
            let (name, fault) = (jibri.plan.name.clone(), jibri.fault);
            self.seen.accused += 1;
            self.fail(format!("{name} ({fault:?}) is good and accused: {evidence:?}"));
        }
        let fault = self.jibris[j].fault;
        if Fault::WEDGED.contains(&fault) && !self.checks.found[j] {
            self.checks.found[j] = true;
            let lost = self.checks.lost[j].len() as u64;
            let took = self.now - self.checks.lost[j].first().copied().unwrap_or(self.now);
            let found = self.seen.found.entry(fault).or_default();
            found.found += 1;
            found.lost.push(lost);
            found.took.push(took);
        }
    }

    fn recover(&mut self, name: &JibriName, reason: Reason) {
        let now = self.now;
        let j = self.names[name];
        self.line(|_| format!("  -> RECOVER {name} {reason:?}"));
        self.seen.count_owned(format!("recover: {reason:?}"));
        let settings = self.plan.settings.recovery.clone();
        let jibri = &self.jibris[j];
        // Its presence may be on its way to us.
        let works =
            jibri.alive && jibri.busy_since.is_some_and(|at| now > at + LAG + 200 * MS) && !jibri.expired;
        let cooldown = u64::try_from(settings.cooldown.as_micros()).unwrap();
        let an_hour = |at: &&(Us, usize)| now < at.0 + 3600 * SEC;
        let in_hour = self.checks.restarts.iter().filter(an_hour).count();
        let cools = self.checks.restarts.iter().any(|(at, other)| *other == j && now < at + cooldown);
        let wrong = if works {
            Some("it is at work")
        } else if !jibri.plan.configured {
            Some("it is not configured")
        } else if jibri.has_twin
            && jibri.alive
            && self.brewery_in
            && self.brewery_losses == 0
            && now > jibri.plan.twins_from.unwrap_or(0) + LAG + SEC
        {
            Some("there are two of it")
        } else if settings.dry_run {
            Some("this is a dry run")
        } else if in_hour >= settings.max_per_hour as usize {
            Some("too many within the hour")
        } else if cools {
            Some("its cooldown is not over")
        } else if self.checks.current.is_some_and(|(_, at)| now < at + 200 * SEC) {
            Some("another is being restarted")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            self.fail(format!("{name} is restarted ({reason:?}), but {wrong}"));
        }
        self.checks.restarts.push((now, j));
        self.checks.current = Some((j, now));
        let fails = self.chance(self.plan.recovery_fails);
        let takes = self.some(SEC, 10 * SEC);
        if fails && self.chance(0.3) {
            // Nothing is ever heard of it.
            return;
        }
        if !fails {
            let vanishes = self.chance(self.plan.recovery_vanishes);
            // Now and then the command does nothing at all.
            if !self.chance(0.03) {
                self.jibri_restarted(j, vanishes);
            }
        }
        self.after(takes, Ev::Recovered { j, ok: !fails });
    }

    pub fn check_numbers(&mut self) {
        // All of them is a long walk; often enough.
        if !self.now.is_multiple_of(7) && self.jibris.len() > 4 {
            return;
        }
        let free = self.cores.fleet.view(time(self.now)).filter(|jibri| jibri.free).count();
        let is = self.cores.fleet.availability();
        let before = std::mem::replace(&mut self.checks.available, is);
        let is_news = (is.free, is.visible) != (before.free, before.visible);
        if is_news && is.free == 0 && is.visible {
            self.seen.count("none free");
        }
        if free != is.free || is.change < before.change || is_news && is.change == before.change {
            self.fail(format!("free are {free}, said {is:?}, before {before:?}"));
        }
    }

    /// Twice a minute: verdicts against the truth.
    pub fn check_verdicts(&mut self) {
        for j in 0..self.jibris.len() {
            let jibri = &self.jibris[j];
            let verdict =
                self.cores.fleet.jibri_view(&jibri.plan.name, time(self.now)).map(|view| view.verdict);
            let is_settled =
                jibri.alive && self.now > jibri.since + 60 * SEC && jibri.server.flatten().is_some();
            let (name, fault) = (jibri.plan.name.clone(), jibri.fault);
            let is_good = is_settled && fault.is_good() && !self.jibris[j].expired;
            if is_good && matches!(verdict, Some(Verdict::Wedged | Verdict::Unhealthy)) {
                self.seen.accused += 1;
                self.fail(format!("{name} is good, and {verdict:?}"));
            }
            if is_good && verdict == Some(Verdict::Offline) && self.brewery_in {
                self.fail(format!("{name} is there, and offline"));
            }
            // Jicofo's word is there all the time: so many failures have to be enough.
            let is_plain = matches!(fault, Fault::Refuses | Fault::Hangs | Fault::HungXmpp)
                && self.plan.jibris[j].twins_from.is_none()
                && self.plan.detector.is_some()
                && !self.plan.detector_trouble
                && is_settled;
            let enough = self.plan.settings.jibri.wedged_after as usize + 1;
            let lost = self.distinct(j);
            let is_old = self.checks.lost[j].last().is_some_and(|at| self.now > at + 20 * SEC);
            if is_plain && is_old && lost >= enough && !self.checks.found[j] {
                self.fail(format!("{name} ({fault:?}) has lost {lost} starts and is {verdict:?}"));
            }
        }
        for r in 0..self.rooms.len() {
            let Some(session) = self.jicofo.sessions[r].as_ref().filter(|session| session.on) else {
                continue;
            };
            if let Serving::Known(name) = self.cores.fleet.serving(&self.rooms[r].jid) {
                self.seen.count("recordings with their Jibri known");
                let j = self.names[name];
                if session.jibri != Some(j) {
                    self.seen.count("recordings with the wrong Jibri");
                }
            } else {
                self.seen.count("recordings whose Jibri is not known");
            }
        }
    }

    pub fn finish(&mut self) {
        self.cores_finish();
        for j in 0..self.jibris.len() {
            match self.checks.fault[j] {
                Some((fault, _)) if Fault::WEDGED.contains(&fault) => {}
                _ => self.seen.good += 1,
            }
            self.checks.good_since[j] = self.now;
        }
    }
}
