//! `docs/configuration.md` has every key as `config/jibri-autostart.toml` has it: its second half is made from that file. And
//! the configurations that documents show are right.

use std::fmt::Write as _;

use super::{blocks, documents, program, read, root};

const MADE: &str = "<!-- From here on all is made from config/jibri-autostart.toml: UPDATE_DOCS=1 cargo test --test edges documents -->\n";

/// A table of the file, or a key of it with those after it that share its comment.
#[derive(Default)]
struct Entry {
    comment: Vec<String>,
    keys: Vec<(String, String)>,
}

/// The lines of a comment as one text. Lines that are indented are words with what each means.
fn text(comment: &[String]) -> String {
    let mut text = String::new();
    for line in comment {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        match line.split_once("  ") {
            Some((word, meaning)) if indent == 2 => {
                write!(text, "<br>`{word}`: {}", meaning.trim_start()).unwrap();
            }
            _ if text.is_empty() => text.push_str(line),
            _ => write!(text, " {line}").unwrap(),
        }
    }
    text.replace('|', "\\|")
}

fn row(entry: &Entry) -> String {
    let told = text(&entry.comment);
    let column = |each: &dyn Fn(&(String, String)) -> String| {
        entry.keys.iter().map(each).collect::<Vec<_>>().join("<br>")
    };
    let keys = column(&|(key, _)| format!("`{key}`"));
    let values = column(&|(_, value)| format!("`{value}`")).replace('|', "\\|");
    match told.strip_prefix("Required.") {
        Some(told) => format!("| {keys} | required, like {values} | {} |\n", told.trim_start()),
        None => format!("| {keys} | {values} | {told} |\n"),
    }
}

/// The second half of the document.
fn made(file: &str) -> String {
    let mut made = String::from("\n## Every key\n");
    let mut entry = Entry::default();
    // The first lines tell how the file is read, which the first half does as well.
    let (_, tables) = file.split_once("\n\n# The link to Prosody").expect("its head");
    for line in format!("# The link to Prosody{tables}\n").lines() {
        // An optional table has a sign before each line.
        let line = line.strip_prefix("#:").unwrap_or(line);
        let comment = line.strip_prefix("##").or_else(|| line.strip_prefix('#'));
        if !entry.keys.is_empty() && (comment.is_some() || !line.contains(" = ")) {
            made.push_str(&row(&std::mem::take(&mut entry)));
        }
        if let Some(comment) = comment {
            entry.comment.push(comment.strip_prefix(' ').unwrap_or(comment).to_owned());
        } else if line.starts_with('[') {
            let told = text(&std::mem::take(&mut entry.comment));
            let told = if told.is_empty() { told } else { format!("{told}\n\n") };
            let value = if line.starts_with("[[") { "for example" } else { "default" };
            write!(made, "\n### `{line}`\n\n{told}| key | {value} | |\n|---|---|---|\n").unwrap();
        } else if let Some((key, value)) = line.split_once(" = ") {
            entry.keys.push((key.to_owned(), value.to_owned()));
        } else {
            assert!(line.is_empty() && entry.comment.is_empty(), "{line:?} after {:?}", entry.comment);
        }
    }
    made
}

#[test]
fn every_key_is_in_the_document_as_in_the_file() {
    let document = read("docs/configuration.md");
    let (written, found) = document.split_once(MADE).expect("the line after which all is made");
    let made = made(&read("config/jibri-autostart.toml"));
    assert!(made.matches("\n### ").count() > 13 && made.contains("| `secret_file` |"), "{made}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join("docs/configuration.md"), format!("{written}{MADE}{made}")).unwrap();
    } else {
        assert!(
            found == made,
            "docs/configuration.md is old: UPDATE_DOCS=1 cargo test --test edges documents"
        );
    }
}

/// Whole files, and a table or two of one.
#[test]
fn the_configurations_in_the_documents_are_right() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "change-me\n").unwrap();
    let config = dir.path().join("config.toml");
    let mut whole = 0;
    for (path, document) in documents() {
        for block in blocks(&document, "toml") {
            let mut command = program();
            whole += usize::from(block.contains("[xmpp]"));
            if !block.contains("[xmpp]") {
                command.env("JIBRI_AUTOSTART_XMPP__DOMAIN", "a.b").env("JIBRI_AUTOSTART_XMPP__SECRET", "s");
                command.env("JIBRI_AUTOSTART_MUC__DOMAINS", "muc.meet.jitsi");
            }
            std::fs::write(&config, block.replace("/etc/jibri-autostart/secret", secret.to_str().unwrap()))
                .unwrap();
            let output = command.arg("check").arg("--config").arg(&config).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}:\n{block}\n{said}", path.display());
        }
    }
    assert!(whole > 3, "{whole}");
}
