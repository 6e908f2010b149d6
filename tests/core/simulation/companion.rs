//! The module inside Prosody (docs/companion.md), in some seeds: pictures of rooms as they change, requests in a moderator's
//! name, and the notice. It may be loaded and unloaded at any time, in another version too, and answer late. What holds is
//! said in terms of the world, as the mirrors know nothing of pictures.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jibri_autostart::address::Nick;
use jibri_autostart::config::{FootprintSetting, Mode, Notice, Settings};
use jibri_autostart::meeting::watchlist::{Report, Sender, Source};
use jibri_autostart::meeting::{
    Action, Answer, AttemptId, Hold, Input, Presence, Role, RoomEvent, RoomPicture, Speaker, StopFailure,
    Unsent, What,
};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::focus::{Asker, Wish};
use super::muc::Kind;
use super::plan::{SEC, Us};
use super::world::{Ev, World};
use crate::pictures::leave_out;

/// A stop for which nobody is left to speak: an entry, Jicofo's answer, and their ways.
const VISIT: Us = 45 * SEC;
/// While it answers we look into a room by ourselves for a stop alone: so often within a minute at most.
const LOOKS_A_MINUTE: usize = 12;
/// By then the core has heard that nobody is left.
const HEARD_BY: Us = 5 * SEC;
/// A detour that comes to nothing, and the pause before the next.
pub const DETOUR: Us = 110 * SEC;
/// People are told within this that they are recorded: what somebody takes back comes again after 10 s, and what we ask for is
/// asked for again after as long.
const TOLD_BY: Us = 90 * SEC;
/// And that they are not: a recorder that is gone is looked for, and whoever has set the notice himself has his time.
const TAKEN_BACK_BY: Us = 260 * SEC;

/// What it has told of a room: who is there, and whether the notice stands; none if it was over.
type Told = Option<(String, bool)>;

/// Of one seed.
#[derive(Debug)]
pub struct Companion {
    rng: SmallRng,
    /// This seed plays it.
    pub plays: bool,
    turns: bool,
    leaves_out: bool,
    is_mute: bool,
    is_loaded: bool,
    /// It has said so over this connection.
    answers: bool,
    told: Vec<Option<Told>>,
    /// The last picture that has arrived.
    last: Vec<Option<Box<RoomPicture>>>,
    notices: Vec<bool>,
    differs_since: Vec<Option<Us>>,
    inside_since: Vec<Option<Us>>,
    /// When we have looked into it by ourselves although it answers.
    looks: Vec<VecDeque<Us>>,
    /// In whose name the last stop was sent, until something is on again: what he stops himself then looks the same.
    spoken_for: Vec<Option<Nick>>,
    /// Requests that wait for an answer, starts among them.
    open: BTreeMap<AttemptId, (usize, Wish)>,
    /// Rooms in whose last picture somebody was left out, in this meeting.
    was_cut: BTreeSet<usize>,
}

impl Companion {
    /// Makes the settings those of a site with the companion, if this seed plays it.
    pub fn new(seed: u64, rooms: usize, settings: &mut Settings) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed ^ 0xc0_4a41);
        let plays = rng.random_bool(0.2);
        if plays {
            settings.muc.footprint = FootprintSetting::Auto;
            settings.muc.notice = [Notice::Every, Notice::Once][rng.random_range(0..2_usize)];
        }
        Self {
            plays,
            turns: rng.random_bool(0.5),
            leaves_out: rng.random_bool(0.2),
            is_mute: rng.random_bool(0.1),
            is_loaded: rng.random_bool(0.9),
            answers: false,
            told: vec![None; rooms],
            last: vec![None; rooms],
            notices: vec![false; rooms],
            differs_since: vec![None; rooms],
            inside_since: vec![None; rooms],
            looks: vec![VecDeque::new(); rooms],
            spoken_for: vec![None; rooms],
            open: BTreeMap::new(),
            was_cut: BTreeSet::new(),
            rng,
        }
    }

    pub fn speaks(&self, attempt: AttemptId) -> bool {
        self.open.contains_key(&attempt)
    }

    pub fn answered(&mut self, attempt: AttemptId) {
        self.open.remove(&attempt);
    }

    pub fn link_down(&mut self) {
        self.answers = false;
        self.open.clear();
        self.told.fill(None);
        self.last.fill(None);
        self.differs_since.fill(None);
    }

    /// How long a request has been under way does not matter: there is one at most.
    fn has_open(&self, r: usize, wish: Wish) -> bool {
        self.open.values().any(|open| *open == (r, wish))
    }
}

