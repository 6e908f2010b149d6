//! Whom a failed start is held against, and whom not.

use super::*;

#[test]
fn all_busy_with_one_idle_counts_once_a_minute() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.shows("b", BUSY);
    bench.all_busy("r1");
    assert_eq!(bench.failures("a"), 0, "what is under way has to show itself first");
    bench.pass(25);
    assert_eq!((bench.failures("a"), bench.verdict("a")), (1, Verdict::Suspect));
    bench.all_busy("r1");
    bench.pass(25);
    assert_eq!(bench.failures("a"), 1, "it was not selected again so soon");
    for _ in 0..2 {
        bench.pass(60);
        bench.all_busy("r2");
        bench.pass(25);
    }
    assert_eq!((bench.failures("a"), bench.failures("b")), (3, 0));
    assert_eq!(bench.verdict("a"), Verdict::Wedged);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Wedged)]);
}

#[test]
fn all_busy_with_two_idle_is_nobodys() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.all_busy("r1");
    bench.pass(25);
    assert_eq!((bench.failures("a"), bench.failures("b")), (0, 0));
    let among = [name("a"), name("b")];
    assert_eq!(bench.told(|event| matches!(event, Event::InDoubt { among: a, .. } if a[..] == among)), 1);
}

#[test]
fn one_that_has_just_become_idle_is_not_accused() {
    for lead in [0, 2, 4] {
        let mut bench = Bench::new(&["a"]);
        bench.shows("a", BUSY);
        bench.pass(100);
        bench.shows("a", IDLE);
        bench.pass(lead);
        bench.all_busy("r1");
        bench.pass(60);
        assert_eq!(bench.failures("a"), 0, "{lead} s before");
    }
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", BUSY);
    bench.pass(100);
    bench.all_busy("r1");
    bench.shows("a", IDLE);
    bench.pass(60);
    assert_eq!(bench.failures("a"), 0, "just after");
}

#[test]
fn one_that_was_launching_or_unwell_meanwhile_is_not_accused() {
    for report in [BUSY, UNHEALTHY] {
        let mut bench = Bench::new(&["a"]);
        bench.all_busy("r1");
        bench.pass(15);
        bench.shows("a", report);
        bench.pass(1);
        bench.shows("a", IDLE);
        bench.pass(60);
        assert_eq!(bench.failures("a"), 0, "{report:?}");
    }
}

#[test]
fn what_the_room_is_the_reason_of_counts_against_nobody() {
    use StartFailure as F;
    let reasons = [
        F::NoRecorder,
        F::NotKnownYet,
        F::NoFocus,
        F::NoRoom,
        F::NotInside,
        F::FocusError,
        F::NoJibri,
        F::NoAnswer,
        F::SeveralFailed,
        F::Unknown,
        F::Vanished,
    ];
    for why in reasons {
        let mut bench = Bench::new(&["a"]);
        bench.news("r1", News::StartSent);
        bench.pass(2);
        bench.fails("r1", why);
        bench.pass(60);
        assert_eq!(bench.failures("a"), 0, "{why:?}");
    }
}

#[test]
fn jicofos_own_word_goes_before_all_busy() {
    let mut bench = Bench::new(&["a"]);
    for failed in [NEVER, NEVER, NEVER, NEVER, NEVER] {
        bench.detector(&[("a", IDLE, failed)]);
        bench.pass(1);
    }
    bench.news("r1", News::StartSent);
    bench.detector(&[("a", IDLE, NEVER)]);
    bench.fails("r1", StartFailure::AllBusy);
    for _ in 0..30 {
        bench.pass(1);
        bench.detector(&[("a", IDLE, NEVER)]);
    }
    assert_eq!(bench.failures("a"), 0, "Jicofo never tried it");
    bench.news("r1", News::StartSent);
    for _ in 0..10 {
        bench.pass(1);
        bench.detector(&[("a", IDLE, "2026-01-01T00:00:00Z")]);
    }
    assert_eq!(bench.failures("a"), 1);
    let view = bench.fleet.jibri_view("a", bench.now).unwrap();
    let words = view.evidence.words(|_| "14:02:11".to_owned());
    assert_eq!(
        words,
        "1 start failed while it reported idle and healthy, last 14:02:11 in r1@muc.meet.jitsi"
    );
    bench.detector(&[("a", IDLE, NEVER)]);
    bench.pass(10);
    assert_eq!(bench.failures("a"), 1, "a failure that is cleared is no failure");
}

