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
    /// Print what Prosody's configuration needs for this one: the component, and its rights in the rooms
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
    /// ManualOrder a room back to the rules
    Release(Order),
    /// Tell what became of recordings: all of them, or the story of one room
    History(history::Args),
    /// Tell what became of the recordings' files: where each meeting is, and what is missing of it
    Recordings(recordings::Args),
    /// For a container: exit with 0 if the running service is linked to Prosody and able to act, else 1
    Healthcheck,
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
    /// Print the JSON of the HTTP API
    #[arg(long)]
    json: bool,
    /// Show what each source says of each Jibri, side by side
    #[arg(long)]
    why: bool,
}

#[derive(Debug, clap::Args)]
struct Watch {
    /// Print the JSON of the HTTP API
    #[arg(long)]
    json: bool,
    /// Go on showing it until Ctrl-C: drawn anew on a terminal, else printed anew at each change
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, clap::Args)]
struct Order {
    /// The room as people write it: its full JID, or its name where one MUC domain is watched
    room: String,
    /// Print the JSON of the HTTP API
    #[arg(long)]
    json: bool,
}

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
    // These need no configuration.
    match &cli.command {
        Command::Completions { shell } => return documents::completions(*shell),
        Command::Man { dir } => return documents::man(dir.as_deref()),
        _ => {}
    }
    let config = cli.config.clone();
    let load = move || load(config.as_deref());
    let loaded = match load() {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            complain(&mistakes);
            return ExitCode::from(EXIT_MISTAKES);
        }
    };
    match cli.command {
        Command::Run { dry_run } => run::run(loaded, load, dry_run),
        Command::Check => check::check(&loaded),
        Command::Doctor(arguments) => doctor::doctor(loaded, file(cli.config.as_deref()), arguments),
        Command::Prosody(arguments) => prosody::prosody(&loaded, arguments),
        Command::Status(Watch { json, watch }) => show::STATUS.show(&loaded.settings, json, watch),
        Command::Rooms(Watch { json, watch }) => show::ROOMS.show(&loaded.settings, json, watch),
        Command::Jibris(Jibris { json, why }) => {
            let view = if why { show::JIBRIS_WHY } else { show::JIBRIS };
            view.show(&loaded.settings, json, false)
        }
        Command::Record(Order { room, json }) => {
            show::order(&loaded.settings, ManualOrder::Record, &room, json)
        }
        Command::Stop(Order { room, json }) => show::order(&loaded.settings, ManualOrder::Stop, &room, json),
        Command::Release(Order { room, json }) => {
            show::order(&loaded.settings, ManualOrder::Release, &room, json)
        }
        Command::History(args) => history::history(&loaded.settings, &args),
        Command::Recordings(args) => recordings::recordings(&loaded.settings, &args),
        Command::Healthcheck => show::healthcheck(&loaded.settings),
        Command::Completions { .. } | Command::Man { .. } => ExitCode::SUCCESS,
    }
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
    // A file that was asked for has to be there; the default one does not.
    file.or_else(|| default.exists().then_some(default)).map(Path::to_owned)
}
