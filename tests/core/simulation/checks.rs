//! "What always holds" of ARCHITECTURE.md, by number, after every step. Where each is checked:
//!
//! 1. `check_start` and `check_stop` (one in flight, none beside a recording), `check_step` (the state agrees).
//! 2. `check_start`, `check_stop`: the condition has lasted in what the core was told.
//! 3. With a supply of Jibris: `shop_start` (none is asked for that is not there), `check_line` (who waits longest is
//!    served first, and at once). `check_world` (a recording comes), `check_needless` (one that nobody needs goes), `check_told` (pauses, limits,
//!    holds without a reason), `World::run` (no Tick after Tick).
//! 4. `check_start` and `wrong_sender` (who is acted for is there), `check_step` (the counts are those of the room).
//! 5. `check_start`, `check_told`, `check_step`: a person's stop is respected, ours is not taken for one.
//! 6. `check_action` (entries), `reason_to_peek`, `check_step` (no stay without a reason), `check_world`, `check_sizes`
//!    (nothing is kept alive).
//! 7. `play` (no panic), `check_action` (queries under way), `check_sizes` (what is kept); the rest is XML's.
//! 8. Recovery is not the core's.
//! 9. `check_start`, `check_told`, `check_step` (nothing is believed that nobody says; nothing is dropped while it is
//!    recorded), and 3 after each disconnect and restart.
//! 10. Two instances are not the core's.

use jibri_autostart::address::{Nick, RealJid};
use jibri_autostart::config::Mode;
use jibri_autostart::meeting::{Action, Ended, Hold, State, What};

use super::focus::mode_of;
use super::link::us;
use super::muc::{Kind, Occupant};
use super::plan::{SEC, Us};
use super::unseen::UNTOLD_ENDS;
use super::world::World;

/// So long a misfit is believed to last.
const MISFIT: Us = 300 * SEC;
/// By then the room has been asked for its name of the meeting.
const NAMED: Us = SEC;
/// More entries than this into one room within a minute is a component gone mad.
const ENTRIES_A_MINUTE: usize = 25;

impl World {
    /// What the core does, at the moment it does it.
    pub fn check_action(&mut self, action: &Action) {
        if self.companion.plays {
            return self.check_companion_action(action);
        }
        match action {
            Action::Start { room, speaker, .. } => {
                let r = self.index[room];
                self.check_start(r, speaker.sender());
                self.shop_start(r);
            }
            Action::Stop { room, speaker, .. } => {
                let r = self.index[room];
                let is_starting = self.core.room(room).is_some_and(|view| view.state == State::Starting);
                // So is what focus goes on calling on for the sake of a Jibri that records another.
                let is_nothing = self.mirrors[r].refuted || self.focus_is_mistaken(r);
                self.mirrors[r].anew = is_starting && is_nothing;
                if self.mirrors[r].anew {
                    self.seen.count("stopped, to be started anew");
                } else {
                    self.check_stop(r, speaker.sender());
                }
            }
            Action::AskPicture { .. } | Action::Notice { .. } => {}
            Action::Enter { room, .. } => {
                let r = self.index[room];
                self.seen.count("entries");
                // A pair of lists that is older than a departure counts for the mirror, and not for the core.
                let ordered_off = self.mirrors[r].manual.may_be_off() && self.rooms[r].has_account_of_jibri();
                let may_stop = self.mirrors[r].may_stop(self.now + SEC) || ordered_off;
                let to_stop = may_stop && self.mirrors[r].listed_focus;
                if self.mirrors[r].list != Some(true) {
                    self.seen.count(if self.plan.is_visitor() {
                        "entries into an empty room, to stop"
                    } else {
                        "a resident comes in to stop"
                    });
                    if !to_stop {
                        self.fail(
                            6,
                            format!("enters r{r}, whose last list does not show focus and a person"),
                        );
                    }
                }
                if self.mirrors[r].in_names {
                    match self.reason_to_peek(r) {
                        Some(why) => self.seen.count(why),
                        None => self.fail(6, format!("enters r{r}, though unseen")),
                    }
                }
                if self.plan.is_visitor() {
                    self.seen.count("visits");
                    if self.now > self.mirrors[r].listed_at + SEC {
                        self.fail(6, format!("enters r{r} by a list that is older than a second"));
                    }
                }
                if !self.mirrors[r].manual.may_concern(self.mirrors[r].terms.record) {
                    self.fail(6, format!("enters r{r}, which is never to be recorded"));
                }
                if self.mirrors[r].unwelcome_until.is_some_and(|until| self.now < until) {
                    self.fail(6, format!("enters r{r}, from which somebody has just removed us"));
                }
                // A visit for each attempt is what discreet means.
                let pauses = us(self.mirrors[r].shortest_pause).max(SEC / 2);
                let visits = if self.plan.is_visitor() { 60 * SEC / pauses } else { 0 };
                if self.mirrors[r].enters.len() >= ENTRIES_A_MINUTE + usize::try_from(visits).unwrap() {
                    self.fail(6, format!("enters r{r} again and again"));
                }
            }
            Action::Leave { .. } => self.seen.count("exits"),
            Action::AskForm { .. } => self.seen.count("asked for the form"),
            Action::AskRoles { .. } => {}
        }
        self.mirror_action(action);
        if self.link.queries.len() > 32 {
            self.fail(7, "more than 32 role queries at once".into());
        }
    }

