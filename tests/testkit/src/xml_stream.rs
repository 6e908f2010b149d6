//! Reads an XMPP stream into stanzas, one event after the other: no recursion, so depth is harmless.

use crate::xml::Node;
use rxml::error::EndOrError;
use rxml::{Options, Parse, RawEvent, RawParser, WithOptions};

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
///
/// Namespaces are resolved here and not by `rxml::Parser`, which searches all open elements for each new one: thirty
/// thousand levels then cost seconds in a debug build, for every client that is in the room.
pub struct StreamParser {
    parser: RawParser,
    /// The elements that are open, the root included, the first [`MAX_DEPTH`] of them.
    open: Vec<Open>,
    /// All open elements.
    depth: usize,
    /// An element whose attributes are being read.
    head: Option<Head>,
}

struct Open {
    node: Node,
    /// Prefixes declared here, and what they stand for; the empty one is the default.
    scope: Vec<(String, String)>,
}

struct Head {
    prefix: String,
    open: Open,
}

impl Default for StreamParser {
    fn default() -> Self {
        let options = Options { max_token_length: MAX_TOKEN, ..Options::default() };
        let parser = RawParser::with_options(options);
        StreamParser { parser, open: Vec::new(), depth: 0, head: None }
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

    fn event(&mut self, event: RawEvent) -> Option<Item> {
        match event {
            RawEvent::XmlDeclaration(..) => {}
            RawEvent::ElementHeadOpen(_, (prefix, name)) => {
                self.depth += 1;
                if self.depth <= MAX_DEPTH {
                    let prefix = prefix.map(|prefix| prefix.to_string()).unwrap_or_default();
                    let open = Open { node: Node::new(&name, ""), scope: Vec::new() };
                    self.head = Some(Head { prefix, open });
                }
            }
            RawEvent::Attribute(_, (prefix, name), value) => {
                if let Some(Head { open, .. }) = &mut self.head {
                    match prefix.as_ref().map(|prefix| prefix.as_str()) {
                        None if name == "xmlns" => open.scope.push((String::new(), value)),
                        None => open.node.set(&name, &value),
                        Some("xmlns") => open.scope.push((name.to_string(), value)),
                        Some("xml") => open.node.set(&format!("xml:{name}"), &value),
                        Some(_) => {}
                    }
                }
            }
            RawEvent::ElementHeadClose(_) => {
                let Head { prefix, mut open } = self.head.take()?;
                open.node.ns = self.namespace(&open, &prefix);
                self.open.push(open);
                if let [root] = self.open.as_slice() {
                    return Some(Item::Open(root.node.clone()));
                }
            }
            RawEvent::Text(_, text) => {
                if (2..=MAX_DEPTH).contains(&self.depth)
                    && let Some(open) = self.open.last_mut()
                {
                    open.node.text.push_str(&text);
                }
            }
            RawEvent::ElementFoot(_) => {
                self.depth -= 1;
                if self.depth < MAX_DEPTH {
                    return self.close();
                }
            }
        }
        None
    }

    fn close(&mut self) -> Option<Item> {
        let node = self.open.pop()?.node;
        match self.open.as_mut_slice() {
            [] => Some(Item::Close),
            [_] => Some(Item::Stanza(node)),
            [.., parent] => {
                parent.node.children.push(node);
                None
            }
        }
    }

    fn namespace(&self, innermost: &Open, prefix: &str) -> String {
        let scopes = self.open.iter().chain([innermost]).rev();
        let mut declared =
            scopes.flat_map(|open| open.scope.iter().filter(|(declared, _)| declared == prefix));
        declared.next().map(|(_, namespace)| namespace.clone()).unwrap_or_default()
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
    fn resolves_prefixes() {
        let read =
            stanzas("<stream:features><a:b xmlns:a='x' xmlns='y' xml:lang='de'><c/></a:b></stream:features>");
        assert_eq!(read[0].ns, "http://etherx.jabber.org/streams");
        let b = &read[0].children[0];
        assert!(b.is("b", "x") && b.children[0].is("c", "y"));
        assert_eq!(b.get("xml:lang"), Some("de"));
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
