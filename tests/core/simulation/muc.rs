//! Prosody's conference rooms: who is in them, what they are told, when they end.

use std::collections::BTreeSet;

use jibri_autostart::address::{Nick, RealJid};
use jibri_autostart::config::Mode;
use jibri_autostart::meeting::{
    Affiliation, Departure, Listed, Marks, Out, Presence, RecordingStatus, Role, RoomEvent, SessionId,
};

use super::focus::Conference;
use super::plan::{SEC, Us, nick};
use super::world::{Ev, World};

/// A recording that is over so soon may be missed by those who look from outside.
const BRIEF: Us = 20 * SEC;

/// What an occupant really is, whatever it claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Person(usize),
    /// A telephone: Jigasi with an account of the guests' domain.
    Phone,
    Focus,
    Us,
    Recorder(usize),
    /// A gateway to telephones: the recorders' account, and nothing of a session.
    Gateway,
}

#[derive(Debug, Clone)]
pub struct Occupant {
    pub kind: Kind,
    pub nick: Nick,
    pub jid: RealJid,
    pub role: Role,
    pub affiliation: Affiliation,
    pub marks: Marks,
    pub session: Option<SessionId>,
    pub mode: Option<Mode>,
    /// A `jibri-recording-status` that is not the focus's.
    pub forged: Option<RecordingStatus>,
}

impl Occupant {
    pub fn new(kind: Kind, name: &str, jid: &str, role: Role) -> Self {
        let affiliation = if role == Role::Moderator { Affiliation::Owner } else { Affiliation::None };
        Self {
            kind,
            nick: nick(name),
            jid: RealJid::new(jid).unwrap(),
            role,
            affiliation,
            marks: Marks::default(),
            session: None,
            mode: None,
            forged: None,
        }
    }

    /// A person, by what he is.
    pub fn is_person(&self) -> bool {
        matches!(self.kind, Kind::Person(_)) && self.role > Role::Visitor
    }

    /// A person that the core can take for one: what somebody claims to be hides him until he is moderator.
    pub fn is_plain_person(&self) -> bool {
        self.is_person() && (self.role == Role::Moderator || !self.marks.jigasi)
    }
}

#[derive(Debug, Default)]
pub struct MucRoom {
    pub occupants: Vec<Occupant>,
    pub exists: bool,
    /// How often it was created.
    pub created: u32,
    /// Since when, this time.
    pub began: Us,
    pub conference: Option<Conference>,
    /// Since when nobody is in it.
    pub deserted: Option<Us>,
    /// The room shuts us out until then.
    pub shut: Us,
    /// A person has stopped the recording of this meeting; whom that binds.
    pub stopped: Option<RecordingStatus>,
    pub bound: BTreeSet<usize>,
    /// Under which nicknames people have ever stopped one here.
    pub stoppers: BTreeSet<String>,
    /// For whose stop the core has held it.
    pub held_for: BTreeSet<String>,
    /// All who have been in this room, and who of them before that stop.
    seen: BTreeSet<usize>,
    pub before: BTreeSet<usize>,
    /// In which of the rooms of this name that was.
    pub stopped_in: u32,
    /// A stop that somebody else has overruled then, with a recording of his own.
    lifted: Option<(RecordingStatus, Us)>,
    /// Since when the core calls recorded what has no recorder.
    pub claimed_since: Option<Us>,
    /// Somebody else with the recorders' account has come in while the recorder of a start was awaited. From outside
    /// nothing tells the one from the other.
    pub misled: bool,
    /// What the core called on last had no recorder there.
    pub phantom: bool,
    pub emptied: bool,
    /// Which conference that was in.
    emptied_in: Option<u32>,
    /// How often the core told of a failure in this meeting, and whether it gave up on it.
    pub failures: u32,
    /// A telephone has been in a meeting of before, and in this one.
    pub phoned: (bool, bool),
    pub gave_up: bool,
    /// It holds for ends that nobody explains.
    pub untold: bool,
    /// Since when a recording has to come.
    pub good_since: Option<Us>,
    /// Since when one has to go, and the earliest that this is nobody's fault but ours.
    pub needless_since: Option<Us>,
    pub hindered_until: Us,
    /// The last recording of which the core told was stopped by us, at this time.
    pub stopped_at: Option<Us>,
    /// The core has said that it will not stop this recording.
    pub stop_given_up: bool,
}

