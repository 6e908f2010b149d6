//! The occupancy without a network, in a time of its own.

use super::*;
use crate::address::RealJid;
use crate::jibri::{Busy, Health};
use crate::meeting::{Affiliation, By, Role};

const BUSY: Report = Report { busy: Busy::Busy, health: Health::Healthy };
const IDLE: Report = Report { busy: Busy::Idle, health: Health::Healthy };

struct Play {
    occupancy: Occupancy,
    now: Instant,
    /// What is seen from outside.
    outside: Result<Vec<Listed>, ListError>,
}

fn nick(name: &str) -> Nick {
    Nick::new(name).unwrap()
}

fn listed(names: &[&str]) -> Vec<Listed> {
    let one = |name: &&str| Listed {
        nick: nick(name),
        jid: RealJid::new(&format!("{name}@auth.meet.jitsi/x")).ok(),
        role: Role::Moderator,
        affiliation: Affiliation::Owner,
    };
    names.iter().map(one).collect()
}

/// What happened, in short: `look`, `join NICK`, `leave`, and events.
fn short(todo: Vec<Do>) -> Vec<String> {
    let one = |todo| match todo {
        Do::Look => "look".to_owned(),
        Do::Send(stanza) => {
            let text = String::from_utf8(xso::to_vec(&*stanza).unwrap()).unwrap();
            if text.contains("unavailable") { "leave" } else { "join" }.to_owned()
        }
        Do::Tell(BreweryEvent::Complete) => "complete".to_owned(),
        Do::Tell(BreweryEvent::Lost) => "lost".to_owned(),
        Do::Tell(BreweryEvent::Left { nick }) => format!("-{nick}"),
        Do::Tell(BreweryEvent::Presence { nick, status: Some(BUSY), items }) => {
            format!("{nick} busy {items}")
        }
        Do::Tell(BreweryEvent::Presence { nick, items, .. }) => format!("{nick} {items}"),
        Do::Tell(BreweryEvent::NotLetIn { retry_in, .. }) => format!("not let in, {}", retry_in.as_secs()),
    };
    todo.into_iter().map(one).collect()
}

impl Play {
    fn new() -> Play {
        let room = RoomJid::new("b@internal-muc.meet.jitsi").unwrap();
        let mut occupancy =
            Occupancy::new(room, "autostart.meet.jitsi", "autostart", &nick("autostart"), &nick("focus"));
        let now = Instant::now();
        assert!(occupancy.next_deadline().is_none());
        occupancy.link_up(now);
        Play { occupancy, now, outside: Ok(listed(&["a", "focus"])) }
    }

    fn inside() -> Play {
        let mut play = Play::new();
        assert_eq!(play.next(), (0, vec!["join".to_owned()]));
        play.here("a", IDLE, 1);
        play.here("b", IDLE, 1);
        assert_eq!(play.own(), ["complete"]);
        play
    }

    /// Goes to the next deadline; how many seconds that took, and what happened then. A look is answered at once.
    fn next(&mut self) -> (u64, Vec<String>) {
        let at = self.occupancy.next_deadline().unwrap();
        let seconds = at.duration_since(self.now).as_secs();
        self.now = at;
        let mut done = short(self.occupancy.expire(at));
        if done == ["look"] {
            assert!(self.occupancy.next_deadline().is_none(), "it waits for the answer");
            done = short(self.occupancy.listed(self.outside.clone(), at));
        }
        (seconds, done)
    }

    /// The seconds until it enters.
    fn enters_after(&mut self) -> u64 {
        let began = self.now;
        while !self.next().1.contains(&"join".to_owned()) {}
        self.now.duration_since(began).as_secs()
    }

    fn see(&mut self, read: Read) -> Vec<String> {
        short(self.occupancy.presence(read, self.now))
    }

    fn here(&mut self, name: &str, status: Report, items: usize) -> Vec<String> {
        self.see(Read::Here { nick: nick(name), status: Some(status), items })
    }

    fn own(&mut self) -> Vec<String> {
        let nick = self.occupancy.nick.clone();
        self.see(Read::Own { nick, created: false })
    }

    fn refuse(&mut self, condition: Condition, text: Option<&str>) -> Vec<String> {
        let refusal = Refusal {
            condition,
            text: text.map(String::from),
            by: By::Room,
            display_name_required: false,
            lobby: false,
        };
        self.see(Read::Refused { nick: Some(self.occupancy.nick.clone()), refusal })
    }
}

