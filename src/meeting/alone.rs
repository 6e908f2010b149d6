//! A recorder in a room without people: it may be recording nobody, while a meeting waits for its Jibri (docs/jitsi.md
//! 13.2.5). What that recorder is, the fleet finds out.

use std::time::Duration;

use crate::time::Time;

/// It has been alone for so long, and nobody was ever with it.
const FOR: Duration = Duration::from_secs(10);
/// People were with it, or may have been: a Jibri that finds itself alone ends the recording within this (docs/jitsi.md
/// 11), and is then of use again without anybody's doing.
const AFTER_PEOPLE: Duration = Duration::from_secs(90);

/// What is known of a room's recorder, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alone {
    /// People were there with it, or it is not known.
    with_people: bool,
    /// Since when it has been the only one.
    since: Option<Time>,
    told: bool,
}

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is alone, as was seen just now; told again each time that it is seen.
    Is,
    /// It is not any more, or nobody knows.
    IsNot,
}

impl Alone {
    /// `has_past`: the meeting may have begun before we could see it.
    pub(super) fn new(has_past: bool) -> Self {
        Self { with_people: has_past, since: None, told: false }
    }

    /// A complete look at a room that is to be recorded has shown this.
    pub(super) fn seen(&mut self, is_there: bool, people: u32, now: Time) -> Option<Turn> {
        if !is_there || people > 0 {
            let was_told = self.told;
            *self = Self { with_people: is_there, since: None, told: false };
            return was_told.then_some(Turn::IsNot);
        }
        self.since.get_or_insert(now);
        self.told |= self.due().is_some_and(|due| due <= now);
        self.told.then_some(Turn::Is)
    }

    /// Who was there before is not known any more.
    pub(super) fn link_down(&mut self) {
        self.with_people = true;
    }

    /// Nobody is seen in the room now, or nobody wants to know.
    pub(super) fn is_not_seen(&mut self) -> Option<Turn> {
        // Of a new room nothing is known yet.
        self.since?;
        std::mem::replace(self, Self::new(true)).told.then_some(Turn::IsNot)
    }

    /// Nobody else is there, for however long.
    pub(super) fn is_there(&self) -> bool {
        self.since.is_some()
    }

    /// It is told of then, if it is alone until then.
    fn due(&self) -> Option<Time> {
        let lasts = if self.with_people { AFTER_PEOPLE } else { FOR };
        self.since.filter(|_| !self.told).map(|since| since.after(lasts))
    }

    pub(super) fn is_told(&self) -> bool {
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Time {
        Time::default().after(Duration::from_secs(s))
    }

    /// Of looks at (second, recorder, people) those that told something.
    fn told(looks: &[(u64, bool, u32)]) -> Vec<(u64, Turn)> {
        let mut alone = Alone::new(true);
        let tell =
            |(s, is_there, people): &(u64, bool, u32)| Some((*s, alone.seen(*is_there, *people, at(*s))?));
        looks.iter().filter_map(tell).collect()
    }

    #[test]
    fn one_that_nobody_was_ever_with_is_told_of_after_ten_seconds() {
        let looks =
            [(0, false, 0), (1, true, 0), (10, true, 0), (11, true, 0), (12, true, 0), (13, false, 0)];
        assert_eq!(told(&looks), [(11, Turn::Is), (12, Turn::Is), (13, Turn::IsNot)]);
        let comes_back = [(0, false, 0), (1, true, 0), (9, true, 1), (12, true, 0), (90, true, 0)];
        assert_eq!(told(&comes_back), []);
    }

    #[test]
    fn the_end_of_a_recording_is_nothing_to_tell() {
        let left = [(0, true, 2), (1, true, 0), (60, true, 0), (70, false, 0)];
        assert_eq!(told(&left), []);
        assert_eq!(told(&[(0, true, 2), (1, true, 0), (90, true, 0), (91, true, 0)]), [(91, Turn::Is)]);
        assert_eq!(told(&[(0, true, 0), (89, true, 0)]), [], "it may have begun before we could see");
        let mut new = Alone::new(false);
        assert_eq!((new.seen(true, 0, at(0)), new.seen(true, 0, at(10))), (None, Some(Turn::Is)));
    }

    #[test]
    fn whoever_is_blind_tells_nothing() {
        let mut alone = Alone::new(true);
        assert_eq!((alone.is_not_seen(), alone), (None, Alone::new(true)));
        assert_eq!(alone.seen(false, 0, at(0)), None);
        assert_eq!(alone.seen(true, 0, at(1)), None);
        assert_eq!(alone.due(), Some(at(11)));
        assert_eq!(alone.seen(true, 0, at(11)), Some(Turn::Is));
        assert_eq!((alone.due(), alone.is_told()), (None, true));
        assert_eq!(alone.is_not_seen(), Some(Turn::IsNot));
        assert_eq!(alone.seen(true, 0, at(12)), None);
    }
}
