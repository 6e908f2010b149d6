//! A room in which starts keep failing: it, or the Jibri that takes them.

use super::*;

/// Jibri `jibri` takes a start of this room and is idle again so many seconds later, without a recording.
fn fails_on(bench: &mut Bench, at: &str, jibri: &str, after: u64) {
    bench.news(at, News::StartSent);
    bench.pass(1);
    bench.shows(jibri, BUSY);
    bench.news(at, News::Accepted);
    bench.pass(after);
    bench.shows(jibri, IDLE);
    bench.fails(at, StartFailure::Failed);
    bench.pass(20);
}

/// Its restart works.
fn restarted(bench: &mut Bench, jibri: &str) {
    bench.give(Input::Recovered { name: name(jibri), result: Ok(()) });
    bench.give(Input::Brewery(Brewery::Left { name: name(jibri) }));
    bench.pass(10);
    bench.shows(jibri, IDLE);
    bench.pass(400);
    bench.effects.clear();
}

fn records(bench: &mut Bench, at: &str, jibri: &str) {
    bench.news(at, News::StartSent);
    bench.pass(1);
    bench.shows(jibri, BUSY);
    bench.news(at, News::Accepted);
    bench.pass(5);
    bench.news(at, News::On { session: None, is_denied: false });
    bench.pass(70);
}

fn settled(bench: &Bench) -> Vec<Settled> {
    let how = |effect: &Effect| match effect {
        Effect::Tell(Event::RoomSettled { how, .. }) => Some(how.clone()),
        _ => None,
    };
    bench.effects.iter().filter_map(how).collect()
}

const EITHER: fn(&Event) -> bool = |event| matches!(event, Event::JibriOrRoom { .. });
const AT_FAULT: fn(&Event) -> bool = |event| matches!(event, Event::RoomAtFault { .. });

/// However soon it fails: 22 such starts once left a Jibri "all right".
#[test]
fn one_room_and_one_jibri_are_told_apart_by_a_restart_of_the_jibri() {
    for after in [0, 1, 2, 40] {
        let mut bench = Bench::new(&["a"]);
        for n in 1..=3 {
            assert_eq!((bench.told(EITHER), bench.recovered()), (0, Vec::new()), "{n} after {after} s");
            fails_on(&mut bench, "r1", "a", after);
        }
        assert_eq!((bench.told(EITHER), bench.verdict("a")), (1, Verdict::Suspect));
        assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Wedged)]);
        let mut other = Bench::new(&["a"]);
        (0..3).for_each(|_| fails_on(&mut other, "r1", "a", after));

        // It was the Jibri.
        restarted(&mut bench, "a");
        records(&mut bench, "r1", "a");
        assert_eq!(settled(&bench), [Settled::ByRestart(name("a"))]);
        assert!(!bench.fleet.is_at_fault(&room("r1")));

        // It was the room.
        restarted(&mut other, "a");
        for _ in 0..6 {
            fails_on(&mut other, "r1", "a", after);
        }
        assert_eq!((other.told(AT_FAULT), other.recovered()), (1, Vec::new()), "one restart");
        assert_eq!((other.failures("a"), other.verdict("a")), (0, Verdict::Ok), "it is cleared");
        assert!(other.fleet.is_at_fault(&room("r1")));
        records(&mut other, "r1", "a");
        assert_eq!(settled(&other), [Settled::Recorded]);
        assert!(!other.fleet.is_at_fault(&room("r1")));
    }
}

