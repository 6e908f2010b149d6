//! Addresses as Prosody sends them: split, but not prepared again.
//!
//! Prosody has already validated and normalised every JID that it routes. Preparing them a second time
//! with another library's idea of Unicode could refuse a nickname that Prosody let in, and whoever bears
//! it would be invisible here. So these types only split (RFC 7622, section 3.1), bound the length, and refuse
//! a room that no Prosody can hold. What does not come from Prosody is prepared as Prosody would:
//! [`RoomJid::prepared`]. How people write a room's name is in [`room_name`], and what a tenant's room is called in `tenant`.

pub mod room_name;
pub(crate) mod tenant;

use std::fmt;
use std::sync::Arc;

/// Longest part of a JID, in bytes (RFC 7622, section 3.1).
const MAX_PART: usize = 1023;

/// A string that is no usable address of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a usable address")]
pub struct BadAddress;

/// What no local part can have in it (RFC 6122, appendix A.5, for the most part).
fn is_barred_from_local(c: char) -> bool {
    c.is_control() || c.is_whitespace() || matches!(c, '"' | '&' | '\'' | '/' | ':' | '<' | '>' | '@')
}

fn check_part(part: &str) -> Result<(), BadAddress> {
    if part.is_empty() || part.len() > MAX_PART { Err(BadAddress) } else { Ok(()) }
}

/// Splits `[local@]domain[/resource]`.
fn split(jid: &str) -> Result<(Option<&str>, &str, Option<&str>), BadAddress> {
    let (bare, resource) = match jid.split_once('/') {
        Some((bare, resource)) => (bare, Some(resource)),
        None => (jid, None),
    };
    let (local, domain) = match bare.split_once('@') {
        Some((local, domain)) => (Some(local), domain),
        None => (None, bare),
    };
    check_part(domain)?;
    if domain.contains('@') {
        return Err(BadAddress);
    }
    local.map_or(Ok(()), check_part)?;
    resource.map_or(Ok(()), check_part)?;
    Ok((local, domain, resource))
}

/// The real bare JID of a room, `local@service`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomJid(Arc<str>);

impl RoomJid {
    /// Reads `local@service`, without a resource.
    ///
    /// # Errors
    /// [`BadAddress`] if a part is missing, empty or too long, or has characters that no room's name can have.
    pub fn new(jid: &str) -> Result<Self, BadAddress> {
        match split(jid)? {
            (Some(local), _, None) if !local.contains(is_barred_from_local) => Ok(Self(jid.into())),
            _ => Err(BadAddress),
        }
    }

