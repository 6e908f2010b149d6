//! Waits for a Jibri as entries of the ledger. The core tells of one from its beginning to its end, however many starts fail
//! meanwhile, so that they are few.

use super::History;
use crate::address::RoomJid;
use crate::ledger::{Entry, Wait};
use crate::meeting::WaitEnd;
use crate::time::Time;

impl History {
    /// A start is due, and no Jibri is free for it.
    pub(super) fn waits(&mut self, now: Time, room: &RoomJid, place: Option<usize>) {
        let wait = Wait {
            room: room.as_str().to_owned(),
            place: place.and_then(|place| u32::try_from(place).ok()),
            began: self.wall(now),
            over: None,
            reason: None,
        };
        let key = self.ledger.new_key();
        self.ledger.put(key, Entry::Wait(wait.clone()));
        self.waits.insert(room.clone(), (key, wait));
    }

    /// It is not waited for any more.
    pub(super) fn waits_no_more(&mut self, now: Time, room: &RoomJid, end: WaitEnd, is_empty: bool) {
        let Some((key, wait)) = self.waits.remove(room) else { return };
        let reason = match end {
            WaitEnd::NotWanted if is_empty => "the meeting ended".to_owned(),
            end => end.to_string(),
        };
        let over = Some(self.wall(now));
        self.ledger.put(key, Entry::Wait(Wait { over, reason: Some(reason), ..wait }));
    }
}
