//! Where rooms are heard of: a source lists them, late, wrongly, or not at all; and events that need not be true.

use jibri_autostart::address::RoomJid;
use jibri_autostart::meeting::watchlist::{Change, Report, Sender, Source};
use rand::RngExt as _;

use super::plan::{MS, SEC, Us};
use super::world::{Ev, World};

#[derive(Debug, Default)]
pub struct Lister {
    /// It does not answer before this.
    down_until: Us,
    /// What it would have said the last time.
    last: Vec<RoomJid>,
}

impl World {
    fn lists_itself(&self) -> Source {
        if self.plan.by_jicofo { Source::Jicofo } else { Source::Disco }
    }

    /// A source lists its rooms, if it can.
    pub fn list(&mut self) {
        let source = self.lists_itself();
        // Jicofo answers by itself; what is asked over the link needs it.
        let can = self.plan.by_jicofo || self.link.server.is_some() && self.link.ours;
        let is_down = self.now < self.lister.down_until && !self.calm;
        if is_down {
            self.report(Report::SourceLost { source });
        } else if can {
            let rooms = self.listed_rooms();
            self.report(Report::List { source, service: None, rooms });
        }
        if !is_down && !self.calm && self.plan.sources_lie && self.chance(60) {
            self.seen.count("a source is down");
            self.lister.down_until = self.now + self.some(SEC, 60 * SEC);
        }
        self.after(self.plan.list_interval, Ev::List);
    }

    /// What it says: the truth as a rule, what was true the last time, nothing, or more than there is.
    fn listed_rooms(&mut self) -> Vec<RoomJid> {
        let by_jicofo = self.plan.by_jicofo;
        let all = self.plan.rooms.iter().zip(&self.rooms);
        let shown = all.filter(|(_, room)| if by_jicofo { room.conference.is_some() } else { room.exists });
        let truth: Vec<RoomJid> = shown.map(|(jid, _)| jid.clone()).collect();
        let before = std::mem::replace(&mut self.lister.last, truth.clone());
        if self.calm || !self.plan.sources_lie {
            return truth;
        }
        match self.rng.random_range(0..20) {
            0 => {
                self.seen.count("a source lists nothing, wrongly");
                Vec::new()
            }
            1..4 => {
                self.seen.count("a source lists late");
                before
            }
            4..8 => {
                self.seen.count("a source lists what is not there");
                let there = self.plan.rooms.len() - self.plan.phantoms;
                let phantoms = self.plan.rooms[there..].to_vec();
                let foreign = ["r0@elsewhere.example", "__jicofo-health-check-1@muc.meet.jitsi"];
                let foreign = foreign.iter().map(|room| RoomJid::new(room).unwrap());
                truth.into_iter().chain(phantoms).chain(foreign).collect()
            }
            _ => truth,
        }
    }

    /// An event may be told twice, late, or of a room that is long gone.
    pub fn rumour(&mut self) {
        if self.calm {
            return;
        }
        let r = self.rng.random_range(0..self.rooms.len());
        let (source, room) = (Source::Events, self.plan.rooms[r].clone());
        let is_end = self.rng.random_bool(0.3);
        self.report(if is_end {
            Report::Disappeared { source, room }
        } else {
            Report::Appeared { source, sender: Sender::Unknown, room }
        });
        let next = self.some(MS, 30 * SEC);
        self.after(next, Ev::Rumour);
    }

    /// What the driver does with what a source says.
    pub fn report(&mut self, report: Report) {
        for change in self.watchlist.handle(report) {
            if let Change::WatchOnTrial { .. } = &change {
                self.seen.count("a room is watched on trial");
            }
            if let Change::Forget(room) = &change
                && self.rooms[self.index[room]].exists
            {
                self.seen.count("forgotten by all sources while it goes on");
            }
            self.feed(change.into(), None);
        }
    }
}
