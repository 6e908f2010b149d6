//! Who vouches for which room, whatever the sources say.

use std::collections::BTreeSet;

use jibri_autostart::address::RoomJid;
use jibri_autostart::meeting::vouch::{Change, Report, Source, Vouchers};
use proptest::prelude::*;

use super::room;

const SOURCES: [Source; 4] = [Source::Jicofo, Source::Events, Source::Disco, Source::Invitation];

fn services() -> Vec<String> {
    vec!["muc.meet.jitsi".to_owned(), "breakout.meet.jitsi".to_owned()]
}

fn vouchers() -> Vouchers {
    Vouchers::new(&services(), &[])
}

fn list(source: Source, rooms: &[RoomJid]) -> Report {
    Report::List { source, service: None, rooms: rooms.to_vec() }
}

fn appeared(source: Source, room: &RoomJid) -> Report {
    Report::Appeared { source, room: room.clone() }
}

fn disappeared(source: Source, room: &RoomJid) -> Report {
    Report::Disappeared { source, room: room.clone() }
}

fn no_such(room: &RoomJid) -> Report {
    Report::NoSuchRoom { room: room.clone() }
}

#[test]
fn one_absence_is_none() {
    let (mut v, r) = (vouchers(), room("r1"));
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

#[test]
fn a_room_stays_as_long_as_one_source_vouches_for_it() {
    let (mut v, r) = (vouchers(), room("r1"));
    v.handle(appeared(Source::Events, &r));
    assert_eq!(v.handle(list(Source::Jicofo, std::slice::from_ref(&r))), []);
    assert_eq!(v.of(&r).collect::<Vec<_>>(), [Source::Jicofo, Source::Events]);
    assert_eq!(v.handle(disappeared(Source::Events, &r)), [Change::Look(r.clone())]);
    assert_eq!(v.of(&r).collect::<Vec<_>>(), [Source::Jicofo]);
    assert_eq!(v.handle(no_such(&r)), []);
    v.handle(list(Source::Jicofo, &[]));
    assert_eq!(v.handle(list(Source::Jicofo, &[])), [Change::Forget(r)]);
}

#[test]
fn the_end_that_an_event_tells_is_confirmed_by_a_look() {
    let (mut v, r) = (vouchers(), room("r1"));
    assert_eq!(v.handle(disappeared(Source::Events, &r)), []);
    assert_eq!(v.handle(appeared(Source::Events, &r)), [Change::Watch(r.clone())]);
    for _ in 0..3 {
        assert_eq!(v.handle(disappeared(Source::Events, &r)), [Change::Look(r.clone())]);
    }
    assert_eq!(v.handle(no_such(&r)), [Change::Forget(r)]);
}

#[test]
fn a_lost_end_is_found_by_two_looks() {
    let (mut v, r) = (vouchers(), room("r1"));
    v.handle(appeared(Source::Invitation, &r));
    v.handle(appeared(Source::Events, &r));
    assert_eq!(v.handle(no_such(&r)), [Change::Look(r.clone())]);
    // The room has come to be just then.
    assert_eq!(v.handle(appeared(Source::Events, &r)), [Change::Look(r.clone())]);
    assert_eq!(v.handle(no_such(&r)), [Change::Look(r.clone())]);
    assert_eq!(v.handle(no_such(&r)), [Change::Forget(r)]);
}

#[test]
fn a_list_of_one_service_says_nothing_of_another() {
    let (main, other) = (room("r1"), RoomJid::new("b1@breakout.meet.jitsi").unwrap());
    let mut v = vouchers();
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
    let mut v = Vouchers::new(&["muc.meet.jitsi".to_owned()], &[]);
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
    let mut v = Vouchers::with_room_for(3, &services(), &[room("pinned")]);
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
fn invitations_vouch_for_few_rooms_at_a_time() {
    let mut v = vouchers();
    for n in 0..1000 {
        v.handle(appeared(Source::Invitation, &room(&format!("r{n}"))));
    }
    assert_eq!((v.rooms().len(), v.turned_away()), (500, 500));
    for _ in 0..2 {
        v.handle(no_such(&room("r7")));
    }
    let new = room("new");
    assert_eq!(v.handle(appeared(Source::Invitation, &new)), [Change::Watch(new.clone())]);
}

#[test]
fn other_rooms_are_pinned() {
    let (a, b, c) = (room("a"), room("b"), room("c"));
    let mut v = Vouchers::new(&services(), &[a.clone(), b.clone()]);
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

fn any_report() -> impl Strategy<Value = Report> {
    let source = || proptest::sample::select(SOURCES.to_vec());
    let service = proptest::option::of(proptest::sample::select(services()));
    let rooms = proptest::collection::vec(any_room(), 0..6);
    prop_oneof![
        3 => (source(), service, rooms)
            .prop_map(|(source, service, rooms)| Report::List { source, service, rooms }),
        3 => (source(), any_room()).prop_map(|(source, room)| Report::Appeared { source, room }),
        3 => (source(), any_room()).prop_map(|(source, room)| Report::Disappeared { source, room }),
        2 => any_room().prop_map(|room| Report::NoSuchRoom { room }),
        1 => source().prop_map(|source| Report::SourceLost { source }),
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
        let mut v = Vouchers::with_room_for(4, &services(), std::slice::from_ref(&pinned));
        let mut followed = BTreeSet::from([pinned.clone()]);
        for report in reports {
            for change in v.handle(report) {
                match change {
                    Change::Watch(room) => prop_assert!(followed.insert(room)),
                    Change::Look(room) => prop_assert!(followed.contains(&room)),
                    Change::Forget(room) => prop_assert!(followed.remove(&room)),
                }
            }
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
        let mut v = vouchers();
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
        let (mut once, mut twice) = (vouchers(), vouchers());
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
        let (mut v, r) = (vouchers(), room("a"));
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
        let mut v = vouchers();
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