impl MucRoom {
    pub fn find(&self, kind: Kind) -> Option<&Occupant> {
        self.occupants.iter().find(|o| o.kind == kind)
    }

    pub fn find_mut(&mut self, kind: Kind) -> Option<&mut Occupant> {
        self.occupants.iter_mut().find(|o| o.kind == kind)
    }

    pub fn has(&self, kind: Kind) -> bool {
        self.find(kind).is_some()
    }

    pub fn people(&self) -> usize {
        self.occupants.iter().filter(|o| o.is_person()).count()
    }

    /// A gateway may be taken for a recorder.
    pub fn is_misled(&self) -> bool {
        self.misled || self.has(Kind::Gateway)
    }

    /// A person has stopped something here; whom that binds.
    pub fn is_stopped(&mut self) {
        self.stopped = self.conference.as_ref().and_then(|c| c.status.clone());
        let nick = self.stopped.as_ref().and_then(|status| status.initiator.as_ref());
        self.stoppers.extend(nick.map(|nick| nick.as_str().to_owned()));
        (self.bound, self.before) = (self.present(), self.seen.clone());
        (self.stopped_in, self.emptied) = (self.created, self.people() == 0);
    }

    /// Somebody is here whom the person's stop binds.
    pub fn is_bound(&self) -> bool {
        self.occupants.iter().any(|o| matches!(o.kind, Kind::Person(p) if self.bound.contains(&p)))
    }

    /// All people who are here, in whatever role.
    pub fn present(&self) -> BTreeSet<usize> {
        let person = |kind| if let Kind::Person(p) = kind { Some(p) } else { None };
        self.occupants.iter().filter_map(|o| person(o.kind)).collect()
    }

    /// Somebody is here who records to a file, or is about to.
    pub fn has_file_recorder(&self) -> bool {
        let records = |o: &Occupant| matches!(o.kind, Kind::Recorder(_)) && o.mode != Some(Mode::Stream);
        self.occupants.iter().any(records)
    }

    /// Of a recorder, or of a gateway.
    pub fn has_account_of_jibri(&self) -> bool {
        self.occupants.iter().any(|o| matches!(o.kind, Kind::Recorder(_) | Kind::Gateway))
    }

    fn presence(&self, occupant: &Occupant) -> Presence {
        let recording = match occupant.kind {
            Kind::Focus => self.conference.as_ref().and_then(|c| c.status.clone()),
            _ => occupant.forged.clone(),
        };
        Presence {
            nick: occupant.nick.clone(),
            jid: Some(occupant.jid.clone()),
            role: occupant.role,
            affiliation: occupant.affiliation,
            marks: occupant.marks,
            session: occupant.session.clone(),
            mode: occupant.mode,
            jibri: None,
            name: None,
            recording,
            conference: self
                .conference
                .as_ref()
                .filter(|_| occupant.kind == Kind::Focus)
                .and_then(|c| c.made),
            own: false,
            created: false,
        }
    }

    /// All of it, as the companion draws it.
    pub fn pictured(&self) -> Vec<Presence> {
        let own = |o: &Occupant| Presence { conference: None, ..self.presence(o) };
        self.occupants.iter().map(own).collect()
    }

    /// One of the two role lists.
    pub fn listed(&self, role: Role) -> Vec<Listed> {
        let all = self.occupants.iter().filter(|o| o.role == role);
        all.map(|o| Listed {
            nick: o.nick.clone(),
            jid: Some(o.jid.clone()),
            role: o.role,
            affiliation: o.affiliation,
        })
        .collect()
    }
}

impl World {
    /// Somebody enters; the room is there afterwards. False if the nickname is taken.
    pub fn enter(&mut self, r: usize, occupant: Occupant) -> bool {
        let room = &mut self.rooms[r];
        if room.occupants.iter().any(|o| o.nick == occupant.nick) {
            return false;
        }
        if !std::mem::replace(&mut room.exists, true) {
            room.began = self.now;
            room.created += 1;
        }
        let kind = occupant.kind;
        if kind == Kind::Gateway {
            room.misled |= self.mirrors[r].awaits_recorder();
        }
        room.phoned.1 |= kind == Kind::Phone;
        room.occupants.push(occupant);
        self.show(r, kind);
        self.headcount(r);
        true
    }

    /// An occupant's presence goes to everybody, us included.
    pub fn show(&mut self, r: usize, kind: Kind) {
        let room = &self.rooms[r];
        let Some(occupant) = room.find(kind) else { return };
        let presence = room.presence(occupant);
        if kind != Kind::Us {
            self.tell_us(r, RoomEvent::Presence(presence), Some(kind));
        }
    }

