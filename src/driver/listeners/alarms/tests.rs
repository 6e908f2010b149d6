//! What the rooms' core tells, in virtual time, and which alerts come of it.

use super::*;
use crate::address::{Nick, RealJid};
use crate::alerts::{Severity, Status};
use crate::config::{Mode, from_toml};
use crate::meeting::{
    Action, Affiliation, Answer, Departure, Effect, Input, Listed, Marks, Meetings, Out, Presence,
    RecordingStatus, Role, RoomEvent, SessionId, Supply,
};

/// A meeting that we sit in, recorded as Ada wants it, and the alarms beside it.
struct Watched {
    core: Meetings,
    alarms: Alarms,
    now: Time,
    /// Other rooms that wait for a Jibri.
    others: usize,
    /// Who is there beside us.
    occupants: Vec<Presence>,
    /// What was told of alerts, each with its second.
    told: Vec<(u64, Status, Kind)>,
}

fn room() -> RoomJid {
    RoomJid::new("r1@muc.meet.jitsi").unwrap()
}

fn presence(nick: &str, jid: &str, recording: Option<RecordingStatus>) -> Presence {
    Presence {
        nick: Nick::new(nick).unwrap(),
        jid: RealJid::new(jid).ok(),
        role: Role::Moderator,
        affiliation: Affiliation::Owner,
        marks: Marks::default(),
        session: None,
        mode: None,
        jibri: None,
        name: None,
        recording,
        conference: None,
        own: false,
        created: false,
    }
}

fn focus(recording: Option<RecordingStatus>) -> Presence {
    presence("focus", "focus@auth.meet.jitsi/focus", recording)
}

fn ada() -> Presence {
    presence("ada", "ada@meet.jitsi/1", None)
}

fn own() -> Presence {
    Presence { own: true, ..presence("autostart", "autostart@autostart.meet.jitsi/a", None) }
}

/// As focus tells it: on, or off again by Ada.
fn status(on: bool) -> RecordingStatus {
    let initiator = Nick::new("ada").ok();
    RecordingStatus {
        on,
        session: Some(SessionId("s1".into())),
        mode: Some(Mode::File),
        failed: false,
        initiator,
    }
}

impl Watched {
    /// She has just stopped the recording.
    fn stopped() -> Self {
        let mut watched = Self::with(vec![focus(Some(status(true))), ada()]);
        assert_eq!(watched.state(), State::Recording);
        watched.shows(focus(Some(status(false))));
        assert_eq!(watched.state(), State::Held);
        watched
    }

    /// She waits, as no Jibri is free.
    fn waiting() -> Self {
        let mut watched = Self::with(vec![ada()]);
        watched.feed(Input::Supply(Supply::Known { free: 0, change: 1 }));
        watched.shows(focus(None));
        watched.run_to(1);
        assert_eq!(watched.state(), State::Waiting);
        watched
    }

    /// They are there when the link comes.
    fn with(occupants: Vec<Presence>) -> Self {
        let toml = "[xmpp]\nserver = \"h:1\"\ndomain = \"autostart.meet.jitsi\"\nsecret = \"s\"\n[muc]\ndomains = \
                    [\"muc.meet.jitsi\"]\nfootprint = \"resident\"\n[discovery]\nrooms = [\"r1@muc.meet.jitsi\"]\n";
        let settings = from_toml(toml).unwrap().settings;
        let now = Time::default();
        let core = Meetings::new(&settings, false, 1, now);
        let mut watched =
            Self { core, alarms: Alarms::new(&settings), now, others: 0, occupants, told: Vec::new() };
        watched.feed(Input::LinkUp);
        watched
    }

    fn state(&self) -> State {
        self.core.room(&room()).unwrap().state
    }

    fn shows(&mut self, presence: Presence) {
        self.occupants.retain(|occupant| occupant.nick != presence.nick);
        self.occupants.push(presence.clone());
        self.happens(RoomEvent::Presence(presence));
    }

    fn leaves(&mut self, nick: &str) {
        let nick = Nick::new(nick).unwrap();
        self.occupants.retain(|occupant| occupant.nick != nick);
        self.happens(RoomEvent::Left { nick, how: Departure::Gone });
    }

    fn happens(&mut self, event: RoomEvent) {
        self.feed(Input::Room { room: room(), event });
    }

