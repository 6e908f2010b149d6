//! Recorders in rooms where nobody is.

use super::*;

fn is_alone(bench: &mut Bench, in_room: &str, is_alone: bool) {
    bench.give(Input::Alone { room: room(in_room), is_alone });
}

/// What Jicofo's REST interface says.
fn seated(bench: &mut Bench, in_room: &str, ids: &[&str]) {
    bench.give(Input::Recorders { room: room(in_room), seats: seats(ids), listed: true });
}

/// `a` records r1, where nobody is, and Jicofo has said so.
fn ghost() -> Bench {
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", BUSY);
    bench.pass(10);
    is_alone(&mut bench, "r1", true);
    seated(&mut bench, "r1", &["a"]);
    is_alone(&mut bench, "r1", true);
    bench
}

fn told(bench: &Bench) -> usize {
    bench.told(|event| matches!(event, Event::Ghost { name: Some(_), .. }))
}

fn ended(bench: &Bench) -> usize {
    bench.effects.iter().filter(|effect| **effect == Effect::EndRecording { name: name("a") }).count()
}

#[test]
fn it_is_told_of_once_and_ended_where_somebody_waits_for_its_jibri() {
    let mut bench = ghost();
    is_alone(&mut bench, "r1", true);
    assert_eq!((told(&bench), ended(&bench)), (1, 0));
    bench.give(Input::InWant(true));
    assert_eq!(ended(&bench), 0, "not before it was seen again");
    is_alone(&mut bench, "r1", true);
    is_alone(&mut bench, "r1", true);
    assert_eq!(ended(&bench), 1);
    bench.pass(61);
    is_alone(&mut bench, "r1", true);
    assert_eq!(ended(&bench), 1, "what Jicofo has said is old");
    seated(&mut bench, "r1", &["a"]);
    is_alone(&mut bench, "r1", true);
    assert_eq!(ended(&bench), 2, "it goes on");
    is_alone(&mut bench, "r1", false);
    assert_eq!(bench.told(|event| matches!(event, Event::NoGhost { .. })), 1);
}

#[test]
fn in_a_dry_run_it_is_told_that_it_would_be_ended() {
    let mut bench = Bench::from(&SETTINGS.replace("[recovery]", "[recovery]\ndry_run = true"), &["a"]);
    bench.shows("a", BUSY);
    bench.pass(10);
    bench.give(Input::InWant(true));
    is_alone(&mut bench, "r1", true);
    seated(&mut bench, "r1", &["a"]);
    is_alone(&mut bench, "r1", true);
    let would = bench.told(|event| matches!(event, Event::GhostEnds { dry_run: true, .. }));
    assert_eq!((told(&bench), would, ended(&bench)), (1, 1, 0));
}

#[test]
fn nobody_is_ended_who_may_be_of_use() {
    let ended_after = |change: fn(&mut Bench)| {
        let mut bench = ghost();
        change(&mut bench);
        bench.give(Input::InWant(true));
        is_alone(&mut bench, "r1", true);
        ended(&bench)
    };
    assert_eq!(ended_after(|_| ()), 1);
    assert_eq!(ended_after(|bench| bench.shows("b", IDLE)), 0, "another one is free");
    assert_eq!(ended_after(|bench| bench.give(Input::StandBy(true))), 0);
    assert_eq!(ended_after(|bench| is_alone(bench, "r1", false)), 0, "somebody has come");
    assert_eq!(ended_after(|bench| seated(bench, "r1", &["a", "b"])), 0, "whose it is, is not known");
    assert_eq!(ended_after(|bench| bench.pass(8)), 0, "or not any more");
    let serves_another = |bench: &mut Bench| {
        bench.news("r2", News::On { session: None, is_denied: false });
        seated(bench, "r2", &["a"]);
    };
    assert_eq!(ended_after(serves_another), 0);
    let works_for_another = |bench: &mut Bench| {
        bench.shows("a", IDLE);
        bench.pass(1);
        bench.shows("a", BUSY);
    };
    assert_eq!(ended_after(works_for_another), 0, "it has turned busy after its recorder was there");
}

#[test]
fn a_gateway_that_waits_for_people_is_none() {
    let mut bench = Bench::new(&["a"]);
    is_alone(&mut bench, "r1", true);
    assert_eq!(bench.told(|event| matches!(event, Event::Ghost { .. })), 0);
    bench.shows("a", BUSY);
    seated(&mut bench, "r1", &[]);
    is_alone(&mut bench, "r1", true);
    assert_eq!(
        bench.told(|event| matches!(event, Event::Ghost { .. })),
        0,
        "Jicofo says that it is no Jibri's"
    );
    // Where nobody is asked, a Jibri at work for nobody is a reason to tell of it, and no more.
    is_alone(&mut bench, "r1", false);
    bench.give(Input::InWant(true));
    is_alone(&mut bench, "r1", true);
    bench.pass(6);
    is_alone(&mut bench, "r1", true);
    assert_eq!(bench.told(|event| matches!(event, Event::Ghost { name: None, .. })), 1);
    assert_eq!(ended(&bench), 0);
}
