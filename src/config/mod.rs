//! The settings: read from TOML and the environment, validated, plain data afterwards.

mod secret;
mod settings;

pub use secret::Secret;
pub use settings::*;
