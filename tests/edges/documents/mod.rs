//! What the documents tell people to type and to write, tried; and that each of them says what the program does.

mod commands;
mod configuration;
mod demo;
mod links;
mod log;
mod names;
mod performance;
mod prosody;

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::BareEnvironment as _;

/// The root of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the project.
fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files under a directory whose names end so, with what is in them.
fn files(dir: &str, ends: &str) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(root().join(dir)).unwrap();
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(path.to_str().unwrap(), ends));
        } else if path.to_str().unwrap().ends_with(ends) {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// All documents, with what is in them.
fn documents() -> Vec<(PathBuf, String)> {
    let own = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let mut all = [files("docs", ".md"), files("deploy", ".md"), files("tests", ".md")].concat();
    all.extend(own.map(|name| (root().join(name), read(name))));
    all
}

/// The code blocks of a language.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let open = format!("```{language}\n");
    let starts: Vec<_> = document.match_indices(&open).map(|(at, open)| at + open.len()).collect();
    starts.into_iter().map(|at| document[at..].split("```").next().expect("an end")).collect()
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
    // One that is on the disk would be everybody's.
    command.bare_environment().env("JIBRI_AUTOSTART_LEDGER__PATH", "");
    command
}
