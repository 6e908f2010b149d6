//! What a companion is able to do, by its own word (docs/companion.md, hello). It may be of another version than we are.

use super::super::event::Mute;
use super::super::stanza::HelloStanza;
use super::read::is_yes;

macro_rules! needed {
    ($ability:literal) => {
        (
            $ability,
            concat!(
                "its module cannot do \"",
                $ability,
                "\": install the one that comes with this version of jibri-autostart"
            ),
        )
    };
}

/// What it takes to see rooms and to act in them, each with what is said of a companion that lacks it.
const NEEDED: [(&str, &str); 4] = [needed!("rooms"), needed!("room"), needed!("start"), needed!("stop")];
/// Without this one people cannot be told by it.
const NOTICE: &str = "notice";

/// Why people cannot be told by it, if they cannot; or why it is of no use at all.
pub(super) fn read(hello: &HelloStanza) -> Result<Option<Mute>, &'static str> {
    let named = hello.abilities.as_deref();
    // One that does not name them has those of version 1.0: all that we use.
    let has = |ability: &str| named.is_none_or(|named| named.split_whitespace().any(|one| one == ability));
    match NEEDED.iter().find(|(ability, _)| !has(ability)) {
        Some((_, why)) => Err(why),
        None if !has(NOTICE) => Ok(Some(Mute::Unable)),
        None if !is_yes(hello.metadata.as_deref()) => Ok(Some(Mute::NoMetadata)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::stanza::{CompanionStanza, Inbound, NS_COMPANION, parse};
    use super::*;

    fn able(attributes: &str) -> Result<Option<Mute>, &'static str> {
        let stanza =
            format!("<message><hello xmlns='{NS_COMPANION}' epoch='e' seq='0' {attributes}/></message>");
        let Inbound::Message(message) = parse(&stanza) else { panic!("no message") };
        let [CompanionStanza::Hello(hello)] = message.companion.as_slice() else { panic!("no hello") };
        read(hello)
    }

    #[test]
    fn what_is_there_is_used() {
        for (attributes, mute) in [
            ("abilities='rooms room start stop notice' metadata='yes'", None),
            ("abilities='stop start\troom  rooms notice' metadata='yes'", None),
            ("abilities='rooms room start stop notice mute-all &#xe9;' metadata='yes' more='1'", None),
            ("metadata='yes'", None),
            ("", Some(Mute::NoMetadata)),
            ("abilities='rooms room start stop notice' metadata='no'", Some(Mute::NoMetadata)),
            ("abilities='rooms room start stop' metadata='yes'", Some(Mute::Unable)),
            ("abilities='rooms room start stop NOTICE notices' metadata='yes'", Some(Mute::Unable)),
            ("abilities='rooms room start stop' metadata='no'", Some(Mute::Unable)),
        ] {
            assert_eq!(able(attributes), Ok(mute), "{attributes}");
        }
    }

    #[test]
    fn one_that_cannot_see_or_act_says_which_ability_is_missing() {
        for (abilities, missing) in [
            ("room start stop notice", "rooms"),
            ("rooms start stop notice", "room"),
            ("rooms room stop notice", "start"),
            ("rooms room start notice", "stop"),
            ("rooms,room,start,stop,notice", "rooms"),
            ("notice", "rooms"),
            ("", "rooms"),
        ] {
            let why = able(&format!("abilities='{abilities}' metadata='yes'")).unwrap_err();
            assert!(why.contains(&format!("\"{missing}\"")) && why.contains("install"), "{abilities}: {why}");
        }
    }
}
