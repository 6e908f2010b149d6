//! A queue in which each sender has a line of his own and the lines take turns: who sends much waits behind himself.

use std::collections::{BTreeMap, VecDeque};

/// First come, first served within a line.
#[derive(Debug)]
pub(crate) struct Fair<S, T> {
    /// None of them is empty.
    lines: BTreeMap<S, VecDeque<T>>,
    /// Whoever has a line, once; the next one first.
    turns: VecDeque<S>,
    len: usize,
}

impl<S, T> Default for Fair<S, T> {
    fn default() -> Self {
        Self { lines: BTreeMap::new(), turns: VecDeque::new(), len: 0 }
    }
}

impl<S: Ord + Clone, T> Fair<S, T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, sender: S, item: T) {
        let line = self.lines.entry(sender.clone()).or_default();
        if line.is_empty() {
            self.turns.push_back(sender);
        }
        line.push_back(item);
        self.len = self.len.saturating_add(1);
    }

    /// The oldest of whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let sender = self.turns.pop_front()?;
        let line = self.lines.get_mut(&sender)?;
        let item = line.pop_front()?;
        if line.is_empty() {
            self.lines.remove(&sender);
        } else {
            self.turns.push_back(sender);
        }
        self.len = self.len.saturating_sub(1);
        Some(item)
    }

    /// The oldest of the longest line, which makes room at the cost of who sends most.
    pub(crate) fn drop_one(&mut self) -> Option<T> {
        let longest = self.lines.values().map(VecDeque::len).max()?;
        let line = self.lines.values_mut().find(|line| line.len() == longest)?;
        let item = line.pop_front()?;
        self.len = self.len.saturating_sub(1);
        self.tidy();
        Some(item)
    }

    pub(crate) fn retain(&mut self, keeps: impl Fn(&T) -> bool) {
        self.lines.values_mut().for_each(|line| line.retain(&keeps));
        self.len = self.lines.values().map(VecDeque::len).sum();
        self.tidy();
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whoever has nothing in the queue waits for no turn.
    fn tidy(&mut self) {
        self.lines.retain(|_, line| !line.is_empty());
        self.turns.retain(|sender| self.lines.contains_key(sender));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(items: &[(char, u32)]) -> Fair<char, u32> {
        let mut queue = Fair::default();
        items.iter().for_each(|(sender, item)| queue.push(*sender, *item));
        queue
    }

    fn rest(mut queue: Fair<char, u32>) -> Vec<u32> {
        let rest: Vec<u32> = std::iter::from_fn(|| queue.pop()).collect();
        assert!(queue.is_empty() && queue.lines.is_empty() && queue.turns.is_empty());
        rest
    }

    #[test]
    fn the_lines_take_turns() {
        let mut queue = queue(&[('a', 1), ('a', 2), ('a', 3), ('b', 10), ('b', 11)]);
        assert_eq!(queue.pop(), Some(1));
        queue.push('c', 20);
        assert_eq!(rest(queue), [10, 2, 20, 11, 3]);
    }

    #[test]
    fn who_has_most_makes_room() {
        let mut queue = queue(&[('b', 10)]);
        for item in 0..1000 {
            queue.push('a', item);
            if queue.len() > 4 {
                queue.drop_one();
            }
        }
        assert_eq!(rest(queue), [10, 997, 998, 999]);
        let mut queue = self::queue(&[('a', 1), ('b', 2)]);
        assert_eq!((queue.drop_one(), queue.drop_one(), queue.drop_one()), (Some(1), Some(2), None));
        queue.push('b', 3);
        assert_eq!(rest(queue), [3]);
    }

    #[test]
    fn what_is_taken_out_leaves_no_trace() {
        let mut queue = queue(&[('a', 1), ('b', 2), ('a', 3)]);
        queue.retain(|item| *item != 2);
        assert_eq!(queue.len(), 2);
        queue.push('b', 4);
        assert_eq!(rest(queue), [1, 4, 3]);
    }
}
