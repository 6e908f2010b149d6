//! Who may be connected at once, and who has to go when there are too many.
//!
//! A connection owes us something from its beginning, or from the end of an answer, until a whole request is there. When
//! there are too many, the one that has owed for longest is closed; one that is being answered never is. A crowd from one
//! address is closed against itself, and some seats are kept for this machine: its health check, its command line.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
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

/// The seats. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Seats(Arc<Mutex<Taken>>);

/// Who sits. `turn` orders what happens.
#[derive(Debug)]
struct Taken {
    shares: Shares,
    seats: BTreeMap<u64, Sitter>,
    turn: u64,
}

#[derive(Debug)]
struct Sitter {
    host: IpAddr,
    /// Since which turn it owes us a request; none: it is being answered.
    owes: Option<u64>,
    /// Dropped, it has to go.
    _stay: oneshot::Sender<Infallible>,
}

/// A place among those who are connected. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    mark: Mark,
    lost: oneshot::Receiver<Infallible>,
}

/// Says how a connection is. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    seats: Seats,
    id: u64,
}

impl Seats {
    pub(super) fn new(shares: Shares) -> Self {
        Self(Arc::new(Mutex::new(Taken { shares, seats: BTreeMap::new(), turn: 0 })))
    }

    /// A seat for a connection from there, which somebody else may lose for it. None: all that it could have are of
    /// those who are being answered.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Seat> {
        let (stay, lost) = oneshot::channel();
        let id = self.taken().admit(host(peer), stay)?;
        Some(Seat { mark: Mark { seats: self.clone(), id }, lost })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    pub(super) fn mark(&self) -> Mark {
        self.mark.clone()
    }

    /// Waits until somebody else has got it.
    pub(super) async fn lost(&mut self) {
        // Nothing is ever sent.
        let _ = (&mut self.lost).await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.mark.seats.taken().seats.remove(&self.mark.id);
    }
}

impl Mark {
    /// The answer is out: the next request is due.
    pub(super) fn owes(&self) {
        let mut taken = self.seats.taken();
        let turn = taken.next_turn();
        taken.set(self.id, Some(turn));
    }

    /// A whole request is there.
    pub(super) fn owes_nothing(&self) {
        self.seats.taken().set(self.id, None);
    }
}

impl Taken {
    fn admit(&mut self, host: IpAddr, stay: oneshot::Sender<Infallible>) -> Option<u64> {
        let others = self.shares.all.saturating_sub(self.shares.loopback);
        let of_this_machine = host.is_loopback();
        if !of_this_machine && self.count(|sitter| sitter.host == host) >= self.shares.address {
            self.close_one(|sitter| sitter.host == host)?;
        } else if !of_this_machine && self.count(|sitter| !sitter.host.is_loopback()) >= others {
            self.close_one(|sitter| !sitter.host.is_loopback())?;
        } else if self.seats.len() >= self.shares.all {
            self.close_one(|_| true)?;
        }
        let id = self.next_turn();
        self.seats.insert(id, Sitter { host, owes: Some(id), _stay: stay });
        Some(id)
    }

    fn count(&self, of: impl Fn(&Sitter) -> bool) -> usize {
        self.seats.values().filter(|sitter| of(sitter)).count()
    }

    /// Closes the one of them that has owed for longest; none, if none of them owes anything.
    fn close_one(&mut self, of: impl Fn(&Sitter) -> bool) -> Option<()> {
        let owing = self.seats.iter().filter(|(_, sitter)| of(sitter));
        let (_, id) = owing.filter_map(|(id, sitter)| Some((sitter.owes?, *id))).min()?;
        self.seats.remove(&id).map(drop)
    }

    fn next_turn(&mut self) -> u64 {
        self.turn = self.turn.wrapping_add(1);
        self.turn
    }

    fn set(&mut self, id: u64, owes: Option<u64>) {
        if let Some(sitter) = self.seats.get_mut(&id) {
            sitter.owes = owes;
        }
    }
}

