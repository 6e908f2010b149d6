//! The component link: first in, first out, with a delay, and gone at any moment; and Prosody's end of it.

use std::collections::BTreeSet;
use std::time::Duration;

use jibri_autostart::address::Nick;
use jibri_autostart::config::Secret;
use jibri_autostart::meeting::watchlist::{Report, Source};
use jibri_autostart::meeting::{
    Action, Answer, AttemptId, By, Condition, Input, ListError, Listed, Out, QueryId, Refusal, Role, Roles,
    RoomEvent, Speaker,
};
use rand::RngExt as _;

use super::focus::{Asker, Wish, refusal};
use super::muc::Kind;
use super::plan::{MS, SEC, Us};
use super::world::{Ev, World};

#[derive(Debug, Default)]
pub struct Link {
    /// The connection, as Prosody sees it.
    pub server: Option<u32>,
    /// Whether our end believes in one.
    pub ours: bool,
    connections: u32,
    /// When ours came up.
    pub up_at: Us,
    last_in: Us,
    last_out: Us,
    /// What our end still waits for; it reports a timeout itself.
    requests: BTreeSet<AttemptId>,
    /// Prosody has ended the connection because of a sender that it does not allow us.
    pub sender_refused: bool,
    pub queries: BTreeSet<QueryId>,
}

impl World {
    pub fn link_up(&mut self) {
        if self.link.server.is_none() && !self.link.ours {
            self.link.connections += 1;
            self.link.server = Some(self.link.connections);
            self.link.ours = true;
            if !self.calm && self.chance(100) {
                // What broke our link has broken those of people, who are only now taken for gone.
                self.seen.count("an outage for people, too");
                for p in 0..self.people.len() {
                    let leaves = self.some(0, 150 * MS);
                    self.after(leaves, Ev::PersonLeaves { p });
                }
            }
            self.link.up_at = self.now;
            self.feed(Input::LinkUp, None);
            self.companion_is_asked();
        }
    }

    /// The link breaks; our end may take a while to notice.
    pub fn link_breaks(&mut self) {
        if self.link.server.take().is_none() {
            return;
        }
        self.trace_all(|| "the link breaks".into());
        self.seen.count("link drops");
        if (0..self.rooms.len()).any(|r| self.mirrors[r].in_flight.is_some()) {
            self.seen.count("link drops during a start");
        }
        let notices = if self.rng.random_bool(0.7) { 0 } else { self.some(0, 20 * SEC) };
        let longest = if self.rng.random_bool(0.3) { SEC } else { 30 * SEC };
        let back = notices + self.some(10 * MS, longest);
        self.after(notices, Ev::LinkNoticed);
        self.after(back, Ev::LinkUp);
    }

    pub fn link_noticed(&mut self) {
        if std::mem::take(&mut self.link.ours) {
            self.link.requests.clear();
            self.link.queries.clear();
            self.companion.link_down();
            if std::mem::take(&mut self.link.sender_refused) {
                self.sender_refused();
            }
            self.feed(Input::LinkDown, None);
        }
    }

    fn delay(&mut self) -> Us {
        self.some(100, 50 * MS)
    }

    /// The core wants something done.
    pub fn carry_out(&mut self, action: Action) {
        match &action {
            // Nobody answers what is asked in somebody's name.
            Action::Start { speaker: Speaker::InName(_), .. }
            | Action::Stop { speaker: Speaker::InName(_), .. } => {}
            Action::Start { attempt, timeout, room, .. } => {
                self.awaits_answer(self.index[room], *attempt, Wish::Start, us(*timeout));
            }
            Action::Stop { attempt, timeout, room, .. } => {
                self.awaits_answer(self.index[room], *attempt, Wish::Stop, us(*timeout));
            }
            Action::AskRoles { query, room, .. } => {
                self.link.queries.insert(*query);
                let (query, r) = (*query, self.index[room]);
                let conn = self.link.connections;
                self.after(10 * SEC, Ev::QueryTimesOut { r, conn, query });
            }
            Action::Enter { .. } | Action::Leave { .. } | Action::AskForm { .. } => {}
            Action::AskPicture { .. } | Action::Notice { .. } if self.companion.plays => {}
            Action::AskPicture { .. } | Action::Notice { .. } => {
                self.fail(2, "asks a companion that nobody has spoken of".into());
            }
        }
        self.asks_companion(&action);
        let Some(conn) = self.link.server else { return };
        let at = self.link.last_out.max(self.now + self.delay());
        self.link.last_out = at;
        self.at_time(at, Ev::ToServer { conn, action });
    }

    fn awaits_answer(&mut self, r: usize, attempt: AttemptId, wish: Wish, timeout: Us) {
        self.link.requests.insert(attempt);
        let conn = self.link.connections;
        self.after(timeout, Ev::RequestTimesOut { r, conn, attempt, wish });
    }

