//! The two names of a tenant's room, and which services are ours to listen to (docs/jitsi.md 1.6).
//!
//! Inside Prosody the room is `[acme]r1@muc.meet.jitsi`; mod_muc_domain_mapper shows it to us as
//! `r1@muc.acme.meet.jitsi`, and what is sent to that name is refused. So every address is turned into the
//! real form as it comes in, and only the real form ever goes out.

use std::borrow::Cow;

use super::{Nick, RoomJid, split_occupant};

/// The conference services of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    domains: Vec<String>,
    brewery: Option<RoomJid>,
}

impl Services {
    pub(crate) fn new(domains: &[String]) -> Self {
        Self { domains: domains.to_vec(), brewery: None }
    }

    /// The brewery is no meeting, whichever service it is in, and no tenant's.
    pub(crate) fn without(self, brewery: Option<RoomJid>) -> Self {
        Self { brewery, ..self }
    }

    pub(crate) fn first(&self) -> Option<&str> {
        self.domains.first().map(String::as_str)
    }

    /// The real form of any address.
    pub(crate) fn real<'a>(&self, jid: &'a str) -> Cow<'a, str> {
        let (bare, resource) = match jid.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource)),
            None => (jid, None),
        };
        let Some((local, host)) = bare.split_once('@') else { return Cow::Borrowed(jid) };
        match self.tenant_of(host) {
            None => Cow::Borrowed(jid),
            Some((tenant, service)) => Cow::Owned(match resource {
                Some(resource) => format!("[{tenant}]{local}@{service}/{resource}"),
                None => format!("[{tenant}]{local}@{service}"),
            }),
        }
    }

    /// The room and the nickname that an address names, if it is in one of the services.
    pub(crate) fn occupant(&self, jid: &str) -> Option<(RoomJid, Option<Nick>)> {
        let (room, nick) = split_occupant(&self.real(jid)).ok()?;
        let is_ours = self.domains.iter().any(|service| service == room.service());
        (is_ours && self.brewery.as_ref() != Some(&room)).then_some((room, nick))
    }

    /// Splits `muc.acme.meet.jitsi` into `acme` and `muc.meet.jitsi`. A name that is configured as it
    /// stands is no tenant's.
    fn tenant_of<'a>(&self, host: &'a str) -> Option<(&'a str, &str)> {
        let stands =
            self.domains.iter().map(String::as_str).chain(self.brewery.as_ref().map(RoomJid::service));
        if stands.into_iter().any(|service| service == host) {
            return None;
        }
        self.domains.iter().find_map(|service| {
            let (prefix, base) = service.split_once('.')?;
            let tenant =
                host.strip_prefix(prefix)?.strip_prefix('.')?.strip_suffix(base)?.strip_suffix('.')?;
            (!tenant.is_empty() && !tenant.contains('.')).then_some((tenant, service.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services() -> Services {
        Services::new(&["muc.meet.jitsi".to_owned(), "muc.own.meet.jitsi".to_owned()])
    }

    #[test]
    fn a_tenants_room_has_one_name() {
        let s = services();
        for (seen, real) in [
            ("r1@muc.acme.meet.jitsi/n/1@x", "[acme]r1@muc.meet.jitsi/n/1@x"),
            ("r1@muc.acme.meet.jitsi", "[acme]r1@muc.meet.jitsi"),
            ("[acme]r1@muc.meet.jitsi/n", "[acme]r1@muc.meet.jitsi/n"),
            ("r1@muc.meet.jitsi", "r1@muc.meet.jitsi"),
            ("r1@muc.own.meet.jitsi/n", "r1@muc.own.meet.jitsi/n"),
            ("r1@muc.a.b.meet.jitsi", "r1@muc.a.b.meet.jitsi"),
            ("r1@muc..meet.jitsi", "r1@muc..meet.jitsi"),
            ("muc.meet.jitsi", "muc.meet.jitsi"),
            ("x@meet.jitsi/muc.a.meet.jitsi", "x@meet.jitsi/muc.a.meet.jitsi"),
        ] {
            assert_eq!(s.real(seen), real);
        }
    }

    #[test]
    fn only_our_services_are_listened_to() {
        let s = services();
        let (room, nick) = s.occupant("r1@muc.acme.meet.jitsi/n").unwrap();
        assert_eq!((room.as_str(), nick.unwrap().as_str()), ("[acme]r1@muc.meet.jitsi", "n"));
        assert!(s.occupant("r1@internal-muc.meet.jitsi/n").is_none());
        assert!(s.occupant("muc.meet.jitsi").is_none());
        let s = s.without(RoomJid::new("b@muc.internal.meet.jitsi").ok());
        assert_eq!(s.real("b@muc.internal.meet.jitsi/n"), "b@muc.internal.meet.jitsi/n");
        assert!(s.occupant("b@muc.internal.meet.jitsi/n").is_none());
        let s = s.without(RoomJid::new("b@muc.meet.jitsi").ok());
        assert!(s.occupant("b@muc.meet.jitsi/n").is_none() && s.occupant("r1@muc.meet.jitsi/n").is_some());
    }
}
