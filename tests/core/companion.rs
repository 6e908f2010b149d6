//! What the rooms' core makes of a companion's word: when it is waited for, pictures that leave people out, in whose name is
//! acted, and what becomes of a stop where nobody is left to speak for.

use std::time::Duration;

use jibri_autostart::address::{Nick, RealJid, RoomJid};
use jibri_autostart::config::from_toml;
use jibri_autostart::meeting::{
    Action, Affiliation, Answer, Effect, Input, ListError, Listed, ManualOrder, Marks, MeetingId, Meetings,
    Out, Presence, RecordingStatus, Role, RoomEvent, RoomPicture, SessionId, Speaker, State,
};
use jibri_autostart::time::Time;

const SERVICE: &str = "muc.meet.jitsi";

/// What we may do in rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    None,
    Owner,
    /// And nothing is ever answered.
    Unanswered,
}

/// One room, as the companion tells of it.
pub(super) struct Room {
    pub(super) core: Meetings,
    now: Time,
    pub(super) jid: RoomJid,
    /// People: names, with a star behind those of moderators.
    people: Vec<&'static str>,
    left_out: u32,
    may_not_record: Vec<&'static str>,
    meeting: &'static str,
    focus: Option<RecordingStatus>,
    pub(super) has_focus: bool,
    /// Prosody and Jicofo answer what is asked of them in our own name; by this.
    answers: Option<Rights>,
    us: Option<Nick>,
    /// Jicofo does not answer.
    is_deaf: bool,
    /// What was sent, in short.
    done: Vec<String>,
}

impl Room {
    fn new(settings: &str) -> Self {
        let toml = format!(
            "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"s\"\n[muc]\ndomains = [\"{SERVICE}\"]\n{settings}"
        );
        let core = Meetings::new(&from_toml(&toml).unwrap().settings, false, 1, Time::default());
        Self {
            core,
            now: Time::default(),
            jid: RoomJid::new(&format!("r0@{SERVICE}")).unwrap(),
            people: Vec::new(),
            left_out: 0,
            may_not_record: Vec::new(),
            meeting: "m1",
            focus: None,
            has_focus: true,
            answers: None,
            us: None,
            is_deaf: false,
            done: Vec::new(),
        }
    }

    /// The link is up, and the companion answers.
    pub(super) fn told(settings: &str) -> Self {
        let mut room = Self::new(settings);
        room.feed(Input::LinkUp);
        room.companion(true);
        room.feed(Input::Watch { room: room.jid.clone() });
        room
    }

    fn companion(&mut self, answers: bool) {
        self.feed(Input::Companion { service: SERVICE.to_owned(), answers, can_notify: false });
    }

