//! Reads an XMPP stream into stanzas, one event after the other: no recursion, so depth is harmless.

use crate::xml::Node;
use rxml::error::EndOrError;
use rxml::{Event, Options, Parse, Parser, WithOptions};

/// Elements deeper than this inside a stanza are thrown away.
const MAX_DEPTH: usize = 64;
/// Longest attribute; far above what a client may send through Prosody.
const MAX_TOKEN: usize = 4 << 20;

/// What a stream consists of.
#[derive(Debug)]
pub enum Item {
    /// The opening tag.
    Open(Node),
    /// A whole stanza, or any other top-level element.
    Stanza(Node),
    /// The closing tag.
    Close,
}

/// One direction of one stream.
pub struct StreamParser {
    parser: Parser,
    /// The elements that are open inside the stream's root, the first [`MAX_DEPTH`] of them.
    open: Vec<Node>,
    /// All open elements, the root included.
    depth: usize,
}

impl Default for StreamParser {
    fn default() -> Self {
        let options = Options { max_token_length: MAX_TOKEN, ..Options::default() };
        StreamParser { parser: Parser::with_options(options), open: Vec::new(), depth: 0 }
    }
}

impl StreamParser {
    /// Takes in some bytes; gives what they complete. An error ends the stream.
    pub fn push(&mut self, mut bytes: &[u8], items: &mut Vec<Item>) -> Result<(), String> {
        loop {
            match self.parser.parse(&mut bytes, false) {
                Ok(Some(event)) => items.extend(self.event(event)),
                Ok(None) => return Ok(()),
                Err(EndOrError::NeedMoreData) => return Ok(()),
                Err(EndOrError::Error(error)) => return Err(error.to_string()),
            }
        }
    }

    fn event(&mut self, event: Event) -> Option<Item> {
        match event {
            Event::XmlDeclaration(..) => None,
            Event::StartElement(_, (ns, name), attrs) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return None;
                }
                let mut node = Node::new(&name, &ns);
                for ((ns, name), value) in attrs.iter() {
                    if ns.is_none() {
                        node.set(name, value);
                    } else if ns.as_str() == rxml::XMLNS_XML {
                        node.set(&format!("xml:{name}"), value);
                    }
                }
                if self.depth == 1 {
                    return Some(Item::Open(node));
                }
                self.open.push(node);
                None
            }
            Event::Text(_, text) => {
                if self.depth <= MAX_DEPTH
                    && let Some(node) = self.open.last_mut()
                {
                    node.text.push_str(&text);
                }
                None
            }
            Event::EndElement(_) => {
                self.depth -= 1;
                if self.depth >= MAX_DEPTH {
                    return None;
                }
                match (self.open.pop(), self.open.last_mut()) {
                    (None, _) => Some(Item::Close),
                    (Some(node), None) => Some(Item::Stanza(node)),
                    (Some(node), Some(parent)) => {
                        parent.children.push(node);
                        None
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                        xmlns:stream='http://etherx.jabber.org/streams' xml:lang='en'>";

    fn stanzas(text: &str) -> Vec<Node> {
        let mut items = Vec::new();
        let mut parser = StreamParser::default();
        // Byte by byte is the worst that a socket can do.
        for byte in OPEN.bytes().chain(text.bytes()) {
            parser.push(&[byte], &mut items).unwrap();
        }
        items.into_iter().filter_map(|i| if let Item::Stanza(node) = i { Some(node) } else { None }).collect()
    }

    #[test]
    fn reads_what_the_serializer_writes() {
        let node = Node::presence("r@m/n").child(Node::new("query", "q:1").child(Node::new("a", "")));
        let read = stanzas(&node.to_string());
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].to_string(), node.to_string());
    }

    #[test]
    fn depth_is_cut_and_the_next_stanza_is_read() {
        let deep = format!("<message>{}{}</message><presence/>", "<a>".repeat(30_000), "</a>".repeat(30_000));
        let read = stanzas(&deep);
        assert_eq!(read.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["message", "presence"]);
        let mut levels = 0;
        let mut node = &read[0];
        while let Some(child) = node.children.first() {
            levels += 1;
            node = child;
        }
        assert!(levels > 10 && levels < MAX_DEPTH);
    }
}
