//! What is shown of who is in a room: recorders among people, to whoever asks and to us inside.

use std::collections::BTreeMap;

use jibri_autostart::address::{Nick, RealJid};
use jibri_autostart::fleet::JibriName;
use jibri_autostart::meeting::{
    Affiliation, Departure, Listed, Marks, Presence, RecordingStatus, Role, RoomEvent, SessionId,
};

use super::world::World;

/// What is told of an occupant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    jid: String,
    role: Role,
    session: Option<SessionId>,
    status: Option<RecordingStatus>,
    jibri: Option<JibriName>,
}

impl World {
    pub fn has_recorder(&self, r: usize) -> bool {
        self.recorders(r).next().is_some()
    }

    /// The nickname of a recorder.
    pub fn nick_of((j, page, _): (usize, u64, &str)) -> Nick {
        Nick::new(&format!("rec{j}-{page}")).unwrap()
    }

    /// Whose they are, which of its pages, and of which session.
    pub fn recorders(&self, r: usize) -> impl Iterator<Item = (usize, u64, &str)> {
        let seats = move |j: usize| self.jibris[j].model.seats().filter(move |(_, (room, _))| *room == r);
        (0..self.jibris.len())
            .flat_map(move |j| seats(j).map(move |(page, (_, session))| (j, page, session.as_str())))
    }

    pub fn has_seat(&self, j: usize, r: usize) -> bool {
        self.jibris[j].model.seats().any(|(_, (room, _))| *room == r)
    }

    /// Everybody but us.
    pub fn occupants(&self, r: usize) -> BTreeMap<Nick, Shown> {
        let room = &self.rooms[r];
        let mut all = BTreeMap::new();
        let shown =
            |jid: &str, role| Shown { jid: jid.to_owned(), role, session: None, status: None, jibri: None };
        if room.focus {
            let focus = shown("focus@auth.meet.jitsi/focus", Role::Moderator);
            all.insert(Nick::new("focus").unwrap(), Shown { status: room.status.clone(), ..focus });
        }
        for person in &room.people {
            let role = if person.moderator { Role::Moderator } else { Role::Participant };
            all.insert(person.nick.clone(), shown(person.jid.as_str(), role));
        }
        for recorder @ (j, page, session) in self.recorders(r) {
            let page = shown(&format!("recorder@hidden.meet.jitsi/j{j}-{page}"), Role::Participant);
            let (session, jibri) = (Some(SessionId(session.into())), Some(self.name_of(j)));
            all.insert(Self::nick_of(recorder), Shown { session, jibri, ..page });
        }
        all
    }

    pub fn listed(&self, r: usize) -> Vec<Listed> {
        let mut all = self.occupants(r);
        if let Some(us) = &self.rooms[r].us {
            let jid = "autostart@autostart.meet.jitsi/a".to_owned();
            all.insert(
                us.clone(),
                Shown { jid, role: Role::Moderator, session: None, status: None, jibri: None },
            );
        }
        let entry = |(nick, shown): (Nick, Shown)| Listed {
            nick,
            jid: RealJid::new(&shown.jid).ok(),
            role: shown.role,
            affiliation: affiliation(shown.role),
        };
        all.into_iter().map(entry).collect()
    }

    /// Whoever has changed is shown to us, where we are inside.
    pub fn after_event(&mut self) {
        if !std::mem::take(&mut self.stirs) {
            return;
        }
        for r in 0..self.rooms.len() {
            if self.rooms[r].us.is_some() {
                self.show_room(r);
            }
            let exists = self.exists(r);
            let existed = std::mem::replace(&mut self.rooms[r].existed, exists);
            self.rooms[r].made += u64::from(exists && !existed);
            self.rooms[r].notice &= exists;
            self.push_picture(r);
        }
    }

    pub fn show_room(&mut self, r: usize) {
        let Some(us) = self.rooms[r].us.clone() else { return };
        let now = self.occupants(r);
        let before = std::mem::take(&mut self.rooms[r].shown);
        let is_entry = before.is_empty();
        for nick in before.keys().filter(|nick| !now.contains_key(*nick)) {
            self.send(r, RoomEvent::Left { nick: nick.clone(), how: Departure::Gone });
        }
        for (nick, shown) in now.iter().filter(|(nick, shown)| before.get(*nick) != Some(*shown)) {
            self.send(r, RoomEvent::Presence(presence(nick.clone(), shown.clone(), false)));
        }
        self.rooms[r].shown = now;
        if is_entry && !self.rooms[r].shown.is_empty() {
            let jid = "autostart@autostart.meet.jitsi/a".to_owned();
            let own = Shown { jid, role: Role::Moderator, session: None, status: None, jibri: None };
            self.send(r, RoomEvent::Presence(presence(us, own, true)));
        }
    }
}

fn affiliation(role: Role) -> Affiliation {
    if role == Role::Moderator { Affiliation::Owner } else { Affiliation::None }
}

pub fn presence(nick: Nick, shown: Shown, own: bool) -> Presence {
    Presence {
        nick,
        conference: None,
        jid: RealJid::new(&shown.jid).ok(),
        role: shown.role,
        affiliation: affiliation(shown.role),
        marks: Marks::default(),
        session: shown.session,
        mode: None,
        jibri: shown.jibri,
        name: None,
        recording: shown.status,
        own,
        created: false,
    }
}
