//! Whoever looks for a line of the log in `docs/troubleshooting.md` finds it as the program writes it.

use std::path::{Path, PathBuf};

use super::{read, root};

/// The source of the program, with its long strings in one piece.
fn source(dir: &Path) -> String {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        if path.is_dir() {
            source(&path)
        } else if is_rust {
            std::fs::read_to_string(path).unwrap()
        } else {
            String::new()
        }
    };
    let text: Vec<_> = entries.map(read).collect();
    text.join("\n").split("\\\n").map(str::trim_start).collect()
}

#[test]
fn its_lines_of_the_log_are_written_by_the_program() {
    let source = source(&root().join("src"));
    let document = read("docs/troubleshooting.md");
    let cells =
        document.lines().filter(|line| line.starts_with("| ")).filter_map(|row| row.split('|').nth(1));
    // What is quoted after this word, in the same cell.
    let said = cells
        .flat_map(|cell| cell.split("log: ").skip(1))
        .flat_map(|rest| rest.split('`').skip(1).step_by(2));
    let pieces: Vec<_> =
        said.flat_map(|said| said.split('…')).map(str::trim).filter(|piece| !piece.is_empty()).collect();
    assert!(pieces.len() > 35, "{pieces:?}");
    for piece in pieces {
        // Which source of rooms it is, is put in.
        let piece = piece.strip_prefix("jicofo ").unwrap_or(piece);
        // The path is no line of the log, but stands beside one.
        assert!(piece == "/readyz" || source.contains(piece), "{piece:?} is not written anywhere");
    }
}
