//! `doctor`: goes through the deployment, a line a step.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use unicode_width::UnicodeWidthStr as _;

use super::table::{Colour, Medium, WIDTH};
use super::{ask, complain};
use crate::address::RoomJid;
use crate::address::room_name;
use crate::config::Loaded;
use crate::doctor::{self, Finding, Options, Verdict};

/// What follows a verdict begins here.
const INDENT: usize = 5;

/// What may be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Check the rights in this meeting, instead of one that is found
    #[arg(long, value_name = "ROOM", value_parser = room_name::jid)]
    room: Option<RoomJid>,
    /// Have the running service record this meeting until the recording is on, then stop it (needs http.token)
    #[arg(long, value_name = "ROOM")]
    record_test: Option<String>,
    /// Connect to Prosody even if it is unknown whether the service runs (which would lose its link for a moment)
    #[arg(long)]
    link: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Exits with 0 if nothing fails, else with 1.
pub(super) fn doctor(loaded: Loaded, file: Option<PathBuf>, arguments: Arguments) -> ExitCode {
    let Loaded { settings, set, warnings } = loaded;
    let Arguments { room, record_test, link, json } = arguments;
    let service = settings.http.listen.map(ask::reachable);
    let options = Options { file, set, warnings, service, room, record: record_test, link };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let medium = Medium::stdout();
    let mut findings = Vec::new();
    let mut written = Ok(());
    runtime.block_on(doctor::examine(&settings, &options, &mut |finding| {
        if !json && written.is_ok() {
            written = std::io::stdout().write_all(text(&finding, medium).as_bytes());
        }
        findings.push(finding);
    }));
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
    let warned = findings.iter().filter(|finding| finding.verdict == Verdict::Warn).count();
    let end = if json {
        format!("{}\n", serde_json::json!({ "ok": failed == 0, "steps": findings }))
    } else {
        format!("{} steps: {failed} FAIL, {warned} warn\n", findings.len())
    };
    let written = written.and_then(|()| std::io::stdout().write_all(end.as_bytes()));
    // Somebody closed the pipe: then nobody knows what was found.
    if failed == 0 && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A line, and what to change below it.
fn text(finding: &Finding, medium: Medium) -> String {
    let word = finding.verdict.word();
    let colour = match finding.verdict {
        Verdict::Ok => Colour::Good,
        Verdict::Warn => Colour::Odd,
        Verdict::Fail => Colour::Bad,
    };
    let padding = " ".repeat(INDENT.saturating_sub(word.len()));
    let word = match medium.code(colour) {
        Some(code) => format!("\u{1b}[{code}m{word}\u{1b}[0m"),
        None => word.to_owned(),
    };
    let mut lines = wrap(&format!("{}: {}", finding.step, finding.found));
    if let Some(remedy) = finding.remedy.as_deref().filter(|remedy| !remedy.is_empty()) {
        lines.extend(wrap(&format!("-> {remedy}")));
    }
    let indent = " ".repeat(INDENT);
    format!("{word}{padding}{}\n", lines.join(&format!("\n{indent}")))
}

/// Lines that fit beside the verdict, broken between words; a word that is longer stands alone.
fn wrap(text: &str) -> Vec<String> {
    let width = WIDTH.saturating_sub(INDENT);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width().saturating_add(1).saturating_add(word.width()) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_the_remedy_stands_below() {
        let finding = Finding {
            step: "owner muc.meet.jitsi".to_owned(),
            verdict: Verdict::Fail,
            found: "not an owner of the room ".repeat(10),
            remedy: Some("list it in admins".to_owned()),
        };
        let plain = text(&finding, Medium::NARROW);
        assert!(plain.starts_with("FAIL owner muc.meet.jitsi: not an owner"), "{plain}");
        assert!(plain.ends_with("\n     -> list it in admins\n"), "{plain}");
        assert!(plain.lines().all(|line| line.width() <= WIDTH), "{plain}");
        assert!(plain.lines().skip(1).all(|line| line.starts_with("     ")), "{plain}");
        assert!(text(&finding, Medium::COLOURED).starts_with("\u{1b}[31mFAIL\u{1b}[0m owner"));
    }
}
