//! A room that lets people in slowly, in virtual time: our entry is answered when its turn comes, or never.

use std::collections::VecDeque;

use super::*;
use crate::address::{RealJid, RoomJid};
use crate::config::from_toml;
use crate::meeting::{
    Action, Affiliation, Answer, Effect, Input, Marks, Meetings, Out, Presence, Role, RoomEvent, RoomPicture,
    SessionId,
};

const QUEUED: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

/// One room with focus and a moderator in it, before whose door others wait.
struct Play {
    core: Meetings,
    now: Time,
    /// How long the queue is; none: it never moves.
    queue: Option<Duration>,
    exists: bool,
    people: bool,
    /// Everybody leaves between each look and the entry that follows, and is back for the next look.
    flickers: bool,
    inside: bool,
    /// What arrives when: answers at once, entries at their turn.
    arriving: VecDeque<(Time, RoomEvent)>,
    /// What the core did, each with its second.
    did: Vec<(u64, String)>,
}

fn room() -> RoomJid {
    RoomJid::new("r1@muc.meet.jitsi").unwrap()
}

impl Play {
    fn new(footprint: &str, queue: Option<Duration>) -> Self {
        let toml = format!(
            "[xmpp]\nserver = \"h:1\"\ndomain = \"autostart.meet.jitsi\"\nsecret = \"s\"\n[muc]\ndomains = \
             [\"muc.meet.jitsi\"]\nfootprint = {footprint:?}\n[discovery]\nrooms = [\"r1@muc.meet.jitsi\"]\n"
        );
        let now = Time::default();
        let core = Meetings::new(&from_toml(&toml).unwrap().settings, false, 1, now);
        let mut play = Self {
            core,
            now,
            queue,
            exists: true,
            people: true,
            flickers: false,
            inside: false,
            arriving: VecDeque::new(),
            did: Vec::new(),
        };
        play.feed(Input::LinkUp);
        play
    }

    fn occupants(&self) -> Vec<(&'static str, &'static str, Role)> {
        let mut all = vec![("focus", "focus@auth.meet.jitsi/focus", Role::Moderator)];
        if self.people {
            all.push(("ada", "ada@meet.jitsi/1", Role::Moderator));
        }
        if self.inside {
            all.push(("autostart", "autostart@autostart.meet.jitsi/a", Role::Moderator));
        }
        all
    }

    fn feed(&mut self, input: Input) {
        let second = self.now.since_start().as_secs();
        for effect in self.core.handle(self.now, input) {
            match effect {
                Effect::Do(action) => self.carry_out(action, second),
                Effect::Tell(event) if matches!(event.what, What::EntryDelayed) => {
                    self.did.push((second, "told".to_owned()));
                }
                _ => {}
            }
        }
    }

    fn carry_out(&mut self, action: Action, second: u64) {
        let did = match action {
            Action::AskRoles { query, .. } => {
                let listed = |(nick, jid, role)| Listed {
                    nick: Nick::new(nick).unwrap(),
                    jid: RealJid::new(jid).ok(),
                    role,
                    affiliation: Affiliation::None,
                };
                let occupants = || self.occupants().into_iter().map(listed).collect();
                let result = if self.exists { Ok(occupants()) } else { Err(ListError::Gone) };
                self.arriving.push_back((self.now, RoomEvent::Roles { query, result }));
                return;
            }
            Action::Enter { .. } => {
                if let Some(queue) = self.queue {
                    self.let_in_at(self.now.after(queue));
                }
                "enter"
            }
            Action::AskPicture { .. } => "ask",
            Action::Leave { .. } => {
                if std::mem::take(&mut self.inside) {
                    self.arriving.push_back((self.now, RoomEvent::Out(Out::Left)));
                }
                "leave"
            }
            Action::Start { attempt, .. } => {
                let answer = Answer::Accepted { session: Some(SessionId("s".into())) };
                self.arriving.push_back((self.now, RoomEvent::StartAnswered { attempt, answer }));
                "start"
            }
            Action::AskForm { query, .. } => {
                let form = RoomEvent::Form { query, password: None, meeting: None };
                self.arriving.push_back((self.now, form));
                return;
            }
            other => panic!("{other:?}"),
        };
        self.did.push((second, did.to_owned()));
    }

