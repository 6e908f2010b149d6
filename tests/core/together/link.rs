//! The component link, and Prosody's end of it: in order, late, and gone at any moment.

use std::collections::BTreeSet;
use std::time::Duration;

use jibri_autostart::address::Nick;
use jibri_autostart::meeting::{
    Action, Answer, AttemptId, By, Condition, Input, ListError, Out, QueryId, Refusal, Role, Roles,
    RoomEvent, Speaker, Unsent,
};

use super::plan::{MS, SEC, Us};
use super::rooms::{HEARD_AT, Step};
use super::world::{Ev, World};

#[derive(Debug, Default)]
pub struct Link {
    pub is_up: bool,
    pub up_at: Us,
    down_at: Us,
    pub jicofo_died_at: Option<Us>,
    /// Counts connections.
    pub conn: u64,
    last_in: Us,
    last_out: Us,
    queries: BTreeSet<QueryId>,
    requests: BTreeSet<AttemptId>,
    /// The module in Prosody has greeted us, and tells of rooms.
    pub companion_answers: bool,
}

pub fn refusal(condition: Condition, text: &str, by: By) -> Answer {
    Answer::Refused(refused(condition, text, by))
}

fn refused(condition: Condition, text: &str, by: By) -> Refusal {
    let text = (!text.is_empty()).then(|| text.to_owned());
    Refusal { condition, text, by, display_name_required: false, lobby: false }
}

impl World {
    pub fn is_linked(&self) -> bool {
        self.cores.link.is_up
    }

    pub fn link_up(&mut self) {
        if self.cores.link.is_up {
            return;
        }
        let link = &mut self.cores.link;
        link.conn += 1;
        link.is_up = true;
        link.up_at = self.now;
        if link.jicofo_died_at.is_some_and(|at| at + HEARD_AT > link.down_at) {
            self.restart_of_jicofo_is_missed();
        }
        self.give_meetings(Input::LinkUp);
        self.companion_is_asked();
        for r in 0..self.rooms.len() {
            if self.exists(r) {
                self.vouch(r);
            }
        }
        if self.plan.brewery {
            self.brewery_entered();
        }
    }

    /// The link is gone, and so are we, wherever we were; with `restart` because our process is.
    pub fn link_breaks(&mut self, restart: bool) {
        if !self.cores.link.is_up {
            return;
        }
        self.seen.count(if restart { "we are restarted" } else { "link drops" });
        let link = &mut self.cores.link;
        link.is_up = false;
        link.companion_answers = false;
        link.down_at = self.now;
        link.queries.clear();
        link.requests.clear();
        for r in 0..self.rooms.len() {
            self.rooms[r].us = None;
            self.rooms[r].shown.clear();
            self.rooms[r].told = None;
            self.conference_may_end(r);
        }
        if restart {
            self.brewery_in = false;
            self.cores_restart();
        } else {
            self.give_meetings(Input::LinkDown);
            if self.brewery_in {
                self.brewery_lost();
            }
        }
        self.cores.promises.excuse_all(self.now);
        let longest = if self.chance(0.3) { SEC } else { 30 * SEC };
        let back = self.some(100 * MS, longest);
        self.after(back, Ev::Room { r: 0, number: 0, step: Step::LinkUp });
    }