    pub(super) fn feed(&mut self, input: Input) {
        let effects = self.core.handle(self.now, input);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let Effect::Do(action) = effect else { continue };
            let name = |speaker: &Speaker| match speaker {
                Speaker::Companion(nick) => nick.to_string(),
                other => format!("{other:?}"),
            };
            self.done.push(match &action {
                Action::Start { speaker, .. } => format!("start as {}", name(speaker)),
                Action::Stop { speaker, .. } => format!("stop as {}", name(speaker)),
                Action::AskRoles { .. } => "list".to_owned(),
                Action::AskPicture { .. } => "picture?".to_owned(),
                Action::Enter { .. } => "enter".to_owned(),
                Action::Leave { .. } => "leave".to_owned(),
                Action::AskForm { .. } => "form?".to_owned(),
                other => panic!("{other:?}"),
            });
            self.answer(action);
        }
    }

    /// At once, as if nothing took any time.
    fn answer(&mut self, action: Action) {
        let accepted = || Answer::Accepted { session: Some(SessionId("s1".into())) };
        match (action, self.answers) {
            (Action::Start { attempt, .. }, _) => {
                self.tells(RoomEvent::StartAnswered { attempt, answer: accepted() });
            }
            (_, None | Some(Rights::Unanswered)) => {}
            (Action::AskRoles { query, .. }, Some(rights)) => {
                let listed = |one: Presence| Listed {
                    nick: one.nick,
                    jid: one.jid,
                    role: one.role,
                    affiliation: one.affiliation,
                };
                let result = match rights {
                    Rights::Owner => Ok(self.occupants().into_iter().map(listed).collect()),
                    _ => Err(ListError::Forbidden),
                };
                self.tells(RoomEvent::Roles { query, result });
            }
            (Action::Enter { nick, .. }, _) => {
                self.us = Some(nick);
                for one in self.occupants() {
                    self.tells(RoomEvent::Presence(one));
                }
            }
            (Action::Leave { .. }, _) => {
                if self.us.take().is_some() {
                    self.tells(RoomEvent::Out(Out::Left));
                }
            }
            (Action::Stop { .. }, _) if self.is_deaf => {}
            (Action::Stop { attempt, speaker, .. }, _) => {
                let by = match speaker {
                    Speaker::Companion(nick) => nick,
                    _ => self.us.clone().expect("to be inside"),
                };
                self.tells(RoomEvent::StopAnswered { attempt, answer: accepted() });
                let says = self.focus.clone().unwrap();
                self.focus = Some(RecordingStatus { on: false, initiator: Some(by), ..says });
                let focus = self.occupants().into_iter().find(|one| one.recording.is_some());
                match self.us {
                    Some(_) => self.tells(RoomEvent::Presence(focus.unwrap())),
                    None => self.draw(),
                }
                self.tells(RoomEvent::StopAnswered { attempt, answer: accepted() });
            }
            (Action::AskForm { query, .. }, _) => {
                let meeting = Some(MeetingId(self.meeting.into()));
                self.tells(RoomEvent::Form { query, password: None, meeting });
            }
            (Action::AskPicture { .. }, _) => self.draw(),
            (other, _) => panic!("{other:?}"),
        }
    }

    fn tells(&mut self, event: RoomEvent) {
        self.feed(Input::Room { room: self.jid.clone(), event });
    }

    fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.done)
    }

    /// Everybody who is there, we last.
    fn occupants(&self) -> Vec<Presence> {
        let occupant = |nick: &str, jid: &str, role| Presence {
            nick: Nick::new(nick).unwrap(),
            jid: RealJid::new(jid).ok(),
            role,
            affiliation: Affiliation::Owner,
            marks: Marks::default(),
            session: None,
            mode: None,
            jibri: None,
            name: None,
            recording: None,
            conference: None,
            own: false,
            created: false,
        };
        let person = |name: &&str| {
            let (nick, role) = match name.strip_suffix('*') {
                Some(nick) => (nick, Role::Moderator),
                None => (*name, Role::Participant),
            };
            occupant(nick, &format!("{nick}@meet.jitsi/1"), role)
        };
        let mut all: Vec<Presence> = self.people.iter().map(person).collect();
        if self.has_focus {
            let focus = occupant("focus", "focus@auth.meet.jitsi/focus", Role::Moderator);
            all.push(Presence { recording: self.focus.clone(), ..focus });
        }
        if self.focus.as_ref().is_some_and(|says| says.on) {
            let recorder = occupant("rec", "recorder@hidden.meet.jitsi/x", Role::Participant);
            all.push(Presence { session: Some(SessionId("s1".into())), ..recorder });
        }
        if let Some(us) = &self.us {
            let ours = occupant(us.as_str(), "autostart@autostart.meet.jitsi/a", Role::Moderator);
            all.push(Presence { own: true, ..ours });
        }
        all
    }

    /// Everything as it is now, told at once.
    pub(super) fn shows(&mut self, people: &[&'static str], left_out: u32) {
        (self.people, self.left_out) = (people.to_vec(), left_out);
        self.draw();
    }

    fn draw(&mut self) {
        let picture = RoomPicture {
            occupants: self.occupants().into_iter().map(|one| Presence { own: false, ..one }).collect(),
            left_out: self.left_out,
            may_not_record: self.may_not_record.iter().map(|nick| Nick::new(nick).unwrap()).collect(),
            meeting: Some(MeetingId(self.meeting.into())),
            notice: false,
        };
        self.tells(RoomEvent::Pictured(Some(Box::new(picture))));
    }

    pub(super) fn says(&mut self, on: bool, initiator: &str) {
        self.focus = Some(RecordingStatus {
            on,
            session: Some(SessionId("s1".into())),
            mode: None,
            failed: false,
            initiator: Nick::new(initiator).ok(),
        });
        let people = self.people.clone();
        self.shows(&people, self.left_out);
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        let until = self.now.after(time);
        while let Some(at) = self.core.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.feed(Input::Tick);
        }
        self.now = until;
    }

    pub(super) fn order(&mut self, hand: ManualOrder) {
        let jid = self.jid.clone();
        let effects = self.core.manual(self.now, &jid, hand, crate::ORIGIN).unwrap();
        self.carry_out(effects);
    }

    pub(super) fn state(&self) -> State {
        self.core.room(&self.jid).unwrap().state
    }

    fn counts(&self) -> (u32, u32) {
        let view = self.core.room(&self.jid).unwrap();
        (view.people, view.moderators)
    }
}

