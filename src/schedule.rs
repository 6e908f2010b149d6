//! Deadlines by key, and which is next.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Time;

/// A queue of deadlines, one at most for each key. `T`: what counts the time.
///
/// Those of one moment come in the order of their keys, so what follows from them is always the same.
#[derive(Debug, Clone)]
pub(crate) struct Schedule<K, T = Time> {
    by_key: BTreeMap<K, T>,
    in_order: BTreeSet<(T, K)>,
}

impl<K, T> Default for Schedule<K, T> {
    fn default() -> Self {
        Self { by_key: BTreeMap::new(), in_order: BTreeSet::new() }
    }
}

impl<K: Ord + Clone, T: Ord + Copy> Schedule<K, T> {
    /// This key's deadline is `at` from now on, whatever it was; without one it has none any more.
    pub(crate) fn set(&mut self, key: &K, at: impl Into<Option<T>>) {
        let at = at.into();
        if at == self.by_key.get(key).copied() {
            return;
        }
        self.clear(key);
        if let Some(at) = at {
            self.by_key.insert(key.clone(), at);
            self.in_order.insert((at, key.clone()));
        }
    }

    /// This key has no deadline any more.
    pub(crate) fn clear(&mut self, key: &K) {
        if let Some((key, at)) = self.by_key.remove_entry(key) {
            self.in_order.remove(&(at, key));
        }
    }

    /// Whether this key has a deadline.
    pub(crate) fn has(&self, key: &K) -> bool {
        self.by_key.contains_key(key)
    }

    /// All keys that have a deadline.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.by_key.keys()
    }

    /// The first deadline.
    pub(crate) fn next(&self) -> Option<T> {
        self.in_order.first().map(|(at, _)| *at)
    }

    /// The keys whose time has come, the first deadline first; they keep their deadlines.
    pub(crate) fn due(&self, now: T) -> impl Iterator<Item = &K> {
        self.in_order.iter().take_while(move |(at, _)| *at <= now).map(|(_, key)| key)
    }

    /// Takes out the first key whose time has come.
    pub(crate) fn pop_due(&mut self, now: T) -> Option<K> {
        let (at, _) = self.in_order.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.in_order.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::new(Duration::from_secs(seconds))
    }

    fn three() -> Schedule<&'static str> {
        let mut schedule = Schedule::default();
        schedule.set(&"c", at(1));
        schedule.set(&"b", at(2));
        schedule.set(&"a", at(2));
        schedule
    }

    #[test]
    fn they_come_by_time_and_then_by_key_each_once() {
        let mut schedule = three();
        assert_eq!(schedule.next(), Some(at(1)));
        assert_eq!(schedule.pop_due(at(0)), None);
        let came: Vec<_> = std::iter::from_fn(|| schedule.pop_due(at(2))).collect();
        assert_eq!(came, ["c", "a", "b"]);
        assert_eq!((schedule.next(), schedule.has(&"a")), (None, false));
    }

    #[test]
    fn a_new_deadline_takes_the_place_of_the_old_one() {
        let mut schedule = three();
        schedule.set(&"c", at(5));
        schedule.set(&"b", at(0));
        schedule.set(&"b", at(0));
        assert_eq!(schedule.due(at(9)).copied().collect::<Vec<_>>(), ["b", "a", "c"]);
        assert_eq!(schedule.due(at(2)).copied().collect::<Vec<_>>(), ["b", "a"]);
        // Whoever is only asked for keeps it.
        assert_eq!(schedule.next(), Some(at(0)));
    }

    #[test]
    fn what_is_cleared_never_comes() {
        let mut schedule = three();
        schedule.clear(&"c");
        schedule.clear(&"nobody");
        schedule.set(&"a", None);
        assert!(!schedule.has(&"c") && !schedule.has(&"a") && schedule.has(&"b"));
        assert_eq!(schedule.pop_due(at(9)), Some("b"));
        assert_eq!(schedule.pop_due(at(9)), None);
        assert!(schedule.by_key.is_empty() && schedule.in_order.is_empty());
    }

    #[test]
    fn it_agrees_with_a_list_that_is_searched() {
        // A small generator of our own: the order of operations is what matters, not its quality.
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let (mut schedule, mut list) = (Schedule::default(), BTreeMap::new());
        for _ in 0..10_000 {
            let (key, moment) = (random(20), at(random(50)));
            match random(4) {
                0 => {
                    schedule.clear(&key);
                    list.remove(&key);
                }
                1 => {
                    let expected =
                        list.iter().map(|(key, at)| (*at, *key)).min().filter(|(at, _)| *at <= moment);
                    let popped = schedule.pop_due(moment);
                    assert_eq!(popped, expected.map(|(_, key)| key));
                    list.remove(&popped.unwrap_or(u64::MAX));
                }
                _ => {
                    schedule.set(&key, moment);
                    list.insert(key, moment);
                }
            }
            assert_eq!(schedule.next(), list.values().min().copied());
            assert_eq!(schedule.by_key, list);
        }
    }
}
