//! Pictures of rooms, as the companion draws them, into our own types (docs/companion.md).

use super::super::muc;
use super::super::stanza::{OccupantStanza, RecordingStatus, RoomStanza};
use crate::address::tenant::Services;
use crate::address::{Nick, RealJid, RoomJid};
use crate::meeting::{Marks, Presence, RoomPicture};

/// What a picture means.
#[derive(Debug)]
pub(super) enum Read {
    /// A room of this service; without a picture where something in it cannot be read.
    Room(RoomJid, Option<Box<RoomPicture>>),
    /// The brewery, which is no meeting.
    Brewery,
    /// No room of this service.
    Malformed,
}

/// A room of this service, by the name that it has inside Prosody, which is never a tenant's.
pub(super) fn name(jid: Option<&str>, service: &str) -> Option<RoomJid> {
    RoomJid::new(jid?).ok().filter(|room| room.service() == service)
}

/// Reads a picture that the companion on `service` has drawn.
pub(super) fn room(stanza: &RoomStanza, service: &str, services: &Services) -> Read {
    let Some(room) = name(stanza.jid.as_deref(), service) else { return Read::Malformed };
    if services.occupant(room.as_str()).is_none() {
        return Read::Brewery;
    }
    let is_readable = !is_yes(stanza.failed.as_deref());
    let picture = is_readable.then(|| {
        Box::new(RoomPicture {
            occupants: stanza.occupants.iter().filter_map(occupant).collect(),
            meeting: stanza.meeting.as_deref().and_then(muc::meeting_id),
            notice: is_yes(stanza.notice_recording.as_deref()),
        })
    });
    Read::Room(room, picture)
}

pub(super) fn is_yes(word: Option<&str>) -> bool {
    word == Some("yes")
}

/// An occupant; none if nobody can have such a nickname.
fn occupant(stanza: &OccupantStanza) -> Option<Presence> {
    Some(Presence {
        nick: Nick::new(stanza.nick.as_deref()?).ok()?,
        jid: stanza.jid.as_deref().and_then(|jid| RealJid::new(jid).ok()),
        role: muc::role(stanza.role.as_deref()),
        affiliation: muc::affiliation(stanza.affiliation.as_deref()),
        marks: marks(stanza.kind.as_deref()),
        session: stanza.session.as_deref().and_then(muc::session_id),
        mode: stanza.mode.as_deref().and_then(muc::mode),
        jibri: stanza.stats_id.as_deref().and_then(muc::jibri),
        recording: stanza.recording.iter().rev().find_map(|says| {
            muc::recording(&RecordingStatus {
                status: says.status.clone(),
                session_id: says.session.clone(),
                recording_mode: says.mode.clone(),
                failure_reason: says.failure.clone(),
                initiator: says.initiator.clone(),
            })
        }),
        conference: None,
        own: false,
        created: false,
    })
}

