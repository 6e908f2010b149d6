//! IQs as we read them: role lists, forms, lists of rooms, focus's answers, and what is asked of us.

use xso::FromXml;

use super::{
    CompanionStanza, NS_COMPONENT, NS_DATA, NS_DISCO_INFO, NS_DISCO_ITEMS, NS_JIBRI, NS_JINGLE, NS_MUC_ADMIN,
    NS_MUC_OWNER, Named, StanzaError,
};

/// `<iq/>` (RFC 6120, section 8.2.3).
#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPONENT, name = "iq", discard(text), on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct Iq {
    #[xml(attribute(default))]
    pub(in crate::xmpp) from: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) to: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) id: Option<String>,
    #[xml(attribute(name = "type", default))]
    pub(in crate::xmpp) type_: Option<String>,
    #[xml(child(n = ..))]
    pub(in crate::xmpp) payload: Vec<Payload>,
}

/// What an IQ may carry that means something to us.
#[derive(FromXml, Debug)]
#[xml()]
pub(in crate::xmpp) enum Payload {
    /// A role list (XEP-0045, section 9.5).
    #[xml(namespace = NS_MUC_ADMIN, name = "query", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
    RoleList {
        #[xml(child(n = ..))]
        items: Vec<AdminItem>,
    },
    /// The owner's form (XEP-0045, section 10.2).
    #[xml(namespace = NS_MUC_OWNER, name = "query", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
    OwnerForm {
        #[xml(child(n = ..))]
        forms: Vec<DataForm>,
    },
    /// Rooms of a service (XEP-0045, section 6.3).
    #[xml(namespace = NS_DISCO_ITEMS, name = "query", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
    DiscoItems {
        #[xml(child(n = ..))]
        items: Vec<DiscoItem>,
    },
    /// Focus's answer to a start (docs/jitsi.md 2).
    #[xml(namespace = NS_JIBRI, name = "jibri", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
    Jibri {
        #[xml(attribute(default))]
        session_id: Option<String>,
    },
    /// XEP-0030, section 3.1.
    #[xml(namespace = NS_DISCO_INFO, name = "query", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
    DiscoInfo {
        #[xml(attribute(default))]
        node: Option<String>,
        #[xml(child(n = ..))]
        identities: Vec<DiscoIdentity>,
    },
    /// XEP-0166, section 7.
    #[xml(namespace = NS_JINGLE, name = "jingle", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
    Jingle {
        #[xml(attribute(default))]
        action: Option<String>,
    },
    #[xml(transparent)]
    Companion(CompanionStanza),
    #[xml(transparent)]
    Error(StanzaError),
    #[xml(transparent)]
    Other(Named),
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_DISCO_INFO, name = "identity", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct DiscoIdentity {
    #[xml(attribute(default))]
    pub(in crate::xmpp) category: Option<String>,
}

/// XEP-0004.
#[derive(FromXml, Debug)]
#[xml(namespace = NS_DATA, name = "x", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct DataForm {
    #[xml(child(n = ..))]
    pub(in crate::xmpp) fields: Vec<DataField>,
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_DATA, name = "field", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct DataField {
    #[xml(attribute(default))]
    pub(in crate::xmpp) var: Option<String>,
    #[xml(child(n = ..))]
    pub(in crate::xmpp) values: Vec<DataValue>,
}

/// May be a password, so it is not shown.
#[derive(FromXml)]
#[xml(namespace = NS_DATA, name = "value", on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct DataValue {
    #[xml(text)]
    pub(in crate::xmpp) text: String,
}

impl std::fmt::Debug for DataValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataValue")
    }
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_MUC_ADMIN, name = "item", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct AdminItem {
    #[xml(attribute(default))]
    pub(in crate::xmpp) affiliation: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) role: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) jid: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) nick: Option<String>,
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_DISCO_ITEMS, name = "item", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct DiscoItem {
    #[xml(attribute(default))]
    pub(in crate::xmpp) jid: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) node: Option<String>,
}