#[test]
fn without_recovery_both_are_named_and_none_is_judged() {
    let mut bench = Bench::from(&SETTINGS.replace(r#""wedged", "#, ""), &["a"]);
    for _ in 0..13 {
        fails_on(&mut bench, "r1", "a", 30);
    }
    assert_eq!((bench.told(EITHER), bench.recovered()), (1, Vec::new()));
    let view = bench.fleet.jibri_view("a", bench.now).unwrap();
    let words = view.evidence.words(|_| "TIME".to_owned());
    assert!(words.contains("this Jibri or that room") && words.contains("13 starts"), "{words}");
    bench.pass(3600);
    assert_eq!(settled(&bench), [Settled::Forgotten]);
}

#[test]
fn with_two_jibris_it_takes_no_more_failures() {
    let mut bench = Bench::new(&["a", "b"]);
    for jibri in ["a", "b", "b"] {
        assert_eq!(bench.told(EITHER), 0);
        fails_on(&mut bench, "r1", jibri, 10);
    }
    assert_eq!(bench.told(EITHER), 1);
    assert_eq!(bench.recovered(), [("b".to_owned(), Reason::Wedged)]);
}

#[test]
fn one_that_has_recorded_elsewhere_since_is_no_suspect() {
    let mut bench = Bench::new(&["a"]);
    for _ in 0..6 {
        fails_on(&mut bench, "r1", "a", 10);
        records(&mut bench, "r2", "a");
        bench.news("r2", News::Ended { how: Ended::Naturally, people: false });
        bench.shows("a", IDLE);
        bench.pass(10);
    }
    assert_eq!((bench.told(EITHER), bench.recovered()), (0, Vec::new()));
}

/// It may have been another's start that made it busy.
#[test]
fn one_that_was_busy_twice_while_a_start_was_under_way_is_not_accused() {
    let mut bench = Bench::new(&["a"]);
    for _ in 0..6 {
        bench.news("r1", News::StartSent);
        bench.shows("a", BUSY);
        bench.pass(1);
        bench.shows("a", IDLE);
        bench.pass(1);
        bench.shows("a", BUSY);
        bench.news("r1", News::Accepted);
        bench.pass(10);
        bench.shows("a", IDLE);
        bench.fails("r1", StartFailure::Failed);
        bench.pass(20);
    }
    assert_eq!(bench.failures("a"), 0);
}

/// One that fails fast and is asked again at once never looks idle for ten seconds.
#[test]
fn starts_of_the_room_are_held_back_until_the_restart_that_is_due() {
    let held = |bench: &Bench| {
        let until = |effect: &Effect| match effect {
            Effect::HoldBack { room: at, until } if *at == room("r1") => Some(until.since(bench.now)),
            _ => None,
        };
        bench.effects.iter().filter_map(until).collect::<Vec<_>>()
    };
    let fails_fast = |bench: &mut Bench| {
        bench.news("r1", News::StartSent);
        bench.shows("a", BUSY);
        bench.news("r1", News::Accepted);
        bench.pass(1);
        bench.shows("a", IDLE);
        bench.fails("r1", StartFailure::Failed);
    };
    for jibris in [["a"].as_slice(), &["a", "b", "c"]] {
        let mut bench = Bench::new(jibris);
        fails_fast(&mut bench);
        fails_fast(&mut bench);
        assert!(held(&bench).is_empty());
        fails_fast(&mut bench);
        assert_eq!(held(&bench), [Duration::from_secs(11)], "{jibris:?}");
        bench.pass(9);
        assert_eq!(bench.recovered(), []);
        bench.pass(1);
        assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Wedged)]);
    }

    // Other rooms' starts keep it from being restarted, but the room waits for no more than a minute.
    let mut bench = Bench::new(&["a"]);
    (0..3).for_each(|_| fails_fast(&mut bench));
    let begun = bench.now;
    bench.news("r2", News::StartSent);
    for _ in 0..20 {
        for (next, last) in [("r3", "r2"), ("r2", "r3")] {
            bench.news(next, News::StartSent);
            bench.pass(3);
            bench.fails(last, StartFailure::NoAnswer);
        }
    }
    assert_eq!(bench.recovered(), []);
    let last = bench.effects.iter().rev().find_map(|effect| match effect {
        Effect::HoldBack { until, .. } => Some(*until),
        _ => None,
    });
    assert_eq!(last, Some(begun.after(Duration::from_secs(60))));

    // Where nothing will be restarted, nothing is held back.
    for (from, to) in [
        (r#"on = ["wedged", "#, r#"on = ["#),
        ("[recovery]", "[recovery]\ndry_run = true"),
        ("name = \"a\"", "name = \"c\""),
    ] {
        let mut bench = Bench::from(&SETTINGS.replace(from, to), &["a"]);
        (0..5).for_each(|_| fails_fast(&mut bench));
        assert_eq!((bench.told(EITHER), held(&bench).len()), (1, 0), "{to}");
    }
}