    fn check_start(&mut self, r: usize, sender: Option<&RealJid>) {
        self.seen.count("starts");
        let mirror = &self.mirrors[r];
        // One that has come in for a stream in this moment will be taken for the recorder of this start.
        let records = |o: &Occupant| matches!(o.kind, Kind::Recorder(_));
        let is_unlisted =
            |o: &Occupant| records(o) && o.mode != Some(Mode::File) && !mirror.has_listed(&o.nick);
        self.rooms[r].misled |= self.rooms[r].occupants.iter().any(is_unlisted);
        let wrong_sender = sender.and_then(|sender| mirror.wrong_sender(sender, self.now));
        let in_name = sender.is_some();
        let is_pictured = if in_name { mirror.list.is_some() } else { mirror.complete };
        let has_focus = if in_name { mirror.listed_focus } else { mirror.has_focus() };
        let sees_recorder =
            in_name && mirror.has_known_recorder() && mirror.last_word.as_ref().is_none_or(|word| word.on);
        let start = &mirror.terms.start;
        let status = mirror.word();
        let settled = mirror.wanted_since.is_some_and(|since| self.now >= since + mirror.settle());
        let has_foreign_recorder =
            status.is_none() && mirror.recorders().flatten().any(|id| mode_of(id) == Mode::File);
        // One that was told to stop is on its way out.
        let has_foreign_recorder = has_foreign_recorder && self.has_working_jibri(r);
        let wrong = if mirror.in_flight.is_some() && !mirror.superseded && !mirror.deserted {
            Some((1, "another start is in flight"))
        } else if status.is_some_and(|s| s.on) && !mirror.anew {
            Some((1, "focus says that it is on"))
        } else if sees_recorder && !mirror.anew {
            Some((1, "the recorder is there"))
        } else if in_name && mirror.untold > UNTOLD_ENDS {
            Some((5, "it has ended again and again, and nobody was asked why"))
        } else if wrong_sender.is_some() {
            wrong_sender
        } else if mirror.in_names && !in_name {
            Some((2, "it is our name that people see"))
        } else if mirror.accepted_until.is_some() {
            Some((1, "a start was accepted and is pending"))
        } else if !is_pictured {
            Some((2, "the picture is not complete"))
        } else if mirror.wanted_since.is_none() {
            let gone = mirror.people() < start.min_participants || mirror.moderators() < start.min_moderators;
            Some(if mirror.is_stopped_by_hand() {
                (2, "it is stopped by hand")
            } else if gone {
                (4, "those who made it wanted are not there")
            } else {
                (2, "not wanted")
            })
        } else if !settled {
            Some((2, "the condition has not held for start.settle"))
        } else if !has_focus {
            Some((2, "focus is not there"))
        } else if mirror.pause_until.is_some_and(|until| self.now < until) && !self.shop.may_wake(r) {
            Some((3, "the pause after a failure is not over"))
        } else if mirror.binding_stop().is_some() {
            Some((5, "a person has stopped the recording"))
        } else if has_foreign_recorder {
            Some((9, "the recorder of a forgotten session is inside"))
        } else {
            None
        };
        if let Some((number, what)) = wrong {
            self.fail(number, format!("start in r{r}, but {what}"));
        }
    }

