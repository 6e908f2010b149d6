//! Cuts a stream into stanzas and holds back those that the XML parser behind it would choke on.
//!
//! To `rxml` every XML error is the end of the document, and here the document is the whole stream
//! (RFC 6120, section 11.3). Two kinds of errors can be brought about by a participant, since Prosody's
//! parser takes them and hands them on: a name or attribute longer than 8192 bytes, and `<xml:foo/>`, which
//! arrives as `<foo xmlns='http://www.w3.org/XML/1998/namespace'>`, a reserved name. So each stanza is
//! first tried on a parser of its own, and replaced by [`placeholder`] if that parser refuses it.
//!
//! Who cannot be read must not be overlooked, though: of an unreadable presence what the room has added is kept,
//! and handed on after the placeholder, or a moderator could hide from us by it.
//!
//! To find where a stanza ends takes less than parsing: only brackets, quotes and the depth.

use xso::exports::rxml::{Event, Parse, Parser};

/// Longest stanza that is held; of a longer one only the place is kept. Prosody takes 256 KiB from a
/// client, and escaping can make six of one byte.
const MAX_STANZA: usize = 8 * 1024 * 1024;
/// Deepest stanza that is parsed. `rxml` looks a namespace up through all the elements around, so the time
/// for a stanza grows with the square of its depth: a participant's message of 30,000 levels would hold us
/// up for seconds. Jitsi's own go down to about ten.
const MAX_DEPTH: usize = 200;
/// Longest stream header that is kept for the trial parser.
const MAX_HEADER: usize = 16 * 1024;
/// Longest `from` that is kept of an unreadable stanza, as it is written.
const MAX_FROM: usize = 4 * 1024;
/// What a room adds to each presence starts like this, as Prosody writes it; it takes such elements out of what
/// participants send.
const ROOMS_WORD: &[u8] = b"<x xmlns='http://jabber.org/protocol/muc#user'";
/// Longest of these that is kept.
const MAX_ROOMS_WORD: usize = 32 * 1024;
/// A buffer that has grown beyond this is given back.
const KEEP: usize = 64 * 1024;
/// The namespace of the element that takes the place of a stanza that cannot be read.
pub(super) const NS_GUARD: &str = "urn:xmpp-guard:unreadable";

/// Where in the markup the last byte was.
#[derive(Clone, Copy)]
enum Lex {
    /// Between tags.
    Text,
    /// After `<`.
    Open,
    /// In a start tag; whether the last byte was a `/`.
    Start { slash: bool },
    /// In a quoted value of a start tag.
    Quoted(u8),
    /// In an end tag.
    End,
    /// After `<!`, with how much of `[CDATA[` matched.
    Bang(u8),
    /// In a CDATA section, with how much of `]]>` matched.
    CData(u8),
    /// In a declaration, instruction or comment. Prosody sends none inside a stanza, and the trial
    /// refuses them, so it does not matter where exactly they end.
    Other,
}

/// What a byte has completed.
enum Mark {
    Nothing,
    Started,
    Empty,
    Ended,
    Other,
}

impl Lex {
    fn step(&mut self, byte: u8) -> Mark {
        const CDATA: &[u8] = b"[CDATA[";
        let (next, mark) = match (*self, byte) {
            (Lex::Text, b'<') => (Lex::Open, Mark::Nothing),
            (Lex::Text, _) => (Lex::Text, Mark::Nothing),
            (Lex::Open, b'/') => (Lex::End, Mark::Nothing),
            (Lex::Open, b'!') => (Lex::Bang(0), Mark::Nothing),
            (Lex::Open, b'?') => (Lex::Other, Mark::Nothing),
            (Lex::Start { slash: true }, b'>') => (Lex::Text, Mark::Empty),
            (Lex::Open | Lex::Start { .. }, b'>') => (Lex::Text, Mark::Started),
            (Lex::Start { .. }, b'\'' | b'"') => (Lex::Quoted(byte), Mark::Nothing),
            (Lex::Open | Lex::Start { .. }, _) => (Lex::Start { slash: byte == b'/' }, Mark::Nothing),
            (Lex::Quoted(quote), _) if quote == byte => (Lex::Start { slash: false }, Mark::Nothing),
            (Lex::Quoted(quote), _) => (Lex::Quoted(quote), Mark::Nothing),
            (Lex::End, b'>') => (Lex::Text, Mark::Ended),
            (Lex::End, _) => (Lex::End, Mark::Nothing),
            (Lex::Bang(n), _) if CDATA.get(usize::from(n)) == Some(&byte) => match n.saturating_add(1) {
                7 => (Lex::CData(0), Mark::Nothing),
                n => (Lex::Bang(n), Mark::Nothing),
            },
            (Lex::CData(2), b'>') => (Lex::Text, Mark::Nothing),
            (Lex::CData(n), b']') => (Lex::CData(n.saturating_add(1).min(2)), Mark::Nothing),
            (Lex::CData(_), _) => (Lex::CData(0), Mark::Nothing),
            (Lex::Bang(_) | Lex::Other, b'>') => (Lex::Text, Mark::Other),
            (Lex::Bang(_) | Lex::Other, _) => (Lex::Other, Mark::Nothing),
        };
        *self = next;
        mark
    }
}

