//! Who is in a room.

use std::collections::BTreeMap;

use super::identity::{Identity, Who};
use super::io::{Listed, Marks, Presence, Role, Roles, SessionId};
use crate::address::{Nick, RealJid};

#[derive(Debug, Clone)]
struct Occupant {
    nick: Nick,
    jid: Option<RealJid>,
    /// When it was last heard of, as [`Roster::moment`] counts.
    heard: u32,
    /// When it was first heard of.
    first: u32,
    role: Role,
    marks: Marks,
    who: Who,
}

/// The occupants of one room.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    /// By nickname; a sorted list takes half the memory of a map, and there are many rooms.
    occupants: Vec<Occupant>,
    /// The session that the recorder last heard of shows.
    session: Option<(Nick, SessionId)>,
    people: u32,
    moderators: u32,
    heard: u32,
    /// When somebody last left, or took another nickname.
    departed: u32,
    /// What those who were here when we last saw everybody said of themselves: lists do not tell, and a
    /// telephone alone in a room is not to be entered, found out, left and entered for as long as it stays.
    claims: BTreeMap<Nick, (Option<RealJid>, Marks)>,
}

impl Roster {
    /// Forgets who is here.
    pub fn clear(&mut self) {
        let mut claims = std::mem::take(&mut self.claims);
        if !self.occupants.is_empty() {
            let occupants = std::mem::take(&mut self.occupants).into_iter();
            let machines = occupants.filter(|o| o.marks != Marks::default());
            claims = machines.map(|o| (o.nick, (o.jid, o.marks))).collect();
        }
        *self = Self { heard: self.heard, departed: self.departed, claims, ..Self::default() };
    }

    fn claimed(&self, entry: &Listed) -> Marks {
        match self.claims.get(&entry.nick) {
            Some((jid, marks)) if *jid == entry.jid => *marks,
            _ => Marks::default(),
        }
    }

    /// How many people are in the room: role above visitor, no machine.
    pub fn people(&self) -> u32 {
        self.people
    }

    /// How many of them are moderators.
    pub fn moderators(&self) -> u32 {
        self.moderators
    }

    /// Whether Jicofo is in the room.
    pub fn has_focus(&self) -> bool {
        self.any(Who::Focus)
    }

    /// Whether we are in the room.
    pub fn has_us(&self) -> bool {
        self.any(Who::Us)
    }

    /// Our nickname in the room.
    pub(super) fn us(&self) -> Option<&Nick> {
        self.occupants.iter().find(|o| o.who == Who::Us).map(|o| &o.nick)
    }

    /// Whether Jibri's browser is in the room.
    pub fn has_recorder(&self) -> bool {
        self.any(Who::Recorder)
    }

    /// The session that the recorder in the room shows, if it shows one.
    pub fn recorder_session(&self) -> Option<&SessionId> {
        self.session.as_ref().map(|(_, session)| session)
    }

    /// The moderator whose turn it is to be spoken for, if the service tells of full JIDs.
    pub(super) fn moderator(&self, turn: u32) -> Option<(&Nick, &RealJid)> {
        let speakers = || {
            let moderators = self.occupants.iter().filter(|o| counts_as_moderator(o));
            moderators.filter_map(|o| Some((&o.nick, o.jid.as_ref().filter(|jid| jid.is_full())?)))
        };
        let turn = (turn as usize).checked_rem(speakers().count())?;
        speakers().nth(turn)
    }

    /// Who came last and is a moderator, or else a person; with the real JID, where it is shown, and whether it
    /// is a moderator.
    pub fn newest(&self) -> Option<(&Nick, Option<&RealJid>, bool)> {
        let people = self.occupants.iter().filter(|o| counts_as_person(o));
        let newest = people.max_by_key(|o| (counts_as_moderator(o), o.first))?;
        Some((&newest.nick, newest.jid.as_ref(), counts_as_moderator(newest)))
    }

    /// The nickname that the bearer of this real JID has.
    pub fn bearer(&self, jid: &RealJid) -> Option<&Nick> {
        self.occupants.iter().find(|o| o.jid.as_ref() == Some(jid)).map(|o| &o.nick)
    }

    /// Whether the bearer of this real JID is a moderator here.
    pub(super) fn is_moderator(&self, jid: &RealJid) -> bool {
        self.occupants.iter().any(|o| counts_as_moderator(o) && o.jid.as_ref() == Some(jid))
    }

    /// What the bearer of this nickname is, if somebody bears it.
    pub fn who(&self, nick: &Nick) -> Option<Who> {
        self.get(nick).map(|o| o.who)
    }

    fn get(&self, nick: &Nick) -> Option<&Occupant> {
        self.position(nick).ok().and_then(|at| self.occupants.get(at))
    }

