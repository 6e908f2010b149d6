//! Who vouches for which room, whatever the sources say.

use std::collections::BTreeSet;

use jibri_autostart::address::RoomJid;
use jibri_autostart::meeting::watchlist::{
    Change, MOST_ON_TRIAL, MOST_WAITING, Report, Sender, Source, Watchlist,
};
use proptest::prelude::*;

use super::room;

const SOURCES: [Source; 4] = [Source::Jicofo, Source::Events, Source::Disco, Source::Invitation];

fn services() -> Vec<String> {
    vec!["muc.meet.jitsi".to_owned(), "breakout.meet.jitsi".to_owned()]
}

fn watchlist() -> Watchlist {
    Watchlist::new(&services(), &[])
}

fn list(source: Source, rooms: &[RoomJid]) -> Report {
    Report::List { source, service: None, rooms: rooms.to_vec() }
}

fn appeared(source: Source, room: &RoomJid) -> Report {
    Report::Appeared { source, sender: Sender::Unknown, room: room.clone() }
}

fn disappeared(source: Source, room: &RoomJid) -> Report {
    Report::Disappeared { source, room: room.clone() }
}

fn no_such(room: &RoomJid) -> Report {
    Report::NoSuchRoom { room: room.clone() }
}

fn proven(room: &RoomJid) -> Report {
    Report::Proven { room: room.clone() }
}

fn watch(room: &RoomJid) -> Change {
    Change::Watch(room.clone())
}

fn on_trial(room: &RoomJid) -> Change {
    Change::WatchOnTrial { room: room.clone(), sender: Sender::Unknown }
}

fn forget(room: &RoomJid) -> Change {
    Change::Forget(room.clone())
}

#[test]
fn one_absence_is_none() {
    let (mut v, r) = (watchlist(), room("r1"));
    assert_eq!(v.handle(list(Source::Jicofo, std::slice::from_ref(&r))), [Change::Watch(r.clone())]);
    assert_eq!(v.handle(list(Source::Jicofo, &[])), []);
    assert_eq!(v.handle(list(Source::Jicofo, std::slice::from_ref(&r))), []);
    assert_eq!(v.handle(list(Source::Jicofo, &[])), []);
    // Not in a row: Jicofo was away in between.
    v.handle(Report::SourceLost { source: Source::Jicofo });
    assert_eq!(v.handle(list(Source::Jicofo, &[])), []);
    assert_eq!(v.handle(list(Source::Jicofo, &[])), [Change::Forget(r)]);
    assert!(v.rooms().is_empty());
}

/// It sees the rooms themselves; and where it was unloaded, looks do.
#[test]
fn what_the_companion_says_is_certain_and_looks_take_its_place() {
    let (mut v, r) = (watchlist(), room("r1"));
    let source = Source::Companion;
    assert_eq!(v.handle(appeared(source, &r)), [watch(&r)]);
    assert_eq!(v.handle(disappeared(source, &r)), [forget(&r)]);
    assert_eq!(v.handle(disappeared(source, &r)), [], "told again");
    assert_eq!(v.handle(list(source, std::slice::from_ref(&r))), [watch(&r)]);
    assert_eq!(v.handle(list(source, &[])), [forget(&r)]);
    v.handle(list(source, std::slice::from_ref(&r)));
    v.handle(list(Source::Jicofo, std::slice::from_ref(&r)));
    assert_eq!(v.handle(disappeared(source, &r)), [], "Jicofo lists it still");
    assert_eq!(
        (v.handle(list(Source::Jicofo, &[])), v.handle(list(Source::Jicofo, &[]))),
        (vec![], vec![forget(&r)])
    );
    v.handle(list(source, std::slice::from_ref(&r)));
    v.handle(Report::SourceLost { source });
    assert_eq!(v.handle(no_such(&r)), [Change::Poll(r.clone())]);
    assert_eq!(v.handle(no_such(&r)), [forget(&r)]);
}

