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
