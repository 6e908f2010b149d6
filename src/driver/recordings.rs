//! The book of recordings in the driver: what it is told, and what becomes of its effects.

use super::Driver;
use crate::surface::Reported;

impl Driver {
    /// A Jibri's finalize script has reported. It is not taken yet, and so whoever sent it sends it again.
    pub(super) fn reported(&mut self, reported: Reported) {
        drop(reported);
    }
}