#[test]
fn a_room_stays_as_long_as_one_source_vouches_for_it() {
    let (mut v, r) = (watchlist(), room("r1"));
    assert_eq!(v.handle(appeared(Source::Events, &r)), [on_trial(&r)]);
    assert_eq!(v.handle(list(Source::Jicofo, std::slice::from_ref(&r))), [watch(&r)]);
    assert_eq!(v.handle(list(Source::Jicofo, std::slice::from_ref(&r))), []);
    assert_eq!(v.of(&r).collect::<Vec<_>>(), [Source::Jicofo, Source::Events]);
    assert_eq!(v.handle(disappeared(Source::Events, &r)), [Change::Poll(r.clone())]);
    assert_eq!(v.of(&r).collect::<Vec<_>>(), [Source::Jicofo]);
    assert_eq!(v.handle(no_such(&r)), []);
    v.handle(list(Source::Jicofo, &[]));
    assert_eq!(v.handle(list(Source::Jicofo, &[])), [Change::Forget(r)]);
}

#[test]
fn the_end_that_an_event_tells_is_confirmed_by_a_look() {
    let (mut v, r) = (watchlist(), room("r1"));
    assert_eq!(v.handle(disappeared(Source::Events, &r)), []);
    assert_eq!(v.handle(appeared(Source::Events, &r)), [on_trial(&r)]);
    for _ in 0..3 {
        assert_eq!(v.handle(disappeared(Source::Events, &r)), [Change::Poll(r.clone())]);
    }
    assert_eq!(v.handle(no_such(&r)), [Change::Forget(r)]);
}

#[test]
fn a_lost_end_is_found_by_two_looks() {
    let (mut v, r) = (watchlist(), room("r1"));
    v.handle(appeared(Source::Invitation, &r));
    v.handle(appeared(Source::Events, &r));
    assert_eq!(v.handle(proven(&r)), []);
    assert_eq!(v.handle(no_such(&r)), [Change::Poll(r.clone())]);
    // The room has come to be just then.
    assert_eq!(v.handle(appeared(Source::Events, &r)), [Change::Poll(r.clone())]);
    assert_eq!(v.handle(no_such(&r)), [Change::Poll(r.clone())]);
    assert_eq!(v.handle(no_such(&r)), [Change::Forget(r)]);
}

#[test]
fn a_list_of_one_service_says_nothing_of_another() {
    let (main, other) = (room("r1"), RoomJid::new("b1@breakout.meet.jitsi").unwrap());
    let mut v = watchlist();
    let of = |service: &str, rooms: Vec<RoomJid>| Report::List {
        source: Source::Disco,
        service: Some(service.to_owned()),
        rooms,
    };
    v.handle(of("muc.meet.jitsi", vec![main.clone(), other.clone()]));
    assert_eq!(v.rooms(), BTreeSet::from([&main]));
    v.handle(of("breakout.meet.jitsi", vec![other.clone()]));
    for _ in 0..3 {
        v.handle(of("breakout.meet.jitsi", Vec::new()));
    }
    assert_eq!(v.rooms(), BTreeSet::from([&main]));
}

#[test]
fn only_rooms_of_the_configured_services_and_no_health_checks() {
    let mut v = Watchlist::new(&["muc.meet.jitsi".to_owned()], &[]);
    for foreign in [
        "r1@breakout.meet.jitsi",
        "r1@internal-muc.meet.jitsi",
        "r1@MUC.meet.jitsi.example",
        "__jicofo-health-check@muc.meet.jitsi",
        "__jicofo-health-check-7f3a@muc.meet.jitsi",
    ] {
        let foreign = RoomJid::new(foreign).unwrap();
        assert_eq!(v.handle(list(Source::Jicofo, std::slice::from_ref(&foreign))), []);
        assert_eq!(v.handle(appeared(Source::Events, &foreign)), []);
    }
    assert!(v.rooms().is_empty());
}

