//! The companions: on which conference services the module inside Prosody answers (docs/companion.md), and so which
//! footprint is in effect there.

use std::collections::BTreeMap;

use super::Driver;
use crate::address::RoomJid;
use crate::config::{Footprint, FootprintSetting, StopWhen};
use crate::meeting::{Input, RoomEvent};
use crate::xmpp::{CompanionEvent, Mute};

/// Of one conference service.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// It answers. Why people cannot be told by it, if they cannot.
    Answers { mute: Option<Mute> },
    /// It does not: why.
    Silent(&'static str),
}

/// What is known of all of them.
#[derive(Debug)]
pub(super) struct Companions {
    setting: FootprintSetting,
    services: BTreeMap<String, Option<Word>>,
    /// What was last logged of each; after every lost link they say the same again.
    told: BTreeMap<String, Word>,
}

impl Companions {
    pub(super) fn new(setting: FootprintSetting, services: &[String]) -> Self {
        let services = services.iter().map(|service| (service.clone(), None)).collect();
        Self { setting, services, told: BTreeMap::new() }
    }

    /// Whether this word is another one than that which was logged last.
    fn is_news(&mut self, service: &str, word: &Word) -> bool {
        self.told.insert(service.to_owned(), word.clone()).as_ref() != Some(word)
    }

    /// There is no link, and so nothing is known of them.
    fn forget(&mut self) {
        self.services.values_mut().for_each(|word| *word = None);
    }

    /// Prosody does not let us speak in moderators' names.
    pub(super) fn sender_refused(&mut self) {
        self.setting = FootprintSetting::Auto;
    }

    /// Configured, and not there: the services of which that is so, and why.
    fn missing(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let is_needed = self.setting == Footprint::Companion.into();
        self.services.iter().filter(move |_| is_needed).filter_map(|(service, word)| match word {
            Some(Word::Silent(why)) => Some((service.as_str(), *why)),
            _ => None,
        })
    }

    fn all_answer(&self) -> bool {
        self.services.values().all(|word| matches!(word, Some(Word::Answers { .. })))
    }

    /// The footprint in effect, and why it is that one.
    pub(super) fn in_effect(&self) -> (Footprint, Option<String>) {
        let silent = self.services.iter().find_map(|(service, word)| match word {
            Some(Word::Silent(why)) => Some((service, *why)),
            _ => None,
        });
        let is_heard_everywhere = self.all_answer();
        let footprint = self.setting.in_effect(is_heard_everywhere);
        if !self.setting.wants_companion() {
            return (footprint, None);
        }
        let reason = match silent {
            _ if is_heard_everywhere => {
                let mute = self.services.values().find_map(|word| match word {
                    Some(Word::Answers { mute }) => *mute,
                    _ => None,
                });
                mute.map(|mute| mute.reason().to_owned())
            }
            Some((service, why)) if self.services.len() > 1 => {
                Some(format!("the companion does not answer on {service}: {why}"))
            }
            Some((_, why)) => Some(format!("the companion does not answer: {why}")),
            None => Some("the companion has not answered yet".to_owned()),
        };
        (footprint, reason)
    }
}

impl Driver {
    /// Something is new of the companion on this conference service.
    pub(super) fn companion_event(&mut self, service: String, event: CompanionEvent) {
        match event {
            CompanionEvent::Answers { version, mute } => {
                let (word, can_notify) = (Word::Answers { mute }, mute.is_none());
                if self.companions.is_news(&service, &word) {
                    tracing::info!(service, version, can_notify, "the companion in Prosody answers");
                    self.tell_what_stops_need(&service);
                }
                self.companion_is(&service, word);
                self.feed(Input::Companion { service, answers: true, can_notify });
            }
            CompanionEvent::Listed { rooms } => self.companion_lists(service, rooms),
            CompanionEvent::Silent { why } => {
                let was_there =
                    matches!(self.companions.services.get(&service), Some(Some(Word::Answers { .. })));
                let is_news = self.companions.is_news(&service, &Word::Silent(why));
                match self.companions.setting {
                    _ if !is_news => tracing::debug!(service, "still no companion in Prosody: {why}"),
                    FootprintSetting::Fixed(Footprint::Companion) => {
                        tracing::error!(
                            service,
                            "nothing is done in meetings, because the companion is missing: {why}"
                        );
                    }
                    _ if was_there => {
                        let footprint = self.companions.setting.in_effect(false).name();
                        tracing::warn!(service, footprint, "the companion no longer answers: {why}");
                    }
                    _ => tracing::info!(service, "there is no companion in Prosody: {why}"),
                }
                self.companion_is(&service, Word::Silent(why));
                self.sources.companion_lost();
                self.feed(Input::Companion { service, answers: false, can_notify: false });
            }
        }
    }

    /// Where it acts for us, nobody may be left in whose name a recording could be stopped that nobody needs; and where it
    /// is the only way, we may have no right to do it ourselves.
    fn tell_what_stops_need(&self, service: &str) {
        let settings = &self.settings;
        let mut all = settings.rules.iter().map(|rule| &rule.stop).chain([&settings.stop]);
        let is_alone = self.companions.setting == Footprint::Companion.into();
        if let Some(stop) = all.find(|stop| is_alone && stop.when != StopWhen::Never) {
            let when = stop.when.name();
            tracing::warn!(
                service,
                "stop.when = \"{when}\" needs the rights of the discreet footprint in rooms, as the companion then has no \
                 moderator to speak for: see `jibri-autostart prosody`"
            );
        }
    }

