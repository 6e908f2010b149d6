//! `run`: the service.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::logging;
use crate::config::{Loaded, Mistakes, Settings};
use crate::driver;

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
