//! How rooms are found: each source on its own, all feeding one list.

pub mod vouch;
