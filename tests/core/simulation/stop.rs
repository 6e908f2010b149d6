//! `[stop]`, or an order: when a stop may go out, and when one has to.

use jibri_autostart::address::RealJid;
use jibri_autostart::config::{Mode, StopWhen};
use jibri_autostart::meeting::{Role, StopFailure};

use super::companion::DETOUR;
use super::focus::{Session, mode_of};
use super::link::us;
use super::mirror::Mirror;
use super::muc::Kind;
use super::plan::{SEC, Us};
use super::world::World;

/// From the moment that nobody needs it: a slow look, a fresh one, the way in, and focus.
const NOTICED_WITHIN: Us = 30 * SEC;

impl Mirror {
    /// The policy's condition, for so many people and moderators: possibly, and for certain.
    fn is_needless(&self, people: usize, moderators: usize) -> (bool, bool) {
        let is_over = match self.terms.stop.when {
            StopWhen::Never => false,
            StopWhen::NoModerator => moderators == 0,
            StopWhen::Empty => people == 0,
        };
        let (may_be_wanted, is_wanted) = self.wanted(people, moderators);
        let may_be = self.manual.may_concern(self.terms.record) && is_over && !is_wanted;
        (may_be, self.terms.record && is_over && !may_be_wanted)
    }

    /// So many are seen at least.
    pub fn note_need(&mut self, people: usize, moderators: usize, now: Us) {
        let (needless, _) = self.is_needless(people, moderators);
        self.needless_since = needless.then(|| self.needless_since.unwrap_or(now));
    }

    /// The condition has held for `stop.delay` in what the core has seen, or somebody has ordered it.
    pub fn may_stop(&self, now: Us) -> bool {
        let delay = us(self.terms.stop.delay);
        self.owes_stop().0 || self.needless_since.is_some_and(|since| now >= since + delay)
    }
}

/// A live stream is none of ours.
fn is_file_on(session: &Session) -> bool {
    session.on && mode_of(&session.id) == Mode::File
}

impl World {
    pub fn check_stop(&mut self, r: usize, sender: Option<&RealJid>) {
        self.seen.count("stops");
        let mirror = &self.mirrors[r];
        if self.rooms[r].people() > 0 {
            self.seen.count("stops while people are there");
        }
        let session = self.rooms[r].conference.as_ref().and_then(|c| c.session.as_ref());
        let is_to_end = session.is_some_and(|session| mirror.manual.is_to_end(&session.id));
        let wrong = if mirror.stop_in_flight.is_some() {
            Some((1, "another stop is in flight"))
        } else if !mirror.may_stop(self.now + SEC) && !is_to_end && !mirror.hushed {
            Some((2, "somebody needs the recording, or stop.delay is not over"))
        } else if let Some(sender) = sender {
            mirror.wrong_sender(sender, self.now)
        } else if !mirror.complete {
            Some((2, "we are not inside"))
        } else {
            None
        };
        if let Some((number, what)) = wrong {
            self.fail(number, format!("stop in r{r}, but {what}"));
        }
    }

    pub fn check_stop_failed(&mut self, r: usize, why: StopFailure, is_final: bool) {
        self.seen.count_owned(format!("stop failed: {why:?}"));
        let mirror = &mut self.mirrors[r];
        mirror.stop_in_flight = None;
        if !is_final {
            return;
        }
        self.rooms[r].stop_given_up = true;
        let is_justified = match why {
            StopFailure::NobodyToSpeakFor => mirror.in_names && !mirror.peek,
            _ => std::mem::take(&mut mirror.stop_misfit),
        };
        if !is_justified {
            self.fail(3, format!("r{r}: no more stops, and there is no reason: {why:?}"));
        }
    }

    /// A recording that nobody needs is stopped in time, if focus knows of it.
    pub fn check_needless(&mut self, r: usize) {
        if self.now < self.rooms[r].hindered_until || !self.has_to_be_stopped(r) {
            self.rooms[r].needless_since = None;
            return;
        }
        let since = *self.rooms[r].needless_since.get_or_insert(self.now);
        self.seen.count("moments in which a stop was owed");
        let (_, is_ordered) = self.mirrors[r].owes_stop();
        let delay = if is_ordered { 0 } else { us(self.mirrors[r].terms.stop.delay) };
        let detour = if self.companion.plays { DETOUR } else { 0 };
        if self.now > since + delay + detour + NOTICED_WITHIN {
            let state = self.core.room(&self.plan.rooms[r]).map(|view| (view.state.name(), view.reason));
            let since = since / SEC;
            self.fail(3, format!("r{r}: nobody needs the recording since {since} s; {state:?}"));
        }
    }

    fn has_to_be_stopped(&self, r: usize) -> bool {
        let (room, mirror) = (&self.rooms[r], &self.mirrors[r]);
        // From outside who claims to be a machine looks like everybody else.
        let may_count = |kind: Kind| matches!(kind, Kind::Person(_) | Kind::Phone);
        let people = room.occupants.iter().filter(|o| may_count(o.kind) && o.role > Role::Visitor);
        let moderators = people.clone().filter(|o| o.role == Role::Moderator).count();
        let session = room.conference.as_ref().and_then(|c| c.session.as_ref());
        // What comes on after the order is somebody else's.
        let is_ordered = mirror.owes_stop().1 && session.is_some_and(|s| mirror.manual.is_to_end(&s.id));
        (is_ordered || mirror.is_needless(people.count(), moderators).1)
            && self.is_recorded(r)
            && session.is_some_and(is_file_on)
            && room.has(Kind::Focus)
            && !room.stop_given_up
            && (!mirror.in_names || mirror.peek)
            && !mirror.hushed
            && self.now >= room.shut
    }
}
