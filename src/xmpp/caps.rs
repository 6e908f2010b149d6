//! What we say of ourselves, and its short form in each presence (XEP-0115), so that Jicofo asks one time and not at each
//! visit, and does not log that it knows nothing of us (docs/jitsi.md 13.1).
//!
//! One identity and no feature: a feature would have focus offer us media (docs/jitsi.md 1.4).

use xmpp_parsers::caps::{Caps, compute_disco, hash_caps};
use xmpp_parsers::disco::{DiscoInfoResult, Identity};
use xmpp_parsers::hashes::Algo;

/// Names this software; nothing is to be found there.
const NODE: &str = "https://jibri-autostart.invalid/";

/// The answer to `disco#info`. `node`: what was asked for, given back.
pub(super) fn info(node: Option<String>) -> DiscoInfoResult {
    let identity = Identity {
        category: "component".to_owned(),
        type_: "generic".to_owned(),
        lang: None,
        name: Some(env!("CARGO_PKG_NAME").to_owned()),
    };
    DiscoInfoResult { node, identities: vec![identity], features: Default::default(), extensions: Vec::new() }
}

/// Its short form.
pub(super) fn caps() -> Option<Caps> {
    // It fails for an algorithm that it does not know, and only then.
    hash_caps(&compute_disco(&info(None)), Algo::Sha_1).ok().map(|hash| Caps::new(NODE, hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp_parsers::caps::query_caps;

    /// XEP-0115, section 5.1, by hand: `printf 'component/generic//jibri-autostart<' | openssl sha1 -binary | base64`.
    #[test]
    fn the_short_form_is_that_of_the_answer() {
        let caps = caps().unwrap();
        let text = String::from_utf8(xso::to_vec(&caps).unwrap()).unwrap();
        assert!(text.contains("sha-1") && text.contains("Vbhp/5cucH4KAGnSkeQZDEQlv0o="), "{text}");
        let node = query_caps(caps).node;
        let answer = String::from_utf8(xso::to_vec(&info(node)).unwrap()).unwrap();
        let read: DiscoInfoResult = xso::from_bytes(answer.as_bytes()).unwrap();
        assert_eq!(compute_disco(&read), b"component/generic//jibri-autostart<");
        assert!(
            read.features.is_empty()
                && read.node.is_some_and(|node| node.ends_with("#Vbhp/5cucH4KAGnSkeQZDEQlv0o="))
        );
    }
}
