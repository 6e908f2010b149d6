//! Walks what was written along the schema, and keeps every mistake it meets.
//!
//! A wrong value is replaced by the default once its mistake is noted, so one mistake hides no other. The
//! checks that compare several keys stay silent about keys whose values were replaced.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::key::Key;
use super::kinds::Kind;
use super::mistake::{Complaint, Mistake, nearest, quoted};
use super::place::Place;
use super::show::Shown;
use super::tree::{Entry, Node, Table};
use super::variable::{PREFIX, variable};

/// A struct of the settings that is a table of the file.
pub(super) trait Section: Sized {
    /// Tables in which keys are looked for that are not set here.
    const INHERITS: &'static [&'static str];
    /// Its keys and subtables.
    fn names() -> Vec<&'static str>;
    /// Appends its keys; `path` ends with a dot unless it is empty.
    fn keys(path: &str, keys: &mut Vec<Key>);
    /// Reads it.
    fn read(scope: &mut Scope<'_, '_>) -> Option<Self>;
    /// Shows it.
    fn show(&self, path: &str, shown: &mut Shown);
}

/// What is common to all scopes of one reading.
pub(super) struct Reader<'t> {
    root: &'t Table,
    /// All that there are.
    keys: &'static [Key],
    /// The file, if there is one.
    file: Option<Arc<str>>,
    /// False if the file could not be read: then nothing can be called missing.
    complete: bool,
    /// Keys whose values were replaced.
    replaced: BTreeSet<String>,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) warnings: Vec<Mistake>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(root: &'t Table, keys: &'static [Key], file: Option<&str>, complete: bool) -> Self {
        Self {
            root,
            keys,
            file: file.map(Arc::from),
            complete,
            replaced: BTreeSet::new(),
            mistakes: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Reads the whole tree; mistakes are left behind in any case.
    pub(super) fn read<S: Section>(&mut self) -> Option<S> {
        let own = Some(self.root);
        let mut scope = Scope { reader: self, path: String::new(), header: None, own, inherited: Vec::new() };
        scope.section()
    }
}

/// One table of the tree.
pub(super) struct Scope<'r, 't> {
    reader: &'r mut Reader<'t>,
    /// `discovery.jicofo`, `rule[0]`; empty for the root.
    path: String,
    header: Option<&'t Place>,
    own: Option<&'t Table>,
    /// Where keys that are not set here are looked for.
    inherited: Vec<&'t Table>,
}

impl<'t> Scope<'_, 't> {
    fn path_of(&self, name: &str) -> String {
        let shown = if is_bare(name) { name.to_owned() } else { quoted(name) };
        if self.path.is_empty() { shown } else { format!("{}.{shown}", self.path) }
    }

    fn own(&self, name: &str) -> Option<&'t Entry> {
        self.own?.get(name)
    }

    fn note(&mut self, place: &Place, key: String, complaint: Complaint) {
        self.reader.mistakes.push(Mistake::new(place, key, complaint));
    }

    fn section<S: Section>(&mut self) -> Option<S> {
        let read = S::read(self);
        self.refuse_unknown(&S::names());
        read
    }

    /// Reads one key. `stand_in` is its default or, for a required key, an example.
    pub(super) fn leaf<K: Kind>(&mut self, name: &str, required: bool, stand_in: &str) -> Option<K::Value> {
        let own = self.own(name);
        let inherited = || self.inherited.iter().find_map(|table| table.get(name));
        if let Some(entry) = own.or_else(inherited) {
            let mut faults = Vec::new();
            if let Some(value) = K::read(entry, &mut faults) {
                return Some(value);
            }
            let path = self.path_of(name);
            // What is inherited was reported where it stands.
            for fault in faults.into_iter().filter(|_| own.is_some()) {
                let key = fault.item.map_or_else(|| path.clone(), |item| format!("{path}[{item}]"));
                self.note(&fault.place, key, fault.complaint);
            }
            self.reader.replaced.insert(path);
        }
        let stand_in = Entry::at(&Place::whole(""), Node::Plain(stand_in.to_owned()));
        let value = K::read(&stand_in, &mut Vec::new());
        if required && own.is_none() {
            let example = value.as_ref().map(|value| K::show(value).to_string()).unwrap_or_default();
            self.missing(name, &format!("{name} = {example}"));
        }
        value
    }

    /// Reads a table below this one.
    pub(super) fn table<S: Section>(&mut self, name: &str) -> Option<S> {
        let path = self.path_of(name);
        let entry = self.own(name);
        let own = match entry.map(|entry| &entry.node) {
            Some(Node::Table(table)) => Some(table),
            Some(other) => {
                let message = format!("expected a table, found {}", other.what());
                let hint = format!("write [{path}] on its own line and the keys below it");
                if let Some(entry) = entry {
                    self.note(&entry.value, path.clone(), Complaint::new(message, hint));
                }
                None
            }
            None => None,
        };
        let header = entry.map(|entry| &entry.value);
        Scope { reader: self.reader, path, header, own, inherited: Vec::new() }.section()
    }

    /// Reads a list of tables below this one.
    pub(super) fn list<S: Section>(&mut self, name: &str) -> Option<Vec<S>> {
        let path = self.path_of(name);
        let Some(entry) = self.own(name) else { return Some(Vec::new()) };
        let hint = format!("write [[{path}]] on its own line and the keys below it");
        let Node::List(items) = &entry.node else {
            let message = format!("expected a list of tables, found {}", entry.node.what());
            self.note(&entry.value, path, Complaint::new(message, hint));
            return Some(Vec::new());
        };
        let root = self.reader.root;
        let inherited = S::INHERITS.iter().filter_map(|name| match &root.get(*name)?.node {
            Node::Table(table) => Some(table),
            _ => None,
        });
        let inherited: Vec<_> = inherited.collect();
        let mut sections = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Node::Table(own) = &item.node else {
                let message = format!("expected a table, found {}", item.node.what());
                self.note(&item.value, path, Complaint::new(message, hint.as_str()));
                continue;
            };
            let header = Some(&item.value);
            let inherited = inherited.clone();
            sections.push(Scope { reader: self.reader, path, header, own: Some(own), inherited }.section()?);
        }
        Some(sections)
    }

    fn refuse_unknown(&mut self, known: &[&'static str]) {
        let Some(own) = self.own else { return };
        for (name, entry) in own.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => match self.reader.keys.iter().find(|key| key.name() == name) {
                    Some(key) => format!("it belongs in {}", key.section()),
                    None => format!("known here: {}", known.join(", ")),
                },
            };
            let complaint = Complaint::new(format!("unknown key {}", quoted(name)), hint);
            self.note(&entry.key, self.path_of(name), complaint);
        }
    }

    /// Reports that a required key is not set. `example` is a line of the file.
    pub(super) fn missing(&mut self, name: &str, example: &str) {
        let path = self.path_of(name);
        if !self.reader.complete || self.reader.replaced.contains(&path) {
            return;
        }
        let variable = variable(&path);
        let list = self.path.split_once('[').map(|(list, _)| list);
        let place = match (&self.header, &self.reader.file) {
            (Some(header), _) if header.line.is_some() || list.is_some() => (*header).clone(),
            (_, Some(file)) => Place::whole(file),
            (_, None) => Place::whole(&variable),
        };
        let section = list.map_or_else(|| format!("[{}]", self.path), |list| format!("this [[{list}]]"));
        let hint = format!("add {example} to {section}, with your own value, or set {variable}");
        self.note(&place, path, Complaint::new("required, but not set", hint));
    }

    /// Reports that keys do not fit together; the first that is set here gets the blame. Silent where one of
    /// them was replaced, and where none is set here: then it is somebody else's mistake.
    pub(super) fn complain(&mut self, keys: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        let replaced = |key: &str| self.reader.replaced.contains(&self.path_of_dotted(list_of(key)));
        if !self.reader.complete || keys.iter().any(|key| replaced(key)) {
            return;
        }
        if let Some((place, key)) = keys.iter().find_map(|key| Some((self.place_of(key)?, *key))) {
            let place = place.clone();
            self.note(&place, self.path_of_dotted(key), Complaint::new(message, hint));
        }
    }

    /// Tells of what is no mistake in a key that is set here, and should be mended all the same.
    pub(super) fn warn(&mut self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        if let Some(place) = self.place_of(key) {
            let warning = Mistake::new(place, self.path_of_dotted(key), Complaint::new(message, hint));
            self.reader.warnings.push(warning);
        }
    }

    fn path_of_dotted(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Where `a.b[0]`, counted from here, is set. The items of a list of the environment are where the list is.
    fn place_of(&self, key: &str) -> Option<&'t Place> {
        let mut table = self.own;
        let mut place = None;
        for segment in key.split('.') {
            let (name, index) = match segment.strip_suffix(']').and_then(|segment| segment.split_once('[')) {
                Some((name, index)) => (name, index.parse::<usize>().ok()),
                None => (segment, None),
            };
            let mut entry = table?.get(name)?;
            if let (Node::List(items), Some(index)) = (&entry.node, index) {
                entry = items.get(index).unwrap_or(entry);
            }
            table = match &entry.node {
                Node::Table(table) => Some(table),
                _ => None,
            };
            place = Some(&entry.value);
        }
        place
    }

    /// Whether a key of this table is set by the environment.
    pub(super) fn is_from_environment(&self, name: &str) -> bool {
        self.own(name).is_some_and(|entry| entry.value.source.starts_with(PREFIX))
    }
}

fn is_bare(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// For an item of a list of words, the list.
fn list_of(key: &str) -> &str {
    key.strip_suffix(']').and_then(|key| key.rsplit_once('[')).map_or(key, |(list, _)| list)
}
