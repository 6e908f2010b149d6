//! How many connections there may be at once, and which one is closed for a new one.
//!
//! Each connection takes a slot. It owes a request from its beginning, or from the end of an answer, until the next request
//! is there whole. When there is no slot left, the connection that has owed for longest is closed; one that is being
//! answered never is. An address that has its share loses a connection of its own for a new one, and some slots are kept
//! for this machine: for its health check and its command line.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How many may be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// All together.
    pub all: usize,
    /// Of these, only for this machine (loopback).
    pub loopback: usize,
    /// From one address of another machine; of IPv6, from one /64, which is what one machine may have.
    pub address: usize,
}

impl Default for Shares {
    fn default() -> Self {
        // People behind one proxy have one address, and 256 may read the events.
        Self { all: 512, loopback: 64, address: 320 }
    }
}

/// All slots. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Slots(Arc<Mutex<Taken>>);

#[derive(Debug)]
struct Taken {
    shares: Shares,
    slots: BTreeMap<u64, Connection>,
    /// Counts what happens, and so orders it.
    turn: u64,
}

#[derive(Debug)]
struct Connection {
    host: IpAddr,
    /// Since which turn it owes a request; none: it is being answered.
    owes: Option<u64>,
    /// When this is dropped, the connection is to be closed.
    _stay: oneshot::Sender<Infallible>,
}

/// The slot of one connection. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    mark: Mark,
    lost: oneshot::Receiver<Infallible>,
}

/// Notes whether a connection owes a request. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    slots: Slots,
    id: u64,
}

impl Slots {
    pub(super) fn new(shares: Shares) -> Self {
        Self(Arc::new(Mutex::new(Taken { shares, slots: BTreeMap::new(), turn: 0 })))
    }

    /// A slot for a new connection from there; another may lose its slot for it. None: all connections that could be closed
    /// for it are being answered.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Slot> {
        let (stay, lost) = oneshot::channel();
        let id = self.taken().admit(host(peer), stay)?;
        Some(Slot { mark: Mark { slots: self.clone(), id }, lost })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    pub(super) fn mark(&self) -> Mark {
        self.mark.clone()
    }

    /// Waits until another connection has been given this slot.
    pub(super) async fn lost(&mut self) {
        // Nothing is ever sent.
        let _ = (&mut self.lost).await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.mark.slots.taken().slots.remove(&self.mark.id);
    }
}

impl Mark {
    /// The answer is sent: the next request is due.
    pub(super) fn owes(&self) {
        let mut taken = self.slots.taken();
        let turn = taken.next_turn();
        taken.set(self.id, Some(turn));
    }

    /// A whole request is there.
    pub(super) fn owes_nothing(&self) {
        self.slots.taken().set(self.id, None);
    }
}

impl Taken {
    fn admit(&mut self, host: IpAddr, stay: oneshot::Sender<Infallible>) -> Option<u64> {
        let others = self.shares.all.saturating_sub(self.shares.loopback);
        let of_this_machine = host.is_loopback();
        if !of_this_machine && self.count(|it| it.host == host) >= self.shares.address {
            self.close_one(|it| it.host == host)?;
        } else if !of_this_machine && self.count(|it| !it.host.is_loopback()) >= others {
            self.close_one(|it| !it.host.is_loopback())?;
        } else if self.slots.len() >= self.shares.all {
            self.close_one(|_| true)?;
        }
        let id = self.next_turn();
        self.slots.insert(id, Connection { host, owes: Some(id), _stay: stay });
        Some(id)
    }

    fn count(&self, of: impl Fn(&Connection) -> bool) -> usize {
        self.slots.values().filter(|it| of(it)).count()
    }

    /// Closes the one of these that has owed for longest; none, if none of them owes a request.
    fn close_one(&mut self, of: impl Fn(&Connection) -> bool) -> Option<()> {
        let owing = self.slots.iter().filter(|(_, it)| of(it));
        let (_, id) = owing.filter_map(|(id, it)| Some((it.owes?, *id))).min()?;
        self.slots.remove(&id).map(drop)
    }

    fn next_turn(&mut self) -> u64 {
        self.turn = self.turn.wrapping_add(1);
        self.turn
    }

    fn set(&mut self, id: u64, owes: Option<u64>) {
        if let Some(it) = self.slots.get_mut(&id) {
            it.owes = owes;
        }
    }
}

/// What connections are counted by: the network, and this machine as one.
fn host(peer: IpAddr) -> IpAddr {
    match network(peer) {
        IpAddr::V4(ip) if ip.is_loopback() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        network => network,
    }
}

