//! The kinds of values that are not single words: numbers, switches, lists and optional words.
//!
//! A kind turns what was written into a value of [`Settings`](super::Settings) and back into TOML.

use super::mistake::{Complaint, quoted};
use super::place::Place;
use super::settings::Expect;
use super::tree::{Entry, Node, parse_value};

/// What is wrong with a value, and where: in a list, at which item.
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) item: Option<usize>,
    pub(super) complaint: Complaint,
}

impl Fault {
    fn new(entry: &Entry, complaint: Complaint) -> Self {
        Self { place: entry.value.clone(), item: None, complaint }
    }
}

/// How the values of some keys are read and shown.
pub(super) trait Kind {
    /// The value in the settings.
    type Value;
    /// Reads it; `None` leaves at least one fault behind.
    fn read(entry: &Entry, faults: &mut Vec<Fault>) -> Option<Self::Value>;
    /// Shows it, secrets blanked.
    fn show(value: &Self::Value) -> toml::Value;
}

/// A kind whose values are strings in the file.
pub(super) trait Word {
    /// The value in the settings.
    type Value;
    /// What it is, with an article: `a duration in quotes`.
    const WHAT: &'static str;
    /// Reads it.
    fn parse(text: &str) -> Result<Self::Value, Complaint>;
    /// Shows it, secrets blanked.
    fn print(value: &Self::Value) -> String;
}

fn wrong_type(what: &str, node: &Node) -> Complaint {
    let hint = match node {
        Node::Integer(_) | Node::Fraction(_) | Node::Flag(_) | Node::Other(_) => "put it in quotes",
        Node::List(_) => "take the brackets away: there can only be one",
        _ => "write one value, without braces",
    };
    Complaint::new(format!("expected {what}, found {}", node.what()), hint)
}

impl<W: Word> Kind for W {
    type Value = W::Value;

    fn read(entry: &Entry, faults: &mut Vec<Fault>) -> Option<W::Value> {
        let parsed = match &entry.node {
            Node::Text(text) | Node::Plain(text) => W::parse(text),
            other => Err(wrong_type(W::WHAT, other)),
        };
        parsed.map_err(|complaint| faults.push(Fault::new(entry, complaint))).ok()
    }

    fn show(value: &W::Value) -> toml::Value {
        toml::Value::String(W::print(value))
    }
}

/// A word that may be left empty.
pub(super) struct Optional<W>(std::marker::PhantomData<W>);

impl<W: Word> Word for Optional<W> {
    type Value = Option<W::Value>;
    const WHAT: &'static str = W::WHAT;

    fn parse(text: &str) -> Result<Self::Value, Complaint> {
        if text.is_empty() { Ok(None) } else { W::parse(text).map(Some) }
    }

    fn print(value: &Self::Value) -> String {
        value.as_ref().map(W::print).unwrap_or_default()
    }
}

/// `true` or `false`.
pub(super) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn read(entry: &Entry, faults: &mut Vec<Fault>) -> Option<bool> {
        let complaint = match &entry.node {
            Node::Flag(flag) => return Some(*flag),
            Node::Plain(text) => match text.as_str() {
                "true" | "1" => return Some(true),
                "false" | "0" => return Some(false),
                other => Complaint::new(format!("{} is not a switch", quoted(other)), "write true or false"),
            },
            other => {
                let message = format!("expected true or false, found {}", other.what());
                Complaint::new(message, "write true or false, without quotes")
            }
        };
        faults.push(Fault::new(entry, complaint));
        None
    }

    fn show(value: &bool) -> toml::Value {
        toml::Value::Boolean(*value)
    }
}

/// A whole number that is not less than `MIN`.
pub(super) struct Count<const MIN: u32>;

impl<const MIN: u32> Kind for Count<MIN> {
    type Value = u32;

    fn read(entry: &Entry, faults: &mut Vec<Fault>) -> Option<u32> {
        let range = format!("write a whole number from {MIN} to {}", u32::MAX);
        let complaint = match &entry.node {
            Node::Integer(number) => match number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n >= MIN) {
                Some(number) => return Some(number),
                None => Complaint::new("this number is out of range", range),
            },
            Node::Plain(text) => match text.parse().ok().filter(|n| *n >= MIN) {
                Some(number) => return Some(number),
                None => Complaint::new(format!("{} is not a number for this", quoted(text)), range),
            },
            Node::Text(_) => Complaint::new("expected a number, found a string", "take the quotes away"),
            other => Complaint::new(format!("expected a number, found {}", other.what()), range),
        };
        faults.push(Fault::new(entry, complaint));
        None
    }

    fn show(value: &u32) -> toml::Value {
        toml::Value::Integer(i64::from(*value))
    }
}

/// A share from 0 to 1, to three digits: so many of 1,000.
pub(super) struct Share;

impl Kind for Share {
    type Value = u32;

    fn read(entry: &Entry, faults: &mut Vec<Fault>) -> Option<u32> {
        let range = "write a number from 0 to 1, like 0.9";
        let complaint = match &entry.node {
            Node::Integer(Some(0)) => return Some(0),
            Node::Integer(Some(1)) => return Some(1000),
            Node::Fraction(text) | Node::Plain(text) => match share(text) {
                Some(share) => return Some(share),
                None => Complaint::new(format!("{} is not a share", quoted(text)), range),
            },
            Node::Integer(_) => Complaint::new("this number is out of range", range),
            Node::Text(_) => Complaint::new("expected a number, found a string", "take the quotes away"),
            other => Complaint::new(format!("expected a number, found {}", other.what()), range),
        };
        faults.push(Fault::new(entry, complaint));
        None
    }

    fn show(value: &u32) -> toml::Value {
        toml::Value::Float(f64::from(*value) / 1000.0)
    }
}

