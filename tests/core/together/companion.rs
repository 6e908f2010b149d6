//! The module inside Prosody (docs/companion.md): pictures of rooms as they change, requests in a moderator's name whose
//! answers come back, and the notice. It may be loaded and unloaded at any time.

use std::collections::BTreeMap;

use jibri_autostart::address::Nick;
use jibri_autostart::meeting::{Answer, AttemptId, Input, MeetingId, RoomEvent, RoomPicture, State, Unsent};

use super::plan::{SEC, Us};
use super::rooms::Step;
use super::shown::{Shown, presence};
use super::world::{Ev, World};
use crate::pictures::leave_out;

/// Focus's word, its way to us, and ours back.
const TOLD_BY: Us = 3 * SEC;
/// A session that has moved to another Jibri counts as recorded once that one is known to work.
const FOUND_BY: Us = 60 * SEC;
/// A dead Jibri's recording is found out, and one that may come is waited for.
const TAKEN_BACK_BY: Us = 190 * SEC;

/// A stop for which nobody is left to speak: an entry, Jicofo's answer, and their ways.
const VISIT: Us = 42 * SEC;

/// What it has told of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    occupants: BTreeMap<Nick, Shown>,
    made: u64,
    notice: bool,
}

impl World {
    /// It is asked whether it is there; where it is not, Prosody says so. Either may take its time.
    pub fn companion_is_asked(&mut self) {
        if !self.plan.settings.muc.footprint.wants_companion() {
            return;
        }
        let is_late = self.chance(0.1);
        if is_late {
            self.seen.count("a companion that answers late");
        }
        let wait = if is_late { self.some(SEC, 12 * SEC) } else { 0 };
        let number = self.cores.link.conn;
        self.after(wait, Ev::Room { r: 0, number, step: Step::CompanionGreets });
    }

    pub fn companion_greets(&mut self) {
        self.companion_sets_out(self.plan.companion);
        self.cores.promises.excuse_all(self.now);
    }

    /// What it says takes its way like everything else.
    fn companion_sets_out(&mut self, answers: bool) {
        self.cores.link.companion_answers = answers;
        for room in &mut self.rooms {
            room.told = None;
        }
        self.send_step(Step::CompanionSays(answers));
        if answers {
            // Of a room that it does not list it is known that it is over.
            (0..self.rooms.len()).for_each(|r| self.tell_picture(r));
        }
    }

    pub fn companion_says(&mut self, answers: bool) {
        let can_notify = answers && !self.plan.companion_is_mute;
        self.seen.count(match (answers, can_notify) {
            (true, true) => "the companion answers",
            (true, false) => "the companion answers and sets no notice",
            (false, _) => "the companion is silent",
        });
        self.give_meetings(Input::Companion { service: "muc.meet.jitsi".into(), answers, can_notify });
    }

    /// Somebody loads it, or unloads it; or he loads another version, which may be one that can do less.
    pub fn companion_turns(&mut self) {
        let is_reload = self.plan.companion && self.chance(0.2);
        self.plan.companion = is_reload || !self.plan.companion;
        self.plan.companion_is_mute = self.chance(0.2);
        if is_reload && self.is_linked() {
            self.companion_sets_out(false);
        }
        if self.is_linked() {
            let answers = self.plan.companion;
            self.companion_sets_out(answers);
            self.cores.promises.excuse_all(self.now);
        }
        let again = self.some(SEC, 600 * SEC);
        self.room_later(0, again, Step::CompanionTurns);
    }

    /// Pushes a room that is not as it was told.
    pub fn push_picture(&mut self, r: usize) {
        if !self.cores.link.companion_answers {
            return;
        }
        let now = self.exists(r).then(|| Told {
            occupants: self.occupants(r),
            made: self.rooms[r].made,
            notice: self.rooms[r].notice,
        });
        if self.rooms[r].told.as_ref() == Some(&now) || now.is_none() && self.rooms[r].told.is_none() {
            return;
        }
        self.rooms[r].told = Some(now);
        self.tell_picture(r);
    }

    pub fn asked_for_picture(&mut self, r: usize) {
        if self.cores.link.companion_answers {
            self.tell_picture(r);
        }
    }

    fn tell_picture(&mut self, r: usize) {
        self.seen.count("pictures");
        if !self.exists(r) {
            return self.send(r, RoomEvent::Over);
        }
        let mut occupants: Vec<_> =
            self.occupants(r).into_iter().map(|(nick, shown)| presence(nick, shown, false)).collect();
        let left_out = if self.plan.companion_leaves_out { leave_out(&mut occupants) } else { 0 };
        if left_out > 0 {
            self.seen.count("pictures that leave somebody out");
            self.rooms[r].was_cut = true;
        }
        let picture = RoomPicture {
            occupants,
            left_out,
            may_not_record: self.forbidden(r),
            meeting: Some(MeetingId(self.rooms[r].made.to_string().into())),
            notice: self.rooms[r].notice,
        };
        self.send(r, RoomEvent::Pictured(Some(Box::new(picture))));
    }

