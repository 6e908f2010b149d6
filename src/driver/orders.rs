//! Orders by hand, answered when the board shows what came of them.

use super::Driver;
use crate::address::RoomJid;
use crate::meeting::NotTaken;
use crate::surface::Order;

impl Driver {
    pub(super) fn order(&mut self, order: Order) {
        let Order { room, hand, origin, answer } = order;
        let done = match RoomJid::new(&room) {
            Ok(room) => self.meetings.manual(self.clock.now(), &room, hand, origin),
            Err(_) => Err(NotTaken::NotWatched),
        };
        let done = done.map(|effects| self.carry_out(effects));
        // Whoever asked is shown what came of it.
        self.publish();
        // He may have gone.
        let _ = answer.send(done);
    }
}