    fn let_in_at(&mut self, at: Time) {
        let own = Presence {
            nick: Nick::new("autostart").unwrap(),
            jid: None,
            role: Role::Moderator,
            affiliation: Affiliation::Owner,
            marks: Marks::default(),
            session: None,
            mode: None,
            jibri: None,
            name: None,
            recording: None,
            conference: None,
            own: true,
            created: self.flickers,
        };
        self.arriving.push_back((at, RoomEvent::Presence(own)));
    }

    /// Whoever is inside is announced before ourselves.
    fn arrives(&mut self, event: RoomEvent) {
        let mut events = vec![event];
        if let [RoomEvent::Presence(own)] = events.as_slice() {
            let own = own.clone();
            let occupants = if own.created { Vec::new() } else { self.occupants() };
            let others = occupants.into_iter().map(|(nick, jid, role)| {
                let (nick, jid) = (Nick::new(nick).unwrap(), RealJid::new(jid).ok());
                RoomEvent::Presence(Presence { nick, jid, role, own: false, ..own.clone() })
            });
            events = others.chain(events.clone()).collect();
            self.inside = true;
        }
        for event in events {
            self.feed(Input::Room { room: room(), event });
        }
    }

    fn run_to(&mut self, second: u64) {
        let end = Time::default().after(Duration::from_secs(second));
        for step in 0.. {
            assert!(step < 100_000, "a busy loop: {:?}", self.did);
            let arrives = self.arriving.iter().map(|(at, _)| *at).min();
            let next = arrives.into_iter().chain(self.core.next_deadline()).min();
            let Some(next) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            match self.arriving.iter().position(|(at, _)| *at <= self.now) {
                Some(first) => {
                    let (_, event) = self.arriving.remove(first).unwrap();
                    self.arrives(event);
                }
                None => self.feed(Input::Tick),
            }
        }
        self.now = end;
    }

    fn times(&self, did: &str) -> Vec<u64> {
        self.did.iter().filter(|(_, done)| done == did).map(|(second, _)| *second).collect()
    }

    fn reason(&self) -> Option<String> {
        self.core.room(&room()).and_then(|view| view.reason).map(Into::into)
    }
}

#[test]
fn a_start_goes_out_when_our_turn_comes() {
    for footprint in ["discreet", "resident"] {
        let mut play = Play::new(footprint, Some(QUEUED));
        play.run_to(29);
        assert_eq!(play.times("told"), [10], "{footprint}: {:?}", play.did);
        assert!(play.reason().is_some_and(|why| why.contains("slowly")), "{footprint}: {:?}", play.reason());
        play.run_to(31);
        let wanted = [(0, "enter"), (10, "told"), (30, "start")];
        let did: Vec<_> = play.did.iter().map(|(second, did)| (*second, did.as_str())).collect();
        assert_eq!(did[..3], wanted, "{footprint}");
        assert!(play.reason().is_none_or(|why| !why.contains("slowly")), "{footprint}: {:?}", play.reason());
        // A visitor has got what it came for; a resident stays.
        assert_eq!(play.times("leave").len(), usize::from(footprint == "discreet"), "{footprint}");
    }
}

#[test]
fn an_entry_that_nobody_wants_any_more_is_left_at_once() {
    for footprint in ["discreet", "resident"] {
        let mut play = Play::new(footprint, Some(QUEUED));
        play.run_to(20);
        play.people = false;
        play.run_to(45);
        assert_eq!(play.times("start"), [0; 0], "{footprint}");
        assert_eq!((play.times("enter"), play.times("leave")), (vec![0], vec![30]), "{footprint}");
        assert!(!play.inside, "{footprint}");
    }
}

#[test]
fn an_entry_that_is_lost_is_tried_again_but_not_at_once() {
    for footprint in ["discreet", "resident"] {
        let mut play = Play::new(footprint, None);
        play.run_to(HOUR.as_secs());
        let entries = play.times("enter");
        assert_eq!(play.times("told"), [10], "{footprint}: it is said once");
        assert!(entries.windows(2).all(|two| two[1] - two[0] >= 70), "{footprint}: {entries:?}");
        assert!((40..=52).contains(&entries.len()), "{footprint}: {} entries", entries.len());
        play.queue = Some(Duration::ZERO);
        play.run_to(HOUR.as_secs() + 100);
        assert_eq!(play.times("start").len(), 1, "{footprint}");
    }
}

