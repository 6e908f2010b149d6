//! What has been heard over our own link.

use std::collections::BTreeMap;

use crate::address::{Nick, RoomJid};
use crate::jibri::Report;
use crate::meeting::{ListError, Listed, Presence, RoomEvent};
use crate::xmpp::{BreweryEvent, CompanionEvent, Failure, LinkEvent, Mute, NotLetIn};

/// Each service's rooms, by service discovery; none if it does not list them.
pub(super) type Items = BTreeMap<String, Option<Vec<RoomJid>>>;

/// All that has been heard.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Whether each service is one for conferences; none: it did not say.
    pub(super) services: BTreeMap<String, Option<bool>>,
    /// Whether each takes us for an admin; none: it did not say.
    pub(super) admin_of: BTreeMap<String, Option<bool>>,
    pub(super) items: Items,
    /// Who is in which room, or why we are not told.
    pub(super) rooms: Vec<(RoomJid, Result<Vec<Listed>, ListError>)>,
    /// Who is in which room, by the companion.
    pub(super) pictured: BTreeMap<RoomJid, Vec<Listed>>,
    /// All who are in the brewery are known, or why we are not inside.
    pub(super) brewery: Option<Result<(), NotLetIn>>,
    /// Who is there: what each says, and how many share the nickname.
    pub(super) inside: BTreeMap<Nick, (Option<Report>, usize)>,
    /// Whether a stanza in another name has come.
    pub(super) sender: Option<bool>,
    /// Of the companion on each service: its version and whether people can be told by it, or why it does not answer.
    pub(super) companions: BTreeMap<String, Result<(String, Option<Mute>), &'static str>>,
    /// Why the link is lost.
    pub(super) down: Option<Failure>,
}

impl Seen {
    pub(super) fn take(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Down { failure, .. } => self.down = Some(failure),
            LinkEvent::Info { service, is_conference } => {
                self.services.insert(service, is_conference);
            }
            LinkEvent::Commands { service, has_admins } => {
                self.admin_of.insert(service, has_admins);
            }
            LinkEvent::Items { service, rooms } => {
                self.items.insert(service, rooms);
            }
            LinkEvent::Room { room, event: RoomEvent::Roles { result, .. } } => {
                self.rooms.push((room, result));
            }
            LinkEvent::Room { room, event: RoomEvent::Pictured(Some(picture)) } => {
                self.pictured.insert(room, picture.occupants.into_iter().map(listed).collect());
            }
            LinkEvent::SenderTried { accepted } => self.sender = Some(accepted),
            LinkEvent::Brewery(event) => self.take_brewery(event),
            LinkEvent::Companion { service, event: CompanionEvent::Answers { version, mute } } => {
                self.companions.insert(service, Ok((version, mute)));
            }
            LinkEvent::Companion { service, event: CompanionEvent::Silent { why } } => {
                self.companions.insert(service, Err(why));
            }
            LinkEvent::Up
            | LinkEvent::Companion { .. }
            | LinkEvent::StandingBy { .. }
            | LinkEvent::Room { .. }
            | LinkEvent::Invited { .. }
            | LinkEvent::Pinged { .. } => {}
        }
    }

    /// Who is in which room, as far as we were told.
    pub(super) fn lists(&self) -> impl Iterator<Item = (&RoomJid, &Vec<Listed>)> {
        let asked = self.rooms.iter().filter_map(|(room, result)| Some((room, result.as_ref().ok()?)));
        asked.chain(&self.pictured)
    }

    fn take_brewery(&mut self, event: BreweryEvent) {
        match event {
            BreweryEvent::Complete => self.brewery = Some(Ok(())),
            BreweryEvent::NotLetIn { why, .. } => self.brewery = Some(Err(why)),
            BreweryEvent::Presence { nick, status, items } => {
                self.inside.insert(nick, (status, items));
            }
            BreweryEvent::Left { nick } => {
                self.inside.remove(&nick);
            }
            // With the link, of which more is told.
            BreweryEvent::Lost => {}
        }
    }
}

fn listed(presence: Presence) -> Listed {
    let Presence { nick, jid, role, affiliation, .. } = presence;
    Listed { nick, jid, role, affiliation }
}
