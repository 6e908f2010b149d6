//! What a client answers by itself: pings, disco, media offers, and whatever it does not know.

use crate::xml::{Node, ns};

/// How a client treats a media offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// Accepts, as a browser does.
    Accept,
    /// Answers with an error.
    Refuse,
}

/// What a client answers by itself. An IQ that nobody answers makes others wait, so this covers all of them.
#[derive(Clone, Debug)]
pub struct Manners {
    /// Says nothing at all, as a dead browser does.
    pub silent: bool,
    /// What `disco#info` shows.
    pub features: Vec<String>,
    /// Media offers.
    pub media: Media,
    /// Namespaces whose IQs the model answers itself.
    pub left_to_the_model: Vec<String>,
}

impl Default for Manners {
    fn default() -> Self {
        let features = [ns::DISCO_INFO, ns::PING, ns::JINGLE, "urn:xmpp:jingle:apps:rtp:audio"];
        Manners {
            silent: false,
            features: features.map(String::from).to_vec(),
            media: Media::Accept,
            left_to_the_model: Vec::new(),
        }
    }
}

impl Manners {
    /// Those of a model that answers IQs of Jibri's and to Jicofo itself.
    pub fn of_a_service() -> Manners {
        Manners { left_to_the_model: vec![ns::JIBRI.into(), ns::FOCUS.into()], ..Manners::default() }
    }

    /// Those of a client that has died without anybody noticing.
    pub fn silent() -> Manners {
        Manners { silent: true, ..Manners::default() }
    }

    pub(crate) fn answer(&self, iq: &Node) -> Option<Node> {
        if self.silent {
            return None;
        }
        let payload = iq.children.first();
        let namespace = payload.map_or("", |child| child.ns.as_str());
        if self.left_to_the_model.iter().any(|left| left == namespace) {
            return None;
        }
        let refusal = iq.error("cancel", "service-unavailable", None);
        Some(match (namespace, self.media) {
            (ns::PING, _) | (ns::JINGLE, Media::Accept) => iq.result(),
            (ns::DISCO_INFO, _) => iq.result().child(self.info(payload)),
            (ns::JINGLE, Media::Refuse) => {
                let action = payload.map_or("", |jingle| jingle.get_or_empty("action"));
                if action == "session-terminate" { iq.result() } else { refusal }
            }
            _ => refusal,
        })
    }

    fn info(&self, asked: Option<&Node>) -> Node {
        let identity = Node::new("identity", "").attr("category", "client").attr("type", "web");
        Node::new("query", ns::DISCO_INFO)
            .attr_opt("node", asked.and_then(|query| query.get("node")))
            .child(identity)
            .with_children(self.features.iter().map(|var| Node::new("feature", "").attr("var", var)))
    }
}
