//! What is seen of Jibris, and what follows from it at once.

use super::*;

#[test]
fn a_room_whose_jibri_goes_is_looked_at() {
    let mut bench = Bench::new(&["a"]);
    bench.news("r1", News::StartSent);
    bench.shows("a", BUSY);
    bench.news("r1", News::Accepted);
    bench.pass(5);
    bench.news("r1", News::On { session: None, is_denied: false });
    bench.pass(100);
    bench.effects.clear();
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    assert!(bench.effects.contains(&Effect::Look { room: room("r1"), gone: true }));
    assert_eq!(bench.verdict("a"), Verdict::Offline);
    bench.news("r1", News::Ended { how: Ended::Failed, people: true });
}

#[test]
fn who_is_busy_when_the_brewery_is_seen_again_has_taken_nothing() {
    let taken = |bench: &Bench| bench.effects.iter().filter(|e| matches!(e, Effect::Taken { .. })).count();
    let mut bench = Bench::new(&["a", "b"]);
    bench.shows("a", BUSY);
    bench.pass(100);
    bench.news("r", News::StartSent);
    bench.give(Input::Brewery(Brewery::Lost));
    bench.shows("a", BUSY);
    bench.shows("b", IDLE);
    bench.give(Input::Brewery(Brewery::Complete));
    assert_eq!(taken(&bench), 0);
    bench.shows("b", BUSY);
    assert_eq!(taken(&bench), 1);
}

#[test]
fn a_freed_jibri_is_there_at_once() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.shows("a", BUSY);
    bench.shows("b", BUSY);
    let known = |bench: &Bench| match bench.fleet.supply() {
        Supply::Known { free, change } => (free, change),
        Supply::Unknown => panic!("nobody knows"),
    };
    let (free, before) = known(&bench);
    assert_eq!(free, 0);
    bench.shows("a", IDLE);
    let (free, change) = known(&bench);
    assert!(free == 1 && change > before);
    bench.news("r1", News::StartSent);
    assert_eq!(known(&bench).0, 0, "the start is about to take it");
}

#[test]
fn an_unseen_brewery_makes_nobody_offline() {
    let mut bench = Bench::new(&["a"]);
    assert_eq!((bench.verdict("a"), bench.verdict("b")), (Verdict::Ok, Verdict::Offline));
    bench.give(Input::Brewery(Brewery::Lost));
    assert_eq!((bench.verdict("a"), bench.verdict("b")), (Verdict::Ok, Verdict::Ok));
    assert_eq!(bench.fleet.supply(), Supply::Unknown, "who knows");
}

/// docker-jitsi-meet lets nobody else into the brewery, so there Jicofo's list is all that shows who is missing.
#[test]
fn one_that_jicofo_has_never_seen_is_offline() {
    let mut bench = Bench::with(SETTINGS);
    bench.detector(&[("a", IDLE, NEVER)]);
    assert_eq!((bench.verdict("a"), bench.verdict("b")), (Verdict::Ok, Verdict::Offline));
    bench.detector(&[("a", IDLE, NEVER), ("b", IDLE, NEVER)]);
    assert_eq!(bench.verdict("b"), Verdict::Ok);
}

/// Seconds that this thread has had a core: what else the machine does makes no difference.
fn worked() -> f64 {
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    // utime and stime of proc_pid_stat(5), of which two fields stand before the bracket.
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS
}

/// 500 idle Jibris, polled by all sources, cost less than a hundredth of a core.
#[test]
fn five_hundred_are_cheap() {
    let names: Vec<String> = (0..500).map(|n| format!("jibri-{n}")).collect();
    let instances: String =
        names.iter().map(|name| format!("[[jibri.instance]]\nname = \"{name}\"\n")).collect();
    let head = SETTINGS.split("[[").next().unwrap();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut bench = Bench::from(&format!("{head}{instances}"), &all);
    let rows: Vec<(&str, Report, &str)> = all.iter().map(|name| (*name, IDLE, NEVER)).collect();
    let (before, secs) = (worked(), 300);
    for second in 0..secs {
        bench.detector(&rows);
        for jibri in all.iter().skip(second % 10).step_by(10) {
            bench.give(Input::Health { name: name(jibri), answer: Ok(IDLE) });
        }
        bench.pass(1);
        bench.effects.clear();
    }
    let share = (worked() - before) / f64::from(u32::try_from(secs).unwrap());
    println!("{:.3} % of a core", share * 100.0);
    assert!(share < 0.01, "{share}");
}