/// What stands for a machine.
fn host(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(ip) if ip.is_loopback() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
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

    fn take(seats: &Seats, peer: &str) -> Option<Seat> {
        seats.take(ip(peer))
    }

    /// Which of them have lost their seats since.
    fn lost(sitting: &[Seat]) -> Vec<usize> {
        let gone = |seat: &Seat| !seat.mark.seats.taken().seats.contains_key(&seat.mark.id);
        (0..sitting.len()).filter(|n| gone(&sitting[*n])).collect()
    }

    #[test]
    fn a_crowd_from_one_address_is_closed_against_itself_the_oldest_first() {
        let seats = Seats::new(SHARES);
        let honest = [take(&seats, "192.0.2.1").unwrap()];
        let mut crowd: Vec<Seat> = (0..4).map(|_| take(&seats, "192.0.2.66").unwrap()).collect();
        for closed in 1..=20 {
            crowd.push(take(&seats, "192.0.2.66").unwrap());
            assert_eq!(lost(&crowd), (0..closed).collect::<Vec<_>>());
            assert_eq!(lost(&honest), [0; 0]);
        }
    }

    #[test]
    fn the_oldest_of_all_is_closed_when_there_is_no_seat_left() {
        let seats = Seats::new(SHARES);
        let mut all: Vec<Seat> = (0..6).map(|n| take(&seats, &format!("192.0.2.{n}")).unwrap()).collect();
        assert_eq!(lost(&all), [0; 0]);
        all.push(take(&seats, "192.0.2.6").unwrap());
        assert_eq!(lost(&all), [0]);
        // Two are kept for this machine, and then it may have those of others.
        let mut here: Vec<Seat> = (0..2).map(|_| take(&seats, "127.0.0.1").unwrap()).collect();
        assert_eq!(lost(&all), [0]);
        here.push(take(&seats, "::1").unwrap());
        assert_eq!((lost(&all), lost(&here)), (vec![0, 1], vec![]));
        // What was taken comes back as it is needed.
        all.push(take(&seats, "192.0.2.7").unwrap());
        assert_eq!((lost(&all), lost(&here)), (vec![0, 1, 2], vec![]));
    }

    #[test]
    fn this_machine_may_have_all_seats_and_keeps_none_from_others() {
        let seats = Seats::new(SHARES);
        let here: Vec<Seat> = (0..8).map(|n| take(&seats, &format!("127.0.0.{n}")).unwrap()).collect();
        assert_eq!(lost(&here), [0; 0]);
        let honest = [take(&seats, "192.0.2.1").unwrap()];
        assert_eq!((lost(&here), lost(&honest)), (vec![0], vec![]));
    }

    #[test]
    fn who_is_being_answered_is_not_closed() {
        let seats = Seats::new(SHARES);
        let mut crowd: Vec<Seat> = (0..4).map(|_| take(&seats, "192.0.2.66").unwrap()).collect();
        crowd[0].mark().owes_nothing();
        crowd.push(take(&seats, "192.0.2.66").unwrap());
        assert_eq!(lost(&crowd), [1]);
        crowd.iter().for_each(|seat| seat.mark().owes_nothing());
        assert!(take(&seats, "192.0.2.66").is_none());
        let other = [take(&seats, "192.0.2.1").unwrap()];
        // The answer is out, and the next request is due from then on.
        crowd[3].mark().owes();
        crowd[2].mark().owes();
        crowd.push(take(&seats, "192.0.2.66").unwrap());
        assert_eq!((lost(&crowd), lost(&other)), (vec![1, 3], vec![]));
    }

    #[test]
    fn who_leaves_makes_room() {
        let seats = Seats::new(SHARES);
        let mut crowd: Vec<Seat> = (0..4).map(|_| take(&seats, "192.0.2.66").unwrap()).collect();
        crowd.remove(2);
        crowd.push(take(&seats, "192.0.2.66").unwrap());
        assert_eq!(lost(&crowd), [0; 0]);
        drop(crowd);
        assert!(seats.taken().seats.is_empty());
    }

    #[tokio::test]
    async fn who_has_to_go_is_told() {
        let seats = Seats::new(Shares { all: 1, loopback: 0, address: 1 });
        let mut first = take(&seats, "192.0.2.1").unwrap();
        let second = take(&seats, "192.0.2.2").unwrap();
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
        assert!(host(ip("::1")).is_loopback() && host(ip("::ffff:127.0.0.9")).is_loopback());
    }
}