    pub fn request_times_out(&mut self, r: usize, conn: u32, attempt: AttemptId, wish: Wish) {
        if conn == self.link.connections && self.link.requests.remove(&attempt) {
            self.seen.count(match wish {
                Wish::Start | Wish::Stream => "starts without an answer",
                Wish::Stop => "stops without an answer",
            });
            self.fault(r);
            self.companion.answered(attempt);
            self.feed_room(r, answered(attempt, wish, Answer::TimedOut), None);
        }
    }

    pub fn query_times_out(&mut self, r: usize, conn: u32, query: QueryId) {
        if conn == self.link.connections && self.link.queries.remove(&query) {
            self.seen.count("looks without an answer");
            // What nobody shows us is not stopped.
            self.hinders(r, 30 * SEC);
            self.feed_room(r, RoomEvent::Roles { query, result: Err(ListError::TimedOut) }, None);
        }
    }

    /// Something sets out for the component.
    pub fn deliver(&mut self, r: usize, event: RoomEvent, about: Option<Kind>) {
        let Some(conn) = self.link.server else { return };
        let at = self.link.last_in.max(self.now + self.delay());
        self.link.last_in = at;
        self.at_time(at, Ev::ToUs { conn, r, event, about });
    }

    /// Something arrives at the component, if the connection that it set out on is still there.
    pub fn arrives(&mut self, conn: u32, r: usize, event: RoomEvent, about: Option<Kind>) {
        if self.link.server != Some(conn) {
            return;
        }
        match &event {
            RoomEvent::StartAnswered { attempt, .. } | RoomEvent::StopAnswered { attempt, .. } => {
                self.link.requests.remove(attempt);
                self.companion.answered(*attempt);
            }
            RoomEvent::Roles { query, .. } => {
                self.link.queries.remove(query);
            }
            _ => self.pictured(r, &event),
        }
        let is_over = matches!(event, RoomEvent::Over);
        self.feed_room(r, event, about);
        if is_over {
            let (source, room) = (Source::Companion, self.plan.rooms[r].clone());
            self.report(Report::Disappeared { source, room });
        }
    }

    /// Prosody has received what the core sent.
    pub fn server_takes(&mut self, conn: u32, action: Action) {
        if self.link.server != Some(conn) {
            return;
        }
        match action {
            Action::AskRoles { room, query, which } => {
                let r = self.index[&room];
                let room = &self.rooms[r];
                let first = room.exists.then(|| match which {
                    Roles::Both | Roles::Moderators => room.listed(Role::Moderator),
                    Roles::Participants => Vec::new(),
                });
                // The second of the two lists is another stanza; the world may turn in between.
                let gap = if self.rng.random_bool(0.2) { self.some(0, 30 * MS) } else { 0 };
                self.after(gap, Ev::SecondList { r, conn, query, which, first });
            }
            Action::AskPicture { room } => self.companion_is_asked_for(self.index[&room]),
            Action::Notice { room, recording } => self.companion_notes(self.index[&room], recording),
            Action::AskForm { room, query } => {
                let r = self.index[&room];
                let password = self.guests.knows_password().then(|| Secret::new("sesame"));
                let meeting = self.meeting_of(r);
                self.deliver(r, RoomEvent::Form { query, password, meeting }, None);
            }
            Action::Enter { room, nick, .. } => {
                let r = self.index[&room];
                let rude = !self.calm && self.chance(self.plan.rudeness);
                let is_taken = self.is_taken(r, &nick);
                if self.now < self.rooms[r].shut {
                    self.seen.count("entries refused");
                    self.refuse_entry(r, Condition::Forbidden);
                } else if is_taken {
                    self.seen.count("our nickname was taken");
                    self.refuse_entry(r, Condition::Conflict);
                } else if rude {
                    self.fault(r);
                    match self.rng.random_range(0..5) {
                        0 => self.refuse_entry(r, Condition::NotAuthorized),
                        1 => self.refuse_entry(r, Condition::ServiceUnavailable),
                        2 => self.refuse_entry(r, Condition::ItemNotFound),
                        3 => {
                            self.seen.count("entries that wait for their turn");
                            let (turn, began) = (self.some(SEC, 100 * SEC), self.rooms[r].began);
                            self.after(turn, Ev::OurTurn { r, conn, nick, began });
                        }
                        _ => self.seen.count("entries without an answer"),
                    }
                } else {
                    self.let_us_in(r, &nick);
                }
            }
            Action::Leave { room, .. } => {
                let r = self.index[&room];
                if self.rooms[r].has(Kind::Us) {
                    self.tell_us(r, RoomEvent::Out(Out::Left), Some(Kind::Us));
                    self.exit(r, Kind::Us);
                }
            }
            Action::Start { room, speaker: Speaker::InName(sender), .. } => {
                self.arrives_in_a_name(self.index[&room], &sender, Wish::Start);
            }
            Action::Stop { room, speaker: Speaker::InName(sender), .. } => {
                self.arrives_in_a_name(self.index[&room], &sender, Wish::Stop);
            }
            Action::Start { room, attempt, speaker: Speaker::Companion(nick), .. } => {
                self.companion_takes(self.index[&room], conn, attempt, &nick, Wish::Start);
            }
            Action::Stop { room, attempt, speaker: Speaker::Companion(nick), .. } => {
                self.companion_takes(self.index[&room], conn, attempt, &nick, Wish::Stop);
            }
            Action::Start { room, attempt, .. } => {
                self.request_arrives(self.index[&room], conn, attempt, Wish::Start);
            }
            Action::Stop { room, attempt, .. } => {
                self.request_arrives(self.index[&room], conn, attempt, Wish::Stop);
            }
        }
    }

