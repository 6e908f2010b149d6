//! A free Jibri is not kept for a room that cannot act.

use std::time::Duration;

use jibri_autostart::address::{Nick, RealJid, RoomJid};
use jibri_autostart::meeting::{
    Action, Affiliation, Effect, Input, Listed, Meetings, Role, RoomEvent, Supply,
};
use jibri_autostart::time::Time;

const SETTINGS: &str = r#"
[xmpp]
domain = "autostart.meet.jitsi"
secret = "s"
[muc]
domains = ["muc.meet.jitsi"]
footprint = "discreet"
"#;

fn at(ms: u64) -> Time {
    Time::new(Duration::from_millis(ms))
}

fn room(name: &str) -> RoomJid {
    RoomJid::new(&format!("{name}@muc.meet.jitsi")).unwrap()
}

fn moderator(nick: &str, jid: &str) -> Listed {
    Listed {
        nick: Nick::new(nick).unwrap(),
        jid: RealJid::new(jid).ok(),
        role: Role::Moderator,
        affiliation: Affiliation::Owner,
    }
}

/// Gives it an input, and answers its role queries at once, but for those of the room that is deaf. Returns which
/// rooms it enters.
fn step(meetings: &mut Meetings, ms: u64, input: Input, deaf: Option<&RoomJid>) -> Vec<RoomJid> {
    let (mut inputs, mut entered) = (vec![input], Vec::new());
    while let Some(input) = inputs.pop() {
        for effect in meetings.handle(at(ms), input) {
            match effect {
                Effect::Do(Action::AskRoles { room, query, .. }) if Some(&room) != deaf => {
                    let focus = moderator("focus", "focus@auth.meet.jitsi/focus");
                    let result = Ok(vec![focus, moderator("ada", "ada@meet.jitsi/x")]);
                    inputs.push(Input::Room { room, event: RoomEvent::Roles { query, result } });
                }
                Effect::Do(Action::Enter { room, .. }) => entered.push(room),
                _ => {}
            }
        }
    }
    entered
}

#[test]
fn who_is_first_in_line_and_cannot_look_keeps_a_jibri_for_a_moment_only() {
    let settings = jibri_autostart::config::from_toml(SETTINGS).unwrap().settings;
    let mut meetings = Meetings::new(&settings, false, 1, at(0));
    let (first, second) = (room("first"), room("second"));
    step(&mut meetings, 0, Input::LinkUp, None);
    step(&mut meetings, 0, Input::Supply(Supply::Known { free: 0, change: 1 }), None);
    step(&mut meetings, 10, Input::Watch { room: first.clone() }, None);
    for ms in 11..5_000 {
        step(&mut meetings, ms, Input::Tick, None);
        if ms == 1_000 {
            step(&mut meetings, ms, Input::Watch { room: second.clone() }, None);
        }
    }
    for ms in 5_000..30_000 {
        // What the first was told has to be old by then.
        step(&mut meetings, ms, Input::Tick, Some(&first));
    }
    assert_eq!(meetings.rooms_waiting(), 2);
    let one = Input::Supply(Supply::Known { free: 1, change: 2 });
    let mut entered = step(&mut meetings, 30_000, one, Some(&first));
    let mut ms = 30_000;
    while entered.is_empty() && ms < 40_000 {
        ms += 1;
        entered = step(&mut meetings, ms, Input::Tick, Some(&first));
    }
    assert_eq!(entered, [second]);
    assert!(ms <= 33_000, "after {} ms", ms - 30_000);
}
