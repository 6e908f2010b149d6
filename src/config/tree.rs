//! What was written, in the file or the environment, with the place of every key and every value.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Complaint, Mistake};
use super::place::Place;

pub(super) type Table = BTreeMap<String, Entry>;

/// A value and where it came from. Not `Debug`: it may hold a secret.
pub(super) struct Entry {
    pub(super) key: Place,
    pub(super) value: Place,
    pub(super) node: Node,
}

impl Entry {
    /// A value of which only one place is known.
    pub(super) fn at(place: &Place, node: Node) -> Self {
        Self { key: place.clone(), value: place.clone(), node }
    }
}

/// The value itself.
pub(super) enum Node {
    Table(Table),
    List(Vec<Entry>),
    /// A string of the file.
    Text(String),
    /// A string of the environment: what it stands for depends on the key.
    Plain(String),
    /// `None` if it does not even fit into 64 bits.
    Integer(Option<i64>),
    /// A number with a fraction, as it is written.
    Fraction(String),
    Flag(bool),
    /// Something that no key accepts.
    Other(&'static str),
}

impl Node {
    /// What it is, with an article.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Table(_) => "a table",
            Self::List(_) => "a list",
            Self::Text(_) | Self::Plain(_) => "a string",
            Self::Integer(_) => "a number",
            Self::Fraction(_) => "a number with a fraction",
            Self::Flag(_) => "true or false",
            Self::Other(what) => what,
        }
    }
}

/// The lines of a file, to turn offsets into places.
struct Lines<'t> {
    source: Arc<str>,
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(source: &str, text: &'t str) -> Self {
        let after_each_break = text.match_indices('\n').map(|(at, _)| at.saturating_add(1));
        Self { source: source.into(), text, starts: std::iter::once(0).chain(after_each_break).collect() }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        Place { source: self.source.clone(), line: Some(line), column: Some(column.saturating_add(1)) }
    }
}

/// A file, as far as it could be read.
pub(super) struct Parsed {
    pub(super) table: Table,
    /// What is no TOML.
    pub(super) mistakes: Vec<Mistake>,
    /// False if keys may be there that are not in the table.
    pub(super) complete: bool,
}

impl Parsed {
    /// A file of which nothing is known but what is wrong with it.
    pub(super) fn failed(mistakes: Vec<Mistake>) -> Self {
        Self { table: Table::new(), mistakes, complete: false }
    }
}

/// What the parser says, what we say instead, and the hint, for slips behind which it finds its way at once.
/// Should it change its words, the mistake is still reported, only the rest of the file is not.
const SLIPS: [(&str, &str, &str); 3] = [
    ("string values must be quoted", "a value that is not a number must be in quotes", r#"write "...""#),
    ("invalid boolean", "not a switch", "write true or false, in small letters"),
    ("duplicate key", "this is set twice", "keep one of them; only [[rule]] and [[jibri.instance]] repeat"),
];

/// Reads a TOML file. After a mistake that may throw the parser off, nothing more is believed.
pub(super) fn parse_file(source: &str, text: &str) -> Parsed {
    let lines = Lines::new(source, text);
    let (table, mut errors) = DeTable::parse_recoverable(text);
    let table = convert_table(table.into_inner(), &|span| lines.place(span.start));
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let mut mistakes: Vec<Mistake> = Vec::new();
    for error in errors {
        let place = lines.place(error.span().map_or(0, |span| span.start));
        let Some((_, message, hint)) = SLIPS.iter().find(|(said, ..)| error.message().starts_with(said))
        else {
            let hint = "correct this first; the rest of the file is read after that";
            let complaint = Complaint::new(format!("not TOML: {}", error.message()), hint);
            mistakes.push(Mistake::new(&place, "", complaint));
            return Parsed::failed(mistakes);
        };
        if mistakes.last().is_none_or(|last| last.line != place.line) {
            let key = key_at(&table, "", &place).unwrap_or_default();
            mistakes.push(Mistake::new(&place, key, Complaint::new(*message, *hint)));
        }
    }
    Parsed { table, mistakes, complete: true }
}

/// The key whose value, or list, begins at a place.
fn key_at(table: &Table, path: &str, place: &Place) -> Option<String> {
    table.iter().find_map(|(name, entry)| entry_at(entry, &format!("{path}{name}"), place))
}

fn entry_at(entry: &Entry, path: &str, place: &Place) -> Option<String> {
    if (entry.value.line, entry.value.column) == (place.line, place.column) {
        return Some(path.to_owned());
    }
    match &entry.node {
        Node::Table(table) => key_at(table, &format!("{path}."), place),
        Node::List(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| entry_at(item, &format!("{path}[{index}]"), place))
        }
        _ => None,
    }
}

