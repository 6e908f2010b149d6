//! Whether the Jibri whose recorder is in a meeting records it.

use super::*;
use crate::jibri::{Contradiction, RecordedBy};
use crate::meeting::SessionId;

fn on(session: &str) -> News {
    News::On { session: Some(SessionId(session.into())), is_denied: false }
}

/// `a` has taken the start of `r1`, and records.
fn recording(present: &[&str]) -> Bench {
    let mut bench = Bench::new(present);
    bench.news("r1", News::StartSent);
    bench.shows("a", BUSY);
    bench.news("r1", News::Accepted);
    bench.pass(5);
    bench.news("r1", on("s1"));
    bench.pass(100);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))));
    bench
}

/// What the meetings were told last.
fn recorded_by(bench: &Bench) -> Option<RecordedBy> {
    bench.effects.iter().rev().find_map(|effect| match effect {
        Effect::RecordedBy { recorded_by, .. } => Some(recorded_by.clone()),
        _ => None,
    })
}

fn seated(bench: &mut Bench, ids: &[&str]) {
    bench.give(Input::Recorders { room: room("r1"), seats: seats(ids), listed: true });
}

fn moved(bench: &Bench) -> usize {
    bench.told(|event| matches!(event, Event::Moved { .. }))
}

#[test]
fn a_jibri_that_is_gone_records_nothing_at_once() {
    let mut bench = recording(&["a", "b"]);
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Against(name("a"), Contradiction::Gone)));
}

#[test]
fn one_that_was_restarted_unnoticed_says_idle_for_three_seconds() {
    let mut bench = recording(&["a", "b"]);
    bench.shows("a", IDLE);
    bench.pass(2);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Unknown));
    bench.pass(2);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Against(name("a"), Contradiction::Idle)));
}

/// What the brewery shows may be old (docs/jitsi.md 13.2.2, 13.2.3).
#[test]
fn its_own_port_knows_better_than_the_brewery() {
    let mut bench = recording(&["a"]);
    let port = |bench: &mut Bench, report| bench.give(Input::Health { name: name("a"), answer: Ok(report) });
    bench.shows("a", IDLE);
    port(&mut bench, BUSY);
    bench.pass(5);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Unknown), "it may have been on its way");
    port(&mut bench, BUSY);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))));
    bench.shows("a", BUSY);
    port(&mut bench, IDLE);
    bench.pass(2);
    assert_ne!(
        recorded_by(&bench),
        Some(RecordedBy::Against(name("a"), Contradiction::Idle)),
        "said once only"
    );
    bench.pass(2);
    port(&mut bench, IDLE);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Against(name("a"), Contradiction::Idle)));
}

/// Somebody else's start may have been taken for ours.
#[test]
fn nobody_is_accused_while_another_has_turned_busy_for_no_meeting_that_is_known() {
    let mut bench = recording(&["a", "b"]);
    bench.shows("b", BUSY);
    bench.shows("a", IDLE);
    bench.pass(5);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Moves));
    // Jicofo knows who is there, and its recorder would be by now.
    seated(&mut bench, &["a"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Moves));
    bench.pass(30);
    seated(&mut bench, &["a"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Against(name("a"), Contradiction::Idle)));
    seated(&mut bench, &["a", "b"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("b"))));
    assert_eq!(moved(&bench), 1);
}

#[test]
fn a_session_that_goes_on_with_another_jibri_has_moved() {
    let mut bench = recording(&["a", "b"]);
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.news("r1", News::Ended { how: Ended::Failed, people: true });
    bench.pass(2);
    bench.shows("b", BUSY);
    bench.pass(5);
    bench.news("r1", on("s1"));
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("b"))));
    let is_22_s = |event: &Event| {
        matches!(event, Event::Moved { from, to, gap, .. }
            if *from == name("a") && *to == name("b") && *gap == Duration::from_secs(22))
    };
    assert_eq!(bench.told(is_22_s), 1, "15 s in which nobody knew, and 7 s");
}

/// In somebody's name it is asked for from outside, where its session has no name.
#[test]
fn a_session_that_is_named_later_is_the_same() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.news("r1", News::StartSent);
    bench.shows("a", BUSY);
    bench.news("r1", News::On { session: None, is_denied: false });
    bench.pass(60);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))));
    bench.shows("b", BUSY);
    bench.shows("a", IDLE);
    bench.pass(4);
    bench.news("r1", on("s1"));
    seated(&mut bench, &["b"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("b"))));
    assert_eq!(moved(&bench), 1);
}

