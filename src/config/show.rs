//! Writes the effective configuration as TOML.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What a table shows.
struct Part {
    header: String,
    keys: Vec<(&'static str, toml::Value)>,
    /// Whether it only shows what differs from the tables it inherits from.
    inherits: &'static [&'static str],
}

/// The tables so far, in order.
#[derive(Default)]
pub(super) struct Shown(Vec<Part>);

impl Shown {
    fn open(&mut self, header: String, inherits: &'static [&'static str]) {
        self.0.push(Part { header, keys: Vec::new(), inherits });
    }

    /// Begins a table.
    pub(super) fn table(&mut self, path: &str) {
        self.open(format!("[{path}]"), &[]);
    }

    /// Begins an item of a list of tables.
    pub(super) fn item(&mut self, path: &str, inherits: &'static [&'static str]) {
        self.open(format!("[[{path}]]"), inherits);
    }

    /// Adds a key to the table begun last.
    pub(super) fn key(&mut self, name: &'static str, value: toml::Value) {
        if let Some(part) = self.0.last_mut() {
            part.keys.push((name, value));
        }
    }

    fn is_inherited(&self, part: &Part, key: &(&'static str, toml::Value)) -> bool {
        part.inherits.iter().any(|from| {
            let header = format!("[{from}]");
            self.0.iter().any(|other| other.header == header && other.keys.contains(key))
        })
    }

    /// The keys, in dotted form, whose values are not those of `other`; a list of tables counts as one key.
    pub(super) fn differences(&self, other: &Self) -> BTreeSet<String> {
        let (ours, theirs) = (self.by_path(), other.by_path());
        let differs = |path: &&String| ours.get(*path) != theirs.get(*path);
        ours.keys().chain(theirs.keys()).filter(differs).cloned().collect()
    }

    fn by_path(&self) -> BTreeMap<String, Vec<String>> {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for part in &self.0 {
            let table = part.header.trim_matches(['[', ']']);
            for (name, value) in &part.keys {
                let is_item = part.header.starts_with("[[");
                let (path, value) = if is_item {
                    (table.to_owned(), format!("{name} = {value}"))
                } else {
                    (format!("{table}.{name}"), value.to_string())
                };
                values.entry(path).or_default().push(value);
            }
        }
        values
    }

    /// The TOML.
    pub(super) fn into_toml(self) -> String {
        let mut text = String::new();
        for part in self.0.iter().filter(|part| !part.keys.is_empty()) {
            let gap = if text.is_empty() { "" } else { "\n" };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{gap}{}", part.header);
            for key in part.keys.iter().filter(|key| !self.is_inherited(part, key)) {
                let _ = writeln!(text, "{} = {}", key.0, key.1);
            }
        }
        text
    }
}