    /// What the core tells, against what it was told.
    pub fn check_told(&mut self, r: usize, what: &What) {
        self.check_begins_and_ends(r, what);
        if self.companion.plays {
            return self.check_companion_told(r, what);
        }
        self.check_told_by_hand(r, what);
        let mirror = &self.mirrors[r];
        let word = mirror.word();
        let limit = mirror.terms.start.retry_limit;
        match what {
            // An entry that was given up, and succeeds after all, is used only if it is still wanted.
            What::Entered { .. } => {
                (self.mirrors[r].unknown_past, self.mirrors[r].came_late) = (false, false);
            }
            What::Held(Hold::StoppedBy(person)) => {
                self.seen.count("held for a person's stop");
                self.check_held_for(r, &person.nick);
            }
            What::Held(Hold::GaveUp(_)) => {
                self.seen.count("gave up");
                // While the link is dead and nobody has noticed, or the end is on its way, it is not known to us.
                self.rooms[r].gave_up = true;
                // A list does not tell that it is of another meeting; the room's name for it comes a moment later.
                let is_seen =
                    self.rooms[r].began + NAMED <= self.mirrors[r].listed_at || self.mirrors[r].complete;
                // From outside a telephone in both meetings looks like a person who has been there all the time.
                let is_bridged = self.plan.is_visitor() && self.rooms[r].phoned == (true, true);
                let is_known = self.link.server.is_some() && self.rooms[r].exists && is_seen && !is_bridged;
                if limit == 0 || is_known && self.rooms[r].failures < limit {
                    self.fail(3, format!("r{r} is given up after {} failures", self.rooms[r].failures));
                }
            }
            What::Held(Hold::Untold) => {
                self.seen.count("unseen: held for ends that nobody explains");
                self.rooms[r].untold = true;
                let mirror = &self.mirrors[r];
                if !mirror.in_names || mirror.untold_in_all <= UNTOLD_ENDS {
                    self.fail(3, format!("r{r} is held after {} ends", mirror.untold_in_all));
                }
            }
            What::Held(Hold::Misfit(_)) => {
                self.seen.count("held for a misfit");
                // It is told anew when what had hidden it is over.
                if self.mirrors[r].misfit.is_none_or(|at| self.now > at + MISFIT) {
                    self.fail(3, format!("r{r} is held for a misfit that nobody reported"));
                }
            }
            What::StopFailed { why, retry_in } => self.check_stop_failed(r, *why, retry_in.is_none()),
            What::Held(Hold::DryRun) | What::WouldStart | What::WouldStop => {
                self.fail(3, "this is no dry run".into())
            }
            What::StartFailed { why, retry_in } => {
                self.mirrors[r].anew = false;
                self.seen.count_owned(format!("failed: {why:?}"));
                self.rooms[r].failures += 1;
                self.mirrors[r].pause_until = retry_in.map(|pause| self.now + us(pause));
                if let Some(pause) = retry_in {
                    let start = &self.mirrors[r].terms.start;
                    if *pause > start.retry_max || *pause < start.retry_min {
                        self.fail(3, format!("r{r} pauses for {pause:?}"));
                    }
                }
            }
            What::Held(Hold::Instead(_)) => self.seen.count("held for a live stream"),
            What::Adopted => self.seen.count("adopted"),
            What::On { session, .. } => {
                (self.mirrors[r].refuted, self.mirrors[r].anew) = (false, false);
                self.mirrors[r].on_at = self.now;
                let mirror = &self.mirrors[r];
                let is_that_one = session.as_ref().is_none_or(|id| mirror.stopped_by_us.contains(id));
                if self.mirrors[r].untold > UNTOLD_ENDS {
                    self.seen.count("begun anew by somebody");
                    self.mirrors[r].untold = 0;
                }
                self.seen.count("on");
                self.rooms[r].phantom = !self.rooms[r].has_file_recorder();
                self.mirrors[r].pause_until = None;
                // Somebody has started it anew, though we were not there to hear focus say so.
                self.mirrors[r].stop = None;
                self.mirrors[r].accepted_until = None;
                self.mirrors[r].stop_in_flight = None;
                self.mirrors[r].recorder_lost = false;
                self.mirrors[r].stopped_as = None;
                self.rooms[r].stop_given_up = false;
                let mirror = &self.mirrors[r];
                let word = mirror.word();
                if word.is_none_or(|w| !w.on) {
                    self.seen.count("on by the recorder's word");
                    let is_seen_outside = !mirror.complete && mirror.listed_recorder;
                    if is_seen_outside {
                        self.seen.count("a recording seen from outside");
                        self.mirrors[r].in_flight = None;
                        let is_fresh = self.rooms[r].stopped_at.is_some_and(|at| self.now < at + 8 * SEC);
                        // A focus that has left meanwhile may have been restarted.
                        let says = self.rooms[r].conference.as_ref().and_then(|c| c.status.as_ref());
                        let is_told = says.is_some_and(|word| !word.on);
                        let is_misled = self.rooms[r].is_misled();
                        if is_fresh && is_that_one && is_told && !is_misled && !self.has_working_jibri(r) {
                            self.fail(
                                9,
                                format!("r{r}: the recorder that we have stopped is taken for a new one"),
                            );
                        }
                    } else if mirror.recorders().next().is_none() {
                        self.fail(
                            9,
                            format!("r{r} is told to be on, but neither focus nor recorder says so"),
                        );
                    }
                }
            }
            What::Ended { how, .. } => {
                let is_ours =
                    word.and_then(|w| w.session.as_ref()).is_some_and(|id| mirror.stopped_by_us.contains(id));
                let (in_names, inside) = (mirror.in_names, mirror.complete);
                let is_ours = is_ours && !self.is_ours_by_mistake(r);
                let how = match how {
                    Ended::ByPerson(person) => {
                        if word.is_none_or(|w| w.initiator.as_ref() != Some(&person.nick)) {
                            self.fail(5, format!("r{r}: ended by a person who did nothing"));
                        } else if is_ours {
                            self.fail(5, format!("r{r}: our own stop is taken for a person's"));
                        }
                        "ended by a person"
                    }
                    Ended::ByUs => "ended by us",
                    Ended::Failed => "ended with a failure",
                    Ended::Naturally => "ended by itself",
                    Ended::Unexplained => "ended, and nobody says why",
                    Ended::Unasked => "ended when nothing was wanted any more",
                    Ended::Lost => "ended lost",
                    Ended::Refuted(_) => {
                        self.mirrors[r].refuted = true;
                        "ended, for nothing records it"
                    }
                    Ended::WithMeeting => "ended with the meeting",
                };
                self.seen.count(how);
                self.mirrors[r].stop_in_flight = None;
                self.rooms[r].stop_given_up = false;
                self.rooms[r].stopped_at = (how == "ended by us").then_some(self.now);
                if in_names {
                    self.seen.count_owned(format!("unseen: {how}"));
                }
                if in_names && !inside && how == "ended, and nobody says why" {
                    self.mirrors[r].untold += 1;
                    self.mirrors[r].untold_in_all += 1;
                    let untold = self.mirrors[r].untold.min(4);
                    self.seen.count_owned(format!("unseen: {untold} ends in a meeting that nobody explains"));
                }
                if self.plan.is_visitor() {
                    self.seen.count_owned(format!("discreet: {how}"));
                }
            }
            What::CreatedRoom => {
                self.seen.count("told of a room created");
                self.mirrors[r].created = false;
            }
            _ => {}
        }
    }

