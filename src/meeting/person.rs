//! A person as the room shows him, for people to read: nickname, displayed name, JID.

use std::fmt;

use super::roster::Roster;
use crate::address::Nick;

/// Most characters of a displayed name.
const MOST_NAME: usize = 64;

/// The name that somebody displays (XEP-0172): his own choice, as a nickname is, and nothing is decided by it.
#[derive(Clone, PartialEq, Eq)]
pub struct DisplayName(Box<str>);

impl DisplayName {
    /// The first 64 characters of it; none if nothing but blanks is there.
    pub fn new(name: &str) -> Option<Self> {
        let name: String = name.trim().chars().take(MOST_NAME).collect();
        (!name.is_empty()).then(|| Self(name.into()))
    }

    /// As it stands.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Who has done something in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The nickname, by which Jicofo tells of him.
    pub nick: Nick,
    /// The name that he displays, if he was there with one.
    pub name: Option<DisplayName>,
    /// The bare JID, where the room shows it.
    pub jid: Option<Box<str>>,
}

impl Person {
    /// Whoever has this nickname.
    pub(super) fn of(nick: &Nick, roster: &Roster) -> Self {
        let jid = roster.jid_of(nick).map(|jid| jid.bare().into());
        Self { nick: nick.clone(), name: roster.name_of(nick).cloned(), jid }
    }
}

impl From<Nick> for Person {
    fn from(nick: Nick) -> Self {
        Self { nick, name: None, jid: None }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Debug, and escaped, because names are a participant's choice.
        let jid = self.jid.as_deref().map(str::escape_debug);
        match (&self.name, jid) {
            (Some(name), Some(jid)) => write!(f, "{name:?} (nickname {:?}, {jid})", self.nick),
            (Some(name), None) => write!(f, "{name:?} (nickname {:?})", self.nick),
            (None, Some(jid)) => write!(f, "{:?} ({jid})", self.nick),
            (None, None) => write!(f, "{:?}", self.nick),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_shown_as_the_room_shows_him() {
        let person = |name: Option<&str>, jid: Option<&str>| {
            let (name, jid) = (name.and_then(DisplayName::new), jid.map(Into::into));
            Person { nick: Nick::new("3f9c\u{7}").unwrap(), name, jid }.to_string()
        };
        let ada = Some("Ada \"L.\"\n");
        assert_eq!(person(None, None), r#""3f9c\u{7}""#);
        assert_eq!(person(None, Some("ada@meet.jitsi")), r#""3f9c\u{7}" (ada@meet.jitsi)"#);
        assert_eq!(person(ada, None), r#""Ada \"L.\"" (nickname "3f9c\u{7}")"#);
        assert_eq!(person(ada, Some("a\u{202e}@m")), r#""Ada \"L.\"" (nickname "3f9c\u{7}", a\u{202e}@m)"#);
    }

    #[test]
    fn a_name_is_bounded() {
        assert_eq!(DisplayName::new(" \u{a0}\n"), None);
        let name = DisplayName::new(&"ä".repeat(1000)).unwrap();
        assert_eq!(name.as_str().chars().count(), 64);
    }
}
