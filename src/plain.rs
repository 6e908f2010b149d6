//! Text from outside, made fit for a log line, a page or an alert: short, on one line, and saying only what
//! it shows.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Stands for a character that was taken out.
const REPLACED: char = '\u{fffd}';
/// Stands for text that was cut off.
const CUT: char = '…';

/// At most `most` characters of `text`. Control characters, and those that change the direction of what
/// follows or are not to be seen, are replaced.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let mut left = text.chars();
    let mut plain: String = left.by_ref().take(most).map(shown).collect();
    if left.next().is_some() {
        plain.pop();
        plain.push(CUT);
    }
    plain
}

/// As [`plain`], but what had to be changed gets a mark of its own, so that two names that differ still do.
pub(crate) fn plain_name(name: &str, most: usize) -> String {
    let plain = plain(name, most);
    if plain == name {
        return plain;
    }
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    // Eight digits tell apart what people would otherwise mix up; they need not withstand an attack.
    let mark = hasher.finish() >> 32;
    format!("{plain}~{mark:08x}")
}

/// The last `most` characters of what a program wrote, in any encoding, as one line.
pub(crate) fn plain_end(output: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let line = lines.join(" | ");
    let too_many = line.chars().count().saturating_sub(most);
    if too_many == 0 {
        return plain(&line, most);
    }
    let end: String = line.chars().skip(too_many.saturating_add(1)).map(shown).collect();
    format!("{CUT}{end}")
}

fn shown(c: char) -> char {
    if c == '\t' {
        ' '
    } else if c.is_control() || is_invisible(c) {
        REPLACED
    } else {
        c
    }
}

/// Line breaks by another name, and what Unicode has for direction, joining, tagging and hiding (UTS 55,
/// section 5).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_can_be_shown() {
        assert_eq!(
            plain("Schöne Grüße, 世界 🙂 \"quoted\" <b>", 100),
            "Schöne Grüße, 世界 🙂 \"quoted\" <b>"
        );
        assert_eq!(plain("a\nb\r\x1b[31mc\0d\u{202e}e\u{2066}f\u{200b}\tg", 100), "a�b��[31mc�d�e�f� g");
        assert_eq!((plain("abc", 3).as_str(), plain("abcd", 3).as_str()), ("abc", "ab…"));
        assert_eq!((plain("", 3).as_str(), plain("ab", 0).as_str()), ("", "…"));
    }

    #[test]
    fn names_that_differ_still_do() {
        assert_eq!(plain_name("r1@muc.meet.jitsi", 200), "r1@muc.meet.jitsi");
        let long = |end: &str| plain_name(&format!("{}{end}", "a".repeat(300)), 200);
        assert_ne!(long("x"), long("y"));
        assert_ne!(plain_name("a\u{202e}", 200), plain_name("a\u{202d}", 200));
        assert_eq!(long("x").chars().count(), 209);
    }

    #[test]
    fn the_end_of_an_output_is_one_line() {
        assert_eq!(plain_end(b"one\r\n\n two\xff \nthree\x1b[0m\n", 100), "one |  two� | three�[0m");
        assert_eq!(plain_end(b"", 100), "");
        let end = plain_end("é".repeat(500).as_bytes(), 100);
        assert_eq!((end.chars().count(), end.starts_with('…')), (100, true));
    }
}