#[test]
fn another_session_has_not_moved() {
    let mut bench = recording(&["a", "b"]);
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.news("r1", News::Ended { how: Ended::Failed, people: true });
    bench.news("r1", News::StartSent);
    bench.shows("b", BUSY);
    bench.news("r1", News::Accepted);
    bench.pass(7);
    bench.news("r1", on("s2"));
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("b"))));
    assert_eq!(moved(&bench), 0);
}

#[test]
fn one_that_records_another_meeting_does_not_record_this_one() {
    let mut bench = recording(&["a", "b"]);
    bench.shows("a", IDLE);
    bench.pass(1);
    bench.news("r2", News::StartSent);
    bench.shows("a", BUSY);
    bench.news("r2", News::Accepted);
    bench.pass(5);
    bench.news("r2", on("s2"));
    bench.pass(5);
    let against = Effect::RecordedBy {
        room: room("r1"),
        recorded_by: RecordedBy::Against(name("a"), Contradiction::Elsewhere),
    };
    assert!(bench.effects.contains(&against));
}

/// Jicofo is asked when it tells something, and ever more rarely as long as it does not.
#[test]
fn jicofo_is_asked_until_it_has_told() {
    let asked =
        |bench: &Bench| bench.effects.iter().filter(|e| matches!(e, Effect::AskRecorders { .. })).count();
    let mut bench = recording(&["a"]);
    bench.effects.clear();
    bench.pass(600);
    assert!((5..=12).contains(&asked(&bench)), "{}", asked(&bench));
    seated(&mut bench, &["a"]);
    bench.pass(60);
    bench.effects.clear();
    bench.pass(600);
    assert_eq!(asked(&bench), 0);
    bench.shows("a", IDLE);
    assert_eq!(asked(&bench), 1);
}

/// The port of `a` is refused at these milliseconds; whether a ping is answered after the first.
fn refused(bench: &mut Bench, lives: bool) {
    bench.give(Input::Health { name: name("b"), answer: Ok(IDLE) });
    bench.effects.clear();
    bench.give(Input::PortRefused { name: name("a") });
    assert!(bench.effects.contains(&Effect::Ping { name: name("a") }));
    bench.now = bench.now.after(Duration::from_millis(100));
    if lives {
        bench.give(Input::Pinged { name: name("a"), answered: true });
    }
    bench.now = bench.now.after(Duration::from_millis(400));
    bench.give(Input::PortRefused { name: name("a") });
}

#[test]
fn a_process_that_is_gone_is_given_up_before_the_brewery_shows_it() {
    let mut bench = recording(&["a", "b"]);
    assert!(bench.effects.contains(&Effect::AskClosely { name: name("a"), closely: true }));
    refused(&mut bench, false);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Against(name("a"), Contradiction::Dead)));
    // What the brewery shows later is the old word, until it shows another.
    bench.shows("a", IDLE);
    assert_ne!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))));
}

#[test]
fn a_port_that_is_refused_while_its_jibri_lives_is_told_of_once_and_ignored() {
    let mut bench = recording(&["a", "b"]);
    refused(&mut bench, true);
    for _ in 0..100 {
        bench.pass(1);
        bench.give(Input::PortRefused { name: name("a") });
    }
    assert_eq!(recorded_by(&bench), None, "nothing new");
    assert_eq!(bench.told(|event| matches!(event, Event::PortRefused { .. })), 1);
}

#[test]
fn without_others_that_answer_or_if_it_is_off_nobody_is_given_up_by_a_refusal() {
    let mut bench = recording(&["a", "b"]);
    for _ in 0..3 {
        bench.give(Input::PortRefused { name: name("a") });
        bench.now = bench.now.after(Duration::from_millis(500));
    }
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))), "it may be the way to all of them");
    let settings = format!("{SETTINGS}\n[jibri]\nfast_failover = false\n");
    let mut bench = Bench::from(&settings, &["a", "b"]);
    bench.news("r1", News::StartSent);
    bench.shows("a", BUSY);
    bench.news("r1", News::Accepted);
    bench.pass(5);
    bench.news("r1", on("s1"));
    bench.give(Input::Health { name: name("b"), answer: Ok(IDLE) });
    for _ in 0..3 {
        bench.give(Input::PortRefused { name: name("a") });
        bench.now = bench.now.after(Duration::from_millis(500));
    }
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))));
    assert!(!bench.effects.iter().any(|effect| matches!(effect, Effect::AskClosely { .. })));
}

