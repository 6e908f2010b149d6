//! What is wrong with a configuration, said so that an administrator can mend it.

use std::fmt;

use super::place::Place;
use super::variable::PREFIX;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file, or the name of the environment variable.
    pub source: String,
    /// The line in the file, counted from 1.
    pub line: Option<usize>,
    /// The column in that line, in characters, counted from 1.
    pub column: Option<usize>,
    /// The key in dotted form (`rule[0].room`); empty where no key is known.
    pub key: String,
    /// What is wrong; never holds a secret.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Mistake {
    pub(super) fn new(place: &Place, key: impl Into<String>, complaint: Complaint) -> Self {
        Self {
            source: place.source.to_string(),
            line: place.line,
            column: place.column,
            key: key.into(),
            message: complaint.message,
            hint: complaint.hint,
        }
    }
}

/// `file:line:column: key: message; hint`.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)?;
        match self.hint.as_str() {
            "" => Ok(()),
            hint if hint.starts_with("did you mean") => write!(f, ", {hint}"),
            hint => write!(f, "; {hint}"),
        }
    }
}

/// Everything that is wrong with a configuration: the file's mistakes from top to bottom, then those of
/// the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    pub(super) fn sorted(mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by(|a, b| {
            let order = |m: &Mistake| (m.source.starts_with(PREFIX), m.line, m.column);
            order(a).cmp(&order(b)).then_with(|| a.source.cmp(&b.source))
        });
        Self(mistakes)
    }
}

/// One mistake a line.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// A mistake whose place is not known yet.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) message: String,
    pub(super) hint: String,
}

impl Complaint {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// That a text is not what it should be.
pub(super) fn is_not(text: &str, what: &str, hint: impl Into<String>) -> Complaint {
    Complaint::new(format!("{} is not {what}", quoted(text)), hint)
}

/// A value or a key as a message shows it: quoted, on one line, and not too much of it.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST).and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("{:?}", format!("{start}…")),
        None => format!("{text:?}"),
    }
}

/// The candidate that `word` is probably a misspelling of.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    let length = word.chars().count();
    if length > LONGEST {
        return None;
    }
    let (distance, candidate) =
        candidates.into_iter().map(|candidate| (strsim::osa_distance(word, candidate), candidate)).min()?;
    (distance <= length.div_euclid(3).max(1)).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_mistake() {
        let place = Place { source: "config.toml".into(), line: Some(12), column: Some(5) };
        let complaint = Complaint::new("unknown key \"domian\"", "did you mean \"domain\"?");
        let near = Mistake::new(&place, "muc.domian", complaint);
        assert_eq!(
            near.to_string(),
            "config.toml:12:5: muc.domian: unknown key \"domian\", did you mean \"domain\"?"
        );
        let variable = Place { source: "JIBRI_AUTOSTART_LOG__LEVEL".into(), line: None, column: None };
        let other = Mistake::new(&variable, "log.level", Complaint::new("is odd", "write it so"));
        assert_eq!(other.to_string(), "JIBRI_AUTOSTART_LOG__LEVEL: log.level: is odd; write it so");
        let sorted = Mistakes::sorted(vec![other.clone(), near.clone()]);
        assert_eq!(sorted.to_string(), format!("{near}\n{other}"));
    }

    #[test]
    fn only_near_misses_are_suggested() {
        let keys = ["domain", "server", "user"];
        assert_eq!(nearest("domian", keys), Some("domain"));
        assert_eq!(nearest("usr", keys), Some("user"));
        assert_eq!(nearest("password", keys), None);
        assert_eq!(nearest(&"x".repeat(1000), keys), None);
    }

    #[test]
    fn quoted_stays_on_one_line() {
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
        assert!(quoted(&"ü".repeat(1000)).len() < 200);
    }
}
