//! The settings: read from TOML and the environment, validated, plain data afterwards.
//!
//! [`load`] is the door in. The path of a value: `tree` keeps what was written and where (a `place`), `environment`
//! lays variables over it, `reader` walks it along the sections of the `schema`, `kinds`, `words` (with `jids`, `patterns`,
//! `urls`) and `times` turn texts into values, `checks` compares values, and `show` writes them out again. All files are read by
//! `file`.

mod checks;
mod environment;
mod file;
mod jids;
mod key;
mod kinds;
mod mistake;
mod patterns;
mod place;
mod reader;
mod schema;
mod secret;
mod settings;
mod show;
mod times;
mod tree;
mod urls;
mod variable;
mod words;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use file::Unreadable;
use mistake::Complaint;
use place::Place;
use reader::{Reader, Section as _};
use schema::known_keys;
use tree::{Entry, Node, Parsed, Table};

pub use mistake::{Mistake, Mistakes};
pub use secret::Secret;
pub use settings::*;

/// The settings, and what of them somebody set.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings, complete.
    pub settings: Settings,
    /// The keys that the file or the environment sets, in dotted form: `muc.domains`, `rule.room`.
    pub set: BTreeSet<String>,
    /// What is no mistake, and should be mended all the same.
    pub warnings: Vec<Mistake>,
}

/// Longest configuration file, in bytes: far more than one ever has.
const LONGEST_FILE: u64 = 1024 * 1024;

/// Reads the file, if one is named, and the environment over it (`std::env::vars_os()`).
///
/// # Errors
/// Every mistake in both; a file that cannot be read is one.
pub fn load<N: Into<OsString>, V: Into<OsString>>(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (N, V)>,
) -> Result<Loaded, Mistakes> {
    let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into()));
    let Some(path) = file else {
        let nothing = Parsed { table: Table::new(), mistakes: Vec::new(), complete: true };
        return read(None, nothing, environment);
    };
    let name = path.display().to_string();
    let parsed = match read_text(path, &name) {
        Ok(text) => tree::parse_file(&name, &text),
        Err(mistake) => Parsed::failed(vec![mistake]),
    };
    read(Some(&name), parsed, environment)
}

/// Reads a configuration out of a string, called `config.toml` in mistakes, without any environment.
///
/// # Errors
/// Every mistake in it.
pub fn from_toml(text: &str) -> Result<Loaded, Mistakes> {
    let name = "config.toml";
    read(Some(name), tree::parse_file(name, text), [])
}

/// What is wrong with an `http://` or `https://` URL, and how to write one.
///
/// # Errors
/// In one sentence, which does not repeat the URL.
pub fn check_url(url: &str) -> Result<(), String> {
    urls::check(url).map_err(|Complaint { message, hint }| format!("{message}; {hint}"))
}

/// The token in a file, as `http.token_file` is read.
///
/// # Errors
/// Why there is none: in one sentence, with what to do.
pub fn read_token(path: &Path) -> Result<Secret, String> {
    checks::token(path).map_err(|Complaint { message, hint }| format!("{message}; {hint}"))
}

/// The effective configuration as TOML, secrets blanked. A rule shows what it overrides.
pub fn effective_toml(settings: &Settings) -> String {
    let mut shown = show::Shown::default();
    settings.show("", &mut shown);
    shown.into_toml()
}

/// The keys in which two configurations differ, in dotted form; [`effective_toml`] cannot tell of secrets.
pub fn changed_keys(before: &Settings, now: &Settings) -> BTreeSet<String> {
    let shown = |settings: &Settings| {
        let mut shown = show::Shown::default();
        settings.show("", &mut shown);
        shown
    };
    let mut keys = shown(before).differences(&shown(now));
    let secrets = [
        ("xmpp.secret", &before.xmpp.secret, &now.xmpp.secret),
        ("start.stream_key", &before.start.stream_key, &now.start.stream_key),
        ("alerts.webhook", &before.alerts.webhook, &now.alerts.webhook),
        ("http.token", &before.http.token, &now.http.token),
        ("jibri.webhook_token", &before.jibri.webhook_token, &now.jibri.webhook_token),
        ("recordings.webhook", &before.recordings.webhook, &now.recordings.webhook),
        ("recordings.webhook_token", &before.recordings.webhook_token, &now.recordings.webhook_token),
    ];
    keys.extend(secrets.iter().filter(|(_, before, now)| before != now).map(|(key, ..)| (*key).to_owned()));
    keys
}

#[expect(clippy::result_large_err, reason = "happens once")]
fn read_text(path: &Path, name: &str) -> Result<String, Mistake> {
    let mistake = |line, message: String, hint: &str| {
        let place = Place { line, ..Place::whole(name) };
        Mistake::new(&place, "", Complaint::new(message, hint))
    };
    let contents = file::read(path, LONGEST_FILE).map_err(|why| {
        let hint = match why {
            Unreadable::Missing => "name another with --config or JIBRI_AUTOSTART_CONFIG",
            Unreadable::Forbidden(_) => {
                "allow it, for instance by the file's group, or run the command as a user who may read it; commands that \
                 only ask the running service need no configuration with --url"
            }
            Unreadable::Io(_) => "see that it can be read, or name another with --config or JIBRI_AUTOSTART_CONFIG",
            Unreadable::Irregular(_) => {
                "write the configuration into a file, and name that with --config or JIBRI_AUTOSTART_CONFIG"
            }
            Unreadable::TooLong(_) => "name the configuration file with --config or JIBRI_AUTOSTART_CONFIG",
        };
        mistake(None, why.to_string(), hint)
    })?;
    String::from_utf8(contents.bytes).map_err(|error| {
        let good = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = good.filter(|byte| **byte == b'\n').count().saturating_add(1);
        mistake(Some(line), "not UTF-8".to_owned(), "save the file in UTF-8")
    })
}

fn read(
    file: Option<&str>,
    parsed: Parsed,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded, Mistakes> {
    let Parsed { mut table, mut mistakes, complete } = parsed;
    let slips: BTreeSet<_> = mistakes.iter().filter_map(|slip| slip.line).collect();
    environment::overlay(&mut table, environment, known_keys(), &mut mistakes);
    let mut reader = Reader::new(&table, known_keys(), file, complete);
    let settings = reader.read::<Settings>();
    // A line that is no TOML is not also blamed for what could be made of it.
    mistakes.extend(reader.mistakes.into_iter().filter(|m| m.line.is_none_or(|line| !slips.contains(&line))));
    match settings {
        Some(settings) if mistakes.is_empty() => {
            let mut set = BTreeSet::new();
            collect_keys("", &table, &mut set);
            Ok(Loaded { settings, set, warnings: reader.warnings })
        }
        _ => Err(Mistakes::sorted(mistakes)),
    }
}

fn collect_keys(path: &str, table: &Table, keys: &mut BTreeSet<String>) {
    for (name, Entry { node, .. }) in table {
        let key = format!("{path}{name}");
        match node {
            Node::Table(table) => collect_keys(&format!("{key}."), table, keys),
            Node::List(items) if items.iter().any(|item| matches!(item.node, Node::Table(_))) => {
                for item in items {
                    if let Node::Table(table) = &item.node {
                        collect_keys(&format!("{key}."), table, keys);
                    }
                }
            }
            _ => {
                keys.insert(key);
            }
        }
    }
}
