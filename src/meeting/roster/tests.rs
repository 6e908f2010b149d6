//! Who is there, by lists and by presences.

use super::*;
use crate::meeting::identity::tests::identity;
use crate::meeting::io::Affiliation;

fn recorder(name: &str) -> Listed {
    Listed {
        nick: Nick::new(name).unwrap(),
        jid: RealJid::new(&format!("recorder@hidden.meet.jitsi/{name}")).ok(),
        role: Role::Participant,
        affiliation: Affiliation::None,
    }
}

fn shows(listed: &Listed, session: &str) -> Presence {
    Presence {
        nick: listed.nick.clone(),
        jid: listed.jid.clone(),
        role: listed.role,
        affiliation: listed.affiliation,
        marks: Marks::default(),
        session: Some(SessionId(session.into())),
        mode: None,
        jibri: None,
        name: None,
        recording: None,
        conference: None,
        own: false,
        created: false,
    }
}

#[test]
fn a_second_recorder_in_a_list_does_not_have_the_session_of_the_first() {
    let (identity, mut roster) = (identity(), Roster::default());
    let (first, second) = (recorder("rec0"), recorder("rec1"));
    assert_eq!(roster.presence(&identity, &shows(&first, "s2")), Who::Recorder);
    roster.apply_lists(&identity, std::slice::from_ref(&first), roster.moment());
    roster.apply_lists(&identity, &[first, second], roster.moment());
    let shown: Vec<_> = roster.recorders().map(|occupancy| occupancy.shown.is_some()).collect();
    assert_eq!(shown, [true, false]);
}

#[test]
fn who_stays_is_the_same_in_whatever_role_and_by_whatever_nickname() {
    let (identity, mut roster) = (identity(), Roster::default());
    let person = |name: &str, nick: &str, role| Presence {
        nick: Nick::new(nick).unwrap(),
        jid: RealJid::new(&format!("{name}@meet.jitsi/1")).ok(),
        role,
        session: None,
        ..shows(&recorder(nick), "")
    };
    let listed = |p: &Presence| Listed {
        nick: p.nick.clone(),
        jid: p.jid.clone(),
        role: p.role,
        affiliation: p.affiliation,
    };
    let ada = person("ada", "a", Role::Moderator);
    roster.presence(&identity, &ada);
    roster.presence(&identity, &person("bob", "b", Role::Visitor));
    assert_eq!(roster.has_stayed(), None, "nobody was asked for before");
    let bob = person("bob", "b2", Role::Moderator);
    roster.apply_lists(&identity, &[listed(&bob)], roster.moment());
    assert_eq!((roster.people(), roster.has_stayed()), (1, Some(true)), "a visitor before");
    let (asked, eve) = (roster.moment(), person("eve", "e", Role::Participant));
    roster.presence(&identity, &eve);
    assert_eq!(roster.has_stayed(), Some(true));
    roster.apply_lists(&identity, &[], asked);
    assert_eq!((roster.people(), roster.has_stayed()), (1, Some(true)), "she came after the list");
    roster.apply_lists(&identity, &[listed(&ada)], roster.moment());
    assert_eq!(roster.has_stayed(), Some(false), "ada was away");
    let renamed = person("ada", "a2", Role::Participant);
    roster.apply_lists(
        &identity,
        &[listed(&person("eve", "a", Role::Moderator)), listed(&renamed)],
        roster.moment(),
    );
    assert_eq!(roster.has_stayed(), Some(true), "another one has her nickname");
    roster.clear();
    roster.presence(&identity, &ada);
    assert_eq!(roster.has_stayed(), None, "nobody knows");
}

#[test]
fn whoever_shows_a_session_is_a_recorder_only_where_nobody_else_comes_from() {
    let (identity, mut roster) = (identity(), Roster::default());
    let session = SessionId("s1".into());
    let unlisted = Listed { jid: RealJid::new("recorder@rec.example.org/a").ok(), ..recorder("rec0") };
    roster.presence(&identity, &shows(&unlisted, "s1"));
    assert_eq!(roster.unlisted_recorder(&session), unlisted.jid.as_ref());
    assert_eq!(roster.unlisted_recorder(&SessionId("s2".into())), None);
    let moderator = Presence { role: Role::Moderator, ..shows(&unlisted, "s1") };
    roster.presence(&identity, &moderator);
    assert_eq!(roster.unlisted_recorder(&session), None, "a moderator is a person");
    roster.presence(&identity, &shows(&unlisted, "s1"));
    let guest = Listed { jid: RealJid::new("ada@rec.example.org/b").ok(), ..recorder("ada") };
    roster.apply_lists(&identity, &[unlisted, guest], roster.moment());
    assert_eq!(roster.unlisted_recorder(&session), None, "people come from there");
}

