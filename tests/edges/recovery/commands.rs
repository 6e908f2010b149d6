//! Recovery by commands that succeed, fail, hang, talk and leave children behind.

use std::path::Path;
use std::time::{Duration, Instant};

use jibri_autostart::recovery::{Outcome, Unfit, check, recover};
use testkit::BareEnvironment as _;

use super::{LONG, settings};

async fn run(command: &[&str]) -> Outcome {
    recover(&settings(command, None, LONG), "jibri-1").await
}

async fn shell(script: &str) -> Outcome {
    run(&["/bin/sh", "-c", script]).await
}

/// Whether a process is there and no zombie.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < LONG, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_success_has_its_output_of_both_streams() {
    let outcome =
        run(&["/bin/sh", "-c", "echo out $0; echo err $1 >&2", "{instance}", "--x={instance}"]).await;
    assert!(outcome.success, "{outcome}");
    assert_eq!(outcome.how, "exit status 0");
    let mut lines: Vec<&str> = outcome.output.split(" | ").collect();
    lines.sort_unstable();
    assert_eq!(lines, ["err --x=jibri-1", "out jibri-1"]);
}

#[tokio::test]
async fn failures_say_how_they_ended() {
    let outcome = shell("echo no such container >&2; exit 3").await;
    assert_eq!((outcome.success, outcome.how.as_str()), (false, "exit status 3"));
    assert_eq!(outcome.output, "no such container");
    let outcome = shell("kill -9 $$").await;
    assert_eq!((outcome.success, outcome.how.as_str()), (false, "ended by signal 9"));
}

#[tokio::test]
async fn what_cannot_be_started_says_what_to_look_at() {
    let outcome = run(&["/nowhere/docker", "restart", "{instance}"]).await;
    assert!(
        !outcome.success && outcome.how.contains("No such file") && outcome.how.contains("recovery.command")
    );
    let outcome = run(&["/etc/passwd"]).await;
    assert!(!outcome.success && outcome.how.contains("user"), "{outcome}");
    let outcome = recover(&settings(&["/bin/echo", "{instance}"], None, LONG), "a\0b").await;
    assert!(!outcome.success, "{outcome}");
}

#[test]
fn unfit_names_are_refused_beforehand() {
    let command = settings(&["/bin/echo", "{instance}"], None, LONG);
    assert_eq!(check(&command, "jibri-1"), Ok(()));
    assert_eq!(check(&command, "--help"), Err(Unfit::Option));
    for bad in ["", "a b", "a\nb"] {
        assert_eq!(check(&command, bad), Err(Unfit::Name));
    }
    let http = settings(&[], Some("http://{instance}/".to_owned()), LONG);
    assert_eq!(check(&http, "a@evil"), Err(Unfit::Host));
    assert_eq!(check(&settings(&[], None, LONG), "a"), Err(Unfit::Nothing));
}

#[tokio::test]
async fn it_gets_no_input_and_a_group_of_its_own() {
    let group = |stat: &str| stat.rsplit_once(") ").unwrap().1.split(' ').nth(2).unwrap().to_owned();
    let outcome = shell("cat; cat /proc/$$/stat").await;
    assert!(outcome.success, "{outcome}");
    assert_ne!(group(&outcome.output), group(&std::fs::read_to_string("/proc/self/stat").unwrap()));
}

