//! `check`: the effective configuration, without secrets; and what of it should be mended though it is no mistake.

use std::io::Write as _;
use std::process::ExitCode;

use super::complain;
use crate::config::{Loaded, effective_toml};

/// Prints the effective configuration as TOML. Mistakes were reported before it came to this.
pub(super) fn check(loaded: &Loaded) -> ExitCode {
    for warning in &loaded.warnings {
        complain(format_args!("warning: {warning}"));
    }
    match std::io::stdout().write_all(effective_toml(&loaded.settings).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // Somebody closed the pipe; that is not our failure, but the output is not whole.
        Err(_) => ExitCode::FAILURE,
    }
}
