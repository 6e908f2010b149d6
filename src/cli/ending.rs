//! How a command ends that prints something: what goes to stdout, and with which exit code.

use std::io::Write as _;
use std::process::ExitCode;

use serde::de::DeserializeOwned;

use super::ask::{self, AskFailure};
use super::service::Service;
use super::{EXIT_MISTAKES, complain};

/// The service cannot be reached, or cannot be understood.
pub(super) const EXIT_UNREACHABLE: u8 = 3;

/// What the service says there, if it is what it should be.
pub(super) fn get<T: DeserializeOwned>(service: &Service, path: &str) -> Result<T, AskFailure> {
    let body = ask::get(service, path)?;
    serde_json::from_slice(&body).map_err(|_| AskFailure::strange(service))
}

/// Prints what the service says there, as it is.
pub(super) fn raw(service: &Service, path: &str) -> ExitCode {
    finish(get::<serde_json::Value>(service, path).map(line))
}

/// On a line of its own.
pub(super) fn line(value: serde_json::Value) -> String {
    format!("{value}\n")
}

/// Prints the text, or says why there is none; with this exit code the command ends.
pub(super) fn finish(text: Result<String, AskFailure>) -> ExitCode {
    match text {
        Ok(text) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            // Whoever reads has read enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => {
                complain(format_args!("cannot write to stdout: {error}"));
                ExitCode::FAILURE
            }
        },
        Err(trouble) => {
            complain(&trouble);
            // It is there, and does not understand what was typed.
            let is_mistake = matches!(trouble, AskFailure::Refused { status: 400, .. });
            ExitCode::from(if is_mistake { EXIT_MISTAKES } else { EXIT_UNREACHABLE })
        }
    }
}
