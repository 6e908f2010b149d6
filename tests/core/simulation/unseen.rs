//! Footprint unseen: requests in a moderator's name, and the few reasons to enter nevertheless.

use jibri_autostart::address::RealJid;
use jibri_autostart::meeting::{Input, Role, State};

use super::focus::{Asker, Wish};
use super::link::us;
use super::mirror::Mirror;
use super::plan::{SEC, Us};
use super::world::{Ev, World};

/// So many ends in one meeting that nobody could be asked about; after one more there are no more starts.
pub const UNTOLD_ENDS: u32 = 3;

impl Mirror {
    /// Whoever is spoken for is a moderator, by what was seen within the last second.
    pub fn wrong_sender(&self, sender: &RealJid, now: Us) -> Option<(u32, &'static str)> {
        if !self.in_names {
            Some((2, "in somebody's name, which is not allowed or not wanted"))
        } else if self.complete {
            Some((2, "in somebody's name from inside"))
        } else if !self.listed_moderators.contains(sender.as_str()) {
            Some((4, "in the name of somebody who is no moderator there"))
        } else if now > self.listed_at + SEC {
            Some((4, "in somebody's name by a list that is older than a second"))
        } else {
            None
        }
    }
}

impl World {
    /// Why a room may be entered in which requests are sent in moderators' names.
    pub fn reason_to_peek(&self, r: usize) -> Option<&'static str> {
        let mirror = &self.mirrors[r];
        let state = self.core.room(&self.plan.rooms[r]).map(|view| view.state);
        if !mirror.peek {
            None
        } else if mirror.recorder_lost && state == Some(State::Recording) {
            Some("unseen: a look for why a recorder is gone")
        } else if state == Some(State::Held) && (mirror.emptied || mirror.absent) {
            Some("unseen: a look for another meeting")
        } else if state == Some(State::Pending) {
            Some("unseen: a look for what became of a start")
        } else if mirror.has_unknown_recorder() {
            Some("unseen: a look for what a recorder stands for")
        } else if mirror.unknown_past {
            Some("unseen: a look for what was before")
        } else if mirror.refuted {
            Some("unseen: a look for who has stopped what is not recorded")
        } else if state == Some(State::Recording) && self.is_unproven(r) {
            Some("unseen: a look for proof")
        } else if mirror.may_stop(self.now) {
            Some("unseen: a visit to stop")
        } else {
            None
        }
    }

    /// It has been on for long, and nobody has said so but the recorder's seat.
    fn is_unproven(&self, r: usize) -> bool {
        let mirror = &self.mirrors[r];
        self.now >= mirror.on_at + us(mirror.terms.start.pending_timeout)
    }

    /// Jicofo's REST and the brewery show what nobody tells us, if they can be seen.
    pub fn figures_tell(&mut self, r: usize, taken: bool) {
        let Some((attempt, _)) = self.mirrors[r].in_flight.filter(|_| self.chance(500)) else { return };
        let shows = if taken { self.some(100, 2 * SEC) } else { self.some(3 * SEC, 6 * SEC) };
        self.after(shows, Ev::FiguresTell { r, attempt, taken });
    }

    /// Prosody takes a request in an occupant's name to focus. Whatever comes of it, we are not told.
    pub fn arrives_in_a_name(&mut self, r: usize, sender: &RealJid, wish: Wish) {
        if self.plan.refuses_senders {
            self.seen.count("unseen: a sender refused");
            if (0..self.rooms.len()).any(|other| other != r && self.mirrors[other].in_flight.is_some()) {
                self.seen.count("unseen: a sender refused during another flight");
            }
            self.link.sender_refused = true;
            self.link_breaks();
            return;
        }
        let room = &self.rooms[r];
        let Some(occupant) = room.occupants.iter().find(|o| o.jid == *sender) else {
            self.seen.count("unseen: the sender has left");
            return;
        };
        if !room.has(super::muc::Kind::Focus) {
            self.seen.count("unseen: focus has left");
        } else if occupant.role < Role::Moderator {
            self.seen.count("unseen: the sender is no moderator any more");
        } else {
            self.seen.count("unseen: asked in a name");
            let nick = occupant.nick.clone();
            self.ask_focus(r, Asker::InNameOf { nick }, wish);
        }
    }

    /// Focus tells of our stop, and the core has taken somebody else for a recorder since: as nobody has told it which
    /// session it had stopped, that may have been this one, by a person.
    pub fn is_ours_by_mistake(&self, r: usize) -> bool {
        let word = self.rooms[r].conference.as_ref().and_then(|c| c.status.as_ref()).filter(|word| !word.on);
        let session = word.and_then(|word| word.session.as_ref());
        self.mirrors[r].in_names
            && self.rooms[r].phantom
            && session.is_some_and(|id| self.mirrors[r].stopped_by_us.contains(id))
    }

    /// As the driver tells it: before the end of the link.
    pub fn sender_refused(&mut self) {
        self.feed(Input::SenderRefused, None);
    }
}
