//! Tables for people: on a terminal they fit its width, whatever the names in them; elsewhere nothing is cut.

use std::io::IsTerminal as _;

use terminal_size::{Width, terminal_size};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::plain::plain;

/// Narrowest terminal for which lines are made to fit, in columns.
pub(super) const WIDTH: usize = 80;
/// Most characters of a cell that are looked at: more than anything that the service shows is long.
pub(super) const MOST: usize = 16 * 1024;

/// How a cell is coloured, on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    None,
    Good,
    Odd,
    Bad,
}

impl Colour {
    /// The terminal's code for it.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Good => Some("32"),
            Self::Odd => Some("33"),
            Self::Bad => Some("31"),
        }
    }
}

/// What a text is printed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Medium {
    /// Columns; longer lines are cut. None: as many as it takes.
    width: Option<usize>,
    is_coloured: bool,
}

impl Medium {
    /// Whatever stdout is.
    pub(super) fn stdout() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self { width: None, is_coloured: false };
        }
        let width = terminal_size().map_or(WIDTH, |(Width(width), _)| usize::from(width).max(WIDTH));
        let is_coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { width: Some(width), is_coloured }
    }

    /// The code for a colour, if there are any here.
    pub(super) fn code(self, colour: Colour) -> Option<&'static str> {
        colour.code().filter(|_| self.is_coloured)
    }

    /// A line, or as much of it as fits.
    pub(super) fn line(self, text: &str) -> String {
        self.width.map_or_else(|| text.to_owned(), |width| cut(text, width))
    }
}

#[cfg(test)]
impl Medium {
    /// A file.
    pub(super) const FILE: Self = Self { width: None, is_coloured: false };
    /// A terminal without colours.
    pub(super) const NARROW: Self = Self { width: Some(WIDTH), is_coloured: false };
    /// A terminal.
    pub(super) const COLOURED: Self = Self { width: Some(WIDTH), is_coloured: true };
}

/// A table whose first column takes the space that the others leave: it holds names of any length.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Row>,
    medium: Medium,
    names_last: bool,
}

#[derive(Debug)]
struct Row {
    cells: Vec<(String, Colour)>,
    /// Each on a line of its own, below.
    notes: Vec<String>,
}

impl Table {
    /// Without any row.
    pub(super) fn new(heads: &[&str], medium: Medium) -> Self {
        let cells = heads.iter().map(|head| ((*head).to_owned(), Colour::None)).collect();
        Self { rows: vec![Row { cells, notes: Vec::new() }], medium, names_last: false }
    }

    /// The last column holds names as well: where both are too wide, each gets half of what the others leave.
    pub(super) fn with_names_last(self) -> Self {
        Self { names_last: true, ..self }
    }

    /// Text of any kind, made fit to be shown. Empty cells become a dash.
    pub(super) fn row(&mut self, cells: Vec<(String, Colour)>, note: Option<&str>) {
        let shown = |text: String| if text.is_empty() { "-".to_owned() } else { plain(&text, MOST) };
        let cells = cells.into_iter().map(|(text, colour)| (shown(text), colour)).collect();
        self.rows.push(Row { cells, notes: Vec::new() });
        if let Some(note) = note {
            self.note(note);
        }
    }

    /// One more line below the last row.
    pub(super) fn note(&mut self, note: &str) {
        if let Some(row) = self.rows.last_mut() {
            row.notes.push(plain(note, MOST));
        }
    }

    /// As lines.
    pub(super) fn text(&self) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (n, ((cell, colour), width)) in row.cells.iter().zip(&widths).enumerate() {
                if n > 0 {
                    line.push_str("  ");
                }
                let cell = cut(cell, *width);
                let space = " ".repeat(width.saturating_sub(cell.width()));
                match self.medium.code(*colour) {
                    Some(code) => line.push_str(&format!("\u{1b}[{code}m{cell}\u{1b}[0m{space}")),
                    None => line.push_str(&format!("{cell}{space}")),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
            for note in &row.notes {
                text.push_str(&self.medium.line(&format!("  {note}")));
                text.push('\n');
            }
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.first().map_or(0, |head| head.cells.len());
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(column));
            cells.map(|(cell, _)| cell.width()).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..columns).map(widest).collect();
        let Some(width) = self.medium.width else { return widths };
        let gaps = columns.saturating_sub(1).saturating_mul(2);
        let inner: usize = widths.iter().skip(1).rev().skip(1).sum();
        let left = width.saturating_sub(gaps).saturating_sub(inner);
        if let [first, .., last] = widths.as_mut_slice() {
            if self.names_last {
                let half = left / 2;
                *last = (*last).min(half.max(left.saturating_sub(*first)));
            }
            *first = (*first).min(left.saturating_sub(*last));
        }
        widths
    }
}

/// The beginning of a text that fits into so many columns.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut taken = 1_usize;
    let mut begin: String = text
        .chars()
        .take_while(|c| {
            taken = taken.saturating_add(c.width().unwrap_or(0));
            taken <= width
        })
        .collect();
    begin.push('…');
    begin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(first: &str, last: &str) -> Vec<(String, Colour)> {
        [first, "recording", last].map(|text| (text.to_owned(), Colour::Good)).into()
    }

    #[test]
    fn lines_fit_a_terminal_and_elsewhere_nothing_is_cut() {
        let long = "世界".repeat(500);
        for (first, last) in [("a", "b"), (&*long, "b"), ("a", &*long), (&*long, &*long)] {
            let table = |medium| {
                let mut table = Table::new(&["JIBRI", "STATE", "ROOM"], medium).with_names_last();
                table.row(row(first, last), Some(&long));
                table.text()
            };
            let text = table(Medium::NARROW);
            assert!(text.lines().all(|line| line.width() <= WIDTH), "{text}");
            assert_eq!(text.lines().count(), 3);
            let whole = table(Medium::FILE);
            assert!([first, last, &long].iter().all(|name| whole.contains(name)), "{whole}");
            assert!(!whole.contains('…'));
        }
    }

    #[test]
    fn a_time_in_the_last_column_is_never_cut() {
        let mut table = Table::new(&["ROOM", "STATE", "SINCE"], Medium::NARROW);
        table.row(row(&"x".repeat(500), "7000 y 364 d, still"), None);
        let text = table.text();
        assert!(text.ends_with("…  recording  7000 y 364 d, still\n"), "{text}");
        assert!(text.lines().all(|line| line.width() <= WIDTH), "{text}");
    }

    #[test]
    fn what_comes_from_the_network_is_tamed_and_colour_is_ours() {
        let mut table = Table::new(&["ROOM", "STATE", "SINCE"], Medium::COLOURED);
        table.row(row("\u{1b}[2J\n\u{202e}x", ""), Some("\u{7}"));
        let text = table.text();
        assert!(text.starts_with("ROOM"), "{text}");
        assert!(text.contains("\u{1b}[32mrecording\u{1b}[0m") && !text.contains("[2J\n"), "{text}");
        assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{202e}') && !text.contains('\u{7}'));
        let mut plain = Table::new(&["ROOM", "STATE", "SINCE"], Medium::NARROW);
        plain.row(row("x", ""), None);
        assert_eq!(plain.text(), "ROOM  STATE      SINCE\nx     recording  -\n");
    }
}