/// It is recorded, and cem, a moderator who has gone, has stopped it.
fn stopped(people: &[&'static str], left_out: u32) -> Room {
    let mut room = Room::told("");
    room.shows(people, left_out);
    assert_eq!(room.take(), ["start as cem"]);
    room.says(true, "cem");
    assert_eq!(room.state(), State::Recording);
    room.says(false, "cem");
    assert_eq!(room.state(), State::Held);
    room
}

#[test]
fn whoever_is_left_out_counts() {
    let mut room = Room::told("[start]\nmin_participants = 5\n");
    room.shows(&["ada*", "bob"], 2);
    assert_eq!((room.counts(), room.take().len()), ((4, 1), 0));
    room.shows(&["ada*", "bob"], 3);
    assert_eq!((room.counts(), room.take()), ((5, 1), vec!["start as ada".to_owned()]));
}

#[test]
fn a_stop_binds_whoever_may_have_been_left_out() {
    let mut room = stopped(&["cem*", "bob"], 3);
    room.shows(&["dan*"], 0);
    room.run_for(Duration::from_secs(600));
    assert_eq!((room.state(), room.take().len()), (State::Held, 0), "he may have been there");
    // Who comes after everybody has gone may have been as well, until the room says that it is another meeting.
    room.shows(&[], 0);
    room.shows(&["eve*"], 0);
    assert_eq!(room.state(), State::Held);
    (room.meeting, room.focus) = ("m2", None);
    room.shows(&["eve*"], 0);
    assert_eq!(room.take(), ["start as eve"]);

    let mut room = stopped(&["cem*", "bob"], 0);
    room.shows(&["dan*"], 0);
    assert_eq!(room.take(), ["start as dan"], "all are known, and they have gone");
}

#[test]
fn a_meeting_goes_on_while_nobody_of_before_is_shown() {
    let mut room = stopped(&["cem*", "bob"], 0);
    room.shows(&["dan*", "eve"], 1_000);
    assert_eq!(room.state(), State::Held, "bob is among them, for all that is known");
    room.shows(&["dan*", "bob"], 0);
    assert_eq!((room.state(), room.take().len()), (State::Held, 0));
}

#[test]
fn who_may_record_is_named_before_who_may_not() {
    let mut room = Room::told("");
    room.may_not_record = vec!["ada", "bob"];
    room.shows(&["ada*"], 0);
    assert_eq!(room.take(), ["start as ada"], "there is nobody else");
    let mut room = Room::told("[start]\nmin_participants = 3\n");
    room.may_not_record = vec!["ada", "bob"];
    room.shows(&["ada*"], 0);
    room.shows(&["ada*", "bob*"], 0);
    room.shows(&["ada*", "bob*", "cem*"], 0);
    assert_eq!(room.take(), ["start as cem"], "ada has been there longest");
}

/// The second in which lists are asked for, if they are within half a minute.
fn lists_at(room: &mut Room) -> Option<u64> {
    (0..30).find(|second| {
        room.run_for(Duration::from_secs(1));
        room.take().contains(&"list".to_owned()).then_some(*second).is_some()
    })
}

#[test]
fn nobody_is_asked_for_lists_before_it_is_known_whether_there_is_a_companion() {
    let linked = |footprint: &str| {
        let mut room = Room::new(&format!("footprint = \"{footprint}\"\n"));
        room.feed(Input::Watch { room: room.jid.clone() });
        room.feed(Input::LinkUp);
        room
    };
    // A verdict that comes late, or at once.
    let mut room = linked("auto");
    room.run_for(Duration::from_secs(8));
    assert!(!room.take().contains(&"list".to_owned()));
    room.companion(true);
    room.shows(&["ada*"], 0);
    assert_eq!(room.take(), ["start as ada"]);
    assert_eq!(lists_at(&mut room), None);
    for footprint in ["auto", "unseen"] {
        let mut room = linked(footprint);
        room.companion(false);
        assert_eq!(room.take(), ["list"], "{footprint}");
        // None comes.
        let mut room = linked(footprint);
        assert_eq!(lists_at(&mut room), Some(9), "{footprint}");
        room.companion(true);
        room.shows(&["ada*"], 0);
        assert_eq!(room.take(), ["start as ada"], "{footprint}");
        // After the next link it may be there.
        room.feed(Input::LinkDown);
        room.feed(Input::LinkUp);
        assert_eq!(room.take().len(), 0, "{footprint}");
    }
    for footprint in ["discreet", "resident"] {
        assert_eq!(linked(footprint).take(), ["list"], "{footprint}");
    }
    assert_eq!(lists_at(&mut linked("companion")), None);
}

#[test]
fn what_was_stopped_before_a_late_companion_tells_of_it_stays_so() {
    let mut room = Room::new("");
    room.feed(Input::LinkUp);
    room.run_for(Duration::from_secs(7));
    room.companion(true);
    room.feed(Input::Watch { room: room.jid.clone() });
    room.people = vec!["ada*", "cem*"];
    room.says(false, "cem");
    assert_eq!((room.state(), room.take().len()), (State::Held, 0));
}

const NO_MODERATOR: &str = "[stop]\nwhen = \"no-moderator\"\ndelay = \"20s\"\n";

/// Ada's recording is on, and ben is with her.
fn recorded(rights: Rights, settings: &str) -> Room {
    let mut room = Room::told(settings);
    room.answers = Some(rights);
    room.shows(&["ada*", "ben"], 0);
    room.says(true, "ada");
    assert_eq!((room.state(), room.take()), (State::Recording, vec!["start as ada".to_owned()]));
    room
}

const A_VISIT: [&str; 5] = ["list", "enter", "stop as Ourselves", "leave", "picture?"];

#[test]
fn a_stop_without_a_moderator_is_brought_by_ourselves() {
    for people in [vec!["ben"], vec![]] {
        let mut room = recorded(Rights::Owner, NO_MODERATOR);
        room.shows(&people, 0);
        room.run_for(Duration::from_secs(19));
        assert_eq!(room.take().len(), 0, "stop.delay");
        room.run_for(Duration::from_secs(5));
        assert_eq!(room.take(), A_VISIT, "{people:?}");
        assert!(room.us.is_none() && room.state() != State::Recording, "{people:?}");
        // It is the companion's again, and our stop is nobody's will.
        room.run_for(Duration::from_secs(200));
        room.shows(&["cem*", "ben"], 0);
        room.run_for(Duration::from_secs(60));
        assert_eq!(room.take(), ["start as cem"], "{people:?}");
    }
}

#[test]
fn an_order_to_stop_is_carried_out_without_a_moderator() {
    let mut room = recorded(Rights::Owner, "");
    room.shows(&["ben"], 0);
    let effects = room.core.manual(room.now, &room.jid.clone(), ManualOrder::Stop, crate::ORIGIN).unwrap();
    room.carry_out(effects);
    room.run_for(Duration::from_secs(5));
    assert_eq!(room.take(), A_VISIT);
    room.run_for(Duration::from_secs(300));
    assert_eq!((room.state(), room.take().len()), (State::Held, 0));
}

#[test]
fn without_rights_that_is_said_once_and_the_next_moderator_is_spoken_for() {
    let mut room = recorded(Rights::None, NO_MODERATOR);
    room.shows(&["ben"], 0);
    room.run_for(Duration::from_secs(25));
    assert_eq!(room.take(), ["list", "picture?"]);
    let why = room.core.room(&room.jid).unwrap().reason.unwrap_or_default();
    assert!(why.contains("jibri-autostart prosody"), "{why}");
    room.run_for(Duration::from_secs(3_600));
    assert_eq!((room.state(), room.take().len()), (State::Recording, 0));
    let effects = room.core.manual(room.now, &room.jid.clone(), ManualOrder::Stop, crate::ORIGIN).unwrap();
    room.carry_out(effects);
    room.run_for(Duration::from_secs(5));
    room.take();
    room.shows(&["ben", "cem*"], 0);
    assert_eq!(room.take(), ["stop as cem"]);
}

#[test]
fn where_nothing_is_answered_it_is_tried_now_and_then() {
    let mut room = recorded(Rights::Unanswered, NO_MODERATOR);
    room.shows(&["ben"], 0);
    room.run_for(Duration::from_secs(32));
    assert_eq!(room.take(), ["list", "picture?"]);
    // Nothing is known until it is pictured again.
    room.shows(&["ben"], 0);
    room.run_for(Duration::from_secs(300));
    assert!(room.take().iter().filter(|done| *done == "list").count() <= 5);
    room.shows(&["ben", "cem*"], 0);
    room.run_for(Duration::from_secs(60));
    assert!(room.us.is_none());
    assert_eq!(room.state(), State::Recording);
}

#[test]
fn where_focus_is_not_nobody_enters() {
    let mut room = recorded(Rights::Owner, NO_MODERATOR);
    room.has_focus = false;
    room.shows(&["ben"], 0);
    room.run_for(Duration::from_secs(100));
    assert_eq!(room.take().len(), 0);
    // Nor where it goes in that moment.
    let mut room = recorded(Rights::Owner, NO_MODERATOR);
    room.shows(&["ben"], 0);
    room.has_focus = false;
    room.run_for(Duration::from_secs(100));
    assert_eq!(room.take(), ["list", "picture?"]);
}

/// We are inside, and what we have asked is not answered.
fn inside() -> Room {
    let mut room = recorded(Rights::Owner, NO_MODERATOR);
    room.shows(&["ben"], 0);
    room.run_for(Duration::from_secs(19));
    room.is_deaf = true;
    room.run_for(Duration::from_secs(2));
    assert_eq!(room.take(), A_VISIT[..3]);
    room
}

#[test]
fn whatever_interrupts_it_the_right_footprint_is_in_effect_afterwards() {
    // Jicofo does not answer.
    let mut room = inside();
    room.run_for(Duration::from_secs(30));
    assert_eq!(room.take(), ["leave", "picture?"]);
    room.run_for(Duration::from_secs(50));
    assert_eq!(room.take().len(), 0, "not again for a minute");
    room.run_for(Duration::from_secs(20));
    assert_eq!(room.take(), A_VISIT[..3]);

    // The companion is unloaded, and loaded again.
    let mut room = inside();
    room.companion(false);
    assert_eq!(room.take().len(), 0, "it goes on");
    room.run_for(Duration::from_secs(30));
    assert_eq!(room.take()[0], "leave");
    room.companion(true);
    room.take();
    room.draw();
    room.run_for(Duration::from_secs(2));
    assert!(!room.take().contains(&"list".to_owned()));

    // It is reloaded in that moment.
    let mut room = inside();
    room.companion(false);
    room.companion(true);
    assert_eq!(room.take(), ["leave"]);
    room.shows(&["ben", "cem*"], 0);
    // Of what was asked nobody knows what came.
    room.run_for(Duration::from_secs(30));
    assert_eq!((room.state(), room.take().contains(&"list".to_owned())), (State::Recording, false));

    // The link goes down, and a moderator is there when it is back.
    let mut room = inside();
    room.feed(Input::LinkDown);
    room.us = None;
    room.feed(Input::LinkUp);
    room.companion(true);
    room.shows(&["ben", "cem*"], 0);
    room.run_for(Duration::from_secs(5));
    assert_eq!((room.state(), room.take()), (State::Recording, Vec::<String>::new()));

    // A moderator comes while we look.
    let mut room = recorded(Rights::Owner, NO_MODERATOR);
    room.shows(&["ben"], 0);
    room.people = vec!["ben", "cem*"];
    room.run_for(Duration::from_secs(21));
    assert_eq!(
        (room.state(), room.take()),
        (State::Recording, vec!["list".to_owned(), "picture?".to_owned()])
    );
}
