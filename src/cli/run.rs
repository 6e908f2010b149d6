//! `run`: the service.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::logging;
use crate::config::{Footprint, Loaded};
use crate::driver;

/// Keys and tables that are read and checked, but that nothing acts upon yet.
const NOT_YET: [&str; 11] = [
    "muc.peek",
    "discovery.event_sync",
    "discovery.jicofo",
    "stop.when",
    "stop.delay",
    "jibri",
    "recovery",
    "alerts",
    "standby",
    "http",
    "ledger",
];

/// Runs until SIGTERM or SIGINT.
pub(super) fn run(loaded: &Loaded, dry_run: bool) -> ExitCode {
    logging::start(&loaded.settings.log);
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(serve(loaded, dry_run)),
        Err(error) => {
            tracing::error!("cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(loaded: &Loaded, dry_run: bool) -> ExitCode {
    let (terminate, interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!("cannot listen for signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), dry_run, "jibri-autostart starts");
    warn_of_idle_keys(loaded);
    driver::run(&loaded.settings, dry_run, stop_signal(terminate, interrupt)).await;
    tracing::info!("jibri-autostart has stopped; recordings go on");
    ExitCode::SUCCESS
}

async fn stop_signal(mut terminate: Signal, mut interrupt: Signal) {
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!("{name}: leaving the rooms");
}

/// Says once which keys somebody has set that do nothing yet.
fn warn_of_idle_keys(loaded: &Loaded) {
    if loaded.settings.muc.footprint == Footprint::Unseen {
        tracing::warn!(
            "muc.footprint = \"unseen\" is not there yet: it is taken as \"discreet\", so people see the component \
             for the moment in which it starts a recording"
        );
    }
    let idle: Vec<&str> = loaded
        .set
        .iter()
        .map(String::as_str)
        .filter(|key| NOT_YET.iter().any(|not_yet| is_under(key, not_yet)))
        .collect();
    if !idle.is_empty() {
        tracing::warn!("these keys are set, but do nothing in this version: {}", idle.join(", "));
    }
}

fn is_under(key: &str, table: &str) -> bool {
    key.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_under_its_table_only() {
        assert!(is_under("http.listen", "http"));
        assert!(is_under("stop.when", "stop.when"));
        assert!(!is_under("httpx.listen", "http"));
        assert!(!is_under("stop.respect_manual", "stop.when"));
    }
}