    /// Some moderators' tokens do not let them record, though all can.
    fn forbidden(&self, r: usize) -> Vec<Nick> {
        let people = self.rooms[r].people.iter().map(|person| person.nick.clone());
        people.filter(|nick| nick.as_str().ends_with(['0', '1', '2', '3'])).collect()
    }

    /// The occupant of this nickname, if he is a moderator.
    pub fn moderator_of(&self, r: usize, nick: &Nick) -> Option<Nick> {
        self.rooms[r].people.iter().find(|p| p.moderator && p.nick == *nick).map(|p| p.nick.clone())
    }

    pub fn companion_starts(&mut self, r: usize, attempt: AttemptId, nick: &Nick) {
        let unsent = if !self.cores.link.companion_answers {
            Unsent::TooMuch
        } else if !self.exists(r) {
            Unsent::NoRoom
        } else if self.moderator_of(r, nick).is_none() {
            self.seen.count("the companion has nobody to speak for");
            Unsent::SpeakerGone
        } else if !self.rooms[r].focus {
            Unsent::NoFocus
        } else {
            return self.focus_is_asked(r, Some(attempt));
        };
        self.send(r, RoomEvent::StartAnswered { attempt, answer: Answer::Unsent(unsent) });
    }

    pub fn notice(&mut self, r: usize, recording: bool) {
        if self.cores.link.companion_answers && self.plan.companion_is_mute {
            // It was reloaded while we asked.
            self.seen.count("notices that nobody sets");
        } else if self.cores.link.companion_answers && self.exists(r) {
            self.seen.count("notices");
            self.rooms[r].notice = recording;
        }
    }

    /// (12) Once a second: people are told of a recording, and of none that there is not.
    pub fn check_notice(&mut self, r: usize) {
        let is_able = self.cores.link.companion_answers && !self.plan.companion_is_mute;
        let is_seen = is_able && self.plan.settings.muc.footprint.wants_companion();
        let room = &self.rooms[r];
        let is_told_on = room.status.as_ref().is_some_and(|status| status.on) && self.is_recorded(r);
        let is_at_work =
            |jibri: &super::jibri::Jibri| jibri.model.job().is_some_and(|((room, _), _)| *room == r);
        // Jicofo may have forgotten what a Jibri records.
        let is_on = if room.notice { self.jibris.iter().any(is_at_work) } else { is_told_on };
        // Without Jicofo's REST a recorder that outlives its Jibri may be believed.
        let is_believed = room.notice && (self.plan.detector.is_none() || self.plan.detector_trouble);
        let differs =
            room.notice != is_on && is_seen && !is_believed && room.focus && !room.people.is_empty();
        if !differs {
            self.rooms[r].differs_since = None;
            return;
        }
        let since = *self.rooms[r].differs_since.get_or_insert(self.now);
        let view = self.cores.meetings.room(&self.rooms[r].jid).map(|view| (view.state, view.reason));
        let is_known = view.as_ref().is_some_and(|(state, _)| *state == State::Recording);
        // That nothing records it any more is found out first, and so is that another Jibri does after all.
        let bound = match (is_on, is_known) {
            (true, true) => TOLD_BY,
            (true, false) => FOUND_BY,
            (false, _) => TAKEN_BACK_BY,
        };
        if self.now > since + bound {
            let is_on =
                if is_on { "recorded, and nobody is told" } else { "not recorded, and people are told so" };
            self.fail(format!("(12) r{r} is {is_on}: {view:?}"));
        }
    }

    /// (6) Once a second: with the companion we are inside for a moment at most.
    pub fn check_visit(&mut self, r: usize) {
        let is_inside = self.rooms[r].us.is_some() && self.cores.link.companion_answers;
        let since = self.rooms[r].inside_since.filter(|_| is_inside).unwrap_or(self.now);
        self.rooms[r].inside_since = is_inside.then_some(since);
        if self.now > since + VISIT {
            let view = self.cores.meetings.room(&self.rooms[r].jid).map(|view| (view.state, view.reason));
            self.fail(format!("(6) r{r}: inside since {} s: {view:?}", (self.now - since) / SEC));
        }
    }

    /// A Jibri is at work for the session that focus tells of.
    fn is_recorded(&self, r: usize) -> bool {
        self.jicofo.session(&r).is_some_and(|session| session.on && self.has_job(session))
    }
}
