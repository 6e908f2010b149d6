//! What the companion sends: the same elements in a message, where it was not asked, and in the answer to an IQ
//! (docs/companion.md).

use xso::FromXml;

use super::NS_COMPANION;

/// Anything that it says and that means something to us.
#[derive(FromXml, Debug)]
#[xml()]
pub(in crate::xmpp) enum CompanionStanza {
    #[xml(transparent)]
    Hello(HelloStanza),
    #[xml(transparent)]
    Room(RoomStanza),
    /// A room has ended.
    #[xml(namespace = NS_COMPANION, name = "gone", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
    Gone {
        #[xml(attribute(default))]
        epoch: Option<String>,
        #[xml(attribute(default))]
        seq: Option<String>,
        #[xml(attribute(default))]
        jid: Option<String>,
    },
    /// It is unloaded.
    #[xml(namespace = NS_COMPANION, name = "bye", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
    Bye,
    /// A page of rooms, which have no numbers of their own.
    #[xml(transparent)]
    Rooms(RoomsStanza),
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPANION, name = "hello", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct HelloStanza {
    #[xml(attribute(default))]
    pub(in crate::xmpp) epoch: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) seq: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) version: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) abilities: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) metadata: Option<String>,
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPANION, name = "rooms", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct RoomsStanza {
    #[xml(attribute(default))]
    pub(in crate::xmpp) epoch: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) seq: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) next: Option<String>,
    #[xml(child(n = ..))]
    pub(in crate::xmpp) rooms: Vec<RoomStanza>,
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPANION, name = "room", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct RoomStanza {
    #[xml(attribute(default))]
    pub(in crate::xmpp) epoch: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) seq: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) jid: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) meeting: Option<String>,
    #[xml(attribute(name = "notice-recording", default))]
    pub(in crate::xmpp) notice_recording: Option<String>,
    #[xml(attribute(name = "left-out", default))]
    pub(in crate::xmpp) left_out: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) failed: Option<String>,
    #[xml(child(n = ..))]
    pub(in crate::xmpp) occupants: Vec<OccupantStanza>,
}

#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPANION, name = "occupant", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct OccupantStanza {
    #[xml(attribute(default))]
    pub(in crate::xmpp) nick: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) jid: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) role: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) affiliation: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) kind: Option<String>,
    #[xml(attribute(name = "may-record", default))]
    pub(in crate::xmpp) may_record: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) session: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) mode: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) name: Option<String>,
    #[xml(attribute(name = "stats-id", default))]
    pub(in crate::xmpp) stats_id: Option<String>,
    #[xml(child(n = ..))]
    pub(in crate::xmpp) recording: Vec<RecordingStanza>,
}

/// What focus says of the recording.
#[derive(FromXml, Debug)]
#[xml(namespace = NS_COMPANION, name = "recording", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct RecordingStanza {
    #[xml(attribute(default))]
    pub(in crate::xmpp) status: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) session: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) mode: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) failure: Option<String>,
    #[xml(attribute(default))]
    pub(in crate::xmpp) initiator: Option<String>,
}
