//! A Jicofo that has lost the brewery.

use super::*;

fn is_told(bench: &Bench) -> [usize; 2] {
    [
        bench.told(|event| matches!(event, Event::JicofoLostBrewery { .. })),
        bench.told(|event| matches!(event, Event::JicofoHasBrewery)),
    ]
}

fn jicofo(bench: &mut Bench, is_there: bool) {
    bench.give(Input::Brewery(Brewery::Jicofo { is_there }));
}

#[test]
fn one_that_does_not_come_back_is_told_and_no_jibri_is_blamed() {
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", IDLE);
    jicofo(&mut bench, true);
    bench.pass(300);
    jicofo(&mut bench, false);
    bench.pass(30);
    jicofo(&mut bench, true);
    bench.pass(60);
    assert_eq!(is_told(&bench), [0, 0], "it was restarted");
    jicofo(&mut bench, false);
    for _ in 0..20 {
        bench.all_busy("r1");
        bench.pass(100);
    }
    assert_eq!(is_told(&bench), [1, 0]);
    assert_eq!((bench.verdict("a"), bench.recovered()), (Verdict::Ok, Vec::new()), "it is not the Jibri");
    jicofo(&mut bench, true);
    assert_eq!(is_told(&bench), [1, 1]);
}

#[test]
fn without_jibris_there_is_nothing_to_lose() {
    let mut bench = Bench::new(&[]);
    jicofo(&mut bench, false);
    bench.pass(300);
    assert_eq!(is_told(&bench), [0, 0]);
    bench.shows("a", IDLE);
    bench.pass(60);
    assert_eq!(is_told(&bench), [1, 0]);
}

/// That a start succeeds before we have entered says nothing about its nickname.
#[test]
fn one_that_found_a_jibri_before_we_could_see_it_may_be_lost_later() {
    let mut bench = Bench::new(&[]);
    bench.news("r1", News::StartSent);
    bench.pass(1);
    bench.news("r1", News::Accepted);
    bench.shows("a", IDLE);
    jicofo(&mut bench, false);
    bench.pass(60);
    assert_eq!(is_told(&bench), [1, 0]);
}

/// It may be there under another nickname.
#[test]
fn one_that_finds_jibris_has_the_brewery() {
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", IDLE);
    jicofo(&mut bench, false);
    bench.pass(20);
    bench.news("r1", News::StartSent);
    bench.pass(1);
    bench.news("r1", News::Accepted);
    bench.pass(300);
    assert_eq!(is_told(&bench), [0, 0]);
}

#[test]
fn one_that_does_not_list_a_jibri_has_lost_it() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.shows("a", IDLE);
    bench.shows("b", IDLE);
    jicofo(&mut bench, true);
    for n in 1..=30 {
        bench.detector(&[("a", IDLE, NEVER)]);
        bench.pass(2);
        assert_eq!(is_told(&bench)[0], usize::from(2 * n >= 45), "after {} s", 2 * n);
    }
    bench.detector(&[("a", IDLE, NEVER), ("b", IDLE, NEVER)]);
    assert_eq!(is_told(&bench), [1, 1]);
}

/// Its list stays as it was when it lost the brewery.
#[test]
fn one_whose_list_contradicts_the_brewery_has_lost_it() {
    let mut bench = Bench::new(&["a"]);
    jicofo(&mut bench, true);
    bench.detector(&[("a", IDLE, NEVER)]);
    bench.shows("a", BUSY);
    for n in 0..55 {
        bench.detector(&[("a", IDLE, NEVER)]);
        assert_eq!(is_told(&bench)[0], usize::from(n >= 45), "after {n} s");
        bench.pass(1);
    }
    bench.detector(&[("a", BUSY, NEVER)]);
    assert_eq!(is_told(&bench), [1, 1]);
}

/// Somebody who says nothing sits in the brewery, and is not Jicofo.
#[test]
fn one_that_sees_no_jibri_where_one_is_idle_has_lost_it() {
    let mut bench = Bench::new(&["a"]);
    jicofo(&mut bench, true);
    for n in 0..4 {
        bench.news("r1", News::StartSent);
        bench.pass(1);
        bench.fails("r1", StartFailure::NoJibri);
        bench.pass(64);
        assert_eq!(is_told(&bench)[0], usize::from(n >= 1), "after {n} starts");
    }
    assert_eq!((bench.verdict("a"), bench.recovered()), (Verdict::Ok, Vec::new()));
    bench.news("r1", News::StartSent);
    bench.news("r1", News::Accepted);
    bench.pass(1);
    assert_eq!(is_told(&bench), [1, 1]);
}

#[test]
fn one_that_calls_all_busy_and_has_failed_none_has_lost_it() {
    let mut bench = Bench::new(&["a"]);
    jicofo(&mut bench, true);
    let asked = |bench: &mut Bench, secs: u64, failed: &str| {
        for _ in 0..secs {
            bench.detector(&[("a", IDLE, failed)]);
            bench.give(Input::Health { name: name("a"), answer: Ok(IDLE) });
            bench.pass(1);
        }
    };
    asked(&mut bench, 20, NEVER);
    for n in 0..3 {
        bench.all_busy("r1");
        asked(&mut bench, 70, NEVER);
        assert_eq!(is_told(&bench)[0], usize::from(n >= 1), "after {n} starts");
    }
    assert_eq!(bench.failures("a"), 0);
    // If it says that this one has failed, it has seen it.
    let mut bench = Bench::new(&["a"]);
    jicofo(&mut bench, true);
    asked(&mut bench, 20, NEVER);
    for n in 0..3 {
        bench.all_busy("r1");
        asked(&mut bench, 70, &format!("2026-{n}"));
    }
    assert_eq!((is_told(&bench)[0], bench.verdict("a")), (0, Verdict::Wedged));
}