fn share(text: &str) -> Option<u32> {
    let share: f64 = text.parse().ok()?;
    let thousandths = (0.0..=1.0).contains(&share).then_some(share * 1000.0)?;
    // It has at most four digits.
    format!("{thousandths:.0}").parse().ok()
}

/// `"auto"`, `true` or `false`.
pub(super) struct AutoOr;

impl Kind for AutoOr {
    type Value = Expect;

    fn read(entry: &Entry, faults: &mut Vec<Fault>) -> Option<Expect> {
        match &entry.node {
            Node::Text(text) | Node::Plain(text) if text == "auto" => Some(Expect::Auto),
            Node::Text(text) => {
                let hint = "write \"auto\", or true or false without quotes";
                faults.push(Fault::new(
                    entry,
                    Complaint::new(format!("{} is not one of these", quoted(text)), hint),
                ));
                None
            }
            _ => Flag::read(entry, faults).map(|flag| if flag { Expect::Always } else { Expect::Never }),
        }
    }

    fn show(value: &Expect) -> toml::Value {
        match value {
            Expect::Auto => toml::Value::String("auto".to_owned()),
            Expect::Always => toml::Value::Boolean(true),
            Expect::Never => toml::Value::Boolean(false),
        }
    }
}

/// A list of words. In the environment a TOML array, or words with commas between them.
pub(super) struct List<W>(std::marker::PhantomData<W>);

impl<W: Word> List<W> {
    fn read_items(items: &[Entry], place: Option<&Place>, faults: &mut Vec<Fault>) -> Option<Vec<W::Value>> {
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let mut own = Vec::new();
            values.extend(W::read(item, &mut own));
            faults.extend(own.into_iter().map(|fault| Fault {
                place: place.unwrap_or(&fault.place).clone(),
                item: Some(index),
                complaint: fault.complaint,
            }));
        }
        (values.len() == items.len()).then_some(values)
    }
}

impl<W: Word> Kind for List<W> {
    type Value = Vec<W::Value>;

    fn read(entry: &Entry, faults: &mut Vec<Fault>) -> Option<Vec<W::Value>> {
        let place = &entry.value;
        let complaint = match &entry.node {
            Node::List(items) => return Self::read_items(items, None, faults),
            Node::Plain(text) if is_array(text) => match parse_value(place, text) {
                Some(Node::List(items)) => return Self::read_items(&items, Some(place), faults),
                _ => {
                    let hint = r#"write ["one", "two"], or one,two without brackets and quotes"#;
                    Complaint::new("this list is not a TOML array", hint)
                }
            },
            Node::Plain(text) => {
                let words = text.split(',').map(str::trim).filter(|_| !text.trim().is_empty());
                let items: Vec<_> =
                    words.map(|word| Entry::at(place, Node::Plain(word.to_owned()))).collect();
                return Self::read_items(&items, Some(place), faults);
            }
            Node::Text(_) => Complaint::new("expected a list, found a string", "put brackets around it"),
            other => Complaint::new(
                format!("expected a list, found {}", other.what()),
                format!("write brackets, and each item as {}", W::WHAT),
            ),
        };
        faults.push(Fault::new(entry, complaint));
        None
    }

    fn show(value: &Vec<W::Value>) -> toml::Value {
        toml::Value::Array(value.iter().map(W::show).collect())
    }
}

/// Whether it is meant as a TOML array. A tenant's room, `[acme]room@muc.meet.jitsi`, is not.
fn is_array(text: &str) -> bool {
    text.trim().strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['"', '\'', ']']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::words::{Room, Text};

    fn plain<K: Kind>(text: &str) -> Result<K::Value, String> {
        let entry = Entry::at(&Place::whole("X"), Node::Plain(text.into()));
        let mut faults = Vec::new();
        K::read(&entry, &mut faults).ok_or_else(|| faults.remove(0).complaint.message)
    }

    #[test]
    fn lists_of_the_environment() {
        assert_eq!(plain::<List<Text>>("a, b").unwrap(), ["a", "b"]);
        assert_eq!(plain::<List<Text>>(r#"["a,b", 'c']"#).unwrap(), ["a,b", "c"]);
        assert!(plain::<List<Text>>("").unwrap().is_empty());
        assert!(plain::<List<Text>>("[]").unwrap().is_empty());
        assert!(plain::<List<Text>>(r#"["a", "b"#).is_err());
        let rooms = plain::<List<Room>>("[acme]r1@muc.meet.jitsi,r2@muc.meet.jitsi").unwrap();
        assert_eq!(rooms[0].local(), "[acme]r1");
    }

    #[test]
    fn numbers_and_switches_of_the_environment() {
        assert_eq!(plain::<Count<1>>("3"), Ok(3));
        for bad in ["0", "-1", "4294967296", "3.5", "", "three"] {
            assert!(plain::<Count<1>>(bad).is_err(), "{bad}");
        }
        assert_eq!((plain::<Flag>("true"), plain::<Flag>("0")), (Ok(true), Ok(false)));
        assert!(plain::<Flag>("yes please").is_err());
        for (text, share) in [("0.9", 900), ("1", 1000), ("0", 0), ("0.8764", 876), (".5", 500), ("1e-3", 1)]
        {
            assert_eq!(plain::<Share>(text), Ok(share), "{text}");
        }
        for bad in ["1.1", "-0.1", "90%", "90", "nan", "inf", ""] {
            assert!(plain::<Share>(bad).is_err(), "{bad}");
        }
        let expect = [("auto", Expect::Auto), ("true", Expect::Always), ("0", Expect::Never)];
        for (text, expect) in expect {
            assert_eq!(plain::<AutoOr>(text), Ok(expect), "{text}");
        }
        assert!(plain::<AutoOr>("always").is_err());
    }
}
