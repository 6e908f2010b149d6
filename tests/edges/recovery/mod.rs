//! Recovery with real programs and a stand-in for what is POSTed to, both with faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "also in what the tests share"
)]

mod commands;
mod posts;

use std::time::Duration;

use jibri_autostart::config::Recovery;

/// Longer than any wait in these tests takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn settings(command: &[&str], http: Option<String>, timeout: Duration) -> Recovery {
    Recovery {
        jicofo_command: Vec::new(),
        jicofo_after: Duration::ZERO,
        on: Vec::new(),
        recycle_after: 0,
        command: command.iter().map(|&argument| argument.to_owned()).collect(),
        http,
        timeout,
        cooldown: Duration::ZERO,
        max_per_hour: 6,
        dry_run: false,
    }
}