fn marks(kind: Option<&str>) -> Marks {
    Marks {
        jibri: kind == Some("recorder"),
        jigasi: kind == Some("jigasi"),
        transcriber: kind == Some("transcriber"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::stanza::{CompanionStanza, Inbound, NS_COMPANION, parse};
    use super::*;
    use crate::config::Mode;
    use crate::jibri::JibriName;
    use crate::meeting::{Affiliation, MeetingId, Role, SessionId};

    const MUC: &str = "muc.meet.jitsi";

    fn services() -> Services {
        let brewery = RoomJid::new("brewery@muc.meet.jitsi").ok();
        Services::new(&[MUC.to_owned(), "muc.other".to_owned()]).without(brewery)
    }

    fn read(attributes: &str, inner: &str) -> Read {
        let stanza =
            parse(&format!("<message><room xmlns='{NS_COMPANION}' {attributes}>{inner}</room></message>"));
        let Inbound::Message(message) = stanza else { panic!("no message") };
        let [CompanionStanza::Room(stanza)] = message.companion.as_slice() else { panic!("no room") };
        room(stanza, MUC, &services())
    }

    fn picture(attributes: &str, inner: &str) -> RoomPicture {
        match read(&format!("jid='r1@muc.meet.jitsi' {attributes}"), inner) {
            Read::Room(room, Some(picture)) if room.as_str() == "r1@muc.meet.jitsi" => *picture,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_picture_tells_what_presences_tell() {
        let picture = picture(
            "epoch='e' seq='4' meeting='m1' created='1' lobby='no' password='no' notice-recording='yes' more='1'",
            "<occupant affiliation='owner' nick='focus' role='moderator' kind='focus' jid='focus@auth.meet.jitsi/focus'>\
             <recording status='odd'/><recording status='on' session='s1' mode='file' initiator='r1@muc.meet.jitsi/a/b'/>\
             <recording/></occupant>\
             <occupant affiliation='none' nick='Ada &lt;L.&gt;' role='participant' kind='person' may-record='yes'>t<odd/></occupant>\
             <occupant nick='1a2b' role='participant' kind='recorder' session='s1' mode='stream' stats-id='jibri-1'/>\
             <occupant nick='tel' kind='jigasi'/><occupant nick='text' kind='transcriber'/>",
        );
        assert_eq!((picture.meeting, picture.notice), (Some(MeetingId("m1".into())), true));
        let [focus, ada, recorder, jigasi, transcriber] = picture.occupants.try_into().unwrap();
        assert_eq!((focus.role, focus.affiliation), (Role::Moderator, Affiliation::Owner));
        assert_eq!(focus.jid.unwrap().as_str(), "focus@auth.meet.jitsi/focus");
        assert_eq!(focus.marks, Marks::default());
        let says = focus.recording.unwrap();
        assert_eq!((says.on, says.mode, says.failed), (true, Some(Mode::File), false));
        assert_eq!(says.session, Some(SessionId("s1".into())));
        assert_eq!(says.initiator.unwrap().as_str(), "a/b");
        assert_eq!((ada.nick.as_str(), ada.jid, ada.role), ("Ada <L.>", None, Role::Participant));
        assert_eq!((ada.own, ada.created, ada.conference), (false, false, None));
        assert!(recorder.marks.jibri && jigasi.marks.jigasi && transcriber.marks.transcriber);
        assert_eq!((recorder.session, recorder.mode), (Some(SessionId("s1".into())), Some(Mode::Stream)));
        assert_eq!(recorder.jibri, Some(JibriName::new("jibri-1")));
        assert_eq!((jigasi.role, jigasi.affiliation), (Role::None, Affiliation::None));
    }

    #[test]
    fn what_is_missing_or_wrong_is_unknown() {
        let long = "x".repeat(2_000);
        let none = picture(
            &format!("meeting='{long}' notice-recording='YES'"),
            &format!(
                "<occupant/><occupant nick=''/><occupant nick='{long}'/><occupant xmlns='urn:x' nick='eve'/>\
                 <room jid='r2@muc.meet.jitsi'><occupant nick='bob'/></room>\
                 <occupant nick='ada' jid='@' role='king' affiliation='king' kind='focus,recorder' session='{long}' mode='sip' \
                  stats-id='{long}'><recording status='on' session='{long}' mode='sip' failure='' initiator='x'/></occupant>"
            ),
        );
        assert_eq!((none.meeting, none.notice), (None, false));
        let [ada] = none.occupants.try_into().unwrap();
        assert_eq!((ada.jid, ada.role, ada.affiliation), (None, Role::None, Affiliation::None));
        assert_eq!((ada.marks, ada.session, ada.mode, ada.jibri), (Marks::default(), None, None, None));
        let says = ada.recording.unwrap();
        assert_eq!((says.session, says.mode, says.failed, says.initiator), (None, None, true, None));
        assert!(picture("", "").occupants.is_empty());
    }

    #[test]
    fn of_a_room_that_failed_nothing_is_known() {
        for failed in ["failed='yes'", "failed='yes' meeting='m1'"] {
            let read = read(&format!("jid='r1@muc.meet.jitsi' {failed}"), "<occupant nick='ada'/>");
            assert!(matches!(read, Read::Room(_, None)), "{read:?}");
        }
        assert_eq!(picture("failed='no'", "<occupant nick='ada'/>").occupants.len(), 1);
    }

    #[test]
    fn only_a_room_of_the_same_service_is_one() {
        let long = format!("jid='{}@muc.meet.jitsi'", "x".repeat(2_000));
        for jid in [
            "",
            "jid=''",
            "jid='muc.meet.jitsi'",
            "jid='r1@muc.meet.jitsi/ada'",
            "jid='r1@muc.other'",
            "jid='r1@muc.acme.meet.jitsi'",
            "jid='r1@internal-muc.meet.jitsi'",
            "jid='a b@muc.meet.jitsi'",
            "jid='@muc.meet.jitsi'",
            &long,
        ] {
            assert!(matches!(read(jid, ""), Read::Malformed), "{jid:.60}");
        }
        assert!(matches!(read("jid='brewery@muc.meet.jitsi'", ""), Read::Brewery));
        let tenants = read("jid='[acme]r1@muc.meet.jitsi'", "");
        assert!(matches!(tenants, Read::Room(room, Some(_)) if room.as_str() == "[acme]r1@muc.meet.jitsi"));
    }
}
