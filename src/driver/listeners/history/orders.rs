//! Orders by hand as entries of the ledger: whose they are, and when and why they end.

use super::History;
use crate::address::RoomJid;
use crate::ledger::{Entry, Order};
use crate::meeting::{ManualOrder, Origin};
use crate::plain::plain;
use crate::time::Time;

impl History {
    /// An order has come. A release is the end of the order that it releases, and an entry of its own where there is none.
    pub(super) fn ordered(&mut self, now: Time, room: &RoomJid, order: ManualOrder, origin: Origin) {
        let is_release = order == ManualOrder::Release;
        let was_in_effect = self.orders.contains_key(room);
        let end = if is_release { format!("released by {origin}") } else { "another order came".to_owned() };
        self.order_over(now, room, &end);
        if is_release && was_in_effect {
            return;
        }
        let given = self.wall(now);
        let entry = Order {
            room: room.as_str().to_owned(),
            order: order.name().to_owned(),
            by: origin.by.name().to_owned(),
            from: origin.from.to_string(),
            given,
            over: is_release.then_some(given),
            reason: None,
        };
        let key = self.ledger.new_key();
        self.ledger.put(key, Entry::Order(entry.clone()));
        if !is_release {
            self.orders.insert(room.clone(), (key, entry));
        }
    }

    /// The order that was in effect is not any more.
    pub(super) fn order_over(&mut self, now: Time, room: &RoomJid, why: &str) {
        let Some((key, order)) = self.orders.remove(room) else { return };
        let over = Some(self.wall(now));
        let reason = Some(plain(why, super::MOST_TEXT));
        self.ledger.put(key, Entry::Order(Order { over, reason, ..order }));
    }
}
