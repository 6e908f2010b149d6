//! Stanzas as we send them: always with `id`, `to` and `from` (docs/jitsi.md 0.6).

use xmpp_parsers::caps::Caps;
use xmpp_parsers::disco::DiscoInfoResult;
use xso::AsXml;

use super::caps::{self, caps};
use super::companion::Ask;
use super::stanza::{
    NS_COMPONENT, NS_DISCO_INFO, NS_DISCO_ITEMS, NS_JIBRI, NS_MUC, NS_MUC_ADMIN, NS_MUC_OWNER, NS_NICK,
    NS_PING, NS_STANZA_ERRORS, NS_VERSION,
};
use crate::address::{Nick, RoomJid};
use crate::config::{Mode, Secret};
use crate::meeting::Order;

/// Entering or leaving a room (XEP-0045, sections 7.2 and 7.14).
#[derive(AsXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "presence")]
pub(super) struct PresenceOut {
    #[xml(attribute)]
    from: String,
    #[xml(attribute)]
    to: String,
    #[xml(attribute)]
    id: String,
    #[xml(attribute(name = "type", default))]
    type_: Option<String>,
    #[xml(child(default))]
    muc: Option<Join>,
    #[xml(child(default))]
    nick: Option<NickName>,
    #[xml(child(default))]
    features: Option<FeaturesOut>,
    #[xml(child(default))]
    caps: Option<Caps>,
}

#[derive(AsXml, Debug)]
#[xml(namespace = NS_MUC, name = "x")]
struct Join {
    #[xml(child)]
    history: History,
    /// XEP-0045, section 7.2.5.
    #[xml(extract(default, fields(text(type_ = String))))]
    password: Option<String>,
}

/// No old messages, please (XEP-0045, section 7.2.13).
#[derive(AsXml, Debug)]
#[xml(namespace = NS_MUC, name = "history")]
struct History {
    #[xml(attribute)]
    maxstanzas: String,
}

/// XEP-0172. Without it a lobby turns even an owner away (docs/jitsi.md 4.5).
#[derive(AsXml, Debug)]
#[xml(namespace = NS_NICK, name = "nick")]
struct NickName {
    #[xml(text)]
    name: String,
}

/// Says that we are a Jibri, in every available presence, lest we be elected owner (docs/jitsi.md 4.2).
#[derive(AsXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "features")]
struct FeaturesOut {
    #[xml(child)]
    feature: FeatureOut,
}

#[derive(AsXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "feature")]
struct FeatureOut {
    #[xml(attribute)]
    var: String,
}

impl PresenceOut {
    pub(super) fn enter(
        from: &str,
        id: String,
        room: &RoomJid,
        nick: &Nick,
        password: Option<&Secret>,
    ) -> Self {
        Self {
            from: from.to_owned(),
            to: room.occupant(nick),
            id,
            type_: None,
            muc: Some(Join {
                history: History { maxstanzas: "0".to_owned() },
                password: password.map(|password| password.expose().to_owned()),
            }),
            nick: Some(NickName { name: nick.as_str().to_owned() }),
            features: Some(FeaturesOut { feature: FeatureOut { var: NS_JIBRI.to_owned() } }),
            caps: caps(),
        }
    }

    /// Into a room in which we only listen, and say nothing of what we are.
    pub(super) fn listen(from: &str, id: String, room: &RoomJid, nick: &Nick) -> Self {
        Self { nick: None, features: None, ..Self::enter(from, id, room, nick, None) }
    }

    pub(super) fn leave(from: &str, id: String, room: &RoomJid, nick: &Nick) -> Self {
        Self {
            from: from.to_owned(),
            to: room.occupant(nick),
            id,
            type_: Some("unavailable".to_owned()),
            muc: None,
            nick: None,
            features: None,
            caps: None,
        }
    }
}

/// Any IQ of ours (RFC 6120, section 8.2.3).
#[derive(AsXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "iq")]
pub(super) struct IqOut {
    #[xml(attribute)]
    pub(super) from: String,
    #[xml(attribute)]
    pub(super) to: String,
    #[xml(attribute)]
    pub(super) id: String,
    #[xml(attribute(name = "type"))]
    pub(super) type_: String,
    #[xml(child(default))]
    pub(super) payload: Option<PayloadOut>,
}