    /// The meetings want something done.
    pub fn carry_out(&mut self, action: Action) {
        if !matches!(action, Action::AskRoles { .. }) {
            self.line(|_| format!("  -> {action:?}"));
        }
        let number = self.cores.link.conn;
        match &action {
            Action::Start { room, attempt, speaker, timeout, .. } => {
                let sender = speaker.sender();
                let r = self.cores.index[room];
                self.check_start(r, sender.is_some());
                if sender.is_none() {
                    self.cores.link.requests.insert(*attempt);
                    let step = Step::TimesOut(*attempt);
                    self.after(us(*timeout), Ev::Room { r, number, step });
                }
            }
            Action::Stop { room, speaker, .. } => {
                let r = self.cores.index[room];
                let is_detour = *speaker == Speaker::Ourselves && self.cores.link.companion_answers;
                let is_anew = self.rooms[r].has_moderator();
                self.seen.count(match (is_detour, is_anew) {
                    (true, _) => "stopped where nobody is left to speak for",
                    (false, true) => "stopped, to be started anew",
                    (false, false) => "stopped as the last moderator left",
                });
            }
            Action::AskRoles { query, room, .. } => {
                let r = self.cores.index[room];
                self.cores.link.queries.insert(*query);
                self.after(10 * SEC, Ev::Room { r, number, step: Step::QueryTimesOut(*query) });
            }
            // Who goes with the last person gets no answer any more.
            Action::Leave { room, .. } => {
                if self.cores.meetings.room(room).is_none_or(|view| view.people == 0) {
                    self.cores.promises.in_flight[self.cores.index[room]] = false;
                }
            }
            Action::Enter { .. } | Action::AskForm { .. } => {}
            Action::AskPicture { .. } | Action::Notice { .. } => {}
        }
        if self.cores.link.is_up {
            let way = self.some(100, 50 * MS);
            let at = self.cores.link.last_out.max(self.now + way);
            self.cores.link.last_out = at;
            self.after(at - self.now, Ev::Room { r: 0, number, step: Step::ToServer(Box::new(action)) });
        }
    }

    /// Something sets out for us.
    pub fn send(&mut self, r: usize, event: RoomEvent) {
        if !self.cores.link.is_up {
            return;
        }
        let number = self.cores.link.conn;
        let way = self.some(100, 50 * MS);
        let at = self.cores.link.last_in.max(self.now + way);
        self.cores.link.last_in = at;
        self.after(at - self.now, Ev::Room { r, number, step: Step::ToUs(Box::new(event)) });
    }

    /// The same for what is about no room.
    pub fn send_step(&mut self, step: Step) {
        let number = self.cores.link.conn;
        let way = self.some(100, 50 * MS);
        let at = self.cores.link.last_in.max(self.now + way);
        self.cores.link.last_in = at;
        self.after(at - self.now, Ev::Room { r: 0, number, step });
    }

    pub fn arrives(&mut self, r: usize, event: RoomEvent) {
        match &event {
            RoomEvent::StartAnswered { attempt, .. } => {
                self.cores.link.requests.remove(attempt);
                self.cores.promises.in_flight[r] = false;
            }
            RoomEvent::Roles { query, .. } => {
                self.cores.link.queries.remove(query);
            }
            // It vouches for what it tells of.
            RoomEvent::Pictured(_) if self.cores.meetings.room(&World::room_jid(r)).is_none() => {
                self.vouch(r)
            }
            _ => {}
        }
        let room = World::room_jid(r);
        self.give_meetings(Input::Room { room, event });
    }

    pub fn times_out(&mut self, r: usize, attempt: AttemptId) {
        if self.cores.link.requests.remove(&attempt) {
            self.seen.count("starts without an answer");
            self.arrives(r, RoomEvent::StartAnswered { attempt, answer: Answer::TimedOut });
        }
    }

    pub fn query_times_out(&mut self, r: usize, query: QueryId) {
        if self.cores.link.queries.remove(&query) {
            self.seen.count("looks without an answer");
            self.arrives(r, RoomEvent::Roles { query, result: Err(ListError::TimedOut) });
        }
    }

