//! A companion without a network, in a time of its own.

use super::*;
use crate::xmpp::stanza::{Inbound, NS_COMPANION, parse};

const MUC: &str = "muc.meet.jitsi";

/// What is lost, how, and what follows.
type Loss = (&'static str, fn(&mut Play) -> Vec<String>, &'static [&'static str]);

struct Play {
    course: Course,
    now: Instant,
    /// What was asked and is not answered.
    open: Vec<About>,
}

/// An element of the companion's; `numbers`: epoch and number, `e 4`, or nothing.
fn element(name: &str, numbers: &str, attributes: &str, inner: &str) -> String {
    let numbers = numbers
        .split_once(' ')
        .map(|(epoch, seq)| format!("epoch='{epoch}' seq='{seq}'"))
        .unwrap_or_default();
    format!("<{name} xmlns='{NS_COMPANION}' {numbers} {attributes}>{inner}</{name}>")
}

fn hello(numbers: &str) -> String {
    element("hello", numbers, "version='1.0' metadata='yes'", "")
}

/// Some rooms, with one occupant each.
fn rooms(names: &[&str]) -> String {
    names.iter().map(|name| room("", name)).collect()
}

fn room(numbers: &str, name: &str) -> String {
    element("room", numbers, &format!("jid='{name}@{MUC}'"), "<occupant nick='ada'/>")
}

fn gone(numbers: &str, name: &str) -> String {
    element("gone", numbers, &format!("jid='{name}@{MUC}'"), "")
}

fn page(numbers: &str, names: &[&str], next: &str) -> String {
    let next = if next.is_empty() { String::new() } else { format!("next='{next}'") };
    element("rooms", numbers, &next, &rooms(names))
}

fn refused(why: &str) -> Answer {
    Err(Unanswered::Error { refused: Some(why.to_owned()) })
}

const NOT_THERE: Answer = Err(Unanswered::Error { refused: None });
const TIMED_OUT: Answer = Err(Unanswered::TimedOut);

fn result(inner: &str) -> Answer {
    let Inbound::Iq(iq) = parse(&format!("<iq type='result'>{inner}</iq>")) else { panic!("no iq") };
    Ok(iq.payload)
}

impl Play {
    fn new() -> Play {
        let now = Instant::now();
        let brewery = RoomJid::new("brewery@muc.meet.jitsi").ok();
        let services = Services::new(&[MUC.to_owned()]).without(brewery);
        Play { course: Course::new(MUC.to_owned(), services, now), now, open: Vec::new() }
    }

    /// One that has answered, in epoch `e`, with the number 4, and has told of `r1`.
    fn listed() -> Play {
        let mut play = Play::new();
        assert_eq!(play.next(), (0, vec!["hello?".to_owned()]));
        assert_eq!(play.hello(result(&hello("e 4"))), ["answers 1.0, notice", "rooms?"]);
        assert_eq!(play.page(result(&page("e 4", &["r1"], ""))), ["r1 1", "listed r1"]);
        assert!(play.open.is_empty());
        play
    }

    /// What happened, in short.
    fn short(&mut self, todo: Vec<Do>) -> Vec<String> {
        let mut one = |todo| match todo {
            Do::Ask { service, ask, about } => {
                assert_eq!(service, MUC);
                self.open.push(about);
                match ask {
                    Ask::Hello => "hello?".to_owned(),
                    Ask::Rooms { after: None } => "rooms?".to_owned(),
                    Ask::Rooms { after: Some(page) } => format!("rooms? {page}"),
                    other => panic!("{other:?}"),
                }
            }
            Do::GiveUp { service } if service == MUC => "give up".to_owned(),
            Do::Malformed => "malformed".to_owned(),
            Do::Tell(LinkEvent::Room { room, event: RoomEvent::Pictured(picture) }) => match picture {
                Some(picture) => format!("{} {}", room.local(), picture.occupants.len()),
                None => format!("{} ?", room.local()),
            },
            Do::Tell(LinkEvent::Room { room, event: RoomEvent::Over }) => format!("-{}", room.local()),
            Do::Tell(LinkEvent::Companion { service, event }) if service == MUC => match event {
                CompanionEvent::Answers { version, mute: None } => format!("answers {version}, notice"),
                CompanionEvent::Answers { version, mute: Some(Mute::NoMetadata) } => {
                    format!("answers {version}")
                }
                CompanionEvent::Answers { version, mute: Some(Mute::Unable) } => {
                    format!("answers {version}, mute")
                }
                CompanionEvent::Listed { rooms } => {
                    let names: Vec<_> = rooms.iter().map(RoomJid::local).collect();
                    format!("listed {}", names.join(" "))
                }
                CompanionEvent::Silent { why } => format!("silent: {why}"),
            },
            other => panic!("{other:?}"),
        };
        todo.into_iter().map(&mut one).collect()
    }

    /// Goes to the next deadline; how many seconds that took, and what happened then.
    fn next(&mut self) -> (u64, Vec<String>) {
        let at = self.course.next_deadline().unwrap();
        let seconds = at.duration_since(self.now).as_secs();
        self.now = at;
        let todo = self.course.expire(at);
        (seconds, self.short(todo))
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.checked_add(Duration::from_secs(seconds)).unwrap();
    }

    fn push(&mut self, element: &str) -> Vec<String> {
        let Inbound::Message(message) = parse(&format!("<message>{element}</message>")) else {
            panic!("no message")
        };
        let [said] = message.companion.as_slice() else { panic!("{element}") };
        let todo = self.course.pushed(said, self.now);
        self.short(todo)
    }

    /// What comes of an answer to something that was asked.
    fn answer(&mut self, about: About, answer: Answer) -> Vec<String> {
        let at = self.open.iter().position(|open| *open == about).unwrap();
        self.open.remove(at);
        let todo = self.course.answered(about, answer, self.now);
        self.short(todo)
    }

    fn hello(&mut self, answer: Answer) -> Vec<String> {
        self.answer(About::Hello, answer)
    }

    /// The same for the page that was asked for last.
    fn page(&mut self, answer: Answer) -> Vec<String> {
        let page = self.open.iter().rev().find(|open| matches!(open, About::Page(_))).cloned();
        self.answer(page.unwrap(), answer)
    }

    fn picture(&mut self, name: &str, answer: Answer) -> Vec<String> {
        let about = About::Picture(RoomJid::new(&format!("{name}@{MUC}")).unwrap());
        self.open.push(about.clone());
        self.answer(about, answer)
    }

    /// What is asked for and has come, until the list is complete.
    fn list(&mut self, numbers: &str, names: &[&str]) -> Vec<String> {
        self.page(result(&page(numbers, names, "")))
    }
}

#[test]
fn all_rooms_come_page_by_page_and_then_changes() {
    let mut play = Play::new();
    assert!(!play.course.answers());
    // The greeting comes before the answer, if the module is there.
    assert_eq!(play.next(), (0, vec!["hello?".to_owned()]));
    assert_eq!(play.push(&hello("e 0")), ["answers 1.0, notice", "rooms?"]);
    assert!(play.course.answers());
    assert_eq!(play.push(&room("e 1", "r5")), ["r5 1"]);
    assert!(play.hello(result(&hello("e 1"))).is_empty());
    assert_eq!(play.page(result(&page("e 1", &["r1", "r2"], "x.3"))), ["r1 1", "r2 1", "rooms? x.3"]);
    // One ends that was on a page, one that was not, and one begins and ends.
    assert_eq!(play.push(&gone("e 2", "r1")), ["-r1"]);
    assert_eq!(play.push(&gone("e 3", "r3")), ["-r3"]);
    assert_eq!(play.push(&room("e 4", "r6")), ["r6 1"]);
    assert_eq!(play.push(&gone("e 5", "r6")), ["-r6"]);
    assert_eq!(play.push(&room("e 6", "r7")), ["r7 1"]);
    assert_eq!(play.list("e 6", &["r4"]), ["r4 1", "listed r2 r4 r5 r7"]);
    assert_eq!(play.push(&room("e 7", "r8")), ["r8 1"]);
    assert_eq!(play.push(&element("room", "e 8", "jid='r8@muc.meet.jitsi' failed='yes'", "")), ["r8 ?"]);
    assert_eq!(play.push(&gone("e 9", "r8")), ["-r8"]);
    // It is asked ever again whether anything was lost.
    assert_eq!(play.next(), (30, vec!["hello?".to_owned()]));
    assert!(play.hello(result(&hello("e 9"))).is_empty());
    assert_eq!(play.next(), (30, vec!["hello?".to_owned()]));
    assert_eq!(play.hello(result(&hello("e 10"))), ["rooms?"]);
    assert_eq!(play.list("e 10", &["r8"]), ["r8 1", "listed r8"]);
}

#[test]
fn whatever_was_lost_has_all_rooms_listed_anew() {
    let lost: [Loss; 7] = [
        ("a picture", |play| play.push(&room("e 6", "r2")), &["rooms?", "r2 1"]),
        ("an end", |play| play.push(&gone("e 7", "r1")), &["rooms?", "-r1"]),
        ("it came twice", |play| play.push(&room("e 4", "r2")), &["rooms?", "r2 1"]),
        ("it was long ago", |play| play.push(&room("e 1", "r2")), &["rooms?", "r2 1"]),
        (
            "a picture that was asked for",
            |play| play.picture("r2", result(&room("e 5", "r2"))),
            &["rooms?", "r2 1"],
        ),
        ("a greeting", |play| play.push(&hello("e 4")), &["rooms?"]),
        (
            "the number is as large as it can be",
            |play| play.push(&gone("e 18446744073709551615", "r1")),
            &["rooms?", "-r1"],
        ),
    ];
    for (what, lose, then) in lost {
        let mut play = Play::listed();
        play.wait(3);
        assert_eq!(lose(&mut play), then, "{what}");
        let seq = play.course.known.as_ref().unwrap().seq;
        let told = play.list(&format!("e {seq}"), &["r9"]);
        assert_eq!(told.first().unwrap(), "r9 1", "{what}");
        assert!(told.last().unwrap().starts_with("listed") && told.last().unwrap().contains("r9"), "{what}");
    }
}

#[test]
fn what_is_lost_again_and_again_is_not_asked_for_at_once() {
    let mut play = Play::listed();
    assert_eq!(play.push(&room("e 7", "r1")), ["r1 1"]);
    play.wait(1);
    assert_eq!(play.push(&room("e 9", "r2")), ["r2 1"]);
    assert_eq!(play.next(), (1, vec!["rooms?".to_owned()]));
    // While a list is read, it is begun anew, and what comes of the first is nobody's.
    let first = play.open.last().cloned().unwrap();
    assert_eq!(play.push(&room("e 11", "r3")), ["r3 1"]);
    assert!(play.answer(first, result(&page("e 11", &["r4"], ""))).is_empty());
    assert_eq!(play.next(), (2, vec!["rooms?".to_owned()]));
    assert_eq!(play.list("e 11", &["r4"]), ["r4 1", "listed r3 r4"]);
    // Nor is a page that comes after something was lost.
    assert_eq!(play.push(&hello("e 11")), Vec::<String>::new());
    assert_eq!(play.next(), (2, vec!["rooms?".to_owned()]));
    assert!(play.list("e 12", &["r5"]).is_empty());
    assert_eq!(play.next(), (2, vec!["rooms?".to_owned()]));
    assert_eq!(play.list("e 12", &["r5"]), ["r5 1", "listed r5"]);
}

#[test]
fn another_epoch_is_told_and_listed_at_once() {
    let mut play = Play::listed();
    assert_eq!(play.push(&hello("f 0")), ["answers 1.0, notice", "rooms?"]);
    // Also while a list is read.
    let first = play.open.last().cloned().unwrap();
    assert_eq!(play.push(&hello("g 0")), ["answers 1.0, notice", "rooms?"]);
    assert!(play.answer(first, result(&page("f 0", &["r3"], ""))).is_empty());
    // A page of yet another one; until that has said hello, nothing is told.
    assert_eq!(play.list("h 1", &["r2"]), ["hello?"]);
    assert!(play.push(&room("h 2", "r2")).is_empty());
    assert!(play.picture("r2", result(&room("h 2", "r2"))).is_empty());
    assert!(play.picture("r2", refused("no-room")).is_empty());
    assert!(play.course.answers());
    assert_eq!(play.hello(result(&hello("h 2"))), ["answers 1.0, notice", "rooms?"]);
    assert_eq!(play.list("h 2", &["r2"]), ["r2 1", "listed r2"]);
}

#[test]
fn what_comes_before_a_hello_has_it_asked_for() {
    let pushes = [room("f 1", "r2"), gone("f 1", "r2")];
    for push in &pushes {
        let mut play = Play::listed();
        assert_eq!(play.push(push), ["hello?"]);
        assert!(play.push(push).is_empty(), "it is asked already");
        assert_eq!(play.hello(result(&hello("f 2"))), ["answers 1.0, notice", "rooms?"]);
        let mut play = Play::new();
        assert_eq!(play.push(push), ["hello?"]);
        assert!(play.push(push).is_empty());
        assert_eq!(play.hello(NOT_THERE).len(), 2);
        assert_eq!(play.push(push), ["hello?"]);
    }
}

#[test]
fn whether_there_is_a_notice_may_change() {
    let without = |numbers: &str| element("hello", numbers, "version='1.0' metadata='no'", "");
    let mut play = Play::listed();
    play.next();
    assert_eq!(play.hello(result(&without("e 4"))), ["answers 1.0", "rooms?"]);
    play.list("e 4", &[]);
    play.next();
    assert!(play.hello(result(&without("e 4"))).is_empty());
    play.next();
    assert_eq!(play.hello(result(&hello("e 4"))), ["answers 1.0, notice", "rooms?"]);
}

/// A `hello` of a module of another version.
fn hello_of(numbers: &str, abilities: &str) -> String {
    element("hello", numbers, &format!("version='0.9' metadata='yes' abilities='{abilities}'"), "<new/>")
}

const NO_START: &str = "silent: its module cannot do \"start\": install the one that comes with this version of \
                        jibri-autostart";

#[test]
fn one_that_lacks_an_ability_is_not_used() {
    let mut play = Play::new();
    play.next();
    assert_eq!(play.hello(result(&hello_of("e 3", "rooms room stop"))), ["give up", NO_START]);
    assert!(!play.course.answers());
    // What it pushes is nothing to us, and no reason to ask it again.
    assert!(play.push(&room("e 4", "r1")).is_empty());
    assert!(play.push(&gone("e 5", "r1")).is_empty());
    assert!(play.push(&hello_of("e 5", "rooms room stop")).is_empty(), "told once");
    assert_eq!(play.next(), (30, vec!["hello?".to_owned()]));
    assert!(play.hello(result(&hello_of("e 6", "rooms room stop"))).is_empty());
    // It is unloaded, and the right one is loaded.
    assert_eq!(play.push(&element("bye", "e 7", "", "")), ["give up", "silent: it was unloaded"]);
    assert_eq!(play.push(&hello("f 0")), ["answers 1.0, notice", "rooms?"]);
    assert_eq!(play.list("f 0", &["r1"]), ["r1 1", "listed r1"]);
    // And back, without a word of the end.
    assert_eq!(play.push(&hello_of("g 0", "rooms room")), ["give up", NO_START]);
    assert!(play.push(&room("g 1", "r1")).is_empty());
    assert_eq!(play.push(&room("h 1", "r1")), ["hello?"], "of another one");
    assert_eq!(
        play.hello(result(&hello_of("h 1", ""))),
        ["give up".to_owned(), NO_START.replace("start\"", "rooms\"")]
    );
    assert_eq!(play.next(), (30, vec!["hello?".to_owned()]));
    assert!(play.hello(NOT_THERE).len() == 2, "that is another reason");
}

#[test]
fn what_it_is_able_to_do_may_change() {
    let mut play = Play::listed();
    for (epoch, abilities, told) in [
        ("e", "rooms room start stop", "answers 0.9, mute"),
        ("e", "rooms room start stop notice whisper", "answers 0.9, notice"),
        ("f", "stop start room rooms", "answers 0.9, mute"),
    ] {
        assert_eq!(play.push(&hello_of(&format!("{epoch} 4"), abilities)), [told, "rooms?"], "{abilities}");
        assert_eq!(play.list(&format!("{epoch} 4"), &["r1"]), ["r1 1", "listed r1"]);
    }
    assert_eq!(play.push(&hello_of("f 4", "rooms room stop")), ["give up", NO_START]);
    assert_eq!(play.push(&hello_of("f 4", "rooms room start stop")), ["answers 0.9, mute", "rooms?"]);
}

#[test]
fn a_bye_is_the_end_until_it_is_loaded_again() {
    let mut play = Play::listed();
    let bye = element("bye", "e 5", "", "");
    assert_eq!(play.push(&bye), ["give up", "silent: it was unloaded"]);
    assert!(!play.course.answers());
    assert!(play.push(&bye).is_empty(), "told once");
    assert!(play.picture("r1", refused("no-room")).is_empty());
    assert_eq!(play.push(&hello("f 0")), ["answers 1.0, notice", "rooms?"]);
    // While a list is read, and whatever numbers it bears.
    assert_eq!(play.push(&element("bye", "", "", "")), ["give up", "silent: it was unloaded"]);
    assert!(play.page(refused("unloaded")).is_empty());
    assert_eq!(play.next(), (30, vec!["hello?".to_owned()]));
    assert!(play.hello(NOT_THERE).is_empty());
    assert_eq!(play.next(), (30, vec!["hello?".to_owned()]));
    assert_eq!(play.hello(result(&hello("g 0"))), ["answers 1.0, notice", "rooms?"]);
}

#[test]
fn where_there_is_none_that_is_told_once() {
    for (answer, why) in [
        (NOT_THERE, "the module is not loaded on this conference service"),
        (refused("failed"), "it fails"),
        (refused(""), "it fails"),
        (result(""), "its answer cannot be understood"),
        (result(&hello("")), "its answer cannot be understood"),
        (result(&hello(&format!("{} 1", "x".repeat(201)))), "its answer cannot be understood"),
        (result(&hello("e x")), "its answer cannot be understood"),
        (result(&hello("e -1")), "its answer cannot be understood"),
        (result(&room("e 1", "r1")), "its answer cannot be understood"),
        (
            result("<hello xmlns='urn:jibri-autostart:companion:2' epoch='e' seq='1'/>"),
            "its answer cannot be understood",
        ),
    ] {
        let mut play = Play::new();
        play.next();
        assert_eq!(play.hello(answer), ["give up".to_owned(), format!("silent: {why}")]);
        assert_eq!(play.next(), (30, vec!["hello?".to_owned()]));
        assert!(play.hello(NOT_THERE).is_empty());
        assert!(!play.course.answers());
    }
}

#[test]
fn what_does_not_answer_is_asked_once_more() {
    let silence = ["give up", "silent: it does not answer"];
    let mut play = Play::listed();
    play.next();
    assert!(play.hello(TIMED_OUT).is_empty());
    assert_eq!(play.next(), (5, vec!["hello?".to_owned()]));
    assert!(play.hello(result(&hello("e 4"))).is_empty());
    // Those were not two in a row.
    play.next();
    assert!(play.hello(TIMED_OUT).is_empty());
    play.next();
    assert_eq!(play.hello(TIMED_OUT), silence);
    // The same where nothing was told before, and for a page.
    let mut play = Play::new();
    play.next();
    assert!(play.hello(TIMED_OUT).is_empty());
    assert_eq!(play.next().0, 5);
    assert_eq!(play.hello(TIMED_OUT), silence);
    assert_eq!(play.next(), (30, vec!["hello?".to_owned()]));
    assert_eq!(play.hello(result(&hello("e 4"))), ["answers 1.0, notice", "rooms?"]);
    assert_eq!(play.page(result(&page("e 4", &["r1"], "x.2"))), ["r1 1", "rooms? x.2"]);
    assert!(play.page(TIMED_OUT).is_empty());
    assert_eq!(play.next(), (5, vec!["rooms? x.2".to_owned()]));
    assert_eq!(play.page(result(&page("e 4", &["r2"], "x.3"))), ["r2 1", "rooms? x.3"]);
    assert!(play.page(TIMED_OUT).is_empty());
    play.next();
    assert_eq!(play.page(TIMED_OUT), silence);
    assert!(play.course.listing().is_none());
    // It is in the same epoch, and all is told anew.
    assert_eq!(play.next(), (20, vec!["hello?".to_owned()]));
    assert_eq!(play.hello(result(&hello("e 4"))), ["answers 1.0, notice", "rooms?"]);
}

#[test]
fn lists_that_are_begun_anew_do_not_hide_that_no_page_comes() {
    let mut play = Play::listed();
    play.wait(3);
    assert_eq!(play.push(&room("e 6", "r1")), ["rooms?", "r1 1"]);
    let first = play.open.last().cloned().unwrap();
    play.wait(3);
    assert_eq!(play.push(&room("e 8", "r1")), ["rooms?", "r1 1"]);
    assert!(play.answer(first, TIMED_OUT).is_empty());
    assert_eq!(play.page(TIMED_OUT), ["give up", "silent: it does not answer"]);
}

#[test]
fn what_it_refuses_is_asked_again() {
    let mut play = Play::new();
    play.next();
    assert!(play.hello(refused("too-many")).is_empty());
    assert_eq!(play.next(), (2, vec!["hello?".to_owned()]));
    assert_eq!(play.hello(result(&hello("e 0"))), ["answers 1.0, notice", "rooms?"]);
    for answer in [refused("too-many"), refused("failed"), refused("odd"), NOT_THERE] {
        assert!(play.page(answer).is_empty());
        assert_eq!(play.next(), (2, vec!["rooms?".to_owned()]));
    }
    assert_eq!(play.page(result(&page("e 0", &["r1"], "x.2"))), ["r1 1", "rooms? x.2"]);
    for odd in [
        result(""),
        result(&hello("e 0")),
        result(&page("", &["r9"], "")),
        result(&page("e 0", &["r9"], &"x".repeat(201))),
    ] {
        assert_eq!(play.page(odd), ["malformed"]);
        assert_eq!(play.next(), (2, vec!["rooms? x.2".to_owned()]));
    }
    // Another list has taken the place of this one, so `r1` may have ended unseen.
    assert_eq!(play.page(refused("bad")), ["rooms?"]);
    assert_eq!(play.list("e 0", &["r2"]), ["r2 1", "listed r2"]);
    // A list that is not ours any more refuses nothing.
    play.wait(3);
    play.push(&hello("e 0"));
    let first = play.open.last().cloned().unwrap();
    play.wait(3);
    play.push(&hello("e 0"));
    assert!(play.answer(first, refused("bad")).is_empty());
    assert_eq!(play.list("e 0", &["r2"]), ["r2 1", "listed r2"]);
}

#[test]
fn a_picture_that_was_asked_for() {
    let mut play = Play::listed();
    assert_eq!(play.picture("r1", result(&room("e 4", "r1"))), ["r1 1"]);
    assert_eq!(play.picture("r1", refused("no-room")), ["-r1"]);
    for nothing in [refused("bad"), refused("too-many"), NOT_THERE, TIMED_OUT] {
        assert!(play.picture("r1", nothing).is_empty());
    }
    for odd in [result(""), result(&room("e 4", "r2")), result(&room("", "r1")), result(&hello("e 4"))] {
        assert_eq!(play.picture("r1", odd), ["malformed"]);
    }
    // What is over is not among those that are listed.
    play.wait(3);
    assert_eq!(play.push(&hello("e 4")), ["rooms?"]);
    assert_eq!(play.page(result(&page("e 4", &["r1", "r2"], "x.3"))), ["r1 1", "r2 1", "rooms? x.3"]);
    assert_eq!(play.picture("r1", refused("no-room")), ["-r1"]);
    assert_eq!(play.list("e 4", &[]), ["listed r2"]);
}

#[test]
fn what_means_nothing_is_counted_and_dropped() {
    let mut play = Play::listed();
    let other = |numbers: &str| element("room", numbers, "jid='r1@muc.other'", "");
    for odd in [
        hello(""),
        hello("e x"),
        room("", "r2"),
        room("e 5x", "r2"),
        room(&format!("{} 5", "x".repeat(201)), "r2"),
        gone("", "r2"),
        page("e 5", &["r2"], ""),
    ] {
        assert_eq!(play.push(&odd), ["malformed"], "{odd:.100}");
    }
    // These have their numbers nevertheless.
    assert_eq!(play.push(&other("e 5")), ["malformed"]);
    assert_eq!(play.push(&element("gone", "e 6", "jid='r1@muc.other'", "")), ["malformed"]);
    assert_eq!(play.push(&element("gone", "e 7", "", "")), ["malformed"]);
    assert!(play.push(&room("e 8", "brewery")).is_empty());
    assert!(play.push(&gone("e 9", "brewery")).is_empty());
    assert_eq!(play.push(&room("e 10", "r2")), ["r2 1"]);
    // So does a version that is none.
    let long = "x".repeat(201);
    for version in [String::new(), format!("version='{long}'")] {
        assert_eq!(play.push(&element("hello", "f 0", &version, "")), ["answers ", "rooms?"]);
        let list = format!("{}{}", rooms(&["r2", "brewery"]), other(""));
        assert_eq!(
            play.page(result(&element("rooms", "f 0", "", &list))),
            ["r2 1", "malformed", "listed r2"]
        );
        play = Play::listed();
    }
}

#[test]
fn of_too_many_rooms_the_rest_is_passed_over() {
    let mut play = Play::new();
    play.next();
    play.hello(result(&hello("e 0")));
    for of in 0..11 {
        let names: Vec<_> = (0..1_000).map(|n| format!("r{of}-{n}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let told = play.page(result(&page("e 0", &names, "x.1")));
        assert_eq!(told.len(), if of < 10 { 1_001 } else { 1 });
    }
    assert_eq!(play.push(&room("e 1", "r0-1")), ["r0-1 1"]);
    assert!(play.push(&room("e 2", "new")).is_empty());
    assert_eq!(play.push(&gone("e 3", "r0-0")), ["-r0-0"]);
    assert_eq!(play.push(&room("e 4", "new")), ["new 1"]);
    let told = play.list("e 4", &[]);
    assert_eq!(told[0].split(' ').count(), 10_001);
}
