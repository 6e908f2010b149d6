//! How many role queries a thousand rooms cost, in virtual time.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use jibri_autostart::address::{Nick, RealJid, RoomJid};
use jibri_autostart::config::from_toml;
use jibri_autostart::meeting::{
    Action, Affiliation, Effect, Input, Listed, Meetings, Role, Roles, RoomEvent,
};
use jibri_autostart::time::Time;

const ROOMS: usize = 1_000;
const BUSY: usize = 50;
const MINUTES: u64 = 3;

fn listed(nick: &str, jid: &str, role: Role) -> Listed {
    Listed {
        nick: Nick::new(nick).unwrap(),
        jid: Some(RealJid::new(jid).unwrap()),
        role,
        affiliation: Affiliation::None,
    }
}

/// Most rooms are recorded and quiet; in the first ones people come and go all the time.
fn occupants(number: usize, second: u64) -> Vec<Listed> {
    let mut all = vec![
        listed("focus", "focus@auth.meet.jitsi/focus", Role::Moderator),
        listed("ada", "ada@meet.jitsi/1", Role::Moderator),
        listed("rec", "recorder@hidden.meet.jitsi/1", Role::Participant),
    ];
    if number < BUSY {
        let nick = format!("p{second}");
        all.push(listed(&nick, &format!("{nick}@meet.jitsi/1"), Role::Participant));
    }
    all
}

#[test]
fn a_thousand_rooms_stay_under_a_hundred_queries_a_second() {
    let rooms: Vec<String> = (0..ROOMS).map(|n| format!("\"r{n}@muc.meet.jitsi\"")).collect();
    let toml = format!(
        "[xmpp]\nserver = \"h:1\"\ndomain = \"autostart.meet.jitsi\"\nsecret = \"s\"\n[muc]\ndomains = \
         [\"muc.meet.jitsi\"]\n[discovery]\nrooms = [{}]\n",
        rooms.join(", ")
    );
    let settings = from_toml(&toml).unwrap().settings;
    let mut core = Meetings::new(&settings, false, 1, Time::default());
    let (mut now, mut sent, mut steps) = (Time::default(), BTreeMap::<u64, u32>::new(), 0_u64);
    let mut looks = vec![0_u32; ROOMS];
    let mut inputs = vec![Input::LinkUp];
    while now.since_start() < Duration::from_secs(60 * MINUTES) {
        let second = now.since_start().as_secs();
        for input in std::mem::take(&mut inputs) {
            for effect in core.handle(now, input) {
                let Effect::Do(action) = effect else { continue };
                let Action::AskRoles { room, query, which } = action else { panic!("no visit: {action:?}") };
                *sent.entry(second).or_default() += which.queries();
                let number = room_number(&room);
                looks[number] += 1;
                let asked = |l: &Listed| match which {
                    Roles::Both => true,
                    Roles::Moderators => l.role == Role::Moderator,
                    Roles::Participants => l.role == Role::Participant,
                };
                let result = Ok(occupants(number, second).into_iter().filter(asked).collect());
                inputs.push(Input::Room { room, event: RoomEvent::Roles { query, result } });
            }
        }
        if inputs.is_empty() {
            now = core.next_deadline().unwrap().max(now);
            inputs.push(Input::Tick);
        }
        steps += 1;
        assert!(steps < 1_000_000, "a busy loop");
    }
    let all: u32 = sent.values().sum();
    let busiest = sent.iter().filter(|(second, _)| **second > 30).map(|(_, n)| *n).max().unwrap();
    let least = looks.iter().min().unwrap();
    println!("{all} queries in {MINUTES} min, {busiest} in the busiest second, {least} looks at least");
    assert!(u64::from(all) < 100 * 60 * MINUTES, "{all}");
    assert!(busiest < 100, "{busiest}");
    assert!(*least >= 8, "a room was looked at only {least} times");
}

fn room_number(room: &RoomJid) -> usize {
    room.local().strip_prefix('r').unwrap().parse().unwrap()
}
