//! A meeting that only seems to be: Jicofo lists it, with people, and Prosody has no such room. Those people believe that
//! they are in it, nothing that they send arrives, and nobody else gets in, until they reload (docs/jitsi.md 13.3.4).

use std::time::Duration;

use super::io::ListError;
use crate::time::Time;

/// For so long both must say so. Jicofo notices the end of a room within a moment, and lists no conference to which
/// nobody comes for longer than its `conference-start-timeout`, 15 s.
const FOR: Duration = Duration::from_secs(20);

/// What is known of one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Zombie {
    /// The room exists, or nobody knows.
    #[default]
    No,
    /// There is no such room, by the last look at it.
    Gone,
    /// And Jicofo has listed it each time since.
    ListedSince(Time),
    /// It is one.
    Yes,
}

/// What is new of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is one now.
    Begins,
    /// It is none any more.
    Ends,
}

impl Zombie {
    /// A look at the room has shown it, or has come to this.
    pub(super) fn seen(&mut self, error: Option<&ListError>) -> Option<Turn> {
        match error {
            Some(ListError::Gone) if *self == Self::No => self.turn_to(Self::Gone),
            Some(ListError::Gone) => None,
            None | Some(ListError::Forbidden) => self.turn_to(Self::No),
            Some(_) => self.is_not_seen(),
        }
    }

    /// Nothing is known of the room any more. What was told stands until somebody says otherwise.
    pub(super) fn is_not_seen(&mut self) -> Option<Turn> {
        if *self == Self::Yes { None } else { self.turn_to(Self::No) }
    }

    /// Jicofo's list has come, with the room in it or without.
    pub(super) fn listed(&mut self, is_listed: bool, now: Time) -> Option<Turn> {
        match *self {
            Self::No => None,
            Self::Gone if is_listed => self.turn_to(Self::ListedSince(now)),
            Self::ListedSince(since) if is_listed && now.since(since) >= FOR => self.turn_to(Self::Yes),
            _ if is_listed => None,
            _ => self.turn_to(Self::Gone),
        }
    }

    fn turn_to(&mut self, next: Self) -> Option<Turn> {
        let before = std::mem::replace(self, next);
        match (before == Self::Yes, next == Self::Yes) {
            (false, true) => Some(Turn::Begins),
            (true, false) => Some(Turn::Ends),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Time {
        Time::new(Duration::from_secs(s))
    }

    fn gone() -> Zombie {
        let mut zombie = Zombie::default();
        assert_eq!(zombie.seen(Some(&ListError::Gone)), None);
        zombie
    }

    /// Told as one at 20 s.
    fn told() -> Zombie {
        let mut zombie = gone();
        assert_eq!((zombie.listed(true, at(0)), zombie.listed(true, at(19))), (None, None));
        assert_eq!(zombie.seen(Some(&ListError::Gone)), None);
        assert_eq!(zombie.listed(true, at(20)), Some(Turn::Begins));
        assert_eq!((zombie.listed(true, at(60)), zombie.seen(Some(&ListError::Gone))), (None, None), "once");
        zombie
    }

    #[test]
    fn it_ends_when_the_room_exists_or_jicofo_does_not_list_it() {
        assert_eq!(told().seen(None), Some(Turn::Ends));
        assert_eq!(told().seen(Some(&ListError::Forbidden)), Some(Turn::Ends), "said of one that exists");
        let mut zombie = told();
        assert_eq!((zombie.listed(false, at(61)), zombie.listed(false, at(62))), (Some(Turn::Ends), None));
        assert_eq!((zombie.listed(true, at(63)), zombie.listed(true, at(82))), (None, None), "anew");
        assert_eq!(zombie.listed(true, at(83)), Some(Turn::Begins));
    }

    #[test]
    fn what_is_not_known_neither_begins_nor_ends_it() {
        for unknown in [ListError::TimedOut, ListError::Other, ListError::Unwritable] {
            let mut zombie = gone();
            zombie.listed(true, at(0));
            zombie.seen(Some(&unknown));
            assert_eq!(zombie.listed(true, at(60)), None);
            assert_eq!((told().seen(Some(&unknown)), told().is_not_seen()), (None, None));
        }
    }

    #[test]
    fn ordinary_rooms_are_none() {
        // Has begun and exists; Jicofo notices its end late; comes and goes.
        let mut zombie = Zombie::default();
        assert!((0..60).all(|s| zombie.listed(true, at(s)).is_none()));
        zombie = gone();
        assert!((0..19).all(|s| zombie.listed(true, at(s)).is_none()));
        assert!((19..60).all(|s| zombie.listed(false, at(s)).is_none()));
        zombie = gone();
        let comes_and_goes = |s: u64| {
            let seen = if s.is_multiple_of(15) { None } else { Some(&ListError::Gone) };
            zombie.seen(seen).or_else(|| zombie.listed(true, at(s))).is_none()
        };
        assert!((0..90).all(comes_and_goes));
    }
}