/// Without its REST it cannot be told from Jibris that fail, unless there are several.
#[test]
fn one_that_calls_all_busy_while_two_are_idle_has_lost_it() {
    let mut bench = Bench::new(&["a", "b"]);
    jicofo(&mut bench, true);
    for n in 0..3 {
        bench.all_busy("r1");
        bench.pass(70);
        assert_eq!(is_told(&bench)[0], usize::from(n >= 1), "after {n} starts");
    }
}

const COMMAND: &str = "jicofo_command = [\"true\"]\njicofo_after = \"10m\"\n";

/// Jicofo is not there for so long.
fn lost(settings: &str, secs: u64) -> Bench {
    let mut bench = Bench::from(&format!("{SETTINGS}{settings}"), &["a"]);
    jicofo(&mut bench, true);
    jicofo(&mut bench, false);
    bench.pass(secs);
    bench
}

fn restarts(bench: &Bench) -> usize {
    bench.effects.iter().filter(|effect| matches!(effect, Effect::RestartJicofo)).count()
}

#[test]
fn jicofo_is_restarted_when_that_is_told_and_nothing_is_recorded() {
    assert_eq!(restarts(&lost("", 3600)), 0, "no command");
    assert_eq!(restarts(&lost(COMMAND, 44)), 0);
    let mut bench = lost(COMMAND, 45);
    assert_eq!((restarts(&bench), bench.recovered()), (1, Vec::new()));
    bench.give(Input::JicofoRestarted(Ok(())));
    jicofo(&mut bench, true);
    bench.pass(3600);
    assert_eq!((restarts(&bench), is_told(&bench)), (1, [1, 1]));
    assert_eq!(bench.told(|event| *event == Event::JicofoRestart(JicofoRestart::Done)), 1);
}

#[test]
fn while_a_meeting_is_recorded_it_is_only_after_a_while() {
    let recorded = |secs| {
        let mut bench = Bench::from(&format!("{SETTINGS}{COMMAND}"), &["a", "b"]);
        jicofo(&mut bench, true);
        bench.news("r1", News::StartSent);
        bench.shows("a", BUSY);
        bench.news("r1", News::Accepted);
        bench.pass(5);
        bench.news("r1", News::On { session: None, is_denied: false });
        jicofo(&mut bench, false);
        bench.pass(secs);
        bench
    };
    let mut bench = recorded(599);
    assert_eq!(restarts(&bench), 0);
    assert_eq!(bench.told(|event| matches!(event, Event::JicofoRestart(JicofoRestart::Waits(_)))), 1);
    bench.pass(1);
    assert_eq!(restarts(&bench), 1);
    let mut bench = recorded(100);
    bench.news("r1", News::Ended { how: Ended::Naturally, people: false });
    bench.shows("a", IDLE);
    assert_eq!(restarts(&bench), 1);
}

#[test]
fn what_does_not_help_is_not_repeated_for_ever() {
    let mut bench = lost(COMMAND, 45);
    for (secs, count) in [(299, 1), (1, 2), (3000, 2), (299, 2), (1, 3)] {
        bench.give(Input::JicofoRestarted(Err("exit status 1".to_owned())));
        bench.pass(secs);
        assert_eq!(restarts(&bench), count, "{secs}");
    }
    // What was before we were started counts as well.
    let mut bench = Bench::from(&format!("{SETTINGS}{COMMAND}"), &["a"]);
    let now = bench.now;
    bench.give(Input::Remembered(vec![(Whom::Jicofo, now)]));
    jicofo(&mut bench, true);
    jicofo(&mut bench, false);
    bench.pass(299);
    assert_eq!(restarts(&bench), 0);
    bench.pass(1);
    assert_eq!(restarts(&bench), 1);
    let limited = |event: &Event| matches!(event, Event::JicofoRestart(JicofoRestart::Limited(_)));
    assert_eq!(bench.told(limited), 1);
}

#[test]
fn a_dry_run_and_a_standby_restart_no_jicofo() {
    let mut bench = lost(&format!("{COMMAND}dry_run = true\n"), 3600);
    assert_eq!(restarts(&bench), 0);
    assert_eq!(bench.told(|event| *event == Event::JicofoRestart(JicofoRestart::Would)), 1);
    bench = Bench::from(&format!("{SETTINGS}{COMMAND}"), &["a"]);
    bench.give(Input::StandBy(true));
    jicofo(&mut bench, true);
    jicofo(&mut bench, false);
    bench.pass(3600);
    assert_eq!(restarts(&bench), 0);
    bench.give(Input::StandBy(false));
    assert_eq!(restarts(&bench), 1);
}

/// It may have been suspected for long for another reason, and be only restarting now.
#[test]
fn what_is_sure_has_to_last_before_jicofo_is_restarted() {
    let settings = SETTINGS.replace("[recovery]\n", "[recovery]\njicofo_command = [\"true\"]\n");
    let mut bench = Bench::from(&settings, &["a", "b"]);
    jicofo(&mut bench, true);
    // Both are idle, and fail each start.
    for _ in 0..3 {
        bench.news("r1", News::StartSent);
        bench.news("r1", News::Failed { why: StartFailure::AllBusy, people: true });
        bench.pass(90);
    }
    assert_eq!(
        bench.told(|event| matches!(event, Event::JicofoLostBrewery { .. })),
        1,
        "{:?}",
        bench.effects
    );
    let restarts =
        |bench: &Bench| bench.effects.iter().filter(|e| matches!(e, Effect::RestartJicofo)).count();
    jicofo(&mut bench, false);
    bench.pass(40);
    assert_eq!(restarts(&bench), 0, "it may be restarting");
    bench.pass(10);
    assert_eq!(restarts(&bench), 1);
}
