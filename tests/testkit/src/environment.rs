//! The environment that the program under test is started with: nothing but the clock.

use std::ffi::{OsStr, OsString};
use std::process::Command;

/// What decides which time it is: the time zone, and the variables of `faketime`, which `.ci/run` runs the tests under.
fn is_of_the_clock(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name == b"TZ" || name == b"LD_PRELOAD" || name == b"NO_FAKE_STAT" || name.starts_with(b"FAKETIME")
}

/// For commands that start the program under test.
pub trait BareEnvironment {
    /// As [`Command::env_clear`], but the program keeps the clock of the test that starts it.
    fn bare_environment(&mut self) -> &mut Self;
}

impl BareEnvironment for Command {
    fn bare_environment(&mut self) -> &mut Self {
        let clock = std::env::vars_os().filter(|(name, _): &(OsString, OsString)| is_of_the_clock(name));
        self.env_clear().envs(clock)
    }
}
