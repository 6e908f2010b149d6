//! The systemd unit, looked at by systemd itself.

use std::process::Command;

use super::program::{file, program, read, run, say, texts};

const UNIT: &str = "deploy/debian/jibri-autostart.service";
/// Of 10; what is left is the network, and AF_UNIX, which a recovery command such as Docker's needs.
const MOST_EXPOSED: f64 = 1.5;

/// The unit with a program that is there.
fn copy(dir: &std::path::Path) -> std::path::PathBuf {
    let copy = dir.join("jibri-autostart.service");
    let text = read(UNIT).replace("/usr/bin/jibri-autostart", env!("CARGO_BIN_EXE_jibri-autostart"));
    std::fs::write(&copy, text).unwrap();
    copy
}

#[test]
fn systemd_finds_nothing_wrong_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(copy(dir.path()))
        .output()
        .expect("systemd-analyze, of the package systemd");
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{stdout}{stderr}");
    let about_it = stderr.lines().filter(|line| line.contains("jibri-autostart")).collect::<Vec<_>>();
    assert!(about_it.is_empty(), "{about_it:?}");
}

#[test]
fn it_is_hardened() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("systemd-analyze");
    let text = run(command.args(["security", "--offline=yes", "--no-pager"]).arg(copy(dir.path())));
    let overall = text.lines().find(|line| line.contains("Overall exposure level")).expect("a score");
    say(overall.trim_start_matches(|c: char| !c.is_alphabetic()));
    let score: f64 =
        overall.split(": ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap();
    assert!(score <= MOST_EXPOSED, "{text}");
}

/// Installed and not configured: the service says what is missing, and systemd does not try again.
#[test]
fn before_it_is_configured_it_fails_once_and_says_why() {
    let output =
        program().arg("run").arg("--config").arg(file("deploy/debian/config.toml")).output().unwrap();
    let (_, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("xmpp.secret"), "{stderr}");
    assert_eq!(stderr.lines().filter(|line| line.contains("config.toml")).count(), 1, "only that: {stderr}");
    assert!(read(UNIT).contains("RestartPreventExitStatus=2"));
}

/// The example of a drop-in, each of its lines in use.
#[test]
fn the_drop_in_for_recovery_commands_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let unit = copy(dir.path());
    let text = read("deploy/debian/recovery.conf");
    let used: String = text
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())))
        .map(|line| line.filter(|line| line.contains('=')).unwrap_or_default().to_owned() + "\n")
        .collect();
    assert!(used.contains("SupplementaryGroups=docker") && used.contains("PrivateUsers=no"), "{used}");
    // As if it were in the unit itself: a drop-in is found only where units are installed.
    let text = std::fs::read_to_string(&unit).unwrap();
    std::fs::write(&unit, text.replace("[Install]", &format!("{used}\n[Install]"))).unwrap();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(&unit)
        .output()
        .unwrap();
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{stdout}{stderr}");
}