    /// Somebody leaves, or is removed.
    pub fn exit(&mut self, r: usize, kind: Kind) {
        let room = &mut self.rooms[r];
        let Some(at) = room.occupants.iter().position(|o| o.kind == kind) else { return };
        let gone = room.occupants.remove(at);
        if kind != Kind::Us {
            let event = RoomEvent::Left { nick: gone.nick, how: Departure::Gone };
            self.tell_us(r, event, Some(kind));
        }
        self.headcount(r);
    }

    /// Removed for the room having become members-only: nobody else is told (docs/jitsi.md 1.3).
    pub fn exit_in_silence(&mut self, r: usize, kind: Kind) {
        let room = &mut self.rooms[r];
        room.occupants.retain(|o| o.kind != kind);
        self.mirrors[r].hushed |= room.has(Kind::Us);
        self.headcount(r);
    }

    /// Status 303 and then an ordinary presence.
    pub fn rename(&mut self, r: usize, kind: Kind, to: &Nick) -> bool {
        let room = &mut self.rooms[r];
        if room.occupants.iter().any(|o| o.nick == *to) {
            return false;
        }
        let Some(occupant) = room.find_mut(kind) else { return false };
        let from = std::mem::replace(&mut occupant.nick, to.clone());
        let event = RoomEvent::Left { nick: from, how: Departure::Renamed(to.clone()) };
        self.tell_us(r, event, Some(kind));
        self.show(r, kind);
        true
    }

    /// What the component is sent as an occupant. While there is no link it is bounced, and a bounce
    /// has our occupant removed (333), which the others see.
    pub fn tell_us(&mut self, r: usize, event: RoomEvent, about: Option<Kind>) {
        if !self.rooms[r].has(Kind::Us) {
            return;
        }
        if self.link.server.is_none() {
            self.seen.count("bounced and removed");
            self.exit(r, Kind::Us);
            return;
        }
        self.deliver(r, event, about);
    }

    /// We are removed and told so.
    pub fn remove_us(&mut self, r: usize, out: Out) {
        if self.rooms[r].has(Kind::Us) {
            self.tell_us(r, RoomEvent::Out(out), Some(Kind::Us));
            self.exit(r, Kind::Us);
        }
    }

    /// We enter, or enter again: everybody is announced, ourselves last.
    pub fn let_us_in(&mut self, r: usize, name: &Nick) {
        let created = !self.rooms[r].exists;
        if self.rooms[r].has(Kind::Us) {
            self.seen.count("re-entered over a ghost");
            self.rooms[r].find_mut(Kind::Us).unwrap().nick = name.clone();
        } else {
            let us =
                Occupant::new(Kind::Us, name.as_str(), "autostart@autostart.meet.jitsi/a", Role::Moderator);
            let entered = self.enter(r, us);
            assert!(entered, "the model let us in under a nickname that is taken");
        }
        let room = &self.rooms[r];
        let all: Vec<(Kind, Presence)> = room.occupants.iter().map(|o| (o.kind, room.presence(o))).collect();
        for (kind, presence) in all.iter().filter(|(kind, _)| *kind != Kind::Us) {
            self.deliver(r, RoomEvent::Presence(presence.clone()), Some(*kind));
        }
        for (kind, presence) in all.into_iter().filter(|(kind, _)| *kind == Kind::Us) {
            let own = Presence { own: true, created, ..presence };
            self.deliver(r, RoomEvent::Presence(own), Some(kind));
        }
        // We see the same stop told and do not know who came and went meanwhile.
        if told_stop(&self.rooms[r]) && self.rooms[r].people() > 0 {
            self.rooms[r].emptied = false;
        }
        if created {
            self.seen.count("we created a room");
        }
    }

