//! The environment, laid over what the file says.

use std::ffi::OsString;

use super::key::Key;
use super::mistake::{Complaint, Mistake, nearest, quoted};
use super::place::Place;
use super::tree::{Entry, Node, Table, parse_value};
use super::variable::{PREFIX, variable};

/// The variable that names the file; no key.
const FILE: &str = "CONFIG";

/// One step of a path. Numbers sort as numbers, so that lists grow in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Item(usize),
    Name(String),
}

/// Lays the environment over what the file says. `keys`: all that there are.
pub(super) fn overlay(
    table: &mut Table,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    keys: &[Key],
    mistakes: &mut Vec<Mistake>,
) {
    let mut found = Vec::new();
    for (name, value) in environment {
        let name = name.to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        if rest == FILE || is_of_an_orchestrator(rest) {
            continue;
        }
        if let Some((steps, node)) = recognise(&name, rest, value, keys, mistakes) {
            found.push((steps, name, node));
        }
    }
    // Whole lists come before their items.
    found.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    for (steps, name, node) in found {
        let place = Place::whole(&name);
        if let Err(complaint) = insert(table, &steps, Entry::at(&place, node)) {
            mistakes.push(Mistake::new(&place, "", complaint));
        }
    }
}

/// Kubernetes puts the addresses of a service named `jibri-autostart` into every container beside it.
fn is_of_an_orchestrator(rest: &str) -> bool {
    let begins =
        |start: &str| rest.strip_prefix(start).is_some_and(|end| end.is_empty() || end.starts_with('_'));
    begins("SERVICE_HOST") || begins("SERVICE_PORT") || begins("PORT")
}

/// Finds the key of a variable and reads its value as far as that does not depend on the kind.
fn recognise(
    name: &str,
    rest: &str,
    value: OsString,
    keys: &[Key],
    mistakes: &mut Vec<Mistake>,
) -> Option<(Vec<Step>, Node)> {
    let (steps, path) = steps(rest);
    let mut wrong = |key: &str, message: &str, hint: &str| {
        mistakes.push(Mistake::new(&Place::whole(name), key, Complaint::new(message, hint)));
    };
    let list = format!("{path}[]");
    let Some(key) = keys.iter().find(|key| key.path == path || key.path == list) else {
        wrong("", "unknown variable", &suggestion(rest, keys));
        return None;
    };
    let shown = path.replace("[]", "");
    let Ok(value) = value.into_string() else {
        wrong(&shown, "its value is not UTF-8", "write it in UTF-8");
        return None;
    };
    if key.path == path {
        return Some((steps, Node::Plain(value)));
    }
    let value = if value.trim().is_empty() { "[]" } else { value.trim() };
    match parse_value(&Place::whole(name), value) {
        Some(list @ Node::List(_)) => Some((steps, list)),
        _ => {
            wrong(&shown, "its value is not a list of tables in TOML", "write it like [{name = \"value\"}]");
            None
        }
    }
}

/// The variable that is probably meant.
fn suggestion(rest: &str, keys: &[Key]) -> String {
    let known: Vec<_> = keys.iter().map(|key| variable(&key.path)).collect();
    let known: Vec<_> = known.iter().filter_map(|name| name.strip_prefix(PREFIX)).collect();
    let without_number = known.iter().copied().find(|known| known.replace("__0", "") == rest);
    match without_number.or_else(|| nearest(&rest.to_uppercase(), known)) {
        Some(near) => format!("did you mean \"{PREFIX}{near}\"?"),
        None => format!("variables are {PREFIX}SECTION__KEY, like {PREFIX}XMPP__DOMAIN"),
    }
}

/// `RULE__0__ROOM` as steps and as the path of the schema, `rule[].room`.
fn steps(rest: &str) -> (Vec<Step>, String) {
    let mut steps = Vec::new();
    let mut path = String::new();
    for part in rest.split("__") {
        match part.parse::<usize>() {
            Ok(index) => {
                path.push_str("[]");
                steps.push(Step::Item(index));
            }
            Err(_) => {
                // Only capitals: the names of variables are not written in any other way.
                let name =
                    if part.chars().any(char::is_lowercase) { "?".into() } else { part.to_lowercase() };
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&name);
                steps.push(Step::Name(name));
            }
        }
    }
    (steps, path)
}

fn insert(table: &mut Table, steps: &[Step], entry: Entry) -> Result<(), Complaint> {
    let below = |node: Node| Entry::at(&entry.value, node);
    match steps {
        [Step::Name(name)] => {
            table.insert(name.clone(), entry);
            Ok(())
        }
        [Step::Name(name), Step::Item(index), rest @ ..] => {
            let (list, item) = (below(Node::List(Vec::new())), below(Node::Table(Table::new())));
            // If the file has something else there, that is reported when it is read.
            let Node::List(items) = &mut table.entry(name.clone()).or_insert(list).node else {
                return Ok(());
            };
            if *index == items.len() {
                items.push(item);
            }
            match items.get_mut(*index).map(|item| &mut item.node) {
                Some(Node::Table(item)) => insert(item, rest, entry),
                Some(_) => Ok(()),
                None => {
                    let message =
                        format!("there is no {} before it", quoted(&format!("{name}[{}]", items.len())));
                    Err(Complaint::new(message, "number them from 0 without a gap"))
                }
            }
        }
        [Step::Name(name), rest @ ..] => {
            let new = below(Node::Table(Table::new()));
            match &mut table.entry(name.clone()).or_insert(new).node {
                Node::Table(table) => insert(table, rest, entry),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}