/// This test's own process must hold such a variable, so it runs itself again with some.
#[test]
fn our_secrets_are_not_handed_on() {
    if std::env::var_os("JIBRI_AUTOSTART_XMPP__SECRET").is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(run(&["/usr/bin/env"]));
        assert!(outcome.success, "{outcome}");
        assert!(outcome.output.contains("KEPT=yes"), "{outcome}");
        assert!(!outcome.output.contains("hunter2"), "{outcome}");
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "recovery::commands::our_secrets_are_not_handed_on"])
        .bare_environment()
        .env("KEPT", "yes")
        .env("JIBRI_AUTOSTART_XMPP__SECRET", "hunter2")
        .env("JIBRI_AUTOSTART_HTTP__TOKEN", "hunter22")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn output_is_bounded_and_fit_for_a_log() {
    let outcome =
        shell("i=0; while [ $i -lt 20000 ]; do echo line $i of a long text; i=$((i+1)); done").await;
    assert!(outcome.success, "{outcome}");
    assert!(outcome.output.chars().count() <= 2000);
    assert!(outcome.output.ends_with("line 19999 of a long text"), "{outcome}");
    let outcome = shell("head -c 50000000 /dev/zero").await;
    assert!(outcome.success && outcome.output.chars().count() <= 2000, "{outcome}");
    let outcome = shell(r"printf 'a\377\376b\033[31mc\r\n\342\200\256d\n'").await;
    assert_eq!(outcome.output, "a��b�[31mc | �d");
}

/// The program, its child and its grandchild all ignore SIGTERM, and one of them keeps talking.
const STUBBORN: &str = r#"
trap '' TERM
echo $$ > "$0/a"
sh -c 'trap "" TERM; echo $$ > "$0/b"; sh -c "trap \"\" TERM; echo \$\$ > \"\$0/c\"; while :; do sleep 0.05; done" "$0" &
       while :; do echo noise; sleep 0.05; done' "$0" &
while :; do sleep 0.05; done
"#;

fn pids(dir: &Path) -> Vec<String> {
    let read = |name| std::fs::read_to_string(dir.join(name)).map(|text| text.trim().to_owned());
    ["a", "b", "c"].into_iter().filter_map(|name| read(name).ok()).filter(|pid| !pid.is_empty()).collect()
}

#[tokio::test]
async fn at_the_timeout_nothing_is_left_of_a_program_that_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let command = ["/bin/sh", "-c", STUBBORN, dir.path().to_str().unwrap()];
    let outcome = recover(&settings(&command, None, Duration::from_secs(1)), "jibri-1").await;
    assert!(!outcome.success && outcome.how.contains("not over after 1s"), "{outcome}");
    assert!(outcome.output.contains("noise"), "{outcome}");
    assert!(outcome.took < Duration::from_secs(10), "{outcome}");
    let pids = pids(dir.path());
    assert_eq!(pids.len(), 3);
    until("their end", || !pids.iter().any(|pid| lives(pid))).await;
}

#[tokio::test]
async fn what_ends_when_asked_is_let_end_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"trap 'echo cleaned up; touch "$0/done"; exit 0' TERM; while :; do sleep 0.02; done"#;
    let command = ["/bin/sh", "-c", script, dir.path().to_str().unwrap()];
    let outcome = recover(&settings(&command, None, Duration::from_millis(300)), "jibri-1").await;
    assert!(!outcome.success && outcome.output.contains("cleaned up"), "{outcome}");
    assert!(dir.path().join("done").exists());
}

#[tokio::test]
async fn dropped_it_kills_them_all_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(&["/bin/sh", "-c", STUBBORN, dir.path().to_str().unwrap()], None, LONG);
    let recovery = tokio::spawn(async move { recover(&settings, "jibri-1").await });
    until("all three", || pids(dir.path()).len() == 3).await;
    let pids = pids(dir.path());
    assert!(pids.iter().all(|pid| lives(pid)));
    recovery.abort();
    until("their end", || !pids.iter().any(|pid| lives(pid))).await;
}

/// What a recovery starts in the background is what it is for.
#[tokio::test]
async fn what_a_success_leaves_running_is_left_alone() {
    let outcome = shell("sleep 60 & echo $!").await;
    assert!(outcome.success && outcome.took < Duration::from_secs(10), "{outcome}");
    let pid = outcome.output.trim();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(lives(pid), "{outcome}");
    assert!(std::process::Command::new("kill").arg(pid).status().unwrap().success());
}

#[tokio::test]
async fn the_runtime_goes_on_meanwhile() {
    let slow = tokio::spawn(async { shell("sleep 0.5").await });
    let mut turns = 0;
    while !slow.is_finished() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        turns += 1;
    }
    assert!(slow.await.unwrap().success && turns > 10, "{turns}");
}
