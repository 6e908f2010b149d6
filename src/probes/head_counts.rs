//! How many are in each conference by Jicofo: `focus_manager` in its `GET /debug` (docs/jitsi.md 7). A number that has
//! changed says no more than that somebody has come or gone.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::address::RoomJid;
use crate::address::tenant::Services;
use crate::meeting::watchlist::MOST_ROOMS;

/// Rooms, those included that nobody watches, beyond which no more are read.
const MOST_COUNTED: usize = 2 * MOST_ROOMS;
/// Bytes of an address without resource (RFC 7622, section 3).
const MOST_NAME: usize = 2047;

/// One answer: how many, by room as Jicofo writes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct HeadCounts(BTreeMap<String, u32>);

impl HeadCounts {
    /// The rooms that are counted otherwise than before, by their real names; also those that are new or gone.
    pub(super) fn changed_since(&self, before: &Self, services: &Services) -> Vec<RoomJid> {
        let differs = |name: &&String| before.0.get(*name) != self.0.get(*name);
        let gone = before.0.keys().filter(|name| !self.0.contains_key(*name));
        let names = self.0.keys().filter(differs).chain(gone);
        names.filter_map(|name| RoomJid::new(&services.real(name)).ok()).collect()
    }
}

impl<'de> Deserialize<'de> for HeadCounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rooms;
        impl<'de> Visitor<'de> for Rooms {
            type Value = HeadCounts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("numbers by room")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeadCounts, A::Error> {
                let mut counts = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    // As the text it is: no value, however deep, is ever built.
                    let text = map.next_value::<&RawValue>()?;
                    let Ok(count) = serde_json::from_str(text.get()) else { continue };
                    if name.len() <= MOST_NAME && counts.len() < MOST_COUNTED {
                        counts.insert(name, count);
                    }
                }
                Ok(HeadCounts(counts))
            }
        }
        deserializer.deserialize_map(Rooms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(body: &str) -> HeadCounts {
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn tells_who_is_counted_otherwise() {
        let services = Services::new(&["muc.meet.jitsi".to_owned()]);
        let before = counts(r#"{"r1@muc.meet.jitsi":2,"r2@muc.meet.jitsi":2,"over@muc.meet.jitsi":1,"/":1}"#);
        let after = counts(
            r#"{"r1@muc.meet.jitsi":2,"r2@muc.meet.jitsi":3,"new@muc.acme.meet.jitsi":0,"odd@m":{"deep":[]},"n@m":-1}"#,
        );
        let names =
            |rooms: Vec<RoomJid>| rooms.iter().map(|room| room.as_str().to_owned()).collect::<Vec<_>>();
        let changed = names(after.changed_since(&before, &services));
        assert_eq!(changed, ["[acme]new@muc.meet.jitsi", "r2@muc.meet.jitsi", "over@muc.meet.jitsi"]);
        assert!(after.changed_since(&after, &services).is_empty());
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = format!(r#"{{"a@m":{}{},"b@m":1}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(counts(&deep).0.len(), 1);
        let many: Vec<String> = (0..MOST_COUNTED + 5).map(|n| format!(r#""r{n}@m":1"#)).collect();
        assert_eq!(counts(&format!("{{{}}}", many.join(","))).0.len(), MOST_COUNTED);
        assert!(serde_json::from_str::<HeadCounts>("[]").is_err());
    }
}
