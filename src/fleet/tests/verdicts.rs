//! The table of cases, row by row, and the page that is held to it.

use super::super::cases::{CASES, DETACHED_AFTER, LOST, STALE_AFTER};
use super::*;

const ON_BOTH: &str = r#"on = ["wedged", "unhealthy", "expired", "stale", "detached"]"#;

fn bench(present: &[&str]) -> Bench {
    Bench::from(&SETTINGS.replace(r#"on = ["wedged", "unhealthy", "expired"]"#, ON_BOTH), present)
}

/// So many seconds, in which its health port says this each time it is asked.
fn with_port(bench: &mut Bench, report: Report, secs: u64) {
    for _ in 0..secs / 5 {
        bench.give(Input::Health { name: name("a"), answer: Ok(report) });
        bench.pass(5);
    }
}

fn words(bench: &Bench) -> String {
    let view = bench.fleet.jibri_view("a", bench.now).unwrap();
    view.evidence.words(|at| format!("{}", at.since_start().as_secs()))
}

#[test]
fn busy_in_the_brewery_and_idle_by_its_own_word_is_stale_and_restarted() {
    let mut bench = bench(&["a"]);
    bench.shows("a", BUSY);
    with_port(&mut bench, IDLE, 45);
    assert_eq!((bench.verdict("a"), bench.recovered()), (Verdict::Ok, Vec::new()), "one may be late");
    with_port(&mut bench, IDLE, 10);
    assert_eq!(bench.verdict("a"), Verdict::Stale);
    let said =
        "the brewery shows it busy and its health port says idle, both since 10200: Jicofo never chooses it";
    assert_eq!(words(&bench), said);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Stale)]);
}

#[test]
fn idle_in_the_brewery_and_busy_by_its_own_word_is_stale_and_restarted() {
    let mut bench = bench(&["a"]);
    with_port(&mut bench, BUSY, 60);
    assert_eq!(bench.verdict("a"), Verdict::Stale);
    assert!(words(&bench).ends_with("it fails every start"), "{}", words(&bench));
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Stale)]);
    bench.give(Input::Webhook { id: "a".into(), report: BUSY });
    assert!(words(&bench).ends_with("a receiver that is down does this"), "{}", words(&bench));
    assert_eq!(bench.fleet.supply(), Supply::Unknown, "it is not free");
}

/// Neither is shown for long enough at a stretch.
#[test]
fn what_its_port_says_while_it_changes_is_no_contradiction() {
    let mut bench = bench(&["a"]);
    for _ in 0..10 {
        bench.shows("a", BUSY);
        with_port(&mut bench, IDLE, 30);
        bench.shows("a", IDLE);
        with_port(&mut bench, BUSY, 30);
    }
    assert_eq!((bench.verdict("a"), bench.recovered()), (Verdict::Ok, Vec::new()));
    bench.shows("a", BUSY);
    with_port(&mut bench, IDLE, 30);
    bench.give(Input::Brewery(Brewery::Lost));
    bench.give(Input::Brewery(Brewery::Complete));
    bench.shows("a", BUSY);
    with_port(&mut bench, IDLE, 30);
    assert_eq!(bench.verdict("a"), Verdict::Ok, "nobody saw what was meanwhile");
}

#[test]
fn one_with_a_recorder_in_a_meeting_is_left_to_the_meeting() {
    let mut bench = bench(&["a"]);
    bench.news("r1", News::StartSent);
    bench.shows("a", BUSY);
    bench.news("r1", News::Accepted);
    bench.pass(5);
    bench.news("r1", News::On { session: None, is_denied: false });
    with_port(&mut bench, IDLE, 300);
    assert_eq!((bench.verdict("a"), bench.recovered()), (Verdict::Ok, Vec::new()));
    bench.news("r1", News::Ended { how: Ended::Failed, people: true });
    with_port(&mut bench, IDLE, 20);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Stale)]);
}

/// What says that it is busy may be the recorder of a meeting whose Jibri nobody knows.
#[test]
fn one_that_says_busy_itself_is_not_restarted_while_a_recorder_may_be_its() {
    let mut bench = bench(&["a"]);
    bench.news("r1", News::On { session: None, is_denied: false });
    with_port(&mut bench, BUSY, 100);
    assert_eq!((bench.verdict("a"), bench.recovered()), (Verdict::Stale, Vec::new()));
    bench.news("r1", News::Ended { how: Ended::Naturally, people: false });
    with_port(&mut bench, BUSY, 10);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Stale)]);
}

