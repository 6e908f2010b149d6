//! A stop, by a person or by order, that comes while something else goes on.

use std::time::Duration;

use jibri_autostart::address::Nick;
use jibri_autostart::jibri::{Contradiction, RecordedBy};
use jibri_autostart::meeting::{
    Answer, Departure, ManualOrder, RecordingStatus, Role, RoomEvent, SessionId, State,
};

use super::proof::Room;

fn leaves(room: &mut Room, nick: &str) {
    room.event(RoomEvent::Left { nick: Nick::new(nick).unwrap(), how: Departure::Gone });
}

/// With what it has to say of recordings, if anything.
fn focus_says(room: &mut Room, word: Option<RecordingStatus>) {
    let mut event = room.presence("focus", "focus@auth.meet.jitsi/focus", Role::Moderator, false);
    if let RoomEvent::Presence(presence) = &mut event {
        presence.recording = word;
    }
    room.event(event);
}

fn word(on: bool, by: &str) -> Option<RecordingStatus> {
    Some(RecordingStatus {
        on,
        session: Some(SessionId("s2".into())),
        mode: None,
        failed: false,
        initiator: Nick::new(by).ok(),
    })
}

/// Focus was restarted, and does not know what is recorded; somebody has begun another one and stopped it.
fn stopped_beside_a_forgotten_one() -> Room {
    let mut room = Room::recorded("resident");
    leaves(&mut room, "focus");
    focus_says(&mut room, None);
    assert_eq!(room.state(), State::Recording, "the recorder is still there");
    focus_says(&mut room, word(false, "ada"));
    assert_eq!(room.state(), State::Recording);
    room
}

#[test]
fn a_stop_made_beside_a_forgotten_recording_binds_when_that_is_over() {
    let mut room = stopped_beside_a_forgotten_one();
    // It will not tell of it any more.
    leaves(&mut room, "focus");
    focus_says(&mut room, None);
    leaves(&mut room, "rec");
    room.run_for(Duration::from_secs(60));
    assert_eq!(room.state(), State::Held);
    assert!(!room.done.contains(&"start".to_owned()), "{:?}", room.done);
}

/// In an empty room it looks like one that somebody has begun since.
#[test]
fn a_forgotten_recording_that_was_there_before_the_stop_does_not_lift_it() {
    let mut room = Room::recorded("resident");
    leaves(&mut room, "focus");
    focus_says(&mut room, None);
    focus_says(&mut room, word(true, "ada"));
    let mut second = room.presence("rec2", "recorder@hidden.meet.jitsi/2", Role::Participant, false);
    if let RoomEvent::Presence(presence) = &mut second {
        presence.session = Some(SessionId("s2".into()));
    }
    room.event(second);
    focus_says(&mut room, word(false, "ada"));
    assert_eq!(room.state(), State::Held);
    leaves(&mut room, "rec2");
    room.told = word(false, "ada");
    room.is_deserted = true;
    leaves(&mut room, "ada");
    room.run_for(Duration::from_secs(5));
    assert_eq!(room.state(), State::Recording, "its recorder is there alone");
    room.is_deserted = false;
    room.run_for(Duration::from_secs(5));
    assert!(room.done.contains(&"enters".to_owned()), "{:?}", room.done);
    // It will not tell of it any more.
    leaves(&mut room, "focus");
    focus_says(&mut room, None);
    leaves(&mut room, "rec");
    room.run_for(Duration::from_secs(60));
    assert_eq!(room.state(), State::Held);
    assert!(!room.done.contains(&"start".to_owned()), "{:?}", room.done);
}

#[test]
fn whoever_begins_anew_after_it_has_changed_his_mind() {
    let mut room = stopped_beside_a_forgotten_one();
    focus_says(&mut room, word(true, "ada"));
    leaves(&mut room, "focus");
    focus_says(&mut room, None);
    leaves(&mut room, "rec");
    room.run_for(Duration::from_secs(60));
    assert!(room.done.contains(&"start".to_owned()), "{:?}", room.done);
}

/// Jicofo goes on with a start that it has not answered, whatever somebody stops meanwhile.
#[test]
fn a_start_that_is_not_answered_is_under_way_though_a_person_has_stopped_another() {
    let mut room = Room::recorded("resident");
    let over = RecordingStatus { session: Some(SessionId("s1".into())), ..word(false, "ada").unwrap() };
    focus_says(&mut room, Some(RecordingStatus { initiator: None, ..over }));
    room.has_recorder = false;
    leaves(&mut room, "rec");
    room.run_for(Duration::from_secs(20));
    assert_eq!(room.state(), State::Starting);
    focus_says(&mut room, word(false, "ada"));
    assert_eq!(room.state(), State::Held);
    room.done.clear();
    room.ordered(ManualOrder::Record);
    room.run_for(Duration::from_secs(5));
    assert!(!room.done.contains(&"start".to_owned()), "{:?}", room.done);
    let answer = Answer::Accepted { session: Some(SessionId("s3".into())) };
    room.event(RoomEvent::StartAnswered { attempt: room.asked.unwrap(), answer });
    assert_eq!(room.state(), State::Pending);
}

/// Jicofo may be moving what nothing records any more to another Jibri: that is meant as well. What comes on when it has had
/// its time for that is somebody else's.
#[test]
fn an_order_to_stop_reaches_what_is_moved_meanwhile() {
    for footprint in ["discreet", "resident"] {
        for (takes, is_moved) in [(10, true), (60, false)] {
            let mut room = Room::recorded(footprint);
            room.against(Contradiction::Gone);
            room.has_recorder = false;
            leaves(&mut room, "rec");
            room.run_for(Duration::from_secs(2));
            assert!(room.done[0].starts_with("Refuted"), "{footprint}: {:?}", room.done);
            room.ordered(ManualOrder::Stop);
            room.run_for(Duration::from_secs(takes));
            room.done.clear();
            room.testifies(RecordedBy::Unknown);
            (room.has_recorder, room.recorder) = (true, "recorder@hidden.meet.jitsi/2");
            let recorder = room.presence("rec", room.recorder, Role::Participant, false);
            room.event(recorder);
            let focus = room.presence("focus", "focus@auth.meet.jitsi/focus", Role::Moderator, false);
            room.event(focus);
            room.run_for(Duration::from_secs(30));
            let is_stopped = room.done.contains(&"stop".to_owned());
            assert_eq!(
                is_stopped,
                is_moved,
                "{footprint}, after {takes} s: {:?} {:?}",
                room.state(),
                room.done
            );
        }
    }
}
