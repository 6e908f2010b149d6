//! Short forms of what somebody is (XEP-0115), as Jicofo keeps them: who has one that is known is not asked again.

use crate::xml::{Node, ns};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest as _, Sha1};
use std::collections::BTreeSet;

/// What Jicofo has learned, and what it complains of.
#[derive(Debug, Default)]
pub(crate) struct KnownCaps {
    known: BTreeSet<String>,
    /// Nicks of those who came without, which Jicofo logs as an error each time, or with wrong ones.
    pub(crate) complaints: Vec<String>,
}

/// `node#ver` in a presence.
pub(crate) fn node_ver(presence: &Node) -> Option<String> {
    let caps = presence.find_ns("c", ns::CAPS).filter(|caps| caps.get("hash") == Some("sha-1"))?;
    Some(format!("{}#{}", caps.get("node")?, caps.get("ver")?))
}

impl KnownCaps {
    /// What to ask somebody who comes like this: nothing, or `disco#info` of this node.
    pub(crate) fn question(&mut self, nick: &str, caps: Option<&str>) -> Option<Node> {
        let query = Node::new("query", ns::DISCO_INFO);
        match caps {
            Some(caps) if self.known.contains(caps) => None,
            Some(caps) => Some(query.attr("node", caps)),
            None => {
                self.complaints.push(nick.to_owned());
                Some(query)
            }
        }
    }

    /// The answer: kept if it is what the short form promised.
    pub(crate) fn learn(&mut self, nick: &str, caps: &str, answer: &Node) {
        let info = answer.find_ns("query", ns::DISCO_INFO);
        if info.is_some_and(|info| caps.ends_with(&format!("#{}", ver(info)))) {
            self.known.insert(caps.to_owned());
        } else {
            self.complaints.push(nick.to_owned());
        }
    }
}

/// XEP-0115, section 5.1, without forms.
fn ver(info: &Node) -> String {
    let sorted = |name: &str, text: &dyn Fn(&Node) -> String| {
        let of_name = info.children.iter().filter(|child| child.name == name);
        // Sorted first, and ended then: "disco" comes before "disco#info".
        of_name.map(text).collect::<BTreeSet<_>>().into_iter().map(|one| one + "<").collect::<String>()
    };
    let identities = sorted("identity", &|one| {
        ["category", "type", "xml:lang", "name"].map(|part| one.get_or_empty(part)).join("/")
    });
    let features = sorted("feature", &|one| one.get_or_empty("var").to_owned());
    BASE64_STANDARD.encode(Sha1::digest(format!("{identities}{features}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of XEP-0115, section 5.2.
    #[test]
    fn the_example_of_the_standard() {
        let features = ["caps", "disco#items", "disco#info", "muc"]
            .map(|var| format!("http://jabber.org/protocol/{var}"));
        let info = Node::new("query", ns::DISCO_INFO)
            .child(
                Node::new("identity", "")
                    .attr("category", "client")
                    .attr("type", "pc")
                    .attr("name", "Exodus 0.9.1"),
            )
            .with_children(features.iter().map(|var| Node::new("feature", "").attr("var", var)));
        assert_eq!(ver(&info), "QgayPKawpkPSDYmwT/WM94uAlu0=");
    }
}