    /// Prosody has received what we sent.
    pub fn server_takes(&mut self, action: Action) {
        match action {
            Action::AskRoles { room, query, which } => {
                let r = self.cores.index[&room];
                let is_deaf = self.now < self.rooms[r].deaf_until;
                let result = if !self.exists(r) {
                    Err(ListError::Gone)
                } else if is_deaf && self.chance(0.5) {
                    return;
                } else if is_deaf {
                    Err(ListError::Other)
                } else {
                    let wanted = |role: Role| match which {
                        Roles::Both => true,
                        Roles::Moderators => role == Role::Moderator,
                        Roles::Participants => role == Role::Participant,
                    };
                    Ok(self.listed(r).into_iter().filter(|entry| wanted(entry.role)).collect())
                };
                self.send(r, RoomEvent::Roles { query, result });
            }
            Action::AskPicture { room } => self.asked_for_picture(self.cores.index[&room]),
            Action::Notice { room, recording } => self.notice(self.cores.index[&room], recording),
            Action::AskForm { room, query } => {
                let r = self.cores.index[&room];
                self.send(r, RoomEvent::Form { query, password: None, meeting: None });
            }
            Action::Enter { room, nick, .. } => self.enters(self.cores.index[&room], nick),
            Action::Leave { room, .. } => {
                let r = self.cores.index[&room];
                if self.rooms[r].us.take().is_some() {
                    self.rooms[r].shown.clear();
                    self.send(r, RoomEvent::Out(Out::Left));
                    self.conference_may_end(r);
                }
            }
            Action::Start { room, attempt, speaker: Speaker::Ourselves, .. } => {
                let r = self.cores.index[&room];
                let answer = if !self.exists(r) {
                    refusal(Condition::ItemNotFound, "", By::Service)
                } else if self.rooms[r].us.is_none() {
                    refusal(Condition::NotAcceptable, "", By::Room)
                } else if !self.rooms[r].focus {
                    refusal(Condition::ItemNotFound, "", By::Room)
                } else {
                    return self.focus_is_asked(r, Some(attempt));
                };
                self.send(r, RoomEvent::StartAnswered { attempt, answer });
            }
            Action::Start { room, attempt, speaker: Speaker::Companion(nick), .. } => {
                self.companion_starts(self.cores.index[&room], attempt, &nick);
            }
            Action::Start { room, speaker: Speaker::InName(sender), .. } => {
                let r = self.cores.index[&room];
                let is_moderator = self.rooms[r].people.iter().any(|p| p.moderator && p.jid == sender);
                if self.rooms[r].focus && is_moderator {
                    self.focus_is_asked(r, None);
                } else {
                    self.seen.count("starts in the name of somebody who has left");
                }
            }
            Action::Stop { room, attempt, speaker, .. } => {
                let r = self.cores.index[&room];
                let is_moderator = |jid| self.rooms[r].people.iter().any(|p| p.moderator && p.jid == jid);
                let by = match (&speaker, speaker.sender().cloned()) {
                    (Speaker::Companion(nick), _) => self.moderator_of(r, nick),
                    (_, None) => self.rooms[r].us.clone(),
                    (_, Some(jid)) if is_moderator(jid.clone()) => {
                        self.rooms[r].people.iter().find(|p| p.jid == jid).map(|p| p.nick.clone())
                    }
                    (_, Some(_)) => None,
                };
                let has_session = self.jicofo.session(&r).is_some();
                let answer = match by.filter(|_| self.rooms[r].focus) {
                    Some(nick) => {
                        self.stops_for_us(r, nick.as_str());
                        // Focus has published it by then.
                        self.show_room(r);
                        self.push_picture(r);
                        match has_session {
                            true => Answer::Accepted { session: None },
                            false => refusal(Condition::ItemNotFound, "", By::Unsaid),
                        }
                    }
                    None if matches!(speaker, Speaker::Companion(_)) => Answer::Unsent(Unsent::SpeakerGone),
                    None => refusal(Condition::NotAcceptable, "", By::Room),
                };
                if speaker.sender().is_none() {
                    self.send(r, RoomEvent::StopAnswered { attempt, answer });
                }
            }
        }
    }

    fn enters(&mut self, r: usize, nick: Nick) {
        if self.rooms[r].locked {
            self.seen.count("entries refused");
            let refusal = refused(Condition::NotAuthorized, "", By::Room);
            return self.send(r, RoomEvent::EntryRefused(refusal));
        }
        if !self.exists(r) || !self.rooms[r].focus && self.rooms[r].people.is_empty() {
            self.seen.count("entered where nobody is");
            let refusal = refused(Condition::ItemNotFound, "", By::Service);
            return self.send(r, RoomEvent::EntryRefused(refusal));
        }
        self.rooms[r].us = Some(nick);
        self.rooms[r].shown.clear();
        self.show_room(r);
    }
}

pub fn us(duration: Duration) -> Us {
    u64::try_from(duration.as_micros()).unwrap()
}