    /// What follows when the number of occupants has changed: election, the end of conference and room.
    pub fn headcount(&mut self, r: usize) {
        let now = self.now;
        let room = &mut self.rooms[r];
        let present = room.present();
        if room.occupants.is_empty() {
            room.seen.clear();
        }
        room.seen.extend(present);
        let conference = room.conference.as_ref().map(|c| c.instance);
        if room.people() > 0 {
            room.deserted = None;
            // Whoever comes back to a conference that goes on, and says so, comes back to the same meeting.
            let is_the_same = conference.is_some() && room.emptied_in == conference;
            room.emptied &= !(is_the_same && self.guests.tells_conference());
        } else {
            room.deserted.get_or_insert(now);
            // Unless we can see it: somebody who was removed in silence is still there for us, and a
            // conference that goes on tells whoever comes back the same as before.
            let is_seen = room.has(Kind::Us) && self.link.server.is_some();
            // From outside a telephone looks like a person who has been there all the time.
            let has_phone = self.plan.is_visitor() && room.has(Kind::Phone);
            room.emptied |= !self.mirrors[r].hushed && (is_seen || room.conference.is_none() && !has_phone);
            room.emptied_in = conference;
        }
        if room.stopped.is_some() {
            let present = room.present();
            if !present.is_disjoint(&room.bound) {
                room.bound.extend(present);
            } else if room.occupants.iter().any(Occupant::is_plain_person) {
                self.seen.count("a stop that binds nobody who is there");
            }
        }
        let members = room.occupants.iter().filter(|o| o.kind != Kind::Focus).count();
        if room.exists && room.occupants.is_empty() {
            room.exists = false;
            room.phoned = (room.phoned.0 || room.phoned.1, false);
            self.conference_over(r);
            self.seen.count("rooms ended");
            self.trace(r, || "  the room is gone".into());
        } else if members == 0 && room.conference.as_ref().is_some_and(|c| c.was_used) {
            let instance = self.rooms[r].conference.as_ref().map_or(0, |c| c.instance);
            let at = self.some(1, 20_000);
            self.after(at, Ev::ConferenceEnds { r, instance });
        } else if self.rooms[r].conference.is_some() {
            if members > 0 {
                self.rooms[r].conference.as_mut().unwrap().was_used = true;
            }
            let at = self.some(1_000, 500_000);
            self.after(at, Ev::Election { r });
        }
        self.forget_stop(r);
    }

    /// A stop holds until the meeting ends: nobody was left, and focus does not tell of it any more.
    pub fn forget_stop(&mut self, r: usize) {
        let room = &mut self.rooms[r];
        let told = room.conference.as_ref().and_then(|c| c.status.as_ref());
        if !room.exists {
            (room.failures, room.gave_up, room.untold) = (0, false, false);
        }
        if room.emptied && told != room.stopped.as_ref() {
            room.stopped = None;
        }
        if told.is_some_and(|s| s.on && s.mode != Some(Mode::Stream)) {
            room.lifted = room.stopped.take().map(|stop| (stop, self.now)).or(room.lifted.take());
        } else if let Some((stop, at)) = room.lifted.take()
            && self.plan.is_visitor()
            && self.now < at + BRIEF
            && room.exists
        {
            // Too short to be seen from outside.
            room.stopped = Some(stop);
        }
    }

    /// Jicofo keeps one owner (docs/jitsi.md 4.2); we look like a Jibri, so it passes us over.
    pub fn election(&mut self, r: usize) {
        let all_owners = self.plan.all_owners;
        let room = &mut self.rooms[r];
        if room.conference.is_none() {
            return;
        }
        let has_owner = room.occupants.iter().any(|o| o.is_person() && o.role == Role::Moderator);
        if has_owner && !all_owners {
            return;
        }
        let elected: Vec<Kind> = room
            .occupants
            .iter()
            .filter(|o| o.is_person() && o.role < Role::Moderator)
            .map(|o| o.kind)
            .take(if all_owners { usize::MAX } else { 1 })
            .collect();
        for kind in elected {
            let occupant = self.rooms[r].find_mut(kind).unwrap();
            occupant.role = Role::Moderator;
            occupant.affiliation = Affiliation::Owner;
            self.show(r, kind);
            self.seen.count("promoted");
        }
    }

    /// A moderator, or a module, ends the meeting for all (XEP-0045, 10.9).
    pub fn destroy(&mut self, r: usize) {
        self.remove_us(r, Out::Destroyed);
        let kinds: Vec<Kind> = self.rooms[r].occupants.iter().map(|o| o.kind).collect();
        for kind in kinds {
            if let Kind::Recorder(j) = kind {
                self.tell_jibri(j, model::jibri::Input::PutOut);
            }
            self.rooms[r].occupants.retain(|o| o.kind != kind);
        }
        self.headcount(r);
    }
}

fn told_stop(room: &MucRoom) -> bool {
    room.stopped.is_some() && room.conference.as_ref().is_some_and(|c| c.status == room.stopped)
}
