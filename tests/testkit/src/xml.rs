//! A small XML tree, its builders and its serializer; the parser is in `xml_stream`.

use std::fmt;

/// Namespaces that more than one model needs.
pub mod ns {
    /// Stanzas of a client's stream.
    pub const CLIENT: &str = "jabber:client";
    /// The stream's own elements.
    pub const STREAM: &str = "http://etherx.jabber.org/streams";
    /// Stanza error conditions.
    pub const ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
    /// Joining a room.
    pub const MUC: &str = "http://jabber.org/protocol/muc";
    /// What a room says of its occupants.
    pub const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
    /// Role and affiliation queries.
    pub const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";
    /// A room's settings.
    pub const MUC_OWNER: &str = "http://jabber.org/protocol/muc#owner";
    /// A person's display name.
    pub const NICK: &str = "http://jabber.org/protocol/nick";
    /// Start, stop and state of a recording.
    pub const JIBRI: &str = "http://jitsi.org/protocol/jibri";
    /// A Jibri's health.
    pub const HEALTH: &str = "http://jitsi.org/protocol/health";
    /// The short form of what an entity can do.
    pub const CAPS: &str = "http://jabber.org/protocol/caps";
    /// What an entity can do.
    pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
    /// Is anybody there?
    pub const PING: &str = "urn:xmpp:ping";
    /// Media sessions.
    pub const JINGLE: &str = "urn:xmpp:jingle:1";
    /// A client's request for a conference, to Jicofo.
    pub const FOCUS: &str = "http://jitsi.org/protocol/focus";
    /// Stream management.
    pub const SM: &str = "urn:xmpp:sm:3";
}

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Local name.
    pub name: String,
    /// Namespace; empty on building means the parent's.
    pub ns: String,
    /// Attributes; those in the `xml` namespace are written `xml:lang`.
    pub attrs: Vec<(String, String)>,
    /// All text directly inside, joined.
    pub text: String,
    /// Child elements.
    pub children: Vec<Node>,
}

impl Node {
    /// An element in a namespace (empty: that of its parent).
    pub fn new(name: &str, ns: &str) -> Node {
        Node { name: name.into(), ns: ns.into(), ..Node::default() }
    }

    /// A presence.
    pub fn presence(to: &str) -> Node {
        Node::new("presence", ns::CLIENT).attr("to", to)
    }

    /// A message of a type (`groupchat`, `chat`) with a body.
    pub fn message(to: &str, kind: &str, body: &str) -> Node {
        Node::new("message", ns::CLIENT)
            .attr("to", to)
            .attr("type", kind)
            .child(Node::new("body", "").with_text(body))
    }

    /// An IQ of type `get` or `set`; [`crate::Client::request`] gives it an id.
    pub fn iq(kind: &str, to: &str) -> Node {
        Node::new("iq", ns::CLIENT).attr("type", kind).attr("to", to)
    }

    /// The empty result that answers this IQ.
    pub fn result(&self) -> Node {
        self.answer("result")
    }

    /// The error that answers this IQ.
    pub fn error(&self, kind: &str, condition: &str, text: Option<&str>) -> Node {
        let mut error = Node::new("error", "").attr("type", kind).child(Node::new(condition, ns::ERRORS));
        if let Some(text) = text {
            error = error.child(Node::new("text", ns::ERRORS).with_text(text));
        }
        self.answer("error").child(error)
    }

    fn answer(&self, kind: &str) -> Node {
        let mut answer = Node::new("iq", ns::CLIENT).attr("type", kind);
        for (from, to) in [("from", "to"), ("id", "id")] {
            if let Some(value) = self.get(from) {
                answer = answer.attr(to, value);
            }
        }
        answer
    }

    /// Adds an attribute.
    pub fn attr(mut self, name: &str, value: &str) -> Node {
        self.set(name, value);
        self
    }

    /// Adds an attribute if there is a value.
    pub fn attr_opt(self, name: &str, value: Option<&str>) -> Node {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }

    /// Adds text.
    pub fn with_text(mut self, text: &str) -> Node {
        self.text.push_str(text);
        self
    }

    /// Adds a child.
    pub fn child(mut self, child: Node) -> Node {
        self.children.push(child);
        self
    }

    /// Adds children.
    pub fn with_children(mut self, children: impl IntoIterator<Item = Node>) -> Node {
        self.children.extend(children);
        self
    }

    /// Sets an attribute, replacing an older value.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.attrs.iter_mut().find(|(key, _)| key == name) {
            Some(old) => old.1 = value.into(),
            None => self.attrs.push((name.into(), value.into())),
        }
    }

    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of an attribute, or nothing.
    pub fn get_or_empty(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// The first child of that local name, whatever its namespace.
    pub fn find(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first child of that name and namespace.
    pub fn find_ns(&self, name: &str, ns: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name && child.ns == ns)
    }

    /// Is this element of that name and namespace?
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.name == name && self.ns == ns
    }

    /// The sender, or nothing.
    pub fn from(&self) -> &str {
        self.get_or_empty("from")
    }

    /// The error condition of an error stanza.
    pub fn condition(&self) -> Option<&str> {
        let error = self.find("error")?;
        error.children.iter().find(|c| c.ns == ns::ERRORS && c.name != "text").map(|c| c.name.as_str())
    }

    fn write(&self, parent: &str, out: &mut String) {
        let ns = if self.ns.is_empty() { parent } else { &self.ns };
        out.push('<');
        out.push_str(&self.name);
        if ns != parent {
            out.push_str(" xmlns='");
            escape_into(ns, out);
            out.push('\'');
        }
        for (name, value) in &self.attrs {
            out.push(' ');
            out.push_str(name);
            out.push_str("='");
            escape_into(value, out);
            out.push('\'');
        }
        if self.text.is_empty() && self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        escape_into(&self.text, out);
        for child in &self.children {
            child.write(ns, out);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

/// As it goes over a client's stream: `jabber:client` is the default namespace.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::with_capacity(256);
        self.write(ns::CLIENT, &mut out);
        f.write_str(&out)
    }
}

/// Text made safe for element content and for attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_into(text, &mut out);
    out
}

fn escape_into(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

/// The part of an address before the `/`.
pub fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

/// The part of an address after the `/`, or nothing.
pub fn resource(jid: &str) -> &str {
    jid.split_once('/').map_or("", |(_, resource)| resource)
}

/// The domain of an address.
pub fn domain(jid: &str) -> &str {
    let bare = bare(jid);
    bare.rsplit_once('@').map_or(bare, |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_namespaces_only_where_they_change() {
        let node = Node::iq("set", "a@b").child(Node::new("query", "q").child(Node::new("item", "")));
        assert_eq!(node.to_string(), "<iq type='set' to='a@b'><query xmlns='q'><item/></query></iq>");
    }

    #[test]
    fn escapes_what_people_type() {
        let node = Node::message("r@m", "groupchat", "<&'\">");
        assert!(node.to_string().contains("<body>&lt;&amp;&apos;&quot;&gt;</body>"));
    }

    #[test]
    fn takes_addresses_apart() {
        assert_eq!((bare("a@b/c/d"), resource("a@b/c/d"), domain("a@b/c@d")), ("a@b", "c/d", "b"));
    }
}
