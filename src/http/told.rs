//! Texts from outside that are logged, each once, and only a limited number of them: senders can make up any number.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::plain::plain;

/// Texts that are logged, and kept so that each is logged once.
const MOST: usize = 32;
/// Longest text, in characters.
const LONGEST: usize = 200;

/// What was logged.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<BTreeSet<String>>);

impl Told {
    /// The text, made fit for a log line, if it was not logged before and the limit is not reached.
    pub(super) fn first(&self, text: &str) -> Option<String> {
        let text = plain(text, LONGEST);
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (told.len() < MOST && told.insert(text.clone())).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_told_once_up_to_a_limit() {
        let told = Told::default();
        assert_eq!(told.first("/a\n\u{202e}b").as_deref(), Some("/a\u{fffd}\u{fffd}b"));
        assert_eq!(told.first("/a\n\u{202e}b"), None);
        let long = "x".repeat(100_000);
        assert_eq!(told.first(&long).unwrap().chars().count(), LONGEST);
        let more = (0..10_000).filter_map(|n| told.first(&format!("/{n}"))).count();
        assert_eq!((more, told.0.lock().unwrap().len()), (MOST - 2, MOST));
    }
}
