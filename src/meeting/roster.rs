//! Who is in a room.

use std::collections::BTreeMap;

use super::identity::{Identity, Who};
use super::io::{Affiliation, Listed, Marks, Presence, Role, Roles, RoomPicture, SessionId};
use super::person::DisplayName;
use crate::address::{Nick, RealJid};
use crate::config::Mode;
use crate::jibri::JibriName;

#[derive(Debug, Clone)]
struct Occupant {
    nick: Nick,
    jid: Option<RealJid>,
    /// When it was last heard of, as [`Roster::moment`] counts.
    heard: u32,
    /// When it was first heard of.
    first: u32,
    role: Role,
    affiliation: Affiliation,
    marks: Marks,
    who: Who,
    /// What is kept of what its presence has shown; none if no presence of it has been seen, or none with anything to keep.
    kept: Option<Box<Kept>>,
}

/// Small, as each room has at least one.
#[derive(Debug, Clone)]
struct Kept {
    /// The name that a moderator displays: nobody else can stop a recording, and to keep all names would take too much memory.
    name: Option<DisplayName>,
    shown: Option<Box<Shown>>,
}

/// What a presence shows of a recording: `<session_id>` and `<mode>`, which a recorder has once it records (docs/jitsi.md
/// 1.1). Anybody can claim these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shown {
    pub(super) session: Option<SessionId>,
    pub(super) mode: Option<Mode>,
    /// Whose recorder it is.
    pub(super) jibri: Option<JibriName>,
}

impl Occupant {
    fn shown(&self) -> Option<&Shown> {
        self.kept.as_ref()?.shown.as_deref()
    }
}

/// A recorder's account in the room.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecorderAccount<'a> {
    pub(super) nick: &'a Nick,
    pub(super) jid: Option<&'a RealJid>,
    /// None if it is known by lists only.
    pub(super) shown: Option<&'a Shown>,
}

