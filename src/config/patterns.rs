//! Patterns for rooms' names: read, and refused where no room can have a name that fits.

use regex::Regex;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::mistake::{Complaint, quoted};
use crate::address::room_name;

/// Prosody refuses them in a room's name (nodeprep, RFC 6122, appendix A.5), and Jitsi's clients take them out of it. A
/// blank is not among them: Jitsi's clients encode it.
const IN_NO_NAME: &str = "\"&'/:<>@";

/// Why a pattern fits no name.
enum Misfit {
    /// It asks for a character that is in no name.
    Letter(char),
    /// It asks for something before the beginning.
    Beginning,
    /// It asks for something after the end.
    End,
    /// It asks for one of no characters at all.
    Nothing,
}

/// Reads the pattern of a rule.
pub(super) fn parse(text: &str) -> Result<Regex, Complaint> {
    let pattern = room_name::pattern(text).map_err(|error| {
        let error = error.to_string();
        let why = error.lines().last().unwrap_or_default().trim();
        let why = why.strip_prefix("error: ").unwrap_or(why);
        let hint = "write for example '^lesson-'; in single quotes a backslash stands for itself";
        Complaint::new(format!("{} is not a regular expression: {why}", quoted(text)), hint)
    })?;
    // Whatever it is that one of the two cannot read, it is not called wrong here.
    let parsed = ParserBuilder::new().case_insensitive(true).build().parse(pattern.as_str());
    match parsed.ok().and_then(|hir| misfit(&hir)) {
        Some(misfit) => Err(complaint(text, &misfit)),
        None => Ok(pattern),
    }
}

fn complaint(text: &str, misfit: &Misfit) -> Complaint {
    let (why, hint) = match misfit {
        Misfit::Letter('@') => (
            "there is no @ in a room's name".to_owned(),
            "write only what stands before the @ of the room's JID",
        ),
        Misfit::Letter('"' | '\'') => {
            let hint = "take the quotes out of the value: those around it are not part of it";
            ("there are no quotes in a room's name".to_owned(), hint)
        }
        Misfit::Letter(c) if c.is_uppercase() => (
            format!("{c:?} is a capital letter, and Prosody makes all names lower-case"),
            "remove the (?-i), or write it in lower case",
        ),
        Misfit::Letter(c) => {
            let hint =
                "write only the room's name: what stands before the @ of its JID, or the end of its address";
            (format!("there is no {c:?} in a room's name"), hint)
        }
        Misfit::Beginning => {
            ("it asks for something before the beginning".to_owned(), "write ^ at the beginning only")
        }
        Misfit::End => ("it asks for something after the end".to_owned(), "write $ at the end only"),
        Misfit::Nothing => ("no character fits it".to_owned(), "write for example '^lesson-'"),
    };
    Complaint::new(format!("{} can match no room: {why}", quoted(text)), hint)
}

/// Whether a name may have it in it, as Prosody holds the name or as people write it.
fn is_in_names(c: char) -> bool {
    !c.is_control() && !c.is_uppercase() && !IN_NO_NAME.contains(c)
}

/// Why no name fits, if none does.
fn misfit(hir: &Hir) -> Option<Misfit> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => None,
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0);
            text.chars().find(|c| !is_in_names(*c)).map(Misfit::Letter)
        }
        HirKind::Class(class) => class_misfit(class),
        HirKind::Repetition(repetition) if repetition.min == 0 => None,
        HirKind::Repetition(repetition) => misfit(&repetition.sub),
        HirKind::Capture(capture) => misfit(&capture.sub),
        // The first one's reason is as good as another's.
        HirKind::Alternation(all) => all.iter().map(misfit).collect::<Option<Vec<_>>>()?.into_iter().next(),
        HirKind::Concat(all) => all.iter().find_map(misfit).or_else(|| order_misfit(all)),
    }
}

fn class_misfit(class: &Class) -> Option<Misfit> {
    let mut chars: Box<dyn Iterator<Item = char>> = match class {
        Class::Unicode(class) => Box::new(class.iter().flat_map(|range| range.start()..=range.end())),
        Class::Bytes(class) => {
            Box::new(class.iter().flat_map(|range| range.start()..=range.end()).map(char::from))
        }
    };
    let first = chars.next();
    match first {
        None => Some(Misfit::Nothing),
        Some(c) if is_in_names(c) || chars.any(is_in_names) => None,
        Some(c) => Some(Misfit::Letter(c)),
    }
}

/// `a^b` and `a$b`: names have one line.
fn order_misfit(all: &[Hir]) -> Option<Misfit> {
    let takes_some = |hir: &Hir| hir.properties().minimum_len().is_none_or(|least| least > 0);
    let begins = |hir: &Hir| {
        let looks = hir.properties().look_set_prefix();
        [Look::Start, Look::StartLF, Look::StartCRLF].into_iter().any(|look| looks.contains(look))
    };
    let ends = |hir: &Hir| {
        let looks = hir.properties().look_set_suffix();
        [Look::End, Look::EndLF, Look::EndCRLF].into_iter().any(|look| looks.contains(look))
    };
    if all.iter().skip_while(|hir| !takes_some(hir)).skip(1).any(begins) {
        return Some(Misfit::Beginning);
    }
    all.iter().rev().skip_while(|hir| !takes_some(hir)).skip(1).any(ends).then_some(Misfit::End)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_expression_says_why() {
        let complaint = parse("(^a").unwrap_err();
        assert_eq!(complaint.message, r#""(^a" is not a regular expression: unclosed group"#);
    }

    #[test]
    fn a_pattern_that_fits_no_room_is_refused_with_the_reason() {
        for (text, word) in [
            ("^lesson-.*@muc.meet.jitsi$", "before the @"),
            ("\"^lesson\"", "take the quotes out"),
            ("'^lesson'", "take the quotes out"),
            ("^https://meet.example.org/lesson", "the end of its address"),
            ("^acme/lesson", "'/'"),
            ("(?-i)^Lesson", "(?-i)"),
            ("(?-i)^[A-Z]+$", "capital"),
            ("lesson^", "^ at the beginning"),
            ("a(^b|^c)", "^ at the beginning"),
            ("$lesson", "$ at the end"),
            (r"^lesson\n$", "'\\n'"),
            ("(@a|:b)", "before the @"),
            (r"^[^\s\S]$", "no character"),
        ] {
            let complaint = parse(text).unwrap_err();
            let said = format!("{}; {}", complaint.message, complaint.hint);
            assert!(said.contains("can match no room") && said.contains(word), "{text}: {said}");
        }
    }

    #[test]
    fn what_a_room_can_be_called_is_taken() {
        for text in [
            "",
            ".",
            "^",
            "^$",
            "^lesson-",
            "^Lesson-",
            "^TÄST",
            "^my room$",
            "a|@",
            "(^a|b)c$",
            "^^a$$",
            "(?m)^a$",
            "[^a]",
            "[@a]",
            "@?a",
            r"^\[acme\]",
            r"\blesson\b",
            "^t%c3%a4st",
            r"^\p{Han}+$",
            "(^|x)a($|y)",
            "^a*^b",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text).unwrap_err());
        }
    }
}
