//! Pictures of rooms, as the companion draws them, into our own types (docs/companion.md).

use super::super::muc;
use super::super::stanza::{OccupantStanza, RecordingStatus, RoomStanza};
use crate::address::tenant::Services;
use crate::address::{Nick, RealJid, RoomJid};
use crate::meeting::{DisplayName, Marks, Presence, Role, RoomPicture};

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
    let left_out = left_out(stanza);
    // Where not even one of those is shown who come last, others may be left out as well, and who matters is not known.
    let is_readable =
        !is_yes(stanza.failed.as_deref()) && (left_out == 0 || stanza.occupants.iter().any(comes_last));
    let picture = is_readable.then(|| {
        let may_not_record = stanza.occupants.iter().filter(|one| one.may_record.as_deref() == Some("no"));
        Box::new(RoomPicture {
            occupants: stanza.occupants.iter().filter_map(occupant).collect(),
            left_out,
            may_not_record: may_not_record.filter_map(nick).collect(),
            meeting: stanza.meeting.as_deref().and_then(muc::meeting_id),
            notice: is_yes(stanza.notice_recording.as_deref()),
        })
    });
    Read::Room(room, picture)
}

pub(super) fn is_yes(word: Option<&str>) -> bool {
    word == Some("yes")
}

/// How many occupants the picture does not show: at least one, where what it says is no number.
fn left_out(stanza: &RoomStanza) -> u32 {
    stanza.left_out.as_deref().map_or(0, |count| count.parse().unwrap_or(1))
}

/// A person who is no moderator.
fn comes_last(stanza: &OccupantStanza) -> bool {
    stanza.kind.as_deref() == Some("person") && muc::role(stanza.role.as_deref()) != Role::Moderator
}

/// His nickname; none if nobody can have such a one.
fn nick(stanza: &OccupantStanza) -> Option<Nick> {
    Nick::new(stanza.nick.as_deref()?).ok()
}

/// An occupant; none if nobody can have such a nickname.
fn occupant(stanza: &OccupantStanza) -> Option<Presence> {
    Some(Presence {
        nick: nick(stanza)?,
        jid: stanza.jid.as_deref().and_then(|jid| RealJid::new(jid).ok()),
        role: muc::role(stanza.role.as_deref()),
        affiliation: muc::affiliation(stanza.affiliation.as_deref()),
        marks: marks(stanza.kind.as_deref()),
        session: stanza.session.as_deref().and_then(muc::session_id),
        mode: stanza.mode.as_deref().and_then(muc::mode),
        jibri: stanza.stats_id.as_deref().and_then(muc::jibri),
        name: stanza.name.as_deref().and_then(DisplayName::new),
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
             <occupant affiliation='none' nick='Ada &lt;L.&gt;' role='participant' kind='person' may-record='yes' name='Ada &lt;L.&gt;'>t<odd/></occupant>\
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
        assert_eq!((ada.name, focus.name), (DisplayName::new("Ada <L.>"), None));
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
    fn who_is_left_out_is_counted() {
        let (mod_, last) = (
            "<occupant nick='m' role='moderator' kind='person'/>",
            "<occupant nick='p' role='participant' kind='person'/>",
        );
        for (attributes, count) in [
            ("", 0),
            ("left-out='0'", 0),
            ("left-out='700'", 700),
            ("left-out='4294967295'", 4_294_967_295),
            // Some are, however many.
            ("left-out=''", 1),
            ("left-out='-1'", 1),
            ("left-out='many'", 1),
            ("left-out='99999999999'", 1),
        ] {
            assert_eq!(picture(attributes, &format!("{mod_}{last}")).left_out, count, "{attributes}");
        }
    }

    #[test]
    fn where_more_than_mere_participants_may_be_left_out_nothing_is_known() {
        let one = |role: &str, kind: &str| format!("<occupant nick='a' role='{role}' kind='{kind}'/>");
        for (inner, is_known) in [
            (one("participant", "person"), true),
            (one("visitor", "person"), true),
            (one("moderator", "person"), false),
            (one("participant", "recorder"), false),
            (one("moderator", "focus"), false),
            (one("participant", "new"), false),
            (String::new(), false),
        ] {
            let read = read("jid='r1@muc.meet.jitsi' left-out='3'", &inner);
            assert_eq!(matches!(read, Read::Room(_, Some(_))), is_known, "{inner}");
        }
    }

    #[test]
    fn whose_token_forbids_it_is_known() {
        let inner: String = ["may-record='no'", "may-record='yes'", "may-record='NO'", ""]
            .iter()
            .enumerate()
            .map(|(i, says)| format!("<occupant nick='a{i}' {says}/>"))
            .collect();
        let picture = picture("", &format!("{inner}<occupant may-record='no'/>"));
        assert_eq!(picture.occupants.len(), 4);
        assert_eq!(picture.may_not_record, [Nick::new("a0").unwrap()]);
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
