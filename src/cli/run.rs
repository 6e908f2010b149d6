//! `run`: the service.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::logging;
use crate::config::{Loaded, Mistake, Mistakes, Settings};
use crate::driver;

/// Reads the configuration again.
pub(super) trait Load: Fn() -> Result<Loaded, Mistakes> + Clone + Send + 'static {}

impl<F: Fn() -> Result<Loaded, Mistakes> + Clone + Send + 'static> Load for F {}

/// Runs until SIGTERM or SIGINT. `load`: what is done at SIGHUP.
pub(super) fn run(loaded: Loaded, load: impl Load, dry_run: bool) -> ExitCode {
    logging::start(&loaded.settings.log);
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(serve(loaded, load, dry_run));
            // Nothing is waited for any more: a disk may hang, with somebody who reads a file on it.
            runtime.shutdown_background();
            code
        }
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

async fn serve(loaded: Loaded, load: impl Load, dry_run: bool) -> ExitCode {
    let Signals { terminate, interrupt, hangup } = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!("cannot listen for signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), dry_run, "jibri-autostart starts");
    warn(&loaded.warnings);
    let (reloaded, reloads) = mpsc::channel(1);
    tokio::select! {
        () = driver::run(loaded.settings, dry_run, reloads, stop_signal(terminate, interrupt)) => {}
        () = reload_at(hangup, load, reloaded) => {}
    }
    tracing::info!("jibri-autostart has stopped; recordings go on");
    ExitCode::SUCCESS
}

/// At each SIGHUP the configuration is read again, and handed on if all of it is right. It is read on a thread that may
/// wait for the disk; nobody else does. Never ends.
async fn reload_at(mut hangup: Signal, load: impl Load, reloaded: mpsc::Sender<Settings>) {
    while hangup.recv().await.is_some() {
        let Ok(loaded) = tokio::task::spawn_blocking(load.clone()).await else { continue };
        match loaded {
            Ok(loaded) => {
                warn(&loaded.warnings);
                let _ = reloaded.send(loaded.settings).await;
            }
            Err(Mistakes(mistakes)) => {
                tracing::error!(
                    mistakes = mistakes.len(),
                    "SIGHUP: the configuration is wrong, so all of it is ignored and the old one stays in effect"
                );
                for mistake in mistakes {
                    tracing::error!("{mistake}");
                }
            }
        }
    }
    std::future::pending().await
}

fn warn(warnings: &[Mistake]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

async fn stop_signal(mut terminate: Signal, mut interrupt: Signal) {
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!("{name}: leaving the rooms");
}
