//! What a full run has to meet, so that the simulation cannot silently stop testing.

/// Each of these has to happen in a full run.
pub const HAVE_TO_HAPPEN: &[&str] = &[];
