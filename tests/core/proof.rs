//! What is said to be recorded and is not: a recorder's seat, or focus's word, against what is known of its Jibri.

use std::time::Duration;

use jibri_autostart::address::{Nick, RealJid, RoomJid};
use jibri_autostart::config::{Mode, from_toml};
use jibri_autostart::jibri::{Contradiction, JibriName, RecordedBy};
use jibri_autostart::meeting::{
    Action, Affiliation, Answer, AttemptId, By, Condition, Departure, Effect, Ended, Input, ListError,
    Listed, ManualOrder, Marks, Meetings, Out, Presence, Proof, RecordingStatus, Refusal, Refutation, Role,
    Roles, RoomEvent, SessionId, State, What,
};
use jibri_autostart::time::Time;

const PROVEN_WITHIN: Duration = Duration::from_secs(120);

/// A room with focus, Ada and a recorder, of which focus says that it is recorded.
pub(crate) struct Room {
    core: Meetings,
    now: Time,
    jid: RoomJid,
    pub(crate) has_recorder: bool,
    /// Its account, with this page of it.
    pub(crate) recorder: &'static str,
    exists: bool,
    is_on: bool,
    /// Focus tells of no session.
    pub(crate) is_silent: bool,
    /// It tells of this one instead.
    pub(crate) told: Option<RecordingStatus>,
    /// Ada is away.
    pub(crate) is_deserted: bool,
    /// Jicofo is about to move the session to another Jibri, and refuses whatever is asked meanwhile.
    is_moving: bool,
    us: Option<Nick>,
    /// The last start that was sent.
    pub(crate) asked: Option<AttemptId>,
    /// How often it was looked at from outside.
    looks: usize,
    /// What was sent or told, in short.
    pub(crate) done: Vec<String>,
}

impl Room {
    pub(crate) fn recorded(footprint: &str) -> Self {
        let mut room = Self::new(footprint);
        room.begins();
        assert_eq!(room.state(), State::Recording);
        room.done.clear();
        room
    }

