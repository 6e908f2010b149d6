//! How many role queries a thousand rooms cost, and one that somebody makes doubtful for ever, in virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use jibri_autostart::address::{Nick, RealJid, RoomJid};
use jibri_autostart::config::from_toml;
use jibri_autostart::jibri::{JibriName, RecordedBy};
use jibri_autostart::meeting::{
    Action, Affiliation, Effect, Event, Input, Listed, Marks, Meetings, Presence, Role, Roles, RoomEvent,
    What,
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
    // They were recorded before this program was started anew.
    core.remember(settings.discovery.rooms.iter().cloned().collect());
    let (mut now, mut sent, mut steps) = (Time::default(), BTreeMap::<u64, u32>::new(), 0_u64);
    let mut looks = vec![0_u32; ROOMS];
    let mut inputs = vec![Input::LinkUp];
    while now.since_start() < Duration::from_secs(60 * MINUTES) {
        let second = now.since_start().as_secs();
        for input in std::mem::take(&mut inputs) {
            for effect in core.handle(now, input) {
                if let Effect::Tell(Event { room, what: What::On { .. } }) = &effect {
                    // Its Jibri is seen at work, so that nobody has to ask.
                    let event = RoomEvent::RecordedBy(RecordedBy::Works(JibriName::new("jibri")));
                    inputs.push(Input::Room { room: room.clone(), event });
                }
                let Effect::Do(action) = effect else { continue };
                let (room, query, which) = match action {
                    Action::AskRoles { room, query, which } => (room, query, which),
                    Action::AskForm { room, query } => {
                        *sent.entry(second).or_default() += 1;
                        let event = RoomEvent::Form { query, password: None, meeting: None };
                        inputs.push(Input::Room { room, event });
                        continue;
                    }
                    visit => panic!("no visit: {visit:?}"),
                };
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

/// In three thousand rooms people wait for a moderator, more than can be looked at in time: whoever is said to have changed is
/// looked at first, and once more when Jicofo has had the time to promote who came.
#[test]
fn a_room_that_jicofo_counts_otherwise_is_looked_at_before_all_others() {
    const MANY: usize = 3_000;
    let rooms: Vec<String> = (0..MANY).map(|n| format!("\"r{n}@muc.meet.jitsi\"")).collect();
    let toml = format!(
        "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"s\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n\
         [discovery]\nrooms = [{}]\n",
        rooms.join(", ")
    );
    let mut core = Meetings::new(&from_toml(&toml).unwrap().settings, false, 1, Time::default());
    let people = [
        listed("focus", "focus@auth.meet.jitsi/focus", Role::Moderator),
        listed("ada", "ada@meet.jitsi/1", Role::Participant),
    ];
    let (mut now, mut looks) = (Time::default(), vec![Vec::<Duration>::new(); MANY]);
    let mut changes = (0..MANY).step_by(7).cycle();
    let mut changed = Vec::new();
    let mut inputs = vec![Input::LinkUp];
    let (first, last) = (Duration::from_secs(200), Duration::from_secs(260));
    let mut next_change = Time::new(first);
    while now.since_start() < last + Duration::from_secs(3) {
        for input in std::mem::take(&mut inputs) {
            for effect in core.handle(now, input) {
                let Effect::Do(Action::AskRoles { room, query, which }) = effect else { continue };
                looks[room_number(&room)].push(now.since_start());
                let asked = |l: &&Listed| which != Roles::Moderators || l.role == Role::Moderator;
                let asked =
                    |l: &&Listed| asked(l) && (which != Roles::Participants || l.role == Role::Participant);
                let result = Ok(people.iter().filter(asked).cloned().collect());
                inputs.push(Input::Room { room, event: RoomEvent::Roles { query, result } });
            }
        }
        if inputs.is_empty() {
            now = core.next_deadline().unwrap().max(now).min(next_change.max(now));
            inputs.push(Input::Tick);
            // Ten a second.
            if now >= next_change && now.since_start() < last {
                let room = changes.next().unwrap();
                changed.push((room, now.since_start()));
                inputs
                    .push(Input::Counted { room: RoomJid::new(&format!("r{room}@muc.meet.jitsi")).unwrap() });
                next_change = now.after(Duration::from_millis(100));
            } else if now >= next_change {
                next_change = Time::new(last * 2);
            }
        }
    }
    assert_eq!(changed.len(), 600);
    for (room, at) in changed {
        let after: Vec<_> = looks[room].iter().filter(|look| **look >= at).map(|look| *look - at).collect();
        assert!(after[0] < Duration::from_millis(300), "r{room}: {after:?}");
        let again = Duration::from_millis(100)..Duration::from_millis(1500);
        assert!(after.iter().any(|look| again.contains(look)), "r{room}: {after:?}");
    }
    // And the others are not forgotten.
    let longest =
        looks.iter().map(|all| all.windows(2).map(|two| two[1] - two[0]).max().unwrap()).max().unwrap();
    assert!(longest < Duration::from_secs(150), "{longest:?}");
}

fn room_number(room: &RoomJid) -> usize {
    room.local().strip_prefix('r').unwrap().parse().unwrap()
}

/// One room, in which we are an occupant.
struct Resident {
    core: Meetings,
    now: Time,
    room: RoomJid,
    /// When queries went out.
    asked: Vec<Duration>,
}

impl Resident {
    fn new() -> Self {
        let toml = "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"s\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n\
                    footprint = \"resident\"\n[start]\nmin_moderators = 9\nmin_participants = 9\n[discovery]\n\
                    rooms = [\"r0@muc.meet.jitsi\"]\n";
        let settings = from_toml(toml).unwrap().settings;
        let core = Meetings::new(&settings, false, 1, Time::default());
        let room = RoomJid::new("r0@muc.meet.jitsi").unwrap();
        let mut resident = Self { core, now: Time::default(), room, asked: Vec::new() };
        resident.feed(Input::LinkUp);
        assert!(resident.core.room(&resident.room).unwrap().inside.is_some());
        resident.asked.clear();
        resident
    }

    fn feed(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for effect in self.core.handle(self.now, input) {
                let Effect::Do(action) = effect else { continue };
                match action {
                    Action::AskRoles { query, .. } => {
                        self.asked.push(self.now.since_start());
                        let us = "autostart@autostart.meet.jitsi/a";
                        let mut all = occupants(1, 0);
                        all.push(listed("autostart", us, Role::Moderator));
                        inputs.push(self.event(RoomEvent::Roles { query, result: Ok(all) }));
                    }
                    Action::Enter { nick, .. } => {
                        inputs.push(self.event(RoomEvent::Presence(presence(nick, true))));
                        for Listed { nick, .. } in occupants(1, 0) {
                            inputs.push(self.event(RoomEvent::Presence(presence(nick, false))));
                        }
                    }
                    Action::AskForm { query, .. } => {
                        let form = RoomEvent::Form { query, password: None, meeting: None };
                        inputs.push(self.event(form));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    fn event(&self, event: RoomEvent) -> Input {
        Input::Room { room: self.room.clone(), event }
    }

    fn run_for(&mut self, time: Duration) {
        let then = self.now.after(time);
        while let Some(due) = self.core.next_deadline().filter(|due| *due <= then) {
            self.now = due.max(self.now);
            self.feed(Input::Tick);
        }
        self.now = then;
    }
}

fn presence(nick: Nick, own: bool) -> Presence {
    let jid = match nick.as_str() {
        "focus" => "focus@auth.meet.jitsi/focus",
        "ada" => "ada@meet.jitsi/1",
        "rec" => "recorder@hidden.meet.jitsi/1",
        _ => "autostart@autostart.meet.jitsi/a",
    };
    Presence {
        nick,
        jid: Some(RealJid::new(jid).unwrap()),
        role: Role::Moderator,
        affiliation: Affiliation::Owner,
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

/// A doubt is settled by a look within a second or so; a participant who sends what nobody can read for an hour has
/// no more of them than a few a minute.
#[test]
fn a_room_that_is_doubtful_for_ever_is_looked_at_now_and_then() {
    let hour = Duration::from_secs(3600);
    let mut quiet = Resident::new();
    quiet.run_for(hour);
    let mut resident = Resident::new();
    resident.run_for(Duration::from_secs(5));
    resident.asked.clear();
    let unreadable = resident.event(RoomEvent::Unreadable);
    let since = resident.now.since_start();
    for _ in 0..36_000 {
        resident.feed(unreadable.clone());
        resident.run_for(Duration::from_millis(100));
    }
    let first = resident.asked[0] - since;
    assert!(first <= Duration::from_millis(1_100), "{first:?}");
    let (asked, usual) = (resident.asked.len(), quiet.asked.len());
    println!("{asked} looks in an hour of what cannot be read, {usual} in an hour of quiet");
    assert!(asked <= 60 * 4 && usual >= 50, "{asked} looks, {usual} in an hour of quiet");
    // When it is over, the next doubt is settled soon again.
    resident.run_for(Duration::from_secs(300));
    resident.asked.clear();
    resident.feed(unreadable);
    resident.run_for(Duration::from_millis(1_100));
    assert_eq!(resident.asked.len(), 1);
}
