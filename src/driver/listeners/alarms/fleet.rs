//! What alerts tell of Jibris, and of Jicofo where it has lost them.

use super::Alarms;
use crate::address::RoomJid;
use crate::alerts::{Kind, Report};
use crate::driver::Clock;
use crate::fleet::{self, Verdict};
use crate::time::Time;

impl Alarms {
    /// Something has happened in the fleet. `is_missed`: to a Jibri that is to be there.
    pub(in crate::driver) fn fleet(
        &mut self,
        now: Time,
        event: &fleet::Event,
        is_missed: bool,
        clock: Clock,
    ) {
        match event {
            fleet::Event::Verdict { name, from, to, evidence } => {
                let name = name.as_str();
                if let Some(kind) = kind_of(*from) {
                    self.resolve(now, kind, name);
                }
                if let Some(kind) = kind_of(*to).filter(|kind| is_missed || *kind != Kind::JibriOffline) {
                    let why = evidence.words(|at| clock.shown(at));
                    let summary = format!("Jibri {name} is {}: {why}", to.name());
                    self.raise(now, Report::new(kind, name, &summary).label("jibri", name));
                }
            }
            fleet::Event::JicofoLostBrewery { by, since } => {
                let summary = format!(
                    "Jicofo lost the Jibris at {}, and refuses every start: {by}",
                    clock.shown(*since)
                );
                // That there is no Jibri for anybody follows from it.
                self.resolve(now, Kind::NoJibriFree, "fleet");
                self.raise(now, Report::new(Kind::JicofoLostBrewery, "jicofo", &summary));
                self.lost_brewery = summary;
            }
            fleet::Event::Ghost { room, name } => {
                let whose = name.as_ref().map(|name| format!(", that of Jibri {}", name.as_str()));
                let summary =
                    format!("a recorder{} is in {room} with nobody else", whose.unwrap_or_default());
                let report = Report::new(Kind::GhostRecording, room.as_str(), &summary);
                self.raise(now, report.label("room", room.as_str()));
            }
            fleet::Event::NoGhost { room } => self.resolve(now, Kind::GhostRecording, room.as_str()),
            fleet::Event::JibriOrRoom { room, name, count } => {
                let summary = format!(
                    "{count} starts failed in {room} and none elsewhere: the cause is the room or Jibri {}, and only a \
                     restart of the Jibri tells which",
                    name.as_str()
                );
                self.room_fails(now, room, &summary);
            }
            fleet::Event::RoomAtFault { room, name } => {
                let summary = format!(
                    "no recorder gets into {room}: its starts failed on Jibri {} before and after a restart",
                    name.as_str()
                );
                self.room_fails(now, room, &summary);
            }
            fleet::Event::RoomSettled { room, .. } => self.resolve(now, Kind::RoomFails, room.as_str()),
            fleet::Event::JicofoRestart(restart) => {
                let summary = format!("{}; {}", self.lost_brewery, restart.words(|at| clock.shown(at)));
                self.raise(now, Report::new(Kind::JicofoLostBrewery, "jicofo", &summary));
            }
            fleet::Event::JicofoHasBrewery => self.resolve(now, Kind::JicofoLostBrewery, "jicofo"),
            fleet::Event::Restarted { name, reason } => {
                let name = name.as_str();
                let summary = format!("Jibri {name} was restarted ({})", reason.name());
                self.raise(now, Report::new(Kind::JibriRestarted, name, &summary).label("jibri", name));
            }
            fleet::Event::RecoveryFailed { name, why, .. } => {
                let name = name.as_str();
                let summary = format!("Jibri {name} could not be restarted: {why}");
                self.raise(now, Report::new(Kind::JibriNotBack, name, &summary).label("jibri", name));
            }
            fleet::Event::NotBack { name, since, .. } => {
                let name = name.as_str();
                let summary =
                    format!("Jibri {name} is not back after its restart at {}", clock.shown(*since));
                self.raise(now, Report::new(Kind::JibriNotBack, name, &summary).label("jibri", name));
            }
            fleet::Event::Removed { name } => {
                for kind in Kind::ALL.into_iter().filter(|kind| kind.is_of_a_broken_jibri()) {
                    self.resolve(now, kind, name.as_str());
                }
            }
            fleet::Event::Back { name, .. } => self.resolve(now, Kind::JibriNotBack, name.as_str()),
            _ => {}
        }
    }

    pub(super) fn room_fails(&mut self, now: Time, room: &RoomJid, summary: &str) {
        let report = Report::new(Kind::RoomFails, room.as_str(), summary);
        self.raise(now, report.label("room", room.as_str()));
    }
}

fn kind_of(verdict: Verdict) -> Option<Kind> {
    match verdict {
        Verdict::Wedged => Some(Kind::JibriWedged),
        Verdict::Unhealthy => Some(Kind::JibriUnhealthy),
        Verdict::Offline => Some(Kind::JibriOffline),
        Verdict::Stale => Some(Kind::JibriStale),
        Verdict::Detached => Some(Kind::JibriDetached),
        Verdict::Ok | Verdict::Suspect | Verdict::Expired => None,
    }
}
