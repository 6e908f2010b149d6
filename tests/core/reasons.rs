//! Every room in which somebody is says why it is not recorded, in words that a person can act on.

use std::time::Duration;

use jibri_autostart::meeting::{Input, ManualOrder, State, Supply};

use super::companion::Room;

/// The state and the reason.
fn shown(room: &Room) -> (State, String) {
    let view = room.core.room(&room.jid).unwrap();
    assert!(view.reason.is_some() || view.people == 0 || view.state == State::Recording, "{:?}", view.state);
    (view.state, view.reason.unwrap_or_default().into_owned())
}

fn with(settings: &str, people: &[&'static str]) -> (State, String) {
    let mut room = Room::told(settings);
    room.shows(people, 0);
    shown(&room)
}

#[test]
fn what_the_rules_want_is_said() {
    for (settings, people, why) in [
        ("", &["ada"][..], "no moderator yet"),
        ("[start]\nmin_moderators = 2", &["ada*", "ben"], "needs 2 moderators, has 1"),
        ("[start]\nmin_participants = 2", &["ada*"], "needs 2 people, has 1"),
        ("[[rule]]\nroom = \"^r0\"\nrecord = false", &["ada*"], r#"rule 1 ("^r0"): record = false"#),
        (
            "[[rule]]\nroom = \"^x\"\n[[rule]]\nroom = \"^r\"\nmin_participants = 3",
            &["ada*", "ben"],
            "needs 3 people, has 2 (rule 2)",
        ),
    ] {
        assert_eq!(with(settings, people), (State::Idle, why.to_owned()), "{settings}");
    }
    let (state, why) = with("[start]\nsettle = \"30s\"", &["ada*"]);
    assert_eq!(
        (state, why.as_str()),
        (State::Settling, "the condition has to hold for 30 s first (start.settle)")
    );
}

#[test]
fn of_a_room_where_nobody_is_there_is_nothing_to_say() {
    assert_eq!(with("", &[]), (State::Idle, String::new()));
}

#[test]
fn who_is_there_is_not_known_without_a_link() {
    let mut room = Room::told("");
    room.shows(&["ada*"], 0);
    assert_eq!(shown(&room).0, State::Pending);
    room.feed(Input::LinkDown);
    let view = room.core.room(&room.jid).unwrap();
    assert!(!view.is_seen);
    assert_eq!(view.reason.unwrap(), "it is not known now who is there");
}

#[test]
fn what_is_under_way_is_said() {
    let mut room = Room::told("");
    room.has_focus = false;
    room.shows(&["ada*"], 0);
    assert_eq!(shown(&room), (State::Settling, "Jicofo is not in the room yet".to_owned()));
    room.has_focus = true;
    room.shows(&["ada*"], 0);
    assert_eq!(shown(&room), (State::Pending, "a Jibri was found; the recording is not on yet".to_owned()));
    room.says(true, "ada");
    assert_eq!(shown(&room), (State::Recording, String::new()));
    room.says(false, "ada");
    let (state, why) = shown(&room);
    assert!(state == State::Held && why.contains("ada"), "{state:?} {why}");
}

#[test]
fn who_waits_for_a_jibri_knows_its_place() {
    let mut room = Room::told("");
    room.feed(Input::Supply(Supply::Known { free: 0, change: 1 }));
    room.shows(&["ada*"], 0);
    assert_eq!(shown(&room), (State::Waiting, "no Jibri is free; first in the queue".to_owned()));
    let view = room.core.room(&room.jid).unwrap();
    assert_eq!((view.place, view.missing_for), (Some(1), Some("no Jibri is free")));
    room.feed(Input::Supply(Supply::Known { free: 1, change: 2 }));
    assert_eq!(shown(&room).0, State::Pending);
    let view = room.core.room(&room.jid).unwrap();
    assert_eq!((view.place, view.missing_for), (None, None));
}

#[test]
fn an_order_is_named() {
    let mut room = Room::told("");
    room.shows(&["ada*"], 0);
    room.says(true, "ada");
    room.run_for(Duration::from_secs(5));
    room.order(ManualOrder::Stop);
    assert!(shown(&room).1.contains("by hand"), "{:?}", shown(&room));
    let mut room = Room::told("");
    room.shows(&["ada"], 0);
    room.order(ManualOrder::Stop);
    let (state, why) = shown(&room);
    assert!(state == State::Held && why.contains("stopped by"), "{state:?} {why}");
}