#[test]
fn who_answered_busy_because_it_was_is_not_accused() {
    let mut bench = Bench::new(&["a"]);
    bench.detector(&[("a", IDLE, NEVER)]);
    bench.pass(1);
    bench.detector(&[("a", IDLE, "2026-01-01")]);
    bench.pass(2);
    bench.shows("a", BUSY);
    bench.pass(20);
    assert_eq!(bench.failures("a"), 0);
}

/// Without the brewery its answer, a moment later than Jicofo waits, shows in nothing else.
#[test]
fn who_has_shown_idle_anew_at_once_was_late_and_is_not_accused() {
    let mut bench = Bench::with(SETTINGS);
    for failed in [NEVER; 60].into_iter().chain(["2026-01-01"]).chain([NEVER; 20]) {
        bench.pass(1);
        bench.detector(&[("a", IDLE, failed)]);
    }
    assert_eq!(bench.failures("a"), 0);
}

#[test]
fn a_new_process_does_not_answer_for_the_old_one() {
    let mut bench = Bench::new(&["a"]);
    bench.detector(&[("a", IDLE, NEVER)]);
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.pass(1);
    bench.shows("a", IDLE);
    bench.detector(&[("a", IDLE, NEVER)]);
    bench.pass(1);
    bench.detector(&[("a", IDLE, "2026-01-01")]);
    bench.pass(20);
    assert_eq!(bench.failures("a"), 0);
}

#[test]
fn a_fallback_exonerates_itself_and_not_the_one_that_failed() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.news("r1", News::StartSent);
    bench.pass(3);
    bench.shows("a", BUSY);
    bench.news("r1", News::Accepted);
    bench.pass(5);
    assert_eq!(bench.fleet.serving(&room("r1")), Serving::Known(&name("a")));
    bench.pass(50);
    bench.shows("a", IDLE);
    bench.pass(3);
    bench.shows("b", BUSY);
    bench.pass(8);
    bench.news("r1", News::On { session: None, is_denied: false });
    bench.pass(5);
    assert_eq!(bench.fleet.serving(&room("r1")), Serving::Known(&name("b")));
    assert_eq!(bench.failures("a"), 0, "the recording has to last first");
    bench.pass(60);
    assert_eq!((bench.failures("a"), bench.failures("b")), (1, 0));
    // Another day it records, and all is forgotten.
    bench.news("r2", News::StartSent);
    bench.shows("a", BUSY);
    bench.news("r2", News::Accepted);
    bench.pass(5);
    bench.news("r2", News::On { session: None, is_denied: false });
    bench.pass(70);
    assert_eq!((bench.failures("a"), bench.verdict("a")), (0, Verdict::Ok));
}

#[test]
fn an_empty_room_and_a_persons_stop_blame_nobody() {
    for news in [News::Failed { why: StartFailure::Failed, people: false }, News::Over] {
        let mut bench = Bench::new(&["a"]);
        bench.news("r1", News::StartSent);
        bench.shows("a", BUSY);
        bench.news("r1", News::Accepted);
        bench.pass(20);
        bench.news("r1", news);
        bench.pass(3);
        bench.shows("a", IDLE);
        bench.pass(60);
        assert_eq!(bench.failures("a"), 0);
    }
}

#[test]
fn two_starts_at_once_are_told_apart_only_by_what_is_sure() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.news("r1", News::StartSent);
    bench.news("r2", News::StartSent);
    bench.pass(2);
    bench.shows("a", BUSY);
    bench.shows("b", BUSY);
    bench.news("r1", News::Accepted);
    bench.news("r2", News::Accepted);
    bench.pass(5);
    assert!(matches!(bench.fleet.serving(&room("r1")), Serving::OneOf(set) if set.len() == 2));
    bench.news("r1", News::On { session: None, is_denied: false });
    bench.pass(5);
    assert!(matches!(bench.fleet.serving(&room("r1")), Serving::OneOf(_)));
    bench.shows("a", IDLE);
    bench.fails("r2", StartFailure::Failed);
    bench.pass(60);
    assert_eq!((bench.failures("a"), bench.failures("b")), (0, 0));
}

#[test]
fn a_later_start_is_known_by_elimination() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.news("r1", News::StartSent);
    bench.news("r2", News::StartSent);
    bench.pass(2);
    bench.shows("a", BUSY);
    bench.news("r1", News::Accepted);
    bench.pass(5);
    bench.shows("b", BUSY);
    bench.news("r2", News::Accepted);
    bench.pass(5);
    assert_eq!(bench.fleet.serving(&room("r1")), Serving::Known(&name("a")));
    assert_eq!(bench.fleet.serving(&room("r2")), Serving::Known(&name("b")));
}