    fn feed(&mut self, input: Input) {
        match input {
            Input::LinkUp => self.alarms.link_up(self.now),
            Input::LinkDown => self.alarms.link_down(self.now, "no link"),
            _ => {}
        }
        for effect in self.core.handle(self.now, input) {
            match effect {
                Effect::Tell(event) => {
                    let view = self.core.room(&event.room);
                    self.alarms.meeting(self.now, &event.room, &event.what, view.as_ref());
                }
                Effect::Do(action) => self.carry_out(action),
                _ => {}
            }
        }
        self.alarms.missing(self.now, &room(), self.core.room(&room()).as_ref());
        self.alarms.waiting(self.now, self.core.rooms_waiting().saturating_add(self.others));
        self.note();
    }

    /// We are let in at once, and told of who is there.
    fn carry_out(&mut self, action: Action) {
        match action {
            Action::AskRoles { query, .. } => {
                let own = self.core.room(&room()).and_then(|view| view.inside.cloned()).map(|_| own());
                let listed = self.occupants.iter().cloned().chain(own).map(|presence| Listed {
                    nick: presence.nick,
                    jid: presence.jid,
                    role: presence.role,
                    affiliation: presence.affiliation,
                });
                let result = Ok(listed.collect());
                self.happens(RoomEvent::Roles { query, result });
            }
            Action::Enter { .. } => {
                for presence in self.occupants.clone().into_iter().chain([own()]) {
                    self.happens(RoomEvent::Presence(presence));
                }
            }
            Action::Leave { .. } => self.happens(RoomEvent::Out(Out::Left)),
            Action::AskForm { query, .. } => {
                self.happens(RoomEvent::Form { query, password: None, meeting: None });
            }
            Action::Start { attempt, .. } => {
                self.happens(RoomEvent::StartAnswered { attempt, answer: Answer::TimedOut });
            }
            other => panic!("{other:?}"),
        }
    }

    fn note(&mut self) {
        let second = self.now.since_start().as_secs();
        let told = self.alarms.take_deliveries().into_iter();
        self.told.extend(told.map(|delivery| (second, delivery.status, delivery.alert.kind)));
    }

