//! Who somebody in a room is: a person, Jicofo, Jibri's browser, ourselves, another machine.

use super::io::{Affiliation, Marks, Role};
use crate::address::{Nick, RealJid};
use crate::config::Settings;

/// Accounts, or domains, that are not configured as what they are: a site has one domain for them, and anybody might claim to be one.
const MOST_LEARNED: usize = 16;

/// Who is who, by real JID; from `[xmpp]` and `[muc]`, and from what recorders have shown.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Ours, without a resource.
    own_jid: String,
    own_domain: String,
    focus_nick: Nick,
    service_domains: Vec<String>,
    recorders: Vec<RealJid>,
    /// Accounts that have shown the session of which Jicofo said that it was on.
    learned: Vec<Box<str>>,
    /// Domains of which it was told that Jicofo's account is there.
    told: Vec<Box<str>>,
}

impl Identity {
    /// Takes what it needs from the settings.
    pub fn new(settings: &Settings) -> Self {
        Self {
            own_jid: format!("{}@{}", settings.xmpp.user, settings.xmpp.domain),
            own_domain: settings.xmpp.domain.clone(),
            focus_nick: settings.muc.focus_nickname.clone(),
            service_domains: settings.muc.service_domains.clone(),
            recorders: settings.muc.recorders.clone(),
            learned: Vec::new(),
            told: Vec::new(),
        }
    }

    /// Jicofo has this account, which is of no domain that we were told of; true once for each domain.
    pub(super) fn is_news_of_focus(&mut self, jid: &RealJid) -> bool {
        let is_news = self.told.len() < MOST_LEARNED && !self.told.iter().any(|told| **told == *jid.domain());
        if is_news {
            self.told.push(jid.domain().into());
        }
        is_news
    }

    /// This account is a recorder's, whatever `muc.recorders` says; true if that is news.
    pub(super) fn learn_recorder(&mut self, jid: &RealJid) -> bool {
        let is_news = self.learned.len() < MOST_LEARNED && !self.is_recorder(jid);
        if is_news {
            self.learned.push(jid.bare().into());
        }
        is_news
    }

    /// The recorder is one account, or with Jibri's `randomize-username` one of `recorder-XXXXXXXX`.
    fn is_recorder(&self, jid: &RealJid) -> bool {
        let is_learned = self.learned.iter().any(|bare| **bare == *jid.bare());
        is_learned
            || self.recorders.iter().any(|recorder| {
                recorder.domain() == jid.domain()
                    && match (recorder.local(), jid.local()) {
                        (Some(name), Some(local)) => {
                            local == name
                                || local.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'))
                        }
                        _ => false,
                    }
            })
    }

    /// What an occupant is (docs/jitsi.md 1.1). The real JID decides; what a presence claims can only turn
    /// somebody who is no moderator into a machine, so nobody escapes a recording by claiming to be one.
    pub(super) fn who(
        &self,
        nick: &Nick,
        jid: Option<&RealJid>,
        (role, affiliation): (Role, Affiliation),
        marks: Marks,
    ) -> Who {
        if let Some(jid) = jid {
            if jid.bare() == self.own_jid {
                return Who::Us;
            }
            // Nobody but this component can have an account there.
            if jid.domain() == self.own_domain {
                return Who::Machine;
            }
            if self.is_recorder(jid) {
                return Who::Recorder;
            }
            if self.service_domains.iter().any(|domain| domain == jid.domain()) {
                return if *nick == self.focus_nick { Who::Focus } else { Who::Machine };
            }
            // Jicofo's nickname is its login name, and it owns each room: its account is of a domain that we were not
            // told of. While it is there nobody else can have that nickname.
            let owns = role == Role::Moderator && affiliation == Affiliation::Owner;
            if *nick == self.focus_nick && owns {
                return Who::UnlistedFocus;
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
    /// Jicofo, by its nickname and its rights, with an account of a domain that is none of `muc.service_domains`.
    UnlistedFocus,
    /// Ourselves.
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
        identity().who(&Nick::new("3f9c01aa").unwrap(), jid.as_ref(), (role, Affiliation::None), marks)
    }

    #[test]
    fn jicofo_on_a_domain_that_is_not_listed_is_no_person() {
        let (identity, focus) = (identity(), Nick::new("focus").unwrap());
        let jid = RealJid::new("focus@auth.example.org/focus").unwrap();
        let who = |role, affiliation| identity.who(&focus, Some(&jid), (role, affiliation), Marks::default());
        assert_eq!(who(Role::Moderator, Affiliation::Owner), Who::UnlistedFocus);
        // Somebody who has taken its name, while it was not there, is still somebody.
        assert_eq!(who(Role::Participant, Affiliation::None), Who::Person);
        assert_eq!(who(Role::Moderator, Affiliation::None), Who::Person);
    }

    #[test]
    fn a_recorder_that_nobody_configured_is_learned() {
        let mut identity = identity();
        let jid = RealJid::new("recorder@recorder.example.org/a").unwrap();
        let who = |identity: &Identity, jid: &RealJid| {
            let nick = Nick::new("1a2b").unwrap();
            identity.who(&nick, Some(jid), (Role::Participant, Affiliation::None), Marks::default())
        };
        assert_eq!(who(&identity, &jid), Who::Person);
        assert!(identity.learn_recorder(&jid));
        assert!(!identity.learn_recorder(&jid), "it is told once");
        assert_eq!(who(&identity, &RealJid::new("recorder@recorder.example.org/b").unwrap()), Who::Recorder);
        assert_eq!(who(&identity, &RealJid::new("ada@recorder.example.org/b").unwrap()), Who::Person);
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
