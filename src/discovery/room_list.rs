//! Jicofo's list of conferences (docs/jitsi.md 7), read without trusting its size or its shape.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::unlisted::Unlisted;
use crate::address::RoomJid;
use crate::address::tenant::Services;
use crate::meeting::watchlist::MOST_ROOMS;

/// Rooms in a list, those included that nobody watches, beyond which it is not believed.
const MOST_LISTED: usize = 2 * MOST_ROOMS;

/// What a list says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RoomList {
    /// The rooms, by their real names.
    pub(super) rooms: Vec<RoomJid>,
    /// Entries that are no room's address.
    pub(super) skipped: usize,
}

/// Reads an array of addresses. Whatever else is in it is skipped, an array it must be.
pub(super) fn read(body: &[u8], services: &Services) -> Result<RoomList, Unlisted> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let list = json.deserialize_seq(Entries(services)).map_err(|_| Unlisted::NoList)?;
    json.end().map_err(|_| Unlisted::NoList)?;
    if list.rooms.len() > MOST_LISTED { Err(Unlisted::TooMany(MOST_LISTED)) } else { Ok(list) }
}

struct Entries<'a>(&'a Services);

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = RoomList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rooms")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<RoomList, A::Error> {
        let mut list = RoomList { rooms: Vec::new(), skipped: 0 };
        // Entry by entry, each as the text it is: no value, however deep, is ever built.
        while let Some(entry) = entries.next_element::<&RawValue>()? {
            match room(entry, self.0) {
                // One too many is kept, to tell that there were.
                Some(_) if list.rooms.len() > MOST_LISTED => {}
                Some(room) => list.rooms.push(room),
                None => list.skipped = list.skipped.saturating_add(1),
            }
        }
        Ok(list)
    }
}

fn room(entry: &RawValue, services: &Services) -> Option<RoomJid> {
    let text: String = serde_json::from_str(entry.get()).ok()?;
    RoomJid::new(&services.real(&text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<RoomList, Unlisted> {
        super::read(body.as_bytes(), &Services::new(&["muc.meet.jitsi".to_owned()]))
    }

    #[test]
    fn reads_rooms_by_their_real_names_and_skips_the_rest() {
        let list = read(
            r#" ["r1@muc.meet.jitsi", "r\u0032@muc.meet.jitsi", "r3@muc.acme.meet.jitsi", "r4@elsewhere",
                 "", "muc.meet.jitsi", "r5@muc.meet.jitsi/focus", 7, -1.5e300, null, true, {"a":["b"]}, [[]]] "#,
        )
        .unwrap();
        let rooms: Vec<&str> = list.rooms.iter().map(RoomJid::as_str).collect();
        let real = ["r1@muc.meet.jitsi", "r2@muc.meet.jitsi", "[acme]r3@muc.meet.jitsi", "r4@elsewhere"];
        assert_eq!(rooms, real);
        assert_eq!(list.skipped, 9);
        assert_eq!(read("[]"), Ok(RoomList { rooms: Vec::new(), skipped: 0 }));
    }

    #[test]
    fn refuses_what_is_no_list() {
        for bad in [
            "",
            " ",
            "{}",
            "null",
            "\"r@m\"",
            "<html>",
            "[",
            "[\"r@m\"",
            "[\"r@m\",]",
            "[] []",
            "[\"\\ud800\"",
            "[nul]",
        ] {
            assert_eq!(read(bad), Err(Unlisted::NoList), "{bad}");
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = format!("[{}{}, \"r@m\"]", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&deep).map(|list| list.rooms.len()), Ok(1));
        let many = |n: usize| format!("[{}]", vec!["\"r@m\""; n].join(","));
        assert_eq!(read(&many(MOST_LISTED)).map(|list| list.rooms.len()), Ok(MOST_LISTED));
        assert_eq!(read(&many(MOST_LISTED + 50)), Err(Unlisted::TooMany(MOST_LISTED)));
    }
}