impl World {
    pub fn companion_begins(&mut self) {
        if self.companion.plays && self.companion.turns {
            let wait = self.companion.rng.random_range(10 * SEC..=200 * SEC);
            self.after(wait, Ev::CompanionTurns);
        }
    }

    /// It is asked whether it is there; where it is not, Prosody says so. Either may take its time.
    pub fn companion_is_asked(&mut self) {
        if !self.companion.plays {
            if self.plan.settings.muc.footprint.wants_companion() {
                self.companion_says(false);
            }
            return;
        }
        let is_late = !self.calm && self.companion.rng.random_bool(0.1);
        let wait = if is_late { self.companion.rng.random_range(SEC..=12 * SEC) } else { 20_000 };
        if is_late {
            self.seen.count("companion: a late answer");
        }
        let conn = self.link.server.unwrap_or_default();
        self.after(wait, Ev::CompanionGreets { conn });
    }

    pub fn companion_greets(&mut self, conn: u32) {
        if self.link.server != Some(conn) || !self.link.ours {
            return;
        }
        for r in 0..self.rooms.len() {
            self.fault(r);
            self.companion.told[r] = None;
            // What it has told before counts until it tells anew.
            self.companion.last[r].take_if(|_| !self.companion.answers);
        }
        self.companion.answers = self.companion.is_loaded;
        if !self.companion.answers {
            // No answer will come to what it was asked.
            self.report(Report::SourceLost { source: Source::Companion });
            for (attempt, (r, wish)) in std::mem::take(&mut self.companion.open) {
                self.feed_room(r, answered(attempt, wish, Answer::TimedOut), None);
            }
        }
        self.companion_says(self.companion.answers);
    }

    fn companion_says(&mut self, answers: bool) {
        let can_notify = answers && !self.companion.is_mute;
        if self.companion.plays {
            self.seen.count(match (answers, can_notify) {
                (true, true) => "companion: it answers",
                (true, false) => "companion: it answers and sets no notice",
                (false, _) => "companion: it is silent",
            });
        }
        self.feed(Input::Companion { service: super::plan::MUC.to_owned(), answers, can_notify }, None);
    }

    /// Somebody loads it, unloads it, or loads another version: one that lacks an ability is as good as none.
    pub fn companion_turns(&mut self) {
        let is_reload = self.companion.rng.random_bool(0.2);
        self.companion.is_loaded = self.calm || is_reload || !self.companion.is_loaded;
        self.companion.is_mute = !self.calm && self.companion.rng.random_bool(0.2);
        if let Some(conn) = self.link.server {
            if is_reload {
                let was_loaded = std::mem::replace(&mut self.companion.is_loaded, false);
                self.companion_greets(conn);
                self.companion.is_loaded = was_loaded;
            }
            self.companion_greets(conn);
        }
        if !self.calm {
            let wait = self.companion.rng.random_range(SEC..=200 * SEC);
            self.after(wait, Ev::CompanionTurns);
        }
    }

    pub fn companion_answers(&self) -> bool {
        self.companion.answers
    }

