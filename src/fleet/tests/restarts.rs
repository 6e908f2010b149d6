//! Who is restarted, within which limits, and what becomes of it.

use super::*;

#[test]
fn an_unhealthy_jibri_at_work_is_left_alone_whoever_says_so() {
    let unwell = Report { health: Health::Unhealthy, ..BUSY };
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", unwell);
    bench.pass(100);
    assert_eq!(bench.recovered(), []);
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", UNHEALTHY);
    for _ in 0..10 {
        bench.give(Input::Health { name: name("a"), answer: Ok(unwell) });
        bench.pass(10);
    }
    assert_eq!(bench.recovered(), [], "its port says that it is at work");
    bench.give(Input::Health { name: name("a"), answer: Ok(UNHEALTHY) });
    bench.pass(10);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Unhealthy)]);
}

#[test]
fn an_expired_jibri_shows_busy_and_is_restarted_and_watched() {
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", BUSY);
    bench.pass(100);
    bench.give(Input::Health { name: name("a"), answer: Ok(EXPIRED) });
    bench.pass(15);
    assert_eq!(bench.verdict("a"), Verdict::Expired);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Expired)]);
    bench.give(Input::Recovered { name: name("a"), result: Ok(()) });
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.pass(20);
    bench.shows("a", IDLE);
    assert_eq!(bench.told(|event| matches!(event, Event::Back { .. })), 1);
    assert_eq!(bench.verdict("a"), Verdict::Ok);
}

/// It says that it is idle, takes starts, says that it records, and there is no file: the same from the other end.
#[test]
fn one_that_leaves_no_files_is_restarted_once_it_is_idle() {
    let mut bench = Bench::new(&["a"]);
    let without = |count| Input::WithoutFiles { name: name("a"), count };
    bench.shows("a", BUSY);
    bench.pass(60);
    bench.give(without(2));
    bench.pass(60);
    assert_eq!((bench.verdict("a"), bench.recovered()), (Verdict::Suspect, Vec::new()), "it records");
    bench.shows("a", IDLE);
    bench.pass(20);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Wedged)]);
    bench.give(Input::Recovered { name: name("a"), result: Ok(()) });
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.pass(20);
    bench.shows("a", IDLE);
    assert_eq!(bench.verdict("a"), Verdict::Ok, "it is another process");
    bench.give(without(3));
    assert_eq!(bench.verdict("a"), Verdict::Suspect);
    bench.give(without(0));
    assert_eq!(bench.verdict("a"), Verdict::Ok, "one has come out well");
}

/// The brewery shows it busy, and nobody but its webhook says that it is used up.
#[test]
fn a_webhook_alone_has_nobody_restarted_who_may_be_recording() {
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", BUSY);
    for _ in 0..20 {
        bench.give(Input::Webhook { id: "a".into(), report: EXPIRED });
        bench.pass(10);
    }
    assert_eq!(bench.recovered(), []);
    // Unless its recording was seen to end.
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", IDLE);
    bench.pass(20);
    bench.news("r1", News::StartSent);
    bench.pass(1);
    bench.shows("a", BUSY);
    bench.news("r1", News::Accepted);
    bench.news("r1", News::On { session: None, is_denied: false });
    bench.pass(100);
    bench.give(Input::Webhook { id: "a".into(), report: EXPIRED });
    bench.pass(15);
    assert_eq!(bench.recovered(), [], "it records");
    bench.news("r1", News::Ended { how: Ended::Naturally, people: true });
    bench.pass(1);
    bench.give(Input::Webhook { id: "a".into(), report: EXPIRED });
    bench.pass(15);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Expired)]);
}

#[test]
fn one_that_is_not_back_is_told_of_and_does_not_hold_up_others() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.shows("a", UNHEALTHY);
    bench.shows("b", UNHEALTHY);
    bench.pass(20);
    assert_eq!(bench.recovered().len(), 1, "one at a time");
    bench.give(Input::Recovered { name: name("a"), result: Ok(()) });
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.pass(170);
    assert_eq!(bench.recovered().len(), 1);
    bench.pass(30);
    assert_eq!(bench.told(|event| matches!(event, Event::NotBack { has_gone: true, .. })), 1);
    assert_eq!(bench.recovered().len(), 2);
}

/// A command that restarts something else, or nothing, keeps a Jibri that works from nobody for long.
#[test]
fn one_that_does_not_even_leave_is_told_of_soon() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.shows("a", UNHEALTHY);
    bench.pass(20);
    assert_eq!(bench.recovered().len(), 1);
    bench.give(Input::Recovered { name: name("a"), result: Ok(()) });
    bench.pass(40);
    assert_eq!(bench.told(|event| matches!(event, Event::NotBack { .. })), 0);
    bench.pass(10);
    assert_eq!(bench.told(|event| matches!(event, Event::NotBack { has_gone: false, .. })), 1);
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.shows("a", IDLE);
    assert_eq!(bench.told(|event| matches!(event, Event::Back { .. })), 1, "it came late");
}