    fn companion_is(&mut self, service: &str, word: Word) {
        if let Some(known) = self.companions.services.get_mut(service) {
            *known = Some(word);
        }
        self.show_footprint();
        let trouble = self.companions.missing().find(|(missing, _)| *missing == service).map(|(_, why)| why);
        self.alarms.companion(self.clock.now(), service, trouble);
        let missing = self.companions.missing().next().map(|(service, why)| (service.to_owned(), why));
        self.sources.can_act(missing.map_or(Ok(()), |(service, why)| {
            Err(format!(
                "muc.footprint is \"companion\", and the companion on {service} does not answer: {why}"
            ))
        }));
    }

    /// No link: they may be there, and are not heard.
    pub(super) fn companions_are_unheard(&mut self) {
        self.companions.forget();
        let now = self.clock.now();
        for service in self.settings.muc.domains.clone() {
            self.alarms.companion(now, &service, None);
        }
        self.publisher.companion(false);
    }

    /// Shows which footprint is in effect.
    pub(super) fn show_footprint(&self) {
        let (footprint, reason) = self.companions.in_effect();
        self.publisher.footprint(footprint, reason);
        self.publisher.companion(self.companions.all_answer());
    }

    /// A room as the companion tells it, or that it is over.
    pub(super) fn told_of_room(&mut self, room: RoomJid, event: RoomEvent) {
        if matches!(event, RoomEvent::Over) {
            self.feed(Input::Room { room: room.clone(), event });
            let changes = self.sources.over(room);
            return self.feed_changes(changes);
        }
        let changes = self.sources.pictured(&room);
        self.feed_changes(changes);
        self.feed(Input::Room { room, event });
    }

    /// These are all rooms that there are.
    fn companion_lists(&mut self, service: String, rooms: Vec<RoomJid>) {
        let is_gone = |room: &RoomJid| room.service() == service && rooms.binary_search(room).is_err();
        let gone: Vec<RoomJid> =
            self.meetings.rooms().map(|view| view.room.clone()).filter(is_gone).collect();
        for room in gone {
            self.feed(Input::Room { room, event: RoomEvent::Over });
        }
        let changes = self.sources.companion_lists(service, rooms);
        self.feed_changes(changes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHY: &str = "it was unloaded";

    fn companions(setting: FootprintSetting, words: [Option<Word>; 2]) -> Companions {
        let names = ["muc.a".to_owned(), "muc.b".to_owned()];
        let mut companions = Companions::new(setting, &names);
        companions.services = names.into_iter().zip(words).collect();
        companions
    }

    #[test]
    fn each_service_without_one_is_missed_where_it_is_configured() {
        let silent = || Some(Word::Silent(WHY));
        let both = companions(Footprint::Companion.into(), [silent(), silent()]);
        assert_eq!(both.missing().collect::<Vec<_>>(), [("muc.a", WHY), ("muc.b", WHY)]);
        let unknown = companions(Footprint::Companion.into(), [None, Some(Word::Answers { mute: None })]);
        assert_eq!(unknown.missing().next(), None);
        assert_eq!(companions(FootprintSetting::Auto, [silent(), silent()]).missing().next(), None);
    }

    #[test]
    fn the_same_is_logged_once_whatever_becomes_of_the_link() {
        let mut companions = companions(FootprintSetting::Auto, [None, None]);
        let answers = Word::Answers { mute: None };
        assert!(companions.is_news("muc.a", &answers) && companions.is_news("muc.b", &answers));
        companions.forget();
        assert!(!companions.is_news("muc.a", &answers));
        assert!(companions.is_news("muc.a", &Word::Silent(WHY)) && companions.is_news("muc.a", &answers));
    }

    #[test]
    fn what_is_in_effect_says_why() {
        let answers = |mute| Some(Word::Answers { mute });
        let shown = |setting, words| {
            let (footprint, why) = companions(setting, words).in_effect();
            (footprint, why.unwrap_or_default())
        };
        let auto = FootprintSetting::Auto;
        assert_eq!(shown(auto, [answers(None), answers(None)]), (Footprint::Companion, String::new()));
        for (mute, says) in [(Mute::NoMetadata, "mod_room_metadata_component"), (Mute::Unable, "install")] {
            let (footprint, why) = shown(auto, [answers(None), answers(Some(mute))]);
            assert!(footprint == Footprint::Companion && why.contains(says), "{why}");
        }
        let (footprint, why) = shown(auto, [answers(None), Some(Word::Silent(WHY))]);
        assert!(footprint == Footprint::Discreet && why.contains("muc.b") && why.contains(WHY), "{why}");
        let (footprint, why) = shown(Footprint::Companion.into(), [Some(Word::Silent(WHY)), None]);
        assert!(footprint == Footprint::Companion && why.contains("muc.a"), "{why}");
        let resident = shown(Footprint::Resident.into(), [None, None]);
        assert_eq!(resident, (Footprint::Resident, String::new()));
    }
}
