//! Who somebody in a room is: a person, Jicofo, Jibri's browser, ourselves, another machine.

use super::io::{Marks, Role};
use crate::address::{Nick, RealJid};
use crate::config::Settings;

/// Who is who, by real JID; from `[xmpp]` and `[muc]`.
#[derive(Debug, Clone)]
pub struct Identity {
    own_domain: String,
    focus_nick: Nick,
    service_domains: Vec<String>,
    recorders: Vec<RealJid>,
}

impl Identity {
    /// Takes what it needs from the settings.
    pub fn new(settings: &Settings) -> Self {
        Self {
            own_domain: settings.xmpp.domain.clone(),
            focus_nick: settings.muc.focus_nickname.clone(),
            service_domains: settings.muc.service_domains.clone(),
            recorders: settings.muc.recorders.clone(),
        }
    }

    /// The recorder is one account, or with Jibri's `randomize-username` one of `recorder-XXXXXXXX`.
    fn is_recorder(&self, jid: &RealJid) -> bool {
        self.recorders.iter().any(|recorder| {
            recorder.domain() == jid.domain()
                && match (recorder.local(), jid.local()) {
                    (Some(name), Some(local)) => {
                        local == name || local.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'))
                    }
                    _ => false,
                }
        })
    }

    /// What an occupant is (docs/jitsi.md 1.1). The real JID decides; what a presence claims can only turn
    /// somebody who is no moderator into a machine, so nobody escapes a recording by claiming to be one.
    pub(super) fn who(&self, nick: &Nick, jid: Option<&RealJid>, role: Role, marks: Marks) -> Who {
        if let Some(jid) = jid {
            if jid.domain() == self.own_domain {
                return Who::Us;
            }
            if self.is_recorder(jid) {
                return Who::Recorder;
            }
            if self.service_domains.iter().any(|domain| domain == jid.domain()) {
                return if *nick == self.focus_nick { Who::Focus } else { Who::Machine };
            }
        } else if *nick == self.focus_nick {
            // Without a real JID it cannot be told from somebody who took its name.
            return Who::Machine;
        }
        // Jibris and transcribers have accounts of service domains; only a telephone may be among the people.
        let claims_to_be_one = marks.jigasi || jid.is_none() && (marks.transcriber || marks.jibri);
        if claims_to_be_one && role != Role::Moderator { Who::Machine } else { Who::Person }
    }
}

/// What an occupant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Somebody whose meeting this is.
    Person,
    /// Jicofo.
    Focus,
    /// Ourselves, or another account of our domain.
    Us,
    /// Jibri's browser.
    Recorder,
    /// Any other service.
    Machine,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::meeting) fn identity() -> Identity {
        let toml = "[xmpp]\ndomain = \"autostart.meet.jitsi\"\nsecret = \"x\"\n[muc]\ndomains = [\"muc.meet.jitsi\"]\n";
        Identity::new(&crate::config::from_toml(toml).unwrap().settings)
    }

    fn who(jid: Option<&str>, role: Role, marks: Marks) -> Who {
        let jid = jid.map(|jid| RealJid::new(jid).unwrap());
        identity().who(&Nick::new("3f9c01aa").unwrap(), jid.as_ref(), role, marks)
    }

    #[test]
    fn a_claim_makes_nobody_invisible_but_a_telephone() {
        let jibri = Marks { jibri: true, ..Marks::default() };
        let transcriber = Marks { transcriber: true, ..Marks::default() };
        let jigasi = Marks { jigasi: true, ..Marks::default() };
        let person = Some("3f9c@meet.jitsi/a");
        assert_eq!(who(person, Role::Participant, jibri), Who::Person);
        assert_eq!(who(person, Role::Participant, transcriber), Who::Person);
        assert_eq!(who(person, Role::Participant, jigasi), Who::Machine);
        assert_eq!(who(person, Role::Moderator, jigasi), Who::Person);
        // Without a real JID a claim is all there is.
        assert_eq!(who(None, Role::Participant, jibri), Who::Machine);
        assert_eq!(who(Some("recorder-1a2b@hidden.meet.jitsi/a"), Role::Participant, jibri), Who::Recorder);
        assert_eq!(
            who(Some("transcriber@hidden.meet.jitsi/a"), Role::Participant, transcriber),
            Who::Machine
        );
    }
}