    fn new(footprint: &str) -> Self {
        let toml = format!(
            "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"s\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n\
             footprint = {footprint:?}\n[discovery]\nrooms = [\"r0@muc.meet.jitsi\"]\n"
        );
        let core = Meetings::new(&from_toml(&toml).unwrap().settings, false, 1, Time::default());
        let jid = RoomJid::new("r0@muc.meet.jitsi").unwrap();
        let now = Time::default();
        Self {
            core,
            now,
            jid,
            has_recorder: true,
            recorder: "recorder@hidden.meet.jitsi/1",
            exists: true,
            is_on: true,
            is_silent: false,
            told: None,
            is_deserted: false,
            is_moving: false,
            us: None,
            asked: None,
            looks: 0,
            done: Vec::new(),
        }
    }

    fn begins(&mut self) {
        self.feed(Input::LinkUp);
        self.run_for(Duration::from_secs(20));
    }

    pub(crate) fn state(&self) -> State {
        self.core.room(&self.jid).unwrap().state
    }

    fn proof(&self) -> Option<Proof> {
        self.core.room(&self.jid).unwrap().proof
    }

    fn occupants(&self) -> Vec<(&'static str, &'static str, Role)> {
        let mut all = vec![("focus", "focus@auth.meet.jitsi/focus", Role::Moderator)];
        if !self.is_deserted {
            all.push(("ada", "ada@meet.jitsi/1", Role::Moderator));
        }
        if self.has_recorder {
            all.push(("rec", self.recorder, Role::Participant));
        }
        all
    }

    pub(crate) fn presence(&self, nick: &str, jid: &str, role: Role, own: bool) -> RoomEvent {
        let is_recorder = nick == "rec";
        let word = RecordingStatus {
            on: self.is_on,
            session: Some(SessionId("s1".into())),
            mode: Some(Mode::File),
            failed: false,
            initiator: None,
        };
        RoomEvent::Presence(Presence {
            nick: Nick::new(nick).unwrap(),
            jid: RealJid::new(jid).ok(),
            role,
            affiliation: Affiliation::None,
            marks: Marks::default(),
            session: is_recorder.then(|| SessionId("s1".into())),
            mode: is_recorder.then_some(Mode::File),
            jibri: None,
            name: None,
            recording: (nick == "focus" && !self.is_silent).then(|| self.told.clone().unwrap_or(word)),
            conference: None,
            own,
            created: false,
        })
    }

    fn feed(&mut self, input: Input) {
        let effects = self.core.handle(self.now, input);
        self.follow(effects);
    }

    pub(crate) fn ordered(&mut self, order: ManualOrder) {
        let effects = self.core.manual(self.now, &self.jid, order, crate::ORIGIN).unwrap();
        self.follow(effects);
    }

    fn follow(&mut self, effects: Vec<Effect>) {
        let mut events = Vec::new();
        for effect in effects {
            match effect {
                Effect::Do(action) => events.extend(self.carry_out(action)),
                Effect::Tell(event) => match event.what {
                    What::Ended { how, .. } => self.done.push(format!("{how:?}")),
                    What::On { is_denied: true, .. } => self.done.push("on, denied".into()),
                    What::Recorders(ids) => self.done.push(format!("recorders {ids:?}")),
                    _ => {}
                },
                _ => {}
            }
        }
        for event in events {
            self.event(event);
        }
    }

    fn carry_out(&mut self, action: Action) -> Vec<RoomEvent> {
        match action {
            Action::AskRoles { query, .. } if !self.exists => {
                self.looks += 1;
                vec![RoomEvent::Roles { query, result: Err(ListError::Gone) }]
            }
            Action::AskRoles { query, which, .. } => {
                self.looks += 1;
                let mut all = self.occupants();
                if self.us.is_some() {
                    all.push(("autostart", "autostart@autostart.meet.jitsi/a", Role::Moderator));
                }
                let is_asked = |role: Role| match which {
                    Roles::Both => true,
                    Roles::Moderators => role == Role::Moderator,
                    Roles::Participants => role == Role::Participant,
                };
                let listed =
                    all.into_iter().filter(|(_, _, role)| is_asked(*role)).map(|(nick, jid, role)| Listed {
                        nick: Nick::new(nick).unwrap(),
                        jid: RealJid::new(jid).ok(),
                        role,
                        affiliation: Affiliation::None,
                    });
                vec![RoomEvent::Roles { query, result: Ok(listed.collect()) }]
            }
            Action::AskPicture { .. } | Action::Notice { .. } => Vec::new(),
            Action::AskForm { query, .. } => vec![RoomEvent::Form { query, password: None, meeting: None }],
            Action::Enter { nick, .. } => {
                self.done.push("enters".into());
                let mut all: Vec<RoomEvent> = self
                    .occupants()
                    .into_iter()
                    .map(|(nick, jid, role)| self.presence(nick, jid, role, false))
                    .collect();
                let us = "autostart@autostart.meet.jitsi/a";
                all.push(self.presence(nick.as_str(), us, Role::Moderator, true));
                self.us = Some(nick);
                all
            }
            Action::Leave { .. } => {
                self.us = None;
                vec![RoomEvent::Out(Out::Left)]
            }
            Action::Stop { attempt, .. } if self.is_moving => {
                self.done.push("stop".into());
                vec![RoomEvent::StopAnswered { attempt, answer: refusal(Condition::NotAllowed) }]
            }
            Action::Start { attempt, .. } if self.is_moving => {
                self.done.push("start".into());
                vec![RoomEvent::StartAnswered { attempt, answer: refusal(Condition::UnexpectedRequest) }]
            }
            Action::Stop { attempt, .. } => {
                self.done.push("stop".into());
                self.is_on = false;
                vec![RoomEvent::StopAnswered { attempt, answer: Answer::Accepted { session: None } }]
            }
            Action::Start { attempt, .. } => {
                self.done.push("start".into());
                self.asked = Some(attempt);
                Vec::new()
            }
        }
    }

    pub(crate) fn event(&mut self, event: RoomEvent) {
        self.feed(Input::Room { room: self.jid.clone(), event });
    }

    pub(crate) fn testifies(&mut self, recorded_by: RecordedBy) {
        self.event(RoomEvent::RecordedBy(recorded_by));
    }

    pub(crate) fn against(&mut self, why: Contradiction) {
        self.testifies(RecordedBy::Against(JibriName::new("jibri-1"), why));
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let then = self.now.after(time);
        while let Some(due) = self.core.next_deadline().filter(|due| *due <= then) {
            self.now = due.max(self.now);
            self.feed(Input::Tick);
        }
        self.now = then;
    }
}

fn refusal(condition: Condition) -> Answer {
    let by = By::Unsaid;
    Answer::Refused(Refusal { condition, text: None, by, display_name_required: false, lobby: false })
}

fn refuted(why: Contradiction) -> String {
    format!("{:?}", Ended::Refuted(Refutation::Jibri(JibriName::new("jibri-1"), why)))
}

/// Jicofo sees that a Jibri is gone, and moves its session if it can: nothing is stopped.
#[test]
fn a_seat_whose_jibri_is_gone_is_no_recording() {
    for footprint in ["discreet", "resident"] {
        let mut room = Room::recorded(footprint);
        room.against(Contradiction::Gone);
        room.run_for(Duration::from_secs(2));
        assert_ne!(room.state(), State::Recording, "{footprint}");
        assert_eq!(room.done[0], refuted(Contradiction::Gone));
        assert!(!room.done.contains(&"stop".to_owned()), "{:?}", room.done);
        // It did not move it: stopped and started anew.
        room.run_for(Duration::from_secs(40));
        assert_eq!(
            room.done.iter().filter(|done| *done == "stop" || *done == "start").count(),
            2,
            "{:?}",
            room.done
        );
    }
}

#[test]
fn what_jicofo_does_not_know_to_be_lost_is_stopped_and_started_in_one_visit() {
    for why in [Contradiction::Idle, Contradiction::Elsewhere, Contradiction::Dead] {
        let mut room = Room::recorded("discreet");
        room.against(why);
        room.run_for(Duration::from_secs(1));
        assert_eq!(room.done, [refuted(why).as_str(), "enters", "stop", "start"]);
        assert_eq!(room.state(), State::Starting);
    }
    let mut room = Room::recorded("resident");
    room.against(Contradiction::Idle);
    assert_eq!(room.done, [refuted(Contradiction::Idle).as_str(), "stop", "start"]);
}

/// A Jibri that works for another meeting says `on`, and Jicofo takes it for this one's (docs/jitsi.md 13.2.10).
#[test]
fn an_on_without_a_recorder_is_stopped_and_started_anew() {
    for (footprint, begins) in [("discreet", 125), ("resident", 5)] {
        let mut room = Room::new(footprint);
        room.has_recorder = false;
        room.begins();
        room.done.clear();
        if footprint == "resident" {
            room.testifies(RecordedBy::Nobody);
        } else {
            assert_eq!(room.state(), State::Pending, "Jicofo may be moving it");
            room.run_for(Duration::from_secs(35));
            assert!(room.done.contains(&"enters".to_owned()), "asked as soon as after any start");
            room.run_for(Duration::from_secs(55));
            assert!(!room.done.contains(&"stop".to_owned()), "{:?}", room.done);
        }
        room.run_for(Duration::from_secs(begins));
        let stops = room.done.iter().filter(|done| *done == "stop").count();
        assert_eq!(
            (stops, room.done.last().map(String::as_str)),
            (1, Some("start")),
            "{footprint}: {:?}",
            room.done
        );
    }
}

/// A recorder that others have asked for shows its session before focus says `on`.
#[test]
fn what_focus_says_to_be_on_is_not_denied_whoever_was_seen_first() {
    for (footprint, says_so, denied) in
        [("resident", true, 0), ("resident", false, 1), ("discreet", false, 1)]
    {
        let mut room = Room::new(footprint);
        room.is_silent = true;
        room.begins();
        room.is_silent = !says_so;
        if says_so {
            let focus = room.presence("focus", "focus@auth.meet.jitsi/focus", Role::Moderator, false);
            room.event(focus);
        }
        room.run_for(PROVEN_WITHIN);
        let count = room.done.iter().filter(|done| *done == "on, denied").count();
        assert_eq!(
            (room.state(), count),
            (State::Recording, denied),
            "{footprint} {says_so}: {:?}",
            room.done
        );
    }
}

#[test]
fn a_recorder_that_has_left_for_three_seconds_has_left() {
    let mut room = Room::recorded("resident");
    room.has_recorder = false;
    room.event(RoomEvent::Left { nick: Nick::new("rec").unwrap(), how: Departure::Gone });
    room.run_for(Duration::from_millis(2900));
    assert!(room.done.is_empty(), "{:?}", room.done);
    room.run_for(Duration::from_millis(200));
    let left = format!("{:?}", Ended::Refuted(Refutation::RecorderLeft));
    assert_eq!(room.done, [left.as_str(), "stop", "start"]);
}

/// The session goes on with another Jibri, and focus, which has called it on all the time, says nothing new.
#[test]
fn what_was_refuted_and_is_moved_is_on_when_its_new_recorder_is_there() {
    let mut room = Room::recorded("resident");
    (room.has_recorder, room.is_moving) = (false, true);
    room.event(RoomEvent::Left { nick: Nick::new("rec").unwrap(), how: Departure::Gone });
    room.run_for(Duration::from_secs(5));
    assert_eq!(room.done[1..], ["stop", "start"]);
    assert_eq!(room.state(), State::Pending, "somebody has one");
    let recorder = room.presence("rec", "recorder@hidden.meet.jitsi/2", Role::Participant, false);
    room.event(recorder);
    let focus = room.presence("focus", "focus@auth.meet.jitsi/focus", Role::Moderator, false);
    room.event(focus);
    assert_eq!(room.state(), State::Recording);
}

/// While another Jibri may be taking it over, it is told, and nothing is stopped; nor is anything while its own is at work.
#[test]
fn a_recorder_that_has_left_is_waited_for_while_jicofo_may_be_moving_the_session() {
    let works = RecordedBy::Works(JibriName::new("jibri-1"));
    for (recorded_by, told) in [(RecordedBy::Moves, vec!["Refuted(RecorderLeft)"]), (works, vec![])] {
        let mut room = Room::recorded("resident");
        room.testifies(recorded_by);
        room.has_recorder = false;
        room.event(RoomEvent::Left { nick: Nick::new("rec").unwrap(), how: Departure::Gone });
        room.run_for(Duration::from_secs(20));
        assert_eq!(room.done, told, "and nothing else is done");
    }
}

#[test]
fn a_seat_of_which_nothing_is_known_is_shown_as_such_and_focus_is_asked_once() {
    let mut room = Room::recorded("discreet");
    assert_eq!(room.proof(), Some(Proof::Seat));
    room.run_for(PROVEN_WITHIN * 5);
    assert!(room.done.iter().filter(|done| *done == "enters").count() <= 1, "{:?}", room.done);
    room.testifies(RecordedBy::Works(JibriName::new("jibri-1")));
    assert_eq!(room.proof(), Some(Proof::Jibri));
    assert_eq!(Room::recorded("resident").proof(), Some(Proof::Focus));
}

/// People come anew when Jicofo has been restarted, and a room that has not changed for long is looked at every 15 s
/// (docs/jitsi.md 13.2.13).
#[test]
fn when_jicofo_restarts_each_room_is_looked_at_every_second_for_a_minute() {
    let looks = |room: &mut Room, secs: u64| {
        room.looks = 0;
        room.run_for(Duration::from_secs(secs));
        room.looks
    };
    let mut room = Room::recorded("discreet");
    room.testifies(RecordedBy::Works(JibriName::new("jibri-1")));
    room.run_for(Duration::from_secs(100));
    assert!(looks(&mut room, 50) < 10);
    room.feed(Input::JicofoRestarts);
    let often = looks(&mut room, 50);
    assert!((45..70).contains(&often), "{often}");
    looks(&mut room, 30);
    assert!(looks(&mut room, 50) < 10);
}

#[test]
fn when_jicofo_restarts_the_end_of_a_meeting_is_seen_at_once() {
    let mut room = Room::recorded("discreet");
    room.run_for(Duration::from_secs(300));
    room.feed(Input::JicofoRestarts);
    room.run_for(Duration::from_secs(20));
    room.done.clear();
    room.exists = false;
    room.run_for(Duration::from_millis(1500));
    let ended = room.done.iter().position(|done| *done == format!("{:?}", Ended::WithMeeting));
    let seats = room.done.iter().position(|done| done == "recorders []");
    assert!(ended.is_some() && seats > ended, "{:?}", room.done);
}
