//! What we ask the companion (docs/companion.md).

use xso::AsXml;

use super::super::stanza::NS_COMPANION;
use crate::address::{Nick, RoomJid};
use crate::config::Mode;
use crate::meeting::Order;

/// One request, the element inside its IQ.
#[derive(AsXml, Debug)]
#[xml()]
pub(in crate::xmpp) enum Ask {
    #[xml(namespace = NS_COMPANION, name = "hello")]
    Hello,
    #[xml(namespace = NS_COMPANION, name = "rooms")]
    Rooms {
        /// The page before this one has named it; none for the first.
        #[xml(attribute(default))]
        after: Option<String>,
    },
    #[xml(namespace = NS_COMPANION, name = "room")]
    Room {
        #[xml(attribute)]
        jid: String,
    },
    #[xml(namespace = NS_COMPANION, name = "start")]
    Start {
        #[xml(attribute)]
        room: String,
        #[xml(attribute(name = "as"))]
        speaker: String,
        #[xml(attribute)]
        mode: String,
        #[xml(attribute(default))]
        stream: Option<String>,
        #[xml(attribute(name = "app-data", default))]
        app_data: Option<String>,
    },
    #[xml(namespace = NS_COMPANION, name = "stop")]
    Stop {
        #[xml(attribute)]
        room: String,
        #[xml(attribute(name = "as"))]
        speaker: String,
        #[xml(attribute)]
        mode: String,
    },
    #[xml(namespace = NS_COMPANION, name = "notice")]
    Notice {
        #[xml(attribute)]
        room: String,
        #[xml(attribute)]
        recording: String,
    },
}

impl Ask {
    pub(in crate::xmpp) fn room(room: &RoomJid) -> Self {
        Self::Room { jid: room.as_str().to_owned() }
    }

    pub(in crate::xmpp) fn start(room: &RoomJid, speaker: &Nick, order: &Order) -> Self {
        Self::Start {
            room: room.as_str().to_owned(),
            speaker: speaker.as_str().to_owned(),
            mode: word(order.mode),
            stream: (order.mode == Mode::Stream).then(|| order.stream_key.expose().to_owned()),
            app_data: order.app_data.clone(),
        }
    }

    pub(in crate::xmpp) fn stop(room: &RoomJid, speaker: &Nick, mode: Mode) -> Self {
        Self::Stop { room: room.as_str().to_owned(), speaker: speaker.as_str().to_owned(), mode: word(mode) }
    }

    pub(in crate::xmpp) fn notice(room: &RoomJid, recording: bool) -> Self {
        Self::Notice { room: room.as_str().to_owned(), recording: recording.to_string() }
    }

    /// The type of its IQ.
    pub(in crate::xmpp) fn iq_type(&self) -> &'static str {
        match self {
            Self::Hello | Self::Rooms { .. } | Self::Room { .. } => "get",
            Self::Start { .. } | Self::Stop { .. } | Self::Notice { .. } => "set",
        }
    }
}

fn word(mode: Mode) -> String {
    match mode {
        Mode::File => "file",
        Mode::Stream => "stream",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn text(ask: &Ask) -> String {
        String::from_utf8(xso::to_vec(ask).unwrap()).unwrap().replace('"', "'")
    }

    #[test]
    fn each_is_written_as_the_companion_reads_it() {
        let room = RoomJid::new("r1@muc.meet.jitsi").unwrap();
        let ada = Nick::new("ada").unwrap();
        let order =
            |mode| Order { mode, stream_key: Secret::new("k3y"), app_data: Some("{\"a\":1}".to_owned()) };
        for (ask, type_, parts, not) in [
            (Ask::Hello, "get", vec!["<hello "], "jid"),
            (Ask::Rooms { after: None }, "get", vec!["<rooms "], "after"),
            (Ask::Rooms { after: Some("x.5".to_owned()) }, "get", vec!["after='x.5'"], "jid"),
            (Ask::room(&room), "get", vec!["<room ", "jid='r1@muc.meet.jitsi'"], "as="),
            (
                Ask::start(&room, &ada, &order(Mode::File)),
                "set",
                vec!["<start ", "room='r1@muc.meet.jitsi'", "as='ada'", "mode='file'", "app-data="],
                "k3y",
            ),
            (
                Ask::start(&room, &ada, &order(Mode::Stream)),
                "set",
                vec!["mode='stream'", "stream='k3y'"],
                "jid",
            ),
            (Ask::stop(&room, &ada, Mode::Stream), "set", vec!["<stop ", "as='ada'", "mode='stream'"], "k3y"),
            (Ask::notice(&room, true), "set", vec!["<notice ", "recording='true'"], "transcription"),
            (Ask::notice(&room, false), "set", vec!["recording='false'"], "transcription"),
        ] {
            let written = text(&ask);
            assert_eq!(ask.iq_type(), type_, "{written}");
            for part in parts.into_iter().chain(["urn:jibri-autostart:companion:1"]) {
                assert!(written.contains(part), "{part} in {written}");
            }
            assert!(!written.contains(not), "no {not} in {written}");
        }
    }
}