/// A Jicofo that has lost the brewery shows old words, and no Jibri is to blame.
#[test]
fn what_only_jicofo_shows_has_nobody_restarted() {
    let settings = SETTINGS.replace(r#"on = ["wedged", "unhealthy", "expired"]"#, ON_BOTH);
    let mut bench = Bench::with(&settings);
    for _ in 0..30 {
        bench.detector(&[("a", BUSY, NEVER)]);
        with_port(&mut bench, IDLE, 5);
    }
    assert_eq!((bench.verdict("a"), bench.recovered()), (Verdict::Stale, Vec::new()));
    for _ in 0..30 {
        bench.detector(&[("b", IDLE, NEVER)]);
        with_port(&mut bench, IDLE, 5);
    }
    assert_eq!((bench.verdict("a"), bench.recovered()), (Verdict::Detached, Vec::new()));
}

#[test]
fn one_that_is_alive_outside_the_brewery_is_detached_and_restarted_unless_it_is_busy() {
    for report in [IDLE, BUSY] {
        let mut bench = bench(&["a"]);
        bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
        assert_eq!(bench.verdict("a"), Verdict::Offline, "at once");
        with_port(&mut bench, report, 55);
        assert_eq!(bench.verdict("a"), Verdict::Offline);
        with_port(&mut bench, report, 10);
        assert_eq!(bench.verdict("a"), Verdict::Detached);
        let restarted = if report == IDLE { vec![("a".to_owned(), Reason::Detached)] } else { Vec::new() };
        assert_eq!(bench.recovered(), restarted);
        bench.shows("a", IDLE);
        assert_eq!(bench.verdict("a"), Verdict::Ok);
    }
}

/// It may be in the brewery under another nickname, at work.
#[test]
fn one_that_never_was_in_the_brewery_is_told_of_and_left_alone() {
    let mut bench = bench(&["b"]);
    with_port(&mut bench, IDLE, 200);
    assert_eq!((bench.verdict("a"), bench.recovered()), (Verdict::Detached, Vec::new()));
}

/// `docs/verdicts.md` has this table, with these sentences. When it has not: print it, and put it there.
#[test]
fn the_page_is_the_table() {
    let page = include_str!("../../../docs/verdicts.md");
    let (at, room_of) = (Time::new(Duration::ZERO), room("r1"));
    let stale =
        |shown| Evidence::Stale { by: Source::Brewery, shown, since: at, has_webhooks: shown == Busy::Idle };
    let failed = |count| Evidence::FailedStarts { count, last: at, room: Some(room_of.clone()) };
    let dead = || Evidence::PortDead { since: at, why: "timed out".into() };
    let says = [
        Evidence::Detached { by: Source::Brewery, since: at },
        Evidence::Absent { since: Some(at) },
        Evidence::Expired { by: Source::HealthPort, since: at },
        Evidence::Unhealthy { by: Source::Brewery, since: at },
        stale(Busy::Busy),
        stale(Busy::Idle),
        failed(3),
        dead(),
        Evidence::PingDead { since: at },
        Evidence::OneRoom { count: 3, last: at, room: room_of.clone() },
        Evidence::NoFiles { count: 2 },
        failed(1),
        dead(),
        Evidence::None,
    ];
    let mut table = "| heard | verdict | said | done |\n|---|---|---|---|\n".to_owned();
    assert_eq!(CASES.len(), says.len());
    for (case, says) in CASES.iter().zip(says) {
        let (verdict, says) = (case.verdict.name(), says.words(|_| "TIME".to_owned()));
        table.push_str(&format!("| {} | `{verdict}` | {says} | {} |\n", case.heard, case.done));
    }
    let jibris = || vec![name("jibri-1"), name("jibri-2")];
    let lost = [
        LostBy::NotThere,
        LostBy::NotListed(name("jibri-1")),
        LostBy::ListsOtherwise(name("jibri-1")),
        LostBy::Refuses { says: StartFailure::AllBusy, idle: jibris(), sure: true },
    ];
    let mut of_jicofo = "| heard | said |\n|---|---|\n".to_owned();
    assert_eq!(LOST.len(), lost.len());
    for (case, by) in LOST.iter().zip(lost) {
        of_jicofo.push_str(&format!("| {} | {by} |\n", case.heard));
    }
    for table in [table, of_jicofo] {
        assert!(page.contains(&table), "docs/verdicts.md does not have:\n{table}");
    }
    let bounds = [(STALE_AFTER, 45), (DETACHED_AFTER, 60), (super::super::jicofo::COMES_BACK, 45)];
    assert!(bounds.iter().all(|(bound, secs)| bound.as_secs() == *secs), "the table names them");
}