/// Takes the bytes of a stream as they come and gives whole, harmless stanzas.
pub(super) struct Framer {
    lex: Lex,
    depth: usize,
    /// The stream header, for the trial parser.
    header: Vec<u8>,
    /// The stanza so far.
    held: Vec<u8>,
    /// Of a stanza that is too long, what will take its place.
    skipping: Option<Remains>,
    /// The child of the stanza that is being read, while it may be the room's word.
    child: Option<Vec<u8>>,
    /// The room's word in this stanza.
    rooms_word: Vec<u8>,
    /// A parser that has read the header and any number of stanzas; none after it has refused one.
    trial: Option<Parser>,
}

impl Framer {
    pub(super) fn new() -> Self {
        Self {
            lex: Lex::Text,
            depth: 0,
            header: Vec::new(),
            held: Vec::new(),
            skipping: None,
            child: None,
            rooms_word: Vec::new(),
            trial: None,
        }
    }

    /// Reads `input` and appends to `out` what may be handed on.
    pub(super) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        for &byte in input {
            self.push_byte(byte, out);
        }
    }

    fn push_byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        let between = matches!(self.lex, Lex::Text);
        let mark = self.lex.step(byte);
        if self.depth == 0 {
            // The header, its declaration before it, and whatever a peer that speaks no XMPP says.
            out.push(byte);
            if self.header.len() < MAX_HEADER {
                self.header.push(byte);
            }
            if matches!(mark, Mark::Started) {
                self.depth = 1;
            }
            return;
        }
        if self.depth == 1 && between && matches!(self.lex, Lex::Text) {
            // Whitespace between stanzas keeps a link alive (RFC 6120, section 4.6.1).
            out.push(byte);
            return;
        }
        self.hold(byte);
        self.listen(byte, between, &mark);
        match mark {
            Mark::Nothing => {}
            Mark::Started => {
                self.depth = self.depth.saturating_add(1);
                if self.depth > MAX_DEPTH {
                    self.skip();
                }
            }
            Mark::Empty if self.depth == 1 => self.release(out),
            Mark::Empty => {}
            Mark::Ended => {
                self.depth = self.depth.saturating_sub(1);
                match self.depth {
                    // The footer; what a next stream would be starts over.
                    0 => {
                        out.append(&mut self.held);
                        self.header.clear();
                        self.trial = None;
                    }
                    1 => self.release(out),
                    _ => {}
                }
            }
            Mark::Other if self.depth == 1 => self.held.clear(),
            Mark::Other => {}
        }
    }

    fn hold(&mut self, byte: u8) {
        if self.skipping.is_some() {
            return;
        }
        if self.held.len() >= MAX_STANZA {
            self.skip();
        } else {
            self.held.push(byte);
        }
    }

    /// Gives the stanza up.
    fn skip(&mut self) {
        if self.skipping.is_none() {
            self.skipping = Some(Remains::of(&self.held));
            self.held = Vec::new();
        }
    }

    /// Picks the room's word out of a stanza's children.
    fn listen(&mut self, byte: u8, between: bool, mark: &Mark) {
        if self.depth == 2 && between && byte == b'<' {
            self.child = Some(Vec::new());
        }
        let Some(child) = &mut self.child else { return };
        let fits = ROOMS_WORD.get(child.len()).is_none_or(|expected| *expected == byte);
        child.push(byte);
        if !fits || child.len() > MAX_ROOMS_WORD {
            self.child = None;
        } else if matches!((self.depth, mark), (2, Mark::Empty) | (3, Mark::Ended)) {
            self.rooms_word = self.child.take().unwrap_or_default();
        }
    }

    /// The stanza is complete.
    fn release(&mut self, out: &mut Vec<u8>) {
        let rooms_word = std::mem::take(&mut self.rooms_word);
        let skipped = self.skipping.take();
        if skipped.is_none() && self.is_readable() {
            out.extend_from_slice(&self.held);
        } else {
            let Remains { placeholder, presence } = skipped.unwrap_or_else(|| Remains::of(&self.held));
            out.extend_from_slice(placeholder.as_bytes());
            if let Some(start) = presence.filter(|_| !rooms_word.is_empty()) {
                self.held = [start.as_bytes(), &rooms_word, b"</presence>"].concat();
                if self.is_readable() {
                    out.extend_from_slice(&self.held);
                }
            }
        }
        self.held.clear();
        shrink(&mut self.held);
    }

    /// Whether a parser in the state of the one behind us takes what is held, and takes it for exactly
    /// one element.
    fn is_readable(&mut self) -> bool {
        let mut parser = match self.trial.take() {
            Some(parser) => parser,
            None => {
                let mut parser = Parser::default();
                let mut header = self.header.as_slice();
                while let Ok(Some(_)) = parser.parse(&mut header, false) {}
                parser
            }
        };
        let mut depth = 0_usize;
        let mut rest = self.held.as_slice();
        loop {
            match parser.parse(&mut rest, false) {
                Ok(Some(Event::StartElement(..))) => depth = depth.saturating_add(1),
                Ok(Some(Event::EndElement(_))) => match depth.checked_sub(1) {
                    None => return false,
                    Some(0) if rest.is_empty() => {
                        self.trial = Some(parser);
                        return true;
                    }
                    // The element was over before the stanza was.
                    Some(0) => return false,
                    Some(left) => depth = left,
                },
                Ok(Some(Event::Text(..) | Event::XmlDeclaration(..))) => {}
                Ok(None) | Err(_) => return false,
            }
        }
    }
}

