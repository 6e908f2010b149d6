//! What Jicofo does, rule by rule.

use super::*;
use crate::status::{Busy, IDLE};

type Model = Jicofo<&'static str, &'static str, u32>;

const BUSY: Status = Status { busy: Busy::Busy, ..IDLE };

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One conference, and these Jibris.
fn jicofo(jibris: &[&'static str]) -> Model {
    let mut jicofo = Jicofo::new(Settings::default());
    jicofo.handle(at(0), Input::Opens("r", at(0)));
    for jibri in jibris {
        jicofo.handle(at(0), Input::Presence(*jibri, IDLE));
    }
    jicofo
}

fn start(id: &str) -> Action {
    Action::Start(id.into(), Mode::File)
}

/// What it does, in words, without what is only to be counted.
fn does(jicofo: &mut Model, seconds: u64, input: Input<&'static str, &'static str, u32>) -> Vec<String> {
    let word = |output| match output {
        Output::Answer(_, asker, Ok(session)) => Some(format!("{asker}: {}", session.unwrap_or_default())),
        Output::Answer(_, asker, Err(why)) => Some(format!("{asker}: {why:?}")),
        Output::Start { jibri, session } => Some(format!("start {} {jibri}", session.id)),
        Output::Stop { jibri, session } => Some(format!("stop {session} {jibri}")),
        Output::Publish(_, status) => {
            let by = status.initiator.unwrap_or_default();
            Some(format!("on {} failed {} by {by:?}", status.on, status.failed))
        }
        Output::Waits(_) | Output::NoneFound(_) | Output::StartFailed { .. } => None,
        Output::Moves(_) => Some("moves".into()),
        Output::Stray(jibri) => Some(format!("stray {jibri}")),
        Output::LeftOver(_) => Some("left over".into()),
    };
    jicofo.handle(at(seconds), input).into_iter().filter_map(word).collect()
}

fn asked(asker: u32, action: Action) -> Input<&'static str, &'static str, u32> {
    Input::Asked("r", asker, "ada".into(), action)
}

fn answered(jibri: &'static str, reply: Reply) -> Input<&'static str, &'static str, u32> {
    Input::Answered(jibri, "s".into(), reply)
}

fn accepted(jibri: &'static str, id: &str) -> Input<&'static str, &'static str, u32> {
    Input::Answered(jibri, id.into(), Reply::Pending)
}

/// Session `s` is on at Jibri `a`.
fn recording(jibris: &[&'static str]) -> Model {
    let mut jicofo = jicofo(jibris);
    does(&mut jicofo, 1, asked(1, start("s")));
    does(&mut jicofo, 2, answered("a", Reply::Pending));
    does(&mut jicofo, 2, Input::Presence("a", BUSY));
    let on = does(&mut jicofo, 3, Input::Reported("a", Report::On));
    assert_eq!(on, ["on true failed false by \"ada\""]);
    jicofo
}

#[test]
fn a_start_is_answered_once_a_jibri_is_pending_and_others_wait() {
    let mut jicofo = jicofo(&["a"]);
    assert_eq!(does(&mut jicofo, 1, asked(1, start("s"))), ["start s a"]);
    assert_eq!(does(&mut jicofo, 2, asked(2, start("t"))), [""; 0]);
    assert_eq!(does(&mut jicofo, 3, answered("a", Reply::Pending)), ["1: s", "2: AlreadyEnabled"]);
}

#[test]
fn where_no_recorder_is_yet_there_is_no_session_to_be_had() {
    let mut jicofo = jicofo(&["a"]);
    jicofo.handle(at(0), Input::Opens("r", at(1)));
    assert_eq!(does(&mut jicofo, 0, asked(1, start("s"))), ["1: NoRecorder"]);
    assert_eq!(does(&mut jicofo, 1, asked(1, Action::Stop)), ["1: UnknownSession"]);
}

#[test]
fn one_that_does_not_answer_is_told_to_stop_and_the_next_is_asked() {
    let mut jicofo = jicofo(&["a", "b"]);
    does(&mut jicofo, 1, asked(1, start("s")));
    assert_eq!(jicofo.next_deadline(), Some(at(16)));
    assert_eq!(does(&mut jicofo, 16, Input::Tick), ["stop s a", "start s b"]);
    assert_eq!(does(&mut jicofo, 17, answered("a", Reply::Pending)), ["stray a"]);
    assert_eq!(does(&mut jicofo, 18, answered("b", Reply::Error)), ["1: AllBusy"]);
}

#[test]
fn with_the_retries_used_up_it_is_an_internal_error() {
    let mut jicofo = jicofo(&["a", "b"]);
    jicofo.settings.num_retries = Some(1);
    does(&mut jicofo, 1, asked(1, start("s")));
    assert_eq!(does(&mut jicofo, 2, answered("a", Reply::Busy)), ["start s b"]);
    assert_eq!(does(&mut jicofo, 3, answered("b", Reply::Busy)), ["1: InternalServerError"]);
}

#[test]
fn a_session_moves_in_silence_and_fails_when_nobody_is_left() {
    let mut jicofo = recording(&["a", "b"]);
    assert_eq!(does(&mut jicofo, 9, Input::Offline("a")), ["moves", "start s b"]);
    assert_eq!(does(&mut jicofo, 10, answered("b", Reply::Pending)), [""; 0]);
    let failed = Input::Reported("b", Report::Off { failed: true });
    let out = ["on true failed false by \"ada\"", "moves", "on false failed true by \"\""];
    assert_eq!(does(&mut jicofo, 11, Input::Reported("b", Report::On)), out[..1]);
    does(&mut jicofo, 11, Input::Presence("b", BUSY));
    assert_eq!(does(&mut jicofo, 12, failed), out[1..]);
}

#[test]
fn pending_that_runs_out_is_an_end_without_a_reason() {
    let mut jicofo = jicofo(&["a", "b"]);
    does(&mut jicofo, 1, asked(1, start("s")));
    does(&mut jicofo, 5, answered("a", Reply::Pending));
    assert_eq!(does(&mut jicofo, 91, Input::Tick), ["stop s a", "on false failed false by \"\""]);
    assert!(jicofo.session(&"r").is_none());
}

#[test]
fn a_stop_is_published_with_who_has_asked_for_it() {
    let mut jicofo = recording(&["a"]);
    let out = ["stop s a", "on false failed false by \"ada\"", "7: "];
    assert_eq!(does(&mut jicofo, 9, asked(7, Action::Stop)), out);
    assert_eq!(does(&mut jicofo, 9, asked(8, Action::Stop)), ["8: UnknownSession"]);
    assert_eq!(does(&mut jicofo, 9, Input::Reported("a", Report::On)), ["stray a"]);
}

#[test]
fn a_start_refused_after_a_jibri_was_asked_is_left_over_until_that_jibri_goes() {
    let mut jicofo = jicofo(&["a"]);
    does(&mut jicofo, 1, asked(1, start("s")));
    assert_eq!(does(&mut jicofo, 2, answered("a", Reply::Error)), ["1: AllBusy"]);
    does(&mut jicofo, 3, Input::Presence("b", IDLE));
    assert_eq!(does(&mut jicofo, 999, Input::Offline("a")), ["left over", "start s b"]);
    assert_eq!(does(&mut jicofo, 1000, answered("b", Reply::Pending)), [""; 0]);
    assert_eq!(does(&mut jicofo, 1001, Input::Reported("b", Report::On)), ["stray b"]);
    assert_eq!(does(&mut jicofo, 1002, asked(1, Action::Stop)), ["1: UnknownSession"]);
    assert_eq!(does(&mut jicofo, 1003, Input::Closes("r")), ["stop s b"]);
}

#[test]
fn a_session_left_over_takes_the_last_free_jibri_from_the_meeting_that_has_lost_its_own() {
    let mut jicofo = recording(&["a", "b"]);
    jicofo.leaves_over("ghost", 0, "g".into(), "a");
    let out = ["left over", "start g b", "moves", "on false failed true by \"\""];
    assert_eq!(does(&mut jicofo, 9, Input::Offline("a")), out);
    does(&mut jicofo, 10, accepted("b", "g"));
    // It has ended, and b is with the meeting again, which must not matter to it.
    assert_eq!(does(&mut jicofo, 80, Input::Reported("b", Report::Off { failed: false })), ["stray b"]);
    assert_eq!(does(&mut jicofo, 85, asked(1, start("t"))), ["start t b"]);
    does(&mut jicofo, 86, accepted("b", "t"));
    does(&mut jicofo, 87, Input::Reported("b", Report::On));
    assert_eq!(does(&mut jicofo, 99, Input::Tick), ["stop g b"]);
    assert_eq!(jicofo.next_deadline(), None);
}

#[test]
fn without_the_brewery_every_start_fails_until_a_restart() {
    let mut jicofo = jicofo(&["a"]);
    jicofo.detector.lose_brewery(true);
    assert_eq!(does(&mut jicofo, 1, asked(1, start("s"))), ["1: AllBusy"]);
    jicofo.detector.lose_brewery(false);
    assert_eq!(does(&mut jicofo, 2, asked(1, start("s"))), ["1: NoJibris"]);
    does(&mut jicofo, 3, Input::Restarts);
    jicofo.handle(at(4), Input::Opens("r", at(4)));
    does(&mut jicofo, 4, Input::Presence("a", IDLE));
    assert_eq!(does(&mut jicofo, 5, asked(1, start("s"))), ["start s a"]);
}

#[test]
fn after_a_restart_it_knows_of_no_recording_and_tells_nobody_to_stop() {
    let mut jicofo = recording(&["a"]);
    assert_eq!(does(&mut jicofo, 4, Input::Restarts), [""; 0]);
    assert_eq!(does(&mut jicofo, 5, Input::Reported("a", Report::Off { failed: false })), ["stray a"]);
}
