//! `run`: the service.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::logging;
use crate::config::{Loaded, Mistakes, Settings};
use crate::driver;

/// Keys and tables that are read and checked, but that nothing acts upon yet.
const NOT_YET: [&str; 1] = ["standby"];

/// Runs until SIGTERM or SIGINT. `load`: reads the configuration again, at SIGHUP.
pub(super) fn run(loaded: Loaded, load: impl Fn() -> Result<Loaded, Mistakes>, dry_run: bool) -> ExitCode {
    logging::start(&loaded.settings.log);
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(serve(loaded, load, dry_run)),
        Err(error) => {
            tracing::error!("cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

async fn serve(loaded: Loaded, load: impl Fn() -> Result<Loaded, Mistakes>, dry_run: bool) -> ExitCode {
    let Signals { terminate, interrupt, hangup } = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!("cannot listen for signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), dry_run, "jibri-autostart starts");
    warn_of_idle_keys(&loaded);
    let (reloaded, reloads) = mpsc::channel(1);
    tokio::select! {
        () = driver::run(loaded.settings, dry_run, reloads, stop_signal(terminate, interrupt)) => {}
        () = reload_at(hangup, load, reloaded) => {}
    }
    tracing::info!("jibri-autostart has stopped; recordings go on");
    ExitCode::SUCCESS
}

/// At each SIGHUP the configuration is read again, and handed on if all of it is right. Never ends.
async fn reload_at(
    mut hangup: Signal,
    load: impl Fn() -> Result<Loaded, Mistakes>,
    reloaded: mpsc::Sender<Settings>,
) {
    while hangup.recv().await.is_some() {
        match load() {
            Ok(loaded) => {
                warn_of_idle_keys(&loaded);
                let _ = reloaded.send(loaded.settings).await;
            }
            Err(Mistakes(mistakes)) => {
                tracing::error!(
                    mistakes = mistakes.len(),
                    "SIGHUP: the configuration is wrong, nothing of it is taken over"
                );
                for mistake in mistakes {
                    tracing::error!("{mistake}");
                }
            }
        }
    }
    std::future::pending().await
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
        assert!(is_under("jibri.instance.name", "jibri"));
        assert!(is_under("standby", "standby"));
        assert!(!is_under("standbys.peer", "standby"));
    }
}
