//! The core of the fleet by itself: a bench that plays the world around it, and what it is to do.

mod blame;
mod doubt;
mod ghosts;
mod instances;
mod lost;
mod restarts;
mod sight;
mod verdicts;
mod witness;

use std::time::Duration;

use super::*;
use crate::address::{Nick, RoomJid};
use crate::config;
use crate::meeting::{Ended, StartFailure, Supply};

const SETTINGS: &str = r#"
[xmpp]
domain = "autostart.meet.jitsi"
secret = "s"
[muc]
domains = ["muc.meet.jitsi"]
[[jibri.instance]]
name = "a"
[[jibri.instance]]
name = "b"
[recovery]
on = ["wedged", "unhealthy", "expired"]
command = ["true"]
"#;

const IDLE: Report = Report { busy: Busy::Idle, health: Health::Healthy };
const BUSY: Report = Report { busy: Busy::Busy, health: Health::Healthy };
const EXPIRED: Report = Report { busy: Busy::Expired, health: Health::Healthy };
const UNHEALTHY: Report = Report { busy: Busy::Idle, health: Health::Unhealthy };

struct Bench {
    fleet: Fleet,
    now: Time,
    effects: Vec<Effect>,
}

fn name(text: &str) -> JibriName {
    JibriName::new(text)
}

fn room(text: &str) -> RoomJid {
    RoomJid::new(&format!("{text}@muc.meet.jitsi")).unwrap()
}

/// Recorders: `a` is a Jibri's, under its own name; in `a/2` the nickname is another one.
fn seats(ids: &[&str]) -> Vec<Seat> {
    let seat = |id: &&str| Seat {
        nick: Nick::new(id).unwrap(),
        jibri: name(id.split('/').next().unwrap_or_default()),
    };
    ids.iter().map(seat).collect()
}

impl Bench {
    fn with(settings: &str) -> Self {
        let settings = config::from_toml(settings).unwrap().settings;
        let now = Time::new(Duration::from_secs(10_000));
        Self { fleet: Fleet::new(&settings, now), now, effects: Vec::new() }
    }

    /// These Jibris in a brewery that we see, idle for long.
    fn new(present: &[&str]) -> Self {
        Self::from(SETTINGS, present)
    }

    fn from(settings: &str, present: &[&str]) -> Self {
        let mut bench = Self::with(settings);
        for jibri in present {
            bench.shows(jibri, IDLE);
        }
        bench.give(Input::Brewery(Brewery::Complete));
        bench.pass(200);
        bench.effects.clear();
        bench
    }

    fn give(&mut self, input: Input) {
        self.effects.extend(self.fleet.handle(self.now, input));
    }

    /// Lets seconds pass, with every deadline in them; pings are answered.
    fn pass(&mut self, secs: u64) {
        let until = self.now.after(Duration::from_secs(secs));
        while let Some(at) = self.fleet.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            for effect in self.fleet.handle(self.now, Input::Tick) {
                if let Effect::Ping { name } = &effect {
                    let pinged = Input::Pinged { name: name.clone(), answered: true };
                    self.effects.extend(self.fleet.handle(self.now, pinged));
                }
                self.effects.push(effect);
            }
        }
        self.now = until;
    }

    fn shows(&mut self, jibri: &str, report: Report) {
        let status = Some(report);
        self.give(Input::Brewery(Brewery::Presence { name: name(jibri), status, items: 1 }));
    }

    fn news(&mut self, at: &str, news: News) {
        self.give(Input::Meeting { room: room(at), news });
    }

    fn fails(&mut self, at: &str, why: StartFailure) {
        self.news(at, News::Failed { why, people: true });
    }

    /// A start that nobody could be used for.
    fn all_busy(&mut self, at: &str) {
        self.news(at, News::StartSent);
        self.pass(1);
        self.fails(at, StartFailure::AllBusy);
    }

    fn detector(&mut self, rows: &[(&str, Report, &str)]) {
        let row = |(jibri, report, failed): &(&str, Report, &str)| Detected {
            name: name(jibri),
            report: *report,
            selected: Stamp("2026".into()),
            failed: Stamp((*failed).into()),
        };
        self.give(Input::Detector(Some(rows.iter().map(row).collect())));
    }

    fn failures(&self, jibri: &str) -> u32 {
        self.fleet.jibri_view(jibri, self.now).unwrap().failures
    }

    fn verdict(&self, jibri: &str) -> Verdict {
        self.fleet.jibri_view(jibri, self.now).unwrap().verdict
    }

    fn recovered(&self) -> Vec<(String, Reason)> {
        let recover = |effect: &Effect| match effect {
            Effect::Recover { name, reason } => Some((name.to_string(), *reason)),
            _ => None,
        };
        self.effects.iter().filter_map(recover).collect()
    }

    fn told(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Tell(event) if is(event))).count()
    }
}

const NEVER: &str = "-1000000000-01-01T00:00:00Z";
