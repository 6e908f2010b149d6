//! Links, anchors and citations lead somewhere, and every document is to be found.

use std::collections::BTreeSet;

use super::{documents, files, read, root};

/// The numbers of sections that a text cites: "docs/jitsi.md 1.5, 10.3" are two. `document`: how that one is named there.
fn cited<'a>(text: &'a str, document: &str) -> Vec<&'a str> {
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let after = text.split(document).skip(1);
    after
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit() && !", .and".contains(c)).next())
        .flat_map(|list| {
            list.split([' ', ',']).filter(|word| !matches!(*word, "" | "and")).take_while(is_number)
        })
        .map(|number| number.trim_end_matches('.'))
        .collect()
}

#[test]
fn the_sections_that_are_cited_are_there() {
    let document = read("docs/jitsi.md");
    let mut section = "";
    let mut there = BTreeSet::new();
    for line in document.lines() {
        let line = line.trim_start_matches('#').trim_start();
        let number = line.split(' ').next().unwrap_or_default();
        let Some(number) = number
            .strip_suffix('.')
            .or(Some(number))
            .filter(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.'))
        else {
            continue;
        };
        // The items of section 13 are cited as 13.1.4.
        if line.starts_with("13.") && number.matches('.').count() == 1 {
            section = number;
        }
        there.insert(number.to_owned());
        there.insert(format!("{section}.{number}"));
    }
    let mut seen = 0;
    let code = ["src", "tests", "benches"].iter().flat_map(|dir| files(dir, ".rs"));
    let lua = files("deploy/prosody", ".lua");
    for (path, text) in code.chain(lua).chain(documents()) {
        let both = ["docs/jitsi.md ", "jitsi.md) "].map(|name| cited(&text, name));
        for number in both.concat() {
            seen += 1;
            assert!(there.contains(number), "{}: docs/jitsi.md has no {number}", path.display());
        }
    }
    assert!(seen > 90, "{seen}");
}

/// A heading as GitHub makes an anchor of it.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    heading.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

/// The anchors of a document. What looks like a heading in a block of code is none.
fn anchors(document: &str) -> BTreeSet<String> {
    let outside = document.split("\n```").step_by(2);
    outside.flat_map(str::lines).filter(|line| line.starts_with('#')).map(anchor).collect()
}

#[test]
fn the_links_of_the_documents_lead_somewhere() {
    let mut linked = BTreeSet::new();
    let mut seen = 0;
    let documents = documents();
    for (path, text) in &documents {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            seen += 1;
            let (file, to) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", path.display());
            if !to.is_empty() {
                let there = anchors(&std::fs::read_to_string(&target).unwrap());
                assert!(there.contains(to), "{}: {link}", path.display());
            }
            linked.insert(target.canonicalize().unwrap());
        }
    }
    assert!(seen > 150, "{seen}");
    // Nothing lies where nobody finds it.
    for (path, _) in documents.iter().filter(|(path, _)| path.starts_with(root().join("docs"))) {
        assert!(
            linked.contains(&path.canonicalize().unwrap()),
            "{}: no document leads there",
            path.display()
        );
    }
}

/// Comments and messages that send people to a document: also what is deployed, and the configuration.
#[test]
fn the_documents_that_are_named_are_there() {
    let kinds = [("src", ".rs"), ("tests", ".rs"), ("benches", ".rs"), ("deploy", ""), ("config", ".toml")];
    let is_of_a_path = |c: char| c.is_ascii_alphanumeric() || "/-_".contains(c);
    let mut seen = 0;
    for (path, text) in kinds.iter().flat_map(|(dir, ends)| files(dir, ends)) {
        for (at, _) in text.match_indices(".md") {
            let begin = text[..at].rfind(|c| !is_of_a_path(c)).map_or(0, |before| before + 1);
            let name = &text[begin..at + ".md".len()];
            if name.starts_with("docs/") || name.starts_with("deploy/") {
                seen += 1;
                assert!(root().join(name).exists(), "{}: {name}", path.display());
            }
        }
    }
    assert!(seen > 40, "{seen}");
}

/// Whoever follows a walk through the code finds each file.
#[test]
fn the_files_of_the_code_that_are_named_are_there() {
    let code: Vec<_> =
        ["src", "tests"].iter().flat_map(|dir| files(dir, ".rs")).map(|(path, _)| path).collect();
    let mut seen = 0;
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = read(document);
        for name in text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| name.ends_with(".rs") && !name.contains(['*', ' ']))
        {
            seen += 1;
            assert!(code.iter().any(|path| path.ends_with(name)), "{document}: {name}");
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn the_readme_is_read_in_one_sitting() {
    let readme = read("README.md");
    assert!(readme.lines().count() < 200, "{}", readme.lines().count());
    for path in ["deploy/demo.sh", "tests/prepare.sh", "LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(root().join(path).exists() && readme.contains(path), "{path}");
    }
}
