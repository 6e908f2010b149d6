//! What not every site has: gateways, which have the recorders' account, and live streams; rooms that name their meeting, and
//! a focus that tells when it made its conference.

use jibri_autostart::meeting::{MeetingId, Role, State};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::focus::Wish;
use super::link::us;
use super::muc::{Kind, Occupant};
use super::plan::SEC;
use super::world::{Ev, World};

/// Within this a claim that has no recorder is given up: focus is asked three times at most, and notices late itself.
const GIVEN_UP_WITHIN: u64 = 120 * SEC;

#[derive(Debug)]
pub struct Guests {
    /// Their own, so that seeds without them play as they always did.
    rng: SmallRng,
    has_gateways: bool,
    has_streams: bool,
    names_meetings: bool,
    tells_conferences: bool,
    calls: u32,
}

impl Guests {
    pub fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed ^ 0x4755_4553);
        let (has_gateways, has_streams) = (rng.random_bool(0.3), rng.random_bool(0.3));
        let (names_meetings, tells_conferences) = (rng.random_bool(0.6), rng.random_bool(0.6));
        Self { rng, has_gateways, has_streams, names_meetings, tells_conferences, calls: 0 }
    }

    /// Whether focus tells when it made its conference.
    pub fn tells_conference(&self) -> bool {
        self.tells_conferences
    }

    pub fn knows_password(&mut self) -> bool {
        self.rng.random_bool(0.5)
    }
}

impl World {
    /// What a room calls the meeting in it.
    pub fn meeting_of(&self, r: usize) -> Option<MeetingId> {
        let room = &self.rooms[r];
        let has_name = self.guests.names_meetings && room.exists;
        has_name.then(|| MeetingId(format!("r{r}m{}", room.created).into()))
    }

    pub fn guests_come(&mut self) {
        if self.guests.has_gateways {
            let when = self.guests.rng.random_range(SEC..=30 * SEC);
            self.after(when, Ev::Gateway { r: None });
        }
    }

    /// Somebody calls a telephone into a meeting, or hangs up.
    pub fn gateway(&mut self, r: Option<usize>) {
        if let Some(r) = r {
            return self.exit(r, Kind::Gateway);
        }
        if self.calm {
            return;
        }
        let r = self.guests.rng.random_range(0..self.rooms.len());
        let next = self.guests.rng.random_range(SEC..=40 * SEC);
        self.after(next, Ev::Gateway { r: None });
        if self.rooms[r].people() == 0
            || self.rooms[r].conference.is_none()
            || self.rooms[r].has(Kind::Gateway)
        {
            return;
        }
        self.guests.calls += 1;
        let calls = self.guests.calls;
        let jid = format!("recorder@hidden.meet.jitsi/gw{calls}");
        let gateway = Occupant::new(Kind::Gateway, &format!("gw{calls}"), &jid, Role::Participant);
        if self.enter(r, gateway) {
            self.seen.count("gateways");
            let hangs_up = self.guests.rng.random_range(SEC..=150 * SEC);
            self.after(hangs_up, Ev::Gateway { r: Some(r) });
        }
    }

    /// What a person who starts something wants.
    pub fn wish(&mut self) -> Wish {
        if self.guests.has_streams && self.guests.rng.random_bool(0.6) {
            self.seen.count("live streams wanted");
            Wish::Stream
        } else {
            Wish::Start
        }
    }

    /// What is called recorded has a recorder, or will not be called so for long.
    pub fn check_claim(&mut self, r: usize) {
        let is_called_so = self.mirrors[r].state == Some(State::Recording);
        let can_look = !self.mirrors[r].in_names || self.mirrors[r].peek;
        let is_open = self.now >= self.rooms[r].shut && self.now >= self.rooms[r].hindered_until;
        let may_be_known = self.link.server.is_some() && self.link.ours && can_look && is_open;
        if !is_called_so {
            self.rooms[r].misled &= self.mirrors[r].awaits_recorder();
        }
        let is_excused =
            self.rooms[r].has_file_recorder() || self.rooms[r].misled || self.focus_is_mistaken(r);
        if !is_called_so || is_excused || !may_be_known {
            self.rooms[r].claimed_since = None;
            return;
        }
        let since = *self.rooms[r].claimed_since.get_or_insert(self.now);
        self.seen.count("moments in which a claim has no recorder");
        let bound = us(self.mirrors[r].terms.start.pending_timeout) + GIVEN_UP_WITHIN;
        if self.now > since + bound {
            let view = self.core.room(&self.plan.rooms[r]).map(|view| (view.state.name(), view.reason));
            self.fail(
                11,
                format!("r{r}: called recorded since {} s, and nobody records; {view:?}", since / SEC),
            );
        }
    }
}