/// Its seat may stay for good (docs/jitsi.md 13.2.6).
#[test]
fn a_dead_seat_proves_nothing_when_its_jibri_works_again() {
    let mut bench = recording(&["a", "b"]);
    seated(&mut bench, &["a"]);
    bench.shows("a", IDLE);
    bench.pass(4);
    seated(&mut bench, &["a"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Against(name("a"), Contradiction::Idle)));
    bench.news("r1", News::Over);
    bench.pass(100);
    bench.shows("a", BUSY);
    bench.news("r1", on("s1"));
    seated(&mut bench, &["a"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Against(name("a"), Contradiction::Elsewhere)));
    seated(&mut bench, &["a", "a/2"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))), "it has a new one");
    seated(&mut bench, &["a/2"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))), "and the old one has gone");
    seated(&mut bench, &["a"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))), "which is forgotten then");
}

/// What is left of a meeting in which a Jibri was lost does not speak against the next one in a room of that name.
#[test]
fn a_dead_seat_goes_with_its_room() {
    let mut bench = recording(&["a", "b"]);
    seated(&mut bench, &["a"]);
    bench.shows("a", IDLE);
    bench.pass(4);
    bench.news("r1", News::Over);
    // The room is gone.
    seated(&mut bench, &[]);
    bench.shows("a", BUSY);
    bench.news("r1", on("s2"));
    seated(&mut bench, &["a"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))));
}

/// It has taken the start for this one, so its seat in the other is an old one.
#[test]
fn one_that_was_seen_to_take_the_start_works_for_it_whatever_seats_it_has_elsewhere() {
    let mut bench = recording(&["a", "b"]);
    bench.give(Input::Recorders { room: room("r2"), seats: seats(&["a"]), listed: true });
    bench.news("r2", on("s2"));
    bench.give(Input::Recorders { room: room("r2"), seats: seats(&["a"]), listed: true });
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Against(name("a"), Contradiction::Elsewhere)), "r2");
    seated(&mut bench, &["a"]);
    let of_r1 = bench.effects.iter().rev().find_map(|effect| match effect {
        Effect::RecordedBy { room: other, recorded_by } if *other == room("r1") => Some(recorded_by.clone()),
        _ => None,
    });
    assert_eq!(of_r1, Some(RecordedBy::Works(name("a"))));
}

/// Without a token anybody may send it.
#[test]
fn no_webhook_has_the_seat_of_one_that_records_taken_for_a_dead_one() {
    let mut bench = Bench::with(SETTINGS);
    let says = |bench: &mut Bench| bench.give(Input::Health { name: name("a"), answer: Ok(BUSY) });
    says(&mut bench);
    bench.news("r1", on("s1"));
    seated(&mut bench, &["a"]);
    bench.pass(1);
    bench.give(Input::Webhook { id: "a".into(), report: IDLE });
    bench.pass(1);
    seated(&mut bench, &["a"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))));
}

/// Jicofo lists no recorder where it has listed one.
#[test]
fn a_seat_that_has_gone_is_told_by_jicofo() {
    let mut bench = recording(&["a"]);
    seated(&mut bench, &["a"]);
    seated(&mut bench, &[]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Unknown));
    bench.pass(4);
    seated(&mut bench, &[]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Against(name("a"), Contradiction::Left)));
    seated(&mut bench, &["a"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))));
}

/// What a room's witnesses were told to say of its recording last.
fn of(bench: &Bench, at: &str) -> Option<RecordedBy> {
    bench.effects.iter().rev().find_map(|effect| match effect {
        Effect::RecordedBy { room: other, recorded_by } if *other == room(at) => Some(recorded_by.clone()),
        _ => None,
    })
}

fn listed(bench: &mut Bench, at: &str, ids: &[&str]) {
    bench.give(Input::Recorders { room: room(at), seats: seats(ids), listed: true });
}

/// After a restart of ours two meetings have a recorder of the one Jibri, and Jicofo knows of one of them only.
#[test]
fn where_jicofo_knows_of_no_recording_the_seat_is_the_dead_one() {
    let mut bench = Bench::new(&["a"]);
    bench.shows("a", BUSY);
    bench.news("r1", News::On { session: Some(SessionId("s1".into())), is_denied: true });
    listed(&mut bench, "r1", &["a"]);
    assert_eq!(of(&bench, "r1"), Some(RecordedBy::Works(name("a"))), "as long as there is no other");
    bench.news("r2", on("s2"));
    listed(&mut bench, "r2", &["a/2"]);
    assert_eq!(of(&bench, "r2"), Some(RecordedBy::Works(name("a"))));
    assert_eq!(of(&bench, "r1"), Some(RecordedBy::Against(name("a"), Contradiction::Elsewhere)));
}

