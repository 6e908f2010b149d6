//! What the documents have people type: the program knows its commands and options, a shell reads the lines, and what is shown
//! of JSON and YAML is that.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{blocks, documents, program};

/// What a command says of itself.
fn help(command: &str) -> String {
    let output = program().args([command, "--help"]).output().unwrap();
    assert!(output.status.success(), "there is no command {command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands of the program in a text, each with the options after it.
fn typed(text: &str) -> Vec<(&str, Vec<&str>)> {
    let is_of_a_word = |c: char| c.is_ascii_lowercase() || c == '-';
    let after = text.split("jibri-autostart ").skip(1);
    let lines = after.map(|rest| rest.split(['\n', '`', '|', ';', '&', '#', '>', '(']).next().unwrap());
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            // As in "jibri-autostart status", and not in "have jibri-autostart tell".
            let command =
                words.next().filter(|word| word.chars().all(is_of_a_word) && !word.starts_with('-'))?;
            Some((command, words.filter(|word| word.starts_with("--") && word.len() > 2).collect()))
        })
        .collect()
}

#[test]
fn its_commands_are_known() {
    let mut helps = BTreeMap::new();
    let mut seen = 0;
    for (path, text) in documents() {
        // In blocks and in quotes, but not in sentences.
        let quoted = text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("jibri-autostart "));
        let shell = blocks(&text, "sh");
        let lines = shell.iter().flat_map(|block| block.lines()).filter(|line| !line.contains("systemctl"));
        // The program's own name is also that of a container, a volume, a user and an image.
        let lines = lines.filter_map(|line| line.rfind("jibri-autostart ").map(|at| (line, at)));
        let lines = lines.filter(|(line, at)| {
            let before = line[..*at].trim_end();
            before.is_empty()
                || ["&&", "--", "jibri-autostart", "do", "then"].iter().any(|end| before.ends_with(end))
        });
        let lines = lines.map(|(line, at)| &line[at..]);
        for (command, options) in quoted.chain(lines).flat_map(typed) {
            seen += 1;
            let help = helps.entry(command.to_owned()).or_insert_with(|| help(command));
            for option in options {
                let option = option.trim_end_matches(|c: char| !c.is_ascii_lowercase());
                assert!(help.contains(option), "{}: {command} has no {option}", path.display());
            }
        }
    }
    assert!(seen > 60 && helps.len() > 12, "{seen} {:?}", helps.keys());
}

#[test]
fn a_shell_reads_what_is_to_be_typed() {
    let mut seen = 0;
    for (path, text) in documents() {
        for block in blocks(&text, "sh") {
            seen += 1;
            let mut shell =
                Command::new("sh").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            shell.stdin.take().unwrap().write_all(block.as_bytes()).unwrap();
            let output = shell.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{}: {}\n{block}",
                path.display(),
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn what_is_shown_can_be_read() {
    let mut seen = 0;
    // What Jitsi sends is shown in excerpts.
    for (path, text) in documents().into_iter().filter(|(path, _)| !path.ends_with("docs/jitsi.md")) {
        for block in blocks(&text, "json") {
            seen += 1;
            if let Err(error) = serde_json::from_str::<serde_json::Value>(block) {
                panic!("{}: {error}\n{block}", path.display());
            }
        }
        for block in blocks(&text, "yaml") {
            seen += 1;
            if let Err(error) = serde_saphyr::from_str::<serde_json::Value>(block) {
                panic!("{}: {error}\n{block}", path.display());
            }
        }
    }
    assert!(seen > 6, "{seen}");
}
