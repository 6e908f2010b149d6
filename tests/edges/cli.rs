//! The commands as people and scripts meet them: what is printed where, and the exit status.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "not the program"
)]

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use testkit::BareEnvironment as _;

use crate::stand_in::{Manner, StandIn};

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

const GOOD: &str = "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"hunter2-hunter2\"\n\
                    [muc]\ndomains = [\"muc.meet.jitsi\"]\n";

fn run(config: Option<&str>, args: &[&str], env: &[(&str, &str)]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
    command.bare_environment().args(args);
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
fn a_secret_that_everybody_may_read_is_told_and_no_mistake() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "hunter2").unwrap();
    let config = GOOD.replace("secret = \"hunter2-hunter2\"", &format!("secret_file = {secret:?}"));
    for (mode, is_told) in [(0o644, true), (0o600, false)] {
        std::fs::set_permissions(&secret, Permissions::from_mode(mode)).unwrap();
        let output = run(Some(&config), &["check"], &[]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("domain = \"autostart.meet.jitsi\""));
        let stderr = text(&output.stderr);
        assert_eq!(
            stderr.contains("config.toml:3:15: xmpp.secret_file: everybody may read"),
            is_told,
            "{stderr}"
        );
        assert_eq!(stderr.contains("chmod o-r"), is_told, "{stderr}");
    }
}

/// One meeting, as `GET /api/v1/rooms` lists it; its name is longer than any terminal is wide.
fn long_room() -> (String, String) {
    let room = format!("{}@muc.meet.jitsi", "lesson".repeat(60));
    let reason = "no Jibri is free ".repeat(20);
    let listed = format!(
        r#"[{{"room":"{room}","state":"backoff","people":2,"moderators":1,"recorder_present":false,"attempt":3,
             "session_id":null,"since":"2026-11-22T12:00:00Z","reason":"{reason}","proof":null}}]"#
    );
    (room, listed)
}

/// As [`run`], while a stand-in for the service may have to answer.
async fn ask(args: &[&str]) -> Output {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let running = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
        // Nothing that it could read, and nothing but mistakes if it reads it.
        command.bare_environment().env("JIBRI_AUTOSTART_CONFIG", "/nonexistent/config.toml");
        command.args(args).output().unwrap()
    };
    tokio::task::spawn_blocking(running).await.unwrap()
}