/// Who is alone and reloads the page ends the room, and is back in a moment.
#[test]
fn a_room_that_our_entry_creates_is_left_and_looked_at_again_soon() {
    for footprint in ["discreet", "resident"] {
        let mut play = Play::new(footprint, Some(Duration::ZERO));
        play.flickers = true;
        play.run_to(0);
        assert_eq!(play.times("enter"), play.times("leave"), "{footprint}");
        play.flickers = false;
        play.run_to(3);
        assert_eq!(play.times("start").len(), 1, "{footprint}: {:?}", play.did);

        // Where that goes on, it is done ever less often.
        let mut play = Play::new(footprint, Some(Duration::ZERO));
        play.flickers = true;
        play.run_to(HOUR.as_secs());
        let entries = play.times("enter");
        assert_eq!(entries, play.times("leave"), "{footprint}");
        assert!((50..=70).contains(&entries.len()), "{footprint}: {entries:?}");
    }
}

#[test]
fn a_queue_ends_with_its_room_and_with_the_link() {
    for footprint in ["discreet", "resident"] {
        let mut play = Play::new(footprint, None);
        play.run_to(15);
        play.feed(Input::LinkDown);
        play.queue = Some(Duration::ZERO);
        play.feed(Input::LinkUp);
        play.run_to(18);
        assert_eq!(play.times("start").len(), 1, "{footprint}: {:?}", play.did);

        let mut play = Play::new(footprint, None);
        play.run_to(12);
        play.exists = false;
        play.run_to(45);
        (play.exists, play.queue) = (true, Some(Duration::ZERO));
        play.run_to(49);
        assert_eq!(play.times("start").len(), 1, "{footprint}: {:?}", play.did);
    }
}

#[test]
fn who_ends_takes_his_entry_back() {
    let mut play = Play::new("discreet", Some(QUEUED));
    play.run_to(15);
    let effects = play.core.leave_all(play.now);
    let leaves = effects.iter().filter(|effect| matches!(effect, Effect::Do(Action::Leave { .. })));
    assert_eq!(leaves.count(), 1);
}

/// We were killed in the room before the companion was there; Prosody keeps our occupant.
#[test]
fn what_we_left_behind_before_there_was_a_companion_is_taken_out() {
    let mut play = Play::new("auto", None);
    play.feed(Input::Companion { service: "muc.meet.jitsi".to_owned(), answers: true, can_notify: true });
    play.did.clear();
    play.inside = true;
    let occupant = |(nick, jid, role)| Presence {
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
    let occupants = play.occupants().into_iter().map(occupant).collect();
    let picture = Box::new(RoomPicture {
        occupants,
        left_out: 0,
        may_not_record: Vec::new(),
        meeting: None,
        notice: false,
    });
    play.feed(Input::Room { room: room(), event: RoomEvent::Pictured(Some(picture)) });
    assert!(play.did.contains(&(0, "leave".to_owned())), "{:?}", play.did);
    assert!(!play.inside);
}

/// It has much to do, or the answer is lost.
#[test]
fn a_room_of_which_the_companion_says_nothing_is_asked_for_again() {
    let mut play = Play::new("auto", None);
    play.feed(Input::Companion { service: "muc.meet.jitsi".to_owned(), answers: true, can_notify: true });
    play.did.clear();
    play.feed(Input::Poll { room: room() });
    for second in 1..=40 {
        play.now = Time::new(Duration::from_secs(second));
        play.feed(Input::Tick);
    }
    let asked: Vec<u64> = play.did.iter().filter(|(_, did)| did == "ask").map(|(at, _)| *at).collect();
    assert_eq!(asked, [2, 17, 32]);
    play.feed(Input::Room { room: room(), event: RoomEvent::Over });
    play.did.clear();
    for second in 41..=90 {
        play.now = Time::new(Duration::from_secs(second));
        play.feed(Input::Tick);
    }
    assert!(!play.did.iter().any(|(_, did)| did == "ask"), "it has said that there is none");
}