fn person(name: &str, role: Role) -> Presence {
    Presence {
        nick: Nick::new(name).unwrap(),
        jid: RealJid::new(&format!("{name}@meet.jitsi/1")).ok(),
        role,
        session: None,
        ..shows(&recorder(name), "")
    }
}

fn pictured(roster: &mut Roster, names: &[&str], left_out: u32) -> Option<bool> {
    let occupants = names.iter().map(|name| person(name, Role::Participant)).collect();
    let picture =
        RoomPicture { occupants, left_out, may_not_record: Vec::new(), meeting: None, notice: false };
    roster.is_pictured(&identity(), &picture);
    roster.has_stayed()
}

#[test]
fn who_is_left_out_counts_and_may_be_anybody() {
    let mut roster = Roster::default();
    assert_eq!(pictured(&mut roster, &["ada", "bob"], 0), None);
    assert_eq!(pictured(&mut roster, &["eve"], 2), None, "ada may be among those who are left out");
    assert_eq!((roster.people(), roster.moderators(), roster.leaves_out()), (3, 0, true));
    assert_eq!(pictured(&mut roster, &["dan"], 0), None, "he may have been");
    assert_eq!(pictured(&mut roster, &["fay"], 0), Some(false));
    assert_eq!(pictured(&mut roster, &["fay"], 9), Some(true));
    assert_eq!(pictured(&mut roster, &[], 9), None);
    assert_eq!((roster.people(), roster.is_consistent()), (9, true));
    roster.clear();
    assert_eq!((roster.people(), roster.leaves_out()), (0, false));
}

#[test]
fn who_may_not_record_is_spoken_for_last() {
    let mut roster = Roster::default();
    let nick = |name: &str| Nick::new(name).unwrap();
    let mut draw = |names: &[&str], may_not: &[&str]| {
        let occupants = names.iter().map(|name| person(name, Role::Moderator)).collect();
        let may_not_record = may_not.iter().map(|name| nick(name)).collect();
        let picture = RoomPicture { occupants, left_out: 0, may_not_record, meeting: None, notice: false };
        roster.is_pictured(&identity(), &picture);
        let turn = |turn| roster.oldest_moderator(turn).unwrap().as_str().to_owned();
        (0..3).map(turn).collect::<Vec<_>>()
    };
    draw(&["ada"], &[]);
    draw(&["ada", "bob"], &[]);
    assert_eq!(draw(&["ada", "bob", "cem"], &[]), ["ada", "bob", "cem"]);
    assert_eq!(draw(&["ada", "bob", "cem"], &["ada"]), ["bob", "cem", "ada"]);
    assert_eq!(draw(&["ada", "bob", "cem"], &["bob", "ada"]), ["cem", "ada", "bob"]);
    assert_eq!(draw(&["ada"], &["ada"]), ["ada", "ada", "ada"], "if there is nobody else");
}

#[test]
fn the_names_that_moderators_display_are_kept_and_no_others() {
    let (identity, mut roster) = (identity(), Roster::default());
    let named = |nick: &str, role, name| Presence { name: DisplayName::new(name), ..person(nick, role) };
    let name = |roster: &Roster, nick: &str| {
        roster.name_of(&Nick::new(nick).unwrap()).map(|name| name.as_str().to_owned())
    };
    roster.presence(&identity, &named("ada", Role::Moderator, "Ada L."));
    roster.presence(&identity, &named("bob", Role::Participant, "Bob"));
    roster.presence(&identity, &named("eve", Role::Moderator, " "));
    let known = ["ada", "bob", "eve", "nobody"].map(|nick| name(&roster, nick));
    assert_eq!(known, [Some("Ada L.".to_owned()), None, None, None]);
    // Whoever becomes a moderator shows himself anew; a list tells no names, and takes none away.
    roster.presence(&identity, &named("bob", Role::Moderator, "Bob"));
    let listed = |nick: &str, role| {
        let one = person(nick, role);
        Listed { nick: one.nick, jid: one.jid, role, affiliation: one.affiliation }
    };
    let list = [listed("ada", Role::Moderator), listed("bob", Role::Moderator)];
    roster.apply_lists(&identity, &list, roster.moment());
    assert_eq!(["ada", "bob"].map(|nick| name(&roster, nick).is_some()), [true, true]);
    roster.renamed(&identity, &Nick::new("ada").unwrap(), Nick::new("ada2").unwrap());
    assert_eq!(name(&roster, "ada2").as_deref(), Some("Ada L."));
}