    /// Our entry has come to the head of the queue, which ends with its room.
    pub fn our_turn(&mut self, r: usize, conn: u32, nick: &Nick, began: Us) {
        let is_same = self.rooms[r].exists && self.rooms[r].began == began;
        if self.link.server == Some(conn) && is_same && !self.is_taken(r, nick) {
            let is_late = !self.rooms[r].has(Kind::Us);
            self.seen.count(if is_late {
                "an entry came through late"
            } else {
                "an entry came through twice"
            });
            self.let_us_in(r, nick);
        }
    }

    fn is_taken(&self, r: usize, nick: &Nick) -> bool {
        self.rooms[r].occupants.iter().any(|o| o.nick == *nick && o.kind != Kind::Us)
    }

    fn refuse_entry(&mut self, r: usize, condition: Condition) {
        let refusal =
            Refusal { condition, text: None, by: By::Room, display_name_required: false, lobby: false };
        self.deliver(r, RoomEvent::EntryRefused(refusal), None);
    }

    pub fn second_list(
        &mut self,
        r: usize,
        conn: u32,
        query: QueryId,
        which: Roles,
        first: Option<Vec<Listed>>,
    ) {
        if self.link.server != Some(conn) {
            return;
        }
        let room = &self.rooms[r];
        let second = room.exists.then(|| match which {
            Roles::Both | Roles::Participants => room.listed(Role::Participant),
            Roles::Moderators => Vec::new(),
        });
        let mut result = match (first, second) {
            (Some(mut all), Some(more)) => {
                all.extend(more);
                Ok(all)
            }
            _ => Err(ListError::Gone),
        };
        if !self.calm && self.chance(self.plan.rudeness / 5) {
            self.seen.count("looks refused");
            match self.rng.random_range(0..3) {
                // It lasts until somebody has changed a setting, so it is not asked again at once.
                0 => {
                    self.hinders(r, 60 * SEC);
                    result = Err(ListError::Forbidden);
                }
                1 => result = Err(ListError::Other),
                _ => return,
            }
        }
        self.deliver(r, RoomEvent::Roles { query, result }, None);
    }

    /// Prosody routes the request to focus, or refuses it itself.
    fn request_arrives(&mut self, r: usize, conn: u32, attempt: AttemptId, wish: Wish) {
        let room = &self.rooms[r];
        let is_focus = room.has(Kind::Focus);
        let has_nick = room.occupants.iter().any(|o| o.nick.as_str() == "focus");
        let refused = if !room.exists {
            Some((Condition::ItemNotFound, By::Service))
        } else if !room.has(Kind::Us) {
            Some((Condition::NotAcceptable, By::Room))
        } else if !has_nick {
            Some((Condition::ItemNotFound, By::Room))
        } else if !is_focus {
            // An impostor's browser knows no such request.
            Some((Condition::ServiceUnavailable, By::Unsaid))
        } else {
            None
        };
        match (refused, room.find(Kind::Us)) {
            (None, Some(us)) => {
                let nick = us.nick.clone();
                self.ask_focus(r, Asker::Us { conn, attempt, nick }, wish);
            }
            (refused, _) => {
                self.seen.count(match wish {
                    Wish::Start | Wish::Stream => "starts refused by Prosody",
                    Wish::Stop => "stops refused by Prosody",
                });
                let (condition, by) = refused.unwrap();
                self.answer_us(r, conn, attempt, wish, refusal(condition, "", by));
            }
        }
    }

    /// An answer goes to our occupant; if that is gone, it is lost with it.
    pub fn answer_us(&mut self, r: usize, conn: u32, attempt: AttemptId, wish: Wish, answer: Answer) {
        if self.link.server != Some(conn) {
            return;
        }
        let is_from_focus = self.rooms[r].has(Kind::Focus) && self.rooms[r].has(Kind::Us);
        let is_from_prosody = matches!(&answer, Answer::Refused(refusal) if refusal.by != By::Unsaid);
        let is_by_companion = self.companion.speaks(attempt) && self.companion_answers();
        if is_from_focus || is_from_prosody || is_by_companion {
            self.deliver(r, answered(attempt, wish, answer), None);
        }
    }
}

fn answered(attempt: AttemptId, wish: Wish, answer: Answer) -> RoomEvent {
    match wish {
        Wish::Start | Wish::Stream => RoomEvent::StartAnswered { attempt, answer },
        Wish::Stop => RoomEvent::StopAnswered { attempt, answer },
    }
}

pub fn us(duration: Duration) -> Us {
    u64::try_from(duration.as_micros()).unwrap()
}
