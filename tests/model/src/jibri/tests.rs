//! What a Jibri does, rule by rule.

use super::*;

const BUSY: Status = Status { busy: Busy::Busy, health: Health::Healthy };

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn up(settings: Settings) -> Jibri<&'static str> {
    let mut jibri = Jibri::new(settings);
    assert_eq!(jibri.handle(at(0), Input::Boots), [Output::Appears, Output::Shows(IDLE)]);
    jibri
}

fn recording(settings: Settings) -> Jibri<&'static str> {
    let mut jibri = up(settings);
    let launched = jibri.handle(at(0), Input::Start("r", Course::WORKS));
    let answer = Output::Answers("r", Reply::Pending);
    assert_eq!(launched, [Output::Shows(BUSY), answer, Output::Enters("r")]);
    let on = [Output::ShowsSession("r"), Output::Reports("r", Report::On)];
    assert_eq!(jibri.handle(at(0), Input::Entered), on);
    jibri
}

#[test]
fn it_looks_idle_while_chrome_is_launched_and_everything_waits_for_the_lock() {
    let mut jibri = up(Settings::default());
    let launch = Some((at(8), Step::Works));
    assert_eq!(jibri.handle(at(1), Input::Start("r", Course { launch, ..Course::WORKS })), []);
    assert_eq!(jibri.own_status(), IDLE);
    assert_eq!(jibri.handle(at(2), Input::Start("s", Course::WORKS)), []);
    assert_eq!(jibri.handle(at(3), Input::Stop), []);
    assert_eq!(jibri.next_deadline(), Some(at(9)));
    let out = jibri.handle(at(9), Input::Tick);
    assert_eq!(out[..2], [Output::Shows(BUSY), Output::Answers("r", Reply::Pending)]);
    assert_eq!(
        out[2..],
        [Output::Answers("s", Reply::Busy), Output::Shows(IDLE)],
        "nobody is told of the end"
    );
}

#[test]
fn one_that_hangs_answers_nothing_until_it_is_restarted() {
    let mut jibri = up(Settings::default());
    assert_eq!(jibri.handle(at(1), Input::Start("r", Course { launch: None, ..Course::WORKS })), []);
    assert_eq!(jibri.handle(at(99), Input::Stop), []);
    assert_eq!((jibri.own_status(), jibri.next_deadline()), (IDLE, None));
    jibri.handle(at(100), Input::Reconnects);
    assert!(jibri.is_launching());
    jibri.handle(at(101), Input::Boots);
    assert!(jibri.is_free());
}

#[test]
fn a_launch_that_fails_leaves_it_idle() {
    let mut jibri = up(Settings::default());
    let course = Course { launch: Some((at(0), Step::Fails)), ..Course::WORKS };
    assert_eq!(jibri.handle(at(1), Input::Start("r", course)), [Output::Answers("r", Reply::Error)]);
    assert!(jibri.is_free());
}

#[test]
fn a_stop_is_a_natural_end_to_whoever_has_the_session() {
    let mut jibri = recording(Settings::default());
    let off = Output::Reports("r", Report::Off { failed: false });
    assert_eq!(jibri.handle(at(1), Input::Stop), [Output::Leaves("r"), off, Output::Shows(IDLE)]);
}

#[test]
fn an_empty_room_is_left_at_the_look_thirty_seconds_after_the_first_that_found_it_so() {
    let mut jibri = recording(Settings::default());
    jibri.alone = true;
    assert_eq!(jibri.handle(at(30), Input::Tick), []);
    assert_eq!(jibri.handle(at(44), Input::Tick), []);
    assert_eq!(jibri.handle(at(45), Input::Tick)[0], Output::Leaves("r"));
}

#[test]
fn a_jibri_whose_page_has_left_finds_itself_alone() {
    let mut jibri = recording(Settings::default());
    assert_eq!(jibri.handle(at(16), Input::PageLeft(0)), [], "an earlier one");
    let page = jibri.page().unwrap();
    assert_eq!(jibri.handle(at(17), Input::PageLeft(page)), [Output::Leaves("r")]);
    assert!(jibri.handle(at(59), Input::Tick).is_empty() && !jibri.is_free());
    let off = Output::Reports("r", Report::Off { failed: false });
    assert_eq!(jibri.handle(at(60), Input::Tick), [off, Output::Shows(IDLE)]);
}