#[derive(AsXml, Debug)]
#[xml()]
pub(super) enum PayloadOut {
    /// XEP-0045, sections 9.5 and 9.8; who may ask: docs/jitsi.md 1.5.
    #[xml(namespace = NS_MUC_ADMIN, name = "query")]
    RoleList {
        #[xml(child)]
        item: RoleQuery,
    },
    /// XEP-0045, section 10.2; to be read, never to be sent back.
    #[xml(namespace = NS_MUC_OWNER, name = "query")]
    OwnerForm,
    /// A start or a stop (docs/jitsi.md 2).
    #[xml(namespace = NS_JIBRI, name = "jibri")]
    Jibri {
        #[xml(attribute)]
        action: String,
        #[xml(attribute)]
        recording_mode: String,
        #[xml(attribute(default))]
        streamid: Option<String>,
        #[xml(attribute(default))]
        app_data: Option<String>,
    },
    /// docs/companion.md
    #[xml(transparent)]
    Companion(Ask),
    /// XEP-0199.
    #[xml(namespace = NS_PING, name = "ping")]
    Ping,
    /// XEP-0030, section 4.
    #[xml(namespace = NS_DISCO_ITEMS, name = "query")]
    DiscoItems {
        #[xml(attribute(default))]
        node: Option<String>,
    },
    /// XEP-0030, section 3; asked.
    #[xml(namespace = NS_DISCO_INFO, name = "query")]
    AskInfo,
    /// XEP-0030, section 3.
    #[xml(transparent)]
    DiscoInfo(DiscoInfoResult),
    /// XEP-0092.
    #[xml(namespace = NS_VERSION, name = "query")]
    Version {
        #[xml(extract(fields(text)))]
        name: String,
        #[xml(extract(fields(text)))]
        version: String,
    },
    /// RFC 6120, section 8.3.3.19.
    #[xml(namespace = NS_COMPONENT, name = "error")]
    Error {
        #[xml(attribute(name = "type"))]
        type_: String,
        #[xml(child)]
        condition: ServiceUnavailable,
    },
}

#[derive(AsXml, Debug)]
#[xml(namespace = NS_MUC_ADMIN, name = "item")]
pub(super) struct RoleQuery {
    #[xml(attribute)]
    role: String,
}

#[derive(AsXml, Debug)]
#[xml(namespace = NS_STANZA_ERRORS, name = "service-unavailable")]
pub(super) struct ServiceUnavailable;

impl PayloadOut {
    pub(super) fn role_list(role: &str) -> Self {
        Self::RoleList { item: RoleQuery { role: role.to_owned() } }
    }

    pub(super) fn start(order: &Order) -> Self {
        let (mode, streamid) = match order.mode {
            Mode::File => ("file", None),
            Mode::Stream => ("stream", Some(order.stream_key.expose().to_owned())),
        };
        Self::Jibri {
            action: "start".to_owned(),
            recording_mode: mode.to_owned(),
            streamid,
            app_data: order.app_data.clone(),
        }
    }

    pub(super) fn stop(mode: Mode) -> Self {
        let mode = match mode {
            Mode::File => "file",
            Mode::Stream => "stream",
        };
        Self::Jibri {
            action: "stop".to_owned(),
            recording_mode: mode.to_owned(),
            streamid: None,
            app_data: None,
        }
    }

    pub(super) fn disco_info(node: Option<String>) -> Self {
        Self::DiscoInfo(caps::info(node))
    }

    pub(super) fn version() -> Self {
        Self::Version {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    pub(super) fn service_unavailable() -> Self {
        Self::Error { type_: "cancel".to_owned(), condition: ServiceUnavailable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(stanza: &impl AsXml) -> String {
        String::from_utf8(xso::to_vec(stanza).unwrap()).unwrap()
    }

    #[test]
    fn enters_as_a_named_jibri() {
        let room = RoomJid::new("r@m").unwrap();
        let nick = Nick::new("autostart").unwrap();
        let sent =
            text(&PresenceOut::enter("a@b/a", "i".to_owned(), &room, &nick, Some(&Secret::new("sesame"))));
        for part in [
            "to=\"r@m/autostart\"",
            "id=\"i\"",
            "from=\"a@b/a\"",
            "http://jitsi.org/protocol/jibri",
            ">autostart<",
            ">sesame<",
            "http://jabber.org/protocol/caps",
        ] {
            assert!(sent.contains(part) || sent.contains(&part.replace('"', "'")), "{part} in {sent}");
        }
        let sent = text(&PresenceOut::leave("a@b/a", "i".to_owned(), &room, &nick));
        assert!(sent.contains("unavailable") && !sent.contains("features"), "{sent}");
        let sent = text(&PresenceOut::listen("a@b/a", "i".to_owned(), &room, &nick));
        assert!(
            sent.contains("maxstanzas")
                && sent.contains("protocol/caps")
                && !sent.contains("protocol/jibri")
                && !sent.contains("protocol/nick"),
            "{sent}"
        );
    }

    #[test]
    fn a_file_needs_no_stream_key() {
        let order = |mode| Order { mode, stream_key: Secret::new("k3y"), app_data: None };
        assert!(!text(&PayloadOut::start(&order(Mode::File))).contains("k3y"));
        let stream = text(&PayloadOut::start(&order(Mode::Stream)));
        assert!(stream.contains("k3y") && !stream.contains("app_data"), "{stream}");
    }
}