    /// Pushes what is not as it was told.
    pub fn companion_pushes(&mut self) {
        for r in 0..self.rooms.len() {
            self.companion.notices[r] &= self.rooms[r].exists;
            if !self.rooms[r].exists {
                self.companion.was_cut.remove(&r);
            }
            if !self.companion.plays || !self.companion.answers || self.link.server.is_none() {
                continue;
            }
            let room = &self.rooms[r];
            let now: Told =
                room.exists.then(|| (format!("{:?}", room.pictured()), self.companion.notices[r]));
            let before = &self.companion.told[r];
            // Of a room that it does not list it is known that it is over.
            if before.as_ref() != Some(&now) {
                self.companion.told[r] = Some(now);
                self.companion_draws(r);
            }
        }
    }

    fn companion_draws(&mut self, r: usize) {
        if !self.rooms[r].exists {
            return self.deliver(r, RoomEvent::Over, None);
        }
        self.seen.count("companion: pictures");
        let mut occupants = self.rooms[r].pictured();
        let left_out = if self.companion.leaves_out { leave_out(&mut occupants) } else { 0 };
        if left_out > 0 {
            self.seen.count("companion: pictures that leave somebody out");
            self.companion.was_cut.insert(r);
        }
        let picture = RoomPicture {
            occupants,
            left_out,
            may_not_record: Vec::new(),
            meeting: self.meeting_of(r),
            notice: self.companion.notices[r],
        };
        self.deliver(r, RoomEvent::Pictured(Some(Box::new(picture))), None);
    }

    /// A picture arrives at us.
    pub fn pictured(&mut self, r: usize, event: &RoomEvent) {
        match event {
            RoomEvent::Pictured(picture) => {
                // It vouches for what it tells of.
                let room = self.plan.rooms[r].clone();
                if !self.watchlist.of(&room).any(|known| known == Source::Companion) {
                    let (source, sender) = (Source::Companion, Sender::Unknown);
                    self.report(Report::Appeared { source, sender, room });
                }
                let is_focus =
                    |one: &Presence| one.jid.as_ref().is_some_and(|jid| jid.domain() == "auth.meet.jitsi");
                if picture.as_ref().is_some_and(|picture| !picture.occupants.iter().any(is_focus)) {
                    // What it owes goes with it.
                    self.companion.open.retain(|_, (room, _)| *room != r);
                }
                // Focus serves one after the other: what was asked for before is served, or never will be.
                let word = |picture: &RoomPicture| {
                    picture
                        .occupants
                        .iter()
                        .find(|one| is_focus(one))
                        .and_then(|focus| focus.recording.clone())
                };
                let told = picture.as_deref().and_then(word);
                if told.is_some() && told != self.companion.last[r].as_deref().and_then(word) {
                    self.companion.open.retain(|_, asked| *asked != (r, Wish::Start));
                }
                self.companion.last[r].clone_from(picture);
            }
            RoomEvent::Over => {
                self.companion.last[r] = None;
                self.companion.open.retain(|_, (room, _)| *room != r);
            }
            _ => {}
        }
    }

    /// We ask it for something. What it cannot be asked for is answered by our own end.
    pub fn asks_companion(&mut self, action: &Action) {
        let (room, attempt, speaker, wish) = match action {
            Action::Start { room, attempt, speaker, .. } => (room, attempt, speaker, Wish::Start),
            Action::Stop { room, attempt, speaker, .. } => (room, attempt, speaker, Wish::Stop),
            _ => return,
        };
        if matches!(speaker, Speaker::Companion(_)) {
            self.companion.open.insert(*attempt, (self.index[room], wish));
        }
    }

    /// It has received what we sent in somebody's name.
    pub fn companion_takes(&mut self, r: usize, conn: u32, attempt: AttemptId, nick: &Nick, wish: Wish) {
        let room = &self.rooms[r];
        let is_moderator =
            |o: &super::muc::Occupant| o.nick == *nick && o.role == Role::Moderator && o.kind != Kind::Focus;
        let unsent = if !self.companion.answers {
            Unsent::TooMuch
        } else if !room.exists {
            Unsent::NoRoom
        } else if !room.occupants.iter().any(is_moderator) {
            self.seen.count("companion: nobody to speak for");
            Unsent::SpeakerGone
        } else if !room.has(Kind::Focus) {
            Unsent::NoFocus
        } else {
            self.seen.count("companion: requests");
            return self.ask_focus(r, Asker::Us { conn, attempt, nick: nick.clone() }, wish);
        };
        self.deliver(r, answered(attempt, wish, Answer::Unsent(unsent)), None);
    }

