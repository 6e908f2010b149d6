//! What the link to Prosody has seen and done, in numbers: the link counts, and the metrics read.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more.
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Stanzas by kind.
#[derive(Debug, Default)]
pub struct Kinds {
    /// `<presence/>`
    pub presence: Counter,
    /// `<iq/>`
    pub iq: Counter,
    /// `<message/>`
    pub message: Counter,
    /// Anything else, handshakes and stream errors included.
    pub other: Counter,
}

/// Stanzas dropped, by reason.
#[derive(Debug, Default)]
pub struct Rejected {
    /// XML that the parser refuses, too big or too deep.
    pub unreadable: Counter,
    /// XML that is read, but lacks what such a stanza must have.
    pub malformed: Counter,
    /// An answer to nothing we asked, too late, or not from whom we asked.
    pub stray: Counter,
}

/// All counters of a link.
#[derive(Debug, Default)]
pub struct Counters {
    /// Stanzas received and read.
    pub received: Kinds,
    /// Stanzas sent.
    pub sent: Kinds,
    /// Stanzas received and dropped.
    pub rejected: Rejected,
    /// Times that the link has come up again.
    pub reconnects: Counter,
}