/// The occupants of one room.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    /// By nickname; a sorted list takes half the memory of a map, and there are many rooms.
    occupants: Vec<Occupant>,
    people: u32,
    moderators: u32,
    /// So many people are here besides, of whom nothing else is known.
    left_out: u32,
    /// Those who may not record, by their tokens.
    may_not_record: Vec<Nick>,
    heard: u32,
    /// When somebody last left, or took another nickname.
    departed: u32,
    /// When it was last asked who has stayed, and whether everybody was known; none if nobody was here then, or not everybody
    /// has been seen since.
    met: Option<(u32, bool)>,
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
        self.people.saturating_add(self.left_out)
    }

    /// People are in the room of whom nothing else is known.
    pub(super) fn leaves_out(&self) -> bool {
        self.left_out > 0
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

    /// Whether an account of Jibri's is in the room, whatever it does there: a gateway has the same.
    pub fn has_recorder(&self) -> bool {
        self.any(Who::Recorder)
    }

    /// All accounts of Jibri's in the room.
    pub(super) fn recorders(&self) -> impl Iterator<Item = RecorderAccount<'_>> {
        let recorders = self.occupants.iter().filter(|o| o.who == Who::Recorder);
        recorders.map(|o| RecorderAccount { nick: &o.nick, jid: o.jid.as_ref(), shown: o.shown() })
    }

    /// Whoever shows this session and is no recorder by its account: no moderator, and of a domain from which nobody
    /// else is here.
    pub(super) fn unlisted_recorder(&self, session: &SessionId) -> Option<&RealJid> {
        let is_showing = |o: &&Occupant| {
            let is_nobody = o.role == Role::Participant && o.affiliation == Affiliation::None;
            o.who == Who::Person
                && is_nobody
                && o.shown().is_some_and(|shown| shown.session.as_ref() == Some(session))
        };
        let jid = self.occupants.iter().find(is_showing)?.jid.as_ref()?;
        let is_of_it = |o: &&Occupant| o.jid.as_ref().is_some_and(|other| other.domain() == jid.domain());
        (self.occupants.iter().filter(is_of_it).count() == 1).then_some(jid)
    }

    /// Jicofo's account, where it is none of `muc.service_domains`.
    pub(super) fn unlisted_focus(&self) -> Option<&RealJid> {
        self.occupants.iter().find(|o| o.who == Who::UnlistedFocus)?.jid.as_ref()
    }

    /// The accounts of everybody who is no machine, visitors too; none if one of them does not show his.
    pub(super) fn accounts(&self) -> Option<Vec<&str>> {
        let people = self.occupants.iter().filter(|o| o.who == Who::Person);
        people.map(|o| o.jid.as_ref().map(RealJid::bare)).collect()
    }

    /// The accounts of those who are none by what they are, or claim to be.
    pub(super) fn machines(&self) -> impl Iterator<Item = &str> {
        let machines = self.occupants.iter().filter(|o| o.who == Who::Machine);
        machines.filter_map(|o| o.jid.as_ref().map(RealJid::bare))
    }

    /// Says anew what everybody is.
    pub(super) fn reclassify(&mut self, identity: &Identity) {
        for mut occupant in std::mem::take(&mut self.occupants) {
            if occupant.who != Who::Us {
                let standing = (occupant.role, occupant.affiliation);
                occupant.who = identity.who(&occupant.nick, occupant.jid.as_ref(), standing, occupant.marks);
            }
            self.occupants.push(occupant);
        }
        let people = self.occupants.iter().filter(|o| counts_as_person(o)).count();
        let moderators = self.occupants.iter().filter(|o| counts_as_moderator(o)).count();
        self.people = u32::try_from(people).unwrap_or(u32::MAX);
        self.moderators = u32::try_from(moderators).unwrap_or(u32::MAX);
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

    /// The moderator who has been here longest; if that is no good, the next, and so on. Who may not record, and is to be
    /// shown as the one who has started it, comes after all others.
    pub(super) fn oldest_moderator(&self, turn: u32) -> Option<&Nick> {
        let mut moderators: Vec<&Occupant> =
            self.occupants.iter().filter(|o| counts_as_moderator(o)).collect();
        moderators.sort_by_key(|o| (self.may_not_record.contains(&o.nick), o.first));
        let turn = (turn as usize).checked_rem(moderators.len())?;
        moderators.get(turn).map(|o| &o.nick)
    }

    /// Takes in everybody who is there, at one moment. Returns whether one of them is Jicofo, and which.
    pub(super) fn is_pictured<'a>(
        &mut self,
        identity: &Identity,
        picture: &'a RoomPicture,
    ) -> Option<&'a Presence> {
        let before = self.moment();
        let mut focus = None;
        self.left_out = picture.left_out;
        self.may_not_record.clone_from(&picture.may_not_record);
        for occupant in &picture.occupants {
            if self.presence(identity, occupant) == Who::Focus {
                focus = Some(occupant);
            }
        }
        self.keep_heard_after(before);
        focus
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
        self.of(Some(jid)).map(|o| &o.nick)
    }

    /// The real JID of whoever has this nickname, if it is shown.
    pub fn jid_of(&self, nick: &Nick) -> Option<&RealJid> {
        self.get(nick)?.jid.as_ref()
    }

    /// The name that whoever has this nickname displays, if he is a moderator.
    pub(super) fn name_of(&self, nick: &Nick) -> Option<&DisplayName> {
        self.get(nick)?.kept.as_ref()?.name.as_ref()
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

    /// Under another nickname somebody is still the same.
    fn of(&self, jid: Option<&RealJid>) -> Option<&Occupant> {
        self.occupants.iter().find(|o| jid.is_some() && o.jid.as_ref() == jid)
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

    /// Whether a person is here who was here, as whatever, when this was asked last; none if that is not known, or if there
    /// is nobody now or was nobody then.
    pub(super) fn has_stayed(&mut self) -> Option<bool> {
        let last = std::mem::take(&mut self.met);
        if self.people() == 0 {
            return None;
        }
        let all_are_known = !self.leaves_out();
        self.met = Some((self.heard, all_are_known));
        let (last, all_were_known) = last?;
        let has_stayed = self.occupants.iter().any(|o| counts_as_person(o) && o.first <= last);
        // Whoever has stayed may be among those who are left out, or has been.
        (has_stayed || all_are_known && all_were_known).then_some(has_stayed)
    }

    /// Takes in an available presence and says what its sender is.
    pub fn presence(&mut self, identity: &Identity, presence: &Presence) -> Who {
        let who = if presence.own {
            Who::Us
        } else {
            let standing = (presence.role, presence.affiliation);
            identity.who(&presence.nick, presence.jid.as_ref(), standing, presence.marks)
        };
        let heard = self.next_moment();
        let known = self.get(&presence.nick).filter(|o| o.jid == presence.jid);
        let known = known.or_else(|| self.of(presence.jid.as_ref()));
        let first = known.map_or(heard, |o| o.first);
        let occupant = Occupant {
            nick: presence.nick.clone(),
            jid: presence.jid.clone(),
            heard,
            first,
            role: presence.role,
            affiliation: presence.affiliation,
            marks: presence.marks,
            who,
            kept: kept(presence, who),
        };
        self.put(occupant);
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
                let standing = (occupant.role, occupant.affiliation);
                occupant.who = identity.who(&to, occupant.jid.as_ref(), standing, occupant.marks);
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
        let now = self.next_moment();
        // Somebody else may have his nickname by now.
        let first = |entry: &Listed| {
            let same = self.get(&entry.nick).filter(|o| o.jid == entry.jid);
            same.or_else(|| self.of(entry.jid.as_ref())).map_or(now, |o| o.first)
        };
        let first: Vec<u32> = listed.iter().map(first).collect();
        for (entry, first) in listed.iter().zip(first) {
            let known = self.get(&entry.nick);
            if known.map_or(self.departed > asked, |o| o.heard > asked) {
                continue;
            }
            let marks = known.map_or_else(|| self.claimed(entry), |o| o.marks);
            let (role, affiliation) = (entry.role, entry.affiliation);
            let who = identity.who(&entry.nick, entry.jid.as_ref(), (role, affiliation), marks);
            let same = known.filter(|o| o.jid == entry.jid);
            let kept = same.and_then(|o| o.kept.clone());
            let (nick, jid) = (entry.nick.clone(), entry.jid.clone());
            self.put(Occupant { nick, jid, heard: asked, first, role, affiliation, marks, who, kept });
        }
        for nick in gone {
            self.take(&nick);
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

    /// What decisions are made by: people, moderators, focus, recorder.
    pub(super) fn summary(&self) -> (u32, u32, bool, bool) {
        (self.people(), self.moderators, self.has_focus(), self.has_recorder())
    }

    /// Focus, recorder and the presence of people at all are as in this summary.
    pub(super) fn has_the_same_services(&self, before: (u32, u32, bool, bool)) -> bool {
        let (people, _, focus, recorder) = before;
        (people > 0, focus, recorder) == (self.people() > 0, self.has_focus(), self.has_recorder())
    }

    /// Everybody has been announced since this moment: who was not is gone.
    pub(super) fn keep_heard_after(&mut self, moment: u32) {
        let gone = self.occupants.iter().filter(|o| o.heard <= moment).map(|o| o.nick.clone());
        for nick in gone.collect::<Vec<_>>() {
            self.take(&nick);
        }
    }

    /// We are not in the room any more.
    pub(super) fn forget_us(&mut self) {
        self.occupants.retain(|o| o.who != Who::Us);
    }

    fn put(&mut self, occupant: Occupant) {
        self.take(&occupant.nick);
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

/// What there is to keep of it: of recorders always, so that one that shows nothing is known to; else what somebody
/// claims who may be one, and a moderator's name.
fn kept(presence: &Presence, who: Who) -> Option<Box<Kept>> {
    let is_person = who == Who::Person;
    let is_claim = is_person && presence.session.is_some();
    let name = presence.name.as_ref().filter(|_| is_person && presence.role == Role::Moderator);
    let shown = || Shown {
        session: presence.session.clone(),
        mode: presence.mode,
        jibri: presence.jibri.clone().filter(|_| who == Who::Recorder),
    };
    let shown = (who == Who::Recorder || is_claim).then(|| Box::new(shown()));
    (shown.is_some() || name.is_some()).then(|| Box::new(Kept { name: name.cloned(), shown }))
}

fn counts_as_moderator(occupant: &Occupant) -> bool {
    counts_as_person(occupant) && occupant.role == Role::Moderator
}

fn counts_as_person(occupant: &Occupant) -> bool {
    occupant.who == Who::Person && occupant.role > Role::Visitor
}

#[cfg(test)]
mod tests;