    pub fn companion_notes(&mut self, r: usize, recording: bool) {
        if self.companion.answers && !self.companion.is_mute && self.rooms[r].exists {
            self.seen.count("companion: notices");
            self.companion.notices[r] = recording;
        }
    }

    pub fn companion_is_asked_for(&mut self, r: usize) {
        if self.companion.answers {
            self.companion_draws(r);
        }
    }

    /// (1, 2, 5) What the core does, at the moment it does it.
    pub fn check_companion_action(&mut self, action: &Action) {
        match action {
            Action::Start { room, speaker, .. } => {
                let r = self.index[room];
                self.seen.count("companion: starts");
                let room = &self.rooms[r];
                let is_told = matches!(speaker, Speaker::Companion(_));
                let wrong = if is_told && self.companion.has_open(r, Wish::Start) {
                    Some((1, "another start is in flight"))
                } else if room.deserted.is_some_and(|at| self.now > at + HEARD_BY)
                    && self.link.server.is_some()
                {
                    Some((2, "nobody is there"))
                } else if is_told && self.companion.last[r].is_none() {
                    Some((2, "there is no picture of it"))
                } else if is_told && self.shows_a_stop(r) {
                    Some((5, "a person who is there has stopped it"))
                } else {
                    None
                };
                if let Some((number, what)) = wrong {
                    self.fail(number, format!("start in r{r}, but {what}"));
                }
            }
            Action::Stop { room, speaker, .. } => {
                if let Speaker::Companion(nick) = speaker {
                    self.companion.spoken_for[self.index[room]] = Some(nick.clone());
                }
                self.seen.count(match speaker {
                    Speaker::Companion(_) => "companion: stops",
                    _ if self.companion.answers => "companion: stops where nobody is left to speak for",
                    _ => "companion: stops without it",
                });
            }
            Action::Enter { .. } if self.companion.answers => self.seen.count("companion: visits"),
            Action::AskRoles { room, .. } if self.companion.answers => {
                let (r, now) = (self.index[room], self.now);
                let looks = &mut self.companion.looks[r];
                looks.push_back(now);
                looks.retain(|at| now <= *at + 60 * SEC);
                if looks.len() > LOOKS_A_MINUTE {
                    self.fail(6, format!("r{r}: looked into again and again, and the companion tells of it"));
                }
            }
            _ => {}
        }
        self.mirror_action(action);
    }

    /// The last picture shows focus's word of a stop, and whoever has done it.
    fn shows_a_stop(&self, r: usize) -> bool {
        let Some(picture) = &self.companion.last[r] else { return false };
        let focus = |one: &&Presence| one.jid.as_ref().is_some_and(|jid| jid.domain() == "auth.meet.jitsi");
        let Some(word) = picture.occupants.iter().find(focus).and_then(|focus| focus.recording.as_ref())
        else {
            return false;
        };
        let is_ours =
            self.companion.spoken_for[r].as_ref().is_some_and(|nick| Some(nick) == word.initiator.as_ref())
                || word.session.as_ref().is_some_and(|id| self.mirrors[r].stopped_by_us.contains(id));
        let is_his = |one: &Presence| {
            let is_person = one.jid.as_ref().is_some_and(|jid| jid.domain() == "meet.jitsi");
            Some(&one.nick) == word.initiator.as_ref()
                && is_person
                && one.role > Role::Visitor
                && !one.marks.jigasi
        };
        !word.on
            && word.mode != Some(Mode::Stream)
            && !is_ours
            && self.mirrors[r].terms.stop.respect_manual
            && picture.occupants.iter().any(is_his)
    }