#[test]
fn a_flood_from_one_source_takes_no_place_from_another() {
    let mut v = Watchlist::with_room_for(3, &services(), &[room("pinned")]);
    let many: Vec<RoomJid> = (0..1000).map(|n| room(&format!("r{n}"))).collect();
    for r in &many {
        v.handle(appeared(Source::Events, r));
    }
    assert_eq!((v.rooms().len(), v.turned_away()), (4, 997));
    assert_eq!(v.handle(list(Source::Jicofo, &[room("real")])), [Change::Watch(room("real"))]);
    // Old rooms make place for new ones.
    v.handle(list(Source::Jicofo, &many[500..503]));
    v.handle(list(Source::Jicofo, &many[500..503]));
    assert_eq!(v.of(&many[502]).collect::<Vec<_>>(), [Source::Jicofo]);
}

#[test]
fn invitations_vouch_for_few_rooms_with_focus() {
    let mut v = watchlist();
    for n in 0..1000 {
        let r = room(&format!("r{n}"));
        v.handle(appeared(Source::Invitation, &r));
        v.handle(proven(&r));
    }
    assert_eq!((v.rooms().len(), v.turned_away()), (500, 500));
    for _ in 0..2 {
        v.handle(no_such(&room("r7")));
    }
    assert_eq!(v.handle(appeared(Source::Invitation, &room("new"))), [on_trial(&room("new"))]);
}

/// Two looks, and no more, whatever is said of it in between.
#[test]
fn what_hearsay_alone_names_is_forgotten_after_two_looks() {
    let (mut v, r) = (watchlist(), room("r1"));
    assert_eq!(v.handle(appeared(Source::Events, &r)), [on_trial(&r)]);
    // The core looks again by itself, in its own time.
    assert_eq!(v.handle(no_such(&r)), []);
    assert_eq!(v.handle(no_such(&r)), [forget(&r)]);
    assert_eq!(v.handle(appeared(Source::Events, &r)), [on_trial(&r)]);
}

/// The last that were named come first: those before may be a flood, and the room is not among them.
#[test]
fn few_are_on_trial_at_a_time_and_the_newest_comes_next() {
    let mut v = watchlist();
    let many: Vec<RoomJid> = (0..3000).map(|n| room(&format!("r{n}"))).collect();
    let tried: Vec<Change> = many.iter().flat_map(|r| v.handle(appeared(Source::Events, r))).collect();
    assert_eq!(tried, many[..MOST_ON_TRIAL].iter().map(on_trial).collect::<Vec<_>>());
    assert_eq!(v.turned_away() as usize, 3000 - MOST_ON_TRIAL - MOST_WAITING);
    let new = room("new");
    assert_eq!(v.handle(appeared(Source::Events, &new)), []);
    // One look is enough where others wait.
    assert_eq!(v.handle(no_such(&many[3])), [forget(&many[3]), on_trial(&new)]);
    assert_eq!(v.handle(proven(&new)), [on_trial(&many[2999])]);
    // And the other source has places of its own, and so has who knows.
    assert_eq!(v.handle(appeared(Source::Invitation, &many[0])), [Change::Poll(many[0].clone())]);
    assert_eq!(v.handle(appeared(Source::Invitation, &room("asked"))), [on_trial(&room("asked"))]);
    let known = v.handle(list(Source::Jicofo, &[many[2998].clone(), many[1].clone()]));
    // Whoever was on trial makes room for the next, who is not one that is known by now.
    assert_eq!(known, [watch(&many[1]), watch(&many[2998]), on_trial(&many[2997])]);
}

/// One that was missed while nobody waited gives way to the first who comes.
#[test]
fn a_missed_one_gives_way() {
    let mut v = watchlist();
    let many: Vec<RoomJid> = (0..MOST_ON_TRIAL).map(|n| room(&format!("r{n}"))).collect();
    for r in &many {
        v.handle(appeared(Source::Events, r));
    }
    assert_eq!(v.handle(no_such(&many[5])), []);
    // Whatever was said of it since.
    assert_eq!(v.handle(appeared(Source::Events, &many[5])), [Change::Poll(many[5].clone())]);
    assert_eq!(v.handle(appeared(Source::Events, &room("new"))), [forget(&many[5]), on_trial(&room("new"))]);
}