    /// Everything that is due until then comes at its time.
    fn run_to(&mut self, second: u64) {
        let end = Time::default().after(Duration::from_secs(second));
        for step in 0.. {
            assert!(step < 100_000, "a busy loop: {:?}", self.told);
            let next = [self.core.next_deadline(), self.alarms.next_deadline()].into_iter().flatten().min();
            let Some(next) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            self.feed(Input::Tick);
            let core = &self.core;
            self.alarms.tick(self.now, |room| core.room(room));
            self.note();
        }
        self.now = end;
    }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

#[test]
fn a_meeting_that_a_person_keeps_off_is_told_of_once() {
    let mut watched = Watched::stopped();
    watched.run_to(5 * MINUTE - 1);
    assert_eq!(watched.told, [], "it may be meant");
    watched.run_to(5 * MINUTE);
    assert_eq!(watched.told, [(5 * MINUTE, Status::Raised, Kind::Held)]);
    let alert = watched.alarms.book().active().next().unwrap();
    assert_eq!((alert.kind.severity(), alert.subject.as_str()), (Severity::Info, "r1@muc.meet.jitsi"));
    assert!(alert.summary.contains("stopped by \"ada\""), "{}", alert.summary);
    // Jicofo is lost sight of, and tells of the same stop again: that is no news.
    watched.leaves("focus");
    watched.shows(focus(Some(status(false))));
    watched.run_to(3 * HOUR);
    assert_eq!(watched.state(), State::Held);
    let resolved = (5 * MINUTE + HOUR, Status::Resolved, Kind::Held);
    assert_eq!(watched.told, [(5 * MINUTE, Status::Raised, Kind::Held), resolved]);
}

#[test]
fn while_nobody_is_there_it_is_not_told_of() {
    let mut watched = Watched::stopped();
    watched.leaves("ada");
    watched.run_to(7 * MINUTE + 30);
    assert_eq!((watched.state(), watched.told.len()), (State::Held, 0));
    watched.shows(ada());
    watched.run_to(2 * HOUR);
    let raised: Vec<_> = watched.told.iter().filter(|(_, status, _)| *status == Status::Raised).collect();
    assert_eq!(raised, [&(8 * MINUTE, Status::Raised, Kind::Held)], "{:?}", watched.told);
}

#[test]
fn what_is_over_sooner_is_not_told_of() {
    let mut watched = Watched::stopped();
    watched.run_to(4 * MINUTE);
    // Somebody has started it again.
    watched.shows(focus(Some(RecordingStatus { session: Some(SessionId("s2".into())), ..status(true) })));
    assert_eq!(watched.state(), State::Recording);
    watched.run_to(HOUR);
    assert_eq!(watched.told, []);
}

#[test]
fn who_waits_for_a_jibri_is_told_of_once_with_the_cause() {
    let mut watched = Watched::waiting();
    watched.run_to(10 * MINUTE);
    let raised = watched.told[0];
    assert_eq!((raised.1, raised.2, watched.told.len()), (Status::Raised, Kind::NoJibriFree, 1));
    // Nothing is told before everybody is back from the time without a link.
    assert!((30..=42).contains(&raised.0), "{raised:?}");
    assert_eq!(watched.alarms.overdue(), 1, "it counts all the same");
    watched.leaves("ada");
    watched.run_to(11 * MINUTE);
    assert_eq!(watched.told[1..], [(10 * MINUTE + 10, Status::Resolved, Kind::NoJibriFree)]);
    assert_eq!(watched.alarms.overdue(), 0);
}

#[test]
fn without_a_link_nothing_of_rooms_is_raised_or_resolved() {
    for is_back in [true, false] {
        let mut watched = Watched::waiting();
        watched.run_to(2 * MINUTE);
        assert_eq!((watched.told.len(), watched.alarms.overdue()), (1, 1));
        watched.feed(Input::LinkDown);
        watched.run_to(4 * MINUTE);
        assert_eq!(watched.told[1..], [(2 * MINUTE + 30, Status::Raised, Kind::ProsodyDown)]);
        assert_eq!(watched.alarms.overdue(), 1);
        if !is_back {
            watched.occupants.clear();
        }
        watched.feed(Input::LinkUp);
        watched.run_to(4 * MINUTE + 29);
        assert_eq!(watched.told[2..], [(4 * MINUTE, Status::Resolved, Kind::ProsodyDown)]);
        watched.run_to(20 * MINUTE);
        let since = &watched.told[3..];
        if is_back {
            assert_eq!((since, watched.alarms.overdue()), (&[][..], 1));
        } else {
            let resolved = (4 * MINUTE + 40, Status::Resolved, Kind::NoJibriFree);
            assert_eq!((since, watched.alarms.overdue()), (&[resolved][..], 0));
        }
    }
}

#[test]
fn who_is_not_recorded_though_the_cause_is_gone_is_told_of() {
    // Jicofo is not there.
    let mut watched = Watched::with(vec![ada()]);
    watched.run_to(40);
    watched.alarms.room_fails(watched.now, &room(), "its starts fail");
    watched.run_to(5 * MINUTE);
    let kinds: Vec<_> = watched.told.iter().map(|(_, _, kind)| *kind).collect();
    assert_eq!((kinds, watched.alarms.overdue()), (vec![Kind::RoomFails], 1));
    watched.alarms.resolve(watched.now, Kind::RoomFails, room().as_str());
    watched.run_to(5 * MINUTE + 29);
    assert_eq!(watched.told.len(), 2, "it may be about to be recorded: {:?}", watched.told);
    watched.run_to(6 * MINUTE);
    let (at, status, kind) = *watched.told.last().unwrap();
    assert!(
        at < 5 * MINUTE + 50 && (status, kind) == (Status::Raised, Kind::StartOverdue),
        "{:?}",
        watched.told
    );
    assert_eq!(watched.alarms.overdue(), 1);
}

#[test]
fn who_fails_while_others_wait_is_told_of_by_itself() {
    let mut watched = Watched::waiting();
    watched.others = 34;
    watched.run_to(2 * MINUTE);
    assert_eq!((watched.told.len(), watched.told[0].2), (1, Kind::NoJibriFree));
    // It could have one, and Jicofo does not answer, again and again.
    watched.feed(Input::Supply(Supply::Known { free: 1000, change: 2 }));
    watched.run_to(4 * MINUTE);
    assert_ne!(watched.state(), State::Waiting);
    let told: Vec<_> = watched.told[1..].iter().map(|(_, status, kind)| (*status, *kind)).collect();
    assert_eq!(told, [(Status::Raised, Kind::StartOverdue)], "{:?}", watched.told);
    watched.run_to(20 * MINUTE);
    assert_eq!(watched.told.len(), 2, "once: {:?}", watched.told);
}

#[test]
fn who_tries_in_vain_and_waits_again_is_no_news() {
    let mut watched = Watched::waiting();
    watched.run_to(MINUTE);
    assert_eq!(watched.told.len(), 1);
    for n in 1..60 {
        // One becomes free and is gone before it was asked.
        watched.alarms.waiting(watched.now, 0);
        watched.run_to(MINUTE + 9 * n);
        watched.alarms.waiting(watched.now, 1);
    }
    assert_eq!(watched.told.len(), 1, "{:?}", watched.told);
}
