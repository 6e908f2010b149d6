//! What all HTTP clients have in common.

pub mod client;