#[test]
fn enters_as_somebody_else_and_tells_who_is_there() {
    let play = Play::inside();
    assert_eq!(play.occupancy.me(), "brewery@autostart.meet.jitsi/a");
    assert_eq!(play.occupancy.nick.as_str(), "autostart_watch");
    let (room, long) = (play.occupancy.room().clone(), nick(&"x".repeat(1023)));
    let occupancy = Occupancy::new(room, "d", "brewery", &long, &nick("focus"));
    assert_eq!(occupancy.me(), "fleet@d/a");
}

#[test]
fn listing_anew_tells_what_has_changed_unnoticed() {
    let mut play = Play::inside();
    assert_eq!(play.here("a", IDLE, 1), ["a 1"]);
    assert_eq!(play.own(), Vec::<String>::new(), "nothing was asked");
    assert_eq!(play.next(), (180, vec!["join".to_owned()]));
    assert_eq!(play.here("a", IDLE, 1), Vec::<String>::new());
    assert_eq!(play.here("c", IDLE, 2), ["c 2"]);
    assert_eq!(play.own(), ["-b", "complete"]);
    play.occupancy.list_again(play.now);
    assert_eq!(play.next(), (0, vec!["join".to_owned()]));
    assert_eq!(play.here("a", BUSY, 1), ["a busy 1"]);
    assert_eq!(play.see(Read::Left { nick: nick("a") }), ["-a"]);
    play.occupancy.unreadable("b@internal-muc.meet.jitsi/c");
    assert_eq!(play.own(), ["complete"]);
}

#[test]
fn silence_is_told_once_and_tried_again_ever_more_slowly() {
    let mut play = Play::new();
    let mut waits = Vec::new();
    for round in 0..6 {
        let (wait, todo) = play.next();
        assert_eq!(todo, ["join"]);
        waits.push(wait);
        let (answer, todo) = play.next();
        assert_eq!(answer, 15);
        assert_eq!(todo, if round == 0 { vec!["not let in, 30"] } else { Vec::new() });
    }
    assert_eq!(waits, [0, 30, 60, 120, 240, 300]);
    // An answer that comes too late is as good.
    assert_eq!(play.own(), ["complete"]);
    assert_eq!(play.next().0, 180);
    assert_eq!(play.next(), (15, vec!["lost".to_owned(), "not let in, 300".to_owned()]));
}

#[test]
fn jicofo_comes_first() {
    let mut play = Play::new();
    play.outside = Ok(listed(&["a"]));
    for _ in 0..4 {
        assert!(play.next().1.is_empty());
    }
    play.outside = Ok(listed(&["a", "focus"]));
    assert_eq!(play.next(), (2, vec!["join".to_owned()]));
    assert_eq!(play.own(), ["complete"]);
    // Who is inside sees who else is, and need not look.
    play.outside = Err(ListError::Other);
    assert_eq!(play.next(), (180, vec!["join".to_owned()]));
    assert_eq!(play.own(), ["complete"]);
    // Put out, we come back after it again.
    play.outside = Ok(listed(&[]));
    assert_eq!(play.see(Read::Out), ["lost"]);
    assert_eq!(play.enters_after(), 31);
}

#[test]
fn without_jicofo_it_is_entered_after_half_a_minute() {
    for outside in [Ok(listed(&["a"])), Err(ListError::Forbidden), Err(ListError::TimedOut)] {
        let mut play = Play::new();
        play.outside = outside;
        assert_eq!(play.enters_after(), 30, "{:?}", play.outside);
        play.refuse(Condition::Forbidden, None);
        assert_eq!(play.enters_after(), 30, "as after any refusal");
        // After another disconnection it may be Prosody that was restarted.
        play.own();
        play.occupancy.link_down();
        play.occupancy.link_up(play.now);
        assert_eq!(play.enters_after(), 30, "{:?}", play.outside);
    }
}

#[test]
fn a_room_that_is_not_there_is_waited_for() {
    let mut play = Play::new();
    play.outside = Err(ListError::Gone);
    assert_eq!(play.next(), (0, vec!["not let in, 2".to_owned()]));
    for _ in 0..100 {
        assert_eq!(play.next(), (2, Vec::new()));
    }
    // It is there, and Jicofo has its time from now on.
    play.outside = Ok(listed(&["a"]));
    assert_eq!(play.enters_after(), 32);
    // It has gone again before we were there.
    assert!(play.refuse(Condition::NotAllowed, Some("Room creation is restricted")).is_empty(), "no news");
    play.outside = Ok(listed(&["focus"]));
    for _ in 0..10 {
        assert_eq!(play.next(), (2, vec!["join".to_owned()]));
        assert!(play.refuse(Condition::NotAllowed, Some("Room creation is restricted")).is_empty());
    }
    // Another reason is news.
    play.next();
    assert_eq!(play.refuse(Condition::Forbidden, None), ["not let in, 30"]);
    assert!(play.refuse(Condition::Forbidden, None).is_empty(), "nothing was asked");
    play.next();
    assert_eq!(play.own(), ["complete"]);
    assert_eq!(play.see(Read::Out), ["lost"]);
}