/// However often they are repeated, names that were tried in vain come after one that is new.
#[test]
fn repeated_names_hold_nobody_up() {
    let mut v = watchlist();
    let false_ones: Vec<RoomJid> = (0..MOST_ON_TRIAL + 9).map(|n| room(&format!("r{n}"))).collect();
    let mut trials = Vec::new();
    for _ in 0..20 {
        for r in &false_ones {
            trials.extend(v.handle(appeared(Source::Events, r)));
        }
        for r in &false_ones {
            trials.extend(v.handle(no_such(r)));
        }
    }
    for r in &false_ones {
        v.handle(appeared(Source::Events, r));
    }
    let new = room("new");
    // Full of such that were not looked at yet: the new one has the first place that is free.
    let mut changes = v.handle(appeared(Source::Events, &new));
    changes.extend(
        false_ones
            .iter()
            .find_map(|r| {
                let changes = v.handle(no_such(r));
                (!changes.is_empty()).then_some(changes)
            })
            .unwrap_or_default(),
    );
    assert!(changes.contains(&on_trial(&new)), "{changes:?}");
    // And each of the false ones has its turn.
    assert!(false_ones.iter().all(|r| trials.contains(&on_trial(r))));
}

#[test]
fn other_rooms_are_pinned() {
    let (a, b, c) = (room("a"), room("b"), room("c"));
    let mut v = Watchlist::new(&services(), &[a.clone(), b.clone()]);
    v.handle(appeared(Source::Events, &b));
    let foreign = RoomJid::new("r1@elsewhere").unwrap();
    let changes = v.pin(&[c.clone(), foreign]);
    assert_eq!(changes, [Change::Watch(c.clone()), Change::Forget(a)]);
    assert_eq!(v.pin(std::slice::from_ref(&c)), []);
    assert_eq!(v.rooms(), BTreeSet::from([&b, &c]));
}

fn any_room() -> impl Strategy<Value = RoomJid> {
    let service =
        prop_oneof![4 => Just("muc.meet.jitsi"), 1 => Just("breakout.meet.jitsi"), 1 => Just("other")];
    let local = prop_oneof![6 => "[a-f]", 1 => Just("__jicofo-health-check-1".to_owned())];
    (local, service).prop_map(|(local, service)| RoomJid::new(&format!("{local}@{service}")).unwrap())
}

fn any_sender() -> impl Strategy<Value = Sender> {
    let host = (0..4_u8).prop_map(|last| Sender::Host([192, 0, 2, last].into()));
    prop_oneof![Just(Sender::Unknown), host]
}

fn any_report() -> impl Strategy<Value = Report> {
    let source = || proptest::sample::select(SOURCES.to_vec());
    let service = proptest::option::of(proptest::sample::select(services()));
    let rooms = proptest::collection::vec(any_room(), 0..6);
    prop_oneof![
        3 => (source(), service, rooms)
            .prop_map(|(source, service, rooms)| Report::List { source, service, rooms }),
        3 => (source(), any_sender(), any_room())
            .prop_map(|(source, sender, room)| Report::Appeared { source, sender, room }),
        3 => (source(), any_room()).prop_map(|(source, room)| Report::Disappeared { source, room }),
        2 => any_room().prop_map(|room| Report::NoSuchRoom { room }),
        1 => source().prop_map(|source| Report::SourceLost { source }),
        1 => any_room().prop_map(|room| Report::Proven { room }),
    ]
}

fn is_event(report: &Report) -> bool {
    matches!(report, Report::Appeared { .. } | Report::Disappeared { .. } | Report::SourceLost { .. })
}

