//! Names that other people's scripts depend on are in the documents as in the program: metrics, and the states of a room.

use std::collections::BTreeSet;

use jibri_autostart::meeting::State;

use super::{documents, files, read};

#[test]
fn the_metrics_in_the_documents_are_the_programs() {
    let source: String = files("src/surface", ".rs").into_iter().map(|(_, text)| text).collect();
    // Each is registered without the beginning that all have, and counters without their end.
    let is_of_a_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut named = BTreeSet::new();
    for (path, text) in documents() {
        for rest in text.split("`jibri_autostart_").skip(1) {
            let name = rest.split(|c| !is_of_a_name(c)).next().unwrap();
            // One of the companion's options in Prosody begins alike.
            if ["component", "companion", "focus"].contains(&name) {
                continue;
            }
            named.insert(name.to_owned());
            let name = name.trim_end_matches("_total").trim_end_matches("_bucket");
            assert!(source.contains(&format!("\"{name}\"")), "{}: {name}", path.display());
        }
    }
    assert!(named.len() > 18, "{named:?}");
}

#[test]
fn every_state_of_a_room_is_in_the_table() {
    let document = read("docs/operating.md");
    let (_, section) = document.split_once("\n### The states of a room\n").unwrap();
    let table = section.split("\n## ").next().unwrap();
    let written: BTreeSet<_> =
        table.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    let states = [
        State::Idle,
        State::Settling,
        State::Waiting,
        State::Starting,
        State::Pending,
        State::Recording,
        State::Stopping,
        State::Backoff,
        State::Held,
    ];
    assert_eq!(written, states.map(State::name).into());
}
