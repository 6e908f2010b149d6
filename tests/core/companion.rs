//! What the rooms' core makes of a companion's word: when it is waited for, pictures that leave people out, and in whose name
//! is acted.

use std::time::Duration;

use jibri_autostart::address::{Nick, RealJid, RoomJid};
use jibri_autostart::config::from_toml;
use jibri_autostart::meeting::{
    Action, Affiliation, Answer, Effect, Input, Marks, MeetingId, Meetings, Presence, RecordingStatus, Role,
    RoomEvent, RoomPicture, SessionId, Speaker, State,
};
use jibri_autostart::time::Time;

const SERVICE: &str = "muc.meet.jitsi";

/// One room, as the companion tells of it.
struct Room {
    core: Meetings,
    now: Time,
    jid: RoomJid,
    /// People: names, with a star behind those of moderators.
    people: Vec<&'static str>,
    left_out: u32,
    may_not_record: Vec<&'static str>,
    meeting: &'static str,
    focus: Option<RecordingStatus>,
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
            done: Vec::new(),
        }
    }

    /// The link is up, and the companion answers.
    fn told(settings: &str) -> Self {
        let mut room = Self::new(settings);
        room.feed(Input::LinkUp);
        room.companion(true);
        room.feed(Input::Watch { room: room.jid.clone() });
        room
    }

    fn companion(&mut self, answers: bool) {
        self.feed(Input::Companion { service: SERVICE.to_owned(), answers, can_notify: false });
    }

    fn feed(&mut self, input: Input) {
        for effect in self.core.handle(self.now, input) {
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
                other => panic!("{other:?}"),
            });
            if let Action::Start { attempt, .. } = action {
                let answer = Answer::Accepted { session: Some(SessionId("s1".into())) };
                self.feed(Input::Room {
                    room: self.jid.clone(),
                    event: RoomEvent::StartAnswered { attempt, answer },
                });
            }
        }
    }

    fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.done)
    }

    /// Everything as it is now, told at once.
    fn shows(&mut self, people: &[&'static str], left_out: u32) {
        (self.people, self.left_out) = (people.to_vec(), left_out);
        let occupant = |nick: &str, jid: &str, role| Presence {
            nick: Nick::new(nick).unwrap(),
            jid: RealJid::new(jid).ok(),
            role,
            affiliation: Affiliation::Owner,
            marks: Marks::default(),
            session: None,
            mode: None,
            jibri: None,
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
        let mut occupants: Vec<Presence> = self.people.iter().map(person).collect();
        let focus = occupant("focus", "focus@auth.meet.jitsi/focus", Role::Moderator);
        occupants.push(Presence { recording: self.focus.clone(), ..focus });
        let picture = RoomPicture {
            occupants,
            left_out: self.left_out,
            may_not_record: self.may_not_record.iter().map(|nick| Nick::new(nick).unwrap()).collect(),
            meeting: Some(MeetingId(self.meeting.into())),
            notice: false,
        };
        self.feed(Input::Room {
            room: self.jid.clone(),
            event: RoomEvent::Pictured(Some(Box::new(picture))),
        });
    }

    fn says(&mut self, on: bool, initiator: &str) {
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

    fn run_for(&mut self, time: Duration) {
        let until = self.now.after(time);
        while let Some(at) = self.core.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.feed(Input::Tick);
        }
        self.now = until;
    }

    fn state(&self) -> State {
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