#[test]
fn a_room_that_we_make_is_left_at_once() {
    let mut play = Play::new();
    play.next();
    let own = play.occupancy.nick.clone();
    assert_eq!(play.see(Read::Own { nick: own, created: true }), ["leave", "not let in, 2"]);
    assert!(!play.occupancy.is_inside());
    assert!(play.see(Read::Out).is_empty());
    assert_eq!(play.next(), (2, vec!["join".to_owned()]));
}

#[test]
fn who_is_put_out_comes_back_but_does_not_fight() {
    let mut play = Play::inside();
    let mut waits = Vec::new();
    for _ in 0..12 {
        assert_eq!(play.see(Read::Out), ["lost"]);
        let (wait, todo) = play.next();
        assert_eq!(todo, ["join"]);
        waits.push(wait);
        assert_eq!(play.own(), ["complete"]);
    }
    assert_eq!(waits[..4], [1, 2, 4, 8]);
    assert_eq!(waits[11], 300);
    play.now += Duration::from_secs(61);
    let own = play.occupancy.nick.clone();
    assert_eq!(play.see(Read::Left { nick: own }), ["lost"]);
    assert_eq!(play.next().0, 1);
}

#[test]
fn a_nickname_that_is_taken_is_another_ones() {
    let mut play = Play::new();
    play.next();
    let mut nicks = HashSet::from([play.occupancy.nick.clone()]);
    for _ in 1..NICKS {
        assert_eq!(play.refuse(Condition::Conflict, None), ["join"]);
        assert!(nicks.insert(play.occupancy.nick.clone()));
        assert!(play.occupancy.nick.as_str().starts_with("autostartwatch"));
    }
    assert_eq!(play.refuse(Condition::Conflict, None), ["not let in, 30"]);
    assert_eq!(play.next(), (30, vec!["join".to_owned()]));
    assert_eq!(play.refuse(Condition::Conflict, None), ["join"]);
    assert_eq!(play.own(), ["complete"]);
    assert!(play.see(Read::OwnRename { nick: nick("n") }).is_empty());
    assert_eq!(play.occupancy.nick, nick("n"));
}

#[test]
fn without_a_link_nothing_is_known() {
    let mut play = Play::inside();
    assert_eq!(play.occupancy.link_down(), Some(BreweryEvent::Lost));
    assert_eq!(play.occupancy.link_down(), None);
    assert!(play.occupancy.next_deadline().is_none() && play.occupancy.leave().is_none());
    play.occupancy.list_again(play.now);
    assert!(play.occupancy.next_deadline().is_none());
    play.occupancy.link_up(play.now);
    assert_eq!(play.next(), (0, vec!["join".to_owned()]));
    assert!(play.occupancy.leave().is_some());
    assert!(play.occupancy.next_deadline().is_none());
}

#[test]
fn each_refusal_says_what_to_change() {
    let room = RoomJid::new("b@internal-muc.meet.jitsi").unwrap();
    let refusal = |condition, text: &str| {
        let text = (!text.is_empty()).then(|| text.to_owned());
        let refusal = Refusal { condition, text, by: By::Room, display_name_required: false, lobby: false };
        NotLetIn::from_refusal(&room, refusal).to_string()
    };
    for (said, word) in [
        (
            NotLetIn::NoAnswer { room: room.clone(), domain: "autostart.meet.jitsi".into() }.to_string(),
            "muc_filter_whitelist of its Component \"internal-muc.meet.jitsi\"",
        ),
        (refusal(Condition::NotAllowed, ""), "JIBRI_BREWERY_MUC"),
        (
            refusal(Condition::NotAllowed, "Communication with remote domains is not enabled"),
            "no conference service",
        ),
        (refusal(Condition::NotAllowed, "Invalid\nresource"), "Invalid\\nresource"),
        (refusal(Condition::RemoteServer, ""), "XMPP_INTERNAL_MUC_DOMAIN"),
        (refusal(Condition::Forbidden, ""), "outcasts"),
        (refusal(Condition::NotAuthorized, ""), "password"),
        (refusal(Condition::RegistrationRequired, ""), "members"),
        (refusal(Condition::ServiceUnavailable, ""), "full"),
        (refusal(Condition::Other, ""), "log"),
    ] {
        assert!(said.contains(word), "{said}");
    }
}