/// The alert that it could not be restarted would stand for ever.
#[test]
fn one_that_could_not_be_restarted_is_told_to_be_back_whoever_mends_it() {
    let is_back = |event: &Event| matches!(event, Event::Back { .. });
    let failing = || {
        let mut bench = Bench::new(&["a"]);
        bench.shows("a", UNHEALTHY);
        bench.pass(20);
        assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Unhealthy)]);
        bench
    };
    let no = || Input::Recovered { name: name("a"), result: Err("exit status 1".into()) };
    // By hand.
    let mut bench = failing();
    bench.give(no());
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.pass(5);
    assert_eq!(bench.told(is_back), 0);
    bench.shows("a", IDLE);
    assert_eq!((bench.told(is_back), bench.verdict("a")), (1, Verdict::Ok));
    // By the command, which only says that it has failed.
    let mut bench = failing();
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.shows("a", IDLE);
    bench.give(no());
    assert_eq!(bench.told(is_back), 1);
    bench.shows("a", BUSY);
    assert_eq!(bench.told(is_back), 1, "once");
}

#[test]
fn one_that_could_not_be_recycled_is_not_back_before_it_has_been_gone() {
    let settings = SETTINGS.replace(r#"on = ["#, "recycle_after = 1\non = [\"recycle\", ");
    let mut bench = Bench::from(&settings, &["a"]);
    bench.shows("a", BUSY);
    bench.pass(100);
    bench.shows("a", IDLE);
    bench.pass(20);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Recycle)]);
    bench.give(Input::Recovered { name: name("a"), result: Err("exit status 1".into()) });
    bench.pass(60);
    assert_eq!(bench.told(|event| matches!(event, Event::Back { .. })), 0);
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.shows("a", IDLE);
    assert_eq!(bench.told(|event| matches!(event, Event::Back { .. })), 1);
}

#[test]
fn restarts_of_before_we_were_started_count_for_the_limits() {
    let ago = |bench: &Bench, secs| Time::new(bench.now.since_start() - Duration::from_secs(secs));
    let remembering = |secs: &[(&str, u64)]| {
        let mut bench = Bench::new(&["a", "b"]);
        let restarts =
            secs.iter().map(|(jibri, secs)| (Whom::Jibri(name(jibri)), ago(&bench, *secs))).collect();
        bench.give(Input::Remembered(restarts));
        bench.shows("a", UNHEALTHY);
        bench.pass(20);
        bench
    };
    let cools = Limit::Cooldown;
    let mut bench = remembering(&[("a", 100)]);
    assert_eq!(bench.recovered(), []);
    assert_eq!(bench.told(|event| matches!(event, Event::Limited { limit, .. } if *limit == cools)), 1);
    bench.pass(200 - 20 - 1);
    assert_eq!(bench.recovered(), [], "five minutes are not over");
    bench.pass(1);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Unhealthy)]);

    // Six in an hour, whoever they were; told in any order.
    let six = [("b", 3000), ("gone", 500), ("b", 1000), ("b", 2000), ("b", 2500), ("b", 900)];
    let mut bench = remembering(&six);
    assert_eq!(bench.recovered(), []);
    assert_eq!(bench.told(|event| matches!(event, Event::Limited { limit: Limit::PerHour, .. })), 1);
    bench.pass(600 - 20 - 1);
    assert_eq!(bench.recovered(), [], "the hour is not over");
    bench.pass(1);
    assert_eq!(bench.recovered(), [("a".to_owned(), Reason::Unhealthy)]);

    let old = remembering(&[("a", 400), ("b", 4000), ("b", 4001), ("b", 4002), ("b", 4003), ("b", 4004)]);
    assert_eq!(old.recovered(), [("a".to_owned(), Reason::Unhealthy)]);
}

#[test]
fn a_stranger_and_twins_are_never_restarted() {
    let mut bench = Bench::new(&["stranger"]);
    bench.shows("stranger", UNHEALTHY);
    bench.pass(100);
    let (status, items) = (Some(UNHEALTHY), 2);
    bench.give(Input::Brewery(Brewery::Presence { name: name("a"), status, items }));
    bench.pass(1000);
    assert_eq!(bench.recovered(), []);
    assert_eq!(bench.told(|event| matches!(event, Event::Limited { limit: Limit::NotConfigured, .. })), 1);
    assert_eq!(bench.told(|event| matches!(event, Event::Limited { limit: Limit::Twins, .. })), 1);
    assert_eq!(bench.told(|event| matches!(event, Event::Twins { items: 2, .. })), 1);
}

#[test]
fn a_dry_run_tells_once_and_does_nothing() {
    let mut bench = Bench::from(&format!("{SETTINGS}dry_run = true\n"), &["a"]);
    bench.shows("a", UNHEALTHY);
    bench.pass(3000);
    assert_eq!(bench.recovered(), []);
    assert_eq!(bench.told(|event| matches!(event, Event::WouldRecover { .. })), 1);
}
