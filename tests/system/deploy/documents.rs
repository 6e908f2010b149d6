//! Completions and manual pages.

use std::process::{Command, Stdio};

use super::program::{program, run};

const COMMANDS: [&str; 6] = ["run", "check", "prosody", "status", "healthcheck", "completions"];

#[test]
fn completions_are_what_the_shells_take() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let text = run(program().args(["completions", shell]));
        assert!(COMMANDS.iter().all(|command| text.contains(command)), "{shell}: {text}");
        if shell == "bash" {
            let file = dir.path().join("completions");
            std::fs::write(&file, &text).unwrap();
            let script = "source \"$1\"; COMP_WORDS=(jibri-autostart he); COMP_CWORD=1; \
                          $(sed -n 's/.*complete -F \\([^ ]*\\) .*/\\1/p' \"$1\" | head -n1) jibri-autostart he jibri-autostart; \
                          echo \"${COMPREPLY[@]}\"";
            let completed = run(Command::new("bash").args(["-euc", script, "bash"]).arg(&file));
            assert!(completed.split_whitespace().any(|word| word == "healthcheck"), "{completed}");
        }
    }
    assert!(!program().args(["completions", "cmd.exe"]).output().unwrap().status.success());
}

#[test]
fn the_manual_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let page = run(program().arg("man"));
    assert!(page.contains("config.toml") && page.contains(".SH \"EXIT STATUS\""), "{page}");
    run(program().arg("man").arg("--dir").arg(dir.path()));
    let pages: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(pages.len() > COMMANDS.len(), "{pages:?}");
    for command in COMMANDS {
        assert!(dir.path().join(format!("jibri-autostart-{command}.1")).exists(), "{pages:?}");
    }
    for page in pages {
        let file = std::fs::File::open(&page).unwrap();
        let output = Command::new("man")
            .args(["--warnings=w", "-l", "-"])
            .stdin(file)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{page:?}: {output:?}");
    }
}

#[test]
fn neither_needs_a_configuration() {
    for arguments in [&["man"][..], &["completions", "bash"]] {
        let output = program().args(arguments).env("JIBRI_AUTOSTART_NONSENSE", "1").output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}