#[tokio::test]
async fn a_service_that_is_named_is_asked_without_a_configuration_and_nothing_is_cut_in_a_pipe() {
    let (room, listed) = long_room();
    let service = StandIn::start([Manner::Body(listed)]).await;
    for url in [service.url(), format!("{}/autostart/", service.url())] {
        let output = ask(&["rooms", "--url", &url]).await;
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let stdout = text(&output.stdout);
        assert!(stdout.contains(&room) && stdout.contains(&"no Jibri is free ".repeat(20)), "{stdout}");
        assert!(!stdout.contains('…'), "{stdout}");
    }
    let asked: Vec<String> = service.seen().into_iter().map(|seen| seen.what).collect();
    assert_eq!(asked, ["GET /api/v1/rooms", "GET /autostart/api/v1/rooms"]);
    service.be(Manner::Body("[]".to_owned()));
    for command in ["jibris", "history", "recordings", "healthcheck"] {
        let output = ask(&[command, "--url", &service.url()]).await;
        assert_eq!(output.status.code(), Some(0), "{command}: {}", text(&output.stderr));
    }
    // Without it there is only the configuration.
    assert_eq!(ask(&["rooms"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn an_order_bears_the_token_of_the_file_and_a_refusal_is_status_4() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "TOKEN-237958623045\n").unwrap();
    let file = file.to_str().unwrap();
    let service = StandIn::start([Manner::Body(long_room().1.trim_matches(['[', ']']).to_owned())]).await;
    let url = service.url();
    let output = ask(&["record", "lesson", "--url", &url, "--token-file", file]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let seen = service.seen();
    assert_eq!(seen[0].what, "POST /api/v1/rooms/lesson/record");
    assert!(seen[0].head.to_lowercase().contains("authorization: bearer token-237958623045"), "{seen:?}");

    service.be(Manner::Status("401 Unauthorized", r#"{"error":"wrong or missing token","hint":"send it"}"#));
    for (arguments, says) in [
        (&["--token-file", file][..], "the service does not accept this token"),
        (&[], "name the file that holds it with --token-file"),
    ] {
        let output = ask(&[&["stop", "lesson", "--url", &url], arguments].concat()).await;
        assert_eq!(output.status.code(), Some(4));
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
    service.be(Manner::Status("409 Conflict", r#"{"error":"nobody is in the room","hint":"wait"}"#));
    let output = ask(&["release", "lesson", "--url", &url, "--token-file", file]).await;
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("nobody is in the room"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn what_is_no_service_or_not_there_is_status_3() {
    let service = StandIn::start([Manner::Redirect("https://elsewhere.example/".to_owned())]).await;
    let output = ask(&["status", "--url", &service.url()]).await;
    assert_eq!(output.status.code(), Some(3));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("moved to \"https://elsewhere.example/\""), "{stderr}");
    for (url, says) in [
        ("http://127.0.0.1:1", "cannot be reached at http://127.0.0.1:1: cannot connect: Connection refused"),
        // Nothing there speaks TLS.
        (&service.url().replace("http:", "https:"), "cannot be reached at https://127.0.0.1:"),
    ] {
        let output = ask(&["history", "lesson", "--url", url]).await;
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
}

#[tokio::test]
async fn a_wrong_address_or_token_file_is_status_2_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, contents: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let url = "http://127.0.0.1:1";
    for (arguments, says) in [
        (["--url", "127.0.0.1:8790", "--json"], "write it like \"http://host:port/path\""),
        (["--url", "http://me:hunter2@127.0.0.1", "--json"], "it must not contain a user or a password"),
        (["--token-file", "/nonexistent/token", url], "does not exist; write the secret into that file"),
        (["--token-file", &file("empty", "\n"), url], "is empty; it must hold nothing but the secret"),
        (["--token-file", &file("spaces", "to ken"), url], "holds no token; use only ASCII letters"),
    ] {
        let arguments = match arguments {
            [option, value, "--json"] => vec!["rooms", option, value],
            [option, value, url] => vec!["rooms", option, value, "--url", url],
        };
        let output = ask(&arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(says) && !stderr.contains("panicked"), "{arguments:?}: {stderr}");
    }
}

/// The program as somebody who is not root, for whom permissions count.
fn as_a_plain_user(dir: &Path, args: &[&str]) -> Output {
    let program = dir.join("jibri-autostart");
    if !program.exists() {
        std::fs::copy(env!("CARGO_BIN_EXE_jibri-autostart"), &program).unwrap();
    }
    let mut command = Command::new(program);
    command.bare_environment().args(args);
    if nix::unistd::Uid::effective().is_root() {
        command.uid(65_534).gid(65_534);
    }
    command.output().unwrap()
}

#[test]
fn a_file_that_may_not_be_read_is_told_from_one_that_is_missing_or_empty() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, contents: &str, mode: u32| {
        let path = dir.path().join(name);
        std::fs::write(&path, contents).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let (closed, empty) = (put("closed", "hunter2", 0o000), put("empty", "", 0o644));
    let missing = dir.path().join("missing").display().to_string();
    let config = |secret: &str| {
        let with_file = format!("secret_file = {secret:?}");
        GOOD.replace("secret = \"hunter2-hunter2\"", &with_file)
    };
    let url = ["rooms", "--url", "http://127.0.0.1:1", "--token-file"];
    for (file, says) in
        [(&closed, "cannot be read by user"), (&missing, "does not exist"), (&empty, "is empty")]
    {
        let with = put("config.toml", &config(file), 0o644);
        for args in [&["check", "--config", &with][..], &[&url[..], &[file]].concat()] {
            let output = as_a_plain_user(dir.path(), args);
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            let stderr = text(&output.stderr);
            assert!(stderr.contains(says) && stderr.contains(file.as_str()), "{args:?}: {stderr}");
        }
    }
    for (file, says) in [(&closed, "cannot be read by user"), (&missing, "does not exist")] {
        let output = as_a_plain_user(dir.path(), &["check", "--config", file]);
        assert_eq!(output.status.code(), Some(2));
        let stderr = text(&output.stderr);
        assert!(stderr.contains(&format!("{file}: {says}")), "{stderr}");
        assert!(!stderr.contains("xmpp.domain"), "what is in it is not known: {stderr}");
    }
}

/// The service, and what it logs.
struct Service {
    child: Child,
    lines: Receiver<String>,
}

impl Service {
    fn start(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"))
            .bare_environment()
            .args(["run", "--config"])
            .arg(config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { child, lines }
    }

    /// The next line with this text.
    fn says(&self, text: &str) -> String {
        let line = std::iter::from_fn(|| self.lines.recv_timeout(LONG).ok()).find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("it never says {text:?}"))
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// It goes on with what it had: nobody writes into the pipe, and the device has no end.
#[test]
fn at_sighup_only_a_regular_file_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "hunter2").unwrap();
    std::fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    let good = GOOD.replace("secret = \"hunter2-hunter2\"", &format!("secret_file = {secret:?}"));
    let good = good.replace("[xmpp]\n", "[xmpp]\nserver = \"127.0.0.1:1\"\n");
    let good = format!("{good}[ledger]\npath = \"\"\n[http]\nlisten = \"\"\n[log]\nformat = \"text\"\n");
    let path = dir.path().join("config.toml");
    let replace = |make: &dyn Fn(&Path)| {
        let other = dir.path().join("other");
        make(&other);
        std::fs::rename(other, &path).unwrap();
    };
    replace(&|other| std::fs::write(other, &good).unwrap());
    let mut service = Service::start(&path);
    assert!(service.says("everybody may read").contains("xmpp.secret_file"));
    service.says("no link to Prosody");

    replace(&|other| assert!(Command::new("mkfifo").arg(other).status().unwrap().success()));
    service.signal("-HUP");
    service.says("the configuration is wrong, so all of it is ignored");
    service.says(
        "config.toml: is a named pipe; only regular files are read; write the configuration into a file",
    );
    replace(&|other| std::os::unix::fs::symlink("/dev/zero", other).unwrap());
    service.signal("-HUP");
    service.says("config.toml: is a device");
    replace(&|other| std::fs::write(other, "#".repeat(2_000_000)).unwrap());
    service.signal("-HUP");
    service.says("config.toml: is longer than 1048576 bytes");
    replace(&|other| std::fs::write(other, format!("{good}[start]\nmin_participants = 3\n")).unwrap());
    service.signal("-HUP");
    assert!(service.says("was read again and is in effect").contains("start.min_participants"));
    service.signal("-TERM");
    service.says("has stopped");
    assert!(service.child.wait().unwrap().success());
}

#[test]
fn run_says_once_that_there_is_no_prosody() {
    let config = format!("{GOOD}[ledger]\npath = \"\"\n[log]\nformat = \"text\"\n");
    let config = config.replace("[xmpp]\n", "[xmpp]\nserver = \"127.0.0.1:1\"\n");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    std::fs::write(&path, config).unwrap();
    assert!(Service::start(&path).says("no link to Prosody").contains("127.0.0.1:1"));
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
        program.bare_environment().envs(settings.iter().copied()).arg(command).stderr(full);
        assert_eq!(program.output().unwrap().status.code(), Some(status), "{command}");
    }
}

/// Under `faketime` a test of a program with the machine's clock would test nothing.
#[test]
fn the_program_has_the_clock_of_its_test() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"))
        .bare_environment()
        .envs([
            ("JIBRI_AUTOSTART_XMPP__DOMAIN", "autostart.meet.jitsi"),
            ("JIBRI_AUTOSTART_XMPP__SECRET", "s"),
            ("JIBRI_AUTOSTART_XMPP__SERVER", "127.0.0.1:1"),
            ("JIBRI_AUTOSTART_MUC__DOMAINS", "muc.meet.jitsi"),
            ("JIBRI_AUTOSTART_HTTP__LISTEN", ""),
            ("JIBRI_AUTOSTART_LEDGER__PATH", ""),
            ("JIBRI_AUTOSTART_LOG__FORMAT", "json"),
        ])
        .arg("run")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = BufReader::new(child.stderr.take().unwrap()).lines().next().expect("a line").unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let at = humantime::parse_rfc3339(line["timestamp"].as_str().unwrap()).unwrap();
    let apart = SystemTime::now().duration_since(at).unwrap_or_else(|later| later.duration());
    assert!(apart < Duration::from_secs(3600), "{line} by a clock that is {apart:?} away");
}