/// A Jibri that is at work for another meeting says `on`, and Jicofo takes it for this one's.
#[test]
fn where_jicofo_lists_no_recorder_for_long_nobody_records() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.news("r2", on("s2"));
    listed(&mut bench, "r2", &[]);
    bench.pass(100);
    listed(&mut bench, "r2", &[]);
    assert_ne!(of(&bench, "r2"), Some(RecordedBy::Nobody), "it may never list any");
    listed(&mut bench, "r1", &["a"]);
    listed(&mut bench, "r2", &[]);
    assert_eq!(of(&bench, "r2"), Some(RecordedBy::Nobody));
    bench.shows("b", BUSY);
    listed(&mut bench, "r2", &["b"]);
    assert_eq!(of(&bench, "r2"), Some(RecordedBy::Works(name("b"))));
}

/// It has died before we came, and its recorder is there still.
#[test]
fn a_recorder_of_a_jibri_that_is_nowhere_is_a_dead_ones() {
    let mut bench = Bench::new(&["a"]);
    bench.news("r2", on("s2"));
    listed(&mut bench, "r2", &["x"]);
    assert_eq!(of(&bench, "r2"), None, "it may show another name than the brewery does");
    listed(&mut bench, "r1", &["a"]);
    listed(&mut bench, "r2", &["x"]);
    assert_eq!(of(&bench, "r2"), Some(RecordedBy::Against(name("x"), Contradiction::Gone)));
}

/// Jicofo has lost the brewery, and we have not entered it yet.
#[test]
fn an_empty_list_of_jicofos_does_not_outweigh_a_jibris_own_word() {
    let mut bench = Bench::with(SETTINGS);
    bench.detector(&[("a", BUSY, NEVER)]);
    bench.give(Input::Health { name: name("a"), answer: Ok(BUSY) });
    bench.news("r1", on("s1"));
    seated(&mut bench, &["a"]);
    bench.detector(&[]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))));
}

/// Its health port was asked before it turned idle, and the answer comes after.
#[test]
fn an_old_answer_of_its_port_revives_no_seat_that_has_outlived_its_recording() {
    let mut bench = recording(&["a"]);
    seated(&mut bench, &["a", "a/2"]);
    bench.shows("a", IDLE);
    bench.give(Input::Health { name: name("a"), answer: Ok(BUSY) });
    seated(&mut bench, &["a/2"]);
    bench.pass(2);
    bench.give(Input::Health { name: name("a"), answer: Ok(IDLE) });
    bench.pass(1);
    bench.shows("a", BUSY);
    seated(&mut bench, &["a/2"]);
    assert_eq!(
        recorded_by(&bench),
        Some(RecordedBy::Against(name("a"), Contradiction::Elsewhere)),
        "it works for another meeting"
    );
}

/// Its port is not asked again before it may be chosen for another meeting.
#[test]
fn one_that_has_said_idle_later_than_it_shows_is_idle_three_seconds_after_that() {
    let mut bench = recording(&["a", "b"]);
    bench.shows("a", IDLE);
    bench.pass(2);
    bench.give(Input::Health { name: name("a"), answer: Ok(IDLE) });
    bench.pass(2);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Unknown));
    bench.pass(1);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Against(name("a"), Contradiction::Idle)));
}

/// It has died, its Chrome lives on, and it works for another meeting again; then Jicofo is restarted and knows of neither.
#[test]
fn a_seat_of_a_recording_that_focus_has_ended_stands_for_no_other() {
    let mut bench = recording(&["a", "b"]);
    seated(&mut bench, &["a"]);
    bench.news("r1", News::Ended { how: Ended::Failed, people: true });
    bench.give(Input::Brewery(Brewery::Left { name: name("a") }));
    bench.pass(20);
    bench.shows("a", IDLE);
    bench.pass(5);
    bench.shows("a", BUSY);
    bench.pass(20);
    bench.news("r1", News::On { session: Some(SessionId("s1".into())), is_denied: true });
    seated(&mut bench, &["a"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Against(name("a"), Contradiction::Elsewhere)));
    seated(&mut bench, &["a", "a/2"]);
    assert_eq!(recorded_by(&bench), Some(RecordedBy::Works(name("a"))), "another page is another one");
}

/// With one Jibri each recording of a room is its next one.
#[test]
fn whose_seat_of_before_has_gone_is_known_to_serve_the_room_again() {
    let mut bench = recording(&["a", "b"]);
    seated(&mut bench, &["a"]);
    bench.news("r1", News::Ended { how: Ended::Failed, people: true });
    bench.shows("a", IDLE);
    bench.pass(200);
    bench.shows("a", BUSY);
    bench.pass(20);
    bench.news("r1", on("s2"));
    seated(&mut bench, &["a/2"]);
    assert_eq!(bench.fleet.serving(&room("r1")), Serving::Known(&name("a")));
}
