//! The commands as people and scripts meet them: what is printed where, and the exit status.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "not the program"
)]

use std::process::{Command, Output};

const GOOD: &str = "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"hunter2-hunter2\"\n\
                    [muc]\ndomains = [\"muc.meet.jitsi\"]\n";

fn run(config: Option<&str>, args: &[&str], env: &[(&str, &str)]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
    command.env_clear().args(args);
    if let Some(config) = config {
        let path = dir.path().join("config.toml");
        std::fs::write(&path, config).unwrap();
        command.arg("--config").arg(path);
    }
    command.envs(env.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn check_prints_the_effective_configuration_and_no_secret() {
    let output = run(Some(GOOD), &["check"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("domain = \"autostart.meet.jitsi\""), "{stdout}");
    assert!(stdout.contains("pending_timeout = \"120s\""), "{stdout}");
    assert!(!stdout.contains("hunter2") && !text(&output.stderr).contains("hunter2"));
}

#[test]
fn check_reports_every_mistake_with_its_place_and_exits_with_2() {
    let bad = "[xmpp]\ndomian = \"a.b\"\nsecret = \"s\"\nping_interval = \"soon\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n";
    let output = run(Some(bad), &["check"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let stderr = text(&output.stderr);
    assert!(stderr.contains("config.toml:2:1:") && stderr.contains("did you mean \"domain\"?"), "{stderr}");
    assert!(stderr.contains("config.toml:4:17:") && stderr.contains("ping_interval"), "{stderr}");
    assert!(stderr.contains("xmpp.domain"), "{stderr}");
}

#[test]
fn a_wrong_configuration_is_status_2_for_run_as_well() {
    let output = run(Some("nonsense"), &["run"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!text(&output.stderr).contains("panicked"));
    let output = run(None, &["run", "--config", "/nonexistent/config.toml"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("/nonexistent/config.toml"));
}

#[test]
fn the_environment_alone_is_enough_and_beats_the_file() {
    let env = [
        ("JIBRI_AUTOSTART_XMPP__DOMAIN", "env.meet.jitsi"),
        ("JIBRI_AUTOSTART_XMPP__SECRET", "s"),
        ("JIBRI_AUTOSTART_MUC__DOMAINS", "muc.meet.jitsi"),
    ];
    for config in [None, Some(GOOD)] {
        let output = run(config, &["check"], &env);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("domain = \"env.meet.jitsi\""));
    }
}

#[test]
fn the_file_is_found_by_its_environment_variable() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.toml");
    std::fs::write(&path, GOOD).unwrap();
    let output = run(None, &["check"], &[("JIBRI_AUTOSTART_CONFIG", path.to_str().unwrap())]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn prosody_prints_what_prosody_needs_and_no_secret_or_nothing_and_exits_with_2() {
    let output = run(Some(GOOD), &["prosody", "--docker"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("Component (conferences[1]) \"muc\"\n"), "{stdout}");
    assert!(!stdout.contains("hunter2") && output.stderr.is_empty(), "{stdout}");
    // As whom Jicofo logs in is not known, and then the secret is in no file.
    for (args, word) in [
        (&["prosody", "--debian"][..], "--focus"),
        (&["prosody", "--debian", "--focus", "focus@auth.meet.jitsi"], "xmpp.secret_file"),
    ] {
        let output = run(Some(GOOD), args, &[("JIBRI_AUTOSTART_HTTP__LISTEN", "")]);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let stderr = text(&output.stderr);
        assert!(output.stdout.is_empty() && stderr.contains(word), "{stderr}");
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
}

#[test]
fn help_is_a_result_and_a_wrong_command_a_mistake() {
    let output = run(None, &["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("run") && text(&output.stdout).contains("check"));
    for args in [&["walk"][..], &[], &["run", "--wet-run"]] {
        let output = run(None, args, &[]);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn run_says_once_that_there_is_no_prosody() {
    let config = format!("{GOOD}[ledger]\npath = \"\"\n[log]\nformat = \"text\"\n");
    let config = config.replace("[xmpp]\n", "[xmpp]\nserver = \"127.0.0.1:1\"\n");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    std::fs::write(&path, config).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"))
        .env_clear()
        .args(["run", "--config", path.to_str().unwrap()])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let refused = lines.find_map(|line| line.ok().filter(|line| line.contains("no link to Prosody")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(refused.expect("a line").contains("127.0.0.1:1"));
}

#[test]
fn a_full_disk_under_stderr_changes_no_exit_status() {
    let good = [
        ("JIBRI_AUTOSTART_XMPP__DOMAIN", "autostart.meet.jitsi"),
        ("JIBRI_AUTOSTART_XMPP__SECRET", "s3cret-s3cret"),
        ("JIBRI_AUTOSTART_MUC__DOMAINS", "muc.meet.jitsi"),
        ("JIBRI_AUTOSTART_HTTP__LISTEN", ""),
    ];
    for (command, settings, status) in
        [("check", &good[..1], 2), ("status", &good[..], 3), ("history", &good[..], 3)]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
        program.env_clear().envs(settings.iter().copied()).arg(command).stderr(full);
        assert_eq!(program.output().unwrap().status.code(), Some(status), "{command}");
    }
}