#[test]
fn a_seat_and_a_presence_outlive_their_jibri() {
    let mut jibri = recording(Settings::default());
    assert_eq!(jibri.handle(at(10), Input::Killed), []);
    assert_eq!(jibri.handle(at(25), Input::Tick), [Output::Vanishes]);
    assert_eq!(jibri.handle(at(76), Input::Tick), [Output::Leaves("r")]);
    let mut jibri = recording(Settings { seat: None, ..Settings::default() });
    jibri.handle(at(10), Input::Killed);
    assert_eq!(jibri.handle(at(9999), Input::Tick), [Output::Vanishes]);
}

#[test]
fn one_that_is_back_within_fifteen_seconds_is_not_missed() {
    let mut jibri = recording(Settings::default());
    jibri.handle(at(10), Input::Killed);
    assert_eq!(jibri.handle(at(20), Input::Boots), [Output::Appears, Output::Shows(IDLE)]);
    assert_eq!(jibri.handle(at(76), Input::Tick), [Output::Leaves("r")]);
}

#[test]
fn what_breaks_makes_it_unhealthy_until_it_is_restarted() {
    let mut jibri = up(Settings::default());
    let page = Some((at(5), Step::Breaks));
    jibri.handle(at(0), Input::Start("r", Course { page, ..Course::WORKS }));
    let off = Output::Reports("r", Report::Off { failed: true });
    let ill = |busy| Output::Shows(Status { busy, health: Health::Unhealthy });
    assert_eq!(jibri.handle(at(5), Input::Tick), [ill(Busy::Busy), off, ill(Busy::Idle)]);
    assert!(!jibri.is_free());
    jibri.handle(at(6), Input::Boots);
    assert!(jibri.is_free());
}

#[test]
fn used_up_it_shows_itself_busy_and_says_expired() {
    let mut jibri = recording(Settings { single_use: true, ..Settings::default() });
    assert_eq!(jibri.handle(at(1), Input::Stop)[0], Output::Leaves("r"));
    assert_eq!((jibri.shown(), jibri.own_status().busy), (Some(BUSY), Busy::Expired));
    let answer = jibri.handle(at(2), Input::Start("s", Course::WORKS));
    assert_eq!(answer, [Output::Answers("s", Reply::Busy)]);
}

#[test]
fn deaf_it_keeps_its_last_word_even_when_it_is_back() {
    let mut jibri = recording(Settings::default());
    jibri.handle(at(1), Input::Deaf(true));
    assert_eq!(jibri.handle(at(2), Input::Start("s", Course::WORKS)), []);
    assert_eq!(jibri.handle(at(3), Input::Stop), []);
    assert_eq!(jibri.handle(at(3), Input::StopService), [Output::Leaves("r")]);
    assert_eq!((jibri.shown(), jibri.own_status()), (Some(BUSY), IDLE));
    assert_eq!(jibri.handle(at(4), Input::Deaf(false)), [Output::Appears, Output::Shows(BUSY)]);
    assert!(jibri.is_free(), "nobody will know");
}

#[test]
fn one_that_cannot_tell_its_webhook_receiver_fails_every_start_and_is_busy_for_itself_alone() {
    let mut jibri = up(Settings::default());
    let course = Course { launch: Some((at(0), Step::Sticks)), ..Course::WORKS };
    for seconds in 1..3 {
        let answer = Output::Answers("r", Reply::Error);
        assert_eq!(jibri.handle(at(seconds), Input::Start("r", course)), [answer]);
        assert_eq!((jibri.shown(), jibri.own_status()), (Some(IDLE), BUSY));
    }
    assert_eq!(jibri.handle(at(3), Input::Boots)[1], Output::Shows(IDLE));
    assert!(jibri.is_free());
}

#[test]
fn a_fresh_one_misses_its_first_start() {
    let mut jibri = up(Settings { misses_starts: at(6), ..Settings::default() });
    assert_eq!(jibri.handle(at(5), Input::Start("r", Course::WORKS)), []);
    assert!(jibri.is_free());
    let answer = Output::Answers("r", Reply::Pending);
    assert_eq!(jibri.handle(at(6), Input::Start("r", Course::WORKS))[1], answer);
}
