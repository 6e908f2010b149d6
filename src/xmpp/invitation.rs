//! Invitations: all that a message can tell us is that somebody thinks of a room.
//!
//! Anybody can send one, so nothing in it is believed but the name of the room; who may enter, and whether
//! there is such a room at all, a look at it tells. Who has sent it is Prosody's word.

use super::stanza::Message;
use crate::address::tenant::Services;
use crate::address::{RealJid, RoomJid};
use crate::meeting::watchlist::Sender;

/// The room of our services that a message invites us to, and who has sent the message.
pub(super) fn read(message: &Message, services: &Services) -> Option<(Sender, RoomJid)> {
    if matches!(message.type_.as_deref(), Some("error" | "groupchat")) {
        return None;
    }
    let room = |jid: &str| services.occupant(jid).and_then(|(room, nick)| nick.is_none().then_some(room));
    // The room passes it on in its own name; an occupant's private message bears a nickname.
    let is_mediated = message.mediated.iter().any(|x| !x.invites.is_empty());
    let mediated = message.from.as_deref().filter(|_| is_mediated).and_then(room);
    // A direct one names the room in the sender's words.
    let named = |jid: &str| room(RoomJid::prepared(jid).ok()?.as_str());
    let room = mediated.or_else(|| message.direct.iter().find_map(|x| named(x.jid.as_deref()?)))?;
    let from = message.from.as_deref().and_then(|from| RealJid::new(from).ok());
    let sender = from.map_or(Sender::Unknown, |from| Sender::Account(from.bare().into()));
    Some((sender, room))
}

#[cfg(test)]
mod tests {
    use super::super::stanza::{Inbound, parse};
    use super::*;

    fn read(message: &str) -> Option<(Sender, RoomJid)> {
        let Inbound::Message(message) = parse(message) else { panic!("no message") };
        super::read(&message, &Services::new(&["muc.meet.jitsi".to_owned()]))
    }

    fn invited(message: &str) -> Option<String> {
        read(message).map(|(_, room)| room.as_str().to_owned())
    }

    fn mediated(attributes: &str) -> Option<String> {
        invited(&format!(
            "<message {attributes}><x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/>\
             <invite from='a@meet.jitsi/x'><reason>r</reason></invite><invite/></x></message>"
        ))
    }

    fn direct(attributes: &str) -> Option<String> {
        invited(&format!(
            "<message from='a@meet.jitsi/x'>t<x xmlns='jabber:x:conference' {attributes}>t<a/></x></message>"
        ))
    }

    #[test]
    fn invitations_name_a_room_of_ours() {
        assert_eq!(mediated("from='r1@muc.meet.jitsi'").as_deref(), Some("r1@muc.meet.jitsi"));
        assert_eq!(mediated("from='r1@muc.acme.meet.jitsi'").as_deref(), Some("[acme]r1@muc.meet.jitsi"));
        assert_eq!(direct("jid='r1@muc.meet.jitsi' password='p'").as_deref(), Some("r1@muc.meet.jitsi"));
        assert_eq!(direct("jid='r1@muc.acme.meet.jitsi'").as_deref(), Some("[acme]r1@muc.meet.jitsi"));
        assert_eq!(direct("jid='R1@Muc.Meet.Jitsi'").as_deref(), Some("r1@muc.meet.jitsi"));
    }

    #[test]
    fn all_sessions_of_an_account_are_one_sender() {
        let by = |from: &str| {
            let invitation = "<x xmlns='jabber:x:conference' jid='r1@muc.meet.jitsi'/>";
            read(&format!("<message {from}>{invitation}</message>")).map(|(sender, _)| sender)
        };
        let account = |jid: &str| Some(Sender::Account(jid.into()));
        assert_eq!(by("from='a@meet.jitsi/1'"), account("a@meet.jitsi"));
        assert_eq!(by("from='a@meet.jitsi/2'"), by("from='a@meet.jitsi'"));
        assert_eq!(by("from='meet.jitsi'"), account("meet.jitsi"));
        for none in ["", "from=''", &format!("from='{}'", "x".repeat(5_000))] {
            assert_eq!(by(none), Some(Sender::Unknown), "{none:.40}");
        }
    }

    #[test]
    fn what_names_none_is_none() {
        for from in [
            "",
            "from=''",
            "from='muc.meet.jitsi'",
            "from='r1@muc.meet.jitsi/ada'",
            "from='r1@elsewhere'",
            "from='r1@muc.meet.jitsi' type='error'",
            "from='r1@muc.meet.jitsi' type='groupchat'",
        ] {
            assert_eq!(mediated(from), None, "{from}");
        }
        for jid in [
            "",
            "jid=''",
            "jid='@'",
            "jid='r1@muc.meet.jitsi/ada'",
            "jid='r1@internal-muc.meet.jitsi'",
            "jid='r 1@muc.meet.jitsi'",
            "jid='r&amp;1@muc.meet.jitsi'",
            "jid='r&#9;1@muc.meet.jitsi'",
        ] {
            assert_eq!(direct(jid), None, "{jid}");
        }
        let declined = "<message from='r1@muc.meet.jitsi'><x xmlns='http://jabber.org/protocol/muc#user'>\
                        <decline/><invite xmlns='urn:x'/></x></message>";
        assert_eq!(invited(declined), None);
    }
}
