//! What is on this machine: the configuration's files, the program that restarts Jibris, the ledger's directory.

use std::fs::OpenOptions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Finding, Options};
use crate::config::{Ledger, Settings};
use crate::ledger;
use crate::recovery;

/// Keys that hold secrets.
const SECRETS: [&str; 5] =
    ["xmpp.secret", "http.token", "start.stream_key", "alerts.webhook", "jibri.webhook_token"];
/// Permission of everybody to read.
const OTHERS_READ: u32 = 0o004;
/// Permission of anybody to execute.
const EXECUTE: u32 = 0o111;

/// The configuration has been read by now, and is right.
pub(super) fn configuration(options: &Options) -> Vec<Finding> {
    const STEP: &str = "configuration";
    let file = options.file.as_deref();
    let found = match file {
        Some(path) => format!("{}: no problems found", path.display()),
        None => "everything comes from the environment; no problems found".to_owned(),
    };
    // What is in the environment is not in the file.
    let in_file = |key: &&&str| options.set.contains(**key) && std::env::var_os(variable(key)).is_none();
    let secrets: Vec<&str> = SECRETS.iter().filter(in_file).copied().collect();
    let open = file.filter(|path| !secrets.is_empty() && is_open(path));
    let mut findings = match open {
        Some(path) => vec![Finding::warn(
            STEP,
            format!("{} holds {}, but everybody may read it", path.display(), secrets.join(", ")),
            format!("chmod o-r {}, and make sure that the service's own user can read it", path.display()),
        )],
        None => vec![Finding::ok(STEP, found)],
    };
    let warnings = options.warnings.iter();
    findings.extend(warnings.map(|warning| Finding::warn(&warning.key, &warning.message, &warning.hint)));
    findings
}

fn variable(key: &str) -> String {
    format!("JIBRI_AUTOSTART_{}", key.to_uppercase().replace('.', "__"))
}

fn is_open(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.permissions().mode() & OTHERS_READ != 0)
}

/// Whether Jibris could be restarted if they had to be. None is.
pub(super) fn recovery(settings: &Settings) -> Vec<Finding> {
    const STEP: &str = "recovery";
    let recovery = &settings.recovery;
    if recovery.on.is_empty() {
        return vec![Finding::ok(STEP, "recovery.on is empty: no Jibri is ever restarted")];
    }
    if settings.jibri.instances.is_empty() {
        let found = "recovery.on is set, but there is no [[jibri.instance]]: no Jibri is ever restarted";
        return vec![Finding::warn(
            STEP,
            found,
            "add one for each Jibri, with its nickname in the brewery as name",
        )];
    }
    let mut findings: Vec<Finding> = settings
        .jibri
        .instances
        .iter()
        .filter_map(|instance| {
            let why = recovery::check(recovery, &instance.name).err()?;
            Some(Finding::fail(
                &format!("{STEP} {}", instance.name),
                format!("this Jibri cannot be restarted: {why}"),
                "change its name, or recovery.command or recovery.http",
            ))
        })
        .collect();
    let dry_run = if recovery.dry_run { ", but recovery.dry_run only logs it" } else { "" };
    findings.push(match recovery.command.first() {
        Some(program) => match find(program) {
            Some(path) => Finding::ok(STEP, format!("Jibris are restarted by {}{dry_run}", path.display())),
            None => Finding::fail(
                STEP,
                format!("the program of recovery.command, {program:?}, is not there or may not be executed"),
                "install it, or write its full path; if this program runs in a container, it must be inside",
            ),
        },
        None => {
            Finding::ok(STEP, format!("Jibris are restarted by a POST, which is not tried here{dry_run}"))
        }
    });
    findings
}

/// Where a program is that is started by this name.
fn find(program: &str) -> Option<PathBuf> {
    let can_run = |path: &Path| {
        path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & EXECUTE != 0)
    };
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| can_run(path));
    }
    // Without PATH the system looks there, too.
    let paths = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    std::env::split_paths(&paths).map(|directory| directory.join(program)).find(|path| can_run(path))
}

/// Whether the ledger can be written by whoever runs this.
pub(super) fn ledger(ledger: &Ledger) -> Finding {
    const STEP: &str = "ledger";
    let Some(path) = &ledger.path else {
        return Finding::ok(STEP, "ledger.path is empty: the history is kept in memory");
    };
    if let Some(to) = ledger::link(path) {
        return Finding::fail(
            STEP,
            format!("{} is a symbolic link to {}, and links are not followed", path.display(), to.display()),
            format!("set ledger.path to {} itself, or move that file here", to.display()),
        );
    }
    match can_write(path) {
        Ok(()) => Finding::ok(STEP, format!("{} can be written", path.display())),
        Err(error) => Finding::fail(
            STEP,
            format!("{} cannot be written: {error}", path.display()),
            "make its directory, writable by the service's user, or set ledger.path (\"\" keeps it in memory)",
        ),
    }
}

/// Of a file that is there nothing is changed; of one that is not, another is made beside it and removed.
fn can_write(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return OpenOptions::new().append(true).open(path).map(drop);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".doctor-{}", std::process::id()));
    let beside = path.with_file_name(name);
    OpenOptions::new().write(true).create_new(true).open(&beside)?;
    std::fs::remove_file(beside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_the_system_finds_them() {
        assert!(find("sh").is_some_and(|path| path.is_absolute()));
        assert!(find("/bin/sh").is_some());
        for none in ["no-such-program", "/bin/no-such-program", "/etc/passwd", "/bin"] {
            assert_eq!(find(none), None, "{none}");
        }
    }

    #[test]
    fn a_ledger_is_not_made_by_looking() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        can_write(&path).unwrap();
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
        std::fs::write(&path, "as it was").unwrap();
        can_write(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"as it was");
        assert!(can_write(&dir.path().join("no/ledger.db")).is_err());
        assert!(can_write(&path.join("ledger.db")).is_err());
    }

    #[test]
    fn a_ledger_that_is_a_link_fails_and_says_where_it_should_be() {
        let dir = tempfile::tempdir().unwrap();
        let (path, real) = (dir.path().join("ledger.db"), dir.path().join("real.db"));
        std::os::unix::fs::symlink(&real, &path).unwrap();
        let settings = Ledger { path: Some(path), keep: std::time::Duration::from_secs(60) };
        let finding = ledger(&settings);
        assert_eq!(finding.verdict, crate::doctor::Verdict::Fail);
        assert!(finding.remedy.unwrap().contains(&format!("set ledger.path to {}", real.display())));
        assert!(!real.exists());
    }
}
