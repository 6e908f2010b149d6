//! What has to hold: nobody good accused, nobody at work touched, limits kept, the wedged ones found.

use jibri_autostart::fleet::{
    Availability, Effect, Event, Evidence, Input, JibriName, LostBy, Reason, Serving, Settled, Verdict,
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
    /// Since when Jicofo has lost the brewery, whether that was told, and when it was restarted for that.
    pub lost_at: Option<Us>,
    /// The same before it was mended.
    pub was_lost_at: Option<Us>,
    /// When somebody has restarted it, who tells nobody.
    pub mended_at: Option<Us>,
    lost_told: bool,
    /// Since when we have seen the brewery.
    pub seen_since: Option<Us>,
    /// At how many looks, one after the other, it had lost it for long.
    lost_seen: u32,
    jicofo_restarts: Vec<Us>,
    /// At how many looks, one after the other, the sources have contradicted each other about a Jibri.
    contradicted: Vec<u32>,
    /// And since when we had seen the brewery then.
    contradicted_since: Vec<Option<Us>>,
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
            lost_at: None,
            was_lost_at: None,
            mended_at: None,
            lost_told: false,
            seen_since: None,
            lost_seen: 0,
            jicofo_restarts: Vec::new(),
            contradicted: vec![0; jibris],
            contradicted_since: vec![None; jibris],
        }
    }

    /// A restart of it was asked for, and that it has done nothing may not be known yet: 10 s for the command, 45 s in which
    /// it is not seen to go.
    pub fn is_restarting(&self, j: usize, now: Us) -> bool {
        self.restarts.iter().any(|(at, which)| *which == j && now < at + 56 * SEC)
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
        self.lost_told = false;
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
            Effect::AskClosely { name, closely } => {
                let j = self.names[&name];
                self.jibris[j].closely = closely;
            }
            Effect::AskRecorders { room } => self.asked_for_recorders(&room),
            Effect::RecordedBy { room, recorded_by } => self.line(|_| format!("  -> {room} {recorded_by:?}")),
            Effect::HoldBack { room, until } => {
                self.seen.count("starts held back for a restart");
                self.room_held_back(&room, until);
            }
            Effect::Taken { .. } => self.seen.count("starts seen to be taken"),
            Effect::NotTaken { .. } => self.seen.count("starts seen not to be taken"),
            Effect::Recover { name, reason } => self.recover(&name, reason),
            Effect::RestartJicofo => self.restart_jicofo(),
            Effect::EndRecording { name } => self.told_to_end(self.names[&name]),
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
            // Where all that are idle fail, they look the same.
            Event::JicofoLostBrewery { by: LostBy::Refuses { idle, sure: false, .. }, .. }
                if idle.iter().all(|name| !self.jibris[self.names[name]].fault.is_good()) =>
            {
                self.seen.count("event: JicofoLostBrewery, for all fail");
                // If it comes true, that is told already.
                self.checks.lost_told = true;
            }
            Event::JicofoLostBrewery { .. } if self.checks.lost_at.is_some() => {
                self.seen.count("event: JicofoLostBrewery");
                self.checks.lost_told = true;
            }
            // It was killed while it had lost it, or was restarted: that it is there again is about to be seen.
            Event::JicofoLostBrewery { .. }
                if self.jicofo_is_down || self.checks.mended_at.is_some_and(|at| self.now < at + 5 * SEC) =>
            {
                self.seen.count("event: JicofoLostBrewery, late");
                self.checks.lost_told = true;
            }
            Event::JicofoLostBrewery { .. } => {
                self.fail(format!("Jicofo has not lost the brewery: {event:?}"));
            }
            Event::JicofoHasBrewery => {
                self.seen.count("event: JicofoHasBrewery");
                self.checks.lost_told = false;
            }
            Event::JicofoRestart(_) => self.seen.count("event: JicofoRestart"),
            Event::Removed { .. } => self.fail("nobody has changed the settings".into()),
            Event::Ghost { .. } => self.seen.count("event: Ghost"),
            Event::NoGhost { .. } => self.seen.count("event: NoGhost"),
            Event::GhostEnds { .. } => self.seen.count("event: GhostEnds"),
            Event::JibriOrRoom { .. } => self.seen.count("event: JibriOrRoom"),
            Event::RoomAtFault { room, name } => {
                self.seen.count("event: RoomAtFault");
                let is_cured = |j: &super::jibri::Jibri| j.plan.cured_by_restart && j.fault.is_good();
                let is_bad = self.rooms.iter().any(|r| r.jid == *room && r.bad);
                if !is_bad && is_cured(&self.jibris[self.names[name]]) && self.plan.manual == 0.0 {
                    self.fail(format!("{room} is said to keep recorders out, and does not"));
                }
            }
            Event::RoomSettled { how, .. } => match how {
                Settled::ByRestart(_) => self.seen.count("event: RoomSettled by a restart"),
                _ => self.seen.count("event: RoomSettled"),
            },
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
            Event::PortRefused { name } => {
                self.seen.count("event: PortRefused");
                let j = self.names[name];
                // A ping may have been answered before it died.
                if !self.jibris[j].model.is_running() && self.now > self.jibris[j].since + 5 * SEC {
                    self.seen.count("a ping is answered before a death");
                }
            }
            Event::Moved { .. } => self.seen.count("event: Moved"),
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
                    && jibri.model.is_running()
                    && jibri.busy_since().is_none_or(|at| self.now < at + 590 * SEC)
                    && !jibri.is_expired()
                    && !jibri.fault.is_stale()
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
        let is_excused = jibri.strayed && matches!(evidence, Evidence::FailedStarts { .. });
        if !is_own_fault && !is_excused && jibri.model.is_running() && !is_new {
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
        let works = jibri.model.is_running()
            && jibri.busy_since().is_some_and(|at| now > at + LAG + 200 * MS)
            && !jibri.is_expired();
        let cooldown = u64::try_from(settings.cooldown.as_micros()).unwrap();
        let an_hour = |at: &&(Us, usize)| now < at.0 + 3600 * SEC;
        let in_hour = self.checks.restarts.iter().filter(an_hour).count();
        let cools = self.checks.restarts.iter().any(|(at, other)| *other == j && now < at + cooldown);
        let wrong = if works {
            Some("it is at work")
        } else if !jibri.plan.configured {
            Some("it is not configured")
        } else if jibri.has_twin
            && jibri.model.is_running()
            && self.brewery_in
            && self.brewery_losses == 0
            && now > jibri.plan.twins_from.unwrap_or(0) + LAG + SEC
        {
            Some("there are two of it")
        } else if matches!(reason, Reason::Stale | Reason::Detached)
            && jibri.model.is_running()
            && !(jibri.fault.is_stale() || jibri.fault == Fault::Detached)
        {
            Some("what is shown of it is what it is at")
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

    fn restart_jicofo(&mut self) {
        self.seen.count("Jicofo is restarted by us");
        let settings = &self.plan.settings.recovery;
        let after = |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap();
        let is_long = |at: Us| self.now >= at + after(settings.jicofo_after);
        let is_late = self.checks.lost_at.or(self.checks.was_lost_at).is_some_and(is_long);
        let works = |jibri: &super::jibri::Jibri| {
            jibri.busy_since().is_some_and(|at| self.now > at + LAG + 200 * MS)
                && jibri.server.flatten().is_some()
        };
        let last = self.checks.jicofo_restarts.last();
        let in_hour = self.checks.jicofo_restarts.iter().filter(|at| self.now < **at + 3600 * SEC).count();
        let is_lost = self.checks.lost_at.is_some_and(|at| self.now >= at + 45 * SEC);
        // Its list and the brewery tell of it a moment later.
        let was_lost = self.jicofo_is_down || self.checks.mended_at.is_some_and(|at| self.now < at + 5 * SEC);
        let wrong = if !is_lost && !was_lost {
            Some("it has not lost the brewery for long")
        } else if settings.jicofo_command.is_empty() || settings.dry_run {
            Some("it is not to be")
        } else if !is_late && self.jibris.iter().any(works) {
            Some("a Jibri is at work")
        } else if in_hour >= 2 || last.is_some_and(|last| self.now < last + after(settings.cooldown)) {
            Some("too often")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            self.fail(format!("Jicofo is restarted, and {wrong}"));
        }
        self.checks.jicofo_restarts.push(self.now);
        let takes = self.some(5 * SEC, 20 * SEC);
        self.after(takes, Ev::JicofoRestarts { by_us: true });
    }

    /// Each contradiction is told within its bound, where those who can tell are heard all the time.
    fn check_contradiction(&mut self, j: usize) {
        let jibri = &self.jibris[j];
        let shown = jibri.server.flatten().map(|report| report.busy);
        let own = jibri.own_report().busy;
        let is_heard = self.plan.ports
            && !self.plan.port_trouble
            && self.plan.brewery
            && !self.plan.brewery_trouble
            && jibri.plan.configured
            && jibri.model.is_running()
            && !jibri.has_twin
            && self.brewery_in;
        let (expected, looks) = match shown {
            Some(shown) if shown.is_opposed(own) && jibri.fault.is_stale() => (Verdict::Stale, 4),
            None if jibri.fault == Fault::Detached => (Verdict::Detached, 4),
            _ => (Verdict::Ok, 0),
        };
        // What was known before we entered is forgotten.
        let since = self.checks.seen_since;
        let is_new = std::mem::replace(&mut self.checks.contradicted_since[j], since) != since;
        if !is_heard || looks == 0 || is_new {
            self.checks.contradicted[j] = 0;
            return;
        }
        self.checks.contradicted[j] += 1;
        let view = self.cores.fleet.jibri_view(&self.jibris[j].plan.name, time(self.now));
        let is_told = view.is_some_and(|view| view.verdict == expected || view.room.is_some());
        if self.checks.contradicted[j] >= looks && !is_told {
            let (name, fault) = (self.jibris[j].plan.name.clone(), self.jibris[j].fault);
            self.fail(format!("{name} ({fault:?}) is not called {expected:?} in time"));
        }
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
        let is_any_there = self.jibris.iter().any(|jibri| jibri.server.flatten().is_some());
        let is_lost = self.checks.lost_at.is_some_and(|at| self.now > at + 50 * SEC)
            && self.brewery_in
            && self.checks.seen_since.is_some_and(|since| self.now > since + 50 * SEC);
        self.checks.lost_seen = if is_lost && is_any_there { self.checks.lost_seen + 1 } else { 0 };
        if self.checks.lost_seen > 3 && !self.checks.lost_told {
            self.fail("Jicofo has lost the brewery, and that is not told".into());
        }
        for j in 0..self.jibris.len() {
            self.check_contradiction(j);
            let jibri = &self.jibris[j];
            let verdict =
                self.cores.fleet.jibri_view(&jibri.plan.name, time(self.now)).map(|view| view.verdict);
            let is_settled = jibri.model.is_running()
                && self.now > jibri.since + 60 * SEC
                && jibri.server.flatten().is_some();
            let (name, fault) = (jibri.plan.name.clone(), jibri.fault);
            let is_good = is_settled && fault.is_good() && !self.jibris[j].is_expired();
            let is_accused = match verdict {
                Some(Verdict::Wedged) => !jibri.strayed,
                other => other == Some(Verdict::Unhealthy),
            };
            if is_good && is_accused {
                self.seen.accused += 1;
                self.fail(format!("{name} is good, and {verdict:?}"));
            }
            // Before we see the brewery, Jicofo may be believed, and it may have lost it.
            let sees = self.checks.seen_since.is_some_and(|since| self.now > since + 2 * LAG);
            if is_good && verdict == Some(Verdict::Offline) && self.brewery_in && sees {
                self.fail(format!("{name} is there, and offline"));
            }
            // Jicofo's word is there all the time: so many failures have to be enough.
            let is_plain = matches!(fault, Fault::Refuses | Fault::Hangs | Fault::HungXmpp)
                && self.plan.jibris[j].twins_from.is_none()
                && self.plan.detector.is_some()
                && !self.plan.detector_trouble
                && is_settled
                && self.plan.lost.is_none();
            let enough = self.plan.settings.jibri.wedged_after as usize + 1;
            let lost = self.distinct(j);
            let is_old = self.checks.lost[j].last().is_some_and(|at| self.now > at + 20 * SEC);
            if is_plain && is_old && lost >= enough && !self.checks.found[j] {
                self.fail(format!("{name} ({fault:?}) has lost {lost} starts and is {verdict:?}"));
            }
        }
        for r in 0..self.rooms.len() {
            let Some(session) = self.jicofo.session(&r).filter(|session| session.on) else { continue };
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