    fn position(&self, nick: &Nick) -> Result<usize, usize> {
        self.occupants.binary_search_by(|o| o.nick.cmp(nick))
    }

    fn any(&self, who: Who) -> bool {
        self.occupants.iter().any(|o| o.who == who)
    }

    /// A mark to hand to [`Roster::apply_lists`] later: what is heard from now on is newer.
    pub fn moment(&self) -> u32 {
        self.heard
    }

    fn next_moment(&mut self) -> u32 {
        self.heard = self.heard.saturating_add(1);
        self.heard
    }

    /// Takes in an available presence and says what its sender is.
    pub fn presence(&mut self, identity: &Identity, presence: &Presence) -> Who {
        let who = if presence.own {
            Who::Us
        } else {
            identity.who(&presence.nick, presence.jid.as_ref(), presence.role, presence.marks)
        };
        let heard = self.next_moment();
        let known = self.get(&presence.nick).filter(|o| o.jid == presence.jid);
        let first = known.map_or(heard, |o| o.first);
        let occupant = Occupant {
            nick: presence.nick.clone(),
            jid: presence.jid.clone(),
            heard,
            first,
            role: presence.role,
            marks: presence.marks,
            who,
        };
        self.put(occupant);
        if who == Who::Recorder {
            self.session = presence.session.clone().map(|session| (presence.nick.clone(), session));
        }
        who
    }

    /// Somebody is gone; what was it, if it was there at all.
    pub fn left(&mut self, nick: &Nick) -> Option<Who> {
        self.departed = self.next_moment();
        self.take(nick).map(|o| o.who)
    }

    /// Somebody has another nickname now. Moved at once, so that the only person of a room is not missed
    /// between the two presences that announce it.
    pub fn renamed(&mut self, identity: &Identity, from: &Nick, to: Nick) {
        let heard = self.next_moment();
        self.departed = heard;
        if let Some(mut occupant) = self.take(from) {
            if occupant.who != Who::Us {
                occupant.who = identity.who(&to, occupant.jid.as_ref(), occupant.role, occupant.marks);
            }
            occupant.heard = heard;
            occupant.nick = to;
            self.put(occupant);
        }
    }

    /// Corrects the picture by a full pair of role lists that was asked for at `asked`: who is not listed
    /// is gone and who is listed is there, except where something newer has been heard since. A pair of
    /// lists is not of one moment: after a departure meanwhile nobody is taken in who may be the one.
    pub fn apply_lists(&mut self, identity: &Identity, listed: &[Listed], asked: u32) {
        let is_listed: std::collections::BTreeSet<&Nick> = listed.iter().map(|l| &l.nick).collect();
        let gone: Vec<Nick> = self
            .occupants
            .iter()
            .filter(|o| o.heard <= asked && o.role > Role::Visitor && !is_listed.contains(&o.nick))
            .map(|o| o.nick.clone())
            .collect();
        for nick in gone {
            self.take(&nick);
        }
        for entry in listed {
            let known = self.get(&entry.nick);
            if known.map_or(self.departed > asked, |o| o.heard > asked) {
                continue;
            }
            let marks = known.map_or_else(|| self.claimed(entry), |o| o.marks);
            let who = identity.who(&entry.nick, entry.jid.as_ref(), entry.role, marks);
            let first = known.filter(|o| o.jid == entry.jid).map_or(asked, |o| o.first);
            if who == Who::Recorder && known.is_none() {
                // Lists tell of no session, and it need not be that of the one who was here before.
                self.session = None;
            }
            let (nick, jid) = (entry.nick.clone(), entry.jid.clone());
            self.put(Occupant { nick, jid, heard: asked, first, role: entry.role, marks, who });
        }
    }

    /// Whether one role list shows what we know. It cannot correct the picture: who is not in it may be in
    /// the other list by now.
    pub(super) fn agrees_with(&self, listed: &[Listed], which: Roles) -> bool {
        let is_asked = |role: Role| match which {
            Roles::Both => role > Role::Visitor,
            Roles::Moderators => role == Role::Moderator,
            Roles::Participants => role == Role::Participant,
        };
        let known = self.occupants.iter().filter(|o| is_asked(o.role)).count();
        known == listed.len()
            && listed.iter().all(|l| self.get(&l.nick).is_some_and(|o| o.role == l.role && o.jid == l.jid))
    }

    /// Whether somebody of these is a person whom we know.
    pub(super) fn has_person_of(&self, listed: &[Listed]) -> bool {
        let is_same = |o: &Occupant, l: &Listed| match (&o.jid, &l.jid) {
            (Some(known), Some(jid)) => known == jid,
            _ => o.nick == l.nick,
        };
        let mut people = self.occupants.iter().filter(|o| counts_as_person(o));
        people.any(|o| listed.iter().any(|l| is_same(o, l)))
    }

