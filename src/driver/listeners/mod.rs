//! Those whom the driver tells what happens: none of them decides anything, or wants anything done.
//!
//! `log`, `log_alerts`, `log_fleet`, `log_recordings` and `told` (of the link) write the log, `alarms` raises alerts, `history` writes the history, and
//! `publish` what is shown.

pub(super) mod alarms;
pub(super) mod history;
pub(super) mod log;
mod log_alerts;
pub(super) mod log_fleet;
pub(super) mod log_recordings;
pub(super) mod publish;
pub(super) mod told;