    pub fn check_companion_told(&mut self, r: usize, what: &What) {
        match what {
            What::Held(Hold::GaveUp(_)) => self.rooms[r].gave_up = true,
            What::Held(Hold::StoppedBy(person)) => {
                self.seen.count("companion: held for a person's stop");
                self.check_held_for(r, &person.nick);
            }
            What::Held(Hold::DryRun) | What::WouldStart | What::WouldStop => {
                self.fail(3, "this is no dry run".into());
            }
            What::StopFailed { why, retry_in } => {
                self.seen.count_owned(format!("companion: stop failed: {why:?}"));
                self.rooms[r].stop_given_up |= retry_in.is_none();
                // With the rights that we have here somebody always is.
                if self.companion.answers && *why == StopFailure::NobodyToSpeakFor {
                    self.fail(3, format!("r{r}: a stop that nobody brings"));
                }
            }
            What::On { .. } => {
                self.seen.count("companion: on");
                self.rooms[r].stop_given_up = false;
                self.companion.spoken_for[r] = None;
            }
            What::Ended { .. } => {
                self.seen.count("companion: ended");
                self.rooms[r].stop_given_up = false;
            }
            _ => {}
        }
    }

    /// After every step of the core.
    pub fn check_companion_step(&mut self, r: usize) {
        let view = self.core.room(&self.plan.rooms[r]);
        self.mirrors[r].state = view.map(|view| view.state);
        if self.core.roster(&self.plan.rooms[r]).is_some_and(|roster| !roster.is_consistent()) {
            self.fail(4, format!("the counters of r{r} do not agree with its occupants"));
        }
    }

    /// (6, 12) After everything that happens: we are inside for a moment at most, and people are told what is so.
    pub fn check_companion_world(&mut self, r: usize) {
        let is_heard = self.companion.answers && self.link.server.is_some() && self.link.ours;
        let is_inside = is_heard && self.rooms[r].has(Kind::Us) && self.now >= self.rooms[r].hindered_until;
        let since = self.companion.inside_since[r].filter(|_| is_inside).unwrap_or(self.now);
        self.companion.inside_since[r] = is_inside.then_some(since);
        if self.now > since + VISIT {
            return self.fail(6, format!("r{r}: we are inside since {} s", since / SEC));
        }
        let room = &self.rooms[r];
        let word = room.conference.as_ref().and_then(|c| c.status.as_ref());
        let is_told_on = word.is_some_and(|word| word.on && word.mode != Some(Mode::Stream));
        let is_recorded = self.is_recorded(r);
        let is_seen = is_heard && !self.companion.is_mute && self.now >= room.hindered_until;
        let is_right = match self.companion.notices[r] {
            true => is_recorded || is_told_on || room.has_account_of_jibri(),
            false => !(is_recorded && is_told_on),
        };
        let is_ours = self.mirrors[r].terms.record && room.people() > 0 && room.has(Kind::Focus);
        if is_right || !is_seen || !is_ours {
            self.companion.differs_since[r] = None;
            return;
        }
        let since = *self.companion.differs_since[r].get_or_insert(self.now);
        let bound = if is_recorded { TOLD_BY } else { TAKEN_BACK_BY };
        if self.now > since + bound {
            let view = self.core.room(&self.plan.rooms[r]).map(|view| (view.state.name(), view.reason));
            let notice = self.companion.notices[r];
            self.fail(12, format!("r{r}: the notice is {notice} since {} s: {view:?}", since / SEC));
        }
    }

    /// Somebody was left out of its pictures, and may be whoever has stopped it.
    pub fn was_cut(&self, r: usize) -> bool {
        self.companion.was_cut.contains(&r)
    }
}

fn answered(attempt: AttemptId, wish: Wish, answer: Answer) -> RoomEvent {
    match wish {
        Wish::Start | Wish::Stream => RoomEvent::StartAnswered { attempt, answer },
        Wish::Stop => RoomEvent::StopAnswered { attempt, answer },
    }
}
