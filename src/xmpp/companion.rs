//! The companions, one on each conference service: what is asked of them, and what of what they say is told
//! (docs/companion.md). `course` is one of them, `abilities` what it can do, `read` its pictures, `ask` what it
//! is asked.
//!
//! All of it is forgotten with the link.

mod abilities;
mod ask;
mod course;
mod read;

pub(super) use ask::Ask;

use tokio::time::Instant;

use self::course::Course;
use super::config::Config;
use super::event::LinkEvent;
use super::stanza::{Message, Payload};
use crate::address::RoomJid;

/// What follows from something that has happened.
#[derive(Debug)]
pub(super) enum Do {
    /// Ask the companion on this service; answered by [`Companions::answered`].
    Ask {
        service: String,
        ask: Ask,
        about: About,
    },
    /// No answer will come to any start or stop that this service has been asked for.
    GiveUp {
        service: String,
    },
    Tell(LinkEvent),
    /// Something that it said means nothing, and is counted.
    Malformed,
}

/// What an answer will be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    Hello,
    /// A page of the list of this number.
    Page(u64),
    Picture(RoomJid),
}

/// Why there is no answer with something inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unanswered {
    TimedOut,
    /// An error; with a reason if it is the companion's own.
    Error {
        refused: Option<String>,
    },
}

/// What came back.
pub(super) type Answer = Result<Vec<Payload>, Unanswered>;

/// All companions.
#[derive(Debug)]
pub(super) struct Companions {
    all: Vec<Course>,
}

impl Companions {
    /// The link has come up: each is to be asked at once.
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        let course = |service: &String| Course::new(service.clone(), config.services.clone(), now);
        Self { all: config.companions.iter().map(course).collect() }
    }

    /// Whether the one on this service answers, as far as we know.
    pub(super) fn answers(&self, service: &str) -> bool {
        self.all.iter().any(|one| one.service() == service && one.answers())
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.all.iter().filter_map(Course::next_deadline).min()
    }

    /// Something is to be done because of the time.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Do> {
        self.all.iter_mut().flat_map(|one| one.expire(now)).collect()
    }

    /// What a message tells, if it is a companion's. Anybody can send us its elements; only Prosody can send in the
    /// name of a conference service, and that of what somebody has sent only what comes back as an error.
    pub(super) fn message(&mut self, message: &Message, now: Instant) -> Option<Vec<Do>> {
        if message.companion.is_empty() || message.type_.as_deref() == Some("error") {
            return None;
        }
        let from = message.from.as_deref()?;
        let one = self.all.iter_mut().find(|one| one.service() == from)?;
        Some(message.companion.iter().flat_map(|said| one.pushed(said, now)).collect())
    }

    /// What became of something that was asked.
    pub(super) fn answered(&mut self, service: &str, about: About, answer: Answer, now: Instant) -> Vec<Do> {
        let one = self.all.iter_mut().find(|one| one.service() == service);
        one.map(|one| one.answered(about, answer, now)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::stanza::{Inbound, NS_COMPANION, parse};
    use super::*;
    use crate::config::from_toml;

    fn companions(footprint: &str) -> Companions {
        let toml = format!(
            "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"x\"\n\
             [muc]\ndomains = [\"muc.meet.jitsi\", \"muc.other\"]\nfootprint = \"{footprint}\"\n"
        );
        Companions::new(&Config::new(&from_toml(&toml).unwrap().settings), Instant::now())
    }

    fn said(companions: &mut Companions, attributes: &str, inner: &str) -> Option<Vec<Do>> {
        let Inbound::Message(message) = parse(&format!("<message {attributes}>{inner}</message>")) else {
            panic!("no message")
        };
        companions.message(&message, Instant::now())
    }

    #[test]
    fn each_service_has_its_own() {
        let hello = format!("<hello xmlns='{NS_COMPANION}' epoch='e' seq='0'/>");
        for footprint in ["auto", "companion", "unseen"] {
            let mut all = companions(footprint);
            assert_eq!(all.expire(Instant::now()).len(), 2, "{footprint}");
            let todo = said(&mut all, "from='muc.other'", &hello).unwrap();
            let [Do::Tell(LinkEvent::Companion { service, .. }), Do::Ask { about: About::Page(1), .. }] =
                todo.as_slice()
            else {
                panic!("{todo:?}")
            };
            assert_eq!(service, "muc.other");
            assert!(all.answers("muc.other") && !all.answers("muc.meet.jitsi") && !all.answers("muc.none"));
        }
    }

    #[test]
    fn where_none_is_wanted_none_is_asked_or_heard() {
        let hello = format!("<hello xmlns='{NS_COMPANION}' epoch='e' seq='0'/>");
        for footprint in ["discreet", "resident"] {
            let mut all = companions(footprint);
            assert_eq!(all.next_deadline(), None);
            assert!(all.expire(Instant::now()).is_empty());
            assert!(said(&mut all, "from='muc.meet.jitsi'", &hello).is_none());
        }
    }

    #[test]
    fn anybody_can_send_its_elements_and_only_the_service_is_heard() {
        let mut all = companions("auto");
        let elements = [
            format!("<hello xmlns='{NS_COMPANION}' epoch='e' seq='0'/>"),
            format!("<room xmlns='{NS_COMPANION}' epoch='e' seq='1' jid='r1@muc.meet.jitsi'/>"),
            format!("<gone xmlns='{NS_COMPANION}' epoch='e' seq='1' jid='r1@muc.meet.jitsi'/>"),
            format!("<bye xmlns='{NS_COMPANION}' epoch='e' seq='1'/>"),
        ];
        for from in [
            "",
            "from=''",
            "from='r1@muc.meet.jitsi'",
            "from='r1@muc.meet.jitsi/eve'",
            "from='muc.meet.jitsi/eve'",
            "from='muc.acme.meet.jitsi'",
            "from='meet.jitsi'",
            "from='eve@meet.jitsi/x'",
            "from='muc.meet.jitsi' type='error'",
        ] {
            for element in &elements {
                assert!(said(&mut all, from, element).is_none(), "{from} {element}");
            }
        }
        assert!(!all.answers("muc.meet.jitsi"));
        // What is in no namespace of its own, or deeper inside, is not its word either.
        for inner in ["", "<hello epoch='e' seq='0'/>", &format!("<x xmlns='urn:x'>{}</x>", elements[0])] {
            assert!(said(&mut all, "from='muc.meet.jitsi'", inner).is_none(), "{inner}");
        }
        assert!(said(&mut all, "from='muc.meet.jitsi' type='chat'", &elements[0]).is_some());
    }
}
