//! What the core costs: memory for 10,000 rooms of 20 occupants, and the time a presence takes it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "not the program"
)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use jibri_autostart::address::{Nick, RealJid, RoomJid};
use jibri_autostart::meeting::{
    Action, Affiliation, Effect, Input, ListError, Listed, Marks, Meetings, Presence, Role, RoomEvent,
};
use jibri_autostart::time::Time;

const ROOMS: usize = 10_000;
const OCCUPANTS: usize = 20;

fn main() {
    let mut toml = String::from(
        "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"x\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n",
    );
    toml.push_str("footprint = \"resident\"\n[start]\nmin_moderators = 2\nmin_participants = 2\n");
    let loaded = jibri_autostart::config::from_toml(&toml).expect("a good configuration");
    let mut now = Time::new(Duration::from_secs(1));

    let before = resident_bytes();
    let mut meetings = Meetings::new(&loaded.settings, false, 1, now);
    meetings.handle(now, Input::LinkUp);
    let rooms: Vec<RoomJid> =
        (0..ROOMS).map(|n| RoomJid::new(&format!("room-{n}@muc.meet.jitsi")).expect("a room")).collect();
    let mut effects = Vec::new();
    for room in rooms {
        effects.extend(meetings.handle(now, Input::Watch { room }));
    }
    let mut filled = BTreeSet::new();
    let begun = Instant::now();
    let mut presences = 0_u32;
    // The core asks for role lists within its budget; every answer lets it enter.
    while filled.len() < ROOMS {
        let Some(effect) = effects.pop() else {
            now = meetings.next_deadline().expect("something to do");
            effects = meetings.handle(now, Input::Tick);
            continue;
        };
        match effect {
            Effect::Do(Action::AskRoles { room, query, .. }) => {
                let full = filled.contains(&room);
                let result = if full {
                    Err(ListError::TimedOut)
                } else {
                    Ok(vec![listed("focus"), listed("00000001")])
                };
                effects.extend(
                    meetings.handle(now, Input::Room { room, event: RoomEvent::Roles { query, result } }),
                );
            }
            Effect::Do(Action::Enter { room, nick, .. }) => {
                filled.insert(room.clone());
                for n in 1..OCCUPANTS {
                    let nick = if n == 1 { "focus".to_owned() } else { format!("{n:08x}") };
                    presences += 1;
                    let event = RoomEvent::Presence(presence(&nick, false));
                    effects.extend(meetings.handle(now, Input::Room { room: room.clone(), event }));
                }
                presences += 1;
                let event = RoomEvent::Presence(presence(nick.as_str(), true));
                effects.extend(meetings.handle(now, Input::Room { room, event }));
            }
            _ => {}
        }
    }
    let took = begun.elapsed();
    let used = resident_bytes().saturating_sub(before);
    let per_occupant = used / (ROOMS * OCCUPANTS);
    // Everybody but focus and us.
    assert!(meetings.rooms().all(|room| room.people as usize == OCCUPANTS - 2));
    black_box(&meetings);

    // The bare strings of every occupant, held against all that the core keeps.
    let bare = ROOMS * OCCUPANTS * (presence_strings());
    println!("core: {ROOMS} rooms of {OCCUPANTS} occupants: {:.1} MB (bound 64 MB)", used as f64 / 1e6);
    println!(
        "core: {per_occupant} bytes an occupant, {:.1} times its bare strings",
        used as f64 / bare as f64
    );
    println!("core: {:.2} us a presence, effects included", took.as_secs_f64() * 1e6 / f64::from(presences));
    assert!(used < 64_000_000, "the core needs {used} bytes");
}

fn jid_of(nick: &str) -> RealJid {
    let jid = match nick {
        "focus" => "focus@auth.meet.jitsi/focus".to_owned(),
        "autostart" => "autostart@autostart.meet.jitsi/a".to_owned(),
        _ => format!("{nick}-59e0-4bd1-9e9c-6d2b5a1c7f10@meet.jitsi/Qw1xYz0aBcDe"),
    };
    RealJid::new(&jid).expect("a JID")
}

fn presence_strings() -> usize {
    8 + jid_of("00000002").as_str().len()
}

fn listed(nick: &str) -> Listed {
    let role = Role::Moderator;
    Listed {
        nick: Nick::new(nick).expect("a nick"),
        jid: Some(jid_of(nick)),
        role,
        affiliation: Affiliation::Owner,
    }
}

fn presence(nick: &str, own: bool) -> Presence {
    Presence {
        nick: Nick::new(nick).expect("a nick"),
        jid: Some(jid_of(nick)),
        role: if nick == "focus" || nick == "00000002" || own { Role::Moderator } else { Role::Participant },
        affiliation: Affiliation::None,
        marks: Marks::default(),
        session: None,
        mode: None,
        jibri: None,
        name: None,
        recording: None,
        conference: None,
        own,
        created: false,
    }
}

/// Resident memory of this process (Linux).
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc");
    let pages: usize = statm.split(' ').nth(1).expect("a number").parse().expect("a number");
    pages * 4096
}
