//! Each figure of `docs/performance.md` stands beside a bench that is there, and no bench is forgotten.

use std::collections::BTreeSet;

use super::{files, read};

#[test]
fn each_figure_names_its_bench() {
    let document = read("docs/performance.md");
    let manifest = read("Cargo.toml");
    let benches: BTreeSet<_> = manifest
        .split("[[bench]]\nname = \"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    let table = document.split("\n| bench |").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    let mut named = BTreeSet::new();
    for row in table.lines().skip(2) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert!(cells.len() == 5 && !cells[2].is_empty() && !cells[3].is_empty(), "{row}");
        if !cells[1].is_empty() {
            named.insert(cells[1].trim_matches('`').to_owned());
        }
    }
    assert_eq!(named, benches);
    // Whatever is said to make a run shorter or other is read by a bench.
    let code: String = files("benches", ".rs").into_iter().map(|(_, text)| text).collect();
    let is_of_a_name = |c: char| c.is_ascii_uppercase() || c == '_';
    let names: Vec<_> = document
        .split("BENCH_")
        .skip(1)
        .map(|rest| rest.split(|c| !is_of_a_name(c)).next().unwrap())
        .collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(code.contains(&format!("\"BENCH_{name}\"")), "BENCH_{name}");
    }
    let test =
        document.split("cargo test --test system ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let code: String = files("tests/system", ".rs").into_iter().map(|(_, text)| text).collect();
    assert!(code.contains(test), "{test}");
}