    /// (5) A room is held for the stop of a person who has made one. If that binds nobody who is there, a recording has to
    /// come all the same, as `check_world` sees.
    pub fn check_held_for(&mut self, r: usize, nick: &Nick) {
        let room = &mut self.rooms[r];
        let is_first = room.held_for.insert(nick.as_str().to_owned());
        if is_first {
            // Who is there when it is heard of may have been there.
            let present = room.present();
            room.bound.extend(present);
        }
        if !room.stoppers.contains(nick.as_str()) {
            self.fail(5, format!("r{r} is held for a stop that nobody made"));
        } else if !self.mirrors[r].terms.stop.respect_manual {
            self.fail(5, format!("r{r} is held, though stops are not to be respected there"));
        }
    }

    /// After every step of the core.
    pub fn check_step(&mut self, r: usize) {
        if self.companion.plays {
            return self.check_companion_step(r);
        }
        self.check_by_hand(r);
        let Some(view) = self.core.room(&self.plan.rooms[r]) else {
            let mirror = &mut self.mirrors[r];
            mirror.unknown = true;
            mirror.out();
            if mirror.state.take() == Some(State::Recording)
                && mirror.list == Some(true)
                && mirror.listed_recorder
                && self.rooms[r].has_file_recorder()
                && self.is_recorded(r)
                && !self.rooms[r].misled
            {
                self.fail(9, format!("r{r}: is dropped while it is recorded"));
            }
            return;
        };
        let is_late = self.link.ours && self.now > self.link.up_at + 3 * SEC;
        if std::mem::take(&mut self.mirrors[r].unknown) {
            self.mirrors[r].unknown_past = !is_late;
        }
        self.mirrors[r].state = Some(view.state);
        if view.reason.as_deref().is_some_and(|why| why.contains("in whose name a start")) {
            self.seen.count("unseen: nobody to speak for");
            if !self.mirrors[r].in_names {
                return self.fail(9, format!("r{r}: waits for a name, and needs none"));
            }
        }
        if self.core.roster(view.room).is_some_and(|roster| !roster.is_consistent()) {
            return self.fail(4, format!("the counters of r{r} do not agree with its occupants"));
        }
        // Over a link that has died without notice nobody hears that another Jibri has taken over what was lost; and one whose
        // page was thrown out, so that it finds itself alone later, is at a session of before.
        let told = self.mirrors[r].word().and_then(|word| word.session.clone());
        let is_recorded = told.is_none_or(|told| self.records(r, &told))
            && self.is_recorded(r)
            && self.link.server.is_some();
        let mirror = &mut self.mirrors[r];
        if std::mem::take(&mut mirror.ghost) {
            return self.fail(6, format!("r{r}: leaves its ghost where nobody is"));
        }
        if mirror.created {
            return self.fail(6, format!("r{r}: does not say that its entry has created the room"));
        }
        let state = view.state;
        if view.inside.is_none() {
            let is_doubtful = view.reason.as_deref().is_some_and(|why| why.contains("will be asked"));
            // What an entry has shown that was not completed counts as well.
            let is_seen = mirror.listed_recorder || is_doubtful || !mirror.shown.is_empty();
            if mirror.visitor && mirror.list.is_some() && state == State::Recording && !is_seen {
                return self.fail(9, format!("r{r}: is recorded, but no recorder has been seen"));
            }
            let mirror = &mut self.mirrors[r];
            mirror.out_if_inside();
            return;
        }
        if !mirror.complete {
            return self.fail(9, format!("believes to be inside r{r}"));
        }
        let (people, moderators) = (view.people, view.moderators);
        let status_on = mirror.word().is_some_and(|s| s.on && s.mode != Some(Mode::Stream));
        let has_recorder = mirror.recorders().next().is_some();
        let (there, moderating) = (mirror.people(), mirror.moderators());
        let stops = mirror.stop_in_flight.is_some();
        // Jicofo may have moved the session in the moment in which it was stopped.
        let is_anew = mirror.anew && state == State::Starting;
        let wrong = if there == 0 && !stops {
            Some((6, "stays in a room without people".to_owned()))
        } else if people > there
            || moderators > moderating
            || !mirror.hushed && (people, moderators) != (there, moderating)
        {
            Some((4, format!("counts {people}, {moderators} moderators; there are {there}, {moderating}")))
        } else if mirror.visitor && state != State::Starting && !stops {
            Some((6, format!("stays inside without an errand, the state is {}", state.name())))
        } else if status_on && is_recorded && !is_anew && !matches!(state, State::Recording | State::Stopping)
        {
            Some((1, format!("focus says on, the state is {}", state.name())))
        } else if state == State::Recording && !status_on && !has_recorder && !self.rooms[r].misled {
            Some((9, "the state is recording, but nothing is".into()))
        } else if state == State::Starting && mirror.in_flight.is_none() {
            Some((1, "the state is starting, but no start is under way".into()))
        } else if !matches!(state, State::Held | State::Pending | State::Stopping)
            && mirror.binding_stop().is_some()
            && !has_recorder
        {
            Some((5, format!("a person has stopped the recording, the state is {}", state.name())))
        } else {
            None
        };
        if let Some((number, what)) = wrong {
            self.fail(number, format!("r{r}: {what}"));
        }
    }
}