/// Reads one TOML value of an environment variable.
pub(super) fn parse_value(place: &Place, text: &str) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    Some(convert(value.into_inner(), &|_| place.clone()))
}

fn convert_table(table: DeTable<'_>, place: &dyn Fn(Range<usize>) -> Place) -> Table {
    let entry = |(key, value): (Spanned<_>, Spanned<_>)| {
        let (at, span) = (place(key.span()), place(value.span()));
        let name: std::borrow::Cow<'_, str> = key.into_inner();
        (name.into_owned(), Entry { key: at, value: span, node: convert(value.into_inner(), place) })
    };
    table.into_iter().map(entry).collect()
}

fn convert(value: DeValue<'_>, place: &dyn Fn(Range<usize>) -> Place) -> Node {
    match value {
        DeValue::String(text) => Node::Text(text.into_owned()),
        DeValue::Integer(number) => Node::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()),
        DeValue::Boolean(flag) => Node::Flag(flag),
        DeValue::Float(number) => Node::Fraction(number.as_str().to_owned()),
        DeValue::Datetime(_) => Node::Other("a date"),
        DeValue::Table(table) => Node::Table(convert_table(table, place)),
        DeValue::Array(items) => {
            let item = |item: Spanned<_>| Entry::at(&place(item.span()), convert(item.into_inner(), place));
            Node::List(items.into_iter().map(item).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(place: &Place) -> (usize, usize) {
        (place.line.unwrap(), place.column.unwrap())
    }

    #[test]
    fn every_key_and_value_has_its_place() {
        let text = "[a]\r\nb = \"ü\" # c\n  d = [1, \"x\"]\n[[e]]\n[[e]]\nf.g = true\n";
        let table = parse_file("t", text).table;
        let Node::Table(a) = &table["a"].node else { panic!() };
        assert_eq!((show(&a["b"].key), show(&a["b"].value)), ((2, 1), (2, 5)));
        let Node::List(d) = &a["d"].node else { panic!() };
        assert_eq!((show(&a["d"].key), show(&d[1].value)), ((3, 3), (3, 11)));
        let Node::List(e) = &table["e"].node else { panic!() };
        assert_eq!((show(&e[0].value), show(&e[1].value)), ((4, 1), (5, 1)));
        let Node::Table(last) = &e[1].node else { panic!() };
        assert_eq!(show(&last["f"].key), (6, 1));
    }

    #[test]
    fn columns_are_counted_in_characters() {
        let table = parse_file("t", "a = { \"ü\" = 1, b = 2 }").table;
        let Node::Table(a) = &table["a"].node else { panic!() };
        assert_eq!(show(&a["b"].key), (1, 16));
    }

    #[test]
    fn slips_do_not_end_the_reading() {
        let parsed = parse_file("t", "a = b\n[c]\nd = [1, x]\nd = 2\ne = True\n");
        let found: Vec<_> = parsed.mistakes.iter().map(|m| (m.line.unwrap(), m.key.as_str())).collect();
        assert_eq!(found, [(1, "a"), (3, "c.d[1]"), (4, ""), (5, "c.e")], "{:?}", parsed.mistakes);
        assert!(parsed.complete && parsed.table.contains_key("c"));
    }

    #[test]
    fn what_throws_the_parser_off_does() {
        let parsed = parse_file("t", "a = b\n[c\nd = 1\n[e\n");
        let lines: Vec<_> = parsed.mistakes.iter().map(|mistake| mistake.line.unwrap()).collect();
        assert_eq!(lines, [1, 2]);
        assert!(!parsed.complete && parsed.table.is_empty());
    }
}
