//! Carrying out one recovery: the configured command or POST, for one configured Jibri.
//!
//! Whether, when and for which Jibri is not decided here. The instance named must come out of the
//! configuration; [`check`] refuses what would turn its name into something else, an option or a host.

mod command;
mod group;
mod output;
mod post;
mod stop_service;

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Recovery;
pub use stop_service::{stop_service, stop_service_url};

/// What is replaced by the name of the Jibri.
const PLACE: &str = "{instance}";
/// Characters of output that an [`Outcome`] keeps.
const MOST_OUTPUT: usize = 2000;

/// What became of a recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The command ended with status 0, or the POST was answered with a 2xx.
    pub success: bool,
    /// How it ended, in words, with what to change where that is known: `exit status 1`.
    pub how: String,
    /// From the beginning to the end.
    pub took: Duration,
    /// The end of what the program or the receiver said, on one line, without control characters; at most
    /// 2,000 characters.
    pub output: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {:.1} s", self.how, self.took.as_secs_f64())?;
        if self.output.is_empty() { Ok(()) } else { write!(f, ", saying: {}", self.output) }
    }
}

/// How it went, before it is known how long that took.
struct End {
    success: bool,
    how: String,
    output: String,
}

impl End {
    fn failed(how: impl Into<String>) -> Self {
        Self { success: false, how: how.into(), output: String::new() }
    }
}

/// Why no recovery can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Neither a command nor a URL.
    #[error("neither recovery.command nor recovery.http is set")]
    Nothing,
    /// No name, or one with blanks or control characters in it.
    #[error("the name of this jibri.instance cannot be part of a command")]
    Name,
    /// An argument that is to be a name would be an option.
    #[error(
        "the name of this jibri.instance begins with - and would be taken for an option; put something before \
         {{instance}} in recovery.command"
    )]
    Option,
    /// The name would change the host that is asked.
    #[error(
        "the name of this jibri.instance cannot be part of a host name in recovery.http; use letters, digits, \
         - and . in the name, or recovery.command"
    )]
    Host,
    /// The program has no name.
    #[error("the first string of recovery.command is empty")]
    NoProgram,
}

/// Whether a recovery of this Jibri can be tried, and if not, what to change.
///
/// # Errors
/// Why not.
pub fn check(recovery: &Recovery, instance: &str) -> Result<(), Unfit> {
    plan(recovery, instance).map(|_| ())
}

/// Restarts one Jibri, by the configured command or POST, within `recovery.timeout` and a second.
///
/// Dropped before it is over, it kills the program and its children at once.
pub async fn recover(recovery: &Recovery, instance: &str) -> Outcome {
    let began = Instant::now();
    let end = match plan(recovery, instance) {
        Ok(Plan::Command(argv)) => command::run("recovery.command", &argv, recovery.timeout).await,
        Ok(Plan::Post(url)) => post::send(&url, recovery.timeout).await,
        Err(unfit) => End::failed(unfit.to_string()),
    };
    Outcome { success: end.success, how: end.how, took: began.elapsed(), output: end.output }
}

/// Restarts Jicofo by `recovery.jicofo_command`, within `recovery.timeout` and a second, as [`recover`] does.
pub async fn restart_jicofo(recovery: &Recovery) -> Outcome {
    let began = Instant::now();
    let end = command::run("recovery.jicofo_command", &recovery.jicofo_command, recovery.timeout).await;
    Outcome { success: end.success, how: end.how, took: began.elapsed(), output: end.output }
}

/// What is to be done, with the name put in.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Command(Vec<String>),
    Post(String),
}

fn plan(recovery: &Recovery, instance: &str) -> Result<Plan, Unfit> {
    if instance.is_empty() || instance.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Unfit::Name);
    }
    if !recovery.command.is_empty() {
        return command::argv(&recovery.command, instance).map(Plan::Command);
    }
    let template = recovery.http.as_deref().ok_or(Unfit::Nothing)?;
    post::url(template, instance).map(Plan::Post)
}