    /// Reads what somebody else than Prosody says is a room's address, in the form in which Prosody holds it
    /// (RFC 6122, appendix A): an answer comes from that address only.
    ///
    /// # Errors
    /// [`BadAddress`] if Prosody cannot hold it.
    pub fn prepared(jid: &str) -> Result<Self, BadAddress> {
        Self::new(jid::BareJid::new(jid).map_err(|_| BadAddress)?.as_str())
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`; for a tenant's room it starts with `[tenant]`.
    pub fn local(&self) -> &str {
        self.0.split_once('@').map_or("", |(local, _)| local)
    }

    /// The conference service.
    pub fn service(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, service)| service)
    }

    /// The address of an occupant.
    pub fn occupant(&self, nick: &Nick) -> String {
        format!("{}/{}", self.0, nick.as_str())
    }
}

/// A nickname in a room: what follows the `/` of an occupant's address (XEP-0045, section 4.1).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nick(Box<str>);

impl Nick {
    /// Takes a nickname as it stands.
    ///
    /// # Errors
    /// [`BadAddress`] if it is empty or longer than 1023 bytes.
    pub fn new(nick: &str) -> Result<Self, BadAddress> {
        check_part(nick)?;
        Ok(Self(nick.into()))
    }

    /// The nickname.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A real JID of somebody, full or bare, as a conference service shows it to owners.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RealJid(Box<str>);

impl RealJid {
    /// Takes a JID of any form.
    ///
    /// # Errors
    /// [`BadAddress`] if a part is empty or too long.
    pub fn new(jid: &str) -> Result<Self, BadAddress> {
        split(jid)?;
        Ok(Self(jid.into()))
    }

    /// The whole JID.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names one session of an account: it has a resource (RFC 7622, section 3.4).
    pub fn is_full(&self) -> bool {
        self.0.contains('/')
    }

    /// Without the resource.
    pub fn bare(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(bare, _)| bare)
    }

    /// The local part, if there is one.
    pub fn local(&self) -> Option<&str> {
        self.bare().split_once('@').map(|(local, _)| local)
    }

    /// The domain.
    pub fn domain(&self) -> &str {
        let bare = self.bare();
        bare.split_once('@').map_or(bare, |(_, domain)| domain)
    }
}

macro_rules! shown_as_text {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        // Escaped: nicknames and room names are chosen by participants.
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = BadAddress;
            fn from_str(s: &str) -> Result<Self, BadAddress> {
                Self::new(s)
            }
        }
    )*};
}

shown_as_text!(RoomJid, Nick, RealJid);

/// Splits an occupant's address into room and nickname; no nickname for the room itself.
///
/// # Errors
/// [`BadAddress`] if it is not of the form `local@service[/nick]`.
pub fn split_occupant(jid: &str) -> Result<(RoomJid, Option<Nick>), BadAddress> {
    let (bare, nick) = match jid.split_once('/') {
        Some((bare, nick)) => (bare, Some(Nick::new(nick)?)),
        None => (jid, None),
    };
    Ok((RoomJid::new(bare)?, nick))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_what_prosody_sends() {
        let room = RoomJid::new("[acme]r1@muc.meet.jitsi").unwrap();
        assert_eq!((room.local(), room.service()), ("[acme]r1", "muc.meet.jitsi"));
        let (room, nick) = split_occupant("r1@muc.meet.jitsi/a/b@c").unwrap();
        assert_eq!(room.as_str(), "r1@muc.meet.jitsi");
        assert_eq!(nick.unwrap().as_str(), "a/b@c");
        let jid = RealJid::new("3f9c@meet.jitsi/Qw1").unwrap();
        assert_eq!((jid.bare(), jid.local(), jid.domain()), ("3f9c@meet.jitsi", Some("3f9c"), "meet.jitsi"));
        assert_eq!(RealJid::new("autostart.meet.jitsi").unwrap().domain(), "autostart.meet.jitsi");
    }

    #[test]
    fn a_nickname_of_any_script_is_kept() {
        let (_, nick) = split_occupant("r@m/🤖 مرحبا").unwrap();
        assert_eq!(nick.unwrap().as_str(), "🤖 مرحبا");
    }

    #[test]
    fn a_room_that_prosody_cannot_hold_is_none() {
        let long = "x".repeat(1024);
        for local in [
            "a b", "a\u{a0}b", "a\tb", "a\u{0}", "a\u{7f}", "a\u{85}b", "\"", "&", "'", "a/b", "a:b", "<",
            ">", "a@b", "", &long,
        ] {
            assert!(RoomJid::new(&format!("{local}@m")).is_err(), "{local:?}");
            assert!(RoomJid::prepared(&format!("{local}@m")).is_err(), "{local:?}");
        }
        for local in ["a\u{fffe}", "a\u{e000}", "a\u{200e}", "a\u{2028}"] {
            assert!(RoomJid::prepared(&format!("{local}@m")).is_err(), "{local:?}");
        }
    }

    #[test]
    fn what_others_say_is_prepared_as_prosody_does() {
        for (said, held) in [
            ("[acme]r1@muc.meet.jitsi", "[acme]r1@muc.meet.jitsi"),
            ("R%C3%A4um@MUC.meet.jitsi", "r%c3%a4um@muc.meet.jitsi"),
            ("RÄUM@muc.meet.jitsi", "räum@muc.meet.jitsi"),
        ] {
            assert_eq!(RoomJid::prepared(said).unwrap().as_str(), held);
        }
        for said in ["muc.meet.jitsi", "r1@muc.meet.jitsi/ada", "", "@", "r1@", "@muc.meet.jitsi"] {
            assert!(RoomJid::prepared(said).is_err(), "{said}");
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for bad in ["", "@", "a@", "@b", "a@b/", "muc.meet.jitsi", "a@b@c"] {
            assert!(split_occupant(bad).is_err(), "{bad}");
        }
        assert!(Nick::new(&"x".repeat(1024)).is_err());
    }
}