/// What senders are told apart by: the address, for IPv6 the /64, which is what one machine may have.
pub(super) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARES: Shares = Shares { all: 8, loopback: 2, address: 4 };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn take(slots: &Slots, peer: &str) -> Option<Slot> {
        slots.take(ip(peer))
    }

    /// Which of them have lost their slots since.
    fn lost(sitting: &[Slot]) -> Vec<usize> {
        let gone = |slot: &Slot| !slot.mark.slots.taken().slots.contains_key(&slot.mark.id);
        (0..sitting.len()).filter(|n| gone(&sitting[*n])).collect()
    }

    #[test]
    fn an_address_with_its_share_loses_its_own_oldest_connection() {
        let slots = Slots::new(SHARES);
        let honest = [take(&slots, "192.0.2.1").unwrap()];
        let mut flood: Vec<Slot> = (0..4).map(|_| take(&slots, "192.0.2.66").unwrap()).collect();
        for closed in 1..=20 {
            flood.push(take(&slots, "192.0.2.66").unwrap());
            assert_eq!(lost(&flood), (0..closed).collect::<Vec<_>>());
            assert_eq!(lost(&honest), [0; 0]);
        }
    }

    #[test]
    fn the_oldest_of_all_is_closed_when_there_is_no_seat_left() {
        let slots = Slots::new(SHARES);
        let mut all: Vec<Slot> = (0..6).map(|n| take(&slots, &format!("192.0.2.{n}")).unwrap()).collect();
        assert_eq!(lost(&all), [0; 0]);
        all.push(take(&slots, "192.0.2.6").unwrap());
        assert_eq!(lost(&all), [0]);
        // Two are kept for this machine, and then it may have those of others.
        let mut here: Vec<Slot> = (0..2).map(|_| take(&slots, "127.0.0.1").unwrap()).collect();
        assert_eq!(lost(&all), [0]);
        here.push(take(&slots, "::1").unwrap());
        assert_eq!((lost(&all), lost(&here)), (vec![0, 1], vec![]));
        // What was taken comes back as it is needed.
        all.push(take(&slots, "192.0.2.7").unwrap());
        assert_eq!((lost(&all), lost(&here)), (vec![0, 1, 2], vec![]));
    }

    #[test]
    fn loopback_may_have_all_seats_until_others_need_them() {
        let slots = Slots::new(SHARES);
        let here: Vec<Slot> = (0..8).map(|n| take(&slots, &format!("127.0.0.{n}")).unwrap()).collect();
        assert_eq!(lost(&here), [0; 0]);
        let honest = [take(&slots, "192.0.2.1").unwrap()];
        assert_eq!((lost(&here), lost(&honest)), (vec![0], vec![]));
    }

    #[test]
    fn a_connection_that_is_being_answered_is_not_closed() {
        let slots = Slots::new(SHARES);
        let mut flood: Vec<Slot> = (0..4).map(|_| take(&slots, "192.0.2.66").unwrap()).collect();
        flood[0].mark().owes_nothing();
        flood.push(take(&slots, "192.0.2.66").unwrap());
        assert_eq!(lost(&flood), [1]);
        flood.iter().for_each(|slot| slot.mark().owes_nothing());
        assert!(take(&slots, "192.0.2.66").is_none());
        let other = [take(&slots, "192.0.2.1").unwrap()];
        // From the end of the answer on the next request is due.
        flood[3].mark().owes();
        flood[2].mark().owes();
        flood.push(take(&slots, "192.0.2.66").unwrap());
        assert_eq!((lost(&flood), lost(&other)), (vec![1, 3], vec![]));
    }

    #[test]
    fn a_connection_that_ends_frees_its_seat() {
        let slots = Slots::new(SHARES);
        let mut flood: Vec<Slot> = (0..4).map(|_| take(&slots, "192.0.2.66").unwrap()).collect();
        flood.remove(2);
        flood.push(take(&slots, "192.0.2.66").unwrap());
        assert_eq!(lost(&flood), [0; 0]);
        drop(flood);
        assert!(slots.taken().slots.is_empty());
    }

    #[tokio::test]
    async fn a_connection_that_lost_its_seat_is_told() {
        let slots = Slots::new(Shares { all: 1, loopback: 0, address: 1 });
        let mut first = take(&slots, "192.0.2.1").unwrap();
        let second = take(&slots, "192.0.2.2").unwrap();
        first.lost().await;
        drop(first);
        assert_eq!(lost(&[second]), [0; 0]);
    }

    #[test]
    fn one_machine_is_one_address() {
        assert_eq!(host(ip("2001:db8::1")), host(ip("2001:db8::ffff:2")));
        assert_ne!(host(ip("2001:db8::1")), host(ip("2001:db8:0:1::1")));
        assert_eq!(host(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
        assert_ne!(host(ip("192.0.2.1")), host(ip("192.0.2.2")));
        assert_ne!(network(ip("127.0.0.1")), network(ip("127.0.0.2")));
        assert!(host(ip("::1")).is_loopback() && host(ip("::ffff:127.0.0.9")).is_loopback());
    }
}
