//! `check`: the effective configuration, without secrets.

use std::io::Write as _;
use std::process::ExitCode;

use crate::config::{Loaded, effective_toml};

/// Prints the effective configuration as TOML. Mistakes were reported before it came to this.
pub(super) fn check(loaded: &Loaded) -> ExitCode {
    match std::io::stdout().write_all(effective_toml(&loaded.settings).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // Somebody closed the pipe; that is not our failure, but the output is not whole.
        Err(_) => ExitCode::FAILURE,
    }
}
