//! A room's name as people write it, and the forms of it that Prosody holds.
//!
//! Prosody prepares the local part of every JID (nodeprep, RFC 6122, appendix A): lower case, and some characters are
//! refused. Before that, Jitsi's clients make a name theirs (jitsi-meet, `getBackendSafeRoomName` in `uri.ts`): NFKC, lower
//! case, percent-encoded as UTF-8, and the whole in lower case again. So `Täst Raum` is the room `t%c3%a4st%20raum`. A
//! tenant's room begins with `[tenant]`, which is not encoded (docs/jitsi.md 1.6).

use std::borrow::Cow;

use jid::NodePart;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use regex::{Regex, RegexBuilder};
use unicode_normalization::UnicodeNormalization as _;

use super::{BadAddress, RoomJid};

/// What JavaScript's `encodeURIComponent` encodes.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The local part that Jitsi's clients make of a name, whether it is encoded already or not.
pub fn by_jitsi(name: &str) -> String {
    let (tenant, name) = split_tenant(name);
    let decoded = percent_decode_str(name).decode_utf8().unwrap_or(Cow::Borrowed(name));
    let plain = decoded.nfkc().collect::<String>().to_lowercase();
    let encoded = utf8_percent_encode(&plain, COMPONENT).to_string().to_lowercase();
    format!("{}{encoded}", tenant.to_lowercase())
}

/// The local parts under which Prosody may hold a room that somebody calls so: the name as it stands, then as Jitsi's
/// clients send it. None, if Prosody can hold neither.
pub fn held(name: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for form in [name, &by_jitsi(name)] {
        if let Ok(prepared) = NodePart::new(form) {
            let prepared = prepared.into_owned().into_inner();
            if !forms.contains(&prepared) {
                forms.push(prepared);
            }
        }
    }
    forms
}

/// The JID of a meeting's room that somebody writes `name@service`.
///
/// # Errors
/// [`BadAddress`] if it is not of that form, or Prosody cannot hold it.
pub fn jid(text: &str) -> Result<RoomJid, BadAddress> {
    let (name, service) = text.split_once('@').ok_or(BadAddress)?;
    let local = NodePart::new(&by_jitsi(name)).map_err(|_| BadAddress)?.into_owned();
    RoomJid::new(&format!("{}@{}", local.as_str(), service.to_lowercase()))
}

/// A local part as people write it. What is no encoding stays as it is.
pub fn as_written(local: &str) -> Cow<'_, str> {
    percent_decode_str(local).decode_utf8().unwrap_or(Cow::Borrowed(local))
}

/// A pattern for rooms' names as people write them: in capitals or not, in composed letters as Jitsi's clients send
/// them.
///
/// # Errors
/// If it is no regular expression.
pub fn pattern(text: &str) -> Result<Regex, regex::Error> {
    let composed: String = text.nfc().collect();
    RegexBuilder::new(&composed).case_insensitive(true).build()
}

/// Whether a pattern is about the room with this local part: as people write it, or as Prosody holds it.
pub fn is_match(pattern: &Regex, local: &str) -> bool {
    pattern.is_match(local) || matches!(as_written(local), Cow::Owned(written) if pattern.is_match(&written))
}

/// `[tenant]`, or nothing, and the rest.
fn split_tenant(name: &str) -> (&str, &str) {
    let end = name.strip_prefix('[').and_then(|rest| rest.find(']')).map_or(0, |at| at.saturating_add(2));
    name.split_at_checked(end).unwrap_or(("", name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_as_people_write_it_is_found_in_the_form_that_prosody_holds() {
        for (written, jitsi) in [
            ("täst_reunião", "t%c3%a4st_reuni%c3%a3o"),
            ("Täst_Reunião", "t%c3%a4st_reuni%c3%a3o"),
            // A letter and its accent in two pieces.
            ("ta\u{308}st", "t%c3%a4st"),
            ("T%C3%A4st", "t%c3%a4st"),
            ("t%c3%a4st", "t%c3%a4st"),
            ("My Room", "my%20room"),
            ("Lesson-1", "lesson-1"),
            ("[Acme]Täst", "[acme]t%c3%a4st"),
            ("会議", "%e4%bc%9a%e8%ad%b0"),
            ("100%", "100%25"),
        ] {
            assert_eq!(by_jitsi(written), jitsi);
            assert_eq!(held(written).last().map(String::as_str), Some(jitsi), "{written}");
        }
        // Other clients may not encode it.
        assert_eq!(held("Täst"), ["täst", "t%c3%a4st"]);
        assert_eq!(held("Lesson-1"), ["lesson-1"]);
        assert!(held("").is_empty());
        assert_eq!(jid("Täst@MUC.meet.jitsi").unwrap().as_str(), "t%c3%a4st@muc.meet.jitsi");
        assert!(jid("täst").is_err() && jid("@muc").is_err() && jid("a'b@muc").is_err());
    }

    #[test]
    fn a_pattern_is_compared_with_either_form() {
        let fits = |text, local| is_match(&pattern(text).unwrap(), local);
        for (text, local) in [
            ("^Lesson-", "lesson-1"),
            ("^täst_", "t%c3%a4st_reuni%c3%a3o"),
            ("^TÄST_", "t%c3%a4st_reuni%c3%a3o"),
            ("^ta\u{308}st_", "t%c3%a4st_reuni%c3%a3o"),
            ("^t%c3%a4st_", "t%c3%a4st_reuni%c3%a3o"),
            ("^täst$", "täst"),
            ("^my room$", "my%20room"),
            ("[Ä]", "t%c3%a4st"),
            (r"^\p{Lu}", "lesson"),
            ("^%ff", "%ff"),
        ] {
            assert!(fits(text, local), "{text} {local}");
        }
        for (text, local) in [("^lesson$", "lesson-1"), ("ä", "a"), ("^s", "%c3%a4s")] {
            assert!(!fits(text, local), "{text} {local}");
        }
    }
}
