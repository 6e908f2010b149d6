//! Which recording it is that something is said of: by its session, else by its room.

use super::io::{Effect, Now};
use super::report::{Report, directory_of};
use super::{Heard, Recording, Recordings};
use crate::address::RoomJid;
use crate::meeting::SessionId;

/// Most recordings of which only a report tells.
pub(super) const MOST_UNKNOWN: usize = 1000;

impl Recordings {
    /// Under which key a recording that is on now is known, or will be.
    pub(super) fn key_of_what_is_on(
        &mut self,
        room: &RoomJid,
        session: Option<&SessionId>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> String {
        if let Some((key, heard)) = self.on.get(room).cloned() {
            let known = self.all.get(&key).and_then(|known| known.session_id.as_deref());
            let is_another = session.is_some_and(|session| known.is_some_and(|known| known != &*session.0));
            if !is_another {
                return key;
            }
            if heard == Heard::Said {
                self.ended(room, None, "another recording took its place", now, effects);
            } else {
                self.is_unwatched(&key, now, effects);
            }
        }
        if let Some(key) = session.and_then(|session| self.by_session.get(&directory_of(&session.0))) {
            return key.clone();
        }
        self.new_key(session.map(|session| &*session.0), room.as_str(), now)
    }

    pub(super) fn new_key(&mut self, session: Option<&str>, room: &str, now: Now) -> String {
        match session {
            Some(session) => directory_of(session),
            // No directory has such a name.
            None => {
                self.last = self.last.wrapping_add(1);
                format!("{room}/{}.{}", now.wall.0, self.last)
            }
        }
    }

    /// Under which key the recording is known that a report is about, or will be.
    pub(super) fn key_of_reported(&mut self, report: &Report, now: Now) -> String {
        let directory = directory_of(&report.session_id);
        if let Some(key) = self.by_session.get(&directory) {
            return key.clone();
        }
        // The last one in that room of which nobody knows the session, nor the files. What nobody has said to be on since this
        // program began is not just over.
        let is_unsaid =
            |known: &Recording| self.on.values().any(|(of, heard)| *of == known.key && *heard != Heard::Said);
        let is_it = |known: &&Recording| {
            known.session_id.is_none()
                && !is_unsaid(known)
                && known.parts.is_empty()
                && known.room.is_some()
                && known.room == report.room
                && known.started.is_some_and(|started| started <= now.wall)
        };
        let of_room = self.all.values().filter(is_it).max_by_key(|known| known.started);
        of_room.map_or(directory, |known| known.key.clone())
    }

    /// Only a report tells of it. Of these there are so many at most.
    pub(super) fn is_unknown(&mut self, key: String) {
        self.last = self.last.wrapping_add(1);
        self.unknown.insert(self.last, key);
        while self.unknown.len() > MOST_UNKNOWN
            && let Some((_, key)) = self.unknown.pop_first()
        {
            if self.all.get(&key).is_some_and(|known| known.started.is_none()) {
                self.forget(&key);
            }
        }
    }
}
