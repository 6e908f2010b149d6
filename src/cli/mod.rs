//! The commands people type.

mod ask;
mod check;
mod doctor;
mod documents;
mod ending;
mod history;
mod logging;
mod prosody;
mod recordings;
mod run;
mod service;
mod show;
mod table;
mod view;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Loaded, Mistakes};
use crate::meeting::ManualOrder;

/// Where the configuration is looked for last.
const DEFAULT_CONFIG: &str = "/etc/jibri-autostart/config.toml";

/// A wrong configuration, or command line.
const EXIT_MISTAKES: u8 = 2;

/// Makes sure that every Jitsi meeting that must be recorded is recorded.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None, arg_required_else_help = true)]
pub struct Cli {
    /// The configuration file [default: /etc/jibri-autostart/config.toml, if it is there]
    #[arg(long, short, global = true, value_name = "FILE", env = "JIBRI_AUTOSTART_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service
    Run {
        /// Watch and decide, but start nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Check the configuration and print the effective one, without secrets
    Check,
    /// Go through the live deployment step by step, and say which setting to change
    Doctor(doctor::Arguments),
    /// Print what to add to Prosody's configuration: the component, and its rights in the rooms
    Prosody(prosody::Arguments),
    /// Show the running service at a glance
    Status(Watch),
    /// List the rooms that are watched
    Rooms(Watch),
    /// List the Jibris
    Jibris(Jibris),
    /// Record a room now, whatever the rules say, until nobody is left in it
    Record(Order),
    /// Stop the recording of a room and start none until nobody is left in it
    Stop(Order),
    /// Hand a room back to the rules
    Release(Order),
    /// Show what became of recordings: all of them, or the story of one room
    History(history::Args),
    /// Show what became of the recordings' files, meeting by meeting, and what is missing
    Recordings(recordings::Args),
    /// For a container: exit with 0 if the running service is linked to Prosody and able to act, else 1
    Healthcheck(service::Arguments),
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man {
        /// Write it, and one for each command, into this directory instead
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct Jibris {
    #[command(flatten)]
    service: service::Arguments,
    /// Print JSON, as the HTTP API gives it
    #[arg(long)]
    json: bool,
    /// Show what each source says about each Jibri, side by side
    #[arg(long)]
    why: bool,
}

#[derive(Debug, clap::Args)]
struct Watch {
    #[command(flatten)]
    service: service::Arguments,
    /// Print JSON, as the HTTP API gives it
    #[arg(long)]
    json: bool,
    /// Keep showing it until Ctrl-C: redrawn on a terminal, otherwise printed again at each change
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, clap::Args)]
struct Order {
    /// The room: its full JID, or only its name where one MUC domain is watched
    room: String,
    #[command(flatten)]
    service: service::Arguments,
    /// Print JSON, as the HTTP API gives it
    #[arg(long)]
    json: bool,
}

/// Why a command cannot begin: the configuration or the command line is wrong.
type Wrong = Box<dyn std::error::Error>;

/// Reads the command line, does what it says, and returns the exit status that docs/operating.md gives for it.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout, mistakes to stderr; nothing more can be done if that fails.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_MISTAKES) } else { ExitCode::SUCCESS };
        }
    };
    match carry_out(cli) {
        Ok(code) => code,
        Err(wrong) => {
            complain(&wrong);
            ExitCode::from(EXIT_MISTAKES)
        }
    }
}

/// The exit status of a command that could begin: what it needs to know was right.
fn carry_out(cli: Cli) -> Result<ExitCode, Wrong> {
    let config = cli.config.clone();
    let load = move || load(config.as_deref());
    let order = |hand, Order { service, room, json }| -> Result<ExitCode, Wrong> {
        Ok(show::order(&service.service(&load)?, hand, &room, json))
    };
    Ok(match cli.command {
        Command::Run { dry_run } => run::run(load()?, load, dry_run),
        Command::Check => check::check(&load()?),
        Command::Doctor(arguments) => doctor::doctor(load()?, file(cli.config.as_deref()), arguments),
        Command::Prosody(arguments) => prosody::prosody(&load()?, arguments),
        Command::Status(Watch { service, json, watch }) => {
            show::STATUS.show(&service.service(load)?, json, watch)
        }
        Command::Rooms(Watch { service, json, watch }) => {
            show::ROOMS.show(&service.service(load)?, json, watch)
        }
        Command::Jibris(Jibris { service, json, why }) => {
            let view = if why { show::JIBRIS_WHY } else { show::JIBRIS };
            view.show(&service.service(load)?, json, false)
        }
        Command::Record(asked) => order(ManualOrder::Record, asked)?,
        Command::Stop(asked) => order(ManualOrder::Stop, asked)?,
        Command::Release(asked) => order(ManualOrder::Release, asked)?,
        Command::History(args) => history::history(&args.service.service(load)?, &args),
        Command::Recordings(args) => recordings::recordings(&args.service.service(load)?, &args),
        Command::Healthcheck(service) => show::healthcheck(&service.service(load)?),
        Command::Completions { shell } => documents::completions(shell),
        Command::Man { dir } => documents::man(dir.as_deref()),
    })
}

/// Says on stderr what is wrong. `eprintln!` would panic where nobody reads it, or its disk is full.
fn complain(what: impl Display) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

fn load(file: Option<&Path>) -> Result<Loaded, Mistakes> {
    config::load(self::file(file).as_deref(), std::env::vars_os())
}

/// The file that is read.
fn file(file: Option<&Path>) -> Option<PathBuf> {
    let default = Path::new(DEFAULT_CONFIG);
    // A file that was asked for has to be there; the default one does not. Where it is not allowed to look, reading it
    // says so.
    let is_there = || default.try_exists().unwrap_or(true);
    file.or_else(|| is_there().then_some(default)).map(Path::to_owned)
}
