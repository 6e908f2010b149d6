//! What one step has found, and what to change.

use serde::Serialize;

use crate::plain::plain;

/// Most characters of either text.
const MOST: usize = 1000;

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// As it should be.
    #[serde(rename = "ok")]
    Ok,
    /// To be looked at, or not to be known now.
    #[serde(rename = "warn")]
    Warn,
    /// Nothing, or not what is set, works like this.
    #[serde(rename = "FAIL")]
    Fail,
}

impl Verdict {
    /// The word that is printed.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its stable name, with what it is about where there are several: `owner`, `health jibri-1`.
    pub step: String,
    /// How it went.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it; none where nothing is to be done.
    pub remedy: Option<String>,
}

impl Finding {
    fn new(step: &str, verdict: Verdict, found: &str, remedy: Option<&str>) -> Self {
        let shown = |text: &str| plain(text, MOST);
        Self { step: shown(step), verdict, found: shown(found), remedy: remedy.map(shown) }
    }

    /// All is well.
    pub(super) fn ok(step: &str, found: impl AsRef<str>) -> Self {
        Self::new(step, Verdict::Ok, found.as_ref(), None)
    }

    /// Something to look at.
    pub(super) fn warn(step: &str, found: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        Self::new(step, Verdict::Warn, found.as_ref(), Some(remedy.as_ref()))
    }

    /// Something to change.
    pub(super) fn fail(step: &str, found: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        Self::new(step, Verdict::Fail, found.as_ref(), Some(remedy.as_ref()))
    }

    /// What the service says in one sentence of what is wrong and what to change.
    pub(super) fn said(step: &str, verdict: Verdict, words: &str) -> Self {
        let (found, remedy) = parts(words);
        Self::new(step, verdict, found, remedy)
    }

    /// A step that cannot be done because of another one.
    pub(super) fn not_tried(step: &str, why: &str) -> Self {
        Self::new(step, Verdict::Warn, &format!("not tried: {why}"), None)
    }
}

/// The service's sentences have the form `what is wrong: what to change`, or `what, in detail: cause; what to change`.
/// What is quoted or in brackets belongs together.
fn parts(words: &str) -> (&str, Option<&str>) {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    let mut colon = None;
    for (at, c) in words.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            ':' | ';' if depth == 0 => {
                let is_end = words.get(at.saturating_add(1)..).is_some_and(|rest| rest.starts_with(' '));
                // After a colon that is followed by the cause alone, the semicolon begins the remedy.
                if is_end && c == ';' && colon.is_none_or(|colon| is_cause(words, colon)) {
                    return split(words, at);
                }
                if is_end && c == ':' && colon.is_none() {
                    colon = Some(at);
                }
            }
            _ => {}
        }
    }
    colon.map_or((words, None), |at| split(words, at))
}

/// What stands between the colon and the semicolon is what the system or the HTTP client has said.
fn is_cause(words: &str, colon: usize) -> bool {
    words
        .get(..colon)
        .is_some_and(|before| before.ends_with("cannot connect") || before.ends_with("broke off"))
}

fn split(words: &str, at: usize) -> (&str, Option<&str>) {
    let (found, rest) = words.split_at_checked(at).unwrap_or((words, ""));
    let remedy = rest.trim_start_matches([':', ';']).trim_start();
    (found, (!remedy.is_empty()).then_some(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_and_what_to_change_are_told_apart() {
        for (words, found, remedy) in [
            (
                "nothing listens on \"a:1\": is it running; or what",
                "nothing listens on \"a:1\"",
                Some("is it running; or what"),
            ),
            (
                "cannot connect: Connection refused (os error 111); is url right?",
                "cannot connect: Connection refused (os error 111)",
                Some("is url right?"),
            ),
            ("HTTP status 404; is it right: yes?", "HTTP status 404", Some("is it right: yes?")),
            (
                "the name \"x: \\\" y\" (a: b; c) is bad: mend it",
                "the name \"x: \\\" y\" (a: b; c) is bad",
                Some("mend it"),
            ),
            ("no more", "no more", None),
        ] {
            assert_eq!(parts(words), (found, remedy), "{words}");
        }
    }

    #[test]
    fn what_the_network_says_is_tamed() {
        let finding = Finding::said("a\u{1b}[2J", Verdict::Fail, &format!("b\n: {}", "c".repeat(5000)));
        assert!(!finding.step.contains('\u{1b}') && !finding.found.contains('\n'), "{finding:?}");
        assert_eq!(finding.remedy.unwrap().chars().count(), MOST);
    }
}