/// Gives memory back that one big stanza has taken.
pub(super) fn shrink(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEEP {
        buffer.shrink_to(KEEP);
    }
}

/// What is left of an unreadable stanza.
struct Remains {
    /// Stands in for it: an element of our own with the stanza's `from`, if that much could be read.
    placeholder: String,
    /// If it is a presence, its start tag with the attributes that count.
    presence: Option<String>,
}

impl Remains {
    fn of(stanza: &[u8]) -> Self {
        let nameless = || format!("<unreadable xmlns='{NS_GUARD}'/>");
        let from = raw_attribute(stanza, "from").filter(|(_, from)| from.len() <= MAX_FROM);
        let Some((quote, from)) = from else { return Self { placeholder: nameless(), presence: None } };
        let named = format!("<unreadable xmlns='{NS_GUARD}' from={quote}{from}{quote}/>");
        let presence = stanza.starts_with(b"<presence ").then(|| match raw_attribute(stanza, "type") {
            None => format!("<presence from={quote}{from}{quote}>"),
            Some((_, "unavailable")) => format!("<presence from={quote}{from}{quote} type='unavailable'>"),
            Some(_) => String::new(),
        });
        let (mut parser, mut rest) = (Parser::default(), named.as_bytes());
        loop {
            match parser.parse(&mut rest, true) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    return Self { placeholder: named, presence: presence.filter(|start| !start.is_empty()) };
                }
                Err(_) => return Self { placeholder: nameless(), presence: None },
            }
        }
    }
}

/// An attribute of the start tag as it is written, and its quotes. Done by hand, for to an `rxml` that is to
/// take long attributes each `&apos;` in them costs a buffer of that length.
fn raw_attribute<'a>(stanza: &'a [u8], wanted: &str) -> Option<(char, &'a str)> {
    let mut rest = stanza.utf8_chunks().next()?.valid();
    loop {
        let (name, after) = rest.split_once('=')?;
        if name.contains('>') {
            return None;
        }
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (value, next) = after.strip_prefix(quote)?.split_once(quote)?;
        let name = name.trim_end().strip_suffix(wanted);
        if name.is_some_and(|before| before.ends_with(char::is_whitespace)) {
            return Some((quote, value));
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests;