proptest! {
    /// Whoever only follows the changes knows exactly the rooms that are vouched for.
    #[test]
    fn the_changes_tell_all(reports in proptest::collection::vec(any_report(), 0..200)) {
        let pinned = room("pinned");
        let mut v = Watchlist::with_room_for(4, &services(), std::slice::from_ref(&pinned));
        let mut followed = BTreeSet::from([pinned.clone()]);
        let mut trials = BTreeSet::new();
        for report in reports {
            if let Report::Proven { room } = &report {
                trials.remove(room);
            }
            for change in v.handle(report) {
                match change {
                    Change::Watch(room) => prop_assert!(trials.remove(&room) || followed.insert(room)),
                    Change::WatchOnTrial { room, .. } => {
                        prop_assert!(followed.insert(room.clone()) && trials.insert(room));
                    }
                    Change::Poll(room) => prop_assert!(followed.contains(&room)),
                    Change::Forget(room) => {
                        trials.remove(&room);
                        prop_assert!(followed.remove(&room));
                    }
                }
            }
            prop_assert!(trials.iter().all(|room| v.of(room).all(Source::is_hearsay)));
            prop_assert_eq!(&v.rooms(), &followed.iter().collect());
            prop_assert!(followed.contains(&pinned));
            for room in &followed {
                prop_assert!(services().iter().any(|service| service == room.service()));
                prop_assert!(!room.local().starts_with("__jicofo"));
                prop_assert!(v.of(room).next().is_some());
            }
            for source in SOURCES {
                prop_assert!(v.rooms().iter().filter(|room| v.of(room).any(|of| of == source)).count() <= 4);
            }
        }
    }

    /// Events alone, of whatever kind and in whatever order, never make a room forgotten.
    #[test]
    fn no_event_makes_a_room_forgotten(reports in proptest::collection::vec(any_report(), 0..200)) {
        let mut v = watchlist();
        for report in reports {
            let (before, is_event) = (v.rooms().len(), is_event(&report));
            let changes = v.handle(report);
            if is_event {
                prop_assert!(!changes.iter().any(|change| matches!(change, Change::Forget(_))));
                prop_assert!(v.rooms().len() >= before);
            }
        }
    }

    /// A report that comes twice in a row does what it does once, but for lists and looks, which count.
    #[test]
    fn a_replay_changes_nothing(reports in proptest::collection::vec(any_report(), 0..100)) {
        let (mut once, mut twice) = (watchlist(), watchlist());
        for report in reports {
            once.handle(report.clone());
            twice.handle(report.clone());
            if is_event(&report) {
                twice.handle(report);
            }
            prop_assert_eq!(once.rooms(), twice.rooms());
        }
    }

    /// A room that a source keeps listing stays, whatever the others say, and is told but once.
    #[test]
    fn a_listed_room_stays(reports in proptest::collection::vec(any_report(), 0..200)) {
        let (mut v, r) = (watchlist(), room("a"));
        v.handle(list(Source::Jicofo, std::slice::from_ref(&r)));
        for report in reports {
            let forgotten = match report {
                Report::List { source: Source::Jicofo, service, mut rooms } => {
                    rooms.push(r.clone());
                    v.handle(Report::List { source: Source::Jicofo, service, rooms })
                }
                // Jicofo tells no single rooms.
                Report::Disappeared { source: Source::Jicofo, .. } => Vec::new(),
                other => v.handle(other),
            };
            prop_assert!(!forgotten.contains(&Change::Forget(r.clone())));
            prop_assert!(!forgotten.contains(&Change::Watch(r.clone())));
        }
    }

    /// Rooms that no list shows and no look finds are all forgotten in the end.
    #[test]
    fn nothing_is_kept_for_ever(reports in proptest::collection::vec(any_report(), 0..200)) {
        let mut v = watchlist();
        for report in reports {
            v.handle(report);
        }
        let left: Vec<RoomJid> = v.rooms().into_iter().cloned().collect();
        for _ in 0..2 {
            for source in [Source::Jicofo, Source::Disco] {
                v.handle(list(source, &[]));
            }
            for room in &left {
                v.handle(no_such(room));
            }
        }
        prop_assert!(v.rooms().is_empty());
    }
}