    /// What decisions are made by: people, moderators, focus, recorder.
    pub(super) fn summary(&self) -> (u32, u32, bool, bool) {
        (self.people, self.moderators, self.has_focus(), self.has_recorder())
    }

    /// Focus, recorder and the presence of people at all are as in this summary.
    pub(super) fn has_the_same_services(&self, before: (u32, u32, bool, bool)) -> bool {
        let (people, _, focus, recorder) = before;
        (people > 0, focus, recorder) == (self.people > 0, self.has_focus(), self.has_recorder())
    }

    /// Everybody has been announced since this moment: who was not is gone. Returns whether there were people
    /// before and none of them is left.
    pub(super) fn keep_heard_after(&mut self, moment: u32) -> bool {
        let had_people = self.people > self.people_since(moment);
        let (gone, here): (Vec<_>, Vec<_>) =
            self.occupants.iter().filter(|o| counts_as_person(o)).partition(|o| o.heard <= moment);
        // Under another nickname somebody is still the same.
        let has_stayed = gone.iter().any(|g| g.jid.is_some() && here.iter().any(|h| h.jid == g.jid));
        let gone = self.occupants.iter().filter(|o| o.heard <= moment).map(|o| o.nick.clone());
        for nick in gone.collect::<Vec<_>>() {
            self.take(&nick);
        }
        had_people && !has_stayed && self.people == self.people_since(moment)
    }

    /// How many people were first heard of after this moment.
    fn people_since(&self, moment: u32) -> u32 {
        let new = self.occupants.iter().filter(|o| counts_as_person(o) && o.first > moment).count();
        u32::try_from(new).unwrap_or(u32::MAX)
    }

    /// We are not in the room any more.
    pub(super) fn forget_us(&mut self) {
        self.occupants.retain(|o| o.who != Who::Us);
    }

    fn put(&mut self, occupant: Occupant) {
        // Only who is gone takes the session along; a recorder that is heard of again may still show it.
        let session = self.session.take();
        self.take(&occupant.nick);
        self.session = session;
        if counts_as_person(&occupant) {
            self.people = self.people.saturating_add(1);
            if occupant.role == Role::Moderator {
                self.moderators = self.moderators.saturating_add(1);
            }
        }
        if let Err(at) = self.position(&occupant.nick) {
            self.occupants.insert(at, occupant);
        }
    }

    fn take(&mut self, nick: &Nick) -> Option<Occupant> {
        let occupant = self.position(nick).ok().map(|at| self.occupants.remove(at))?;
        self.session.take_if(|(recorder, _)| recorder == nick);
        if counts_as_person(&occupant) {
            self.people = self.people.saturating_sub(1);
            if occupant.role == Role::Moderator {
                self.moderators = self.moderators.saturating_sub(1);
            }
        }
        Some(occupant)
    }

    /// Whether the counters agree with the occupants; for tests.
    #[doc(hidden)]
    pub fn is_consistent(&self) -> bool {
        let people = self.occupants.iter().filter(|o| counts_as_person(o));
        let moderators = self.occupants.iter().filter(|o| counts_as_moderator(o)).count();
        (self.people as usize, self.moderators as usize) == (people.count(), moderators)
    }
}

fn counts_as_moderator(occupant: &Occupant) -> bool {
    counts_as_person(occupant) && occupant.role == Role::Moderator
}

fn counts_as_person(occupant: &Occupant) -> bool {
    occupant.who == Who::Person && occupant.role > Role::Visitor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meeting::identity::tests::identity;
    use crate::meeting::io::Affiliation;

    #[test]
    fn a_second_recorder_in_a_list_does_not_have_the_session_of_the_first() {
        let (identity, mut roster) = (identity(), Roster::default());
        let recorder = |name: &str| Listed {
            nick: Nick::new(name).unwrap(),
            jid: RealJid::new(&format!("recorder@hidden.meet.jitsi/{name}")).ok(),
            role: Role::Participant,
            affiliation: Affiliation::None,
        };
        let first = recorder("rec0");
        let session = Some(SessionId("s2".into()));
        let who = roster.presence(
            &identity,
            &Presence {
                nick: first.nick.clone(),
                jid: first.jid.clone(),
                role: Role::Participant,
                affiliation: Affiliation::None,
                marks: Marks::default(),
                session: session.clone(),
                recording: None,
                own: false,
                created: false,
            },
        );
        assert_eq!(who, Who::Recorder);
        roster.apply_lists(&identity, std::slice::from_ref(&first), roster.moment());
        assert_eq!(roster.recorder_session(), session.as_ref());
        roster.apply_lists(&identity, &[first, recorder("rec1")], roster.moment());
        assert_eq!(roster.recorder_session(), None);
    }
}
