//! What waits for a receiver: never makes anybody wait, never grows, keeps its order.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// A bounded queue with a reader that looks first and takes away later.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    news: Notify,
    most: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<Item<T>>,
    /// Items taken away from the front since the beginning, by whomever.
    gone: u64,
    /// Items that were never delivered.
    dropped: u64,
}

#[derive(Debug)]
struct Item<T> {
    value: T,
    since: Instant,
}

/// The first items, and where they stand.
#[derive(Debug)]
pub(super) struct Batch<T> {
    pub(super) items: Vec<T>,
    start: u64,
}

impl<T: Clone> Queue<T> {
    pub(super) fn new(most: usize) -> Self {
        let waiting = Waiting { items: VecDeque::new(), gone: 0, dropped: 0 };
        Self { waiting: Mutex::new(waiting), news: Notify::new(), most }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts it last. If the queue is full the oldest is dropped.
    pub(super) fn push(&self, value: T) {
        let mut waiting = self.lock();
        waiting.items.push_back(Item { value, since: Instant::now() });
        let too_many = waiting.items.len().saturating_sub(self.most);
        waiting.drop_first(too_many);
        drop(waiting);
        self.news.notify_one();
    }

    /// The first items, at most so many, once there are some.
    pub(super) async fn first(&self, most: usize) -> Batch<T> {
        loop {
            let batch = {
                let waiting = self.lock();
                let items = waiting.items.iter().take(most).map(|item| item.value.clone()).collect();
                Batch { items, start: waiting.gone }
            };
            if !batch.items.is_empty() {
                return batch;
            }
            self.news.notified().await;
        }
    }

    /// These were delivered.
    pub(super) fn delivered(&self, batch: &Batch<T>) {
        let mut waiting = self.lock();
        let count = waiting.still_there(batch);
        waiting.take_first(count);
    }

    /// These will never be delivered.
    pub(super) fn refused(&self, batch: &Batch<T>) {
        let mut waiting = self.lock();
        let count = waiting.still_there(batch);
        waiting.drop_first(count);
    }

    /// Drops what has waited for longer.
    pub(super) fn drop_older(&self, than: Duration) {
        let mut waiting = self.lock();
        let count = waiting.items.iter().take_while(|item| item.since.elapsed() > than).count();
        waiting.drop_first(count);
    }

    /// How many were never delivered so far.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().items.is_empty()
    }
}

impl<T> Waiting<T> {
    /// How many of the batch are still in front: the oldest may have been dropped meanwhile.
    fn still_there(&self, batch: &Batch<T>) -> usize {
        let since_then = usize::try_from(self.gone.saturating_sub(batch.start)).unwrap_or(usize::MAX);
        batch.items.len().saturating_sub(since_then)
    }

    fn take_first(&mut self, count: usize) {
        let taken = self.items.drain(..count.min(self.items.len())).len();
        self.gone = self.gone.saturating_add(taken as u64);
    }

    fn drop_first(&mut self, count: usize) {
        self.take_first(count);
        self.dropped = self.dropped.saturating_add(count as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_is_dropped_also_while_it_is_being_delivered() {
        let queue = Queue::new(3);
        for n in 0..3 {
            queue.push(n);
        }
        let batch = queue.first(2).await;
        assert_eq!(batch.items, [0, 1]);
        queue.push(3);
        assert_eq!(queue.dropped(), 1);
        queue.delivered(&batch);
        assert_eq!(queue.first(9).await.items, [2, 3]);
        for n in 4..10 {
            queue.push(n);
        }
        let old = Batch { items: vec![2, 3], start: 2 };
        queue.delivered(&old);
        assert_eq!(queue.first(9).await.items, [7, 8, 9]);
        assert_eq!(queue.dropped(), 6);
        queue.refused(&queue.first(1).await);
        assert_eq!((queue.first(9).await.items, queue.dropped()), (vec![8, 9], 7));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_waited_too_long_is_dropped() {
        let queue = Queue::new(3);
        queue.push(0);
        tokio::time::advance(Duration::from_secs(10)).await;
        queue.push(1);
        queue.drop_older(Duration::from_secs(5));
        assert_eq!((queue.first(9).await.items, queue.dropped()), (vec![1], 1));
        assert!(!queue.is_empty());
    }
}
